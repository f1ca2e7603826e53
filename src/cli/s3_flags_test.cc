#include "cli/s3_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class S3FlagsTest : public ::testing::Test {
 protected:
  S3FlagsTest() : flags_("step [flags]", "Does a step.", "") {
    AddS3Flags(&flags_);
    for (const char* name :
         {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
          "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CA_BUNDLE", "AWS_NO_SIGN_REQUEST",
          "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) {
      ::unsetenv(name);
    }
    ::setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    ::setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
  }

  S3Settings Read(const std::vector<std::string>& arguments) {
    flags_.Parse(arguments);
    return ReadS3Flags(flags_);
  }

  std::string RefusalOf(const std::vector<std::string>& arguments) {
    try {
      Read(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "accepted";
  }

  Flags flags_;
};

TEST_F(S3FlagsTest, WithoutAnythingAllIsLeftToTheStore) {
  const S3Settings settings = Read({});
  EXPECT_EQ(settings.region, "");
  EXPECT_EQ(settings.endpoint_url, "");
  EXPECT_EQ(settings.url_style, S3Settings::UrlStyle::kAuto);
  EXPECT_FALSE(settings.requester_pays);
  EXPECT_EQ(settings.kms_key_id, "");
  EXPECT_EQ(settings.ca_file, "");
}

TEST_F(S3FlagsTest, FlagsAreRead) {
  const S3Settings settings = Read(
      {"--s3-region=eu-west-1", "--s3-endpoint-url", "http://[::1]:9000/", "--s3-url-style=virtual",
       "--s3-requester-pays", "--s3-kms-key-id", "arn:aws:kms:eu-west-1:123456789012:key/1a-b"});
  EXPECT_EQ(settings.region, "eu-west-1");
  EXPECT_EQ(settings.endpoint_url, "http://[::1]:9000");
  EXPECT_EQ(settings.url_style, S3Settings::UrlStyle::kVirtual);
  EXPECT_TRUE(settings.requester_pays);
  EXPECT_EQ(settings.kms_key_id, "arn:aws:kms:eu-west-1:123456789012:key/1a-b");
}

TEST_F(S3FlagsTest, TheEnvironmentStandsIn) {
  ::setenv("AWS_DEFAULT_REGION", "eu-west-2", 1);
  ::setenv("AWS_ENDPOINT_URL", "https://general.example.com", 1);
  ::setenv("AWS_CA_BUNDLE", "/etc/ca.pem", 1);
  S3Settings settings = Read({});
  EXPECT_EQ(settings.region, "eu-west-2");
  EXPECT_EQ(settings.endpoint_url, "https://general.example.com");
  EXPECT_EQ(settings.ca_file, "/etc/ca.pem");
  ::setenv("AWS_REGION", "eu-west-3", 1);
  ::setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com", 1);
  settings = ReadS3Flags(flags_);
  EXPECT_EQ(settings.region, "eu-west-3");
  EXPECT_EQ(settings.endpoint_url, "https://s3.example.com");
  ::setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
  EXPECT_EQ(ReadS3Flags(flags_).endpoint_url, "");
}

TEST_F(S3FlagsTest, FlagsWinOverTheEnvironment) {
  ::setenv("AWS_REGION", "eu-west-3", 1);
  ::setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com", 1);
  ::setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
  const S3Settings settings =
      Read({"--s3-region=eu-west-1", "--s3-endpoint-url=http://localhost:9000"});
  EXPECT_EQ(settings.region, "eu-west-1");
  EXPECT_EQ(settings.endpoint_url, "http://localhost:9000");
}

TEST_F(S3FlagsTest, EndpointsAreAddressesWithoutPath) {
  for (const char* url : {"localhost:9000", "ftp://host", "http://", "http://host/path",
                          "http://host:0", "http://host:99999", "http://host:9x", "http://host?x",
                          "http://a b", "http://[::1", "http://:9000"}) {
    EXPECT_THAT(RefusalOf({std::string("--s3-endpoint-url=") + url}),
                HasSubstr("--s3-endpoint-url: '" + std::string(url) + "' is no address"))
        << url;
  }
}

TEST_F(S3FlagsTest, AWrongVariableIsNamed) {
  ::setenv("AWS_ENDPOINT_URL_S3", "http://user:geheim@host", 1);
  EXPECT_THAT(RefusalOf({}), HasSubstr("AWS_ENDPOINT_URL_S3: what has an @ is no address"));
  EXPECT_THAT(RefusalOf({}), Not(HasSubstr("geheim")));
}

TEST_F(S3FlagsTest, OtherValuesAreChecked) {
  EXPECT_EQ(RefusalOf({"--s3-url-style=paht"}),
            "--s3-url-style: 'paht' is not one of auto, path, virtual; did you mean 'path'?");
  EXPECT_EQ(RefusalOf({"--s3-region=eu west"}),
            "--s3-region: 'eu west' is no region; give one like eu-west-1");
  EXPECT_EQ(RefusalOf({"--s3-kms-key-id=a\nb"}),
            "--s3-kms-key-id: 'a\nb' is no key of KMS; give its id, ARN or alias");
}

TEST_F(S3FlagsTest, RequestsAreUnsignedOnDemand) {
  ::setenv("AWS_ACCESS_KEY_ID", "A", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
  EXPECT_EQ(Read({}).credentials().access_key_id, "A");
  ::setenv("AWS_NO_SIGN_REQUEST", "true", 1);
  EXPECT_EQ(ReadS3Flags(flags_).credentials().access_key_id, "");
  ::unsetenv("AWS_NO_SIGN_REQUEST");
  EXPECT_EQ(Read({"--s3-no-sign-request"}).credentials().access_key_id, "");
}

}  // namespace
}  // namespace firesteel
