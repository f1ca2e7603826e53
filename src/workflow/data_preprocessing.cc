#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "sparkml/frame.h"
#include "sql/expression.h"
#include "storage/local_copy.h"
#include "storage/output.h"
#include "workflow/split.h"
#include "workflow/step_parts.h"

namespace firesteel {
namespace {

using sql::ExpressionPtr;

struct OpenSource {
  const SourceFiles* found = nullptr;
  std::vector<std::string> files = {};
  Relation relation = {};

  const SourceSpec& spec() const { return *found->spec; }
};

class Preprocessing {
 public:
  Preprocessing(const std::vector<SourceFiles>& sources, double training_fraction, bool keep,
                StepWork* work)
      : engine_(work->engine()),
        workflow_(work->workflow()),
        training_fraction_(training_fraction),
        keep_(keep),
        work_(*work) {
    for (const SourceFiles& source : sources) sources_.push_back({&source, {}});
  }

  SplitRows Run();
  Frame JoinEachRow(const std::string& row_column);

 private:
  void ReadSources(bool first_may_be_empty);
  Relation ReadCsv(const OpenSource& source, const std::vector<std::string>& as_text) const;
  void ReadDateAsText();
  const OpenSource& SourceOf(const JoinSpec& join) const;
  Relation JoinSource(const Relation& left, const JoinSpec& join, const JoinOptions& options) const;
  void RefuseSeveralMatches(const Relation& left, const JoinSpec& join) const;
  Relation RenameColumns(const Relation& joined);
  ExpressionPtr DateExpression(const ExpressionPtr& column, const Field& field) const;
  Relation ParseDate(const Relation& renamed);
  void RefuseBadDates(const Relation& renamed, std::int64_t num_rows) const;
  std::vector<DateCount> CountDates(const Relation& rows) const;
  std::optional<std::string> FindCutOff(std::span<const DateCount> counts) const;
  Frame WritePart(const Relation& rows, const std::optional<std::string>& cut_off,
                  const std::string& part);

  Engine& engine_;
  const Workflow& workflow_;
  double training_fraction_;
  bool keep_;
  StepWork& work_;
  std::string seed_;
  std::vector<OpenSource> sources_;
  std::vector<std::string> original_names_;  // Of the joined columns, before renaming.
};

// The named column replaced by an expression, all others as they are.
sql::Select Replace(const Schema& schema, const std::string& column, ExpressionPtr expression) {
  sql::Select select;
  for (const std::string& name : schema.names()) {
    const bool is_it = EqualsIgnoringCase(name, column);
    select.items.push_back({is_it ? expression : sql::Column(name), name});
  }
  return select;
}

sql::Select Filter(ExpressionPtr condition) {
  sql::Select select;
  select.items.push_back({nullptr, ""});
  select.where = std::move(condition);
  return select;
}

Relation Preprocessing::ReadCsv(const OpenSource& source,
                                const std::vector<std::string>& as_text) const {
  CsvSource csv{.files = source.files, .options = source.spec().csv, .types = source.spec().types};
  for (const std::string& column : as_text) csv.types.emplace_back(column, kStringType);
  return engine_.ReadCsv(csv);
}

void Preprocessing::ReadSources(bool first_may_be_empty) {
  for (OpenSource& source : sources_) {
    source.files = DataFilesFor(engine_, source.found->location);
    if (source.spec().format == SourceFormat::kCsv) {
      source.relation = ReadCsv(source, {});
    } else {
      source.relation = ReadFrame(engine_, source.found->location);
    }
  }
  ReadDateAsText();
  for (const OpenSource& source : sources_) {
    const std::int64_t num_rows = engine_.Count(source.relation);
    if (num_rows == 0 && !(first_may_be_empty && &source == &sources_.front())) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("source '{}': '{}' has no rows{}", source.spec().name, source.files[0],
                      source.files.size() > 1 ? fmt::format(", nor have the {} files beside it",
                                                            source.files.size() - 1)
                                              : ""));
    }
    work_.manifest.rows.emplace_back(source.spec().name, num_rows);
  }
}

// A column whose values look like dates to type inference is a date by then, read by the ISO rules;
// if the workflow says that it is written otherwise (yyyy-dd-MM), its text is needed.
void Preprocessing::ReadDateAsText() {
  if (!workflow_.date.format || *workflow_.date.format == "yyyy-MM-dd") return;
  for (OpenSource& source : sources_) {
    if (source.spec().format != SourceFormat::kCsv) continue;
    for (const Field& field : source.relation.schema().fields()) {
      const std::string name = workflow_.snake_case_names ? SnakeCase(field.name) : field.name;
      if (!EqualsIgnoringCase(name, workflow_.date.column)) continue;
      const auto& types = source.spec().types;
      const bool is_declared = std::any_of(types.begin(), types.end(), [&](const auto& type) {
        return EqualsIgnoringCase(type.first, field.name);
      });
      if (!is_declared && field.type != kStringType) {
        source.relation = ReadCsv(source, {field.name});
        break;
      }
    }
  }
}

