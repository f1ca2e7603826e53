#include "engine/duckdb/file_list.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "engine/duckdb/connection.h"
#include "storage/location.h"

namespace firesteel::duckdb {

std::string FileListSql(std::span<const std::string> files) {
  std::string list;
  for (const std::string& file : files) {
    const bool has_patterns = !IsRemotePath(file);  // S3Access switches them off.
    std::string pattern;
    for (const char c : file) {
      // A set of one character is that character.
      if (has_patterns && (c == '*' || c == '?' || c == '[')) {
        pattern += {'[', c, ']'};
      } else {
        pattern += c;
      }
    }
    list += fmt::format("{}{}", list.empty() ? "" : ", ", QuoteText(pattern));
  }
  return "[" + list + "]";
}

std::uintmax_t CheckInputFile(const std::string& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(ErrorKind::kNotFound, fmt::format("{}: there is no such file", file));
  }
  if (status.type() != std::filesystem::file_type::regular) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("{}: not a regular file{}", file, error ? " (" + error.message() + ")" : ""));
  }
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) throw Error(ErrorKind::kIo, fmt::format("{}: {}", file, error.message()));
  return size;
}

void CheckParquetFile(const std::string& file) {
  constexpr std::string_view kMagic = "PAR1";
  constexpr std::uintmax_t kSmallest = 12;  // Magic, length of the footer, magic.
  if (IsRemotePath(file)) return;
  const std::uintmax_t size = CheckInputFile(file);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(ErrorKind::kIo, fmt::format("{}: cannot be opened for reading", file));
  std::array<char, 4> head = {}, tail = {};
  if (size >= kSmallest) {
    stream.read(head.data(), head.size());
    stream.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end);
    stream.read(tail.data(), tail.size());
  }
  if (std::string_view(head.data(), head.size()) != kMagic) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("{}: not a Parquet file", file));
  }
  if (std::string_view(tail.data(), tail.size()) != kMagic) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("{}: the Parquet file is cut short (its end is missing); write it again",
                    file));
  }
}

}  // namespace firesteel::duckdb
