#include "sparkml/model_directory.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "features/stage_fixture.h"
#include "model/tree_ensemble.h"
#include "sparkml/metadata.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr const char* kModelFolder = "/stages/1_GBTRegressor_1";

TreeNode Leaf(double prediction, std::int64_t rows) {
  TreeNode node;
  node.prediction = prediction;
  node.stats = {static_cast<double>(rows), prediction * static_cast<double>(rows), 0.5};
  node.num_rows = rows;
  node.impurity = 0.25;
  return node;
}

TreeNode Split(std::int32_t feature, double gain, std::int32_t left, std::int32_t right) {
  TreeNode node = Leaf(0.5, 10);
  node.feature = feature;
  node.gain = gain;
  node.left = left;
  node.right = right;
  return node;
}

std::shared_ptr<const TreeEnsemble> Forest() {
  TreeNode continuous = Split(0, 2.0, 1, 2);
  continuous.threshold = 0.1;
  TreeNode categorical = Split(1, 1.5, 1, 2);
  categorical.arity = 4;
  categorical.left_categories = {0, 2, 3};
  return std::make_shared<TreeEnsemble>(
      std::vector<Tree>{{{continuous, Leaf(1.0, 4), Leaf(2.0, 6)}},
                        {{categorical, Leaf(-1.0, 7), Leaf(0.3, 3)}},
                        {{Leaf(0.7, 10)}}},
      std::vector<double>{1.0, 0.1, 0.1}, 2);
}

class ModelDirectoryTest : public StageFixture {
 protected:
  SavedModel Sample() {
    SavedModel model;
    model.kind = "gbt";
    model.uid = "GBTRegressor_1";
    model.model = Forest();
    model.params = {{"maxIter", 3.0}, {"stepSize", 1}, {"weightCol", "w"}};
    model.label_column = "y";
    Attribute number;
    number.name = "x";
    Attribute category;
    category.kind = Attribute::Kind::kNominal;
    category.name = "c";
    category.values = {"red", "green", "blue", "other"};
    model.attributes = {number, category};
    model.facts = {{"num_trees", 3}};
    model.columns = {{"x", kDoubleType}, {"c", kDoubleType}};
    model.ranges = {{0.0, 0.5}, {0.0, 3.0}};
    model.workflow_text = "version: 1\n";
    model.origin["created_by"] = {{"firesteel", "0"}};
    const Relation rows = Rows("x,c\n1,2\n", {{"x", kDoubleType}, {"c", kDoubleType}});
    model.stages = std::make_shared<PipelineModel>(
        MakePipeline(
            R"([{"VectorAssembler": {"inputCols": ["x", "c"], "outputCol": "training_cols"}}])")
            .Fit(engine(), rows));
    return model;
  }

