#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/output.h"

namespace firesteel {

/// How an output is kept in one kind of place: what OutputDirectory promises, verb by verb.
/// Destroyed without Commit, it removes what it made aside.
class OutputTarget {
 public:
  virtual ~OutputTarget() = default;

  virtual const std::string& staging() const = 0;
  virtual const std::string& name_salt() const = 0;
  virtual std::string RemoteFolder(const std::string& relative) {
    static_cast<void>(relative);
    return "";
  }
  virtual std::vector<AdoptedFile> Adopt(const std::string& relative, const std::string& uuid) {
    static_cast<void>(relative);
    static_cast<void>(uuid);
    return {};
  }
  virtual std::optional<std::string> ReadOld(const std::string& relative) const = 0;
  virtual bool IsOldIntact(const std::string& folder) const = 0;
  virtual void Keep(const std::string& folder) = 0;
  virtual void PublishStatus(const std::string& text) = 0;
  virtual void SaveProgress(const std::string& bytes) = 0;
  virtual std::optional<std::string> ReadProgress() const = 0;
  virtual void Commit() = 0;
  /// Removes what was made aside, from another thread than the one that works on it, as far as that
  /// can be done from there. Called with no Commit running, and none after it.
  virtual void Abandon() = 0;
};

/// Both throw as OutputDirectory's constructor does.
std::unique_ptr<OutputTarget> MakeLocalOutput(const Location& target, const OutputOptions& options);
std::unique_ptr<OutputTarget> MakeObjectOutput(const Location& target,
                                               const OutputOptions& options);

}  // namespace firesteel
