#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>
#include <map>
#include <random>

#include "engine/duckdb/duckdb_engine.h"
#include "engine/duckdb/test_files.h"

namespace firesteel::duckdb {
namespace {

using sql::Call;
using sql::Column;
using sql::Literal;
using sql::Select;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A number that has a place in an order although it may be NaN, which comes last; -0.0 is 0.0.
struct Ordered {
  bool is_nan;
  double value;
  explicit Ordered(double x)
      : is_nan(std::isnan(x)),
        value(std::isnan(x) ? 0.0
              : x == 0.0    ? 0.0
                            : x) {}
  double get() const { return is_nan ? kNaN : value; }
  auto operator<=>(const Ordered&) const = default;
};

// WeightedValue with NaNs that equal each other.
std::string Text(const std::vector<WeightedValue>& values) {
  std::string text;
  for (const WeightedValue& value : values) {
    text +=
        fmt::format("{}{}@{}:{}", text.empty() ? "" : " ", value.value, value.weight, value.count);
  }
  return text;
}

// Each cell as "bins|label@weight:count".
std::vector<std::string> Texts(const Cells& cells) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto begin = cells.bins.begin() + static_cast<std::ptrdiff_t>(i * cells.num_features);
    const auto end = begin + static_cast<std::ptrdiff_t>(cells.num_features);
    texts.push_back(fmt::format("{}|{}@{}:{}", fmt::join(begin, end, " "), cells.labels[i],
                                cells.weights[i], cells.counts[i]));
  }
  return texts;
}

FeatureBins Continuous(std::vector<double> thresholds) {
  return {std::nullopt, std::move(thresholds)};
}
FeatureBins Categorical(std::int32_t arity) { return {arity, {}}; }

// A table x, y, slot, label, weight; the features are x, one-hot(slot) and y side by side.
class CellQueriesTest : public FilesTest {
 protected:
  // Three entries of six are stored dense, two sparse.
  static constexpr std::size_t kNumSlots = 4;
  static constexpr std::size_t kWidth = kNumSlots + 2;
  // How the features lie there: made on the fly of numbers; assembled on the fly of numbers and
  // stored vectors, whose lengths are known or not; stored as vectors.
  enum class Form { kNumbers, kParts, kUnknownParts, kVectors };
  static constexpr Form kForms[] = {Form::kNumbers, Form::kParts, Form::kUnknownParts,
                                    Form::kVectors};

  CellQueriesTest() { Open(2); }

  void Open(int num_threads) { engine_ = OpenDuckDb({.num_threads = num_threads}); }

  // Rows of "x,y,slot,label,weight". Declared types, as some columns may be empty.
  Relation Features(const std::string& rows, Form form) {
    CsvSource source;
    source.files = {File("rows.csv", "x,y,slot,label,weight\n" + rows)};
    for (const char* name : {"x", "y", "slot", "label", "weight"}) {
      source.types.emplace_back(name, kDoubleType);
    }
    Select encode;
    encode.items = {
        {nullptr, ""},
        {Call("ml_one_hot", {Column("slot"), Literal(std::int32_t{kNumSlots})}), "hot"}};
    Relation encoded = engine_->Keep(engine_->Query(engine_->ReadCsv(source), encode));
    if (form == Form::kParts || form == Form::kUnknownParts) encoded = Stored(encoded);
    if (form == Form::kParts) {
      Schema schema = encoded.schema();
      schema.at(*schema.Find("hot")).attributes = AttributeGroup{kNumSlots, std::nullopt};
      encoded = encoded.WithSchema(std::move(schema));
    }
    Select assemble;
    assemble.items = {{Column("label"), "label"},
                      {Column("weight"), "weight"},
                      {Call("ml_assemble", {Column("x"), Column("hot"), Column("y")}), "v"}};
    const Relation assembled = engine_->Query(encoded, assemble);
    if (form == Form::kVectors) return Stored(assembled);
    Select rename;
    rename.items = {{Column("weight"), "w"}, {Column("label"), "l"}, {Column("v"), "f"}};
    const Relation renamed = engine_->Query(assembled, rename);
    Select back;
    back.items = {{Column("w"), "weight"}, {Column("l"), "label"}, {Column("f"), "v"}};
    return engine_->Query(renamed, back);
  }

