#include "storage/s3/s3_transport.h"

#include <aws/auth/credentials.h>
#include <aws/auth/signing_config.h>
#include <aws/common/logging.h>
#include <aws/common/uri.h>
#include <aws/http/connection.h>
#include <aws/http/proxy.h>
#include <aws/http/request_response.h>
#include <aws/io/channel_bootstrap.h>
#include <aws/io/logging.h>
#include <aws/io/tls_channel_handler.h>
#include <aws/s3/s3.h>
#include <aws/s3/s3_client.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

constexpr int kMaxConnections = 16;
constexpr std::uint32_t kConnectMilliseconds = 10'000;
// A ceiling, not what is taken: parts of our own are not in the library's pool.
constexpr std::uint64_t kMemoryLimit = 512ULL << 20;
constexpr std::chrono::seconds kShutdownPatience{5};
// How often one who waits looks whether the server is trusted.
constexpr std::chrono::milliseconds kTrustCheck{200};

aws_byte_cursor Cursor(std::string_view text) {
  return aws_byte_cursor_from_array(text.data(), text.size());
}

std::string Text(const aws_byte_cursor& cursor) {
  return std::string(reinterpret_cast<const char*>(cursor.ptr), cursor.len);
}

// Released by the deleter that the library has for the type.
template <typename T, auto Release>
struct Releaser {
  void operator()(T* object) const { Release(object); }
};
template <typename T, auto Release>
using Owned = std::unique_ptr<T, Releaser<T, Release>>;

// Why a server was last not trusted. The library tells nobody but its log, at once, and lets the
// request fail half a minute later, all negotiations that fail being alike to it.
class TrustFailures {
 public:
  static TrustFailures& Instance() {
    static TrustFailures failures;
    return failures;
  }

  int count() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return count_;
  }

  std::string last() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return last_;
  }

  void Add(std::string_view reason) {
    const std::lock_guard<std::mutex> guard(mutex_);
    ++count_;
    last_ = reason;
  }

 private:
  std::mutex mutex_;
  int count_ = 0;
  std::string last_;
};

int OnLibraryLog(aws_logger* /*logger*/, aws_log_level /*level*/, aws_log_subject_t /*subject*/,
                 const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  if (length <= 0) return AWS_OP_SUCCESS;
  // "id=0x…: negotiation failed with error Certificate is untrusted (Error encountered in …)"
  const std::string_view text(buffer);
  const std::size_t begin = text.find("negotiation failed with error Certificate");
  if (begin == std::string_view::npos) return AWS_OP_SUCCESS;
  const std::string_view reason = text.substr(text.find("Certificate", begin));
  TrustFailures::Instance().Add(reason.substr(0, reason.find(" (")));
  return AWS_OP_SUCCESS;
}

aws_log_level LibraryLogLevel(aws_logger* /*logger*/, aws_log_subject_t subject) {
  return subject == AWS_LS_IO_TLS ? AWS_LL_WARN : AWS_LL_NONE;
}

void Initialize() {
  static std::once_flag once;
  // Never cleaned up: its threads live as long as the process.
  std::call_once(once, [] {
    static aws_logger_vtable calls = {OnLibraryLog, LibraryLogLevel, [](aws_logger*) {}, nullptr};
    static aws_logger logger = {&calls, nullptr, nullptr};
    aws_s3_library_init(aws_default_allocator());
    aws_logger_set(&logger);
  });
}

std::string SystemCertificates() {
  for (const char* path :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem", "/etc/ssl/cert.pem"}) {
    if (::access(path, R_OK) == 0) return path;
  }
  throw Error(ErrorKind::kNotFound,
              "this system has no certificates to trust a server by (ca-certificates); install "
              "them, or name a file of certificates (PEM) in AWS_CA_BUNDLE");
}

S3Response::Failure FailureOf(int error) {
  switch (error) {
    case AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE:
    case AWS_ERROR_HTTP_RESPONSE_FIRST_BYTE_TIMEOUT:
    case AWS_IO_SOCKET_TIMEOUT:
    case AWS_IO_TLS_NEGOTIATION_TIMEOUT:
      return S3Response::Failure::kTimeout;
    default:
      return S3Response::Failure::kConnection;
  }
}

