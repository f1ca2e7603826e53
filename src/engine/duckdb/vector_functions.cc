#include "engine/duckdb/vector_functions.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"
#include "table/sparse_row.h"

namespace firesteel::duckdb {
namespace {

VectorView Argument(duckdb_data_chunk input, idx_t index) {
  return VectorView(duckdb_data_chunk_get_vector(input, index));
}

std::size_t CheckedSize(std::int32_t size) {
  if (size < 0) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("a vector cannot have {} slots", size));
  }
  return static_cast<std::size_t>(size);
}

[[noreturn]] void ThrowUnsound() {
  throw Error(
      ErrorKind::kInvalidArgument,
      "a vector is malformed: its indices must ascend, lie inside its size and be as many as its "
      "values");
}

void OneHot(duckdb_data_chunk input, duckdb_vector output) {
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const VectorView index = Argument(input, 0), size = Argument(input, 1);
  VectorColumnWriter writer(output, num_rows, num_rows, num_rows);
  for (idx_t row = 0; row < num_rows; ++row) {
    if (!index.IsValid(row) || !size.IsValid(row)) {
      writer.AddNull();
      continue;
    }
    const std::size_t length = CheckedSize(size.data<std::int32_t>()[row]);
    const double slot = std::trunc(index.data<double>()[row]);
    const bool has_entry = slot >= 0.0 && slot < static_cast<double>(length);  // False for NaN.
    const VectorColumnWriter::SparseRow out = writer.AddSparse(length, has_entry ? 1 : 0);
    if (has_entry) {
      *out.indices = static_cast<std::int32_t>(slot);
      *out.values = 1.0;
    }
  }
  writer.Finish();
}

void ConstantVector(duckdb_data_chunk input, duckdb_vector output) {
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const VectorView value = Argument(input, 0), size = Argument(input, 1);
  idx_t num_values = 0;
  for (idx_t row = 0; row < num_rows; ++row) {
    if (size.IsValid(row)) num_values += CheckedSize(size.data<std::int32_t>()[row]);
  }
  VectorColumnWriter writer(output, num_rows, 0, num_values);
  for (idx_t row = 0; row < num_rows; ++row) {
    if (!value.IsValid(row) || !size.IsValid(row)) {
      writer.AddNull();
      continue;
    }
    const auto length = static_cast<std::size_t>(size.data<std::int32_t>()[row]);
    double* out = writer.AddDense(length);
    for (std::size_t i = 0; i < length; ++i) out[i] = value.data<double>()[row];
  }
  writer.Finish();
}

// One argument of fs_assemble.
struct Part {
  explicit Part(duckdb_vector vector, bool is_vector_column) : view(vector) {
    if (is_vector_column) column.emplace(view);
  }
  VectorView view;
  std::optional<VectorColumn> column;  // Absent for a number.
};

std::vector<Part> PartsOf(duckdb_data_chunk input) {
  std::vector<Part> parts;
  const idx_t num_parts = duckdb_data_chunk_get_column_count(input);
  parts.reserve(num_parts);
  for (idx_t i = 0; i < num_parts; ++i) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);
    const LogicalType type(duckdb_vector_get_column_type(vector));
    if (IdOf(type) == DUCKDB_TYPE_DOUBLE) {
      parts.emplace_back(vector, false);
    } else if (const auto mapping = MapType(type); mapping && mapping->type == kVectorType) {
      parts.emplace_back(vector, true);
    } else {
      throw Error(ErrorKind::kInternal,
                  fmt::format("fs_assemble: argument {} is neither a DOUBLE nor a vector", i + 1));
    }
  }
  return parts;
}

