#include "engine/spark/connect/connect_client.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "engine/spark/connect/connect_session.h"
#include "engine/spark/connect/execution.h"

namespace firesteel {

namespace connect = spark::connect;

namespace {

// Tells the log what one call took, whether or not it succeeded.
class CallTimer {
 public:
  explicit CallTimer(std::string what) : what_(std::move(what)) {}
  ~CallTimer() {
    const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin_);
    LogDebug(fmt::format("Spark took {} ms: {}", taken.count(), what_));
  }
  CallTimer(const CallTimer&) = delete;
  CallTimer& operator=(const CallTimer&) = delete;

 private:
  std::string what_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

std::string Shortened(std::string_view text) {
  constexpr std::size_t kLength = 120;
  return text.size() <= kLength ? std::string(text) : std::string(text.substr(0, kLength)) + "…";
}

// What a plan does, in a few words.
std::string NameOf(const connect::Plan& plan) {
  if (plan.has_root()) {
    const connect::Relation& root = plan.root();
    if (root.has_sql()) return Shortened(root.sql().query());
    if (root.has_aggregate()) {
      const connect::Aggregate& aggregate = root.aggregate();
      return fmt::format("{} aggregates by {} keys", aggregate.aggregate_expressions_size(),
                         aggregate.grouping_expressions_size());
    }
    return "rows";
  }
  const connect::Command& command = plan.command();
  if (command.has_write_operation()) return "write " + command.write_operation().path();
  if (command.has_create_dataframe_view()) return "name a view";
  if (command.has_ml_command()) return "a command of Spark ML";
  return "a command";
}

}  // namespace

struct ConnectClient::State {
  State(SparkRemote remote, const ConnectTuning& tuning)
      : is_ours(remote.session_id.empty()), session(std::move(remote), tuning) {}

  // Asks for results that are compressed. A server that does not know how sends them plain.
  void Open() {
    session.ThrowIfInterrupted();
    if (is_open) return;
    connect::ConfigRequest request;
    auto* const pair = request.mutable_operation()->mutable_set()->add_pairs();
    pair->set_key("spark.sql.execution.arrow.compression.codec");
    pair->set_value("zstd");
    try {
      Configure(std::move(request));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInvalidArgument) throw;
      LogDebug(fmt::format("results come uncompressed: {}", error.what()));
    }
    is_open = true;
  }

  connect::ConfigResponse Configure(connect::ConfigRequest request) {
    return session.Call(&ConnectSession::Stub::Config, std::move(request),
                        session.tuning().answer_time);
  }

  void ShowProgress(const connect::ExecutePlanResponse::ExecutionProgress& message) const {
    ConnectProgress shown;
    for (const auto& stage : message.stages()) {
      shown.done_tasks += stage.num_completed_tasks();
      shown.total_tasks += stage.num_tasks();
    }
    progress(shown);
  }

  // Siblings are made and unmade by other threads than the one that interrupts them.
  void Interrupt() {
    const std::lock_guard<std::mutex> guard(mutex);
    session.Interrupt();
    for (State* sibling : siblings) sibling->Interrupt();
  }
  void Adopt(State* sibling) {
    const std::lock_guard<std::mutex> guard(mutex);
    siblings.insert(sibling);
    if (session.interrupted()) sibling->Interrupt();
  }
  void Abandon(State* sibling) {
    const std::lock_guard<std::mutex> guard(mutex);
    siblings.erase(sibling);
  }

  bool is_ours;  // The session.
  bool is_open = false;
  ConnectSession session;
  State* elder = nullptr;  // Whose session it is, if that is another client's.
  std::mutex mutex;
  std::set<State*> siblings;  // Guarded by mutex.
  std::function<void(const ConnectProgress&)> progress;
  std::vector<connect::AnalyzePlanRequest> at_end;
  std::function<void(std::span<const ObservedMetrics>)> observed;
  std::function<void(const Error&)> failed;
};

ConnectClient::ConnectClient(SparkRemote remote, const ConnectTuning& tuning)
    : state_(std::make_unique<State>(std::move(remote), tuning)) {}

ConnectClient::ConnectClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

ConnectClient::~ConnectClient() {
  if (state_->elder != nullptr) state_->elder->Abandon(state_.get());
  for (connect::AnalyzePlanRequest& request : state_->at_end) {
    state_->session.CallAtEnd(&ConnectSession::Stub::AnalyzePlan, std::move(request),
                              "Spark was not told what there was to tell at the end");
  }
  if (state_->is_ours && state_->session.answered()) state_->session.ReleaseSession();
}

