#include "base/utf8.h"

#include <gtest/gtest.h>

namespace firesteel {
namespace {

TEST(Utf8Test, KnowsWellFormedText) {
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8("aé€😀"));
  for (const char* text :
       {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "eight ch\xc3"}) {
    EXPECT_FALSE(IsUtf8(text));
  }
}

TEST(Utf8Test, AppendsCharacters) {
  std::string text;
  for (const char32_t code : {U'a', U'é', U'€', U'😀'}) AppendUtf8(code, &text);
  EXPECT_EQ(text, "aé€😀");
}

TEST(Utf8Test, ReplacesEachLongestBeginningOfACharacterOnce) {
  // E2 82 begins the euro sign; C3 and 28 do not belong together.
  EXPECT_EQ(ReplaceInvalidUtf8("a\xe2\x82z"), "a\xef\xbf\xbdz");
  EXPECT_EQ(ReplaceInvalidUtf8("\xc3(\xff\xff"), "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(ReplaceInvalidUtf8("€"), "€");
}

TEST(Utf8Test, CountsCharactersAndFindsTheirPlaces) {
  const std::string text = "aé€😀";  // 1, 2, 3 and 4 bytes.
  EXPECT_EQ(Utf8Count(text), 4u);
  EXPECT_EQ(Utf8Offset(text, 2), 3u);
  EXPECT_EQ(Utf8Offset(text, 9), text.size());
  EXPECT_EQ(Utf8Length(text, 6), 4u);
  EXPECT_EQ(Utf8Decode(text, 6), 0x1F600u);
  EXPECT_EQ(Utf8Length("\xf0", 0), 1u);
}

}  // namespace
}  // namespace firesteel
