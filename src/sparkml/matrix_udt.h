#pragma once

#include <string_view>

namespace firesteel {

/// The type of an ML matrix in Spark's schema JSON.
inline constexpr std::string_view kMatrixUdtJson =
    R"({"type":"udt","class":"org.apache.spark.ml.linalg.MatrixUDT",)"
    R"("pyClass":"pyspark.ml.linalg.MatrixUDT","sqlType":{"type":"struct","fields":[)"
    R"({"name":"type","type":"byte","nullable":false,"metadata":{}},)"
    R"({"name":"numRows","type":"integer","nullable":false,"metadata":{}},)"
    R"({"name":"numCols","type":"integer","nullable":false,"metadata":{}},)"
    R"({"name":"colPtrs","type":{"type":"array","elementType":"integer","containsNull":false},)"
    R"("nullable":true,"metadata":{}},)"
    R"({"name":"rowIndices","type":{"type":"array","elementType":"integer","containsNull":false},)"
    R"("nullable":true,"metadata":{}},)"
    R"({"name":"values","type":{"type":"array","elementType":"double","containsNull":false},)"
    R"("nullable":true,"metadata":{}},)"
    R"({"name":"isTransposed","type":"boolean","nullable":false,"metadata":{}}]}})";

}  // namespace firesteel
