#pragma once

#include <fmt/format.h>

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "engine/duckdb/connection.h"

namespace firesteel::duckdb {

/// Registers `name(arguments…) -> result`, which calls `kBody` with `state` on whole chunks, from
/// several threads at once, nulls included. What it throws ends the query; the error's kind arrives
/// through the connection's error slot. Throws Error(kInternal) if DuckDB refuses.
template <auto kBody, typename State>
void RegisterStatefulFunction(Connection* connection, const std::string& name,
                              std::span<const LogicalType> arguments, const LogicalType& result,
                              State state) {
  struct Extra {
    State state;
    std::shared_ptr<ErrorSlot> errors;
  };
  const auto run = [](duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    const auto* extra = static_cast<const Extra*>(duckdb_scalar_function_get_extra_info(info));
    extra->errors->Guard([&] { kBody(extra->state, input, output); },
                         [&](const char* text) { duckdb_scalar_function_set_error(info, text); });
  };
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(function, name.c_str());
  for (const LogicalType& argument : arguments) {
    duckdb_scalar_function_add_parameter(function, argument.get());
  }
  duckdb_scalar_function_set_return_type(function, result.get());
  duckdb_scalar_function_set_special_handling(function);
  duckdb_scalar_function_set_extra_info(function,
                                        new Extra{std::move(state), connection->error_slot()},
                                        [](void* extra) { delete static_cast<Extra*>(extra); });
  duckdb_scalar_function_set_function(function, run);
  const duckdb_state registered = duckdb_register_scalar_function(connection->get(), function);
  duckdb_destroy_scalar_function(&function);
  if (registered == DuckDBError) {
    throw Error(ErrorKind::kInternal, fmt::format("DuckDB did not register {}", name));
  }
}

}  // namespace firesteel::duckdb