const OpenSource& Preprocessing::SourceOf(const JoinSpec& join) const {
  return *std::find_if(sources_.begin(), sources_.end(),
                       [&](const OpenSource& source) { return source.spec().name == join.source; });
}

Relation Preprocessing::JoinSource(const Relation& left, const JoinSpec& join,
                                   const JoinOptions& options) const {
  try {
    return engine_.Join(left, SourceOf(join).relation, options);
  } catch (const Error& error) {
    throw error.Within(fmt::format("joining '{}'", join.source));
  }
}

// Called only if some row of `left` has several matches.
void Preprocessing::RefuseSeveralMatches(const Relation& left, const JoinSpec& join) const {
  ExpressionPtr key, has_key;
  for (const std::string& column : join.options.keys) {
    const ExpressionPtr text = sql::Cast(sql::Column(column), kStringType);
    const ExpressionPtr is_there = sql::Not(sql::IsNull(text));
    key = key ? sql::Call("concat", {key, sql::Literal(", "), text}) : text;
    has_key = has_key ? sql::And(has_key, is_there) : is_there;
  }
  const auto count = [&](const Relation& rows) {
    return engine_.ValueCounts(engine_.Query(rows, {.items = {{key, "key"}}, .where = has_key}),
                               sql::Column("key"));
  };
  std::vector<std::string> wanted;
  for (const ValueCount& value : count(left)) wanted.push_back(value.value.value_or(""));
  std::sort(wanted.begin(), wanted.end());
  std::vector<ValueCount> several = count(SourceOf(join).relation);
  std::erase_if(several, [&](const ValueCount& value) {
    return value.count < 2 || !std::binary_search(wanted.begin(), wanted.end(), value.value);
  });
  std::sort(several.begin(), several.end(), [](const ValueCount& a, const ValueCount& b) {
    return a.count != b.count ? a.count > b.count : a.value < b.value;
  });
  const std::string advice =
      "a row would be predicted more than once; keep one row of the source for each key";
  const std::string keys = Join(join.options.keys, ", ");
  if (several.empty()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("source '{}': it has several rows with the same {}; {}", join.source,
                            keys, advice));
  }
  throw Error(
      ErrorKind::kInvalidArgument,
      fmt::format("source '{}': {} rows have the {} '{}'{}; {}", join.source,
                  WithThousands(several.front().count), keys, *several.front().value,
                  several.size() > 1
                      ? fmt::format(", and {} other keys are there more than once too",
                                    WithThousands(static_cast<long long>(several.size()) - 1))
                      : "",
                  advice));
}

Relation Preprocessing::RenameColumns(const Relation& joined) {
  original_names_ = joined.schema().names();
  if (!workflow_.snake_case_names) return joined;
  sql::Select select;
  std::vector<std::pair<std::string, std::string>> seen;  // Lower-case new name -> old name.
  for (const std::string& name : original_names_) {
    const std::string renamed = SnakeCase(name);
    for (const auto& [other, original] : seen) {
      if (other == AsciiLower(renamed)) {
        throw Error(
            ErrorKind::kInvalidArgument,
            fmt::format("the columns '{}' and '{}' would both be called '{}'; rename one in "
                        "its file, or set column_names: as_is in the workflow",
                        original, name, renamed));
      }
    }
    seen.emplace_back(AsciiLower(renamed), name);
    select.items.push_back({sql::Column(name), renamed});
  }
  return engine_.Query(joined, select);
}

ExpressionPtr Preprocessing::DateExpression(const ExpressionPtr& column, const Field& field) const {
  const DataType& type = field.type;
  if (type == kDateType) return column;
  if (type == kTimestampType) return sql::Cast(column, kDateType);
  if (type != kStringType && !(type.IsIntegral() && workflow_.date.format)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the date column '{}' is of type {}; it must be text, a date or a "
                            "timestamp",
                            field.name, type.ToString()));
  }
  // Blanks around a date are no reason to lose a row; Spark's own patterns would not take them.
  const ExpressionPtr text =
      type == kStringType ? sql::Call("trim", {column}) : sql::Cast(column, kStringType);
  if (!workflow_.date.format) return sql::TryCast(text, kDateType);
  return sql::Call("try_to_date", {text, sql::Literal(std::string_view(*workflow_.date.format))});
}

