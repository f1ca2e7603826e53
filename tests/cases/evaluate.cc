#include "cases/evaluate.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sql/parse.h"
#include "sql/print.h"
#include "sql/resolve.h"

namespace firesteel::cases {
namespace {

sql::ExpressionPtr ParseCell(const std::string& cell, DataType type) {
  sql::ExpressionPtr value;
  if (cell == "NULL") {
    value = sql::Null();
  } else if (type == kStringType) {
    value = sql::ParseExpression(cell);
  } else {
    value = sql::Literal(std::string_view(cell));
  }
  return sql::Resolve(sql::Cast(value, type), Schema());
}

}  // namespace

InputTable::InputTable(Database& database, const Schema& schema,
                       const std::vector<std::vector<std::string>>& rows)
    : database_(database), schema_(schema) {
  for (const std::vector<std::string>& row : rows) {
    cells_.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells_.back().push_back(ParseCell(row[i], schema.fields()[i].type));
    }
  }
  std::string sql = fmt::format("CREATE OR REPLACE TABLE {} AS", kName);
  for (std::size_t row = 0; row < cells_.size(); ++row) {
    sql += fmt::format("{} SELECT {} AS case_row", row == 0 ? "" : " UNION ALL", row);
    for (std::size_t i = 0; i < cells_[row].size(); ++i) {
      sql += fmt::format(", {} AS {}", sql::Print(*cells_[row][i], sql::Dialect::kDuckDb),
                         sql::QuoteIdentifier(schema.fields()[i].name, sql::Dialect::kDuckDb));
    }
  }
  if (cells_.empty()) sql += " SELECT 0 AS case_row";
  database_.MustRun(sql);
}

std::vector<std::optional<std::string>> InputTable::Evaluate(const sql::ExpressionPtr& resolved) {
  const std::string text = sql::Print(*AsText(resolved, schema_), sql::Dialect::kDuckDb);
  std::vector<std::optional<std::string>> values;
  const Database::Result all =
      database_.Run(fmt::format("SELECT {} FROM {} ORDER BY case_row", text, kName));
  if (all.error.empty()) {
    for (const auto& row : all.rows) values.push_back(row[0]);
    return values;
  }
  const std::size_t num_rows = cells_.empty() ? 1 : cells_.size();
  for (std::size_t row = 0; row < num_rows; ++row) {
    const Database::Result one =
        database_.Run(fmt::format("SELECT {} FROM {} WHERE case_row = {}", text, kName, row));
    if (one.error.empty()) {
      values.push_back(one.rows.at(0)[0]);
    } else {
      values.push_back("! " + one.error);
    }
  }
  return values;
}

nlohmann::ordered_json InputTable::ForSpark() const {
  nlohmann::ordered_json table;
  table["columns"] = nlohmann::ordered_json::array();
  for (const Field& field : schema_.fields()) table["columns"].push_back(field.name);
  table["rows"] = nlohmann::ordered_json::array();
  for (const auto& row : cells_) {
    auto cells = nlohmann::ordered_json::array();
    for (const sql::ExpressionPtr& cell : row) {
      cells.push_back(sql::Print(*cell, sql::Dialect::kSpark));
    }
    table["rows"].push_back(std::move(cells));
  }
  return table;
}

sql::ExpressionPtr AsText(const sql::ExpressionPtr& resolved, const Schema& schema) {
  if (resolved->type == kStringType) return resolved;
  return sql::Resolve(sql::Cast(resolved, kStringType), schema);
}

std::string ErrorClass(const std::string& message) {
  const std::size_t open = message.find('[');
  if (open == std::string::npos) return "";
  return message.substr(open + 1, message.find_first_of(".]", open) - open - 1);
}

}  // namespace firesteel::cases