  std::string Path(const std::string& name) { return (folder() / name).string(); }
  std::string Saved(const std::string& name = "model") {
    fs::remove_all(Path(name));
    WriteModel(Sample(), engine(), Path(name), {.timestamp_ms = 7, .uuid_seed = "s"});
    return Path(name);
  }
  SavedModel Read(const std::string& path) {
    return ReadModel(engine(), Location::Parse(path), {});
  }
  static std::string DataFile(const std::string& path) {
    return ListDataFiles(Location::Parse(path)).front();
  }
  // Changes the only line of a metadata folder.
  static void Edit(const std::string& stage, const std::function<void(Json*)>& change) {
    const std::string file = DataFile(stage + "/metadata");
    Json json = Json::parse(ReadTextFile(file));
    change(&json);
    WriteTextFile(file, json.dump() + "\n");
  }
  RecordTable Nodes(const std::string& path) {
    return engine().ReadRecords(
        ListDataFiles(Location::Parse(path + kModelFolder + "/data")),
        {{{"treeID", std::vector<std::int32_t>()},
          {"nodeData.id", std::vector<std::int32_t>()},
          {"nodeData.prediction", std::vector<double>()},
          {"nodeData.impurity", std::vector<double>()},
          {"nodeData.impurityStats", std::vector<std::vector<double>>()},
          {"nodeData.rawCount", std::vector<std::int64_t>()},
          {"nodeData.gain", std::vector<double>()},
          {"nodeData.leftChild", std::vector<std::int32_t>()},
          {"nodeData.rightChild", std::vector<std::int32_t>()},
          {"nodeData.split.featureIndex", std::vector<std::int32_t>()},
          {"nodeData.split.leftCategoriesOrThreshold", std::vector<std::vector<double>>()},
          {"nodeData.split.numCategories", std::vector<std::int32_t>()}}});
  }
  // Replaces the Parquet files of a folder.
  void Replace(const std::string& directory, const RecordTable& table,
               const std::string& uuid = "u") {
    fs::remove_all(directory);
    fs::create_directories(directory);
    engine().WriteRecords(table, {.directory = directory, .uuid = uuid});
  }
  std::string ErrorOf(const std::string& path, ErrorKind kind = ErrorKind::kInvalidArgument) {
    const Error error = Thrown([&] { Read(path); });
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  std::string ErrorAfter(const std::function<void(const std::string& path)>& damage) {
    const std::string path = Saved();
    damage(path);
    return ErrorOf(path);
  }
  // The same with the rows of the nodes changed.
  std::string ErrorWithNodes(const std::function<void(RecordTable* nodes)>& damage) {
    return ErrorAfter([&](const std::string& path) {
      RecordTable nodes = Nodes(path);
      damage(&nodes);
      Replace(path + kModelFolder + "/data", nodes);
    });
  }
};

std::vector<double> PredictAll(const Regressor& model) {
  const std::vector<double> rows = {0.1, 0, 0.1, 1, 0.2, 2, 0.2, 3, -5, 9};
  std::vector<double> out(5);
  model.Predict(MatrixView<const double>(rows.data(), 5, 2), out);
  return out;
}

TEST_F(ModelDirectoryTest, LooksAsSparkWritesIt) {
  const std::string path = Saved();
  EXPECT_EQ(ReadTextFile(DataFile(path + kModelFolder + "/metadata")),
            R"({"class":"org.apache.spark.ml.regression.GBTRegressionModel","timestamp":7,)"
            R"("sparkVersion":"4.3.0","uid":"GBTRegressor_1","paramMap":{)"
            R"("featuresCol":"training_cols","labelCol":"y","maxIter":3,"stepSize":1.0,)"
            R"("weightCol":"w"},"defaultParamMap":{"cacheNodeIds":false,"checkpointInterval":10,)"
            R"("featureSubsetStrategy":"all","featuresCol":"features","impurity":"variance",)"
            R"("labelCol":"label","leafCol":"","lossType":"squared","maxBins":32,"maxDepth":5,)"
            R"("maxIter":20,"maxMemoryInMB":256,"minInfoGain":0.0,"minInstancesPerNode":1,)"
            R"("minWeightFractionPerNode":0.0,"predictionCol":"prediction",)"
            R"("seed":276210194310129986,"stepSize":0.1,"subsamplingRate":1.0,)"
            R"("validationTol":0.01},"numFeatures":2,"numTrees":3})"
            "\n");
  const RecordTable trees = engine().ReadRecords(
      ListDataFiles(Location::Parse(path + kModelFolder + "/treesMetadata")),
      {{{"treeID", std::vector<std::int32_t>()}, {"weights", std::vector<double>()}}});
  EXPECT_THAT(trees.Get<std::int32_t>(0), ElementsAre(0, 1, 2));
  EXPECT_THAT(trees.Get<double>(1), ElementsAre(1.0, 0.1, 0.1));
  const RecordTable nodes = Nodes(path);
  EXPECT_THAT(nodes.Get<std::int32_t>(0), ElementsAre(0, 0, 0, 1, 1, 1, 2));
  EXPECT_THAT(nodes.Get<std::int32_t>(1), ElementsAre(0, 1, 2, 0, 1, 2, 0));
  EXPECT_THAT(nodes.Get<std::vector<double>>(10),
              ElementsAre(ElementsAre(0.1), ElementsAre(), ElementsAre(),
                          ElementsAre(0.0, 2.0, 3.0), ElementsAre(), ElementsAre(), ElementsAre()));
  EXPECT_THAT(nodes.Get<std::int32_t>(11), ElementsAre(-1, -1, -1, 4, -1, -1, -1));
  EXPECT_TRUE(fs::exists(path + kModelFolder + "/data/_SUCCESS"));
}

TEST_F(ModelDirectoryTest, ALoadedModelIsTheSavedOne) {
  const SavedModel saved = Sample();
  const SavedModel loaded = Read(Saved());
  EXPECT_EQ(loaded.kind, "gbt");
  EXPECT_EQ(loaded.uid, "GBTRegressor_1");
  EXPECT_EQ(loaded.features_column, "training_cols");
  EXPECT_EQ(loaded.label_column, "y");
  EXPECT_EQ(loaded.prediction_column, "prediction");
  EXPECT_EQ(loaded.attributes, saved.attributes);
  EXPECT_EQ(loaded.facts, saved.facts);
  EXPECT_EQ(loaded.columns, saved.columns);
  EXPECT_EQ(loaded.ranges, saved.ranges);
  EXPECT_EQ(loaded.workflow_text, saved.workflow_text);
  EXPECT_EQ(loaded.origin, saved.origin);
  EXPECT_EQ(loaded.resolved["maxIter"], 3);
  EXPECT_EQ(loaded.resolved["maxDepth"], 5);
  ASSERT_EQ(loaded.stages->stages().size(), 1u);
  const auto& before = dynamic_cast<const TreeEnsemble&>(*saved.model);
  const auto& after = dynamic_cast<const TreeEnsemble&>(*loaded.model);
  ASSERT_EQ(after.trees().size(), 3u);
  EXPECT_EQ(after.weights(), before.weights());
  for (std::size_t t = 0; t < 3; ++t) {
    ASSERT_EQ(after.trees()[t].nodes.size(), before.trees()[t].nodes.size());
    for (std::size_t n = 0; n < after.trees()[t].nodes.size(); ++n) {
      const TreeNode& a = after.trees()[t].nodes[n];
      const TreeNode& b = before.trees()[t].nodes[n];
      EXPECT_EQ(a.prediction, b.prediction);
      EXPECT_EQ(a.impurity, b.impurity);
      EXPECT_EQ(a.stats, b.stats);
      EXPECT_EQ(a.num_rows, b.num_rows);
      EXPECT_EQ(a.gain, b.gain);
      EXPECT_EQ(a.threshold, b.threshold);
      EXPECT_EQ(a.left_categories, b.left_categories);
    }
  }
  EXPECT_EQ(PredictAll(after), PredictAll(before));
}

TEST_F(ModelDirectoryTest, TheSameStampGivesTheSameBytes) {
  const std::string first = Saved("first");
  const std::string second = Saved("second");
  int num_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(first)) {
    if (!entry.is_regular_file()) continue;
    ++num_files;
    const std::string other = second + entry.path().string().substr(first.size());
    ASSERT_TRUE(fs::exists(other)) << other;
    EXPECT_EQ(ReadTextFile(entry.path().string()), ReadTextFile(other)) << other;
  }
  EXPECT_EQ(num_files, 11);
}

