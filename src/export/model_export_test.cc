#include "export/model_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/duckdb/plain_sql.h"
#include "export/export_fixture.h"
#include "export/forest_json.h"

namespace firesteel {
namespace {

using testing::HasSubstr;

class Constant : public Regressor {
 public:
  std::size_t num_features() const override { return 1; }
  void Predict(MatrixView<const double> /*rows*/, std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 1.0);
  }
};

TEST(ModelExport, DuckDbPredictsTheSameBits) {
  // One step and several, shallow trees and such as take several terms each.
  for (const auto& [num_trees, depth] :
       std::vector<std::pair<std::size_t, int>>{{1, 0}, {1, 5}, {65, 4}, {300, 5}, {5, 60}}) {
    const ExportedModel exported = ExportModel(DrawnModel(num_trees, depth), {}, RunDuckDbSql);
    EXPECT_THAT(exported.bytes, HasSubstr("trees for DuckDB, exported by firesteel."));
    EXPECT_EQ(exported.num_rows, 96U);
  }
}

TEST(ModelExport, SparkTextIsTriedInDuckDb) {
  std::vector<std::string> ran;
  const auto run = [&ran](const std::vector<std::string>& statements) {
    ran = statements;
    return RunDuckDbSql(statements);
  };
  const ExportedModel exported =
      ExportModel(SmallModel(), {.dialect = sql::Dialect::kSpark, .table = "t"}, run);
  EXPECT_THAT(exported.bytes, HasSubstr("FROM `t`\n"));
  EXPECT_THAT(ran.back(), HasSubstr("FROM \"replay\""));
}

TEST(ModelExport, AQueryThatPredictsOtherwiseIsNotHandedOut) {
  const auto run = [](const std::vector<std::string>& statements) {
    std::vector<double> predictions = RunDuckDbSql(statements);
    predictions.back() += 1e-9;
    return predictions;
  };
  EXPECT_THROW(static_cast<void>(ExportModel(SmallModel(), {}, run)), Error);
}

TEST(ModelExport, JsonHasRowsToTryAReaderWith) {
  const SavedModel saved = DrawnModel(10, 5);
  const ExportedModel exported = ExportModel(saved, {.format = ExportFormat::kJson}, RunDuckDbSql);
  const ExportedForest forest = ForestFromJson(exported.bytes);
  const VerificationRows rows = VerificationFromJson(
      nlohmann::ordered_json::parse(exported.bytes)["verification"], saved.model->num_features());
  EXPECT_EQ(PredictForest(forest, rows), rows.predictions);
}

TEST(ModelExport, OtherKindsAreRefused) {
  SavedModel saved = SmallModel();
  saved.kind = "constant";
  saved.model = std::make_shared<Constant>();
  try {
    static_cast<void>(ExportModel(saved, {}, RunDuckDbSql));
    FAIL() << "it was exported";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_STREQ(error.what(),
                 "a model of the kind 'constant' can't be exported, as it is no sum of trees; "
                 "models of the kinds gbt and xgboost can");
  }
}

}  // namespace
}  // namespace firesteel
