#include "workflow/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "sql/expression.h"
#include "sql/ml_functions.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxCategories = 1000;
constexpr std::size_t kNumOfModel = 2;  // Predictors that are the model itself.
constexpr std::string_view kMeanAbsoluteError = "mean_absolute_error";
constexpr std::string_view kMeanSquaredError = "mean_squared_error";

double ValueOf(const ErrorAccumulator& errors, std::string_view metric) {
  for (const Metric& known : RegressionMetricTable()) {
    if (known.name == metric) return errors.Value(known);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Json NumberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// As SQL's `round`: halves away from zero, and no -0.0.
double Rounded(double prediction) { return std::round(prediction) + 0.0; }

std::vector<std::string> CategoriesOf(const Attribute& attribute) {
  if (!attribute.values.empty()) return attribute.values;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < attribute.Arity().value_or(0); ++i) {
    values.push_back(std::to_string(i));
  }
  return values;
}

}  // namespace

std::vector<CategoryColumn> CategoryColumns(const Schema& frame) {
  std::vector<CategoryColumn> columns;
  for (const Field& field : frame.fields()) {
    CategoryColumn column{.name = field.name, .expression = sql::Column(field.name), .values = {}};
    if (const auto* attribute = std::get_if<Attribute>(&field.attributes);
        attribute != nullptr && field.type.IsNumeric()) {
      column.values = CategoriesOf(*attribute);
    } else if (const auto* group = std::get_if<AttributeGroup>(&field.attributes);
               group != nullptr && field.type == kVectorType && group->slots) {
      const bool is_one_hot = std::all_of(
          group->slots->begin(), group->slots->end(),
          [](const Attribute& slot) { return slot.kind == Attribute::Kind::kBinary && slot.name; });
      column.expression = sql::Call(std::string(sql::kFirstSlot), {column.expression});
      for (const Attribute& slot : *group->slots) {
        if (is_one_hot) column.values.push_back(*slot.name);
      }
    }
    if (column.values.empty() || column.values.size() > kMaxCategories) continue;
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string BaselineColumn(std::size_t number) { return fmt::format("__baseline_{}", number); }
std::string PositionColumn(std::size_t number) { return fmt::format("__category_{}", number); }

Evaluation::Evaluation(Engine& engine, const Relation& predictions,
                       const EvaluatedColumns& columns) {
  constexpr std::size_t kRaw = 1, kFirstBaseline = 2;  // Beside the label.
  std::vector<std::string> scanned = {columns.label, columns.raw};
  predictors_ = {{columns.model}, {columns.model + ", rounded"}};
  if (columns.training_mean) predictors_.push_back({"training mean"});
  for (const EvaluatedColumns::Named& baseline : columns.baselines) {
    scanned.push_back(baseline.column);
    predictors_.push_back({baseline.name});
  }
  const std::size_t num_baselines = columns.baselines.size();
  const std::size_t first_category = kFirstBaseline + num_baselines;
  for (const auto& [category, column] : columns.categories) {
    scanned.push_back(column);
    categories_.push_back(category);
  }
  const Predictors none = predictors_;
  by_category_.resize(categories_.size());
  const auto add = [&](std::span<const double> row, std::int64_t count, Predictors* predictors) {
    auto predictor = predictors->begin();
    const auto judge = [&](double predicted) {
      (predictor++)->errors.Add(row[0], predicted, count);
    };
    judge(row[kRaw]);
    judge(Rounded(row[kRaw]));
    if (columns.training_mean) judge(*columns.training_mean);
    for (const double baseline : row.subspan(kFirstBaseline, num_baselines)) judge(baseline);
  };
  engine.ScanCounted(
      predictions, scanned,
      [&](MatrixView<const double> rows, std::span<const std::int64_t> counts) {
        for (std::size_t i = 0; i < rows.num_rows(); ++i) {
          const std::span<const double> row = rows.row(i);
          num_rows_ += counts[i];
          if (!std::isfinite(row[0])) num_bad_labels_ += counts[i];
          raw_.Add(row[0], row[kRaw], counts[i]);
          rounded_.Add(row[0], Rounded(row[kRaw]), counts[i]);
          add(row, counts[i], &predictors_);
          for (std::size_t j = 0; j < categories_.size(); ++j) {
            const double position = row[first_category + j];
            const std::size_t num_categories = categories_[j].values.size();
            const bool is_known = position >= 0.0 && position < static_cast<double>(num_categories);
            const std::size_t category =
                is_known ? static_cast<std::size_t>(position) : num_categories;
            add(row, counts[i], &by_category_[j].try_emplace(category, none).first->second);
          }
        }
      });
}

double Evaluation::label_mean() const {
  return predictors_[0].errors.Value(
      Aggregate{.kind = Aggregate::Kind::kMean, .term = RowTerm::kLabel});
}

Json Evaluation::ToJson(const Predictors& predictors) {
  Json json = Json::object();
  for (const Predictor& predictor : predictors) {
    for (const Metric& metric : RegressionMetricTable()) {
      json[predictor.name][metric.name] = NumberOrNull(predictor.errors.Value(metric));
    }
    if (!predictor.errors.has_exact_quantiles()) {
      json[predictor.name]["quantiles_within"] = 0.0005;
    }
  }
  return json;
}

Json Evaluation::ToJson() const {
  Json json = {{"rows", num_rows_}, {"predictors", ToJson(predictors_)}};
  for (std::size_t i = 0; i < categories_.size(); ++i) {
    Json& by = json["by"][categories_[i].name];
    for (const auto& [category, predictors] : by_category_[i]) {
      const std::vector<std::string>& values = categories_[i].values;
      const std::string name = category < values.size() ? values[category] : "(none of these)";
      by[name] = {{"rows", predictors[0].errors.num_rows()}, {"predictors", ToJson(predictors)}};
    }
  }
  return json;
}

Json Evaluation::Summary() const {
  Json json = Json::object();
  for (const Predictor& predictor : predictors_) {
    for (const std::string_view metric : {kMeanAbsoluteError, kMeanSquaredError}) {
      json[predictor.name][metric] = NumberOrNull(ValueOf(predictor.errors, metric));
    }
  }
  return json;
}

std::vector<std::string> Evaluation::ToLines(const std::string& title) const {
  return ToLines(title, {{"predictors", ToJson(predictors_)}});
}

std::vector<std::string> Evaluation::ToLines(const std::string& title, const Json& json) {
  const Json& predictors = json.at("predictors");
  std::size_t width = 0;
  for (const auto& [name, metrics] : predictors.items()) width = std::max(width, name.size());
  std::vector<std::string> lines = {fmt::format("{:<{}}  {:>10}  {:>10}  {:>10}  {:>10}", title,
                                                width + 2, "MAE", "MSE", "R2", "within 1")};
  for (const auto& [name, metrics] : predictors.items()) {
    const auto value = [&own = metrics](std::string_view metric) {
      const Json& number = own.at(std::string(metric));
      return number.is_null() ? std::numeric_limits<double>::quiet_NaN() : number.get<double>();
    };
    lines.push_back(fmt::format("  {:<{}}  {:>10.6g}  {:>10.6g}  {:>10.4g}  {:>9.2f}%", name, width,
                                value(kMeanAbsoluteError), value(kMeanSquaredError), value("r2"),
                                100.0 * value("share_within_one")));
  }
  return lines;
}

std::vector<std::string> Evaluation::Warnings(const std::string& where) const {
  std::vector<std::string> warnings;
  const double model = ValueOf(predictors_[0].errors, kMeanAbsoluteError);
  for (std::size_t i = kNumOfModel; i < predictors_.size(); ++i) {
    const double baseline = ValueOf(predictors_[i].errors, kMeanAbsoluteError);
    if (std::isnan(baseline)) {
      warnings.push_back(
          fmt::format("{}: the baseline '{}' is null or NaN in some rows, so that it can't be "
                      "judged",
                      where, predictors_[i].name));
    } else if (!(model < baseline)) {
      warnings.push_back(fmt::format(
          "{}: the model is NOT BETTER than the baseline '{}': its mean absolute error is {:.6g}, "
          "that of the baseline {:.6g}; do not use it as it is",
          where, predictors_[i].name, model, baseline));
    }
  }
  return warnings;
}

}  // namespace firesteel
