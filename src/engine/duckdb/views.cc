#include "engine/duckdb/views.h"

#include <utility>

#include "engine/duckdb/connection.h"

namespace firesteel::duckdb {

void Views::Add(const std::string& name, std::string query) {
  queries_.insert_or_assign(name, std::move(query));
}

std::string Views::Source(const Relation& relation) const {
  const auto view = queries_.find(relation.name());
  return view == queries_.end() ? QuoteName(relation.name()) : "(" + view->second + ")";
}

}  // namespace firesteel::duckdb
