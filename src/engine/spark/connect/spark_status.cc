#include "engine/spark/connect/spark_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/text.h"
#include "server_status.pb.h"

namespace firesteel {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The word in brackets at the start of what Spark says, if there is one.
std::string ClassOf(std::string_view text) {
  if (!text.starts_with('[')) return "";
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos) return "";
  const std::string_view word = text.substr(1, end - 1);
  const bool good = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isupper(c) || std::isdigit(c) || c == '_' || c == '.';
  });
  return good ? std::string(word) : "";
}

// The five characters after "SQLSTATE: ".
std::string SqlStateOf(std::string_view text) {
  constexpr std::string_view kMark = "SQLSTATE: ";
  const std::size_t at = text.find(kMark);
  if (at == std::string_view::npos || text.size() < at + kMark.size() + 5) return "";
  return std::string(text.substr(at + kMark.size(), 5));
}

// Lost if they are no google.rpc.Status: the message alone says enough then.
void ReadDetails(const std::string& bytes, SparkStatus* read) {
  wire::Status details;
  if (bytes.empty() || !details.ParseFromString(bytes)) return;
  for (const wire::Status::Detail& detail : details.details()) {
    if (detail.type_url().ends_with("/google.rpc.ErrorInfo")) {
      wire::ErrorInfo info;
      if (!info.ParseFromString(detail.value())) continue;
      const auto value = [&](const char* key) {
        const auto found = info.metadata().find(key);
        return found == info.metadata().end() ? std::string() : found->second;
      };
      read->error_id = value("errorId");
      if (read->error_class.empty()) read->error_class = ClassOf("[" + value("errorClass") + "]");
      if (read->sql_state.empty()) read->sql_state = value("sqlState");
    } else if (detail.type_url().ends_with("/google.rpc.RetryInfo")) {
      wire::RetryInfo info;
      if (!info.ParseFromString(detail.value())) continue;
      constexpr std::int64_t kLongestSeconds = 24 * 3600;
      const std::int64_t seconds =
          std::clamp<std::int64_t>(info.retry_delay().seconds(), 0, kLongestSeconds);
      const std::int64_t nanos =
          std::clamp<std::int64_t>(info.retry_delay().nanos(), 0, 999'999'999);
      read->retry_delay = std::chrono::milliseconds(seconds * 1000 + nanos / 1'000'000);
    }
  }
}

std::string FirstLine(const SparkStatus& status) {
  std::string line(Trim(std::string_view(status.text).substr(0, status.text.find('\n'))));
  if (line.empty()) line = fmt::format("it gives no reason (gRPC status {})", int{status.code});
  if (!status.error_class.empty() && ClassOf(line).empty()) {
    line = fmt::format("[{}] {}", status.error_class, line);
  }
  if (!status.sql_state.empty() && !Contains(line, "SQLSTATE")) {
    line += " SQLSTATE: " + status.sql_state;
  }
  return line;
}

// "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to
// remote host: Connection refused" -> "Connection refused".
std::string WhyUnreachable(const SparkStatus& status) {
  const std::string line = FirstLine(status);
  if (!Contains(line, "failed to connect") && !Contains(line, "DNS resolution failed")) return line;
  const std::size_t colon = line.rfind(": ");
  return colon == std::string::npos ? line : line.substr(colon + 2);
}

}  // namespace

bool SparkStatus::WorthRetrying() const {
  return code == grpc::StatusCode::UNAVAILABLE || retry_delay.has_value();
}

bool SparkStatus::IsCut() const {
  if (code == grpc::StatusCode::UNAVAILABLE) return true;
  if (!error_class.empty() || !error_id.empty()) return false;
  switch (code) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      break;
    default:
      return false;
  }
  // What gRPC and proxies say of streams that end without a word of the server. "Stream removed" is
  // also what a managed endpoint answers whose token has expired.
  static constexpr std::array<std::string_view, 8> kWords = {
      "RST_STREAM",        "Stream removed", "Connection reset", "Socket closed",
      "Deadline Exceeded", "CANCELLED",      "GOAWAY",           "transport"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return Contains(text, word); });
}

