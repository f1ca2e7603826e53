#include "cli/s3_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "cli/common_flags.h"
#include "engine/duckdb/aws_credentials.h"
#include "engine/duckdb/library/library.h"
#include "storage/aws_profile.h"

namespace firesteel {
namespace {

constexpr const char* kGroup = "S3";
constexpr std::string_view kRegion = "--s3-region";
constexpr std::string_view kEndpoint = "--s3-endpoint-url";
constexpr std::string_view kUrlStyle = "--s3-url-style";
constexpr std::string_view kRequesterPays = "--s3-requester-pays";
constexpr std::string_view kKmsKey = "--s3-kms-key-id";
constexpr std::string_view kNoSignRequest = "--s3-no-sign-request";

// A value and what gave it, for messages.
struct Given {
  std::string value;
  std::string by;
};

std::optional<Given> OfFlag(const Flags& flags, std::string_view name) {
  const std::optional<std::string> value = flags.Get(name);
  if (!value) return std::nullopt;
  return Given{*value, std::string(name)};
}

std::optional<Given> OfEnvironment(const char* name) {
  const std::optional<std::string> value = Environment(name);
  if (!value) return std::nullopt;
  return Given{*value, name};
}

std::optional<Given> OfProfile(const AwsProfile& profile, const std::string& setting) {
  const std::string value = profile.Get(setting);
  if (value.empty()) return std::nullopt;
  return Given{value, fmt::format("{} of profile '{}'", setting, profile.name)};
}

bool IsTrue(const char* variable) {
  return EqualsIgnoringCase(Environment(variable).value_or(""), "true");
}

// What becomes part of a host's name or a header.
void CheckWord(const Given& given, std::string_view what, std::string_view others) {
  const auto is_fine = [&](const char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != others.npos;
  };
  if (!given.value.empty() && std::all_of(given.value.begin(), given.value.end(), is_fine)) return;
  throw Error(ErrorKind::kUsage, fmt::format("{}: '{}' is no {}", given.by, given.value, what));
}

bool IsPort(std::string_view text) {
  int port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && stop == text.data() + text.size() && port >= 1 && port <= 65535;
}

// "http://host:port", without a slash at the end.
std::string CheckedEndpoint(const Given& given) {
  std::string_view rest = given.value;
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::string endpoint(rest);
  const std::size_t scheme_end = rest.find("://");
  const std::string scheme = AsciiLower(rest.substr(0, std::min(scheme_end, rest.size())));
  bool is_fine = scheme_end != rest.npos && (scheme == "http" || scheme == "https");
  if (is_fine) {
    rest.remove_prefix(scheme_end + 3);
    // The colons of an address in brackets are its own.
    const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
    const std::size_t colon = bracket == rest.npos ? bracket : rest.find(':', bracket);
    const std::string_view host = rest.substr(0, colon);
    is_fine = bracket != rest.npos && !host.empty() &&
              host.find_first_of("/?#@\\ \t\r\n'\";") == host.npos &&
              (colon == rest.npos || IsPort(rest.substr(colon + 1)));
  }
  if (is_fine) return endpoint;
  // A name and password before the host are not shown.
  throw Error(
      ErrorKind::kUsage,
      fmt::format("{}: {} is no address; give one like http://localhost:9000 or "
                  "https://s3.example.com, without a path",
                  given.by,
                  given.value.find('@') == std::string::npos ? fmt::format("'{}'", given.value)
                                                             : "what has an @"));
}

// The first of several that is there.
template <typename... Rest>
std::optional<Given> First(std::optional<Given> first, Rest... rest) {
  if constexpr (sizeof...(rest) > 0) {
    return first ? first : First(std::move(rest)...);
  } else {
    return first;
  }
}

// Finds credentials, for any number of threads.
class CredentialFinder {
 public:
  S3Credentials operator()() {
    constexpr auto kShared = std::chrono::seconds(10);
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!found_ || now - asked_ > kShared) {
      found_ = FindAwsCredentials(LoadDuckDbLibrary);
      asked_ = std::chrono::steady_clock::now();
    }
    return *found_;
  }

