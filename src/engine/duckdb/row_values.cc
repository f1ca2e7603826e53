#include "engine/duckdb/row_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "engine/duckdb/table_appender.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

template <class... Callables>
struct Overloaded : Callables... {
  using Callables::operator()...;
};
template <class... Callables>
Overloaded(Callables...) -> Overloaded<Callables...>;

struct ValueType {
  DataType type;
  std::string sql;
};

ValueType TypeOf(const Value& value) {
  const auto scalar = [](const DataType& type) { return ValueType{type, SqlType(type)}; };
  return std::visit(
      Overloaded{[&](std::monostate) { return scalar(kStringType); },
                 [&](bool) { return scalar(kBooleanType); },
                 [&](std::int32_t) { return scalar(kIntType); },
                 [&](std::int64_t) { return scalar(kLongType); },
                 [&](double) { return scalar(kDoubleType); },
                 [&](const std::string&) { return scalar(kStringType); },
                 [&](const std::vector<double>&) { return scalar(kVectorType); },
                 [](const std::vector<std::int32_t>&) { return ValueType{kNullType, "INTEGER[]"}; },
                 [](const std::vector<std::string>&) { return ValueType{kNullType, "VARCHAR[]"}; },
                 [](const std::vector<std::vector<std::string>>&) {
                   return ValueType{kNullType, "VARCHAR[][]"};
                 }},
      value);
}

// Appends `size` elements to a list vector that holds one row, and returns the child they go to.
duckdb_vector AppendList(duckdb_vector list, idx_t row, idx_t size) {
  const idx_t offset = duckdb_list_vector_get_size(list);
  duckdb_list_vector_reserve(list, offset + size);
  duckdb_list_vector_set_size(list, offset + size);
  static_cast<duckdb_list_entry*>(duckdb_vector_get_data(list))[row] = {offset, size};
  return duckdb_list_vector_get_child(list);
}

void FillStrings(duckdb_vector list, idx_t row, const std::vector<std::string>& strings) {
  const duckdb_vector child = AppendList(list, row, strings.size());
  const idx_t offset = duckdb_list_vector_get_size(list) - strings.size();
  for (idx_t i = 0; i < strings.size(); ++i) {
    duckdb_vector_assign_string_element_len(child, offset + i, strings[i].data(),
                                            strings[i].size());
  }
}

// Writes row 0 of a column.
void Fill(duckdb_vector column, const Value& value) {
  const auto put = [column](auto number) {
    *static_cast<decltype(number)*>(duckdb_vector_get_data(column)) = number;
  };
  std::visit(
      Overloaded{[&](std::monostate) { udf::NullWriter(column).SetNull(0); },
                 [&](bool flag) { put(flag); }, [&](std::int32_t number) { put(number); },
                 [&](std::int64_t number) { put(number); }, [&](double number) { put(number); },
                 [&](const std::string& text) {
                   duckdb_vector_assign_string_element_len(column, 0, text.data(), text.size());
                 },
                 [&](const std::vector<double>& values) {
                   VectorColumnWriter writer(column, 1, 0, values.size());
                   std::copy(values.begin(), values.end(), writer.AddDense(values.size()));
                   writer.Finish();
                 },
                 [&](const std::vector<std::int32_t>& values) {
                   const duckdb_vector child = AppendList(column, 0, values.size());
                   std::copy(values.begin(), values.end(),
                             static_cast<std::int32_t*>(duckdb_vector_get_data(child)));
                 },
                 [&](const std::vector<std::string>& strings) { FillStrings(column, 0, strings); },
                 [&](const std::vector<std::vector<std::string>>& lists) {
                   const duckdb_vector child = AppendList(column, 0, lists.size());
                   for (idx_t i = 0; i < lists.size(); ++i) FillStrings(child, i, lists[i]);
                 }},
      value);
}

std::vector<std::string> StringsAt(const VectorView& list, idx_t row) {
  const duckdb_list_entry entry = list.data<duckdb_list_entry>()[row];
  const VectorView child = list.ListChild();
  std::vector<std::string> strings;
  strings.reserve(entry.length);
  for (idx_t i = 0; i < entry.length; ++i) strings.emplace_back(child.Text(entry.offset + i));
  return strings;
}

[[noreturn]] void ThrowUnsupported(const std::string& name, const LogicalType& type) {
  throw Error(
      ErrorKind::kUnsupported,
      fmt::format("column '{}': a {} of this kind cannot be fetched", name, TypeName(type)));
}

