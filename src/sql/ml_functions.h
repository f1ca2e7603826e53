#pragma once

#include <string_view>

/// The names of the functions that fitted pipeline stages use and that no workflow text may call.
/// They are entries of the same function table as the others. Spark's text prints them over arrays
/// (sql/print.h).
namespace firesteel::sql {

/// string_index(text, 'label 0', 'label 1', …) -> double: the position of `text` among the labels
/// (exact bytes); null if text is null or none of them. No labels: always null.
inline constexpr std::string_view kStringIndex = "ml_string_index";

/// one_hot(index double, size int literal) -> vector: sparse, `size` long, 1.0 at trunc(index) if
/// that lies in [0, size), else without entries. Null for a null index; NaN has no entry.
inline constexpr std::string_view kOneHot = "ml_one_hot";

/// assemble(a, b, …) -> vector: numbers, booleans and vectors side by side, compressed by Spark's
/// rule (4.3.0: sparse if 1.5 nnz + 2 < n; -0.0 is dropped as a zero). Null if any argument is
/// null. Differs: Spark 3.5 keeps a vector sparse if 1.5 (nnz + 1) < n; the values are the same.
inline constexpr std::string_view kAssemble = "ml_assemble";

/// constant_vector(value double, size int literal) -> dense vector.
inline constexpr std::string_view kConstantVector = "ml_constant_vector";

/// standard_scale(v, shift list, factor list, with_mean boolean) -> vector: (x - shift) * factor.
/// With mean the result is dense; without, shift is not used and a sparse vector stays sparse. Null
/// for null. Source: Spark's StandardScalerModel.
inline constexpr std::string_view kStandardScale = "ml_standard_scale";

/// min_max_scale(v, min list, factor list, constant list, lower double) -> compressed vector. Per
/// slot: NaN stays NaN; factor 0 gives `constant`; else x becomes (x - min) * factor + lower.
/// Null for null. Source: Spark's MinMaxScalerModel.
inline constexpr std::string_view kMinMaxScale = "ml_min_max_scale";

/// first_slot(v) -> int: the position of the first number that is not 0, as of a one-hot vector its
/// category; null if there is none, and for null.
inline constexpr std::string_view kFirstSlot = "ml_first_slot";

}  // namespace firesteel::sql
