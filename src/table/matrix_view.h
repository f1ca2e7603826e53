#pragma once

#include <cstddef>
#include <span>

namespace firesteel {

/// A row-major matrix that somebody else owns: element (row, col) at data[row * num_cols + col].
template <typename T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, std::size_t num_rows, std::size_t num_cols)
      : data_(data), num_rows_(num_rows), num_cols_(num_cols) {}

  std::size_t num_rows() const { return num_rows_; }
  std::size_t num_cols() const { return num_cols_; }
  std::span<T> row(std::size_t row) const { return {data_ + row * num_cols_, num_cols_}; }
  T& operator()(std::size_t row, std::size_t col) const { return data_[row * num_cols_ + col]; }

 private:
  T* data_ = nullptr;
  std::size_t num_rows_ = 0;
  std::size_t num_cols_ = 0;
};

}  // namespace firesteel
