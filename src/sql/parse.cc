#include "sql/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "sql/function_table.h"
#include "sql/lexer.h"
#include "sql/spark_text.h"

namespace firesteel::sql {
namespace {

// Deeper trees are refused, so that walking one cannot exhaust the stack.
constexpr int kMaxDepth = 400;

constexpr std::string_view kInputName = "__THIS__";

// Words that end an expression or have a place of their own in it. As column names they need
// backquotes.
constexpr std::string_view kReserved[] = {
    "all",      "and",  "as",     "asc",       "between", "by",     "case",    "cross", "desc",
    "distinct", "div",  "else",   "end",       "except",  "exists", "from",    "full",  "group",
    "having",   "in",   "inner",  "intersect", "is",      "join",   "lateral", "like",  "limit",
    "not",      "null", "offset", "on",        "or",      "order",  "over",    "rlike", "select",
    "then",     "true", "false",  "union",     "using",   "when",   "where",   "with"};

// What follows an input in full SQL and has no place here.
constexpr std::string_view kClauses[] = {
    "join",       "inner",   "cross",   "left",        "right",  "full",  "semi",
    "anti",       "natural", "group",   "having",      "order",  "sort",  "cluster",
    "distribute", "limit",   "offset",  "union",       "except", "minus", "intersect",
    "lateral",    "pivot",   "unpivot", "tablesample", "window"};

bool IsReserved(std::string_view word) {
  return std::find(std::begin(kReserved), std::end(kReserved), AsciiLower(word)) !=
         std::end(kReserved);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), tokens_(Tokenize(text)) {}

  ExpressionPtr ParseWholeExpression() {
    ExpressionPtr expression = ParseOr();
    ExpectEnd();
    return expression;
  }

  Select ParseStatement() {
    if (IsWord("with")) Refuse("WITH (a common table expression)");
    ExpectWord("select");
    if (IsWord("distinct") || IsWord("all")) Refuse("SELECT " + Upper(Peek().text));
    Select select;
    do {
      select.items.push_back(ParseItem());
    } while (TakeSymbol(","));
    ExpectWord("from");
    if (IsSymbol("(")) Refuse("a subquery");
    if (Peek().kind != Token::Kind::kWord || Peek().text != kInputName) {
      FailExpecting("__THIS__ (the one input of a statement)");
    }
    Take();
    if (IsSymbol(",")) Refuse("a join");
    RefuseClauses();
    if (TakeWord("where")) select.where = ParseOr();
    RefuseClauses();
    while (TakeSymbol(";")) {
    }
    ExpectEnd();
    return select;
  }

 private:
  const Token& Peek(std::size_t offset = 0) const {
    return tokens_[std::min(at_ + offset, tokens_.size() - 1)];
  }
  const Token& Take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  bool IsSymbol(std::string_view symbol, std::size_t offset = 0) const {
    return Peek(offset).kind == Token::Kind::kSymbol && Peek(offset).text == symbol;
  }
  bool TakeSymbol(std::string_view symbol) {
    if (!IsSymbol(symbol)) return false;
    Take();
    return true;
  }
  bool IsWord(std::string_view word, std::size_t offset = 0) const {
    return Peek(offset).kind == Token::Kind::kWord && EqualsIgnoringCase(Peek(offset).text, word);
  }
  bool TakeWord(std::string_view word) {
    if (!IsWord(word)) return false;
    Take();
    return true;
  }

