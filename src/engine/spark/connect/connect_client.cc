#include "engine/spark/connect/connect_client.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/spark/connect/connect_session.h"
#include "engine/spark/connect/execution.h"

namespace firesteel {

namespace connect = spark::connect;

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
      session.Call(&ConnectSession::Stub::Config, std::move(request), session.tuning().answer_time);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInvalidArgument) throw;
      LogDebug(fmt::format("results come uncompressed: {}", error.what()));
    }
    is_open = true;
  }

  void ShowProgress(const connect::ExecutePlanResponse::ExecutionProgress& message) const {
    ConnectProgress shown;
    for (const auto& stage : message.stages()) {
      shown.done_tasks += stage.num_completed_tasks();
      shown.total_tasks += stage.num_tasks();
    }
    progress(shown);
  }

  bool is_ours;  // The session.
  bool is_open = false;
  ConnectSession session;
  std::function<void(const ConnectProgress&)> progress;
};

ConnectClient::ConnectClient(SparkRemote remote, const ConnectTuning& tuning)
    : state_(std::make_unique<State>(std::move(remote), tuning)) {}

ConnectClient::~ConnectClient() {
  if (state_->is_ours && state_->session.answered()) state_->session.ReleaseSession();
}

void ConnectClient::Execute(
    const connect::Plan& plan,
    const std::function<void(const connect::ExecutePlanResponse&)>& visitor) {
  state_->Open();
  ExecutePlan(&state_->session, plan, [&](const connect::ExecutePlanResponse& answer) {
    if (answer.has_execution_progress() && state_->progress) {
      state_->ShowProgress(answer.execution_progress());
    }
    visitor(answer);
  });
}

void ConnectClient::Query(const connect::Relation& relation,
                          const std::function<void(const ArrowRows&)>& visitor) {
  connect::Plan plan;
  *plan.mutable_root() = relation;
  Execute(plan, [&](const connect::ExecutePlanResponse& answer) {
    if (answer.has_arrow_batch()) ReadArrowStream(answer.arrow_batch().data(), visitor);
  });
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
  return state_->session.Call(&ConnectSession::Stub::AnalyzePlan, std::move(request),
                              state_->session.tuning().analyze_time);
}

void ConnectClient::SetConfig(const std::map<std::string, std::string>& settings) {
  state_->Open();
  connect::ConfigRequest request;
  for (const auto& [key, value] : settings) {
    auto* const pair = request.mutable_operation()->mutable_set()->add_pairs();
    pair->set_key(key);
    pair->set_value(value);
  }
  const connect::ConfigResponse response = state_->session.Call(
      &ConnectSession::Stub::Config, std::move(request), state_->session.tuning().answer_time);
  for (const std::string& warning : response.warnings()) LogDebug("Spark: " + warning);
}

const std::string& ConnectClient::session_id() const { return state_->session.session_id(); }

void ConnectClient::SetProgress(std::function<void(const ConnectProgress&)> progress) {
  state_->progress = std::move(progress);
}

void ConnectClient::Interrupt() { state_->session.Interrupt(); }

}  // namespace firesteel
