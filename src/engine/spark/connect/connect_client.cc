#include "engine/spark/connect/connect_client.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "spark/connect/base.grpc.pb.h"

namespace firesteel {

namespace connect = spark::connect;

struct ConnectClient::State {
  SparkRemote remote;
  ConnectTuning tuning;
  std::string session = RandomUuid();
  std::string server_session;
  std::unique_ptr<connect::SparkConnectService::Stub> stub;
  std::function<void(const ConnectProgress&)> progress;

  connect::SparkConnectService::Stub& Stub() {
    if (!stub) {
      grpc::ChannelArguments arguments;
      arguments.SetMaxReceiveMessageSize(128 << 20);
      stub = connect::SparkConnectService::NewStub(
          grpc::CreateCustomChannel(fmt::format("{}:{}", remote.host, remote.port),
                                    grpc::InsecureChannelCredentials(), arguments));
    }
    return *stub;
  }
  void Prepare(grpc::ClientContext* context) const {
    if (!remote.token.empty()) context->AddMetadata("authorization", "Bearer " + remote.token);
  }
  template <typename Request>
  void Fill(Request* request) const {
    request->set_session_id(session);
    request->mutable_user_context()->set_user_id("firesteel");
    request->set_client_type("firesteel");
    if (!server_session.empty()) {
      request->set_client_observed_server_side_session_id(server_session);
    }
  }
  static void Check(const grpc::Status& status) {
    if (!status.ok()) throw Error(ErrorKind::kInvalidArgument, "Spark: " + status.error_message());
  }
};

ConnectClient::ConnectClient(SparkRemote remote, const ConnectTuning& tuning)
    : state_(std::make_unique<State>()) {
  state_->remote = std::move(remote);
  state_->tuning = tuning;
}

ConnectClient::~ConnectClient() = default;

void ConnectClient::Execute(
    const connect::Plan& plan,
    const std::function<void(const connect::ExecutePlanResponse&)>& visitor) {
  connect::ExecutePlanRequest request;
  state_->Fill(&request);
  *request.mutable_plan() = plan;
  grpc::ClientContext context;
  state_->Prepare(&context);
  const auto reader = state_->Stub().ExecutePlan(&context, request);
  connect::ExecutePlanResponse response;
  while (reader->Read(&response)) visitor(response);
  State::Check(reader->Finish());
}

void ConnectClient::Query(const connect::Relation& relation,
                          const std::function<void(const ArrowRows&)>& visitor) {
  connect::Plan plan;
  *plan.mutable_root() = relation;
  Execute(plan, [&](const connect::ExecutePlanResponse& response) {
    if (response.has_arrow_batch()) ReadArrowStream(response.arrow_batch().data(), visitor);
  });
}

void ConnectClient::Run(const connect::Command& command,
                        const std::function<void(const connect::ExecutePlanResponse&)>& visitor) {
  connect::Plan plan;
  *plan.mutable_command() = command;
  Execute(plan, [&](const connect::ExecutePlanResponse& response) {
    if (visitor) visitor(response);
  });
}

connect::AnalyzePlanResponse ConnectClient::Analyze(connect::AnalyzePlanRequest request) {
  state_->Fill(&request);
  grpc::ClientContext context;
  state_->Prepare(&context);
  connect::AnalyzePlanResponse response;
  State::Check(state_->Stub().AnalyzePlan(&context, request, &response));
  return response;
}

void ConnectClient::SetConfig(const std::map<std::string, std::string>& settings) {
  connect::ConfigRequest request;
  state_->Fill(&request);
  for (const auto& [key, value] : settings) {
    auto* pair = request.mutable_operation()->mutable_set()->add_pairs();
    pair->set_key(key);
    pair->set_value(value);
  }
  grpc::ClientContext context;
  state_->Prepare(&context);
  connect::ConfigResponse response;
  State::Check(state_->Stub().Config(&context, request, &response));
}

const std::string& ConnectClient::session_id() const { return state_->session; }

void ConnectClient::SetProgress(std::function<void(const ConnectProgress&)> progress) {
  state_->progress = std::move(progress);
}

void ConnectClient::Interrupt() {}

}  // namespace firesteel
