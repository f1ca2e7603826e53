#include "engine/spark/connect/fake_server.h"

#include <fmt/format.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/error.h"
#include "server_status.pb.h"

namespace firesteel {

namespace connect = spark::connect;

namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::strtol(std::string(hex.substr(i, 2)).c_str(), nullptr, 16));
  }
  return bytes;
}

void AwaitCancel(const grpc::ServerContext& context) {
  while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace

class FakeServer::Service : public connect::SparkConnectService::Service {
 public:
  explicit Service(FakeServer* server) : server_(server) {}

  grpc::Status ExecutePlan(grpc::ServerContext* context, const connect::ExecutePlanRequest* request,
                           grpc::ServerWriter<connect::ExecutePlanResponse>* writer) override {
    const grpc::Status refused = Note("ExecutePlan", context);
    if (!refused.ok()) return refused;
    const Stream stream = NextStream();
    if (!stream.lost) {
      const std::lock_guard<std::mutex> guard(server_->mutex_);
      server_->last_request_ = *request;
      if (++server_->operations_[request->operation_id()] > 1) {
        return SparkFailure(grpc::StatusCode::INTERNAL,
                            "[INVALID_HANDLE.OPERATION_ALREADY_EXISTS] The handle is invalid.");
      }
      ++server_->num_executions_;
    }
    return Send(stream, 0, request->operation_id(), context, writer);
  }

  grpc::Status ReattachExecute(grpc::ServerContext* context,
                               const connect::ReattachExecuteRequest* request,
                               grpc::ServerWriter<connect::ExecutePlanResponse>* writer) override {
    const std::string after =
        request->has_last_response_id() ? " after " + request->last_response_id() : "";
    const grpc::Status refused = Note("ReattachExecute" + after, context);
    if (!refused.ok()) return refused;
    const Stream stream = NextStream();
    if (!stream.lost) {
      const std::lock_guard<std::mutex> guard(server_->mutex_);
      if (!server_->operations_.contains(request->operation_id())) {
        return SparkFailure(grpc::StatusCode::INTERNAL,
                            "[INVALID_HANDLE.OPERATION_NOT_FOUND] The handle is invalid.");
      }
    }
    int first = 0;
    if (request->has_last_response_id() && !stream.repeat) {
      while (Answer(first++).response_id() != request->last_response_id()) {
      }
    }
    return Send(stream, first, request->operation_id(), context, writer);
  }

  grpc::Status AnalyzePlan(grpc::ServerContext* context, const connect::AnalyzePlanRequest*,
                           connect::AnalyzePlanResponse* response) override {
    response->set_server_side_session_id(server_->server_session_);
    response->mutable_spark_version()->set_version("4.3.0");
    return NoteCall("AnalyzePlan", context);
  }

  grpc::Status Config(grpc::ServerContext* context, const connect::ConfigRequest*,
                      connect::ConfigResponse* response) override {
    response->set_server_side_session_id(server_->server_session_);
    return NoteCall("Config", context);
  }

  grpc::Status Interrupt(grpc::ServerContext* context, const connect::InterruptRequest* request,
                         connect::InterruptResponse*) override {
    return NoteCall(
        request->interrupt_type() == connect::InterruptRequest::INTERRUPT_TYPE_OPERATION_ID
            ? "Interrupt"
            : "Interrupt of everything",
        context);
  }

  grpc::Status ReleaseExecute(grpc::ServerContext* context,
                              const connect::ReleaseExecuteRequest* request,
                              connect::ReleaseExecuteResponse*) override {
    return NoteCall(request->has_release_until()
                        ? "ReleaseExecute until " + request->release_until().response_id()
                        : "ReleaseExecute",
                    context);
  }

  grpc::Status ReleaseSession(grpc::ServerContext* context, const connect::ReleaseSessionRequest*,
                              connect::ReleaseSessionResponse*) override {
    return NoteCall("ReleaseSession", context);
  }

  grpc::Status FetchErrorDetails(grpc::ServerContext* context,
                                 const connect::FetchErrorDetailsRequest* request,
                                 connect::FetchErrorDetailsResponse* response) override {
    auto* const error = response->add_errors();
    error->set_message("details of " + request->error_id());
    error->add_stack_trace()->set_declaring_class("org.example.Deep");
    return NoteCall("FetchErrorDetails", context);
  }

 private:
  grpc::Status Note(const std::string& call, grpc::ServerContext* context) {
    const std::lock_guard<std::mutex> guard(server_->mutex_);
    server_->calls_.push_back(call);
    server_->last_metadata_.clear();
    for (const auto& [key, value] : context->client_metadata()) {
      server_->last_metadata_.emplace(std::string(key.data(), key.size()),
                                      std::string(value.data(), value.size()));
    }
    server_->changed_.notify_all();
    if (server_->token_.empty()) return grpc::Status::OK;
    const auto found = server_->last_metadata_.find("authorization");
    if (found != server_->last_metadata_.end() && found->second == "Bearer " + server_->token_) {
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::UNAUTHENTICATED,
            "Invalid authentication token: " +
                (found == server_->last_metadata_.end() ? "" : found->second)};
  }

  grpc::Status NoteCall(const std::string& call, grpc::ServerContext* context) {
    const grpc::Status refused = Note(call, context);
    if (!refused.ok()) return refused;
    const std::string name = call.substr(0, call.find(' '));
    std::unique_lock<std::mutex> lock(server_->mutex_);
    if (server_->stalls_[name]) {
      lock.unlock();
      AwaitCancel(*context);
      return grpc::Status::CANCELLED;
    }
    auto& statuses = server_->statuses_[name];
    if (statuses.empty()) return grpc::Status::OK;
    grpc::Status status = statuses.front();
    statuses.pop_front();
    return status;
  }

  Stream NextStream() {
    const std::lock_guard<std::mutex> guard(server_->mutex_);
    if (server_->streams_.empty()) return {};
    Stream stream = server_->streams_.front();
    server_->streams_.pop_front();
    return stream;
  }

  connect::ExecutePlanResponse Answer(int i) {
    connect::ExecutePlanResponse answer = server_->make_answer_(i);
    if (answer.response_id().empty()) answer.set_response_id(fmt::format("r{}", i));
    answer.set_server_side_session_id(server_->server_session_);
    return answer;
  }

  grpc::Status Send(const Stream& stream, int first, const std::string& operation,
                    grpc::ServerContext* context,
                    grpc::ServerWriter<connect::ExecutePlanResponse>* writer) {
    for (int i = first; i < server_->num_answers_ && i - first < stream.num_answers; ++i) {
      connect::ExecutePlanResponse answer = Answer(i);
      answer.set_operation_id(operation);
      if (!writer->Write(answer)) return grpc::Status::CANCELLED;
    }
    if (stream.stall) AwaitCancel(*context);
    return stream.status;
  }

  FakeServer* server_;
};

FakeServer::Identity FakeServer::Identity::Make(const std::string& host) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  const std::string names = "DNS:" + host;
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate.get(), key.get(), EVP_sha256());

  const auto text_of = [](auto write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    write(out.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  return {text_of([&](BIO* out) {
            PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          }),
          text_of([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); })};
}

