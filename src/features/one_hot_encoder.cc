#include "features/one_hot_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "features/append_columns.h"
#include "features/stage_params.h"
#include "sql/ml_functions.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = "org.apache.spark.ml.feature.OneHotEncoderModel";

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      InputColumnParameter(),
      InputColumnsParameter(),
      OutputColumnParameter(),
      OutputColumnsParameter(),
      {"dropLast", ParameterType::kBool, "true", "true or false",
       "Whether the last category has no place of its own, so that the ones do not always sum to "
       "one."},
      ChoiceParameter("handleInvalid", {"error", "keep"},
                      "What to do with an index that is none of the categories: fail, or treat it "
                      "as one more category."),
  };
  return table;
}

// What the attributes say of the categories: how many, and their names if they have any.
struct Categories {
  std::size_t count = 0;
  std::vector<std::string> names;
};

std::optional<Categories> CategoriesOf(const Field& field) {
  const auto* attribute = std::get_if<Attribute>(&field.attributes);
  if (attribute == nullptr) return std::nullopt;
  if (attribute->kind == Attribute::Kind::kNumeric) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' is marked as a continuous number by its attributes, it "
                            "must hold category indices",
                            field.name));
  }
  const std::optional<std::size_t> arity = attribute->Arity();
  if (!arity) return std::nullopt;
  return Categories{*arity, attribute->values};
}

// Whether the column is what a StringIndexer of this pipeline just made: then its indices are
// within its labels, and looking at every row again would cost as much as indexing it. A frame from
// a file never looks so (its columns are nullable), nor do buckets (ordinal), where NaN has an
// index beyond.
bool IsIndexed(const Field& field) {
  const auto* attribute = std::get_if<Attribute>(&field.attributes);
  return !field.nullable && attribute != nullptr && attribute->kind == Attribute::Kind::kNominal &&
         !attribute->is_ordinal;
}

// Spark refuses a column whose only category would be dropped, if the attributes say so.
void RequireTwoCategories(const std::string& column, const Categories& categories,
                          const StageParams& params) {
  if (categories.count >= 2 || !params.Bool("dropLast") ||
      params.String("handleInvalid") == "keep") {
    return;
  }
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("column '{}' has {}, and dropLast leaves nothing of it: set dropLast to "
                          "false, or leave the column out",
                          column, categories.count == 1 ? "one category only" : "no category"));
}

class OneHotEncoderModel final : public FittedStage {
 public:
  OneHotEncoderModel(StageParams params, std::vector<std::int32_t> sizes)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        columns_(params_.Columns()),
        drop_last_(params_.Bool("dropLast")),
        keep_invalid_(params_.String("handleInvalid") == "keep"),
        sizes_(std::move(sizes)) {
    if (sizes_.size() != columns_.size()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("categorySizes has {} numbers, the stage has {} columns",
                              sizes_.size(), columns_.size()));
    }
    for (const std::int32_t size : sizes_) {
      if (size < 1) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("categorySizes holds {}, it must be at least 1", size));
      }
    }
  }

  StagePlan Plan(const Schema& input) const override {
    std::vector<NewColumn> added;
    std::vector<RowCheck> checks;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Field& field = NumericInput(input, columns_[i].input);
      const double size = sizes_[i];
      const std::int32_t length = sizes_[i] + (keep_invalid_ ? 1 : 0) - (drop_last_ ? 1 : 0);
      const sql::ExpressionPtr index = AsDouble(field);
      // NaN is greater than every number, so it is not below the size.
      const sql::ExpressionPtr valid = sql::And(sql::Call(">=", {index, sql::Literal(0.0)}),
                                                sql::Call("<", {index, sql::Literal(size)}));
      sql::ExpressionPtr place = index;
      if (keep_invalid_) {
        place = sql::If(sql::Or(sql::IsNull(index), valid), index, sql::Literal(size));
      } else if (!IsIndexed(field)) {
        checks.push_back(
            {sql::Not(valid), sql::Column(field.name), field.name,
             fmt::format("has a value that is none of the category indices 0 to {}", sizes_[i] - 1),
             "set handleInvalid to keep, or fit the stage on such rows too"});
      }
      const AttributeGroup group = Group(field, sizes_[i], static_cast<std::size_t>(length));
      added.push_back(
          {columns_[i].output, sql::Call(sql::kOneHot, {place, sql::Literal(length)}), group});
    }
    StagePlan plan = AppendColumns(input, added);
    plan.checks = std::move(checks);
    return plan;
  }

  StageRecord ToRecord() const override {
    StageRecord record = params_.ToRecord(kClass);
    record.data.push_back({"categorySizes", sizes_});
    return record;
  }

 private:
  AttributeGroup Group(const Field& field, std::int32_t size, std::size_t length) const {
    const auto num_categories = static_cast<std::size_t>(size);
    std::vector<std::string> names;
    if (const std::optional<Categories> categories = CategoriesOf(field)) {
      if (categories->count != num_categories) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("column '{}' has {} categories by its attributes, the stage was "
                                "fitted on {}",
                                field.name, categories->count, num_categories));
      }
      RequireTwoCategories(field.name, *categories, params_);
      names = categories->names;
    }
    for (std::size_t i = names.size(); i < num_categories; ++i) names.push_back(std::to_string(i));
    names.emplace_back("invalidValues");
    AttributeGroup group;
    group.size = length;
    group.slots.emplace();
    for (std::size_t i = 0; i < length; ++i) {
      if (names[i].empty()) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("column '{}' has an empty text among its categories, and a "
                                "vector's slot can't have an empty name: replace it by another "
                                "text before it is indexed",
                                field.name));
      }
      Attribute slot;
      slot.kind = Attribute::Kind::kBinary;
      slot.name = names[i];
      group.slots->push_back(std::move(slot));
    }
    return group;
  }

  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
  bool drop_last_;
  bool keep_invalid_;
  std::vector<std::int32_t> sizes_;
};

