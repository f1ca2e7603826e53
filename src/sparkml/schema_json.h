#pragma once

#include <string>
#include <string_view>

#include "table/schema.h"

namespace firesteel {

/// The footer key under which Spark keeps a data frame's schema, attributes included.
inline constexpr std::string_view kSparkSchemaKey = "org.apache.spark.sql.parquet.row.metadata";

/// The footer key of the release that wrote a file. Spark 3.5 takes dates before 1582 as they are
/// only if it is there.
inline constexpr std::string_view kSparkVersionKey = "org.apache.spark.version";

/// Writes a schema as Spark's JSON (spec D.7): types, nullability, `ml_attr` metadata.
std::string SchemaToJson(const Schema& schema);

/// Reads attributes and nullability from Spark's JSON into `schema`, which came from the file
/// itself: columns that the JSON lacks stay as they are, columns that only the JSON has are
/// ignored, metadata that is not ml_attr too. A text that is not Spark's JSON leaves `schema`
/// unchanged, as in Spark, and returns false.
bool ApplySchemaJson(std::string_view json, Schema* schema);

}  // namespace firesteel
