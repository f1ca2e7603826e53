#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "features/stage.h"
#include "sql/select.h"

namespace firesteel {

// Classes of saved stages that some code outside their own file treats in a way of its own.
inline constexpr std::string_view kSqlTransformerClass =
    "org.apache.spark.ml.feature.SQLTransformer";
inline constexpr std::string_view kStringIndexerClass =
    "org.apache.spark.ml.feature.StringIndexerModel";
inline constexpr std::string_view kBucketizerClass = "org.apache.spark.ml.feature.Bucketizer";
inline constexpr std::string_view kVectorAssemblerClass =
    "org.apache.spark.ml.feature.VectorAssembler";

/// Which columns a fitted stage reads and makes, whatever its input.
struct StageColumns {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;           // Of a statement: not known.
  bool are_numbers = false;                   // Whether text is none of its inputs' types.
  std::optional<sql::Select> statement = {};  // Of a SQLTransformer.
};

StageColumns ColumnsOf(const FittedStage& stage);

/// The columns that a stage gives for such an input, with their attributes; nullability as the
/// expressions show it. Throws as FittedStage::Plan and sql::Resolve do.
Schema OutputSchema(const FittedStage& stage, const Schema& input);

/// Adds the columns that an expression names to `*columns`, each once (letter case does not count).
void AddColumnsOf(const sql::Expression& expression, std::vector<std::string>* columns);

}  // namespace firesteel
