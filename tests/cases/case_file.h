#pragma once

#include <string>
#include <vector>

#include "table/schema.h"

/// Text cases of the expression language. A file is a list of blocks, separated by `case:` lines:
///
///     case: sums overflow
///     a int | b int
///     1     | 2
///     2147483647 | 1
///     NULL  | 1
///     expr: a + b
///     3
///     ! ARITHMETIC_OVERFLOW
///     NULL
///     expr: a + 'x'
///     refused: does not take a string
///     select: SELECT a + b AS c, b FROM __THIS__ WHERE a = 1
///     3 | 2
///
/// First the table: names with types, then rows. Texts stand in quotes, as in SQL; other cells are
/// what CAST(text AS type) makes of them; NULL is null. Any number of expressions and statements
/// follow. Under an expression stands, for each row of the table, its value by CAST(… AS STRING)
/// (texts in quotes) or `!` and the error class; under a statement the rows of its result or one
/// error. `refused:` stands for all of them: our own error must contain the text. A line that
/// starts with # is a comment.
namespace firesteel::cases {

struct Query {
  bool is_select = false;
  std::string text;
  std::string refused;  // What our error must contain; empty if the query is accepted.
  std::vector<std::string> expected;  // Lines.
  int line = 0;
};

struct Case {
  std::string name;
  Schema schema;
  std::vector<std::vector<std::string>> rows;  // Cells, as written.
  std::vector<Query> queries;
};

/// Throws Error(kUsage) with file and line.
std::vector<Case> ReadCases(const std::string& file);

/// Splits a line at " | " outside quotes and trims the cells.
std::vector<std::string> SplitCells(const std::string& line);

}  // namespace firesteel::cases