std::string ReasonOf(int error) {
  switch (error) {
    case AWS_IO_SOCKET_CONNECTION_REFUSED:
      return "the connection was refused";
    case AWS_IO_SOCKET_TIMEOUT:
      return "no connection came about in time";
    case AWS_ERROR_HTTP_CHANNEL_THROUGHPUT_FAILURE:
      return "the connection stalled";
    case AWS_ERROR_HTTP_CONNECTION_CLOSED:
    case AWS_ERROR_HTTP_SERVER_CLOSED:
    case AWS_IO_SOCKET_CLOSED:
      return "the connection was closed before the answer was whole";
    case AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE:
      return "no secure connection (TLS) came about";
    case AWS_IO_DNS_INVALID_NAME:
    case AWS_IO_DNS_NO_ADDRESS_FOR_HOST:
      return "the host is unknown";
    default:
      return fmt::format("{} ({})", aws_error_str(error), aws_error_name(error));
  }
}

// One request on its way. Shared by who waits and by the library, which may let go of it later.
struct Exchange {
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  bool interrupted = false;
  aws_s3_meta_request* meta_request = nullptr;
  S3Response response;
  int error = 0;
  int status = 0;  // Of the answer, and its headers, also where the result has none of them.
  S3Headers headers;
  // What the library borrows until it shuts the request down.
  std::shared_ptr<const std::string> body;
};

void CopyHeaders(const aws_http_headers* headers, S3Headers& to) {
  to.clear();
  for (std::size_t i = 0; i < aws_http_headers_count(headers); ++i) {
    aws_http_header header;
    if (aws_http_headers_get_index(headers, i, &header) != AWS_OP_SUCCESS) continue;
    to.emplace_back(AsciiLower(Text(header.name)), Text(header.value));
  }
}

Exchange& ExchangeOf(void* user_data) {
  return **static_cast<std::shared_ptr<Exchange>*>(user_data);
}

int OnHeaders(aws_s3_meta_request*, const aws_http_headers* headers, int status, void* user_data) {
  Exchange& exchange = ExchangeOf(user_data);
  const std::lock_guard<std::mutex> guard(exchange.mutex);
  exchange.response.status = status;
  CopyHeaders(headers, exchange.response.headers);
  return AWS_OP_SUCCESS;
}

int OnBody(aws_s3_meta_request*, const aws_byte_cursor* body, std::uint64_t, void* user_data) {
  Exchange& exchange = ExchangeOf(user_data);
  const std::lock_guard<std::mutex> guard(exchange.mutex);
  exchange.response.body.append(reinterpret_cast<const char*>(body->ptr), body->len);
  return AWS_OP_SUCCESS;
}

void OnTelemetry(aws_s3_meta_request*, aws_s3_request_metrics* metrics, void* user_data) {
  Exchange& exchange = ExchangeOf(user_data);
  const std::lock_guard<std::mutex> guard(exchange.mutex);
  int status = 0;
  if (aws_s3_request_metrics_get_response_status_code(metrics, &status) != AWS_OP_SUCCESS) return;
  exchange.status = status;
  aws_http_headers* headers = nullptr;
  if (aws_s3_request_metrics_get_response_headers(metrics, &headers) == AWS_OP_SUCCESS &&
      headers != nullptr) {
    CopyHeaders(headers, exchange.headers);
  }
}

// The library would try these again itself, and hands out only what it made of the answer.
std::string_view CodeOf(int error, int status) {
  switch (error) {
    case AWS_ERROR_S3_SLOW_DOWN:
      return "SlowDown";
    case AWS_ERROR_S3_INTERNAL_ERROR:
      return status == 500 || status < 300 ? "InternalError" : "";
    case AWS_ERROR_S3_REQUEST_TIMEOUT:
      return "RequestTimeout";
    case AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED:
      return "RequestTimeTooSkewed";
    default:
      return "";
  }
}

bool IsAnswer(int error) {
  return error == AWS_ERROR_S3_SLOW_DOWN || error == AWS_ERROR_S3_INTERNAL_ERROR ||
         error == AWS_ERROR_S3_REQUEST_TIMEOUT || error == AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED;
}

