#include "engine/spark/connect/connect_session.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/spark/connect/channel.h"

namespace firesteel {

namespace connect = spark::connect;

namespace {

// How many stack frames of an error are logged.
constexpr int kLoggedFrames = 40;
// Waits from here on are worth a line that everybody sees.
constexpr std::chrono::milliseconds kLongWait{1'000};

std::string SystemUser() {
  std::array<char, 16'384> buffer;
  passwd entry;
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr && *found->pw_name != 0) {
    return found->pw_name;
  }
  // A container may run under a number that has no name.
  return fmt::format("uid-{}", ::geteuid());
}

std::chrono::system_clock::time_point In(std::chrono::milliseconds time) {
  return std::chrono::system_clock::now() + time;
}

std::string Seconds(std::chrono::milliseconds time) {
  return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000);
}

}  // namespace

// A call whose answer nobody waits for. Lives until it comes out of the queue.
struct ConnectSession::Farewell {
  grpc::ClientContext context;
  connect::ReleaseExecuteResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<connect::ReleaseExecuteResponse>> reader;
};

ConnectSession::ConnectSession(SparkRemote remote, const ConnectTuning& tuning)
    : remote_(std::move(remote)),
      tuning_(tuning),
      session_id_(remote_.session_id.empty() ? RandomUuid() : remote_.session_id),
      user_id_(remote_.user_id.empty() ? SystemUser() : remote_.user_id),
      client_type_("firesteel/" FIRESTEEL_VERSION) {
  if (!remote_.user_agent.empty()) client_type_ = remote_.user_agent + " " + client_type_;
}

ConnectSession::~ConnectSession() {
  const auto deadline = In(tuning_.farewell_time);
  void* tag = nullptr;
  bool ok = false;
  while (!farewells_.empty() &&
         queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
    Take(tag, ok);
  }
  for (const auto& [key, farewell] : farewells_) farewell->context.TryCancel();
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) Take(tag, ok);
}

ConnectSession::Stub& ConnectSession::stub() {
  if (!stub_) stub_ = connect::SparkConnectService::NewStub(MakeChannel(remote_));
  return *stub_;
}

void ConnectSession::NoteAnswer(const std::string& server_session) {
  answered_ = true;
  if (server_session.empty() || server_session == server_session_) return;
  if (!server_session_.empty()) {
    throw Error(ErrorKind::kIo,
                fmt::format("the Spark server at {} was restarted, and what the session held there "
                            "is lost; run the command again",
                            remote_.Address()));
  }
  server_session_ = server_session;
}

void ConnectSession::Fail(const SparkStatus& status) {
  if (!status.ok() && LogEnabled(LogLevel::kDebug)) {
    LogDebug(fmt::format("Spark said (gRPC status {}): {}", int{status.code}, status.text));
    if (!status.error_id.empty()) LogDetails(status.error_id);
  }
  throw ToError(status, remote_);
}

void ConnectSession::LogDetails(const std::string& error_id) {
  connect::FetchErrorDetailsRequest request;
  request.set_error_id(error_id);
  connect::FetchErrorDetailsResponse details;
  if (!Try(&Stub::FetchErrorDetails, &request, &details, tuning_.farewell_time).ok()) return;
  for (const auto& error : details.errors()) {
    std::string text =
        error.error_type_hierarchy().empty() ? "error" : error.error_type_hierarchy(0);
    text += ": " + error.message();
    for (const auto& [key, value] : error.spark_throwable().message_parameters()) {
      text += fmt::format("\n  {} = {}", key, value);
    }
    int frames = 0;
    for (const auto& frame : error.stack_trace()) {
      if (++frames > kLoggedFrames) {
        text += fmt::format("\n    … {} more", error.stack_trace_size() - kLoggedFrames);
        break;
      }
      text += fmt::format("\n    at {}.{}({}:{})", frame.declaring_class(), frame.method_name(),
                          frame.file_name(), frame.line_number());
    }
    LogDebug(remote_.WithoutSecrets(std::move(text)));
  }
}

void ConnectSession::Release(const std::string& operation_id,
                             const std::optional<std::string>& until) {
  connect::ReleaseExecuteRequest request;
  Fill(&request);
  request.set_operation_id(operation_id);
  if (until) {
    request.mutable_release_until()->set_response_id(*until);
  } else {
    request.mutable_release_all();
  }
  auto farewell = std::make_unique<Farewell>();
  farewell->context.set_deadline(In(tuning_.answer_time));
  AddMetadataTo(&farewell->context);
  Farewell* const tag = farewell.get();
  farewells_.emplace(tag, std::move(farewell));
  tag->reader = stub().AsyncReleaseExecute(&tag->context, request, &queue_);
  tag->reader->Finish(&tag->response, &tag->status, tag);
}

