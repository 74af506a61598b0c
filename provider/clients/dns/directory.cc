#include "provider/clients/dns/directory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"

namespace charon::dns {
namespace {

// A server that did not answer is not asked again at once: two hundred records would each wait for
// it.
constexpr absl::Duration kSilence = absl::Seconds(5);
// How long a write that was sent is followed up after its deadline or a stop request.
constexpr absl::Duration kGrace = absl::Seconds(15);

// It is not known whether the service acted.
bool IsUnclear(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status) || absl::IsUnknown(status) || absl::IsInternal(status);
}

// Would happen to any other write just the same.
bool ConcernsAll(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status) ||
         absl::IsResourceExhausted(status) || absl::IsNotFound(status);
}

bool IsDone(const Change& change, const RecordSet* live) {
  return change.after ? live != nullptr && Satisfies(*live, *change.after) : live == nullptr;
}

}  // namespace

struct Directory::Pending {
  const Builder* builder = nullptr;
  std::vector<SetKey> keys;
  std::optional<SetKey> makes;
  absl::Time deadline = absl::InfiniteFuture();
  Unit unit;
  int tries = 0;
  absl::Status status;
  bool done = false;
};

struct Directory::State {
  absl::Mutex mutex;
  bool loading ABSL_GUARDED_BY(mutex) = false;
  bool listed ABSL_GUARDED_BY(mutex) = false;
  bool singly ABSL_GUARDED_BY(mutex) = false;  // the service lists nothing
  absl::Time failed_at ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  absl::Status failure ABSL_GUARDED_BY(mutex);
  std::map<SetKey, RecordSet> sets ABSL_GUARDED_BY(mutex);
  std::set<SetKey> looked_up ABSL_GUARDED_BY(mutex);
  std::set<SetKey> made ABSL_GUARDED_BY(mutex);
  std::int64_t planned ABSL_GUARDED_BY(mutex) = 0;

  std::vector<Pending*> queue ABSL_GUARDED_BY(mutex);
  std::uint64_t arrivals ABSL_GUARDED_BY(mutex) = 0;
  bool led ABSL_GUARDED_BY(mutex) = false;
  // Who is in Write(), and how many there were at a time lately.
  std::size_t inside ABSL_GUARDED_BY(mutex) = 0, peak ABSL_GUARDED_BY(mutex) = 0;

  std::int64_t Count() const ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    std::int64_t count = 0;
    for (const auto& [key, set] : sets) count += set.count();
    return count;
  }
};

// The sets as they will be after the changes of the batch so far.
class Directory::View final : public ZoneView {
 public:
  View(std::map<SetKey, RecordSet> sets, std::set<SetKey> made)
      : sets_(std::move(sets)), made_(std::move(made)) {}

  const RecordSet* Find(const SetKey& key) const override {
    const auto found = sets_.find(key);
    return found == sets_.end() ? nullptr : &found->second;
  }
  std::vector<const RecordSet*> Named(const std::string& name) const override {
    std::vector<const RecordSet*> found;
    for (auto it = sets_.lower_bound({name, "", ""}); it != sets_.end() && it->first.name == name;
         ++it)
      found.push_back(&it->second);
    return found;
  }
  bool MadeInThisRun(const SetKey& key) const override { return made_.contains(key); }

  std::int64_t Count() const {
    std::int64_t count = 0;
    for (const auto& [key, set] : sets_) count += set.count();
    return count;
  }
  void Take(const std::vector<Change>& changes, const std::optional<SetKey>& makes) {
    for (const Change& change : changes) {
      if (change.before) sets_.erase(change.before->key);
      if (change.after) sets_.insert_or_assign(change.after->key, *change.after);
    }
    if (makes) made_.insert(*makes);
  }

 private:
  std::map<SetKey, RecordSet> sets_;
  std::set<SetKey> made_;
};

Directory::Directory(std::unique_ptr<Backend> backend, DirectoryOptions options)
    : backend_(std::move(backend)), options_(options) {}
Directory::~Directory() = default;

