#pragma once

#include <cstdint>
#include <string>

namespace firesteel {

struct SampleOptions {
  std::string directory;  // Made if missing; gets ShippingLogs.csv and ProductDescriptions.csv.
  std::int64_t num_rows = 10000;  // Orders, at least 1.
  std::uint64_t seed = 1;
  int num_threads = 0;  // 0: as many as the process may use. Does not change a byte.
};

/// Writes a made-up shipping data set with the columns and formats of the shipping workflow: orders
/// over two years and 120 products. Distance, origin, priority, carrier and bulk drive the days, so
/// that a model has something to find. The same rows and seed give the same bytes; files are
/// streamed and appear whole (renamed when complete). Throws Error(kUsage) for a bad number of
/// rows, Error(kIo).
void WriteShippingSample(const SampleOptions& options);

}  // namespace firesteel
