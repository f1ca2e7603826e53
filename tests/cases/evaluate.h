#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cases/database.h"
#include "sql/expression.h"
#include "table/schema.h"

namespace firesteel::cases {

/// A small table whose rows can be queried one by one, so that an error in one hides no other.
class InputTable {
 public:
  /// Makes the table in `database`, replacing any other. Cells are as case_file.h says.
  InputTable(Database& database, const Schema& schema,
             const std::vector<std::vector<std::string>>& rows);

  /// What the expression gives for each row: its text, nothing for null, "! message" for an error.
  std::vector<std::optional<std::string>> Evaluate(const sql::ExpressionPtr& resolved);

  /// The schema and, per row, the cells as Spark SQL.
  nlohmann::ordered_json ForSpark() const;

  static constexpr const char* kName = "input";

 private:
  Database& database_;
  Schema schema_;
  std::vector<std::vector<sql::ExpressionPtr>> cells_;
};

/// The expression cast to string, or itself if it is one.
sql::ExpressionPtr AsText(const sql::ExpressionPtr& resolved, const Schema& schema);

/// The words in the first brackets of an error, up to a point: "CAST_OVERFLOW".
std::string ErrorClass(const std::string& message);

}  // namespace firesteel::cases