  // The same rows read from a file.
  Relation Stored(const Relation& relation) {
    const std::string folder = Folder(fmt::format("stored_{}", ++num_stored_));
    const WriteResult written = engine_->Write(relation, {.directory = folder, .uuid = "u"});
    std::vector<std::string> files;
    for (const std::string& name : written.files) files.push_back(folder + "/" + name);
    return engine_->ReadParquet(files);
  }

  static TrainingView View(bool has_weight = false) {
    TrainingView view{{"v", kWidth}, "label", std::nullopt};
    if (has_weight) view.weight = "weight";
    return view;
  }
  // One bin for each feature but x and y.
  static std::vector<FeatureBins> BinsOf(FeatureBins x, FeatureBins y) {
    std::vector<FeatureBins> bins(kWidth);
    bins.front() = std::move(x);
    bins.back() = std::move(y);
    return bins;
  }

  std::optional<Cells> PlainCells(const Relation& relation, const TrainingView& view,
                                  const std::vector<FeatureBins>& bins) {
    using Key = std::tuple<std::vector<std::uint16_t>, Ordered, Ordered>;
    std::map<Key, std::int64_t> counts;
    bool is_usable = true;
    ScanRows(relation, view, [&](std::span<const double> row) {
      std::vector<std::uint16_t> places;
      for (const double x : row) is_usable = is_usable && std::isfinite(x);
      for (std::size_t i = 0; i < bins.size(); ++i) {
        if (bins[i].arity) {
          is_usable = is_usable && row[i] >= 0.0 && row[i] < *bins[i].arity;
          places.push_back(is_usable ? static_cast<std::uint16_t>(row[i]) : 0);
        } else {
          const std::vector<double>& thresholds = bins[i].thresholds;
          places.push_back(static_cast<std::uint16_t>(
              std::lower_bound(thresholds.begin(), thresholds.end(), row[i]) - thresholds.begin()));
        }
      }
      ++counts[{places, Ordered(row[kWidth]), Ordered(view.weight ? row[kWidth + 1] : 1.0)}];
    });
    if (!is_usable) return std::nullopt;
    Cells cells;
    cells.num_features = bins.size();
    for (const auto& [key, count] : counts) {
      const auto& [places, label, weight] = key;
      cells.bins.insert(cells.bins.end(), places.begin(), places.end());
      cells.labels.push_back(label.get());
      cells.weights.push_back(weight.get());
      cells.counts.push_back(count);
    }
    return cells;
  }

  std::vector<WeightedValue> PlainValues(const Relation& relation, const TrainingView& view,
                                         std::size_t feature) {
    std::map<std::pair<Ordered, Ordered>, std::int64_t> counts;
    ScanRows(relation, view, [&](std::span<const double> row) {
      ++counts[{Ordered(row[feature]), Ordered(view.weight ? row[kWidth + 1] : 1.0)}];
    });
    std::vector<WeightedValue> values;
    for (const auto& [pair, count] : counts) {
      values.push_back({pair.first.get(), pair.second.get(), count});
    }
    return values;
  }

  void ScanRows(const Relation& relation, const TrainingView& view,
                const std::function<void(std::span<const double>)>& visit) {
    std::vector<ScanColumn> columns = {view.features, {view.label}};
    if (view.weight) columns.push_back({*view.weight});
    engine_->Scan(relation, columns, [&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) visit(rows.row(row));
    });
  }

  std::unique_ptr<Engine> engine_;
  int num_stored_ = 0;
};

