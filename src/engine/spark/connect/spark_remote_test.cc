#include "engine/spark/connect/spark_remote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

std::string Refusal(const std::string& url, const std::string& token = "") {
  try {
    ParseSparkRemote(url, token);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << url;
    return error.what();
  }
  ADD_FAILURE() << url << " is taken";
  return "";
}

TEST(SparkRemoteTest, AHostIsEnough) {
  for (const char* url : {"sc://spark-1.example.org", "sc://spark-1.example.org/",
                          "sc://spark-1.example.org:15002/;"}) {
    const SparkRemote remote = ParseSparkRemote(url);
    EXPECT_EQ(remote.host, "spark-1.example.org");
    EXPECT_EQ(remote.port, 15002);
    EXPECT_FALSE(remote.use_ssl);
    EXPECT_EQ(remote.token, "");
    EXPECT_TRUE(remote.metadata.empty());
    EXPECT_EQ(remote.Shown(), "sc://spark-1.example.org:15002");
  }
}

TEST(SparkRemoteTest, ReadsEveryKey) {
  const SparkRemote remote = ParseSparkRemote(
      "sc://h:443/;use_ssl=TRUE;token=a%2Fb%3D%3D;user_id=Ann%20Lee;user_agent=nightly;"
      "session_id=00112233-4455-6677-8899-AABBCCDDEEFF;X-Cluster-Id=c=1;"
      "grpc_keepalive_time_ms=5000;grpc_keepalive_without_calls=false");
  EXPECT_EQ(remote.port, 443);
  EXPECT_TRUE(remote.use_ssl);
  EXPECT_EQ(remote.token, "a/b==");
  EXPECT_EQ(remote.user_id, "Ann Lee");
  EXPECT_EQ(remote.user_agent, "nightly");
  EXPECT_EQ(remote.session_id, "00112233-4455-6677-8899-aabbccddeeff");
  EXPECT_THAT(remote.metadata, ElementsAre(Pair("x-cluster-id", "c=1")));
  EXPECT_EQ(remote.keep_alive.time, std::chrono::milliseconds(5000));
  EXPECT_EQ(remote.keep_alive.timeout, std::chrono::milliseconds(20'000));
  EXPECT_FALSE(remote.keep_alive.without_calls);
  EXPECT_EQ(remote.Shown(), "sc://h:443/;use_ssl=true");
}

TEST(SparkRemoteTest, AnIpv6AddressStandsInBrackets) {
  const SparkRemote remote = ParseSparkRemote("sc://[2001:db8::7]:15003");
  EXPECT_EQ(remote.host, "2001:db8::7");
  EXPECT_EQ(remote.Address(), "[2001:db8::7]:15003");
  EXPECT_EQ(ParseSparkRemote("sc://[::1]").port, 15002);
  EXPECT_THAT(Refusal("sc://2001:db8::7"), HasSubstr("brackets"));
  EXPECT_THAT(Refusal("sc://[2001:db8::7"), HasSubstr("']'"));
  EXPECT_THAT(Refusal("sc://[spark]"), HasSubstr("IPv6"));
  EXPECT_THAT(Refusal("sc://[::1]15002"), HasSubstr("after ']'"));
}

TEST(SparkRemoteTest, ATokenSwitchesTlsOnButOnLoopback) {
  EXPECT_TRUE(ParseSparkRemote("sc://spark/;token=t").use_ssl);
  for (const char* host : {"localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "[::1]"}) {
    const std::string url = std::string("sc://") + host + "/;token=t";
    EXPECT_FALSE(ParseSparkRemote(url).use_ssl) << host;
    EXPECT_TRUE(ParseSparkRemote(url + ";use_ssl=true").use_ssl) << host;
    EXPECT_FALSE(ParseSparkRemote(url + ";use_ssl=false").use_ssl) << host;
  }
  for (const char* host : {"localhost.example.org", "128.0.0.1", "[::2]", "127.0.0.1.nip.io"}) {
    const std::string url = std::string("sc://") + host + "/;token=t";
    EXPECT_TRUE(ParseSparkRemote(url).use_ssl) << host;
    EXPECT_THAT(Refusal(url + ";use_ssl=false"), HasSubstr("TLS")) << host;
  }
}

TEST(SparkRemoteTest, CredentialsAmongTheMetadataNeedTlsToo) {
  EXPECT_THAT(Refusal("sc://spark/;x-aws-proxy-auth=v7Kq"), HasSubstr("'x-aws-proxy-auth'"));
  EXPECT_THAT(Refusal("sc://spark/;authorization=v7Kq"), HasSubstr("'authorization'"));
  EXPECT_TRUE(ParseSparkRemote("sc://spark/;authorization=v7Kq;use_ssl=true").token.empty());
  EXPECT_THAT(Refusal("sc://spark/;authorization=a;token=b"), HasSubstr("exclude each other"));
}

TEST(SparkRemoteTest, ATokenFromElsewhereCountsWithoutOneInTheUrl) {
  EXPECT_EQ(ParseSparkRemote("sc://spark", "mine").token, "mine");
  EXPECT_TRUE(ParseSparkRemote("sc://spark", "mine").use_ssl);
  EXPECT_EQ(ParseSparkRemote("sc://spark/;token=url", "mine").token, "url");
  EXPECT_THAT(Refusal("sc://spark/;use_ssl=false", "v7Kq"), Not(HasSubstr("v7Kq")));
  EXPECT_THAT(Refusal("sc://spark", "v7Kq\n"), Not(HasSubstr("v7Kq")));
}

TEST(SparkRemoteTest, RefusesWhatIsNoUrlWithoutShowingValues) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "begins with sc://"},
      {"http://v7Kq", "begins with sc://"},
      {"SC://v7Kq", "begins with sc://"},
      {"sc://", "the host is missing"},
      {"sc:///;token=v7Kq", "the host is missing"},
      {"sc://:15002", "the host is missing"},
      {"sc://me:v7Kq@host", "no user before the host"},
      {"sc://v7Kq me", "neither a name nor an address"},
      {"sc://host:", "the port"},
      {"sc://host:0", "the port"},
      {"sc://host:65536", "the port"},
      {"sc://host:v7Kq", "the port"},
      {"sc://host:15002x", "the port"},
      {"sc://host:+1", "the port"},
      {"sc://host;token=v7Kq", "after a slash"},
      {"sc://host/path;token=v7Kq", "the slash ends it"},
      {"sc://host/token=v7Kq", "the slash ends it"},
      {"sc://host/;use_ssl=true;v7Kq", "parameter 2 has no '='"},
      {"sc://host/;=v7Kq", "a key is made of"},
      {"sc://host/;v7Kq?x=v7Kq", "a key is made of"},
      {"sc://host/;token=", "'token' has no value"},
      {"sc://host/;token=v7Kq;token=v7Kq", "'token' is given twice"},
      {"sc://host/;token=v7Kq%", "two hexadecimal digits"},
      {"sc://host/;token=v7Kq%4", "two hexadecimal digits"},
      {"sc://host/;token=v7Kq%zz", "two hexadecimal digits"},
      {"sc://host/;token=v7Kq%0A", "printable ASCII"},
      {"sc://host/;token=%20v7Kq", "printable ASCII"},
      {"sc://host/;x-note=v7Kq%C3%A9", "printable ASCII"},
      {"sc://host/;grpc-status=v7Kq", "belongs to gRPC"},
      {"sc://host/;use_ssl=v7Kq", "use_ssl is true or false"},
      {"sc://host/;session_id=v7Kq", "session_id is a UUID"},
      {"sc://host/;session_id=00112233-4455-6677-8899-aabbccddeefg", "session_id is a UUID"},
      {"sc://host/;grpc_keepalive_time_ms=0", "milliseconds"},
      {"sc://host/;user_agent=" + std::string(2049, 'a'), "at most 2048"},
  };
  for (const auto& [url, expected] : cases) {
    const std::string refusal = Refusal(url);
    EXPECT_THAT(refusal, HasSubstr(expected)) << url;
    EXPECT_THAT(refusal, Not(HasSubstr("v7Kq"))) << url;
    EXPECT_THAT(refusal, Not(HasSubstr("v7kq"))) << url;
  }
}

TEST(SparkRemoteTest, TakesSecretsOutOfTexts) {
  const SparkRemote remote =
      ParseSparkRemote("sc://h/;token=tok;x-aws-proxy-auth=prox;x-level=1;use_ssl=true");
  EXPECT_EQ(remote.WithoutSecrets("Bearer tok, prox and 1 tok"), "Bearer ***, *** and 1 ***");
  EXPECT_EQ(ParseSparkRemote("sc://h").WithoutSecrets("all"), "all");
}

}  // namespace
}  // namespace firesteel
