#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/shown_names.h"
#include "storage/output_list.h"
#include "storage/output_rules.h"
#include "storage/output_target.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNoteFile =
    "writes.json";  // In a run's private folder: the keys it writes.
constexpr std::string_view kProgressFile = "progress";
// In a run's private folder: what an engine writes there itself, before it is part of the output.
constexpr std::string_view kEngineFolder = "engine/";

bool IsMark(std::string_view path) { return path.ends_with(kSuccessFile); }

std::string NewRunId() {
  std::string id = RandomUuid();
  std::erase(id, '-');
  return id.substr(0, 16);
}

// A name that Spark gives to data, which differs from run to run by the UUID in it.
bool HasNameOfItsRun(const std::string& path) {
  constexpr std::size_t kShortest = std::string_view("part-00000-").size() + 36;
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.starts_with("part-") && name.size() > kShortest && IsSparkFile(name);
}

// The name with another UUID in it. Ours tell readers to look for a list and a _SUCCESS.
std::string WithUuid(std::string name, const std::string& uuid) {
  constexpr std::size_t kLength = 36;
  const std::size_t begin = name.find('-', std::string_view("part-").size()) + 1;
  return name.replace(begin, kLength, uuid);
}

class ObjectOutput final : public OutputTarget {
 public:
  ObjectOutput(const Location& target, const OutputOptions& options);
  ~ObjectOutput() override;
  ObjectOutput(const ObjectOutput&) = delete;
  ObjectOutput& operator=(const ObjectOutput&) = delete;

  const std::string& staging() const override { return staging_; }
  const std::string& name_salt() const override { return run_; }

  std::string RemoteFolder(const std::string& relative) override;
  std::vector<AdoptedFile> Adopt(const std::string& relative, const std::string& uuid) override;
  std::optional<std::string> ReadOld(const std::string& relative) const override;
  bool IsOldIntact(const std::string& folder) const override;
  void Keep(const std::string& folder) override;
  void PublishStatus(const std::string& text) override;
  void SaveProgress(const std::string& bytes) override;
  std::optional<std::string> ReadProgress() const override;
  void Commit() override;
  void Abandon() override;

 private:
  // What lies below the prefix: path -> object.
  using Objects = std::map<std::string, ObjectInfo>;
  // An object that an engine wrote, and the file of the output that it is to become.
  struct Adopted {
    ObjectInfo object;
    ListedFile file;
  };

  // Writes what does not belong to the output, even if the run was interrupted.
  void PutNote(const ObjectName& name, const std::string& text);
  ObjectName At(std::string_view path) const {
    return {root_.bucket, root_.key + std::string(path)};
  }
  std::string PrivatePath(std::string_view path) const {
    return fmt::format("{}{}/{}", kPrivateFolder, run_, path);
  }
  Objects ListAll() const;
  std::string EtagOfList(const Objects& objects) const;
  // The objects that dead runs (or others that live) were about to make part of the output.
  std::set<std::string> Strays(const Objects& objects) const;
  void CheckReplaceable(const Objects& objects, const std::set<std::string>& strays) const;
  std::vector<ListedFile> OldFiles(const std::string& folder) const;

  std::vector<ListedFile> ListStaged(const Objects& before) const;
  void WriteNote(const std::vector<ListedFile>& files) const;
  void UploadAll(const std::vector<std::pair<std::string, std::string>>& paths) const;
  void CopyAdopted();
  void RemoveEngineFolder() const;
  void RemoveAll(std::vector<std::string> paths) const;
  bool WriteList(const std::vector<ListedFile>& files);
  [[noreturn]] void RefuseRace() const;
  void Settle(const Objects& before, const std::vector<ListedFile>& files);
  bool IsStillOurs() const;
  void RestorePlainNames() const;
  void TakeBack(const std::vector<ListedFile>& files, const std::vector<std::string>& marks) const;
  void AbortUploads(const std::set<std::string>& strays) const;

  std::shared_ptr<ObjectStore> store_;
  std::string url_;  // Of the output, for messages.
  ObjectName root_;  // Its prefix.
  OutputOptions options_;
  std::string run_;
  std::string staging_;
  Objects old_objects_;
  std::optional<OutputList> old_list_;
  std::vector<ListedFile> kept_;
  std::vector<Adopted> adopted_;
  bool has_engine_folder_ = false;  // Whether something may lie there.
  std::string list_etag_;           // Of our list, once it is written.
};

