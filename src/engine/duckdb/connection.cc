#include "engine/duckdb/connection.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <utility>

#include "engine/duckdb/s3_access.h"
#include "sql/print.h"

namespace firesteel::duckdb {
namespace {

ErrorKind KindOf(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_INTERRUPT:
      return ErrorKind::kInterrupted;
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_PERMISSION:
      return ErrorKind::kIo;
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return ErrorKind::kUnavailable;
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
      return ErrorKind::kUnsupported;
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
    case DUCKDB_ERROR_PLANNER:
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_FATAL:
      return ErrorKind::kInternal;
    default:
      return ErrorKind::kInvalidArgument;
  }
}

// A failed preparation tells its class in the text alone.
duckdb_error_type TypeOfMessage(std::string_view message) {
  if (message.starts_with("IO Error")) return DUCKDB_ERROR_IO;
  if (message.starts_with("Invalid Input Error")) return DUCKDB_ERROR_INVALID_INPUT;
  return DUCKDB_ERROR_BINDER;
}

void SetOption(duckdb_config config, const char* name, const std::string& value) {
  if (duckdb_set_config(config, name, value.c_str()) == DuckDBError) {
    throw Error(ErrorKind::kUsage, fmt::format("DuckDB does not accept '{}' for {}", value, name));
  }
}

}  // namespace

std::string TakeString(char* text) {
  std::string result = text == nullptr ? "" : text;
  duckdb_free(text);
  return result;
}

std::string CleanMessage(std::string_view message) {
  static constexpr std::array kClasses = {
      "Invalid Input", "Conversion",      "Out of Range", "IO",      "Binder",        "Catalog",
      "Parser",        "Constraint",      "INTERNAL",     "Invalid", "Out of Memory", "Permission",
      "INTERRUPT",     "Not implemented", "HTTP"};
  bool cut = true;
  while (cut) {
    cut = false;
    for (const char* name : kClasses) {
      const std::string prefix = fmt::format("{} Error: ", name);
      if (message.starts_with(prefix)) {
        message.remove_prefix(prefix.size());
        cut = true;
      }
    }
  }
  message = message.substr(0, message.find("\n\nLINE "));
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  return std::string(message);
}

void ErrorSlot::Put(Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

std::optional<Error> ErrorSlot::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, std::nullopt);
}

Result::Result(Result&& other) noexcept
    : result_(other.result_),
      connection_(std::exchange(other.connection_, nullptr)),
      chunk_(std::exchange(other.chunk_, nullptr)) {}

Result::~Result() {
  if (chunk_ != nullptr) duckdb_destroy_data_chunk(&chunk_);
  if (connection_ != nullptr) duckdb_destroy_result(&result_);
}

bool Result::Next() {
  if (chunk_ != nullptr) duckdb_destroy_data_chunk(&chunk_);
  chunk_ = duckdb_fetch_chunk(result_);
  if (chunk_ != nullptr && num_rows() > 0) return true;
  const char* error = duckdb_result_error(&result_);
  if (error != nullptr && *error != '\0') {
    connection_->Throw(error, duckdb_result_error_type(&result_));
  }
  return false;
}

Connection::Connection(const DatabaseOptions& options) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) == DuckDBError) {
    throw Error(ErrorKind::kInternal, "DuckDB could not make its configuration");
  }
  char* message = nullptr;
  duckdb_state state = DuckDBError;
  try {
    if (options.num_threads > 0) SetOption(config, "threads", fmt::to_string(options.num_threads));
    if (options.memory_limit_bytes > 0) {
      SetOption(config, "memory_limit", fmt::format("{}B", options.memory_limit_bytes));
    }
    SetOption(config, "temp_directory", options.temp_directory);
    // It tells a file by its path and time, so it may mix a file with one that was written over it
    // within the same moment; the system caches files anyway.
    SetOption(config, "enable_external_file_cache", "false");
    SetOption(config, "autoload_known_extensions", "false");
    SetOption(config, "autoinstall_known_extensions", "false");
    SetOption(config, "allow_community_extensions", "false");
    SetOption(config, "allow_persistent_secrets", "false");
    if (options.shows_secrets) SetOption(config, "allow_unredacted_secrets", "true");
    state = duckdb_open_ext(nullptr, &database_, config, &message);
  } catch (...) {
    duckdb_destroy_config(&config);
    throw;
  }
  duckdb_destroy_config(&config);
  if (state == DuckDBError) {
    throw Error(ErrorKind::kUsage, "DuckDB did not start: " + CleanMessage(TakeString(message)));
  }
  if (duckdb_connect(database_, &connection_) == DuckDBError) {
    duckdb_close(&database_);
    throw Error(ErrorKind::kInternal, "DuckDB did not accept a connection");
  }
  Run("SET TimeZone = 'UTC'");  // Instants are cast and written as UTC.
}

