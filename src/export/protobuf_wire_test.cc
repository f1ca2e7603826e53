#include "export/protobuf_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

TEST(ProtobufWire, WritesTheDocumentedExamples) {
  // From the guide to the encoding: field 1 of value 150, field 2 "testing", field 6 packed.
  WireMessage message;
  message.AddInteger(1, 150);
  EXPECT_EQ(message.bytes(), "\x08\x96\x01");
  WireMessage text;
  text.AddBytes(2, "testing");
  EXPECT_EQ(text.bytes(), "\x12\x07testing");
  WireMessage packed;
  packed.AddIntegers(6, std::vector<std::int64_t>{3, 270, 86942});
  EXPECT_EQ(packed.bytes(), "\x32\x06\x03\x8E\x02\x9E\xA7\x05");
}

TEST(ProtobufWire, ReadsBackWhatItWrote) {
  WireMessage inner, message;
  inner.AddIntegers(8, std::vector<std::int64_t>{0, -1, INT64_MAX, INT64_MIN});
  message.AddInteger(14, UINT64_MAX);
  message.AddMessage(20, inner);
  const std::vector<WireField> fields = ReadWireMessage(message.bytes());
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0].number, 14);
  EXPECT_EQ(fields[0].integer, UINT64_MAX);
  EXPECT_EQ(fields[1].number, 20);
  const std::vector<WireField> read = ReadWireMessage(fields[1].bytes);
  ASSERT_EQ(read.size(), 1U);
  EXPECT_THAT(ReadWireIntegers(read[0].bytes), testing::ElementsAre(0, -1, INT64_MAX, INT64_MIN));
}

TEST(ProtobufWire, RefusesDamagedMessages) {
  for (const std::string& bytes :
       {std::string("\x12\x07test"), std::string("\x08\x96"), std::string("\x08"),
        std::string("\x0D\x01"), std::string(11, '\xFF')}) {
    EXPECT_THROW(static_cast<void>(ReadWireMessage(bytes)), Error);
  }
}

}  // namespace
}  // namespace firesteel
