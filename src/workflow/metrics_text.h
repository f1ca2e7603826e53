#pragma once

#include <string>

#include "metric/regression_metrics.h"

namespace firesteel {

/// A double as Python's repr and json.dumps write it: shortest digits, "1.0", "1e-05", "1e+16",
/// "NaN", "Infinity".
std::string FormatPythonFloat(double value);

/// The text of metrics.json, without a final newline. Source: spec F.2.
std::string MetricsToText(const RegressionMetrics& raw, const RegressionMetrics& rounded);

}  // namespace firesteel
