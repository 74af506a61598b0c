// One Kubernetes cluster, as resources see it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/run_claims.h"

namespace charon::http {
class Transport;
}

namespace charon::kubernetes {

// A kind as the server offers it.
struct ResourceInfo {
  ObjectKind kind;
  std::string plural;  // "deployments"
  bool namespaced = false;
  std::vector<std::string> verbs;
};

struct ListOptions {
  std::string name_space{};  // empty: all
  std::string label_selector{};
  std::string field_selector{};
  int limit = 0;  // 0: all, fetched in pages
};

struct ApplyOptions {
  std::string manager = "charon";
  bool force = false;
  bool dry_run = false;
  bool wants_answer = false;  // of a dry run, which else answers null
};

// What is missing. NotFound always means that the object is gone, with its namespace or its kind if
// need be, and that a Kubernetes API server said so: a 404 of something else is Unavailable.
//   kVersion  Unimplemented: the server has the kind in other versions of its group only. Objects
//             of it may well exist; they are the same in all versions.
enum class Missing { kNothing, kObject, kNamespace, kKind, kVersion };
Missing MissingOf(const absl::Status& status);

// Unavailable, although the API server answers: it cannot tell which objects of the kind there are,
// since the kind's extension server is silent or its definition serves no version.
bool IsHidden(const absl::Status& status);

struct DeleteOptions {
  std::string propagation = "Background";  // "Foreground", "Orphan"
  std::string uid{};                       // precondition; empty: none
  bool dry_run = false;
};

struct ServerVersion {
  std::string git_version;  // "v1.36.3"
  int major = 0;
  int minor = 0;
};

enum class PatchType { kMerge, kJson, kStrategicMerge };

// One event of a watch. `object` is the object as of the event.
struct WatchEvent {
  std::string type;  // ADDED, MODIFIED, DELETED, IDLE
  const Json* object = nullptr;
};

// The resourceVersion that stands for "create, or refuse": see Cluster::Apply. No stored object has
// it, because etcd's first write gets revision 2, and the server ignores it where there is no
// object (v1.36.3: 201; 409 where there is one, also with force and for custom resources).
inline constexpr absl::string_view kMustNotExist = "1";

// Objects travel as Json (std::shared_ptr where the snapshot shares them). Every error carries the
// server's message and its ApiError (object.h). What is no answer of the Kubernetes API (a page of
// a proxy, another object than the one asked for) is Unavailable, and names the address. Safe for
// concurrent use.
class Cluster {
 public:
  virtual ~Cluster() = default;

  // How the server offers `kind`. NotFound if it does not (the message says that no CRD defines
  // it); Missing::kVersion if it does in another version, which the message names; Unavailable if
  // the extension server behind it does not answer. Discovery is fetched once and kept; a miss asks
  // once more if the answer is older than the last CRD that we wrote.
  virtual absl::StatusOr<ResourceInfo> Resolve(const Call& call, const ObjectKind& kind) = 0;

  // Every kind the server offers.
  virtual absl::StatusOr<std::vector<ResourceInfo>> Kinds(const Call& call) = 0;

  virtual absl::StatusOr<ServerVersion> Version(const Call& call) = 0;

  // The object now. NotFound if there is none, or no such kind. Where the server has the kind in
  // another version only, the object is read (watched, deleted) in that one.
  virtual absl::StatusOr<Json> Get(const Call& call, const ObjectRef& ref) = 0;

  // The object as of this run ("ask once"): the first reads of a kind are single GETs, from the
  // k-th on one LIST answers the rest. Own writes update what is kept. NotFound as Get.
  virtual absl::StatusOr<std::shared_ptr<const Json>> Read(const Call& call,
                                                           const ObjectRef& ref) = 0;

  virtual absl::StatusOr<std::vector<Json>> List(const Call& call, const ObjectKind& kind,
                                                 const ListOptions& options) = 0;

  // Server-side apply. Returns the object as stored; null for a dry run, of which only the verdict
  // counts. Aborted with the conflicting managers and fields as causes; InvalidArgument with fields
  // as causes.
  //
  // An object that carries metadata.resourceVersion = kMustNotExist is created or refused,
  // atomically: Aborted without causes if it is there already, provided that `force` is set (the
  // server looks for conflicts over fields first). One that carries metadata.uid is only ever
  // applied to that very object: Aborted if it is gone, InvalidArgument (field metadata.uid) if
  // another has its name.
  virtual absl::StatusOr<Json> Apply(const Call& call, const Json& object,
                                     const ApplyOptions& options) = 0;

  // POST with a field manager. AlreadyExists if it is there.
  virtual absl::StatusOr<Json> Create(const Call& call, const Json& object,
                                      const ApplyOptions& options) = 0;

  // Returns the object as stored. The answer of a dry run has nothing but its verdict.
  virtual absl::StatusOr<Json> Patch(const Call& call, const ObjectRef& ref, PatchType type,
                                     const Json& patch, absl::string_view manager,
                                     bool dry_run = false) = 0;

  // OK also means "accepted": finalizers may keep the object for a while. NotFound if it is not
  // there.
  virtual absl::Status Delete(const Call& call, const ObjectRef& ref,
                              const DeleteOptions& options) = 0;

  // Follows one object until `on_event` returns true (then OK), or the call ends. Starts with the
  // object as it is (ADDED, or DELETED with a null object if there is none). Resumes by itself,
  // falls back to polling where watch is forbidden or not offered. After `idle` without an event
  // the caller is told so (IDLE, with the last state). `on_event` runs on the calling thread and
  // may use the cluster.
  virtual absl::Status Watch(const Call& call, const ObjectRef& ref,
                             const std::function<bool(const WatchEvent&)>& on_event,
                             absl::Duration idle = absl::InfiniteDuration()) = 0;

  // GET of any path below the server's URL ("/api/v1/namespaces/x/pods/y/log?tailLines=20").
  virtual absl::StatusOr<std::string> GetRaw(const Call& call, absl::string_view path) = 0;

  // True if Apply or Create made this object in this run, and Delete has not removed it since.
  virtual bool CreatedThisRun(const ObjectRef& ref) const = 0;

  // What the procedures of this run agree on among themselves; no method above looks at it.
  RunClaims& claims() { return claims_; }

  // Who we are to this cluster, for messages: "context prod (user ci, /root/.kube/config)".
  virtual std::string Description() const = 0;

 private:
  RunClaims claims_;
};

struct ClusterOptions {
  // A selector that all objects carry which will be read (`Read`), if there is one.
  std::string snapshot_selector{};
  // Where the server is, for messages: "https://10.0.0.1:6443".
  std::string address{};
};

// `transport` takes paths ("/api/v1/...") and authenticates: see Connect() in kubeconfig.h.
std::unique_ptr<Cluster> NewCluster(std::unique_ptr<http::Transport> transport,
                                    std::string description, ClusterOptions options = {});

}  // namespace charon::kubernetes
