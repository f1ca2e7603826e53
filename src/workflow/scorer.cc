#include "workflow/scorer.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/random.h"
#include "sparkml/scoring_model.h"

namespace firesteel {

Scorer::~Scorer() {
  std::error_code ignored;
  if (written_) std::filesystem::remove_all(written_->directory, ignored);
}

Relation Scorer::Score(const Relation& input, const Columns& columns) {
  const auto write = [this] {
    if (!written_) {
      written_ = std::make_shared<const SparkScoring>(
          WriteScoringModel(*model_, engine_, directory_ + "/scoring-" + RandomUuid()));
    }
    return *written_;
  };
  return engine_.Score(input,
                       {.features = {columns.features, model_->num_features()},
                        .output_column = columns.output,
                        .null_for_null = columns.null_for_null,
                        .on_spark = write},
                       [model = model_](MatrixView<const double> rows, std::span<double> out) {
                         model->Predict(rows, out);
                       });
}

}  // namespace firesteel
