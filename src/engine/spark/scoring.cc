#include "engine/spark/scoring.h"

#include <fmt/format.h>

#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "engine/spark/plans.h"
#include "table/attribute.h"

namespace firesteel {
namespace {

namespace connect = ::spark::connect;
using spark_plans::Plan;
using spark_plans::ProjectedColumn;
using spark_plans::Quote;
using spark_plans::QuoteText;

// Columns of our own, on the way.
constexpr const char* kVector = "fs_score_vector";  // What the model is given.
constexpr const char* kZeros = "fs_score_zeros";
constexpr const char* kAnswer = "fs_score_answer";
constexpr const char* kLeaves = "fs_score_leaves";  // The leaf of each tree, from the left.
constexpr const char* kValues = "fs_score_values";  // What the leaves of each tree give.

class Scoring {
 public:
  Scoring(const SparkTable& table, const Schema& schema, const ScoreOptions& options,
          SparkScoring scoring)
      : table_(table),
        options_(options),
        scoring_(std::move(scoring)),
        field_(schema.Get(options.features.name)),
        features_(Quote(field_.name)),
        is_vector_(table.vectors.contains(AsciiLower(field_.name))) {
    for (const std::string& name : schema.names()) {
      columns_.push_back({.name = name, .sql = Quote(name)});
    }
  }

  Plan Make(const connect::ObjectRef& model) const {
    Plan plan = Transform(WithVector(), model);
    if (!scoring_.forest) return Finish(plan, kAnswer);
    std::vector<ProjectedColumn> columns = columns_;
    columns.push_back(
        {.name = kLeaves, .sql = kAnswer, .function = ProjectedColumn::Function::kToArray});
    plan = spark_plans::Project(plan, columns);
    connect::Expression::Alias* values = plan.mutable_project()->add_expressions()->mutable_alias();
    values->add_name(kValues);
    *values->mutable_expr()->mutable_literal() = LeafValues();
    return Finish(plan, Sum());
  }

 private:
  // The text of an error that ends the query.
  static std::string Raise(const std::string& message) {
    return fmt::format("raise_error({})", QuoteText(message));
  }
  std::string RaiseNull() const {
    return Raise(
        fmt::format("column '{}' has a null vector, for which nothing can be predicted; "
                    "remove such rows or fill their features",
                    field_.name));
  }

  // All columns and kVector: never null, as long as the model wants it.
  Plan WithVector() const {
    const std::size_t width = options_.features.width;
    const std::string zeros = fmt::format("array_repeat(0D, {})", width);
    const auto* group = std::get_if<AttributeGroup>(&field_.attributes);
    const bool has_width = group != nullptr && group->size == width;
    const bool doubles = scoring_.forest && scoring_.forest->doubles_features;
    std::vector<ProjectedColumn> columns = columns_;
    if (is_vector_ && has_width && !doubles) {
      columns.push_back(
          {.name = kZeros, .sql = zeros, .function = ProjectedColumn::Function::kToVector});
      return WithColumn(spark_plans::Project(table_.plan, columns),
                        fmt::format("CASE WHEN {0} IS NOT NULL THEN {0} ELSE {1} END", features_,
                                    options_.null_for_null ? kZeros : RaiseNull()),
                        ProjectedColumn::Function::kNone);
    }
    Plan plan = table_.plan;
    if (is_vector_) {
      columns.push_back(
          {.name = kVector, .sql = features_, .function = ProjectedColumn::Function::kToArray});
      plan = spark_plans::Project(plan, columns);
    }
    // Where the column is made of an assembled vector, SQL sees its array.
    const std::string array = is_vector_ ? kVector : features_;
    plan = WithColumn(
        plan,
        fmt::format(
            "CASE WHEN {0} IS NULL THEN {1} WHEN size({0}) <> {2} THEN {3} ELSE {0} END", array,
            options_.null_for_null ? zeros : RaiseNull(), width,
            fmt::format("raise_error(concat({}, size({}), {}))",
                        QuoteText(fmt::format("column '{}' has a vector of ", field_.name)), array,
                        QuoteText(fmt::format(" numbers where the model expects {}", width)))),
        ProjectedColumn::Function::kNone);
    return WithColumn(plan,
                      doubles ? fmt::format("concat({0}, transform({0}, v -> if(isnan(v), "
                                            "double('-Infinity'), v)))",
                                            kVector)
                              : kVector,
                      ProjectedColumn::Function::kToVector);
  }

