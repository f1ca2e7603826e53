#include "engine/spark/connect/answer_stream.h"

namespace firesteel {

namespace connect = spark::connect;

namespace {

// For the status of a call that has sent its last message.
constexpr std::chrono::milliseconds kStatusTime{10'000};

}  // namespace

AnswerStream::AnswerStream(ConnectSession* session, const connect::ExecutePlanRequest& request)
    : session_(session), is_reattached_(false), interruptible_(session, &context_) {
  session_->AddMetadataTo(&context_);
  reader_ = session_->stub().AsyncExecutePlan(&context_, request, &session_->queue(), this);
}

AnswerStream::AnswerStream(ConnectSession* session, const connect::ReattachExecuteRequest& request)
    : session_(session), is_reattached_(true), interruptible_(session, &context_) {
  session_->AddMetadataTo(&context_);
  reader_ = session_->stub().AsyncReattachExecute(&context_, request, &session_->queue(), this);
}

AnswerStream::~AnswerStream() { Finish(); }

AnswerStream::Event AnswerStream::Next(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::system_clock::now() + patience;
  while (!at_end_) {
    if (pending_ == Pending::kNothing) {
      reader_->Read(&message_, this);
      pending_ = Pending::kRead;
    }
    const auto ok = session_->Await(this, deadline);
    if (!ok) return Event::kSilence;
    const bool was_read = pending_ == Pending::kRead;
    pending_ = Pending::kNothing;
    if (!*ok) {
      at_end_ = true;
    } else if (was_read) {
      return Event::kMessage;
    }
  }
  return Event::kEnd;
}

SparkStatus AnswerStream::Finish() {
  if (finished_) return {};
  finished_ = true;
  constexpr auto kForEver = std::chrono::system_clock::time_point::max();
  if (!at_end_) context_.TryCancel();
  if (pending_ != Pending::kNothing) session_->Await(this, kForEver);
  grpc::Status status;
  reader_->Finish(&status, this);
  if (!session_->Await(this, std::chrono::system_clock::now() + kStatusTime)) {
    context_.TryCancel();
    session_->Await(this, kForEver);
  }
  return ReadStatus(status, session_->remote());
}

}  // namespace firesteel
