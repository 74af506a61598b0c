#include "resources/service/service.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "provider/conventions.h"
#include "provider/schema/checks.h"

namespace charon::service {
namespace {

constexpr char kMount[] = "Where the main container has it; other containers name it in `mounts`.";
constexpr char kSubPath[] = "Path inside the volume that is mounted there.";
constexpr char kReadOnly[] = "Mount it read-only there.";

Check FileMode() {
  return TextRule("is an octal file mode such as \"0644\"", [](absl::string_view text) {
    const bool octal = text.size() >= 3 && text.size() <= 4 &&
                       text.find_first_not_of("01234567") == absl::string_view::npos;
    if (octal) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" must be an octal file mode such as \"0644\""));
  });
}

Check OnChange() { return OneOf({"restart", "none"}); }

Check AccessModes() {
  return EachElement(OneOf({"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"}));
}

// What Kubernetes calls int-or-percent.
Check CountOrPercent() {
  return TextRule("is a number or a percentage", [](absl::string_view text) {
    absl::string_view digits = text;
    if (absl::EndsWith(digits, "%")) digits.remove_suffix(1);
    std::int32_t number = 0;  // as IntOrString of Kubernetes has it
    if (digits.find_first_not_of("0123456789") == absl::string_view::npos &&
        absl::SimpleAtoi(digits, &number))
      return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" must be a number such as \"1\", or a percentage such as \"25%\""));
  });
}

}  // namespace

const ObjectSpec<ClaimModel>& ClaimModel::Describe() {
  using M = ClaimModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A PersistentVolumeClaim. It grows with `size` and is never made smaller: what an "
      "autoresizer added stays.",
      {
          Field(&M::mount, "mount", Optional, kMount).Check(AbsolutePath()),
          Field(&M::sub_path, "sub_path", Optional, kSubPath),
          Field(&M::read_only, "read_only", Optional, kReadOnly),
          Field(&M::size, "size", Required, "Size, such as `10Gi`.").Check(QuantityText()),
          Field(&M::storage_class, "storage_class", Optional,
                "StorageClass, or an alias from `conventions.storage_classes`; the cluster's "
                "default if unset."),
          Field(&M::access_modes, "access_modes", Optional, "`ReadWriteOnce` by default.")
              .Check(AccessModes()),
          Field(&M::autoresize, "autoresize", Optional,
                "Limit up to which the pvc-autoresizer may grow it, by its annotations.")
              .Check(QuantityText()),
          Field(&M::per_replica, "per_replica", Optional,
                "One claim for each replica of a StatefulSet (`volumeClaimTemplates`)."),
      });
  return spec;
}

const ObjectSpec<NfsModel>& NfsModel::Describe() {
  using M = NfsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A directory of an NFS server, as a PersistentVolume and its claim. It must exist on the "
      "server.",
      {
          Field(&M::path, "path", Required, "Exported path.").Check(AbsolutePath()),
          Field(&M::server, "server", Optional, "Server; `conventions.nfs_server` by default."),
          Field(&M::size, "size", Optional, "Size of the volume, for information; `10Gi` if unset.")
              .Check(QuantityText()),
          Field(&M::access_modes, "access_modes", Optional, "`ReadWriteMany` by default.")
              .Check(AccessModes()),
          Field(&M::in_line, "inline", Optional,
                "Mount it in the pod itself, without a claim. A server that does not answer then "
                "hangs the pod."),
      });
  return spec;
}

const ObjectSpec<EmptyDirModel>& EmptyDirModel::Describe() {
  using M = EmptyDirModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Scratch space that lives as long as the pod.",
      {
          Field(&M::medium, "medium", Optional, "`Memory` for a tmpfs; the node's disk by default.")
              .Check(OneOf({"Memory", "HugePages"})),
          Field(&M::size_limit, "size_limit", Optional, "Largest size.").Check(QuantityText()),
      });
  return spec;
}

const ObjectSpec<HostPathModel>& HostPathModel::Describe() {
  using M = HostPathModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A path of the node.",
      {
          Field(&M::path, "path", Required, "Path on the node.").Check(AbsolutePath()),
          Field(&M::type, "type", Optional,
                "What it must be: `Directory`, `File`, `CharDevice`, ... Unchecked by default.")
              .Check(OneOf({"DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket",
                            "CharDevice", "BlockDevice"})),
      });
  return spec;
}