  static std::string Upper(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

  std::string DescribeToken() const {
    const Token& token = Peek();
    if (token.kind == Token::Kind::kEnd) return "the end of the text";
    return fmt::format("'{}'", text_.substr(token.begin, token.end - token.begin));
  }

  [[noreturn]] void Fail(ErrorKind kind, std::size_t position, std::string_view message) const {
    throw ErrorAt(kind, text_, position, message);
  }
  [[noreturn]] void FailExpecting(std::string_view expected) const {
    Fail(ErrorKind::kUsage, Peek().begin,
         fmt::format("expected {}, but found {}", expected, DescribeToken()));
  }
  [[noreturn]] void Refuse(std::string_view construct) const { Refuse(construct, Peek().begin); }
  [[noreturn]] void Refuse(std::string_view construct, std::size_t position) const {
    Fail(ErrorKind::kUnsupported, position,
         fmt::format("{} is not part of the expression language (docs/expressions.md)", construct));
  }

  void ExpectSymbol(std::string_view symbol) {
    if (!TakeSymbol(symbol)) FailExpecting(fmt::format("'{}'", symbol));
  }
  void ExpectWord(std::string_view word) {
    if (!TakeWord(word)) FailExpecting(Upper(std::string(word)));
  }
  void ExpectEnd() const {
    if (Peek().kind == Token::Kind::kEnd) return;
    RefuseClauses();
    if (IsWord("over")) Refuse("a window function (OVER)");
    if (IsWord("rlike") || IsWord("regexp") || IsWord("ilike")) Refuse(Upper(Peek().text));
    FailExpecting("an operator or the end of the text");
  }
  void RefuseClauses() const {
    for (const std::string_view clause : kClauses) {
      if (IsWord(clause)) Refuse(Upper(std::string(clause)));
    }
  }

  // Finishes a node: where it starts, and whether the tree is still shallow enough.
  ExpressionPtr Finish(Expression node, std::size_t position) {
    node.position = position;
    int depth = 0;
    for (const ExpressionPtr& argument : node.args) {
      const auto found = depths_.find(argument.get());
      if (found != depths_.end()) depth = std::max(depth, found->second);
    }
    if (++depth > kMaxDepth) {
      Fail(ErrorKind::kUnsupported, position,
           fmt::format("the expression is nested more than {} levels deep", kMaxDepth));
    }
    auto shared = std::make_shared<const Expression>(std::move(node));
    depths_[shared.get()] = depth;
    kept_.push_back(shared);
    return shared;
  }

  ExpressionPtr MakeCall(std::string_view name, std::vector<ExpressionPtr> args,
                         std::size_t position) {
    return Finish(
        {.kind = Expression::Kind::kCall, .name = std::string(name), .args = std::move(args)},
        position);
  }

  ExpressionPtr MakeLiteral(const ExpressionPtr& literal, std::size_t position) {
    return Finish(*literal, position);
  }

  SelectItem ParseItem() {
    if (TakeSymbol("*")) return {};
    if (Peek().kind == Token::Kind::kEnd || IsWord("from")) FailExpecting("a column or expression");
    const std::size_t begin = Peek().begin;
    SelectItem item;
    item.expression = ParseOr();
    if (TakeWord("as")) {
      item.name = ParseName("a column name after AS");
    } else if (Peek().kind == Token::Kind::kQuotedName ||
               (Peek().kind == Token::Kind::kWord && !IsReserved(Peek().text))) {
      item.name = ParseName("a column name");
    } else if (item.expression->kind == Expression::Kind::kColumn) {
      item.name = item.expression->name;
    } else {
      if (!IsSymbol(",") && !IsWord("from")) ExpectWord("from");
      Fail(ErrorKind::kUsage, begin,
           fmt::format("the expression {} has no name; write {} AS name",
                       text_.substr(begin, tokens_[at_ - 1].end - begin),
                       text_.substr(begin, tokens_[at_ - 1].end - begin)));
    }
    return item;
  }

  std::string ParseName(std::string_view expected) {
    if (Peek().kind == Token::Kind::kQuotedName || Peek().kind == Token::Kind::kWord) {
      if (Peek().text.find(kInputName) != std::string::npos) RefuseInputName();
      return Take().text;
    }
    FailExpecting(expected);
  }

  [[noreturn]] void RefuseInputName() const {
    Refuse("__THIS__ (which Spark replaces everywhere by the input's name) other than after FROM");
  }

  // Keeps the recursive descent within the same bound as the trees it makes.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      if (++parser_.level_ > kMaxDepth) {
        parser_.Fail(ErrorKind::kUnsupported, parser_.Peek().begin,
                     fmt::format("the expression is nested more than {} levels deep", kMaxDepth));
      }
    }
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  // Operands are parsed before the list that holds them is begun: g++ 11 forgets the finished
  // elements of a braced list when a later one throws.
  ExpressionPtr ParseOr() {
    const Level level(*this);
    const std::size_t begin = Peek().begin;
    ExpressionPtr left = ParseAnd();
    while (TakeWord("or")) {
      const ExpressionPtr right = ParseAnd();
      left = MakeCall("or", {left, right}, begin);
    }
    return left;
  }

  ExpressionPtr ParseAnd() {
    const std::size_t begin = Peek().begin;
    ExpressionPtr left = ParseNot();
    while (TakeWord("and")) {
      const ExpressionPtr right = ParseNot();
      left = MakeCall("and", {left, right}, begin);
    }
    return left;
  }

  ExpressionPtr ParseNot() {
    const std::size_t begin = Peek().begin;
    if (TakeWord("not") || TakeSymbol("!")) {
      const Level level(*this);
      return MakeCall("not", {ParseNot()}, begin);
    }
    return ParsePredicate();
  }

