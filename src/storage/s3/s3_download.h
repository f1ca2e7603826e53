#pragma once

#include <optional>
#include <string>

#include "storage/object_store.h"
#include "storage/s3/s3_client.h"

namespace firesteel {

/// ObjectStore::Read.
std::optional<ObjectText> ReadObject(S3Client& client, const ObjectName& name);

/// ObjectStore::Download. The first range tells how large the object is, and is all there is of a
/// small one; the others follow, several at once, of the object with the etag that the first one
/// had. What has come is compared with the checksum that the store knows of it. If the object was
/// replaced meanwhile (and no etag asks for the old one), or the checksum differs, the download is
/// made again, three times in all.
ObjectInfo DownloadObject(S3Client& client, const ObjectName& name, const std::string& etag,
                          const std::string& path);

}  // namespace firesteel
