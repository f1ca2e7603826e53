#pragma once

#include "features/registry.h"

namespace firesteel {

/// MinMaxScaler: maps the range that each slot of a vector has in the rows it is fitted on to
/// [min, max]. A slot that does not vary becomes the middle of it. NaN is not counted and stays
/// NaN. The attributes of the output are only its size.
///
/// Source: Spark ML's MinMaxScaler, 4.3.0.
StageKind MinMaxScalerKind();

}  // namespace firesteel