const ObjectSpec<SourceModel>& SourceModel::Describe() {
  using M = SourceModel;
  static const auto& spec = *new ObjectSpec<M>(
      "An existing ConfigMap or Secret as files.",
      {
          Field(&M::name, "name", Required,
                "Its name; for a Secret also a key of `secrets`, or `generated`."),
          Field(&M::items, "items", Optional, "Only these: key -> file name."),
          Field(&M::mode, "mode", Optional, "File mode; `0644` if unset.").Check(FileMode()),
          Field(&M::optional_source, "optional", Optional, "Start without it if it is missing."),
      });
  return spec;
}

const ObjectSpec<VolumeModel>& VolumeModel::Describe() {
  using M = VolumeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A volume of the pod.",
      {
          Field(&M::mount, "mount", Optional, kMount).Check(AbsolutePath()),
          Field(&M::sub_path, "sub_path", Optional, kSubPath),
          Field(&M::read_only, "read_only", Optional, kReadOnly),
          Field(&M::existing_claim, "existing_claim", Optional, "Name of a claim made elsewhere."),
          Field(&M::nfs, "nfs", Optional,
                "A directory of an NFS server. Its mount is `soft` (unless `inline`): programs get "
                "errors while the server is away, so it is no place for a database."),
          Field(&M::empty_dir, "empty_dir", Optional, "Scratch space: `{}`."),
          Field(&M::host_path, "host_path", Optional, "A path of the node."),
          Field(&M::config_map, "config_map", Optional, "An existing ConfigMap."),
          Field(&M::secret, "secret", Optional, "An existing Secret, or one of `secrets`."),
      },
      {ExactlyOneOf({"existing_claim", "nfs", "empty_dir", "host_path", "config_map", "secret"})});
  return spec;
}

const ObjectSpec<FileModel>& FileModel::Describe() {
  using M = FileModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A file in the main container, from a ConfigMap.",
      {
          Field(&M::content, "content", Optional, "Text of the file."),
          Field(&M::content_base64, "content_base64", Optional,
                "Bytes of the file, base64: `filebase64(\"logo.png\")`."),
          Field(&M::mode, "mode", Optional, "File mode; `0644` if unset.").Check(FileMode()),
          Field(&M::on_change, "on_change", Optional,
                "`restart` (default): a change rolls the pods out anew. `none`: it waits for the "
                "next start, since a file that "
                "is mounted by itself never changes in a running container.")
              .Check(OnChange()),
      },
      {ExactlyOneOf({"content", "content_base64"})});
  return spec;
}

const ObjectSpec<ConfigDirModel>& ConfigDirModel::Describe() {
  using M = ConfigDirModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A directory of files in the main container, from a ConfigMap.",
      {
          Field(&M::files, "files", Required, "Text of the files, by name.")
              .Check(EachKey(DataKey())),
          Field(&M::mode, "mode", Optional, "File mode; `0644` if unset.").Check(FileMode()),
          Field(&M::on_change, "on_change", Optional,
                "`restart` (default): a change rolls the pods out anew. `none`: the kubelet "
                "updates the files within a minute.")
              .Check(OnChange()),
      });
  return spec;
}

const ObjectSpec<StoreSecretModel>& StoreSecretModel::Describe() {
  using M = StoreSecretModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A Secret `<service>-<key>` that the External Secrets operator fills from a store. Pods "
      "start when it exists.",
      {
          Field(&M::store, "store", Required, "Name of the store."),
          Field(
              &M::store_kind, "store_kind", Optional,
              "`ClusterSecretStore` or `SecretStore`; `conventions.secret_store_kind` by default.")
              .Check(OneOf({"ClusterSecretStore", "SecretStore"})),
          Field(&M::extract, "extract", Optional, "Take every property of this entry."),
          Field(&M::values, "values", Optional, "Key -> `entry#property` of the store."),
          Field(&M::render, "render", Optional,
                "Key -> Go template over the values: `postgres://app:{{ .password }}@db/app`. With "
                "it the Secret has only these."),
          Field(&M::refresh, "refresh", Optional,
                "How often the operator looks, such as `15m`; set at creation.")
              .Check(PositiveDuration()),
          Field(&M::deletion_policy, "deletion_policy", Optional,
                "`Retain`, `Delete` or `Merge` of the operator.")
              .Check(OneOf({"Retain", "Delete", "Merge"})),
          Field(&M::on_change, "on_change", Optional,
                "`restart`: pods are rolled out anew when the value has changed; `none` (default).")
              .Check(OnChange()),
      });
  return spec;
}

