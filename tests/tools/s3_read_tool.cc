// Reads Parquet files in place for tests/s3/read_in_place_test.py; S3 as flags and environment say:
//   s3_read_tool [FLAG…] rows TIMES FILE…     the number of rows and, read TIMES times, the sums of
//                                             the columns of numbers
//   s3_read_tool [FLAG…] key NAME FILE        the value of a key in the footer
//   s3_read_tool [FLAG…] records COLUMN FILE  a column of whole numbers
//   s3_read_tool [FLAG…] numbered 0 FILE…     the sum of the rows' numbers
//   s3_read_tool [FLAG…] renew 0 FILE…        the rows of each file, with credentials that end
//   soon:
//                                             KEY1 at first, then KEY2, …
// FLAG is one of those of S3, its value after an equals sign. Prints JSON; or the error, to stderr,
// and fails with the number of its kind plus 10.

#include <algorithm>
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
#include "storage/location.h"

namespace firesteel {
namespace {

nlohmann::ordered_json Run(const std::vector<std::string>& arguments) {
  Flags flags("s3_read_tool", "", "");
  AddS3Flags(&flags);
  const auto verb_at = std::find_if(arguments.begin(), arguments.end(),
                                    [](const auto& word) { return !word.starts_with("--"); });
  flags.Parse({arguments.begin(), verb_at});
  LoadDuckDbLibrary();
  const std::string verb = verb_at[0], detail = verb_at[1];
  const std::vector<std::string> files(verb_at + 2, arguments.end());
  int num_asked = 0;
  const auto engine = OpenDuckDb({.s3 = [&] {
    S3Settings settings = ReadS3Flags(flags);
    if (verb == "renew") {
      settings.credentials = [&] {
        return S3Credentials{.access_key_id = "KEY" + std::to_string(++num_asked),
                             .secret_access_key = "secret",
                             .session_token = "token",
                             .expires = std::chrono::system_clock::now() + std::chrono::minutes(1)};
      };
    }
    return settings;
  }});
  if (verb == "renew") {
    nlohmann::ordered_json counts;
    for (const std::string& file : files)
      counts.push_back(engine->Count(engine->ReadParquet({file})));
    return counts;
  }
  if (verb == "numbered") {
    const Relation rows = engine->NumberRows(engine->ReadParquet(files), "number");
    double sum = 0.0;
    engine->Scan(rows, {{"number"}}, [&](MatrixView<const double> view) {
      for (std::size_t row = 0; row < view.num_rows(); ++row) sum += view(row, 0);
    });
    return sum;
  }
  if (verb == "key") {
    const auto value = engine->ParquetKeyValue(files.at(0), detail);
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  }
  if (verb == "records") {
    const RecordTable layout{{{.path = detail, .values = std::vector<std::int64_t>()}}};
    return engine->ReadRecords(files, layout).Get<std::int64_t>(0);
  }
  const auto begin = std::chrono::steady_clock::now();
  const Relation rows = engine->ReadParquet(files);
  std::vector<ScanColumn> columns;
  for (const Field& field : rows.schema().fields()) {
    if (field.type.IsNumeric()) columns.push_back({field.name});
  }
  nlohmann::ordered_json result = {{"rows", engine->Count(rows)}};
  for (int time = 0; time < std::stoi(detail); ++time) {
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
  result["loaded_httpfs"] = ReadTextFile("/proc/self/maps").find("httpfs") != std::string::npos;
  return result;
}

}  // namespace
}  // namespace firesteel

int main(int argc, char** argv) {
  try {
    std::puts(firesteel::Run({argv + 1, argv + argc}).dump().c_str());
    return 0;
  } catch (const firesteel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 10 + static_cast<int>(error.kind());
  }
}
