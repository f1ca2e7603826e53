#include "engine/spark/spark_files.h"

#include <filesystem>

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

spark_plans::Plan ReadCsvFiles(const CsvSource& source, const std::string& ddl_schema) {
  std::vector<std::pair<std::string, std::string>> options = {
      {"header", "true"},
      {"inferSchema", ddl_schema.empty() ? "true" : "false"},
      {"enforceSchema", "true"},
      {"delimiter", std::string(1, source.options.delimiter)}};
  if (source.options.dialect == CsvOptions::Dialect::kRfc4180) {
    options.insert(
        options.end(),
        {{"quote", "\""}, {"escape", "\""}, {"multiLine", "true"}, {"mode", "FAILFAST"}});
  }
  std::vector<std::string> paths;
  for (const std::string& file : source.files) paths.push_back(SparkPath(file));
  return spark_plans::ReadFiles("csv", paths, options, ddl_schema);
}

}  // namespace firesteel
