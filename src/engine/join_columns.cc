#include "engine/join_columns.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

// Whether Spark compares values of the two types without a cast that could lose something.
bool CanJoin(const DataType& left, const DataType& right) {
  if (left.kind == TypeKind::kVector || left.kind == TypeKind::kNull) return false;
  return left == right || (left.IsNumeric() && right.IsNumeric());
}

std::size_t KeyOf(const Schema& side, const std::string& key, const char* what) {
  if (const auto position = side.Find(key)) return *position;
  throw Error(ErrorKind::kNotFound, fmt::format("join: the {} table has no column '{}'{}", what,
                                                key, DidYouMean(key, side.names())));
}

}  // namespace

JoinColumns ResolveJoin(const Schema& left, const Schema& right, const JoinOptions& options) {
  if (options.keys.empty()) {
    throw Error(ErrorKind::kInvalidArgument, "a join needs at least one key column");
  }
  JoinColumns join;
  std::set<std::size_t> left_keys, right_keys;
  for (const std::string& key : options.keys) {
    const std::size_t left_position = KeyOf(left, key, "left");
    const std::size_t right_position = KeyOf(right, key, "right");
    const Field& left_field = left.fields()[left_position];
    const Field& right_field = right.fields()[right_position];
    if (!CanJoin(left_field.type, right_field.type)) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format(
              "join: key column '{}' is {} on the left and {} on the right; declare or cast one "
              "of them so that both are the same",
              key, left_field.type.ToString(), right_field.type.ToString()));
    }
    if (!left_keys.insert(left_position).second) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("join: key column '{}' is named twice", key));
    }
    right_keys.insert(right_position);
    join.keys.emplace_back(left_field.name, right_field.name);
    join.columns.push_back({true, left_field.name});
    join.schema.Add(left_field);
  }
  for (std::size_t i = 0; i < left.num_fields(); ++i) {
    if (left_keys.contains(i)) continue;
    join.columns.push_back({true, left.fields()[i].name});
    join.schema.Add(left.fields()[i]);
  }
  for (std::size_t i = 0; i < right.num_fields(); ++i) {
    if (right_keys.contains(i)) continue;
    Field field = right.fields()[i];
    if (join.schema.Find(field.name)) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("join: both tables have a column '{}' (letter case does not count) "
                              "that is not a key; "
                              "rename or drop it in one of them",
                              field.name));
    }
    join.columns.push_back({false, field.name});
    field.nullable = field.nullable || options.type == JoinType::kLeft;
    join.schema.Add(std::move(field));
  }
  return join;
}

}  // namespace firesteel