 private:
  std::mutex mutex_;
  std::optional<S3Credentials> found_;
  std::chrono::steady_clock::time_point asked_ = {};
};

// The flags of AddS3Flags among all arguments, with their values.
std::vector<std::string> OnlyS3Flags(const std::vector<std::string>& arguments) {
  constexpr std::string_view kWithValue[] = {kRegion, kEndpoint, kUrlStyle, kKmsKey};
  constexpr std::string_view kAlone[] = {kRequesterPays, kNoSignRequest};
  std::vector<std::string> found;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    const bool is_whole = name.size() == argument.size();
    if (std::find(std::begin(kAlone), std::end(kAlone), name) != std::end(kAlone)) {
      found.push_back(argument);
    } else if (std::find(std::begin(kWithValue), std::end(kWithValue), name) !=
               std::end(kWithValue)) {
      found.push_back(argument);
      if (is_whole && i + 1 < arguments.size()) found.push_back(arguments[++i]);
    }
  }
  return found;
}

}  // namespace

S3Settings FindS3Settings(const std::vector<std::string>& arguments) {
  Flags flags("", "", "");
  AddS3Flags(&flags);
  flags.Parse(OnlyS3Flags(arguments));
  return ReadS3Flags(flags);
}

void AddS3Flags(Flags* flags) {
  flags->AddValue(
      kGroup, std::string(kRegion), "NAME",
      "Region of the buckets (default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, or "
      "found out)");
  flags->AddValue(kGroup, std::string(kEndpoint), "URL",
                  "A store other than AWS, as http://localhost:9000 (default: AWS_ENDPOINT_URL_S3, "
                  "AWS_ENDPOINT_URL)");
  flags->AddValue(kGroup, std::string(kUrlStyle), "auto|path|virtual",
                  "Whether the bucket stands in the path or in the host's name (default: auto, in "
                  "the path at a store other than AWS)");
  flags->AddSwitch(kGroup, std::string(kRequesterPays), "Pay for requests to such buckets");
  flags->AddValue(kGroup, std::string(kKmsKey), "ID",
                  "Encrypt outputs with this key of KMS (default: as the bucket says)");
  flags->AddSwitch(kGroup, std::string(kNoSignRequest),
                   "Send no credentials, for public buckets (also AWS_NO_SIGN_REQUEST=true)");
}

S3Settings ReadS3Flags(const Flags& flags) {
  const AwsProfile profile = ReadAwsProfile();
  S3Settings settings;
  const auto region = First(OfFlag(flags, kRegion), OfEnvironment("AWS_REGION"),
                            OfEnvironment("AWS_DEFAULT_REGION"), OfProfile(profile, "region"));
  if (region) {
    CheckWord(*region, "region; give one like eu-west-1", "-_.");
    settings.region = region->value;
  }
  std::optional<Given> endpoint = OfFlag(flags, kEndpoint);
  if (!endpoint && !IsTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
    endpoint = First(OfEnvironment("AWS_ENDPOINT_URL_S3"), OfEnvironment("AWS_ENDPOINT_URL"),
                     OfProfile(profile, "endpoint_url"));
  }
  if (endpoint) settings.endpoint_url = CheckedEndpoint(*endpoint);
  const std::string style = ReadChoice(flags, kUrlStyle, {"auto", "path", "virtual"});
  if (style == "path") settings.url_style = S3Settings::UrlStyle::kPath;
  if (style == "virtual") settings.url_style = S3Settings::UrlStyle::kVirtual;
  settings.requester_pays = flags.Has(kRequesterPays);
  if (const auto key = OfFlag(flags, kKmsKey)) {
    CheckWord(*key, "key of KMS; give its id, ARN or alias", "-_/:.");
    settings.kms_key_id = key->value;
  }
  if (const auto file = First(OfEnvironment("AWS_CA_BUNDLE"), OfProfile(profile, "ca_bundle"))) {
    settings.ca_file = file->value;
  }
  if (flags.Has(kNoSignRequest) || IsTrue("AWS_NO_SIGN_REQUEST")) {
    settings.credentials = [] { return S3Credentials(); };
  } else {
    settings.credentials = [finder = std::make_shared<CredentialFinder>()] { return (*finder)(); };
  }
  return settings;
}

}  // namespace firesteel
