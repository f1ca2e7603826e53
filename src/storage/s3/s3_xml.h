#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

/// An element of S3's answers, which know no attributes that matter.
struct XmlElement {
  std::string name;
  std::string text;  // Of an element without children; entities replaced.
  std::vector<XmlElement> children;

  /// The first child of that name, or null.
  const XmlElement* Find(std::string_view child) const;
  /// The text of the first child of that name, or nothing in it.
  std::string TextOf(std::string_view child) const;
};

/// The root element, or nothing if the text is no whole XML document of the plain kind that stores
/// write: no entities of its own, elements at most 16 deep. The parser of AWS's libraries, which
/// they keep to themselves, knows no root that closes itself, as in the answer to a removal.
std::optional<XmlElement> ParseXml(std::string_view text);
/// With what XML keeps for itself replaced by entities.
std::string EscapeXml(std::string_view text);
/// Whether XML 1.0 can hold the text (valid UTF-8 without control characters), entities or not.
bool FitsXml(std::string_view text);

}  // namespace firesteel