const ObjectSpec<GeneratedSecretModel>& GeneratedSecretModel::Describe() {
  using M = GeneratedSecretModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A value that is made up once and lives only in the cluster, in the Secret "
      "`<service>-generated`.",
      {
          Field(&M::kind, "kind", Optional,
                "`alphanumeric` (default), `password`, `hex`, `base64` or `uuid`.")
              .Check(OneOf({"alphanumeric", "password", "hex", "base64", "uuid"})),
          Field(&M::length, "length", Optional, "Characters (bytes for `base64`); 32 if unset.")
              .Check(Between(8, 4096)),
          Field(&M::rotation_trigger, "rotation_trigger", Optional,
                "Any text; a change makes up a new value."),
          Field(&M::env, "env", Optional,
                "`false`: not an environment variable of the main container."),
      },
      {NotWith("length", "kind", "uuid")});
  return spec;
}

const ObjectSpec<RolloutModel>& RolloutModel::Describe() {
  using M = RolloutModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How a change reaches the pods.",
      {
          Field(&M::strategy, "strategy", Optional,
                "`RollingUpdate`, `Recreate` (Deployments) or `OnDelete` (the others). By default "
                "Recreate for "
                "a Deployment that mounts a "
                "claim which only one node can have, else RollingUpdate.")
              .Check(OneOf({"RollingUpdate", "Recreate", "OnDelete"})),
          Field(&M::max_surge, "max_surge", Optional,
                "Pods above the number, as number or percentage.")
              .Check(CountOrPercent()),
          Field(&M::max_unavailable, "max_unavailable", Optional,
                "Pods below the number, as number or percentage.")
              .Check(CountOrPercent()),
          Field(&M::partition, "partition", Optional,
                "StatefulSet: only pods from this ordinal on.")
              .Check(Between(0, 2147483647)),
          Field(&M::progress_deadline, "progress_deadline", Optional,
                "Deployment: time without progress that counts as failure; 10m if unset.")
              .Check(PositiveDuration()),
          Field(&M::min_ready, "min_ready", Optional, "How long a pod must be ready to count.")
              .Check(NonNegativeDuration()),
          Field(&M::revision_history_limit, "revision_history_limit", Optional,
                "Old revisions to keep; 10 if unset.")
              .Check(Between(0, 1000)),
          Field(&M::pod_management_policy, "pod_management_policy", Optional,
                "StatefulSet: `OrderedReady` or `Parallel`.")
              .Check(OneOf({"OrderedReady", "Parallel"})),
      });
  return spec;
}

const ObjectSpec<DnsModel>& DnsModel::Describe() {
  using M = DnsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How the pod resolves names.",
      {
          Field(&M::policy, "policy", Optional,
                "`ClusterFirst`, `Default`, `None` or `ClusterFirstWithHostNet`.")
              .Check(OneOf({"ClusterFirst", "Default", "None", "ClusterFirstWithHostNet"})),
          Field(&M::nameservers, "nameservers", Optional, "Addresses of name servers.")
              .Check(EachElement(IpText())),
          Field(&M::searches, "searches", Optional, "Search domains."),
          Field(&M::options, "options", Optional,
                "Resolver options: `{ ndots = \"2\" }`; an empty text for one without a value."),
      });
  return spec;
}

const ObjectSpec<PodSecurityContextModel>& PodSecurityContextModel::Describe() {
  using M = PodSecurityContextModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Privileges of all containers.",
      {
          Field(&M::fs_group, "fs_group", Optional, "Group that owns the volumes.")
              .Check(Between(0, 4294967295)),
          Field(&M::fs_group_change_policy, "fs_group_change_policy", Optional,
                "`OnRootMismatch` or `Always`.")
              .Check(OneOf({"OnRootMismatch", "Always"})),
          Field(&M::run_as_user, "run_as_user", Optional, "User id of all containers.")
              .Check(Between(0, 4294967295)),
          Field(&M::run_as_group, "run_as_group", Optional, "Group id of all containers.")
              .Check(Between(0, 4294967295)),
          Field(&M::run_as_non_root, "run_as_non_root", Optional, "Refuse to start as root."),
          Field(&M::supplemental_groups, "supplemental_groups", Optional,
                "Further groups of all containers."),
          Field(&M::seccomp_profile, "seccomp_profile", Optional,
                "`RuntimeDefault`, `Unconfined`, or the path of a profile on the node."),
          Field(&M::sysctls, "sysctls", Optional, "Kernel parameters of the pod."),
      });
  return spec;
}

