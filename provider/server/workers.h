// Threads for what may wait: as many as there are tasks at once, kept for the next ones.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace charon::server {

// Thread-safe. No task waits for another to end: where all threads are busy there is one more. So
// there are as many as there ever were tasks at once, which Terraform's -parallelism limits.
class Workers {
 public:
  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() { Join(); }

  // `task` throws nothing.
  void Run(std::function<void()> task);

  // Waits for the tasks under way. No task may come any more.
  void Join();

 private:
  struct Worker {
    std::condition_variable wake;
    std::function<void()> task;  // guarded by mutex_
    std::thread thread;
  };

  void Work(Worker& worker);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;  // guarded by mutex_
  // The last one to become idle is the next to work: its stack is still in the caches.
  std::vector<Worker*> idle_;  // guarded by mutex_
  bool ending_ = false;        // guarded by mutex_
};

}  // namespace charon::server
