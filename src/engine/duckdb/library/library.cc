#include "engine/duckdb/library/library.h"

#include <array>

#include "base/shared_library.h"

// Every function of DuckDB's C API that firesteel calls. One that is missing here is a link error.
// clang-format off
#define FIRESTEEL_DUCKDB_FUNCTIONS(X)                                                            \
  X(duckdb_aggregate_function_add_parameter) X(duckdb_aggregate_function_get_extra_info)         \
  X(duckdb_aggregate_function_set_destructor) X(duckdb_aggregate_function_set_error)             \
  X(duckdb_aggregate_function_set_extra_info) X(duckdb_aggregate_function_set_functions)         \
  X(duckdb_aggregate_function_set_name) X(duckdb_aggregate_function_set_return_type)             \
  X(duckdb_aggregate_function_set_special_handling) X(duckdb_append_data_chunk)                  \
  X(duckdb_appender_close) X(duckdb_appender_create) X(duckdb_appender_destroy)                  \
  X(duckdb_appender_error) X(duckdb_bind_add_result_column) X(duckdb_bind_get_extra_info)        \
  X(duckdb_close) X(duckdb_column_count) X(duckdb_column_logical_type) X(duckdb_column_name)     \
  X(duckdb_connect) X(duckdb_create_aggregate_function) X(duckdb_create_config)                  \
  X(duckdb_create_data_chunk) X(duckdb_create_list_type) X(duckdb_create_logical_type)           \
  X(duckdb_create_scalar_function) X(duckdb_create_struct_type)                                  \
  X(duckdb_create_table_function) X(duckdb_data_chunk_get_column_count)                          \
  X(duckdb_data_chunk_get_size) X(duckdb_data_chunk_get_vector) X(duckdb_data_chunk_set_size)    \
  X(duckdb_decimal_scale) X(duckdb_decimal_width) X(duckdb_destroy_aggregate_function)           \
  X(duckdb_destroy_config) X(duckdb_destroy_data_chunk) X(duckdb_destroy_logical_type)           \
  X(duckdb_destroy_pending) X(duckdb_destroy_prepare) X(duckdb_destroy_result)                   \
  X(duckdb_destroy_scalar_function) X(duckdb_destroy_table_function) X(duckdb_disconnect)        \
  X(duckdb_execute_pending) X(duckdb_fetch_chunk) X(duckdb_free)                                 \
  X(duckdb_function_get_extra_info) X(duckdb_function_get_init_data)                             \
  X(duckdb_function_set_error) X(duckdb_get_type_id) X(duckdb_init_set_init_data)                \
  X(duckdb_init_set_max_threads) X(duckdb_interrupt) X(duckdb_library_version)                   \
  X(duckdb_list_type_child_type) X(duckdb_list_vector_get_child)                                 \
  X(duckdb_list_vector_get_size) X(duckdb_list_vector_reserve) X(duckdb_list_vector_set_size)    \
  X(duckdb_open_ext) X(duckdb_pending_error) X(duckdb_pending_prepared_streaming)                \
  X(duckdb_prepare) X(duckdb_prepare_error) X(duckdb_prepared_statement_column_count)            \
  X(duckdb_prepared_statement_column_logical_type) X(duckdb_prepared_statement_column_name)      \
  X(duckdb_query) X(duckdb_register_aggregate_function) X(duckdb_register_scalar_function)       \
  X(duckdb_register_table_function) X(duckdb_result_error) X(duckdb_result_error_type)           \
  X(duckdb_rows_changed) X(duckdb_scalar_function_add_parameter)                                 \
  X(duckdb_scalar_function_get_extra_info) X(duckdb_scalar_function_set_error)                   \
  X(duckdb_scalar_function_set_extra_info) X(duckdb_scalar_function_set_function)                \
  X(duckdb_scalar_function_set_name) X(duckdb_scalar_function_set_return_type)                   \
  X(duckdb_scalar_function_set_special_handling) X(duckdb_scalar_function_set_varargs)           \
  X(duckdb_set_config) X(duckdb_string_t_data) X(duckdb_string_t_length)                         \
  X(duckdb_struct_type_child_count) X(duckdb_struct_type_child_name)                             \
  X(duckdb_struct_type_child_type) X(duckdb_struct_vector_get_child)                             \
  X(duckdb_table_function_set_bind) X(duckdb_table_function_set_extra_info)                      \
  X(duckdb_table_function_set_function) X(duckdb_table_function_set_init)                        \
  X(duckdb_table_function_set_name) X(duckdb_unsafe_vector_assign_string_element_len)            \
  X(duckdb_vector_assign_string_element_len) X(duckdb_vector_ensure_validity_writable)           \
  X(duckdb_vector_get_column_type) X(duckdb_vector_get_data) X(duckdb_vector_get_validity)       \
  X(duckdb_vector_size)
// clang-format on

// Each is defined here as a jump to where the library has it, as a linker's table would do.
#if defined(__x86_64__)
#define FIRESTEEL_JUMP(name) "  jmp *firesteel_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define FIRESTEEL_JUMP(name)                 \
  "  adrp x16, firesteel_" #name             \
  "\n"                                       \
  "  ldr x16, [x16, #:lo12:firesteel_" #name \
  "]\n"                                      \
  "  br x16\n"
#else
#error "DuckDB is loaded on x86-64 and arm64 only"
#endif

#define FIRESTEEL_DEFINE(name)                                                       \
  extern "C" __attribute__((visibility("hidden"))) void* firesteel_##name;           \
  void* firesteel_##name = nullptr;                                                  \
  asm(".text\n"                                                                      \
      ".globl " #name                                                                \
      "\n"                                                                           \
      ".hidden " #name                                                               \
      "\n"                                                                           \
      ".type " #name ", %function\n" #name ":\n" FIRESTEEL_JUMP(name) ".size " #name \
                                                                      ", . - " #name "\n");
FIRESTEEL_DUCKDB_FUNCTIONS(FIRESTEEL_DEFINE)

namespace firesteel {
namespace {

constexpr const char* kFileName = "libduckdb.so";

struct Function {
  const char* name;
  void** address;
};
#define FIRESTEEL_ENTRY(name) Function{#name, &firesteel_##name},
constexpr std::array kFunctions = {FIRESTEEL_DUCKDB_FUNCTIONS(FIRESTEEL_ENTRY)};

bool Load() {
  const SharedLibrary library(kFileName);
  for (const Function& function : kFunctions) {
    *function.address = library.Function(function.name);
  }
  return true;
}

}  // namespace

void LoadDuckDbLibrary() {
  static const bool is_loaded = Load();
  static_cast<void>(is_loaded);
}

}  // namespace firesteel
