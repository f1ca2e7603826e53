#pragma once

#include <map>
#include <string>

#include "engine/engine.h"

namespace firesteel::duckdb {

/// The relations that are queries. Their text is kept here and put in where they are read, since
/// DuckDB would bind a view of its own when it is made and again at each use.
class Views {
 public:
  void Add(const std::string& name, std::string query);

  /// What stands after FROM for a relation, be it a view or a table.
  std::string Source(const Relation& relation) const;

 private:
  std::map<std::string, std::string> queries_;  // By the name of the relation.
};

}  // namespace firesteel::duckdb
