#include "engine/spark/local_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Settings = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kServerClass = "org.apache.spark.sql.connect.service.SparkConnectServer";
constexpr const char* kAddress = "127.0.0.1";
constexpr const char* kAddressSetting = "spark.connect.grpc.binding.address";
constexpr const char* kPortSetting = "spark.connect.grpc.binding.port";
constexpr const char* kTokenSetting = "spark.connect.authenticate.token";
constexpr const char* kTokenVariable = "SPARK_CONNECT_AUTHENTICATE_TOKEN";
// Spark refuses to start in less than 450 MiB.
constexpr std::int64_t kLeastMemory = std::int64_t{512} << 20;
constexpr auto kTick = std::chrono::milliseconds(20);

[[noreturn]] void RefuseUsage(std::string message) {
  throw Error(ErrorKind::kUsage, std::move(message));
}

// The processes: this one, a watcher, and the server. The watcher is a copy of this process that
// does nothing but wait until the server or this process has ended, which it sees by a pipe that
// this process alone holds open; so the server is stopped in an orderly way even after kill -9. It
// leads a process group of its own, with all that the server starts in it: whatever Spark's scripts
// are made of, the group goes as one, and Ctrl-C on the terminal reaches none of them.

// What the copies need, made before: they must not allocate, as another thread may have been doing
// so when they were made.
struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int log;
  int life;  // The pipe's end for reading.
  int grace_milliseconds;
};

// Closes all descriptors from `first` on.
void CloseFrom(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  const long most = std::min(::sysconf(_SC_OPEN_MAX), 65536L);  // Before Linux 5.9.
  for (long descriptor = first; descriptor < most; ++descriptor) {
    ::close(static_cast<int>(descriptor));
  }
}

[[noreturn]] void BecomeServer(const Launch& launch, pid_t watcher) {
  // If even the watcher is killed. It survives the exec by which the scripts become Java.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != watcher) ::_exit(127);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(launch.log, STDOUT_FILENO);
  ::dup2(launch.log, STDERR_FILENO);
  CloseFrom(STDERR_FILENO + 1);
  if (::chdir(launch.folder) == 0) {
    ::execve(launch.program, launch.arguments, launch.environment);
  }
  constexpr std::string_view kMessage = "spark-submit can't be executed\n";
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(127);
}

// Whether the server has ended within some time.
bool EndsWithin(pid_t server, int milliseconds) {
  constexpr int kStep = 20;
  for (int waited = 0;; waited += kStep) {
    int status = 0;
    const pid_t ended = ::waitpid(server, &status, WNOHANG);
    if (ended == server || (ended < 0 && errno != EINTR)) return true;
    if (waited >= milliseconds) return false;
    ::poll(nullptr, 0, kStep);
  }
}

[[noreturn]] void BecomeWatcher(const Launch& launch) {
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  // This process blocks and handles some; the server must not inherit that.
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const pid_t self = ::getpid();
  const pid_t server = ::fork();
  if (server == 0) BecomeServer(launch, self);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  // The outputs of this process, too, or who reads them to the end would wait for the watcher.
  constexpr int kLife = 0;
  ::dup2(launch.life, kLife);
  CloseFrom(kLife + 1);
  while (server > 0) {
    constexpr int kStep = 100;
    pollfd life{kLife, POLLIN, 0};
    const int ready = ::poll(&life, 1, kStep);
    if (EndsWithin(server, 0)) break;
    if (ready > 0) {
      ::kill(0, SIGTERM);
      EndsWithin(server, launch.grace_milliseconds);
      break;
    }
  }
  ::kill(0, SIGKILL);  // What is left, this one included.
  ::_exit(0);
}

struct Groups {
  std::mutex mutex;
  std::set<pid_t> running;
};

