#include "provider/server/workers.h"

#include <utility>

namespace charon::server {

void Workers::Join() {
  std::vector<std::unique_ptr<Worker>> workers;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    for (Worker* worker : std::exchange(idle_, {})) worker->wake.notify_one();
    workers.swap(workers_);
  }
  for (const auto& worker : workers) worker->thread.join();
}

void Workers::Run(std::function<void()> task) {
  const std::scoped_lock lock(mutex_);
  if (!idle_.empty()) {
    Worker* worker = idle_.back();
    idle_.pop_back();
    worker->task = std::move(task);
    worker->wake.notify_one();
    return;
  }
  Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
  worker.task = std::move(task);
  worker.thread = std::thread([this, &worker] { Work(worker); });
}

void Workers::Work(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (true) {
    worker.wake.wait(lock, [&] { return worker.task != nullptr || ending_; });
    if (worker.task == nullptr) return;
    auto task = std::exchange(worker.task, nullptr);
    lock.unlock();
    task();
    task = nullptr;  // what it holds may be the last of its kind
    lock.lock();
    if (ending_) return;
    idle_.push_back(&worker);
  }
}

}  // namespace charon::server