Relation Preprocessing::ParseDate(const Relation& renamed) {
  const Schema& schema = renamed.schema();
  if (!schema.Find(workflow_.date.column)) {
    throw Error(
        ErrorKind::kNotFound,
        fmt::format("there is no date column '{}'{}; columns are {}", workflow_.date.column,
                    DidYouMean(workflow_.date.column, schema.names()), Join(schema.names(), ", ")));
  }
  const Field& field = schema.Get(workflow_.date.column);
  if (field.type == kDateType) return renamed;
  return engine_.Query(renamed,
                       Replace(schema, field.name, DateExpression(sql::Column(field.name), field)));
}

// Tells text that is no date from a missing one.
void Preprocessing::RefuseBadDates(const Relation& renamed, std::int64_t num_rows) const {
  const std::size_t position = *renamed.schema().Find(workflow_.date.column);
  const auto is_bad = [&](const Field& field) {
    const ExpressionPtr column = sql::Column(field.name);
    return sql::And(sql::IsNull(DateExpression(column, field)), sql::Not(sql::IsNull(column)));
  };
  const ExpressionPtr condition = is_bad(renamed.schema().fields()[position]);
  const std::int64_t num_bad = engine_.CountWhere(renamed, {&condition, 1})[0];
  if (num_bad == 0) return;

  const std::string form = workflow_.date.format
                               ? fmt::format("a date of the form {}", *workflow_.date.format)
                               : "a date";
  const std::string& original = original_names_[position];
  for (const OpenSource& source : sources_) {
    const std::optional<std::size_t> found = source.relation.schema().Find(original);
    if (!found || source.spec().format != SourceFormat::kCsv) continue;
    const Field& field = source.relation.schema().fields()[*found];
    const std::optional<RecordOrigin> origin =
        engine_.Locate(source.relation, is_bad(field), field.name);
    if (!origin) continue;
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{} line {}: {} is '{}', which is not {}; such rows: {} of {}",
                            origin->file, origin->line, original, origin->value.value_or(""), form,
                            WithThousands(num_bad), WithThousands(num_rows)));
  }
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("the date column '{}' holds text that is not {} in {} rows",
                          workflow_.date.column, form, WithThousands(num_bad)));
}

std::vector<DateCount> Preprocessing::CountDates(const Relation& rows) const {
  std::vector<DateCount> counts;
  for (ValueCount& count : engine_.ValueCounts(rows, sql::Column(workflow_.date.column))) {
    counts.emplace_back(std::move(count.value), count.count);
  }
  std::sort(counts.begin(), counts.end());
  return counts;
}

std::optional<std::string> Preprocessing::FindCutOff(std::span<const DateCount> counts) const {
  try {
    return FindCutOffDate(counts, training_fraction_);
  } catch (const Error& error) {
    throw error.Within(fmt::format("column '{}'", workflow_.date.column));
  }
}

Frame Preprocessing::WritePart(const Relation& rows, const std::optional<std::string>& cut_off,
                               const std::string& part) {
  ExpressionPtr condition = sql::Literal(false);
  if (cut_off) {
    condition = sql::Call(part == "training" ? "<=" : ">",
                          {sql::Column(workflow_.date.column), sql::DateLiteral(*cut_off)});
  }
  const Relation selected = engine_.Query(rows, Filter(condition));
  const WriteResult written =
      work_.Write(selected, part, FrameOptions(selected, work_.FileUuid(seed_, part)));
  work_.AddWritten(part, written.num_rows);
  if (written.num_rows == 0) {
    work_.manifest.Warn(
        fmt::format("the {} part is empty, since the cut falls on rows without a date", part));
  }
  return {.path = fmt::format("{}/{}", work_.place().target, part),
          .rows = keep_ ? work_.RowsOf(selected, part) : Relation(),
          .num_rows = written.num_rows};
}