void Assemble(duckdb_data_chunk input, duckdb_vector output) {
  constexpr std::size_t kNull = static_cast<std::size_t>(-1);
  struct Shape {
    std::size_t length = 0;
    std::size_t num_nonzeros = 0;
  };
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const std::vector<Part> parts = PartsOf(input);
  // Column by column, so that the loop over rows stays inside one argument.
  std::vector<Shape> shapes(num_rows);
  for (const Part& part : parts) {
    if (!part.column) {
      const double* data = part.view.data<double>();
      for (idx_t row = 0; row < num_rows; ++row) {
        if (!part.view.IsValid(row)) shapes[row].num_nonzeros = kNull;
        if (shapes[row].num_nonzeros == kNull) continue;
        ++shapes[row].length;
        shapes[row].num_nonzeros += data[row] != 0.0 ? 1 : 0;
      }
      continue;
    }
    for (idx_t row = 0; row < num_rows; ++row) {
      if (!part.view.IsValid(row)) shapes[row].num_nonzeros = kNull;
      if (shapes[row].num_nonzeros == kNull) continue;
      if (!part.column->IsSound(row)) ThrowUnsound();
      shapes[row].length += part.column->Length(row);
      for (const double value : part.column->Values(row)) {
        shapes[row].num_nonzeros += value != 0.0 ? 1 : 0;
      }
    }
  }
  idx_t num_indices = 0, num_values = 0;
  for (const Shape& shape : shapes) {
    if (shape.num_nonzeros == kNull) continue;
    const bool sparse = SparseIsSmaller(shape.num_nonzeros, shape.length);
    num_indices += sparse ? shape.num_nonzeros : 0;
    num_values += sparse ? shape.num_nonzeros : shape.length;
  }

  VectorColumnWriter writer(output, num_rows, num_indices, num_values);
  for (idx_t row = 0; row < num_rows; ++row) {
    const Shape shape = shapes[row];
    if (shape.num_nonzeros == kNull) {
      writer.AddNull();
      continue;
    }
    if (SparseIsSmaller(shape.num_nonzeros, shape.length)) {
      VectorColumnWriter::SparseRow out = writer.AddSparse(shape.length, shape.num_nonzeros);
      std::size_t slot = 0;
      const auto add = [&out](std::size_t index, double value) {
        if (value == 0.0) return;
        *out.indices++ = static_cast<std::int32_t>(index);
        *out.values++ = value;
      };
      for (const Part& part : parts) {
        if (!part.column) {
          add(slot++, part.view.data<double>()[row]);
          continue;
        }
        const std::span<const double> values = part.column->Values(row);
        if (part.column->IsDense(row)) {
          for (std::size_t i = 0; i < values.size(); ++i) add(slot + i, values[i]);
        } else {
          const std::span<const std::int32_t> indices = part.column->Indices(row);
          for (std::size_t i = 0; i < values.size(); ++i) {
            add(slot + static_cast<std::size_t>(indices[i]), values[i]);
          }
        }
        slot += part.column->Length(row);
      }
      continue;
    }
    double* out = writer.AddDense(shape.length);
    for (const Part& part : parts) {
      if (!part.column) {
        *out++ = part.view.data<double>()[row] + 0.0;  // Turns -0.0 into 0.0.
        continue;
      }
      const std::size_t length = part.column->Length(row);
      part.column->CopyDense(row, {out, length});
      for (std::size_t i = 0; i < length; ++i) out[i] += 0.0;
      out += length;
    }
  }
  writer.Finish();
}

// The list argument of one row, as long as the vector.
std::span<const double> ListOf(const VectorView& list, const VectorView& child, idx_t row,
                               std::size_t length, std::string_view what) {
  const duckdb_list_entry entry = list.data<duckdb_list_entry>()[row];
  if (entry.length != length) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("a vector has {} slots, but the scaler was fitted on {} ({})", length,
                            entry.length, what));
  }
  return {child.data<double>() + entry.offset, entry.length};
}

bool AllValid(idx_t row, std::initializer_list<const VectorView*> views) {
  for (const VectorView* view : views) {
    if (!view->IsValid(row)) return false;
  }
  return true;
}

