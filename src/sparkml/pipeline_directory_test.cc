#include "sparkml/pipeline_directory.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "features/stage_fixture.h"
#include "sparkml/frame.h"
#include "sparkml/metadata.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PipelineDirectoryTest : public StageFixture {
 protected:
  Relation Sample() {
    return Rows("s,x,n\na,1.5,1\nb,2.5,\na,NaN,3\né,4,4\n",
                {{"s", kStringType}, {"x", kDoubleType}, {"n", kIntType}});
  }

  PipelineModel FitAllKinds() {
    return MakePipeline(R"([
        {"SQLTransformer": {"statement": "SELECT *, n + 1 AS m FROM __THIS__"}},
        {"StringIndexer": {"inputCols": ["s", "n"], "outputCols": ["i", "j"], "handleInvalid": "keep"}},
        {"OneHotEncoder": {"inputCol": "i", "outputCol": "o"}},
        {"Imputer": {"inputCols": ["x", "n"], "outputCols": ["y", "k"]}},
        {"Bucketizer": {"inputCol": "y", "outputCol": "b", "splits": ["-Inf", 2, "Inf"]}},
        {"VectorAssembler": {"inputCols": ["o", "j", "y", "b"], "outputCol": "v"}},
        {"StandardScaler": {"inputCol": "v", "outputCol": "w", "withMean": true}},
        {"MinMaxScaler": {"inputCol": "v", "outputCol": "u"}}])")
        .Fit(engine(), Sample());
  }

  std::string Path(const std::string& name) { return (folder() / name).string(); }
  PipelineModel Read(const std::string& path) {
    return ReadPipelineModel(engine(), Location::Parse(path), {});
  }
  std::string Saved() {
    const std::string path = Path("model");
    WritePipelineModel(FitAllKinds(), engine(), path, {.timestamp_ms = 7, .uuid_seed = "s"});
    return path;
  }
  static std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // The one file of a metadata or data folder.
  static std::string DataFile(const std::string& path) {
    return ListDataFiles(Location::Parse(path)).front();
  }
};

TEST_F(PipelineDirectoryTest, LooksAsSparkWritesIt) {
  const std::string path = Saved();
  EXPECT_THAT(Names(path), ElementsAre("metadata", "stages"));
  EXPECT_THAT(Names(path + "/stages"),
              ElementsAre("0_stage_0", "1_stage_1", "2_stage_2", "3_stage_3", "4_stage_4",
                          "5_stage_5", "6_stage_6", "7_stage_7"));
  EXPECT_THAT(Names(path + "/stages/0_stage_0"), ElementsAre("metadata"));
  EXPECT_THAT(Names(path + "/stages/1_stage_1"), ElementsAre("data", "metadata"));
  const std::string uuid =
      SparkMlStamp{.timestamp_ms = 7, .uuid_seed = "s"}.FileUuid("stage_1/data");
  EXPECT_THAT(Names(path + "/stages/1_stage_1/data"),
              ElementsAre("_SUCCESS", "part-00000-" + uuid + "-c000.snappy.parquet"));
  EXPECT_EQ(ReadTextFile(DataFile(path + "/metadata")),
            R"({"class":"org.apache.spark.ml.PipelineModel","timestamp":7,"sparkVersion":"4.3.0",)"
            R"("uid":"pipeline","paramMap":{"stageUids":["stage_0","stage_1","stage_2","stage_3",)"
            R"("stage_4","stage_5","stage_6","stage_7"]},"defaultParamMap":{}})"
            "\n");
  EXPECT_EQ(
      ReadTextFile(DataFile(path + "/stages/4_stage_4/metadata")),
      R"({"class":"org.apache.spark.ml.feature.Bucketizer","timestamp":7,"sparkVersion":"4.3.0",)"
      R"("uid":"stage_4","paramMap":{"inputCol":"y","outputCol":"b","splits":["-Inf",2.0,"Inf"]},)"
      R"("defaultParamMap":{"handleInvalid":"error","outputCol":"stage_4__output"}})"
      "\n");
}

TEST_F(PipelineDirectoryTest, ALoadedModelTransformsAsTheSavedOne) {
  const PipelineModel fitted = FitAllKinds();
  const PipelineModel loaded = Read(Saved());
  ASSERT_EQ(loaded.stages().size(), fitted.stages().size());
  for (std::size_t i = 0; i < fitted.stages().size(); ++i) {
    const StageRecord before = fitted.stages()[i]->ToRecord();
    const StageRecord after = loaded.stages()[i]->ToRecord();
    EXPECT_EQ(after.class_name, before.class_name);
    EXPECT_EQ(after.data, before.data) << before.uid;
    EXPECT_EQ(ToSparkJson(after.params), ToSparkJson(before.params));
  }
  const Relation before = fitted.Transform(engine(), Sample());
  const Relation after = loaded.Transform(engine(), Sample());
  EXPECT_EQ(after.schema(), before.schema());
  EXPECT_EQ(Numbers(after, "v", 6), Numbers(before, "v", 6));
  EXPECT_EQ(Numbers(after, "w", 6), Numbers(before, "w", 6));
}