const ObjectSpec<PodModel>& PodModel::Describe() {
  using M = PodModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What holds for the whole pod.",
      {
          Field(&M::container_name, "container_name", Optional,
                "Name of the main container; the service's name by default. Another one makes the "
                "pods anew.")
              .Check(DnsLabel()),
          Field(&M::labels, "labels", Optional, "Labels of the pods.")
              .Check(EachKey(LabelKey()))
              .Check(EachElement(LabelValue())),
          Field(&M::annotations, "annotations", Optional, "Annotations of the pods.")
              .Check(EachKey(LabelKey())),
          Field(&M::image_pull_secrets, "image_pull_secrets", Optional,
                "Secrets to pull images with."),
          Field(&M::priority_class, "priority_class", Optional,
                "PriorityClass; policies decide if unset."),
          Field(&M::termination_grace_period, "termination_grace_period", Optional,
                "Time to stop, such as `90s`; 30s if unset, at once with `0s`.")
              .Check(NonNegativeDuration()),
          Field(&M::runtime_class, "runtime_class", Optional, "RuntimeClass, such as `nvidia`."),
          Field(&M::security_context, "security_context", Optional,
                "Privileges of all containers."),
          Field(&M::dns, "dns", Optional, "How the pod resolves names."),
          Field(&M::host_aliases, "host_aliases", Optional, "Address -> names, as in /etc/hosts.")
              .Check(EachKey(IpText())),
          Field(&M::host_name, "hostname", Optional, "Host name of the pod.").Check(DnsLabel()),
          Field(&M::host_network, "host_network", Optional, "Use the node's network."),
          Field(&M::host_pid, "host_pid", Optional, "See the node's processes."),
          Field(&M::share_process_namespace, "share_process_namespace", Optional,
                "Containers see each other's processes."),
          Field(&M::enable_service_links, "enable_service_links", Optional,
                "Variables about other Services. Default: `true`; from `render_version` 2 on, "
                "`false`."),
      });
  return spec;
}

const ObjectSpec<TolerationModel>& TolerationModel::Describe() {
  using M = TolerationModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A taint that the pods tolerate.",
      {
          Field(&M::key, "key", Optional, "Key of the taint; every key if unset."),
          Field(&M::op, "operator", Optional,
                "`Equal` or `Exists`; by default Equal with a value, else Exists.")
              .Check(OneOf({"Equal", "Exists"})),
          Field(&M::value, "value", Optional, "Value of the taint."),
          Field(&M::effect, "effect", Optional,
                "`NoSchedule`, `PreferNoSchedule` or `NoExecute`; every effect if unset.")
              .Check(OneOf({"NoSchedule", "PreferNoSchedule", "NoExecute"})),
          Field(&M::seconds, "toleration_period", Optional,
                "For NoExecute: how long; for ever if unset.")
              .Check(NonNegativeDuration()),
      });
  return spec;
}

const ObjectSpec<SpreadModel>& SpreadModel::Describe() {
  using M = SpreadModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Spreads the pods evenly.",
      {
          Field(&M::over, "over", Optional, "`host` (default), `zone`, or a label of nodes."),
          Field(&M::hard, "hard", Optional, "Rather not start a pod than be uneven."),
          Field(&M::max_skew, "max_skew", Optional, "Largest difference; 1 if unset.")
              .Check(Between(1, 1000)),
      });
  return spec;
}

const ObjectSpec<PodAffinityModel>& PodAffinityModel::Describe() {
  using M = PodAffinityModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Pods to be near to, or apart from.",
      {
          Field(&M::labels, "labels", Required, "Labels of those pods, in the same namespace."),
          Field(&M::over, "over", Optional, "`host` (default), `zone`, or a label of nodes."),
          Field(&M::hard, "hard", Optional, "Rather not start than break this."),
      });
  return spec;
}

