#include "storage/s3/s3_checksums.h"

#include <gmock/gmock.h>

#include "base/hash.h"

namespace firesteel {
namespace {

// The check values of the catalogue of parametrised CRC algorithms, and digests, of "123456789".
TEST(S3ChecksumsTest, KnowsTheAlgorithms) {
  const std::vector<std::pair<S3Algorithm, std::string>> known = {
      {S3Algorithm::kCrc32, "y/Q5Jg=="},
      {S3Algorithm::kCrc32c, "4waSgw=="},
      {S3Algorithm::kCrc64Nvme, "rosUhgp5mIg="},
      {S3Algorithm::kSha1, "98O8HYCOBHMq32eZZczDTKeuNEE="},
      {S3Algorithm::kSha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="}};
  for (const auto& [algorithm, value] : known) {
    EXPECT_TRUE(HasChecksum("123456789", {algorithm, value}));
    EXPECT_FALSE(HasChecksum("123456780", {algorithm, value}));
    S3ChecksumSum sum(algorithm);
    sum.Add("1234");
    sum.Add("56789");
    EXPECT_EQ(Base64(sum.Finish()), value);
  }
  EXPECT_EQ(Base64Md5("123456789"), "JfnnlDI7RTiF9RgfG2JNCw==");
}

S3Response With(S3Headers headers) {
  S3Response response;
  response.headers = std::move(headers);
  return response;
}

TEST(S3ChecksumsTest, TellsChecksumsOfPartsFromThoseOfTheWhole) {
  EXPECT_FALSE(ChecksumOf(With({{"etag", "\"1\""}})));

  const auto whole = ChecksumOf(With({{"etag", "\"1-3\""},
                                      {"x-amz-checksum-crc32", "y/Q5Jg=="},
                                      {"x-amz-checksum-type", "FULL_OBJECT"}}));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->num_parts, 0);

  const auto parts = ChecksumOf(With({{"x-amz-checksum-sha256", "abcd=-12"}}));
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->value, "abcd=");
  EXPECT_EQ(parts->num_parts, 12);
  EXPECT_FALSE(parts->maybe_whole);

  const auto either = ChecksumOf(With({{"etag", "\"1-3\""}, {"x-amz-checksum-sha256", "abcd="}}));
  ASSERT_TRUE(either);
  EXPECT_EQ(either->num_parts, 3);
  EXPECT_TRUE(either->maybe_whole);

  const auto plain = ChecksumOf(With({{"etag", "\"1\""}, {"x-amz-checksum-sha256", "abcd="}}));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->num_parts, 0);
}

TEST(S3ChecksumsTest, ASha256InBase64IsReadAsHex) {
  const std::string hex = Sha256("abc");
  EXPECT_EQ(Sha256HexOf(Base64(BytesOfHex(hex))), hex);
  EXPECT_EQ(Sha256HexOf(Base64(BytesOfHex(hex)) + "-3"), "");  // Of three parts.
  EXPECT_EQ(Sha256HexOf(""), "");
  EXPECT_EQ(Sha256HexOf(std::string(43, '!') + "="), "");
}

}  // namespace
}  // namespace firesteel