  // All columns, and kVector anew.
  Plan WithColumn(const Plan& plan, std::string sql, ProjectedColumn::Function function) const {
    std::vector<ProjectedColumn> columns = columns_;
    columns.push_back({.name = kVector, .sql = std::move(sql), .function = function});
    return spark_plans::Project(plan, columns);
  }

  // Appends kAnswer: the leaves, or the prediction.
  Plan Transform(const Plan& input, const connect::ObjectRef& model) const {
    Plan plan;
    connect::MlRelation::Transform* transform = plan.mutable_ml_relation()->mutable_transform();
    *transform->mutable_obj_ref() = model;
    *transform->mutable_input() = input;
    auto& params = *transform->mutable_params()->mutable_params();
    params["featuresCol"].set_string(kVector);
    params["predictionCol"].set_string(scoring_.forest ? "" : kAnswer);
    if (scoring_.forest) params["leafCol"].set_string(kAnswer);
    return plan;
  }

  connect::Expression::Literal LeafValues() const {
    const SparkScoring::Forest& forest = *scoring_.forest;
    connect::DataType number;
    if (forest.sums_floats) {
      number.mutable_float_();
    } else {
      number.mutable_double_();
    }
    connect::Expression::Literal literal;
    connect::DataType::Array* type = literal.mutable_data_type()->mutable_array();
    *type->mutable_element_type()->mutable_array()->mutable_element_type() = number;
    connect::Expression::Literal::Array* trees = literal.mutable_array();
    for (const std::vector<double>& leaves : forest.leaves) {
      connect::Expression::Literal::Array* tree = trees->add_elements()->mutable_array();
      for (const double leaf : leaves) {
        if (forest.sums_floats) {
          tree->add_elements()->set_float_(static_cast<float>(leaf));
        } else {
          tree->add_elements()->set_double_(leaf);
        }
      }
    }
    return literal;
  }

  // The base, and the trees in their order.
  std::string Sum() const {
    const SparkScoring::Forest& forest = *scoring_.forest;
    const std::string base =
        fmt::format("CAST('{}' AS {})", forest.base, forest.sums_floats ? "FLOAT" : "DOUBLE");
    const std::string sum = fmt::format(
        "aggregate(zip_with({}, {}, (leaf, values) -> values[CAST(leaf AS INT)]), {}, "
        "(sum, value) -> sum + value)",
        kLeaves, kValues, base);
    if (!forest.has_log_link) return fmt::format("CAST({} AS DOUBLE)", sum);
    return fmt::format("CAST(CAST(exp(CAST({} AS DOUBLE)) AS {}) AS DOUBLE)", sum,
                       forest.sums_floats ? "FLOAT" : "DOUBLE");
  }

  // The table's columns and the prediction.
  Plan Finish(const Plan& plan, const std::string& prediction) const {
    std::vector<ProjectedColumn> columns = columns_;
    columns.push_back(
        {.name = options_.output_column,
         .sql = options_.null_for_null
                    ? fmt::format("CASE WHEN {} IS NOT NULL THEN {} END", features_, prediction)
                    : prediction});
    return spark_plans::Project(plan, columns);
  }

  const SparkTable& table_;
  const ScoreOptions& options_;
  SparkScoring scoring_;
  const Field& field_;
  std::string features_;
  bool is_vector_;
  std::vector<ProjectedColumn> columns_;  // Those of the table.
};

}  // namespace

SparkTable ScoreTable(const SparkTable& table, const Schema& schema, const ScoreOptions& options,
                      ClusterModels* models) {
  const Field& features = schema.Get(options.features.name);
  if (features.type != kVectorType) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' is {}, not a vector: nothing can be predicted from it",
                            features.name, features.type.ToString()));
  }
  if (schema.Find(options.output_column)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' exists already; name the prediction otherwise",
                            options.output_column));
  }
  if (!options.on_spark) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("column '{}': Spark can't score with this model", features.name));
  }
  SparkScoring scoring = options.on_spark();
  const connect::ObjectRef& model = models->Load({scoring.class_name, scoring.directory});
  return {.plan = Scoring(table, schema, options, std::move(scoring)).Make(model),
          .vectors = table.vectors};
}

}  // namespace firesteel