ObjectOutput::ObjectOutput(const Location& target, const OutputOptions& options)
    : store_(TheObjectStore()),
      url_(target.path()),
      root_({target.object().bucket, target.object().key + '/'}),
      options_(options),
      run_(NewRunId()) {
  if (target.object().key.empty()) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("the output can't be the whole bucket '{}'; give a prefix in it", url_));
  }
  for (const Location& input : options.inputs) {
    if (!input.is_remote() || input.object().bucket != root_.bucket) continue;
    if ((input.object().key + '/').starts_with(root_.key)) RefuseInputInside(input.path(), url_);
  }
  options_.inputs = {};  // The caller's, and of no use after this.
  old_objects_ = ListAll();
  if (!EtagOfList(old_objects_).empty()) old_list_ = ReadOwnList(*store_, root_);
  CheckReplaceable(old_objects_, Strays(old_objects_));

  staging_ = fmt::format("{}/output-{}", ScratchFolder(), run_);
  std::error_code error;
  fs::create_directory(staging_, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make '{}': {}", staging_, error.message()));
  }
  ShowAs(staging_, url_);
}

ObjectOutput::~ObjectOutput() {
  Abandon();
  if (!has_engine_folder_) return;
  try {
    RemoveEngineFolder();
  } catch (const Error& error) {
    LogDebug(fmt::format("what was written below {} stays until the next run: {}",
                         At(PrivatePath(kEngineFolder)).Url(), error.what()));
  }
}

ObjectOutput::Objects ObjectOutput::ListAll() const {
  Objects objects;
  for (ObjectInfo& object : store_->List(root_)) {
    std::string path = object.key.substr(root_.key.size());
    // An empty object that stands for a folder, as consoles make them; those that an engine made in
    // a run's private folder go with the rest of it.
    if (path.empty() || (path.ends_with('/') && !path.starts_with(kPrivateFolder))) continue;
    objects.emplace(std::move(path), std::move(object));
  }
  return objects;
}

std::string ObjectOutput::EtagOfList(const Objects& objects) const {
  const auto found = objects.find(std::string(kManifestFile));
  return found == objects.end() ? "" : found->second.etag;
}

std::set<std::string> ObjectOutput::Strays(const Objects& objects) const {
  std::set<std::string> strays;
  for (const auto& [path, object] : objects) {
    if (!path.starts_with(kPrivateFolder)) continue;
    strays.insert(path);
    if (!path.ends_with(fmt::format("/{}", kNoteFile))) continue;
    const std::optional<ObjectText> note = store_->Read(At(path));
    if (!note) continue;
    for (const ListedFile& file : FilesOfManifest(note->text)) strays.insert(file.path);
  }
  if (old_list_) {
    for (const ListedFile& file : old_list_->files) {
      strays.erase(file.path);
      strays.erase(file.key);
    }
  }
  return strays;
}

void ObjectOutput::CheckReplaceable(const Objects& objects,
                                    const std::set<std::string>& strays) const {
  std::vector<OutputEntry> entries;
  for (const auto& [path, object] : objects) {
    if (!path.starts_with(kPrivateFolder) && !strays.contains(path))
      entries.push_back({.path = path});
  }
  const auto read = [&](const std::string& path) {
    if (path == kManifestFile && old_list_ && old_list_->etag == EtagOfList(objects)) {
      return old_list_->text;
    }
    const std::optional<ObjectText> text = store_->Read(At(path));
    return text ? text->text : "";
  };
  OutputOptions own = options_;
  own.holds_outputs = false;  // What the output's own list names need not be looked up in others.
  std::set<std::string> ours = OurFiles(entries, own, read);
  if (entries.empty() || (entries.size() == 1 && ours == std::set{std::string(kStatusFile)}))
    return;
  if (!options_.overwrite) RefuseExisting(url_);
  std::optional<std::string> foreign = FindForeign(entries, ours, options_);
  if (foreign && options_.holds_outputs) {
    ours = OurFiles(entries, options_, read);
    foreign = FindForeign(entries, ours, options_);
  }
  if (foreign) RefuseForeign(url_, *foreign);
}

std::vector<ListedFile> ObjectOutput::OldFiles(const std::string& folder) const {
  std::vector<ListedFile> files;
  if (!old_list_) return files;
  for (const ListedFile& file : old_list_->files) {
    if (file.path.starts_with(folder + '/')) files.push_back(file);
  }
  return files;
}

std::string ObjectOutput::RemoteFolder(const std::string& relative) {
  has_engine_folder_ = true;
  return At(PrivatePath(fmt::format("{}{}", kEngineFolder, relative))).Url();
}

