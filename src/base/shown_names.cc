#include "base/shown_names.h"

#include <mutex>
#include <utility>
#include <vector>

namespace firesteel {
namespace {

struct Names {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> pairs;
};

Names& TheNames() {
  static Names names;
  return names;
}

}  // namespace

void ShowAs(const std::string& local, const std::string& shown) {
  Names& names = TheNames();
  const std::lock_guard<std::mutex> guard(names.mutex);
  names.pairs.emplace_back(local, shown);
}

std::string WithShownNames(std::string text) {
  Names& names = TheNames();
  const std::lock_guard<std::mutex> guard(names.mutex);
  for (const auto& [local, shown] : names.pairs) {
    for (std::size_t at = text.find(local); at != std::string::npos;
         at = text.find(local, at + shown.size())) {
      text.replace(at, local.size(), shown);
    }
  }
  return text;
}

}  // namespace firesteel
