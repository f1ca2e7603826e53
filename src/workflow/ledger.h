#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace firesteel {

/// What became of the rows of one input: read = used + rejected, by reason. Every step writes its
/// ledgers to its manifest. A row that a step can't use is an error unless the reference leaves it
/// out in silence (a null date): then it is counted here.
struct RowLedger {
  std::int64_t read = 0;
  std::int64_t used = 0;
  std::map<std::string, std::int64_t> rejected = {};  // Reason ("null_date") -> rows.

  /// Throws Error(kInternal) if read is not used plus rejected: a row would be lost.
  void Check(const std::string& what) const;
  nlohmann::ordered_json ToJson() const;
  /// What ToJson gave. Throws nlohmann's exceptions for anything else.
  static RowLedger FromJson(const nlohmann::ordered_json& json);
};

}  // namespace firesteel
