#pragma once

#include "learn/factorization_machine/factorization_machine_parameters.h"
#include "learn/memory_source.h"
#include "model/factorization_machine.h"

namespace firesteel {

/// Trains a factorization machine row by row, on one thread, in Spark's order of additions: short
/// and obvious, and therefore what the trainer of learn/factorization_machine is compared with.
/// Source: Spark's FMRegressor 4.3.0, spec B.3 to B.5, one partition. Differs: products are not
/// added by fused instructions, which Spark uses for dense rows. Rows are neither weighted nor held
/// out. With `standardize`, the machine is for features that are scaled already.
FactorizationMachine TrainFactorizationMachinePlain(
    const MemoryRows& rows, const FactorizationMachineParameters& parameters);

}  // namespace firesteel