void StandardScale(duckdb_data_chunk input, duckdb_vector output) {
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const VectorView vectors = Argument(input, 0), shift = Argument(input, 1),
                   factor = Argument(input, 2), with_mean = Argument(input, 3);
  const VectorColumn column(vectors);
  const VectorView shifts = shift.ListChild(), factors = factor.ListChild();
  const auto is_null = [&](idx_t row) {
    return !AllValid(row, {&vectors, &shift, &factor, &with_mean});
  };
  idx_t num_indices = 0, num_values = 0;
  for (idx_t row = 0; row < num_rows; ++row) {
    if (is_null(row)) continue;
    if (!column.IsSound(row)) ThrowUnsound();
    const bool dense = with_mean.data<bool>()[row] || column.IsDense(row);
    const std::size_t num_entries = column.Values(row).size();
    num_indices += dense ? 0 : num_entries;
    num_values += dense ? column.Length(row) : num_entries;
  }
  VectorColumnWriter writer(output, num_rows, num_indices, num_values);
  for (idx_t row = 0; row < num_rows; ++row) {
    if (is_null(row)) {
      writer.AddNull();
      continue;
    }
    const std::size_t length = column.Length(row);
    const std::span<const double> scale = ListOf(factor, factors, row, length, "factors");
    if (with_mean.data<bool>()[row]) {
      const std::span<const double> mean = ListOf(shift, shifts, row, length, "means");
      double* out = writer.AddDense(length);
      column.CopyDense(row, {out, length});
      for (std::size_t i = 0; i < length; ++i) out[i] = (out[i] - mean[i]) * scale[i];
      continue;
    }
    const std::span<const double> values = column.Values(row);
    if (column.IsDense(row)) {
      double* out = writer.AddDense(length);
      for (std::size_t i = 0; i < length; ++i) out[i] = values[i] * scale[i];
      continue;
    }
    const std::span<const std::int32_t> indices = column.Indices(row);
    const VectorColumnWriter::SparseRow out = writer.AddSparse(length, values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      out.indices[i] = indices[i];
      out.values[i] = values[i] * scale[static_cast<std::size_t>(indices[i])];
    }
  }
  writer.Finish();
}

void MinMaxScale(duckdb_data_chunk input, duckdb_vector output) {
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const VectorView vectors = Argument(input, 0), minimum = Argument(input, 1),
                   factor = Argument(input, 2), constant = Argument(input, 3),
                   lower = Argument(input, 4);
  const VectorColumn column(vectors);
  const VectorView minima = minimum.ListChild(), factors = factor.ListChild(),
                   constants = constant.ListChild();
  // How a row is stored depends on its results: compute all of them first, dense and side by side.
  std::vector<std::size_t> offsets(num_rows + 1, 0);
  std::vector<bool> is_null(num_rows);
  for (idx_t row = 0; row < num_rows; ++row) {
    is_null[row] = !AllValid(row, {&vectors, &minimum, &factor, &constant, &lower});
    if (!is_null[row] && !column.IsSound(row)) ThrowUnsound();
    offsets[row + 1] = offsets[row] + (is_null[row] ? 0 : column.Length(row));
  }
  std::vector<double> scaled(offsets[num_rows]);
  std::vector<std::size_t> num_nonzeros(num_rows, 0);
  idx_t num_indices = 0, num_values = 0;
  for (idx_t row = 0; row < num_rows; ++row) {
    if (is_null[row]) continue;
    const std::size_t length = column.Length(row);
    const std::span<const double> low = ListOf(minimum, minima, row, length, "minima");
    const std::span<const double> scale = ListOf(factor, factors, row, length, "factors");
    const std::span<const double> fixed = ListOf(constant, constants, row, length, "constants");
    const double base = lower.data<double>()[row];
    const std::span<double> out(scaled.data() + offsets[row], length);
    column.CopyDense(row, out);
    for (std::size_t i = 0; i < length; ++i) {
      // A NaN stays one, by the arithmetic or by leaving it alone.
      if (scale[i] != 0.0) {
        out[i] = (out[i] - low[i]) * scale[i] + base;
      } else if (!std::isnan(out[i])) {
        out[i] = fixed[i];
      }
      num_nonzeros[row] += out[i] != 0.0 ? 1 : 0;
    }
    const bool sparse = SparseIsSmaller(num_nonzeros[row], length);
    num_indices += sparse ? num_nonzeros[row] : 0;
    num_values += sparse ? num_nonzeros[row] : length;
  }
  VectorColumnWriter writer(output, num_rows, num_indices, num_values);
  for (idx_t row = 0; row < num_rows; ++row) {
    if (is_null[row]) {
      writer.AddNull();
      continue;
    }
    const std::span<const double> values(scaled.data() + offsets[row],
                                         offsets[row + 1] - offsets[row]);
    if (!SparseIsSmaller(num_nonzeros[row], values.size())) {
      double* out = writer.AddDense(values.size());
      for (const double value : values) *out++ = value;
      continue;
    }
    VectorColumnWriter::SparseRow out = writer.AddSparse(values.size(), num_nonzeros[row]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0.0) continue;
      *out.indices++ = static_cast<std::int32_t>(i);
      *out.values++ = values[i];
    }
  }
  writer.Finish();
}

