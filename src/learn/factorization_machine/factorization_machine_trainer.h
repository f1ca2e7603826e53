#pragma once

#include "learn/factorization_machine/factorization_machine_parameters.h"
#include "learn/learner.h"

namespace firesteel {

/// Trains a factorization machine, as Spark's FMRegressor does with the same rows and seed in one
/// partition: the same coefficients but for rounding.
///
/// An iteration takes its gradient from one of three, whichever needs fewer products:
/// - moments (moments.h), of which there are 1,600 for ten features, however many rows there are.
/// They
///   are gathered in one pass over the rows, by MomentGroups where most features have few values;
/// - groups of rows with equal features (training_rows.h, row_loss.h): for some twenty features and
///   more. The source groups them;
/// - rows as they are, in their order: where a mini-batch is drawn, which goes by that order, and
///   where they hardly collapse. Moments are taken of these too.
/// As soon as something is not finite, iterations go over groups or rows, so that infinities and
/// NaN come out where Spark has them.
///
/// `standardize` trains on (x - mean) / stddev and then folds the scaling into bias, linear terms
/// and factors, so that the model takes features as they are. It has a bias and linear terms then,
/// whatever fitIntercept and fitLinear say.
///
/// Source: spec B. Differs: sums run in another order than Spark's, and not in its lanes of a BLAS.
/// The facts: trained_on ("moments", "groups", "rows"), num_rows, num_groups (of rows with
/// equal features; with moments, of those of few values), num_iterations (the
/// updates made), converged (whether tol ended the training), last_loss (of the coefficients
/// before the last update), diverged (whether some coefficient is not finite).
/// Throws Error(kInvalidArgument) if there is no feature.
TrainedModel TrainFactorizationMachine(TrainingSource& source,
                                       const FactorizationMachineParameters& parameters,
                                       const TrainingRun& run);

}  // namespace firesteel