TEST_F(CellQueriesTest, RowsOfTheSameBinsAndLabelAreOneCell) {
  // x <= 1 is bin 0, 1 < x <= 2 bin 1, x > 2 bin 2; y is a category.
  const std::string rows =
      "1,0,0,10,1\n"
      "0.5,0,0,10,1\n"
      "1.5,0,0,10,1\n"
      "2,0.9,0,10,1\n"
      "2.5,2,0,-3,1\n"
      "-7,0,0,9,1\n";
  for (const Form form : kForms) {
    const std::optional<Cells> cells = engine_->MakeCells(
        Features(rows, form), View(), BinsOf(Continuous({1.0, 2.0}), Categorical(3)));
    ASSERT_TRUE(cells);
    EXPECT_EQ(cells->num_features, kWidth);
    EXPECT_THAT(Texts(*cells), ElementsAre("0 0 0 0 0 0|9@1:1", "0 0 0 0 0 0|10@1:2",
                                           "1 0 0 0 0 0|10@1:2", "2 0 0 0 0 2|-3@1:1"));
  }
}

TEST_F(CellQueriesTest, SlotsOfVectorsAreFeaturesLikeNumbers) {
  // The slots 0 to 3 of the one-hot vector are features 1 to 4; slot 7 has no entry.
  const std::string rows = "0,0,0,1,1\n0,0,3,1,1\n9,9,2,1,1\n0,0,7,1,1\n";
  std::vector<FeatureBins> bins(kWidth, Continuous({0.0}));
  for (const std::size_t slot : {1, 4}) bins[slot] = Categorical(2);
  for (const Form form : kForms) {
    const std::optional<Cells> cells = engine_->MakeCells(Features(rows, form), View(), bins);
    ASSERT_TRUE(cells);
    EXPECT_THAT(Texts(*cells), ElementsAre("0 0 0 0 0 0|1@1:1", "0 0 0 0 1 0|1@1:1",
                                           "0 1 0 0 0 0|1@1:1", "1 0 0 1 0 1|1@1:1"));
  }
}

TEST_F(CellQueriesTest, WeightsTellCellsApart) {
  const std::string rows = "0,0,0,1,2\n0,0,0,1,0.5\n0,0,0,1,2\n";
  for (const Form form : kForms) {
    const Relation relation = Features(rows, form);
    const std::vector<FeatureBins> bins(kWidth);
    EXPECT_THAT(Texts(*engine_->MakeCells(relation, View(true), bins)),
                ElementsAre("0 0 0 0 0 0|1@0.5:1", "0 0 0 0 0 0|1@2:2"));
    EXPECT_THAT(Texts(*engine_->MakeCells(relation, View(), bins)),
                ElementsAre("0 0 0 0 0 0|1@1:3"));
  }
}

TEST_F(CellQueriesTest, NegativeZerosAreZeros) {
  const std::string rows = "-0.0,-0.0,0,-0.0,-0.0\n0,0,0,0,0\n";
  for (const Form form : kForms) {
    const Relation relation = Features(rows, form);
    const std::optional<Cells> cells =
        engine_->MakeCells(relation, View(true), BinsOf(Continuous({0.0}), Categorical(1)));
    ASSERT_TRUE(cells);
    EXPECT_THAT(Texts(*cells), ElementsAre("0 0 0 0 0 0|0@0:2"));
    const std::size_t x[] = {0};
    EXPECT_EQ(Text(engine_->DistinctValues(relation, View(true), x)[0]), "0@0:2");
  }
}

TEST_F(CellQueriesTest, ARowThatCannotBeUsedMakesNoCells) {
  const std::string good = "1,1,1,1,1\n";
  const std::vector<FeatureBins> bins = BinsOf(Continuous({1.0}), Categorical(3));
  for (const Form form : kForms) {
    for (const char* bad :
         {"NaN,1,1,1,1", "Inf,1,1,1,1", "-Inf,1,1,1,1", ",1,1,1,1", "1,1,,1,1", "1,1,1,,1",
          "1,1,1,NaN,1", "1,1,1,Inf,1", "1,1,1,1,", "1,1,1,1,NaN", "1,1,1,1,-Inf", "1,3,1,1,1",
          "1,-0.5,1,1,1", "1,-1,1,1,1", "1,1e300,1,1,1", "1,NaN,1,1,1"}) {
      EXPECT_FALSE(engine_->MakeCells(Features(good + bad + "\n" + good, form), View(true), bins))
          << bad;
    }
    EXPECT_TRUE(engine_->MakeCells(Features(good, form), View(true), bins));
    // The weight is not looked at.
    EXPECT_TRUE(engine_->MakeCells(Features("1,1,1,1,NaN\n", form), View(), bins));
  }
}