TEST_F(ModelDirectoryTest, NullAndWholeNumbersTakeTheTypeThatSparkReads) {
  SavedModel model = Sample();
  model.params = {{"seed", nullptr}, {"minInfoGain", nullptr}, {"maxDepth", 2.0}};
  WriteModel(model, engine(), Path("model"), {});
  const SavedModel loaded = Read(Path("model"));
  EXPECT_EQ(loaded.params["seed"].dump(), "0");
  EXPECT_EQ(loaded.params["minInfoGain"].dump(), "0.0");
  EXPECT_EQ(loaded.params["maxDepth"].dump(), "2");
}

TEST_F(ModelDirectoryTest, AModelAloneLoads) {
  const std::string path = Saved();
  const SavedModel loaded = Read(path + kModelFolder);
  EXPECT_EQ(loaded.stages, nullptr);
  EXPECT_EQ(loaded.attributes[0].name, "f0");
  EXPECT_EQ(loaded.attributes[1].Arity(), 4u);
  EXPECT_EQ(PredictAll(*loaded.model), PredictAll(*Forest()));
}

TEST_F(ModelDirectoryTest, WithoutOurFileNamesComeFromTheAssembler) {
  const std::string path = Saved();
  fs::remove(path + "/firesteel.json");
  const SavedModel loaded = Read(path);
  EXPECT_EQ(loaded.attributes[0].name, "x");
  EXPECT_EQ(loaded.attributes[1].name, "c");
  EXPECT_EQ(loaded.attributes[1].Arity(), 4u);
}

