#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "storage/location.h"

namespace firesteel {

/// The data files at a location as the engine is to be given them: of S3 copies, or URLs for one
/// that works there (Engine::WorksOnS3). Throws as ListDataFiles does.
std::vector<std::string> DataFilesFor(Engine& engine, const Location& location);

/// Opens a data frame that Spark or we wrote: all Parquet files at `location`, with Spark's
/// attributes. Every column is nullable, as in Spark. Throws Error(kNotFound) if there are no
/// files. Vector columns without attributes are warned of.
Relation ReadFrame(Engine& engine, const Location& location);

/// The same rows, with the schema that ReadFrame would give them after WriteFrame: what the file
/// format can't tell is gone, every column is nullable.
Relation AsReadBack(const Relation& frame);

/// How Engine::Write writes a data frame as Spark does: Parquet with its schema key. Without a
/// place. `order_by`: as WriteOptions has it.
WriteOptions FrameOptions(const Relation& frame, const std::string& uuid,
                          const std::string& order_by = "");

/// Writes a data frame as Spark does: Parquet with its schema key, then _SUCCESS. `directory` must
/// be new or empty. `order_by`: as WriteOptions has it.
WriteResult WriteFrame(Engine& engine, const Relation& frame, const std::string& directory,
                       const std::string& uuid, const std::string& order_by = "");

}  // namespace firesteel