Groups& TheGroups() {
  static Groups groups;
  return groups;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

class LocalServer::Process {
 public:
  Process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
          const std::string& folder, const std::string& log, std::chrono::milliseconds grace)
      : grace_(grace) {
    const auto fail = [](const char* what) {
      throw Error(ErrorKind::kIo, fmt::format("no Spark Connect server can be started: {}: {}",
                                              what, std::system_category().message(errno)));
    };
    int pipe_ends[2];
    if (::pipe2(pipe_ends, O_CLOEXEC) != 0) fail("pipe");
    life_ = pipe_ends[1];
    const int log_descriptor =
        ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    const std::vector<char*> argument_pointers = Pointers(arguments);
    const std::vector<char*> environment_pointers = Pointers(environment);
    const Launch launch{arguments[0].c_str(),
                        argument_pointers.data(),
                        environment_pointers.data(),
                        folder.c_str(),
                        log_descriptor,
                        pipe_ends[0],
                        static_cast<int>(grace.count())};
    watcher_ = ::fork();
    if (watcher_ == 0) BecomeWatcher(launch);
    const int error = errno;
    ::close(pipe_ends[0]);
    ::close(log_descriptor);
    errno = error;
    if (watcher_ < 0) {
      ::close(life_);
      fail("fork");
    }
    // Here too, as it must be so before the group is first killed.
    ::setpgid(watcher_, watcher_);
    const std::lock_guard guard(TheGroups().mutex);
    TheGroups().running.insert(watcher_);
  }

  ~Process() {
    ::close(life_);
    const auto deadline = Clock::now() + grace_ + std::chrono::seconds(2);
    while (Runs() && Clock::now() < deadline) std::this_thread::sleep_for(kTick);
    {
      // While the watcher is not waited for, no other process can have its number.
      const std::lock_guard guard(TheGroups().mutex);
      ::kill(-watcher_, SIGKILL);
      TheGroups().running.erase(watcher_);
    }
    while (::waitpid(watcher_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool Runs() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(watcher_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
  }

 private:
  std::chrono::milliseconds grace_;
  int life_ = -1;
  pid_t watcher_ = -1;
};

namespace {

bool IsExecutable(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0 && !fs::is_directory(path);
}

std::string EnvironmentOr(const char* name, std::string otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : std::move(otherwise);
}

std::string FindOnPath(std::string_view program) {
  for (const std::string& folder : Split(EnvironmentOr("PATH", ""), ':')) {
    const std::string path = fmt::format("{}/{}", folder, program);
    if (!folder.empty() && IsExecutable(path)) return path;
  }
  return "";
}

// The folder of the package pyspark, which is a Spark; without importing it, which takes seconds.
std::string FindInPython() {
  if (FindOnPath("python3").empty()) return "";
  constexpr const char* kCommand =
      "python3 -c 'import importlib.util as u; s = u.find_spec(\"pyspark\"); "
      "print(s.submodule_search_locations[0] if s else \"\")' 2>/dev/null </dev/null";
  std::FILE* pipe = ::popen(kCommand, "re");
  if (pipe == nullptr) return "";
  std::string text;
  char block[4096];
  while (const std::size_t size = std::fread(block, 1, sizeof(block), pipe)) {
    text.append(block, size);
  }
  ::pclose(pipe);
  return std::string(Trim(text));
}

struct SparkInstallation {
  std::string submit;  // The program spark-submit.
  std::string home;    // Empty: not known; its scripts find it.
};

SparkInstallation FindSpark() {
  SparkInstallation found;
  found.home = EnvironmentOr("SPARK_HOME", "");
  if (!found.home.empty()) {
    found.submit = found.home + "/bin/spark-submit";
    if (!IsExecutable(found.submit)) {
      RefuseUsage(fmt::format("SPARK_HOME: '{}' has no bin/spark-submit", found.home));
    }
    return found;
  }
  found.submit = FindOnPath("spark-submit");
  if (!found.submit.empty()) {
    std::error_code error;
    const fs::path home = fs::canonical(found.submit, error).parent_path().parent_path();
    // Else it is a script that stands apart from its Spark.
    if (!error && fs::is_directory(home / "jars", error)) found.home = home.string();
    return found;
  }
  found.home = FindInPython();
  found.submit = found.home + "/bin/spark-submit";
  if (found.home.empty() || !IsExecutable(found.submit)) {
    RefuseUsage(
        "--spark-remote local: no Spark is found on this machine; set SPARK_HOME to its folder, "
        "put its spark-submit on PATH, or install the Python package pyspark");
  }
  return found;
}

void CheckHasConnect(const SparkInstallation& spark) {
  std::error_code error;
  fs::directory_iterator jar(spark.home + "/jars", error);
  if (spark.home.empty() || error) return;
  for (; !error && jar != fs::directory_iterator(); jar.increment(error)) {
    if (jar->path().filename().string().starts_with("spark-connect_")) return;
  }
  throw Error(ErrorKind::kUnsupported,
              fmt::format("--spark-remote local: the Spark in '{}' has no Connect server; Spark "
                          "has one from 4.0 on",
                          spark.home));
}

std::string RandomToken() {
  unsigned char bytes[32];
  std::size_t done = 0;
  while (done < sizeof(bytes)) {
    const ssize_t got = ::getrandom(bytes + done, sizeof(bytes) - done, 0);
    if (got < 0 && errno != EINTR) {
      throw Error(ErrorKind::kIo,
                  "the system gives no random numbers: " + std::system_category().message(errno));
    }
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

sockaddr_in LoopbackAddress(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int FreePort() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = LoopbackAddress(0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound = listener >= 0 && ::bind(listener, generic, size) == 0 &&
                        ::getsockname(listener, generic, &size) == 0;
  const int error = errno;
  if (listener >= 0) ::close(listener);
  if (!is_bound) {
    throw Error(ErrorKind::kIo, "no port of the loopback interface is free: " +
                                    std::system_category().message(error));
  }
  return ntohs(address.sin_port);
}

bool Accepts(int port) {
  const int attempt = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (attempt < 0) return false;
  const sockaddr_in address = LoopbackAddress(port);
  // On loopback it is accepted or refused at once.
  const bool accepts =
      ::connect(attempt, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(attempt);
  return accepts;
}

// Whether somebody else of this machine listens on the port, which was free before: they must not
// be told the token.
bool IsTakenByAnotherUser(int port) {
  constexpr const char* kListens = "0A";
  const std::string wanted = fmt::format(":{:04X}", port);
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::string number, local, remote, state, queues, timer, retries;
      unsigned long user = 0;
      if (!(fields >> number >> local >> remote >> state >> queues >> timer >> retries >> user)) {
        continue;
      }
      if (state == kListens && local.ends_with(wanted) && user != ::geteuid()) return true;
    }
  }
  return false;
}

std::string ReadLog(const std::string& file) {
  std::ifstream log(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(log), {});
}

// The last words of the log: without what Spark says in passing, and without stacks.
std::string LastLines(const std::string& log) {
  constexpr std::size_t kMostLines = 4;
  constexpr std::size_t kMostBytes = 300;
  std::vector<std::string> lines;
  for (const std::string& line : Split(log, '\n')) {
    const std::string_view text = Trim(line);
    if (text.empty() || text.starts_with("at ") || text.starts_with("... ") ||
        text.find(" INFO ") != text.npos || text.find(" WARN ") != text.npos) {
      continue;
    }
    lines.emplace_back(text.substr(0, kMostBytes));
  }
  if (lines.size() > kMostLines) lines.erase(lines.begin(), lines.end() - kMostLines);
  return lines.empty() ? "its log is empty" : "its log ends with: " + Join(lines, "; ");
}

std::string Without(std::string text, const std::string& secret) {
  for (std::size_t at = 0; (at = text.find(secret, at)) != text.npos;) {
    text.replace(at, secret.size(), "***");
  }
  return text;
}

bool IsLocalMaster(const std::string& master) { return master.starts_with("local"); }

std::string MasterOf(const LocalServerOptions& options) {
  if (!options.master.empty()) return options.master;
  return options.num_threads > 0 ? fmt::format("local[{}]", options.num_threads) : "local[*]";
}

// All settings but the port: what was asked for, and what was not and keeps the server small,
// alone, and within its folder.
Settings SettingsOf(const LocalServerOptions& options, const std::string& folder) {
  Settings settings = options.settings;
  const auto add = [&](const char* name, std::string value) {
    const bool is_given = std::any_of(settings.begin(), settings.end(),
                                      [&](const auto& setting) { return setting.first == name; });
    if (!is_given) settings.emplace_back(name, std::move(value));
  };
  add(kAddressSetting, kAddress);
  add("spark.ui.enabled", "false");
  if (!IsLocalMaster(MasterOf(options))) return settings;
  add("spark.driver.host", kAddress);
  add("spark.driver.bindAddress", kAddress);
  add("spark.local.dir", folder);
  add("spark.sql.warehouse.dir", folder + "/warehouse");
  add("spark.driver.defaultJavaOptions",
      fmt::format("\"-Djava.io.tmpdir={}\" -XX:-UsePerfData", folder));
  if (options.memory_bytes > 0) {
    add("spark.driver.memory",
        fmt::format("{}m", std::max(options.memory_bytes, kLeastMemory) >> 20));
  }
  return settings;
}

std::vector<std::string> EnvironmentOf(const SparkInstallation& spark, const std::string& token) {
  // What would make a client of spark-submit, or name another Spark or token.
  constexpr std::string_view kOthers[] = {
      "SPARK_REMOTE=", "SPARK_LOCAL_REMOTE=", "SPARK_CONNECT_MODE_ENABLED=", "SPARK_API_MODE=",
      "SPARK_CONNECT_AUTHENTICATE_TOKEN="};
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool is_other =
        std::any_of(std::begin(kOthers), std::end(kOthers),
                    [&](std::string_view other) { return text.starts_with(other); });
    if (!is_other) environment.emplace_back(text);
  }
  if (!spark.home.empty()) environment.push_back("SPARK_HOME=" + spark.home);
  environment.push_back(fmt::format("{}={}", kTokenVariable, token));
  return environment;
}

}  // namespace

LocalServer::LocalServer(const LocalServerOptions& options) {
  CheckLocalServer(options);
  const SparkInstallation spark = FindSpark();
  CheckHasConnect(spark);
  const std::string folder = fmt::format("{}/spark-{}", ScratchFolder(), RandomUuid());
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make '{}': {}", folder, error.message()));
  }
  const std::string log = folder + "/server.log";
  remote_.host = kAddress;
  remote_.token = RandomToken();
  const std::vector<std::string> environment = EnvironmentOf(spark, remote_.token);
  const Settings settings = SettingsOf(options, folder);
  const auto begin = Clock::now();
  const auto fail = [&](const std::string& what) {
    const std::string text = Without(ReadLog(log), remote_.token);
    LogDebug("the log of the Spark Connect server:\n" + text);
    throw Error(ErrorKind::kUnavailable, fmt::format("the Spark Connect server of '{}' {}; {}",
                                                     spark.submit, what, LastLines(text)));
  };
  // A port may be taken between asking for it and using it, so that may take several attempts.
  constexpr int kMostAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    remote_.port = FreePort();
    // The driver here, whatever the installation's defaults say: its port is to be on this machine.
    std::vector<std::string> arguments = {spark.submit, "--class",         kServerClass,
                                          "--master",   MasterOf(options), "--deploy-mode",
                                          "client",     "--name",          "firesteel-connect"};
    const auto add = [&](const std::string& name, const std::string& value) {
      arguments.insert(arguments.end(), {"--conf", fmt::format("{}={}", name, value)});
    };
    for (const auto& [name, value] : settings) add(name, value);
    add(kPortSetting, std::to_string(remote_.port));
    process_ = std::make_unique<Process>(arguments, environment, folder, log, options.grace);
    while (process_->Runs() && !Accepts(remote_.port)) {
      if (options.check) options.check();
      if (Clock::now() - begin > options.patience) {
        fail(fmt::format(
            "does not listen after {} s",
            std::chrono::duration_cast<std::chrono::seconds>(options.patience).count()));
      }
      std::this_thread::sleep_for(kTick);
    }
    const bool is_taken = IsTakenByAnotherUser(remote_.port);
    if (process_->Runs() && !is_taken) break;
    process_.reset();
    const bool is_worth_another =
        is_taken || ReadLog(log).find("BindException") != std::string::npos;
    if (!is_worth_another || attempt == kMostAttempts) fail("ended before it was ready");
  }
  LogInfo(fmt::format("started a Spark Connect server of '{}' on port {} in {:.1f} s", spark.submit,
                      remote_.port, std::chrono::duration<double>(Clock::now() - begin).count()));
}

LocalServer::~LocalServer() = default;

void CheckLocalServer(const LocalServerOptions& options) {
  for (const auto& [name, value] : options.settings) {
    if (name != kAddressSetting && name != kPortSetting && name != kTokenSetting) continue;
    RefuseUsage(
        fmt::format("--spark-conf: {} is firesteel's own matter with --spark-remote local", name));
  }
}

void KillLocalServers() {
  Groups& groups = TheGroups();
  const std::lock_guard guard(groups.mutex);
  for (const pid_t group : groups.running) ::kill(-group, SIGKILL);
}

}  // namespace firesteel