absl::StatusOr<Zone> Directory::FindZone(const Call& call, const std::string& name_or_id) {
  const auto known = [&]() -> std::optional<absl::StatusOr<Zone>> {
    absl::MutexLock lock(&mutex_);
    if (const auto found = zones_.find(name_or_id); found != zones_.end()) return found->second;
    const auto silent = unanswered_.find(name_or_id);
    if (silent != unanswered_.end() && call.clock->Now() - silent->second.first < kSilence)
      return silent->second.second;
    return std::nullopt;
  };
  if (auto found = known()) return *std::move(found);
  absl::MutexLock asking(&asking_);
  if (auto found = known()) return *std::move(found);
  const auto ask = [&]() -> absl::StatusOr<Zone> {
    if (backend_->IsZoneId(name_or_id)) return backend_->ZoneById(call, name_or_id);
    CHARON_ASSIGN_OR_RETURN(const std::string name, CanonicalName(name_or_id));
    CHARON_ASSIGN_OR_RETURN(std::vector<Zone> zones, backend_->ZonesNamed(call, name));
    if (zones.empty()) {
      return WithRemedy(
          absl::NotFoundError(absl::StrCat("there is no zone \"", name,
                                           "\" that these credentials may see at ",
                                           backend_->name(), " (", backend_->Server(), ")")),
          "Check the zone's name and what the credentials are for; charon_dns_zone makes a zone.");
    }
    if (zones.size() == 1) return std::move(zones.front());
    // Of a public zone and private ones of the same name people mean the public one.
    std::vector<std::string> ids;
    std::vector<const Zone*> open;
    for (const Zone& zone : zones) {
      ids.push_back(zone.id);
      if (!zone.is_private) open.push_back(&zone);
    }
    if (open.size() == 1) return *open.front();
    return WithRemedy(
        absl::FailedPreconditionError(
            absl::StrCat(backend_->name(), " has ", zones.size(), " zones named \"", name, "\"")),
        absl::StrCat("Name the zone by its id, one of ", absl::StrJoin(ids, ", "), "."));
  };
  absl::StatusOr<Zone> zone = ask();
  absl::MutexLock lock(&mutex_);
  if (zone.ok()) {
    zones_.insert_or_assign(name_or_id, *zone);
  } else if (absl::IsUnavailable(zone.status()) || absl::IsDeadlineExceeded(zone.status())) {
    unanswered_[name_or_id] = {call.clock->Now(), zone.status()};
  }
  return zone;
}

void Directory::ForgetZone(const Zone& zone) {
  absl::MutexLock lock(&mutex_);
  states_.erase(zone.id);
  std::erase_if(zones_, [&](const auto& entry) { return entry.second.id == zone.id; });
}

std::shared_ptr<Directory::State> Directory::StateOf(const Zone& zone) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<State>& state = states_[zone.id];
  if (state == nullptr) state = std::make_shared<State>();
  return state;
}

absl::Status Directory::Load(const Call& call, const Zone& zone, State& state,
                             const std::vector<SetKey>& keys) {
  absl::MutexLock lock(&state.mutex);
  while (!state.listed && !state.singly) {
    if (state.loading) {
      state.mutex.AwaitWithTimeout(
          absl::Condition(
              +[](State* s) ABSL_NO_THREAD_SAFETY_ANALYSIS { return !s->loading; }, &state),
          absl::Milliseconds(50));
      CHARON_RETURN_IF_ERROR(call.Alive());
      continue;
    }
    if (!state.failure.ok() && call.clock->Now() - state.failed_at < kSilence) return state.failure;
    state.loading = true;
    state.mutex.Unlock();
    absl::StatusOr<std::vector<RecordSet>> sets = backend_->List(call, zone);
    state.mutex.Lock();
    state.loading = false;
    if (absl::IsUnimplemented(sets.status())) {
      state.singly = true;
    } else if (sets.ok()) {
      state.listed = true;
      state.sets.clear();
      for (RecordSet& set : *sets) state.sets.insert_or_assign(set.key, std::move(set));
    } else {
      state.failure = sets.status();
      state.failed_at =
          absl::IsUnavailable(sets.status()) || absl::IsDeadlineExceeded(sets.status())
              ? call.clock->Now()
              : absl::InfinitePast();
      return sets.status();
    }
  }
  if (state.listed) return absl::OkStatus();
  for (const SetKey& key : keys) {
    if (state.looked_up.contains(key)) continue;
    state.mutex.Unlock();
    absl::StatusOr<std::optional<RecordSet>> set = backend_->Lookup(call, zone, key);
    state.mutex.Lock();
    if (!set.ok()) return set.status();
    state.looked_up.insert(key);
    if (*set) {
      state.sets.insert_or_assign(key, **std::move(set));
    } else {
      state.sets.erase(key);
    }
  }
  return absl::OkStatus();
}

