#include "sample/shipping_sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

class ShippingSampleTest : public ::testing::Test {
 protected:
  ShippingSampleTest() {
    std::string name = ::testing::TempDir() + "shipping_sample_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = name;
  }
  ~ShippingSampleTest() override { std::filesystem::remove_all(root_); }

  // The text of one file of a fresh sample.
  std::string Make(const SampleOptions& options, const std::string& file) {
    WriteShippingSample(options);
    std::ifstream in(std::filesystem::path(options.directory) / file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::string Folder(const std::string& name) const { return (root_ / name).string(); }

  std::filesystem::path root_;
};

std::vector<std::vector<std::string>> Rows(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) rows.push_back(Split(line, ','));
  return rows;
}

TEST_F(ShippingSampleTest, OrdersHaveTheColumnsAndFormatsOfTheWorkflow) {
  const auto rows =
      Rows(Make({.directory = Folder("new/deeper"), .num_rows = 2000}, "ShippingLogs.csv"));
  ASSERT_EQ(rows.size(), 2001u);
  EXPECT_THAT(rows[0],
              ::testing::ElementsAre("ActualShippingDays", "ExpectedShippingDays", "Carrier",
                                     "YShippingDistance", "XShippingDistance", "InBulkOrder",
                                     "ShippingOrigin", "OrderDate", "OrderID", "ShippingPriority",
                                     "OnTimeDelivery", "ProductId"));
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  const std::regex date("([1-9]|1[0-2])/([1-9]|[12][0-9]|3[01])/2[01]");
  std::set<std::string> carriers, origins, priorities, order_ids, dates;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    ASSERT_EQ(row.size(), 12u) << i;
    EXPECT_THAT(std::stoi(row[0]), ::testing::AllOf(::testing::Ge(0), ::testing::Le(40)));
    EXPECT_THAT(std::stoi(row[1]), ::testing::AllOf(::testing::Ge(1), ::testing::Le(30)));
    EXPECT_THAT(std::stoi(row[3]), ::testing::AllOf(::testing::Ge(-456), ::testing::Le(456)));
    EXPECT_THAT(std::stoi(row[4]), ::testing::AllOf(::testing::Ge(-456), ::testing::Le(456)));
    EXPECT_THAT(row[5], ::testing::AnyOf("Bulk Order", "Single Order"));
    EXPECT_TRUE(std::regex_match(row[7], date)) << row[7];
    EXPECT_TRUE(std::regex_match(row[8], uuid)) << row[8];
    EXPECT_EQ(row[10], std::stoi(row[0]) > std::stoi(row[1]) + 1 ? "Late" : "On Time");
    carriers.insert(row[2]);
    origins.insert(row[6]);
    dates.insert(row[7]);
    order_ids.insert(row[8]);
    priorities.insert(row[9]);
  }
  EXPECT_EQ(order_ids.size(), 2000u);
  EXPECT_GT(dates.size(), 600u);
  EXPECT_EQ(carriers.size(), 4u);
  EXPECT_TRUE(carriers.contains("BigBird"));
  EXPECT_EQ(origins.size(), 8u);
  for (const char* origin : {"Chicago", "Seattle", "San Francisco", "Salt Lake City"}) {
    EXPECT_TRUE(origins.contains(origin)) << origin;
  }
  EXPECT_THAT(priorities, ::testing::ElementsAre("Air", "Express", "Ground", "Standard"));
}

TEST_F(ShippingSampleTest, OrdersNameTheProducts) {
  const SampleOptions options = {.directory = Folder("a"), .num_rows = 5000};
  const auto products = Rows(Make(options, "ProductDescriptions.csv"));
  ASSERT_EQ(products.size(), 121u);
  EXPECT_THAT(products[0], ::testing::ElementsAre("ComputerBrand", "ComputerModel", "ScreenSize",
                                                  "PackageWeight", "ProductId"));
  std::set<std::string> known, used;
  for (std::size_t i = 1; i < products.size(); ++i) {
    ASSERT_EQ(products[i].size(), 5u);
    EXPECT_GT(std::stod(products[i][2]), 10.0);
    EXPECT_GT(std::stod(products[i][3]), 1.0);
    known.insert(products[i][4]);
  }
  EXPECT_EQ(known.size(), 120u);
  const auto orders = Rows(Make(options, "ShippingLogs.csv"));
  for (std::size_t i = 1; i < orders.size(); ++i) used.insert(orders[i][11]);
  EXPECT_EQ(used, known);
}

