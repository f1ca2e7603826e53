#include "engine/duckdb/aws_credentials.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "engine/duckdb/connection.h"
#include "engine/duckdb/extension.h"
#include "storage/aws_profile.h"

namespace firesteel {
namespace {

// What lies between ";name=" and the next of the fields, which are sorted by name.
std::string FieldOf(std::string_view secret, std::string_view name, std::string_view next) {
  const std::string begin = fmt::format(";{}=", name);
  const std::size_t at = secret.find(begin);
  if (at == secret.npos) return "";
  secret.remove_prefix(at + begin.size());
  if (!next.empty()) secret = secret.substr(0, secret.find(fmt::format(";{}=", next)));
  return std::string(secret);
}

S3Credentials ReadSecret(duckdb::Connection* connection) {
  duckdb::Result result =
      connection->Query("SELECT secret_string FROM duckdb_secrets(redact := false)");
  if (!result.Next()) throw Error(ErrorKind::kInternal, "DuckDB made no secret");
  const std::string_view secret = result.column(0).Text(0);
  S3Credentials credentials;
  // A region, if there is one, lies between the two; neither it nor a key has a semicolon.
  const std::string id = FieldOf(secret, "key_id", "");
  credentials.access_key_id = id.substr(0, id.find(';'));
  credentials.secret_access_key = FieldOf(secret, "secret", "session_token");
  credentials.session_token = FieldOf(secret, "session_token", "");
  return credentials;
}

// What to ask of the extension besides its own order: it finds certificates for SSO only when SSO
// is asked for by name, and a role's profile only by its name.
std::string ChainFor(const AwsProfile& profile) {
  if (Environment("AWS_WEB_IDENTITY_TOKEN_FILE")) return "";
  const bool has_role = !profile.Get("role_arn").empty();
  if (has_role && !profile.Get("source_profile").empty()) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("profile '{0}' assumes a role with the credentials of another profile "
                            "(source_profile), which is not done here; run: eval \"$(aws configure "
                            "export-credentials --profile {0} --format env)\"",
                            profile.name));
  }
  const auto ask = [&](std::string_view chain) {
    return fmt::format(", PROFILE {}, CHAIN '{}'", duckdb::QuoteText(profile.name), chain);
  };
  if (has_role && !profile.Get("credential_source").empty()) return ask("config");
  if (!profile.Get("credential_process").empty()) return "";
  const bool has_sso = !profile.Get("sso_session").empty() || !profile.Get("sso_start_url").empty();
  return has_sso ? ask("sso") : "";
}

// The sources that were asked, in words.
std::string SourcesOf(const AwsProfile& profile) {
  std::vector<std::string> sources = {"the environment (AWS_ACCESS_KEY_ID)",
                                      fmt::format("profile '{}' ({} and {})", profile.name,
                                                  profile.credentials_file, profile.config_file)};
  if (Environment("AWS_WEB_IDENTITY_TOKEN_FILE")) {
    sources.push_back("web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN)");
  }
  const bool in_container = Environment("AWS_CONTAINER_CREDENTIALS_FULL_URI").has_value() ||
                            Environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").has_value();
  if (in_container) {
    sources.push_back("the container's address (AWS_CONTAINER_CREDENTIALS_…)");
  } else if (!EqualsIgnoringCase(Environment("AWS_EC2_METADATA_DISABLED").value_or(""), "true")) {
    sources.push_back("the role of the EC2 instance");
  }
  std::string text;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    text += i == 0 ? "" : i + 1 == sources.size() ? " or " : ", ";
    text += sources[i];
  }
  return text;
}

std::string Advice(const AwsProfile& profile, const std::string& chain) {
  if (chain.ends_with("'sso'")) {
    return fmt::format("the SSO session may be over: run aws sso login --profile {}", profile.name);
  }
  return "run aws configure, set AWS_PROFILE, or give --s3-no-sign-request for a public bucket";
}

}  // namespace

S3Credentials FindAwsCredentials(const std::function<void()>& load_duckdb) {
  const AwsProfile profile = ReadAwsProfile();
  if (const std::optional<S3Credentials> keys = ReadAwsKeys(profile)) return *keys;
  if (profile.is_chosen && !profile.exists) {
    throw Error(ErrorKind::kDenied,
                fmt::format("AWS_PROFILE: there is no profile '{}' in {} or {}", profile.name,
                            profile.credentials_file, profile.config_file));
  }
  const std::string chain = ChainFor(profile);

  load_duckdb();
  duckdb::Connection connection({.num_threads = 1, .shows_secrets = true});
  for (const char* extension : {"httpfs", "aws"}) duckdb::LoadExtension(&connection, extension);
  try {
    connection.Run(fmt::format("CREATE SECRET (TYPE s3, PROVIDER credential_chain{})", chain));
    S3Credentials credentials = ReadSecret(&connection);
    if (!credentials.access_key_id.empty() && !credentials.secret_access_key.empty()) {
      return credentials;
    }
  } catch (const Error& error) {
    // That nothing was found; it does not say why.
    if (error.kind() != ErrorKind::kInvalidArgument) throw;
  }
  throw Error(ErrorKind::kDenied, fmt::format("no AWS credentials were found in {}; {}",
                                              SourcesOf(profile), Advice(profile, chain)));
}

}  // namespace firesteel
