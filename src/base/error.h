#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace firesteel {

/// What went wrong, as far as a caller can act on it.
enum class ErrorKind {
  kUsage,            // Flags, workflow file, parameters: found before any data is read.
  kInvalidArgument,  // The data, or a value handed to a function, is not acceptable.
  kNotFound,         // A file, column, table or stage that was named does not exist.
  kUnsupported,      // Known, and deliberately not done here.
  kDenied,           // It is there, and we may not have it: a permission is missing.
  kIo,               // Reading or writing failed.
  kUnavailable,      // Worth retrying.
  kInterrupted,      // The user or the system asked us to stop.
  kInternal,         // A bug of ours.
};

/// The one exception type of the project. `what()` says what is wrong, where, and what to do.
/// Caught at the edges only (main, the thread pool, callbacks from foreign libraries).
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }

  /// Returns this error with `where` and a colon before its message.
  Error Within(std::string_view where) const {
    return Error(kind_, std::string(where) + ": " + message_);
  }

 private:
  ErrorKind kind_;
  std::string message_;
};

}  // namespace firesteel
