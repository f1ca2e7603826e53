#include "workflow/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <span>
#include <system_error>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/shown_names.h"
#include "storage/local_copy.h"
#include "workflow/version.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

double RoundToMicroseconds(double milliseconds) { return std::round(milliseconds * 1e3) / 1e3; }

}  // namespace

std::string_view Version() { return FIRESTEEL_VERSION; }

InputHashes::~InputHashes() {
  if (thread_.joinable()) thread_.join();
}

void InputHashes::Add(const std::string& role, const Location& location) {
  if (!location.is_remote()) {
    AddFiles(role, ListDataFiles(location));
    return;
  }
  const std::size_t begin = files_.size();
  for (DataObject& object : FindDataObjects(location)) {
    files_.push_back({.role = role,
                      .path = std::move(object.url),
                      .bytes = object.num_bytes,
                      .sha256 = std::move(object.sha256),
                      .etag = std::move(object.etag)});
  }
  remote_.push_back({location, begin, files_.size()});
}

void InputHashes::AddFiles(const std::string& role, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    files_.push_back({role, path, error ? 0 : static_cast<std::int64_t>(bytes), ""});
  }
}

void InputHashes::AddTree(const std::string& role, const Location& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(LocalCopy(directory).path(), error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name[0] != '_' && name[0] != '.' && it->is_regular_file(error)) {
      paths.push_back(it->path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  AddFiles(role, paths);
}

void InputHashes::AddRows(const std::string& role, const std::string& path,
                          std::string_view origin) {
  files_.push_back({.role = role, .path = path, .sha256 = Sha256(origin), .is_file = false});
}

void InputHashes::Adopt(const Json& manifest) {
  if (!manifest.is_object()) return;
  const Json inputs = manifest.value("inputs", Json::array());
  for (InputFile& file : files_) {
    if (file.etag.empty() || !file.sha256.empty()) continue;
    for (const Json& input : inputs) {
      if (input.is_object() && input.value("role", "") == file.role &&
          input.value("path", "") == file.path && input.value("bytes", Json()) == file.bytes &&
          input.value("etag", "") == file.etag) {
        file.sha256 = input.value("sha256", "");
      }
    }
  }
}

void InputHashes::Start(RemoteData remote) {
  std::vector<std::pair<InputFile*, std::string>> unknown;  // Where the bytes are.
  const auto is_unknown = [](const InputFile& file) { return file.is_file && file.sha256.empty(); };
  for (InputFile& file : files_) {
    if (is_unknown(file) && !IsRemotePath(file.path)) unknown.emplace_back(&file, file.path);
  }
  for (const RemoteInput& input : remote_) {
    const std::span<InputFile> files(files_.data() + input.begin, input.end - input.begin);
    if (std::none_of(files.begin(), files.end(), is_unknown)) continue;
    std::map<std::string, std::string> copies;  // By URL.
    for (const std::string& path : ListDataFiles(input.location, remote)) {
      if (!IsRemotePath(path)) copies.emplace(WithShownNames(path), path);
    }
    // What is read in place is not read whole only to be hashed.
    if (copies.empty()) continue;
    for (InputFile& file : files) {
      const auto copy = copies.find(file.path);
      if (copy == copies.end()) {
        throw Error(ErrorKind::kIo,
                    fmt::format("'{}' was changed while it was read: '{}' is gone; run again",
                                input.location.path(), file.path));
      }
      if (is_unknown(file)) unknown.emplace_back(&file, copy->second);
    }
  }
  if (unknown.empty()) return;
  thread_ = std::thread([this, unknown = std::move(unknown)] {
    try {
      for (const auto& [file, path] : unknown) file->sha256 = Sha256File(path);
    } catch (...) {
      failure_ = std::current_exception();
    }
  });
}

bool InputHashes::MayBe(const Json& manifest) const {
  const auto inputs = manifest.find("inputs");
  if (inputs == manifest.end() || inputs->size() != files_.size()) return false;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const Json& input = (*inputs)[i];
    if (!input.is_object() || input.value("role", Json()) != files_[i].role) return false;
    if (files_[i].is_file && input.value("bytes", Json()) != files_[i].bytes) return false;
  }
  return true;
}

const std::vector<InputFile>& InputHashes::Wait() {
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return files_;
}

std::string InputHashes::Combined() {
  std::string all;
  for (const InputFile& file : Wait()) {
    all += file.role + "\n" + (file.sha256.empty() ? file.etag : file.sha256) + "\n";
  }
  return Sha256(all);
}

PhaseClock::PhaseClock(StepObserver observer)
    : observer_(std::move(observer)), start_(Clock::now()), phase_start_(start_) {}

void PhaseClock::Begin(const std::string& phase) {
  End();
  phase_ = phase;
  phase_start_ = Clock::now();
  if (observer_) observer_({.phase = phase_});
}

void PhaseClock::Tell(int done, int total) const {
  if (observer_) observer_({.phase = phase_, .done = done, .total = total});
}

void PhaseClock::End() {
  if (phase_.empty()) return;
  const std::chrono::duration<double, std::milli> elapsed = Clock::now() - phase_start_;
  milliseconds_.emplace_back(phase_, elapsed.count());
  phase_.clear();
}

double PhaseClock::Seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

Json PhaseClock::ToJson() const {
  Json json = Json::object();
  for (const auto& [phase, milliseconds] : milliseconds_) {
    json[phase] = RoundToMicroseconds(json.value(phase, 0.0) + milliseconds);
  }
  return json;
}

std::optional<Manifest> Manifest::Parse(const Json& json) {
  // Keys that are not results of a step.
  constexpr std::string_view kOwn[] = {
      "part_of",    "run",    "version", "step",   "firesteel", "engine", "key",         "workflow",
      "parameters", "inputs", "rows",    "ledger", "warnings",  "files",  "milliseconds"};
  try {
    if (json.at("version") != 1) return std::nullopt;
    Manifest manifest;
    manifest.step = json.at("step");
    manifest.engine = json.at("engine");
    manifest.key = json.value("key", "");
    manifest.parameters = json.at("parameters");
    for (const auto& [part, count] : json.at("rows").items()) {
      manifest.rows.emplace_back(part, count);
    }
    for (const auto& [what, ledger] : json.at("ledger").items()) {
      manifest.ledgers.emplace_back(what, RowLedger::FromJson(ledger));
    }
    manifest.warnings = json.at("warnings");
    for (const auto& [name, value] : json.items()) {
      if (std::find(std::begin(kOwn), std::end(kOwn), name) == std::end(kOwn)) {
        manifest.results[name] = value;
      }
    }
    return manifest;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

void Manifest::Warn(const std::string& message) {
  LogWarning(message);
  warnings.push_back(message);
}

Json Manifest::Write(const std::string& directory, const Workflow& workflow,
                     const PhaseClock& clock) const {
  Json json;
  json["version"] = 1;
  json["step"] = step;
  if (!part_of.empty()) json["part_of"] = part_of;
  json["firesteel"] = Version();
  json["engine"] = engine;
  if (!key.empty()) json["key"] = key;
  json["workflow"] = {
      {"name", workflow.name}, {"file", workflow.file}, {"sha256", Sha256(workflow.text)}};
  json["parameters"] = parameters;
  json["inputs"] = Json::array();
  for (const InputFile& file : inputs) {
    Json input = {{"role", file.role}, {"path", file.path}};
    if (file.is_file) {
      input["bytes"] = file.bytes;
      if (!file.sha256.empty()) input["sha256"] = file.sha256;
      if (!file.etag.empty()) input["etag"] = file.etag;
    }
    json["inputs"].push_back(std::move(input));
  }
  json["rows"] = Json::object();
  for (const auto& [part, count] : rows) json["rows"][part] = count;
  json["ledger"] = Json::object();
  for (const auto& [what, ledger] : ledgers) {
    ledger.Check(what);
    json["ledger"][what] = ledger.ToJson();
  }
  for (const auto& [name, value] : results.items()) json[name] = value;
  json["warnings"] = warnings;

  std::vector<std::pair<std::string, std::int64_t>> files = remote_files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    files.emplace_back(entry.path().lexically_relative(directory).string(),
                       static_cast<std::int64_t>(entry.file_size()));
  }
  std::sort(files.begin(), files.end());
  files.emplace_back("manifest.json", 0);
  json["files"] = Json::array();
  for (const auto& [path, bytes] : files) {
    Json file = {{"path", path}};
    if (path != "manifest.json") file["bytes"] = bytes;
    json["files"].push_back(std::move(file));
  }
  json["milliseconds"] = clock.ToJson();
  json["milliseconds"]["total"] = RoundToMicroseconds(clock.Seconds() * 1e3);
  WriteTextFile(directory + "/manifest.json", ToJsonText(json));
  return json;
}

std::int64_t TimestampOf(std::string_view text) {
  const std::string hash = Sha256(text);
  std::uint64_t number = 0;
  std::from_chars(hash.data(), hash.data() + 12, number, 16);
  constexpr std::int64_t kYear2020 = 1'577'836'800'000;
  constexpr std::uint64_t kFourYears = 4ULL * 365 * 24 * 3600 * 1000;
  return kYear2020 + static_cast<std::int64_t>(number % kFourYears);
}

}  // namespace firesteel
