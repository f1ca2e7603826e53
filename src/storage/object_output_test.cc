#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "base/error.h"
#include "base/hash.h"
#include "base/shown_names.h"
#include "storage/local_copy.h"
#include "storage/memory_object_store.h"
#include "storage/output.h"
#include "storage/output_list.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kManifest =
    R"({"version": 1, "firesteel": "0", "files": [{"path": "metrics.json", "bytes": 1}]})";

class ObjectOutputTest : public ::testing::Test {
 protected:
  ObjectOutputTest() { UseStore(); }
  ~ObjectOutputTest() override {
    ProvideObjectStore(nullptr);
    RemoveScratchFolder();
  }

  void UseStore() {
    ProvideObjectStore([store = store_] { return store; });
  }

  // Writes an output of two parts, a small file of a fixed name and a mark; `content` tells it from
  // others.
  void WriteOutput(const std::string& content, const OutputOptions& options = {}) {
    OutputDirectory output(Location::Parse("s3://b/out"), options);
    const std::string folder = output.MakeFolder("training");
    const std::string uuid = Uuid(output.name_salt());
    if (by_engine_) {
      WriteByEngine(&output, content);
      output.Adopt("training", uuid);
    } else {
      for (const char* number : {"0", "1"}) {
        WriteTextFile(folder + "/part-0000" + number + "-" + uuid + "-c000.snappy.parquet",
                      content + number);
      }
    }
    WriteTextFile(folder + "/_SUCCESS", "");
    WriteTextFile(output.staging() + "/metrics.json", content);
    WriteTextFile(output.staging() + "/manifest.json", kManifest);
    output.Commit();
  }

  // As a job of Spark's does, with what its committer and S3A leave behind.
  void WriteByEngine(OutputDirectory* output, const std::string& content) {
    const ObjectName folder = Location::Parse(output->RemoteFolder("training")).object();
    const auto put = [&](const std::string& name, const std::string& text) {
      store_->Put({folder.bucket, folder.key + '/' + name}, text, {});
    };
    put("", "");
    put("_temporary/0/", "");
    put("part-00000-01234567-0123-4123-8123-0123456789ab-c000.snappy.parquet", content + "0");
    put("part-00001-01234567-0123-4123-8123-0123456789ab-c000.snappy.parquet", content + "1");
    put("_SUCCESS", "{}");
  }

  static std::string Uuid(const std::string& salt) {
    return Sha256(salt).substr(0, 8) + "-0000-8000-8000-000000000000";
  }

  // What a reader finds, one text for the whole output; each time as a new process would.
  std::string Content() {
    std::string content;
    for (const RemoteFile& file : FindAnew("s3://b/out")) {
      const auto text = store_->Read({"b", file.key});
      if (!text) return "missing " + file.key;
      if (!file.sha256.empty() && Sha256(text->text) != file.sha256) return "altered " + file.key;
      if (file.path == "status.json") continue;
      content += text->text + ' ';
    }
    return content;
  }

  // A store of the same content is another process's: what was found through the other is not
  // remembered.
  std::vector<RemoteFile> FindAnew(const std::string& url) {
    ForgetRemoteFiles();
    return FindRemoteFiles(Location::Parse(url));
  }

  std::set<std::string> Keys() {
    std::set<std::string> keys;
    for (const ObjectInfo& object : store_->List({"b", ""})) keys.insert(object.key);
    return keys;
  }

  // Every object is one that the list names, its plain copy, or one of the known few.
  std::vector<std::string> StrayKeys() {
    const auto list = ReadOutputList(*store_, {"b", "out/"});
    std::set<std::string> known = {"out/manifest.json", "out/status.json"};
    if (list) {
      for (const ListedFile& file : list->files) {
        known.insert("out/" + file.path);
        known.insert("out/" + file.key);
      }
    }
    std::vector<std::string> strays;
    for (const std::string& key : Keys()) {
      if (!known.contains(key)) strays.push_back(key);
    }
    return strays;
  }

