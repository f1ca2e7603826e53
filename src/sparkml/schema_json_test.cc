#include "sparkml/schema_json.h"

#include <gtest/gtest.h>

#include "sparkml/vector_udt.h"

namespace firesteel {
namespace {

Attribute Nominal(std::vector<std::string> values, std::string name) {
  Attribute attribute;
  attribute.kind = Attribute::Kind::kNominal;
  attribute.values = std::move(values);
  attribute.name = std::move(name);
  return attribute;
}

Attribute Binary(std::string name) {
  Attribute attribute;
  attribute.kind = Attribute::Kind::kBinary;
  attribute.name = std::move(name);
  return attribute;
}

// The texts below are what PySpark 4.3.0 wrote into the footers of such frames.
TEST(SchemaJson, WritesTypesAsSparkDoes) {
  const Schema schema({{"i", kIntType},
                       {"l", kLongType},
                       {"f", kFloatType},
                       {"b", kBooleanType, false},
                       {"dec", {TypeKind::kDecimal, 5, 2}},
                       {"dt", kDateType},
                       {"ts", kTimestampType},
                       {"sh", kShortType},
                       {"by", kByteType},
                       {"a \"q\" é", kStringType}});
  const std::string expected =
      R"({"type":"struct","fields":[)"
      R"({"name":"i","type":"integer","nullable":true,"metadata":{}},)"
      R"({"name":"l","type":"long","nullable":true,"metadata":{}},)"
      R"({"name":"f","type":"float","nullable":true,"metadata":{}},)"
      R"({"name":"b","type":"boolean","nullable":false,"metadata":{}},)"
      R"json({"name":"dec","type":"decimal(5,2)","nullable":true,"metadata":{}},)json"
      R"({"name":"dt","type":"date","nullable":true,"metadata":{}},)"
      R"({"name":"ts","type":"timestamp","nullable":true,"metadata":{}},)"
      R"({"name":"sh","type":"short","nullable":true,"metadata":{}},)"
      R"({"name":"by","type":"byte","nullable":true,"metadata":{}},)"
      R"({"name":"a \"q\" é","type":"string","nullable":true,"metadata":{}}]})";
  EXPECT_EQ(SchemaToJson(schema), expected);
}

TEST(SchemaJson, WritesAttributesInSparksOrder) {
  Attribute bucket;
  bucket.kind = Attribute::Kind::kNominal;
  bucket.values = {"0.0, 2.0", "2.0, 5.0"};
  bucket.is_ordinal = true;
  const Schema schema(
      {{"si", kDoubleType, false, Nominal({"x", "é"}, "si")}, {"ib", kDoubleType, true, bucket}});
  EXPECT_EQ(SchemaToJson(schema),
            R"({"type":"struct","fields":[)"
            R"({"name":"si","type":"double","nullable":false,"metadata":{"ml_attr":)"
            R"({"vals":["x","é"],"name":"si","type":"nominal"}}},)"
            R"({"name":"ib","type":"double","nullable":true,"metadata":{"ml_attr":)"
            R"({"ord":true,"vals":["0.0, 2.0","2.0, 5.0"],"type":"nominal"}}}]})");
}

TEST(SchemaJson, GroupsTheSlotsOfAVectorByKind) {
  Attribute number;
  number.name = "d";
  const AttributeGroup group{3,
                             std::vector<Attribute>{number, Binary("so_x"), Nominal({"x"}, "si")}};
  const Schema schema({{"va", kVectorType, true, group}});
  EXPECT_EQ(SchemaToJson(schema),
            R"({"type":"struct","fields":[{"name":"va","type":)" + std::string(kVectorUdtJson) +
                R"(,"nullable":true,"metadata":{"ml_attr":{"num_attrs":3,"attrs":{)"
                R"("nominal":[{"vals":["x"],"name":"si","idx":2}],)"
                R"("binary":[{"name":"so_x","idx":1}],)"
                R"("numeric":[{"name":"d","idx":0}]}}}}]})");
}

TEST(SchemaJson, WritesGroupsWithoutSlots) {
  const Schema schema({{"s", kVectorType, true, AttributeGroup{4, std::nullopt}},
                       {"o", kVectorType, true, AttributeGroup{0, std::vector<Attribute>{}}}});
  const std::string json = SchemaToJson(schema);
  EXPECT_NE(json.find(R"("metadata":{"ml_attr":{"num_attrs":4}})"), std::string::npos);
  EXPECT_NE(json.find(R"("metadata":{"ml_attr":{"num_attrs":0,"attrs":{}}})"), std::string::npos);
}

