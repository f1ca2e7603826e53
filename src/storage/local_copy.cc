#include "storage/local_copy.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/shown_names.h"
#include "base/text.h"
#include "storage/output_list.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

// How often a reader starts anew when an output is replaced under its hands.
constexpr int kAttempts = 4;

struct Found {
  std::vector<RemoteFile> files;
  bool by_list = false;  // Whether the list of an output said so.
};

// What was found and fetched, for the whole process.
struct Mirror {
  std::mutex mutex;
  std::map<std::string, Found> found;  // By URL.
  // The folders in which there is what a pattern means, by its URL.
  std::map<std::string, std::set<std::string>> matches;
  std::set<std::string> fetched;  // Paths of local copies.
};

Mirror& TheMirror() {
  static Mirror mirror;
  return mirror;
}

// The name of a file in a path.
std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsData(std::string_view path) {
  if (path.starts_with(kPrivateFolder) || path.empty()) return false;
  const std::string_view name = NameOf(path);
  return IsDataName(name) && name != kManifestFile && name != kStatusFile;
}

// part-00000-UUID-c000.…, where the UUID is of version 8, as ours are.
bool IsOurPart(std::string_view name) {
  constexpr std::size_t kVersion = std::string_view("part-00000-01234567-0123-").size();
  return IsSparkFile(name) && name.starts_with("part-") && name.size() > kVersion + 11 &&
         name[kVersion] == '8' && name[kVersion - 1] == '-';
}

// What lies at a location, and whether the marks of a finished output are there.
struct Listing {
  std::vector<RemoteFile> files;    // Without _SUCCESS.
  std::set<std::string> successes;  // Folders, relative, that hold a _SUCCESS.
};

Listing ListObjects(ObjectStore& store, const ObjectName& at) {
  const std::string prefix = at.key.empty() ? "" : at.key + '/';
  Listing listing;
  for (ObjectInfo& object : store.List({at.bucket, prefix})) {
    std::string path = object.key.substr(prefix.size());
    if (path.empty() || path.ends_with('/')) continue;
    if (NameOf(path) == kSuccessFile) {
      listing.successes.insert(ParentFolder(path));
    } else {
      listing.files.push_back(
          {std::move(path), std::move(object.key), object.num_bytes, std::move(object.etag), ""});
    }
  }
  return listing;
}

void CheckComplete(const Location& location, const Listing& listing) {
  for (const RemoteFile& file : listing.files) {
    if (!IsOurPart(NameOf(file.path)) || listing.successes.contains(ParentFolder(file.path))) {
      continue;
    }
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("'{}' holds '{}' of an output that was never completed (there is no "
                            "_SUCCESS beside it); run the step that writes it again",
                            location.path(), file.path));
  }
}

// The files of the list that lie at or below a location.
std::vector<RemoteFile> ListedFiles(const OutputList& list, const ObjectName& at) {
  const std::string path =
      at.key.size() < list.folder.key.size() ? "" : at.key.substr(list.folder.key.size());
  std::vector<RemoteFile> files;
  for (const ListedFile& file : list.files) {
    if (NameOf(file.path) == kSuccessFile || file.path == kManifestFile) continue;
    const bool is_inside = path.empty() || file.path.starts_with(path + '/');
    if (!is_inside && file.path != path) continue;
    const std::string inside =
        file.path == path ? "" : file.path.substr(path.empty() ? 0 : path.size() + 1);
    files.push_back({inside, list.folder.key + file.key, file.num_bytes, file.etag, file.sha256});
  }
  return files;
}

// What differs between a list and what lies there; empty if the list may be followed.
std::string Disagreement(const Listing& listing, const std::vector<RemoteFile>& listed) {
  std::set<std::string> paths;
  for (const RemoteFile& file : listed) paths.insert(file.path);
  // While a run works on the output, or after it died, _SUCCESS is absent.
  if (listing.successes.empty()) return "";
  for (const RemoteFile& file : listing.files) {
    if (IsData(file.path) && !paths.contains(file.path) &&
        listing.successes.contains(ParentFolder(file.path))) {
      return file.path;
    }
  }
  return "";
}

// Whether another program, such as Spark, wrote anew what lies at `at`: it is whole, and nothing of
// the list is left.
bool IsRewritten(const Listing& listing, const std::vector<RemoteFile>& listed,
                 const ObjectName& at) {
  std::set<std::string> there;
  for (const RemoteFile& file : listing.files) there.insert(file.key);
  bool had_any = false;
  for (const RemoteFile& file : listed) {
    if (file.key != at.key + '/' + file.path) continue;
    if (there.contains(file.key)) return false;
    had_any = true;
  }
  return had_any && listing.successes.contains("");
}

