#include "features/registry.h"

#include <gmock/gmock.h>

#include <limits>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;

class RegistryTest : public StageFixture {
 protected:
  static StageRecord Record(const std::string& class_name) {
    StageRecord record;
    record.class_name = class_name;
    record.uid = "uid_1";
    return record;
  }
};

TEST_F(RegistryTest, AnUnknownStageIsNamedWithTheNearest) {
  const Error error = Thrown([] { MakeStage("StringIndexr", {}, "u", "workflow.yaml line 3"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("workflow.yaml line 3: unknown stage 'StringIndexr'; did "
                                      "you mean 'StringIndexer'?"));
}

TEST_F(RegistryTest, ParametersAreCheckedWithoutData) {
  const auto make = [](const std::string& stage) {
    return std::string(Thrown([&] { MakePipeline(stage); }).what());
  };
  EXPECT_THAT(make(R"([{"StringIndexer": {"inputcol": "s"}}])"),
              HasSubstr("test: StringIndexer: unknown parameter 'inputcol'; did you mean "
                        "'inputCol'?"));
  EXPECT_THAT(make(R"([{"StringIndexer": {"inputCol": "s", "handleInvalid": "Keep"}}])"),
              HasSubstr("allowed: one of error, skip, keep"));
  EXPECT_THAT(make(R"([{"OneHotEncoder": {"inputCol": "s", "handleInvalid": "skip"}}])"),
              HasSubstr("allowed: one of error, keep"));
  EXPECT_THAT(make(R"([{"StringIndexer": {"inputCols": ["a", "b"], "outputCols": ["c"]}}])"),
              HasSubstr("inputCols has 2 names and outputCols 1"));
  EXPECT_THAT(make(R"([{"StringIndexer": {"inputCols": ["a", "b"], "outputCols": ["c", "C"]}}])"),
              HasSubstr("outputCols names 'C' twice"));
  EXPECT_THAT(make(R"([{"StringIndexer": {"inputCol": "a", "inputCols": ["b"]}}])"),
              HasSubstr("both inputCol and inputCols are set"));
  EXPECT_THAT(make(R"([{"StringIndexer": {}}])"), HasSubstr("neither inputCol nor inputCols"));
  EXPECT_THAT(make(R"([{"SQLTransformer": {}}])"), HasSubstr("parameter 'statement' is missing"));
}

TEST_F(RegistryTest, ASavedStageIsTheSameAfterLoading) {
  StageRecord record = Record("org.apache.spark.ml.feature.ImputerModel");
  record.params = {{"inputCols", {"a", "b"}}, {"outputCols", {"c", "d"}}, {"strategy", "mode"}};
  record.default_params = {{"missingValue", "NaN"}, {"strategy", "mean"}};
  record.data = {{"a", 1.5}, {"b", -2.0}};
  const StageRecord again = LoadStage(record, {})->ToRecord();
  EXPECT_EQ(again.class_name, record.class_name);
  EXPECT_EQ(again.uid, "uid_1");
  EXPECT_EQ(again.params["inputCols"], record.params["inputCols"]);
  EXPECT_EQ(again.params["strategy"], "mode");
  EXPECT_EQ(again.default_params["outputCol"], "uid_1__output");
  EXPECT_EQ(again.default_params["relativeError"], 0.001);
  EXPECT_EQ(again.data, record.data);
}

TEST_F(RegistryTest, ABrokenSavedStageIsNamed) {
  const auto load = [](const StageRecord& record) {
    const Error error = Thrown([&] { LoadStage(record, {}); });
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return std::string(error.what());
  };
  StageRecord indexer = Record("org.apache.spark.ml.feature.StringIndexerModel");
  indexer.params = {{"inputCol", "a"}};
  EXPECT_EQ(load(indexer), "stage uid_1: its data has no column 'labelsArray'");
  indexer.data = {{"labelsArray", std::vector<std::vector<std::string>>{{"x"}, {"y"}}}};
  EXPECT_THAT(load(indexer), HasSubstr("labelsArray has labels of 2 columns"));
  indexer.data = {{"labelsArray", 1.0}};
  EXPECT_THAT(load(indexer), HasSubstr("column 'labelsArray' of its data has the wrong type"));
  indexer.data = {{"labelsArray", std::vector<std::vector<std::string>>{{"x"}}}};
  indexer.params["zork"] = 1;
  EXPECT_THAT(load(indexer), HasSubstr("stage uid_1: unknown parameter 'zork'"));
}

TEST_F(RegistryTest, AnUnknownClassSaysWhatIsSupported) {
  const Error error = Thrown([] { LoadStage(Record("org.apache.spark.ml.feature.PCAModel"), {}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("class org.apache.spark.ml.feature.PCAModel is not "
                                      "supported; known are SQLTransformer, StringIndexer"));
}

TEST_F(RegistryTest, APythonClassNeedsAStatement) {
  const StageRecord record = Record("__main__.Distance");
  const Error error = Thrown([&] { LoadStage(record, {}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("python_stages:\n  __main__.Distance: SELECT"));
  const StageRecord mapped =
      LoadStage(record, {{"__main__.Distance", "SELECT *, a + b AS c FROM __THIS__"}})->ToRecord();
  EXPECT_EQ(mapped.class_name, "org.apache.spark.ml.feature.SQLTransformer");
  EXPECT_EQ(mapped.uid, "uid_1");
}

TEST_F(RegistryTest, EveryKindIsDescribed) {
  EXPECT_EQ(StageKinds().size(), 8u);
  for (const StageKind& kind : StageKinds()) {
    EXPECT_FALSE(kind.sentence.empty()) << kind.name;
    EXPECT_TRUE(kind.saved_class.starts_with("org.apache.spark.ml.feature.")) << kind.name;
    for (const ParameterSpec& spec : kind.parameters) {
      EXPECT_FALSE(spec.sentence.empty() || spec.range.empty()) << kind.name << ' ' << spec.name;
    }
  }
}

}  // namespace
}  // namespace firesteel
