#include "workflow/workflow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "learn/learner.h"
#include "sql/parse.h"
#include "sql/spark_text.h"
#include "storage/location.h"
#include "workflow/yaml_reader.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kVersion = 1;

const std::vector<std::string>& TopKeys() {
  static const std::vector<std::string> keys = {
      "version", "name",          "sources", "joins", "column_names", "date", "split",
      "stages",  "python_stages", "label",   "ids",   "baselines",    "model"};
  return keys;
}

// Flags of the commands that a source of the same name would hide.
const std::vector<std::string>& ReservedNames() {
  static const std::vector<std::string> names = {"output",
                                                 "overwrite_output",
                                                 "training_fraction",
                                                 "workflow",
                                                 "threads",
                                                 "model_type",
                                                 "model_params",
                                                 "add_timestamp_to_output",
                                                 "memory_limit",
                                                 "progress",
                                                 "log_format",
                                                 "quiet",
                                                 "verbose",
                                                 "help",
                                                 "input",
                                                 "model",
                                                 "pipeline_model",
                                                 "format",
                                                 "on_unseen",
                                                 "version"};
  return names;
}

// Runs `check` and puts the place of `value` before the message of what it throws.
template <typename Check>
void At(const YamlValue& value, const Check& check) {
  try {
    check();
  } catch (const Error& error) {
    value.Fail(error.what());
  }
}

YamlValue Required(const YamlValue& map, std::string_view key) {
  if (!map.Has(key)) {
    map.Fail(fmt::format("the key '{}' is missing; docs/workflow.md shows what it holds", key));
  }
  return map.Get(key);
}

void CheckVersion(const YamlValue& root) {
  const YamlValue value = Required(root, "version");
  const Json version = value.ToJson();
  if (!version.is_number_integer()) value.Fail("the version is a whole number: version: 1");
  const auto number = version.get<std::int64_t>();
  if (number > kVersion) {
    value.Fail(
        fmt::format("this file is of version {}, and this firesteel knows versions up to {}; "
                    "use a newer firesteel",
                    number, kVersion));
  }
  if (number < 1) value.Fail("versions begin at 1");
}

std::vector<std::pair<std::string, DataType>> ReadTypes(const YamlValue& value) {
  std::vector<std::pair<std::string, DataType>> types;
  for (const auto& [column, name] : value.Entries()) {
    DataType type;
    At(name, [&, &text = name] { type = DataType::Parse(text.Text()); });
    if (type.kind == TypeKind::kVector || type.kind == TypeKind::kNull) {
      name.Fail(fmt::format("a CSV column can't be of type {}", type.ToString()));
    }
    types.emplace_back(column, type);
  }
  return types;
}

SourceSpec ReadSource(const std::string& name, const YamlValue& value) {
  const bool is_name = !name.empty() && name[0] >= 'a' && name[0] <= 'z' && name.back() != '_' &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                       });
  if (!is_name || name.find("__") != std::string::npos) {
    value.Fail(
        fmt::format("a source is named with a-z, 0-9 and single _, as flags are made of the "
                    "name; '{}' is not",
                    name));
  }
  const std::vector<std::string>& reserved = ReservedNames();
  if (std::find(reserved.begin(), reserved.end(), name) != reserved.end()) {
    value.Fail(fmt::format("a source can't be called '{}', since a flag has that name", name));
  }
  SourceSpec source;
  source.name = name;
  if (value.IsNull()) return source;
  const std::vector<std::string> keys = {"format", "delimiter", "dialect", "types"};
  value.CheckKeys(keys);
  if (value.Has("format")) {
    const std::vector<std::string> formats = {"csv", "parquet"};
    if (value.Get("format").Choice(formats) == "parquet") source.format = SourceFormat::kParquet;
  }
  if (source.format == SourceFormat::kParquet) {
    for (const char* key : {"delimiter", "dialect", "types"}) {
      if (value.Has(key)) {
        value.Get(key).Fail("this goes with format: csv; a Parquet file says it itself");
      }
    }
  }
  if (value.Has("delimiter")) {
    const std::string delimiter = value.Get("delimiter").Text();
    const std::string_view impossible = "\"\\\n\r";
    if (delimiter.size() != 1 || impossible.find(delimiter[0]) != std::string_view::npos ||
        static_cast<unsigned char>(delimiter[0]) >= 0x80) {
      value.Get("delimiter")
          .Fail("a delimiter is one ASCII character, and no quote, backslash or line end");
    }
    source.csv.delimiter = delimiter[0];
  }
  if (value.Has("dialect")) {
    const std::vector<std::string> dialects = {"rfc4180", "spark"};
    if (value.Get("dialect").Choice(dialects) == "spark") {
      source.csv.dialect = CsvOptions::Dialect::kSpark;
    }
  }
  if (value.Has("types")) source.types = ReadTypes(value.Get("types"));
  return source;
}

