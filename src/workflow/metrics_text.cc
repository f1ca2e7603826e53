#include "workflow/metrics_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

namespace firesteel {

std::string FormatPythonFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[400];
  const auto write = [&](std::chars_format format) {
    const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value, format);
    return std::string(buffer, result.ptr);
  };
  std::string text = write(std::chars_format::scientific);
  int exponent = 0;
  const char* end = text.data() + text.size();
  const char* sign = text.data() + text.find('e') + 1;
  std::from_chars(*sign == '+' ? sign + 1 : sign, end, exponent);
  // Python turns to an exponent outside of 1e-4 up to 1e16.
  if (exponent < -4 || exponent >= 16) return text;
  text = write(std::chars_format::fixed);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string MetricsToText(const RegressionMetrics& raw, const RegressionMetrics& rounded) {
  return fmt::format(
      "{{\"raw_predictions_mean_absolute_error\": {}, \"raw_predictions_mean_squared_error\": {}, "
      "\"rounded_predictions_mean_absolute_error\": {}, "
      "\"rounded_predictions_mean_squared_error\": {}}}",
      FormatPythonFloat(raw.mean_absolute_error), FormatPythonFloat(raw.mean_squared_error),
      FormatPythonFloat(rounded.mean_absolute_error),
      FormatPythonFloat(rounded.mean_squared_error));
}

}  // namespace firesteel
