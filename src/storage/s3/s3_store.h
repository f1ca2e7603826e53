#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "storage/object_store.h"
#include "storage/s3_settings.h"

namespace firesteel {

/// How patient the store is, and where it cuts. The defaults are for use; tests are less patient.
struct S3Tuning {
  /// A connection on which no byte moves for that long is broken, and the request tried again.
  /// FIRESTEEL_S3_TIMEOUT, in whole seconds, sets it from outside.
  std::chrono::seconds timeout{20};
  /// How often a request is sent, the first time included. AWS_MAX_ATTEMPTS sets it from outside.
  int max_attempts = 8;
  /// No attempt of a request begins later than that after the first.
  std::chrono::seconds retry_time{60};
  /// Files over `upload_in_parts_over` bytes go up in parts; every part but the last has
  /// `part_bytes`, or more if there were over 10,000 of them. Downloads use ranges of that size. S3
  /// takes no part under 5 MiB. FIRESTEEL_S3_PART_MIB sets both from outside.
  std::int64_t upload_in_parts_over = 64LL << 20;
  std::int64_t part_bytes = 8LL << 20;
  /// Objects over that size are copied in parts of that size, which the store does in a few seconds
  /// each; S3 copies no more than 5 GiB at once.
  std::int64_t copied_part_bytes = 256LL << 20;

  /// The defaults, with what the environment variables say. Throws Error(kUsage) that names the
  /// variable if its value is not a number in its range.
  static S3Tuning FromEnvironment();
};

/// Opens S3, by AWS's own C library (aws-c-s3), which is initialised by the first call in a process
/// and not before. Sends nothing: that credentials, region or endpoint are wrong is seen by the
/// first request. Throws Error(kUnsupported) in a build without S3 (FIRESTEEL_S3=OFF),
/// Error(kUsage) for an endpoint that is no http:// or https:// URL, Error(kNotFound) if there are
/// no certificates to trust.
///
/// What the store adds to the contract of ObjectStore:
/// - A request takes at most the time-out for each silence, and is tried again only within
///   `retry_time`; one attempt ends at the latest after 1.5 time-outs and what its bytes take at 64
///   KiB/s. So a small request answers or fails within about 90 s, whatever the other side does.
/// - At most 16 connections, kept and used again; about 8 MiB for each of at most 4 parts that a
///   call moves at once, or a file of up to `upload_in_parts_over` bytes.
/// - A conditional Put and every upload in parts carry a random word of their own
///   (x-amz-meta-firesteel-write). If an answer was lost and the next attempt finds that the object
///   is there, the word tells whether it was this very call that wrote it.
/// - Credentials are asked for again a minute before they expire and once when the store says that
///   they have. Regions of buckets are found out from the store's answers.
/// - A download that is not whole, or does not have the checksum that the store knows of it, is
/// made
///   again, then Error(kIo). Known checksums are CRC-32, CRC-32C, CRC-64/NVME, SHA-1 and SHA-256,
///   of the whole object or of parts of one size. What checksum goes up is SHA-256.
/// - An interrupted upload still tries to abort its parts, for two seconds at most.
std::shared_ptr<ObjectStore> OpenS3(const S3Settings& settings, const S3Tuning& tuning);
/// The same with S3Tuning::FromEnvironment().
std::shared_ptr<ObjectStore> OpenS3(const S3Settings& settings);

}  // namespace firesteel