// What lies at `inside`, below a location where `found` lies; nothing if an output of its own may
// lie there.
std::optional<std::vector<RemoteFile>> FilesInside(const Found& found, const std::string& inside) {
  std::vector<RemoteFile> files;
  for (const RemoteFile& file : found.files) {
    if (!found.by_list && NameOf(file.path) == kManifestFile &&
        (inside + '/').starts_with(ParentFolder(file.path))) {
      return std::nullopt;
    }
    if (file.path != inside && !file.path.starts_with(inside + '/')) continue;
    RemoteFile& part = files.emplace_back(file);
    part.path = file.path == inside ? "" : file.path.substr(inside.size() + 1);
  }
  return files;
}

// What is known of a location from what was found above it.
std::optional<std::vector<RemoteFile>> FindKnown(const Location& location) {
  Mirror& mirror = TheMirror();
  const std::lock_guard<std::mutex> guard(mirror.mutex);
  const std::string& url = location.path();
  for (std::size_t end = url.size(); end != std::string::npos && end > 0;
       end = url.rfind('/', end - 1)) {
    const auto known = mirror.found.find(url.substr(0, end));
    if (known == mirror.found.end()) continue;
    if (end == url.size()) return known->second.files;
    return FilesInside(known->second, url.substr(end + 1));
  }
  return std::nullopt;
}

Found FindNow(const Location& location, int attempt = 1) {
  const std::shared_ptr<ObjectStore> store = TheObjectStore();
  const ObjectName& at = location.object();
  Listing listing;
  std::optional<OutputList> list;
  ThreadPool(2).For(2, [&](std::size_t task) {
    if (task == 0) {
      listing = ListObjects(*store, at);
    } else {
      list = FindOutputList(*store, at);
    }
  });
  const bool has_manifest =
      std::any_of(listing.files.begin(), listing.files.end(),
                  [](const RemoteFile& file) { return file.path == kManifestFile; });
  if (!list && has_manifest) list = ReadOutputList(*store, {at.bucket, at.key + '/'});
  if (list) {
    std::vector<RemoteFile> files = ListedFiles(*list, at);
    if (IsRewritten(listing, files, at)) {
      LogWarning(
          fmt::format("'{}' was written anew by another program since {}{}; it is read as it "
                      "lies",
                      location.path(), list->folder.Url(), kManifestFile));
    } else {
      const std::string other = Disagreement(listing, files);
      if (other.empty()) return {std::move(files), true};
      // The list may be younger than the listing.
      if (attempt < kAttempts) return FindNow(location, attempt + 1);
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("'{}' holds '{}', which the list of the output, {}{}, does not name: "
                              "another program wrote there since; remove that file, or the list "
                              "if the output is no longer ours",
                              location.path(), other, list->folder.Url(), kManifestFile));
    }
  }
  CheckComplete(location, listing);
  std::erase_if(listing.files,
                [](const RemoteFile& file) { return file.path.starts_with(kPrivateFolder); });
  if (listing.files.empty() && !at.key.empty()) {
    try {
      if (const std::optional<ObjectInfo> object = store->Find(at)) {
        listing.files.push_back({"", at.key, object->num_bytes, object->etag, ""});
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDenied) throw;
      throw Error(error.kind(),
                  fmt::format("{}; or there is no '{}' at all, which S3 does not tell who may not "
                              "list the whole bucket",
                              error.what(), location.path()));
    }
  }
  return {std::move(listing.files), false};
}

std::string MirrorRoot() {
  static const std::string root = [] {
    std::string path = ScratchFolder() + "/s3/";
    ShowAs(path, "s3://");
    return path;
  }();
  return root;
}

// Where the copy of something at a location lies.
std::string MirrorPath(const Location& location, const std::string& path) {
  const ObjectName& at = location.object();
  std::string mirrored = MirrorRoot() + at.bucket;
  for (const std::string& part : {at.key, path}) {
    if (!part.empty()) mirrored += '/' + part;
  }
  return mirrored;
}

