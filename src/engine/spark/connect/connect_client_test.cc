#include "engine/spark/connect/connect_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "engine/spark/connect/fake_server.h"

#ifdef __SANITIZE_ADDRESS__
// A broken batch may claim a buffer of any size. malloc says no then; the sanitizer would end the
// program instead.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
// Names that gRPC's resolver keeps.
extern "C" const char* __lsan_default_suppressions() { return "leak:ares_strdup"; }
#endif

namespace firesteel {
namespace {

namespace connect = spark::connect;

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;
using Stream = FakeServer::Stream;

const grpc::Status kCut(grpc::StatusCode::UNAVAILABLE, "Connection reset by peer");

ConnectTuning Quick() {
  return {.connect_time = milliseconds(2'000),
          .answer_time = milliseconds(300),
          .analyze_time = milliseconds(300),
          .silence_time = milliseconds(1'500),
          .farewell_time = milliseconds(500),
          .max_attempts = 6,
          .first_wait = milliseconds(5),
          .longest_wait = milliseconds(50)};
}

// A client and what it is shown.
struct Visit {
  explicit Visit(const FakeServer& server, const std::string& parameters = "",
                 const ConnectTuning& tuning = Quick())
      : client(ParseSparkRemote(server.url() + "/" + parameters), tuning) {}

  // Executes something, and keeps the ids of the answers.
  void Execute() {
    connect::Plan plan;
    plan.mutable_root()->mutable_sql()->set_query("SELECT 1");
    client.Execute(plan, [this](const connect::ExecutePlanResponse& answer) {
      ids.push_back(answer.response_id());
    });
  }

  // Executes something, and returns the sum of the first column.
  std::int64_t Query() {
    connect::Relation relation;
    relation.mutable_sql()->set_query("SELECT 1");
    std::int64_t sum = 0;
    num_rows = 0;
    client.Query(relation, [&](const ArrowRows& rows) {
      num_rows += rows.num_rows;
      for (std::int64_t row = 0; row < rows.num_rows; ++row) sum += rows.columns[0].Integer(row);
    });
    return sum;
  }

  // Of the error that Execute ends with.
  std::string Failure(ErrorKind kind) {
    try {
      Execute();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  std::vector<std::string> ids;
  std::int64_t num_rows = 0;
  ConnectClient client;
};

// `count` answers without rows, the last of which ends the result.
void AnswerOften(FakeServer* server, int count) {
  server->SetAnswers(count, [count](int i) {
    if (i + 1 == count) return EndAnswer();
    connect::ExecutePlanResponse answer;
    answer.mutable_execution_progress()->set_num_inflight_tasks(i);
    return answer;
  });
}

double SecondsOf(const std::function<void()>& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

TEST(ConnectClientTest, SaysWhoAsksAndReleasesAllAtTheEnd) {
  FakeServer server;
  {
    Visit visit(server, ";user_id=ann;user_agent=nightly;x-cluster=c1");
    EXPECT_EQ(visit.Query(), 1);
    EXPECT_EQ(visit.num_rows, 1);
    const connect::ExecutePlanRequest request = server.last_request();
    EXPECT_EQ(request.session_id(), visit.client.session_id());
    EXPECT_EQ(request.user_context().user_id(), "ann");
    EXPECT_THAT(request.client_type(), StartsWith("nightly firesteel/"));
    EXPECT_EQ(request.client_observed_server_side_session_id(), "server-1");
    EXPECT_EQ(request.operation_id().size(), 36u);
    ASSERT_EQ(request.request_options_size(), 1);
    EXPECT_TRUE(request.request_options(0).reattach_options().reattachable());
    EXPECT_TRUE(server.WaitForCalls("ReleaseExecute", 1)) << "while the client does nothing";
    EXPECT_THAT(server.last_metadata(), Contains(Pair("x-cluster", "c1")));
  }
  EXPECT_THAT(server.calls(),
              ElementsAre("Config", "ExecutePlan", "ReleaseExecute", "ReleaseSession"));
}

TEST(ConnectClientTest, WithoutAnythingInTheUrlTheSystemsUserAsks) {
  FakeServer server;
  Visit visit(server);
  visit.Execute();
  EXPECT_NE(server.last_request().user_context().user_id(), "");
  EXPECT_THAT(server.last_request().client_type(), StartsWith("firesteel/"));
  EXPECT_EQ(server.last_metadata().count("authorization"), 0u);
}

TEST(ConnectClientTest, ASessionThatTheUrlNamesStays) {
  FakeServer server;
  {
    Visit visit(server, ";session_id=00112233-4455-6677-8899-aabbccddeeff");
    visit.Execute();
    EXPECT_EQ(visit.client.session_id(), "00112233-4455-6677-8899-aabbccddeeff");
  }
  EXPECT_EQ(server.CountCalls("ReleaseSession"), 0);
}

TEST(ConnectClientTest, AsksNothingOfAServerThatItDidNotNeed) {
  FakeServer server;
  {
    Visit visit(server);
  }
  EXPECT_TRUE(server.calls().empty());
}

TEST(ConnectClientTest, AnEmptyResultIsABatchOfNoRows) {
  FakeServer server;
  server.SetAnswers({BatchAnswer(NoRows(), 0), EndAnswer()});
  Visit visit(server);
  EXPECT_EQ(visit.Query(), 0);
  EXPECT_EQ(visit.num_rows, 0);
}

TEST(ConnectClientTest, ReadsBatchesCompressedWithZstd) {
  FakeServer server;
  server.SetAnswers({BatchAnswer(FiftyRows(), 50), EndAnswer()});
  Visit visit(server);
  connect::Relation relation;
  int num_rows = 0;
  visit.client.Query(relation, [&](const ArrowRows& rows) {
    EXPECT_THAT(rows.names, ElementsAre("z", "n", "s"));
    for (std::int64_t row = 0; row < rows.num_rows; ++row, ++num_rows) {
      EXPECT_EQ(rows.columns[0].Integer(row), 0);
      EXPECT_TRUE(rows.columns[1].IsNull(row));
      EXPECT_EQ(rows.columns[2].Text(row), "spark");
    }
  });
  EXPECT_EQ(num_rows, 50);
}

TEST(ConnectClientTest, WhateverByteOfABatchIsWrongItIsReadOrRefused) {
  const std::string whole = FiftyRows();
  int num_refused = 0;
  const auto read = [&](const std::string& bytes) {
    try {
      ReadArrowStream(bytes, [](const ArrowRows& rows) {
        for (const ArrowColumn& column : rows.columns) {
          for (std::int64_t row = 0; row < rows.num_rows; ++row) column.IsNull(row);
        }
      });
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kIo) << error.what();
      ++num_refused;
    }
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    read(whole.substr(0, i));
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string broken = whole;
      broken[i] = static_cast<char>(broken[i] ^ flip);
      read(broken);
    }
  }
  EXPECT_GT(num_refused, static_cast<int>(whole.size()));

  FakeServer server;
  server.SetAnswers({BatchAnswer(whole.substr(0, 300), 50), EndAnswer()});
  Visit visit(server);
  EXPECT_THROW(visit.Query(), Error);
  EXPECT_TRUE(server.WaitForCalls("ReleaseExecute", 1));
}

TEST(ConnectClientTest, BatchesThatComeInPiecesAreJoined) {
  const std::string whole = FiftyRows();
  const auto piece = [&](std::int64_t index, std::size_t begin, std::size_t end) {
    connect::ExecutePlanResponse answer = BatchAnswer(whole.substr(begin, end - begin), 50);
    answer.mutable_arrow_batch()->set_chunk_index(index);
    answer.mutable_arrow_batch()->set_num_chunks_in_batch(3);
    return answer;
  };
  FakeServer server;
  server.SetAnswers({piece(0, 0, 100), piece(1, 100, 101), piece(2, 101, whole.size()),
                     BatchAnswer(OneRow(), 1), EndAnswer()});
  // Cut between two pieces.
  server.Script({{.num_answers = 2, .status = kCut}});
  Visit visit(server);
  EXPECT_EQ(visit.Query(), 1);
  EXPECT_EQ(visit.num_rows, 51);

  server.SetAnswers({piece(0, 0, 100), piece(2, 101, whole.size()), EndAnswer()});
  EXPECT_THAT(visit.Failure(ErrorKind::kIo), HasSubstr("piece 3 of 3"));
  server.SetAnswers({piece(0, 0, 100), EndAnswer()});
  EXPECT_THAT(visit.Failure(ErrorKind::kIo), HasSubstr("in the middle of a batch"));
}

TEST(ConnectClientTest, AStreamThatEndsWithoutTheEndOfTheResultIsTakenUpAgain) {
  FakeServer server;
  AnswerOften(&server, 5);
  server.Script({{.num_answers = 2}, {.num_answers = 0}, {.num_answers = 1}});
  Visit visit(server);
  visit.Execute();
  EXPECT_THAT(visit.ids, ElementsAre("r0", "r1", "r2", "r3"));
  ASSERT_TRUE(server.WaitForCalls("ReleaseExecute", 1));
  EXPECT_THAT(server.calls(), ElementsAre("Config", "ExecutePlan", "ReattachExecute after r1",
                                          "ReattachExecute after r1", "ReattachExecute after r2",
                                          "ReleaseExecute"));
}

TEST(ConnectClientTest, EveryPlaceOfACutAndEveryWayLosesAndDoublesNothing) {
  const std::vector<grpc::Status> ways = {
      grpc::Status::OK,
      kCut,
      {grpc::StatusCode::INTERNAL, "[INVALID_CURSOR.DISCONNECTED] The cursor has been closed."},
      {grpc::StatusCode::INTERNAL, "Received RST_STREAM with error code 2"},
      {grpc::StatusCode::UNKNOWN, "Stream removed"},
      SparkFailure(grpc::StatusCode::RESOURCE_EXHAUSTED, "later", {}, 1)};
  for (const grpc::Status& way : ways) {
    for (int first = 0; first <= 4; ++first) {
      for (int second = 0; second <= 4 - first; ++second) {
        FakeServer server;
        AnswerOften(&server, 4);
        server.Script(
            {{.num_answers = first, .status = way}, {.num_answers = second, .status = way}});
        Visit visit(server);
        visit.Execute();
        EXPECT_THAT(visit.ids, ElementsAre("r0", "r1", "r2"))
            << way.error_message() << " after " << first << " and " << second;
        EXPECT_EQ(server.num_executions(), 1);
      }
    }
  }
}

TEST(ConnectClientTest, WhatNeverArrivedIsSentAgainUnderTheSameId) {
  FakeServer server;
  server.Script({{.num_answers = 0, .status = kCut, .lost = true}});
  Visit visit(server);
  EXPECT_EQ(visit.Query(), 1);
  EXPECT_EQ(server.num_executions(), 1);
  ASSERT_TRUE(server.WaitForCalls("ReleaseExecute", 1));
  EXPECT_THAT(server.calls(), ElementsAre("Config", "ExecutePlan", "ReattachExecute", "ExecutePlan",
                                          "ReleaseExecute"));
}

TEST(ConnectClientTest, ARequestThatArrivedThoughItSeemedLostIsNotExecutedTwice) {
  FakeServer server;
  // The first request is cut, the server seems not to know it, and does when it is sent again.
  server.Script({{.num_answers = 0, .status = kCut},
                 {.num_answers = 0,
                  .status = {grpc::StatusCode::INTERNAL,
                             "[INVALID_HANDLE.OPERATION_NOT_FOUND] The handle is invalid."}}});
  Visit visit(server);
  EXPECT_EQ(visit.Query(), 1);
  EXPECT_EQ(server.num_executions(), 1);
  EXPECT_EQ(server.CountCalls("ExecutePlan"), 2);
  EXPECT_EQ(server.CountCalls("ReattachExecute"), 2);
}

TEST(ConnectClientTest, AResultOfWhichAPartHadComeIsNotAskedForAnew) {
  FakeServer server;
  AnswerOften(&server, 5);
  server.Script({{.num_answers = 2, .status = kCut},
                 {.num_answers = 0,
                  .status = {grpc::StatusCode::INTERNAL,
                             "[INVALID_HANDLE.OPERATION_NOT_FOUND] The handle is invalid."}}});
  Visit visit(server);
  EXPECT_THAT(visit.Failure(ErrorKind::kIo),
              AllOf(HasSubstr("lost a result"), HasSubstr("run the command again")));
  EXPECT_EQ(server.num_executions(), 1);
}

TEST(ConnectClientTest, AnswersThatComeTwiceAreShownOnce) {
  FakeServer server;
  AnswerOften(&server, 5);
  server.Script({{.num_answers = 3, .status = kCut},
                 {.num_answers = 2, .status = kCut, .repeat = true},
                 {.repeat = true}});
  Visit visit(server);
  visit.Execute();
  EXPECT_THAT(visit.ids, ElementsAre("r0", "r1", "r2", "r3"));
}

TEST(ConnectClientTest, AServerThatEndsEveryStreamAtOnceIsGivenUp) {
  FakeServer server;
  server.Script(std::vector<Stream>(100, Stream{.num_answers = 0}));
  Visit visit(server);
  EXPECT_THAT(visit.Failure(ErrorKind::kUnavailable),
              AllOf(HasSubstr("ends every stream"), HasSubstr("tried 6 times")));
  EXPECT_TRUE(server.WaitForCalls("ReleaseExecute", 1));
}

TEST(ConnectClientTest, GivesUpAfterTheTriesAndBeginsToCountAnewWithEveryAnswer) {
  FakeServer server;
  AnswerOften(&server, 3);
  std::vector<Stream> streams(5, Stream{.num_answers = 0, .status = kCut});
  streams.push_back({.num_answers = 1, .status = kCut});
  streams.insert(streams.end(), 4, Stream{.num_answers = 0, .status = kCut});
  server.Script(streams);
  Visit visit(server);
  visit.Execute();
  EXPECT_THAT(visit.ids, ElementsAre("r0", "r1"));

  server.Script(std::vector<Stream>(100, Stream{.num_answers = 0, .status = kCut}));
  const int before = server.CountCalls("ReattachExecute");
  EXPECT_THAT(visit.Failure(ErrorKind::kUnavailable),
              AllOf(HasSubstr("127.0.0.1:" + std::to_string(server.port())),
                    HasSubstr("Connection reset by peer"), HasSubstr("tried 6 times")));
  EXPECT_EQ(server.CountCalls("ReattachExecute") - before, 5);
}

TEST(ConnectClientTest, WaitsAsLongAsTheServerAsks) {
  FakeServer server;
  server.Script(
      {{.num_answers = 0, .status = SparkFailure(grpc::StatusCode::UNAVAILABLE, "busy", {}, 250)}});
  Visit visit(server);
  EXPECT_GE(SecondsOf([&] { EXPECT_EQ(visit.Query(), 1); }), 0.25);
}

TEST(ConnectClientTest, AServerThatIsGoneForAWhileIsWaitedFor) {
  for (const bool forget : {false, true}) {
    FakeServer server;
    AnswerOften(&server, 4);
    server.Script({{.num_answers = forget ? 0 : 2, .status = kCut, .stall = true}});
    ConnectTuning tuning = Quick();
    tuning.answer_time = milliseconds(20'000);
    tuning.max_attempts = 50;
    Visit visit(server, "", tuning);
    std::thread operator_thread([&] {
      EXPECT_TRUE(server.WaitForCalls("ExecutePlan", 1));
      std::this_thread::sleep_for(milliseconds(50));
      server.Stop();
      std::this_thread::sleep_for(milliseconds(400));
      server.Start(forget);
    });
    visit.Execute();
    operator_thread.join();
    EXPECT_THAT(visit.ids, ElementsAre("r0", "r1", "r2"));
    EXPECT_EQ(server.num_executions(), forget ? 2 : 1);
  }
}

TEST(ConnectClientTest, AServerThatNeverAnswersIsNamed) {
  FakeServer server;
  server.Stop();
  ConnectTuning tuning = Quick();
  tuning.max_attempts = 1'000;
  tuning.connect_time = milliseconds(400);
  Visit visit(server, "", tuning);
  const double seconds = SecondsOf([&] {
    EXPECT_THAT(visit.Failure(ErrorKind::kUnavailable),
                AllOf(HasSubstr("the Spark server at 127.0.0.1:" + std::to_string(server.port())),
                      HasSubstr("Connection refused (tried ")));
  });
  EXPECT_LT(seconds, 2);
}

TEST(ConnectClientTest, ACallIsTriedAgainWhenTheConnectionFailedAndNotOtherwise) {
  FakeServer server;
  server.Script("AnalyzePlan", {kCut, kCut});
  Visit visit(server);
  connect::AnalyzePlanRequest request;
  request.mutable_spark_version();
  EXPECT_EQ(visit.client.Analyze(request).spark_version().version(), "4.3.0");
  EXPECT_EQ(server.CountCalls("AnalyzePlan"), 3);

  server.Script("AnalyzePlan",
                {{grpc::StatusCode::INTERNAL, "[DIVIDE_BY_ZERO] Division by zero."}});
  EXPECT_THROW(visit.client.Analyze(request), Error);
  EXPECT_EQ(server.CountCalls("AnalyzePlan"), 4);
}

TEST(ConnectClientTest, ACallThatHangsEndsAtItsDeadline) {
  FakeServer server;
  server.Stall("AnalyzePlan");
  Visit visit(server);
  connect::AnalyzePlanRequest request;
  request.mutable_spark_version();
  try {
    visit.client.Analyze(request);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("does not answer in time"));
  }
}

TEST(ConnectClientTest, AStreamThatFallsSilentIsTakenUpAgain) {
  FakeServer server;
  AnswerOften(&server, 4);
  server.Script({{.num_answers = 2, .stall = true}, {.num_answers = 0, .stall = true}});
  Visit visit(server);
  visit.Execute();
  EXPECT_THAT(visit.ids, ElementsAre("r0", "r1", "r2"));
  EXPECT_EQ(server.CountCalls("ReattachExecute"), 2);
}

TEST(ConnectClientTest, SilenceEndsWhetherTheServerAnswersOtherwiseOrNot) {
  for (const bool answers : {true, false}) {
    FakeServer server;
    std::vector<Stream> streams(100, Stream{.num_answers = 0, .stall = true});
    streams[0].num_answers = 1;
    server.Script(streams);
    ConnectTuning tuning = Quick();
    if (!answers) tuning.silence_time = milliseconds(60'000);
    Visit visit(server, "", tuning);
    connect::AnalyzePlanRequest request;
    request.mutable_spark_version();
    visit.client.Analyze(request);
    if (!answers) server.Stall("Config");
    const double seconds = SecondsOf([&] {
      EXPECT_THAT(visit.Failure(ErrorKind::kUnavailable),
                  HasSubstr(answers ? "has not said a word" : "does not answer in time"));
    });
    // Silence of 1.5 s, or six tries of a stream and a call of 0.3 s each.
    EXPECT_LT(seconds, 6);
    EXPECT_THAT(visit.ids, ElementsAre("r0"));
  }
}

TEST(ConnectClientTest, ARestartedServerIsNoticed) {
  FakeServer server;
  Visit visit(server);
  visit.Execute();
  server.SetServerSession("server-2");
  EXPECT_THAT(visit.Failure(ErrorKind::kIo),
              AllOf(HasSubstr("was restarted"), HasSubstr("run the command again")));
}

TEST(ConnectClientTest, AnExpiredSessionIsNamed) {
  for (const char* name : {"SESSION_CLOSED", "SESSION_CHANGED", "SESSION_NOT_FOUND"}) {
    FakeServer server;
    AnswerOften(&server, 4);
    const grpc::Status lost(grpc::StatusCode::INTERNAL,
                            std::string("[INVALID_HANDLE.") + name + "] The handle is invalid.");
    for (const int num_answers : {0, 2}) {
      server.Script(
          {{.num_answers = num_answers, .status = kCut}, {.num_answers = 0, .status = lost}});
      Visit visit(server);
      EXPECT_THAT(visit.Failure(ErrorKind::kIo),
                  AllOf(HasSubstr("expired"), HasSubstr(name), HasSubstr("run the command again")));
    }
  }
}

TEST(ConnectClientTest, AnErrorOfTheQueryIsItsClassAndFirstLineAndIsNotTriedAgain) {
  FakeServer server;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[TABLE_OR_VIEW_NOT_FOUND] The table `t` cannot be found.\nTo tolerate it, … SQLSTATE: "
       "42P01; line 1 pos 14;\n'Project [*]",
       "Spark: [TABLE_OR_VIEW_NOT_FOUND] The table `t` cannot be found. SQLSTATE: 42P01"},
      {"\n[PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC': \u00e9\u65e5%41. SQLSTATE: 42601 "
       "(line 1, pos 0)\n\n== SQL ==",
       "Spark: [PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC': \u00e9\u65e5%41. SQLSTATE: "
       "42601 (line 1, pos 0)"},
  };
  for (const auto& [message, expected] : cases) {
    server.Script({{.num_answers = 1, .status = {grpc::StatusCode::INTERNAL, message}}});
    Visit visit(server);
    EXPECT_EQ(visit.Failure(ErrorKind::kInvalidArgument), expected);
  }
  EXPECT_EQ(server.CountCalls("ReattachExecute"), 0);
  EXPECT_EQ(server.CountCalls("FetchErrorDetails"), 0);
  EXPECT_TRUE(server.WaitForCalls("ReleaseExecute", 2));
}

TEST(ConnectClientTest, WhatHasNoClassIsSparksOwnFailure) {
  FakeServer server;
  server.Script(
      {{.num_answers = 0,
        .status = {grpc::StatusCode::INTERNAL,
                   "Job aborted due to stage failure: No space left on device\n\tat x"}},
       {.num_answers = 0,
        .status = SparkFailure(grpc::StatusCode::INTERNAL, "Division by zero.",
                               {{"errorClass", "DIVIDE_BY_ZERO"}, {"sqlState", "22012"}})},
       {.num_answers = 0, .status = {grpc::StatusCode::INTERNAL, ""}}});
  Visit visit(server);
  EXPECT_EQ(visit.Failure(ErrorKind::kIo),
            "Spark: Job aborted due to stage failure: No space left on device");
  EXPECT_EQ(visit.Failure(ErrorKind::kInvalidArgument),
            "Spark: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012");
  EXPECT_EQ(visit.Failure(ErrorKind::kIo), "Spark: it gives no reason (gRPC status 13)");
}

TEST(ConnectClientTest, StacksAreLoggedAtDebugLevelAndNoTokenIs) {
  ConfigureLog(LogLevel::kDebug, LogFormat::kText);
  FakeServer server;
  server.RequireToken("v7Kq-token");
  server.Script(
      {{.num_answers = 0, .status = kCut},
       {.num_answers = 0,
        .status = SparkFailure(grpc::StatusCode::INTERNAL, "[DIVIDE_BY_ZERO] by v7Kq-token",
                               {{"errorId", "e-17"}})}});
  Visit visit(server, ";token=v7Kq-token");
  ::testing::internal::CaptureStderr();
  const std::string message = visit.Failure(ErrorKind::kInvalidArgument);
  const std::string log = ::testing::internal::GetCapturedStderr();
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  EXPECT_EQ(message, "Spark: [DIVIDE_BY_ZERO] by ***");
  EXPECT_THAT(log, AllOf(HasSubstr("details of e-17"), HasSubstr("at org.example.Deep"),
                         HasSubstr("trying again in"), Not(HasSubstr("v7Kq"))));
}

TEST(ConnectClientTest, AWrongTokenIsDeniedAndNotShown) {
  FakeServer server;
  server.RequireToken("right");
  Visit wrong(server, ";token=v7Kq");
  EXPECT_THAT(wrong.Failure(ErrorKind::kDenied),
              AllOf(HasSubstr("refuses the token"), HasSubstr("token=…"), Not(HasSubstr("v7Kq"))));
  EXPECT_EQ(server.calls().size(), 1u) << "not tried again";
  Visit none(server);
  EXPECT_THAT(none.Failure(ErrorKind::kDenied), HasSubstr("asks for a token"));
  Visit right(server, ";token=right");
  EXPECT_EQ(right.Query(), 1);
}

TEST(ConnectClientTest, AServerThatKnowsNoCompressionIsUsedWithoutIt) {
  FakeServer server;
  server.Script("Config",
                {{grpc::StatusCode::INTERNAL, "[INVALID_CONF_VALUE] zstd? SQLSTATE: 22022"}});
  Visit visit(server);
  EXPECT_EQ(visit.Query(), 1);
}

TEST(ConnectClientTest, AfterAWholeResultTheStatusDoesNotMatter) {
  FakeServer server;
  server.Script({{.status = kCut}});
  Visit visit(server);
  EXPECT_EQ(visit.Query(), 1);
  EXPECT_EQ(server.CountCalls("ReattachExecute"), 0);
}

TEST(ConnectClientTest, AVisitorsErrorReleasesTheExecution) {
  FakeServer server;
  AnswerOften(&server, 100);
  Visit visit(server);
  connect::Plan plan;
  EXPECT_THROW(visit.client.Execute(plan,
                                    [](const connect::ExecutePlanResponse&) {
                                      throw Error(ErrorKind::kInternal, "mine");
                                    }),
               Error);
  EXPECT_TRUE(server.WaitForCalls("ReleaseExecute", 1));
  EXPECT_EQ(server.CountCalls("Interrupt"), 0);
  visit.Execute();
  EXPECT_EQ(visit.ids.size(), 99u);
}

TEST(ConnectClientTest, AnInterruptEndsAStreamAndItsWork) {
  FakeServer server;
  AnswerOften(&server, 4);
  server.Script({{.num_answers = 2, .stall = true}});
  ConnectTuning tuning = Quick();
  tuning.answer_time = milliseconds(60'000);
  Visit visit(server, "", tuning);
  std::thread user([&] {
    EXPECT_TRUE(server.WaitForCalls("ExecutePlan", 1));
    std::this_thread::sleep_for(milliseconds(50));
    visit.client.Interrupt();
  });
  EXPECT_LT(SecondsOf([&] { visit.Failure(ErrorKind::kInterrupted); }), 2);
  user.join();
  EXPECT_EQ(server.CountCalls("Interrupt"), 1);
  EXPECT_TRUE(server.WaitForCalls("ReleaseExecute", 1));
  const std::size_t num_calls = server.calls().size();
  visit.Failure(ErrorKind::kInterrupted);
  EXPECT_EQ(server.calls().size(), num_calls) << "of a client that was interrupted";
}

TEST(ConnectClientTest, AnInterruptEndsWaitsAndCalls) {
  FakeServer server;
  server.Script(std::vector<Stream>(10, Stream{.num_answers = 0, .status = kCut}));
  server.Stall("AnalyzePlan");
  ConnectTuning slow = Quick();
  slow.first_wait = slow.longest_wait = milliseconds(30'000);
  slow.analyze_time = milliseconds(30'000);
  Visit waiting(server, "", slow);
  Visit calling(server, "", slow);
  std::thread user([&] {
    EXPECT_TRUE(server.WaitForCalls("ExecutePlan", 1));
    std::this_thread::sleep_for(milliseconds(50));
    waiting.client.Interrupt();
    EXPECT_TRUE(server.WaitForCalls("AnalyzePlan", 1));
    std::this_thread::sleep_for(milliseconds(50));
    calling.client.Interrupt();
  });
  EXPECT_LT(SecondsOf([&] {
              waiting.Failure(ErrorKind::kInterrupted);
              connect::AnalyzePlanRequest request;
              request.mutable_spark_version();
              EXPECT_THROW(calling.client.Analyze(request), Error);
            }),
            3);
  user.join();
}

TEST(ConnectClientTest, AnInterruptDoesNotWaitForAServerThatHangs) {
  FakeServer server;
  server.Script({{.num_answers = 1, .stall = true}});
  for (const char* call : {"Interrupt", "ReleaseExecute", "ReleaseSession"}) server.Stall(call);
  std::optional<Visit> visit;
  visit.emplace(server);
  std::thread user([&] {
    EXPECT_TRUE(server.WaitForCalls("ExecutePlan", 1));
    visit->client.Interrupt();
  });
  // Half a second each for Interrupt, ReleaseSession and what was begun.
  EXPECT_LT(SecondsOf([&] {
              visit->Failure(ErrorKind::kInterrupted);
              user.join();
              visit.reset();
            }),
            4);
}

TEST(ConnectClientTest, ShowsProgressAndCommandsGetOnlyWhatIsTheirs) {
  FakeServer server;
  connect::ExecutePlanResponse progress;
  for (const int tasks : {4, 6}) {
    auto* const stage = progress.mutable_execution_progress()->add_stages();
    stage->set_num_tasks(tasks);
    stage->set_num_completed_tasks(tasks / 2);
  }
  connect::ExecutePlanResponse metrics;
  metrics.mutable_metrics();
  connect::ExecutePlanResponse result;
  result.mutable_sql_command_result()->mutable_relation();
  server.SetAnswers({progress, metrics, result, EndAnswer()});
  Visit visit(server);
  std::vector<std::pair<std::int64_t, std::int64_t>> shown;
  visit.client.SetProgress(
      [&](const ConnectProgress& now) { shown.emplace_back(now.done_tasks, now.total_tasks); });
  int num_answers = 0;
  visit.client.Run(connect::Command(), [&](const connect::ExecutePlanResponse& answer) {
    EXPECT_TRUE(answer.has_sql_command_result());
    ++num_answers;
  });
  EXPECT_EQ(num_answers, 1);
  EXPECT_THAT(shown, ElementsAre(Pair(5, 10)));
}

TEST(ConnectClientTest, AWatcherIsToldOfMetricsAndFailuresAndMayExecuteAndThrow) {
  FakeServer server;
  connect::ExecutePlanResponse answer;
  answer.add_observed_metrics()->set_name("seen");
  server.SetAnswers({answer, EndAnswer()});
  Visit visit(server);
  std::vector<std::string> told;
  visit.client.SetWatcher(
      [&](std::span<const ObservedMetrics> metrics) {
        for (const ObservedMetrics& observed : metrics) told.push_back(observed.name());
        if (told.size() == 1) visit.Execute();
        if (told.size() == 3) throw Error(ErrorKind::kInvalidArgument, "refused");
      },
      [&](const Error& error) { told.emplace_back(error.what()); });
  visit.Execute();
  EXPECT_THAT(told, ElementsAre("seen", "seen"));
  EXPECT_EQ(visit.Failure(ErrorKind::kInvalidArgument), "refused");
  server.Script({{.num_answers = 0, .status = {grpc::StatusCode::INTERNAL, "[BAD] row"}}});
  EXPECT_EQ(visit.Failure(ErrorKind::kInvalidArgument), "Spark: [BAD] row");
  EXPECT_THAT(told, ElementsAre("seen", "seen", "seen", "Spark: [BAD] row"));
}

TEST(ConnectClientTest, WhatIsToBeToldAtTheEndIsToldAfterAnInterrupt) {
  FakeServer server;
  {
    Visit visit(server);
    visit.Query();
    connect::AnalyzePlanRequest request;
    request.mutable_unpersist();
    visit.client.AnalyzeAtEnd(request);
    visit.client.Interrupt();
    EXPECT_EQ(server.CountCalls("AnalyzePlan"), 0);
  }
  std::vector<std::string> calls = server.calls();
  std::erase(calls, "ReleaseExecute");  // Nobody waits for those.
  ASSERT_GE(calls.size(), 2u);
  EXPECT_EQ(calls.end()[-2], "AnalyzePlan");
  EXPECT_EQ(calls.back(), "ReleaseSession");
}

TEST(ConnectClientTest, ASiblingIsOfTheSameSessionAndInterruptedWithIt) {
  FakeServer server;
  Visit visit(server);
  visit.Query();
  {
    const std::unique_ptr<ConnectClient> sibling = visit.client.Sibling();
    EXPECT_EQ(sibling->session_id(), visit.client.session_id());
    connect::Relation relation;
    relation.mutable_sql()->set_query("SELECT 1");
    std::int64_t num_rows = 0;
    const auto query = [&] {
      sibling->Query(relation, [&](const ArrowRows& rows) { num_rows += rows.num_rows; });
    };
    query();
    EXPECT_EQ(num_rows, 1);
    EXPECT_EQ(server.last_request().session_id(), visit.client.session_id());
    visit.client.Interrupt();
    EXPECT_THROW(query(), Error);
  }
  EXPECT_EQ(server.CountCalls("ReleaseSession"), 0) << "it is the other client's";
}

// What a client says that asks SELECT 1.
std::string SaidOverTls(const std::string& url, const std::string& ca_file) {
  SparkRemote remote = ParseSparkRemote(url);
  remote.ca_file = ca_file;
  ConnectTuning tuning = Quick();
  // The system's certificates are many to read.
  tuning.answer_time = tuning.analyze_time = milliseconds(20'000);
  ConnectClient client(remote, tuning);
  try {
    connect::AnalyzePlanRequest request;
    request.mutable_spark_version();
    return client.Analyze(request).spark_version().version();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("v7Kq")));
    return error.what();
  }
}

TEST(ConnectClientTest, OverTlsTheServersCertificateAndNameAreChecked) {
  const FakeServer::Identity identity = FakeServer::Identity::Make("localhost");
  const std::string ca_file = ::testing::TempDir() + "/spark_connect_ca.pem";
  std::ofstream(ca_file) << identity.certificate;
  FakeServer server(identity);
  server.RequireToken("v7Kq");
  const std::string parameters = ":" + std::to_string(server.port()) + "/;use_ssl=true;token=v7Kq";
  EXPECT_EQ(SaidOverTls("sc://localhost" + parameters, ca_file), "4.3.0");

  EXPECT_THAT(SaidOverTls("sc://127.0.0.1" + parameters, ca_file),
              AllOf(StartsWith("no TLS connection to the Spark server at 127.0.0.1:"),
                    EndsWith("its certificate is for another host")));
  EXPECT_THAT(SaidOverTls("sc://localhost" + parameters, ""),
              HasSubstr("its certificate is not trusted here"));
  const std::string other_file = ::testing::TempDir() + "/spark_connect_other_ca.pem";
  std::ofstream(other_file) << FakeServer::Identity::Make("localhost").certificate;
  EXPECT_THAT(SaidOverTls("sc://localhost" + parameters, other_file),
              HasSubstr("its certificate is not trusted here"));

  EXPECT_THAT(SaidOverTls("sc://localhost" + parameters, ca_file + ".none"),
              HasSubstr("can't be read"));
  std::ofstream(other_file) << "no certificate";
  EXPECT_THAT(SaidOverTls("sc://localhost" + parameters, other_file),
              HasSubstr("holds no certificate (PEM)"));

  FakeServer plain;
  EXPECT_THAT(
      SaidOverTls("sc://localhost:" + std::to_string(plain.port()) + "/;use_ssl=true", ca_file),
      HasSubstr("it does not speak TLS there"));
  EXPECT_THAT(SaidOverTls("sc://127.0.0.1:" + std::to_string(server.port()), ca_file),
              HasSubstr("use_ssl=true"));
}

std::int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

TEST(ConnectClientTest, AHugeResultPassesThroughAndIsReleasedAsItComes) {
  // 300 batches of 1 MiB: a visitor that keeps none needs none.
  constexpr int kNumBatches = 300;
  FakeServer server;
  const std::string megabyte(1 << 20, 'x');
  server.SetAnswers(kNumBatches + 1, [&](int i) {
    return i < kNumBatches ? BatchAnswer(megabyte, 1) : EndAnswer();
  });
  ConnectTuning tuning = Quick();
  tuning.answer_time = milliseconds(20'000);
  Visit visit(server, "", tuning);
  std::int64_t bytes = 0;
  std::int64_t highest = 0;
  [[maybe_unused]] const std::int64_t before = ResidentBytes();
  visit.client.Execute({}, [&](const connect::ExecutePlanResponse& answer) {
    bytes += static_cast<std::int64_t>(answer.arrow_batch().data().size());
    highest = std::max(highest, ResidentBytes());
  });
  EXPECT_EQ(bytes, std::int64_t{kNumBatches} << 20);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Server and client are both in this process, and allocators keep some. Sanitizers keep more.
  EXPECT_LT(highest - before, 100LL << 20);
#endif
  ASSERT_TRUE(server.WaitForCalls("ReleaseExecute", 5));
  // The first answer beyond 100 MiB, and every 64th from there.
  EXPECT_THAT(server.calls(), ElementsAre("Config", "ExecutePlan", "ReleaseExecute until r100",
                                          "ReleaseExecute until r164", "ReleaseExecute until r228",
                                          "ReleaseExecute until r292", "ReleaseExecute"));
}

}  // namespace
}  // namespace firesteel
