#pragma once

#include <string>
#include <vector>

#include "cli/flags.h"
#include "storage/s3_settings.h"

namespace firesteel {

/// --s3-region, --s3-endpoint-url, --s3-url-style, --s3-requester-pays, --s3-kms-key-id and
/// --s3-no-sign-request: for every command that takes locations, after its other flags.
void AddS3Flags(Flags* flags);

/// How S3 is reached by flags, environment and profile, in this order: AWS_REGION, then
/// AWS_DEFAULT_REGION; AWS_ENDPOINT_URL_S3, then AWS_ENDPOINT_URL, unless
/// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is "true"; AWS_CA_BUNDLE; AWS_NO_SIGN_REQUEST. Reads two
/// small files, and is for when a location is on S3. Throws Error(kUsage) that names the flag or
/// variable whose value is none.
///
/// The credentials are found when they are first asked for (FindAwsCredentials, with DuckDB's
/// library if it takes that), and found anew when they are asked for again, but not within seconds,
/// so that who asks at the same time shares them.
S3Settings ReadS3Flags(const Flags& flags);
/// The same from all arguments of a command, before its flags are declared.
S3Settings FindS3Settings(const std::vector<std::string>& arguments);

}  // namespace firesteel
