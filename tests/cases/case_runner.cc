// Runs the text cases on DuckDB, or prints them, and expressions made at random, for the scripts of
// tests/spark.
//
//   cases_test FILE…                        checks every case, and the examples of the function
//   table cases_test --print-spark FILE…          prints them as JSON lines, with Spark SQL
//   cases_test --print-functions            prints the tables of docs/expressions.md
//   cases_test --generate N --seed S        prints N random expressions with their values on DuckDB

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cases/case_file.h"
#include "cases/database.h"
#include "cases/evaluate.h"
#include "cases/generate.h"
#include "sql/function_table.h"
#include "sql/parse.h"
#include "sql/print.h"
#include "sql/resolve.h"

namespace firesteel::cases {
namespace {

using Json = nlohmann::ordered_json;

// The value of an expression as a case file writes it.
std::string Written(const std::optional<std::string>& value, bool is_text) {
  if (!value) return "NULL";
  if (value->starts_with("! ")) {
    const std::string error_class = ErrorClass(*value);
    return "! " + (error_class.empty() ? *value : error_class);
  }
  return is_text ? sql::QuoteString(*value, sql::Dialect::kSpark) : *value;
}

// So that 'a''b' and 'a\'b' are the same expectation.
std::string Normalized(const std::string& line) {
  if (!line.starts_with('\'')) return line;
  const sql::ExpressionPtr literal = sql::ParseExpression(line);
  return sql::QuoteString(std::get<std::string>(literal->value), sql::Dialect::kSpark);
}

class Runner {
 public:
  explicit Runner(bool print_spark) : print_spark_(print_spark) {}

  void RunFile(const std::string& file) {
    for (const Case& one : ReadCases(file)) {
      InputTable table(database_, one.schema, one.rows);
      for (const Query& query : one.queries) {
        const std::string where =
            fmt::format("{}:{}: {}: {}", file, query.line, one.name, query.text);
        Check(where, [&] {
          if (query.is_select) {
            RunSelect(where, one, query, table);
          } else {
            RunExpression(where, one, query, table);
          }
        });
      }
    }
  }

  void RunExamples() {
    const std::vector<std::vector<std::string>> rows = {{"0"}};
    const Schema schema({{"unused", kIntType}});
    InputTable table(database_, schema, rows);
    for (const sql::Function& function : sql::Functions()) {
      if (function.group == sql::FunctionGroup::kMl) continue;
      const std::string where = fmt::format("example of {}: {}", function.name, function.example);
      Check(where, [&] {
        const sql::ExpressionPtr resolved =
            sql::Resolve(sql::ParseExpression(function.example), schema);
        Compare(where, table, schema, resolved, {std::string(function.example_value)}, false);
      });
    }
  }