  ExpressionPtr ParsePredicate() {
    const std::size_t begin = Peek().begin;
    const ExpressionPtr value = ParseComparison();
    if (TakeWord("is")) return ParseIs(value, begin);
    const bool negated = IsWord("not") && (IsWord("in", 1) || IsWord("between", 1) ||
                                           IsWord("like", 1) || IsWord("rlike", 1));
    if (negated) Take();
    ExpressionPtr predicate;
    if (TakeWord("between")) {
      const ExpressionPtr low = ParseComparison();
      ExpectWord("and");
      const ExpressionPtr high = ParseComparison();
      predicate = MakeCall(
          "and", {MakeCall(">=", {value, low}, begin), MakeCall("<=", {value, high}, begin)},
          begin);
    } else if (TakeWord("in")) {
      predicate = ParseIn(value, begin);
    } else if (TakeWord("like")) {
      if (IsWord("any") || IsWord("all") || IsWord("some")) Refuse("LIKE " + Upper(Peek().text));
      const ExpressionPtr pattern = ParseComparison();
      predicate = MakeCall("like", {value, pattern}, begin);
      if (IsWord("escape")) Refuse("LIKE … ESCAPE");
    } else {
      if (IsWord("rlike") || IsWord("regexp") || IsWord("ilike")) Refuse(Upper(Peek().text));
      return value;
    }
    return negated ? MakeCall("not", {predicate}, begin) : predicate;
  }

  ExpressionPtr ParseIs(const ExpressionPtr& value, std::size_t begin) {
    const bool negated = TakeWord("not");
    if (TakeWord("null")) return MakeCall(negated ? "isnotnull" : "isnull", {value}, begin);
    if (TakeWord("distinct")) {
      ExpectWord("from");
      const ExpressionPtr other = ParseComparison();
      const ExpressionPtr same = MakeCall("<=>", {value, other}, begin);
      return negated ? same : MakeCall("not", {same}, begin);
    }
    if (IsWord("true") || IsWord("false")) {
      const ExpressionPtr truth = MakeLiteral(Literal(IsWord("true")), Peek().begin);
      Take();
      const ExpressionPtr same = MakeCall("<=>", {value, truth}, begin);
      return negated ? MakeCall("not", {same}, begin) : same;
    }
    FailExpecting("NULL, TRUE, FALSE or DISTINCT FROM after IS");
  }

  ExpressionPtr ParseIn(const ExpressionPtr& value, std::size_t begin) {
    ExpectSymbol("(");
    if (IsWord("select")) Refuse("a subquery");
    std::vector<ExpressionPtr> args = {value};
    do {
      args.push_back(ParseOr());
    } while (TakeSymbol(","));
    ExpectSymbol(")");
    return Finish({.kind = Expression::Kind::kIn, .args = std::move(args)}, begin);
  }

  ExpressionPtr ParseComparison() {
    const std::size_t begin = Peek().begin;
    ExpressionPtr left = ParseSum();
    while (true) {
      std::string_view name;
      if (TakeSymbol("=") || TakeSymbol("==")) {
        name = "=";
      } else if (TakeSymbol("<>") || TakeSymbol("!=")) {
        name = "<>";
      } else if (TakeSymbol("<=>")) {
        name = "<=>";
      } else if (TakeSymbol("<=")) {
        name = "<=";
      } else if (TakeSymbol(">=")) {
        name = ">=";
      } else if (TakeSymbol("<")) {
        name = "<";
      } else if (TakeSymbol(">")) {
        name = ">";
      } else {
        return left;
      }
      const ExpressionPtr right = ParseSum();
      left = MakeCall(name, {left, right}, begin);
    }
  }

  ExpressionPtr ParseSum() {
    const std::size_t begin = Peek().begin;
    ExpressionPtr left = ParseProduct();
    while (true) {
      std::string_view name;
      if (TakeSymbol("+")) {
        name = "+";
      } else if (TakeSymbol("-")) {
        name = "-";
      } else if (TakeSymbol("||")) {
        name = "||";
      } else {
        return left;
      }
      const ExpressionPtr right = ParseProduct();
      left = MakeCall(name, {left, right}, begin);
    }
  }

