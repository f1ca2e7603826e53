#include "cases/case_file.h"

#include <fmt/format.h>

#include <fstream>

#include "base/error.h"
#include "base/text.h"

namespace firesteel::cases {
namespace {

bool TakePrefix(std::string_view& line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return false;
  line.remove_prefix(prefix.size());
  line = Trim(line);
  return true;
}

}  // namespace

std::vector<std::string> SplitCells(const std::string& line) {
  std::vector<std::string> cells;
  std::string cell;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '\\' && i + 1 < line.size()) {
      cell += c;
      cell += line[++i];
      continue;
    }
    if (c == '\'') quoted = !quoted;
    if (c == '|' && !quoted) {
      cells.emplace_back(Trim(cell));
      cell.clear();
    } else {
      cell += c;
    }
  }
  cells.emplace_back(Trim(cell));
  return cells;
}

std::vector<Case> ReadCases(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw Error(ErrorKind::kNotFound, fmt::format("{} cannot be read", file));
  std::vector<Case> cases;
  std::string text;
  int number = 0;
  while (std::getline(stream, text)) {
    ++number;
    std::string_view line = Trim(text);
    if (line.empty() || line.starts_with('#')) continue;
    const auto fail = [&](std::string_view what) {
      throw Error(ErrorKind::kUsage, fmt::format("{}:{}: {}", file, number, what));
    };
    if (TakePrefix(line, "case:")) {
      cases.push_back({.name = std::string(line), .schema = {}, .rows = {}, .queries = {}});
      continue;
    }
    if (cases.empty()) fail("expected case:");
    Case& current = cases.back();
    const bool is_select = TakePrefix(line, "select:");
    if (is_select || TakePrefix(line, "expr:")) {
      current.queries.push_back({.is_select = is_select,
                                 .text = std::string(line),
                                 .refused = {},
                                 .expected = {},
                                 .line = number});
    } else if (TakePrefix(line, "refused:")) {
      if (current.queries.empty()) fail("refused: without a query");
      current.queries.back().refused = line;
    } else if (!current.queries.empty()) {
      current.queries.back().expected.emplace_back(line);
    } else if (current.schema.num_fields() == 0) {
      for (const std::string& cell : SplitCells(std::string(line))) {
        const std::size_t blank = cell.find(' ');
        if (blank == std::string::npos) fail("expected columns as name type | name type");
        current.schema.Add({cell.substr(0, blank), DataType::Parse(cell.substr(blank + 1))});
      }
    } else {
      current.rows.push_back(SplitCells(std::string(line)));
      if (current.rows.back().size() != current.schema.num_fields()) fail("a cell too many or few");
    }
  }
  return cases;
}

}  // namespace firesteel::cases
