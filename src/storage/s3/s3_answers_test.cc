// What the store makes of answers, good and bad: each test writes the other side's script.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "storage/location.h"
#include "storage/s3/s3_store.h"
#include "storage/s3/scripted_server.h"

namespace firesteel {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const ObjectName kName{"b", "k"};

Error Caught(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::kInternal, "none");
}

ScriptedServer::Reply CutReply(std::string_view body, std::size_t length) {
  ScriptedServer::Reply reply = Reply(200, {}, std::string(length, 'x'));
  reply.bytes.resize(reply.bytes.size() - length);
  reply.bytes += body;
  reply.close = true;
  return reply;
}

ScriptedServer::Reply Reset() { return {"", true, false}; }
ScriptedServer::Reply Stall() { return {"", false, true}; }

class S3AnswersTest : public testing::Test {
 protected:
  S3AnswersTest() {
    settings_.endpoint_url = server_.url();
    settings_.credentials = [this] {
      ++num_renewals_;
      return S3Credentials{fmt::format("KEY{}", num_renewals_), "secret/of+mine", "token-of-mine"};
    };
    tuning_.max_attempts = 3;
  }

  ObjectStore& store() {
    if (store_ == nullptr) store_ = OpenS3(settings_, tuning_);
    return *store_;
  }

  ScriptedServer server_;
  S3Settings settings_;
  S3Tuning tuning_;
  int num_renewals_ = 0;
  std::shared_ptr<ObjectStore> store_;
};

TEST_F(S3AnswersTest, OneConnectionServesManyRequests) {
  for (int i = 0; i < 5; ++i) server_.Add({Reply(200, {"ETag: \"1\""}, "x")});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(store().Read(kName)->text, "x");
  EXPECT_EQ(server_.num_connections(), 1);
}

TEST_F(S3AnswersTest, AThrottledRequestIsSentAgain) {
  server_.Add({ErrorReply(503, "SlowDown"), Reply(200, {"ETag: \"1\""}, "x")});
  EXPECT_EQ(store().Read(kName)->text, "x");
  EXPECT_THAT(server_.requests(), SizeIs(2));
}

