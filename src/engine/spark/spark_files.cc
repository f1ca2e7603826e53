#include "engine/spark/spark_files.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "base/error.h"

namespace firesteel {

std::string SparkUri(std::string_view path) {
  if (path.starts_with("s3://")) return "s3a://" + std::string(path.substr(5));
  return "file:" + std::filesystem::absolute(path).lexically_normal().string();
}

std::string SparkPath(std::string_view path) {
  std::string escaped;
  for (const char c : SparkUri(path)) {
    if (std::string_view("{}[]*?\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string PathOfSparkUri(std::string_view uri) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string path;
  if (uri.starts_with("s3a://")) {
    path = "s3://";
    uri.remove_prefix(6);
  } else if (uri.starts_with("file:")) {
    uri.remove_prefix(5);
    // "file:///a" and "file:/a".
    if (uri.starts_with("//")) uri.remove_prefix(2);
  }
  for (std::size_t i = 0; i < uri.size(); ++i) {
    if (uri[i] == '%' && i + 2 < uri.size() && digit(uri[i + 1]) >= 0 && digit(uri[i + 2]) >= 0) {
      path += static_cast<char>(digit(uri[i + 1]) * 16 + digit(uri[i + 2]));
      i += 2;
    } else {
      path += uri[i];
    }
  }
  return path;
}

std::vector<std::string> SparkPaths(const std::vector<std::string>& files) {
  std::vector<std::string> paths;
  for (const std::string& file : files) paths.push_back(SparkPath(file));
  return paths;
}

spark_plans::Plan ReadCsvFiles(const CsvSource& source, const std::string& ddl_schema,
                               bool spans_lines) {
  std::vector<std::pair<std::string, std::string>> options = {
      {"header", "true"},
      {"inferSchema", ddl_schema.empty() ? "true" : "false"},
      {"enforceSchema", "true"},
      {"delimiter", std::string(1, source.options.delimiter)}};
  if (source.options.dialect == CsvOptions::Dialect::kRfc4180) {
    options.insert(options.end(), {{"quote", "\""},
                                   {"escape", "\""},
                                   {"multiLine", spans_lines ? "true" : "false"},
                                   {"mode", "FAILFAST"}});
  }
  return spark_plans::ReadFiles("csv", SparkPaths(source.files), options, ddl_schema);
}

spark_plans::Plan CountOpenQuotes(const CsvSource& source) {
  return spark_plans::Aggregate(
      spark_plans::ReadFiles("text", SparkPaths(source.files), {}), {},
      {{"", "count_if((length(value) - length(replace(value, '\"', ''))) % 2 = 1)"}});
}

bool HasOpenQuotes(const std::vector<std::string>& files) {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  std::vector<char> buffer(kBlock);
  for (const std::string& path : files) {
    std::ifstream file(path, std::ios::binary);
    bool is_open = false;
    while (file) {
      file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      const std::string_view block(buffer.data(), static_cast<std::size_t>(file.gcount()));
      std::size_t at = 0;
      while (at < block.size()) {
        // Quotes are rare: from one to the next mark that matters.
        at = is_open ? block.find_first_of("\"\n\r", at) : block.find('"', at);
        if (at == std::string_view::npos) break;
        if (block[at] != '"') return true;
        is_open = !is_open;
        ++at;
      }
    }
    if (!file.eof()) throw Error(ErrorKind::kIo, fmt::format("can't read '{}'", path));
    if (is_open) return true;
  }
  return false;
}

std::optional<std::int64_t> BytesOf(const std::vector<std::string>& files) {
  std::uintmax_t total = 0;
  for (const std::string& file : files) {
    if (file.starts_with("s3://")) return std::nullopt;
    std::error_code error;
    total += std::filesystem::file_size(file, error);
    if (error) return std::nullopt;
  }
  return static_cast<std::int64_t>(total);
}

void RemoveLateFiles(const std::string& directory) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPause = std::chrono::milliseconds(20);
  constexpr auto kQuiet = std::chrono::milliseconds(400);
  constexpr auto kPatience = std::chrono::milliseconds(2'000);
  const Clock::time_point begin = Clock::now();
  Clock::time_point last_seen = begin;
  std::error_code error;
  while (Clock::now() < begin + kPatience && Clock::now() < last_seen + kQuiet) {
    if (std::filesystem::remove_all(directory, error) > 0) last_seen = Clock::now();
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace firesteel
