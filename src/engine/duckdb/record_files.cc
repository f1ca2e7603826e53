#include "engine/duckdb/record_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/text.h"
#include "engine/duckdb/file_list.h"
#include "engine/duckdb/table_appender.h"
#include "engine/duckdb/table_writer.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

// The DuckDB type of a column.
std::string SqlTypeOf(const RecordValues& values) {
  constexpr const char* kNames[] = {"INTEGER",  "BIGINT",  "DOUBLE",   "VARCHAR",
                                    "DOUBLE[]", "BOOLEAN", "INTEGER[]"};
  return kNames[values.index()];
}

// The same in Spark's words, for messages.
std::string SparkTypeOf(const RecordValues& values) {
  constexpr const char* kNames[] = {"int",           "bigint",  "double",    "string",
                                    "array<double>", "boolean", "array<int>"};
  return kNames[values.index()];
}

// What a message calls the type of a file's column.
std::string FoundType(const LogicalType& type) {
  const std::optional<ColumnMapping> mapping = MapType(type);
  return mapping && mapping->type != kNullType ? mapping->type.ToString() : TypeName(type);
}

// Whether every value of the file's type is one of the wanted type, as Spark asks of a file.
bool Widens(const LogicalType& type, std::string_view wanted) {
  const duckdb_type id = IdOf(type);
  const bool is_int =
      id == DUCKDB_TYPE_TINYINT || id == DUCKDB_TYPE_SMALLINT || id == DUCKDB_TYPE_INTEGER;
  const bool is_real = id == DUCKDB_TYPE_DOUBLE || id == DUCKDB_TYPE_FLOAT;
  if (wanted == "INTEGER") return is_int;
  if (wanted == "BIGINT") return is_int || id == DUCKDB_TYPE_BIGINT;
  if (wanted == "DOUBLE") return is_real || is_int;
  if (wanted == "VARCHAR") return id == DUCKDB_TYPE_VARCHAR;
  if (wanted == "BOOLEAN") return id == DUCKDB_TYPE_BOOLEAN;
  wanted.remove_suffix(std::string_view("[]").size());
  return id == DUCKDB_TYPE_LIST &&
         Widens(LogicalType(duckdb_list_type_child_type(type.get())), wanted);
}

using Fields = std::vector<Connection::Column>;

Fields FieldsOf(const LogicalType& type) {
  Fields fields;
  if (IdOf(type) != DUCKDB_TYPE_STRUCT) return fields;
  const idx_t count = duckdb_struct_type_child_count(type.get());
  for (idx_t i = 0; i < count; ++i) {
    fields.push_back({TakeString(duckdb_struct_type_child_name(type.get(), i)),
                      LogicalType(duckdb_struct_type_child_type(type.get(), i))});
  }
  return fields;
}

// The way from `fields` to a column, after a look at whether it is there.
std::string PathSql(const Fields& fields, std::span<const std::string> parts,
                    const RecordColumn& column) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) {
    return EqualsIgnoringCase(field.name, parts.front());
  });
  if (found == fields.end()) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("column '{}' is missing", column.path));
  }
  std::string sql = QuoteName(found->name);
  if (parts.size() > 1) {
    return sql + '.' + PathSql(FieldsOf(found->type), parts.subspan(1), column);
  }
  if (!Widens(found->type, SqlTypeOf(column.values))) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' is {}, where {} is expected", column.path,
                            FoundType(found->type), SparkTypeOf(column.values)));
  }
  return sql;
}

[[noreturn]] void ThrowNull(const RecordColumn& column) {
  throw Error(ErrorKind::kInvalidArgument, fmt::format("column '{}' holds null", column.path));
}

template <typename T>
inline constexpr bool kIsList = false;
template <typename T>
inline constexpr bool kIsList<std::vector<T>> = true;

// The value of a row that is not null.
template <typename T>
T ValueAt(const VectorView& view, idx_t row, const RecordColumn& column) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::string(view.Text(row));
  } else if constexpr (kIsList<T>) {
    const VectorView child = view.ListChild();
    const duckdb_list_entry entry = view.data<duckdb_list_entry>()[row];
    T list;
    for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i) {
      if (!child.IsValid(i)) ThrowNull(column);
      list.push_back(child.data<typename T::value_type>()[i]);
    }
    return list;
  } else {
    return view.data<T>()[row];
  }
}

void Read(const VectorView& view, idx_t num_rows, RecordColumn* column) {
  std::visit(
      [&]<typename T>(std::vector<T>& values) {
        for (idx_t row = 0; row < num_rows; ++row) {
          const bool is_null = !view.IsValid(row);
          if (is_null && !column->nullable) ThrowNull(*column);
          if (column->nullable) column->nulls.push_back(is_null);
          values.push_back(is_null ? T() : ValueAt<T>(view, row, *column));
        }
      },
      column->values);
}