void ReadSources(const YamlValue& value, Workflow* workflow) {
  for (const auto& [name, source] : value.Entries()) {
    workflow->sources.push_back(ReadSource(name, source));
  }
  if (workflow->sources.empty()) value.Fail("at least one source is needed");
}

std::vector<std::string> SourceNames(const Workflow& workflow) {
  std::vector<std::string> names;
  for (const SourceSpec& source : workflow.sources) names.push_back(source.name);
  return names;
}

void ReadJoins(const YamlValue& root, Workflow* workflow) {
  const std::vector<std::string> names = SourceNames(*workflow);
  std::set<std::string> joined = {names[0]};
  if (root.Has("joins") && !root.Get("joins").IsNull()) {
    for (const YamlValue& value : root.Get("joins").Items()) {
      const std::vector<std::string> keys = {"source", "on", "how"};
      value.CheckKeys(keys);
      JoinSpec join;
      const YamlValue source = Required(value, "source");
      join.source = source.Text();
      if (std::find(names.begin(), names.end(), join.source) == names.end()) {
        source.Fail(fmt::format("there is no source '{}'{}; sources are {}", join.source,
                                DidYouMean(join.source, names), Join(names, ", ")));
      }
      if (!joined.insert(join.source).second) {
        source.Fail(join.source == names[0]
                        ? fmt::format("'{}' is the first source, which the others are joined to",
                                      join.source)
                        : fmt::format("'{}' is joined twice", join.source));
      }
      const YamlValue on = Required(value, "on");
      join.options.keys = on.TextList();
      if (join.options.keys.empty()) on.Fail("at least one column is needed");
      const std::set<std::string> distinct(join.options.keys.begin(), join.options.keys.end());
      if (distinct.size() != join.options.keys.size()) on.Fail("a column is named twice");
      if (value.Has("how")) {
        const std::vector<std::string> types = {"left", "inner"};
        if (value.Get("how").Choice(types) == "inner") join.options.type = JoinType::kInner;
      }
      workflow->joins.push_back(std::move(join));
    }
  }
  for (const std::string& name : names) {
    if (!joined.contains(name)) {
      root.Get("sources").Get(name).Fail(
          "this source is not used: only the first one stands alone, the others need an entry "
          "under "
          "'joins'");
    }
  }
}

void ReadDate(const YamlValue& value, Workflow* workflow) {
  const std::vector<std::string> keys = {"column", "format"};
  value.CheckKeys(keys);
  workflow->date.column = Required(value, "column").Text();
  if (value.Has("format")) {
    workflow->date.format = value.Get("format").Text();
    At(value.Get("format"), [&] { sql::CheckDatePattern(*workflow->date.format); });
  }
}

void ReadSplit(const YamlValue& value, Workflow* workflow) {
  const std::vector<std::string> keys = {"training_fraction"};
  value.CheckKeys(keys);
  const YamlValue fraction = Required(value, "training_fraction");
  workflow->training_fraction = fraction.Number();
  if (!(workflow->training_fraction > 0.0 && workflow->training_fraction < 1.0)) {
    fraction.Fail(fmt::format("the fraction must lie between 0 and 1, both excluded; it is {}",
                              workflow->training_fraction));
  }
}

void ReadStages(const YamlValue& value, Workflow* workflow) {
  for (const YamlValue& item : value.Items()) {
    const std::vector<std::pair<std::string, YamlValue>> entries =
        item.IsMap() ? item.Entries() : std::vector<std::pair<std::string, YamlValue>>();
    if (entries.size() != 1) {
      item.Fail(
          "a stage is one name with its parameters below it: '- StringIndexer:' and, further "
          "in, 'inputCol: carrier'");
    }
    const auto& [kind, params] = entries[0];
    StageSpec stage;
    stage.kind = kind;
    stage.params = params.IsNull() ? Json::object() : params.ToJson();
    stage.line = item.line();
    if (!stage.params.is_object()) params.Fail("parameters are keys and values");
    try {
      MakeStage(stage.kind, stage.params, stage.kind + "_000000000000", item.Where());
    } catch (const Error& error) {
      throw Error(ErrorKind::kUsage, error.what());
    }
    workflow->stages.push_back(std::move(stage));
  }
}

void ReadPythonStages(const YamlValue& value, Workflow* workflow) {
  for (const auto& [name, statement] : value.Entries()) {
    const std::string text = statement.Text();
    At(statement, [&] { sql::ParseSelect(text); });
    workflow->python_stages.emplace(name, text);
  }
}

void ReadIds(const YamlValue& value, Workflow* workflow) {
  if (value.IsNull()) return;
  if (value.IsList()) {
    workflow->ids.names = value.TextList();
    return;
  }
  const std::vector<std::string> keys = {"suffix"};
  if (!value.IsMap()) value.Fail("a list of columns is expected, or 'suffix: _id'");
  value.CheckKeys(keys);
  workflow->ids.suffix = Required(value, "suffix").Text();
}