const ObjectSpec<SchedulingModel>& SchedulingModel::Describe() {
  using M = SchedulingModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Where the pods may run.",
      {
          Field(&M::node_selector, "node_selector", Optional, "Labels that a node must have."),
          Field(&M::require_nodes, "require_nodes", Optional,
                "Label -> values, separated by `|`, of which a node must have one; by node "
                "affinity."),
          Field(&M::avoid_nodes, "avoid_nodes", Optional,
                "Label -> values, separated by `|`, that a node must not have."),
          Field(&M::tolerations, "tolerations", Optional, "Taints that the pods tolerate."),
          Field(&M::spread, "spread", Optional, "Spread the pods evenly."),
          Field(&M::near, "near", Optional, "Run where these pods run."),
          Field(&M::apart, "apart", Optional, "Run where these pods do not run."),
      });
  return spec;
}

const ObjectSpec<GpuModel>& GpuModel::Describe() {
  using M = GpuModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A GPU for the main container: node selector, toleration and limits with the names of "
      "`conventions.gpu`.",
      {
          Field(&M::count, "count", Optional, "How many; 1 if unset.").Check(Between(1, 64)),
          Field(&M::memory_mib, "memory_mib", Optional,
                "GPU memory in MiB, where `conventions.gpu.memory_resource` counts it.")
              .Check(Between(1, 10000000)),
      });
  return spec;
}

const ObjectSpec<PolicyRuleModel>& PolicyRuleModel::Describe() {
  using M = PolicyRuleModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What may be done to what.",
      {
          Field(&M::api_groups, "api_groups", Optional,
                "API groups, `\"\"` for core; core if unset.")
              .Check(NotEmpty("Leave it out for the core group.")),
          Field(&M::resources, "resources", Required,
                "Resources in the plural, `pods/log` for a part.")
              .Check(NotEmpty("Name the resources that the rule is about.")),
          Field(&M::verbs, "verbs", Required,
                "`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ...")
              .Check(NotEmpty("Name what the rule allows.")),
          Field(&M::resource_names, "resource_names", Optional, "Only these objects."),
      });
  return spec;
}

const ObjectSpec<ServiceAccountModel>& ServiceAccountModel::Describe() {
  using M = ServiceAccountModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The ServiceAccount of the pods.",
      {
          Field(&M::name, "name", Optional,
                "An existing ServiceAccount to use instead of an own one."),
          Field(&M::automount, "automount", Optional,
                "Mount its token. Default: `true`; from `render_version` 2 on, only with rules or "
                "`name`."),
          Field(&M::annotations, "annotations", Optional, "Annotations of the own ServiceAccount."),
      });
  return spec;
}

const ObjectSpec<InnerServiceModel>& InnerServiceModel::Describe() {
  using M = InnerServiceModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The Service that the cluster reaches the pods by.",
      {
          Field(&M::name, "name", Optional, "Its name; the service's name by default.")
              .Check(DnsLabel()),
          Field(&M::ports, "ports", Optional,
                "Its port by name of a port; by default 80 for the port `http`, 443 for `https`, "
                "else the same number.")
              .Check(EachElement(Between(1, 65535))),
          Field(&M::app_protocols, "app_protocols", Optional,
                "Protocol above TCP by name of a port, for ingress controllers and meshes: "
                "`kubernetes.io/h2c`."),
      });
  return spec;
}

const ObjectSpec<IdentityModel>& IdentityModel::Describe() {
  using M = IdentityModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Who the pods are to the API server. Rules make a ServiceAccount named as the service.",
      {
          Field(&M::service_account, "service_account", Optional,
                "The ServiceAccount; one of the service's name by default."),
          Field(&M::rules, "rules", Optional, "Rules in the own namespace."),
          Field(&M::cluster_rules, "cluster_rules", Optional, "Rules in the whole cluster."),
          Field(&M::namespace_rules, "namespace_rules", Optional,
                "Rules in other namespaces, by namespace.")
              .Check(EachKey(DnsLabel())),
      });
  return spec;
}

const ObjectSpec<GrantModel>& GrantModel::Describe() {
  using M = GrantModel;
  static const auto& spec = *new ObjectSpec<M>("Rules in one namespace.",
                                               {Field(&M::rules, "rules", Required, "The rules.")});
  return spec;
}

