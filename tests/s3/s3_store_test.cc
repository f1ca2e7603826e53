#include "storage/s3/s3_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "storage/location.h"

namespace firesteel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  EXPECT_NE(value, nullptr) << name << " is not set: run this by with_server.py";
  return value == nullptr ? "" : value;
}

S3Settings Settings() {
  S3Settings settings;
  settings.endpoint_url = Variable("AWS_ENDPOINT_URL");
  if (std::getenv("AWS_CA_BUNDLE") != nullptr) settings.ca_file = Variable("AWS_CA_BUNDLE");
  settings.credentials = [] {
    return S3Credentials{Variable("AWS_ACCESS_KEY_ID"), Variable("AWS_SECRET_ACCESS_KEY"), ""};
  };
  return settings;
}

std::string RandomBytes(std::size_t size) {
  std::mt19937_64 random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::vector<std::string> KeysOf(const std::vector<ObjectInfo>& objects) {
  std::vector<std::string> keys;
  for (const ObjectInfo& object : objects) keys.push_back(object.key);
  return keys;
}

template <typename Function>
Error Caught(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::kInternal, "none");
}

class S3StoreTest : public testing::Test {
 protected:
  S3StoreTest()
      : bucket_(Variable("FIRESTEEL_TEST_BUCKET")),
        folder_(RandomUuid() + "/"),
        directory_(std::filesystem::temp_directory_path() / ("s3_store_test_" + RandomUuid())) {
    std::filesystem::create_directory(directory_);
    store_ = OpenS3(Settings());
  }
  ~S3StoreTest() override { std::filesystem::remove_all(directory_); }

  ObjectName Name(const std::string& key) const { return {bucket_, folder_ + key}; }
  std::string Path(const std::string& name) const { return (directory_ / name).string(); }
  std::string Write(const std::string& name, const std::string& content) const {
    WriteTextFile(Path(name), content);
    return Path(name);
  }

  const std::string bucket_;
  const std::string folder_;  // Each test's own.
  const std::filesystem::path directory_;
  std::shared_ptr<ObjectStore> store_;
};

TEST_F(S3StoreTest, WhatIsPutIsFoundReadAndListed) {
  const std::optional<std::string> etag = store_->Put(Name("a"), "hello", {});
  ASSERT_TRUE(etag);
  EXPECT_THAT(*etag, HasSubstr("\""));

  const std::optional<ObjectInfo> info = store_->Find(Name("a"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->key, folder_ + "a");
  EXPECT_EQ(info->num_bytes, 5);
  EXPECT_EQ(info->etag, *etag);

  const std::optional<ObjectText> text = store_->Read(Name("a"));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, "hello");
  EXPECT_EQ(text->etag, *etag);

  const std::vector<ObjectInfo> objects = store_->List(Name(""));
  ASSERT_THAT(objects, SizeIs(1));
  EXPECT_EQ(objects[0].key, folder_ + "a");
  EXPECT_EQ(objects[0].num_bytes, 5);
  EXPECT_EQ(objects[0].etag, *etag);
}

TEST_F(S3StoreTest, AnObjectThatIsMissingIsNothing) {
  EXPECT_FALSE(store_->Find(Name("missing")));
  EXPECT_FALSE(store_->Read(Name("missing")));
  EXPECT_THAT(store_->List(Name("missing")), IsEmpty());
  store_->Remove(bucket_, {Name("missing").key});
  const Error error = Caught([&] { store_->Download(Name("missing"), "", Path("file")); });
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_EQ(error.what(), Name("missing").Url() + ": there is no such object");
  EXPECT_FALSE(std::filesystem::exists(Path("file")));
}

TEST_F(S3StoreTest, ABucketThatIsMissingIsNamed) {
  const ObjectName name{"no-such-bucket", "a"};
  WriteTextFile(Path("file"), "x");
  const std::vector<std::function<void()>> calls = {
      [&] { store_->List(name); },
      [&] { store_->Find(name); },
      [&] { store_->Read(name); },
      [&] { store_->Download(name, "", Path("down")); },
      [&] { store_->Put(name, "x", {}); },
      [&] { store_->Upload(name, Path("file"), {}); },
      [&] { store_->Remove(name.bucket, {"a", "b"}); },
      [&] { store_->OpenUploads(name); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Error error = Caught(calls[i]);
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound) << i;
    EXPECT_THAT(error.what(), HasSubstr("there is no bucket 'no-such-bucket'")) << i;
  }
}

