#pragma once

#include "features/registry.h"

namespace firesteel {

/// StringIndexer: gives each distinct text of a column the index it has in an order by count or by
/// text. Numbers are indexed by their text in Spark ("1.0", "1.0E7"); null and NaN are not counted.
/// The output is a double, never null, and a nominal attribute with the labels. Null and unknown
/// values: `error` is an error, `skip` drops the row (if any of the stage's columns has one),
/// `keep` gives the index behind the last label. An input that is gone at transform is left out.
///
/// Source: Spark ML's StringIndexer, 4.3.0 (spec C.1).
/// Differs: an output column named as an input but for letter case is refused; Spark replaces the
/// input.
StageKind StringIndexerKind();

}  // namespace firesteel