class OneHotEncoder final : public Stage {
 public:
  explicit OneHotEncoder(StageParams params)
      : params_(std::move(params)), columns_(params_.Columns()) {}

  std::unique_ptr<FittedStage> Fit(Engine& engine, const Relation& input) const override {
    std::vector<std::int32_t> sizes(columns_.size(), 0);
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Field& field = NumericInput(input.schema(), columns_[i].input);
      if (const std::optional<Categories> categories = CategoriesOf(field)) {
        RequireTwoCategories(field.name, *categories, params_);
        sizes[i] = static_cast<std::int32_t>(categories->count);
      } else {
        unknown.push_back(i);
      }
    }
    if (!unknown.empty()) CountCategories(engine, input, unknown, &sizes);
    return std::make_unique<OneHotEncoderModel>(params_, std::move(sizes));
  }

 private:
  void CountCategories(Engine& engine, const Relation& input, const std::vector<std::size_t>& which,
                       std::vector<std::int32_t>* sizes) const {
    sql::Select select;
    std::vector<ScanColumn> scanned;
    std::vector<sql::ExpressionPtr> nulls;
    for (const std::size_t i : which) {
      const Field& field = input.schema().Get(columns_[i].input);
      const std::string name = fmt::format("c{}", i);
      select.items.push_back({AsDouble(field), name});
      scanned.push_back({name});
      nulls.push_back(sql::IsNull(sql::Column(field.name)));
    }
    const std::vector<std::int64_t> num_nulls = engine.CountWhere(input, nulls);
    for (std::size_t k = 0; k < which.size(); ++k) {
      if (num_nulls[k] > 0) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("column '{}' is null in {} rows: category indices are needed to "
                                "fit the stage",
                                columns_[which[k]].input, num_nulls[k]));
      }
    }
    std::vector<double> largest(which.size(), 0.0);
    engine.Scan(engine.Query(input, select), scanned, [&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        for (std::size_t k = 0; k < which.size(); ++k) {
          const double index = rows(row, k);
          if (!(index >= 0.0 && index < std::numeric_limits<std::int32_t>::max() &&
                index == std::floor(index))) {
            throw Error(ErrorKind::kInvalidArgument,
                        fmt::format("column '{}' must hold category indices (whole numbers from "
                                    "0), it holds {}: index it with a StringIndexer first",
                                    columns_[which[k]].input, sql::FormatDouble(index)));
          }
          largest[k] = std::max(largest[k], index);
        }
      }
    });
    for (std::size_t k = 0; k < which.size(); ++k) {
      (*sizes)[which[k]] = static_cast<std::int32_t>(largest[k]) + 1;
    }
  }

  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<OneHotEncoder>(StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  StageParams params = StageParams::Load(Parameters(), record);
  return std::make_unique<OneHotEncoderModel>(
      std::move(params), DataOf<std::vector<std::int32_t>>(record, "categorySizes"));
}

}  // namespace

StageKind OneHotEncoderKind() {
  return {"OneHotEncoder",
          std::string(kClass),
          Parameters(),
          "Turns category indices into vectors of zeros with a one at the category.",
          Make,
          Load};
}

}  // namespace firesteel
