#include "engine/duckdb/csv_scanner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/text.h"
#include "base/utf8.h"
#include "engine/duckdb/file_list.h"

namespace firesteel::duckdb {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr char kQuote = '"';
constexpr char kEscape = '\\';  // kSpark only.

bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

// The number of bytes of the line end at `position`.
std::size_t LineEndSize(std::string_view text, std::size_t position) {
  return text.substr(position, 2) == "\r\n" ? 2 : 1;
}

std::int64_t CountLineEnds(std::string_view text) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!IsLineEnd(text[i])) continue;
    i += LineEndSize(text, i) - 1;
    ++count;
  }
  return count;
}

}  // namespace

MappedFile::MappedFile(const std::string& file) {
  size_ = CheckInputFile(file);
  if (size_ == 0) return;
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw Error(ErrorKind::kIo,
                fmt::format("{}: cannot be opened: {}", file, std::strerror(errno)));
  }
  data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  close(descriptor);
  if (data_ == MAP_FAILED) {
    throw Error(ErrorKind::kIo, fmt::format("{}: cannot be read: {}", file, std::strerror(error)));
  }
  text_ = {static_cast<const char*>(data_), size_};
  if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

CsvScanner::CsvScanner(std::string file, const CsvOptions& options)
    : file_(std::move(file)), mapped_(file_), options_(options) {}

Error CsvScanner::ErrorAt(std::int64_t line, std::string_view what) const {
  return Error(ErrorKind::kInvalidArgument, fmt::format("{}: line {}: {}", file_, line, what));
}

bool CsvScanner::Next() {
  return options_.dialect == CsvOptions::Dialect::kSpark ? NextSpark() : NextRfc4180();
}

// Returns what is between the quotes of the field that begins at `*position`, and moves behind it.
std::string_view CsvScanner::QuotedField(std::size_t* position) {
  const std::string_view text = mapped_.text();
  const std::size_t begin = *position + 1;
  std::size_t end = begin;
  bool has_escape = false;
  for (;; end += 2, has_escape = true) {
    end = text.find(kQuote, end);
    if (end == std::string_view::npos) {
      throw ErrorAt(next_line_,
                    fmt::format("field {} opens a quote that is never closed", fields_.size() + 1));
    }
    if (end + 1 >= text.size() || text[end + 1] != kQuote) break;
  }
  if (has_escape) escaped_.push_back(fields_.size());
  *position = end + 1;
  const std::string_view raw = text.substr(begin, end - begin);
  next_line_ += CountLineEnds(raw);
  return raw;
}

bool CsvScanner::NextRfc4180() {
  const std::string_view text = mapped_.text();
  while (position_ < text.size() && IsLineEnd(text[position_])) {
    position_ += LineEndSize(text, position_);
    ++next_line_;
  }
  if (position_ >= text.size()) return false;
  line_ = next_line_;
  fields_.clear();
  escaped_.clear();
  const std::size_t record_begin = position_;
  std::size_t position = position_;
  for (;;) {
    if (position < text.size() && text[position] == kQuote) {
      fields_.push_back(QuotedField(&position));
      if (position < text.size() && text[position] != options_.delimiter &&
          !IsLineEnd(text[position])) {
        throw ErrorAt(
            next_line_,
            fmt::format("field {} has text behind its closing quote; write a quote inside a "
                        "quoted field twice",
                        fields_.size()));
      }
    } else {
      const std::size_t begin = position;
      while (position < text.size() && text[position] != options_.delimiter &&
             !IsLineEnd(text[position])) {
        ++position;
      }
      fields_.push_back(text.substr(begin, position - begin));
    }
    if (position >= text.size() || IsLineEnd(text[position])) break;
    ++position;  // The delimiter.
  }
  if (!IsUtf8(text.substr(record_begin, position - record_begin))) {
    throw ErrorAt(line_, "bytes that are not UTF-8; convert the file, for example with iconv");
  }
  if (position < text.size()) {
    position += LineEndSize(text, position);
    ++next_line_;
  }
  position_ = position;
  UnescapeFields();
  return true;
}

void CsvScanner::UnescapeFields() {
  std::size_t size = 0;
  for (const std::size_t field : escaped_) size += fields_[field].size();
  unescaped_.clear();
  unescaped_.reserve(size);  // Fields only shrink, so that it never moves.
  for (const std::size_t field : escaped_) {
    const std::string_view raw = fields_[field];
    const std::size_t offset = unescaped_.size();
    for (std::size_t i = 0; i < raw.size(); ++i) {
      unescaped_.push_back(raw[i]);
      if (raw[i] == kQuote) ++i;
    }
    fields_[field] = {unescaped_.data() + offset, unescaped_.size() - offset};
  }
}

bool CsvScanner::NextSpark() {
  const std::string_view text = mapped_.text();
  while (position_ < text.size()) {
    const std::size_t end = std::min(text.find_first_of("\r\n", position_), text.size());
    std::string_view line = text.substr(position_, end - position_);
    line_ = next_line_;
    position_ = end;
    if (end < text.size()) {
      position_ += LineEndSize(text, end);
      ++next_line_;
    }
    const bool is_blank = std::all_of(line.begin(), line.end(),
                                      [](char c) { return static_cast<unsigned char>(c) <= ' '; });
    if (is_blank) continue;
    if (!IsUtf8(line)) {
      repaired_ = ReplaceInvalidUtf8(line);
      line = repaired_;
    }
    ParseSparkLine(line);
    return true;
  }
  return false;
}

