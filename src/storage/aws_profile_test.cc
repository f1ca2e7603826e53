#include "storage/aws_profile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "storage/location.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

class AwsProfileTest : public ::testing::Test {
 protected:
  AwsProfileTest() : folder_(fs::path(::testing::TempDir()) / ("fs-" + RandomUuid())) {
    fs::create_directories(folder_);
    for (const char* name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID",
                             "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) {
      ::unsetenv(name);
    }
    ::setenv("AWS_SHARED_CREDENTIALS_FILE", (folder_ / "credentials").c_str(), 1);
    ::setenv("AWS_CONFIG_FILE", (folder_ / "config").c_str(), 1);
  }
  ~AwsProfileTest() override { fs::remove_all(folder_); }

  void Write(const char* file, const char* text) { WriteTextFile((folder_ / file).string(), text); }

  fs::path folder_;
};

TEST_F(AwsProfileTest, WithoutFilesItIsEmpty) {
  const AwsProfile profile = ReadAwsProfile();
  EXPECT_EQ(profile.name, "default");
  EXPECT_FALSE(profile.exists);
  EXPECT_FALSE(profile.is_chosen);
  EXPECT_FALSE(ReadAwsKeys(profile));
}

TEST_F(AwsProfileTest, SettingsOfBothFilesComeTogether) {
  Write("credentials",
        "# keys\n[default]\naws_access_key_id = A\nAWS_Secret_Access_Key=S=/+ # mine\n"
        "[other]\naws_session_token=T\n");
  Write("config",
        "[default]\nregion = eu-west-1\naws_access_key_id=lost\ns3 =\n  region = nested\n"
        "[profile other]\nregion=eu-west-2\n");
  const AwsProfile profile = ReadAwsProfile();
  EXPECT_TRUE(profile.exists);
  EXPECT_EQ(profile.Get("region"), "eu-west-1");
  const auto keys = ReadAwsKeys(profile);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->access_key_id, "A");
  EXPECT_EQ(keys->secret_access_key, "S=/+");
  EXPECT_EQ(keys->session_token, "");
}

TEST_F(AwsProfileTest, TheEnvironmentNamesTheProfile) {
  Write("config", "[default]\nregion=a\n[ profile  other ]\r\nregion=b\r\n[other]\nregion=c\n");
  ::setenv("AWS_PROFILE", "other", 1);
  EXPECT_EQ(ReadAwsProfile().Get("region"), "b");
  ::setenv("AWS_DEFAULT_PROFILE", "third", 1);
  const AwsProfile third = ReadAwsProfile();
  EXPECT_TRUE(third.is_chosen);
  EXPECT_FALSE(third.exists);
}

TEST_F(AwsProfileTest, KeysOfTheEnvironmentComeFirst) {
  Write("credentials", "[default]\naws_access_key_id=A\naws_secret_access_key=S\n");
  ::setenv("AWS_ACCESS_KEY_ID", "E", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "F", 1);
  ::setenv("AWS_SESSION_TOKEN", "G", 1);
  const auto keys = ReadAwsKeys(ReadAwsProfile());
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->access_key_id + keys->secret_access_key + keys->session_token, "EFG");
}

TEST_F(AwsProfileTest, HalfAPairIsRefusedWithoutShowingIt) {
  ::setenv("AWS_SECRET_ACCESS_KEY", "geheim", 1);
  try {
    ReadAwsKeys(ReadAwsProfile());
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kDenied);
    EXPECT_STREQ(error.what(),
                 "the environment: AWS_SECRET_ACCESS_KEY is there, but AWS_ACCESS_KEY_ID is not; "
                 "set both or none");
  }
}

}  // namespace
}  // namespace firesteel
