#include "sql/expression.h"

#include <utility>

namespace firesteel::sql {
namespace {

ExpressionPtr MakeLiteral(DataType type, Value value) {
  auto node = std::make_shared<Expression>();
  node->kind = Expression::Kind::kLiteral;
  node->type = type;
  node->nullable = std::holds_alternative<std::monostate>(value);
  node->value = std::move(value);
  return node;
}

ExpressionPtr MakeCast(ExpressionPtr input, DataType type, bool is_try) {
  auto node = std::make_shared<Expression>();
  node->kind = Expression::Kind::kCast;
  node->type = type;
  node->is_try = is_try;
  node->position = input->position;
  node->args = {std::move(input)};
  return node;
}

}  // namespace

ExpressionPtr Column(std::string_view name) {
  auto node = std::make_shared<Expression>();
  node->kind = Expression::Kind::kColumn;
  node->name = name;
  return node;
}

ExpressionPtr Null() { return MakeLiteral(kNullType, std::monostate()); }
ExpressionPtr Literal(bool value) { return MakeLiteral(kBooleanType, value); }
ExpressionPtr Literal(std::int32_t value) { return MakeLiteral(kIntType, value); }
ExpressionPtr Literal(std::int64_t value) { return MakeLiteral(kLongType, value); }
ExpressionPtr Literal(double value) { return MakeLiteral(kDoubleType, value); }
ExpressionPtr Literal(std::string_view value) {
  return MakeLiteral(kStringType, std::string(value));
}
ExpressionPtr Literal(const char* value) { return Literal(std::string_view(value)); }
ExpressionPtr Literal(std::vector<double> value) {
  return MakeLiteral(kVectorType, std::move(value));
}
ExpressionPtr DateLiteral(std::string_view iso_date) {
  return MakeLiteral(kDateType, std::string(iso_date));
}

ExpressionPtr Call(std::string_view function, std::vector<ExpressionPtr> args) {
  auto node = std::make_shared<Expression>();
  node->kind = Expression::Kind::kCall;
  node->name = function;
  node->args = std::move(args);
  return node;
}

ExpressionPtr Cast(ExpressionPtr input, DataType type) {
  return MakeCast(std::move(input), type, false);
}
ExpressionPtr TryCast(ExpressionPtr input, DataType type) {
  return MakeCast(std::move(input), type, true);
}

ExpressionPtr If(ExpressionPtr condition, ExpressionPtr then, ExpressionPtr otherwise) {
  auto node = std::make_shared<Expression>();
  node->kind = Expression::Kind::kCase;
  node->args = {std::move(condition), std::move(then), std::move(otherwise)};
  return node;
}

ExpressionPtr IsNull(ExpressionPtr input) { return Call("isnull", {std::move(input)}); }
ExpressionPtr Not(ExpressionPtr input) { return Call("not", {std::move(input)}); }
ExpressionPtr And(ExpressionPtr left, ExpressionPtr right) {
  return Call("and", {std::move(left), std::move(right)});
}
ExpressionPtr Or(ExpressionPtr left, ExpressionPtr right) {
  return Call("or", {std::move(left), std::move(right)});
}

}  // namespace firesteel::sql