std::vector<AdoptedFile> ObjectOutput::Adopt(const std::string& relative, const std::string& uuid) {
  const ObjectName folder = At(PrivatePath(fmt::format("{}{}/", kEngineFolder, relative)));
  std::vector<AdoptedFile> files;
  for (ObjectInfo& object : store_->List(folder)) {
    const std::string name = object.key.substr(folder.key.size());
    // Not _SUCCESS, nor what the committer of a job leaves.
    if (!HasNameOfItsRun(name) || name.find('/') != std::string::npos) continue;
    const std::string path = fmt::format("{}/{}", relative, WithUuid(name, uuid));
    files.push_back({path, object.num_bytes});
    const ListedFile file{.path = path, .num_bytes = object.num_bytes, .sha256 = "", .key = path};
    adopted_.push_back({std::move(object), file});
  }
  if (files.empty()) {
    throw Error(ErrorKind::kIo,
                fmt::format("data were written to '{}', but no object is there: who wrote them has "
                            "another S3 behind s3a:// (spark.hadoop.fs.s3a.endpoint) than this "
                            "machine",
                            folder.Url()));
  }
  return files;
}

std::optional<std::string> ObjectOutput::ReadOld(const std::string& relative) const {
  if (!old_list_) return std::nullopt;
  if (relative == kManifestFile) return old_list_->text;
  for (const ListedFile& file : old_list_->files) {
    if (file.path != relative) continue;
    std::optional<ObjectText> text = store_->Read(At(file.key));
    if (!text || (!file.sha256.empty() && Sha256(text->text) != file.sha256)) return std::nullopt;
    return std::move(text->text);
  }
  return std::nullopt;
}

bool ObjectOutput::IsOldIntact(const std::string& folder) const {
  const std::vector<ListedFile> files = OldFiles(folder);
  return !files.empty() && std::all_of(files.begin(), files.end(), [&](const ListedFile& file) {
    const auto found = old_objects_.find(file.key);
    return found != old_objects_.end() && found->second.num_bytes == file.num_bytes &&
           (!file.sha256.empty() || (!file.etag.empty() && found->second.etag == file.etag));
  });
}

void ObjectOutput::Keep(const std::string& folder) {
  for (ListedFile& file : OldFiles(folder)) kept_.push_back(std::move(file));
}

void ObjectOutput::PutNote(const ObjectName& name, const std::string& text) {
  try {
    store_->Put(name, text, {});
  } catch (const Error& error) {
    // How a run was stopped, and what a training knew by then, is worth one more request.
    if (error.kind() != ErrorKind::kInterrupted) throw;
    store_->Put(name, text, {.is_last_wish = true});
  }
}

void ObjectOutput::PublishStatus(const std::string& text) {
  try {
    PutNote(At(kStatusFile), text);
  } catch (const Error& error) {
    LogDebug(fmt::format("the status could not be written: {}", error.what()));
  }
}

void ObjectOutput::SaveProgress(const std::string& bytes) {
  PutNote(At(fmt::format("{}{}", kPrivateFolder, kProgressFile)), bytes);
}

std::optional<std::string> ObjectOutput::ReadProgress() const {
  const std::string path = fmt::format("{}{}", kPrivateFolder, kProgressFile);
  if (!old_objects_.contains(path)) return std::nullopt;
  std::optional<ObjectText> text = store_->Read(At(path));
  if (!text) return std::nullopt;
  return std::move(text->text);
}

// What was staged, with sizes, checksums and keys. _SUCCESS has its place; other files whose names
// are those of any run have their bytes in the run's private folder.
std::vector<ListedFile> ObjectOutput::ListStaged(const Objects& before) const {
  std::vector<ListedFile> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(staging_)) {
    if (!entry.is_regular_file()) continue;
    ListedFile file;
    file.path = entry.path().lexically_relative(staging_).string();
    if (file.path == kManifestFile || file.path == kStatusFile) continue;
    file.num_bytes = static_cast<std::int64_t>(entry.file_size());
    const bool is_mark = IsMark(file.path);
    const bool is_new = HasNameOfItsRun(file.path) && !before.contains(file.path);
    file.key = is_mark || is_new ? file.path : PrivatePath(file.path);
    files.push_back(std::move(file));
  }
  files.push_back({std::string(kSuccessFile), 0, "", std::string(kSuccessFile)});
  ThreadPool(kTransfers).For(files.size(), [&](std::size_t i) {
    files[i].sha256 =
        files[i].num_bytes == 0 ? Sha256("") : Sha256File(fs::path(staging_) / files[i].path);
  });
  return files;
}