Value FetchValue(const std::string& name, const LogicalType& type, const VectorView& column) {
  if (!column.IsValid(0)) return std::monostate();
  switch (IdOf(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return column.data<bool>()[0];
    case DUCKDB_TYPE_TINYINT:
      return std::int32_t{column.data<std::int8_t>()[0]};
    case DUCKDB_TYPE_SMALLINT:
      return std::int32_t{column.data<std::int16_t>()[0]};
    case DUCKDB_TYPE_INTEGER:
      return column.data<std::int32_t>()[0];
    case DUCKDB_TYPE_BIGINT:
      return column.data<std::int64_t>()[0];
    case DUCKDB_TYPE_FLOAT:
      return double{column.data<float>()[0]};
    case DUCKDB_TYPE_DOUBLE:
      return column.data<double>()[0];
    case DUCKDB_TYPE_VARCHAR:
      return std::string(column.Text(0));
    case DUCKDB_TYPE_STRUCT: {
      const VectorColumn vectors(column);
      if (!vectors.IsSound(0)) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("column '{}' holds a malformed vector", name));
      }
      std::vector<double> values(vectors.Length(0));
      vectors.CopyDense(0, values);
      return values;
    }
    case DUCKDB_TYPE_LIST: {
      const LogicalType element(duckdb_list_type_child_type(type.get()));
      const duckdb_list_entry entry = column.data<duckdb_list_entry>()[0];
      const VectorView child = column.ListChild();
      switch (IdOf(element)) {
        case DUCKDB_TYPE_VARCHAR:
          return StringsAt(column, 0);
        case DUCKDB_TYPE_INTEGER: {
          const std::int32_t* begin = child.data<std::int32_t>() + entry.offset;
          return std::vector<std::int32_t>(begin, begin + entry.length);
        }
        case DUCKDB_TYPE_DOUBLE: {
          const double* begin = child.data<double>() + entry.offset;
          return std::vector<double>(begin, begin + entry.length);
        }
        case DUCKDB_TYPE_LIST: {
          if (IdOf(LogicalType(duckdb_list_type_child_type(element.get()))) !=
              DUCKDB_TYPE_VARCHAR) {
            ThrowUnsupported(name, type);
          }
          std::vector<std::vector<std::string>> lists;
          for (idx_t i = 0; i < entry.length; ++i)
            lists.push_back(StringsAt(child, entry.offset + i));
          return lists;
        }
        default:
          ThrowUnsupported(name, type);
      }
    }
    default:
      ThrowUnsupported(name, type);
  }
}

}  // namespace

Schema CreateRowTable(Connection* connection, const std::string& table,
                      std::span<const NamedValue> row) {
  if (row.empty()) {
    throw Error(ErrorKind::kInvalidArgument, "a relation needs at least one column");
  }
  Schema schema;
  std::string columns;
  for (const NamedValue& value : row) {
    const ValueType type = TypeOf(value.value);
    columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", QuoteName(value.name), type.sql);
    schema.Add({value.name, type.type});
  }
  connection->Run(fmt::format("CREATE TEMP TABLE {} ({})", QuoteName(table), columns));

  AppendRows(connection, table, 1, [&](duckdb_data_chunk chunk, std::size_t, std::size_t) {
    for (idx_t i = 0; i < row.size(); ++i) {
      Fill(duckdb_data_chunk_get_vector(chunk, i), row[i].value);
    }
  });
  return schema;
}

std::vector<NamedValue> FetchOneRow(Connection* connection, const std::string& source,
                                    const Schema& schema) {
  std::string columns;
  for (const Field& field : schema.fields()) {
    columns += columns.empty() ? "" : ", ";
    switch (field.type.kind) {
      case TypeKind::kDate:
      case TypeKind::kTimestamp:
      case TypeKind::kDecimal:
        columns += fmt::format("CAST({0} AS VARCHAR) AS {0}", QuoteName(field.name));
        break;
      default:
        columns += QuoteName(field.name);
    }
  }
  Result result = connection->Query(fmt::format("SELECT {} FROM {} LIMIT 2", columns, source));
  const bool has_row = result.Next();
  if (!has_row || result.num_rows() != 1) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("expected one row, found {}", has_row ? "several" : "none"));
  }
  std::vector<NamedValue> row;
  for (idx_t i = 0; i < result.num_columns(); ++i) {
    const std::string name = result.column_name(i);
    row.push_back({name, FetchValue(name, result.column_type(i), result.column(i))});
  }
  return row;
}

}  // namespace firesteel::duckdb
