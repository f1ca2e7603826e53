#include "cases/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "cases/database.h"
#include "cases/evaluate.h"
#include "sql/function_table.h"
#include "sql/parse.h"
#include "sql/print.h"
#include "sql/resolve.h"

namespace firesteel::cases {
namespace {

using Json = nlohmann::ordered_json;

Schema AwkwardSchema() {
  return Schema({{"i", kIntType},
                 {"j", kIntType},
                 {"n", kLongType},
                 {"k", kShortType},
                 {"x", kDoubleType},
                 {"y", kDoubleType},
                 {"f", kFloatType},
                 {"s", kStringType},
                 {"u", kStringType},
                 {"b", kBooleanType},
                 {"d", kDateType},
                 {"e", kDateType}});
}

std::vector<std::vector<std::string>> AwkwardRows() {
  return {
      {"1", "2", "3", "4", "1.5", "2.5", "0.5", "'a'", "'abc'", "true", "2020-02-29", "2020-03-01"},
      {"NULL", "0", "NULL", "NULL", "NULL", "0.0", "NULL", "NULL", "''", "NULL", "NULL",
       "1969-12-31"},
      {"2147483647", "1", "9223372036854775807", "32767", "NaN", "1.0", "NaN", "'1_000'", "'0x10'",
       "false", "1969-12-31", "2069-01-01"},
      {"-2147483648", "-1", "-9223372036854775808", "-32768", "-0.0", "0.0", "-0.0", "' 5 '", "'5'",
       "true", "2069-09-11", "NULL"},
      {"0", "0", "0", "0", "0.0", "-0.0", "0.0", "''", "' '", "false", "1970-01-01", "1970-01-01"},
      {"-7", "3", "-7", "-7", "Infinity", "-Infinity", "Infinity", "'éÀß'", "'日本語😀'", "true",
       "2000-02-29", "1900-03-01"},
      {"7", "-3", "2147483648", "7", "-Infinity", "NaN", "-Infinity", "'true'", "'TRUE'", "NULL",
       "2021-12-31", "2021-01-01"},
      {"100", "10", "-2147483649", "128", "1E10", "3.0", "16777216.0", "'2020-02-30'", "'2020-2-3'",
       "false", "2020-12-31", "2020-01-31"},
      {"5", "NULL", "5", "-128", "-2.5", "0.1", "0.1", "'1.5'", "'1e3'", "true", "2019-01-01",
       "2018-12-31"},
      {"-1", "31", "1", "1", "0.49999999999999994", "1E300", "1E30", "'NaN'", "'a_c%'", "NULL",
       "0001-01-01", "9999-12-31"},
      {"12", "2", "100", "12", "2.675", "-1E-300", "1E-40", "'9/11/69'", "'12/31/20'", "true",
       "1582-10-15", "1582-10-04"},
      {"3", "3", "3", "3", "9007199254740993", "0.3", "3.4028235E38", "'2147483648'", "'-0'",
       "false", "2020-06-15", "2020-06-15"},
  };
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string Any() {
    switch (random_.NextBelow(5)) {
      case 0:
        return Whole(4);
      case 1:
        return Number(4);
      case 2:
        return Text(4);
      case 3:
        return Condition(4);
      default:
        return Date(4);
    }
  }

 private:
  std::string Pick(std::initializer_list<const char*> choices) {
    return *(choices.begin() + random_.NextBelow(choices.size()));
  }
  bool Chance(int percent) { return random_.NextBelow(100) < static_cast<std::uint64_t>(percent); }

  // Leaves more often than not, so that most trees are of middling size.
  bool IsLeaf(int depth) { return depth <= 0 || Chance(22); }

  std::string SmallInt() { return Pick({"0", "1", "2", "3", "-1", "-2", "5", "10", "j", "i"}); }

  std::string Whole(int depth) {
    if (IsLeaf(depth)) {
      return Pick({"i", "j", "i", "j", "k", "n", "0", "1", "-1", "7", "2147483647", "-2147483648",
                   "5L", "3"});
    }
    const int d = depth - 1;
    switch (random_.NextBelow(16)) {
      case 0:
        return fmt::format("({} + {})", Whole(d), Whole(d));
      case 1:
        return fmt::format("({} - {})", Whole(d), Whole(d));
      case 2:
        return fmt::format("({} * {})", Whole(d), Whole(d));
      case 3:
        return fmt::format("({} % {})", Whole(d), Whole(d));
      case 4:
        return fmt::format("({} div {})", Whole(d), Whole(d));
      case 5:
        return fmt::format("pmod({}, {})", Whole(d), Whole(d));
      case 6:
        return fmt::format("{}({})", Pick({"-", "abs", "-", "+"}), Whole(d));
      case 7:
        return fmt::format("CAST({} AS {})", Chance(60) ? Number(d) : Text(d),
                           Pick({"INT", "BIGINT", "SMALLINT", "TINYINT"}));
      case 8:
        return fmt::format("TRY_CAST({} AS {})", Chance(50) ? Number(d) : Text(d),
                           Pick({"INT", "BIGINT", "SMALLINT", "TINYINT"}));
      case 9:
        return fmt::format("CASE WHEN {} THEN {} ELSE {} END", Condition(d), Whole(d), Whole(d));
      case 10:
        return fmt::format("{}({}, {})", Pick({"coalesce", "greatest", "least", "nullif", "nvl"}),
                           Whole(d), Whole(d));
      case 11:
        return fmt::format("length({})", Text(d));
      case 12:
        return fmt::format("{}({})",
                           Pick({"year", "quarter", "month", "day", "dayofweek", "weekday",
                                 "dayofyear", "weekofyear"}),
                           Date(d));
      case 13:
        return fmt::format("datediff({}, {})", Date(d), Date(d));
      case 14:
        return fmt::format("instr({}, {})", Text(d), Text(0));
      default:
        return fmt::format("{}({})", Pick({"floor", "ceil"}), Number(d));
    }
  }

  std::string Number(int depth) {
    if (IsLeaf(depth)) {
      return Pick({"x", "y", "x", "y", "f", "0.0", "-0.0", "1.5", "1e-1", "2.5e0", "1e300",
                   "CAST('NaN' AS DOUBLE)", "CAST('-Infinity' AS DOUBLE)"});
    }
    const int d = depth - 1;
    switch (random_.NextBelow(14)) {
      case 0:
        return fmt::format("({} {} {})", Number(d), Pick({"+", "-", "*"}), Number(d));
      case 1:
        return fmt::format("({} / {})", Chance(50) ? Whole(d) : Number(d),
                           Chance(30) ? Whole(d) : Number(d));
      case 2:
        return fmt::format("({} % {})", Number(d), Number(d));
      case 3:
        return fmt::format("pmod({}, {})", Number(d), Number(d));
      case 4:
        return fmt::format("{}({})", Pick({"-", "abs", "sign", "sqrt", "-", "abs", "sqrt"}),
                           Number(d));
      case 5:
        return fmt::format("{}({})",
                           Pick({"exp", "ln", "log10", "log2", "sin", "cos", "atan", "cbrt",
                                 "degrees", "radians", "asin"}),
                           Number(0));
      case 6:
        return fmt::format("pow({}, {})", Number(0), Pick({"2", "0.5", "0", "-1", "3", "x", "y"}));
      case 7:
        return fmt::format("round(CAST({} AS DOUBLE), {})", Number(d),
                           Pick({"0", "1", "2", "-1", "3"}));
      case 8:
        return fmt::format("CAST({} AS DOUBLE)", Text(d));
      case 9:
        // As a double, since Java 17 does not print every float by its shortest digits.
        return Chance(70) ? fmt::format("TRY_CAST({} AS DOUBLE)", Text(d))
                          : fmt::format("CAST(TRY_CAST({} AS FLOAT) AS DOUBLE)", Text(d));
      case 10:
        return fmt::format("CAST({} AS DOUBLE)", Whole(d));
      case 11:
        return fmt::format("if({}, {}, {})", Condition(d), Number(d), Number(d));
      case 12:
        return fmt::format("{}({}, {})", Pick({"coalesce", "greatest", "least", "nullif", "nanvl"}),
                           Number(d), Number(d));
      default:
        return fmt::format("atan2({}, {})", Number(0), Number(0));
    }
  }

  std::string Text(int depth) {
    if (IsLeaf(depth)) {
      return Pick({"s", "u", "s", "u", "''", "'a'", "'é'", "' x '", "'%b_'", "\"it's\"", "'12'",
                   "'2020-01-02'"});
    }
    const int d = depth - 1;
    switch (random_.NextBelow(12)) {
      case 0:
        return fmt::format("({} || {})", Text(d), Text(d));
      case 1:
        return fmt::format("{}({})", Pick({"upper", "lower", "trim", "ltrim", "rtrim", "reverse"}),
                           Text(d));
      case 2:
        return fmt::format("substring({}, {}, {})", Text(d), SmallInt(), SmallInt());
      case 3:
        return fmt::format("{}({}, {})", Pick({"left", "right"}), Text(d), SmallInt());
      case 4:
        return fmt::format("{}({}, {}, {})", Pick({"lpad", "rpad"}), Text(d),
                           Pick({"0", "3", "5", "-1", "8"}), Text(0));
      case 5:
        return fmt::format("replace({}, {}, {})", Text(d), Text(0), Text(0));
      case 6:
        return fmt::format("repeat({}, {})", Text(d), Pick({"0", "2", "-1", "j % 4"}));
      case 7:
        return fmt::format("CAST({} AS STRING)", Chance(50) ? Number(d) : Whole(d));
      case 8:
        return fmt::format("CAST({} AS STRING)", Chance(50) ? Condition(d) : Date(d));
      case 9:
        return fmt::format("CASE WHEN {} THEN {} ELSE {} END", Condition(d), Text(d), Text(d));
      case 10:
        return fmt::format("{}({}, {})", Pick({"coalesce", "greatest", "least", "nullif"}), Text(d),
                           Text(d));
      default:
        return fmt::format("date_format({}, {})", Date(d),
                           Pick({"'yyyy-MM-dd'", "'M/d/yy'", "'dd.MM.y'"}));
    }
  }

  std::string Condition(int depth) {
    if (IsLeaf(depth)) return Pick({"b", "b", "TRUE", "FALSE", "(i > j)", "(x = y)"});
    const int d = depth - 1;
    const std::string comparison = Pick({"=", "<>", "<", "<=", ">", ">=", "<=>"});
    switch (random_.NextBelow(14)) {
      case 0:
        return fmt::format("({} {} {})", Whole(d), comparison, Whole(d));
      case 1:
        return fmt::format("({} {} {})", Number(d), comparison, Number(d));
      case 2:
        return fmt::format("({} {} {})", Text(d), comparison, Text(d));
      case 3:
        return fmt::format("({} {} {})", Date(d), comparison, Date(d));
      case 4:
        return fmt::format("({} AND {})", Condition(d), Condition(d));
      case 5:
        return fmt::format("({} OR {})", Condition(d), Condition(d));
      case 6:
        return fmt::format("(NOT {})", Condition(d));
      case 7:
        return fmt::format("({} IS {}NULL)", Chance(50) ? Text(d) : Number(d),
                           Chance(50) ? "NOT " : "");
      case 8:
        return fmt::format("({} {}IN ({}, {}, {}))", Whole(d), Chance(30) ? "NOT " : "", Whole(0),
                           Whole(0), Whole(d));
      case 9:
        return fmt::format("({} IN ({}, {}))", Chance(50) ? Number(d) : Number(0), Number(0),
                           Number(0));
      case 10:
        return fmt::format(
            "({} {}LIKE {})", Text(d), Chance(30) ? "NOT " : "",
            Pick({"'%'", "'a%'", "'%b_'", "'_'", "'%é%'", "''", "'a\\\\_c\\\\%'", "u"}));
      case 11:
        return fmt::format("({} BETWEEN {} AND {})", Number(d), Number(0), Number(0));
      case 12:
        return fmt::format("{}({}, {})", Pick({"startswith", "endswith", "contains"}), Text(d),
                           Text(0));
      default:
        return Chance(50) ? fmt::format("isnan({})", Number(d))
                          : fmt::format("{}CAST({} AS BOOLEAN)", Chance(60) ? "TRY_" : "",
                                        Chance(50) ? Text(d) : Whole(d));
    }
  }

  std::string Date(int depth) {
    if (IsLeaf(depth)) {
      return Pick({"d", "e", "d", "e", "DATE '1969-12-31'", "DATE '2069-09-11'"});
    }
    const int d = depth - 1;
    switch (random_.NextBelow(8)) {
      case 0:
        return fmt::format("{}({}, {})", Pick({"date_add", "date_sub", "add_months"}), Date(d),
                           Pick({"1", "-1", "31", "k", "12", "j"}));
      case 1:
        return fmt::format("last_day({})", Date(d));
      case 2:
        return fmt::format("trunc({}, {})", Date(d),
                           Pick({"'year'", "'QUARTER'", "'mon'", "'week'", "'YY'"}));
      case 3:
        return fmt::format("{}to_date({}, {})", Chance(50) ? "try_" : "", Text(d),
                           Pick({"'M/d/yy'", "'yyyy-MM-dd'", "'y-M-d'"}));
      case 4:
        return fmt::format("{}CAST({} AS DATE)", Chance(60) ? "TRY_" : "", Text(d));
      case 5:
        return fmt::format("make_date({}, {}, {})", Pick({"2020", "1969", "i", "j"}),
                           Pick({"2", "12", "j", "k"}), Pick({"29", "1", "j", "k"}));
      case 6:
        return fmt::format("if({}, {}, {})", Condition(d), Date(d), Date(d));
      default:
        return fmt::format("{}({}, {})", Pick({"coalesce", "greatest", "least", "nullif"}), Date(d),
                           Date(d));
    }
  }

  SplitMix64 random_;
};

bool HasColumn(const sql::Expression& node) {
  return node.kind == sql::Expression::Kind::kColumn ||
         std::any_of(node.args.begin(), node.args.end(),
                     [](const sql::ExpressionPtr& argument) { return HasColumn(*argument); });
}

// Whether a part without columns is null or an error. Such parts are computed while a query is
// planned, where what lies around them may not shield them, in Spark as in DuckDB;
// docs/expressions.md says so.
bool HasOddConstant(Database& database, const sql::Expression& node) {
  if (!node.args.empty() && !HasColumn(node)) {
    const Database::Result result = database.Run(
        fmt::format("SELECT CAST({} IS NULL AS VARCHAR)", sql::Print(node, sql::Dialect::kDuckDb)));
    if (!result.error.empty() || result.rows[0][0] == "true") return true;
  }
  return std::any_of(node.args.begin(), node.args.end(), [&](const sql::ExpressionPtr& argument) {
    return HasOddConstant(database, *argument);
  });
}

}  // namespace

int PrintGenerated(int count, std::uint64_t seed) {
  const Schema schema = AwkwardSchema();
  Database database;
  InputTable table(database, schema, AwkwardRows());
  fmt::print("{}\n", Json{{"table", table.ForSpark()}}.dump());
  Generator generator(seed);
  int made = 0;
  int refused = 0;
  while (made < count) {
    const std::string text = generator.Any();
    sql::ExpressionPtr resolved;
    try {
      resolved = sql::Resolve(sql::ParseExpression(text), schema);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInternal || ++refused > 20 * count + 100) {
        fmt::print(stderr, "{}: {}\n", text, error.what());
        return EXIT_FAILURE;
      }
      continue;
    }
    if (resolved->type == kNullType || resolved->kind != sql::Expression::Kind::kCall) {
      if (resolved->args.empty()) continue;
    }
    if (HasOddConstant(database, *resolved)) continue;
    Json line;
    line["text"] = text;
    line["type"] = resolved->type.ToString();
    line["expression"] = sql::Print(*AsText(resolved, schema), sql::Dialect::kSpark);
    line["plain"] = sql::Print(*resolved, sql::Dialect::kSpark);
    line["duckdb"] = sql::Print(*resolved, sql::Dialect::kDuckDb);
    line["values"] = Json::array();
    for (const std::optional<std::string>& value : table.Evaluate(resolved)) {
      if (!value) {
        line["values"].push_back(nullptr);
      } else if (value->starts_with("! ")) {
        line["values"].push_back(Json{{"error", value->substr(2)}});
      } else {
        line["values"].push_back(*value);
      }
    }
    fmt::print("{}\n", line.dump());
    ++made;
  }
  return EXIT_SUCCESS;
}

}  // namespace firesteel::cases