TEST_F(CellQueriesTest, CountsWhatCannotBeUsedByColumn) {
  const std::string rows =
      "NaN,1,1,1,1\n"
      "Inf,NaN,1,1,1\n"
      "1,1,1,,NaN\n"
      "1,1,1,-Inf,1\n"
      "1,1,,1,1\n"  // A null vector.
      "1,1,1,1,1\n";
  for (const Form form : kForms) {
    const Relation relation = Features(rows, form);
    EXPECT_THAT(engine_->CountUnusable(relation, View(true)), ElementsAre(3, 1, 1, 1, 1, 2, 2, 1));
    EXPECT_THAT(engine_->CountUnusable(relation, View()), ElementsAre(3, 1, 1, 1, 1, 2, 2));
    EXPECT_THAT(engine_->CountUnusable(Features("1,1,1,1,1\n", form), View(true)),
                ElementsAre(0, 0, 0, 0, 0, 0, 0, 0));
  }
}

TEST_F(CellQueriesTest, DistinctValuesAreSortedWithNanLast) {
  const std::string rows =
      "2,1,0,1,1\n"
      "NaN,1,0,1,1\n"
      "-Inf,1,0,1,2\n"
      "2,1,0,1,0.5\n"
      "2,1,0,1,1\n"
      "Inf,1,3,1,\n"
      "5,1,,1,1\n";  // A null vector: every feature is NaN.
  const std::size_t features[] = {4, 0, 1};
  for (const Form form : kForms) {
    const Relation relation = Features(rows, form);
    const auto values = engine_->DistinctValues(relation, View(true), features);
    ASSERT_EQ(values.size(), 3);
    EXPECT_EQ(Text(values[0]), "0@0.5:1 0@1:3 0@2:1 1@nan:1 nan@1:1");
    EXPECT_EQ(Text(values[1]), "-inf@2:1 2@0.5:1 2@1:2 inf@nan:1 nan@1:2");
    EXPECT_EQ(Text(values[2]), "0@nan:1 1@0.5:1 1@1:3 1@2:1 nan@1:1");
    EXPECT_EQ(Text(engine_->DistinctValues(relation, View(), features)[2]), "0@1:1 1@1:5 nan@1:1");
    EXPECT_THAT(engine_->DistinctValues(relation, View(), {}), IsEmpty());
  }
}

TEST_F(CellQueriesTest, RangesLeaveOutNullAndNan) {
  const std::string rows =
      "2,NaN,0,1,1\n"
      "NaN,NaN,2,1,1\n"
      "-3,NaN,2,1,1\n"
      "9,1,,1,1\n";  // A null vector has no values.
  const auto text = [](const std::vector<ValueRange>& ranges) {
    std::string all;
    for (const auto& [min, max] : ranges) all += fmt::format("{}..{} ", min, max);
    return all;
  };
  for (const Form form : kForms) {
    EXPECT_EQ(text(engine_->FeatureRanges(Features(rows, form), View())),
              "-3..2 0..1 0..0 0..1 0..0 nan..nan ");
    EXPECT_EQ(text(engine_->FeatureRanges(Features("1,1,1,1,1\n", form), View())),
              "1..1 0..0 1..1 0..0 0..0 1..1 ");
    EXPECT_EQ(text(engine_->FeatureRanges(Features("", form), View())),
              "nan..nan nan..nan nan..nan nan..nan nan..nan nan..nan ");
  }
}

TEST_F(CellQueriesTest, ARelationWithoutRowsHasNoValuesAndNoCells) {
  const std::size_t features[] = {0, 3};
  for (const Form form : kForms) {
    const Relation none = Features("", form);
    EXPECT_THAT(engine_->DistinctValues(none, View(true), features),
                ElementsAre(IsEmpty(), IsEmpty()));
    const std::optional<Cells> cells =
        engine_->MakeCells(none, View(true), std::vector<FeatureBins>(kWidth));
    ASSERT_TRUE(cells);
    EXPECT_EQ(cells->size(), 0);
    EXPECT_EQ(cells->num_features, kWidth);
    EXPECT_THAT(engine_->CountUnusable(none, View()), ElementsAre(0, 0, 0, 0, 0, 0, 0));
  }
}

