#include "storage/aws_profile.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

std::string FileOf(const char* variable, const char* name) {
  if (const auto file = Environment(variable)) return *file;
  return (std::filesystem::path(Environment("HOME").value_or("")) / ".aws" / name).string();
}

std::string_view WithoutComment(std::string_view value) {
  for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) {
    value = value.substr(0, value.find(mark));
  }
  return Trim(value);
}

// "[name]" -> "name", blanks within runs as one; nothing for other lines.
std::optional<std::string> SectionOf(std::string_view line) {
  line = Trim(line);
  if (!line.starts_with('[')) return std::nullopt;
  std::string name;
  for (const std::string& word : Split(Trim(line.substr(1, line.find(']') - 1)), ' ')) {
    if (Trim(word).empty()) continue;
    name += name.empty() ? "" : " ";
    name += Trim(word);
  }
  return name;
}

// Puts a section's settings into `profile`, replacing what is there.
void ReadSection(const std::string& file, const std::string& section, AwsProfile* profile) {
  std::ifstream stream(file);
  bool is_inside = false;
  for (std::string line; std::getline(stream, line);) {
    const std::string_view text = Trim(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (const auto name = SectionOf(line)) {
      is_inside = *name == section;
      profile->exists |= is_inside;
      continue;
    }
    const std::size_t equals = text.find('=');
    const bool is_nested = line.front() == ' ' || line.front() == '\t';
    if (!is_inside || is_nested || equals == text.npos) continue;
    profile->settings[AsciiLower(Trim(text.substr(0, equals)))] =
        std::string(WithoutComment(text.substr(equals + 1)));
  }
}

std::optional<S3Credentials> Pair(const std::string& id, const std::string& secret,
                                  const std::string& token, std::string_view id_name,
                                  std::string_view secret_name, const std::string& where) {
  if (id.empty() && secret.empty()) return std::nullopt;
  if (id.empty() || secret.empty()) {
    throw Error(ErrorKind::kDenied, fmt::format("{}: {} is there, but {} is not; set both or none",
                                                where, id.empty() ? secret_name : id_name,
                                                id.empty() ? id_name : secret_name));
  }
  return S3Credentials{.access_key_id = id, .secret_access_key = secret, .session_token = token};
}

}  // namespace

std::optional<std::string> Environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string AwsProfile::Get(const std::string& setting) const {
  const auto found = settings.find(setting);
  return found == settings.end() ? "" : found->second;
}

AwsProfile ReadAwsProfile() {
  AwsProfile profile;
  std::optional<std::string> name = Environment("AWS_DEFAULT_PROFILE");
  if (!name) name = Environment("AWS_PROFILE");
  profile.is_chosen = name.has_value();
  profile.name = name.value_or("default");
  profile.credentials_file = FileOf("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  profile.config_file = FileOf("AWS_CONFIG_FILE", "config");
  if (profile.name == "default") ReadSection(profile.config_file, "default", &profile);
  ReadSection(profile.config_file, "profile " + profile.name, &profile);
  ReadSection(profile.credentials_file, profile.name, &profile);
  return profile;
}

std::optional<S3Credentials> ReadAwsKeys(const AwsProfile& profile) {
  constexpr const char* kId = "AWS_ACCESS_KEY_ID";
  constexpr const char* kSecret = "AWS_SECRET_ACCESS_KEY";
  const auto of_environment =
      Pair(Environment(kId).value_or(""), Environment(kSecret).value_or(""),
           Environment("AWS_SESSION_TOKEN").value_or(""), kId, kSecret, "the environment");
  if (of_environment) return of_environment;
  return Pair(profile.Get("aws_access_key_id"), profile.Get("aws_secret_access_key"),
              profile.Get("aws_session_token"), "aws_access_key_id", "aws_secret_access_key",
              fmt::format("profile '{}'", profile.name));
}

}  // namespace firesteel