absl::Status Directory::Reload(const Call& call, const Zone& zone, State& state,
                               const Batch& batch) {
  std::vector<SetKey> keys;
  for (const Pending* pending : batch)
    keys.insert(keys.end(), pending->keys.begin(), pending->keys.end());
  {
    absl::MutexLock lock(&state.mutex);
    state.listed = false;
    state.failure = absl::OkStatus();
    for (const SetKey& key : keys) state.looked_up.erase(key);
  }
  return Load(call, zone, state, keys);
}

absl::StatusOr<std::optional<RecordSet>> Directory::Find(const Call& call, const Zone& zone,
                                                         const SetKey& key) {
  const std::shared_ptr<State> state = StateOf(zone);
  CHARON_RETURN_IF_ERROR(Load(call, zone, *state, {key}));
  absl::MutexLock lock(&state->mutex);
  const auto found = state->sets.find(key);
  return found == state->sets.end() ? std::optional<RecordSet>() : found->second;
}

absl::StatusOr<std::vector<RecordSet>> Directory::All(const Call& call, const Zone& zone) {
  const std::shared_ptr<State> state = StateOf(zone);
  CHARON_RETURN_IF_ERROR(Load(call, zone, *state, {}));
  absl::MutexLock lock(&state->mutex);
  if (!state->listed)
    return absl::UnimplementedError(absl::StrCat(
        "the records of ", zone.name, " cannot be listed: the server allows no zone transfer"));
  std::vector<RecordSet> sets;
  for (const auto& [key, set] : state->sets) sets.push_back(set);
  return sets;
}

absl::StatusOr<Directory::Budget> Directory::NotePlanned(const Call& call, const Zone& zone,
                                                         std::int64_t added) {
  const std::shared_ptr<State> state = StateOf(zone);
  if (zone.record_limit) CHARON_RETURN_IF_ERROR(Load(call, zone, *state, {}));
  absl::MutexLock lock(&state->mutex);
  state->planned += added;
  const std::int64_t used = state->Count();
  return Budget{used, used + state->planned, zone.record_limit};
}

bool Directory::ClaimPlanned(const std::string& zone, const SetKey& key) {
  absl::MutexLock lock(&mutex_);
  return claimed_.emplace(zone, key).second;
}

std::size_t Directory::QueuedForTest(const Zone& zone) {
  const std::shared_ptr<State> state = StateOf(zone);
  absl::MutexLock lock(&state->mutex);
  return state->queue.size();
}

