#include "storage/output_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace firesteel {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

nlohmann::json ParseOurs(std::string_view text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("firesteel") ? json : nlohmann::json();
}

std::string TextOr(const nlohmann::json& object, const char* name, const std::string& otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

}  // namespace

bool IsSparkFile(std::string_view name) {
  if (name == "_SUCCESS" || name == "metrics.json") return true;
  if (name.starts_with("_committed_") || name.starts_with("_started_")) return true;
  if (name.ends_with("_$folder$")) return true;
  if (name.size() > 5 && name[0] == '.' && name.ends_with(".crc")) {
    return IsSparkFile(name.substr(1, name.size() - 5));
  }
  if (!name.starts_with("part-")) return false;
  const std::string_view rest = name.substr(5);
  std::size_t digits = 0;
  while (digits < rest.size() && IsDigit(rest[digits])) ++digits;
  return digits >= 5 && (digits == rest.size() || rest[digits] == '-' || rest[digits] == '.');
}

bool IsOurStatus(std::string_view text) { return !ParseOurs(text).is_null(); }

std::vector<ListedFile> FilesOfManifest(std::string_view text) {
  std::vector<ListedFile> files;
  const nlohmann::json manifest = ParseOurs(text);
  if (manifest.is_null() || !manifest.contains("files") || !manifest["files"].is_array()) {
    return files;
  }
  for (const nlohmann::json& entry : manifest["files"]) {
    if (!entry.is_object()) continue;
    ListedFile file;
    file.path = TextOr(entry, "path", "");
    if (file.path.empty()) continue;
    file.sha256 = TextOr(entry, "sha256", "");
    file.key = TextOr(entry, "key", file.path);
    file.etag = TextOr(entry, "etag", "");
    if (const auto bytes = entry.find("bytes"); bytes != entry.end() && bytes->is_number()) {
      file.num_bytes = bytes->get<std::int64_t>();
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::set<std::string> OurFiles(std::span<const OutputEntry> entries, const OutputOptions& options,
                               const std::function<std::string(const std::string& path)>& read) {
  std::set<std::string> ours;
  for (const OutputEntry& entry : entries) {
    if (entry.kind != OutputEntry::Kind::kFile) continue;
    const std::size_t name = entry.path.rfind('/') + 1;
    if (name > 0 && !options.holds_outputs) continue;
    if (entry.path.substr(name) == kStatusFile) {
      if (IsOurStatus(read(entry.path))) ours.insert(entry.path);
    } else if (entry.path.substr(name) == kManifestFile) {
      const std::vector<ListedFile> files = FilesOfManifest(read(entry.path));
      for (const ListedFile& file : files) ours.insert(entry.path.substr(0, name) + file.path);
      // Within another output, a manifest is named by the list that counts.
      if (name == 0 && !files.empty()) ours.insert(entry.path);
    }
  }
  return ours;
}

std::optional<std::string> FindForeign(std::span<const OutputEntry> entries,
                                       const std::set<std::string>& ours,
                                       const OutputOptions& options) {
  std::set<std::string> foreign;
  for (const OutputEntry& entry : entries) {
    if (ours.contains(entry.path) && entry.kind == OutputEntry::Kind::kFile) continue;
    const std::string top = entry.path.substr(0, entry.path.find('/'));
    const bool is_top = top.size() == entry.path.size();
    const bool is_spark = entry.kind == OutputEntry::Kind::kFile &&
                          IsSparkFile(entry.path.substr(entry.path.rfind('/') + 1));
    const bool is_step_entry =
        options.entries.empty() ||
        std::find(options.entries.begin(), options.entries.end(), top) != options.entries.end();
    if (!is_step_entry && !ours.contains(top) && !(is_top && is_spark)) {
      foreign.insert(top);
    } else if (entry.kind != OutputEntry::Kind::kFolder && !is_spark) {
      foreign.insert(entry.path);
    }
  }
  if (foreign.empty()) return std::nullopt;
  return *foreign.begin();
}

void RefuseExisting(const std::string& target) {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("the output '{}' exists already; give another folder, or "
                          "--overwrite-output true to replace it",
                          target));
}

void RefuseForeign(const std::string& target, const std::string& foreign) {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("the output '{}' holds '{}', which this step did not write and will "
                          "not delete; move it away or give another folder",
                          target, foreign));
}

void RefuseInputInside(const std::string& input, const std::string& target) {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("the input '{}' lies in the output '{}', which would be replaced; "
                          "give another output folder",
                          input, target));
}

}  // namespace firesteel