TEST_F(ModelDirectoryTest, WithoutOurFileNamesComeThroughAllStages) {
  SavedModel model = Sample();
  const Relation rows =
      Rows("x,c\n1,red\n2,blue\n3,blue\n", {{"x", kDoubleType}, {"c", kStringType}});
  model.stages = std::make_shared<PipelineModel>(MakePipeline(R"([
          {"SQLTransformer": {"statement": "SELECT *, x + 1 AS z FROM __THIS__"}},
          {"StringIndexer": {"inputCol": "c", "outputCol": "i"}},
          {"OneHotEncoder": {"inputCol": "i", "outputCol": "o"}},
          {"VectorAssembler": {"inputCols": ["z", "o"], "outputCol": "training_cols"}}])")
                                                     .Fit(engine(), rows));
  WriteModel(model, engine(), Path("model"), {});
  fs::remove(Path("model") + "/firesteel.json");
  const SavedModel loaded = Read(Path("model"));
  EXPECT_EQ(loaded.attributes[0].name, "z");
  EXPECT_EQ(loaded.attributes[1].name, "o_blue");
  EXPECT_EQ(loaded.attributes[1].kind, Attribute::Kind::kBinary);
}

TEST_F(ModelDirectoryTest, RowsInAnyOrderAndSpark4NamesLoad) {
  const std::string path = Saved();
  fs::remove(path + "/firesteel.json");
  const std::string directory = path + kModelFolder;
  RecordTable nodes = Nodes(path);
  for (RecordColumn& column : nodes.columns) {
    std::visit([](auto& values) { std::reverse(values.begin(), values.end()); }, column.values);
  }
  Replace(directory + "/data", nodes);
  RecordTable trees =
      engine().ReadRecords(ListDataFiles(Location::Parse(directory + "/treesMetadata")),
                           {{{"treeID", std::vector<std::int32_t>()},
                             {"metadata", std::vector<std::string>()},
                             {"weights", std::vector<double>()}}});
  for (std::size_t i = 0; i < 3; ++i) trees.columns[i].path = "_" + std::to_string(i + 1);
  Replace(directory + "/treesMetadata", trees);
  EXPECT_EQ(PredictAll(*Read(path).model), PredictAll(*Forest()));
}

TEST_F(ModelDirectoryTest, SeveralFilesAndExtraColumnsLoad) {
  const std::string path = Saved();
  fs::remove(path + "/firesteel.json");
  const std::string data = path + kModelFolder + "/data";
  const RecordTable nodes = Nodes(path);
  RecordTable parts[2] = {nodes, nodes};
  for (std::size_t i = 0; i < nodes.columns.size(); ++i) {
    std::visit([](auto& values) { values.resize(4); }, parts[0].columns[i].values);
    std::visit([](auto& values) { values.erase(values.begin(), values.begin() + 4); },
               parts[1].columns[i].values);
  }
  parts[0].columns.push_back({"extra", std::vector<double>(4, 1.0)});
  parts[1].columns.push_back({"extra", std::vector<double>(3, 1.0)});
  Replace(Path("part"), parts[1], "second");
  Replace(data, parts[0], "first");
  fs::copy_file(DataFile(Path("part")), data + "/part-00001");
  EXPECT_EQ(PredictAll(*Read(path).model), PredictAll(*Forest()));
}

TEST_F(ModelDirectoryTest, AWrongNumberOfFeaturesLoadsAsInSpark) {
  const std::string path = Saved();
  fs::remove(path + "/firesteel.json");
  Edit(path + kModelFolder, [](Json* json) { (*json)["numFeatures"] = 1; });
  EXPECT_EQ(Read(path).model->num_features(), 2u);
}

TEST_F(ModelDirectoryTest, WhatIsNoModelIsRefused) {
  EXPECT_THAT(ErrorOf(Path("nowhere"), ErrorKind::kNotFound),
              HasSubstr("nowhere: there is no model: nothing has this name"));
  EXPECT_THAT(ErrorOf(folder().string(), ErrorKind::kNotFound),
              HasSubstr("there is no model: the folder 'metadata' is missing"));
  const std::string path = Saved();
  EXPECT_THAT(ErrorOf(path + "/stages/0_stage_0", ErrorKind::kUnsupported),
              HasSubstr("class org.apache.spark.ml.feature.VectorAssembler is not a model that can "
                        "be loaded"));
  Edit(path + kModelFolder, [](Json* json) {
    (*json)["class"] = "org.apache.spark.ml.regression.LinearRegressionModel";
  });
  EXPECT_THAT(ErrorOf(path, ErrorKind::kUnsupported), HasSubstr("LinearRegressionModel is not"));
  WritePipelineModel(*Sample().stages, engine(), Path("pipeline"), {});
  EXPECT_THAT(ErrorOf(Path("pipeline")),
              HasSubstr("pipeline: it is a feature pipeline: none of its 1 stages is a model"));
}

