#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.h"
#include "engine/spark/connect/backoff.h"
#include "engine/spark/connect/connect_tuning.h"
#include "engine/spark/connect/spark_remote.h"
#include "engine/spark/connect/spark_status.h"
#include "spark/connect/base.grpc.pb.h"

namespace firesteel {

/// What every call to one server shares: the channel, who we are, what the server calls the
/// session, tries, and that it may be interrupted. Threads: one caller, but Interrupt from any.
class ConnectSession {
 public:
  using Stub = spark::connect::SparkConnectService::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  ConnectSession(SparkRemote remote, const ConnectTuning& tuning);
  /// Waits for what Release began, within `farewell_time`.
  ~ConnectSession();
  ConnectSession(const ConnectSession&) = delete;
  ConnectSession& operator=(const ConnectSession&) = delete;

  const SparkRemote& remote() const { return remote_; }
  const ConnectTuning& tuning() const { return tuning_; }
  const std::string& session_id() const { return session_id_; }
  /// True if the server has answered anything.
  bool answered() const { return answered_; }
  bool knows_server_session() const { return !server_session_.empty(); }

  /// Makes the channel at its first call, and throws what MakeChannel does.
  Stub& stub();
  grpc::CompletionQueue& queue() { return queue_; }

  /// Sets what every request says of the session.
  template <typename Request>
  void Fill(Request* request) const {
    request->set_session_id(session_id_);
    request->mutable_user_context()->set_user_id(user_id_);
    request->set_client_type(client_type_);
    if constexpr (requires { request->set_client_observed_server_side_session_id(""); }) {
      if (!server_session_.empty()) {
        request->set_client_observed_server_side_session_id(server_session_);
      }
    }
  }

  /// Notes that the server has answered, and how it calls the session. Throws Error(kIo) if that is
  /// another name than before: the server was restarted, and what the session knew is gone.
  void NoteAnswer(const std::string& server_session);

  /// Calls once, within `patience`. Can be interrupted; throws only that.
  template <typename Request, typename Response>
  SparkStatus Try(Method<Request, Response> method, Request* request, Response* response,
                  std::chrono::milliseconds patience) {
    Fill(request);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    AddMetadataTo(&context);
    const Interruptible interruptible(this, &context);
    const SparkStatus status = ReadStatus((stub().*method)(&context, *request, response), remote_);
    ThrowIfInterrupted();
    return status;
  }

  /// Calls until there is an answer, and throws an error that is none of the connection, or that
  /// there is none after all tries.
  template <typename Request, typename Response>
  Response Call(Method<Request, Response> method, Request request,
                std::chrono::milliseconds patience) {
    Tries tries(this);
    while (true) {
      Response response;
      const SparkStatus status = Try(method, &request, &response, patience);
      if (status.ok()) {
        NoteAnswer(response.server_side_session_id());
        return response;
      }
      if (!status.WorthRetrying()) Fail(status);
      tries.Wait(status);
    }
  }

  /// Logs what the server knows more of an error, if logs show it, and throws it.
  [[noreturn]] void Fail(const SparkStatus& status);

  /// Tells the server that an execution may be forgotten, or its answers up to one. Waits for
  /// nothing; errors are logged at debug level.
  void Release(const std::string& operation_id,
               const std::optional<std::string>& until = std::nullopt);
  /// Ends an execution on the server, whether we are interrupted or not. Waits `farewell_time`.
  void InterruptOperation(const std::string& operation_id);
  /// Ends the session on the server. Waits `farewell_time`.
  void ReleaseSession();
  /// Calls once, whether we are interrupted or not, and waits `farewell_time`; a failure is logged
  /// at debug level, as `failure` names it.
  template <typename Request, typename Response>
  void CallAtEnd(Method<Request, Response> method, Request request, const char* failure) {
    Fill(&request);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + tuning_.farewell_time);
    AddMetadataTo(&context);
    Response response;
    const SparkStatus status = ReadStatus((stub().*method)(&context, request, &response), remote_);
    if (!status.ok()) LogDebug(std::string(failure) + ": " + status.text);
  }

  /// Any thread: ends what waits now or ever after with Error(kInterrupted).
  void Interrupt();
  bool interrupted() const { return interrupted_; }
  void ThrowIfInterrupted() const;

  void AddMetadataTo(grpc::ClientContext* context) const;
  /// Waits until `tag` comes out of the queue, and says whether it was successful; nothing if it
  /// has not come in time. Takes what Release began on the way.
  std::optional<bool> Await(void* tag, std::chrono::system_clock::time_point deadline);

  /// While it lives, Interrupt cancels the call of `context`.
  class Interruptible {
   public:
    Interruptible(ConnectSession* session, grpc::ClientContext* context);
    ~Interruptible();
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

   private:
    ConnectSession* session_;
  };

  /// The tries of one call or one execution.
  class Tries {
   public:
    explicit Tries(ConnectSession* session);

    /// After a failed try: waits before the next, or throws the error if there is to be none.
    void Wait(const SparkStatus& status);
    /// The same for what is to be tried again at once, but not for ever.
    void WaitLess(const SparkStatus& status);
    /// Something came of the last try.
    void Reset() { backoff_.Reset(); }

   private:
    void Wait(const SparkStatus& status, bool less);

    ConnectSession* session_;
    Backoff backoff_;
    std::chrono::steady_clock::time_point first_failure_;
  };

 private:
  struct Farewell;

  void LogDetails(const std::string& error_id);
  void Take(void* tag, bool ok);

  SparkRemote remote_;
  ConnectTuning tuning_;
  std::string session_id_;
  std::string user_id_;
  std::string client_type_;
  std::string server_session_;
  bool answered_ = false;
  std::unique_ptr<Stub> stub_;
  grpc::CompletionQueue queue_;
  std::map<void*, std::unique_ptr<Farewell>> farewells_;

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::atomic<bool> interrupted_ = false;
  grpc::ClientContext* running_ = nullptr;
};

}  // namespace firesteel
