#pragma once

#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/spark/plans.h"

namespace firesteel {

/// What Spark calls a file or folder: file:/…, s3a://….
std::string SparkUri(std::string_view path);
/// The same for a reader, which takes patterns: their characters escaped.
std::string SparkPath(std::string_view path);
/// A file of `_metadata.file_path` as SparkUri's argument was: the scheme off, %20 decoded.
std::string PathOfSparkUri(std::string_view uri);

/// CSV files as Spark's reader reads them; no schema: each column's type is inferred over all rows.
spark_plans::Plan ReadCsvFiles(const CsvSource& source, const std::string& ddl_schema);

}  // namespace firesteel
