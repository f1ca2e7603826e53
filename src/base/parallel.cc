#include "base/parallel.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace firesteel {

class ThreadPool::Workers {
 public:
  explicit Workers(int num_workers) {
    try {
      for (int i = 0; i < num_workers; ++i) threads_.emplace_back([this] { Work(); });
    } catch (...) {
      Stop();
      throw;
    }
  }

  ~Workers() { Stop(); }

  void For(std::size_t num_tasks, const std::function<void(std::size_t)>& task) {
    {
      const std::lock_guard lock(mutex_);
      task_ = &task;
      num_tasks_ = num_tasks;
      next_task_.store(0);
      error_ = nullptr;
      num_busy_ = threads_.size();
      ++loop_;
    }
    loop_began_.notify_all();
    RunTasks();
    std::unique_lock lock(mutex_);
    loop_ended_.wait(lock, [this] { return num_busy_ == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void Work() {
    std::size_t last_loop = 0;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        loop_began_.wait(lock, [&] { return stopping_ || loop_ != last_loop; });
        if (stopping_) return;
        last_loop = loop_;
      }
      RunTasks();
      const std::lock_guard lock(mutex_);
      if (--num_busy_ == 0) loop_ended_.notify_one();
    }
  }

  void RunTasks() {
    while (true) {
      const std::size_t i = next_task_.fetch_add(1);
      if (i >= num_tasks_) return;
      try {
        (*task_)(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        next_task_.store(num_tasks_);
      }
    }
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    loop_began_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  std::mutex mutex_;
  std::condition_variable loop_began_;
  std::condition_variable loop_ended_;
  bool stopping_ = false;
  std::size_t loop_ = 0;      // Counts the calls of For.
  std::size_t num_busy_ = 0;  // Workers that have not finished with this loop.
  // Set before a loop begins and read-only until it has ended.
  const std::function<void(std::size_t)>* task_ = nullptr;
  std::size_t num_tasks_ = 0;
  std::atomic<std::size_t> next_task_ = 0;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

ThreadPool::ThreadPool(int num_threads) : num_threads_(num_threads < 1 ? 1 : num_threads) {}

ThreadPool::~ThreadPool() = default;

void ThreadPool::For(std::size_t num_tasks, const std::function<void(std::size_t)>& task) {
  if (num_threads_ == 1 || num_tasks < 2) {
    for (std::size_t i = 0; i < num_tasks; ++i) task(i);
    return;
  }
  if (!workers_) workers_ = std::make_unique<Workers>(num_threads_ - 1);
  workers_->For(num_tasks, task);
}

}  // namespace firesteel
