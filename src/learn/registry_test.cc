#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "learn/learner.h"

namespace firesteel {
namespace {

TEST(LearnerRegistry, TrainsTheKindThatIsNamed) {
  const LearnerKind& kind = FindLearner("gbt");
  const std::vector<double> features = {1, 2};
  const std::vector<double> labels = {3, 5};
  const nlohmann::ordered_json params =
      CheckParameters(kind.parameters, {{"maxIter", 1}}, "--model-params");
  kind.check(params);
  const auto model = kind.train(
      {.features = {features.data(), 2, 1}, .labels = labels, .attributes = {{}}}, params);
  std::vector<double> out(2);
  model->Predict(MatrixView<const double>(features.data(), 2, 1), out);
  EXPECT_EQ(out, labels);
}

TEST(LearnerRegistry, RefusesUnknownKindsByName) {
  try {
    FindLearner("gbtt");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(error.what(),
                 "model type 'gbtt' is not supported; there is: gbt; did you mean 'gbt'?");
  }
  EXPECT_THROW(FindLearner("factorization_machine"), Error);
}

TEST(LearnerRegistry, EveryParameterIsDescribed) {
  for (const LearnerKind& kind : LearnerKinds()) {
    EXPECT_FALSE(kind.sentence.empty()) << kind.name;
    for (const ParameterSpec& spec : kind.parameters) {
      EXPECT_FALSE(spec.sentence.empty()) << kind.name << ' ' << spec.name;
      EXPECT_FALSE(spec.range.empty()) << kind.name << ' ' << spec.name;
    }
  }
}

}  // namespace
}  // namespace firesteel
