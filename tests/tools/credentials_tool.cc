// Finds AWS credentials for tests/s3/credentials_test.py:
//   credentials_tool
// Prints them as JSON; or the error, to stderr, and fails with the number of its kind plus 10.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/duckdb/aws_credentials.h"
#include "engine/duckdb/library/library.h"

int main() {
  bool loaded = false;
  try {
    const firesteel::S3Credentials found = firesteel::FindAwsCredentials([&] {
      firesteel::LoadDuckDbLibrary();
      loaded = true;
    });
    const nlohmann::ordered_json json = {{"access_key_id", found.access_key_id},
                                         {"secret_access_key", found.secret_access_key},
                                         {"session_token", found.session_token},
                                         {"loaded_duckdb", loaded}};
    std::puts(json.dump().c_str());
    return 0;
  } catch (const firesteel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 10 + static_cast<int>(error.kind());
  }
}