  ExpressionPtr ParseProduct() {
    const std::size_t begin = Peek().begin;
    ExpressionPtr left = ParseUnary();
    while (true) {
      std::string_view name;
      if (TakeSymbol("*")) {
        name = "*";
      } else if (TakeSymbol("/")) {
        name = "/";
      } else if (TakeSymbol("%")) {
        name = "%";
      } else if (TakeWord("div")) {
        name = "div";
      } else {
        return left;
      }
      const ExpressionPtr right = ParseUnary();
      left = MakeCall(name, {left, right}, begin);
    }
  }

  bool IsNumber(std::size_t offset) const {
    const Token::Kind kind = Peek(offset).kind;
    return kind == Token::Kind::kInteger || kind == Token::Kind::kBigInteger ||
           kind == Token::Kind::kDouble;
  }

  ExpressionPtr ParseUnary() {
    const std::size_t begin = Peek().begin;
    if (IsSymbol("-") && !IsNumber(1)) {
      Take();
      const Level level(*this);
      return MakeCall("negative", {ParseUnary()}, begin);
    }
    if (TakeSymbol("+")) {
      const Level level(*this);
      return MakeCall("positive", {ParseUnary()}, begin);
    }
    ExpressionPtr value = ParsePrimary();
    while (TakeSymbol("::")) {
      const DataType type = ParseType();
      value = Finish({.kind = Expression::Kind::kCast, .type = type, .args = {value}}, begin);
    }
    if (IsSymbol(".")) Refuse("a name with a point");
    return value;
  }

  DataType ParseType() {
    const Token& token = Peek();
    if (token.kind != Token::Kind::kWord) FailExpecting("a type");
    std::string name = Take().text;
    if (TakeSymbol("(")) {
      name += '(';
      while (!IsSymbol(")")) {
        if (Peek().kind != Token::Kind::kInteger && !IsSymbol(",")) FailExpecting("')'");
        name += Take().text;
      }
      Take();
      name += ')';
    }
    DataType type;
    try {
      type = DataType::Parse(name);
    } catch (const Error& error) {
      Fail(ErrorKind::kUnsupported, token.begin, error.what());
    }
    if (type.kind == TypeKind::kVector || type.kind == TypeKind::kNull) {
      Fail(ErrorKind::kUnsupported, token.begin, fmt::format("nothing can be cast to {}", name));
    }
    return type;
  }

  ExpressionPtr ParsePrimary() {
    const Token& token = Peek();
    switch (token.kind) {
      case Token::Kind::kInteger:
      case Token::Kind::kBigInteger:
      case Token::Kind::kDouble:
        return ParseNumber(false);
      case Token::Kind::kString: {
        std::string value;
        while (Peek().kind == Token::Kind::kString) {
          if (Peek().text.find(kInputName) != std::string::npos) RefuseInputName();
          value += Take().text;
        }
        return MakeLiteral(Literal(std::string_view(value)), token.begin);
      }
      case Token::Kind::kQuotedName:
        return ParseColumn();
      case Token::Kind::kSymbol:
        if (IsSymbol("-")) {
          Take();
          return ParseNumber(true);
        }
        if (TakeSymbol("(")) {
          if (IsWord("select")) Refuse("a subquery");
          const ExpressionPtr inner = ParseOr();
          if (IsSymbol(",")) Refuse("a row of several values");
          ExpectSymbol(")");
          return inner;
        }
        break;
      case Token::Kind::kWord:
        return ParseWord();
      case Token::Kind::kEnd:
        break;
    }
    FailExpecting("an expression");
  }