const ObjectSpec<MetricsModel>& MetricsModel::Describe() {
  using M = MetricsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Where Prometheus finds metrics.",
      {
          Field(&M::port, "port", Required, "A port by name or number.").Check(PortText()),
          Field(&M::path, "path", Optional, "`/metrics` if unset."),
          Field(&M::style, "style", Optional,
                "`annotations` (default) on the Service, or `service_monitor` for the Prometheus "
                "operator.")
              .Check(OneOf({"annotations", "service_monitor"})),
          Field(&M::interval, "interval", Optional, "Scrape interval of a ServiceMonitor.")
              .Check(PositiveDuration()),
      });
  return spec;
}

const ObjectSpec<DisruptionBudgetModel>& DisruptionBudgetModel::Describe() {
  using M = DisruptionBudgetModel;
  static const auto& spec =
      *new ObjectSpec<M>("How many pods a node drain may take.",
                         {
                             Field(&M::min_available, "min_available", Optional,
                                   "Pods that must stay, as number or percentage.")
                                 .Check(CountOrPercent()),
                             Field(&M::max_unavailable, "max_unavailable", Optional,
                                   "Pods that may go, as number or percentage.")
                                 .Check(CountOrPercent()),
                         },
                         {ExactlyOneOf({"min_available", "max_unavailable"})});
  return spec;
}

const ObjectSpec<NetworkPolicyModel>& NetworkPolicyModel::Describe() {
  using M = NetworkPolicyModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Who may talk to the pods, and to whom they may talk (besides DNS). An unset side stays "
      "open.",
      {
          Field(&M::from_namespaces, "from_namespaces", Optional,
                "Namespaces that may connect; the own one always may, `[]`: no other one."),
          Field(&M::from_cidrs, "from_cidrs", Optional, "Networks that may connect.")
              .Check(EachElement(Network())),
          Field(&M::to_namespaces, "to_namespaces", Optional,
                "Namespaces that the pods may reach; the own one always."),
          Field(&M::to_cidrs, "to_cidrs", Optional, "Networks that the pods may reach.")
              .Check(EachElement(Network())),
      },
      {AtLeastOneOf({"from_namespaces", "from_cidrs", "to_namespaces", "to_cidrs"})});
  return spec;
}

const ObjectSpec<BackupModel>& BackupModel::Describe() {
  using M = BackupModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A CronJob that saves the service's data; it runs on the node of the service's pods.",
      {
          Field(&M::schedule, "schedule", Required, "When, as a cron expression: `30 0 * * *`.")
              .Check(CronSchedule()),
          Field(&M::time_zone, "time_zone", Optional,
                "Time zone of the schedule, such as `Europe/London`."),
          Field(&M::image, "image", Optional, "Image; that of the service by default."),
          Field(
              &M::command, "command", Required,
              "Command, which finds the service's files and volumes at their places, the target at "
              "`/backup`, and the number to keep in `KEEP`."),
          Field(&M::env, "env", Optional, "Environment variables.").Check(EachKey(EnvName())),
          Field(&M::env_secret, "env_secret", Optional,
                "Environment variables from Secrets, as in the service.")
              .Check(EachKey(EnvName()))
              .Check(EachElement(SecretReference())),
          Field(&M::to, "to", Required,
                "What to write to: a key of `claims`, or the name of another "
                "PersistentVolumeClaim of the namespace.")
              .Check(DnsSubdomain()),
          Field(&M::keep, "keep", Optional, "How many to keep, for the command.")
              .Check(Between(1, 10000)),
      });
  return spec;
}

const ObjectSpec<ScaleToZeroModel>& ScaleToZeroModel::Describe() {
  using M = ScaleToZeroModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Stops the pods while nobody asks (Sablier with Traefik); `replicas` is the scaler's from "
      "then on.",
      {
          Field(&M::idle, "idle", Optional,
                "Stop after this time without a request; `3h` if unset.")
              .Check(PositiveDuration()),
          Field(&M::strategy, "strategy", Optional,
                "`dynamic` (default) shows a waiting page, `blocking` holds the request.")
              .Check(OneOf({"dynamic", "blocking"})),
          Field(&M::group, "group", Optional,
                "Services that sleep and wake together; the service's name by default."),
          Field(&M::display_name, "display_name", Optional,
                "Name on the waiting page; the service's by default."),
          Field(&M::refresh, "refresh", Optional,
                "How often the waiting page looks; `5s` if unset.")
              .Check(PositiveDuration()),
          Field(&M::settle, "settle", Optional,
                "How long the pods must have been ready before requests go to them (Sablier 1.13).")
              .Check(PositiveDuration()),
      });
  return spec;
}

