#include "engine/spark/connect/arrow_rows.h"

#include <fmt/format.h>
#include <nanoarrow/nanoarrow.h>
#include <nanoarrow/nanoarrow_ipc.h>

#include <cstring>
#include <limits>

#include "base/error.h"

namespace firesteel {
namespace {

// Releases one of Arrow's C structures at the end of its scope.
template <typename T, void (*kRelease)(T*)>
struct Owned {
  Owned() { std::memset(&value, 0, sizeof value); }
  ~Owned() { kRelease(&value); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  T value;
};

void ReleaseStream(ArrowArrayStream* stream) {
  if (stream->release != nullptr) stream->release(stream);
}
void ReleaseSchema(ArrowSchema* schema) {
  if (schema->release != nullptr) schema->release(schema);
}
void ReleaseArray(ArrowArray* array) {
  if (array->release != nullptr) array->release(array);
}

void Check(int code, const char* what, const char* message) {
  if (code == NANOARROW_OK) return;
  throw Error(ErrorKind::kIo, fmt::format("a result of Spark can't be read: {}{}{}", what,
                                          message != nullptr && *message != 0 ? ": " : "",
                                          message != nullptr ? message : ""));
}

}  // namespace

bool ArrowColumn::IsNull(std::int64_t row) const { return ArrowArrayViewIsNull(view_, row) != 0; }

std::int64_t ArrowColumn::Integer(std::int64_t row) const {
  switch (view_->storage_type) {
    case NANOARROW_TYPE_BOOL:
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_INT64:
      return ArrowArrayViewGetIntUnsafe(view_, row);
    default:
      Refuse("a whole number");
  }
}

double ArrowColumn::NumberOrNaN(std::int64_t row) const {
  return IsNull(row) ? std::numeric_limits<double>::quiet_NaN() : Number(row) + 0.0;
}

double ArrowColumn::Number(std::int64_t row) const {
  switch (view_->storage_type) {
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
      return ArrowArrayViewGetDoubleUnsafe(view_, row);
    default:
      return static_cast<double>(Integer(row));
  }
}

std::string_view ArrowColumn::Text(std::int64_t row) const {
  if (view_->storage_type != NANOARROW_TYPE_STRING &&
      view_->storage_type != NANOARROW_TYPE_LARGE_STRING) {
    Refuse("text");
  }
  const ArrowStringView text = ArrowArrayViewGetStringUnsafe(view_, row);
  return {text.data, static_cast<std::size_t>(text.size_bytes)};
}

ArrowColumn ArrowColumn::Items() const {
  if (view_->storage_type != NANOARROW_TYPE_LIST &&
      view_->storage_type != NANOARROW_TYPE_LARGE_LIST) {
    Refuse("a list");
  }
  return {name_, view_->children[0]};
}

std::int64_t ArrowColumn::ItemsBegin(std::int64_t row) const {
  return ArrowArrayViewListChildOffset(view_, row);
}

std::int64_t ArrowColumn::ItemsEnd(std::int64_t row) const {
  return ArrowArrayViewListChildOffset(view_, row + 1);
}

void ArrowColumn::Refuse(const char* wanted) const {
  throw Error(ErrorKind::kInternal,
              fmt::format("column '{}' of a result is {} where {} was expected", *name_,
                          ArrowTypeString(view_->storage_type), wanted));
}

void ReadArrowStream(std::string_view stream,
                     const std::function<void(const ArrowRows&)>& visitor) {
  ArrowBuffer bytes;
  ArrowBufferInit(&bytes);
  Check(ArrowBufferAppend(&bytes, stream.data(), static_cast<std::int64_t>(stream.size())),
        "memory", nullptr);
  ArrowIpcInputStream input;
  // Takes the buffer.
  Check(ArrowIpcInputStreamInitBuffer(&input, &bytes), "stream", nullptr);
  Owned<ArrowArrayStream, ReleaseStream> reader;
  Check(ArrowIpcArrayStreamReaderInit(&reader.value, &input, nullptr), "stream", nullptr);
  Owned<ArrowSchema, ReleaseSchema> schema;
  Check(reader.value.get_schema(&reader.value, &schema.value), "schema",
        reader.value.get_last_error(&reader.value));

  ArrowRows rows;
  for (std::int64_t i = 0; i < schema.value.n_children; ++i) {
    rows.names.emplace_back(schema.value.children[i]->name);
  }
  while (true) {
    Owned<ArrowArray, ReleaseArray> array;
    Check(reader.value.get_next(&reader.value, &array.value), "batch",
          reader.value.get_last_error(&reader.value));
    if (array.value.release == nullptr) return;
    Owned<ArrowArrayView, ArrowArrayViewReset> view;
    ArrowError error;
    error.message[0] = 0;
    Check(ArrowArrayViewInitFromSchema(&view.value, &schema.value, &error), "schema",
          error.message);
    Check(ArrowArrayViewSetArray(&view.value, &array.value, &error), "batch", error.message);
    Check(ArrowArrayViewValidate(&view.value, NANOARROW_VALIDATION_LEVEL_FULL, &error), "batch",
          error.message);
    rows.num_rows = array.value.length;
    rows.columns.clear();
    for (std::int64_t i = 0; i < view.value.n_children; ++i) {
      rows.columns.emplace_back(&rows.names[static_cast<std::size_t>(i)], view.value.children[i]);
    }
    visitor(rows);
  }
}

std::string WriteArrowStream(const std::vector<ArrowNumbers>& columns) {
  const auto check = [](int code) {
    if (code != NANOARROW_OK) {
      throw Error(ErrorKind::kInternal, "numbers can't be put into Arrow's format");
    }
  };
  Owned<ArrowSchema, ReleaseSchema> schema;
  ArrowSchemaInit(&schema.value);
  check(ArrowSchemaSetTypeStruct(&schema.value, static_cast<std::int64_t>(columns.size())));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool is_double = std::holds_alternative<std::vector<double>>(columns[i].values);
    ArrowSchema* column = schema.value.children[i];
    check(ArrowSchemaSetType(column, is_double ? NANOARROW_TYPE_DOUBLE : NANOARROW_TYPE_INT64));
    check(ArrowSchemaSetName(column, columns[i].name.c_str()));
  }
  Owned<ArrowArray, ReleaseArray> array;
  check(ArrowArrayInitFromSchema(&array.value, &schema.value, nullptr));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    ArrowArray* column = array.value.children[i];
    std::visit(
        [&](const auto& values) {
          check(ArrowBufferAppend(ArrowArrayBuffer(column, 1), values.data(),
                                  static_cast<std::int64_t>(values.size() * sizeof(values[0]))));
          column->length = static_cast<std::int64_t>(values.size());
        },
        columns[i].values);
    array.value.length = column->length;
  }
  check(ArrowArrayFinishBuildingDefault(&array.value, nullptr));
  Owned<ArrowArrayView, ArrowArrayViewReset> view;
  check(ArrowArrayViewInitFromSchema(&view.value, &schema.value, nullptr));
  check(ArrowArrayViewSetArray(&view.value, &array.value, nullptr));

  Owned<ArrowBuffer, ArrowBufferReset> bytes;
  ArrowBufferInit(&bytes.value);
  ArrowIpcOutputStream output;
  check(ArrowIpcOutputStreamInitBuffer(&output, &bytes.value));
  Owned<ArrowIpcWriter, ArrowIpcWriterReset> writer;
  // Takes the stream.
  check(ArrowIpcWriterInit(&writer.value, &output));
  check(ArrowIpcWriterWriteSchema(&writer.value, &schema.value, nullptr));
  check(ArrowIpcWriterWriteArrayView(&writer.value, &view.value, nullptr));
  check(ArrowIpcWriterWriteArrayView(&writer.value, nullptr, nullptr));
  return {reinterpret_cast<const char*>(bytes.value.data),
          static_cast<std::size_t>(bytes.value.size_bytes)};
}

}  // namespace firesteel
