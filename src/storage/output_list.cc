#include "storage/output_list.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"

namespace firesteel {
namespace {

// Outputs lie at most so many folders below another: OUT/feature_engineering/training.
constexpr int kMostLevels = 2;

nlohmann::ordered_json ParseManifest(std::string_view text) {
  nlohmann::ordered_json json =
      nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : nlohmann::ordered_json::object();
}

std::string TextOf(const nlohmann::ordered_json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::string ParentFolder(std::string_view key) {
  while (key.ends_with('/')) key.remove_suffix(1);
  return std::string(key.substr(0, key.rfind('/') + 1));
}

std::optional<OutputList> ReadOwnList(ObjectStore& store, const ObjectName& folder) {
  std::optional<ObjectText> text;
  try {
    text = store.Read({folder.bucket, folder.key + std::string(kManifestFile)});
  } catch (const Error& error) {
    // Who may read a folder need not be allowed to read those above it.
    if (error.kind() != ErrorKind::kDenied) throw;
    LogDebug(error.what());
  }
  if (!text) return std::nullopt;
  OutputList list{folder, text->etag, std::move(text->text), {}};
  list.files = FilesOfManifest(list.text);
  if (list.files.empty()) return std::nullopt;
  return list;
}

std::optional<OutputList> ReadOutputList(ObjectStore& store, const ObjectName& folder) {
  std::optional<OutputList> list = ReadOwnList(store, folder);
  if (!list) return list;
  const std::string up = TextOf(ParseManifest(list->text), "part_of");
  if (up.empty()) return list;
  ObjectName outer = folder;
  for (std::size_t i = 0; i < up.size(); i += 3) outer.key = ParentFolder(outer.key);
  std::optional<OutputList> whole = ReadOwnList(store, outer);
  return whole ? whole : list;
}

std::optional<OutputList> FindOutputList(ObjectStore& store, const ObjectName& name) {
  ObjectName folder = name;
  for (int level = 0; level < kMostLevels; ++level) {
    folder.key = ParentFolder(folder.key);
    if (folder.key.empty()) break;
    std::optional<OutputList> list = ReadOutputList(store, folder);
    if (!list) continue;
    const std::string path = name.key.substr(std::min(name.key.size(), list->folder.key.size()));
    const bool has_it =
        std::any_of(list->files.begin(), list->files.end(), [&](const ListedFile& file) {
          return file.path == path || file.path.starts_with(path + '/');
        });
    if (has_it) return list;
  }
  return std::nullopt;
}

std::string WithKeys(std::string_view manifest, std::string_view run,
                     const std::vector<ListedFile>& files) {
  nlohmann::ordered_json json = ParseManifest(manifest);
  json["run"] = run;
  std::map<std::string, nlohmann::ordered_json> entries;
  for (const ListedFile& file : files) {
    nlohmann::ordered_json& entry = entries[file.path];
    entry = {{"path", file.path}, {"bytes", file.num_bytes}};
    if (!file.sha256.empty()) entry["sha256"] = file.sha256;
    if (!file.etag.empty()) entry["etag"] = file.etag;
    if (file.key != file.path) entry["key"] = file.key;
  }
  json["files"] = nlohmann::ordered_json::array();
  for (auto& [path, entry] : entries) json["files"].push_back(std::move(entry));
  json["files"].push_back({{"path", kManifestFile}});
  return ToJsonText(json);
}

std::string RunOf(std::string_view manifest) { return TextOf(ParseManifest(manifest), "run"); }

}  // namespace firesteel
