#pragma once

#include <map>
#include <string>
#include <string_view>

namespace firesteel {

/// Where a Spark Connect server is and how to speak to it: what a URL of Spark's clients says.
struct SparkRemote {
  std::string host;
  int port = 15002;
  bool use_ssl = false;
  std::string token;       // Empty: none. Never printed.
  std::string user_id;     // Empty: the name of the system's user.
  std::string session_id;  // Empty: a new one. A UUID in lower case.
  std::string user_agent;
  /// Any other key of the URL: entries of every call's metadata, which may be secrets, too.
  std::map<std::string, std::string> metadata = {};
  std::string ca_file = {};  // Trusted instead of the system's; PEM.

  /// "sc://host:port", with "/;use_ssl=true" if so, and nothing else: for messages.
  std::string Shown() const;
};

/// Reads `sc://host[:port]/;key=value;…`. A token switches TLS on, unless the host is this
/// machine's loopback. Throws Error(kUsage), which never shows a value, for anything else, and for
/// a token that `use_ssl=false` would send in the clear to another machine. Source: Spark's client
/// connection string, 4.3.0.
SparkRemote ParseSparkRemote(std::string_view url);

}  // namespace firesteel