TEST_F(ModelDirectoryTest, BrokenMetadataNamesTheFile) {
  const auto edited = [&](const std::function<void(Json*)>& change) {
    return ErrorAfter([&](const std::string& path) { Edit(path + kModelFolder, change); });
  };
  EXPECT_THAT(edited([](Json* json) { json->erase("numTrees"); }),
              HasSubstr("1_GBTRegressor_1/metadata: the key 'numTrees' is missing"));
  EXPECT_THAT(edited([](Json* json) { (*json)["numFeatures"] = "2"; }),
              HasSubstr("the key 'numFeatures' must be a whole number"));
  EXPECT_THAT(edited([](Json* json) { (*json)["numTrees"] = 2; }),
              HasSubstr("/data: it has 3 trees, numTrees in the metadata says 2"));
  EXPECT_THAT(edited([](Json* json) { (*json)["paramMap"]["zork"] = 1; }),
              HasSubstr("GBTRegressionModel has no parameter 'zork'"));
  EXPECT_THAT(edited([](Json* json) { (*json)["paramMap"]["maxDepth"] = 1.5; }),
              HasSubstr("the parameter 'maxDepth' must not be 1.5"));
  EXPECT_THAT(ErrorAfter([](const std::string& path) {
                WriteTextFile(DataFile(path + kModelFolder + "/metadata"), "{\n");
              }),
              HasSubstr("one line that holds one JSON object"));
}

TEST_F(ModelDirectoryTest, BrokenTreesNameTheFile) {
  const auto ints = [](RecordTable* nodes, std::size_t column) -> std::vector<std::int32_t>& {
    return std::get<std::vector<std::int32_t>>(nodes->columns[column].values);
  };
  EXPECT_THAT(ErrorWithNodes([&](RecordTable* nodes) { ints(nodes, 1)[2] = 124; }),
              HasSubstr("/data: tree 0: its 3 nodes must have the ids 0 to 2, each once, but there "
                        "is 124"));
  EXPECT_THAT(ErrorWithNodes([&](RecordTable* nodes) { ints(nodes, 1)[4] = 0; }),
              HasSubstr("/data: tree 1: its 3 nodes must have the ids 0 to 2, each once, but there "
                        "is 0 twice"));
  EXPECT_THAT(ErrorWithNodes([](RecordTable* nodes) {
                std::get<std::vector<std::vector<double>>>(nodes->columns[4].values)[1] = {1, 2};
              }),
              HasSubstr("tree 0: node 1: impurityStats has 2 numbers"));
  EXPECT_THAT(
      ErrorWithNodes([](RecordTable* nodes) { nodes->columns.erase(nodes->columns.begin() + 6); }),
      HasSubstr("column 'nodeData.gain' is missing"));
  EXPECT_THAT(ErrorWithNodes([&](RecordTable* nodes) {
                nodes->columns[0].values = std::vector<std::int64_t>(7, 0);
              }),
              HasSubstr("column 'treeID' is bigint, where int is expected"));
  EXPECT_THAT(ErrorWithNodes([&](RecordTable* nodes) { ints(nodes, 7)[0] = 5; }),
              HasSubstr("/data: tree ensemble: tree 0, node 0: child 5"));
  EXPECT_THAT(ErrorWithNodes([](RecordTable* nodes) {
                std::get<std::vector<std::vector<double>>>(nodes->columns[10].values)[3] = {4};
              }),
              HasSubstr("tree 1: node 0: category 4 is not one of 0 to 3"));
  EXPECT_THAT(ErrorWithNodes([](RecordTable* nodes) {
                std::get<std::vector<std::vector<double>>>(nodes->columns[10].values)[0] = {};
              }),
              HasSubstr("tree 0: node 0: a continuous split has 0 thresholds"));
  EXPECT_THAT(ErrorAfter([](const std::string& path) {
                WriteTextFile(DataFile(path + kModelFolder + "/data"), "nonsense");
              }),
              HasSubstr("1_GBTRegressor_1/data/part-00000"));
  EXPECT_THAT(ErrorAfter([&](const std::string& path) {
                RecordTable trees{{{"treeID", std::vector<std::int32_t>{0}},
                                   {"metadata", std::vector<std::string>{"{}"}},
                                   {"weights", std::vector<double>{1.0}}}};
                Replace(path + kModelFolder + "/treesMetadata", trees);
              }),
              HasSubstr("treesMetadata: tree 0: the key 'class' is missing"));
}