// Puts rows [begin, end) of a column into a vector of a chunk.
void Fill(duckdb_vector vector, const RecordColumn& column, std::size_t begin, std::size_t end) {
  std::visit(
      [&]<typename T>(const std::vector<T>& all) {
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto last = all.begin() + static_cast<std::ptrdiff_t>(end);
        if constexpr (std::is_same_v<T, std::string>) {
          idx_t row = 0;
          for (auto text = first; text != last; ++text) {
            duckdb_vector_assign_string_element_len(vector, row++, text->data(), text->size());
          }
        } else if constexpr (kIsList<T>) {
          idx_t size = 0;
          for (auto list = first; list != last; ++list) size += list->size();
          duckdb_list_vector_reserve(vector, size);
          duckdb_list_vector_set_size(vector, size);
          auto* entry = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(vector));
          auto* out = static_cast<typename T::value_type*>(
              duckdb_vector_get_data(duckdb_list_vector_get_child(vector)));
          idx_t offset = 0;
          for (auto list = first; list != last; ++list) {
            *entry++ = {offset, list->size()};
            std::copy(list->begin(), list->end(), out + offset);
            offset += list->size();
          }
        } else {
          std::copy(first, last, static_cast<T*>(duckdb_vector_get_data(vector)));
        }
      },
      column.values);
  if (!column.nullable) return;
  uint64_t* const validity = WritableValidity(vector);
  for (std::size_t row = begin; row < end; ++row) {
    if (column.nulls[row]) SetNull(validity, row - begin);
  }
}

std::string FlatName(std::size_t column) { return fmt::format("c{}", column); }

// Makes a table of the columns side by side.
void CreateFlatTable(Connection* connection, const std::string& name, const RecordTable& table) {
  std::string list;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    list +=
        fmt::format("{}{} {}", i > 0 ? ", " : "", FlatName(i), SqlTypeOf(table.columns[i].values));
  }
  connection->Run(fmt::format("CREATE TEMP TABLE {} ({})", QuoteName(name), list));

  AppendRows(connection, name, table.num_rows(),
             [&](duckdb_data_chunk chunk, std::size_t begin, std::size_t end) {
               for (idx_t i = 0; i < table.columns.size(); ++i) {
                 Fill(duckdb_data_chunk_get_vector(chunk, i), table.columns[i], begin, end);
               }
             });
}

// One field of the nested rows: either a flat column or fields of its own.
struct Node {
  std::string name;
  std::size_t column = 0;
  std::vector<Node> fields = {};
};

std::vector<Node> Nest(const RecordTable& table) {
  std::vector<Node> top;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    std::vector<Node>* level = &top;
    for (std::string& part : Split(table.columns[i].path, '.')) {
      if (level->empty() || level->back().name != part) {
        level->push_back({.name = std::move(part), .column = i});
      }
      level = &level->back().fields;
    }
  }
  return top;
}

std::string NestedSql(const Node& node) {
  if (node.fields.empty()) return FlatName(node.column);
  std::string list;
  for (const Node& field : node.fields) {
    list += fmt::format("{}{} := {}", list.empty() ? "" : ", ", QuoteName(field.name),
                        NestedSql(field));
  }
  return fmt::format("struct_pack({})", list);
}

}  // namespace

RecordTable ReadRecordFiles(Connection* connection, const std::vector<std::string>& files,
                            const RecordTable& layout) {
  if (files.empty()) throw Error(ErrorKind::kInvalidArgument, "there is no Parquet file to read");
  RecordTable table = layout;
  for (const std::string& file : files) {
    CheckParquetFile(file);
    try {
      const std::string reader =
          fmt::format("read_parquet({}, hive_partitioning=false)", FileListSql({&file, 1}));
      const Fields fields = connection->Describe("FROM " + reader);
      std::string list;
      for (const RecordColumn& column : layout.columns) {
        list +=
            fmt::format("{}CAST({} AS {})", list.empty() ? "" : ", ",
                        PathSql(fields, Split(column.path, '.'), column), SqlTypeOf(column.values));
      }
      Result result = connection->Query(fmt::format("SELECT {} FROM {}", list, reader));
      while (result.Next()) {
        for (idx_t i = 0; i < table.columns.size(); ++i) {
          Read(result.column(i), result.num_rows(), &table.columns[i]);
        }
      }
    } catch (const Error& error) {
      if (std::string_view(error.what()).find(file) != std::string_view::npos) throw;
      if (error.kind() != ErrorKind::kInternal) throw error.Within(file);
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{}: the Parquet file is damaged: {}", file, error.what()));
    }
  }
  return table;
}

WriteResult WriteRecordFile(Connection* connection, const RecordTable& table,
                            const WriteOptions& options) {
  const std::string flat = connection->NewName("fs_table");
  CreateFlatTable(connection, flat, table);
  std::string list;
  for (const Node& node : Nest(table)) {
    list +=
        fmt::format("{}{} AS {}", list.empty() ? "" : ", ", NestedSql(node), QuoteName(node.name));
  }
  const std::string nested = fmt::format("(SELECT {} FROM {})", list, QuoteName(flat));
  WriteOptions one_file = options;
  one_file.target_file_bytes = 0;
  WriteResult written = WriteTable(connection, nested, Schema(), one_file);
  connection->Run("DROP TABLE " + QuoteName(flat));
  return written;
}

}  // namespace firesteel::duckdb
