// Needs the library.
#ifdef FIRESTEEL_XGBOOST

#include "learn/xgboost/xgboost_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

Json Checked(const Json& given) {
  Json params = CheckParameters(XgboostParameterTable(), given, "--model-params");
  CheckXgboostParameters(params);
  return params;
}

void ExpectRefused(const Json& given, const std::string& words) {
  try {
    Checked(given);
    FAIL() << "no error: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

std::vector<Attribute> Named(const std::vector<std::string>& names) {
  std::vector<Attribute> attributes(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) attributes[i].name = names[i];
  return attributes;
}

TEST(XgboostParameters, DefaultsAreXgboostsOwn) {
  const XgboostParameters parameters = MakeXgboostParameters(Checked(Json::object()));
  EXPECT_EQ(parameters.n_estimators, 100);
  EXPECT_EQ(parameters.tree_method, "hist");
  // Nothing else is handed over, so that the library's defaults hold.
  EXPECT_EQ(parameters.own, (std::vector<std::pair<std::string, std::string>>{
                                {"objective", "reg:squarederror"}, {"tree_method", "hist"}}));
}

TEST(XgboostParameters, NamesOfScikitLearnMeanTheSame) {
  const XgboostParameters parameters = MakeXgboostParameters(Checked({{"learning_rate", 0.1},
                                                                      {"n_estimators", 7},
                                                                      {"reg_lambda", 2},
                                                                      {"random_state", 3},
                                                                      {"n_jobs", -1},
                                                                      {"max_depth", nullptr}}));
  EXPECT_EQ(parameters.n_estimators, 7);
  EXPECT_THAT(parameters.own, Contains(Pair("eta", "0.1")));
  EXPECT_THAT(parameters.own, Contains(Pair("lambda", "2.0")));
  EXPECT_THAT(parameters.own, Contains(Pair("seed", "3")));
  EXPECT_THAT(parameters.own, testing::Not(Contains(Pair("max_depth", testing::_))));
  EXPECT_FALSE(parameters.nthread);
  EXPECT_EQ(MakeXgboostParameters(Checked({{"num_boost_round", 8}})).n_estimators, 8);
  EXPECT_EQ(MakeXgboostParameters(Checked({{"eta", 1}, {"learning_rate", 1.0}})).own.back().second,
            "1.0");
}

TEST(XgboostParameters, RefusesWhatIsWrongTogether) {
  ExpectRefused({{"eta", 0.1}, {"learning_rate", 0.2}},
                "eta = 0.1 and learning_rate = 0.2 are one parameter under two names");
  ExpectRefused({{"num_round", 3}, {"num_boost_round", 4}}, "are one parameter under two names");
  ExpectRefused({{"objective", "reg:quantileerror"}}, "needs quantile_alpha");
  ExpectRefused({{"objective", "reg:gamma"}, {"base_score", -1}}, "needs one above 0");
  ExpectRefused({{"validation_indicator_col", "v"}}, "early_stopping_rounds");
}

TEST(XgboostParameters, RefusesUnknownNamesAndValues) {
  ExpectRefused({{"max_dept", 3}}, "did you mean 'max_depth'?");
  ExpectRefused({{"objective", "binary:logistic"}}, "allowed: reg:squarederror, ");
  ExpectRefused({{"booster", "dart"}}, "allowed: gbtree");
  ExpectRefused({{"subsample", 0}}, "allowed: above 0, up to 1");
  ExpectRefused({{"monotone_constraints", {1, 2}}}, "allowed: a list of -1, 0 and 1");
  ExpectRefused({{"eval_metric", "auc"}}, "allowed: one or a list of rmse");
}

TEST(XgboostParameters, ConstraintsAreGivenByPositionOrName) {
  const std::vector<Attribute> features = Named({"a", "b", "c"});
  EXPECT_EQ(MonotoneConstraints({{"c", -1}, {"a", 1}}, features), "(1,0,-1)");
  EXPECT_EQ(MonotoneConstraints({0, 1, 0}, features), "(0,1,0)");
  EXPECT_EQ(MonotoneConstraints("(0, 1, -1)", features), "(0,1,-1)");
  EXPECT_THROW(MonotoneConstraints({1}, features), Error);
  EXPECT_THROW(MonotoneConstraints({{"d", 1}}, features), Error);
  EXPECT_THROW(MonotoneConstraints("(5,0,0)", features), Error);
  EXPECT_EQ(InteractionConstraints({{"a", 2}, {"b"}}, features), "[[0,2],[1]]");
  EXPECT_EQ(InteractionConstraints("[[0, 1]]", features), "[[0,1]]");
  EXPECT_THROW(InteractionConstraints({{3}}, features), Error);
  EXPECT_THROW(InteractionConstraints("[0", features), Error);
}

TEST(XgboostParameters, MetricsKeepTheirOrder) {
  const XgboostParameters parameters =
      MakeXgboostParameters(Checked({{"eval_metric", {"mae", "rmse"}}}));
  ASSERT_EQ(parameters.own.size(), 4U);
  EXPECT_EQ(parameters.own[2].second, "mae");
  EXPECT_EQ(parameters.own[3].second, "rmse");
}

}  // namespace
}  // namespace firesteel

#endif
