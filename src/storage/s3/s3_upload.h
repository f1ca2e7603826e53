#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/object_store.h"
#include "storage/s3/s3_client.h"

namespace firesteel {

/// ObjectStore::Put.
std::optional<std::string> PutObject(S3Client& client, const ObjectName& name,
                                     std::shared_ptr<const std::string> content,
                                     const PutCondition& condition);

/// ObjectStore::Upload. A file over S3Tuning::upload_in_parts_over goes up in parts, several at
/// once. They are aborted if the upload fails or its condition does not hold; if that fails, too, a
/// line of the log says so.
std::optional<std::string> UploadObject(S3Client& client, const ObjectName& name,
                                        const std::string& path, const PutCondition& condition);

/// ObjectStore::Copy. An object over S3Tuning::copied_part_bytes is copied in parts, several at
/// once.
ObjectCopy CopyObject(S3Client& client, const ObjectName& from, const std::string& etag,
                      std::int64_t num_bytes, const ObjectName& to);

/// Aborts an upload in parts, which is no error if it is gone. `last_wish`: after
/// S3Client::Interrupt(), too; tried once then, and for two seconds at most.
void AbortUpload(S3Client& client, const ObjectName& name, const std::string& id, bool last_wish);

}  // namespace firesteel
