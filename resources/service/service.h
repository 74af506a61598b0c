// charon_service: the model and its table.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/timeouts.h"
#include "resources/service/container.h"
#include "resources/service/expose.h"

namespace charon::service {

struct ClaimModel {
  Attr<std::string> mount, sub_path, size, storage_class, autoresize;
  Attr<std::set<std::string>> access_modes;
  Attr<bool> read_only, per_replica;
  static const ObjectSpec<ClaimModel>& Describe();
};

struct NfsModel {
  Attr<std::string> path, server, size;
  Attr<bool> in_line;
  Attr<std::set<std::string>> access_modes;
  static const ObjectSpec<NfsModel>& Describe();
};

struct EmptyDirModel {
  Attr<std::string> medium, size_limit;
  static const ObjectSpec<EmptyDirModel>& Describe();
};

struct HostPathModel {
  Attr<std::string> path, type;
  static const ObjectSpec<HostPathModel>& Describe();
};

// A ConfigMap or Secret as files.
struct SourceModel {
  Attr<std::string> name, mode;
  Attr<StringMap> items;
  Attr<bool> optional_source;
  static const ObjectSpec<SourceModel>& Describe();
};

struct VolumeModel {
  Attr<std::string> mount, sub_path, existing_claim;
  Attr<bool> read_only;
  Attr<NfsModel> nfs;
  Attr<EmptyDirModel> empty_dir;
  Attr<HostPathModel> host_path;
  Attr<SourceModel> config_map, secret;
  // Not an attribute: of the entries of `claims`, which are volumes like the others to the pod
  // (VolumesOf).
  Attr<ClaimModel> claim;
  static const ObjectSpec<VolumeModel>& Describe();
};

struct FileModel {
  Attr<std::string> content, content_base64, mode, on_change;
  static const ObjectSpec<FileModel>& Describe();
};

struct ConfigDirModel {
  Attr<StringMap> files;
  Attr<std::string> mode, on_change;
  static const ObjectSpec<ConfigDirModel>& Describe();
};

// A Secret that External Secrets makes.
struct StoreSecretModel {
  Attr<std::string> store, store_kind, extract, refresh, on_change, deletion_policy;
  Attr<StringMap> values, render;
  static const ObjectSpec<StoreSecretModel>& Describe();
};

struct GeneratedSecretModel {
  Attr<std::string> kind, rotation_trigger;
  Attr<std::int64_t> length;
  Attr<bool> env;
  static const ObjectSpec<GeneratedSecretModel>& Describe();
  friend bool operator==(const GeneratedSecretModel&, const GeneratedSecretModel&) = default;
};

struct RolloutModel {
  Attr<std::string> strategy, max_surge, max_unavailable, progress_deadline, min_ready,
      pod_management_policy;
  Attr<std::int64_t> partition, revision_history_limit;
  static const ObjectSpec<RolloutModel>& Describe();
};

struct DnsModel {
  Attr<std::string> policy;
  Attr<StringList> nameservers, searches;
  Attr<StringMap> options;
  static const ObjectSpec<DnsModel>& Describe();
};

struct PodSecurityContextModel {
  Attr<std::string> fs_group_change_policy, seccomp_profile;
  Attr<std::int64_t> fs_group, run_as_user, run_as_group;
  Attr<bool> run_as_non_root;
  Attr<std::set<std::int64_t>> supplemental_groups;
  Attr<StringMap> sysctls;
  static const ObjectSpec<PodSecurityContextModel>& Describe();
};

struct PodModel {
  Attr<StringMap> labels, annotations;
  Attr<std::set<std::string>> image_pull_secrets;
  Attr<std::string> container_name, priority_class, termination_grace_period, runtime_class,
      host_name;
  Attr<bool> host_network, host_pid, enable_service_links, share_process_namespace;
  Attr<PodSecurityContextModel> security_context;
  Attr<DnsModel> dns;
  Attr<std::map<std::string, StringList>> host_aliases;
  static const ObjectSpec<PodModel>& Describe();
};

struct TolerationModel {
  Attr<std::string> key, op, value, effect, seconds;
  static const ObjectSpec<TolerationModel>& Describe();
};

struct SpreadModel {
  Attr<std::string> over;
  Attr<bool> hard;
  Attr<std::int64_t> max_skew;
  static const ObjectSpec<SpreadModel>& Describe();
};

struct PodAffinityModel {
  Attr<StringMap> labels;
  Attr<std::string> over;
  Attr<bool> hard;
  static const ObjectSpec<PodAffinityModel>& Describe();
};

struct SchedulingModel {
  Attr<StringMap> node_selector, require_nodes, avoid_nodes;
  Attr<std::vector<TolerationModel>> tolerations;
  Attr<SpreadModel> spread;
  Attr<PodAffinityModel> near, apart;
  static const ObjectSpec<SchedulingModel>& Describe();
};

struct GpuModel {
  Attr<std::int64_t> count, memory_mib;
  static const ObjectSpec<GpuModel>& Describe();
};

struct PolicyRuleModel {
  Attr<std::set<std::string>> api_groups, resources, verbs, resource_names;
  static const ObjectSpec<PolicyRuleModel>& Describe();
};

struct GrantModel {
  Attr<std::vector<PolicyRuleModel>> rules;
  static const ObjectSpec<GrantModel>& Describe();
};

struct ServiceAccountModel {
  Attr<std::string> name;
  Attr<bool> automount;
  Attr<StringMap> annotations;
  static const ObjectSpec<ServiceAccountModel>& Describe();
};

struct IdentityModel {
  Attr<ServiceAccountModel> service_account;
  Attr<std::vector<PolicyRuleModel>> rules, cluster_rules;
  Attr<std::map<std::string, GrantModel>> namespace_rules;
  static const ObjectSpec<IdentityModel>& Describe();
};

struct MetricsModel {
  Attr<std::string> port, path, style, interval;
  static const ObjectSpec<MetricsModel>& Describe();
};

struct DisruptionBudgetModel {
  Attr<std::string> min_available, max_unavailable;
  static const ObjectSpec<DisruptionBudgetModel>& Describe();
};

struct NetworkPolicyModel {
  Attr<std::set<std::string>> from_namespaces, from_cidrs, to_namespaces, to_cidrs;
  static const ObjectSpec<NetworkPolicyModel>& Describe();
};

struct BackupModel {
  Attr<std::string> schedule, time_zone, image, to;
  Attr<StringList> command;
  Attr<StringMap> env, env_secret;
  Attr<std::int64_t> keep;
  static const ObjectSpec<BackupModel>& Describe();
};

struct ScaleToZeroModel {
  Attr<std::string> idle, strategy, group, display_name, refresh, settle;
  static const ObjectSpec<ScaleToZeroModel>& Describe();
};

// The Service inside the cluster.
struct InnerServiceModel {
  Attr<std::string> name;
  Attr<std::map<std::string, std::int64_t>> ports;
  Attr<StringMap> app_protocols;
  static const ObjectSpec<InnerServiceModel>& Describe();
};

struct ServiceModel : ContainerModel {
  // 1 identity
  Attr<std::string> name_space, name, kind;
  Attr<StringMap> labels, annotations, selector;
  Attr<InnerServiceModel> service;
  // 2 ownership, 8 rollout
  Attr<std::string> replicas_owner, wait;
  Attr<std::int64_t> replicas;
  Attr<RolloutModel> rollout;
  // 3 containers
  Attr<std::map<std::string, SidecarModel>> sidecars;
  Attr<std::vector<InitContainerModel>> init_containers;
  // 5 secrets
  Attr<std::map<std::string, StoreSecretModel>> secrets;
  Attr<std::map<std::string, GeneratedSecretModel>> generated_secrets;
  Attr<StringMap> env_wo;
  Attr<std::string> env_wo_version;
  Attr<std::set<std::string>> wait_for_secrets;
  // 6 files, 7 volumes
  Attr<std::map<std::string, FileModel>> files;
  Attr<std::map<std::string, ConfigDirModel>> config_dirs;
  Attr<std::map<std::string, ClaimModel>> claims;
  Attr<std::map<std::string, VolumeModel>> volumes;
  Attr<bool> delete_data;
  // 10 scheduling
  Attr<PodModel> pod;
  Attr<SchedulingModel> scheduling;
  Attr<GpuModel> gpu;
  // 11 identity and RBAC
  Attr<IdentityModel> identity;
  Attr<std::map<std::string, GrantModel>> grants;
  // 12 exposure
  Attr<std::map<std::string, ExposeModel>> expose;
  // 13 operations
  Attr<MetricsModel> metrics;
  Attr<DisruptionBudgetModel> disruption_budget;
  Attr<NetworkPolicyModel> network_policy;
  Attr<std::map<std::string, BackupModel>> backups;
  Attr<std::set<std::string>> wait_for;
  Attr<ScaleToZeroModel> scale_to_zero;
  Attr<std::string> extra_manifest_patch;
  // what to do about others
  Attr<std::string> on_conflict, on_server_rewrite;
  Attr<bool> force_conflicts;
  // 14 computed
  Attr<StringMap> objects, urls, restart;
  Attr<sdk::TimeoutsModel> timeouts;

  // The service's name: `name`, else that of the namespace. REQUIRES: both are known or null.
  std::string NameOrDefault() const { return name.IsKnown() ? *name : name_space.value_or(""); }
  // The name of the main container. REQUIRES: as NameOrDefault.
  std::string MainContainer() const {
    return pod.IsKnown() ? pod->container_name.value_or(NameOrDefault()) : NameOrDefault();
  }
  // `claims` and `volumes` together, by name, as far as they are known.
  std::map<std::string, VolumeModel> VolumesByName() const;
  // The own labels of the pods, and their annotations.
  StringMap PodLabels() const { return pod.IsKnown() ? pod->labels.value_or({}) : StringMap(); }

  static const ObjectSpec<ServiceModel>& Describe();
};

}  // namespace charon::service
