#include "base/error.h"
#include "storage/s3/s3_store.h"

namespace firesteel {

std::shared_ptr<ObjectStore> OpenS3(const S3Settings& /*settings*/, const S3Tuning& /*tuning*/) {
  throw Error(ErrorKind::kUnsupported,
              "this build of firesteel was built without S3 (-DFIRESTEEL_S3=OFF); s3:// can't be "
              "read or written");
}

}  // namespace firesteel
