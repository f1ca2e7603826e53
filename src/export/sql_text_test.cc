#include "export/sql_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "export/export_fixture.h"

namespace firesteel {
namespace {

using sql::Dialect;
using testing::HasSubstr;

std::string MessageOf(const ExportedForest& forest) {
  try {
    return WriteForestSql(forest, Dialect::kDuckDb, "features");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    return error.what();
  }
}

TEST(SqlText, IsOneQueryOfDuckDb) {
  EXPECT_EQ(WriteForestSql(MakeExportedForest(SmallModel()), Dialect::kDuckDb, "shop.features"),
            R"(WITH "firesteel_step_1" AS (
  SELECT *, 0e0
    + CASE WHEN "distance" <= 2.5e0 THEN 1e0 ELSE CASE WHEN "weight" <= -0.1e0 THEN 2e0 ELSE 4e0 END END
    + CASE WHEN "weight" <= 7e0 THEN 2e0 ELSE 4e0 END AS "firesteel_sum" FROM "shop"."features"
)
SELECT * EXCLUDE ("firesteel_sum"), "firesteel_sum" AS "prediction"
FROM "firesteel_step_1")");
}

TEST(SqlText, IsOneSelectOfSpark) {
  EXPECT_EQ(WriteForestSql(MakeExportedForest(SmallModel()), Dialect::kSpark, "features"),
            R"(SELECT *, aggregate(array(
  CASE WHEN `distance` <= 2.5D THEN 1D ELSE CASE WHEN `weight` <= -0.1D THEN 2D ELSE 4D END END,
  CASE WHEN `weight` <= 7D THEN 2D ELSE 4D END
), 0D, (total, leaf) -> total + leaf) AS `prediction`
FROM `features`)");
}

TEST(SqlText, CategoriesAreSets) {
  const auto text = [](std::vector<std::int32_t> left_categories, Dialect dialect) {
    return WriteForestSql(MakeExportedForest(CategoricalModel(std::move(left_categories))), dialect,
                          "t");
  };
  EXPECT_THAT(text({0, 1, 4}, Dialect::kDuckDb),
              HasSubstr(R"(CASE WHEN list_contains([2e0, 3e0], "carrier") THEN 2e0 ELSE 1e0 END)"));
  EXPECT_THAT(text({0, 1, 4}, Dialect::kSpark),
              HasSubstr("CASE WHEN `carrier` IN (2D, 3D) THEN 2D ELSE 1D END"));
  EXPECT_THAT(text({0, 3}, Dialect::kSpark),
              HasSubstr("CASE WHEN (`carrier` = 0D OR `carrier` IN (0D, 3D)) THEN 1D ELSE 2D END"));
  EXPECT_THAT(text({3}, Dialect::kDuckDb), HasSubstr("CASE WHEN \"carrier\" = 3e0 THEN 1e0"));
  EXPECT_THAT(text({}, Dialect::kDuckDb), HasSubstr("+ 2e0 AS"));
}

TEST(SqlText, MissingValuesThatPassAreThoseThatFailTheOpposite) {
  ExportedForest forest = MakeExportedForest(SmallModel());
  forest.trees.erase(forest.trees.begin());
  forest.trees[0].nodes[0].missing_passes = true;
  forest.trees[0].nodes[0].test = ExportedNode::Test::kBelow;
  EXPECT_THAT(WriteForestSql(forest, Dialect::kSpark, "t"),
              HasSubstr("CASE WHEN `weight` >= 7D AND `weight` <= CAST('Infinity' AS DOUBLE) THEN "
                        "4D ELSE 2D END"));
}

TEST(SqlText, NamesThatNoTableCanHaveAreRefused) {
  ExportedForest forest = MakeExportedForest(SmallModel());
  forest.features[1].name = "DISTANCE";
  EXPECT_EQ(MessageOf(forest),
            "feature 1 'DISTANCE' and feature 0 would be columns of one name, as SQL ignores case; "
            "export JSON or ONNX, which go by position");
  forest.features[1].name = "Prediction";
  EXPECT_THAT(MessageOf(forest), HasSubstr("'Prediction' and the prediction would be"));
  forest.features[1].name = "";
  EXPECT_THAT(MessageOf(forest), HasSubstr("feature 1 has an empty name"));
}

}  // namespace
}  // namespace firesteel