TEST_F(S3AnswersTest, AttemptsAreBounded) {
  for (int i = 0; i < 3; ++i) server_.Add({ErrorReply(503, "SlowDown")});
  const Error error = Caught([&] { store().Read(kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.what(),
              StartsWith("s3://b/k: the server asked to slow down (503 SlowDown); gave up after 3 "
                         "attempts in "));
  EXPECT_THAT(server_.requests(), SizeIs(3));
}

TEST_F(S3AnswersTest, ServerErrorsResetsAndCutBodiesAreTriedAgain) {
  tuning_.max_attempts = 6;
  server_.Add({ErrorReply(500, "InternalError", "We encountered an internal error"),
               Reply(502, {}, "<html>bad gateway</html>"), Reset(), CutReply("half", 10),
               Reply(200, {"ETag: \"1\""}, "whole")});
  EXPECT_EQ(store().Read(kName)->text, "whole");
  EXPECT_THAT(server_.requests(), SizeIs(5));
}

TEST_F(S3AnswersTest, AStalledConnectionIsGivenUp) {
  tuning_.timeout = std::chrono::seconds(1);
  server_.Add({Stall(), Reply(200, {"ETag: \"1\""}, "x")});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(store().Read(kName)->text, "x");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(S3AnswersTest, ADeniedRequestNamesThePermissionAtOnce) {
  const std::vector<std::pair<std::string, std::function<void()>>> calls = {
      {"s3:ListBucket", [&] { store().List(kName); }},
      {"s3:GetObject", [&] { store().Read(kName); }},
      {"s3:PutObject", [&] { store().Put(kName, "x", {}); }},
      {"s3:DeleteObject", [&] { store().Remove("b", {"k", "l"}); }},
      {"s3:ListBucketMultipartUploads", [&] { store().OpenUploads(kName); }},
      {"s3:AbortMultipartUpload", [&] { store().Abort("b", {"k", "1"}); }},
  };
  for (const auto& [permission, call] : calls) {
    server_.Add({ErrorReply(403, "AccessDenied", "Access Denied")});
    const Error error = Caught(call);
    EXPECT_EQ(error.kind(), ErrorKind::kDenied);
    EXPECT_THAT(error.what(), AllOf(StartsWith("s3://b/"), HasSubstr(": access denied (403): the "
                                                                     "credentials in use lack " +
                                                                     permission + " there")));
  }
  EXPECT_THAT(server_.requests(), SizeIs(calls.size()));
}

TEST_F(S3AnswersTest, ADeniedKeyOfKmsIsNamed) {
  server_.Add({ErrorReply(403, "AccessDenied",
                          "User: arn:aws:iam::1:user/u is not authorized to perform: "
                          "kms:GenerateDataKey on resource: arn:aws:kms:x")});
  EXPECT_THAT(Caught([&] { store().Put(kName, "x", {}); }).what(),
              HasSubstr("lack kms:GenerateDataKey there"));
}

TEST_F(S3AnswersTest, WhatHeadDoesNotSayGetDoes) {
  server_.Add({Reply(403), ErrorReply(403, "InvalidAccessKeyId", "no such key")});
  const Error error = Caught([&] { store().Find(kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.what(), HasSubstr("the access key in use is unknown to the store"));
}

TEST_F(S3AnswersTest, WrongKeysAndClocksAreNamed) {
  server_.Add({ErrorReply(403, "SignatureDoesNotMatch", "The request signature we calculated")});
  EXPECT_THAT(Caught([&] { store().Read(kName); }).what(),
              HasSubstr("the secret key in use does not fit the access key"));
  const std::time_t now = ::time(nullptr) - 20 * 60;
  char date[64];
  std::strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT", std::gmtime(&now));
  server_.Add({ErrorReply(403, "RequestTimeTooSkewed", "too large", {date})});
  const Error error = Caught([&] { store().Read(kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.what(),
              HasSubstr("the clock of this machine is 20 minutes fast; set it right"));
}

TEST_F(S3AnswersTest, ExpiredCredentialsAreRenewedOnce) {
  server_.Add({ErrorReply(400, "ExpiredToken", "expired"), Reply(200, {"ETag: \"1\""}, "x"),
               ErrorReply(400, "ExpiredToken"), ErrorReply(400, "ExpiredToken")});
  EXPECT_EQ(store().Read(kName)->text, "x");
  EXPECT_THAT(server_.requests()[0].Header("authorization"), HasSubstr("Credential=KEY1/"));
  EXPECT_THAT(server_.requests()[1].Header("authorization"), HasSubstr("Credential=KEY2/"));
  const Error error = Caught([&] { store().Read(kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.what(), HasSubstr("the credentials in use have expired; renew them"));
  EXPECT_THAT(server_.requests(), SizeIs(4));
}

TEST_F(S3AnswersTest, HeadWithExpiredCredentialsIsSentAgain) {
  server_.Add({Reply(400), ErrorReply(400, "ExpiredToken"), Reply(206, {"ETag: \"1\""}, "x"),
               Reply(200, {"ETag: \"1\""}, "x")});
  EXPECT_EQ(store().Find(kName)->num_bytes, 1);
  EXPECT_EQ(num_renewals_, 2);
}

TEST_F(S3AnswersTest, CredentialsThatStayOldAreNotAskedForAgainAndAgain) {
  settings_.credentials = [this] {
    ++num_renewals_;
    S3Credentials credentials{"KEY", "secret", ""};
    credentials.expires = std::chrono::system_clock::now() + std::chrono::seconds(10);
    return credentials;
  };
  server_.Add({Reply(200, {}, "x"), Reply(200, {}, "x")});
  store().Read(kName);
  store().Read(kName);
  EXPECT_EQ(num_renewals_, 1);
}

TEST_F(S3AnswersTest, WithoutAnAccessKeyNothingIsSigned) {
  settings_.credentials = [] { return S3Credentials{}; };
  server_.Add({Reply(200, {}, "x")});
  store().Read(kName);
  EXPECT_EQ(server_.requests()[0].Header("authorization"), "");
}

TEST_F(S3AnswersTest, TheRegionOfABucketIsFoundOut) {
  server_.Add({ErrorReply(400, "AuthorizationHeaderMalformed", "wrong region",
                          {"x-amz-bucket-region: eu-west-1"}),
               Reply(200, {}, "x"), Reply(200, {}, "y")});
  EXPECT_EQ(store().Read(kName)->text, "x");
  EXPECT_EQ(store().Read(kName)->text, "y");
  EXPECT_THAT(server_.requests()[0].Header("authorization"), HasSubstr("/us-east-1/s3/"));
  EXPECT_THAT(server_.requests()[1].Header("authorization"), HasSubstr("/eu-west-1/s3/"));
  EXPECT_THAT(server_.requests()[2].Header("authorization"), HasSubstr("/eu-west-1/s3/"));
}

TEST_F(S3AnswersTest, DamagedContentIsReadAgain) {
  // The CRC-32 of "123456789".
  const std::vector<std::string> headers = {"ETag: \"1\"", "x-amz-checksum-crc32: y/Q5Jg=="};
  server_.Add({Reply(200, headers, "12345678x"), Reply(200, headers, "123456789")});
  EXPECT_EQ(store().Read(kName)->text, "123456789");
  for (int i = 0; i < 3; ++i) server_.Add({Reply(200, headers, "12345678x")});
  const Error error = Caught([&] { store().Read(kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kIo);
  EXPECT_THAT(error.what(), HasSubstr("the content does not have its checksum; gave up after 3"));
}

TEST_F(S3AnswersTest, ADownloadMustBeWhole) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("s3_answers_" + RandomUuid())).string();
  for (int i = 0; i < 3; ++i) {
    server_.Add({Reply(206, {"ETag: \"1\"", "Content-Range: bytes 0-4/9"}, "12345")});
  }
  const Error error = Caught([&] { store().Download(kName, "", path); });
  EXPECT_EQ(error.kind(), ErrorKind::kIo);
  EXPECT_THAT(error.what(), HasSubstr("the content is not whole"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(S3AnswersTest, AnEmptyObjectNeedNotHaveRanges) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("s3_answers_" + RandomUuid())).string();
  for (const ScriptedServer::Reply& refusal :
       {ErrorReply(416, "InvalidRange"), Reply(206, {"Content-Range: bytes 0--1/0"})}) {
    server_.Add({refusal, Reply(200, {"ETag: \"1\""})});
    EXPECT_EQ(store().Download(kName, "", path).num_bytes, 0);
    EXPECT_EQ(ReadTextFile(path), "");
    std::filesystem::remove(path);
  }
}

TEST_F(S3AnswersTest, WhatIsPutHasAChecksum) {
  server_.Add({ErrorReply(400, "BadDigest", "did not match"), Reply(200, {"ETag: \"1\""})});
  EXPECT_EQ(store().Put(kName, "123456789", {}), "\"1\"");
  for (const ScriptedServer::Request& request : server_.requests()) {
    EXPECT_EQ(request.method, "PUT");
    EXPECT_EQ(request.body, "123456789");
    EXPECT_EQ(request.Header("x-amz-checksum-sha256"),
              "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=");
    EXPECT_EQ(request.Header("x-amz-content-sha256"),
              "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
  }
}

TEST_F(S3AnswersTest, HeadersForPayersAndKeysAreSent) {
  settings_.requester_pays = true;
  settings_.kms_key_id = "key-of-kms";
  server_.Add({Reply(200, {"ETag: \"1\""}), Reply(200, {"ETag: \"1\""}, "x")});
  store().Put(kName, "x", {});
  store().Read(kName);
  const std::vector<ScriptedServer::Request> requests = server_.requests();
  EXPECT_EQ(requests[0].Header("x-amz-request-payer"), "requester");
  EXPECT_EQ(requests[0].Header("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(requests[0].Header("x-amz-server-side-encryption-aws-kms-key-id"), "key-of-kms");
  EXPECT_EQ(requests[1].Header("x-amz-request-payer"), "requester");
  EXPECT_EQ(requests[1].Header("x-amz-server-side-encryption"), "");
}

TEST_F(S3AnswersTest, ConditionsAreSentAndMayNotHold) {
  server_.Add({ErrorReply(412, "PreconditionFailed"), ErrorReply(409, "ConditionalRequestConflict"),
               ErrorReply(404, "NoSuchKey"), ErrorReply(501, "NotImplemented")});
  EXPECT_FALSE(store().Put(kName, "x", {.if_absent = true}));
  EXPECT_FALSE(store().Put(kName, "x", {.if_etag = "\"1\""}));
  EXPECT_FALSE(store().Put(kName, "x", {.if_etag = "\"1\""}));
  EXPECT_EQ(Caught([&] { store().Put(kName, "x", {.if_absent = true}); }).kind(),
            ErrorKind::kUnsupported);
  EXPECT_EQ(server_.requests()[0].Header("if-none-match"), "*");
  EXPECT_EQ(server_.requests()[1].Header("if-match"), "\"1\"");
}

TEST_F(S3AnswersTest, AConditionalWriteWhoseAnswerWasLostIsKnownAgain) {
  // The first attempt is carried out, but its answer is lost; the second finds its own object.
  const std::string header = "x-amz-meta-firesteel-write: ";
  server_.Add({Reset(), ErrorReply(412, "PreconditionFailed"),
               Reply(200, {"ETag: \"ours\"", header + std::string(ScriptedServer::kEcho)})});
  EXPECT_EQ(store().Put(kName, "x", {.if_absent = true}), "\"ours\"");
  // Or someone else's.
  server_.Add({Reset(), ErrorReply(412, "PreconditionFailed"),
               Reply(200, {"ETag: \"theirs\"", header + "another"})});
  EXPECT_FALSE(store().Put(kName, "x", {.if_absent = true}));
}

TEST_F(S3AnswersTest, AnErrorWithStatus200IsOne) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("s3_answers_" + RandomUuid())).string();
  WriteTextFile(path, "1234567");
  tuning_.upload_in_parts_over = 1;
  tuning_.part_bytes = 10;
  server_.Add({Reply(200, {},
                     "<InitiateMultipartUploadResult><UploadId>u+1</UploadId></"
                     "InitiateMultipartUploadResult>"),
               Reply(200, {"ETag: \"p\""}), ErrorReply(200, "InternalError"),
               Reply(200, {},
                     "<CompleteMultipartUploadResult><ETag>&quot;e-1&quot;</ETag>"
                     "</CompleteMultipartUploadResult>")});
  EXPECT_EQ(store().Upload(kName, path, {.if_etag = "\"1\""}), "\"e-1\"");
  std::filesystem::remove(path);
  const std::vector<ScriptedServer::Request> requests = server_.requests();
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[1].target, "/b/k?partNumber=1&uploadId=u%2B1");
  EXPECT_EQ(requests[3].Header("if-match"), "\"1\"");
  EXPECT_THAT(requests[3].body, HasSubstr("<PartNumber>1</PartNumber><ETag>&quot;p&quot;</ETag>"));
}

TEST_F(S3AnswersTest, AnUploadThatWasCompletedUnseenIsKnownAgain) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("s3_answers_" + RandomUuid())).string();
  WriteTextFile(path, "1234567");
  tuning_.upload_in_parts_over = 1;
  tuning_.part_bytes = 10;
  const std::vector<ScriptedServer::Reply> lost = {
      Reply(
          200, {},
          "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"),
      Reply(200, {"ETag: \"p\""}), Reset(), ErrorReply(404, "NoSuchUpload")};
  const std::string header = "x-amz-meta-firesteel-write: ";
  server_.Add(lost);
  server_.Add({Reply(200, {"ETag: \"e-1\"", header + std::string(ScriptedServer::kEcho)})});
  EXPECT_EQ(store().Upload(kName, path, {}), "\"e-1\"");
  // Someone else aborted it, and what is there is another's.
  server_.Add(lost);
  server_.Add({Reply(200, {"ETag: \"e-1\"", header + "another"}), Reply(204)});
  EXPECT_EQ(Caught([&] { store().Upload(kName, path, {}); }).kind(), ErrorKind::kIo);
  EXPECT_THAT(server_.requests(), SizeIs(11));
  EXPECT_EQ(server_.requests().back().method, "DELETE");
  std::filesystem::remove(path);
}

TEST_F(S3AnswersTest, KeysThatAreNotRemovedAreTriedAgainOrNamed) {
  server_.Add({Reply(200, {},
                     "<DeleteResult><Error><Key>l</Key><Code>InternalError</Code></Error>"
                     "</DeleteResult>"),
               Reply(200, {}, "<DeleteResult></DeleteResult>")});
  store().Remove("b", {"k", "l"});
  EXPECT_THAT(server_.requests()[1].body,
              AllOf(HasSubstr("<Key>l</Key>"), Not(HasSubstr("<Key>k</Key>"))));
  server_.Add({Reply(200, {},
                     "<DeleteResult><Error><Key>l</Key><Code>AccessDenied</Code></Error>"
                     "</DeleteResult>")});
  const Error error = Caught([&] { store().Remove("b", {"k", "l"}); });
  EXPECT_EQ(error.kind(), ErrorKind::kDenied);
  EXPECT_THAT(error.what(), StartsWith("s3://b/l: access denied (403)"));
}

TEST_F(S3AnswersTest, NoMessageRepeatsASecret) {
  server_.Add({ErrorReply(400, "Odd", "you said secret/of+mine and token-of-mine as KEY1")});
  const Error error = Caught([&] { store().Read(kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kIo);
  EXPECT_THAT(error.what(), HasSubstr("you said *** and *** as ***"));
}

TEST(S3TuningTest, IsSetFromOutside) {
  ::setenv("FIRESTEEL_S3_TIMEOUT", "3", 1);
  ::setenv("AWS_MAX_ATTEMPTS", "2", 1);
  ::setenv("FIRESTEEL_S3_PART_MIB", "6", 1);
  const S3Tuning tuning = S3Tuning::FromEnvironment();
  EXPECT_EQ(tuning.timeout, std::chrono::seconds(3));
  EXPECT_EQ(tuning.max_attempts, 2);
  EXPECT_EQ(tuning.part_bytes, 6 << 20);
  EXPECT_EQ(tuning.upload_in_parts_over, 6 << 20);
  ::setenv("FIRESTEEL_S3_TIMEOUT", "soon", 1);
  const Error error = Caught([] { S3Tuning::FromEnvironment(); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("FIRESTEEL_S3_TIMEOUT is 'soon'"));
  for (const char* name : {"FIRESTEEL_S3_TIMEOUT", "AWS_MAX_ATTEMPTS", "FIRESTEEL_S3_PART_MIB"}) {
    ::unsetenv(name);
  }
}

TEST_F(S3AnswersTest, ACopyIsOfTheObjectThatIsMeant) {
  settings_.kms_key_id = "key-id";
  server_.Add({Reply(200, {},
                     "<CopyObjectResult><ETag>\"2\"</ETag><ChecksumSHA256>"
                     "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=</ChecksumSHA256>"
                     "</CopyObjectResult>"),
               ErrorReply(412, "PreconditionFailed"),
               // An answer that had begun well before the copying failed.
               ErrorReply(200, "InternalError"),
               Reply(200, {}, "<CopyObjectResult><ETag>\"3\"</ETag></CopyObjectResult>")});
  const ObjectCopy copy = store().Copy({"b", "a b+c"}, "\"1\"", 3, kName);
  EXPECT_EQ(copy.etag, "\"2\"");
  EXPECT_EQ(copy.sha256, Sha256("abc"));
  const ScriptedServer::Request request = server_.requests().at(0);
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.Header("x-amz-copy-source"), "/b/a%20b%2Bc");
  EXPECT_EQ(request.Header("x-amz-copy-source-if-match"), "\"1\"");
  EXPECT_EQ(request.Header("x-amz-server-side-encryption-aws-kms-key-id"), "key-id");

  const Error error = Caught([&] { store().Copy({"b", "a"}, "\"1\"", 3, kName); });
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_STREQ(error.what(), "s3://b/a is gone, or another object by now");
  EXPECT_EQ(store().Copy({"b", "a"}, "\"1\"", 3, kName).etag, "\"3\"");
}

}  // namespace
}  // namespace firesteel
