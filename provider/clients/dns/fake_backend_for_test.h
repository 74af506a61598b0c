// A DNS service in memory that keeps what it is given, and misbehaves as told.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "provider/clients/dns/backend.h"
#include "provider/clients/dns/name.h"

namespace charon::dns {

class FakeBackend final : public Backend {
 public:
  enum class Loss { kNone, kBefore, kAfter };

  // Misbehaviour.
  bool hold = false;              // the first write waits for Release()
  std::string refused;            // sets of that name are not valid
  bool names_the_guilty = false;  // says which unit is at fault
  Loss lose_next = Loss::kNone;   // the next write: its reply, or the request itself
  bool silent = false;            // nothing is answered
  absl::Status denied;            // every request is
  bool lists = true;
  Features has{.zones = true};
  std::string title = "cloudflare";
  std::string server = "dns.example";
  bool hides_zones = false;  // as from credentials that are not for them

  // What was asked.
  int asked = 0, looked_up = 0, writes = 0, awaited = 0;

  std::string AddZone(const std::string& name, std::optional<absl::Time> made = {}) {
    absl::MutexLock lock(&mutex_);
    Zone zone{
        absl::StrCat("fake-", zones_.size() + 1), name, {"ns1.example.net", "ns2.example.net"}};
    zone.made = made;
    zones_.push_back(zone);
    return zone.id;
  }
  void Limit(std::int64_t records) {
    absl::MutexLock lock(&mutex_);
    for (Zone& zone : zones_) zone.record_limit = records;
  }
  void Put(const Zone& zone, RecordSet set) {
    absl::MutexLock lock(&mutex_);
    const SetKey key = set.key;
    sets_[zone.id][key] = std::move(set);
  }
  void Remove(const Zone& zone, const SetKey& key) {
    absl::MutexLock lock(&mutex_);
    sets_[zone.id].erase(key);
  }
  std::map<SetKey, RecordSet> sets(const Zone& zone) {
    absl::MutexLock lock(&mutex_);
    return sets_[zone.id];
  }
  std::vector<Zone> zones() {
    absl::MutexLock lock(&mutex_);
    return zones_;
  }
  void AwaitWrite() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&writing_));
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    hold = false;
  }

  absl::string_view name() const override { return title; }
  Features features() const override { return has; }
  std::string Server() const override { return server; }
  bool IsZoneId(absl::string_view text) const override { return absl::StartsWith(text, "fake-"); }
  absl::StatusOr<Zone> ZoneById(const Call&, const std::string& id) override {
    absl::MutexLock lock(&mutex_);
    ++asked;
    if (absl::Status status = Answers(); !status.ok()) return status;
    if (hides_zones) return absl::PermissionDeniedError("not your zone");
    for (const Zone& zone : zones_) {
      if (zone.id == id) return zone;
    }
    return absl::NotFoundError("no such zone");
  }
  absl::StatusOr<std::vector<Zone>> ZonesNamed(const Call&, const std::string& name) override {
    absl::MutexLock lock(&mutex_);
    ++asked;
    if (absl::Status status = Answers(); !status.ok()) return status;
    std::vector<Zone> found;
    for (const Zone& zone : zones_) {
      if (zone.name == name && !hides_zones) found.push_back(zone);
    }
    return found;
  }
  absl::StatusOr<std::vector<RecordSet>> List(const Call&, const Zone& zone) override {
    absl::MutexLock lock(&mutex_);
    if (!lists) return absl::UnimplementedError("no list");
    ++asked;
    if (absl::Status status = Answers(); !status.ok()) return status;
    std::vector<RecordSet> sets;
    for (const auto& [key, set] : sets_[zone.id]) sets.push_back(set);
    return sets;
  }
  absl::StatusOr<std::optional<RecordSet>> Lookup(const Call&, const Zone& zone,
                                                  const SetKey& key) override {
    absl::MutexLock lock(&mutex_);
    ++looked_up;
    if (absl::Status status = Answers(); !status.ok()) return status;
    const auto found = sets_[zone.id].find(key);
    return found == sets_[zone.id].end() ? std::optional<RecordSet>() : found->second;
  }
  std::size_t Fits(const Zone&, std::span<const Unit> units) const override {
    return std::min<std::size_t>(units.size(), 100);
  }

  WriteResult Write(const Call&, const Zone& zone, std::span<Unit> units) override {
    absl::MutexLock lock(&mutex_);
    ++writes;
    writing_ = true;
    mutex_.Await(absl::Condition(
        +[](bool* held) { return !*held; }, &hold));
    if (absl::Status status = Answers(); !status.ok()) return {status, {}};
    const Loss loss = std::exchange(lose_next, Loss::kNone);
    if (loss == Loss::kBefore) return {absl::UnavailableError("connection reset"), {}};
    std::map<SetKey, RecordSet> next = sets_[zone.id];
    WriteResult result;
    for (std::size_t i = 0; i < units.size() && result.status.ok(); ++i) {
      for (Change& change : units[i].changes) {
        const SetKey& key = change.after ? change.after->key : change.before->key;
        if (key.name == refused) {
          result.status = absl::InvalidArgumentError(absl::StrCat(refused, " is not valid"));
          if (names_the_guilty) result.at_fault.emplace_back(i, result.status);
        } else if (next.contains(key) != change.before.has_value()) {
          result.status = absl::AbortedError(
              absl::StrCat(Describe(key), change.before ? " is not there" : " exists already"));
        } else if (change.after) {
          if (change.before && !change.after->proxied)
            change.after->proxied = change.before->proxied;
          if (change.before && !change.after->comment)
            change.after->comment = change.before->comment;
          next.insert_or_assign(key, *change.after);
        } else {
          next.erase(key);
        }
      }
      units[i].receipt = absl::StrCat("change-", writes);
    }
    if (!result.status.ok()) return result;
    sets_[zone.id] = std::move(next);
    if (loss == Loss::kAfter) return {absl::UnavailableError("connection reset"), {}};
    return result;
  }
  absl::Status AwaitLive(const Call&, const std::string&) override {
    ++awaited;
    return absl::OkStatus();
  }
  absl::StatusOr<Zone> CreateZone(const Call& call, const NewZone& wanted) override {
    const Loss loss = std::exchange(lose_next, Loss::kNone);
    if (loss == Loss::kBefore) return absl::UnavailableError("connection reset");
    const std::string id = AddZone(wanted.name, call.clock->Now());
    absl::MutexLock lock(&mutex_);
    zones_.back().comment = wanted.comment;
    if (loss == Loss::kAfter) return absl::UnavailableError("connection reset");
    return zones_.back();
  }
  absl::Status DeleteZone(const Call&, const Zone& zone) override {
    absl::MutexLock lock(&mutex_);
    return std::erase_if(zones_, [&](const Zone& one) { return one.id == zone.id; }) > 0
               ? absl::OkStatus()
               : absl::NotFoundError("no such zone");
  }
  absl::Status UpdateZone(const Call&, const Zone& zone) override {
    absl::MutexLock lock(&mutex_);
    for (Zone& one : zones_) {
      if (one.id == zone.id) one.comment = zone.comment;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Answers() const { return silent ? absl::UnavailableError("no answer") : denied; }

  absl::Mutex mutex_;
  bool writing_ = false;
  std::vector<Zone> zones_;
  std::map<std::string, std::map<SetKey, RecordSet>> sets_;
};

}  // namespace charon::dns