void ConnectSession::InterruptOperation(const std::string& operation_id) {
  connect::InterruptRequest request;
  request.set_interrupt_type(connect::InterruptRequest::INTERRUPT_TYPE_OPERATION_ID);
  request.set_operation_id(operation_id);
  CallAtEnd(&Stub::Interrupt, std::move(request), "Spark could not be told to stop");
}

void ConnectSession::ReleaseSession() {
  CallAtEnd(&Stub::ReleaseSession, connect::ReleaseSessionRequest(),
            "the session on Spark was not released");
}

void ConnectSession::Interrupt() {
  const std::lock_guard<std::mutex> guard(mutex_);
  interrupted_ = true;
  if (running_ != nullptr) running_->TryCancel();
  wakes_.notify_all();
}

void ConnectSession::ThrowIfInterrupted() const {
  if (interrupted_) throw Error(ErrorKind::kInterrupted, "interrupted");
}

void ConnectSession::AddMetadataTo(grpc::ClientContext* context) const {
  AddMetadata(remote_, context);
}

std::optional<bool> ConnectSession::Await(void* tag,
                                          std::chrono::system_clock::time_point deadline) {
  while (true) {
    void* next = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&next, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
      return std::nullopt;
    }
    if (next == tag) return ok;
    Take(next, ok);
  }
}

void ConnectSession::Take(void* tag, bool /*ok*/) {
  const auto found = farewells_.find(tag);
  if (found == farewells_.end()) return;
  if (!found->second->status.ok()) {
    LogDebug("an execution on Spark was not released: " +
             remote_.WithoutSecrets(found->second->status.error_message()));
  }
  farewells_.erase(found);
}

ConnectSession::Interruptible::Interruptible(ConnectSession* session, grpc::ClientContext* context)
    : session_(session) {
  const std::lock_guard<std::mutex> guard(session_->mutex_);
  session_->running_ = context;
  if (session_->interrupted_) context->TryCancel();
}

ConnectSession::Interruptible::~Interruptible() {
  const std::lock_guard<std::mutex> guard(session_->mutex_);
  session_->running_ = nullptr;
}

ConnectSession::Tries::Tries(ConnectSession* session)
    : session_(session),
      backoff_({.max_attempts = session->tuning().max_attempts,
                .first_wait = session->tuning().first_wait,
                .longest_wait = session->tuning().longest_wait},
               std::hash<std::string>()(session->session_id()) ^
                   static_cast<std::uint64_t>(
                       std::chrono::steady_clock::now().time_since_epoch().count())) {}

void ConnectSession::Tries::Wait(const SparkStatus& status) { Wait(status, false); }

void ConnectSession::Tries::WaitLess(const SparkStatus& status) { Wait(status, true); }

void ConnectSession::Tries::Wait(const SparkStatus& status, bool less) {
  session_->ThrowIfInterrupted();
  const auto now = std::chrono::steady_clock::now();
  if (backoff_.num_failed() == 0) first_failure_ = now;
  const auto failing = std::chrono::duration_cast<std::chrono::milliseconds>(now - first_failure_);
  auto wait = backoff_.Next(status.retry_delay);
  // A certificate that is not trusted won't be a moment later.
  if (!status.TlsFailure().empty()) wait.reset();
  // Nothing has ever been heard from there: more likely a wrong address than a restart.
  if (wait && !session_->answered() && failing + *wait > session_->tuning().connect_time) {
    wait.reset();
  }
  if (!wait) {
    if (status.ok() || status.IsTakenOver() || backoff_.num_failed() == 1) session_->Fail(status);
    const Error error = ToError(status, session_->remote());
    // What a server of TLS does to one that does not speak it.
    const bool may_want_tls = !session_->answered() && !session_->remote().use_ssl &&
                              status.IsCut() &&
                              (status.text.find("Socket closed") != std::string::npos ||
                               status.text.find("reset by peer") != std::string::npos);
    throw Error(error.kind(),
                fmt::format("{} (tried {} times in {}){}", error.what(), backoff_.num_failed(),
                            Seconds(failing),
                            may_want_tls ? "; if it speaks TLS, add use_ssl=true to its URL" : ""));
  }
  // The first two may be bad luck.
  if (less && backoff_.num_failed() <= 2) wait = std::chrono::milliseconds(0);
  const std::string line = fmt::format("{}; trying again in {}",
                                       ToError(status, session_->remote()).what(), Seconds(*wait));
  if (*wait >= kLongWait) {
    LogWarning(line);
  } else {
    LogDebug(line);
  }
  std::unique_lock<std::mutex> lock(session_->mutex_);
  session_->wakes_.wait_for(lock, *wait, [&] { return session_->interrupted_.load(); });
  lock.unlock();
  session_->ThrowIfInterrupted();
}

}  // namespace firesteel
