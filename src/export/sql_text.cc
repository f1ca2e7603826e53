#include "export/sql_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

// Columns and queries of our own, named as no feature will be.
constexpr const char* kSum = "firesteel_sum";
constexpr const char* kStep = "firesteel_step_";

class ForestPrinter {
 public:
  ForestPrinter(const ExportedForest& forest, sql::Dialect dialect)
      : forest_(forest), dialect_(dialect) {
    for (const Attribute& feature : forest.features) columns_.push_back(Quote(*feature.name));
  }

  std::string Query(std::string_view table) {
    std::vector<std::string> parts = Split(table, '.');
    for (std::string& part : parts) part = Quote(part);
    const std::string source = Join(parts, ".");
    for (const ExportedTree& tree : forest_.trees) AddTerms(tree);
    return dialect_ == sql::Dialect::kSpark ? SparkQuery(source) : DuckDbQuery(source);
  }

 private:
  // A subtree that was left out of the CASE above it, and the tests that lead there.
  struct Deep {
    std::size_t root;
    std::vector<std::string> path;
  };
  // A node's test as a condition that NULL does not pass, and where a row goes.
  struct Branches {
    std::string condition;  // Empty: all rows go to `otherwise`.
    std::size_t then = 0;
    std::size_t otherwise = 0;
  };

  std::string Quote(std::string_view name) const { return sql::QuoteIdentifier(name, dialect_); }

  // All digits that tell a double from its neighbours, as a literal that is not a decimal.
  std::string Number(double value) const {
    if (std::isnan(value)) return "CAST('NaN' AS DOUBLE)";
    if (std::isinf(value)) {
      return fmt::format("CAST('{}Infinity' AS DOUBLE)", value < 0.0 ? "-" : "");
    }
    std::string text = fmt::format("{}", value);
    if (dialect_ == sql::Dialect::kSpark) return text + "D";
    if (text.find('e') == std::string::npos) text += "e0";
    return text;
  }

  std::string Typed(std::string text) const {
    return forest_.sums_floats ? fmt::format("CAST({} AS FLOAT)", text) : text;
  }

  Branches BranchesOf(const ExportedNode& node) const {
    const std::string& column = columns_[static_cast<std::size_t>(node.feature)];
    const auto yes = static_cast<std::size_t>(node.yes);
    const auto no = static_cast<std::size_t>(node.no);
    if (node.test == ExportedNode::Test::kMember) {
      return {.condition = Membership(column, node.categories), .then = yes, .otherwise = no};
    }
    if (std::isnan(node.threshold)) {
      return {.condition = "", .otherwise = node.missing_passes ? yes : no};
    }
    // NaN is above every number in both engines, so it fails these, as NULL does.
    if (!node.missing_passes) {
      const char* comparison = node.test == ExportedNode::Test::kAtMost ? "<=" : "<";
      return {.condition = fmt::format("{} {} {}", column, comparison, Number(node.threshold)),
              .then = yes,
              .otherwise = no};
    }
    const char* opposite = node.test == ExportedNode::Test::kAtMost ? ">" : ">=";
    return {.condition = fmt::format("{0} {1} {2} AND {0} <= {3}", column, opposite,
                                     Number(node.threshold), Number(HUGE_VAL)),
            .then = no,
            .otherwise = yes};
  }

  std::string Membership(const std::string& column,
                         std::span<const std::int32_t> categories) const {
    if (categories.empty()) return "";
    if (categories.size() == 1) return fmt::format("{} = {}", column, Number(categories[0]));
    std::vector<std::string> numbers;
    for (const std::int32_t category : categories) numbers.push_back(Number(category));
    // DuckDB would make a join of each IN.
    if (dialect_ == sql::Dialect::kDuckDb) {
      return fmt::format("list_contains([{}], {})", Join(numbers, ", "), column);
    }
    const std::string set = fmt::format("{} IN ({})", column, Join(numbers, ", "));
    if (categories[0] != 0) return set;
    // In a long list Spark looks for the bits of a number, and -0.0 has others than 0.0.
    return fmt::format("({} = {} OR {})", column, Number(0.0), set);
  }

