#pragma once

#include <string>

namespace firesteel {

/// Says that paths that begin with `local` stand for something that users know by another name,
/// which begins with `shown`: local copies of objects. Threads: any.
void ShowAs(const std::string& local, const std::string& shown);
/// A text with the names that users know, for messages, logs and documents. Threads: any.
std::string WithShownNames(std::string text);

}  // namespace firesteel