// Says what is about to be written, so that the next run can remove it if this one dies.
void ObjectOutput::WriteNote(const std::vector<ListedFile>& files) const {
  nlohmann::ordered_json note = {{"firesteel", 1}, {"run", run_}};
  note["files"] = nlohmann::ordered_json::array();
  for (const ListedFile& file : files) {
    if (!IsMark(file.path)) note["files"].push_back({{"path", file.key}});
  }
  store_->Put(At(PrivatePath(kNoteFile)), note.dump(), {});
}

// Uploads staged files: path -> key.
void ObjectOutput::UploadAll(const std::vector<std::pair<std::string, std::string>>& paths) const {
  ThreadPool(kTransfers).For(paths.size(), [&](std::size_t i) {
    store_->Upload(At(paths[i].second), (fs::path(staging_) / paths[i].first).string(), {});
  });
}

// Has the store copy what an engine wrote to where it belongs. The ETag stands for a checksum that
// the store does not tell.
void ObjectOutput::CopyAdopted() {
  ThreadPool(kTransfers).For(adopted_.size(), [&](std::size_t i) {
    auto& [object, file] = adopted_[i];
    ObjectCopy copy =
        store_->Copy({root_.bucket, object.key}, object.etag, object.num_bytes, At(file.key));
    file.sha256 = std::move(copy.sha256);
    if (file.sha256.empty()) file.etag = std::move(copy.etag);
  });
}

void ObjectOutput::RemoveEngineFolder() const {
  std::vector<std::string> keys;
  for (ObjectInfo& object : store_->List(At(PrivatePath(kEngineFolder)))) {
    keys.push_back(std::move(object.key));
  }
  if (!keys.empty()) store_->Remove(root_.bucket, keys);
}

void ObjectOutput::RemoveAll(std::vector<std::string> paths) const {
  for (std::string& path : paths) path.insert(0, root_.key);
  store_->Remove(root_.bucket, paths);
}

void ObjectOutput::RefuseRace() const {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("the output '{}' was written by another run while this one was at work; "
                          "that one stands, nothing of this run is left",
                          url_));
}

// Writes the list: the point at which the output becomes the new one. Returns false if another run
// was there before us, or throws, in which case the list may or may not be there.
bool ObjectOutput::WriteList(const std::vector<ListedFile>& files) {
  const std::string old_etag = EtagOfList(old_objects_);
  const ObjectName name = At(kManifestFile);
  const fs::path staged = fs::path(staging_) / kManifestFile;
  const std::string text = WithKeys(
      fs::exists(staged) ? ReadTextFile(staged.string()) : "{\"firesteel\":1}", run_, files);
  PutCondition condition;
  if (old_etag.empty()) {
    condition.if_absent = true;
  } else {
    condition.if_etag = old_etag;
  }
  const auto is_there = [&] {
    const std::optional<ObjectText> now = store_->Read(name);
    if (!now || RunOf(now->text) != run_) return false;
    list_etag_ = now->etag;
    return true;
  };
  try {
    // Where the condition does not hold, ours may be there all the same: the answer was lost and it
    // was sent again.
    const std::optional<std::string> etag = store_->Put(name, text, condition);
    if (!etag) return is_there();
    list_etag_ = *etag;
    return true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUnsupported) {
      LogWarning(
          fmt::format("{}: the store has no conditional writes, so of two runs at once the "
                      "later one may replace the other's output",
                      url_));
      if (EtagOfList(ListAll()) != old_etag) return false;
      list_etag_ = store_->Put(name, text, {}).value();
      return true;
    }
    if (!is_there()) throw;
    return true;
  }
}

bool ObjectOutput::IsStillOurs() const {
  const std::optional<ObjectInfo> now = store_->Find(At(kManifestFile));
  return now && now->etag == list_etag_;
}