TEST_F(CellQueriesTest, WhatDoesNotFitIsRefused) {
  const Relation relation = Features("1,1,1,1,1\n", Form::kVectors);
  const auto error = [&](ErrorKind kind, const TrainingView& view) {
    return ErrorOf(kind, [&] {
      engine_->MakeCells(relation, view, std::vector<FeatureBins>(view.features.width));
    });
  };
  EXPECT_EQ(error(ErrorKind::kInvalidArgument, {{"v", kWidth + 1}, "label", std::nullopt}),
            "column 'v' has a vector of 6 where a vector of 7 numbers was expected");
  EXPECT_EQ(error(ErrorKind::kInvalidArgument, {{"label", 1}, "label", std::nullopt}),
            "column 'label' is double, not a vector: nothing can be learnt from it");
  EXPECT_EQ(error(ErrorKind::kInvalidArgument, {{"v", kWidth}, "v", std::nullopt}),
            "column 'v' is vector; a label or weight must be numeric");
  const std::size_t features[] = {0};
  EXPECT_EQ(
      ErrorOf(
          ErrorKind::kInvalidArgument,
          [&] { engine_->DistinctValues(relation, {{"v", 3}, "label", std::nullopt}, features); }),
      "column 'v' has a vector of 6 where a vector of 3 numbers was expected");
  std::vector<FeatureBins> bins(kWidth);
  bins[2] = Categorical(65537);
  EXPECT_EQ(ErrorOf(ErrorKind::kUnsupported, [&] { engine_->MakeCells(relation, View(), bins); }),
            "feature 2 has 65537 bins, 65536 are the most");
}

TEST_F(CellQueriesTest, AFilterBetweenAssemblyAndViewHolds) {
  const Relation all = Features("1,1,1,1,1\n2,1,1,7,1\n", Form::kNumbers);
  Select some;
  some.items = {{nullptr, ""}};
  some.where = Call(">", {Column("label"), Literal(5.0)});
  const Relation filtered = engine_->Query(all, some);
  const std::vector<FeatureBins> bins(kWidth);
  EXPECT_THAT(Texts(*engine_->MakeCells(filtered, View(), bins)), ElementsAre("0 0 0 0 0 0|7@1:1"));
  const std::size_t x[] = {0};
  EXPECT_EQ(Text(engine_->DistinctValues(filtered, View(), x)[0]), "2@1:1");
}

