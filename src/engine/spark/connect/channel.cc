#include "engine/spark/connect/channel.h"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace firesteel {
namespace {

// gRPC traces show headers, and so tokens: only what it calls errors is passed on.
void OnLibraryLog(gpr_log_func_args* arguments) {
  if (arguments->severity < GPR_LOG_SEVERITY_ERROR) return;
  LogDebug(fmt::format("gRPC: {}", arguments->message));
}

std::optional<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return std::nullopt;
  return bytes;
}

// gRPC's own search knows fewer systems, and its built-in path is of the machine it was built on.
std::string SystemCertificates() {
  std::vector<std::string> paths = {"/etc/ssl/certs/ca-certificates.crt",
                                    "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                    "/etc/ssl/ca-bundle.pem",
                                    "/etc/pki/tls/cacert.pem",
                                    "/etc/ssl/cert.pem"};
  for (const char* variable : {"SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"}) {
    const char* path = std::getenv(variable);
    if (path != nullptr && *path != 0) paths.insert(paths.begin(), path);
  }
  for (const std::string& path : paths) {
    if (auto bytes = ReadWhole(path)) return *std::move(bytes);
  }
  throw Error(ErrorKind::kNotFound,
              "this system has no certificates to trust a Spark server by (ca-certificates); "
              "install them, or name a file of certificates (PEM)");
}

std::string TrustedCertificates(const SparkRemote& remote) {
  if (remote.ca_file.empty()) return SystemCertificates();
  auto bytes = ReadWhole(remote.ca_file);
  if (!bytes) {
    throw Error(ErrorKind::kIo,
                fmt::format("the file of certificates {} can't be read", remote.ca_file));
  }
  if (bytes->find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    throw Error(ErrorKind::kIo, fmt::format("{} holds no certificate (PEM)", remote.ca_file));
  }
  return *std::move(bytes);
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const SparkRemote& remote) {
  static std::once_flag once;
  std::call_once(once, [] { gpr_set_log_function(OnLibraryLog); });

  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLongestMessageBytes);
  arguments.SetMaxSendMessageSize(kLongestMessageBytes);
  if (remote.keep_alive.enabled) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(remote.keep_alive.time.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                     static_cast<int>(remote.keep_alive.timeout.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS,
                     remote.keep_alive.without_calls ? 1 : 0);
    // As many as it takes: gRPC would stop after two.
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  // Tries are counted and waited for by Backoff alone: the channel connects when it is told to.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // How long a connection may take to be made.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // Of its own, so that nothing is shared with a channel that others in the process opened.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A proxy that the environment names can't reach this machine's loopback.
  if (remote.OnLoopback()) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);

  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (remote.use_ssl) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = TrustedCertificates(remote);
    credentials = grpc::SslCredentials(options);
  }
  return grpc::CreateCustomChannel("dns:///" + remote.Address(), credentials, arguments);
}

void AddMetadata(const SparkRemote& remote, grpc::ClientContext* context) {
  if (!remote.token.empty()) context->AddMetadata("authorization", "Bearer " + remote.token);
  for (const auto& [key, value] : remote.metadata) context->AddMetadata(key, value);
}

}  // namespace firesteel
