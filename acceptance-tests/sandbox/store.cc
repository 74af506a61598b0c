#include "store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace charon::sandbox {
namespace {

// Changes kept a resource; who falls further behind gets 410 Gone, as on a real server.
constexpr std::size_t kHistory = 20'000;

auto FirstAfter(const std::deque<Change>& changes, std::int64_t revision) {
  return std::upper_bound(changes.begin(), changes.end(), revision,
                          [](std::int64_t r, const Change& change) { return r < change.revision; });
}

}  // namespace

std::string Store::Key(absl::string_view ns, absl::string_view name) {
  return absl::StrCat(ns, "/", name);
}

ObjectPtr Store::Get(absl::string_view resource, absl::string_view ns,
                     absl::string_view name) const {
  const Objects& objects = All(resource);
  const auto it = objects.find(Key(ns, name));
  return it == objects.end() ? nullptr : it->second;
}

const Store::Objects& Store::All(absl::string_view resource) const {
  static const Objects& none = *new Objects();
  const auto it = objects_.find(std::string(resource));
  return it == objects_.end() ? none : it->second;
}

std::vector<ObjectPtr> Store::In(absl::string_view resource, absl::string_view ns) const {
  const Objects& objects = All(resource);
  const std::string prefix = absl::StrCat(ns, "/");
  std::vector<ObjectPtr> out;
  for (auto it = objects.lower_bound(prefix);
       it != objects.end() && absl::StartsWith(it->first, prefix); ++it) {
    out.push_back(it->second);
  }
  return out;
}

ObjectPtr Store::Put(absl::string_view resource, Json object) {
  const std::string key =
      Key(Text(object, {"metadata", "namespace"}), Text(object, {"metadata", "name"}));
  ++revision_;
  Ensure(object, {"metadata"})["resourceVersion"] = absl::StrCat(revision_);
  auto stored = std::make_shared<const Json>(std::move(object));
  ObjectPtr& slot = objects_[std::string(resource)][key];
  Change change{slot == nullptr ? Change::Kind::kAdded : Change::Kind::kModified, revision_,
                std::string(resource), stored, slot};
  slot = stored;
  Record(std::move(change));
  return stored;
}

void Store::Remove(absl::string_view resource, absl::string_view ns, absl::string_view name) {
  const auto objects = objects_.find(std::string(resource));
  if (objects == objects_.end()) return;
  const auto it = objects->second.find(Key(ns, name));
  if (it == objects->second.end()) return;
  ++revision_;
  Json last = *it->second;
  last["metadata"]["resourceVersion"] = absl::StrCat(revision_);
  Change change{Change::Kind::kDeleted, revision_, std::string(resource),
                std::make_shared<const Json>(std::move(last)), it->second};
  objects->second.erase(it);
  Record(std::move(change));
}

void Store::Clear() {
  objects_.clear();
  history_.clear();
  recent_.clear();
  compacted_ = ++revision_;
}

void Store::Record(Change change) {
  recent_.push_back(change);
  if (recent_.size() > kHistory) recent_.pop_front();
  std::deque<Change>& history = history_[change.resource];
  history.push_back(std::move(change));
  if (history.size() > kHistory) {
    compacted_ = std::max(compacted_, history.front().revision);
    history.pop_front();
  }
}

bool Store::ChangesSince(absl::string_view resource, std::int64_t revision,
                         std::vector<Change>* out) const {
  if (revision < compacted_) return false;
  const auto it = history_.find(std::string(resource));
  if (it == history_.end()) return true;
  out->insert(out->end(), FirstAfter(it->second, revision), it->second.end());
  return true;
}

std::vector<Change> Store::AllChangesSince(std::int64_t revision) const {
  return {FirstAfter(recent_, revision), recent_.end()};
}

void Store::Compact() {
  history_.clear();
  compacted_ = revision_;
}

}  // namespace charon::sandbox
