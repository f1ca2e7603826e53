#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "workflow/workflow.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A small workflow, line by line, of which tests replace one line.
constexpr std::string_view kSmall =
    "version: 1\n"                                               // 1
    "name: small\n"                                              // 2
    "sources:\n"                                                 // 3
    "  rows: {delimiter: ;, types: {Code: string}}\n"            // 4
    "  extra: {format: parquet}\n"                               // 5
    "joins: [{source: extra, on: [Code], how: inner}]\n"         // 6
    "column_names: as_is\n"                                      // 7
    "date: {column: Day, format: dd.MM.yyyy}\n"                  // 8
    "split: {training_fraction: 0.8}\n"                          // 9
    "stages:\n"                                                  // 10
    "  - SQLTransformer: {statement: SELECT * FROM __THIS__}\n"  // 11
    "label: y\n"                                                 // 12
    "ids: [a, b]\n"                                              // 13
    "model: {type: gbt, params: {maxIter: 3}}\n";                // 14

// kSmall with a line (1-based) replaced.
std::string WithLine(int line, const std::string& text) {
  std::string result;
  int number = 1;
  for (std::size_t start = 0; start < kSmall.size(); ++number) {
    const std::size_t end = kSmall.find('\n', start) + 1;
    result += number == line ? (text.empty() ? "" : text + "\n")
                             : std::string(kSmall.substr(start, end - start));
    start = end;
  }
  return result;
}

