#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "storage/location.h"
#include "storage/object_store.h"

namespace firesteel {

/// An object store in memory for tests, with one bucket, "b". `before` is called before each
/// request, with a name for it
/// ("put KEY"), and may throw to make it fail; `after` likewise, when it has been carried out.
class MemoryObjectStore final : public ObjectStore {
 public:
  std::function<void(const std::string& request)> before;
  std::function<void(const std::string& request)> after;

  std::vector<ObjectInfo> List(const ObjectName& prefix) override {
    return Do("list " + prefix.key, prefix, [&] {
      std::vector<ObjectInfo> found;
      for (const auto& [key, object] : objects_) {
        if (key.starts_with(prefix.key)) found.push_back(InfoOf(key, object));
      }
      return found;
    });
  }
  std::optional<ObjectInfo> Find(const ObjectName& name) override {
    return Do("find " + name.key, name, [&]() -> std::optional<ObjectInfo> {
      const auto found = objects_.find(name.key);
      if (found == objects_.end()) return std::nullopt;
      return InfoOf(name.key, found->second);
    });
  }
  std::optional<ObjectText> Read(const ObjectName& name) override {
    return Do("read " + name.key, name, [&]() -> std::optional<ObjectText> {
      const auto found = objects_.find(name.key);
      if (found == objects_.end()) return std::nullopt;
      return found->second;
    });
  }
  ObjectInfo Download(const ObjectName& name, const std::string& etag,
                      const std::string& path) override {
    return Do("download " + name.key, name, [&] {
      const auto found = objects_.find(name.key);
      if (found == objects_.end() || (!etag.empty() && etag != found->second.etag)) {
        throw Error(ErrorKind::kNotFound, name.Url() + " is gone");
      }
      WriteTextFile(path, found->second.text);
      return InfoOf(name.key, found->second);
    });
  }
  std::optional<std::string> Put(const ObjectName& name, std::string_view content,
                                 const PutCondition& condition) override {
    return Do("put " + name.key, name, [&]() -> std::optional<std::string> {
      const auto found = objects_.find(name.key);
      if (condition.if_absent && found != objects_.end()) return std::nullopt;
      if (condition.if_etag &&
          (found == objects_.end() || found->second.etag != *condition.if_etag)) {
        return std::nullopt;
      }
      const std::string etag = "\"" + std::to_string(++num_writes_) + "\"";
      objects_[name.key] = {std::string(content), etag};
      return etag;
    });
  }
  std::optional<std::string> Upload(const ObjectName& name, const std::string& path,
                                    const PutCondition& condition) override {
    return Put(name, ReadTextFile(path), condition);
  }
  ObjectCopy Copy(const ObjectName& from, const std::string& etag, std::int64_t num_bytes,
                  const ObjectName& to) override {
    return Do("copy " + to.key, to, [&]() -> ObjectCopy {
      const auto found = objects_.find(from.key);
      if (found == objects_.end() || found->second.etag != etag) {
        throw Error(ErrorKind::kNotFound, from.Url() + " is gone");
      }
      const std::string text = found->second.text;
      if (static_cast<std::int64_t>(text.size()) != num_bytes) {
        throw Error(ErrorKind::kInternal, from.Url() + " is of another size");
      }
      const std::string made = "\"" + std::to_string(++num_writes_) + "\"";
      objects_[to.key] = {text, made};
      return {made, tells_sha256 ? Sha256(text) : ""};
    });
  }
  void Remove(const std::string& bucket, const std::vector<std::string>& keys) override {
    for (const std::string& key : keys) {
      Do("remove " + key, {bucket, key}, [&] { return objects_.erase(key); });
    }
  }
  std::vector<OpenUpload> OpenUploads(const ObjectName& prefix) override {
    return Do("uploads " + prefix.key, prefix, [&] { return uploads; });
  }
  void Abort(const std::string& bucket, const OpenUpload& upload) override {
    Do("abort " + upload.key, {bucket, upload.key}, [&] {
      return std::erase_if(uploads, [&](const OpenUpload& open) { return open.id == upload.id; });
    });
  }
  void Interrupt() override {}

  /// Removes an object without a request; for `before` and `after`.
  void Forget(const std::string& key) { objects_.erase(key); }

  std::vector<OpenUpload> uploads;
  bool tells_sha256 = true;  // Of copies.

 private:
  static ObjectInfo InfoOf(const std::string& key, const ObjectText& object) {
    return {key, static_cast<std::int64_t>(object.text.size()), object.etag};
  }

  template <typename Action>
  std::invoke_result_t<Action> Do(const std::string& request, const ObjectName& name,
                                  Action action) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (name.bucket != "b") throw Error(ErrorKind::kNotFound, "there is no bucket " + name.bucket);
    if (before) before(request);
    std::invoke_result_t<Action> result = action();
    if (after) after(request);
    return result;
  }

  std::mutex mutex_;
  std::map<std::string, ObjectText> objects_;
  std::int64_t num_writes_ = 0;
};

}  // namespace firesteel
