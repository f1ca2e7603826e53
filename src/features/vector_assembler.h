#pragma once

#include "features/registry.h"

namespace firesteel {

/// VectorAssembler: puts numeric, boolean and vector columns side by side into one vector, with the
/// attributes of all. Null, and NaN in a scalar column: `error` is an error, `skip` drops the row,
/// `keep` puts NaN in every slot of the column.
///
/// Source: Spark ML's VectorAssembler, 4.3.0 (spec C.3).
/// Differs: a vector column without attributes is refused, where Spark looks at its first row; at
/// least one input is needed.
StageKind VectorAssemblerKind();

}  // namespace firesteel
