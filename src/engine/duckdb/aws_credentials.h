#pragma once

#include <functional>

#include "storage/s3_settings.h"

namespace firesteel {

/// Finds credentials where the AWS tools find them; the first of these that has any:
///  1. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN),
///  2. keys in the profile (storage/aws_profile.h),
///  3. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN,
///  4. the profile's credential_process, its SSO session after `aws sso login`, or the role that it
///     assumes with what `credential_source` gives,
///  5. a container: AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI,
///  6. the role of an EC2 instance, by IMDSv2, unless AWS_EC2_METADATA_DISABLED is "true".
/// The first two are read at once. The others are asked by DuckDB's aws extension, in a database of
/// its own, which takes a tenth of a second and what the source takes; `load_duckdb` is called
/// before that, for a program that has not loaded DuckDB's library. Each call asks anew; when what
/// it gave expires, the extension does not tell.
///
/// Throws Error(kDenied) if nothing is found, that says where was looked and what to do, and
/// Error(kUnsupported) for a profile with a role and a source_profile. No message holds a secret.
/// Threads: any.
S3Credentials FindAwsCredentials(const std::function<void()>& load_duckdb);

}  // namespace firesteel
