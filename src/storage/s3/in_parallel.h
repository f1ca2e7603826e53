#pragma once

#include <cstdint>
#include <functional>

namespace firesteel {

/// Calls task(0) … task(count - 1), each once, on at most four threads, the caller's included: the
/// parts that one upload or download moves at once. After an error no further call begins; the
/// first error is thrown when those that run have ended.
void InParallel(std::int64_t count, const std::function<void(std::int64_t)>& task);

}  // namespace firesteel