void ConnectClient::Execute(
    const connect::Plan& plan,
    const std::function<void(const connect::ExecutePlanResponse&)>& visitor) {
  state_->Open();
  std::vector<ObservedMetrics> metrics;
  try {
    const CallTimer timer(NameOf(plan));
    ExecutePlan(&state_->session, plan, [&](const connect::ExecutePlanResponse& answer) {
      if (answer.has_execution_progress() && state_->progress) {
        state_->ShowProgress(answer.execution_progress());
      }
      metrics.insert(metrics.end(), answer.observed_metrics().begin(),
                     answer.observed_metrics().end());
      visitor(answer);
    });
  } catch (const Error& error) {
    if (state_->failed) state_->failed(error);
    throw;
  }
  if (state_->observed && !metrics.empty()) state_->observed(metrics);
}

void ConnectClient::Query(const connect::Relation& relation,
                          const std::function<void(const ArrowRows&)>& visitor) {
  connect::Plan plan;
  *plan.mutable_root() = relation;
  Execute(plan, [&](const connect::ExecutePlanResponse& answer) {
    if (answer.has_arrow_batch()) ReadArrowStream(answer.arrow_batch().data(), visitor);
  });
}

std::vector<std::int64_t> ConnectClient::QueryNumbers(const connect::Relation& relation) {
  std::vector<std::int64_t> numbers;
  Query(relation, [&](const ArrowRows& rows) {
    for (std::int64_t row = 0; row < rows.num_rows; ++row) {
      for (const ArrowColumn& column : rows.columns) numbers.push_back(column.Integer(row));
    }
  });
  if (numbers.empty()) throw Error(ErrorKind::kInternal, "Spark returned no row of numbers");
  return numbers;
}

void ConnectClient::Run(const connect::Command& command,
                        const std::function<void(const connect::ExecutePlanResponse&)>& visitor) {
  connect::Plan plan;
  *plan.mutable_command() = command;
  Execute(plan, [&](const connect::ExecutePlanResponse& answer) {
    if (!visitor || answer.has_arrow_batch() || answer.has_execution_progress()) return;
    // A schema or the metrics of operators alone.
    if (answer.response_type_case() == connect::ExecutePlanResponse::RESPONSE_TYPE_NOT_SET &&
        answer.observed_metrics_size() == 0) {
      return;
    }
    visitor(answer);
  });
}

connect::AnalyzePlanResponse ConnectClient::Analyze(connect::AnalyzePlanRequest request) {
  state_->Open();
  const CallTimer timer("analysis of a plan");
  return state_->session.Call(&ConnectSession::Stub::AnalyzePlan, std::move(request),
                              state_->session.tuning().analyze_time);
}

void ConnectClient::AnalyzeAtEnd(connect::AnalyzePlanRequest request) {
  state_->at_end.push_back(std::move(request));
}

void ConnectClient::SetConfig(const std::map<std::string, std::string>& settings) {
  state_->Open();
  connect::ConfigRequest request;
  for (const auto& [key, value] : settings) {
    auto* const pair = request.mutable_operation()->mutable_set()->add_pairs();
    pair->set_key(key);
    pair->set_value(value);
  }
  const connect::ConfigResponse response = state_->Configure(std::move(request));
  for (const std::string& warning : response.warnings()) LogDebug("Spark: " + warning);
}

void ConnectClient::UnsetConfig(const std::map<std::string, std::string>& settings) {
  state_->Open();
  connect::ConfigRequest request;
  for (const auto& [key, value] : settings) {
    request.mutable_operation()->mutable_unset()->add_keys(key);
  }
  state_->Configure(std::move(request));
}

std::optional<std::string> ConnectClient::GetConfig(const std::string& key) {
  state_->Open();
  connect::ConfigRequest request;
  request.mutable_operation()->mutable_get_option()->add_keys(key);
  const connect::ConfigResponse response = state_->Configure(std::move(request));
  for (const connect::KeyValue& pair : response.pairs()) {
    if (pair.key() == key && pair.has_value()) return pair.value();
  }
  return std::nullopt;
}

std::unique_ptr<ConnectClient> ConnectClient::Sibling() {
  SparkRemote remote = state_->session.remote();
  remote.session_id = state_->session.session_id();
  auto state = std::make_unique<State>(std::move(remote), state_->session.tuning());
  state->is_open = true;
  state->elder = state_.get();
  state_->Adopt(state.get());
  return std::unique_ptr<ConnectClient>(new ConnectClient(std::move(state)));
}

const std::string& ConnectClient::session_id() const { return state_->session.session_id(); }

void ConnectClient::SetProgress(std::function<void(const ConnectProgress&)> progress) {
  state_->progress = std::move(progress);
}

void ConnectClient::SetWatcher(std::function<void(std::span<const ObservedMetrics>)> observed,
                               std::function<void(const Error&)> failed) {
  state_->observed = std::move(observed);
  state_->failed = std::move(failed);
}

void ConnectClient::Interrupt() { state_->Interrupt(); }

}  // namespace firesteel
