#pragma once

#include <string>
#include <string_view>

#include "spark/connect/types.pb.h"
#include "table/schema.h"

namespace firesteel {

/// The fields of a struct as Spark says them. Throws Error(kUnsupported), naming the column, for a
/// type that no column of ours has.
Schema SchemaOf(const ::spark::connect::DataType& type);

/// The key of Parquet's footer under which Spark keeps a schema, as JSON.
inline constexpr std::string_view kSparkSchemaKey = "org.apache.spark.sql.parquet.row.metadata";

/// Whether a schema of that form says that the column is Spark ML's vector.
bool SaysVector(std::string_view schema_json, std::string_view column);
/// SQL of the array of doubles that a struct of VectorUDT's shape stands for.
std::string ArrayOfVectorStruct(const std::string& column);

}  // namespace firesteel
