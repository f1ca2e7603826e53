#pragma once

#include "features/registry.h"

namespace firesteel {

/// Imputer: fills null and missingValue (NaN unless told) in numeric columns by the column's mean,
/// median or most frequent value (the smallest of several). The output has the type of the input,
/// into which every value is cast from double; an output named as an existing column takes its
/// place.
///
/// Source: Spark ML's Imputer, 4.3.0.
/// Differs: the median is the exact lower one. Spark's is the same up to about 1 / (2
/// relativeError) rows, 500 by default, and beyond may be off by relativeError of the rows in rank;
/// relativeError is kept and not used. Decimal columns are refused.
StageKind ImputerKind();

}  // namespace firesteel
