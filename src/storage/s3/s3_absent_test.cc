#include <gmock/gmock.h>

#include "base/error.h"
#include "storage/s3/s3_store.h"

namespace firesteel {
namespace {

TEST(S3AbsentTest, ABuildWithoutS3SaysSo) {
  try {
    OpenS3(S3Settings{});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("built without S3"));
  }
}

}  // namespace
}  // namespace firesteel