TEST_F(S3StoreTest, ListsPageAfterPageInTheOrderOfKeys) {
  constexpr int kNumKeys = 1500;
  std::atomic<int> next = 0;
  std::vector<std::future<void>> threads;
  for (int i = 0; i < 4; ++i) {
    threads.push_back(std::async(std::launch::async, [&] {
      for (int key = next++; key < kNumKeys; key = next++) {
        store_->Put(Name(fmt::format("page/{:04}", key)), "", {});
      }
    }));
  }
  for (std::future<void>& thread : threads) thread.get();
  const std::vector<std::string> keys = KeysOf(store_->List(Name("page/")));
  ASSERT_THAT(keys, SizeIs(kNumKeys));
  for (int i = 0; i < kNumKeys; ++i) {
    EXPECT_EQ(keys[static_cast<std::size_t>(i)], Name(fmt::format("page/{:04}", i)).key);
  }
  store_->Remove(bucket_, keys);
  EXPECT_THAT(store_->List(Name("page/")), IsEmpty());
}

TEST_F(S3StoreTest, AnyKeySurvives) {
  const std::vector<std::string> names = {"with blank",  "plus+sign", "per%20cent", "per cent%",
                                          "quote'\"s",   "amp&lt;<>", "näme-日本",  "a=b?c#d",
                                          "semi;colon,", "(paren)*!", "at@:home",   "back\\slash",
                                          "tilde~$"};
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(store_->Put(Name(name), "content of " + name, {}));
    const std::optional<ObjectText> text = store_->Read(Name(name));
    ASSERT_TRUE(text);
    EXPECT_EQ(text->text, "content of " + name);
    EXPECT_TRUE(store_->Find(Name(name)));
    EXPECT_THAT(KeysOf(store_->List(Name(name))), ElementsAre(Name(name).key));
  }
  std::vector<std::string> keys;
  for (const std::string& name : names) keys.push_back(Name(name).key);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(KeysOf(store_->List(Name(""))), keys);
  store_->Remove(bucket_, keys);
  EXPECT_THAT(store_->List(Name("")), IsEmpty());
}

TEST_F(S3StoreTest, OneObjectIsRemovedWithoutAList) {
  store_->Put(Name("one"), "x", {});
  store_->Remove(bucket_, {Name("one").key});
  EXPECT_FALSE(store_->Find(Name("one")));
}

TEST_F(S3StoreTest, EmptyObjectsGoUpAndDown) {
  ASSERT_TRUE(store_->Upload(Name("empty"), Write("empty", ""), {}));
  EXPECT_EQ(store_->Find(Name("empty"))->num_bytes, 0);
  EXPECT_EQ(store_->Read(Name("empty"))->text, "");
  EXPECT_EQ(store_->Download(Name("empty"), "", Path("down")).num_bytes, 0);
  EXPECT_EQ(ReadTextFile(Path("down")), "");
}

