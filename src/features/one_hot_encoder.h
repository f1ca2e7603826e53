#pragma once

#include "features/registry.h"

namespace firesteel {

/// OneHotEncoder: turns a category index into a sparse vector with a one at that place and binary
/// attributes named after the categories. The number of categories comes from the column's
/// attributes, else it is the largest index plus one. An index that is negative, NaN or too large:
/// `error` is an error, `keep` gives it a place behind the last category, which `dropLast` takes
/// away again. Null gives null.
///
/// Source: Spark ML's OneHotEncoder, 4.3.0 (spec C.2).
StageKind OneHotEncoderKind();

}  // namespace firesteel
