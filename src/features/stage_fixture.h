#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/duckdb/duckdb_engine.h"
#include "features/pipeline.h"
#include "features/registry.h"

namespace firesteel {

/// What the tests of stages share: an engine, rows from CSV text, pipelines from JSON, results as
/// numbers.
class StageFixture : public ::testing::Test {
 protected:
  using Types = std::vector<std::pair<std::string, DataType>>;

  /// Rows of CSV text; all columns are declared, an empty field is null.
  Relation Rows(const std::string& csv, Types types) {
    const std::string file = (folder_ / (std::to_string(num_files_++) + ".csv")).string();
    std::ofstream(file) << csv;
    CsvSource source;
    source.files = {file};
    source.types = std::move(types);
    return engine_->ReadCsv(source);
  }

  /// `stages`: [{"StringIndexer": {…}}, …]; uids are stage_0, stage_1, ….
  static Pipeline MakePipeline(const std::string& stages) {
    std::vector<std::unique_ptr<Stage>> made;
    for (const auto& entry : nlohmann::ordered_json::parse(stages)) {
      const auto stage = entry.begin();
      made.push_back(
          MakeStage(stage.key(), stage.value(), "stage_" + std::to_string(made.size()), "test"));
    }
    return Pipeline("pipeline", std::move(made));
  }

  Relation FitTransform(const std::string& stages, const Relation& rows) {
    return MakePipeline(stages).Fit(*engine_, rows).Transform(*engine_, rows);
  }

  /// All numbers of a column, row by row; null is NaN.
  std::vector<double> Numbers(const Relation& rows, const std::string& column,
                              std::size_t width = 1) {
    std::vector<double> numbers;
    engine_->Scan(rows, {{column, width}}, [&](MatrixView<const double> chunk) {
      for (std::size_t row = 0; row < chunk.num_rows(); ++row) {
        numbers.insert(numbers.end(), chunk.row(row).begin(), chunk.row(row).end());
      }
    });
    return numbers;
  }

  /// What `action` throws; kInternal and an empty text if nothing.
  template <typename Action>
  static Error Thrown(Action action) {
    try {
      action();
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::kInternal, "");
  }

  static Attribute AttributeOf(const Relation& rows, const std::string& column) {
    return std::get<Attribute>(rows.schema().Get(column).attributes);
  }
  static AttributeGroup GroupOf(const Relation& rows, const std::string& column) {
    return std::get<AttributeGroup>(rows.schema().Get(column).attributes);
  }
  /// Names of all slots of a vector column.
  static std::vector<std::string> SlotNames(const Relation& rows, const std::string& column) {
    std::vector<std::string> names;
    const AttributeGroup group = GroupOf(rows, column);
    for (const Attribute& slot : *group.slots) {
      names.push_back(slot.name.value_or(""));
    }
    return names;
  }

  Engine& engine() { return *engine_; }
  /// A folder of this test's own, removed at its end.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  void SetUp() override {
    static int number = 0;
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("stages_" + std::to_string(::getpid()) + "_" + std::to_string(number++));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  int num_files_ = 0;
  std::unique_ptr<Engine> engine_ = OpenDuckDb({});
};

}  // namespace firesteel
