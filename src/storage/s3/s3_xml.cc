#include "storage/s3/s3_xml.h"

#include <aws/common/allocator.h>
#include <aws/common/byte_buf.h>
#include <aws/common/xml_parser.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace firesteel {
namespace {

// The parser tells children from text only by what it is asked for.
constexpr std::array<std::string_view, 9> kParents = {"ListBucketResult",
                                                      "Contents",
                                                      "ListMultipartUploadsResult",
                                                      "Upload",
                                                      "DeleteResult",
                                                      "Error",
                                                      "InitiateMultipartUploadResult",
                                                      "CompleteMultipartUploadResult",
                                                      "CommonPrefixes"};
constexpr std::size_t kMaxDepth = 8;

int OnNode(aws_xml_node* node, void* user_data) {
  auto& siblings = *static_cast<std::vector<XmlElement>*>(user_data);
  const aws_byte_cursor name = aws_xml_node_get_name(node);
  XmlElement& element = siblings.emplace_back();
  element.name.assign(reinterpret_cast<const char*>(name.ptr), name.len);
  if (std::find(kParents.begin(), kParents.end(), element.name) != kParents.end()) {
    std::vector<XmlElement> children;
    const int result = aws_xml_node_traverse(node, OnNode, &children);
    siblings.back().children = std::move(children);
    return result;
  }
  aws_byte_buf text{};
  if (aws_byte_buf_init(&text, aws_default_allocator(), 64) != AWS_OP_SUCCESS) return AWS_OP_ERR;
  const int result = aws_xml_node_as_body_unescaped(aws_default_allocator(), node, &text);
  if (result == AWS_OP_SUCCESS) {
    element.text.assign(reinterpret_cast<const char*>(text.buffer), text.len);
  }
  aws_byte_buf_clean_up(&text);
  return result;
}

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

std::optional<XmlElement> ParseXml(std::string_view text) {
  std::vector<XmlElement> roots;
  aws_xml_parser_options options{};
  options.doc = aws_byte_cursor_from_array(text.data(), text.size());
  options.max_depth = kMaxDepth;
  options.on_root_encountered = OnNode;
  options.user_data = &roots;
  if (aws_xml_parse(aws_default_allocator(), &options) != AWS_OP_SUCCESS || roots.size() != 1) {
    return std::nullopt;
  }
  return std::move(roots.front());
}

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
