#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace firesteel {

/// For tests: a server on loopback that gives the answers it was told to, one a request, in their
/// order and whatever the request is, and keeps the requests. Serves one connection at a time, kept
/// open from request to request.
class ScriptedServer {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    /// The value of a header, empty if there is none; case does not matter.
    std::string Header(std::string_view name) const;
  };

  struct Reply {
    std::string bytes;   // What is sent, as it is. Empty: nothing.
    bool close = false;  // Close the connection then.
    bool stall = false;  // Say no more then until the client goes away.
  };

  /// Stands in a reply for the x-amz-meta-firesteel-write of the last request that had one.
  static constexpr std::string_view kEcho = "<echo>";

  ScriptedServer();
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const;
  /// Adds replies to the script. Requests beyond its end get 418.
  void Add(std::vector<Reply> replies);
  /// The requests so far.
  std::vector<Request> requests() const;
  int num_connections() const { return num_connections_; }

 private:
  void Serve();
  void ServeConnection(int connection);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopped_ = false;
  std::atomic<int> num_connections_ = 0;
  mutable std::mutex mutex_;
  std::vector<Reply> replies_;
  std::size_t next_ = 0;
  std::vector<Request> requests_;
  std::string echo_;
  std::thread thread_;
};

/// A whole answer: status line, headers (lines without line ends), Content-Length and body.
ScriptedServer::Reply Reply(int status, const std::vector<std::string>& headers = {},
                            std::string_view body = "");
/// S3's words for what went wrong.
ScriptedServer::Reply ErrorReply(int status, std::string_view code, std::string_view message = "",
                                 const std::vector<std::string>& headers = {},
                                 std::string_view more = "");

}  // namespace firesteel
