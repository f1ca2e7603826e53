#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "table/attribute.h"
#include "table/cells.h"
#include "table/matrix_view.h"

namespace firesteel {

class Checkpoint;

/// Rows that a learner trains on, wherever they live: a learner asks for what it needs of them, and
/// most never see a row. Labels and weights are columns that the owner chose.
/// Threads: one caller at a time.
/// Errors: a label, feature or weight that is null, NaN or infinite, or a negative weight, is
/// Error(kInvalidArgument), found by whichever call meets it first, naming column or feature and
/// the number of such rows.
class TrainingSource {
 public:
  virtual ~TrainingSource() = default;

  /// n, at least 1.
  virtual std::int64_t num_rows() const = 0;
  /// Length d: what each feature is.
  virtual const std::vector<Attribute>& attributes() const = 0;

  /// For each of `features`, its values with their weights and row counts, sorted by value, then
  /// weight. One pass over the rows.
  virtual std::vector<std::vector<WeightedValue>> DistinctValues(
      std::span<const std::size_t> features) = 0;

  /// One pass over the rows. `bins` has length d. A category outside its arity is
  /// Error(kInvalidArgument), naming feature and value.
  virtual Cells MakeCells(std::span<const FeatureBins> bins) = 0;

  /// Streams the rows in their order, d features and then label and weight in each.
  virtual void Scan(const std::function<void(MatrixView<const double> rows)>& visitor) = 0;

  /// The rows set aside to decide when to stop; null without any such column. Lives as long as
  /// this.
  virtual TrainingSource* held_out() = 0;
};

/// Columns beside label and features that a learner wants of its rows, by the names that its
/// parameters give.
struct TrainingColumns {
  std::optional<std::string> weight = {};    // Numeric.
  std::optional<std::string> held_out = {};  // Boolean: true for rows of `held_out()`.
};

/// How a training is run, as opposed to what is trained: nothing here changes the model, but for a
/// learner whose parameters tell it to watch the validation part.
struct TrainingRun {
  int num_threads = 1;
  /// The rows of the validation part, for learners that watch it; null where there is none.
  TrainingSource* validation = nullptr;
  /// Called after each iteration (tree), in the caller's thread; what it throws ends the training.
  std::function<void(int done, int total)> progress = {};
  /// Where a long training keeps its state, and goes on from; null: nowhere. Outlives the training.
  Checkpoint* checkpoint = nullptr;
};

}  // namespace firesteel
