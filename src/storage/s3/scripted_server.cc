#include "storage/s3/scripted_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"

namespace firesteel {
namespace {

constexpr int kPollMilliseconds = 20;

// Waits until there is something to read. False if the server stops.
bool WaitForInput(int descriptor, const std::atomic<bool>& stopped) {
  while (!stopped) {
    pollfd event{descriptor, POLLIN, 0};
    if (::poll(&event, 1, kPollMilliseconds) > 0) return true;
  }
  return false;
}

}  // namespace

std::string ScriptedServer::Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return "";
}

ScriptedServer::ScriptedServer() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedServer::~ScriptedServer() {
  stopped_ = true;
  thread_.join();
  ::close(listener_);
}

std::string ScriptedServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void ScriptedServer::Add(std::vector<Reply> replies) {
  const std::lock_guard<std::mutex> guard(mutex_);
  for (Reply& reply : replies) replies_.push_back(std::move(reply));
}

std::vector<ScriptedServer::Request> ScriptedServer::requests() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return requests_;
}

void ScriptedServer::Serve() {
  // A connection each, since a client may open several and use them in turns.
  std::vector<std::thread> threads;
  while (WaitForInput(listener_, stopped_)) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    ++num_connections_;
    threads.emplace_back([this, connection] {
      ServeConnection(connection);
      ::close(connection);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void ScriptedServer::ServeConnection(int connection) {
  std::string input;
  const auto read = [&] {
    if (!WaitForInput(connection, stopped_)) return false;
    char buffer[65536];
    const ssize_t count = ::recv(connection, buffer, sizeof(buffer), 0);
    if (count <= 0) return false;
    input.append(buffer, static_cast<std::size_t>(count));
    return true;
  };
  while (true) {
    std::size_t end;
    while ((end = input.find("\r\n\r\n")) == std::string::npos) {
      if (!read()) return;
    }
    const std::vector<std::string> lines = Split(input.substr(0, end), '\n');
    Request request;
    const std::vector<std::string> words = Split(lines[0], ' ');
    request.method = words[0];
    request.target = words[1];
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const std::size_t colon = lines[i].find(':');
      request.headers.emplace_back(lines[i].substr(0, colon), Trim(lines[i].substr(colon + 1)));
    }
    input.erase(0, end + 4);
    const std::size_t length = std::strtoul(request.Header("content-length").c_str(), nullptr, 10);
    while (input.size() < length) {
      if (!read()) return;
    }
    request.body = input.substr(0, length);
    input.erase(0, length);

    Reply reply;
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      reply = next_ < replies_.size() ? replies_[next_++] : firesteel::Reply(418);
      requests_.push_back(request);
      const std::string word = request.Header("x-amz-meta-firesteel-write");
      if (!word.empty()) echo_ = word;
      const std::size_t at = reply.bytes.find(kEcho);
      if (at != std::string::npos) reply.bytes.replace(at, kEcho.size(), echo_);
    }
    // Nobody is asked for the body of an answer to HEAD.
    if (request.method == "HEAD") reply.bytes.resize(reply.bytes.find("\r\n\r\n") + 4);
    ::send(connection, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
    if (reply.close) return;
    if (reply.stall) {
      while (read()) {
      }
      return;
    }
  }
}

ScriptedServer::Reply Reply(int status, const std::vector<std::string>& headers,
                            std::string_view body) {
  std::string bytes = fmt::format("HTTP/1.1 {} Status\r\nServer: script\r\n", status);
  for (const std::string& header : headers) bytes += header + "\r\n";
  if (status != 204) bytes += fmt::format("Content-Length: {}\r\n", body.size());
  bytes += "\r\n";
  bytes += body;
  return {bytes};
}

ScriptedServer::Reply ErrorReply(int status, std::string_view code, std::string_view message,
                                 const std::vector<std::string>& headers, std::string_view more) {
  std::vector<std::string> all = headers;
  all.push_back("Content-Type: application/xml");
  return Reply(status, all,
               fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code>"
                           "<Message>{}</Message>{}<RequestId>1</RequestId></Error>",
                           code, message, more));
}

}  // namespace firesteel
