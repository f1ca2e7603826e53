#pragma once

#include <duckdb.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.h"

/// Scalar functions for DuckDB's C API written as plain C++ functions of one row:
///
///     std::int32_t NumCharacters(std::string_view text);
///     std::optional<double> Ln(double x);                  // nullopt is null
///     bool IsNan(std::optional<double> x);                 // sees nulls
///
///     udf::Register<NumCharacters>(connection, "fs_length");
///
/// Rules: an argument that is not optional is never null, as the result of a row with a null in it
/// is null without a call. A thrown exception ends the query with its text as DuckDB's error; none
/// crosses into DuckDB. The function must depend on its arguments alone (DuckDB folds constants and
/// removes repeated calls), and runs on several threads at once. Types: bool, std::int8_t to
/// std::int64_t, std::uint8_t, float, double, std::string_view (arguments and results, the latter
/// may point into an argument), std::string (results), udf::Date and udf::Timestamp.
namespace firesteel::udf {

/// DATE: days since 1970-01-01.
struct Date {
  std::int32_t days = 0;
};

/// TIMESTAMP WITH TIME ZONE: an instant, microseconds since 1970-01-01 UTC.
struct Timestamp {
  std::int64_t micros = 0;
};

/// Owns a logical type of DuckDB.
class LogicalType {
 public:
  explicit LogicalType(duckdb_type id) : type_(duckdb_create_logical_type(id)) {}
  /// Takes over a type made by one of the duckdb_create_… functions.
  explicit LogicalType(duckdb_logical_type type) : type_(type) {}
  LogicalType(LogicalType&& other) noexcept : type_(std::exchange(other.type_, nullptr)) {}
  LogicalType(const LogicalType&) = delete;
  LogicalType& operator=(const LogicalType&) = delete;
  LogicalType& operator=(LogicalType&&) = delete;
  ~LogicalType() {
    if (type_ != nullptr) duckdb_destroy_logical_type(&type_);
  }

  duckdb_logical_type get() const { return type_; }

 private:
  duckdb_logical_type type_;
};

/// Where functions are registered, and which: a connection takes only what a query text calls, as
/// registering all of them takes longer than a small query.
struct Registrar {
  Registrar(duckdb_connection target, const std::set<std::string, std::less<>>* wanted = nullptr)
      : connection(target), names(wanted) {}

  bool Wants(std::string_view name) const { return names == nullptr || names->contains(name); }

  duckdb_connection connection;
  const std::set<std::string, std::less<>>* names;  // Null: all.
};

/// Runs `body` and reports what it throws as the error of the running function.
template <typename Body>
void Guard(duckdb_function_info info, Body&& body) noexcept {
  try {
    body();
  } catch (const std::exception& error) {
    duckdb_scalar_function_set_error(info, error.what());
  } catch (...) {
    duckdb_scalar_function_set_error(info, "an exception of an unknown type");
  }
}

/// A function over chunks, for what the one-row form cannot say (structs, lists, any number of
/// arguments). DuckDB hands in flat vectors; the body treats nulls itself.
using ChunkBody = void (*)(duckdb_data_chunk input, duckdb_vector output);

struct ChunkFunction {
  const char* name;
  std::span<const LogicalType> arguments;
  const LogicalType* variadic = nullptr;  // Type of any further arguments, or none.
  const LogicalType& result;
  bool sees_nulls = false;  // False: DuckDB may answer null for a constant null without a call.
};

namespace internal {

inline void RegisterRaw(duckdb_connection connection, const ChunkFunction& spec,
                        duckdb_scalar_function_t body) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(function, spec.name);
  for (const LogicalType& argument : spec.arguments) {
    duckdb_scalar_function_add_parameter(function, argument.get());
  }
  if (spec.variadic != nullptr) {
    duckdb_scalar_function_set_varargs(function, spec.variadic->get());
  }
  duckdb_scalar_function_set_return_type(function, spec.result.get());
  if (spec.sees_nulls) duckdb_scalar_function_set_special_handling(function);
  duckdb_scalar_function_set_function(function, body);
  const duckdb_state state = duckdb_register_scalar_function(connection, function);
  duckdb_destroy_scalar_function(&function);
  if (state != DuckDBSuccess) {
    throw Error(ErrorKind::kInternal,
                std::string("DuckDB refused to register the function ") + spec.name);
  }
}

template <ChunkBody kBody>
void GuardedBody(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  Guard(info, [&] { kBody(input, output); });
}

}  // namespace internal

/// Registers `kBody` if it is wanted. Throws Error(kInternal) if DuckDB refuses.
template <ChunkBody kBody>
void RegisterChunkFunction(const Registrar& registrar, const ChunkFunction& spec) {
  if (!registrar.Wants(spec.name)) return;
  internal::RegisterRaw(registrar.connection, spec, internal::GuardedBody<kBody>);
}

/// Whether row `row` of a vector is not null; `validity` is duckdb_vector_get_validity's, null if
/// all rows are valid.
inline bool IsValid(const std::uint64_t* validity, idx_t row) {
  return validity == nullptr || ((validity[row / 64] >> (row % 64)) & 1) != 0;
}

/// Marks rows of an output vector as null.
class NullWriter {
 public:
  explicit NullWriter(duckdb_vector vector) : vector_(vector) {}

  void SetNull(idx_t row) {
    if (validity_ == nullptr) {
      duckdb_vector_ensure_validity_writable(vector_);
      validity_ = duckdb_vector_get_validity(vector_);
    }
    validity_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
  }

