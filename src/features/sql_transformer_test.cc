#include "features/sql_transformer.h"

#include <gmock/gmock.h>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SqlTransformerTest : public StageFixture {};

TEST_F(SqlTransformerTest, PutsNewColumnsWhereTheStatementSays) {
  const Relation rows = Rows("s,n\na,3\nb,4\n,5\n", {{"s", kStringType}, {"n", kIntType}});
  const Relation output = FitTransform(
      R"([{"SQLTransformer": {"statement":
          "SELECT CASE WHEN s IN ('a') THEN s ELSE 'OTHER' END AS r, * FROM __THIS__"}},
          {"StringIndexer": {"inputCol": "r", "outputCol": "i"}}])",
      rows);
  EXPECT_THAT(output.schema().names(), ElementsAre("r", "s", "n", "i"));
  EXPECT_THAT(AttributeOf(output, "i").values, ElementsAre("OTHER", "a"));
}

TEST_F(SqlTransformerTest, ABareColumnKeepsItsAttributesAndAnExpressionHasNone) {
  const Relation rows = Rows("s\na\nb\n", {{"s", kStringType}});
  const Relation output = FitTransform(
      R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
          {"SQLTransformer": {"statement": "SELECT I AS j, i + 0 AS k FROM __THIS__"}}])",
      rows);
  EXPECT_EQ(AttributeOf(output, "j").name, "i");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(output.schema().Get("k").attributes));
}

TEST_F(SqlTransformerTest, AStatementOutsideTheLanguageIsRefusedAsItIsMade) {
  const Error error = Thrown([&] {
    MakePipeline(R"([{"SQLTransformer": {"statement": "SELECT a FROM __THIS__ GROUP BY a"}}])");
  });
  EXPECT_THAT(error.what(), HasSubstr("test: SQLTransformer: "));
  EXPECT_THAT(error.what(), HasSubstr("GROUP"));
}

TEST_F(SqlTransformerTest, AnUnknownFunctionInASavedStageNamesFunctionAndStage) {
  StageRecord record;
  record.class_name = "org.apache.spark.ml.feature.SQLTransformer";
  record.uid = "SQLTransformer_12";
  record.params["statement"] = "SELECT zork(s) AS t FROM __THIS__";
  const Relation rows = Rows("s\na\n", {{"s", kStringType}});
  const Error error = Thrown([&] {
    std::vector<std::unique_ptr<FittedStage>> stages;
    stages.push_back(LoadStage(record, {}));
    PipelineModel("p", std::move(stages)).Transform(engine(), rows);
  });
  EXPECT_THAT(error.what(), HasSubstr("stage SQLTransformer_12"));
  EXPECT_THAT(error.what(), HasSubstr("zork"));
}

}  // namespace
}  // namespace firesteel
