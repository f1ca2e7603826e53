#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>

#include "engine/spark/connect/connect_session.h"

namespace firesteel {

/// The answers of one call of ExecutePlan or ReattachExecute. Everything happens in the caller's
/// thread, inside Next. Its end is awaited in every case, so that nothing of the call is left.
class AnswerStream {
 public:
  enum class Event {
    kMessage,  // message() is the next answer.
    kEnd,      // There are no more; Finish says why.
    kSilence,  // Nothing came in time. Next may be called again.
  };

  AnswerStream(ConnectSession* session, const spark::connect::ExecutePlanRequest& request);
  AnswerStream(ConnectSession* session, const spark::connect::ReattachExecuteRequest& request);
  /// Cancels the call if it has not ended.
  ~AnswerStream();
  AnswerStream(const AnswerStream&) = delete;
  AnswerStream& operator=(const AnswerStream&) = delete;

  Event Next(std::chrono::milliseconds patience);
  spark::connect::ExecutePlanResponse& message() { return message_; }
  /// Ends the call if it has not ended, and returns its status.
  SparkStatus Finish();
  bool is_reattached() const { return is_reattached_; }

 private:
  enum class Pending { kNothing, kStart, kRead };

  ConnectSession* session_;
  bool is_reattached_;
  // Declared before the call that uses it, so that it outlives it.
  grpc::ClientContext context_;
  ConnectSession::Interruptible interruptible_;
  std::unique_ptr<grpc::ClientAsyncReader<spark::connect::ExecutePlanResponse>> reader_;
  spark::connect::ExecutePlanResponse message_;
  Pending pending_ = Pending::kStart;
  bool at_end_ = false;
  bool finished_ = false;
};

}  // namespace firesteel