TEST_F(S3StoreTest, FilesGoUpAndDown) {
  const std::string content = RandomBytes(300'000);
  const std::optional<std::string> etag = store_->Upload(Name("file"), Write("up", content), {});
  ASSERT_TRUE(etag);
  const ObjectInfo info = store_->Download(Name("file"), *etag, Path("down"));
  EXPECT_EQ(info.key, Name("file").key);
  EXPECT_EQ(info.num_bytes, 300'000);
  EXPECT_EQ(info.etag, *etag);
  EXPECT_TRUE(ReadTextFile(Path("down")) == content);
}

TEST_F(S3StoreTest, ADownloadNeverReplacesAFile) {
  store_->Put(Name("a"), "new", {});
  const Error error = Caught([&] { store_->Download(Name("a"), "", Write("file", "old")); });
  EXPECT_EQ(error.kind(), ErrorKind::kIo);
  EXPECT_EQ(ReadTextFile(Path("file")), "old");
}

TEST_F(S3StoreTest, AnObjectThatChangedIsNotDownloaded) {
  const std::optional<std::string> etag = store_->Put(Name("a"), "old", {});
  store_->Put(Name("a"), "new", {});
  const Error error = Caught([&] { store_->Download(Name("a"), *etag, Path("file")); });
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("has changed since it was listed"));
  EXPECT_FALSE(std::filesystem::exists(Path("file")));
}

TEST_F(S3StoreTest, LargeFilesGoUpAndDownInParts) {
  S3Tuning tuning;
  tuning.part_bytes = 5 << 20;
  tuning.upload_in_parts_over = 5 << 20;
  store_ = OpenS3(Settings(), tuning);
  // Two whole parts and a byte; and three whole ones.
  for (const std::size_t size : {(10U << 20) + 1U, 15U << 20}) {
    const std::string content = RandomBytes(size);
    const std::string name = std::to_string(size);
    const std::optional<std::string> etag =
        store_->Upload(Name(name), Write("up" + name, content), {});
    ASSERT_TRUE(etag);
    // The mark of an object that went up in parts.
    EXPECT_THAT(*etag, HasSubstr("-3\""));
    const ObjectInfo info = store_->Download(Name(name), *etag, Path("down" + name));
    EXPECT_EQ(info.num_bytes, static_cast<std::int64_t>(size));
    EXPECT_EQ(info.etag, *etag);
    EXPECT_TRUE(ReadTextFile(Path("down" + name)) == content);
  }
  EXPECT_THAT(store_->OpenUploads(Name("")), IsEmpty());
}

TEST_F(S3StoreTest, ConditionsHoldForFilesInPartsToo) {
  S3Tuning tuning;
  tuning.part_bytes = 5 << 20;
  tuning.upload_in_parts_over = 5 << 20;
  store_ = OpenS3(Settings(), tuning);
  const std::string path = Write("up", RandomBytes((5U << 20) + 1U));
  EXPECT_TRUE(store_->Upload(Name("a"), path, {.if_absent = true}));
  EXPECT_FALSE(store_->Upload(Name("a"), path, {.if_absent = true}));
  // What was not completed is not left.
  EXPECT_THAT(store_->OpenUploads(Name("")), IsEmpty());
}

TEST_F(S3StoreTest, WritesUnderAConditionOnlyIfItHolds) {
  const std::optional<std::string> first = store_->Put(Name("a"), "1", {.if_absent = true});
  ASSERT_TRUE(first);
  EXPECT_FALSE(store_->Put(Name("a"), "2", {.if_absent = true}));
  EXPECT_EQ(store_->Read(Name("a"))->text, "1");

  const std::optional<std::string> second = store_->Put(Name("a"), "3", {.if_etag = *first});
  ASSERT_TRUE(second);
  EXPECT_FALSE(store_->Put(Name("a"), "4", {.if_etag = *first}));
  EXPECT_EQ(store_->Read(Name("a"))->text, "3");
  EXPECT_FALSE(store_->Put(Name("absent"), "5", {.if_etag = *second}));
  EXPECT_FALSE(store_->Find(Name("absent")));
}

TEST_F(S3StoreTest, OfTwoRacingWritesOneWins) {
  for (int round = 0; round < 10; ++round) {
    const ObjectName name = Name(fmt::format("race{}", round));
    const auto write = [&](const std::string& content) {
      return store_->Put(name, content, {.if_absent = true}).has_value();
    };
    std::future<bool> first = std::async(std::launch::async, write, "first");
    const bool second = write("second");
    EXPECT_NE(first.get(), second);
    EXPECT_EQ(store_->Read(name)->text, second ? "second" : "first");
  }
}

TEST_F(S3StoreTest, OpenUploadsAreFoundAndAborted) {
  EXPECT_THAT(store_->OpenUploads(Name("")), IsEmpty());
  // Nothing is left to abort, and that is no error.
  store_->Abort(bucket_, {Name("a").key, "no-such-upload"});
}

TEST_F(S3StoreTest, AFailedUploadIsAborted) {
  S3Tuning tuning;
  tuning.part_bytes = 5 << 20;
  tuning.upload_in_parts_over = 5 << 20;
  store_ = OpenS3(Settings(), tuning);
  const std::string path = Write("up", RandomBytes(40U << 20));
  std::future<ErrorKind> upload = std::async(std::launch::async, [&] {
    return Caught([&] { store_->Upload(Name("a"), path, {}); }).kind();
  });
  const std::shared_ptr<ObjectStore> other = OpenS3(Settings());
  while (other->OpenUploads(Name("")).empty()) {
    ASSERT_NE(upload.wait_for(std::chrono::milliseconds(1)), std::future_status::ready);
  }
  store_->Interrupt();
  EXPECT_EQ(upload.get(), ErrorKind::kInterrupted);
  EXPECT_THAT(other->OpenUploads(Name("")), IsEmpty());
  EXPECT_FALSE(other->Find(Name("a")));
}

TEST_F(S3StoreTest, CopiesWithinTheStore) {
  const ObjectName from = Name("it's <one> & 100% + é"), to = Name("copy of it");
  const std::string content = RandomBytes(100'000);
  const std::string etag = store_->Put(from, content, {}).value();
  const ObjectCopy copy = store_->Copy(from, etag, 100'000, to);
  EXPECT_EQ(store_->Read(to)->text, content);
  EXPECT_EQ(store_->Find(to)->etag, copy.etag);
  EXPECT_THAT(copy.sha256, testing::AnyOf("", Sha256(content)));

  EXPECT_EQ(Caught([&] { store_->Copy(Name("absent"), etag, 100'000, to); }).kind(),
            ErrorKind::kNotFound);
}

TEST_F(S3StoreTest, CopiesLargeObjectsInParts) {
  S3Tuning tuning;
  tuning.copied_part_bytes = 5 << 20;
  const std::shared_ptr<ObjectStore> store = OpenS3(Settings(), tuning);
  const std::string content = RandomBytes((11 << 20) + 3);
  const ObjectName from = Name("large"), to = Name("copy");
  const std::string etag = store->Put(from, content, {}).value();
  const auto size = static_cast<std::int64_t>(content.size());
  const ObjectCopy copy = store->Copy(from, etag, size, to);
  EXPECT_THAT(copy.etag, HasSubstr("-3"));
  EXPECT_EQ(copy.sha256, "");
  EXPECT_EQ(store->Find(to)->num_bytes, size);
  store->Download(to, copy.etag, Path("copy"));
  EXPECT_EQ(ReadTextFile(Path("copy")), content);
  EXPECT_THAT(store->OpenUploads(Name("")), IsEmpty());
}

TEST_F(S3StoreTest, AfterAnInterruptEveryCallEnds) {
  store_->Interrupt();
  EXPECT_EQ(Caught([&] { store_->List(Name("")); }).kind(), ErrorKind::kInterrupted);
  EXPECT_EQ(Caught([&] { store_->Put(Name("a"), "x", {}); }).kind(), ErrorKind::kInterrupted);
}

TEST_F(S3StoreTest, AnInterruptEndsTheWaitForAServerThatIsNotThere) {
  S3Settings settings = Settings();
  settings.endpoint_url = "http://127.0.0.1:9";  // Discard: nobody listens.
  store_ = OpenS3(settings);
  std::future<ErrorKind> call = std::async(
      std::launch::async, [&] { return Caught([&] { store_->List(Name("")); }).kind(); });
  EXPECT_EQ(call.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  const auto begin = std::chrono::steady_clock::now();
  store_->Interrupt();
  EXPECT_EQ(call.get(), ErrorKind::kInterrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST_F(S3StoreTest, AServerThatIsNotThereIsUnavailable) {
  S3Settings settings = Settings();
  settings.endpoint_url = "http://127.0.0.1:9";
  S3Tuning tuning;
  tuning.max_attempts = 3;
  store_ = OpenS3(settings, tuning);
  const Error error = Caught([&] { store_->Find(Name("a")); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("the connection was refused; gave up after 3 attempts"));
}

TEST_F(S3StoreTest, AServerIsTrustedByItsCertificateOnly) {
  S3Settings settings = Settings();
  if (settings.ca_file.empty()) GTEST_SKIP() << "the server of this run speaks plain HTTP";
  settings.ca_file.clear();
  store_ = OpenS3(settings);
  const Error error = Caught([&] { store_->Find(Name("a")); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.what(), HasSubstr("the server is not to be trusted"));
  settings.ca_file = Write("no.pem", "no certificate");
  EXPECT_EQ(Caught([&] { OpenS3(settings); }).kind(), ErrorKind::kNotFound);
}

TEST_F(S3StoreTest, NoMessageHasASecret) {
  S3Settings settings = Settings();
  settings.endpoint_url = "ftp://me:secret@host";
  const Error error = Caught([&] { OpenS3(settings); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace firesteel
