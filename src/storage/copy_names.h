#pragma once

#include <string>

namespace firesteel {

/// Says that local paths that begin with `local` stand for what `shown` and the rest of the path
/// name. Threads: any.
void NameCopies(const std::string& local, const std::string& shown);
/// A text in which the names of local copies are those of what they stand for: for messages, logs
/// and manifests. Threads: any.
std::string WithShownNames(std::string text);

}  // namespace firesteel
