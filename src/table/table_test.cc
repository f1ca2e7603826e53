#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "table/attribute.h"
#include "table/data_type.h"
#include "table/schema.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string MessageOf(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(DataTypeTest, BothSpellingsOfATypeAreRead) {
  EXPECT_EQ(DataType::Parse("int"), kIntType);
  EXPECT_EQ(DataType::Parse("INTEGER"), kIntType);
  EXPECT_EQ(DataType::Parse("bigint"), kLongType);
  EXPECT_EQ(DataType::Parse("Long"), kLongType);
  EXPECT_EQ(DataType::Parse("short"), kShortType);
  EXPECT_EQ(DataType::Parse("tinyint"), kByteType);
  EXPECT_EQ(DataType::Parse("real"), kFloatType);
  EXPECT_EQ(DataType::Parse(" string "), kStringType);
  EXPECT_EQ(DataType::Parse("vector"), kVectorType);
}

TEST(DataTypeTest, DecimalsCarryPrecisionAndScale) {
  EXPECT_EQ(DataType::Parse("decimal(19,0)"), (DataType{TypeKind::kDecimal, 19, 0}));
  EXPECT_EQ(DataType::Parse("Numeric ( 10 , 2 )"), (DataType{TypeKind::kDecimal, 10, 2}));
  EXPECT_EQ(DataType::Parse("decimal(7)"), (DataType{TypeKind::kDecimal, 7, 0}));
  EXPECT_EQ(DataType::Parse("decimal"), (DataType{TypeKind::kDecimal, 10, 0}));
  EXPECT_EQ((DataType{TypeKind::kDecimal, 10, 2}).ToString(), "decimal(10,2)");
  EXPECT_EQ((DataType{TypeKind::kDecimal, 10, 2}).ToJsonName(), "decimal(10,2)");
}

TEST(DataTypeTest, NamesReadBackAsTheSameType) {
  for (const DataType type :
       {kNullType, kBooleanType, kByteType, kShortType, kIntType, kLongType, kFloatType,
        kDoubleType, kStringType, kDateType, kTimestampType, kVectorType}) {
    EXPECT_EQ(DataType::Parse(type.ToString()), type) << type.ToString();
  }
  EXPECT_EQ(kLongType.ToString(), "bigint");
  EXPECT_EQ(kLongType.ToJsonName(), "long");
  EXPECT_EQ(kByteType.ToJsonName(), "byte");
}

TEST(DataTypeTest, UnknownTypesAreRefusedWithTheList) {
  EXPECT_THAT(MessageOf([] { DataType::Parse("number"); }),
              HasSubstr("unknown type 'number'; use one of boolean, tinyint"));
  EXPECT_THAT(MessageOf([] { DataType::Parse(""); }), HasSubstr("unknown type ''"));
  EXPECT_THAT(MessageOf([] { DataType::Parse("int(4)"); }), HasSubstr("unknown type 'int(4)'"));
  EXPECT_THAT(MessageOf([] { DataType::Parse("decimal(2,3)"); }),
              HasSubstr("the precision must be 1 to 38"));
  EXPECT_THAT(MessageOf([] { DataType::Parse("decimal(39)"); }),
              HasSubstr("the precision must be 1 to 38"));
  EXPECT_THAT(MessageOf([] { DataType::Parse("decimal(x)"); }),
              HasSubstr("unknown type 'decimal(x)'"));
  EXPECT_THAT(MessageOf([] { (void)kVectorType.ToJsonName(); }), HasSubstr("vector"));
}

TEST(DataTypeTest, NumericRunsFromByteToDecimal) {
  EXPECT_TRUE(kByteType.IsNumeric());
  EXPECT_TRUE((DataType{TypeKind::kDecimal, 3, 1}).IsNumeric());
  EXPECT_FALSE(kBooleanType.IsNumeric());
  EXPECT_FALSE(kStringType.IsNumeric());
  EXPECT_TRUE(kLongType.IsIntegral());
  EXPECT_FALSE(kFloatType.IsIntegral());
}

TEST(AttributeTest, ArityIsTheNumberOfCategories) {
  Attribute attribute;
  EXPECT_EQ(attribute.Arity(), std::nullopt);
  attribute.kind = Attribute::Kind::kBinary;
  EXPECT_EQ(attribute.Arity(), 2u);
  attribute.kind = Attribute::Kind::kNominal;
  EXPECT_EQ(attribute.Arity(), std::nullopt);
  attribute.num_values = 7;
  EXPECT_EQ(attribute.Arity(), 7u);
  attribute.values = {"a", "b", "c"};
  EXPECT_EQ(attribute.Arity(), 3u);
}

TEST(SchemaTest, NamesAreComparedIgnoringCase) {
  const Schema schema({{"order_id", kStringType}, {"Price", kDoubleType}});
  EXPECT_EQ(schema.Find("PRICE"), 1u);
  EXPECT_EQ(schema.Find("cost"), std::nullopt);
  EXPECT_EQ(schema.Get("Order_Id").name, "order_id");
  EXPECT_THAT(schema.names(), ElementsAre("order_id", "Price"));
}

TEST(SchemaTest, UnknownColumnNamesTheNearestAndAll) {
  const Schema schema({{"order_id", kStringType}, {"price", kDoubleType}});
  EXPECT_THAT(MessageOf([&] { schema.Get("prise"); }), HasSubstr("unknown column 'prise'"));
  EXPECT_THAT(MessageOf([&] { schema.Get("prise"); }), HasSubstr("did you mean 'price'?"));
  EXPECT_THAT(MessageOf([&] { schema.Get("prise"); }), HasSubstr("order_id, price"));
}

}  // namespace
}  // namespace firesteel
