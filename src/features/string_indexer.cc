#include "features/string_indexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "features/append_columns.h"
#include "features/stage_columns.h"
#include "features/stage_params.h"
#include "sql/ml_functions.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = kStringIndexerClass;
constexpr std::string_view kUnknownLabel = "__unknown";

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      InputColumnParameter(),
      InputColumnsParameter(),
      OutputColumnParameter(),
      OutputColumnsParameter(),
      ChoiceParameter("handleInvalid", {"error", "skip", "keep"},
                      "What to do with null and with a value that was not there when the stage "
                      "was fitted: fail, drop the row, or give it an index of its own."),
      ChoiceParameter("stringOrderType",
                      {"frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"},
                      "The order of the labels; equal counts are in the order of their text."),
  };
  return table;
}

const Field& IndexableInput(const Schema& input, const std::string& column) {
  const Field& field = input.Get(column);
  if (field.type != kStringType && !field.type.IsNumeric()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' must be text or numeric, it is {}", column,
                            field.type.ToString()));
  }
  return field;
}

sql::ExpressionPtr AsText(const Field& field) {
  const sql::ExpressionPtr column = sql::Column(field.name);
  return field.type == kStringType ? column : sql::Cast(column, kStringType);
}

class StringIndexerModel final : public FittedStage {
 public:
  StringIndexerModel(StageParams params, std::vector<std::vector<std::string>> labels)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        columns_(params_.Columns()),
        handle_invalid_(params_.String("handleInvalid")),
        labels_(std::move(labels)) {
    if (labels_.size() != columns_.size()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("labelsArray has labels of {} columns, the stage has {} columns",
                              labels_.size(), columns_.size()));
    }
  }

  StagePlan Plan(const Schema& input) const override {
    std::vector<NewColumn> added;
    std::vector<RowCheck> checks;
    sql::ExpressionPtr where;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      // As in Spark: a column that is gone at transform is left out, so that a label's indexer does
      // not hinder prediction.
      if (!input.Find(columns_[i].input)) continue;
      const Field& field = IndexableInput(input, columns_[i].input);
      const sql::ExpressionPtr index = Index(field, labels_[i]);
      Attribute attribute;
      attribute.kind = Attribute::Kind::kNominal;
      attribute.name = columns_[i].output;
      attribute.values = labels_[i];
      sql::ExpressionPtr result = index;
      if (handle_invalid_ == "keep") {
        attribute.values.emplace_back(kUnknownLabel);
        result =
            sql::Call("coalesce", {index, sql::Literal(static_cast<double>(labels_[i].size()))});
      } else if (handle_invalid_ == "skip") {
        const sql::ExpressionPtr known = sql::Call("isnotnull", {index});
        where = where ? sql::And(where, known) : known;
      } else {
        checks.push_back({sql::IsNull(index), AsText(field), field.name,
                          "is null or has a value that the stage was not fitted on",
                          "set handleInvalid to keep or skip, or fit the stage on such rows too"});
      }
      added.push_back({columns_[i].output, result, attribute, false});
    }
    StagePlan plan = AppendColumns(input, added);
    plan.select.where = where;
    plan.checks = std::move(checks);
    return plan;
  }

  StageRecord ToRecord() const override {
    StageRecord record = params_.ToRecord(kClass);
    record.data.push_back({"labelsArray", labels_});
    return record;
  }

 private:
  static sql::ExpressionPtr Index(const Field& field, const std::vector<std::string>& labels) {
    std::vector<sql::ExpressionPtr> args = {AsText(field)};
    for (const std::string& label : labels) args.push_back(sql::Literal(label));
    return sql::Call(sql::kStringIndex, std::move(args));
  }

  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
  std::string handle_invalid_;
  std::vector<std::vector<std::string>> labels_;
};

class StringIndexer final : public Stage {
 public:
  explicit StringIndexer(StageParams params)
      : params_(std::move(params)), columns_(params_.Columns()) {}

  std::unique_ptr<FittedStage> Fit(Engine& engine, const Relation& input) const override {
    std::vector<const Field*> fields;
    std::vector<sql::ExpressionPtr> texts;
    for (const auto& column : columns_) {
      fields.push_back(&IndexableInput(input.schema(), column.input));
      texts.push_back(AsText(*fields.back()));
    }
    std::vector<std::vector<ValueCount>> counts = engine.ValueCountsOf(input, texts);
    std::vector<std::vector<std::string>> labels;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      labels.push_back(Labels(std::move(counts[i]), *fields[i]));
    }
    return std::make_unique<StringIndexerModel>(params_, std::move(labels));
  }

 private:
  std::vector<std::string> Labels(std::vector<ValueCount> counts, const Field& field) const {
    const bool has_nan = IsNan(field) != nullptr;
    std::erase_if(counts, [&](const ValueCount& count) {
      return !count.value || (has_nan && *count.value == "NaN");
    });
    const std::string order = params_.String("stringOrderType");
    // std::string compares bytes as unsigned, which is the order of code points in UTF-8.
    std::sort(counts.begin(), counts.end(), [&](const ValueCount& a, const ValueCount& b) {
      if (order == "frequencyDesc" && a.count != b.count) return a.count > b.count;
      if (order == "frequencyAsc" && a.count != b.count) return a.count < b.count;
      return order == "alphabetDesc" ? *a.value > *b.value : *a.value < *b.value;
    });
    std::vector<std::string> labels;
    for (ValueCount& count : counts) labels.push_back(std::move(*count.value));
    return labels;
  }

  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<StringIndexer>(StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  StageParams params = StageParams::Load(Parameters(), record);
  return std::make_unique<StringIndexerModel>(
      std::move(params), DataOf<std::vector<std::vector<std::string>>>(record, "labelsArray"));
}

}  // namespace

StageKind StringIndexerKind() {
  return {"StringIndexer",
          std::string(kClass),
          Parameters(),
          "Replaces the values of a column by their position in an order of labels.",
          Make,
          Load};
}

}  // namespace firesteel
