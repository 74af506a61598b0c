// Which kinds a server offers, and how they are called in URLs.
#pragma once

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
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// How often the list of kinds is asked for again that lacks some.
inline constexpr int kListTries = 5;

// Of a status that IsHidden.
inline constexpr char kHiddenPayload[] = "charon.internal/kubernetes-hidden";

// The kinds of one server, asked for once and kept for the run. Kinds that every server has under
// the same name are known without asking. Safe for concurrent use; several callers share one
// request.
class Discovery {
 public:
  // GET of `path` with this Accept header: the body of a 200, the server's refusal otherwise.
  // NotFound only of the path of one version, which the server then does not have.
  using Fetch = std::function<absl::StatusOr<std::string>(const Call& call, const std::string& path,
                                                          absl::string_view accept)>;

  explicit Discovery(Fetch fetch) : fetch_(std::move(fetch)) {}

  // Missing() if the server has no such kind.
  absl::StatusOr<ResourceInfo> Resolve(const Call& call, const ObjectKind& kind);

  // Every kind, those without "get" left out. API groups whose server does not answer are left out
  // too.
  absl::StatusOr<std::vector<ResourceInfo>> Kinds(
      const Call& call, absl::Duration max_age = absl::InfiniteDuration());

  // What to say when the server found nothing at a path of `kind`. From now on `kind` is no longer
  // taken to be built in.
  //   NotFound       it does not have the kind, nor an heir of it
  //   Unimplemented  only in other versions, which the message names
  //   Unavailable    that cannot be told: the extension server behind it does not answer
  //   OK             it lists the kind all the same
  // Otherwise the error of asking it.
  absl::Status Missing(const Call& call, const ObjectKind& kind);

  // A version of `kind` that the server has, where Missing() is Unimplemented.
  std::optional<ObjectKind> Served(const Call& call, const ObjectKind& kind);

  // We wrote or deleted this CustomResourceDefinition. Its kinds are known at once, whatever
  // discovery says, and what was asked before is out of date.
  void Wrote(const Json& crd, absl::Time now);
  void Deleted(absl::string_view crd_name);

  // When we wrote the definition of `kind` in this run; the server may take a second to serve it.
  std::optional<absl::Time> WrittenAt(const ObjectKind& kind) const;

 private:
  // The kinds of one group and version; nothing if they were not asked for yet, which happens only
  // on servers without aggregated discovery (before 1.26).
  using Version = std::optional<std::vector<ResourceInfo>>;

  // What /api or /apis said.
  struct Catalogue {
    std::map<std::string, Version> versions;  // by "group/version"
    std::set<std::string> silent;       // of those: the extension server behind it did not answer
    std::set<std::string> asked_alone;  // what `versions` has of these, or has not, is certain
    absl::Time asked;
    int generation = 0;
  };
  enum Part { kCore, kGroups };

  static Part PartOf(const ObjectKind& kind) { return kind.group().empty() ? kCore : kGroups; }

  // The catalogue, asked for if it is missing, older than `max_age`, or than the last CRD we wrote.
  absl::StatusOr<std::shared_ptr<const Catalogue>> Get(const Call& call, Part part,
                                                       absl::Duration max_age);
  // The same, with the kinds of `api_version` (of every version if empty) filled in.
  absl::StatusOr<std::shared_ptr<const Catalogue>> Fill(const Call& call, Part part,
                                                        std::shared_ptr<const Catalogue> catalogue,
                                                        const std::string& api_version);
  absl::StatusOr<std::shared_ptr<const Catalogue>> Ask(const Call& call, Part part);
  absl::StatusOr<std::shared_ptr<const Catalogue>> AskVersions(const Call& call, Part part,
                                                               const Catalogue& catalogue,
                                                               const std::string& api_version);
  // The same, with every version of what `kind` may be in filled in.
  absl::StatusOr<std::shared_ptr<const Catalogue>> FillGroup(const Call& call,
                                                             const ObjectKind& kind,
                                                             absl::Duration max_age);
  // The same, after asking for the version of `kind` alone.
  absl::StatusOr<std::shared_ptr<const Catalogue>> AskAlone(
      const Call& call, const ObjectKind& kind, std::shared_ptr<const Catalogue> catalogue);
  // Runs `ask` while no other thread does, and publishes its result; `done` (called under the lock)
  // says that another thread's result will do.
  absl::StatusOr<std::shared_ptr<const Catalogue>> Once(
      const Call& call, Part part, const std::function<bool()>& done,
      const std::function<absl::StatusOr<std::shared_ptr<const Catalogue>>()>& ask);

  static const ResourceInfo* Find(const Catalogue& catalogue, const ObjectKind& kind);
  static absl::Status MissingStatus(const ObjectKind& kind, const Catalogue& catalogue);

  const Fetch fetch_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const Catalogue> parts_[2] ABSL_GUARDED_BY(mutex_);
  int generation_ ABSL_GUARDED_BY(mutex_) = 0;  // counts the CRDs we wrote or deleted
  std::set<ObjectKind> disproved_ ABSL_GUARDED_BY(mutex_);
  struct OwnKind {
    ResourceInfo info;
    std::string crd_name;
    absl::Time written;
  };
  std::map<ObjectKind, OwnKind> own_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::kubernetes
