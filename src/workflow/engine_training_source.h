#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "learn/training_source.h"
#include "table/attribute.h"

namespace firesteel {

/// Rows of an engine's relation as a learner asks for them. Nothing is fetched until then, and what
/// is asked for is computed by the engine: the rows themselves only by Scan.
class EngineTrainingSource final : public TrainingSource {
 public:
  struct Options {
    std::string name;  // How messages call the rows: "training 'out/dataframe'".
    std::string features = "training_cols";  // A vector column as long as `attributes`.
    std::string label;                       // Numeric.
    TrainingColumns columns = {};
    std::vector<Attribute> attributes;
  };

  /// `engine` must outlive this. With a held-out column, its rows are counted (one pass).
  /// Throws Error(kInvalidArgument) for a weight that is not numeric, a held-out column that is not
  /// boolean, is null in some row, or is true or false in all, Error(kNotFound) for a column that
  /// is not there.
  EngineTrainingSource(Engine& engine, const Relation& rows, std::int64_t num_rows,
                       Options options);

  std::int64_t num_rows() const override { return num_rows_; }
  const std::vector<Attribute>& attributes() const override { return options_.attributes; }
  std::vector<std::vector<WeightedValue>> DistinctValues(
      std::span<const std::size_t> features) override;
  Cells MakeCells(std::span<const FeatureBins> bins) override;
  void Scan(const std::function<void(MatrixView<const double> rows)>& visitor) override;
  TrainingSource* held_out() override { return held_out_.get(); }
  /// Throws Error(kInvalidArgument), saying how many rows lack which number, if any does.
  void RefuseUnusable();

 private:
  void SetAside(const std::string& column);
  /// Says which category is out of the range that its attribute gives.
  [[noreturn]] void RefuseCategories(std::span<const FeatureBins> bins);
  [[noreturn]] void RefuseNegativeWeights(std::int64_t count) const;
  std::string FeatureName(std::size_t feature) const;

  Engine& engine_;
  Relation rows_;
  std::int64_t num_rows_;
  Options options_;
  TrainingView view_;
  std::unique_ptr<EngineTrainingSource> held_out_;
};

}  // namespace firesteel
