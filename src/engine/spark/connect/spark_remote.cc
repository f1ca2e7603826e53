#include "engine/spark/connect/spark_remote.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

// What Spark's own clients allow.
constexpr std::size_t kLongestUserAgent = 2048;

// Never given a value of the URL: it may be a secret, or become one by a slip of the pen.
[[noreturn]] void Refuse(std::string_view what) {
  throw Error(ErrorKind::kUsage, fmt::format("the URL of the Spark server, "
                                             "sc://host[:port][/;key=value;…], is wrong: {}",
                                             what));
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string PercentDecoded(std::string_view key, std::string_view value) {
  std::string decoded;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      decoded += value[i];
      continue;
    }
    const auto high = i + 1 < value.size() ? HexDigit(value[i + 1]) : std::nullopt;
    const auto low = i + 2 < value.size() ? HexDigit(value[i + 2]) : std::nullopt;
    if (!high || !low) {
      Refuse(fmt::format("'%' in the value of '{}' needs two hexadecimal digits after it", key));
    }
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

// What HTTP/2 lets a header carry.
void CheckHeaderValue(std::string_view key, std::string_view value) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable || value.front() == ' ' || value.back() == ' ') {
    Refuse(fmt::format("the value of '{}' may hold printable ASCII only, and no blank at its ends",
                       key));
  }
}

int ParsePort(std::string_view text) {
  int port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size() || port < 1 ||
      port > 65535) {
    Refuse("the port after the host's ':' is a whole number from 1 to 65535");
  }
  return port;
}

void ParseAuthority(std::string_view authority, SparkRemote* remote) {
  if (authority.find('@') != std::string_view::npos) {
    Refuse("there is no user before the host: use user_id=… and token=… after the slash");
  }
  if (authority.find(';') != std::string_view::npos) {
    Refuse("parameters stand after a slash: sc://host:port/;key=value");
  }
  std::string_view host = authority;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) Refuse("'[' needs a ']' after the IPv6 address");
    host = authority.substr(1, bracket - 1);
    rest = authority.substr(bracket + 1);
    in6_addr address;
    if (::inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1) {
      Refuse("between '[' and ']' stands an IPv6 address");
    }
  } else {
    const std::size_t colon = authority.find(':');
    if (colon != std::string_view::npos) {
      host = authority.substr(0, colon);
      rest = authority.substr(colon);
      if (rest.find(':', 1) != std::string_view::npos) {
        Refuse("an IPv6 address stands in brackets: sc://[::1]:15002");
      }
    }
    if (host.empty()) Refuse("the host is missing");
    if (!std::all_of(host.begin(), host.end(), [](char c) {
          return IsLetterOrDigit(c) || c == '-' || c == '.' || c == '_';
        })) {
      Refuse("the host is neither a name nor an address");
    }
  }
  remote->host = host;
  if (rest.empty()) return;
  if (!rest.starts_with(':')) Refuse("after ']' comes ':' and the port");
  remote->port = ParsePort(rest.substr(1));
}

bool ParseBoolean(std::string_view key, std::string_view value) {
  if (EqualsIgnoringCase(value, "true")) return true;
  if (EqualsIgnoringCase(value, "false")) return false;
  Refuse(fmt::format("{} is true or false", key));
}

std::chrono::milliseconds ParseMilliseconds(std::string_view key, std::string_view value) {
  int number = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure != std::errc() || end != value.data() + value.size() || number < 1) {
    Refuse(fmt::format("{} is a whole number of milliseconds, at least 1", key));
  }
  return std::chrono::milliseconds(number);
}

std::string ParseUuid(std::string_view key, std::string_view value) {
  bool good = value.size() == 36;
  for (std::size_t i = 0; good && i < value.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    good = dash ? value[i] == '-' : HexDigit(value[i]).has_value();
  }
  if (!good) {
    Refuse(fmt::format("{} is a UUID, like 00112233-4455-6677-8899-aabbccddeeff", key));
  }
  return AsciiLower(value);
}

// What may become the name of a header. gRPC keeps names that begin with "grpc-" to itself.
std::string MetadataKey(std::string_view key) {
  std::string lower = AsciiLower(key);
  const bool good = !lower.empty() && std::all_of(lower.begin(), lower.end(), [](char c) {
    return IsLetterOrDigit(c) || c == '-' || c == '.' || c == '_';
  });
  if (!good) {
    Refuse("a key is made of letters, digits, '-', '_' and '.'; values are percent-encoded");
  }
  return lower;
}

// Headers that hold a credential whoever the server is.
bool IsCredential(std::string_view key) {
  for (const std::string_view word : {"auth", "token", "secret", "password", "credential"}) {
    if (key.find(word) != std::string_view::npos) return true;
  }
  return false;
}