TEST_F(ShippingSampleTest, ThreadsDoNotChangeAByte) {
  // Several chunks, the last one not full.
  SampleOptions options = {.directory = Folder("a"), .num_rows = 50001, .num_threads = 1};
  const std::string one = Make(options, "ShippingLogs.csv");
  options.num_threads = 5;
  EXPECT_EQ(Make(options, "ShippingLogs.csv"), one);
}

TEST_F(ShippingSampleTest, MoreRowsBeginWithTheSameRows) {
  const std::string few = Make({.directory = Folder("a"), .num_rows = 100}, "ShippingLogs.csv");
  const std::string many = Make({.directory = Folder("a"), .num_rows = 300}, "ShippingLogs.csv");
  EXPECT_EQ(many.substr(0, few.size()), few);
}

TEST_F(ShippingSampleTest, AnotherSeedGivesOtherOrdersAndProducts) {
  for (const char* file : {"ShippingLogs.csv", "ProductDescriptions.csv"}) {
    const std::string one = Make({.directory = Folder("a"), .num_rows = 100, .seed = 1}, file);
    const std::string two = Make({.directory = Folder("a"), .num_rows = 100, .seed = 2}, file);
    EXPECT_NE(one, two) << file;
  }
}

TEST_F(ShippingSampleTest, DaysDependOnWhatAModelCanSee) {
  const auto rows = Rows(Make({.directory = Folder("a"), .num_rows = 20000}, "ShippingLogs.csv"));
  std::map<std::string, std::pair<double, int>> by_priority;
  double near = 0.0, far = 0.0, error_of_expected = 0.0, error_of_mean = 0.0, mean = 0.0;
  int num_near = 0, num_far = 0;
  const double n = static_cast<double>(rows.size() - 1);
  for (std::size_t i = 1; i < rows.size(); ++i) mean += std::stod(rows[i][0]) / n;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double days = std::stod(rows[i][0]);
    const double x = std::stod(rows[i][3]);
    const double y = std::stod(rows[i][4]);
    error_of_expected += std::fabs(days - std::stod(rows[i][1])) / n;
    error_of_mean += std::fabs(days - mean) / n;
    auto& [sum, count] = by_priority[rows[i][9]];
    sum += days;
    ++count;
    if (x * x + y * y < 100.0 * 100.0) {
      near += days;
      ++num_near;
    } else if (x * x + y * y > 200.0 * 200.0) {
      far += days;
      ++num_far;
    }
  }
  EXPECT_GT(far / num_far, near / num_near + 3.0);
  EXPECT_GT(by_priority["Ground"].first / by_priority["Ground"].second,
            by_priority["Express"].first / by_priority["Express"].second + 3.0);
  // The estimate helps, and leaves something to find.
  EXPECT_LT(error_of_expected, 0.75 * error_of_mean);
  EXPECT_GT(error_of_expected, 1.2);
}

TEST_F(ShippingSampleTest, LeavesNoTemporaryFile) {
  WriteShippingSample({.directory = Folder("a"), .num_rows = 10});
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(Folder("a"))) {
    names.insert(entry.path().filename());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("ProductDescriptions.csv", "ShippingLogs.csv"));
}

TEST_F(ShippingSampleTest, RefusesNoRows) {
  try {
    WriteShippingSample({.directory = Folder("a"), .num_rows = 0});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(error.what(), "sample data: 0 rows were asked for; give 1 or more");
  }
  EXPECT_FALSE(std::filesystem::exists(Folder("a")));
}

TEST_F(ShippingSampleTest, NamesTheFileItCannotWrite) {
  // A directory stands where the file should go.
  std::filesystem::create_directories(Folder("a/ShippingLogs.csv/in_the_way"));
  try {
    WriteShippingSample({.directory = Folder("a"), .num_rows = 10});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(Folder("a") + "/ShippingLogs.csv: "));
  }
}

TEST_F(ShippingSampleTest, NamesTheDirectoryItCannotMake) {
  std::ofstream(Folder("file")) << "x";
  try {
    WriteShippingSample({.directory = Folder("file/below"), .num_rows = 10});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(Folder("file/below")));
  }
}

}  // namespace
}  // namespace firesteel
