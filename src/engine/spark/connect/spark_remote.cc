#include "engine/spark/connect/spark_remote.h"

#include <fmt/format.h>

#include "base/error.h"

namespace firesteel {

std::string SparkRemote::Shown() const {
  return fmt::format("sc://{}:{}{}", host, port, use_ssl ? "/;use_ssl=true" : "");
}

SparkRemote ParseSparkRemote(std::string_view url) {
  SparkRemote remote;
  if (!url.starts_with("sc://")) throw Error(ErrorKind::kUsage, "a Spark URL begins with sc://");
  url.remove_prefix(5);
  const std::size_t slash = url.find('/');
  const std::string_view authority = url.substr(0, slash);
  const std::size_t colon = authority.find(':');
  remote.host = authority.substr(0, colon);
  if (colon != std::string_view::npos)
    remote.port = std::stoi(std::string(authority.substr(colon + 1)));
  if (slash == std::string_view::npos) return remote;
  std::string_view rest = url.substr(slash + 1);
  while (!rest.empty()) {
    if (rest.front() == ';') rest.remove_prefix(1);
    const std::string_view entry = rest.substr(0, rest.find(';'));
    rest.remove_prefix(entry.size());
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = entry.substr(0, equals);
    const std::string value(entry.substr(equals + 1));
    if (key == "token") remote.token = value;
    if (key == "use_ssl") remote.use_ssl = value == "true";
  }
  return remote;
}

}  // namespace firesteel
