#include "engine/spark/vector_slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "base/text.h"
#include "engine/spark/spark_files.h"
#include "engine/spark/spark_schema.h"
#include "sql/print.h"
#include "table/attribute.h"

namespace firesteel {
namespace {

using spark_plans::ProjectedColumn;
using spark_plans::Quote;

// Of wider vectors the SQL gets too long: Spark takes those apart itself.
constexpr std::size_t kMaxNumbers = 256;

// One number of a vector that is a struct, as Spark stores it: type 1 is dense, and null has none.
// Without a difference, which Spark would watch for numbers that do not fit.
std::string NumberOfStruct(const std::string& vector, std::size_t width, std::size_t i) {
  return fmt::format(
      "IF({0}.type = 1, IF(size({0}.values) = {1}, get({0}.values, {2}), NULL), IF({0}.size = {1}, "
      "IF(array_contains({0}.indices, {2}), element_at({0}.values, "
      "CAST(array_position({0}.indices, {2}) AS INT)), 0e0), NULL))",
      vector, width, i);
}

// Whether an expression is true only of rows where a column is null or NaN.
bool FindsNullsAlone(const sql::Expression& expression, std::set<std::string>* columns) {
  using Kind = sql::Expression::Kind;
  if (expression.kind != Kind::kCall) return false;
  if (expression.name == "or") {
    return std::all_of(
        expression.args.begin(), expression.args.end(),
        [&](const sql::ExpressionPtr& argument) { return FindsNullsAlone(*argument, columns); });
  }
  if (expression.name != "isnull" && expression.name != "isnan") return false;
  if (expression.args.front()->kind != Kind::kColumn) return false;
  columns->insert(AsciiLower(expression.args.front()->name));
  return true;
}

// The columns of vectors that an expression looks into.
void AddVectorsOf(const sql::Expression& expression, const VectorSlots& slots,
                  std::set<std::string>* vectors) {
  if (expression.kind == sql::Expression::Kind::kColumn) {
    const std::string column = AsciiLower(expression.name);
    if (slots.structs.contains(column) || slots.assembled.contains(column)) vectors->insert(column);
  }
  for (const sql::ExpressionPtr& argument : expression.args) {
    AddVectorsOf(*argument, slots, vectors);
  }
}

}  // namespace

VectorSlots SlotsOfFiles(const std::vector<std::string>& files, const std::string& schema_json,
                         const Schema& schema) {
  // As the file has it, and not as what Spark makes of that.
  std::string stored = schema_json;
  nlohmann::json json = nlohmann::json::parse(schema_json, nullptr, false);
  if (json.is_object() && json.contains("fields")) {
    for (nlohmann::json& field : json["fields"]) {
      const auto type = field.find("type");
      if (type == field.end() || !type->is_object() || !type->contains("sqlType")) continue;
      field["type"] = nlohmann::json((*type)["sqlType"]);
      field["metadata"] = nlohmann::json::object();
    }
    stored = json.dump();
  }
  VectorSlots slots{.plan = spark_plans::ReadFiles("parquet", SparkPaths(files), {}, stored)};
  for (const Field& field : schema.fields()) {
    if (field.type == kVectorType) slots.structs.insert(AsciiLower(field.name));
  }
  return slots;
}

std::optional<VectorSlots> SlotsOfRequired(const VectorSlots& input, const std::string& requirement,
                                           std::span<const sql::ExpressionPtr> conditions) {
  if (input.requirement || !input.assembled.empty()) return std::nullopt;
  VectorSlots slots = input;
  slots.requirement = requirement;
  for (const sql::ExpressionPtr& condition : conditions) {
    if (!FindsNullsAlone(*condition, &slots.required)) return std::nullopt;
  }
  return slots;
}

std::optional<VectorSlots> SlotsOfStages(const VectorSlots& input, const Schema& schema,
                                         std::span<const SparkStage> stages) {
  if (stages.size() != 1 || stages[0].class_name != "org.apache.spark.ml.feature.VectorAssembler" ||
      (input.requirement && !input.assembled.empty())) {
    return std::nullopt;
  }
  const auto& params = stages[0].params;
  const auto inputs = params.find("inputCols"), output = params.find("outputCol"),
             invalid = params.find("handleInvalid");
  if (inputs == params.end() || output == params.end() ||
      (invalid != params.end() && invalid->second != SparkParam(std::string("error")))) {
    return std::nullopt;
  }
  VectorSlots slots = input;
  std::vector<std::string> numbers;
  for (const std::string& name : std::get<std::vector<std::string>>(inputs->second)) {
    const Field& field = schema.Get(name);
    slots.required.erase(AsciiLower(name));
    if (field.type != kVectorType) {
      numbers.push_back(fmt::format("CAST({} AS DOUBLE)", Quote(field.name)));
      continue;
    }
    const auto* group = std::get_if<AttributeGroup>(&field.attributes);
    if (group == nullptr) return std::nullopt;
    const auto more = NumbersOf(input, field.name, group->size);
    if (!more) return std::nullopt;
    numbers.insert(numbers.end(), more->begin(), more->end());
  }
  if (!slots.required.empty() || numbers.size() > kMaxNumbers) return std::nullopt;
  slots.assembled[AsciiLower(std::get<std::string>(output->second))] = std::move(numbers);
  return slots;
}

std::optional<VectorSlots> SlotsOfQuery(const VectorSlots& input, const Schema& schema,
                                        const sql::ResolvedSelect& select) {
  // Rows that are left out would not be seen to break the requirement.
  if (!input.required.empty() || (select.where && input.requirement)) return std::nullopt;
  // Those that SQL looks into must be arrays, as expressions expect them.
  std::set<std::string> arrays;
  if (select.where) AddVectorsOf(*select.where, input, &arrays);
  for (const sql::ExpressionPtr& column : select.columns) {
    if (column->kind != sql::Expression::Kind::kColumn) AddVectorsOf(*column, input, &arrays);
  }
  VectorSlots all{.plan = {}, .requirement = input.requirement};
  std::vector<ProjectedColumn> columns;
  for (const Field& field : schema.fields()) {
    const std::string column = AsciiLower(field.name), name = Quote(field.name);
    const auto found = input.assembled.find(column);
    if (found == input.assembled.end()) {
      const bool is_array = arrays.contains(column);
      columns.push_back({field.name, is_array ? ArrayOfVectorStruct(name) : name});
      if (input.structs.contains(column) && !is_array) all.structs.insert(column);
      continue;
    }
    if (arrays.contains(column)) return std::nullopt;
    std::vector<std::string>& numbers = all.assembled[column];
    for (const std::string& sql : found->second) {
      const std::string number = fmt::format("fs_number_{}_{}", column, numbers.size());
      numbers.push_back(Quote(number));
      columns.push_back({number, sql});
    }
  }
  all.plan = spark_plans::Project(input.plan, columns);
  if (select.where) {
    all.plan = spark_plans::Filter(all.plan, sql::Print(*select.where, sql::Dialect::kSpark));
  }

  VectorSlots slots{.plan = {}, .requirement = input.requirement};
  columns.clear();
  for (std::size_t i = 0; i < select.columns.size(); ++i) {
    const sql::Expression& expression = *select.columns[i];
    const std::string& name = select.schema.fields()[i].name;
    const std::string column = AsciiLower(expression.name);
    const bool is_column = expression.kind == sql::Expression::Kind::kColumn;
    if (is_column && all.assembled.contains(column)) {
      slots.assembled[AsciiLower(name)] = all.assembled[column];
      for (const std::string& sql : all.assembled[column]) columns.push_back({"", sql});
      continue;
    }
    // It is an array by now.
    if (is_column && arrays.contains(column)) return std::nullopt;
    if (is_column && all.structs.contains(column)) slots.structs.insert(AsciiLower(name));
    columns.push_back({name, sql::Print(expression, sql::Dialect::kSpark)});
  }
  // It is what was assembled that says whether the requirement is met.
  if (slots.requirement && slots.assembled.empty()) return std::nullopt;
  slots.plan = spark_plans::Project(all.plan, columns);
  return slots;
}

std::optional<std::vector<std::string>> NumbersOf(const VectorSlots& slots, std::string_view column,
                                                  std::size_t width) {
  const std::string lower = AsciiLower(column);
  if (const auto found = slots.assembled.find(lower); found != slots.assembled.end()) {
    return found->second.size() == width ? std::optional(found->second) : std::nullopt;
  }
  if (!slots.structs.contains(lower) || width > kMaxNumbers) return std::nullopt;
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < width; ++i) {
    numbers.push_back(NumberOfStruct(Quote(column), width, i));
  }
  return numbers;
}

}  // namespace firesteel
