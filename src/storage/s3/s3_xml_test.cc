#include "storage/s3/s3_xml.h"

#include <gmock/gmock.h>

namespace firesteel {
namespace {

using testing::IsEmpty;

TEST(S3XmlTest, ReadsWhatS3Nests) {
  const std::optional<XmlElement> root = ParseXml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
      "  <Name>b</Name><Prefix/><IsTruncated>false</IsTruncated>\n"
      "  <Contents><Key>a &amp; &lt;b&gt;</Key><ETag>&quot;1&quot;</ETag>"
      "<Owner><ID>x</ID></Owner><Size>3</Size></Contents>\n"
      "  <Contents><Key>c</Key></Contents>\n"
      "</ListBucketResult>");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "ListBucketResult");
  EXPECT_EQ(root->TextOf("Name"), "b");
  EXPECT_EQ(root->TextOf("Prefix"), "");
  EXPECT_EQ(root->TextOf("IsTruncated"), "false");
  EXPECT_EQ(root->TextOf("Missing"), "");
  const XmlElement* contents = root->Find("Contents");
  ASSERT_NE(contents, nullptr);
  EXPECT_EQ(contents->TextOf("Key"), "a & <b>");
  EXPECT_EQ(contents->TextOf("ETag"), "\"1\"");
  EXPECT_EQ(contents->TextOf("Size"), "3");
  EXPECT_EQ(root->children.back().TextOf("Key"), "c");
}

TEST(S3XmlTest, AnElementMayCloseItself) {
  for (const char* text :
       {"<DeleteResult/>", "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>",
        "<?xml version=\"1.0\" ?>\n<DeleteResult xmlns=\"x\" />\n",
        "<?xml version='1.0' encoding='UTF-8'?><DeleteResult></DeleteResult>"}) {
    const std::optional<XmlElement> root = ParseXml(text);
    ASSERT_TRUE(root) << text;
    EXPECT_EQ(root->name, "DeleteResult");
    EXPECT_THAT(root->children, IsEmpty());
  }
}

TEST(S3XmlTest, WhatIsCutIsNoDocument) {
  const std::string whole =
      "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
  ASSERT_TRUE(ParseXml(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(ParseXml(whole.substr(0, length))) << whole.substr(0, length);
  }
  EXPECT_FALSE(ParseXml("Bad gateway"));
}

TEST(S3XmlTest, EscapedTextReadsAsItWas) {
  const std::string text = "a&b<c>d\"e'f\n\t\r";
  const std::optional<XmlElement> root = ParseXml("<Key>" + EscapeXml(text) + "</Key>");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->text, text);
}

TEST(S3XmlTest, ReadsEntitiesAndLiteralText) {
  const std::optional<XmlElement> root =
      ParseXml("<!-- a --><Key>&#228;&#xE4;&apos;<!-- b --><![CDATA[<&>]]></Key>\n");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->text, "ää'<&>");
  for (const char* text : {"<a>&nbsp;</a>", "<a>&#xD800;</a>", "<a>&#1114112;</a>", "<a>& </a>",
                           "<a><b></a></b>", "<a></a><b></b>", "text<a></a>", "<></>", "<a>"}) {
    EXPECT_FALSE(ParseXml(text)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  for (int i = 0; i < 100; ++i) deep += "</a>";
  EXPECT_FALSE(ParseXml(deep));
}

TEST(S3XmlTest, SomeTextFitsNoXml) {
  EXPECT_TRUE(FitsXml("a\tb ä"));
  EXPECT_FALSE(FitsXml(std::string("a\1", 2)));
  EXPECT_FALSE(FitsXml("\xFF"));
  EXPECT_FALSE(FitsXml("\xEF\xBF\xBF"));
}

}  // namespace
}  // namespace firesteel
