#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/spark/plans.h"

namespace firesteel {

/// What Spark calls a file or folder: file:/…, s3a://….
std::string SparkUri(std::string_view path);
/// The same for a reader, which takes patterns: their characters escaped.
std::string SparkPath(std::string_view path);
std::vector<std::string> SparkPaths(const std::vector<std::string>& files);
/// A file of `_metadata.file_path` as SparkUri's argument was: the scheme off, %20 decoded.
std::string PathOfSparkUri(std::string_view uri);

/// CSV files as Spark's reader reads them. No schema: each column's type is inferred over all rows.
/// `spans_lines`: whether quoted text may hold line ends; then a file is read by one task.
spark_plans::Plan ReadCsvFiles(const CsvSource& source, const std::string& ddl_schema,
                               bool spans_lines);
/// The number of lines with a quote that is not closed in them: where there is none, no record
/// spans lines.
spark_plans::Plan CountOpenQuotes(const CsvSource& source);
/// Whether there is such a line, by reading local files here. Throws Error(kIo).
bool HasOpenQuotes(const std::vector<std::string>& files);
/// The bytes of all files together. Nothing for those on S3, whose sizes are not looked up.
std::optional<std::int64_t> BytesOf(const std::vector<std::string>& files);

/// Empties a local folder that a job was writing to when it ended early: its tasks are stopped
/// soon after it and not before, and may make their files, and the folder, anew meanwhile. Waits
/// until none does any more, a second or two.
void RemoveLateFiles(const std::string& directory);

}  // namespace firesteel