std::string RefusalOf(const std::string& text) {
  try {
    Workflow::Parse(text, "w.yaml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(WorkflowTest, TheBuiltInOneIsTheShippingWorkflow) {
  const Workflow& workflow = Workflow::BuiltIn();
  EXPECT_EQ(workflow.name, "shipping");
  ASSERT_EQ(workflow.sources.size(), 2u);
  EXPECT_EQ(workflow.sources[0].name, "shipping_logs");
  ASSERT_EQ(workflow.joins.size(), 1u);
  EXPECT_THAT(workflow.joins[0].options.keys, ElementsAre("ProductId"));
  EXPECT_EQ(workflow.joins[0].options.type, JoinType::kLeft);
  EXPECT_TRUE(workflow.snake_case_names);
  EXPECT_EQ(workflow.date.format, "M/d/yy");
  EXPECT_EQ(workflow.training_fraction, 0.9);
  EXPECT_EQ(workflow.stages.size(), 7u);
  EXPECT_EQ(workflow.label, "actual_shipping_days");
  EXPECT_TRUE(workflow.ids.Contains("order_id"));
  EXPECT_FALSE(workflow.ids.Contains("order_identity"));
  EXPECT_THAT(workflow.baselines, ElementsAre("expected_shipping_days"));
  EXPECT_EQ(workflow.model_type, "gbt");
  EXPECT_EQ(workflow.text, BuiltInWorkflowText());
}

TEST(WorkflowTest, EveryKeyIsRead) {
  const Workflow workflow = Workflow::Parse(kSmall, "w.yaml");
  EXPECT_EQ(workflow.sources[0].csv.delimiter, ';');
  EXPECT_EQ(workflow.sources[0].types[0].second, kStringType);
  EXPECT_EQ(workflow.sources[1].format, SourceFormat::kParquet);
  EXPECT_EQ(workflow.joins[0].options.type, JoinType::kInner);
  EXPECT_FALSE(workflow.snake_case_names);
  EXPECT_EQ(workflow.date.column, "Day");
  EXPECT_EQ(workflow.training_fraction, 0.8);
  EXPECT_EQ(workflow.stages[0].line, 11);
  EXPECT_THAT(workflow.ids.names, ElementsAre("a", "b"));
  EXPECT_EQ(workflow.model_params["maxIter"], 3);
}

TEST(WorkflowTest, WhatMayBeLeftOutHasDefaults) {
  const Workflow workflow = Workflow::Parse(
      "version: 1\nname: n\nsources: {rows: }\ndate: {column: d}\nstages: []\nlabel: y\n", "w");
  EXPECT_TRUE(workflow.joins.empty());
  EXPECT_TRUE(workflow.snake_case_names);
  EXPECT_FALSE(workflow.date.format.has_value());
  EXPECT_EQ(workflow.training_fraction, 0.9);
  EXPECT_FALSE(workflow.ids.Contains("y"));
  EXPECT_EQ(workflow.model_type, "gbt");
  EXPECT_TRUE(workflow.model_params.is_object());
}

TEST(WorkflowTest, ScalarsAreTypedByTheCoreSchema) {
  const Workflow workflow = Workflow::Parse(
      WithLine(14, "model: {params: {maxIter: 0x10, stepSize: 5e-1, minInfoGain: .5}}"), "w");
  EXPECT_EQ(workflow.model_params.dump(), R"({"maxIter":16,"stepSize":0.5,"minInfoGain":0.5})");
  EXPECT_THAT(RefusalOf(WithLine(14, "model: {params: {maxIter: '3'}}")), HasSubstr("maxIter"));
  EXPECT_THAT(RefusalOf(WithLine(12, "label: 5")),
              HasSubstr("w.yaml line 12: label: text is expected, not the number 5; put it in "
                        "quotes"));
  EXPECT_EQ(RefusalOf(WithLine(12, "label: 'true'")), "accepted");
  EXPECT_EQ(RefusalOf(WithLine(12, "label: yes")), "accepted");
}

TEST(WorkflowTest, NewerVersionsAreRefusedForThat) {
  EXPECT_EQ(RefusalOf(WithLine(1, "version: 2\nnovelty: 1")),
            "w.yaml line 1: version: this file is of version 2, and this firesteel knows versions "
            "up to 1; use a newer firesteel");
  EXPECT_THAT(RefusalOf(WithLine(1, "")), HasSubstr("the key 'version' is missing"));
  EXPECT_THAT(RefusalOf(WithLine(1, "version: one")), HasSubstr("line 1: version: "));
}

TEST(WorkflowTest, UnknownKeysAreNamedWithLineAndHint) {
  EXPECT_EQ(
      RefusalOf(WithLine(12, "lable: y")),
      "w.yaml line 12: lable: unknown key; did you mean 'label'?; known here: version, name, "
      "sources, joins, column_names, date, split, stages, python_stages, label, ids, baselines, "
      "model");
  EXPECT_THAT(RefusalOf(WithLine(4, "  rows: {delimeter: ;}")),
              HasSubstr("w.yaml line 4: sources.rows.delimeter: unknown key; did you mean "
                        "'delimiter'?"));
  EXPECT_THAT(RefusalOf(WithLine(12, "label: y\nlabel: z")),
              HasSubstr("line 13: label: this key is given twice"));
}

TEST(WorkflowTest, JoinsAreChecked) {
  EXPECT_THAT(RefusalOf(WithLine(6, "joins: [{source: extras, on: [Code]}]")),
              HasSubstr("line 6: joins[1].source: there is no source 'extras'; did you mean "
                        "'extra'?"));
  EXPECT_THAT(RefusalOf(WithLine(6, "joins: [{source: rows, on: [Code]}]")),
              HasSubstr("'rows' is the first source"));
  EXPECT_THAT(
      RefusalOf(WithLine(6, "joins: [{source: extra, on: [Code]}, {source: extra, on: [Code]}]")),
      HasSubstr("'extra' is joined twice"));
  EXPECT_THAT(RefusalOf(WithLine(6, "")),
              HasSubstr("line 5: sources.extra: this source is not used"));
  EXPECT_THAT(RefusalOf(WithLine(6, "joins: [{source: extra, on: [Code], how: outer}]")),
              HasSubstr("'outer' is not one of left, inner"));
  EXPECT_THAT(RefusalOf(WithLine(6, "joins: [{source: extra}]")),
              HasSubstr("the key 'on' is missing"));
}

TEST(WorkflowTest, SourcesAreChecked) {
  EXPECT_THAT(RefusalOf(WithLine(4, "  Rows: {}")), HasSubstr("'Rows' is not"));
  EXPECT_THAT(RefusalOf(WithLine(4, "  output: {}")), HasSubstr("a flag has that name"));
  EXPECT_THAT(RefusalOf(WithLine(4, "  rows: {delimiter: ab}")), HasSubstr("one ASCII character"));
  EXPECT_THAT(RefusalOf(WithLine(4, "  rows: {types: {Code: strin}}")),
              HasSubstr("line 4: sources.rows.types.Code: "));
  EXPECT_THAT(RefusalOf(WithLine(5, "  extra: {format: parquet, delimiter: ;}")),
              HasSubstr("this goes with format: csv"));
}

TEST(WorkflowTest, StagesAreMadeOnceToCheckThem) {
  EXPECT_THAT(RefusalOf(WithLine(11, "  - StringIndexr: {inputCol: a}")),
              HasSubstr("w.yaml line 11: unknown stage 'StringIndexr'; did you mean "
                        "'StringIndexer'?"));
  EXPECT_THAT(RefusalOf(WithLine(11, "  - StringIndexer: {inputColumn: a, outputCol: b}")),
              HasSubstr("w.yaml line 11: StringIndexer: "));
  EXPECT_THAT(RefusalOf(WithLine(11, "  - SQLTransformer: {statement: SELECT FROM __THIS__}")),
              HasSubstr("w.yaml line 11: "));
  EXPECT_THAT(RefusalOf(WithLine(11, "  - just text")),
              HasSubstr("line 11: stages[1]: a stage is"));
}

TEST(WorkflowTest, DateSplitLabelAndModelAreChecked) {
  EXPECT_THAT(RefusalOf(WithLine(8, "date: {column: Day, format: dd.MM.yyyy HH}")),
              HasSubstr("line 8: date.format: "));
  EXPECT_THAT(RefusalOf(WithLine(9, "split: {training_fraction: 1}")),
              HasSubstr("line 9: split.training_fraction: the fraction must lie between 0 and 1"));
  EXPECT_THAT(RefusalOf(WithLine(12, "label: a")), HasSubstr("the label 'a' is an id column"));
  EXPECT_THAT(RefusalOf(WithLine(14, "model: {type: gtb}")), HasSubstr("line 14: model.type: "));
  EXPECT_THAT(RefusalOf(WithLine(14, "model: {params: {maxIterr: 3}}")),
              HasSubstr("did you mean 'maxIter'?"));
  EXPECT_THAT(RefusalOf(WithLine(14, "python_stages: {m.C: SELECT}")),
              HasSubstr("line 14: python_stages.m.C: "));
}

TEST(WorkflowTest, BaselinesAreColumnsOtherThanTheLabel) {
  EXPECT_THAT(Workflow::Parse(WithLine(14, "baselines: [plan, older]"), "w.yaml").baselines,
              ElementsAre("plan", "older"));
  EXPECT_TRUE(Workflow::Parse(WithLine(14, "baselines:"), "w.yaml").baselines.empty());
  EXPECT_EQ(RefusalOf(WithLine(14, "baselines: [plan, Plan]")),
            "w.yaml line 14: baselines[2]: the baseline 'Plan' is named twice");
  EXPECT_EQ(RefusalOf(WithLine(14, "baselines: [Y]")),
            "w.yaml line 14: baselines[1]: the label 'Y' can't be a baseline of itself");
  EXPECT_THAT(RefusalOf(WithLine(14, "baselines: plan")), HasSubstr("a list is expected"));
}

TEST(WorkflowTest, WhatIsNotYamlIsRefusedWithItsLine) {
  EXPECT_THAT(RefusalOf("version: 1\nname: [a\n"), HasSubstr("this is not YAML"));
  EXPECT_THAT(RefusalOf(""), HasSubstr("the file is empty"));
  EXPECT_THAT(RefusalOf("just text"), HasSubstr("keys and values are expected"));
  EXPECT_THAT(RefusalOf("- a\n"), HasSubstr("keys and values are expected"));
  EXPECT_THAT(RefusalOf("version: 1\n---\nversion: 1\n"), HasSubstr("a second document begins"));
  EXPECT_THAT(RefusalOf("name: \xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(RefusalOf("version: 1\nname: !secret x\n"), HasSubstr("the tag '!secret'"));
}

TEST(WorkflowTest, AliasesThatExplodeAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    text +=
        fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(RefusalOf(text), HasSubstr("too many values"));
  EXPECT_THAT(RefusalOf("a: &a [*a]\n"), HasSubstr("nested too deeply"));
}

TEST(WorkflowTest, AMissingFileIsAUsageError) {
  try {
    Workflow::Load("/no/such/workflow.yaml");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(error.what(), "the workflow file '/no/such/workflow.yaml' does not exist");
  }
}

}  // namespace
}  // namespace firesteel