absl::StatusOr<std::string> Directory::Write(const Call& call, const Zone& zone,
                                             const std::vector<SetKey>& keys,
                                             const Builder& builder,
                                             const std::optional<SetKey>& makes) {
  const std::shared_ptr<State> state = StateOf(zone);
  const absl::Status loaded = Load(call, zone, *state, keys);
  for (int announced = announced_;
       announced > 0 && !announced_.compare_exchange_weak(announced, announced - 1);) {
  }
  CHARON_RETURN_IF_ERROR(loaded);
  Pending pending;
  pending.builder = &builder;
  pending.keys = keys;
  pending.makes = makes;
  pending.deadline = call.deadline;
  {
    absl::MutexLock lock(&state->mutex);
    state->queue.push_back(&pending);
    ++state->arrivals;
    state->peak = std::max(state->peak, ++state->inside);
    std::pair<State*, Pending*> both(state.get(), &pending);
    while (!pending.done && state->led) {
      state->mutex.AwaitWithTimeout(
          absl::Condition(
              +[](std::pair<State*, Pending*>* b)
                   ABSL_NO_THREAD_SAFETY_ANALYSIS { return b->second->done || !b->first->led; },
              &both),
          absl::Milliseconds(50));
      // What has not been sent yet can be taken back.
      const auto queued = std::find(state->queue.begin(), state->queue.end(), &pending);
      if (queued == state->queue.end()) continue;
      if (absl::Status alive = call.Alive(); !alive.ok()) {
        state->queue.erase(queued);
        --state->inside;
        return alive;
      }
    }
    if (!pending.done) state->led = true;
  }
  if (!pending.done) Lead(call, zone, *state);
  {
    absl::MutexLock lock(&state->mutex);
    --state->inside;
  }
  if (!pending.status.ok()) return pending.status;
  return pending.unit.receipt;
}

void Directory::Lead(const Call& call, const Zone& zone, State& state) {
  std::uint64_t seen = 0;
  const absl::Time start = call.clock->Now();
  for (absl::Time last = start;;) {
    {
      absl::MutexLock lock(&state.mutex);
      const absl::Time now = call.clock->Now();
      if (state.arrivals != seen) {
        seen = state.arrivals;
        last = now;
      }
      const bool more = announced_ > 0 || state.queue.size() < state.peak;
      if (now - last >= (more ? options_.patience : options_.quiet) ||
          now - start >= options_.longest)
        break;
    }
    if (!call.clock->Sleep(options_.quiet / 4, call.stop)) break;
  }
  Batch batch;
  {
    absl::MutexLock lock(&state.mutex);
    batch.swap(state.queue);
    if (batch.size() < state.peak) state.peak = (state.peak + batch.size()) / 2;
  }
  Call longest = call;
  for (const Pending* pending : batch)
    longest.deadline = std::max(longest.deadline, pending->deadline);
  if (const absl::Status alive = call.Alive(); absl::IsCancelled(alive)) {
    absl::MutexLock lock(&state.mutex);
    for (Pending* pending : batch) pending->status = alive;
  } else {
    BuildAndSend(longest, zone, state, batch);
  }
  absl::MutexLock lock(&state.mutex);
  for (Pending* pending : batch) pending->done = true;
  state.led = false;
}

void Directory::Build(const Zone& zone, State& state, const Batch& batch, Batch& built) {
  std::optional<View> view;
  {
    absl::MutexLock lock(&state.mutex);
    view.emplace(state.sets, state.made);
  }
  std::int64_t count = view->Count();
  for (Pending* pending : batch) {
    absl::StatusOr<std::vector<Change>> changes = (*pending->builder)(*view);
    pending->status = changes.status();
    if (!changes.ok()) continue;
    std::int64_t added = 0;
    for (const Change& change : *changes)
      added +=
          (change.after ? change.after->count() : 0) - (change.before ? change.before->count() : 0);
    if (zone.record_limit && added > 0 && count + added > *zone.record_limit) {
      pending->status = WithRemedy(
          absl::FailedPreconditionError(absl::StrCat(
              "the zone ", zone.name, " has ", count, " records (those of this run counted), ",
              added, " more are wanted, and it may have ", *zone.record_limit)),
          "Remove records, leave out `ownership` (it takes a record for each set), or move the "
          "zone to a larger plan.");
      continue;
    }
    count += added;
    view->Take(*changes, pending->makes);
    pending->unit.changes = *std::move(changes);
    if (pending->unit.changes.empty()) {
      Succeed(state, *pending);
    } else {
      built.push_back(pending);
    }
  }
}

