#pragma once

#include "features/registry.h"

namespace firesteel {

/// SQLTransformer: `SELECT … FROM __THIS__ [WHERE …]` in the workflow language
/// (docs/expressions.md). A bare or aliased column keeps its ML attributes.
///
/// Source: Spark ML's SQLTransformer, 4.3.0 (spec C.4).
/// Differs: statements beyond the language are refused, when the stage is made or loaded; so is a
/// repeated output name.
StageKind SqlTransformerKind();

/// A SQLTransformer, fitted as it is made, under the uid of what it stands for.
std::unique_ptr<FittedStage> MakeSqlTransformer(std::string uid, std::string statement);

}  // namespace firesteel
