// What Spark 3.5.6 saved (tests/parity/recorded/spark-3.5.6) must load and give Spark's frame.

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"
#include "sparkml/frame.h"
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

}  // namespace
}  // namespace firesteel
