#include "request_log.h"

#include <utility>

namespace charon::sandbox {
namespace {

// Older entries stay in the file only.
constexpr std::size_t kKept = 200'000;

}  // namespace

RequestLog::RequestLog(const std::string& file) : path_(file) {
  if (!path_.empty()) file_.open(path_, std::ios::app);
}

void RequestLog::Add(Json entry) {
  absl::MutexLock lock(&mu_);
  entry["n"] = ++count_;
  if (file_.is_open()) file_ << Dump(entry) << '\n' << std::flush;
  entries_.push_back(std::move(entry));
  if (entries_.size() > kKept) entries_.pop_front();
}

Json RequestLog::Entries(std::int64_t since) const {
  absl::MutexLock lock(&mu_);
  Json out = Json::array();
  for (const Json& entry : entries_) {
    if (Integer(entry, {"n"}) > since) out.push_back(entry);
  }
  return out;
}

void RequestLog::Reset() {
  absl::MutexLock lock(&mu_);
  entries_.clear();
  count_ = 0;
  if (file_.is_open()) {
    file_.close();
    file_.open(path_, std::ios::trunc);
  }
}

}  // namespace charon::sandbox
