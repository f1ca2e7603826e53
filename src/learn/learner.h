#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameter_table.h"
#include "model/regressor.h"
#include "table/attribute.h"
#include "table/matrix_view.h"

namespace firesteel {

/// Rows that a learner trains on. Labels and features are finite.
struct TrainingData {
  MatrixView<const double> features;  // Shape (n, d).
  std::span<const double> labels;     // Shape (n).
  std::vector<Attribute> attributes;  // Length d: what each feature is.
};

/// One kind of model: its name, its parameters, how it is trained.
struct LearnerKind {
  std::string name;  // As --model-type spells it: "gbt".
  std::string sentence;
  std::span<const ParameterSpec> parameters;
  /// Throws Error(kUnsupported) for a parameter that is known and not done yet; called before any
  /// data is read.
  void (*check)(const nlohmann::ordered_json& params);
  /// `params` went through CheckParameters and `check`. Throws Error(kInvalidArgument) for data
  /// that can't be learnt from.
  std::unique_ptr<Regressor> (*train)(const TrainingData& data,
                                      const nlohmann::ordered_json& params);
};

std::span<const LearnerKind> LearnerKinds();
/// Throws Error(kUsage) that lists the kinds, with did-you-mean.
const LearnerKind& FindLearner(std::string_view name);

}  // namespace firesteel
