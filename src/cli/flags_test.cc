#include "cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/common_flags.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;

class FlagsTest : public ::testing::Test {
 protected:
  FlagsTest() : flags_("step [flags]", "Does a step.", "") {
    flags_.AddValue("Input", "--input,--s3-input-dir", "PATH", "In", true);
    flags_.AddValue("Step", "--fraction", "F", "Share");
    flags_.AddSwitch("Common", "--quiet,-q", "Quiet");
    flags_.AddOptionalValue("Output", "--overwrite-output", "true|false", "Overwrite", "true");
    flags_.AddPositional("FILE", "A file");
  }

  std::string RefusalOf(const std::vector<std::string>& arguments) {
    try {
      flags_.Parse(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "accepted";
  }

  Flags flags_;
};

TEST_F(FlagsTest, ValuesFollowOrAreJoinedByEquals) {
  ASSERT_TRUE(flags_.Parse({"--input", "a b", "--fraction=0.5", "-q", "file"}));
  EXPECT_EQ(flags_.Get("--input"), "a b");
  EXPECT_EQ(flags_.GetNumber("--fraction"), 0.5);
  EXPECT_TRUE(flags_.Has("--quiet"));
  EXPECT_EQ(flags_.Get("FILE"), "file");
  EXPECT_EQ(flags_.Get("--overwrite-output"), std::nullopt);
}

TEST_F(FlagsTest, BothNamesOfAFlagAreTheSame) {
  ASSERT_TRUE(flags_.Parse({"--s3-input-dir=x"}));
  EXPECT_EQ(flags_.Get("--input"), "x");
}

TEST_F(FlagsTest, AnOptionalValueMayBeLeftOut) {
  ASSERT_TRUE(flags_.Parse({"--overwrite-output", "--input", "x"}));
  EXPECT_EQ(flags_.Get("--overwrite-output"), "true");
}

TEST_F(FlagsTest, AnOptionalValueMayBeLeftOutAtTheEnd) {
  ASSERT_TRUE(flags_.Parse({"--input", "x", "--overwrite-output"}));
  EXPECT_EQ(flags_.Get("--overwrite-output"), "true");
}

TEST_F(FlagsTest, AnOptionalValueMayBeGiven) {
  ASSERT_TRUE(flags_.Parse({"--input", "x", "--overwrite-output", "False"}));
  EXPECT_EQ(flags_.Get("--overwrite-output"), "False");
}

TEST_F(FlagsTest, UnknownFlagsAreNamedWithAHint) {
  EXPECT_EQ(RefusalOf({"--inptu", "x"}), "unknown flag --inptu; did you mean '--input'?");
}

TEST_F(FlagsTest, UnknownFlagsWithoutAHintPointToTheHelp) {
  EXPECT_EQ(RefusalOf({"--zzzzzzzz=3", "--input", "x"}),
            "unknown flag --zzzzzzzz; see firesteel step --help");
}

TEST_F(FlagsTest, RepeatedFlagsAreRefused) {
  EXPECT_EQ(RefusalOf({"--input", "a", "--s3-input-dir", "b"}),
            "--input is given more than once (--s3-input-dir is the same)");
}

TEST_F(FlagsTest, MissingFlagsAreNamed) {
  EXPECT_EQ(RefusalOf({"--fraction", "1"}), "--input PATH is missing; see firesteel step --help");
}

TEST_F(FlagsTest, MissingValuesAreNamed) {
  EXPECT_EQ(RefusalOf({"--input"}), "--input needs a value; see firesteel step --help");
}

TEST_F(FlagsTest, AFlagIsNoValue) {
  EXPECT_EQ(RefusalOf({"--input", "--fraction", "1"}),
            "--input needs a value, and '--fraction' looks like a flag");
}

TEST_F(FlagsTest, SuperfluousArgumentsAreNamed) {
  EXPECT_THAT(RefusalOf({"--input", "x", "one", "two"}), HasSubstr("'two' is not expected here"));
}

TEST_F(FlagsTest, NumbersAreChecked) {
  ASSERT_TRUE(flags_.Parse({"--input", "12x", "--fraction", "-1"}));
  EXPECT_THROW(flags_.GetNumber("--input"), Error);
  EXPECT_EQ(flags_.GetNumber("--fraction"), -1.0);
  EXPECT_THROW(flags_.GetWholeNumber("--fraction", 1, 5), Error);
  EXPECT_EQ(flags_.GetWholeNumber("--fraction", -5, 5), -1);
}

TEST(MemoryLimitTest, TakesUnitsAndPercent) {
  EXPECT_EQ(ParseMemoryLimit("500MB"), 500'000'000);
  EXPECT_EQ(ParseMemoryLimit("2GiB"), std::int64_t{2} << 30);
  EXPECT_EQ(ParseMemoryLimit("1.5 kib"), 1536);
  EXPECT_EQ(ParseMemoryLimit("100%") / 2, ParseMemoryLimit("50%"));
  for (const char* text : {"", "500", "MB", "-1MB", "0MB", "200%", "1 EB", "nan MB", "1e30GB"}) {
    EXPECT_THROW(ParseMemoryLimit(text), Error) << text;
  }
}

}  // namespace
}  // namespace firesteel