void Directory::BuildAndSend(const Call& call, const Zone& zone, State& state, const Batch& batch) {
  Batch built;
  Build(zone, state, batch, built);
  for (std::size_t next = 0; next < built.size();) {
    std::vector<Unit> units;
    for (std::size_t i = next; i < built.size(); ++i) units.push_back(built[i]->unit);
    const std::size_t fits = std::clamp<std::size_t>(backend_->Fits(zone, units), 1, units.size());
    Send(call, zone, state,
         Batch(built.begin() + static_cast<std::ptrdiff_t>(next),
               built.begin() + static_cast<std::ptrdiff_t>(next + fits)));
    next += fits;
  }
}

void Directory::Send(const Call& call, const Zone& zone, State& state, const Batch& batch) {
  if (batch.empty()) return;
  std::vector<Unit> units;
  for (const Pending* pending : batch) units.push_back(pending->unit);
  const WriteResult result = backend_->Write(call, zone, units);
  call.log->Debug("DNS changes sent", {{"zone", zone.name},
                                       {"sets", absl::StrCat(units.size())},
                                       {"result", absl::StatusCodeToString(result.status.code())}});
  if (result.status.ok()) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i]->unit = std::move(units[i]);
      Succeed(state, *batch[i]);
    }
    return;
  }
  if (IsUnclear(result.status)) {
    Settle(call, zone, state, batch, result.status);
  } else if (!result.at_fault.empty() && result.at_fault.size() < batch.size()) {
    Batch others;
    std::vector<bool> blamed(batch.size());
    for (const auto& [index, status] : result.at_fault) {
      blamed[index] = true;
      TellApart(call, zone, state, {batch[index]}, status);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!blamed[i]) others.push_back(batch[i]);
    }
    Send(call, zone, state, others);
  } else {
    TellApart(call, zone, state, batch, result.status);
  }
}

void Directory::TellApart(const Call& call, const Zone& zone, State& state, const Batch& batch,
                          const absl::Status& status) {
  if (ConcernsAll(status)) {
    for (Pending* pending : batch) pending->status = status;
    return;
  }
  if (batch.size() > 1) {
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
    Send(call, zone, state, Batch(batch.begin(), middle));
    Send(call, zone, state, Batch(middle, batch.end()));
    return;
  }
  Pending& pending = *batch.front();
  pending.status = status;
  // Something may have changed since the zone was read.
  if (absl::IsInvalidArgument(status) || pending.tries++ > 0 ||
      !Reload(call, zone, state, batch).ok())
    return;
  BuildAndSend(call, zone, state, batch);
}

void Directory::Settle(const Call& call, const Zone& zone, State& state, const Batch& batch,
                       const absl::Status& status) {
  Call grace = call;
  grace.deadline = std::max(call.deadline, call.clock->Now() + kGrace);
  if (call.stop.stop_requested()) {
    grace.deadline = call.clock->Now() + kGrace;
    grace.stop = {};
  }
  for (Pending* pending : batch) pending->status = status;
  if (!Reload(grace, zone, state, batch).ok()) return;
  Batch again;
  for (Pending* pending : batch) {
    bool done = true;
    {
      absl::MutexLock lock(&state.mutex);
      for (Change& change : pending->unit.changes) {
        const auto found = state.sets.find(change.after ? change.after->key : change.before->key);
        const RecordSet* live = found == state.sets.end() ? nullptr : &found->second;
        done = done && IsDone(change, live);
        if (done && change.after) change.after = *live;
      }
    }
    if (done) {
      Succeed(state, *pending);
    } else if (absl::IsUnavailable(status) && pending->tries++ == 0) {
      again.push_back(pending);
    }
  }
  if (!again.empty()) BuildAndSend(call, zone, state, again);
}

void Directory::Succeed(State& state, Pending& pending) {
  absl::MutexLock lock(&state.mutex);
  pending.status = absl::OkStatus();
  for (const Change& change : pending.unit.changes) {
    if (change.before) state.sets.erase(change.before->key);
    if (change.after) state.sets.insert_or_assign(change.after->key, *change.after);
  }
  if (pending.makes) state.made.insert(*pending.makes);
}

}  // namespace charon::dns
