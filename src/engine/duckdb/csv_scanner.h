#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace firesteel::duckdb {

/// The bytes of a regular file, mapped for reading. Throws Error(kNotFound, kInvalidArgument, kIo)
/// that names it.
class MappedFile {
 public:
  explicit MappedFile(const std::string& file);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// Without a byte order mark at the start.
  std::string_view text() const { return text_; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
  std::string_view text_;
};

/// Reads one CSV file record by record, on one thread. DuckDB reads the plain files; this reads
/// headers and samples, finds the line of a record for messages, and takes over where DuckDB's
/// reader stops or differs.
///
/// kRfc4180: a field is quoted if it begins with a quote; a quote elsewhere is a character. Lines
/// end in \n, \r\n or
/// \r, mixed at will. Empty lines are skipped.
/// kSpark: spec E.1. Differs: a field whose closing quote is followed by a backslash stands as it
/// is up to the next delimiter; Spark's reader swallows that delimiter.
class CsvScanner {
 public:
  /// Throws as MappedFile does.
  CsvScanner(std::string file, const CsvOptions& options);

  /// Moves to the next record; false at the end of the file. Throws Error(kInvalidArgument) that
  /// names file and line for a quote that stays open, text behind a closing quote, and bytes that
  /// are not UTF-8 (kRfc4180).
  bool Next();
  /// The fields of the record, valid until the next call. Empty means null.
  std::span<const std::string_view> fields() const { return fields_; }
  /// The record's first line, from 1.
  std::int64_t line() const { return line_; }
  /// Where the next record may begin, in bytes of the text.
  std::size_t position() const { return position_; }
  const std::string& file() const { return file_; }
  std::string_view text() const { return mapped_.text(); }

  /// "FILE: line N: what".
  [[nodiscard]] Error ErrorAt(std::int64_t line, std::string_view what) const;

 private:
  bool NextRfc4180();
  bool NextSpark();
  void UnescapeFields();
  void ParseSparkLine(std::string_view line);
  std::string_view QuotedSparkField(std::string_view line, std::size_t* position);
  std::string_view QuotedField(std::size_t* position);

  std::string file_;
  MappedFile mapped_;
  CsvOptions options_;
  std::size_t position_ = 0;
  std::int64_t line_ = 0;
  std::int64_t next_line_ = 1;
  std::vector<std::string_view> fields_;
  std::vector<std::size_t> escaped_;  // The fields of the record that hold doubled quotes.
  std::vector<char> unescaped_;       // Backs the fields that are not a stretch of the file.
  std::string repaired_;              // A line whose bytes were not UTF-8.
};

/// Whether DuckDB's reader reads the records behind the header, which ends at `header_end`, as
/// CsvScanner does, or fails; where it would silently do otherwise the answer is no.
bool DuckDbReadsAlike(std::string_view text, std::size_t header_end, const CsvOptions& options,
                      std::size_t num_columns);

/// Names of columns from the fields of a header line: an empty one is _c<position>, repeated ones
/// (ignoring case) get their position appended. Source: spec E.1.
std::vector<std::string> CsvColumnNames(std::span<const std::string_view> header);

}  // namespace firesteel::duckdb