bool SparkStatus::IsTakenOver() const { return error_class == "INVALID_CURSOR.DISCONNECTED"; }

bool SparkStatus::IsSessionLost() const {
  return error_class == "INVALID_HANDLE.SESSION_CLOSED" ||
         error_class == "INVALID_HANDLE.SESSION_CHANGED" || IsSessionUnknown();
}

bool SparkStatus::IsSessionUnknown() const {
  return error_class == "INVALID_HANDLE.SESSION_NOT_FOUND";
}

bool SparkStatus::IsOperationUnknown() const {
  return error_class == "INVALID_HANDLE.OPERATION_NOT_FOUND";
}

bool SparkStatus::IsOperationKnown() const {
  return error_class == "INVALID_HANDLE.OPERATION_ALREADY_EXISTS";
}

std::string SparkStatus::TlsFailure() const {
  if (code != grpc::StatusCode::UNAVAILABLE) return "";
  const std::string lower = AsciiLower(text);
  if (Contains(lower, "certificate verify failed") ||
      Contains(lower, "certificate_verify_failed")) {
    return "its certificate is not trusted here; a file with the certificate of its issuer (PEM) "
           "can be named";
  }
  if (Contains(lower, "not in peer certificate") || Contains(lower, "hostname verification")) {
    return "its certificate is for another host";
  }
  if (Contains(lower, "wrong version number") || Contains(lower, "wrong_version_number")) {
    return "it does not speak TLS there";
  }
  return "";
}

SparkStatus ReadStatus(const grpc::Status& status, const SparkRemote& remote) {
  SparkStatus read;
  read.code = status.error_code();
  if (read.ok()) return read;
  // What Spark's parser says begins with a line end.
  read.text = Trim(remote.WithoutSecrets(status.error_message()));
  read.error_class = ClassOf(read.text);
  read.sql_state = SqlStateOf(read.text);
  ReadDetails(status.error_details(), &read);
  return read;
}

Error ToError(const SparkStatus& status, const SparkRemote& remote) {
  const std::string server = "the Spark server at " + remote.Address();
  if (status.IsSessionLost()) {
    return Error(ErrorKind::kIo,
                 fmt::format("{} was restarted, or the session there has expired, and what it held "
                             "is lost ({}); run the command again",
                             server, status.error_class));
  }
  if (const std::string tls = status.TlsFailure(); !tls.empty()) {
    return Error(ErrorKind::kIo, fmt::format("no TLS connection to {}: {}", server, tls));
  }
  switch (status.code) {
    case grpc::StatusCode::UNAUTHENTICATED:
      return Error(ErrorKind::kDenied,
                   remote.token.empty()
                       ? fmt::format("{} asks for a token: add token=… to the URL of the Spark "
                                     "server, or set SPARK_CONNECT_AUTHENTICATE_TOKEN",
                                     server)
                       : fmt::format("{} refuses the token: check token=… in the URL of the Spark "
                                     "server, or SPARK_CONNECT_AUTHENTICATE_TOKEN",
                                     server));
    case grpc::StatusCode::PERMISSION_DENIED:
      return Error(ErrorKind::kDenied,
                   fmt::format("{} denies this: {}", server, FirstLine(status)));
    case grpc::StatusCode::UNAVAILABLE:
      return Error(ErrorKind::kUnavailable,
                   fmt::format("{} can't be reached: {}", server, WhyUnreachable(status)));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Error(ErrorKind::kUnavailable, server + " does not answer in time");
    case grpc::StatusCode::UNIMPLEMENTED:
      return Error(ErrorKind::kUnsupported,
                   fmt::format("{} can't do this; is it a Spark Connect server of Spark 4? {}",
                               server, FirstLine(status)));
    default:
      break;
  }
  // With a class it is about the query; without, Spark itself failed.
  const bool of_query = !status.error_class.empty() &&
                        !status.error_class.starts_with("INVALID_CURSOR") &&
                        !status.error_class.starts_with("INVALID_HANDLE");
  return Error(of_query ? ErrorKind::kInvalidArgument : ErrorKind::kIo,
               "Spark: " + FirstLine(status));
}

}  // namespace firesteel