FakeServer::FakeServer() : FakeServer(Identity()) {}

FakeServer::FakeServer(Identity identity)
    : identity_(std::move(identity)), service_(std::make_unique<Service>(this)) {
  connect::ExecutePlanResponse schema;
  schema.mutable_schema()->mutable_struct_();
  SetAnswers({schema, BatchAnswer(OneRow(), 1), EndAnswer()});
  Start(true);
}

FakeServer::~FakeServer() { Stop(); }

std::string FakeServer::url() const { return fmt::format("sc://127.0.0.1:{}", port_); }

void FakeServer::SetAnswers(int num_answers,
                            std::function<connect::ExecutePlanResponse(int)> make_answer) {
  num_answers_ = num_answers;
  make_answer_ = std::move(make_answer);
}

void FakeServer::SetAnswers(const std::vector<connect::ExecutePlanResponse>& answers) {
  SetAnswers(static_cast<int>(answers.size()),
             [answers](int i) { return answers.at(static_cast<std::size_t>(i)); });
}

void FakeServer::Script(const std::vector<Stream>& streams) {
  streams_.assign(streams.begin(), streams.end());
}

void FakeServer::Script(std::string_view call, const std::vector<grpc::Status>& statuses) {
  statuses_[std::string(call)].assign(statuses.begin(), statuses.end());
}

void FakeServer::Stall(std::string_view call) { stalls_[std::string(call)] = true; }

void FakeServer::Stop() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeServer::Start(bool forget) {
  if (forget) operations_.clear();
  grpc::ServerBuilder builder;
  builder.SetMaxSendMessageSize(-1);
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (!identity_.key.empty()) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({identity_.key, identity_.certificate});
    credentials = grpc::SslServerCredentials(options);
  }
  builder.AddListeningPort(fmt::format("127.0.0.1:{}", port_), credentials, &port_);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (!server_) throw Error(ErrorKind::kInternal, "the fake server can't listen");
}

std::vector<std::string> FakeServer::calls() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return calls_;
}

int FakeServer::CountCallsLocked(std::string_view name) const {
  int count = 0;
  for (const std::string& call : calls_) count += call.substr(0, call.find(' ')) == name;
  return count;
}

int FakeServer::CountCalls(std::string_view name) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return CountCallsLocked(name);
}

bool FakeServer::WaitForCalls(std::string_view name, int count) const {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return CountCallsLocked(name) >= count; });
}

connect::ExecutePlanRequest FakeServer::last_request() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return last_request_;
}

std::multimap<std::string, std::string> FakeServer::last_metadata() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return last_metadata_;
}

int FakeServer::num_executions() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return num_executions_;
}

