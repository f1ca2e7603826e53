#pragma once

#include <string_view>

namespace firesteel {

/// The type of an ML vector in Spark's schema JSON.
inline constexpr std::string_view kVectorUdtJson =
    R"({"type":"udt","class":"org.apache.spark.ml.linalg.VectorUDT",)"
    R"("pyClass":"pyspark.ml.linalg.VectorUDT","sqlType":{"type":"struct","fields":[)"
    R"({"name":"type","type":"byte","nullable":false,"metadata":{}},)"
    R"({"name":"size","type":"integer","nullable":true,"metadata":{}},)"
    R"({"name":"indices","type":{"type":"array","elementType":"integer","containsNull":false},)"
    R"("nullable":true,"metadata":{}},)"
    R"({"name":"values","type":{"type":"array","elementType":"double","containsNull":false},)"
    R"("nullable":true,"metadata":{}}]}})";

}  // namespace firesteel