  ExpressionPtr ParseNumber(bool negative) {
    const std::size_t begin = Peek().begin - (negative ? 1 : 0);
    const Token& token = Take();
    const std::string digits = (negative ? "-" : "") + token.text;
    if (token.kind == Token::Kind::kDouble) {
      const std::optional<double> value = ParseDouble(digits);
      if (!value || std::isinf(*value)) {
        Fail(ErrorKind::kUsage, begin, fmt::format("{} is not a number a double can hold", digits));
      }
      return MakeLiteral(Literal(*value), begin);
    }
    std::int64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc()) {
      Fail(ErrorKind::kUnsupported, begin,
           fmt::format("{} does not fit a bigint; write {}e0 for a double", digits, digits));
    }
    if (token.kind == Token::Kind::kInteger && value >= INT32_MIN && value <= INT32_MAX) {
      return MakeLiteral(Literal(static_cast<std::int32_t>(value)), begin);
    }
    return MakeLiteral(Literal(value), begin);
  }

  ExpressionPtr ParseColumn() {
    const Token& token = Take();
    if (token.text.find(kInputName) != std::string::npos) {
      --at_;
      RefuseInputName();
    }
    return Finish({.kind = Expression::Kind::kColumn, .name = token.text}, token.begin);
  }

  ExpressionPtr ParseWord() {
    const Token& token = Peek();
    const std::size_t begin = token.begin;
    if (TakeWord("null")) return MakeLiteral(Null(), begin);
    if (TakeWord("true")) return MakeLiteral(Literal(true), begin);
    if (TakeWord("false")) return MakeLiteral(Literal(false), begin);
    if (IsWord("case")) return ParseCase();
    if (IsWord("exists") && IsSymbol("(", 1)) Refuse("a subquery (EXISTS)");
    if (IsSymbol("(", 1)) return ParseCall();
    if (Peek(1).kind == Token::Kind::kString) return ParseTypedLiteral();
    if (IsWord("interval")) Refuse("an INTERVAL");
    if (IsReserved(token.text)) FailExpecting("an expression");
    return ParseColumn();
  }

  ExpressionPtr ParseTypedLiteral() {
    const std::size_t begin = Peek().begin;
    if (!IsWord("date")) Refuse(fmt::format("a {} literal", Upper(Peek().text)));
    Take();
    const Token& text = Take();
    const std::optional<std::int32_t> days = ParseDate(text.text);
    if (!days) {
      Fail(ErrorKind::kUsage, text.begin,
           fmt::format("'{}' is not a date; write it as yyyy-MM-dd", text.text));
    }
    return MakeLiteral(DateLiteral(FormatDate(*days)), begin);
  }

  ExpressionPtr ParseCase() {
    const Level level(*this);
    const std::size_t begin = Take().begin;
    ExpressionPtr subject;
    if (!IsWord("when")) subject = ParseOr();
    std::vector<ExpressionPtr> args;
    if (!IsWord("when")) FailExpecting("WHEN");
    while (TakeWord("when")) {
      const std::size_t condition_begin = Peek().begin;
      ExpressionPtr condition = ParseOr();
      if (subject) condition = MakeCall("=", {subject, condition}, condition_begin);
      ExpectWord("then");
      args.push_back(condition);
      args.push_back(ParseOr());
    }
    args.push_back(TakeWord("else") ? ParseOr() : MakeLiteral(Null(), Peek().begin));
    ExpectWord("end");
    return Finish({.kind = Expression::Kind::kCase, .args = std::move(args)}, begin);
  }

  ExpressionPtr ParseCall() {
    const Level level(*this);
    const Token& token = Take();
    const std::string name = AsciiLower(token.text);
    ExpectSymbol("(");
    if (name == "cast" || name == "try_cast") {
      const ExpressionPtr input = ParseOr();
      ExpectWord("as");
      const DataType type = ParseType();
      ExpectSymbol(")");
      return Finish({.kind = Expression::Kind::kCast,
                     .type = type,
                     .args = {input},
                     .is_try = name == "try_cast"},
                    token.begin);
    }
    const Function* function = FindFunction(name);
    if (function == nullptr || function->group == FunctionGroup::kMl) {
      RefuseFunction(name, token.begin);
    }
    if (IsWord("distinct") || IsWord("all")) Refuse(Upper(Peek().text) + " in a call");
    std::vector<ExpressionPtr> args;
    if (!IsSymbol(")")) {
      do {
        args.push_back(ParseOr());
      } while (TakeSymbol(","));
    }
    if (IsWord("from") || IsWord("for")) {
      Refuse(fmt::format("{} inside {}(…)", Upper(Peek().text), name));
    }
    ExpectSymbol(")");
    if (IsWord("over")) Refuse("a window function (OVER)");
    return MakeCall(function->name, std::move(args), token.begin);
  }

  [[noreturn]] void RefuseFunction(const std::string& name, std::size_t position) const {
    std::vector<std::string> names;
    for (const Function& function : Functions()) {
      if (function.group == FunctionGroup::kMl) continue;
      names.emplace_back(function.name);
      names.insert(names.end(), function.aliases.begin(), function.aliases.end());
    }
    Fail(ErrorKind::kUnsupported, position,
         fmt::format("the function {} is not part of the expression language "
                     "(docs/expressions.md){}",
                     name, DidYouMean(name, names)));
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int level_ = 0;
  std::unordered_map<const Expression*, int> depths_;
  std::vector<ExpressionPtr> kept_;  // Keeps the keys of depths_ from being used again.
};

}  // namespace

ExpressionPtr ParseExpression(std::string_view text) { return Parser(text).ParseWholeExpression(); }

Select ParseSelect(std::string_view statement) { return Parser(statement).ParseStatement(); }

}  // namespace firesteel::sql
