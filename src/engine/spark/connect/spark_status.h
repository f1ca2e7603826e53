#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/spark/connect/spark_remote.h"

namespace firesteel {

/// How a call ended, as the server or the way to it says.
struct SparkStatus {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string text;         // Whole, without secrets.
  std::string error_class;  // "TABLE_OR_VIEW_NOT_FOUND", "INVALID_HANDLE.SESSION_CLOSED", or empty.
  std::string sql_state;
  std::string error_id;  // By which the server gives details, or empty.
  std::optional<std::chrono::milliseconds> retry_delay;  // The server asks to be tried again then.

  bool ok() const { return code == grpc::StatusCode::OK; }
  /// True if the same call may work later: the server can't be reached, or asks for it.
  bool WorthRetrying() const;
  /// True if the connection or something between here and the server ended the call, and not the
  /// server itself. An execution goes on without us then.
  bool IsCut() const;
  /// True if another call took the stream over. It is to be taken back at once.
  bool IsTakenOver() const;
  /// True if the session with all that it knew is gone.
  bool IsSessionLost() const;
  bool IsSessionUnknown() const;
  bool IsOperationUnknown() const;
  bool IsOperationKnown() const;
  /// What of TLS failed, in words, or empty.
  std::string TlsFailure() const;
};

/// Reads a status. What `remote` keeps secret is taken out of its texts.
SparkStatus ReadStatus(const grpc::Status& status, const SparkRemote& remote);

/// The status as an error: "[CLASS] first line", or what can be done about a token, a certificate,
/// a session or a server that does not answer.
Error ToError(const SparkStatus& status, const SparkRemote& remote);

}  // namespace firesteel
