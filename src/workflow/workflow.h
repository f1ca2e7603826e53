#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "features/registry.h"
#include "table/data_type.h"

namespace firesteel {

enum class SourceFormat { kCsv, kParquet };

struct SourceSpec {
  std::string name;  // "shipping_logs": gives the flags --shipping-logs and --s3-shipping-logs-dir.
  SourceFormat format = SourceFormat::kCsv;
  CsvOptions csv;
  std::vector<std::pair<std::string, DataType>> types;  // Declared, by the name in the file.
};

struct JoinSpec {
  std::string source;
  JoinOptions options;
};

struct DateSpec {
  std::string column;                 // After renaming.
  std::optional<std::string> format;  // Absent: the column is a date, or text that casts to one.
};

struct StageSpec {
  std::string kind;  // "StringIndexer".
  nlohmann::ordered_json params;
  int line = 0;  // In the file, for messages.
};

/// Which columns identify rows: kept beside predictions, never features.
struct IdColumns {
  std::vector<std::string> names;
  std::string suffix;  // Empty: none.

  bool Contains(std::string_view column) const;
};

/// A workflow file (version 1; docs/workflow.md), read and checked as far as it can be without
/// data.
struct Workflow {
  std::string name;
  std::string file;  // Where it came from, for messages; "built-in workflow 'shipping'".
  std::string text;
  std::vector<SourceSpec> sources;  // The first one is joined to.
  std::vector<JoinSpec> joins;
  bool snake_case_names = true;
  DateSpec date;
  double training_fraction = 0.9;
  std::vector<StageSpec> stages;
  PythonStages python_stages;
  std::string label;
  IdColumns ids;
  std::vector<std::string> baselines;  // Columns that are judged as predictions, for comparison.
  std::string model_type = "gbt";
  nlohmann::ordered_json model_params;

  /// All of the workflow that a step depends on, in an unspecified form: what data_preprocessing
  /// and feature_engineering make of their inputs does not change with the rest, comments included.
  /// Other steps depend on the whole text.
  std::string PartFor(std::string_view step) const;

  /// Throws Error(kUsage) with file, line, key, and what is allowed there: unknown key, wrong type,
  /// missing key, a join of an unknown source, an unknown stage or parameter, SQL that does not
  /// parse, a version newer than ours.
  static Workflow Parse(std::string_view text, const std::string& file);
  static Workflow Load(const std::string& path);
  /// The workflow that every step runs by default.
  static const Workflow& BuiltIn();
};

/// The text of the built-in workflow, comments included.
std::string_view BuiltInWorkflowText();

}  // namespace firesteel