void CsvScanner::ParseSparkLine(std::string_view line) {
  fields_.clear();
  unescaped_.clear();
  unescaped_.reserve(line.size() + 1);  // One field may grow by a quote, so that it never moves.
  std::size_t position = 0;
  for (;;) {
    if (position < line.size() && line[position] == kQuote) {
      fields_.push_back(QuotedSparkField(line, &position));
    } else {
      const std::size_t end = std::min(line.find(options_.delimiter, position), line.size());
      fields_.push_back(line.substr(position, end - position));
      position = end;
    }
    if (position >= line.size()) return;
    ++position;  // The delimiter.
  }
}

// Reads the field whose first quote is at `*position` and moves to the delimiter behind it or the
// line's end.
std::string_view CsvScanner::QuotedSparkField(std::string_view line, std::size_t* position) {
  const std::size_t begin = *position;
  const std::size_t offset = unescaped_.size();
  const auto value = [&] {
    return std::string_view(unescaped_.data() + offset, unescaped_.size() - offset);
  };
  const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  if (begin + 1 == line.size()) {  // A lone quote is itself.
    *position = line.size();
    return line.substr(begin);
  }
  // What the last character was, as far as it changes the meaning of the next.
  enum class Last { kPlain, kQuote, kEscape } last = Last::kPlain;
  std::size_t i = begin + 1;
  for (; i < line.size(); ++i) {
    const char c = line[i];
    if (last == Last::kQuote) {
      std::size_t end = i;
      while (end < line.size() && is_blank(line[end]) && line[end] != options_.delimiter) ++end;
      if (end == line.size() || line[end] == options_.delimiter) {
        *position = end;
        return value();
      }
      if (c == kQuote) {  // Stays a quote, and may be the closing one as well.
        unescaped_.push_back(kQuote);
        continue;
      }
      // It was not the closing quote. The field is what stands there up to the delimiter, but for
      // escapes that are undone already.
      *position = std::min(line.find(options_.delimiter, end), line.size());
      unescaped_.insert(unescaped_.begin() + static_cast<std::ptrdiff_t>(offset), kQuote);
      unescaped_.push_back(kQuote);
      unescaped_.insert(unescaped_.end(), line.begin() + static_cast<std::ptrdiff_t>(i),
                        line.begin() + static_cast<std::ptrdiff_t>(*position));
      // Spark's reader adds a quote to a last field like ("a" b"c), in which a quote follows the
      // first character behind the blanks.
      const bool has_odd_end =
          end > i && line[end] != kQuote && end + 1 < line.size() && line[end + 1] == kQuote;
      if (has_odd_end && *position == line.size()) unescaped_.push_back(kQuote);
      return value();
    } else if (last == Last::kEscape) {
      if (c != kQuote && c != kEscape) unescaped_.push_back(kEscape);
      unescaped_.push_back(c);
      last = Last::kPlain;
    } else if (c == kQuote) {
      last = Last::kQuote;
    } else if (c == kEscape) {
      last = Last::kEscape;
    } else {
      unescaped_.push_back(c);
    }
  }
  *position = line.size();
  return value();
}

bool DuckDbReadsAlike(std::string_view text, std::size_t header_end, const CsvOptions& options,
                      std::size_t num_columns) {
  // DuckDB reads an empty line of a table of one column as a null.
  if (num_columns < 2) return false;
  // It drops the first line as header, whatever that holds.
  const std::size_t first_end = text.find_first_of("\r\n");
  if (first_end == 0) return false;
  if (first_end != std::string_view::npos) {
    if (first_end + LineEndSize(text, first_end) != header_end) return false;
    if (text[header_end - 1] != '\n') return false;
  }

  const bool has_quotes = text.find(kQuote) != std::string_view::npos;
  if (options.dialect == CsvOptions::Dialect::kSpark) return !has_quotes;
  // It drops blanks around quotes.
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  for (std::size_t i = text.find(kQuote); i != std::string_view::npos;
       i = text.find(kQuote, i + 1)) {
    if ((i > 0 && is_blank(text[i - 1])) || (i + 1 < text.size() && is_blank(text[i + 1])))
      return false;
  }
  // It drops an empty field too many at the end of a line, quoted or not.
  const std::string quoted_empty = {options.delimiter, kQuote, kQuote};
  for (std::size_t begin = header_end; begin < text.size();) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::size_t next = end + 1;
    if (end > begin && text[end - 1] == '\r') --end;
    const std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with(options.delimiter) || line.ends_with(quoted_empty)) {
      const auto num_delimiters =
          static_cast<std::size_t>(std::count(line.begin(), line.end(), options.delimiter));
      if (has_quotes || num_delimiters + 1 != num_columns) return false;
    }
    begin = next;
  }
  return true;
}

std::vector<std::string> CsvColumnNames(std::span<const std::string_view> header) {
  std::map<std::string, int> counts;
  for (const std::string_view name : header) {
    if (!name.empty()) ++counts[AsciiLower(name)];
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i].empty()) {
      names.push_back(fmt::format("_c{}", i));
    } else if (counts[AsciiLower(header[i])] > 1) {
      names.push_back(fmt::format("{}{}", header[i], i));
    } else {
      names.emplace_back(header[i]);
    }
  }
  return names;
}

}  // namespace firesteel::duckdb