const ObjectSpec<ServiceModel>& ServiceModel::Describe() {
  using M = ServiceModel;
  static const auto& spec = *[] {
    std::vector<ObjectSpec<M>::Row> rows = {
        Field(&M::name_space, "namespace", Required, "Namespace of the service.")
            .ForceNew()
            .Check(DnsLabel()),
        Field(&M::name, "name", OptionalComputed,
              "Name of the service and of its objects; that of the namespace by default.")
            .ForceNew()
            .KeepPrior()
            .Check(DnsLabel()),
        Field(&M::kind, "kind", Optional,
              "`deployment` (default), `statefulset` or `daemonset`. Another kind is another "
              "workload: the service is replaced.")
            .Check(OneOf({"deployment", "statefulset", "daemonset"})),
        Field(&M::service, "service", Optional,
              "The Service that the cluster reaches the pods by."),
        Field(&M::labels, "labels", Optional, "Labels of all objects.")
            .Check(EachKey(LabelKey()))
            .Check(EachElement(LabelValue())),
        Field(&M::annotations, "annotations", Optional, "Annotations of the workload.")
            .Check(EachKey(LabelKey())),
        Field(&M::selector, "selector", Optional,
              "Labels by which the workload finds its pods; `{ app = <name> }` by default. Other "
              "ones replace the service.")
            .Check(EachKey(LabelKey()))
            .Check(EachElement(LabelValue())),
    };
    for (auto& row : ContainerRows<M>(Required, "Image of the main container."))
      rows.push_back(std::move(row));
    std::vector<ObjectSpec<M>::Row> more = {
        Field(&M::sidecars, "sidecars", Optional, "Further containers by name.")
            .Check(EachKey(DnsLabel())),
        Field(&M::init_containers, "init_containers", Optional,
              "Containers that run before, in this order."),
        Field(&M::replicas, "replicas", Optional,
              "Number of pods; 1 if unset. 0 parks the service.")
            .Check(Between(0, 100000)),
        Field(&M::replicas_owner, "replicas_owner", Optional,
              "`terraform` (default), or `external`: the number is set at creation and left to an "
              "autoscaler from then on.")
            .Check(OneOf({"terraform", "external"})),
        Field(&M::rollout, "rollout", Optional, "How a change reaches the pods."),
        Field(&M::wait, "wait", Optional,
              "`rollout` (default) waits until the pods run and says why they do not; `none` does "
              "not wait.")
            .Check(OneOf({"rollout", "none"})),
        Field(&M::secrets, "secrets", Optional, "Secrets from External Secrets stores, by key.")
            .Check(EachKey(DnsLabel())),
        Field(&M::generated_secrets, "generated_secrets", Optional,
              "Values that are made up once in the cluster, by name; environment variables, too.")
            .Check(EachKey(DataKey())),
        Field(&M::env_wo, "env_wo", Optional,
              "Secret environment variables, write-only (Terraform and OpenTofu 1.11): kept in the "
              "Secret `<service>-env`.")
            .Check(EachKey(DataKey()))
            .WriteOnly(),
        Field(&M::env_wo_version, "env_wo_version", Optional,
              "Any text; change it when `env_wo` changes."),
        Field(
            &M::wait_for_secrets, "wait_for_secrets", Optional,
            "Secrets that somebody else makes and that must exist before the pods are rolled out.")
            .Check(EachElement(DnsSubdomain())),
        Field(&M::files, "files", Optional,
              "Files in the main container, by path. They and `config_dirs` make ConfigMaps, since "
              "their content is in the state; a secret file is a key of a Secret that "
              "`volumes.*.secret` mounts.")
            .Check(EachKey(AbsolutePath())),
        Field(&M::config_dirs, "config_dirs", Optional,
              "Directories of files in the main container, by path.")
            .Check(EachKey(AbsolutePath())),
        Field(&M::claims, "claims", Optional,
              "Volumes that are the service's own, by name: PersistentVolumeClaims. They stay when "
              "the service goes, unless `delete_data`.")
            .Check(EachKey(DnsLabel())),
        Field(&M::volumes, "volumes", Optional, "Other volumes of the pod, by name.")
            .Check(EachKey(DnsLabel())),
        Field(&M::delete_data, "delete_data", Optional,
              "`true`: claims go with the service or with their entry of `claims`, and so does the "
              "Secret of `generated_secrets`. They stay by default."),
        Field(&M::pod, "pod", Optional, "What holds for the whole pod."),
        Field(&M::scheduling, "scheduling", Optional, "Where the pods may run."),
        Field(&M::gpu, "gpu", Optional, "A GPU: `{}` for one."),
        Field(&M::identity, "identity", Optional, "Who the pods are to the API server."),
        Field(&M::grants, "grants", Optional,
              "Rules in this namespace for others, by `namespace/serviceaccount`."),
        Field(&M::expose, "expose", Optional, "Ways in, by name.").Check(EachKey(DnsLabel())),
        Field(&M::metrics, "metrics", Optional, "Where Prometheus finds metrics."),
        Field(&M::disruption_budget, "disruption_budget", Optional,
              "How many pods a node drain may take."),
        Field(&M::network_policy, "network_policy", Optional,
              "Who may talk to the pods, and to whom they may talk."),
        Field(&M::backups, "backups", Optional, "CronJobs that save data, by name.")
            .Check(EachKey(DnsLabel())),
        Field(&M::wait_for, "wait_for", Optional,
              "`host:port` of what must accept connections before the pods start, an address of "
              "IPv6 as `[fd00::1]:5432`."),
        Field(&M::scale_to_zero, "scale_to_zero", Optional, "Stop the pods while nobody asks."),
        Field(&M::extra_manifest_patch, "extra_manifest_patch", Optional,
              "JSON or YAML, merged over the workload last as a strategic merge patch, for what "
              "has no attribute. With a `kind` (and `metadata.name`, where there are several) over "
              "that object of the service: several documents, `---` between them. The guide "
              "[Services](../guides/services.md) has the fields."),
        Field(&M::on_conflict, "on_conflict", Optional,
              "If an object exists and is not this stack's: `fail` (default), `adopt`, or "
              "`replace` (never claims).")
            .Check(OneOf({"fail", "adopt", "replace"})),
        Field(&M::on_server_rewrite, "on_server_rewrite", Optional,
              "If a policy of the cluster changes what is applied: `warn` (default) tells once and "
              "takes it as it is, `error` fails the apply.")
            .Check(OneOf({"warn", "error"})),
        Field(&M::force_conflicts, "force_conflicts", Optional,
              "Take over fields that another field manager owns, instead of an error."),
        Field(&M::objects, "objects", Computed,
              "What the service consists of: `kind/namespace/name` of each object -> hash of its "
              "declared content."),
        Field(&M::urls, "urls", Computed, "Address of each entry of `expose`."),
        Field(&M::restart, "restart", Computed,
              "Secrets with `on_change = \"restart\"` -> keyed hash of what the pods were started "
              "with; with an id, the generated Secret once its values were made anew."),
        sdk::TimeoutsField(&M::timeouts),
    };
    for (auto& row : more) rows.push_back(std::move(row));
    return new ObjectSpec<M>(
        "A whole service: Deployment, StatefulSet or DaemonSet with everything it needs, applied "
        "in order, waited for with reasons, "
        "and owned field by field: what image updaters, autoscalers, policies and operators write "
        "is theirs and never shows. "
        "Claims and generated Secrets stay when the service goes, unless `delete_data`. The guide "
        "[Services](../guides/services.md) has each field of a pod and where it is said.",
        std::move(rows), std::vector<ObjectRule>{RequiredTogether({"env_wo", "env_wo_version"})});
  }();
  return spec;
}

std::map<std::string, VolumeModel> ServiceModel::VolumesByName() const {
  std::map<std::string, VolumeModel> all = volumes.value_or({});
  for (const auto& [key, claim] : claims.value_or({})) {
    VolumeModel volume;
    volume.mount = claim.mount;
    volume.sub_path = claim.sub_path;
    volume.read_only = claim.read_only;
    volume.claim = claim;
    all.insert_or_assign(key, std::move(volume));
  }
  return all;
}

}  // namespace charon::service
