#include "workflow/scorer.h"

#include <optional>

#include "sparkml/scoring_model.h"

namespace firesteel {

Relation Scorer::Score(const Relation& input, const Columns& columns) {
  const auto write = [this] {
    if (!written_) {
      written_ = WriteScoringModel(*model_, engine_, folder_.local());
      written_->directory = folder_.shared();
      folder_.Publish();
    }
    return *written_;
  };
  return engine_.Score(input,
                       {.features = {columns.features, model_->num_features()},
                        .output_column = columns.output,
                        .null_for_null = columns.null_for_null,
                        .bins = engine_.AppliesSparkStages() ? ScoringBins(*model_) : std::nullopt,
                        .counted_with = columns.counted_with,
                        .on_spark = write},
                       [model = model_](MatrixView<const double> rows, std::span<double> out) {
                         model->Predict(rows, out);
                       });
}

}  // namespace firesteel