// Keys of every width, from none to 16 bits a feature, in one word and in several; rows that are
// dense, sparse and both; against a plain computation over the rows.
TEST_F(CellQueriesTest, AgreesWithAPlainComputation) {
  std::mt19937_64 random(7);
  const auto pick = [&](std::uint64_t count) { return random() % count; };
  for (int round = 0; round < 32; ++round) {
    const std::uint64_t num_values = 2 + pick(round % 2 == 0 ? 8 : 100'000);
    const bool all_usable = round % 4 != 3;
    const std::size_t num_rows = pick(6000);
    std::string rows;
    for (std::size_t row = 0; row < num_rows; ++row) {
      const bool is_null = !all_usable && pick(1000) == 0;
      rows += fmt::format("{},{},{},{},{}\n",
                          pick(3) == 0 ? 0.0 : static_cast<double>(pick(num_values)) / 4.0,
                          is_null ? std::string("NaN") : fmt::format("{}", pick(300)), pick(8),
                          static_cast<double>(pick(4)) - 1.0, 1 + pick(2));
    }
    static constexpr std::size_t kSizes[] = {1, 2, 3, 7, 31, 32, 255, 300, 4097, 65536};
    std::vector<FeatureBins> bins(kWidth);
    for (FeatureBins& feature : bins) {
      const std::size_t num_bins = kSizes[pick(std::size(kSizes))];
      for (std::size_t i = 1; i < num_bins; ++i) {
        feature.thresholds.push_back(static_cast<double>(i) / 3.0 - 1.0);
      }
    }
    if (pick(2) == 0) bins.back() = Categorical(round == 2 ? 290 : 300);
    for (std::size_t i = 0; i < kNumSlots; ++i) {
      if (pick(2) == 0) bins[1 + i] = Categorical(2);
    }
    const Form form = kForms[round / 2 % 4];
    const Relation relation = Features(rows, form);
    const TrainingView view = View(pick(2) == 0);
    const std::optional<Cells> expected = PlainCells(relation, view, bins);
    const std::optional<Cells> cells = engine_->MakeCells(relation, view, bins);
    ASSERT_EQ(cells.has_value(), expected.has_value()) << "round " << round;
    if (cells) {
      ASSERT_EQ(Texts(*cells), Texts(*expected)) << "round " << round;
    }
    const std::vector<std::size_t> features = {kWidth - 1, 0, 1 + pick(kNumSlots)};
    const auto values = engine_->DistinctValues(relation, view, features);
    for (std::size_t i = 0; i < features.size(); ++i) {
      ASSERT_EQ(Text(values[i]), Text(PlainValues(relation, view, features[i])))
          << "round " << round << " feature " << features[i];
    }
  }
}

TEST_F(CellQueriesTest, RowsThatDoNotCollapseAreGroupedToo) {
  // More cells and values than are counted in memory (2^18), in keys of one word and of two.
  std::string rows;
  for (int i = 0; i < 280'000; ++i) {
    rows += fmt::format("{},{},{},{},{}\n", i / 5.0, i % 3, i % 5, i % 5, 1 + i % 2);
  }
  const Relation relation = Features(rows, Form::kNumbers);
  std::vector<double> thresholds;
  for (int i = 0; i < 65535; ++i) thresholds.push_back(i + 0.25);
  for (const bool is_wide : {false, true}) {
    std::vector<FeatureBins> bins(kWidth);
    bins.front() = Continuous(thresholds);
    if (is_wide) {
      for (FeatureBins& feature : bins) feature = Continuous(thresholds);
    }
    const std::optional<Cells> cells = engine_->MakeCells(relation, View(true), bins);
    ASSERT_TRUE(cells);
    EXPECT_GT(cells->size(), std::size_t{1} << 18);
    EXPECT_EQ(Texts(*cells), Texts(*PlainCells(relation, View(true), bins)));
  }
  const std::size_t features[] = {0, kWidth - 1};
  const auto values = engine_->DistinctValues(relation, View(true), features);
  EXPECT_EQ(values[0].size(), 280'000);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(Text(values[i]), Text(PlainValues(relation, View(true), features[i])));
  }
}

TEST_F(CellQueriesTest, ThreadsDoNotChangeCells) {
  std::string rows;
  for (int i = 0; i < 300'000; ++i) {
    rows += fmt::format("{},{},{},{},{}\n", i % 1013, i % 7, i % 6, i % 5, 1 + i % 2);
  }
  std::vector<double> thresholds;
  for (int i = 0; i < 299; ++i) thresholds.push_back(3.0 * i);
  const std::vector<FeatureBins> bins = BinsOf(Continuous(thresholds), Categorical(7));
  const std::size_t features[] = {0, 2, kWidth - 1};
  std::vector<std::string> expected_cells, expected_values;
  for (const int num_threads : {1, 2, 5}) {
    Open(num_threads);
    const Relation relation = Features(rows, Form::kNumbers);
    const std::vector<std::string> cells = Texts(*engine_->MakeCells(relation, View(true), bins));
    std::vector<std::string> texts;
    for (const auto& feature : engine_->DistinctValues(relation, View(true), features)) {
      texts.push_back(Text(feature));
    }
    if (num_threads == 1) {
      expected_cells = cells;
      expected_values = texts;
    }
    EXPECT_EQ(cells, expected_cells);
    EXPECT_EQ(texts, expected_values);
  }
  EXPECT_GT(expected_cells.size(), 10'000);
}

}  // namespace
}  // namespace firesteel::duckdb