void Fetch(const Location& location, const RemoteFile& file) {
  Mirror& mirror = TheMirror();
  const std::string target = MirrorPath(location, file.path);
  {
    const std::lock_guard<std::mutex> guard(mirror.mutex);
    if (mirror.fetched.contains(target)) return;
  }
  if (!file.path.empty() && !CanBeMirrored(file.path)) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("'{}/{}': a key with a part that is empty, '.', '..' or longer than "
                            "255 bytes is not supported; copy the object to another one",
                            location.path(), file.path));
  }
  std::error_code error;
  fs::create_directories(fs::path(target).parent_path(), error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make room for a copy of '{}': {}",
                                            location.path(), error.message()));
  }
  const ObjectName name{location.object().bucket, file.key};
  // Bytes that were altered on their way are fetched once more.
  for (bool again : {true, false}) {
    TheObjectStore()->Download(name, file.etag, target);
    if (file.sha256.empty() || Sha256File(target) == file.sha256) break;
    fs::remove(target, error);
    const std::string what = fmt::format(
        "{}: its content is not what the list of the output says (SHA-256)", name.Url());
    if (!again) {
      throw Error(ErrorKind::kIo, what + "; it was changed or damaged, write the output again");
    }
    LogWarning(what + "; fetching it again");
  }
  const std::lock_guard<std::mutex> guard(mirror.mutex);
  mirror.fetched.insert(target);
}

// Fetches those of the files at a location that `choose` takes; returns their local paths.
std::vector<std::string> FetchFiles(const Location& location,
                                    const std::function<bool(const RemoteFile&)>& choose) {
  for (int attempt = 1;; ++attempt) {
    std::vector<RemoteFile> files = FindRemoteFiles(location);
    std::erase_if(files, [&](const RemoteFile& file) { return !choose(file); });
    try {
      ThreadPool(std::min<int>(kTransfers, static_cast<int>(files.size())))
          .For(files.size(), [&](std::size_t i) { Fetch(location, files[i]); });
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kNotFound || attempt == kAttempts) throw;
      // The output was replaced since it was listed: from the beginning, with its new list.
      LogInfo(fmt::format("{}; looking again", error.what()));
      Mirror& mirror = TheMirror();
      const std::lock_guard<std::mutex> guard(mirror.mutex);
      std::erase_if(mirror.found, [&](const auto& found) {
        return (location.path() + '/').starts_with(found.first + '/');
      });
      const std::string root = MirrorPath(location, "");
      std::erase_if(mirror.fetched, [&](const std::string& path) {
        return path == root || path.starts_with(root + '/');
      });
      std::error_code ignored;
      fs::remove_all(root, ignored);
      continue;
    }
    std::vector<std::string> paths;
    paths.reserve(files.size());
    for (const RemoteFile& file : files) paths.push_back(MirrorPath(location, file.path));
    return paths;
  }
}

// Data files that lie in one folder, or a single one.
struct DataSet {
  Location place;
  std::function<bool(const RemoteFile&)> choose;
};

bool Matches(const std::string& pattern, const std::string& key) {
  return ::fnmatch(pattern.c_str(), key.c_str(), FNM_PATHNAME) == 0;
}

// The folders that a pattern means, or in which there are objects that it means.
std::set<std::string> FindMatches(const Location& location) {
  Mirror& mirror = TheMirror();
  {
    const std::lock_guard<std::mutex> guard(mirror.mutex);
    const auto known = mirror.matches.find(location.path());
    if (known != mirror.matches.end()) return known->second;
  }
  const ObjectName& at = location.object();
  const std::string fixed = ParentFolder(at.key.substr(0, at.key.find_first_of("*?[")) + '*');
  std::set<std::string> folders;
  for (const ObjectInfo& object : TheObjectStore()->List({at.bucket, fixed})) {
    std::string folder = ParentFolder(object.key);
    if (folder.empty() || object.key.ends_with('/')) continue;
    folder.pop_back();
    if (Matches(at.key, object.key) || Matches(at.key, folder)) folders.insert(std::move(folder));
  }
  const std::lock_guard<std::mutex> guard(mirror.mutex);
  return mirror.matches.insert_or_assign(location.path(), std::move(folders)).first->second;
}

// The data files that a pattern means, as MatchFiles (location.cc) has them.
std::vector<DataSet> MatchingSets(const Location& location) {
  const ObjectName& at = location.object();
  std::vector<DataSet> sets;
  for (const std::string& folder : FindMatches(location)) {
    sets.push_back({Location::Parse(ObjectName{at.bucket, folder}.Url()),
                    [pattern = at.key, folder](const RemoteFile& file) {
                      return file.path.find('/') == std::string::npos && IsDataName(file.path) &&
                             (Matches(pattern, folder) ||
                              Matches(pattern, folder + '/' + file.path));
                    }});
  }
  return sets;
}

