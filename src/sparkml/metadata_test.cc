#include "sparkml/metadata.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/error.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;

constexpr const char* kGood =
    R"({"class":"a.B","timestamp":5,"sparkVersion":"3.5.6","uid":"B_1","paramMap":{},"defaultParamMap":{}})";

std::string ErrorOf(const std::string& line) {
  try {
    MetadataFromJson(line);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string Without(const std::string& key) {
  auto json = nlohmann::ordered_json::parse(kGood);
  json.erase(key);
  return json.dump();
}

TEST(Metadata, IsOneLineWithSortedParametersAndJavasDoubles) {
  StageMetadata metadata;
  metadata.class_name = "org.apache.spark.ml.feature.MinMaxScalerModel";
  metadata.timestamp_ms = 1795371852448;
  metadata.uid = "MinMaxScaler_a195a6869d0c";
  const double infinity = std::numeric_limits<double>::infinity();
  metadata.params["max"] = 2.0;
  metadata.params["count"] = 3;
  metadata.params["small"] = 1e-5;
  metadata.params["splits"] = {-infinity, 0.0, 1e7, infinity};
  metadata.default_params["missingValue"] = std::numeric_limits<double>::quiet_NaN();
  metadata.default_params["flag"] = true;
  metadata.extra["numTrees"] = 2;
  EXPECT_EQ(MetadataToJson(metadata),
            R"({"class":"org.apache.spark.ml.feature.MinMaxScalerModel","timestamp":1795371852448,)"
            R"("sparkVersion":"4.3.0","uid":"MinMaxScaler_a195a6869d0c",)"
            R"("paramMap":{"count":3,"max":2.0,"small":1.0E-5,"splits":["-Inf",0.0,1.0E7,"Inf"]},)"
            R"("defaultParamMap":{"flag":true,"missingValue":"NaN"},"numTrees":2})");
}

TEST(Metadata, ReadsItsKeysAndKeepsFurtherOnes) {
  const StageMetadata metadata = MetadataFromJson(
      R"({"class":"a.B","timestamp":5,"sparkVersion":"9.9.9","uid":"B_1","paramMap":{"a":1},)"
      R"("defaultParamMap":{"b":[2]},"numFeatures":3})");
  EXPECT_EQ(metadata.class_name, "a.B");
  EXPECT_EQ(metadata.timestamp_ms, 5);
  EXPECT_EQ(metadata.uid, "B_1");
  EXPECT_EQ(metadata.params["a"], 1);
  EXPECT_EQ(metadata.default_params["b"][0], 2);
  EXPECT_EQ(metadata.extra["numFeatures"], 3);
}

TEST(Metadata, EveryStandardKeyIsNeeded) {
  EXPECT_EQ(ErrorOf(kGood), "");
  for (const char* key :
       {"class", "timestamp", "sparkVersion", "uid", "paramMap", "defaultParamMap"}) {
    EXPECT_EQ(ErrorOf(Without(key)), "the key '" + std::string(key) + "' is missing");
  }
}

TEST(Metadata, WrongTypesAndVersionsAreRefused) {
  EXPECT_THAT(ErrorOf("{\"class\": "), HasSubstr("one line that holds one JSON object"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("one line that holds one JSON object"));
  auto json = nlohmann::ordered_json::parse(kGood);
  json["uid"] = 5;
  EXPECT_EQ(ErrorOf(json.dump()), "the key 'uid' must be text");
  json = nlohmann::ordered_json::parse(kGood);
  json["sparkVersion"] = "new";
  EXPECT_EQ(ErrorOf(json.dump()), "sparkVersion 'new' is not a version");
  json["sparkVersion"] = "2.4.8";
  EXPECT_THAT(ErrorOf(json.dump()), HasSubstr("saved by Spark 2.4.8"));
}

}  // namespace
}  // namespace firesteel
