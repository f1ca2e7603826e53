#include "table/schema.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {

std::optional<std::size_t> Schema::Find(std::string_view name) const {
  for (std::size_t position = 0; position < fields_.size(); ++position) {
    if (EqualsIgnoringCase(fields_[position].name, name)) return position;
  }
  return std::nullopt;
}

const Field& Schema::Get(std::string_view name) const {
  if (const std::optional<std::size_t> position = Find(name)) return fields_[*position];
  const std::vector<std::string> all = names();
  throw Error(ErrorKind::kNotFound,
              fmt::format("unknown column '{}'{}; the columns are {}", name, DidYouMean(name, all),
                          all.empty() ? "none" : Join(all, ", ")));
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> names;
  names.reserve(fields_.size());
  for (const Field& field : fields_) names.push_back(field.name);
  return names;
}

}  // namespace firesteel