void FirstSlot(duckdb_data_chunk input, duckdb_vector output) {
  const VectorView vectors = Argument(input, 0);
  const VectorColumn column(vectors);
  udf::NullWriter nulls(output);
  auto* out = static_cast<std::int32_t*>(duckdb_vector_get_data(output));
  for (idx_t row = 0; row < duckdb_data_chunk_get_size(input); ++row) {
    if (!column.IsValid(row)) {
      nulls.SetNull(row);
      continue;
    }
    if (!column.IsSound(row)) ThrowUnsound();
    const std::span<const double> values = column.Values(row);
    std::size_t i = 0;
    while (i < values.size() && values[i] == 0.0) ++i;
    if (i == values.size()) {
      nulls.SetNull(row);
    } else {
      out[row] = column.IsDense(row) ? static_cast<std::int32_t>(i) : column.Indices(row)[i];
    }
  }
}

}  // namespace

void RegisterVectorFunctions(const udf::Registrar& registrar) {
  const LogicalType any(DUCKDB_TYPE_ANY), vector = MakeVectorType();
  const auto number = [] { return LogicalType(DUCKDB_TYPE_DOUBLE); };
  const auto integer = [] { return LogicalType(DUCKDB_TYPE_INTEGER); };
  const auto numbers = [&number] { return LogicalType(duckdb_create_list_type(number().get())); };
  const std::array one_hot = {number(), integer()};
  udf::RegisterChunkFunction<OneHot>(
      registrar, {.name = "fs_one_hot", .arguments = one_hot, .result = vector});
  udf::RegisterChunkFunction<Assemble>(
      registrar, {.name = "fs_assemble", .arguments = {}, .variadic = &any, .result = vector});
  udf::RegisterChunkFunction<ConstantVector>(
      registrar, {.name = "fs_constant_vector", .arguments = one_hot, .result = vector});
  const std::array standard = {MakeVectorType(), numbers(), numbers(),
                               LogicalType(DUCKDB_TYPE_BOOLEAN)};
  udf::RegisterChunkFunction<StandardScale>(
      registrar, {.name = "fs_standard_scale", .arguments = standard, .result = vector});
  const std::array min_max = {MakeVectorType(), numbers(), numbers(), numbers(), number()};
  udf::RegisterChunkFunction<MinMaxScale>(
      registrar, {.name = "fs_min_max_scale", .arguments = min_max, .result = vector});
  const std::array one_vector = {MakeVectorType()};
  udf::RegisterChunkFunction<FirstSlot>(
      registrar, {.name = "fs_first_slot", .arguments = one_vector, .result = integer()});
}

}  // namespace firesteel::duckdb
