#pragma once

#include <string>
#include <string_view>

namespace firesteel::sql {

/// upper(text): Unicode's full mapping for no language in particular ("ß" becomes "SS").
/// Source: Spark 4.3's upper and lower of every code point; Unicode's Final_Sigma condition.
std::string ToUpper(std::string_view text);

/// lower(text): a capital sigma at the end of a word becomes "ς".
/// Differs: what may stand between a letter and the end of its word is apostrophes, points, colons
/// and combining accents, not Unicode's whole list of case-ignorable characters.
std::string ToLower(std::string_view text);

}  // namespace firesteel::sql