 private:
  duckdb_vector vector_;
  std::uint64_t* validity_ = nullptr;
};

/// The bytes of a string of a vector; they belong to the vector.
inline std::string_view StringAt(duckdb_string_t* strings, idx_t row) {
  return {duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row])};
}

namespace internal {

template <typename T>
struct TypeId;
template <>
struct TypeId<bool> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_BOOLEAN;
};
template <>
struct TypeId<std::int8_t> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_TINYINT;
};
template <>
struct TypeId<std::uint8_t> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_UTINYINT;
};
template <>
struct TypeId<std::int16_t> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_SMALLINT;
};
template <>
struct TypeId<std::int32_t> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_INTEGER;
};
template <>
struct TypeId<std::int64_t> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_BIGINT;
};
template <>
struct TypeId<float> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_FLOAT;
};
template <>
struct TypeId<double> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_DOUBLE;
};
template <>
struct TypeId<Date> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_DATE;
};
template <>
struct TypeId<Timestamp> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_TIMESTAMP_TZ;
};
template <>
struct TypeId<std::string> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_VARCHAR;
};
template <>
struct TypeId<std::string_view> {
  static constexpr duckdb_type kValue = DUCKDB_TYPE_VARCHAR;
};
template <typename T>
struct TypeId<std::optional<T>> : TypeId<T> {};

/// One argument of a chunk.
template <typename T>
class Reader {
 public:
  explicit Reader(duckdb_vector vector)
      : data_(static_cast<T*>(duckdb_vector_get_data(vector))),
        validity_(duckdb_vector_get_validity(vector)) {}

  bool HasValue(idx_t row) const { return IsValid(validity_, row); }
  T operator()(idx_t row) const { return data_[row]; }

 private:
  T* data_;
  const std::uint64_t* validity_;
};

template <>
class Reader<std::string_view> {
 public:
  explicit Reader(duckdb_vector vector)
      : data_(static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector))),
        validity_(duckdb_vector_get_validity(vector)) {}

  bool HasValue(idx_t row) const { return IsValid(validity_, row); }
  std::string_view operator()(idx_t row) const { return StringAt(data_, row); }

 private:
  duckdb_string_t* data_;
  const std::uint64_t* validity_;
};

template <typename T>
class Reader<std::optional<T>> {
 public:
  explicit Reader(duckdb_vector vector) : reader_(vector) {}

  bool HasValue(idx_t) const { return true; }
  std::optional<T> operator()(idx_t row) const {
    if (!reader_.HasValue(row)) return std::nullopt;
    return reader_(row);
  }

 private:
  Reader<T> reader_;
};

template <typename T>
class Writer {
 public:
  explicit Writer(duckdb_vector vector)
      : vector_(vector), data_(static_cast<T*>(duckdb_vector_get_data(vector))), nulls_(vector) {}

  void SetNull(idx_t row) { nulls_.SetNull(row); }
  void Set(idx_t row, const T& value) {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
      // What these functions make of valid UTF-8 is valid UTF-8, so DuckDB need not check it again.
      duckdb_unsafe_vector_assign_string_element_len(vector_, row, value.data(), value.size());
    } else {
      data_[row] = value;
    }
  }
  void Set(idx_t row, const std::optional<T>& value) {
    if (value) {
      Set(row, *value);
    } else {
      SetNull(row);
    }
  }

 private:
  duckdb_vector vector_;
  T* data_;
  NullWriter nulls_;
};

template <typename T>
class Writer<std::optional<T>> : public Writer<T> {
  using Writer<T>::Writer;
};

template <auto kFunction, typename Signature = decltype(kFunction)>
struct RowFunction;

template <auto kFunction, typename Result, typename... Arguments>
struct RowFunction<kFunction, Result (*)(Arguments...)> {
  static void Run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    Guard(info, [&] { RunRows(input, output, std::index_sequence_for<Arguments...>()); });
  }

  template <std::size_t... kIndex>
  static void RunRows(duckdb_data_chunk input, duckdb_vector output,
                      std::index_sequence<kIndex...>) {
    const idx_t num_rows = duckdb_data_chunk_get_size(input);
    const std::tuple<Reader<Arguments>...> readers(
        Reader<Arguments>(duckdb_data_chunk_get_vector(input, kIndex))...);
    Writer<Result> writer(output);
    for (idx_t row = 0; row < num_rows; ++row) {
      if ((std::get<kIndex>(readers).HasValue(row) && ...)) {
        writer.Set(row, kFunction(std::get<kIndex>(readers)(row)...));
      } else {
        writer.SetNull(row);
      }
    }
  }

  static void Register(duckdb_connection connection, const char* name) {
    const LogicalType arguments[] = {LogicalType(TypeId<Arguments>::kValue)...};
    const LogicalType result(TypeId<Result>::kValue);
    RegisterRaw(connection,
                {.name = name,
                 .arguments = arguments,
                 .result = result,
                 // Without this DuckDB would not compute the other arguments of a constant null,
                 // nor raise their errors.
                 .sees_nulls = true},
                Run);
  }
};

}  // namespace internal

/// Registers a function of one row under `name` if it is wanted; its argument types are the C++
/// function's. Throws Error(kInternal) if DuckDB refuses.
template <auto kFunction>
void Register(const Registrar& registrar, const char* name) {
  if (!registrar.Wants(name)) return;
  internal::RowFunction<kFunction>::Register(registrar.connection, name);
}

}  // namespace firesteel::udf
