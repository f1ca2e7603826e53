// Reads Parquet files in place for tests/s3/read_in_place_test.py; S3 as the environment says:
//   s3_read_tool rows TIMES FILE…     the number of rows and the sums of its number columns, read
//   TIMES times s3_read_tool key NAME FILE        the value of a key in the footer s3_read_tool
//   records COLUMN FILE  a column of whole numbers
// Prints JSON; or the error, to stderr, and fails with the number of its kind plus 10.

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/flags.h"
#include "cli/s3_flags.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/duckdb/library/library.h"

namespace firesteel {
namespace {

nlohmann::ordered_json Run(const std::vector<std::string>& arguments) {
  Flags flags("s3_read_tool", "", "");
  AddS3Flags(&flags);
  flags.Parse({});
  LoadDuckDbLibrary();
  const auto engine = OpenDuckDb({.s3 = [&] { return ReadS3Flags(flags); }});
  const std::string& verb = arguments.at(1);
  const std::vector<std::string> files(arguments.begin() + 3, arguments.end());
  if (verb == "key") {
    const auto value = engine->ParquetKeyValue(files.at(0), arguments[2]);
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  }
  if (verb == "records") {
    const RecordTable layout{{{.path = arguments[2], .values = std::vector<std::int64_t>()}}};
    return engine->ReadRecords(files, layout).Get<std::int64_t>(0);
  }
  const auto begin = std::chrono::steady_clock::now();
  const Relation rows = engine->ReadParquet(files);
  std::vector<ScanColumn> columns;
  for (const Field& field : rows.schema().fields()) {
    if (field.type.IsNumeric()) columns.push_back({field.name});
  }
  nlohmann::ordered_json result = {{"rows", engine->Count(rows)}};
  for (int time = 0; time < std::stoi(arguments[2]); ++time) {
    std::vector<double> sums(columns.size());
    engine->Scan(rows, columns, [&](MatrixView<const double> view) {
      for (std::size_t row = 0; row < view.num_rows(); ++row) {
        for (std::size_t col = 0; col < sums.size(); ++col) sums[col] += view(row, col);
      }
    });
    result["sums"] = sums;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  result["seconds"] = taken.count();
  return result;
}

}  // namespace
}  // namespace firesteel

int main(int argc, char** argv) {
  try {
    std::puts(firesteel::Run({argv, argv + argc}).dump().c_str());
    return 0;
  } catch (const firesteel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 10 + static_cast<int>(error.kind());
  }
}
