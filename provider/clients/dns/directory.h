// One DNS service in one run: zones and their sets are asked for once, writes of many resources
// travel together.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/clients/dns/backend.h"

namespace charon::dns {

struct DirectoryOptions {
  // A batch is sent when nothing was added for `quiet`. While more is to be expected (announced, or
  // as many as wrote at a time before), that is `patience`; after `longest` it is sent in any case.
  absl::Duration quiet = absl::Milliseconds(40);
  absl::Duration patience = absl::Milliseconds(250);
  absl::Duration longest = absl::Seconds(1);
};

// What is known of a zone's sets while a change to it is put together.
class ZoneView {
 public:
  virtual ~ZoneView() = default;
  // nullptr if there is none.
  virtual const RecordSet* Find(const SetKey& key) const = 0;
  // The sets of that name, of any type; what is known of them where the service does not list.
  virtual std::vector<const RecordSet*> Named(const std::string& name) const = 0;
  // True if another resource of this run has made that set.
  virtual bool MadeInThisRun(const SetKey& key) const = 0;
};

// Safe for concurrent use.
class Directory {
 public:
  explicit Directory(std::unique_ptr<Backend> backend, DirectoryOptions options = {});
  ~Directory();

  Backend& backend() const { return *backend_; }

  // By name or id, as the user wrote it. NotFound; FailedPrecondition if several have that name.
  absl::StatusOr<Zone> FindZone(const Call& call, const std::string& name_or_id);
  void ForgetZone(const Zone& zone);

  absl::StatusOr<std::optional<RecordSet>> Find(const Call& call, const Zone& zone,
                                                const SetKey& key);
  // Unimplemented where the service does not list.
  absl::StatusOr<std::vector<RecordSet>> All(const Call& call, const Zone& zone);

  // A write will follow shortly: Terraform plans each change once more right before it is applied.
  void Announce() { ++announced_; }

  // Puts together the changes of one resource from the zone as it is right before the write; no
  // change is fine. Called again with fresh knowledge if the write failed because something was not
  // as thought. Quick: other writes wait for it.
  using Builder = std::function<absl::StatusOr<std::vector<Change>>(const ZoneView& zone)>;
  // Writes along with what others want to write to that zone at the moment. `keys` are what the
  // builder asks for. Returns the receipt for AwaitLive. ResourceExhausted if the zone's limit of
  // records leaves no room. After a lost reply the zone is read again to see what became of it.
  // `makes` is the set that the caller makes, for MadeInThisRun().
  absl::StatusOr<std::string> Write(const Call& call, const Zone& zone,
                                    const std::vector<SetKey>& keys, const Builder& builder,
                                    const std::optional<SetKey>& makes = std::nullopt);

  // What a plan adds. Returns how many records the zone has, will have by what was noted so far,
  // and may have.
  struct Budget {
    std::int64_t used = 0, planned = 0;
    std::optional<std::int64_t> limit;
  };
  absl::StatusOr<Budget> NotePlanned(const Call& call, const Zone& zone, std::int64_t added);

  // False if that set was claimed before in this run: two resources plan it.
  bool ClaimPlanned(const std::string& zone, const SetKey& key);

  std::size_t QueuedForTest(const Zone& zone);

 private:
  class View;
  struct Pending;
  struct State;
  using Batch = std::vector<Pending*>;

  std::shared_ptr<State> StateOf(const Zone& zone);
  absl::Status Load(const Call& call, const Zone& zone, State& state,
                    const std::vector<SetKey>& keys);
  absl::Status Reload(const Call& call, const Zone& zone, State& state, const Batch& batch);
  void Lead(const Call& call, const Zone& zone, State& state);
  void Build(const Zone& zone, State& state, const Batch& batch, Batch& built);
  void BuildAndSend(const Call& call, const Zone& zone, State& state, const Batch& batch);
  void Send(const Call& call, const Zone& zone, State& state, const Batch& batch);
  void TellApart(const Call& call, const Zone& zone, State& state, const Batch& batch,
                 const absl::Status& status);
  void Settle(const Call& call, const Zone& zone, State& state, const Batch& batch,
              const absl::Status& status);
  static void Succeed(State& state, Pending& pending);

  const std::unique_ptr<Backend> backend_;
  const DirectoryOptions options_;

  std::atomic<int> announced_ = 0;
  absl::Mutex mutex_;
  absl::Mutex asking_;                                         // held while zones are looked up
  std::map<std::string, Zone> zones_ ABSL_GUARDED_BY(mutex_);  // by what the user wrote
  std::map<std::string, std::pair<absl::Time, absl::Status>> unanswered_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<State>> states_ ABSL_GUARDED_BY(mutex_);  // by zone id
  std::set<std::pair<std::string, SetKey>> claimed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::dns
