#include "engine/duckdb/extension.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/shared_library.h"

namespace firesteel::duckdb {

void LoadExtension(Connection* connection, const std::string& name) {
  const std::string file = FindBesideProgram(fmt::format("extensions/{}.duckdb_extension", name));
  try {
    connection->Run("LOAD " + QuoteText(file));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    throw Error(ErrorKind::kIo, fmt::format("{} can't be loaded: {}", file, error.what()));
  }
}

}  // namespace firesteel::duckdb