void OnFinish(aws_s3_meta_request*, const aws_s3_meta_request_result* result, void* user_data) {
  Exchange& exchange = ExchangeOf(user_data);
  const std::lock_guard<std::mutex> guard(exchange.mutex);
  exchange.error = result->error_code;
  if (result->error_response_headers != nullptr) {
    // An answer, if not the one that was hoped for.
    exchange.response.status = result->response_status;
    CopyHeaders(result->error_response_headers, exchange.response.headers);
    exchange.response.body.clear();
    if (result->error_response_body != nullptr) {
      exchange.response.body = Text(aws_byte_cursor_from_buf(result->error_response_body));
    }
    exchange.error = 0;
  } else if (IsAnswer(exchange.error) && exchange.status != 0) {
    exchange.response.status = exchange.status;
    exchange.response.headers = exchange.headers;
    exchange.response.body.clear();
    exchange.response.code = CodeOf(exchange.error, exchange.status);
    exchange.error = 0;
  } else if (exchange.error == AWS_ERROR_S3_INVALID_CONTENT_RANGE_HEADER) {
    // Some stores answer for a range of an empty object with one that ends before it begins.
    exchange.response = {};
    exchange.response.status = 416;
    exchange.error = 0;
  } else if (exchange.error == 0) {
    exchange.response.status = result->response_status;
  }
  exchange.finished = true;
  exchange.changed.notify_all();
}

void OnShutdown(void* user_data) { delete static_cast<std::shared_ptr<Exchange>*>(user_data); }

// Becomes true when the library has let go of the client.
struct Gone {
  std::mutex mutex;
  std::condition_variable changed;
  bool gone = false;
};

void OnClientGone(void* user_data) {
  auto* held = static_cast<std::shared_ptr<Gone>*>(user_data);
  {
    const std::lock_guard<std::mutex> guard((*held)->mutex);
    (*held)->gone = true;
    (*held)->changed.notify_all();
  }
  delete held;
}

[[noreturn]] void ThrowInterrupted() { throw Error(ErrorKind::kInterrupted, "interrupted"); }

[[noreturn]] void ThrowLibraryError(std::string_view what) {
  throw Error(ErrorKind::kInternal, fmt::format("{}: {}", what, aws_error_str(aws_last_error())));
}

}  // namespace

std::string_view S3Response::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return {};
}

struct S3Transport::Client {
  aws_client_bootstrap* bootstrap = nullptr;
  aws_tls_ctx* tls_context = nullptr;
  aws_s3_client* client = nullptr;
  std::shared_ptr<Gone> gone = std::make_shared<Gone>();

  std::mutex mutex;  // Never held when an Exchange's mutex is taken after a callback's.
  std::condition_variable changed;
  bool interrupted = false;
  std::set<std::shared_ptr<Exchange>> running;
};

S3Transport::S3Transport(const S3Settings& settings, const S3Tuning& tuning)
    : client_(std::make_shared<Client>()) {
  const bool plain = AsciiLower(settings.endpoint_url).starts_with("http://");
  const std::string certificates =
      plain ? "" : (settings.ca_file.empty() ? SystemCertificates() : settings.ca_file);
  Initialize();
  aws_allocator* allocator = aws_default_allocator();

  aws_tls_connection_options tls{};
  if (!plain) {
    aws_tls_ctx_options options{};
    aws_tls_ctx_options_init_default_client(&options, allocator);
    const bool read = aws_tls_ctx_options_override_default_trust_store_from_path(
                          &options, nullptr, certificates.c_str()) == AWS_OP_SUCCESS;
    if (read) client_->tls_context = aws_tls_client_ctx_new(allocator, &options);
    aws_tls_ctx_options_clean_up(&options);
    if (client_->tls_context == nullptr) {
      throw Error(ErrorKind::kNotFound,
                  fmt::format("{}: holds no certificates that can be read (PEM): {}", certificates,
                              aws_error_str(aws_last_error())));
    }
    aws_tls_connection_options_init_from_ctx(&tls, client_->tls_context);
  }

  aws_s3_client_bootstrap_options bootstrap_options{};
  bootstrap_options.event_loop_count = 1;
  client_->bootstrap = aws_s3_client_bootstrap_default(allocator, &bootstrap_options);
  if (client_->bootstrap == nullptr) ThrowLibraryError("S3");

  aws_http_connection_monitoring_options monitoring{};
  monitoring.minimum_throughput_bytes_per_second = 1;
  monitoring.allowable_throughput_failure_interval_seconds =
      static_cast<std::uint32_t>(tuning.timeout.count());
  proxy_env_var_settings proxy{};
  proxy.env_var_type = plain ? AWS_HPEV_DISABLE : AWS_HPEV_ENABLE;
  // Each request brings credentials of its own.
  const Owned<aws_credentials, aws_credentials_release> anonymous(
      aws_credentials_new_anonymous(allocator));
  aws_signing_config_aws signing{};
  signing.config_type = AWS_SIGNING_CONFIG_AWS;
  signing.algorithm = AWS_SIGNING_ALGORITHM_V4;
  signing.credentials = anonymous.get();
  aws_s3_client_config config{};
  config.max_active_connections_override = kMaxConnections;
  config.region = Cursor("us-east-1");
  config.client_bootstrap = client_->bootstrap;
  config.tls_mode = plain ? AWS_MR_TLS_DISABLED : AWS_MR_TLS_ENABLED;
  config.tls_connection_options = plain ? nullptr : &tls;
  config.signing_config = &signing;
  config.memory_limit_in_bytes = kMemoryLimit;
  config.retry_config.retry_mode = AWS_S3_RETRY_MODE_NONE;
  config.connect_timeout_ms = std::min<std::uint32_t>(
      kConnectMilliseconds, static_cast<std::uint32_t>(tuning.timeout.count() * 1000));
  config.monitoring_options = &monitoring;
  config.proxy_ev_settings = &proxy;
  config.shutdown_callback = OnClientGone;
  auto held = std::make_unique<std::shared_ptr<Gone>>(client_->gone);
  config.shutdown_callback_user_data = held.get();
  client_->client = aws_s3_client_new(allocator, &config);
  if (!plain) aws_tls_connection_options_clean_up(&tls);
  if (client_->client == nullptr) ThrowLibraryError("S3");
  static_cast<void>(held.release());
}

