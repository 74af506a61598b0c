// Every API client a resource may ask for, built on first use from the provider block.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "provider/clients/headscale/client.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/kubeconfig.h"
#include "provider/conventions.h"
#include "provider/dns_services.h"
#include "provider/operations/apply_object.h"
#include "provider/sdk/context.h"

namespace charon {

// What the provider block came to. Immutable once published.
struct Settings {
  Conventions conventions;
  kubernetes::ConnectionSettings kubernetes;
  headscale::ConnectionSettings headscale;
  std::string vpn_base_domain;  // Headscale's dns.base_domain; empty if it was not given
  std::string field_manager = "charon";
  bool plan_checks = true;
  DnsSettings dns;
  bool configured = false;  // not yet where state moves are asked for
  // Where the block has unknown values: "kubernetes.host"; "" if it is unknown itself.
  std::vector<std::string> unknown;

  // What of `unknown` concerns `part`, which is "kubernetes", "conventions.tiers", or "" for all.
  std::vector<std::string> UnknownIn(absl::string_view part) const;
  bool Knows(absl::string_view part) const { return UnknownIn(part).empty(); }
  // Whether conventions.Labels() are known.
  bool KnowsLabels() const {
    return Knows("conventions.managed_by") && Knows("conventions.default_labels");
  }
};

// What ResourceInfo::needs of a resource says: where it is, and what marks an object as ours.
namespace needs {
inline std::vector<std::string> Kubernetes() { return {"kubernetes"}; }
inline std::vector<std::string> OwnedObjects() { return {"kubernetes", "conventions.owner"}; }
inline std::vector<std::string> LabelledObjects() {
  return {"kubernetes", "conventions.owner", "conventions.managed_by",
          "conventions.default_labels"};
}
inline std::vector<std::string> Headscale() { return {"headscale"}; }
inline std::vector<std::string> Dns() { return {"cloudflare", "aws", "rfc2136", "powerdns"}; }
}  // namespace needs

// One for the life of the process. Contacts nothing until a client is asked for. Safe for
// concurrent use.
class Services {
 public:
  // Makes a cluster from settings; tests pass their own.
  using ClusterFactory = std::function<absl::StatusOr<std::unique_ptr<kubernetes::Cluster>>(
      const kubernetes::ConnectionSettings&)>;

  // Makes a client of a Headscale server.
  using HeadscaleFactory = std::function<absl::StatusOr<std::unique_ptr<headscale::Client>>(
      const headscale::ConnectionSettings&)>;

  Services();
  explicit Services(ClusterFactory make_cluster);
  Services(ClusterFactory make_cluster, HeadscaleFactory make_headscale)
      : make_cluster_(std::move(make_cluster)), make_headscale_(std::move(make_headscale)) {}

  // Published by ConfigureProvider; clients of former settings live on until their calls have
  // ended.
  void Configure(Settings settings);

  std::shared_ptr<const Settings> settings() const;

  // The cluster. Errors as kubernetes::Resolve, with the provider argument to look at.
  absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> Kubernetes() const;

  // The Headscale server. Errors as headscale::Resolve.
  absl::StatusOr<std::shared_ptr<headscale::Client>> Headscale() const;

  // Uid of the namespace kube-system: the cluster's own identity. Asked once a run; empty if it
  // cannot be had.
  std::string ClusterId(const Call& call) const;

  // FailedPrecondition if `expected` is the id of another cluster than this one.
  absl::Status CheckClusterId(const Call& call, const std::optional<std::string>& expected) const;

  // The DNS services.
  DnsServices& dns() const { return dns_; }

  // Whose objects are: the field manager and the mark for one resource instance.
  operations::ObjectOptions Ownership(absl::string_view type, absl::string_view identity) const;

  // False if this run has claimed `place` already, which holds one thing only: two resources are
  // declared for it.
  bool Claim(absl::string_view place);
  void GiveBack(absl::string_view place);

  // Tiers that this run will make. Terraform plans what refers to a tier after the tier.
  void NotePlannedTier(TierProfile tier);
  std::optional<TierProfile> PlannedTier(absl::string_view name) const;

  // Secrets that this run makes or changes, as "namespace/name": their keys may come yet.
  void NotePlannedSecret(absl::string_view secret);
  bool PlansSecret(absl::string_view secret) const;

  // Namespaces whose quota or limits this run makes or changes: what they are now does not count.
  void NotePlannedQuota(absl::string_view name_space);
  bool PlansQuota(absl::string_view name_space) const;

  // Namespaces that this run makes, or whose Pod Security Standard it changes, with the level that
  // they will enforce; "" for none.
  void NotePlannedPodSecurity(absl::string_view name_space, absl::string_view level);
  std::optional<std::string> PlannedPodSecurity(absl::string_view name_space) const;

  // Asks the cluster about a plan, if checks are wanted and possible now: OK otherwise. One that
  // cannot be asked (no way to it is configured, it does not answer, it refuses the credentials) is
  // not asked again in this run, and a warning says so, once: this very run may make it.
  absl::Status CheckPlan(const sdk::Context& context,
                         const std::function<absl::Status(kubernetes::Cluster&)>& check) const;

  // The same with the Headscale server.
  absl::Status CheckHeadscalePlan(
      const sdk::Context& context,
      const std::function<absl::Status(headscale::Client&)>& check) const;

 private:
  // One of the servers that plans are checked by.
  struct PlanChecker {
    const char* name;  // in messages
    const char* part;  // of the provider block
    std::atomic<bool> unreachable = false;
  };

  template <typename Client>
  absl::Status Check(const sdk::Context& context, PlanChecker& checker,
                     absl::StatusOr<std::shared_ptr<Client>> (Services::*connect)() const,
                     const std::function<absl::Status(Client&)>& check) const;

  ClusterFactory make_cluster_;
  mutable DnsServices dns_;
  HeadscaleFactory make_headscale_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Settings> settings_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Settings>();
  mutable std::shared_ptr<kubernetes::Cluster> cluster_ ABSL_GUARDED_BY(mutex_);
  mutable std::shared_ptr<headscale::Client> headscale_ ABSL_GUARDED_BY(mutex_);
  mutable std::optional<std::string> cluster_id_ ABSL_GUARDED_BY(mutex_);
  mutable PlanChecker cluster_checker_{"cluster", "kubernetes"};
  mutable PlanChecker headscale_checker_{"Headscale server", "headscale"};
  std::set<std::string> claims_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, TierProfile> planned_tiers_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> planned_quotas_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> planned_pod_security_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> planned_secrets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon
