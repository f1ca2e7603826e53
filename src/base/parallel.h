#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace firesteel {

/// Threads that share out the tasks of a loop. They are started by the first loop that has more
/// than one task and kept for the next, so that a pool that is never needed costs nothing.
/// Threads: one loop at a time; a task must not start another on the same pool.
class ThreadPool {
 public:
  /// `num_threads`, the caller's included: 1 (or less) runs every loop in the calling thread.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return num_threads_; }

  /// Calls task(0) to task(num_tasks - 1), each once, in no promised order, and returns when all
  /// have ended. Once a task has thrown, tasks that have not begun are left out; the exception that
  /// came first is rethrown here.
  void For(std::size_t num_tasks, const std::function<void(std::size_t)>& task);

 private:
  class Workers;

  int num_threads_;
  std::unique_ptr<Workers> workers_;  // Null until they are needed.
};

}  // namespace firesteel
