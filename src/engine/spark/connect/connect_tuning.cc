#include "engine/spark/connect/connect_tuning.h"

#include <algorithm>

#include "base/environment.h"

namespace firesteel {

ConnectTuning ConnectTuning::FromEnvironment() {
  ConnectTuning tuning;
  const auto seconds = NumberFromEnvironment("FIRESTEEL_SPARK_PATIENCE", 1, 3600);
  if (!seconds) return tuning;
  const std::chrono::milliseconds patience = std::chrono::seconds(*seconds);
  tuning.connect_time = std::min(tuning.connect_time, patience);
  tuning.answer_time = std::min(tuning.answer_time, patience);
  // The first waits are short; the others share the time.
  tuning.longest_wait = std::min(tuning.longest_wait, patience / (tuning.max_attempts - 3));
  return tuning;
}

}  // namespace firesteel