TEST(SchemaJson, WhatIsWrittenReadsBackTheSame) {
  Attribute number;
  number.name = "d";
  number.min = -1.5;
  number.max = 1e-7;
  number.std_dev = 2.0;
  Attribute counted;
  counted.kind = Attribute::Kind::kNominal;
  counted.num_values = 7;
  Attribute flag = Binary("flag");
  flag.values = {"no", "yes"};
  const Schema schema(
      {{"k", kLongType, false},
       {"n", kDoubleType, true, number},
       {"c", kDoubleType, true, flag},
       {"v", kVectorType, true, AttributeGroup{3, std::vector<Attribute>{counted, number, flag}}},
       {"w", kVectorType, true, AttributeGroup{5, std::nullopt}}});
  Schema bare({{"k", kLongType},
               {"n", kDoubleType},
               {"c", kDoubleType},
               {"v", kVectorType},
               {"w", kVectorType}});
  EXPECT_TRUE(ApplySchemaJson(SchemaToJson(schema), &bare));
  EXPECT_EQ(bare, schema);
}

TEST(SchemaJson, ColumnsOnOneSideOnlyStayOut) {
  Schema schema({{"a", kDoubleType, true, Nominal({"x"}, "a")}, {"b", kIntType}});
  EXPECT_TRUE(ApplySchemaJson(
      R"({"type":"struct","fields":[{"name":"B","type":"integer","nullable":false},)"
      R"({"name":"z","type":"long","nullable":true,"metadata":{}}]})",
      &schema));
  EXPECT_EQ(schema,
            Schema({{"a", kDoubleType, true, Nominal({"x"}, "a")}, {"b", kIntType, false}}));
}

TEST(SchemaJson, ATextThatIsNotSparksLeavesTheSchema) {
  const Schema before({{"v", kVectorType}});
  for (
      const char* text : {
          "",
          "nonsense",
          "[]",
          "{}",
          R"({"type":"struct"})",
          R"({"type":"map","fields":[]})",
          R"({"type":"struct","fields":[{"name":"v","type":"double"}]})",
          R"({"type":"struct","fields":[{"name":"v","nullable":false}]})",
          R"({"type":"struct","fields":[{"name":5,"type":"double","nullable":false}]})",
          R"({"type":"struct","fields":[{"name":"v","type":{"type":"udt","class":"c"},"nullable":false}]})",
          R"({"type":"struct","fields":[{"name":"v","type":{"type":5},"nullable":false}]})",
      }) {
    Schema schema = before;
    EXPECT_FALSE(ApplySchemaJson(text, &schema)) << text;
    EXPECT_EQ(schema, before) << text;
  }
}

TEST(SchemaJson, BrokenAttributesAreLeftOut) {
  for (const char* attr : {
           R"({"num_attrs":"three"})",
           R"({"num_attrs":-1})",
           R"({"num_attrs":99999999999})",
           R"({"num_attrs":99999999,"attrs":{}})",
           R"({"attrs":{"numeric":[{"name":"x"}]}})",
           R"({"num_attrs":1,"attrs":{"numeric":[{"idx":1}]}})",
           R"({"num_attrs":1,"attrs":{"odd":[{"idx":0}]}})",
           R"({"num_attrs":1,"attrs":{"nominal":[{"idx":0,"vals":"x"}]}})",
           "5",
       }) {
    Schema schema({{"v", kVectorType}});
    const std::string json = R"({"type":"struct","fields":[{"name":"v","type":"x","nullable":true,)"
                             R"("metadata":{"ml_attr":)" +
                             std::string(attr) + "}}]}";
    EXPECT_TRUE(ApplySchemaJson(json, &schema)) << attr;
    EXPECT_TRUE(std::holds_alternative<std::monostate>(schema.fields()[0].attributes)) << attr;
  }
}

TEST(SchemaJson, SlotsThatNoListNamesAreNumeric) {
  Schema schema({{"v", kVectorType}});
  EXPECT_TRUE(ApplySchemaJson(
      R"({"type":"struct","fields":[{"name":"v","type":"x","nullable":true,"metadata":)"
      R"({"ml_attr":{"num_attrs":2,"attrs":{"binary":[{"idx":1,"name":"b"}]}}}}]})",
      &schema));
  EXPECT_EQ(schema.fields()[0].attributes,
            ColumnAttributes(AttributeGroup{2, std::vector<Attribute>{Attribute(), Binary("b")}}));
}

}  // namespace
}  // namespace firesteel