  int Finish() const {
    if (!print_spark_) fmt::print("cases_test: {} passed, {} failed\n", passed_, failed_);
    return failed_ == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  template <typename Body>
  void Check(const std::string& where, Body&& body) {
    const int before = failed_;
    try {
      body();
    } catch (const std::exception& error) {
      Report(where, error.what());
    }
    if (failed_ == before) ++passed_;
  }

  void Report(const std::string& where, const std::string& what) {
    ++failed_;
    fmt::print(stderr, "FAILED {}\n  {}\n", where, what);
  }

  // Runs what must be refused; true if the query is such a one.
  template <typename Body>
  bool IsRefusal(const std::string& where, const Query& query, Body&& body) {
    if (query.refused.empty()) return false;
    try {
      body();
      Report(where, "is accepted, but should be refused: " + query.refused);
    } catch (const Error& error) {
      if (std::string(error.what()).find(query.refused) == std::string::npos) {
        Report(where, fmt::format("says '{}', not '{}'", error.what(), query.refused));
      }
    }
    return true;
  }

  void RunExpression(const std::string& where, const Case& one, const Query& query,
                     InputTable& table) {
    const auto resolve = [&] { return sql::Resolve(sql::ParseExpression(query.text), one.schema); };
    if (IsRefusal(where, query, resolve)) return;
    const sql::ExpressionPtr resolved = resolve();
    Compare(where, table, one.schema, resolved, query.expected, resolved->type == kStringType);
  }

  void Compare(const std::string& where, InputTable& table, const Schema& schema,
               const sql::ExpressionPtr& resolved, std::vector<std::string> expected,
               bool is_text) {
    for (std::string& line : expected) line = Normalized(line);
    const std::vector<std::optional<std::string>> values = table.Evaluate(resolved);
    std::vector<std::string> written;
    for (const auto& value : values) written.push_back(Written(value, is_text));
    if (written != expected) {
      Report(where,
             fmt::format("expected {}\n  but got  {}\n  from     {}", fmt::join(expected, "; "),
                         fmt::join(written, "; "), sql::Print(*resolved, sql::Dialect::kDuckDb)));
    }
    if (!print_spark_) return;
    Json line;
    line["where"] = where;
    line["table"] = table.ForSpark();
    line["expression"] = sql::Print(*AsText(resolved, schema), sql::Dialect::kSpark);
    line["plain"] = sql::Print(*resolved, sql::Dialect::kSpark);
    line["type"] = resolved->type.ToString();
    line["is_text"] = is_text;
    line["expected"] = ForSpark(values, expected, is_text);
    fmt::print("{}\n", line.dump());
  }

  // The expected lines as values: null, text, or an object with an error class.
  static Json ForSpark(const std::vector<std::optional<std::string>>&,
                       const std::vector<std::string>& expected, bool is_text) {
    Json list = Json::array();
    for (const std::string& line : expected) list.push_back(CellForSpark(line, is_text));
    return list;
  }

  static Json CellForSpark(const std::string& cell, bool is_text) {
    if (cell == "NULL") return nullptr;
    if (cell.starts_with("! ")) return Json{{"error", cell.substr(2)}};
    if (is_text && cell.starts_with('\'')) {
      return std::get<std::string>(sql::ParseExpression(cell)->value);
    }
    return cell;
  }

  void RunSelect(const std::string& where, const Case& one, const Query& query, InputTable& table) {
    const auto resolve = [&] { return sql::Resolve(sql::ParseSelect(query.text), one.schema); };
    if (IsRefusal(where, query, resolve)) return;
    sql::ResolvedSelect select = resolve();
    const sql::ResolvedSelect plain = select;
    for (sql::ExpressionPtr& column : select.columns) column = AsText(column, one.schema);
    const Database::Result result =
        database_.Run(sql::Print(select, sql::Dialect::kDuckDb, InputTable::kName));
    std::vector<std::string> lines;
    if (!result.error.empty()) lines.push_back(Written("! " + result.error, false));
    for (const auto& row : result.rows) {
      std::vector<std::string> cells;
      for (std::size_t i = 0; i < row.size(); ++i) {
        cells.push_back(Written(row[i], plain.columns[i]->type == kStringType));
      }
      lines.push_back(fmt::format("{}", fmt::join(cells, " | ")));
    }
    std::vector<std::string> expected;
    for (const std::string& line : query.expected) {
      std::vector<std::string> cells;
      for (const std::string& cell : SplitCells(line)) cells.push_back(Normalized(cell));
      expected.push_back(fmt::format("{}", fmt::join(cells, " | ")));
    }
    if (lines != expected) {
      Report(where, fmt::format("expected\n{}\n  but got\n{}", fmt::join(expected, "\n"),
                                fmt::join(lines, "\n")));
    }
    if (print_spark_) PrintSelect(where, query, table, select, plain);
  }

  static void PrintSelect(const std::string& where, const Query& query, const InputTable& table,
                          const sql::ResolvedSelect& select, const sql::ResolvedSelect& plain) {
    Json line;
    line["where"] = where;
    line["table"] = table.ForSpark();
    line["statement"] = sql::Print(select, sql::Dialect::kSpark, InputTable::kName);
    line["expected"] = Json::array();
    for (const std::string& expected : query.expected) {
      Json row = Json::array();
      std::size_t column = 0;
      for (const std::string& cell : SplitCells(expected)) {
        const bool is_text =
            column < plain.columns.size() && plain.columns[column]->type == kStringType;
        row.push_back(CellForSpark(cell, is_text));
        ++column;
      }
      line["expected"].push_back(std::move(row));
    }
    fmt::print("{}\n", line.dump());
  }

  Database database_;
  bool print_spark_;
  int passed_ = 0;
  int failed_ = 0;
};

int PrintFunctions() {
  const std::pair<sql::FunctionGroup, const char*> groups[] = {
      {sql::FunctionGroup::kOperator, "Operators"},
      {sql::FunctionGroup::kConditional, "Conditional functions"},
      {sql::FunctionGroup::kMath, "Mathematics"},
      {sql::FunctionGroup::kText, "Text"},
      {sql::FunctionGroup::kDate, "Dates"}};
  for (const auto& [group, title] : groups) {
    fmt::print("\n### {}\n\n| form | what it gives | example |\n| --- | --- | --- |\n", title);
    for (const sql::Function& function : sql::Functions()) {
      if (function.group == group) fmt::print("{}\n", sql::DocumentationRow(function));
    }
  }
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  std::vector<std::string> files;
  bool print_spark = false;
  int count = 0;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--print-functions") return PrintFunctions();
    if (argument == "--print-spark") {
      print_spark = true;
    } else if (argument == "--generate" && i + 1 < argc) {
      count = std::atoi(argv[++i]);
    } else if (argument == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      files.push_back(argument);
    }
  }
  if (count > 0) return PrintGenerated(count, seed);
  if (files.empty()) {
    fmt::print(
        stderr,
        "usage: cases_test [--print-spark] FILE… | --print-functions | --generate N [--seed S]\n");
    return EXIT_FAILURE;
  }
  Runner runner(print_spark);
  for (const std::string& file : files) runner.RunFile(file);
  runner.RunExamples();
  return runner.Finish();
}

}  // namespace
}  // namespace firesteel::cases

int main(int argc, char** argv) {
  try {
    return firesteel::cases::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "cases_test: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
