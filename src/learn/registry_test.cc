#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "learn/learner.h"
#include "learn/memory_source.h"

namespace firesteel {
namespace {

TEST(LearnerRegistry, TrainsTheKindThatIsNamed) {
  const LearnerKind& kind = FindLearner("gbt");
  MemorySource source({.attributes = {{}}, .features = {1, 2}, .labels = {3, 5}});
  const nlohmann::ordered_json params =
      CheckParameters(kind.parameters, {{"maxIter", 1}, {"weightCol", "w"}}, "--model-params");
  kind.check(params);
  EXPECT_EQ(kind.columns(params).weight, "w");
  const TrainedModel trained = kind.train(source, params, {});
  const std::vector<double> features = {1, 2};
  std::vector<double> out(2);
  trained.model->Predict(MatrixView<const double>(features.data(), 2, 1), out);
  EXPECT_EQ(out, (std::vector<double>{3, 5}));
  EXPECT_EQ(trained.facts["num_trees"], 1);
}

TEST(LearnerRegistry, RefusesUnknownKindsByName) {
  try {
    FindLearner("gbtt");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(
        error.what(),
        "model type 'gbtt' is not supported; there is: gbt, factorization_machine, xgboost; did "
        "you mean 'gbt'?");
  }
  EXPECT_EQ(FindLearner("factorization_machine").name, "factorization_machine");
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
