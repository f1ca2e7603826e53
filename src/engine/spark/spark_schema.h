#pragma once

#include "spark/connect/types.pb.h"
#include "table/schema.h"

namespace firesteel {

/// The fields of a struct as Spark says them. Throws Error(kUnsupported), naming the column, for a
/// type that no column of ours has.
Schema SchemaOf(const ::spark::connect::DataType& type);

}  // namespace firesteel
