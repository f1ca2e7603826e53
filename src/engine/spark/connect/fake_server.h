#pragma once

#include <grpcpp/server.h>
#include <grpcpp/support/status.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "spark/connect/base.grpc.pb.h"

namespace firesteel {

/// For tests: a Spark Connect server on loopback that answers every plan with the same answers, by
/// the protocol's rules, and does to its streams and calls what a real one can't be made to do.
/// Keeps what it is asked. Threads: any, but settings are made while nothing is asked.
class FakeServer {
 public:
  /// What one call of ExecutePlan or ReattachExecute does.
  struct Stream {
    static constexpr int kAll = std::numeric_limits<int>::max();

    int num_answers = kAll;  // That many of those that the client lacks, and then:
    grpc::Status status = grpc::Status::OK;
    bool stall = false;   // Says nothing more until the client goes away; then `status`.
    bool lost = false;    // The request is as if it had never come; `status`.
    bool repeat = false;  // Begins with the first answer whatever the client has.
  };

  /// A key and a certificate for `host` that no authority stands behind; PEM.
  struct Identity {
    std::string key;
    std::string certificate;

    static Identity Make(const std::string& host);
  };

  FakeServer();
  /// Speaks TLS.
  explicit FakeServer(Identity identity);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  int port() const { return port_; }
  std::string url() const;

  /// The answers of each plan: `num_answers`, made as they are sent. Ids "r0", "r1", … are given to
  /// those without one. Without a call: a schema, kOneRow and the end of the result.
  void SetAnswers(int num_answers,
                  std::function<spark::connect::ExecutePlanResponse(int)> make_answer);
  void SetAnswers(const std::vector<spark::connect::ExecutePlanResponse>& answers);
  /// What the next calls of ExecutePlan and ReattachExecute do, in their order; others do all.
  void Script(const std::vector<Stream>& streams);
  /// The statuses of the next calls of that name ("Config", "AnalyzePlan", …); others succeed.
  void Script(std::string_view call, const std::vector<grpc::Status>& statuses);
  /// Calls of that name do not return until the client goes away.
  void Stall(std::string_view call);
  /// Calls without "Bearer `token`" are denied.
  void RequireToken(std::string token) { token_ = std::move(token); }
  void SetServerSession(std::string id) { server_session_ = std::move(id); }

  /// Cuts every connection and takes no more.
  void Stop();
  /// Goes on at the same port. What was executed before is known, or not.
  void Start(bool forget);

  /// The calls so far, in the order in which they came: "Config", "ExecutePlan",
  /// "ReattachExecute after r1", "ReleaseExecute", "ReleaseExecute until r64", "Interrupt", ….
  std::vector<std::string> calls() const;
  int CountCalls(std::string_view name) const;
  /// Waits until there are that many calls of a name; false if there are not within 10 s.
  bool WaitForCalls(std::string_view name, int count) const;
  /// Of the last call that had it.
  spark::connect::ExecutePlanRequest last_request() const;
  std::multimap<std::string, std::string> last_metadata() const;
  int num_executions() const;

 private:
  class Service;

  int CountCallsLocked(std::string_view name) const;

  Identity identity_;  // Empty: no TLS.
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::string token_;
  std::string server_session_ = "server-1";

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  int num_answers_ = 0;
  std::function<spark::connect::ExecutePlanResponse(int)> make_answer_;
  std::deque<Stream> streams_;
  std::map<std::string, std::deque<grpc::Status>, std::less<>> statuses_;
  std::map<std::string, bool, std::less<>> stalls_;
  std::vector<std::string> calls_;
  std::map<std::string, int> operations_;  // By id: how often executed.
  spark::connect::ExecutePlanRequest last_request_;
  std::multimap<std::string, std::string> last_metadata_;
  int num_executions_ = 0;
};

/// Whole Arrow streams as Spark 4.3.0 sent them, compressed with zstd: of SELECT 1 (column "1"), of
/// no rows (column "a"), and of 50 rows of z (0), n (null text) and s ('spark').
std::string OneRow();
std::string NoRows();
std::string FiftyRows();

spark::connect::ExecutePlanResponse BatchAnswer(std::string data, int row_count);
spark::connect::ExecutePlanResponse EndAnswer();

/// A status with details of google.rpc, as Spark's server sends them.
grpc::Status SparkFailure(grpc::StatusCode code, const std::string& message,
                          const std::map<std::string, std::string>& error_info = {},
                          int retry_delay_ms = 0);

}  // namespace firesteel
