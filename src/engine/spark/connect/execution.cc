#include "engine/spark/connect/execution.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/spark/connect/answer_stream.h"

namespace firesteel {

namespace connect = spark::connect;

namespace {

using Clock = std::chrono::steady_clock;

// Results beyond `release_over_bytes` are released after that many answers.
constexpr int kReleaseEvery = 64;
// Of a batch that comes in pieces.
constexpr std::size_t kLongestJoinedBytes = std::size_t{1} << 30;
// For the status of an execution whose result is complete.
constexpr std::chrono::milliseconds kLastWordTime{2'000};

// Puts together batches that the server sends in pieces. We don't ask for them.
class BatchJoiner {
 public:
  // True if `answer` is to be shown now; a batch whose last piece this is has become whole.
  bool Take(connect::ExecutePlanResponse* answer) {
    if (!answer->has_arrow_batch()) return true;
    auto* const batch = answer->mutable_arrow_batch();
    const std::int64_t num_chunks = batch->num_chunks_in_batch();
    if (num_chunks <= 1 && next_ == 0) return true;
    if (batch->chunk_index() != next_ || (next_ > 0 && num_chunks != num_chunks_) ||
        joined_.size() + batch->data().size() > kLongestJoinedBytes) {
      throw Error(ErrorKind::kIo,
                  fmt::format("Spark sent piece {} of {} of a batch where piece {} was expected",
                              batch->chunk_index() + 1, num_chunks, next_ + 1));
    }
    num_chunks_ = num_chunks;
    joined_ += batch->data();
    if (++next_ < num_chunks) return false;
    batch->set_data(std::exchange(joined_, {}));
    batch->clear_chunk_index();
    batch->clear_num_chunks_in_batch();
    next_ = 0;
    return true;
  }

  bool in_batch() const { return next_ > 0; }

 private:
  std::string joined_;
  std::int64_t next_ = 0;
  std::int64_t num_chunks_ = 0;
};

class Execution {
 public:
  Execution(ConnectSession* session, const connect::Plan& plan, const AnswerVisitor& visitor)
      : session_(session), visitor_(visitor), tries_(session) {
    *request_.mutable_plan() = plan;
    // Our own, so that an execution can be found again of which no answer has come.
    request_.set_operation_id(RandomUuid());
    request_.add_request_options()->mutable_reattach_options()->set_reattachable(true);
  }

  void Run() {
    try {
      Read();
    } catch (...) {
      GiveUp();
      throw;
    }
    session_->Release(request_.operation_id());
  }

 private:
  void Read() {
    session_->ThrowIfInterrupted();
    Send();
    last_heard_ = Clock::now();
    while (!complete_) {
      switch (stream_->Next(session_->tuning().answer_time)) {
        case AnswerStream::Event::kMessage:
          session_->ThrowIfInterrupted();
          Take(&stream_->message());
          break;
        case AnswerStream::Event::kSilence:
          session_->ThrowIfInterrupted();
          stream_.reset();
          LookForServer();
          Reattach();
          break;
        case AnswerStream::Event::kEnd: {
          const SparkStatus status = stream_->Finish();
          session_->ThrowIfInterrupted();
          GoOn(status);
          break;
        }
      }
    }
    // What comes after the last answer can only be a status.
    while (stream_->Next(kLastWordTime) == AnswerStream::Event::kMessage) {
    }
    const SparkStatus status = stream_->Finish();
    stream_.reset();
    if (!status.ok()) LogDebug("after a whole result Spark's stream ended with: " + status.text);
  }

  void Take(connect::ExecutePlanResponse* answer) {
    session_->NoteAnswer(answer->server_side_session_id());
    tries_.Reset();
    last_heard_ = Clock::now();
    const std::string id = answer->response_id();
    // One that came before is one that the server sent again.
    if (!id.empty() && !seen_.insert(id).second) return;
    received_ = true;
    received_bytes_ += answer->arrow_batch().data().size();
    if (!id.empty()) {
      last_id_ = id;
      ++num_unreleased_;
    }
    if (answer->has_result_complete()) {
      if (joiner_.in_batch()) {
        throw Error(ErrorKind::kIo, "Spark ended a result in the middle of a batch");
      }
      complete_ = true;
    } else if (joiner_.Take(answer)) {
      visitor_(*answer);
    }
    // Not for little results: each would be one more request, which some servers count.
    if (!complete_ && num_unreleased_ >= kReleaseEvery &&
        received_bytes_ > static_cast<std::size_t>(session_->tuning().release_over_bytes)) {
      session_->Release(request_.operation_id(), last_id_);
      num_unreleased_ = 0;
    }
  }

  // The stream ended without the end of the result.
  void GoOn(const SparkStatus& status) {
    const bool was_reattached = stream_->is_reattached();
    stream_.reset();
    if (status.ok()) {
      // The server ends streams after some minutes or bytes. One that does so all the time without
      // saying anything is not well, though.
      last_heard_ = Clock::now();
      if (last_heard_ - opened_ < std::chrono::seconds(1)) {
        SparkStatus empty;
        empty.code = grpc::StatusCode::UNAVAILABLE;
        empty.text = "it ends every stream without an answer";
        tries_.WaitLess(empty);
      } else {
        tries_.Reset();
      }
      Reattach();
    } else if (was_reattached &&
               (status.IsOperationUnknown() ||
                (status.IsSessionUnknown() && !session_->knows_server_session()))) {
      if (received_) {
        throw Error(ErrorKind::kIo,
                    fmt::format("the Spark server at {} has lost a result of which a part had come "
                                "({}); run the command again",
                                session_->remote().Address(), status.error_class));
      }
      // Nothing had reached it.
      tries_.WaitLess(status);
      Send();
    } else if (status.IsTakenOver() ||
               (!was_reattached && sent_again_ && status.IsOperationKnown())) {
      tries_.WaitLess(status);
      Reattach();
    } else if (status.WorthRetrying() || status.IsCut()) {
      tries_.Wait(status);
      Reattach();
    } else {
      session_->Fail(status);
    }
  }

  // Nothing has come for a long time: is it that nothing happens, or that nobody is there?
  void LookForServer() {
    if (Clock::now() - last_heard_ > session_->tuning().silence_time) {
      throw Error(ErrorKind::kUnavailable,
                  fmt::format("the Spark server at {} has not said a word of a query for {} s",
                              session_->remote().Address(),
                              std::chrono::duration_cast<std::chrono::seconds>(
                                  session_->tuning().silence_time)
                                  .count()));
    }
    LogDebug("nothing has come of an execution on Spark for a while; taking its answers up anew");
    connect::ConfigRequest request;
    request.mutable_operation()->mutable_get_option()->add_keys("spark.app.id");
    connect::ConfigResponse response;
    const SparkStatus status = session_->Try(&ConnectSession::Stub::Config, &request, &response,
                                             session_->tuning().answer_time);
    if (status.ok()) {
      session_->NoteAnswer(response.server_side_session_id());
    } else if (status.WorthRetrying() || status.IsCut()) {
      tries_.Wait(status);
    } else {
      session_->Fail(status);
    }
  }

  void Send() {
    session_->Fill(&request_);
    opened_ = Clock::now();
    sent_again_ = stream_was_opened_;
    stream_was_opened_ = true;
    stream_ = std::make_unique<AnswerStream>(session_, request_);
  }

  void Reattach() {
    connect::ReattachExecuteRequest request;
    session_->Fill(&request);
    request.set_operation_id(request_.operation_id());
    if (!last_id_.empty()) request.set_last_response_id(last_id_);
    opened_ = Clock::now();
    stream_ = std::make_unique<AnswerStream>(session_, request);
  }

  // Leaves nothing that runs or waits for us at the server.
  void GiveUp() {
    stream_.reset();
    if (!stream_was_opened_) return;
    if (session_->interrupted()) session_->InterruptOperation(request_.operation_id());
    session_->Release(request_.operation_id());
  }

  ConnectSession* session_;
  const AnswerVisitor& visitor_;
  connect::ExecutePlanRequest request_;
  ConnectSession::Tries tries_;
  std::unique_ptr<AnswerStream> stream_;
  Clock::time_point opened_;      // When stream_ was.
  Clock::time_point last_heard_;  // When the server last said something of the execution.
  bool stream_was_opened_ = false;
  bool sent_again_ = false;
  bool received_ = false;  // Any answer.
  bool complete_ = false;
  std::string last_id_;
  std::unordered_set<std::string> seen_;  // Ids of answers.
  std::size_t received_bytes_ = 0;
  int num_unreleased_ = 0;
  BatchJoiner joiner_;
};

}  // namespace

void ExecutePlan(ConnectSession* session, const connect::Plan& plan, const AnswerVisitor& visitor) {
  Execution(session, plan, visitor).Run();
}

}  // namespace firesteel
