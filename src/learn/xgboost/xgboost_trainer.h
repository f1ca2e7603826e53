#pragma once

#include "learn/learner.h"
#include "learn/xgboost/xgboost_parameters.h"

namespace firesteel {

/// Trains with XGBoost's library, on cells instead of rows where that gives the same trees
/// (training_rows.h). The model is an XgboostModel, which does without the library. With
/// early_stopping_rounds, it watches the rows held out, or else the validation part, and keeps the
/// iterations up to the best.
/// The library adds up gradients by thread, in 64 bits, and rounds sums to 32 bits, so that the
/// number of threads is not seen in the model as a rule; little data is trained on one thread.
/// With a checkpoint, the library's own bytes are saved, from which it goes on to the same bits;
/// not with subsample or a colsample below 1, as nobody can save the library's random numbers: such
/// a training always begins anew. Throws what the source throws, Error(kInvalidArgument) for values
/// beyond 32-bit numbers, labels that the objective does not allow, early stopping without rows to
/// watch and what the library refuses, Error(kUsage) for constraints that do not fit the features.
TrainedModel TrainXgboost(TrainingSource& source, const XgboostParameters& parameters,
                          const TrainingRun& run);

}  // namespace firesteel
