#pragma once

#include <map>
#include <optional>
#include <string>

#include "storage/s3_settings.h"

namespace firesteel {

/// The profile that the AWS tools would use: AWS_DEFAULT_PROFILE or AWS_PROFILE names it, else it
/// is "default". It lies in ~/.aws/credentials and ~/.aws/config, or where
/// AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE say.
struct AwsProfile {
  std::string name;
  bool is_chosen = false;  // A variable of the environment names it.
  bool exists = false;     // One of the files has it.
  std::string credentials_file;
  std::string config_file;
  /// By lower-case name; what both files have is the credentials file's. Settings of settings (the
  /// indented lines below `s3 =`) are left out.
  std::map<std::string, std::string, std::less<>> settings;

  /// Empty if there is none.
  std::string Get(const std::string& setting) const;
};

/// Reads the profile; a file that is missing or can't be read is an empty one. Throws nothing.
/// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
AwsProfile ReadAwsProfile();

/// Keys that are there to be read: in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
/// AWS_SESSION_TOKEN, else in the profile. Throws Error(kDenied) if one half of a pair is missing.
std::optional<S3Credentials> ReadAwsKeys(const AwsProfile& profile);

/// A variable of the environment; nothing if it is empty.
std::optional<std::string> Environment(const char* name);

}  // namespace firesteel
