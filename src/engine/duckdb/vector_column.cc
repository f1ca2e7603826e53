#include "engine/duckdb/vector_column.h"

#include <algorithm>

namespace firesteel::duckdb {

uint64_t* WritableValidity(duckdb_vector vector) {
  duckdb_vector_ensure_validity_writable(vector);
  return duckdb_vector_get_validity(vector);
}

void SetNull(uint64_t* validity, idx_t row) { validity[row >> 6] &= ~(uint64_t{1} << (row & 63)); }

bool VectorColumn::IsSound(idx_t row) const {
  if (!kind_.IsValid(row) || !values_.IsValid(row)) return false;
  const std::int8_t kind = kind_.data<std::int8_t>()[row];
  if (kind == 1) return true;
  if (kind != 0 || !size_.IsValid(row) || !indices_.IsValid(row)) return false;
  const std::int32_t size = size_.data<std::int32_t>()[row];
  const std::span<const std::int32_t> indices = Indices(row);
  if (size < 0 || indices.size() != Values(row).size()) return false;
  std::int32_t previous = -1;
  for (const std::int32_t index : indices) {
    if (index <= previous) return false;
    previous = index;
  }
  return previous < size;
}

void VectorColumn::CopyDense(idx_t row, std::span<double> out) const {
  const std::span<const double> values = Values(row);
  if (IsDense(row)) {
    std::copy(values.begin(), values.end(), out.begin());
    return;
  }
  std::fill(out.begin(), out.end(), 0.0);
  const std::span<const std::int32_t> indices = Indices(row);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    out[static_cast<std::size_t>(indices[i])] = values[i];
  }
}

VectorColumnWriter::VectorColumnWriter(duckdb_vector column, idx_t num_rows, idx_t num_indices,
                                       idx_t num_values)
    : column_(column),
      indices_(duckdb_struct_vector_get_child(column, 2)),
      values_(duckdb_struct_vector_get_child(column, 3)) {
  const duckdb_vector kind = duckdb_struct_vector_get_child(column, 0);
  const duckdb_vector size = duckdb_struct_vector_get_child(column, 1);
  duckdb_list_vector_reserve(indices_, std::max<idx_t>(num_indices, num_rows));
  duckdb_list_vector_reserve(values_, std::max<idx_t>(num_values, num_rows));
  kind_ = static_cast<std::int8_t*>(duckdb_vector_get_data(kind));
  size_ = static_cast<std::int32_t*>(duckdb_vector_get_data(size));
  index_entries_ = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(indices_));
  value_entries_ = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(values_));
  index_data_ =
      static_cast<std::int32_t*>(duckdb_vector_get_data(duckdb_list_vector_get_child(indices_)));
  value_data_ = static_cast<double*>(duckdb_vector_get_data(duckdb_list_vector_get_child(values_)));
  valid_ = WritableValidity(column_);
  kind_valid_ = WritableValidity(kind);
  size_valid_ = WritableValidity(size);
  indices_valid_ = WritableValidity(indices_);
  values_valid_ = WritableValidity(values_);
}

void VectorColumnWriter::AddNull() {
  for (uint64_t* validity : {valid_, kind_valid_, size_valid_, indices_valid_, values_valid_}) {
    SetNull(validity, row_);
  }
  kind_[row_] = 0;
  size_[row_] = 0;
  index_entries_[row_] = {num_indices_, 0};
  value_entries_[row_] = {num_values_, 0};
  ++row_;
}

double* VectorColumnWriter::AddDense(std::size_t length) {
  kind_[row_] = 1;
  size_[row_] = 0;
  SetNull(size_valid_, row_);
  SetNull(indices_valid_, row_);
  index_entries_[row_] = {num_indices_, 0};
  value_entries_[row_] = {num_values_, length};
  double* out = value_data_ + num_values_;
  num_values_ += length;
  ++row_;
  return out;
}

VectorColumnWriter::SparseRow VectorColumnWriter::AddSparse(std::size_t length,
                                                            std::size_t num_entries) {
  kind_[row_] = 0;
  size_[row_] = static_cast<std::int32_t>(length);
  index_entries_[row_] = {num_indices_, num_entries};
  value_entries_[row_] = {num_values_, num_entries};
  const SparseRow out = {index_data_ + num_indices_, value_data_ + num_values_};
  num_indices_ += num_entries;
  num_values_ += num_entries;
  ++row_;
  return out;
}

void VectorColumnWriter::Finish() {
  duckdb_list_vector_set_size(indices_, num_indices_);
  duckdb_list_vector_set_size(values_, num_values_);
}

}  // namespace firesteel::duckdb