  std::string RefusalOf(const OutputOptions& options) {
    try {
      const OutputDirectory output(Location::Parse("s3://b/out"), options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      return error.what();
    }
    ADD_FAILURE() << "not refused";
    return "";
  }

  std::shared_ptr<MemoryObjectStore> store_ = std::make_shared<MemoryObjectStore>();
  bool by_engine_ = false;  // Whether the data of WriteOutput are written by an engine.
};

TEST_F(ObjectOutputTest, WritesDataThenTheListThenTheMarks) {
  std::vector<std::string> requests;
  store_->before = [&](const std::string& request) { requests.push_back(request); };
  WriteOutput("x");
  store_->before = nullptr;
  const auto at = [&](std::string_view what) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (requests[i].starts_with(what)) return i;
    }
    ADD_FAILURE() << what;
    return requests.size();
  };
  EXPECT_LT(at("put out/_firesteel"), at("put out/training/part-"));
  EXPECT_LT(at("put out/training/part-00001"), at("put out/manifest.json"));
  EXPECT_LT(at("put out/manifest.json"), at("put out/metrics.json"));
  EXPECT_LT(at("put out/metrics.json"), at("put out/training/_SUCCESS"));
  EXPECT_THAT(StrayKeys(), IsEmpty());
  EXPECT_TRUE(Keys().contains("out/_SUCCESS"));
  EXPECT_EQ(Content(), "x x0 x1 ");
}

TEST_F(ObjectOutputTest, WhatAnEngineWroteGetsItsPlaceByTheStore) {
  WriteOutput("old");
  by_engine_ = true;
  std::vector<std::string> requests;
  store_->before = [&](const std::string& request) { requests.push_back(request); };
  WriteOutput("new");
  store_->before = nullptr;
  EXPECT_EQ(Content(), "new new0 new1 ");
  EXPECT_THAT(StrayKeys(), IsEmpty());
  EXPECT_THAT(requests, testing::Not(testing::Contains(StartsWith("put out/training/part-"))));
  const std::vector<RemoteFile> files = FindAnew("s3://b/out/training");
  ASSERT_EQ(files.size(), 2U);
  // The name is of this run and no longer Spark's.
  EXPECT_THAT(files[0].path, HasSubstr("-0000-8000-8000-"));
  EXPECT_EQ(files[0].key, "out/training/" + files[0].path);
  EXPECT_EQ(files[0].sha256, Sha256("new0"));
  EXPECT_EQ(files[0].etag, "");
}

TEST_F(ObjectOutputTest, AnETagStandsForAChecksumThatTheStoreDoesNotTell) {
  by_engine_ = true;
  store_->tells_sha256 = false;
  WriteOutput("x");
  const std::vector<RemoteFile> files = FindAnew("s3://b/out/training");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[1].sha256, "");
  EXPECT_EQ(files[1].num_bytes, 2);
  const Location copy = LocalCopy(Location::Parse("s3://b/out/training"));
  EXPECT_EQ(ReadTextFile((copy / files[1].path).path()), "x1");
  EXPECT_TRUE(OutputDirectory(Location::Parse("s3://b/out"), {}).IsOldIntact("training"));
  // Another object of the same size is not the one that is meant.
  store_->Put({"b", files[1].key}, "y1", {});
  ForgetRemoteFiles();
  EXPECT_THROW(LocalCopy(Location::Parse("s3://b/out/training")), Error);
  EXPECT_FALSE(OutputDirectory(Location::Parse("s3://b/out"), {}).IsOldIntact("training"));
}

TEST_F(ObjectOutputTest, NothingStaysOfWhatAnEngineWroteForARunThatFailed) {
  WriteOutput("old");
  const std::set<std::string> before = Keys();
  {
    OutputDirectory output(Location::Parse("s3://b/out"), {});
    WriteByEngine(&output, "new");
    output.Adopt("training", Uuid("failed"));
    EXPECT_EQ(Content(), "old old0 old1 ");  // While it works, too.
  }
  EXPECT_EQ(Keys(), before);
  // One whose data are changed between.
  OutputDirectory output(Location::Parse("s3://b/out"), {});
  WriteByEngine(&output, "new");
  output.Adopt("training", Uuid("failed"));
  WriteByEngine(&output, "other");
  EXPECT_THROW(output.Commit(), Error);
  EXPECT_EQ(Content(), "old old0 old1 ");
}

TEST_F(ObjectOutputTest, DataThatAnEngineWroteElsewhereAreMissed) {
  OutputDirectory output(Location::Parse("s3://b/out"), {});
  static_cast<void>(output.RemoteFolder("training"));
  try {
    output.Adopt("training", Uuid(""));
    ADD_FAILURE() << "not missed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_THAT(error.what(), HasSubstr("/engine/training/', but no object is there"));
  }
}

class CrashedOutputTest : public ObjectOutputTest, public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(ByWhom, CrashedOutputTest, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "ByEngine" : "Uploaded"; });