void ReadBaselines(const YamlValue& value, Workflow* workflow) {
  if (value.IsNull()) return;
  for (const YamlValue& item : value.Items()) {
    const std::string column = item.Text();
    const auto is_it = [&](const std::string& other) { return EqualsIgnoringCase(other, column); };
    if (is_it(workflow->label)) {
      item.Fail(fmt::format("the label '{}' can't be a baseline of itself", column));
    }
    if (std::any_of(workflow->baselines.begin(), workflow->baselines.end(), is_it)) {
      item.Fail(fmt::format("the baseline '{}' is named twice", column));
    }
    workflow->baselines.push_back(column);
  }
}

void ReadModel(const YamlValue& value, Workflow* workflow) {
  const std::vector<std::string> keys = {"type", "params"};
  value.CheckKeys(keys);
  if (value.Has("type")) workflow->model_type = value.Get("type").Text();
  const YamlValue& place = value.Has("type") ? value.Get("type") : value;
  const LearnerKind* kind = nullptr;
  At(place, [&] { kind = &FindLearner(workflow->model_type); });
  if (value.Has("params") && !value.Get("params").IsNull()) {
    const YamlValue params = value.Get("params");
    const Json given = params.ToJson();
    if (!given.is_object()) params.Fail("parameters are keys and values");
    const Json checked = CheckParameters(kind->parameters, given, params.Where());
    if (kind->check != nullptr) At(params, [&] { kind->check(checked); });
    workflow->model_params = given;
  }
}

}  // namespace

bool IdColumns::Contains(std::string_view column) const {
  if (!suffix.empty() && column.ends_with(suffix)) return true;
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return EqualsIgnoringCase(name, column); });
}

std::string Workflow::PartFor(std::string_view step) const {
  Json part = {{"step", step}};
  if (step == "data_preprocessing") {
    for (const SourceSpec& source : sources) {
      Json types = Json::array();
      for (const auto& [column, type] : source.types) types.push_back({column, type.ToString()});
      part["sources"].push_back({{"name", source.name},
                                 {"format", source.format},
                                 {"dialect", source.csv.dialect},
                                 {"delimiter", std::string(1, source.csv.delimiter)},
                                 {"types", std::move(types)}});
    }
    for (const JoinSpec& join : joins) {
      part["joins"].push_back(
          {{"source", join.source}, {"on", join.options.keys}, {"how", join.options.type}});
    }
    part["snake_case_names"] = snake_case_names;
    part["date"] = {date.column};
    if (date.format) part["date"].push_back(*date.format);
  } else if (step == "feature_engineering") {
    for (const StageSpec& stage : stages) part["stages"].push_back({stage.kind, stage.params});
    part["python_stages"] = python_stages;
  } else {
    return text;
  }
  return part.dump();
}

Workflow Workflow::Parse(std::string_view text, const std::string& file) {
  const YamlValue root = YamlValue::Parse(text, file);
  // First, so that a newer file is refused for its version and not for a key that it brings.
  if (root.IsMap()) CheckVersion(root);
  root.CheckKeys(TopKeys());

  Workflow workflow;
  workflow.file = file;
  workflow.text = std::string(text);
  workflow.model_params = Json::object();
  workflow.name = Required(root, "name").Text();
  ReadSources(Required(root, "sources"), &workflow);
  ReadJoins(root, &workflow);
  if (root.Has("column_names")) {
    const std::vector<std::string> choices = {"snake_case", "as_is"};
    workflow.snake_case_names = root.Get("column_names").Choice(choices) == "snake_case";
  }
  ReadDate(Required(root, "date"), &workflow);
  if (root.Has("split")) ReadSplit(root.Get("split"), &workflow);
  ReadStages(Required(root, "stages"), &workflow);
  if (root.Has("python_stages") && !root.Get("python_stages").IsNull()) {
    ReadPythonStages(root.Get("python_stages"), &workflow);
  }
  const YamlValue label = Required(root, "label");
  workflow.label = label.Text();
  if (root.Has("ids")) ReadIds(root.Get("ids"), &workflow);
  if (workflow.ids.Contains(workflow.label)) {
    label.Fail(
        fmt::format("the label '{}' is an id column by 'ids'; ids are no labels", workflow.label));
  }
  if (root.Has("baselines")) ReadBaselines(root.Get("baselines"), &workflow);
  if (root.Has("model")) ReadModel(root.Get("model"), &workflow);
  return workflow;
}

Workflow Workflow::Load(const std::string& path) {
  try {
    return Parse(ReadTextFile(path), path);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNotFound || error.kind() == ErrorKind::kIo) {
      throw Error(ErrorKind::kUsage, fmt::format("the workflow file {}", error.what()));
    }
    throw;
  }
}

const Workflow& Workflow::BuiltIn() {
  static const Workflow workflow = Parse(BuiltInWorkflowText(), "built-in workflow 'shipping'");
  return workflow;
}

}  // namespace firesteel