S3Transport::~S3Transport() {
  Interrupt();
  aws_s3_client_release(client_->client);
  {
    std::unique_lock<std::mutex> lock(client_->gone->mutex);
    client_->gone->changed.wait_for(lock, kShutdownPatience,
                                    [this] { return client_->gone->gone; });
  }
  aws_client_bootstrap_release(client_->bootstrap);
  if (client_->tls_context != nullptr) aws_tls_ctx_release(client_->tls_context);
}

void S3Transport::Interrupt() {
  std::set<std::shared_ptr<Exchange>> running;
  {
    const std::lock_guard<std::mutex> guard(client_->mutex);
    client_->interrupted = true;
    running = client_->running;
    client_->changed.notify_all();
  }
  for (const std::shared_ptr<Exchange>& exchange : running) {
    const std::lock_guard<std::mutex> guard(exchange->mutex);
    exchange->interrupted = true;
    exchange->changed.notify_all();
  }
}

bool S3Transport::interrupted() const {
  const std::lock_guard<std::mutex> guard(client_->mutex);
  return client_->interrupted;
}

void S3Transport::Wait(std::chrono::milliseconds time) {
  std::unique_lock<std::mutex> lock(client_->mutex);
  if (client_->changed.wait_for(lock, time, [this] { return client_->interrupted; })) {
    ThrowInterrupted();
  }
}

