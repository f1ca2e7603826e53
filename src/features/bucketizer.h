#pragma once

#include "features/registry.h"

namespace firesteel {

/// Bucketizer: replaces a number by the index of the bucket it lies in. n + 1 splits make n
/// buckets; bucket i holds [splits[i], splits[i + 1]), the last one its upper end too. The output
/// is a double with an ordinal nominal attribute whose labels are the bounds ("0.0, 2.5"). Null
/// stays null. NaN: `error` is an error, `skip` drops the row (for null too), `keep` gives it a
/// bucket behind the last. A number outside the splits is always an error. -0.0 lies below a split
/// of 0.0.
///
/// Source: Spark ML's Bucketizer, 4.3.0.
StageKind BucketizerKind();

}  // namespace firesteel
