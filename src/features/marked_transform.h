#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "features/pipeline.h"

namespace firesteel {

/// What becomes of rows that a fitted stage can't take: a category that it was not fitted on, a
/// null, a NaN, a number outside its splits, a row that its statement's WHERE leaves out.
enum class UnseenPolicy {
  kError,   // Nothing is made of any row.
  kKeep,    // The row goes on as handleInvalid: keep would have it, in a vector of the same length.
  kReject,  // The row goes on with what can't be said of it null, and says why.
};

/// Why rows were marked: the first thing that is wrong with them.
struct RowProblem {
  std::string column;   // Of the stage's input.
  std::string problem;  // As RowCheck has it.
};

struct MarkedTransformOptions {
  UnseenPolicy on_unseen = UnseenPolicy::kError;
  /// Columns of the input that reach the output as they are, under the name that InputCopy gives,
  /// whatever stages select.
  std::vector<std::string> copied = {};
  /// A column that is carried along like the copies and that no stage sees; or empty.
  std::string row_column = {};
  /// May be missing in the input: a StringIndexer of it is left out then, and statements that name
  /// it find null.
  std::string label = {};
  /// The vector column that is wanted in the end. A null in it is looked for if the input has it.
  std::string features = {};
  /// The end of kError's message: what a user may do.
  std::string advice = {};
};

/// The name of an input's column that was carried along.
std::string InputCopy(std::string_view column);
/// The position of a row's problem in MarkedRows::problems (int, null if there is none), and the
/// value that is the problem (string, null for null).
inline constexpr std::string_view kProblemColumn = "__problem";
inline constexpr std::string_view kProblemValueColumn = "__problem_value";

struct MarkedRows {
  /// One for each row of the input, lazily, in no promised order. Columns are those of the last
  /// stage, the copies and, but for kError, the problem columns.
  Relation rows;
  std::vector<RowProblem> problems;
  /// Whether the label is a column of nulls, made for a statement that names it.
  bool label_is_made = false;
};

/// Transforms rows by fitted stages without losing one: what a stage with handleInvalid: skip or a
/// WHERE would leave out is a row that the stage can't take. A stage with handleInvalid: keep takes
/// what it always did. kKeep, where the stage itself says error or skip: StringIndexer gives the
/// number of its labels; OneHotEncoder a vector without an entry; Bucketizer, NaN and numbers
/// outside its splits alike, the number of its buckets; VectorAssembler NaN; a WHERE is not looked
/// at. Attributes are always those of the stages as they are, so that a column keeps its categories
/// and a vector its length.
///
/// Throws Error(kNotFound), naming stage, all columns and the nearest names, for columns that a
/// stage takes and the input lacks, and what PipelineModel::Transform throws; it alone computes
/// anything, and only for kError: the one pass that counts the rows no stage may meet.
MarkedRows TransformMarked(Engine& engine, const std::vector<const FittedStage*>& stages,
                           const Relation& input, const MarkedTransformOptions& options);

}  // namespace firesteel