TEST_F(ModelDirectoryTest, OurFileMustFitTheModel) {
  const auto edited = [&](const std::function<void(Json*)>& change, ErrorKind kind) {
    const std::string path = Saved();
    Json json = Json::parse(ReadTextFile(path + "/firesteel.json"));
    change(&json);
    WriteTextFile(path + "/firesteel.json", json.dump());
    return ErrorOf(path, kind);
  };
  EXPECT_THAT(edited([](Json* json) { (*json)["version"] = 3; }, ErrorKind::kUnsupported),
              HasSubstr("firesteel.json: it is of version 3, and this release of firesteel reads "
                        "version 2; use a later release"));
  EXPECT_THAT(edited([](Json* json) { (*json)["version"] = 1; }, ErrorKind::kUnsupported),
              HasSubstr("reads version 2; train the model again"));
  EXPECT_THAT(edited([](Json* json) { (*json)["kind"] = "xgboost"; }, ErrorKind::kInvalidArgument),
              HasSubstr("firesteel.json: it describes a model of kind 'xgboost'"));
  EXPECT_THAT(edited([](Json* json) { (*json)["features"].erase(0); }, ErrorKind::kInvalidArgument),
              HasSubstr("it describes 1 features, but the model has 2"));
  EXPECT_THAT(edited([](Json* json) { json->erase("facts"); }, ErrorKind::kInvalidArgument),
              HasSubstr("the key 'facts' is missing"));
}

TEST_F(ModelDirectoryTest, AModelThatWasChangedIsRefused) {
  // The files are intact, but the model would not predict what it did.
  const std::string path = Saved();
  Json json = Json::parse(ReadTextFile(path + "/firesteel.json"));
  ASSERT_EQ(json["verification"]["predictions"].size(), 32u);
  // All features at their smallest: 1.0 + 0.1 * -1.0 + 0.1 * 0.7.
  EXPECT_EQ(json["verification"]["rows"][0], Json::parse("[0.0, 0.0]"));
  EXPECT_NEAR(json["verification"]["predictions"][0].get<double>(), 0.97, 1e-15);
  json["verification"]["predictions"][0] = 0.98;
  WriteTextFile(path + "/firesteel.json", json.dump());
  EXPECT_THAT(ErrorOf(path), HasSubstr("verification row 1, not 0.98"));

  // A leaf that no verification row reaches would go unnoticed by predictions alone.
  EXPECT_THAT(ErrorWithNodes([](RecordTable* nodes) {
                std::get<std::vector<double>>(nodes->columns[2].values)[6] = 0.8;
              }),
              HasSubstr("is missing; train it again or get an intact copy"));
  EXPECT_THAT(ErrorAfter([](const std::string& folder) {
                Edit(folder + kModelFolder, [](Json* metadata) { (*metadata)["timestamp"] = 8; });
              }),
              HasSubstr("txt' was changed after the model was saved"));
  EXPECT_THAT(ErrorAfter([](const std::string& folder) {
                fs::copy_file(DataFile(folder + kModelFolder + "/metadata"),
                              folder + kModelFolder + "/metadata/part-00001");
              }),
              HasSubstr("metadata/part-00001' does not belong to the model"));
}

TEST_F(ModelDirectoryTest, SparkAndNotesMayLeaveFilesInTheFolder) {
  const std::string path = Saved();
  WriteTextFile(path + "/NOTES.txt", "the good one");
  WriteTextFile(path + "/metadata/.part-00000.crc", "crc");
  EXPECT_EQ(PredictAll(*Read(path).model), PredictAll(*Forest()));
}

TEST_F(ModelDirectoryTest, ParametersThatSparkDoesNotKnowStayInOurFile) {
  SavedModel model = Sample();
  model.params["standardize"] = true;
  model.resolved["standardize"] = true;
  WriteModel(model, engine(), Path("model"), {});
  const std::string metadata = ReadTextFile(DataFile(Path("model") + kModelFolder + "/metadata"));
  EXPECT_EQ(metadata.find("standardize"), std::string::npos);
  const SavedModel loaded = Read(Path("model"));
  EXPECT_EQ(loaded.params["standardize"], true);
  EXPECT_EQ(loaded.resolved["standardize"], true);
}

TEST_F(ModelDirectoryTest, AKindWithoutAFormatIsRefused) {
  SavedModel model = Sample();
  model.kind = "plain";
  const Error error = Thrown([&] { WriteModel(model, engine(), Path("model"), {}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  EXPECT_FALSE(fs::exists(Path("model")));
}

}  // namespace
}  // namespace firesteel
