#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct ArrowArrayView;

namespace firesteel {

/// One column of a batch. Valid as long as the batch.
class ArrowColumn {
 public:
  ArrowColumn(const std::string* name, const ArrowArrayView* view) : name_(name), view_(view) {}

  bool IsNull(std::int64_t row) const;
  /// A whole number, boolean (0 or 1), date (days) or timestamp (microseconds); not null.
  std::int64_t Integer(std::int64_t row) const;
  /// Any number as a double; not null.
  double Number(std::int64_t row) const;
  /// The same, -0.0 as 0.0 and null as NaN.
  double NumberOrNaN(std::int64_t row) const;
  /// A string; not null.
  std::string_view Text(std::int64_t row) const;
  /// Of a list column: its items, and where those of a row stand in it.
  ArrowColumn Items() const;
  std::int64_t ItemsBegin(std::int64_t row) const;
  std::int64_t ItemsEnd(std::int64_t row) const;

 private:
  // Throws Error(kInternal), naming the column.
  [[noreturn]] void Refuse(const char* wanted) const;

  const std::string* name_;
  const ArrowArrayView* view_;
};

/// The rows of one record batch.
struct ArrowRows {
  std::int64_t num_rows = 0;
  std::vector<std::string> names;
  std::vector<ArrowColumn> columns;
};

/// Decodes a whole Arrow IPC stream and calls `visitor` for each of its batches. Every buffer is
/// checked. Throws Error(kIo) for a stream that is cut or malformed.
void ReadArrowStream(std::string_view stream, const std::function<void(const ArrowRows&)>& visitor);

/// A column of whole numbers or of doubles, none of them null.
struct ArrowNumbers {
  std::string name;
  std::variant<std::vector<std::int64_t>, std::vector<double>> values;
};
/// A table as an Arrow IPC stream of one batch. The columns must be of one length.
std::string WriteArrowStream(const std::vector<ArrowNumbers>& columns);

}  // namespace firesteel