  std::string Case(const ExportedTree& tree, std::size_t position, int depth,
                   const std::vector<std::string>& path, std::vector<Deep>* deep) const {
    const ExportedNode& node = tree.nodes[position];
    if (node.test == ExportedNode::Test::kLeaf) return Number(node.leaf);
    if (depth == kMaxSqlNesting) {
      deep->push_back({.root = position, .path = path});
      return Number(0.0);
    }
    const Branches branches = BranchesOf(node);
    if (branches.condition.empty()) {
      return Case(tree, branches.otherwise, depth + 1, path, deep);
    }
    const auto extended = [&path](std::string condition) {
      std::vector<std::string> longer = path;
      longer.push_back(std::move(condition));
      return longer;
    };
    std::string then = Case(tree, branches.then, depth + 1,
                            extended(fmt::format("({})", branches.condition)), deep);
    std::string otherwise =
        Case(tree, branches.otherwise, depth + 1,
             extended(fmt::format("NOT COALESCE({}, FALSE)", branches.condition)), deep);
    return fmt::format("CASE WHEN {} THEN {} ELSE {} END", branches.condition, then, otherwise);
  }

  void AddTerms(const ExportedTree& tree) {
    std::vector<Deep> open = {{.root = 0, .path = {}}};
    for (std::size_t next = 0; next < open.size(); ++next) {
      const Deep from = open[next];
      std::vector<Deep> deeper;
      std::string text = Case(tree, from.root, 0, from.path, &deeper);
      if (!from.path.empty()) {
        text = fmt::format("CASE WHEN {} THEN {} ELSE {} END", Join(from.path, " AND "), text,
                           Number(0.0));
      }
      terms_.push_back(Typed(std::move(text)));
      open.insert(open.end(), deeper.begin(), deeper.end());
    }
  }

  // What the sum comes to as the prediction.
  std::string Linked(const std::string& sum) const {
    if (forest_.link == ExportedForest::Link::kExp) {
      return fmt::format("exp(CAST({} AS DOUBLE))", sum);
    }
    return forest_.sums_floats ? fmt::format("CAST({} AS DOUBLE)", sum) : sum;
  }

  std::string SparkQuery(const std::string& source) const {
    const std::string sum =
        fmt::format("aggregate(array(\n  {}\n), {}, (total, leaf) -> total + leaf)",
                    Join(terms_, ",\n  "), Typed(Number(forest_.base)));
    return fmt::format("SELECT *, {} AS {}\nFROM {}", Linked(sum), Quote(forest_.prediction),
                       source);
  }

  std::string DuckDbQuery(const std::string& source) const {
    std::string text = "WITH ";
    std::string from = source;
    std::size_t step = 0;
    for (std::size_t begin = 0; begin < terms_.size(); begin += kMaxSqlTerms) {
      const std::size_t count = std::min<std::size_t>(kMaxSqlTerms, terms_.size() - begin);
      const std::string sum = Join(std::span(terms_).subspan(begin, count), "\n    + ");
      const std::string name = Quote(fmt::format("{}{}", kStep, ++step));
      text += begin == 0
                  ? fmt::format("{} AS (\n  SELECT *, {}\n    + {} AS {} FROM {}\n)", name,
                                Typed(Number(forest_.base)), sum, Quote(kSum), from)
                  : fmt::format(", {} AS (\n  SELECT * REPLACE ({}\n    + {} AS {}) FROM {}\n)",
                                name, Quote(kSum), sum, Quote(kSum), from);
      from = name;
    }
    return text + fmt::format("\nSELECT * EXCLUDE ({0}), {1} AS {2}\nFROM {3}", Quote(kSum),
                              Linked(Quote(kSum)), Quote(forest_.prediction), from);
  }

  const ExportedForest& forest_;
  sql::Dialect dialect_;
  std::vector<std::string> columns_;  // Per feature, quoted.
  std::vector<std::string> terms_;    // What is added up, in order.
};

void CheckNames(const ExportedForest& forest) {
  std::map<std::string, std::string> known = {{AsciiLower(forest.prediction), "the prediction"},
                                              {kSum, "a column of the query's own"}};
  for (std::size_t i = 0; i < forest.features.size(); ++i) {
    const std::string& name = *forest.features[i].name;
    const std::string here = fmt::format("feature {}", i);
    if (name.empty()) {
      throw Error(ErrorKind::kUnsupported,
                  here + " has an empty name, which no column can have; export JSON or ONNX");
    }
    const auto [other, is_new] = known.emplace(AsciiLower(name), here);
    if (!is_new) {
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("{} '{}' and {} would be columns of one name, as SQL ignores case; "
                              "export JSON or ONNX, which go by position",
                              here, name, other->second));
    }
  }
}

}  // namespace

std::string WriteForestSql(const ExportedForest& forest, sql::Dialect dialect,
                           std::string_view table) {
  CheckNames(forest);
  return ForestPrinter(forest, dialect).Query(table);
}

}  // namespace firesteel
