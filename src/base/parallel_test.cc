#include "base/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace firesteel {
namespace {

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const int num_threads : {0, 1, 2, 5}) {
    ThreadPool pool(num_threads);
    for (const std::size_t num_tasks : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> calls(num_tasks);
      pool.For(num_tasks, [&](std::size_t i) { ++calls[i]; });
      for (std::size_t i = 0; i < num_tasks; ++i) {
        EXPECT_EQ(calls[i], 1) << num_threads << " threads, task " << i << " of " << num_tasks;
      }
    }
  }
}

TEST(ThreadPool, OneThreadIsTheCallers) {
  ThreadPool pool(1);
  std::vector<std::thread::id> threads(3);
  pool.For(3, [&](std::size_t i) { threads[i] = std::this_thread::get_id(); });
  EXPECT_THAT(threads, ::testing::Each(std::this_thread::get_id()));
}

TEST(ThreadPool, RethrowsAndCanBeUsedAgain) {
  for (const int num_threads : {1, 3}) {
    ThreadPool pool(num_threads);
    std::atomic<int> calls = 0;
    const auto fail = [&](std::size_t i) {
      ++calls;
      if (i == 7) throw std::runtime_error("seven");
    };
    EXPECT_THROW(pool.For(100000, fail), std::runtime_error);
    EXPECT_GE(calls, 1);
    EXPECT_LT(calls, 100000) << "tasks after the failure are left out";
    calls = 0;
    pool.For(5, [&](std::size_t) { ++calls; });
    EXPECT_EQ(calls, 5);
  }
}

}  // namespace
}  // namespace firesteel