std::vector<DataSet> FindDataSets(const Location& location) {
  if (!FindRemoteFiles(location).empty()) {
    return {{location, [](const RemoteFile& file) {
               return file.path.empty() ||
                      (file.path.find('/') == std::string::npos && IsDataName(file.path));
             }}};
  }
  const bool is_pattern = IsPattern(location.object().key);
  std::vector<DataSet> sets = is_pattern ? MatchingSets(location) : std::vector<DataSet>();
  if (sets.empty()) {
    throw Error(ErrorKind::kNotFound,
                fmt::format("'{}' {}", location.path(),
                            is_pattern ? "matches no object" : "does not exist"));
  }
  return sets;
}

// Whether data files are left where they are, for the engine to read what it needs of them: Parquet
// that there is little room for, or so much that the memory for its copy in the file system's cache
// is better used otherwise.
bool StayInPlace(const std::vector<DataObject>& objects) {
  std::int64_t limit = std::int64_t{8} << 30;
  if (const char* text = std::getenv("FIRESTEEL_S3_COPY_LIMIT_MIB")) {
    limit = std::strtoll(text, nullptr, 10) << 20;
  }
  std::error_code error;
  const fs::space_info space = fs::space(ScratchFolder(), error);
  if (!error) limit = std::min(limit, static_cast<std::int64_t>(space.available / 2));
  std::int64_t total = 0;
  for (const DataObject& object : objects) {
    if (!object.url.ends_with(".parquet")) return false;
    total += object.num_bytes;
  }
  return total > limit;
}

}  // namespace

bool CanBeMirrored(std::string_view key) {
  constexpr std::size_t kLongestName = 255;
  const std::vector<std::string> parts = Split(key, '/');
  return std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == ".." || part.size() > kLongestName;
  });
}

RemoteKind FindRemote(const Location& location) {
  const std::vector<RemoteFile> files = FindRemoteFiles(location);
  if (files.empty()) return RemoteKind::kNothing;
  return files.front().path.empty() ? RemoteKind::kObject : RemoteKind::kFolder;
}

std::vector<RemoteFile> FindRemoteFiles(const Location& location) {
  if (std::optional<std::vector<RemoteFile>> known = FindKnown(location)) return *std::move(known);
  Found found = FindNow(location);
  std::sort(found.files.begin(), found.files.end(),
            [](const RemoteFile& left, const RemoteFile& right) { return left.path < right.path; });
  Mirror& mirror = TheMirror();
  const std::lock_guard<std::mutex> guard(mirror.mutex);
  return mirror.found.insert_or_assign(location.path(), std::move(found)).first->second.files;
}

void ForgetRemoteFiles() {
  Mirror& mirror = TheMirror();
  const std::lock_guard<std::mutex> guard(mirror.mutex);
  mirror.found.clear();
  mirror.matches.clear();
  std::error_code ignored;
  for (const std::string& path : mirror.fetched) fs::remove(path, ignored);
  mirror.fetched.clear();
}

Location LocalCopy(const Location& location) {
  if (!location.is_remote()) return location;
  const std::vector<std::string> paths =
      FetchFiles(location, [](const RemoteFile& /*file*/) { return true; });
  if (paths.empty()) {
    throw Error(ErrorKind::kNotFound, fmt::format("'{}' does not exist", location.path()));
  }
  return Location::Parse(MirrorPath(location, ""));
}

std::vector<DataObject> FindDataObjects(const Location& location) {
  std::vector<DataObject> objects;
  for (const DataSet& set : FindDataSets(location)) {
    for (const RemoteFile& file : FindRemoteFiles(set.place)) {
      if (!set.choose(file)) continue;
      objects.push_back({.url = file.path.empty()
                                    ? set.place.path()
                                    : fmt::format("{}/{}", set.place.path(), file.path),
                         .key_url = ObjectName{set.place.object().bucket, file.key}.Url(),
                         .num_bytes = file.num_bytes,
                         .etag = file.etag,
                         .sha256 = file.sha256});
    }
  }
  if (objects.empty()) RefuseWithoutData(location.path());
  return objects;
}

std::vector<std::string> CopyDataFiles(const Location& location) {
  if (StayInPlace(FindDataObjects(location))) return UrlsOfData(location);
  std::vector<std::string> paths;
  for (const DataSet& set : FindDataSets(location)) {
    const std::vector<std::string> copies = FetchFiles(set.place, set.choose);
    paths.insert(paths.end(), copies.begin(), copies.end());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> UrlsOfData(const Location& location) {
  std::vector<std::string> urls;
  for (const DataObject& object : FindDataObjects(location)) urls.push_back(object.key_url);
  return urls;
}

}  // namespace firesteel
