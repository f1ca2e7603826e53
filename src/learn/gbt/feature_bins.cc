#include "learn/gbt/feature_bins.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/error.h"
#include "learn/gbt/thresholds.h"

namespace firesteel {
namespace {

std::string Describe(const std::vector<Attribute>& attributes, std::size_t feature) {
  const std::optional<std::string>& name = attributes[feature].name;
  return name ? fmt::format("feature {} ('{}')", feature, *name)
              : fmt::format("feature {}", feature);
}

[[noreturn]] void Refuse(const std::string& what) {
  throw Error(ErrorKind::kInvalidArgument, "gbt: " + what);
}

void CheckArities(const std::vector<Attribute>& attributes, std::size_t possible_bins) {
  std::size_t widest = 0;
  for (std::size_t feature = 0; feature < attributes.size(); ++feature) {
    if (attributes[feature].kind == Attribute::Kind::kNumeric) continue;
    if (!attributes[feature].Arity()) {
      Refuse(Describe(attributes, feature) +
             " is nominal, but its attribute does not say how many categories it has");
    }
    if (attributes[feature].Arity() > attributes[widest].Arity()) widest = feature;
  }
  if (const auto arity = attributes[widest].Arity(); arity && *arity > possible_bins) {
    Refuse(
        fmt::format("maxBins (= {}, as there are never more bins than rows) is less than the {} "
                    "categories of {}; raise maxBins, leave the feature out or add rows",
                    possible_bins, *arity, Describe(attributes, widest)));
  }
}

}  // namespace

std::vector<FeatureBins> ChooseBins(TrainingSource& source, int max_bins) {
  const std::vector<Attribute>& attributes = source.attributes();
  if (attributes.empty()) Refuse("there is no feature to learn from");
  const auto possible_bins =
      static_cast<std::size_t>(std::min<std::int64_t>(max_bins, source.num_rows()));
  CheckArities(attributes, possible_bins);

  std::vector<FeatureBins> bins(attributes.size());
  std::vector<std::size_t> continuous;
  for (std::size_t feature = 0; feature < bins.size(); ++feature) {
    if (attributes[feature].kind == Attribute::Kind::kNumeric) {
      continuous.push_back(feature);
    } else {
      bins[feature].arity = static_cast<std::int32_t>(*attributes[feature].Arity());
    }
  }
  if (!continuous.empty()) {
    const auto values = source.DistinctValues(continuous);
    for (std::size_t i = 0; i < continuous.size(); ++i) {
      bins[continuous[i]].thresholds = FindThresholds(values[i], possible_bins);
    }
  }
  for (std::size_t feature = 0; feature < bins.size(); ++feature) {
    if (bins[feature].num_bins() > kMaxCellBins) {
      throw Error(
          ErrorKind::kUnsupported,
          fmt::format("gbt: {} would have {} bins, and {} is the most; lower maxBins",
                      Describe(attributes, feature), bins[feature].num_bins(), kMaxCellBins));
    }
  }
  return bins;
}

std::size_t ReservedBins(const FeatureBins& bins, std::size_t possible_bins) {
  return bins.arity == 1 ? possible_bins : bins.num_bins();
}

}  // namespace firesteel
