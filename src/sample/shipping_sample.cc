#include "sample/shipping_sample.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace firesteel {
namespace {

// A category and the days it adds to a delivery.
struct Choice {
  std::string_view name;
  double days;
};

constexpr std::array kCarriers = {Choice{"BigBird", 1.2}, Choice{"Fernway Post", -0.3},
                                  Choice{"ParcelMoose", 0.0}, Choice{"SwiftCrate", -0.6}};
constexpr std::array kOrigins = {Choice{"Boston", -0.4},       Choice{"Chicago", 0.9},
                                 Choice{"Dallas", 0.3},        Choice{"Denver", -1.5},
                                 Choice{"Phoenix", 0.0},       Choice{"Salt Lake City", -2.8},
                                 Choice{"San Francisco", 1.7}, Choice{"Seattle", 1.3}};
constexpr std::array kPriorities = {Choice{"Air", -1.1}, Choice{"Express", -2.3},
                                    Choice{"Ground", 1.9}, Choice{"Standard", 1.0}};
constexpr std::array kBulk = {Choice{"Bulk Order", -1.1}, Choice{"Single Order", 1.1}};

constexpr std::array<std::string_view, 4> kBrands = {"Alder", "Brook", "Cinder", "Dune"};
constexpr std::array<std::string_view, 3> kModels = {"Basic", "Plus", "Pro"};
constexpr std::array<int, 10> kScreenTenths = {105, 112, 124, 131, 136, 140, 145, 154, 160, 172};
constexpr std::size_t kNumProducts = kBrands.size() * kModels.size() * kScreenTenths.size();

constexpr std::string_view kOrderHeader =
    "ActualShippingDays,ExpectedShippingDays,Carrier,YShippingDistance,XShippingDistance,"
    "InBulkOrder,ShippingOrigin,OrderDate,OrderID,ShippingPriority,OnTimeDelivery,ProductId\n";
constexpr std::string_view kProductHeader =
    "ComputerBrand,ComputerModel,ScreenSize,PackageWeight,ProductId\n";

constexpr std::int64_t kChunkRows = 16384;
constexpr std::size_t kLongestRow = 256;

using UuidText = std::array<char, 36>;

UuidText MakeUuid(SplitMix64& random) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint64_t high = random.Next();
  std::uint64_t low = random.Next();
  // Version 4, variant 1 (RFC 9562).
  high = (high & ~0xF000ull) | 0x4000ull;
  low = (low & ~(3ull << 62)) | (2ull << 62);
  UuidText text;
  std::size_t at = 0;
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text[at++] = '-';
    std::uint64_t& word = digit < 16 ? high : low;
    text[at++] = kDigits[word >> 60];
    word <<= 4;
  }
  return text;
}

// 140 is "14", 105 "10.5".
std::string Tenths(int value) {
  return value % 10 == 0 ? fmt::format("{}", value / 10)
                         : fmt::format("{}.{}", value / 10, value % 10);
}

// The 730 days from 2020-01-01, as 1/1/20.
std::vector<std::string> MakeDates() {
  constexpr std::array<int, 12> kDaysOfMonth = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  std::vector<std::string> dates;
  for (int year = 20; year <= 21; ++year) {
    for (int month = 1; month <= 12; ++month) {
      const int leap_day = year == 20 && month == 2 ? 1 : 0;
      const int days = kDaysOfMonth[static_cast<std::size_t>(month) - 1] + leap_day;
      for (int day = 1; day <= days; ++day) {
        dates.push_back(fmt::format("{}/{}/{}", month, day, year));
      }
    }
  }
  dates.resize(730);
  return dates;
}

// A whole number between -456 and 456, most often near 0: the sum of four uniform ones.
int MakeDistance(SplitMix64& random) {
  const std::uint64_t bits = random.Next();
  std::int64_t sum = 0;
  for (int part = 0; part < 4; ++part) {
    sum += static_cast<std::int64_t>((bits >> (16 * part)) & 0xFFFF);
  }
  return static_cast<int>((sum - 131070) * 228 / 65535);
}

