#pragma once

#include <duckdb.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/duckdb/functions/scalar_udf.h"

/// Thin owners over DuckDB's C API. Nothing outside engine/duckdb includes them.
namespace firesteel::duckdb {

using udf::LogicalType;

inline duckdb_type IdOf(const LogicalType& type) { return duckdb_get_type_id(type.get()); }

/// Owns a string that DuckDB allocated.
std::string TakeString(char* text);

/// The text of a DuckDB error without the class it begins with ("Invalid Input Error: ") and
/// without the excerpt of the statement that follows.
std::string CleanMessage(std::string_view message);

/// Where callbacks leave the error that made them fail, so that its kind survives the way through
/// DuckDB, which carries text alone. Threads: any.
class ErrorSlot {
 public:
  /// Keeps the first error until it is taken.
  void Put(Error error);
  std::optional<Error> Take();

  /// Runs the body of a callback. What it throws is kept and its text handed to `fail`, since
  /// nothing may be thrown into DuckDB.
  template <typename Body, typename Fail>
  void Guard(Body&& body, Fail&& fail) noexcept {
    try {
      body();
    } catch (const Error& error) {
      Put(error);
      fail(error.what());
    } catch (const std::exception& error) {
      Put(Error(ErrorKind::kInternal, error.what()));
      fail(error.what());
    }
  }

 private:
  std::mutex mutex_;
  std::optional<Error> error_;
};

/// One vector of a chunk with its validity: plain access for code that loops over rows.
class VectorView {
 public:
  explicit VectorView(duckdb_vector vector)
      : vector_(vector),
        data_(duckdb_vector_get_data(vector)),
        validity_(duckdb_vector_get_validity(vector)) {}

  bool IsValid(idx_t row) const {
    return validity_ == nullptr || ((validity_[row >> 6] >> (row & 63)) & 1) != 0;
  }
  bool MayHaveNull() const { return validity_ != nullptr; }
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(data_);
  }
  std::string_view Text(idx_t row) const {
    auto* string = static_cast<duckdb_string_t*>(data_) + row;
    return {duckdb_string_t_data(string), duckdb_string_t_length(*string)};
  }
  VectorView ListChild() const { return VectorView(duckdb_list_vector_get_child(vector_)); }
  VectorView StructChild(idx_t index) const {
    return VectorView(duckdb_struct_vector_get_child(vector_, index));
  }

 private:
  duckdb_vector vector_;
  void* data_;
  uint64_t* validity_;
};

class Connection;

/// The rows of a query, chunk by chunk. A streamed result is valid until the connection runs
/// something else.
class Result {
 public:
  Result(Result&& other) noexcept;
  Result& operator=(Result&&) = delete;
  ~Result();

  idx_t num_columns() const { return duckdb_column_count(&result_); }
  std::string column_name(idx_t column) const { return duckdb_column_name(&result_, column); }
  LogicalType column_type(idx_t column) const {
    return LogicalType(duckdb_column_logical_type(&result_, column));
  }

  /// Moves to the next chunk; false at the end. Throws what the query failed with.
  bool Next();
  idx_t num_rows() const { return duckdb_data_chunk_get_size(chunk_); }
  VectorView column(idx_t column) const {
    return VectorView(duckdb_data_chunk_get_vector(chunk_, column));
  }

 private:
  friend class Connection;
  Result(duckdb_result result, Connection* connection) : result_(result), connection_(connection) {}

  mutable duckdb_result result_;
  Connection* connection_;
  duckdb_data_chunk chunk_ = nullptr;
};

struct DatabaseOptions {
  int num_threads = 0;
  std::int64_t memory_limit_bytes = 0;
  std::string temp_directory = {};
  bool shows_secrets = false;  // Lets queries read what secrets hold.
};

/// An in-memory database and its one connection.
/// Threads: one caller at a time; `Interrupt` from any.
class Connection {
 public:
  /// Throws Error(kUsage) for an option that DuckDB refuses.
  explicit Connection(const DatabaseOptions& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  duckdb_connection get() const { return connection_; }

  /// `functions` registers what a text may call by a name that begins with fs_; it is asked for
  /// those that a statement calls, the first time one does.
  void ProvideFunctions(std::function<void(const udf::Registrar&)> functions) {
    functions_ = std::move(functions);
  }

  /// Runs a statement and drops its rows. Returns how many rows it changed (COPY: wrote).
  std::int64_t Run(const std::string& statement);
  /// Runs a query and keeps its rows in memory.
  Result Query(const std::string& query);
  /// Runs a query whose rows are computed as they are fetched.
  Result Stream(const std::string& query);

  struct Column {
    std::string name;
    LogicalType type;
  };
  /// The columns that a query would give, without running it.
  std::vector<Column> Describe(const std::string& query);

  /// Throws Error(kInterrupted) if Interrupt was called since the last call of BeginCall.
  void CheckInterrupted() const;
  void BeginCall() { interrupted_ = false; }
  bool interrupted() const { return interrupted_; }
  void Interrupt();

  /// Shared, as registered functions may outlive a call.
  const std::shared_ptr<ErrorSlot>& error_slot() const { return error_slot_; }

  /// A name that no other view, table or function of this connection has.
  std::string NewName(std::string_view prefix);

 private:
  friend class Result;
  duckdb_prepared_statement Prepare(const std::string& query);
  void RegisterFunctionsOf(std::string_view statement);
  [[noreturn]] void Throw(const char* message, duckdb_error_type type) const;

  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  std::atomic<bool> interrupted_ = false;
  std::shared_ptr<ErrorSlot> error_slot_ = std::make_shared<ErrorSlot>();
  std::int64_t num_names_ = 0;
  std::function<void(const udf::Registrar&)> functions_;
  std::set<std::string, std::less<>> registered_;
};

/// An identifier and a string literal of DuckDB's SQL.
std::string QuoteName(std::string_view name);
std::string QuoteText(std::string_view text);

}  // namespace firesteel::duckdb