TEST_P(CrashedOutputTest, ACrashAtAnyRequestLeavesTheOldOutputOrTheNewOne) {
  by_engine_ = GetParam();
  int num_requests = 0;
  {
    store_->after = [&](const std::string&) { ++num_requests; };
    WriteOutput("old");
    num_requests = 0;
    WriteOutput("new");
    store_->after = nullptr;
  }
  ASSERT_GT(num_requests, 15);
  // The request at which it dies is carried out or not; no other is made after it, and nothing is
  // taken back.
  for (const bool carried_out : {false, true}) {
    for (int last = 0; last < num_requests; ++last) {
      store_ = std::make_shared<MemoryObjectStore>();
      UseStore();
      WriteOutput("old");
      int count = 0;
      const auto die = [&](const std::string&) {
        if (count++ >= last) throw Error(ErrorKind::kInterrupted, "died");
      };
      (carried_out ? store_->after : store_->before) = die;
      if (carried_out) {
        store_->before = [&](const std::string&) {
          if (count > last) throw Error(ErrorKind::kInterrupted, "dead");
        };
      }
      EXPECT_THROW(WriteOutput("new"), Error) << last;
      store_->before = store_->after = nullptr;
      const std::string content = Content();
      EXPECT_TRUE(content == "old old0 old1 " || content == "new new0 new1 ")
          << content << " after " << last;
      WriteOutput("next");
      EXPECT_EQ(Content(), "next next0 next1 ") << last;
      EXPECT_THAT(StrayKeys(), IsEmpty()) << last;
    }
  }
}

TEST_F(ObjectOutputTest, AFailureBeforeTheListIsTakenBack) {
  WriteOutput("old");
  const std::set<std::string> before = Keys();
  store_->before = [](const std::string& request) {
    if (request.starts_with("put out/training/part-00001")) {
      throw Error(ErrorKind::kUnavailable, "the server is down");
    }
  };
  EXPECT_THROW(WriteOutput("new"), Error);
  EXPECT_EQ(Keys(), before);
  EXPECT_EQ(Content(), "old old0 old1 ");
}

TEST_F(ObjectOutputTest, AListWhoseAnswerWasLostIsInForce) {
  WriteOutput("old");
  store_->after = [](const std::string& request) {
    if (request == "put out/manifest.json") throw Error(ErrorKind::kUnavailable, "reset");
  };
  WriteOutput("new");
  store_->after = nullptr;
  EXPECT_EQ(Content(), "new new0 new1 ");
  EXPECT_THAT(StrayKeys(), IsEmpty());
}

TEST_F(ObjectOutputTest, OfTwoRunsTheFirstToCommitWins) {
  for (const bool overwrite : {false, true}) {
    store_ = std::make_shared<MemoryObjectStore>();
    UseStore();
    if (overwrite) WriteOutput("old");
    // The second run takes place as a whole between the first one's beginning and its Commit.
    OutputDirectory slow(Location::Parse("s3://b/out"), {.overwrite = overwrite});
    WriteTextFile(slow.staging() + "/metrics.json", "slow");
    WriteOutput("fast", {.overwrite = overwrite});
    try {
      slow.Commit();
      ADD_FAILURE() << "both won";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("was written by another run"));
    }
    EXPECT_EQ(Content(), "fast fast0 fast1 ");
    EXPECT_THAT(StrayKeys(), IsEmpty());
  }
}

TEST_F(ObjectOutputTest, RefusesWhatItMayNotReplace) {
  WriteOutput("old");
  EXPECT_THAT(RefusalOf({.overwrite = false}), HasSubstr("exists already"));
  const Location inputs[] = {Location::Parse("s3://b/out/training")};
  EXPECT_THAT(RefusalOf({.inputs = inputs}), HasSubstr("lies in the output 's3://b/out'"));
  store_->Put({"b", "out/training/notes.txt"}, "mine", {});
  EXPECT_THAT(RefusalOf({}), HasSubstr("holds 'training/notes.txt'"));
}

TEST_F(ObjectOutputTest, ForeignObjectsBesideTheDataAreNotReadSilently) {
  WriteOutput("old");
  EXPECT_EQ(FindAnew("s3://b/out/training").size(), 2U);
  store_->Put({"b", "out/training/part-00009.parquet"}, "more rows", {});
  try {
    FindAnew("s3://b/out/training");
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'s3://b/out/training' holds 'part-00009.parquet'"));
  }
}

TEST_F(ObjectOutputTest, AListingOlderThanTheListIsMadeAgain) {
  WriteOutput("old");
  const std::string old_part = FindAnew("s3://b/out/training")[0].key;
  WriteOutput("new");
  // The first listing sees the old output, as if it had been made before the second run.
  store_->Put({"b", old_part}, "old0", {});
  int num_listings = 0;
  store_->after = [&](const std::string& request) {
    if (request != "list out/training/" || ++num_listings > 1) return;
    store_->Forget(old_part);
  };
  EXPECT_EQ(FindAnew("s3://b/out/training").size(), 2U);
  EXPECT_EQ(num_listings, 2);
}

