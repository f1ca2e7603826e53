#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/regressor.h"
#include "table/attribute.h"
#include "table/value_range.h"

namespace firesteel {

// By what a loaded model is known to be the one that was saved.

/// Rows of features and what the model must predict for them.
struct VerificationRows {
  std::size_t num_features = 0;          // d
  std::vector<double> features = {};     // Shape (n, d), row-major.
  std::vector<double> predictions = {};  // Shape (n); may be NaN or infinite.
};

/// Makes rows and predicts them. They are drawn from `seed` inside the ranges of the features, the
/// corners of all ranges first, so that no row of the training data is in a model's folder.
/// `attributes` and `ranges` have one entry per feature.
VerificationRows MakeVerificationRows(const Regressor& model, std::span<const Attribute> attributes,
                                      std::span<const ValueRange> ranges, std::string_view seed);

/// Throws Error(kInvalidArgument) if the model does not predict what it should: more than 1e-6 off,
/// relative where the prediction is above 1, as another processor may round otherwise.
void CheckPredictions(const Regressor& model, const VerificationRows& rows);

/// {"rows": [[…]], "predictions": […]}; NaN and infinities as text.
nlohmann::ordered_json VerificationToJson(const VerificationRows& rows);
/// Throws Error(kInvalidArgument) for anything else, and for rows of other than `num_features`.
VerificationRows VerificationFromJson(const nlohmann::ordered_json& json, std::size_t num_features);

/// A number as JSON: NaN and the infinities, which JSON lacks, as "NaN", "Infinity", "-Infinity".
nlohmann::ordered_json NumberToJson(double value);
/// Throws Error(kInvalidArgument) for what is no such number.
double NumberFromJson(const nlohmann::ordered_json& json);

/// The SHA-256 of all files below `directory` whose names begin with neither `_` nor `.`, by their
/// paths in it, but for `except`. Throws Error(kIo).
std::map<std::string, std::string> HashFiles(const std::string& directory, std::string_view except);
/// Throws Error(kInvalidArgument) naming a file that is not the one of `expected`, is missing, or,
/// below a folder, is not among them.
void CheckFiles(const std::map<std::string, std::string>& expected,
                const std::map<std::string, std::string>& found);

}  // namespace firesteel
