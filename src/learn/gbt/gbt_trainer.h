#pragma once

#include "learn/gbt/gbt_parameters.h"
#include "learn/learner.h"

namespace firesteel {

/// Trains gradient-boosted trees as Spark's GBTRegressor does, on cells instead of rows: thresholds
/// from the values of each feature, then cells, then trees on sums over cells. The model is a
/// TreeEnsemble; it depends on the multiset of rows and the parameters alone, not on the order of
/// rows (unless rows are sampled) or the number of threads.
/// Source: Spark's GBTRegressor 4.3.0, spec A.2 to A.14. Differs: thresholds come from all rows
/// (thresholds.h), and sums run in the order of cells, not rows, so that the last digits of later
/// trees may differ and with them which of two equally good splits is taken. Rows are sampled as
/// Spark does with one partition.
/// With a checkpoint, the trees grown so far are saved, and what early stopping knows; running
/// predictions are added up again in the same order when the training goes on.
/// Throws as ChooseBins does, and what the source throws.
TrainedModel TrainGbt(TrainingSource& source, const GbtParameters& parameters,
                      const TrainingRun& run);

}  // namespace firesteel
