// "Ask once": what a run reads of a cluster, with as few requests as it takes.
//
// A refresh asks for hundreds of objects, one by one and ten at a time, and does not say how many
// will follow. One GET an object is slow where there are many; one LIST of a kind is slow where our
// ten objects stand among fifty thousand others. So the first read of a kind is a GET, the second
// starts a LIST: of the namespace if all reads so far were in one, of the whole cluster otherwise.
// Its first page is short and says how many objects follow; the rest is fetched only if that costs
// no more than the reads seen so far have (by CPU time, see kItemsPerRead). Otherwise reads stay
// GETs, until enough of them have come.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// Objects of a page of a LIST.
inline constexpr int kPage = 500;

struct ListRequest {
  std::string name_space;  // empty: all
  std::string label_selector;
  int limit = 0;
  std::string continue_token;
};

// Where the snapshot gets its objects: one request each. The body of a 200, the server's refusal
// otherwise.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  virtual absl::StatusOr<std::string> GetBody(const Call& call, const ResourceInfo& info,
                                              const ObjectRef& ref) = 0;
  // What is wrong with `object`, read from `body`, as the answer to a question for `ref`.
  virtual absl::Status CheckAnswer(absl::string_view body, const Json& object,
                                   const ResourceInfo& info, const ObjectRef& ref) const = 0;
  virtual absl::StatusOr<std::string> ListBody(const Call& call, const ResourceInfo& info,
                                               const ListRequest& request) = 0;
};

struct SnapshotOptions {
  // Marks the objects that will be asked for. A LIST then brings only those, and says nothing about
  // an object that is not in it. Empty: lists are complete.
  std::string label_selector;
  // Texts are kept, not trees: an object takes five to ten times its text as a Json.
  std::size_t max_kept_bytes = std::size_t{24} << 20;
};

// Safe for concurrent use. `source` must outlive it.
class Snapshot {
 public:
  explicit Snapshot(SnapshotSource& source, SnapshotOptions options = {})
      : source_(source), options_(std::move(options)) {}

  // The object as of this run, with apiVersion and kind. NotFound if there is none. What a list
  // says about absence is believed for ten seconds: others create objects while we work.
  absl::StatusOr<std::shared_ptr<const Json>> Read(const Call& call, const ResourceInfo& info,
                                                   const ObjectRef& ref);

  // The server answered a write, or a newer read, of ours with this object.
  void Wrote(const ObjectRef& ref, std::string body);
  // We deleted it; `gone` if the server said that it is gone already. What was in it, if it is a
  // namespace or a definition, is read from the server from now on.
  void Deleted(const ObjectRef& ref, bool gone);
  // It is unclear what became of it (a write failed): reads go to the server from now on.
  void Unsure(const ObjectRef& ref);

 private:
  // A JSON text that may be part of a larger one.
  struct Text {
    std::shared_ptr<const std::string> owner;
    absl::string_view json;
  };
  using Texts = absl::flat_hash_map<std::string, Text>;  // by "namespace/name"

  // What we wrote ourselves, or read singly. Stands above every list.
  struct Own {
    enum State { kText, kGone, kUnsure };
    State state = kUnsure;
    Text text;
  };

  // What one LIST can tell: a kind in one namespace, or everywhere.
  struct Scope {
    enum State {
      kUnlisted,
      kListing,
      kTooLarge,  // a LIST was given up: `size` objects
      kListed,
      kRefused,  // not allowed, not offered, or it failed
    };
    State state = kUnlisted;
    Texts found;     // of the last complete LIST
    Texts incoming;  // of the one under way
    std::size_t found_bytes = 0, incoming_bytes = 0;
    absl::Time started;
    std::int64_t size = 0;
    std::int64_t bytes_an_item = 0;
    int reads = 0;   // that needed the server, those waiting included
    int missed = 0;  // of those: since the last LIST
  };

  struct Kind {
    std::string plural;
    Scope everywhere;
    std::map<std::string, Scope> namespaces;
    std::set<std::string> missed_namespaces;  // since the last LIST of everything
    int namespaces_listed = 0;
    std::int64_t bytes_an_item = 0;  // of the last single GET
    std::map<std::string, Own> own;  // by "namespace/name"
    bool deleted = false;            // its definition was
  };

  struct Step {
    enum Action { kAnswer, kAbsent, kWait, kList, kGet };
    Action action = kGet;
    Text text{};               // kAnswer
    Scope* scope = nullptr;    // kList
    std::string name_space{};  // kList
    bool keep = true;          // kGet
  };

  Step Next(const Call& call, const ResourceInfo& info, const ObjectRef& ref, bool& counted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Scope* ScopeToList(Kind& kind, const ResourceInfo& info, const std::string& name_space) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Worthwhile(const Scope& scope) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool FitsBudget(const Scope& scope, std::int64_t more_items) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIncoming(Scope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetOwn(Kind& kind, const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status List(const Call& call, const ResourceInfo& info, const ObjectRef& ref, Scope& scope,
                    const std::string& name_space);
  absl::Status ListPages(const Call& call, const ResourceInfo& info, Scope& scope,
                         const std::string& name_space);
  absl::StatusOr<std::shared_ptr<const Json>> Get(const Call& call, const ResourceInfo& info,
                                                  const ObjectRef& ref, bool keep);
  void Keep(Kind& kind, const std::string& key, std::shared_ptr<const std::string> text)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Kind& KindOf(const ObjectKind& kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  SnapshotSource& source_;
  const SnapshotOptions options_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<ObjectKind, std::unique_ptr<Kind>> kinds_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> deleted_namespaces_ ABSL_GUARDED_BY(mutex_);
  std::size_t kept_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool found_large_ ABSL_GUARDED_BY(mutex_) = false;  // any scope was kTooLarge
};

}  // namespace charon::kubernetes
