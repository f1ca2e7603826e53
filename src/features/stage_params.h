#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/parameter_table.h"
#include "features/stage.h"

namespace firesteel {

/// Checks the parameters of a stage against its table, as CheckParameters does, and takes two
/// things beyond it that Spark ML's files and YAML hold: "NaN", "Inf" and "-Inf" (also "-Infinity",
/// ".inf") where a number is expected, and a list of lists for `splitsArray`. Throws Error(kUsage),
/// starting with `where`.
nlohmann::ordered_json CheckStageParameters(std::span<const ParameterSpec> table,
                                            const nlohmann::ordered_json& given,
                                            std::string_view where);

/// The parameters of one stage: what was set and, below it, Spark's defaults. The default of
/// `outputCol` is
/// `<uid>__output`, as in Spark.
class StageParams {
 public:
  struct ColumnPair {
    std::string input;
    std::string output;
  };

  /// `set` has passed CheckStageParameters.
  StageParams(std::span<const ParameterSpec> table, std::string uid, nlohmann::ordered_json set);
  /// Of a saved stage; defaults that the file has win over the table's. Throws
  /// Error(kInvalidArgument) for what the table does not know or accept.
  static StageParams Load(std::span<const ParameterSpec> table, const StageRecord& record);

  const std::string& uid() const { return uid_; }
  bool Has(std::string_view name) const;
  bool IsSet(std::string_view name) const { return set_.contains(std::string(name)); }

  // The value of a parameter that is set or has a default; Error(kUsage) that names it otherwise.
  std::string String(std::string_view name) const;
  double Double(std::string_view name) const;
  bool Bool(std::string_view name) const;
  std::vector<std::string> Strings(std::string_view name) const;
  std::vector<double> Doubles(std::string_view name) const;
  std::vector<std::vector<double>> DoubleLists(std::string_view name) const;

  /// The columns of a stage that has both a single (inputCol, outputCol) and a multiple form
  /// (inputCols, outputCols). Throws Error(kUsage) if both or neither is set, the lists differ in
  /// length or an output is named twice.
  std::vector<ColumnPair> Columns() const;
  /// Input and output of a stage that only has the single form.
  ColumnPair SingleColumn() const;

  /// A record with these parameters and no data.
  StageRecord ToRecord(std::string_view class_name) const;

 private:
  const nlohmann::ordered_json& Get(std::string_view name) const;

  std::string uid_;
  nlohmann::ordered_json set_;
  nlohmann::ordered_json defaults_;
};

/// The value of a column of a saved stage's data. Throws Error(kInvalidArgument) that names the
/// column if it is missing or of another type.
template <typename T>
T DataOf(const StageRecord& record, std::string_view name) {
  for (const NamedValue& column : record.data) {
    if (column.name != name) continue;
    if (const T* value = std::get_if<T>(&column.value)) return *value;
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' of its data has the wrong type", name));
  }
  throw Error(ErrorKind::kInvalidArgument, fmt::format("its data has no column '{}'", name));
}

// Rows of parameter tables that several stages have.
ParameterSpec InputColumnParameter();
ParameterSpec InputColumnsParameter();
ParameterSpec OutputColumnParameter();
ParameterSpec OutputColumnsParameter();
/// A text that must be one of `choices`, spelled exactly so; the first is the default.
ParameterSpec ChoiceParameter(std::string_view name, std::vector<std::string> choices,
                              std::string_view sentence);

}  // namespace firesteel