S3Response S3Transport::Send(const S3Request& request, bool even_if_interrupted) {
  aws_allocator* allocator = aws_default_allocator();
  const Owned<aws_http_message, aws_http_message_release> message(
      aws_http_message_new_request(allocator));
  aws_http_message_set_request_method(message.get(), Cursor(request.method));
  aws_http_message_set_request_path(message.get(), Cursor(request.target));
  aws_http_headers* headers = aws_http_message_get_headers(message.get());
  aws_http_headers_set(headers, Cursor("Host"), Cursor(request.host));
  for (const auto& [name, value] : request.headers) {
    aws_http_headers_add(headers, Cursor(name), Cursor(value));
  }
  const bool has_body = request.body != nullptr && !request.body->empty();
  if (request.body != nullptr || request.method == "PUT" || request.method == "POST") {
    const std::string length = std::to_string(has_body ? request.body->size() : 0);
    aws_http_headers_set(headers, Cursor("Content-Length"), Cursor(length));
  }

  const S3Credentials& keys = request.credentials;
  const Owned<aws_credentials, aws_credentials_release> credentials(
      keys.access_key_id.empty() ? aws_credentials_new_anonymous(allocator)
                                 : aws_credentials_new(allocator, Cursor(keys.access_key_id),
                                                       Cursor(keys.secret_access_key),
                                                       Cursor(keys.session_token), UINT64_MAX));
  if (credentials == nullptr) ThrowLibraryError("S3: credentials");
  aws_signing_config_aws signing{};
  signing.config_type = AWS_SIGNING_CONFIG_AWS;
  signing.algorithm = AWS_SIGNING_ALGORITHM_V4;
  signing.signature_type = AWS_ST_HTTP_REQUEST_HEADERS;
  signing.region = Cursor(request.region);
  signing.service = Cursor("s3");
  signing.credentials = credentials.get();
  signing.signed_body_value = request.body_sha256.empty() ? g_aws_signed_body_value_unsigned_payload
                                                          : Cursor(request.body_sha256);
  signing.signed_body_header = AWS_SBHT_X_AMZ_CONTENT_SHA256;

  const std::string endpoint_text = request.scheme + "://" + request.host;
  const aws_byte_cursor endpoint_cursor = Cursor(endpoint_text);
  aws_uri endpoint;
  if (aws_uri_init_parse(&endpoint, allocator, &endpoint_cursor) != AWS_OP_SUCCESS) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: is no URL", endpoint_text));
  }
  const Owned<aws_uri, aws_uri_clean_up> endpoint_cleaner(&endpoint);

  const auto exchange = std::make_shared<Exchange>();
  exchange->body = request.body;
  auto held = std::make_unique<std::shared_ptr<Exchange>>(exchange);
  aws_s3_meta_request_options options{};
  options.type = AWS_S3_META_REQUEST_TYPE_DEFAULT;
  options.operation_name = Cursor(request.operation);
  options.signing_config = &signing;
  options.message = message.get();
  if (has_body) options.request_body = Cursor(*exchange->body);
  options.user_data = held.get();
  options.headers_callback = OnHeaders;
  options.body_callback = OnBody;
  options.finish_callback = OnFinish;
  options.shutdown_callback = OnShutdown;
  options.telemetry_callback = OnTelemetry;
  options.endpoint = &endpoint;

  {
    const std::lock_guard<std::mutex> guard(client_->mutex);
    if (client_->interrupted && !even_if_interrupted) ThrowInterrupted();
    if (!even_if_interrupted) client_->running.insert(exchange);
  }
  const int num_failures = TrustFailures::Instance().count();
  aws_s3_meta_request* meta_request = aws_s3_client_make_meta_request(client_->client, &options);
  if (meta_request != nullptr) static_cast<void>(held.release());
  const int make_error = meta_request == nullptr ? aws_last_error() : 0;

  bool finished = false;
  bool interrupted = false;
  bool trusted = true;
  if (meta_request != nullptr) {
    auto end = std::chrono::steady_clock::now() + request.deadline;
    std::unique_lock<std::mutex> lock(exchange->mutex);
    while (!exchange->finished && trusted) {
      const auto now = std::chrono::steady_clock::now();
      if (exchange->interrupted && !interrupted) {
        interrupted = true;
        end = std::min(end, now + request.grace);
      }
      if (now >= end) break;
      exchange->changed.wait_until(lock, std::min(end, now + kTrustCheck));
      trusted = TrustFailures::Instance().count() == num_failures;
    }
    finished = exchange->finished;
  }
  {
    const std::lock_guard<std::mutex> guard(client_->mutex);
    client_->running.erase(exchange);
  }
  if (meta_request == nullptr) {
    throw Error(ErrorKind::kInternal,
                fmt::format("S3: {}: {}", request.operation, aws_error_str(make_error)));
  }
  if (!finished) aws_s3_meta_request_cancel(meta_request);
  aws_s3_meta_request_release(meta_request);
  if (interrupted && !finished) ThrowInterrupted();
  S3Response response;
  if (!finished && !trusted) {
    response.failure = S3Response::Failure::kTrust;
    response.reason = TrustFailures::Instance().last();
    return response;
  }
  if (!finished) {
    response.failure = S3Response::Failure::kTimeout;
    response.reason = "no whole answer came in time";
    return response;
  }
  const std::lock_guard<std::mutex> guard(exchange->mutex);
  if (exchange->error != 0) {
    response.failure = FailureOf(exchange->error);
    response.reason = ReasonOf(exchange->error);
    return response;
  }
  return std::move(exchange->response);
}

}  // namespace firesteel
