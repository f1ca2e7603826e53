#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/duckdb/connection.h"

namespace firesteel::duckdb {

/// The bits that say which rows of a vector that is being written are not null: all, unless
/// somebody did say otherwise. To be called once the vector is filled, which makes every row valid.
uint64_t* WritableValidity(duckdb_vector vector);
/// Marks a row as null in what WritableValidity returned.
void SetNull(uint64_t* validity, idx_t row);

/// Reads a vector column (kVectorSqlType) of one chunk in place, without copying. The DuckDB vector
/// and its children must be flat, as they are in a fetched chunk and in the arguments of a
/// function.
class VectorColumn {
 public:
  explicit VectorColumn(const VectorView& column)
      : column_(column),
        kind_(column.StructChild(0)),
        size_(column.StructChild(1)),
        indices_(column.StructChild(2)),
        values_(column.StructChild(3)),
        index_data_(indices_.ListChild().data<std::int32_t>()),
        value_data_(values_.ListChild().data<double>()) {}

  bool IsValid(idx_t row) const { return column_.IsValid(row); }
  bool IsDense(idx_t row) const { return kind_.data<std::int8_t>()[row] == 1; }

  /// The length of the vector, its zeros included.
  std::size_t Length(idx_t row) const {
    if (IsDense(row)) return values_.data<duckdb_list_entry>()[row].length;
    return static_cast<std::size_t>(size_.data<std::int32_t>()[row]);
  }
  /// All entries of a dense vector; those of `Indices` of a sparse one.
  std::span<const double> Values(idx_t row) const {
    const duckdb_list_entry entry = values_.data<duckdb_list_entry>()[row];
    return {value_data_ + entry.offset, entry.length};
  }
  /// Ascending positions; for a sparse vector only.
  std::span<const std::int32_t> Indices(idx_t row) const {
    const duckdb_list_entry entry = indices_.data<duckdb_list_entry>()[row];
    return {index_data_ + entry.offset, entry.length};
  }

  /// Whether a row is a vector at all: known type, size not negative, as many indices as values,
  /// ascending and inside the size. Whoever writes to memory by an index asks first.
  bool IsSound(idx_t row) const;

  /// Writes the vector with its zeros to `out`, whose size is Length(row).
  void CopyDense(idx_t row, std::span<double> out) const;

 private:
  VectorView column_, kind_, size_, indices_, values_;
  const std::int32_t* index_data_;
  const double* value_data_;
};

/// Writes a vector column into the flat result of a function: reserve, add each row once in order,
/// finish.
class VectorColumnWriter {
 public:
  /// Room for `num_rows` rows with at most `num_indices` and `num_values` entries in all.
  VectorColumnWriter(duckdb_vector column, idx_t num_rows, idx_t num_indices, idx_t num_values);

  void AddNull();
  /// Returns where the `length` values of a dense row go.
  double* AddDense(std::size_t length);
  struct SparseRow {
    std::int32_t* indices;
    double* values;
  };
  /// Returns where the `num_entries` entries of a sparse row go.
  SparseRow AddSparse(std::size_t length, std::size_t num_entries);
  /// Tells DuckDB how many entries there are.
  void Finish();

 private:
  duckdb_vector column_, indices_, values_;
  std::int8_t* kind_;
  std::int32_t* size_;
  duckdb_list_entry *index_entries_, *value_entries_;
  std::int32_t* index_data_;
  double* value_data_;
  uint64_t *valid_, *kind_valid_, *size_valid_, *indices_valid_, *values_valid_;
  idx_t row_ = 0, num_indices_ = 0, num_values_ = 0;
};

}  // namespace firesteel::duckdb
