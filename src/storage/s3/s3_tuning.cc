#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "storage/s3/s3_store.h"

namespace firesteel {
namespace {

std::optional<int> NumberOf(const char* variable, int lowest, int highest) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value < lowest || value > highest) {
    throw Error(ErrorKind::kUsage, fmt::format("the environment variable {} is '{}', which is no "
                                               "whole number from {} to {}",
                                               variable, text, lowest, highest));
  }
  return value;
}

}  // namespace

S3Tuning S3Tuning::FromEnvironment() {
  S3Tuning tuning;
  if (const auto seconds = NumberOf("FIRESTEEL_S3_TIMEOUT", 1, 3600)) {
    tuning.timeout = std::chrono::seconds(*seconds);
  }
  if (const auto attempts = NumberOf("AWS_MAX_ATTEMPTS", 1, 100)) tuning.max_attempts = *attempts;
  if (const auto mib = NumberOf("FIRESTEEL_S3_PART_MIB", 5, 1024)) {
    tuning.part_bytes = std::int64_t{*mib} << 20;
    tuning.upload_in_parts_over = tuning.part_bytes;
  }
  return tuning;
}

std::shared_ptr<ObjectStore> OpenS3(const S3Settings& settings) {
  return OpenS3(settings, S3Tuning::FromEnvironment());
}

}  // namespace firesteel
