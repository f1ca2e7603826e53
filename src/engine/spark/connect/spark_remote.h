#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace firesteel {

/// When a connection that is silent is asked whether it still stands.
struct SparkKeepAlive {
  bool enabled = true;
  std::chrono::milliseconds time{60'000};     // Of silence, before the other side is asked.
  std::chrono::milliseconds timeout{20'000};  // For its answer; the connection is given up then.
  bool without_calls = true;
};

/// Where a Spark Connect server is and how to speak to it: what a URL of Spark's clients says.
struct SparkRemote {
  std::string host;  // An IPv6 address stands without brackets.
  int port = 15002;
  bool use_ssl = false;
  std::string token;       // Empty: none. Never printed.
  std::string user_id;     // Empty: the name of the system's user.
  std::string session_id;  // Empty: a new one. A UUID in lower case.
  std::string user_agent;
  /// Any other key of the URL: entries of every call's metadata, which may be secrets, too. Keys
  /// are in lower case.
  std::map<std::string, std::string> metadata = {};
  std::string ca_file = {};  // Trusted instead of the system's; PEM.
  SparkKeepAlive keep_alive = {};

  /// "host:port", with brackets around an IPv6 address.
  std::string Address() const;
  /// "sc://host:port", with "/;use_ssl=true" if so, and nothing else: for messages.
  std::string Shown() const;
  /// True for localhost, 127.0.0.0/8 and ::1.
  bool OnLoopback() const;
  /// Replaces what must not be seen (the token, values of the metadata that are credentials by
  /// their names or long enough to be) by "***".
  std::string WithoutSecrets(std::string text) const;
};

/// Reads `sc://host[:port][/;key=value;…]`; values may be percent-encoded. `token`, from elsewhere
/// than the URL, counts if the URL has none. A token switches TLS on, unless the host is this
/// machine's loopback.
///
/// Throws Error(kUsage), which never shows a value, for anything else, and for a token, or another
/// entry that is a credential by its name, that would cross a network in the clear.
/// Source: Spark's client connection string, 4.3.0. Differs: a key stands once; 127.0.0.1 and ::1
/// are loopback, too; a value may hold '='; keys of metadata are checked.
SparkRemote ParseSparkRemote(std::string_view url, std::string_view token = {});

}  // namespace firesteel