SplitRows Preprocessing::Run() {
  work_.clock.Begin("reading");
  ReadSources(/*first_may_be_empty=*/false);
  work_.clock.Begin("joining");
  Relation joined = sources_[0].relation;
  for (const JoinSpec& join : workflow_.joins) joined = JoinSource(joined, join, join.options);
  const Relation renamed = RenameColumns(joined);
  Relation rows = ParseDate(renamed);
  rows = keep_ ? engine_.Keep(rows) : engine_.Reuse(rows);
  work_.clock.Begin("splitting");
  const std::vector<DateCount> counts = CountDates(rows);
  std::int64_t num_rows = 0;
  for (const DateCount& count : counts) num_rows += count.second;
  const std::int64_t num_nulls = !counts.empty() && !counts[0].first ? counts[0].second : 0;
  if (num_nulls > 0) RefuseBadDates(renamed, num_rows);
  if (num_rows == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                "no row is left after the joins; do the keys of the sources match?");
  }
  const std::optional<std::string> cut_off = FindCutOff(counts);
  if (num_nulls > 0) {
    work_.manifest.Warn(fmt::format("{} of {} rows have no {} and are in neither part",
                                    WithThousands(num_nulls), WithThousands(num_rows),
                                    workflow_.date.column));
  }

  work_.clock.Begin("writing");
  seed_ = work_.Seed(fmt::format("{}", training_fraction_));
  work_.manifest.rows.emplace_back("joined", num_rows);
  SplitRows parts{.training = WritePart(rows, cut_off, "training"),
                  .validation = WritePart(rows, cut_off, "validation")};
  RowLedger ledger{.read = num_rows, .used = parts.training.num_rows + parts.validation.num_rows};
  if (!cut_off) {
    // Rows that have a date come after the cut, but no date is greater than null.
    ledger.rejected["null_cut_off_date"] = num_rows - num_nulls;
  }
  if (num_nulls > 0) ledger.rejected["null_date"] = num_nulls;
  work_.manifest.ledgers.emplace_back("joined", ledger);
  work_.manifest.results["split"] = {
      {"column", workflow_.date.column}, {"dates", counts.size()}, {"last_training_date", nullptr}};
  if (cut_off) work_.manifest.results["split"]["last_training_date"] = *cut_off;
  return parts;
}

Frame Preprocessing::JoinEachRow(const std::string& row_column) {
  work_.clock.Begin("reading");
  ReadSources(/*first_may_be_empty=*/true);
  work_.clock.Begin("joining");
  const std::int64_t num_rows = engine_.Count(sources_[0].relation);
  Relation joined = engine_.NumberRows(sources_[0].relation, row_column);
  for (const JoinSpec& join : workflow_.joins) {
    const Relation left = joined;
    joined = JoinSource(left, join, {.keys = join.options.keys, .type = JoinType::kLeft});
    if (engine_.Count(joined) != num_rows) RefuseSeveralMatches(left, join);
  }
  Relation rows = RenameColumns(joined);
  // New rows need no date unless a stage asks for it.
  if (rows.schema().Find(workflow_.date.column)) {
    RefuseBadDates(rows, num_rows);
    rows = ParseDate(rows);
  }
  return {.path = sources_[0].found->location.path(), .rows = rows, .num_rows = num_rows};
}

}  // namespace

std::vector<SourceFiles> FindSources(const Workflow& workflow,
                                     const std::map<std::string, Location>& locations) {
  std::vector<SourceFiles> sources;
  for (const SourceSpec& spec : workflow.sources) {
    const auto location = locations.find(spec.name);
    if (location == locations.end()) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("no location is given for the source '{}'", spec.name));
    }
    try {
      if (location->second.is_remote()) {
        FindDataObjects(location->second);
      } else {
        ListDataFiles(location->second);
      }
      sources.push_back({&spec, location->second});
    } catch (const Error& error) {
      throw error.Within(fmt::format("source '{}'", spec.name));
    }
  }
  return sources;
}

void CheckTrainingFraction(double fraction) {
  if (fraction > 0.0 && fraction < 1.0) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("the training fraction must lie between 0 and 1, both excluded; it is {}",
                          fraction));
}

SplitRows SplitSources(const std::vector<SourceFiles>& sources, double training_fraction, bool keep,
                       StepWork* work) {
  return Preprocessing(sources, training_fraction, keep, work).Run();
}

Frame JoinEachRow(const std::vector<SourceFiles>& sources, const std::string& row_column,
                  StepWork* work) {
  return Preprocessing(sources, /*training_fraction=*/0.0, /*keep=*/false, work)
      .JoinEachRow(row_column);
}

StepReport RunDataPreprocessing(Engine& engine, const Workflow& workflow,
                                const PreprocessingOptions& options) {
  CheckTrainingFraction(options.training_fraction);
  const std::vector<SourceFiles> sources = FindSources(workflow, options.sources);
  std::vector<Location> inputs;
  for (const SourceFiles& source : sources) inputs.push_back(source.location);
  OutputDirectory output(options.output, {.overwrite = options.overwrite,
                                          .inputs = inputs,
                                          .entries = {"training", "validation", "manifest.json"}});
  StepStatus status(&output, "data_preprocessing", options.observer);
  StepWork work(engine, workflow, "data_preprocessing",
                {.directory = output.staging(), .target = options.output.path(), .output = &output},
                status.observer());
  for (const SourceFiles& source : sources) work.inputs.Add(source.spec->name, source.location);
  work.HashInputs();
  work.RequireReach();
  work.manifest.parameters = {{"training_fraction", options.training_fraction},
                              {"overwrite_output", options.overwrite}};
  return Complete(&work, &output, &status,
                  [&] { SplitSources(sources, options.training_fraction, /*keep=*/false, &work); });
}

}  // namespace firesteel