// About normal, with standard deviation 1.
double MakeNoise(SplitMix64& random) {
  return (random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2.0;
}

// Appends to memory that is known to suffice.
class RowWriter {
 public:
  explicit RowWriter(char* begin) : at_(begin) {}

  void Text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void Number(int value) {
    const fmt::format_int text(value);
    Text({text.data(), text.size()});
  }
  void Char(char c) { *at_++ = c; }
  char* at() const { return at_; }

 private:
  char* at_;
};

class ShippingSample {
 public:
  explicit ShippingSample(std::uint64_t seed) : dates_(MakeDates()) {
    SplitMix64 random(seed);
    order_seed_ = random.Next();
    for (std::size_t i = 0; i < kNumProducts; ++i) product_ids_.push_back(MakeUuid(random));
  }

  std::string Products() const {
    std::string csv(kProductHeader);
    std::size_t product = 0;
    for (std::size_t brand = 0; brand < kBrands.size(); ++brand) {
      for (std::size_t model = 0; model < kModels.size(); ++model) {
        for (const int screen : kScreenTenths) {
          const int weight = (screen - 60) / 2 + static_cast<int>(2 * brand + 3 * model) + 18;
          const UuidText& id = product_ids_[product++];
          csv += fmt::format("{},{},{},{},{}\n", kBrands[brand], kModels[model], Tenths(screen),
                             Tenths(weight), std::string_view(id.data(), id.size()));
        }
      }
    }
    return csv;
  }

  // Writes order `row`, which depends on the seed and its own number alone. Returns the end.
  char* WriteOrder(std::int64_t row, char* out) const {
    SplitMix64 random(SplitMix64(order_seed_ + static_cast<std::uint64_t>(row)).Next());
    const Choice& carrier = kCarriers[random.NextBelow(kCarriers.size())];
    const Choice& origin = kOrigins[random.NextBelow(kOrigins.size())];
    const Choice& priority = kPriorities[random.NextBelow(kPriorities.size())];
    const Choice& bulk = kBulk[random.NextBelow(kBulk.size())];
    const int x = MakeDistance(random);
    const int y = MakeDistance(random);
    const std::string& date = dates_[random.NextBelow(dates_.size())];
    const UuidText order_id = MakeUuid(random);
    const UuidText& product_id = product_ids_[random.NextBelow(product_ids_.size())];

    const double distance = std::sqrt(static_cast<double>(x * x + y * y));
    // What the shop promises leaves some of the road, the carrier and the priority aside.
    const double promised = 10.4 + 0.6 * carrier.days + 0.9 * origin.days + 0.7 * priority.days +
                            bulk.days + distance / 42.0 + 0.5 * MakeNoise(random);
    double needed = 8.9 + carrier.days + origin.days + priority.days + bulk.days + distance / 30.0 +
                    1.1 * MakeNoise(random);
    // What goes by road is held up now and then.
    if (priority.days > 0.0 && random.NextBelow(10) == 0) needed += 1.0 + 5.0 * random.NextDouble();
    const int expected = std::max(1, static_cast<int>(std::lround(promised)));
    const int actual = std::max(0, static_cast<int>(std::lround(needed)));

    RowWriter csv(out);
    csv.Number(actual);
    csv.Char(',');
    csv.Number(expected);
    csv.Char(',');
    csv.Text(carrier.name);
    csv.Char(',');
    csv.Number(y);
    csv.Char(',');
    csv.Number(x);
    csv.Char(',');
    csv.Text(bulk.name);
    csv.Char(',');
    csv.Text(origin.name);
    csv.Char(',');
    csv.Text(date);
    csv.Char(',');
    csv.Text({order_id.data(), order_id.size()});
    csv.Char(',');
    csv.Text(priority.name);
    csv.Text(actual <= expected + 1 ? ",On Time," : ",Late,");
    csv.Text({product_id.data(), product_id.size()});
    csv.Char('\n');
    return csv.at();
  }

 private:
  std::vector<std::string> dates_;
  std::uint64_t order_seed_ = 0;
  std::vector<UuidText> product_ids_;
};

// A file that gets its name when it is complete, and is gone if it never is.
class NewFile {
 public:
  NewFile(const std::filesystem::path& directory, std::string_view name)
      : path_(directory / name),
        temporary_(directory / fmt::format(".{}.firesteel-{}", name, RandomUuid())),
        descriptor_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) Fail(errno);
  }

  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  ~NewFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }

  void Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) Fail(errno);
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  void Commit() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) Fail(errno);
    const int descriptor = std::exchange(descriptor_, -1);
    // Some file systems report a full disk only here.
    if (::close(descriptor) != 0) Fail(errno);
  }

 private:
  [[noreturn]] void Fail(int reason) const {
    throw Error(ErrorKind::kIo,
                fmt::format("writing {}: {}; choose a directory that can be written "
                            "and has room",
                            path_.string(), std::strerror(reason)));
  }

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_;
};

// Fills chunks on several threads and writes them in order. A thread waits with its filled chunk
// for its turn, so there is one chunk in memory per thread.
class OrderedWriter {
 public:
  OrderedWriter(const ShippingSample& sample, std::int64_t num_rows, NewFile& file)
      : sample_(sample), num_rows_(num_rows), file_(file) {}

  void Run(int num_threads) {
    {
      std::vector<std::jthread> threads;
      for (int i = 1; i < num_threads; ++i) threads.emplace_back([this] { Work(); });
      Work();
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void Work() {
    try {
      std::vector<char> buffer(static_cast<std::size_t>(kChunkRows) * kLongestRow);
      for (;;) {
        const std::int64_t chunk = next_chunk_.fetch_add(1);
        const std::int64_t begin = chunk * kChunkRows;
        if (begin >= num_rows_) return;
        const std::int64_t end = std::min(begin + kChunkRows, num_rows_);
        char* out = buffer.data();
        for (std::int64_t row = begin; row < end; ++row) out = sample_.WriteOrder(row, out);

        std::unique_lock lock(mutex_);
        turn_.wait(lock, [&] { return chunk == chunk_to_write_ || failure_; });
        if (failure_) return;
        file_.Write({buffer.data(), static_cast<std::size_t>(out - buffer.data())});
        ++chunk_to_write_;
        turn_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      turn_.notify_all();
    }
  }

  const ShippingSample& sample_;
  const std::int64_t num_rows_;
  NewFile& file_;
  std::atomic<std::int64_t> next_chunk_ = 0;
  std::mutex mutex_;
  std::condition_variable turn_;
  std::int64_t chunk_to_write_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void WriteShippingSample(const SampleOptions& options) {
  if (options.num_rows < 1) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("sample data: {} rows were asked for; give 1 or more", options.num_rows));
  }
  const std::filesystem::path directory(options.directory);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("making the directory {}: {}; choose another one",
                                            options.directory, error.message()));
  }
  const int num_threads = options.num_threads > 0
                              ? options.num_threads
                              : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const std::int64_t num_chunks = (options.num_rows + kChunkRows - 1) / kChunkRows;
  const ShippingSample sample(options.seed);
  NewFile products(directory, "ProductDescriptions.csv");
  products.Write(sample.Products());
  NewFile orders(directory, "ShippingLogs.csv");
  orders.Write(kOrderHeader);
  OrderedWriter(sample, options.num_rows, orders)
      .Run(static_cast<int>(std::min<std::int64_t>(num_threads, num_chunks)));
  products.Commit();
  orders.Commit();
}

}  // namespace firesteel
