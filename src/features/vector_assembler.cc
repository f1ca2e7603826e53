#include "features/vector_assembler.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "features/append_columns.h"
#include "features/stage_columns.h"
#include "features/stage_params.h"
#include "sql/ml_functions.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = kVectorAssemblerClass;

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      {"inputCols", ParameterType::kStringList, "", "at least one column",
       "The columns to put side by side, in order.",
       [](const nlohmann::ordered_json& value) { return !value.empty(); }, true},
      OutputColumnParameter(),
      ChoiceParameter("handleInvalid", {"error", "skip", "keep"},
                      "What to do with null and NaN: fail, drop the row, or put NaN."),
  };
  return table;
}

// The attributes that one input column contributes.
std::vector<Attribute> SlotsOf(const Field& field, const std::string& spelled) {
  if (field.type != kVectorType) {
    Attribute slot;
    if (const auto* own = std::get_if<Attribute>(&field.attributes)) slot = *own;
    slot.name = spelled;
    return {slot};
  }
  const std::size_t size = VectorSize(field);
  const auto& group = std::get<AttributeGroup>(field.attributes);
  std::vector<Attribute> slots = group.slots.value_or(std::vector<Attribute>(size));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i].name = fmt::format("{}_{}", spelled, slots[i].name.value_or(std::to_string(i)));
  }
  return slots;
}

class VectorAssembler final : public FittedStage {
 public:
  explicit VectorAssembler(StageParams params)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        inputs_(params_.Strings("inputCols")),
        output_(params_.String("outputCol")),
        handle_invalid_(params_.String("handleInvalid")) {}

  StagePlan Plan(const Schema& input) const override {
    CheckTypes(input);
    std::vector<sql::ExpressionPtr> parts;
    std::vector<RowCheck> checks;
    sql::ExpressionPtr where;
    AttributeGroup group;
    group.slots.emplace();
    for (const std::string& name : inputs_) {
      const Field& field = input.Get(name);
      const std::vector<Attribute> slots = SlotsOf(field, name);
      group.slots->insert(group.slots->end(), slots.begin(), slots.end());
      const sql::ExpressionPtr column = sql::Column(field.name);
      if (handle_invalid_ == "keep") {
        parts.push_back(NanForNull(field, slots.size()));
        continue;
      }
      parts.push_back(column);
      const sql::ExpressionPtr nan = IsNan(field);
      const sql::ExpressionPtr bad = nan ? sql::Or(sql::IsNull(column), nan) : sql::IsNull(column);
      if (handle_invalid_ == "skip") {
        where = where ? sql::And(where, sql::Not(bad)) : sql::Not(bad);
      } else if (field.nullable || nan) {
        checks.push_back({bad, field.type == kVectorType ? sql::Literal("null") : column,
                          field.name, nan ? "is null or NaN" : "is null",
                          "set handleInvalid to keep or skip, or fill the column before"});
      }
    }
    group.size = group.slots->size();
    StagePlan plan =
        AppendColumns(input, {{output_, sql::Call(sql::kAssemble, std::move(parts)), group}});
    plan.select.where = where;
    plan.checks = std::move(checks);
    return plan;
  }

  StageRecord ToRecord() const override { return params_.ToRecord(kClass); }

 private:
  void CheckTypes(const Schema& input) const {
    std::vector<std::string> wrong;
    for (const std::string& name : inputs_) {
      const Field& field = input.Get(name);
      if (!field.type.IsNumeric() && field.type != kBooleanType && field.type != kVectorType) {
        wrong.push_back(fmt::format("'{}' is {}", name, field.type.ToString()));
      }
    }
    if (!wrong.empty()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("columns must be numeric, boolean or vectors: {}; index or cast them "
                              "first",
                              Join(wrong, ", ")));
    }
  }

  static sql::ExpressionPtr NanForNull(const Field& field, std::size_t size) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const sql::ExpressionPtr column = sql::Column(field.name);
    if (field.type == kVectorType) {
      return sql::If(sql::IsNull(column),
                     sql::Call(sql::kConstantVector,
                               {sql::Literal(nan), sql::Literal(static_cast<std::int32_t>(size))}),
                     column);
    }
    return sql::Call("coalesce",
                     {field.type == kBooleanType ? sql::Cast(column, kDoubleType) : AsDouble(field),
                      sql::Literal(nan)});
  }

  StageParams params_;
  std::vector<std::string> inputs_;
  std::string output_;
  std::string handle_invalid_;
};

class UnfittedVectorAssembler final : public Stage {
 public:
  explicit UnfittedVectorAssembler(StageParams params) : fitted_(std::move(params)) {}

  std::unique_ptr<FittedStage> Fit(Engine&, const Relation&) const override {
    return std::make_unique<VectorAssembler>(fitted_);
  }

 private:
  VectorAssembler fitted_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<UnfittedVectorAssembler>(
      StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  return std::make_unique<VectorAssembler>(StageParams::Load(Parameters(), record));
}

}  // namespace

StageKind VectorAssemblerKind() {
  return {"VectorAssembler",
          std::string(kClass),
          Parameters(),
          "Puts columns side by side into one vector.",
          Make,
          Load};
}

}  // namespace firesteel
