#pragma once

#include "workflow/prediction.h"

namespace firesteel {

/// Predicts rows that have labels and judges the predictions: writes evaluation.json
/// (docs/evaluation.md), with the training mean and the workflow's baselines as far as the rows
/// have them. Rows without a label or without a prediction are left out, counted and warned of.
/// Throws Error(kNotFound) for rows that have no label column, and as RunPrediction does.
StepReport RunEvaluation(Engine& engine, const Workflow& workflow,
                         const PredictionOptions& options);

}  // namespace firesteel
