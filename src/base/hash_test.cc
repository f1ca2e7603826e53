#include "base/hash.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace firesteel {
namespace {

// FIPS 180-2, appendix B.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, GivesThePublishedDigests) {
  EXPECT_EQ(Sha256("abc"), kAbc);
  EXPECT_EQ(Sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, OfAFileIsThatOfItsBytes) {
  const std::string path = testing::TempDir() + "hash_test_abc";
  std::ofstream(path) << "abc";
  EXPECT_EQ(Sha256File(path), kAbc);
}

TEST(Sha256Test, NamesAMissingFile) {
  try {
    Sha256File("/nonexistent/file");
    FAIL() << "a missing file was hashed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_STREQ(error.what(), "reading /nonexistent/file: No such file or directory");
  }
}

}  // namespace
}  // namespace firesteel