// Brings what others see in line with the list: files under their plain names, nothing of the old
// output, then the marks.
void ObjectOutput::Settle(const Objects& before, const std::vector<ListedFile>& files) {
  std::vector<std::pair<std::string, std::string>> plain;
  std::vector<std::string> marks;
  std::set<std::string> wanted = {std::string(kManifestFile), std::string(kStatusFile)};
  for (const ListedFile& file : files) {
    wanted.insert(file.path);
    wanted.insert(file.key);
    if (IsMark(file.path)) {
      marks.push_back(file.path);
    } else if (file.key != file.path && file.key.starts_with(PrivatePath(""))) {
      plain.emplace_back(file.path, file.path);
    }
  }
  if (fs::exists(fs::path(staging_) / kStatusFile)) plain.emplace_back(kStatusFile, kStatusFile);
  UploadAll(plain);
  std::vector<std::string> superfluous = {PrivatePath(kNoteFile)};
  for (const auto& [path, object] : before) {
    if (!wanted.contains(path)) superfluous.push_back(path);
  }
  RemoveAll(superfluous);
  if (!IsStillOurs()) {
    RestorePlainNames();
    RefuseRace();
  }
  ThreadPool(kTransfers).For(marks.size(), [&](std::size_t i) {
    store_->Put(At(marks[i]), "", {});
  });
}

// A run that replaced ours while we were settling may have had its plain names overwritten by ours.
void ObjectOutput::RestorePlainNames() const {
  std::string seen;
  while (true) {
    const std::optional<OutputList> list = ReadOutputList(*store_, root_);
    if (!list || list->etag == seen) return;
    seen = list->etag;
    for (const ListedFile& file : list->files) {
      if (file.key == file.path) continue;
      const std::optional<ObjectText> text = store_->Read(At(file.key));
      if (text) store_->Put(At(file.path), text->text, {});
    }
  }
}

// As if there had been no Commit, as far as the store lets us.
void ObjectOutput::TakeBack(const std::vector<ListedFile>& files,
                            const std::vector<std::string>& marks) const {
  std::vector<std::string> paths = {PrivatePath(kNoteFile)};
  for (const ListedFile& file : files) {
    if (!IsMark(file.path)) paths.push_back(file.key);
  }
  try {
    RemoveAll(paths);
    for (const std::string& mark : marks) store_->Put(At(mark), "", {});
  } catch (const Error& error) {
    LogDebug(fmt::format("what was uploaded stays until the next run: {}", error.what()));
  }
}

void ObjectOutput::Commit() {
  const Objects before = ListAll();
  if (EtagOfList(before) != EtagOfList(old_objects_)) RefuseRace();
  const std::set<std::string> strays = Strays(before);
  CheckReplaceable(before, strays);
  std::vector<ListedFile> files = ListStaged(before);
  std::vector<std::pair<std::string, std::string>> data;
  for (const ListedFile& file : files) {
    if (!IsMark(file.path)) data.emplace_back(file.path, file.key);
  }
  const std::size_t num_staged = files.size();
  for (const Adopted& adopted : adopted_) files.push_back(adopted.file);
  std::vector<std::string> old_marks;
  for (const auto& [path, object] : before) {
    if (IsMark(path)) old_marks.push_back(path);
  }
  try {
    WriteNote(files);
    if (!old_marks.empty()) RemoveAll(old_marks);
    UploadAll(data);
    CopyAdopted();
  } catch (const Error&) {
    TakeBack(files, old_marks);
    throw;
  }
  // With what is known of the copies.
  files.resize(num_staged);
  for (const Adopted& adopted : adopted_) files.push_back(adopted.file);
  std::vector<ListedFile> all = files;
  all.insert(all.end(), kept_.begin(), kept_.end());
  if (!WriteList(all)) {
    TakeBack(files, {});
    RefuseRace();
  }
  try {
    Settle(before, all);
    AbortUploads(strays);
  } catch (const Error& error) {
    throw Error(ErrorKind::kIo,
                fmt::format("the output '{}' is complete for firesteel, but not for those who go "
                            "by plain names and _SUCCESS; run the same command again: {}",
                            url_, error.what()));
  }
  has_engine_folder_ = false;
  Abandon();
}

// Parts that dead runs left open cost money until they are aborted. Uploads of others are not
// touched.
void ObjectOutput::AbortUploads(const std::set<std::string>& strays) const {
  if (strays.empty()) return;
  for (const OpenUpload& upload : store_->OpenUploads(root_)) {
    const std::string path = upload.key.substr(root_.key.size());
    if (path.starts_with(kPrivateFolder) || strays.contains(path))
      store_->Abort(root_.bucket, upload);
  }
}

void ObjectOutput::Abandon() {
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
}

}  // namespace

std::unique_ptr<OutputTarget> MakeObjectOutput(const Location& target,
                                               const OutputOptions& options) {
  return std::make_unique<ObjectOutput>(target, options);
}

}  // namespace firesteel
