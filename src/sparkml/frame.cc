#include "sparkml/frame.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "sparkml/metadata.h"
#include "sparkml/schema_json.h"

namespace firesteel {

std::vector<std::string> DataFilesFor(Engine& engine, const Location& location) {
  const bool stay = location.is_remote() && engine.WorksOnS3();
  return ListDataFiles(location, stay ? RemoteData::kInPlace : RemoteData::kCopied);
}

Relation ReadFrame(Engine& engine, const Location& location) {
  const std::vector<std::string> files = DataFilesFor(engine, location);
  const Relation rows = engine.ReadParquet(files);
  Schema schema = rows.schema();
  // Of several files with different keys, Spark takes the first one's.
  const std::optional<std::string> json = engine.ParquetKeyValue(files.front(), kSparkSchemaKey);
  if (json && !ApplySchemaJson(*json, &schema)) {
    LogWarning(fmt::format("{}: its schema key '{}' is not Spark's JSON and is not used",
                           files.front(), kSparkSchemaKey));
  }
  for (std::size_t i = 0; i < schema.num_fields(); ++i) {
    Field& field = schema.at(i);
    field.nullable = true;
    if (field.type == kVectorType && std::holds_alternative<std::monostate>(field.attributes)) {
      LogWarning(
          fmt::format("{}: vector column '{}' has no ML attributes: all its slots count as "
                      "continuous numbers",
                      location.path(), field.name));
    }
  }
  return rows.WithSchema(std::move(schema));
}

Relation AsReadBack(const Relation& frame) {
  Schema schema = frame.schema();
  const std::string json = SchemaToJson(schema);
  for (std::size_t i = 0; i < schema.num_fields(); ++i) schema.at(i).attributes = {};
  ApplySchemaJson(json, &schema);
  for (std::size_t i = 0; i < schema.num_fields(); ++i) schema.at(i).nullable = true;
  return frame.WithSchema(std::move(schema));
}

WriteOptions FrameOptions(const Relation& frame, const std::string& uuid,
                          const std::string& order_by) {
  WriteOptions options;
  options.uuid = uuid;
  options.order_by = order_by;
  Schema written;
  for (const Field& field : frame.schema().fields()) {
    if (!EqualsIgnoringCase(field.name, order_by)) written.Add(field);
  }
  options.key_values[std::string(kSparkSchemaKey)] = SchemaToJson(written);
  options.key_values[std::string(kSparkVersionKey)] = std::string(kSparkVersion);
  return options;
}

WriteResult WriteFrame(Engine& engine, const Relation& frame, const std::string& directory,
                       const std::string& uuid, const std::string& order_by) {
  WriteOptions options = FrameOptions(frame, uuid, order_by);
  options.directory = directory;
  WriteResult result = engine.Write(frame, options);
  WriteTextFile((std::filesystem::path(directory) / "_SUCCESS").string(), "");
  return result;
}

}  // namespace firesteel
