#include "workflow/ledger.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace firesteel {

void RowLedger::Check(const std::string& what) const {
  std::int64_t sum = used;
  for (const auto& [reason, count] : rejected) sum += count;
  if (sum != read) {
    throw Error(ErrorKind::kInternal,
                fmt::format("{}: {} rows were read, but {} are accounted for; please report this",
                            what, read, sum));
  }
}

nlohmann::ordered_json RowLedger::ToJson() const {
  nlohmann::ordered_json reasons = nlohmann::ordered_json::object();
  for (const auto& [reason, count] : rejected) reasons[reason] = count;
  return {{"read", read}, {"used", used}, {"rejected", std::move(reasons)}};
}

RowLedger RowLedger::FromJson(const nlohmann::ordered_json& json) {
  RowLedger ledger{.read = json.at("read"), .used = json.at("used")};
  for (const auto& [reason, count] : json.at("rejected").items()) ledger.rejected[reason] = count;
  return ledger;
}

}  // namespace firesteel
