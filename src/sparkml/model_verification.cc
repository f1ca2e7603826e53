#include "sparkml/model_verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kNumRows = 32;
constexpr double kTolerance = 1e-6;
constexpr std::pair<const char*, double> kSpecial[] = {
    {"NaN", std::numeric_limits<double>::quiet_NaN()},
    {"Infinity", std::numeric_limits<double>::infinity()},
    {"-Infinity", -std::numeric_limits<double>::infinity()},
};

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorKind::kInvalidArgument, problem);
}

// The first bits of the hash of a text.
std::uint64_t SeedOf(std::string_view text) {
  constexpr std::size_t kDigits = 16;
  return std::stoull(Sha256(text).substr(0, kDigits), nullptr, /*base=*/16);
}

bool IsWhole(double value) { return value == std::trunc(value); }

bool AreClose(double value, double expected) {
  if (std::isnan(expected)) return std::isnan(value);
  if (value == expected) return true;
  return std::fabs(value - expected) <= kTolerance * std::max(1.0, std::fabs(expected));
}

std::vector<double> Predict(const Regressor& model, const VerificationRows& rows) {
  std::vector<double> predictions(rows.features.size() / rows.num_features);
  model.Predict(
      MatrixView<const double>(rows.features.data(), predictions.size(), rows.num_features),
      predictions);
  return predictions;
}

const Json& List(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) {
    Refuse(fmt::format("verification: the key '{}' must be a list", key));
  }
  return *found;
}

}  // namespace

VerificationRows MakeVerificationRows(const Regressor& model, std::span<const Attribute> attributes,
                                      std::span<const ValueRange> ranges, std::string_view seed) {
  VerificationRows rows{.num_features = ranges.size()};
  SplitMix64 random(SeedOf(seed));
  for (std::size_t row = 0; row < kNumRows; ++row) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const auto [min, max] = ranges[i];
      double value = min + random.NextDouble() * (max - min);
      // Whole numbers where there are categories, and in every other row where both ends are whole.
      const bool is_categorical = attributes[i].kind != Attribute::Kind::kNumeric;
      if (is_categorical || (row % 2 == 0 && IsWhole(min) && IsWhole(max))) {
        value = std::round(value);
      }
      if (row < 2) value = row == 0 ? min : max;
      rows.features.push_back(value);
    }
  }
  rows.predictions = Predict(model, rows);
  return rows;
}

void CheckPredictions(const Regressor& model, const VerificationRows& rows) {
  const std::vector<double> predictions = Predict(model, rows);
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    if (AreClose(predictions[row], rows.predictions[row])) continue;
    Refuse(fmt::format(
        "the model does not predict what it did when it was saved: {} for "
        "verification row {}, not {}; train it again or get an intact copy",
        sql::FormatDouble(predictions[row]), row + 1, sql::FormatDouble(rows.predictions[row])));
  }
}

Json VerificationToJson(const VerificationRows& rows) {
  Json features = Json::array();
  Json predictions = Json::array();
  for (std::size_t row = 0; row < rows.predictions.size(); ++row) {
    Json values = Json::array();
    for (std::size_t i = 0; i < rows.num_features; ++i) {
      values.push_back(NumberToJson(rows.features[row * rows.num_features + i]));
    }
    features.push_back(std::move(values));
    predictions.push_back(NumberToJson(rows.predictions[row]));
  }
  return {{"rows", std::move(features)}, {"predictions", std::move(predictions)}};
}

VerificationRows VerificationFromJson(const Json& json, std::size_t num_features) {
  if (!json.is_object()) Refuse("the key 'verification' must be an object");
  const Json& features = List(json, "rows");
  const Json& predictions = List(json, "predictions");
  if (features.size() != predictions.size() || features.empty()) {
    Refuse(fmt::format("verification: there are {} rows and {} predictions", features.size(),
                       predictions.size()));
  }
  VerificationRows rows{.num_features = num_features};
  for (const Json& row : features) {
    if (!row.is_array() || row.size() != num_features) {
      Refuse(fmt::format("verification: a row must be a list of {} numbers", num_features));
    }
    for (const Json& value : row) rows.features.push_back(NumberFromJson(value));
  }
  for (const Json& value : predictions) rows.predictions.push_back(NumberFromJson(value));
  return rows;
}

Json NumberToJson(double value) {
  if (std::isfinite(value)) return value;
  for (const auto& [name, special] : kSpecial) {
    if (value == special) return name;
  }
  return kSpecial[0].first;
}

double NumberFromJson(const Json& json) {
  if (json.is_number()) return json.get<double>();
  for (const auto& [name, special] : kSpecial) {
    if (json == name) return special;
  }
  Refuse(fmt::format("{} is not a number", json.dump()));
}

std::map<std::string, std::string> HashFiles(const std::string& directory,
                                             std::string_view except) {
  std::map<std::string, std::string> hashes;
  std::error_code error;
  fs::recursive_directory_iterator it(directory, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name[0] == '_' || name[0] == '.' || !it->is_regular_file()) continue;
    const std::string path = it->path().lexically_relative(directory).generic_string();
    if (path != except) hashes.emplace(path, Sha256File(it->path()));
  }
  if (error) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't list the files in '{}': {}", directory, error.message()));
  }
  return hashes;
}

void CheckFiles(const std::map<std::string, std::string>& expected,
                const std::map<std::string, std::string>& found) {
  constexpr const char* kAdvice = "train it again or get an intact copy";
  for (const auto& [path, hash] : expected) {
    const auto file = found.find(path);
    if (file == found.end()) {
      Refuse(fmt::format("the model's file '{}' is missing; {}", path, kAdvice));
    }
    if (file->second != hash) {
      Refuse(fmt::format("the model's file '{}' was changed after the model was saved; {}", path,
                         kAdvice));
    }
  }
  for (const auto& [path, hash] : found) {
    const bool is_on_top = path.find('/') == std::string::npos;  // Someone's notes, say.
    if (is_on_top || expected.contains(path)) continue;
    Refuse(fmt::format("the file '{}' does not belong to the model; {}", path, kAdvice));
  }
}

}  // namespace firesteel