TEST_F(PipelineDirectoryTest, TheSameStampGivesTheSameMetadata) {
  const std::string path = Saved();
  WritePipelineModel(FitAllKinds(), engine(), Path("again"), {.timestamp_ms = 7, .uuid_seed = "s"});
  for (const char* name : {"/metadata", "/stages/6_stage_6/metadata"}) {
    const std::string first = DataFile(path + name);
    const std::string second = DataFile(Path("again") + name);
    EXPECT_EQ(fs::path(first).filename(), fs::path(second).filename());
    EXPECT_EQ(ReadTextFile(first), ReadTextFile(second));
  }
}

TEST_F(PipelineDirectoryTest, ElevenStagesHavePaddedFolders) {
  std::string stages = "[";
  for (int i = 0; i < 11; ++i) {
    stages += std::string(i == 0 ? "" : ",") +
              R"({"SQLTransformer": {"statement": "SELECT * FROM __THIS__"}})";
  }
  const PipelineModel model = MakePipeline(stages + "]").Fit(engine(), Sample());
  WritePipelineModel(model, engine(), Path("model"), {});
  EXPECT_TRUE(fs::is_directory(Path("model") + "/stages/00_stage_0"));
  EXPECT_TRUE(fs::is_directory(Path("model") + "/stages/10_stage_10"));
  EXPECT_EQ(Read(Path("model")).stages().size(), 11u);
}

TEST_F(PipelineDirectoryTest, AnEmptyPipelineIsSavedAndLoaded) {
  WritePipelineModel(PipelineModel("p", {}), engine(), Path("model"), {});
  EXPECT_EQ(Read(Path("model")).uid(), "p");
}

TEST_F(PipelineDirectoryTest, PythonsPipelineClassAndAMappedPythonStageLoad) {
  fs::create_directories(Path("model") + "/stages/0_Distance_1");
  StageMetadata metadata;
  metadata.class_name = "pyspark.ml.pipeline.PipelineModel";
  metadata.uid = "PipelineModel_1";
  metadata.params["stageUids"] = {"Distance_1"};
  metadata.params["language"] = "Python";
  WriteMetadata(metadata, Path("model"), "u");
  metadata.class_name = "__main__.Distance";
  metadata.uid = "Distance_1";
  metadata.params = nlohmann::ordered_json::object();
  WriteMetadata(metadata, Path("model") + "/stages/0_Distance_1", "u");
  const PipelineModel model =
      ReadPipelineModel(engine(), Location::Parse(Path("model")),
                        {{"__main__.Distance", "SELECT n, n * 2 AS d FROM __THIS__"}});
  EXPECT_THAT(Numbers(model.Transform(engine(), Rows("n\n4\n", {{"n", kIntType}})), "d"),
              ElementsAre(8));
  EXPECT_THAT(Thrown([&] { Read(Path("model")); }).what(),
              HasSubstr("0_Distance_1: stage Distance_1: class __main__.Distance exists only as "
                        "Python code"));
}

TEST_F(PipelineDirectoryTest, NothingThereIsNotFound) {
  const Error error = Thrown([&] { Read(Path("nowhere")); });
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("there is no pipeline model"));
}

TEST_F(PipelineDirectoryTest, AnotherClassIsNotAPipeline) {
  const std::string path = Saved();
  EXPECT_THAT(Thrown([&] { Read(path + "/stages/2_stage_2"); }).what(),
              HasSubstr("class org.apache.spark.ml.feature.OneHotEncoderModel is not a fitted "
                        "pipeline"));
}

TEST_F(PipelineDirectoryTest, ABrokenModelNamesTheFile) {
  const auto error_after = [&](auto damage) {
    fs::remove_all(Path("model"));
    const std::string path = Saved();
    damage(path + "/stages/");
    const Error error = Thrown([&] { Read(path); });
    EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
    return std::string(error.what());
  };
  EXPECT_THAT(error_after([](const std::string& stages) { fs::remove_all(stages + "2_stage_2"); }),
              HasSubstr("2_stage_2: the folder of stage 3 of 8"));
  EXPECT_THAT(
      error_after([](const std::string& stages) { fs::remove_all(stages + "2_stage_2/metadata"); }),
      HasSubstr("2_stage_2/metadata"));
  EXPECT_THAT(error_after([](const std::string& stages) {
                WriteTextFile(DataFile(stages + "2_stage_2/metadata"), "{\"class\":\n");
              }),
              HasSubstr("one line that holds one JSON object"));
  EXPECT_THAT(error_after([](const std::string& stages) {
                WriteTextFile(DataFile(stages + "2_stage_2/metadata"), "");
              }),
              HasSubstr("2_stage_2/metadata: all its files are empty"));
  EXPECT_THAT(
      error_after([](const std::string& stages) { fs::remove_all(stages + "2_stage_2/data"); }),
      HasSubstr("2_stage_2: stage stage_2: its data has no column 'categorySizes'"));
  EXPECT_THAT(error_after([](const std::string& stages) {
                fs::copy_file(DataFile(stages + "1_stage_1/data"),
                              DataFile(stages + "2_stage_2/data"),
                              fs::copy_options::overwrite_existing);
              }),
              HasSubstr("2_stage_2: stage stage_2: its data has no column 'categorySizes'"));
  EXPECT_THAT(error_after([](const std::string& stages) {
                WriteTextFile(DataFile(stages + "2_stage_2/data"), "nonsense");
              }),
              HasSubstr("2_stage_2/data"));
}

}  // namespace
}  // namespace firesteel