Connection::~Connection() {
  duckdb_disconnect(&connection_);
  duckdb_close(&database_);
}

std::int64_t Connection::Run(const std::string& statement) {
  Result result = Query(statement);
  return static_cast<std::int64_t>(duckdb_rows_changed(&result.result_));
}

Result Connection::Query(const std::string& query) {
  CheckInterrupted();
  RegisterFunctionsOf(query);
  duckdb_result result;
  if (duckdb_query(connection_, query.c_str(), &result) == DuckDBError) {
    const Result failed(result, this);
    Throw(duckdb_result_error(&failed.result_), duckdb_result_error_type(&failed.result_));
  }
  return Result(result, this);
}

Result Connection::Stream(const std::string& query) {
  duckdb_prepared_statement statement = Prepare(query);
  duckdb_pending_result pending = nullptr;
  duckdb_result result;
  const duckdb_state state = duckdb_pending_prepared_streaming(statement, &pending);
  if (state == DuckDBError) {
    const std::string message = duckdb_pending_error(pending);
    duckdb_destroy_pending(&pending);
    duckdb_destroy_prepare(&statement);
    Throw(message.c_str(), DUCKDB_ERROR_INVALID_INPUT);
  }
  const duckdb_state executed = duckdb_execute_pending(pending, &result);
  duckdb_destroy_pending(&pending);
  duckdb_destroy_prepare(&statement);
  if (executed == DuckDBError) {
    const Result failed(result, this);
    Throw(duckdb_result_error(&failed.result_), duckdb_result_error_type(&failed.result_));
  }
  return Result(result, this);
}

std::vector<Connection::Column> Connection::Describe(const std::string& query) {
  duckdb_prepared_statement statement = Prepare(query);
  std::vector<Column> columns;
  const idx_t num_columns = duckdb_prepared_statement_column_count(statement);
  for (idx_t i = 0; i < num_columns; ++i) {
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    columns.push_back(
        {name, LogicalType(duckdb_prepared_statement_column_logical_type(statement, i))});
    duckdb_free(const_cast<char*>(name));
  }
  duckdb_destroy_prepare(&statement);
  return columns;
}

void Connection::RegisterFunctionsOf(std::string_view statement) {
  if (!functions_) return;
  constexpr std::string_view kPrefix = "fs_";
  std::set<std::string, std::less<>> wanted;
  for (std::size_t at = statement.find(kPrefix); at != statement.npos;
       at = statement.find(kPrefix, at)) {
    const std::size_t begin = at;
    while (at < statement.size() &&
           (std::isalnum(static_cast<unsigned char>(statement[at])) != 0 || statement[at] == '_')) {
      ++at;
    }
    // Names of relations and text in quotes may come along; nobody provides those.
    const std::string_view name = statement.substr(begin, at - begin);
    if (!registered_.contains(name)) wanted.emplace(name);
  }
  if (wanted.empty()) return;
  functions_(udf::Registrar(connection_, &wanted));
  registered_.merge(wanted);
}

duckdb_prepared_statement Connection::Prepare(const std::string& query) {
  CheckInterrupted();
  RegisterFunctionsOf(query);
  duckdb_prepared_statement statement = nullptr;
  if (duckdb_prepare(connection_, query.c_str(), &statement) == DuckDBError) {
    const std::string message = duckdb_prepare_error(statement);
    duckdb_destroy_prepare(&statement);
    Throw(message.c_str(), TypeOfMessage(message));
  }
  return statement;
}

void Connection::CheckInterrupted() const {
  if (interrupted_) throw Error(ErrorKind::kInterrupted, "interrupted");
}

void Connection::Interrupt() {
  interrupted_ = true;
  duckdb_interrupt(connection_);
}

std::string Connection::NewName(std::string_view prefix) {
  return fmt::format("{}_{}", prefix, ++num_names_);
}

void Connection::Throw(const char* message, duckdb_error_type type) const {
  if (std::optional<Error> error = error_slot_->Take()) throw *std::move(error);
  if (interrupted_ || type == DUCKDB_ERROR_INTERRUPT) {
    throw Error(ErrorKind::kInterrupted, "interrupted");
  }
  const std::string_view said = message == nullptr ? "" : message;
  if (type == DUCKDB_ERROR_HTTP || IsS3Error(said)) throw S3Error(said);
  std::string text = CleanMessage(said);

  if (type == DUCKDB_ERROR_OUT_OF_MEMORY) {
    text += "; raise the memory limit or free space in the temporary directory";
  }
  throw Error(KindOf(type), std::move(text));
}

std::string QuoteName(std::string_view name) {
  return sql::QuoteIdentifier(name, sql::Dialect::kDuckDb);
}

std::string QuoteText(std::string_view text) {
  return sql::QuoteString(text, sql::Dialect::kDuckDb);
}

}  // namespace firesteel::duckdb
