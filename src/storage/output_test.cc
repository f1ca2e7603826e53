#include "storage/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/random.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OutputTest : public ::testing::Test {
 protected:
  OutputTest() : root_(fs::temp_directory_path() / ("output_test-" + RandomUuid())) {
    fs::create_directories(root_);
  }
  ~OutputTest() override { fs::remove_all(root_); }

  std::string Path(const std::string& name) const { return (root_ / name).string(); }

  void Put(const std::string& name, const std::string& content = "x") const {
    fs::create_directories((root_ / name).parent_path());
    WriteTextFile(Path(name), content);
  }

  // All files and empty folders below the test's folder, hidden ones included.
  std::set<std::string> Tree() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (!entry.is_directory() || fs::is_empty(entry.path())) {
        names.insert(entry.path().lexically_relative(root_).string());
      }
    }
    return names;
  }

  std::string RefusalOf(const Location& target, const OutputOptions& options,
                        ErrorKind kind = ErrorKind::kInvalidArgument) const {
    try {
      const OutputDirectory output(target, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "not refused";
    return "";
  }

  Location Out() const { return Location::Parse(Path("out")); }

  fs::path root_;
};

TEST_F(OutputTest, NothingIsVisibleBeforeCommit) {
  OutputDirectory output(Out(), {});
  WriteTextFile(output.MakeFolder("training/deep") + "/part-00000", "rows");
  EXPECT_FALSE(fs::exists(Path("out")));
  output.Commit();
  EXPECT_THAT(Tree(), ElementsAre("out/training/deep/part-00000"));
}

TEST_F(OutputTest, WithoutCommitNothingIsLeftNotEvenParents) {
  {
    OutputDirectory output(Location::Parse(Path("new/parent/out")), {});
    WriteTextFile(output.staging() + "/part-00000", "rows");
    EXPECT_TRUE(fs::exists(Path("new/parent")));
  }
  EXPECT_THAT(Tree(), IsEmpty());
}

TEST_F(OutputTest, CommitReplacesTheOldOutputWhole) {
  Put("out/training/part-00000-u-c000.snappy.parquet", "old");
  Put("out/training/.part-00000-u-c000.snappy.parquet.crc");
  Put("out/training/_SUCCESS");
  Put("out/training/metrics.json");
  Put("out/pipeline_model/stages/0_x/metadata/part-00000");
  OutputDirectory output(Out(), {});
  WriteTextFile(output.staging() + "/part-00000", "new");
  EXPECT_TRUE(fs::exists(Path("out/training/_SUCCESS")));
  output.Commit();
  EXPECT_THAT(Tree(), ElementsAre("out/part-00000"));
}

TEST_F(OutputTest, OverwriteOffRefusesAnOutputThatIsNotEmpty) {
  Put("out/_SUCCESS");
  EXPECT_THAT(RefusalOf(Out(), {.overwrite = false, .inputs = {}}),
              HasSubstr("the output '" + Path("out") + "' exists already"));
  EXPECT_THAT(Tree(), ElementsAre("out/_SUCCESS"));
}

TEST_F(OutputTest, OverwriteOffTakesAnEmptyFolder) {
  fs::create_directories(root_ / "out");
  OutputDirectory output(Out(), {.overwrite = false, .inputs = {}});
  WriteTextFile(output.staging() + "/part-00000", "new");
  output.Commit();
  EXPECT_THAT(Tree(), ElementsAre("out/part-00000"));
}

TEST_F(OutputTest, ForeignFilesAreRefusedByName) {
  Put("out/training/_SUCCESS");
  Put("out/training/notes.txt");
  EXPECT_THAT(RefusalOf(Out(), {}), HasSubstr("holds 'training/notes.txt', which"));
  for (const char* name : {"part-list", "part-0000", "part-00000x", ".crc", "manifest.json"}) {
    fs::remove_all(root_ / "out");
    Put(std::string("out/") + name, "{}");
    EXPECT_THAT(RefusalOf(Out(), {}), HasSubstr(std::string("holds '") + name + "'"));
  }
  fs::remove_all(root_ / "out");
  fs::create_directories(root_ / "out");
  fs::create_symlink("/etc/passwd", root_ / "out/part-00000");
  EXPECT_THAT(RefusalOf(Out(), {}), HasSubstr("holds 'part-00000'"));
}

TEST_F(OutputTest, EntriesOfOtherStepsAreForeignEvenIfSparkWroteThem) {
  Put("out/training/_SUCCESS");
  Put("out/features/part-00000");
  const OutputOptions options{.overwrite = true, .inputs = {}, .entries = {"training"}};
  EXPECT_THAT(RefusalOf(Out(), options), HasSubstr("holds 'features'"));
}

TEST_F(OutputTest, FilesNamedByOurManifestAreOurs) {
  Put("out/report.html");
  Put("out/manifest.json", R"({"firesteel": "0.1.0", "files": [{"path": "report.html"}]})");
  OutputDirectory output(Out(), {.overwrite = true, .inputs = {}, .entries = {"training"}});
  output.Commit();
  EXPECT_THAT(Tree(), ElementsAre("out"));
}

TEST_F(OutputTest, ManifestsOfOutputsWithinCountOnlyWhereThereMayBeAny) {
  Put("out/first/data.bin");
  Put("out/first/manifest.json",
      R"({"firesteel": "1", "files": [{"path": "data.bin"}, {"path": "manifest.json"}]})");
  EXPECT_THAT(RefusalOf(Out(), {.entries = {"first"}}), HasSubstr("holds 'first/data.bin'"));
  {
    const OutputDirectory output(Out(), {.entries = {"first"}, .holds_outputs = true});
  }
  Put("out/first/notes.txt");
  EXPECT_THAT(RefusalOf(Out(), {.entries = {"first"}, .holds_outputs = true}),
              HasSubstr("holds 'first/notes.txt'"));
}

TEST_F(OutputTest, ForeignFilesThatComeLaterStopTheCommit) {
  Put("out/_SUCCESS");
  {
    OutputDirectory output(Out(), {});
    Put("out/thesis.doc");
    EXPECT_THROW(output.Commit(), Error);
  }
  EXPECT_THAT(Tree(), ElementsAre("out/_SUCCESS", "out/thesis.doc"));
}

TEST_F(OutputTest, AnInputInsideTheOutputIsRefused) {
  Put("out/training/part-00000");
  fs::create_directory_symlink("out/training", root_ / "link");
  for (const char* name : {"out", "out/training", "link", "out/../out/training/part-00000"}) {
    const Location inputs[] = {Location::Parse(Path(name))};
    EXPECT_THAT(RefusalOf(Out(), {.overwrite = true, .inputs = inputs}),
                HasSubstr("lies in the output"));
  }
  const Location beside[] = {Location::Parse(Path("output")), Location::Parse(root_.string())};
  EXPECT_NO_THROW(OutputDirectory(Out(), {.overwrite = true, .inputs = beside}));
}

TEST_F(OutputTest, AFileIsNoOutput) {
  Put("out", "content");
  EXPECT_THAT(RefusalOf(Out(), {}), HasSubstr("is a file"));
  EXPECT_EQ(ReadTextFile(Path("out")), "content");
}

TEST_F(OutputTest, AParentThatIsAFileIsAnIoError) {
  Put("file");
  EXPECT_THAT(RefusalOf(Location::Parse(Path("file/out")), {}, ErrorKind::kIo),
              HasSubstr("file/out'"));
  EXPECT_THAT(RefusalOf(Location::Parse("/proc/out"), {}, ErrorKind::kIo),
              HasSubstr("can't write the output '/proc/out'"));
}

TEST_F(OutputTest, ALinkedOutputKeepsItsLink) {
  fs::create_directories(root_ / "real");
  fs::create_directory_symlink("real", root_ / "out");
  OutputDirectory output(Out(), {});
  WriteTextFile(output.staging() + "/part-00000", "new");
  output.Commit();
  EXPECT_TRUE(fs::is_symlink(root_ / "out"));
  EXPECT_EQ(ReadTextFile(Path("real/part-00000")), "new");

  fs::create_directory_symlink("nowhere", root_ / "broken");
  EXPECT_THAT(RefusalOf(Location::Parse(Path("broken")), {}), HasSubstr("leads nowhere"));
}

TEST_F(OutputTest, AKilledRunLeavesTheOldOutputAndItsRemainsAreRemovedByTheNext) {
  Put("out/_SUCCESS", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    OutputDirectory output(Out(), {});
    WriteTextFile(output.staging() + "/part-00000", "half");
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Tree().size(), 2u);  // The old output and the half file.
  EXPECT_EQ(ReadTextFile(Path("out/_SUCCESS")), "old");

  OutputDirectory output(Out(), {});
  WriteTextFile(output.staging() + "/part-00000", "new");
  output.Commit();
  EXPECT_THAT(Tree(), ElementsAre("out/part-00000"));
}

TEST_F(OutputTest, AStatusThatAKilledRunWasWritingIsOurs) {
  const std::string half = "out/.status.json.firesteel-" + RandomUuid();
  for (const bool overwrite : {true, false}) {
    Put(half, "{\"firesteel");
    OutputDirectory output(Out(), {.overwrite = overwrite});
    WriteTextFile(output.staging() + "/part-00000", "rows");
    output.Commit();
    EXPECT_THAT(Tree(), ElementsAre("out/part-00000"));
    fs::remove_all(Path("out"));
  }
}

TEST_F(OutputTest, ALivingRunKeepsItsStaging) {
  OutputDirectory first(Out(), {});
  WriteTextFile(first.staging() + "/part-00000", "first");
  OutputDirectory second(Out(), {});
  WriteTextFile(second.staging() + "/part-00000", "second");
  first.Commit();
  EXPECT_EQ(ReadTextFile(Path("out/part-00000")), "first");
  second.Commit();
  EXPECT_EQ(ReadTextFile(Path("out/part-00000")), "second");
  EXPECT_THAT(Tree(), ElementsAre("out/part-00000"));
}

TEST_F(OutputTest, AbandonedOutputsAreGoneAndCanNotCommit) {
  Put("out/_SUCCESS", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    OutputDirectory output(Out(), {});
    WriteTextFile(output.staging() + "/part-00000", "half");
    OutputDirectory::AbandonAll();
    try {
      output.Commit();
    } catch (const Error& error) {
      ::_exit(error.kind() == ErrorKind::kInterrupted ? 42 : 1);
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_THAT(Tree(), ElementsAre("out/_SUCCESS"));
}

}  // namespace
}  // namespace firesteel