// Takes one entry; returns false if its key is none that we know.
bool TakeKnown(std::string_view key, const std::string& value, SparkRemote* remote) {
  if (key == "token") {
    CheckHeaderValue(key, value);
    remote->token = value;
  } else if (key == "user_id") {
    remote->user_id = value;
  } else if (key == "session_id") {
    remote->session_id = ParseUuid(key, value);
  } else if (key == "user_agent") {
    if (value.size() > kLongestUserAgent) {
      Refuse(fmt::format("user_agent has at most {} bytes", kLongestUserAgent));
    }
    remote->user_agent = value;
  } else if (key == "grpc_keepalive_enabled") {
    remote->keep_alive.enabled = ParseBoolean(key, value);
  } else if (key == "grpc_keepalive_time_ms") {
    remote->keep_alive.time = ParseMilliseconds(key, value);
  } else if (key == "grpc_keepalive_timeout_ms") {
    remote->keep_alive.timeout = ParseMilliseconds(key, value);
  } else if (key == "grpc_keepalive_without_calls") {
    remote->keep_alive.without_calls = ParseBoolean(key, value);
  } else {
    return false;
  }
  return true;
}

// Returns what the URL says of TLS, if it does.
std::optional<bool> ParseParameters(std::string_view parameters, SparkRemote* remote) {
  std::optional<bool> use_ssl;
  std::set<std::string> keys;
  int number = 0;
  for (const std::string& entry : Split(parameters, ';')) {
    if (entry.empty()) continue;
    ++number;
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) {
      Refuse(fmt::format("parameter {} has no '='", number));
    }
    const std::string key = MetadataKey(std::string_view(entry).substr(0, equals));
    const std::string value = PercentDecoded(key, std::string_view(entry).substr(equals + 1));
    if (!keys.insert(key).second) Refuse(fmt::format("'{}' is given twice", key));
    if (value.empty()) Refuse(fmt::format("'{}' has no value", key));
    if (key == "use_ssl") {
      use_ssl = ParseBoolean(key, value);
    } else if (!TakeKnown(key, value, remote)) {
      if (key.starts_with("grpc-")) Refuse(fmt::format("'{}' belongs to gRPC", key));
      if (!key.ends_with("-bin")) CheckHeaderValue(key, value);
      remote->metadata.emplace(key, value);
    }
  }
  return use_ssl;
}

void ReplaceAll(std::string_view what, std::string* text) {
  if (what.empty()) return;
  for (std::size_t at = text->find(what); at != std::string::npos; at = text->find(what, at + 3)) {
    text->replace(at, what.size(), "***");
  }
}

}  // namespace

std::string SparkRemote::Address() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string SparkRemote::Shown() const {
  return fmt::format("sc://{}{}", Address(), use_ssl ? "/;use_ssl=true" : "");
}

bool SparkRemote::OnLoopback() const {
  if (EqualsIgnoringCase(host, "localhost")) return true;
  in_addr four;
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six;
  return ::inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string SparkRemote::WithoutSecrets(std::string text) const {
  ReplaceAll(token, &text);
  // Short values that are no credentials ("1", "true") stand in texts for other reasons.
  for (const auto& [key, value] : metadata) {
    if (IsCredential(key) || value.size() >= 8) ReplaceAll(value, &text);
  }
  return text;
}

SparkRemote ParseSparkRemote(std::string_view url, std::string_view token) {
  constexpr std::string_view kScheme = "sc://";
  if (!url.starts_with(kScheme)) Refuse("it begins with sc://");
  url.remove_prefix(kScheme.size());
  SparkRemote remote;
  const std::size_t slash = url.find('/');
  ParseAuthority(url.substr(0, slash), &remote);

  std::optional<bool> use_ssl;
  if (slash != std::string_view::npos) {
    const std::string_view parameters = url.substr(slash + 1);
    if (!parameters.empty() && !parameters.starts_with(';')) {
      Refuse("the slash ends it, or ';' and parameters follow");
    }
    use_ssl = ParseParameters(parameters, &remote);
  }
  if (remote.token.empty() && !token.empty()) {
    CheckHeaderValue("token", token);
    remote.token = token;
  }
  if (!remote.token.empty() && remote.metadata.contains("authorization")) {
    Refuse("a token and 'authorization' exclude each other, as the token is sent in that header");
  }
  remote.use_ssl = use_ssl.value_or(!remote.token.empty() && !remote.OnLoopback());
  if (!remote.use_ssl && !remote.OnLoopback()) {
    if (!remote.token.empty()) {
      Refuse("without TLS (use_ssl=true) anyone on the way could read the token");
    }
    for (const auto& [key, value] : remote.metadata) {
      if (IsCredential(key)) {
        Refuse(fmt::format("without TLS (use_ssl=true) anyone on the way could read '{}'", key));
      }
    }
  }
  return remote;
}

}  // namespace firesteel
