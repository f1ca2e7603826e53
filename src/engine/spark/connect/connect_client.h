#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/spark/connect/arrow_rows.h"
#include "engine/spark/connect/connect_tuning.h"
#include "engine/spark/connect/spark_remote.h"
#include "spark/connect/base.pb.h"

namespace firesteel {

/// What can be told of a query that runs: the tasks of its stages that have begun so far.
struct ConnectProgress {
  std::int64_t done_tasks = 0;
  std::int64_t total_tasks = 0;
};

using ObservedMetrics = spark::connect::ExecutePlanResponse::ObservedMetrics;

/// A session with a Spark Connect server: executes plans, and gets every answer to the end whatever
/// happens to the connection meanwhile. Threads: one caller at a time, but Interrupt from any.
/// Errors: kDenied for a token that is refused, kUnavailable for a server that does not answer,
/// kInterrupted, kInvalidArgument for what Spark says of a query ("Spark: [CLASS] first line"; the
/// rest is logged at debug level), kIo for a session that is lost, a server's certificate that is
/// not trusted, a result that can't be read, and what goes wrong in Spark without a class. No
/// message shows the token or metadata.
class ConnectClient {
 public:
  /// Opens nothing yet: the first call does.
  ConnectClient(SparkRemote remote, const ConnectTuning& tuning = {});
  /// Releases the session if there was one and the remote did not name it, within `farewell_time`.
  ~ConnectClient();
  ConnectClient(const ConnectClient&) = delete;
  ConnectClient& operator=(const ConnectClient&) = delete;

  /// Executes a plan and shows each of its answers once, in order.
  void Execute(const spark::connect::Plan& plan,
               const std::function<void(const spark::connect::ExecutePlanResponse&)>& visitor);
  /// Executes a relation and shows its rows, batch by batch; each is dropped then.
  void Query(const spark::connect::Relation& relation,
             const std::function<void(const ArrowRows&)>& visitor);
  /// The one row of a relation whose columns are whole numbers. Throws Error(kInternal) if there is
  /// none.
  std::vector<std::int64_t> QueryNumbers(const spark::connect::Relation& relation);
  /// Executes a command; the answers that are no rows, no progress and no
  /// metrics of operators; observed metrics are among them.
  void Run(const spark::connect::Command& command,
           const std::function<void(const spark::connect::ExecutePlanResponse&)>& visitor = {});
  /// Asks something of a plan. The session's fields of the request are filled in.
  spark::connect::AnalyzePlanResponse Analyze(spark::connect::AnalyzePlanRequest request);
  /// The same at the end, before the session is released: even if it was interrupted. What fails
  /// then is logged at debug level.
  void AnalyzeAtEnd(spark::connect::AnalyzePlanRequest request);
  /// Sets settings of the session.
  void SetConfig(const std::map<std::string, std::string>& settings);
  /// Gives settings of the session back to the server's defaults; the values are not looked at.
  void UnsetConfig(const std::map<std::string, std::string>& settings);
  /// A setting of the session; nothing if it has none of that name.
  std::optional<std::string> GetConfig(const std::string& key);

  /// A client of the same session for one more caller, which is interrupted with this one and must
  /// not outlive it. To be made after this one's first call.
  std::unique_ptr<ConnectClient> Sibling();

  const std::string& session_id() const;
  /// Called as a query runs, in the thread of the caller.
  void SetProgress(std::function<void(const ConnectProgress&)> progress);
  /// Called in the thread of the caller at the end of an execution, and may execute others: with
  /// the metrics that were observed in it, or with what it failed with, before that is thrown.
  /// What these throw takes its place.
  void SetWatcher(std::function<void(std::span<const ObservedMetrics>)> observed,
                  std::function<void(const Error&)> failed);
  /// Ends the running call and every later one with Error(kInterrupted), and the work on the
  /// server. Returns at once; the call that runs tells the server, within `farewell_time`.
  void Interrupt();

 private:
  struct State;
  explicit ConnectClient(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace firesteel
