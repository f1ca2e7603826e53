"""A quiet PySpark session for the tests: one machine, two threads, UTC, no user interface."""

from pyspark.sql import SparkSession


def open_session(name, **settings):
    """Opens the session; `settings` are further Spark settings with __ for the points in their names."""
    builder = (
        SparkSession.builder.master("local[2]")
        .appName(name)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    )
    for key, value in settings.items():
        builder = builder.config(key.replace("__", "."), value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def error_class(error):
    """The error class of an exception of Spark: the words in its first brackets, up to a point."""
    text = str(error)
    begin = text.find("[")
    if begin < 0:
        return text.split("\n")[0]
    return text[begin + 1 :].split("]")[0].split(".")[0]


def values_of(table, numbers=None):
    """The rows of a table (those numbered so) as the text of an inline table."""
    rows = table["rows"] if numbers is None else [table["rows"][number] for number in numbers]
    columns = ", ".join(f"`{name}`" for name in table["columns"])
    cells = ", ".join(f"({', '.join(row)})" for row in rows)
    return f"VALUES {cells} AS input({columns})"