connect::ExecutePlanResponse BatchAnswer(std::string data, int row_count) {
  connect::ExecutePlanResponse answer;
  answer.mutable_arrow_batch()->set_data(std::move(data));
  answer.mutable_arrow_batch()->set_row_count(row_count);
  return answer;
}

connect::ExecutePlanResponse EndAnswer() {
  connect::ExecutePlanResponse answer;
  answer.mutable_result_complete();
  return answer;
}

grpc::Status SparkFailure(grpc::StatusCode code, const std::string& message,
                          const std::map<std::string, std::string>& error_info,
                          int retry_delay_ms) {
  wire::Status details;
  details.set_code(code);
  details.set_message(message);
  if (!error_info.empty()) {
    wire::ErrorInfo info;
    for (const auto& [key, value] : error_info) (*info.mutable_metadata())[key] = value;
    auto* const detail = details.add_details();
    detail->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
    detail->set_value(info.SerializeAsString());
  }
  if (retry_delay_ms > 0) {
    wire::RetryInfo info;
    info.mutable_retry_delay()->set_seconds(retry_delay_ms / 1000);
    info.mutable_retry_delay()->set_nanos(retry_delay_ms % 1000 * 1'000'000);
    auto* const detail = details.add_details();
    detail->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
    detail->set_value(info.SerializeAsString());
  }
  return {code, message, details.SerializeAsString()};
}

std::string OneRow() {
  return FromHex(
      "ffffffff900000001000000000000a000e0006000d0008000a000000000004001000000000010a000c00000008"
      "0004000a00000008000000080000000000000001000000180000000000120018001400000013000c0000000800"
      "04001200000014000000140000001c0000000000000220000000000000000000000008000c0008000700080000"
      "0000000001200000000100000031000000ffffffffa000000014000000000000000c0018000e00170010000400"
      "0c00000020000000000000000000040014000000000000030c001e0010000c00080004000c0000002000000024"
      "000000480000000100000000000000000000000000060008000700060000000000000102000000000000000000"
      "0000090000000000000010000000000000000c0000000000000000000000010000000100000000000000000000"
      "0000000000ffffffffffffffff0100000000000000ffffffffffffffff0100000000000000ffffffff00000000");
}

std::string NoRows() {
  return FromHex(
      "ffffffff900000001000000000000a000e0006000d0008000a000000000004001000000000010a000c00000008"
      "0004000a00000008000000080000000000000001000000180000000000120018001400000013000c0000000800"
      "04001200000014000000140000001c0000000000000220000000000000000000000008000c0008000700080000"
      "0000000001200000000100000061000000ffffffff9800000014000000000000000c001c0012001b0014000400"
      "0c0000001000000000000000000000000000040014000000000000030c00120000000c00080004000c00000014"
      "000000180000003c00000000000600080007000600000000000001020000000000000000000000080000000000"
      "000008000000000000000800000000000000000000000100000000000000000000000000000000000000000000"
      "00000000000000000000000000ffffffff00000000");
}

std::string FiftyRows() {
  return FromHex(
      "ffffffff000100001000000000000a000e0006000d0008000a000000000004001000000000010a000c00000008"
      "0004000a0000000800000008000000000000000300000088000000440000000400000096ffffff140000001400"
      "00001400000000000005100000000000000000000000c4ffffff010000007300120018001400130012000c0000"
      "000800040012000000140000001400000018000000000005011400000000000000000000000400040004000000"
      "010000006e00120018001400000013000c000000080004001200000014000000140000001c0000000000000220"
      "000000000000000000000008000c0008000700080000000000000140000000010000007a000000ffffffff2001"
      "000014000000000000000c0018000e001700100004000c00000010010000000000000000040014000000000000"
      "030c001e0010000c00080004000c0000002000000024000000a800000032000000000000000000000000000600"
      "0800070006000000000000010800000000000000000000000f0000000000000010000000000000001b00000000"
      "00000030000000000000000f0000000000000040000000000000001a0000000000000060000000000000000800"
      "00000000000068000000000000000f0000000000000078000000000000007700000000000000f0000000000000"
      "001d00000000000000000000000300000032000000000000000000000000000000320000000000000032000000"
      "0000000032000000000000000000000000000000ffffffffffffffffffffffffffff0300900100000000000028"
      "b52ffd6090004d000010000001008b2ac0020000000000ffffffffffffffff0000000000000000cc0000000000"
      "000028b52ffd20cc4d00001000000100470a60010000000000000000000000000000ffffffffffffffffffffff"
      "ffffff0300cc0000000000000028b52ffd20cc350300c28c1823a0bb6618f01edec37b780fefe13dbc87f7f01e"
      "dec37bf43141100441100441100428051f5df4d041ffdcf3ce39df5cf3cc31bfdcf2ca299f5cf2c8217fdcf1c6"
      "195f5cf1c4113fdcf0c2091f5cf0c001ffeebd3bf7eddab363bf6ebd3af5e9d2070000fa0000000000000028b5"
      "2ffd20fa65000028737061726b01007250450b000000ffffffff00000000");
}

}  // namespace firesteel
