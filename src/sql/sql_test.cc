#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "base/error.h"
#include "sql/function_table.h"
#include "sql/ml_functions.h"
#include "sql/parse.h"
#include "sql/print.h"
#include "sql/resolve.h"

namespace firesteel::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Schema& TestSchema() {
  static const Schema schema = [] {
    Attribute states;
    states.kind = Attribute::Kind::kNominal;
    states.values = {"CA", "NY"};
    AttributeGroup group;
    group.size = 3;
    return Schema({{"a", kIntType, false},
                   {"n", kLongType},
                   {"x", kDoubleType},
                   {"f", kFloatType},
                   {"s", kStringType},
                   {"b", kBooleanType},
                   {"d", kDateType},
                   {"c", {TypeKind::kDecimal, 5, 2}},
                   {"v", kVectorType, true, group},
                   {"State", kStringType, true, states}});
  }();
  return schema;
}

ExpressionPtr Resolved(std::string_view text) {
  return Resolve(ParseExpression(text), TestSchema());
}
std::string DuckDb(std::string_view text) { return Print(*Resolved(text), Dialect::kDuckDb); }
std::string Spark(std::string_view text) { return Print(*Resolved(text), Dialect::kSpark); }

Error ErrorOf(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::kInternal, "no error");
}

TEST(ParseTest, LinesAndColumnsAreNamed) {
  const Error error = ErrorOf([] { ParseExpression("a +\n  é`"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("line 2, column 3: unexpected character 'é'"));
  EXPECT_THAT(ErrorOf([] { ParseExpression("'é' é"); }).what(), HasSubstr("line 1, column 5"));
}

TEST(ParseTest, WhatLiesOutsideTheSubsetIsUnsupported) {
  EXPECT_EQ(ErrorOf([] { ParseExpression("sum(a)"); }).kind(), ErrorKind::kUnsupported);
  EXPECT_EQ(ErrorOf([] { ParseSelect("SELECT a FROM __THIS__ GROUP BY a"); }).kind(),
            ErrorKind::kUnsupported);
  EXPECT_EQ(ErrorOf([] { ParseSelect("SELECT a FROM b"); }).kind(), ErrorKind::kUsage);
}

TEST(ParseTest, DeepNestingIsRefused) {
  const std::string deep = std::string(100000, '(') + "a" + std::string(100000, ')');
  EXPECT_THAT(ErrorOf([&] { ParseExpression(deep); }).what(), HasSubstr("nested more than"));
  std::string chain = "a";
  for (int i = 0; i < 100000; ++i) chain += " + a";
  EXPECT_THAT(ErrorOf([&] { ParseExpression(chain); }).what(), HasSubstr("nested more than"));
  std::string minus(100000, '-');
  minus += "a";
  EXPECT_NO_THROW(ParseExpression("a -- " + minus));
}

TEST(ParseTest, ItemsKeepTheSpellingOfTheStatement) {
  const Select select = ParseSelect("select STATE, a + 1 as `the sum`, * from __THIS__");
  ASSERT_EQ(select.items.size(), 3u);
  EXPECT_EQ(select.items[0].name, "STATE");
  EXPECT_EQ(select.items[1].name, "the sum");
  EXPECT_EQ(select.items[2].expression, nullptr);
}

TEST(ResolveTest, ImplicitConversionsAreWrittenOut) {
  EXPECT_EQ(Spark("a + n"), "(CAST(`a` AS BIGINT) + `n`)");
  EXPECT_EQ(Spark("a + 1"), "(`a` + 1)");
  EXPECT_EQ(Spark("n + 1"), "(`n` + 1L)");
  EXPECT_EQ(Spark("a / 2"), "(CAST(`a` AS DOUBLE) / 2e0)");
  EXPECT_EQ(Spark("a + f"), "(CAST(`a` AS DOUBLE) + CAST(`f` AS DOUBLE))");
  EXPECT_EQ(Spark("CASE WHEN b THEN a ELSE x END"),
            "CASE WHEN `b` THEN CAST(`a` AS DOUBLE) ELSE `x` END");
  EXPECT_EQ(Spark("d < '2020-1-2'"), "(`d` < DATE '2020-01-02')");
}

TEST(ResolveTest, TypesFollowSpark) {
  EXPECT_EQ(Resolved("a + a")->type, kIntType);
  EXPECT_EQ(Resolved("a / a")->type, kDoubleType);
  EXPECT_EQ(Resolved("a div a")->type, kLongType);
  EXPECT_EQ(Resolved("f * f")->type, kFloatType);
  EXPECT_EQ(Resolved("floor(x)")->type, kLongType);
  EXPECT_EQ(Resolved("round(a)")->type, kIntType);
  EXPECT_EQ(Resolved("length(s)")->type, kIntType);
  EXPECT_EQ(Resolved("coalesce(NULL, c)")->type, (DataType{TypeKind::kDecimal, 5, 2}));
  EXPECT_EQ(Resolved("v IS NULL")->type, kBooleanType);
}

TEST(ResolveTest, NullabilityIsKnown) {
  EXPECT_FALSE(Resolved("a")->nullable);
  EXPECT_FALSE(Resolved("a + 1")->nullable);
  EXPECT_TRUE(Resolved("a / 2")->nullable);
  EXPECT_TRUE(Resolved("sqrt(a)")->nullable);
  EXPECT_TRUE(Resolved("TRY_CAST(a AS SMALLINT)")->nullable);
  EXPECT_FALSE(Resolved("coalesce(n, a)")->nullable);
  EXPECT_FALSE(Resolved("n IS NULL")->nullable);
  EXPECT_TRUE(Resolved("CASE WHEN b THEN a END")->nullable);
}

TEST(ResolveTest, SelectsKeepAttributesOfBareColumns) {
  const ResolvedSelect select =
      Resolve(ParseSelect("SELECT state AS region, v, upper(state) AS u FROM __THIS__ WHERE a > 0"),
              TestSchema());
  EXPECT_THAT(select.schema.names(), ElementsAre("region", "v", "u"));
  EXPECT_EQ(select.schema.fields()[0].attributes, TestSchema().Get("State").attributes);
  EXPECT_EQ(select.schema.fields()[1].attributes, TestSchema().Get("v").attributes);
  EXPECT_EQ(select.schema.fields()[2].attributes, ColumnAttributes());
  EXPECT_EQ(
      Print(select, Dialect::kDuckDb, "t"),
      "SELECT \"State\" AS \"region\", \"v\", fs_upper(\"State\") AS \"u\" FROM t WHERE (\"a\" "
      "> 0)");
}

TEST(ResolveTest, UnknownColumnsAndMixedTypesAreRefused) {
  const Error unknown = ErrorOf([] { Resolved("1 + pryce"); });
  EXPECT_EQ(unknown.kind(), ErrorKind::kNotFound);
  EXPECT_THAT(unknown.what(), HasSubstr("position 5: unknown column 'pryce'"));
  EXPECT_EQ(ErrorOf([] { Resolved("a = s"); }).kind(), ErrorKind::kInvalidArgument);
  EXPECT_EQ(ErrorOf([] { Resolved("v = v"); }).kind(), ErrorKind::kInvalidArgument);
}

TEST(PrintTest, DoublesReadBackToTheSameBits) {
  EXPECT_EQ(Spark("1.5"), "1.5e0");
  EXPECT_EQ(Spark("-0.0"), "(-0e0)");
  EXPECT_EQ(Spark("0.1"), "1e-1");
  EXPECT_EQ(Spark("123456.789"), "1.23456789e5");
  const Schema schema;
  EXPECT_EQ(
      Print(*Resolve(Literal(std::numeric_limits<double>::infinity()), schema), Dialect::kDuckDb),
      "CAST('Infinity' AS DOUBLE)");
}

TEST(PrintTest, TheLeastWholeNumbersKeepTheirType) {
  EXPECT_EQ(DuckDb("-2147483648"), "CAST(-2147483648 AS INTEGER)");
  EXPECT_EQ(Spark("-9223372036854775808"), "(-9223372036854775808L)");
  EXPECT_EQ(DuckDb("5L"), "CAST(5 AS BIGINT)");
}

TEST(PrintTest, QuotesCannotEndAText) {
  EXPECT_EQ(QuoteString("it's \\", Dialect::kDuckDb), "'it''s \\'");
  EXPECT_EQ(QuoteString("it's \\", Dialect::kSpark), "'it\\'s \\\\'");
  EXPECT_EQ(QuoteString("${a}", Dialect::kSpark), "'\\u0024{a}'");
  EXPECT_EQ(QuoteIdentifier("a\"b`c", Dialect::kDuckDb), "\"a\"\"b`c\"");
  EXPECT_EQ(QuoteIdentifier("a\"b`c", Dialect::kSpark), "`a\"b``c`");
}

TEST(PrintTest, WhatMayFailIsComputedOnlyWhereSparkComputesIt) {
  EXPECT_EQ(DuckDb("b AND b"), "(\"b\" AND \"b\")");
  EXPECT_EQ(
      DuckDb("b AND CAST(s AS BOOLEAN)"),
      "CASE WHEN NOT \"b\" THEN FALSE WHEN NOT fs_string_to_boolean(\"s\") THEN FALSE WHEN "
      "\"b\" IS NULL THEN NULL WHEN fs_string_to_boolean(\"s\") IS NULL THEN NULL ELSE TRUE END");
  EXPECT_EQ(
      DuckDb("n + CAST(s AS BIGINT)"),
      "CASE WHEN \"n\" IS NULL THEN NULL ELSE fs_add_bigint(\"n\", fs_string_to_bigint(\"s\")) "
      "END");
  EXPECT_EQ(DuckDb("a + CAST(s AS INT)"), "fs_add_int(\"a\", fs_string_to_int(\"s\"))");
}

TEST(PrintTest, StageFunctionsArePrintedForDuckDbAlone) {
  const auto print = [](const ExpressionPtr& expression) {
    return Print(*Resolve(expression, TestSchema()), Dialect::kDuckDb);
  };
  EXPECT_EQ(print(Call(kStringIndex, {Column("s"), Literal("it's"), Literal("")})),
            "CAST(enum_code(TRY_CAST(\"s\" AS ENUM('it''s', ''))) AS DOUBLE)");
  EXPECT_EQ(print(Call(kStringIndex, {Column("s")})), "CAST(NULL AS DOUBLE)");
  EXPECT_EQ(print(Call(kOneHot, {Column("x"), Literal(3)})), "fs_one_hot(\"x\", 3)");
  EXPECT_EQ(print(Call(kAssemble, {Column("a"), Column("b"), Column("v")})),
            "fs_assemble(CAST(\"a\" AS DOUBLE), CAST(\"b\" AS DOUBLE), \"v\")");
  EXPECT_EQ(print(Call(kConstantVector, {Literal(1.5), Literal(2)})),
            "fs_constant_vector(1.5e0, 2)");
  EXPECT_EQ(print(Call(kStandardScale, {Column("v"), Literal(std::vector<double>{1, 2}),
                                        Literal(std::vector<double>{}), Literal(true)})),
            "fs_standard_scale(\"v\", [1e0, 2e0]::DOUBLE[], []::DOUBLE[], TRUE)");
}

// What these compute is compared with DuckDB on a real Spark (tests/spark_connect).
TEST(PrintTest, SparkTextOfMlFunctionsIsOverArrays) {
  const auto print = [](const ExpressionPtr& expression) {
    return Print(*Resolve(expression, TestSchema()), Dialect::kSpark);
  };
  EXPECT_EQ(print(Call(kStringIndex, {Column("s"), Literal("it's"), Literal("")})),
            "CAST(nullif(array_position(array('it\\'s', ''), `s`), 0) - 1 AS DOUBLE)");
  EXPECT_EQ(print(Call(kStringIndex, {Column("s")})), "CAST(NULL AS DOUBLE)");
  EXPECT_EQ(
      print(Call(kOneHot, {Column("x"), Literal(3)})),
      "CASE WHEN `x` IS NOT NULL THEN transform(sequence(0, 2), k -> IF(`x` < k + 1 AND (`x` >= "
      "k OR (k = 0 AND `x` > -1)), 1e0, 0e0)) END");
  EXPECT_EQ(print(Call(kOneHot, {Column("x"), Literal(0)})),
            "CASE WHEN `x` IS NOT NULL THEN CAST(array() AS ARRAY<DOUBLE>) END");
  EXPECT_EQ(print(Call(kAssemble, {Column("a"), Column("x"), Column("v")})),
            "CASE WHEN `x` IS NOT NULL AND `v` IS NOT NULL THEN concat(array(CAST(`a` AS DOUBLE), "
            "`x`), `v`) END");
  EXPECT_EQ(print(Call(kConstantVector, {Literal(1.5), Literal(2)})), "array_repeat(1.5e0, 2)");
  EXPECT_EQ(print(Call(kStandardScale, {Column("v"), Literal(std::vector<double>{1, 2}),
                                        Literal(std::vector<double>{3, 4}), Literal(true)})),
            "transform(`v`, (x, k) -> (x - element_at(array(1e0, 2e0), k + 1)) * "
            "element_at(array(3e0, 4e0), k + 1))");
}

TEST(PrintTest, SparkTextParsesToTheSameExpression) {
  for (const char* text :
       {"CASE WHEN s IN ('A', 'it\\'s') THEN s ELSE 'OTHER' END", "sqrt(pow(x, 2) + pow(a, 2))",
        "NOT (b AND a <=> 3) OR s LIKE '%a\\_b'", "try_to_date(s, 'M/d/yy') IS NOT NULL",
        "-x % 3 + abs(n) * 2 - a div 7", "CAST(x AS INT) || upper(substring(s, 2))"}) {
    const std::string once = Spark(text);
    EXPECT_EQ(Spark(once), once) << text;
  }
}

TEST(FunctionTableTest, NamesAreUniqueAndRowsComplete) {
  std::vector<std::string_view> names;
  for (const Function& function : Functions()) {
    names.push_back(function.name);
    names.insert(names.end(), function.aliases.begin(), function.aliases.end());
    EXPECT_FALSE(function.sentence.empty()) << function.name;
    EXPECT_FALSE(function.signature.empty()) << function.name;
    if (function.group != FunctionGroup::kMl) {
      EXPECT_FALSE(function.example.empty()) << function.name;
    }
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(FunctionTableTest, TheDocumentListsEveryFunction) {
  std::ifstream file(FIRESTEEL_SOURCE_DIR "/docs/expressions.md");
  std::stringstream document;
  document << file.rdbuf();
  const std::string text = document.str();
  ASSERT_FALSE(text.empty());
  for (const Function& function : Functions()) {
    if (function.group == FunctionGroup::kMl) continue;
    EXPECT_THAT(text, HasSubstr(DocumentationRow(function)));
  }
}

}  // namespace
}  // namespace firesteel::sql
