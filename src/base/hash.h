#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace firesteel {

/// SHA-256 of the bytes, as 64 lower-case hexadecimal digits.
std::string Sha256(std::string_view bytes);
/// SHA-256 of a file's content, read in blocks. Throws Error(kIo) that names the file.
std::string Sha256File(const std::filesystem::path& file);

}  // namespace firesteel
