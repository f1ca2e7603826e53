// What Spark 3.5.6 saved (tests/parity/recorded/spark-3.5.6) must load and give Spark's frame.

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"
#include "model/feature_importances.h"
#include "model/tree_ensemble.h"
#include "sparkml/frame.h"
#include "sparkml/model_directory.h"
#include "sparkml/pipeline_directory.h"

namespace firesteel {
namespace {

class RecordedSparkTest : public StageFixture {
 protected:
  Location At(const std::string& name) {
    return Location::Parse(FIRESTEEL_RECORDED_FOLDER) / "spark-3.5.6" / name;
  }
};

TEST_F(RecordedSparkTest, APipelineOfSpark35GivesSparksFrame) {
  const PipelineModel model = ReadPipelineModel(engine(), At("pipeline_model"), {});
  EXPECT_EQ(model.stages().size(), 12u);
  const Relation ours = model.Transform(engine(), ReadFrame(engine(), At("before")));
  const Relation theirs = ReadFrame(engine(), At("after"));
  ASSERT_EQ(ours.schema().num_fields(), theirs.schema().num_fields());
  for (std::size_t i = 0; i < theirs.schema().num_fields(); ++i) {
    const Field& our_field = ours.schema().fields()[i];
    const Field& field = theirs.schema().fields()[i];
    SCOPED_TRACE(field.name);
    EXPECT_EQ(our_field.name, field.name);
    EXPECT_EQ(our_field.type, field.type);
    EXPECT_EQ(our_field.attributes, field.attributes);
    if (field.type == kStringType) continue;
    const auto* group = std::get_if<AttributeGroup>(&field.attributes);
    const std::size_t width = group == nullptr ? 1 : group->size;
    const std::vector<double> our_numbers = Numbers(ours, field.name, width);
    const std::vector<double> numbers = Numbers(theirs, field.name, width);
    ASSERT_EQ(our_numbers.size(), numbers.size());
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      if (std::isnan(numbers[k])) {
        EXPECT_TRUE(std::isnan(our_numbers[k])) << k;
      } else {
        EXPECT_NEAR(our_numbers[k], numbers[k], 1e-12 * std::abs(numbers[k])) << k;
      }
    }
  }
}

TEST_F(RecordedSparkTest, ATrainedModelOfSpark35GivesSparksPredictions) {
  const SavedModel model = ReadModel(engine(), At("gbt_model"), {});
  EXPECT_EQ(model.kind, "gbt");
  EXPECT_EQ(model.label_column, "price");
  EXPECT_EQ(model.params["weightCol"], "weight");
  EXPECT_EQ(model.resolved["maxIter"], 6);
  EXPECT_EQ(model.resolved["stepSize"], 0.25);
  EXPECT_EQ(model.resolved["maxBins"], 32);
  ASSERT_EQ(model.attributes.size(), 2u);
  EXPECT_EQ(model.attributes[0].name, "days");
  EXPECT_EQ(model.attributes[1].name, "colour_index");
  EXPECT_EQ(model.attributes[1].Arity(), 4u);
  EXPECT_EQ(model.attributes[1].values.size(), 4u);

  const auto& forest = dynamic_cast<const TreeEnsemble&>(*model.model);
  EXPECT_EQ(SizeOf(forest).num_trees, 6u);
  EXPECT_EQ(SizeOf(forest).num_nodes, 90u);
  const auto importances = nlohmann::json::parse(ReadTextFile(At("gbt_importances.json").path()));
  const std::vector<double> ours = FeatureImportances(forest);
  ASSERT_EQ(ours.size(), importances.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], importances[i].get<double>(), 1e-14);
  }

  const Relation rows = model.stages->Transform(engine(), ReadFrame(engine(), At("gbt_rows")));
  const std::vector<double> features = Numbers(rows, "assembled", 2);
  const std::vector<double> expected =
      Numbers(ReadFrame(engine(), At("gbt_predictions")), "prediction");
  ASSERT_EQ(expected.size(), 120u);
  std::vector<double> predictions(expected.size());
  forest.Predict(MatrixView<const double>(features.data(), expected.size(), 2), predictions);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(predictions[i], expected[i], 1e-13 * (1.0 + std::abs(expected[i]))) << i;
  }
}

}  // namespace
}  // namespace firesteel
