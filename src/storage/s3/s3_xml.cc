#include "storage/s3/s3_xml.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/text.h"
#include "base/utf8.h"

namespace firesteel {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::string_view kBlank = " \t\r\n";

// Replaces entities. Nothing if one is unknown.
std::optional<std::string> Unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t begin = text.find('&');
    plain += text.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const std::size_t end = text.find(';', begin);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = text.substr(begin + 1, end - begin - 1);
    text.remove_prefix(end + 1);
    if (name == "amp") {
      plain += '&';
    } else if (name == "lt") {
      plain += '<';
    } else if (name == "gt") {
      plain += '>';
    } else if (name == "quot") {
      plain += '"';
    } else if (name == "apos") {
      plain += '\'';
    } else if (name.starts_with('#')) {
      const bool hexadecimal = name.starts_with("#x");
      const char* first = name.data() + (hexadecimal ? 2 : 1);
      const char* last = name.data() + name.size();
      std::uint32_t code = 0;
      const auto [stop, error] = std::from_chars(first, last, code, hexadecimal ? 16 : 10);
      const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
      if (error != std::errc() || stop != last || code > 0x10FFFF || surrogate) return std::nullopt;
      AppendUtf8(static_cast<char32_t>(code), &plain);
    } else {
      return std::nullopt;
    }
  }
  return plain;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<XmlElement> Document() {
    XmlElement root;
    if (!SkipAsides() || !Element(root, 1) || !SkipAsides() || !rest_.empty()) return std::nullopt;
    return root;
  }

 private:
  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  // What stands before `token`, which is passed. Nothing if there is none.
  std::optional<std::string_view> TakeUntil(std::string_view token) {
    const std::size_t end = rest_.find(token);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view before = rest_.substr(0, end);
    rest_.remove_prefix(end + token.size());
    return before;
  }

  // Passes blanks, declarations, processing instructions and comments around the root.
  bool SkipAsides() {
    while (true) {
      rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
      const bool comment = rest_.starts_with("<!--");
      if (!comment && !rest_.starts_with("<?")) return true;
      if (!TakeUntil(comment ? "-->" : "?>")) return false;
    }
  }

  // The content between an element's tags, children or text.
  bool Content(XmlElement& element, int depth) {
    while (true) {
      const std::size_t tag = rest_.find('<');
      if (tag == std::string_view::npos) return false;
      const std::optional<std::string> text = Unescape(rest_.substr(0, tag));
      if (!text) return false;
      element.text += *text;
      rest_.remove_prefix(tag);
      if (Take("<![CDATA[")) {
        const std::optional<std::string_view> data = TakeUntil("]]>");
        if (!data) return false;
        element.text += *data;
      } else if (rest_.starts_with("<!--")) {
        if (!TakeUntil("-->")) return false;
      } else if (Take("</")) {
        const std::optional<std::string_view> name = TakeUntil(">");
        if (!name || Trim(*name) != element.name) return false;
        // What stands between children is layout.
        if (!element.children.empty()) element.text.clear();
        return true;
      } else if (!Element(element.children.emplace_back(), depth + 1)) {
        return false;
      }
    }
  }

  bool Element(XmlElement& element, int depth) {
    if (depth > kMaxDepth || !Take("<")) return false;
    std::optional<std::string_view> tag = TakeUntil(">");
    if (!tag) return false;
    const bool closed = tag->ends_with('/');
    if (closed) tag->remove_suffix(1);
    element.name = tag->substr(0, tag->find_first_of(kBlank));
    if (element.name.empty() || element.name.find_first_of("<!?&\"'/") != std::string::npos)
      return false;
    return closed || Content(element, depth);
  }

  std::string_view rest_;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&](const XmlElement& element) { return element.name == child; });
  return found == children.end() ? nullptr : &*found;
}

std::string XmlElement::TextOf(std::string_view child) const {
  const XmlElement* found = Find(child);
  return found == nullptr ? "" : found->text;
}

std::optional<XmlElement> ParseXml(std::string_view text) { return Parser(text).Document(); }

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\r':
        escaped += "&#13;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      case '\t':
        escaped += "&#9;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

bool FitsXml(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
  }
  // U+FFFE and U+FFFF are no characters of XML.
  return IsUtf8(text) && text.find("\xEF\xBF\xBE") == std::string_view::npos &&
         text.find("\xEF\xBF\xBF") == std::string_view::npos;
}

}  // namespace firesteel
