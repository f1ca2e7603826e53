#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

/// How many objects are moved at once: requests wait for the network and take no core.
inline constexpr int kTransfers = 12;

/// Where an object is, or, as a prefix, where several begin.
struct ObjectName {
  std::string bucket;
  std::string key;  // Without a slash in front; a prefix of "folders" ends in one, or is empty.

  /// "s3://bucket/key".
  std::string Url() const;
};

struct ObjectInfo {
  std::string key;
  std::int64_t num_bytes = 0;
  std::string etag;  // As the store gives it, quotes included. Says whether the object changed.
};

struct ObjectText {
  std::string text;
  std::string etag;
};

/// When an object may be written. A store that has no such conditions makes Put and Upload throw
/// Error(kUnsupported).
struct PutCondition {
  bool if_absent = false;                   // Only if no object has that name.
  std::optional<std::string> if_etag = {};  // Only if the object is still the one of this etag.
  /// Put alone: after Interrupt, too; tried once then, and for two seconds at most.
  bool is_last_wish = false;
};

/// An object that the store made of another.
struct ObjectCopy {
  std::string etag;
  std::string sha256;  // Lower-case hex, of the whole content; empty: the store did not say.
};

/// An upload in parts that was begun and neither completed nor aborted.
struct OpenUpload {
  std::string key;
  std::string id;
};

/// A store of objects: S3, or something that speaks its protocol. An object appears whole or not at
/// all, and is replaced whole.
///
/// Throttling, errors of the server, resets and time-outs are tried again, a bounded number of
/// times with growing random waits in between, each logged; after that they are
/// Error(kUnavailable). What trying again can't mend is thrown at once: Error(kNotFound) that names
/// the bucket or the object, Error(kDenied) that names the permission which is missing, Error(kIo)
/// for bytes that arrive other than they were sent, too often. Threads: any number of calls at
/// once.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// All objects whose keys begin with the prefix, in the order of their keys (bytes).
  virtual std::vector<ObjectInfo> List(const ObjectName& prefix) = 0;
  /// Nothing if there is no such object. Throws for a bucket that is missing.
  virtual std::optional<ObjectInfo> Find(const ObjectName& name) = 0;
  /// A small object whole; nothing if there is no such object.
  virtual std::optional<ObjectText> Read(const ObjectName& name) = 0;
  /// Writes the object into a new local file, large ones in several ranges at once. `etag`, unless
  /// it is empty: the object that is meant; Error(kNotFound) if it is gone or another one by now.
  /// On an error there is no file. Returns what was read.
  virtual ObjectInfo Download(const ObjectName& name, const std::string& etag,
                              const std::string& path) = 0;

  /// Writes a small object; the store is told its checksum and refuses other bytes. Returns its
  /// etag, or nothing if the condition does not hold.
  virtual std::optional<std::string> Put(const ObjectName& name, std::string_view content,
                                         const PutCondition& condition) = 0;
  /// The same with the content of a local file; a large one goes up in parts, which are aborted if
  /// it fails.
  virtual std::optional<std::string> Upload(const ObjectName& name, const std::string& path,
                                            const PutCondition& condition) = 0;
  /// Makes an object of one that is there, of `num_bytes` bytes, which do not pass through here; a
  /// large one in parts, which are aborted if it fails. `etag`: the object that is meant;
  /// Error(kNotFound) if it is gone or another one by now. The new one is encrypted as what Put
  /// writes.
  virtual ObjectCopy Copy(const ObjectName& from, const std::string& etag, std::int64_t num_bytes,
                          const ObjectName& to) = 0;
  /// Removes objects of one bucket. One that is not there is no error.
  virtual void Remove(const std::string& bucket, const std::vector<std::string>& keys) = 0;

  virtual std::vector<OpenUpload> OpenUploads(const ObjectName& prefix) = 0;
  virtual void Abort(const std::string& bucket, const OpenUpload& upload) = 0;

  /// Makes calls that run, and all later ones, throw Error(kInterrupted) soon.
  virtual void Interrupt() = 0;
};

/// Says how the process comes by its object store, which is made when it is first needed. To be
/// called before that, by the program (or by a test with a store of its own). Null: none any more.
void ProvideObjectStore(std::function<std::shared_ptr<ObjectStore>()> make);
/// The process's object store. Throws Error(kUnsupported) if none was provided, and what its maker
/// throws. Threads: any.
std::shared_ptr<ObjectStore> TheObjectStore();
/// Interrupts the object store if it was made.
void InterruptObjectStore();

}  // namespace firesteel
