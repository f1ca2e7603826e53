#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace firesteel {

/// SHA-256 of the bytes, as 64 lower-case hexadecimal digits.
std::string Sha256(std::string_view bytes);
/// SHA-256 of a file's content, read in blocks. Throws Error(kIo) that names the file.
std::string Sha256File(const std::filesystem::path& file);
/// zlib's CRC-32.
std::uint32_t Crc32(std::string_view bytes);

}  // namespace firesteel