TEST_F(ObjectOutputTest, WhatSparkWroteAnewInAnOutputIsReadAsItLies) {
  WriteOutput("old");
  for (const RemoteFile& file : FindAnew("s3://b/out/training")) store_->Remove("b", {file.key});
  const std::string part = "part-00000-01234567-89ab-4def-8123-456789abcdef-c000.snappy.parquet";
  store_->Put({"b", "out/training/" + part}, "Spark's", {});
  const std::vector<RemoteFile> files = FindAnew("s3://b/out/training");
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].path, part);
}

TEST_F(ObjectOutputTest, AnOutputThatWasNeverCompletedIsNotRead) {
  const std::string part = "part-00000-" + Uuid("") + "-c000.snappy.parquet";
  store_->Put({"b", "out/training/" + part}, "half", {});
  try {
    FindAnew("s3://b/out/training");
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("never completed"));
  }
  store_->Put({"b", "out/training/_SUCCESS"}, "", {});
  EXPECT_EQ(FindAnew("s3://b/out/training").size(), 1U);
}

TEST_F(ObjectOutputTest, KeptFoldersStayWhereTheyAre) {
  WriteOutput("old");
  {
    OutputDirectory output(Location::Parse("s3://b/out"), {});
    EXPECT_TRUE(output.IsOldIntact("training"));
    EXPECT_FALSE(output.IsOldIntact("validation"));
    EXPECT_EQ(output.ReadOld("metrics.json"), "old");
    EXPECT_EQ(output.ReadOld("absent"), std::nullopt);
    output.Keep("training");
    WriteTextFile(output.staging() + "/metrics.json", "new");
    WriteTextFile(output.staging() + "/manifest.json", kManifest);
    output.Commit();
  }
  EXPECT_EQ(Content(), "new old0 old1 ");
  EXPECT_THAT(StrayKeys(), IsEmpty());
  EXPECT_TRUE(Keys().contains("out/training/_SUCCESS"));
}

TEST_F(ObjectOutputTest, ProgressAndStatusOutliveTheRunAndAFinishedOneRemovesProgress) {
  {
    OutputDirectory output(Location::Parse("s3://b/out"), {});
    EXPECT_EQ(output.ReadProgress(), std::nullopt);
    output.SaveProgress("half a model");
    output.PublishStatus(R"({"firesteel": "0", "state": "running"})");
  }
  OutputDirectory output(Location::Parse("s3://b/out"), {.overwrite = false});
  EXPECT_EQ(output.ReadProgress(), "half a model");
  WriteTextFile(output.staging() + "/metrics.json", "x");
  output.Commit();
  EXPECT_EQ(Content(), "x ");
  EXPECT_THAT(StrayKeys(), IsEmpty());
}

TEST_F(ObjectOutputTest, OpenUploadsOfDeadRunsAreAborted) {
  store_->Put({"b", "out/_firesteel/1234/writes.json"},
              R"({"firesteel": 1, "files": [{"path": "training/part-00000-x"}]})", {});
  store_->uploads = {{"out/training/part-00000-x", "1"}, {"out/other", "2"}};
  WriteOutput("x");
  ASSERT_EQ(store_->uploads.size(), 1U);
  EXPECT_EQ(store_->uploads[0].id, "2");
  EXPECT_THAT(StrayKeys(), IsEmpty());
}

TEST_F(ObjectOutputTest, LocalCopiesHaveTheContentAndMessagesTheUrls) {
  WriteOutput("x");
  ForgetRemoteFiles();
  const Location copy = LocalCopy(Location::Parse("s3://b/out"));
  EXPECT_EQ(ReadTextFile((copy / "metrics.json").path()), "x");
  const std::vector<std::string> files = ListDataFiles(Location::Parse("s3://b/out/training"));
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(ReadTextFile(files[1]), "x1");
  EXPECT_THAT(WithShownNames("can't read '" + files[0] + "'"),
              StartsWith("can't read 's3://b/out/training/part-00000-"));
  EXPECT_EQ(ListDataFiles(Location::Parse("s3://b/out/train*/part-?0001-*")),
            std::vector{files[1]});
}

TEST_F(ObjectOutputTest, AlteredBytesAreFetchedAgainAndThenRefused) {
  WriteOutput("x");
  const std::string key = FindAnew("s3://b/out/training")[0].key;
  store_->Put({"b", key}, "y0", {});
  ForgetRemoteFiles();
  try {
    LocalCopy(Location::Parse("s3://b/out/training"));
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("SHA-256"));
  }
}

}  // namespace
}  // namespace firesteel
