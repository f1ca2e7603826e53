"""Seeded data sets and workflow files for the parity tests.

`make_all` writes them: `shipping_*` sets run the built-in shipping workflow on logs with awkward content,
the others are workflows of their own with two to four sources. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import yaml

Row = dict[str, str | None]
BUILT_IN_WORKFLOW = Path(__file__).resolve().parents[2] / "src/workflow/shipping.yaml"
FIRST_DAY = datetime.date(2021, 1, 1)
SHIPPING_COLUMNS = [
    "ActualShippingDays", "ExpectedShippingDays", "Carrier", "YShippingDistance", "XShippingDistance", "InBulkOrder",
    "ShippingOrigin", "OrderDate", "OrderID", "ShippingPriority", "OnTimeDelivery", "ProductId",
]
PRODUCT_COLUMNS = ["ComputerBrand", "ComputerModel", "ScreenSize", "PackageWeight", "ProductId"]


@dataclasses.dataclass
class DataSet:
    """One data set: a workflow (None: the built-in one), where its sources lie, how it is split and trained."""

    name: str
    workflow: Path | None
    sources: dict[str, Path]
    fraction: float = 0.8
    params: dict | None = None  # None: drawn at random by make_all.
    refused: str | None = None  # A text from Spark's error, if fitting the pipeline must fail on both sides.


def random_params(rng: random.Random) -> dict:
    """Parameters of a GBTRegressor that any of the data sets can be trained with: at least 40 bins, as some have 12 categories or more."""
    params = {"maxIter": rng.randrange(2, 5), "maxDepth": rng.randrange(1, 7), "maxBins": rng.choice([40, 64, 120]),
              "stepSize": rng.choice([0.05, 0.1, 0.4, 1.0]), "minInstancesPerNode": rng.choice([1, 1, 2, 6]),
              "minInfoGain": rng.choice([0.0, 0.0, 0.01]), "minWeightFractionPerNode": rng.choice([0.0, 0.0, 0.02]),
              "lossType": rng.choice(["squared", "squared", "absolute"])}
    kept = {key: value for key, value in params.items() if rng.random() < 0.7 or key == "maxIter"}
    if "maxBins" not in kept:
        kept["maxBins"] = 40
    if rng.random() < 0.25:
        kept |= {"subsamplingRate": rng.choice([0.5, 0.8]), "seed": rng.randrange(-(10**9), 10**9)}
    if rng.random() < 0.25:
        kept |= {"featureSubsetStrategy": rng.choice(["sqrt", "onethird", "0.7", "log2"]), "seed": rng.randrange(-(10**9), 10**9)}
    return kept


def quote(text: str | None, delimiter: str = ",") -> str:
    """One CSV field by RFC 4180."""
    if text is None:
        return ""
    if any(c in text for c in (delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_csv(path: Path, columns: list[str], rows: list[Row], *, end: str = "\n", bom: bool = False,
              final_newline: bool = True, delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [delimiter.join(quote(c, delimiter) for c in columns)]
    lines += [delimiter.join(quote(row[c], delimiter) for c in columns) for row in rows]
    text = ("\ufeff" if bom else "") + end.join(lines) + (end if final_newline else "")
    path.write_bytes(text.encode("utf-8"))
    return path


def some_id(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(64):016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:]}"


def us_date(day: datetime.date, padded: bool = False) -> str:
    if padded:
        return f"{day.month:02}/{day.day:02}/{day.year % 100:02}"
    return f"{day.month}/{day.day}/{day.year % 100:02}"


def spread_days(rng: random.Random, rows: int, days: int) -> list[datetime.date]:
    """Dates in no order; every one of the `days` occurs if there are rows enough."""
    picked = [i % days if i < days else rng.randrange(days) for i in range(rows)]
    rng.shuffle(picked)
    return [FIRST_DAY + datetime.timedelta(days=4 * p) for p in picked]


# --- The built-in workflow on awkward logs -------------------------------------------------------------------


def shipping_tables(rng: random.Random, rows: int, days: int = 40, products: int = 12) -> tuple[list[Row], list[Row]]:
    product_rows = [
        {
            "ComputerBrand": rng.choice(["Ash", "Birch", "Cedar"]),
            "ComputerModel": f"M{i}",
            "ScreenSize": f"{rng.randrange(90, 180) / 10}",
            "PackageWeight": f"{rng.randrange(20, 90) / 10}",
            "ProductId": some_id(rng),
        }
        for i in range(products)
    ]
    dates = spread_days(rng, rows, days)
    logs = []
    for i in range(rows):
        x, y, expected = rng.randrange(-300, 300), rng.randrange(-300, 300), rng.randrange(3, 22)
        priority = rng.choice(["Air", "Express", "Ground", "Standard"])
        slack = {"Air": -2, "Express": -1, "Ground": 2, "Standard": 0}[priority]
        logs.append({
            "ActualShippingDays": str(max(1, expected + slack + (abs(x) + abs(y)) // 150 + rng.randrange(-2, 3))),
            "ExpectedShippingDays": str(expected),
            "Carrier": rng.choice(["BigBird", "Globe", "Micro", "BigBird "]) if i % 7 else "bigbird",
            "YShippingDistance": str(y),
            "XShippingDistance": str(x),
            "InBulkOrder": rng.choice(["Bulk Order", "Single Order"]),
            "ShippingOrigin": rng.choice(["Chicago", "Seattle", "San Francisco", "Atlanta", "Boston"]),
            "OrderDate": us_date(dates[i], padded=rng.random() < 0.2),
            "OrderID": some_id(rng),
            "ShippingPriority": priority,
            "OnTimeDelivery": rng.choice(["On Time", "Late"]),
            "ProductId": rng.choice(product_rows)["ProductId"],
        })
    return logs, product_rows


def write_shipping(folder: Path, logs: list[Row], products: list[Row], **csv) -> DataSet:
    sources = {
        "shipping_logs": write_csv(folder / "input/logs.csv", list(logs[0]), logs, **csv),
        "product_description": write_csv(folder / "input/products.csv", list(products[0]), products, **csv),
    }
    return DataSet(folder.name, None, sources)


def shipping_plain(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 600)
    return write_shipping(folder, logs, products)


def shipping_fractional_distances(rng: random.Random, folder: Path) -> DataSet:
    """One fraction in the last row makes the column double; the other one has exponents and bare points."""
    logs, products = shipping_tables(rng, 300)
    logs[-1]["XShippingDistance"] = "12.5"
    for row in rng.sample(logs, 60):
        row["YShippingDistance"] = rng.choice(["1e2", "-.5", "5.", "3E-3", "+7", "-0", "1.5d", "100.25f", "0.1"])
    return write_shipping(folder, logs, products)


def shipping_duplicate_products(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 200)
    products += [dict(row, ComputerModel=row["ComputerModel"] + "-again") for row in products[::3]]
    products.append(dict(products[0], ComputerModel="third"))
    return write_shipping(folder, logs, products)


def shipping_unmatched_products(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 300)
    for row in rng.sample(logs, 40):
        row["ProductId"] = None
    for row in rng.sample(logs, 40):
        row["ProductId"] = "nowhere"
    products.append(dict(products[0], ProductId=None))
    return write_shipping(folder, logs, products)


def shipping_null_dates(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 300)
    for row in rng.sample(logs, 45):
        row["OrderDate"] = None
    return write_shipping(folder, logs, products)


def shipping_two_dates(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 240, days=2)
    return dataclasses.replace(write_shipping(folder, logs, products), fraction=0.95)


def shipping_three_dates(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 240, days=3)
    return dataclasses.replace(write_shipping(folder, logs, products), fraction=1 / 3)


def shipping_ties(rng: random.Random, folder: Path) -> DataSet:
    """Every date has every priority equally often, so that all frequencies tie; texts go beyond ASCII."""
    logs, products = shipping_tables(rng, 480, days=20)
    labels = ["é", "😀", "｡", "Z", "a", "~"]
    for i, row in enumerate(logs):
        row["ShippingPriority"] = labels[i % 6]
        row["InBulkOrder"] = ["b", "B"][i % 2]
        row["ShippingOrigin"] = ["Chicago", "Zürich", "東京"][i % 3]
        row["OrderDate"] = us_date(FIRST_DAY + datetime.timedelta(days=i // 24))
    rng.shuffle(logs)
    return write_shipping(folder, logs, products)


def shipping_quotes(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 250)
    texts = ['say "hi"', "a, b", "line\nbreak", '"', '""', "back\\slash", 'both \\" of them', "tab\there", "'single'"]
    for row in rng.sample(logs, 120):
        row["Carrier"] = rng.choice(texts)
    for row in logs:
        if rng.random() < 0.4:
            row["OrderID"] = row["OrderID"] + rng.choice(texts)
    for row in products:
        row["ComputerModel"] = rng.choice(texts)
    return write_shipping(folder, logs, products)


def shipping_blanks(rng: random.Random, folder: Path) -> DataSet:
    """Blanks around numbers make them doubles; blanks around text stay."""
    logs, products = shipping_tables(rng, 250)
    logs[3]["ExpectedShippingDays"] = " 7"
    logs[5]["XShippingDistance"] = "5 "
    for row in rng.sample(logs, 60):
        row["ShippingOrigin"] = rng.choice([" Chicago", "Chicago ", " ", "Seattle"])
        row["OrderID"] = " " + row["OrderID"] + "  "
    for row in rng.sample(logs, 20):
        row["OrderDate"] = " " + row["OrderDate"] + " "
    products[0]["ScreenSize"] = " 15.5"
    return write_shipping(folder, logs, products)


def shipping_wide_numbers(rng: random.Random, folder: Path) -> DataSet:
    """Ids that look like numbers, longs beyond int32, decimals beyond int64, booleans, dates, timestamps."""
    logs, products = shipping_tables(rng, 260)
    for i, row in enumerate(logs):
        row["OrderID"] = str(3_000_000_000 + 17 * i)
        row["OnTimeDelivery"] = rng.choice(["true", "FALSE", "True", None])
    for i, row in enumerate(products):
        old, row["ProductId"] = row["ProductId"], str(1000 + i)
        for log in logs:
            if log["ProductId"] == old:
                log["ProductId"] = row["ProductId"]
        row["ScreenSize"] = str(9_223_372_036_854_775_808 + i * 3)
        row["PackageWeight"] = rng.choice(["2020-02-29", "1969-12-31", "2021-03-04 05:06:07", None])
        row["ComputerModel"] = rng.choice(["2020-01-02", "1999-12-31", None])
        row["ComputerBrand"] = rng.choice(["99999999999999999999999999999999999999", "-7", "12345678901234567890"])
    return write_shipping(folder, logs, products)


def shipping_all_null(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 200)
    for row in logs:
        row["OnTimeDelivery"] = None
    for row in products:
        row["ComputerModel"] = row["ScreenSize"] = None
    return write_shipping(folder, logs, products)


def shipping_windows_lines(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 300)
    return write_shipping(folder, logs, products, end="\r\n", bom=True, final_newline=False)


def shipping_one_category(rng: random.Random, folder: Path) -> DataSet:
    """A nominal feature of one value, on which no tree can split."""
    logs, products = shipping_tables(rng, 220)
    for row in logs:
        row["InBulkOrder"] = "Single Order"
    return write_shipping(folder, logs, products)


def shipping_no_known_carrier(rng: random.Random, folder: Path) -> DataSet:
    """One category only before an encoder that drops the last: Spark refuses to fit it."""
    logs, products = shipping_tables(rng, 120)
    for row in logs:
        row["Carrier"] = "Globe"
    return dataclasses.replace(write_shipping(folder, logs, products), refused="at least two distinct values")


def shipping_fractional_labels(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 400)
    for row in logs:
        row["ActualShippingDays"] = f"{float(row['ActualShippingDays']) + rng.randrange(1000) / 1000}"
    data = write_shipping(folder, logs, products)
    return dataclasses.replace(data, params={"maxIter": 5, "maxDepth": 3, "stepSize": 0.3, "minInstancesPerNode": 5})


def shipping_awkward_doubles(rng: random.Random, folder: Path) -> DataSet:
    """Doubles that no feature uses: NaN, infinities, overflow, tiny numbers."""
    logs, products = shipping_tables(rng, 200)
    for row in products:
        row["ScreenSize"] = rng.choice(["NaN", "Inf", "-Inf", "Infinity", "1e400", "5e-324", "-0.0", "1.7976931348623157e308"])
        row["PackageWeight"] = rng.choice(["0.1", "1e-5", "123456789.123", "1e22", "2e23", "9007199254740993"])
    return write_shipping(folder, logs, products)


def shipping_more_columns(rng: random.Random, folder: Path) -> DataSet:
    """Columns the workflow does not know, with names that snake_case has to take apart."""
    logs, products = shipping_tables(rng, 200)
    for i, row in enumerate(logs):
        row.update({"HTTPStatus": str(200 + i % 5), "Customer-ID": f"c{i}", "lane2Code": "x", "already_snake": "1.0"})
    for row in products:
        row.update({"UPCCode7": str(rng.randrange(10**12)), "B2BOnly": "true"})
    return write_shipping(folder, logs, products)


def shipping_many_rows(rng: random.Random, folder: Path) -> DataSet:
    logs, products = shipping_tables(rng, 3000, days=700, products=60)
    data = write_shipping(folder, logs, products)
    return dataclasses.replace(data, fraction=0.9, params={"maxIter": 6, "maxDepth": 5, "maxBins": 16})


def shipping_folder(rng: random.Random, folder: Path) -> DataSet:
    """A source in several files, each with its header; files that start with _ or . do not count."""
    logs, products = shipping_tables(rng, 300)
    data = write_shipping(folder, logs, products)
    data.sources["shipping_logs"].unlink()
    logs_folder = folder / "input/logs"
    for part in range(3):
        write_csv(logs_folder / f"part-{part}.csv", SHIPPING_COLUMNS, logs[part::3])
    (logs_folder / "_SUCCESS").write_bytes(b"")
    (logs_folder / ".hidden").write_bytes(b"not,csv\n")
    data.sources["shipping_logs"] = logs_folder
    return data


def shipping_spark_dialect(rng: random.Random, folder: Path) -> DataSet:
    """CSV as only Spark reads it: backslash escapes, short, long and blank lines, a record that no quote can continue."""
    logs, products = shipping_tables(rng, 240)
    data = write_shipping(folder, logs, products)
    lines = [",".join(SHIPPING_COLUMNS)]
    for i, row in enumerate(logs):
        fields = [row[c] or "" for c in SHIPPING_COLUMNS]
        if i % 9 == 0:
            fields[2] = rng.choice(['"say \\"hi\\""', '"a, b"', '"a""b"', 'mid"dle', '"back\\slash"', '""', '"x"y'])
        if i % 14 == 3:
            fields = fields[:-1]
        if i % 14 == 5:
            fields.append("too much")
        lines.append(",".join(fields))
        if i % 50 == 0:
            lines += ["", "   "]
    data.sources["shipping_logs"].write_bytes("\r\n".join(lines).encode("utf-8"))
    text = BUILT_IN_WORKFLOW.read_text(encoding="utf-8").replace("    format: csv\n", "    format: csv\n    dialect: spark\n")
    workflow = folder / "workflow.yaml"
    workflow.write_text(text, encoding="utf-8")
    return dataclasses.replace(data, workflow=workflow)


# --- Other workflows -----------------------------------------------------------------------------------------


def orders_table(rng: random.Random, rows: int, date_text: Callable[[datetime.date], str], days: int = 30) -> list[Row]:
    dates = spread_days(rng, rows, days)
    table = []
    for i in range(rows):
        quantity, price = rng.randrange(1, 40), rng.randrange(100, 9000) / 100
        table.append({
            "OrderNo": str(i + 1),
            "SoldOn": date_text(dates[i]),
            "StoreNo": str(rng.randrange(1, 7)),
            "Region": rng.choice(["north", "south", "west"]),
            "Item": rng.choice(["lamp", "desk", "sofa", "rug"]),
            "Quantity": str(quantity),
            "Price": f"{price}",
            "Channel": rng.choice(["web", "shop", "phone"]),
            "Gift": rng.choice(["true", "false"]),
            "Amount": f"{round(quantity * price * rng.uniform(0.9, 1.1), 2)}",
        })
    return table


def stores_table(rng: random.Random) -> list[Row]:
    return [
        {"StoreNo": str(store), "Region": region, "Size": str(rng.randrange(50, 900)),
         "Opened": f"{rng.randrange(1990, 2020)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"}
        for store in range(1, 7)
        for region in ("north", "south", "west")
    ]


def items_table(rng: random.Random) -> list[Row]:
    return [{"Item": item, "Weight": f"{rng.randrange(5, 400) / 10}", "Kind": kind}
            for item, kind in (("lamp", "light"), ("desk", "office"), ("sofa", "home"), ("rug", "home"))]


def workflow_file(folder: Path, *, sources: dict, joins: list, date: dict, stages: list, label: str, ids, **more) -> Path:
    document = {"version": 1, "name": folder.name, "sources": sources, "joins": joins, "date": date, "stages": stages,
                "label": label, "ids": ids, **more}
    path = folder / "workflow.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8")
    return path


def sql(statement: str) -> dict:
    return {"SQLTransformer": {"statement": statement}}


ORDER_SOURCES = {"orders": {"format": "csv"}, "stores": {"format": "csv"}, "items": {"format": "csv"}}
ORDER_JOINS = [{"source": "stores", "on": ["StoreNo", "Region"], "how": "left"},
               {"source": "items", "on": ["Item"], "how": "inner"}]


def write_orders(folder: Path, workflow: Path, orders: list[Row], stores: list[Row], items: list[Row], **csv) -> DataSet:
    tables = {"orders": orders, "stores": stores, "items": items}
    sources = {name: write_csv(folder / f"input/{name}.csv", list(rows[0]), rows, **csv) for name, rows in tables.items()}
    return DataSet(folder.name, workflow, sources)


def orders_scaled(rng: random.Random, folder: Path) -> DataSet:
    """Three sources, joins by two keys and by one, imputed means, buckets, standardised numbers."""
    orders = orders_table(rng, 500, lambda d: d.isoformat())
    for row in rng.sample(orders, 60):
        row["Price"] = None
    for row in rng.sample(orders, 20):
        row["Price"] = "NaN"
    stages = [
        {"Imputer": {"inputCols": ["price"], "outputCols": ["price_known"], "strategy": "mean"}},
        {"Bucketizer": {"inputCol": "quantity", "outputCol": "quantity_band", "splits": [-float("inf"), 5, 10, 25.5, float("inf")]}},
        {"VectorAssembler": {"inputCols": ["price_known", "quantity", "weight"], "outputCol": "numbers"}},
        {"StandardScaler": {"inputCol": "numbers", "outputCol": "numbers_scaled", "withMean": True, "withStd": True}},
        {"StringIndexer": {"inputCol": "channel", "outputCol": "channel_index", "stringOrderType": "alphabetAsc"}},
        {"OneHotEncoder": {"inputCol": "channel_index", "outputCol": "channel_flags", "dropLast": False}},
        sql("SELECT numbers_scaled, quantity_band, channel_flags, amount, order_no, store_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on", "format": "yyyy-MM-dd"},
                             stages=stages, label="amount", ids=["order_no", "store_no"],
                             model={"type": "gbt", "params": {"maxIter": 4, "maxDepth": 3, "stepSize": 0.2}})
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_german_dates(rng: random.Random, folder: Path) -> DataSet:
    """dd.MM.yyyy; unseen categories in the validation part are kept; numbers squeezed between two bounds."""
    orders = orders_table(rng, 450, lambda d: d.strftime("%d.%m.%Y"))
    late = sorted(orders, key=lambda row: row["SoldOn"][6:] + row["SoldOn"][3:5] + row["SoldOn"][:2])[-40:]
    for row in late[::3]:
        row["Channel"] = "fax"
    for row in rng.sample(orders, 30):
        row["Channel"] = None
    stages = [
        {"StringIndexer": {"inputCols": ["channel", "kind"], "outputCols": ["channel_index", "kind_index"], "handleInvalid": "keep",
                           "stringOrderType": "alphabetDesc"}},
        {"OneHotEncoder": {"inputCols": ["channel_index", "kind_index"], "outputCols": ["channel_flags", "kind_flags"],
                           "handleInvalid": "keep", "dropLast": False}},
        {"VectorAssembler": {"inputCols": ["quantity", "price", "gift"], "outputCol": "numbers"}},
        {"MinMaxScaler": {"inputCol": "numbers", "outputCol": "numbers_scaled", "min": -1.0, "max": 2.5}},
        sql("SELECT channel_flags, kind_flags, numbers_scaled, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on", "format": "dd.MM.yyyy"},
                             stages=stages, label="amount", ids=["order_no"])
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_day_first(rng: random.Random, folder: Path) -> DataSet:
    """d/M/yy; rows with unseen or missing categories are dropped by the indexer, rows with nulls by the assembler."""
    orders = orders_table(rng, 400, lambda d: f"{d.day}/{d.month}/{d.year % 100:02}")
    for row in rng.sample(orders, 25):
        row["Channel"] = None
    for row in rng.sample(orders, 25):
        row["Price"] = None
    orders[-1]["Channel"] = "once"
    stages = [
        {"StringIndexer": {"inputCols": ["channel"], "outputCols": ["channel_index"], "handleInvalid": "skip",
                           "stringOrderType": "frequencyAsc"}},
        {"OneHotEncoder": {"inputCols": ["channel_index"], "outputCols": ["channel_flags"], "handleInvalid": "keep", "dropLast": True}},
        {"VectorAssembler": {"inputCols": ["channel_flags", "quantity", "price", "size"], "outputCol": "numbers", "handleInvalid": "skip"}},
        sql("SELECT numbers, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on", "format": "d/M/yy"},
                             stages=stages, label="amount", ids=["order_no"])
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_sql_functions(rng: random.Random, folder: Path) -> DataSet:
    """A date column that needs no format, and SQL statements over dates, texts and numbers."""
    orders = orders_table(rng, 350, lambda d: d.isoformat(), days=60)
    for row in rng.sample(orders, 30):
        row["Price"] = None
    stages = [
        sql("SELECT *, year(sold_on) AS y, month(sold_on) AS m, day(sold_on) AS d, dayofweek(sold_on) AS dow, quarter(sold_on) AS q, "
            "datediff(sold_on, opened) AS store_age, weekofyear(sold_on) AS w FROM __THIS__"),
        sql("SELECT *, coalesce(price, 0e0) AS price_known, upper(channel) AS channel_upper, length(item) AS item_length, "
            "CASE WHEN quantity BETWEEN 5 AND 20 THEN 'some' WHEN quantity > 20 THEN 'many' ELSE 'few' END AS band, "
            "if(gift, 1, 0) AS gift_flag, concat(region, '-', channel) AS lane FROM __THIS__ WHERE quantity <> 13"),
        {"StringIndexer": {"inputCols": ["band", "lane"], "outputCols": ["band_index", "lane_index"], "handleInvalid": "keep"}},
        sql("SELECT y, m, d, dow, q, w, store_age, log(quantity + 1) AS log_quantity, round(price_known) AS price_rounded, "
            "floor(price_known) AS price_floor, abs(quantity - 10) AS away, sqrt(price_known) * pow(quantity, 2) AS mix, item_length, "
            "band_index, lane_index, gift_flag, gift, CAST(amount AS INT) AS amount_int, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on"}, stages=stages,
                             label="amount_int", ids={"suffix": "_no"})
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_declared_types(rng: random.Random, folder: Path) -> DataSet:
    """Types that the workflow declares: text that looks like numbers, wider numbers, decimals, dates as text."""
    orders = orders_table(rng, 300, lambda d: d.isoformat())
    for row in orders:
        row["OrderNo"] = f"{int(row['OrderNo']):05}"
    sources = {
        "orders": {"format": "csv", "types": {"OrderNo": "string", "Quantity": "long", "Price": "decimal(12,3)", "SoldOn": "string",
                                               "Amount": "float"}},
        "stores": {"format": "csv", "types": {"Size": "double", "Opened": "timestamp"}},
        "items": {"format": "csv", "types": {"Kind": "string"}},
    }
    stages = [
        sql("SELECT CAST(price AS DOUBLE) AS price_number, * FROM __THIS__"),
        {"StringIndexer": {"inputCols": ["kind", "region"], "outputCols": ["kind_index", "region_index"]}},
        sql("SELECT price_number, quantity, size, kind_index, region_index, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=sources, joins=ORDER_JOINS, date={"column": "sold_on", "format": "yyyy-MM-dd"},
                             stages=stages, label="amount", ids=["order_no"])
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_as_is(rng: random.Random, folder: Path) -> DataSet:
    """Four sources, names kept as they are, semicolons between fields."""
    orders = orders_table(rng, 300, lambda d: d.isoformat())
    regions = [{"Region": r, "Tax": t} for r, t in (("north", "0.1"), ("south", "0.2"))]
    stages = [
        {"StringIndexer": {"inputCols": ["Channel", "Kind"], "outputCols": ["ChannelIndex", "KindIndex"]}},
        {"OneHotEncoder": {"inputCols": ["ChannelIndex"], "outputCols": ["ChannelFlags"]}},
        {"Imputer": {"inputCols": ["Tax"], "outputCols": ["TaxKnown"], "strategy": "mode"}},
        sql("SELECT Quantity, Price, TaxKnown, ChannelFlags, KindIndex, Amount, OrderNo, StoreNo FROM __THIS__"),
    ]
    sources = {name: {"format": "csv", "delimiter": ";"} for name in ("orders", "stores", "items", "regions")}
    joins = [*ORDER_JOINS, {"source": "regions", "on": ["Region"], "how": "left"}]
    workflow = workflow_file(folder, sources=sources, joins=joins, date={"column": "SoldOn", "format": "yyyy-MM-dd"}, stages=stages,
                             label="Amount", ids=["OrderNo", "StoreNo"], column_names="as_is")
    data = write_orders(folder, workflow, orders, stores_table(rng), items_table(rng), delimiter=";")
    data.sources["regions"] = write_csv(folder / "input/regions.csv", ["Region", "Tax"], regions, delimiter=";")
    return data


def orders_parquet_sources(rng: random.Random, folder: Path) -> DataSet:
    """Two of three sources are Parquet with types that CSV does not give: bytes, shorts, floats, dates, timestamps."""
    orders = orders_table(rng, 300, lambda d: d.isoformat())
    stores, items = stores_table(rng), items_table(rng)
    sources = {"orders": {"format": "csv"}, "stores": {"format": "parquet"}, "items": {"format": "parquet"}}
    stages = [
        {"StringIndexer": {"inputCols": ["kind", "size"], "outputCols": ["kind_index", "size_index"], "handleInvalid": "keep"}},
        {"VectorAssembler": {"inputCols": ["weight", "shelf", "fragile", "quantity"], "outputCol": "numbers"}},
        sql("SELECT numbers, kind_index, size_index, day(opened) AS opened_day, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=sources, joins=ORDER_JOINS, date={"column": "sold_on"}, stages=stages, label="amount",
                             ids=["order_no"], model={"params": {"maxBins": 64}})
    data = write_orders(folder, workflow, orders, stores, items)
    store_columns = {
        "StoreNo": pyarrow.array([int(r["StoreNo"]) for r in stores], pyarrow.int64()),
        "Region": pyarrow.array([r["Region"] for r in stores]),
        "Size": pyarrow.array([int(r["Size"]) for r in stores], pyarrow.int16()),
        "Opened": pyarrow.array([datetime.date.fromisoformat(r["Opened"]) for r in stores]),
        "Checked": pyarrow.array([datetime.datetime(2020, 1, 2, 3, 4, 5, 678901 + i, datetime.timezone.utc) for i in range(len(stores))],
                                 pyarrow.timestamp("us", "UTC")),
    }
    item_columns = {
        "Item": pyarrow.array([r["Item"] for r in items]),
        "Weight": pyarrow.array([float(r["Weight"]) for r in items], pyarrow.float32()),
        "Kind": pyarrow.array([r["Kind"] for r in items]),
        "Shelf": pyarrow.array(range(len(items)), pyarrow.int8()),
        "Fragile": pyarrow.array([i % 2 == 0 for i in range(len(items))]),
    }
    for name, columns in (("stores", store_columns), ("items", item_columns)):
        data.sources[name] = folder / f"input/{name}.parquet"
        pyarrow.parquet.write_table(pyarrow.table(columns), data.sources[name])
    return dataclasses.replace(data, params={"maxIter": 3, "maxDepth": 4, "maxBins": 64})


def orders_numeric_categories(rng: random.Random, folder: Path) -> DataSet:
    """Indexers over whole and fractional numbers; an encoder over a plain number column."""
    orders = orders_table(rng, 320, lambda d: d.isoformat())
    for row in orders:
        row["Price"] = rng.choice(["1.0", "2.5", "1e7", "0.1"])
    stages = [
        {"StringIndexer": {"inputCols": ["store_no", "price"], "outputCols": ["store_index", "price_index"], "handleInvalid": "keep"}},
        {"OneHotEncoder": {"inputCols": ["store_no"], "outputCols": ["store_flags"]}},
        {"OneHotEncoder": {"inputCols": ["price_index"], "outputCols": ["price_flags"], "dropLast": False}},
        sql("SELECT store_index, price_index, store_flags, price_flags, quantity, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on"}, stages=stages,
                             label="amount", ids=["order_no"])
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_buckets(rng: random.Random, folder: Path) -> DataSet:
    """Buckets of several columns, missing numbers kept as a bucket of their own or imputed with the median."""
    orders = orders_table(rng, 300, lambda d: d.isoformat())
    for row in rng.sample(orders, 40):
        row["Price"] = "NaN"
    for row in rng.sample(orders, 40):
        row["Quantity"] = None
    inf = float("inf")
    stages = [
        {"Bucketizer": {"inputCol": "price", "outputCol": "price_band", "splits": [-inf, 10.0, 20.0, 60.0, inf], "handleInvalid": "keep"}},
        {"Imputer": {"inputCols": ["quantity"], "outputCols": ["quantity_known"], "strategy": "median"}},
        {"Bucketizer": {"inputCols": ["quantity_known", "weight"], "outputCols": ["quantity_band", "weight_band"],
                        "splitsArray": [[-inf, 10, 30, inf], [0, 5, 20, 40]]}},
        {"Imputer": {"inputCols": ["price"], "outputCols": ["price_known"]}},
        {"OneHotEncoder": {"inputCols": ["price_band"], "outputCols": ["price_flags"], "dropLast": False, "handleInvalid": "keep"}},
        sql("SELECT price_flags, quantity_band, weight_band, price_known, quantity_known, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on", "format": "yyyy-MM-dd"},
                             stages=stages, label="amount", ids=["order_no"])
    return write_orders(folder, workflow, orders, stores_table(rng), items_table(rng))


def orders_constant_columns(rng: random.Random, folder: Path) -> DataSet:
    """Constant numbers under both scalers; long vectors that Spark keeps sparse."""
    orders = orders_table(rng, 300, lambda d: d.isoformat())
    for row in orders:
        row["Price"] = "7.0"
        row["Item"] = rng.choice(["lamp", "desk", "sofa", "rug"])
        row["Channel"] = rng.choice([f"channel {i:02}" for i in range(12)])
        row["Quantity"] = str(rng.choice([0, 0, 0, 5, -3]))
    stages = [
        {"StringIndexer": {"inputCols": ["channel", "item"], "outputCols": ["channel_index", "item_index"], "handleInvalid": "keep"}},
        {"OneHotEncoder": {"inputCols": ["channel_index", "item_index"], "outputCols": ["channel_flags", "item_flags"]}},
        {"VectorAssembler": {"inputCols": ["channel_flags", "item_flags", "quantity", "price"], "outputCol": "all_numbers"}},
        {"StandardScaler": {"inputCol": "all_numbers", "outputCol": "all_scaled"}},
        {"VectorAssembler": {"inputCols": ["quantity", "price", "item_index"], "outputCol": "few_numbers"}},
        {"MinMaxScaler": {"inputCol": "few_numbers", "outputCol": "few_scaled"}},
        {"StandardScaler": {"inputCol": "few_numbers", "outputCol": "few_centred", "withMean": True, "withStd": False}},
        sql("SELECT all_numbers, all_scaled, few_scaled, few_centred, amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on"}, stages=stages,
                             label="amount", ids=["order_no"], model={"type": "gbt", "params": {"maxIter": 3, "maxDepth": 4, "maxBins": 40}})
    return dataclasses.replace(write_orders(folder, workflow, orders, stores_table(rng), items_table(rng)),
                               params={"maxIter": 3, "maxDepth": 4, "maxBins": 40})


def orders_inner_join(rng: random.Random, folder: Path) -> DataSet:
    """Two sources, an inner join of an int with a long key that drops rows, negative labels."""
    orders = orders_table(rng, 300, lambda d: d.strftime("%d.%m.%Y"))
    for i, row in enumerate(orders):
        row["Amount"] = f"{-float(row['Amount']) if i % 2 else float(row['Amount'])}"
        if i % 11 == 0:
            row["StoreNo"] = None
    stores = [{"StoreNo": str(s), "Size": str(10 * s)} for s in range(1, 5)]
    stores.append({"StoreNo": "3000000000", "Size": "1"})
    workflow = workflow_file(
        folder, sources={"orders": {"format": "csv"}, "stores": {"format": "csv"}},
        joins=[{"source": "stores", "on": ["StoreNo"], "how": "inner"}], date={"column": "sold_on", "format": "dd.MM.yyyy"},
        stages=[sql("SELECT size, quantity, price, amount, order_no FROM __THIS__")], label="amount", ids=["order_no"])
    sources = {"orders": write_csv(folder / "input/orders.csv", list(orders[0]), orders),
               "stores": write_csv(folder / "input/stores.csv", list(stores[0]), stores)}
    return DataSet(folder.name, workflow, sources, params={"maxIter": 3, "maxDepth": 6, "minInfoGain": 0.5})


def orders_weighted(rng: random.Random, folder: Path) -> DataSet:
    """Rows with weights, some of them held out to decide when to stop; neither column is a feature."""
    stages = [
        {"StringIndexer": {"inputCols": ["kind", "region"], "outputCols": ["kind_index", "region_index"]}},
        sql("SELECT size, quantity, price, kind_index, region_index, quantity % 5 / 2 AS row_weight, order_no % 4 = 1 AS held_out, "
            "amount, order_no FROM __THIS__"),
    ]
    workflow = workflow_file(folder, sources=ORDER_SOURCES, joins=ORDER_JOINS, date={"column": "sold_on"}, stages=stages, label="amount",
                             ids=["order_no", "row_weight", "held_out"])
    data = write_orders(folder, workflow, orders_table(rng, 600, lambda d: d.isoformat()), stores_table(rng), items_table(rng))
    return dataclasses.replace(data, params={"maxIter": 12, "maxDepth": 4, "stepSize": 0.9, "weightCol": "row_weight",
                                             "validationIndicatorCol": "held_out", "validationTol": 0.01})


MAKERS: list[Callable[[random.Random, Path], DataSet]] = [
    shipping_plain, shipping_fractional_distances, shipping_duplicate_products, shipping_unmatched_products,
    shipping_null_dates, shipping_two_dates, shipping_three_dates, shipping_ties, shipping_quotes, shipping_blanks,
    shipping_wide_numbers, shipping_all_null, shipping_windows_lines, shipping_one_category,
    shipping_no_known_carrier, shipping_fractional_labels, shipping_awkward_doubles, shipping_more_columns, shipping_many_rows, shipping_folder,
    shipping_spark_dialect, orders_scaled, orders_german_dates, orders_day_first, orders_sql_functions, orders_declared_types,
    orders_as_is, orders_parquet_sources, orders_numeric_categories, orders_buckets, orders_constant_columns, orders_inner_join, orders_weighted,
]


def make_all(folder: Path, count: int = len(MAKERS), seed: int = 20211021) -> list[DataSet]:
    """Writes `count` data sets below `folder`; beyond the number of kinds they repeat with other seeds."""
    made = []
    for number in range(count):
        maker = MAKERS[number % len(MAKERS)]
        turn = number // len(MAKERS)
        name = maker.__name__ + (f"_{turn + 1}" if turn else "")
        data = maker(random.Random(f"{seed}:{turn}:{maker.__name__}"), folder / name)
        if data.params is None:
            data.params = random_params(random.Random(f"{seed}:{turn}:{maker.__name__}:params"))
        made.append(data)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the generated data sets of the parity tests.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=len(MAKERS))
    parser.add_argument("--seed", type=int, default=20211021)
    arguments = parser.parse_args()
    for data in make_all(arguments.folder, arguments.count, arguments.seed):
        print(data.name)


if __name__ == "__main__":
    main()
