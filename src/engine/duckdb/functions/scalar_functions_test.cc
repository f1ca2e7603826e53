#include "engine/duckdb/functions/scalar_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "engine/duckdb/functions/scalar_udf.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::int32_t CountBytes(std::string_view text) {
  if (text == "boom") throw Error(ErrorKind::kInvalidArgument, "[BOOM] not this one");
  return static_cast<std::int32_t>(text.size());
}

std::int32_t ThrowsWhatNobodyKnows(std::int32_t value) {
  if (value > 0) throw 5;
  return value;
}

std::string_view FirstThree(std::string_view text) { return text.substr(0, 3); }

std::optional<double> Share(double part, std::optional<double> whole) {
  if (!whole) return -1;
  if (*whole == 0) return std::nullopt;
  return part / *whole;
}

class ScalarFunctionTest : public testing::Test {
 protected:
  ScalarFunctionTest() {
    duckdb_open(nullptr, &database_);
    duckdb_connect(database_, &connection_);
    RegisterScalarFunctions(connection_);
    udf::Register<CountBytes>(connection_, "count_bytes");
    udf::Register<ThrowsWhatNobodyKnows>(connection_, "throws");
    udf::Register<FirstThree>(connection_, "first_three");
    udf::Register<Share>(connection_, "share");
  }
  ~ScalarFunctionTest() override {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }

  // The one value of a query, as VARCHAR; "NULL"; or "error: …".
  std::string Ask(const std::string& expression) {
    const std::string sql = "SELECT CAST((" + expression + ") AS VARCHAR)";
    duckdb_result result;
    std::string answer = "NULL";
    if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
      answer = std::string("error: ") + duckdb_result_error(&result);
    } else {
      duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
      const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, 0);
      if (udf::IsValid(duckdb_vector_get_validity(vector), 0)) {
        answer = udf::StringAt(static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector)), 0);
      }
      duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    return answer;
  }

 private:
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

TEST_F(ScalarFunctionTest, NullsGoAroundTheFunctionUnlessItAsksForThem) {
  EXPECT_EQ(Ask("count_bytes('abcd')"), "4");
  EXPECT_EQ(Ask("count_bytes(NULL)"), "NULL");
  EXPECT_EQ(Ask("share(1, 4)"), "0.25");
  EXPECT_EQ(Ask("share(1, 0)"), "NULL");
  EXPECT_EQ(Ask("share(1, NULL)"), "-1.0");
  EXPECT_EQ(Ask("share(NULL, NULL)"), "NULL");
}

TEST_F(ScalarFunctionTest, ExceptionsBecomeErrorsOfTheQuery) {
  EXPECT_THAT(Ask("count_bytes('boom')"), HasSubstr("[BOOM] not this one"));
  EXPECT_THAT(Ask("throws(1)"), HasSubstr("an exception of an unknown type"));
  EXPECT_EQ(Ask("throws(0)"), "0");
}

TEST_F(ScalarFunctionTest, ManyChunksWithFiltersAndNullsAreRead) {
  // Of 0 to 9999, the even numbers not divisible by 3: 5000 - 1667 = 3333 values. Digits: 4 of one
  // digit less 1 (6): 2, 4, 8 give 3; of 45 with two digits 15 are divisible by 6 (12 to 96): 30
  // give 60; of 450 with three, 150: 300 give 900; of 4500 with four, 1500: 3000 give 12000.
  EXPECT_EQ(
      Ask("SELECT sum(count_bytes(CASE WHEN i % 3 = 0 THEN NULL ELSE CAST(i AS VARCHAR) END)) "
          "FROM range(10000) t(i) WHERE i % 2 = 0"),
      "12963");
  EXPECT_EQ(Ask("SELECT count(DISTINCT first_three(CAST(i AS VARCHAR) || 'a text of many bytes')) "
                "FROM range(1000, 10000) t(i)"),
            "900");
}

TEST_F(ScalarFunctionTest, BranchesNotTakenAreNotComputed) {
  EXPECT_EQ(
      Ask("SELECT sum(CASE WHEN i > 10 THEN count_bytes('boom') ELSE 1 END) FROM range(5) t(i)"),
      "5");
}

TEST_F(ScalarFunctionTest, CsvFunctionsAreThere) {
  EXPECT_EQ(Ask("fs_csv_kinds('5')"),
            "143");  // int 1 + long 2 + decimal 4 + double 8 + string 128.
  EXPECT_EQ(Ask("fs_csv_kinds(NULL)"), "NULL");
  EXPECT_EQ(Ask("typeof(fs_csv_kinds('x'))"), "UTINYINT");
  EXPECT_EQ(Ask("fs_csv_double(' 5')"), "5.0");
  EXPECT_EQ(Ask("fs_csv_double('x')"), "NULL");
  EXPECT_EQ(Ask("epoch_us(fs_csv_timestamp('1970-01-02T00:00:01Z'))"), "86401000000");
  EXPECT_EQ(Ask("fs_csv_string(' a,b')"), "\"a,b\"");
}

TEST_F(ScalarFunctionTest, ErrorsCarrySparksClass) {
  EXPECT_THAT(Ask("fs_divide(1, 0)"), StartsWith("error: Invalid Input Error: [DIVIDE_BY_ZERO]"));
  EXPECT_THAT(Ask("fs_add_int(2147483647, 1)"), HasSubstr("[ARITHMETIC_OVERFLOW]"));
  EXPECT_THAT(
      Ask("fs_string_to_int('1.5')"),
      HasSubstr("[CAST_INVALID_INPUT] The value '1.5' of the type \"STRING\" cannot be cast to "
                "\"INT\""));
  EXPECT_THAT(Ask("fs_double_to_int(1e10)"), HasSubstr("[CAST_OVERFLOW] The value 1.0E10"));
  EXPECT_THAT(Ask("fs_repeat('ab', 2000000000)"), HasSubstr("repeat would make a text of"));
}

}  // namespace
}  // namespace firesteel
