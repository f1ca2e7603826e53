#include "base/environment.h"
#include "storage/s3/s3_store.h"

namespace firesteel {
S3Tuning S3Tuning::FromEnvironment() {
  S3Tuning tuning;
  if (const auto seconds = NumberFromEnvironment("FIRESTEEL_S3_TIMEOUT", 1, 3600)) {
    tuning.timeout = std::chrono::seconds(*seconds);
  }
  if (const auto attempts = NumberFromEnvironment("AWS_MAX_ATTEMPTS", 1, 100))
    tuning.max_attempts = *attempts;
  if (const auto mib = NumberFromEnvironment("FIRESTEEL_S3_PART_MIB", 5, 1024)) {
    tuning.part_bytes = std::int64_t{*mib} << 20;
    tuning.upload_in_parts_over = tuning.part_bytes;
  }
  return tuning;
}

std::shared_ptr<ObjectStore> OpenS3(const S3Settings& settings) {
  return OpenS3(settings, S3Tuning::FromEnvironment());
}

}  // namespace firesteel
