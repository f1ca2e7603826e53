#include "features/sql_transformer.h"

#include <utility>

#include "features/stage_columns.h"
#include "features/stage_params.h"
#include "sql/parse.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = kSqlTransformerClass;

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      {"statement",
       ParameterType::kString,
       "",
       "SELECT … FROM __THIS__",
       "The statement that makes the output; __THIS__ is the input.",
       {},
       true},
  };
  return table;
}

class SqlTransformer final : public FittedStage {
 public:
  explicit SqlTransformer(StageParams params)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        select_(sql::ParseSelect(params_.String("statement"))) {}

  StagePlan Plan(const Schema&) const override {
    StagePlan plan;
    plan.select = select_;
    return plan;
  }
  StageRecord ToRecord() const override { return params_.ToRecord(kClass); }

 private:
  StageParams params_;
  sql::Select select_;
};

class UnfittedSqlTransformer final : public Stage {
 public:
  explicit UnfittedSqlTransformer(StageParams params) : fitted_(std::move(params)) {}

  std::unique_ptr<FittedStage> Fit(Engine&, const Relation&) const override {
    return std::make_unique<SqlTransformer>(fitted_);
  }

 private:
  SqlTransformer fitted_;  // Made at once, so that the statement is parsed before any data is read.
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<UnfittedSqlTransformer>(
      StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  return std::make_unique<SqlTransformer>(StageParams::Load(Parameters(), record));
}

}  // namespace

StageKind SqlTransformerKind() {
  return {"SQLTransformer",
          std::string(kClass),
          Parameters(),
          "Applies a SELECT statement to the rows.",
          Make,
          Load};
}

std::unique_ptr<FittedStage> MakeSqlTransformer(std::string uid, std::string statement) {
  return std::make_unique<SqlTransformer>(
      StageParams(Parameters(), std::move(uid), {{"statement", std::move(statement)}}));
}

}  // namespace firesteel
