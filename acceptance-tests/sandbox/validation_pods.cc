#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "names.h"
#include "quantity.h"
#include "validation_parts.h"

namespace charon::sandbox {
namespace {

void CheckUserId(const Json& parent, const char* field, const std::string& path,
                 FieldErrors& errors) {
  const Json* value = Find(parent, {field});
  if (value == nullptr || !value->is_number()) return;
  const std::int64_t id = value->get<std::int64_t>();
  if (id < 0 || id > 2147483647) {
    errors.Invalid(absl::StrCat(path, ".", field), *value,
                   "must be between 0 and 2147483647, inclusive");
  }
}

bool IsStandardResource(const std::string& name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" ||
         absl::StartsWith(name, "hugepages-");
}

// Of one of a list in which names occur once.
void ValidateName(const Json& item, const std::string& path, std::set<std::string>& names,
                  FieldErrors& errors) {
  const std::string name = Text(item, {"name"});
  if (name.empty()) {
    errors.Required(path + ".name");
  } else if (const std::string wrong = DnsLabelError(name); !wrong.empty()) {
    errors.Invalid(path + ".name", name, wrong);
  } else if (!names.insert(name).second) {
    errors.Duplicate(path + ".name", name);
  }
}

void ValidateResources(const Json& resources, const std::string& path, FieldErrors& errors) {
  const Json& limits = Members(resources, {"limits"});
  const Json& requests = Members(resources, {"requests"});
  for (const char* list : {"limits", "requests"}) {
    for (const auto& [name, value] : Members(resources, {list}).items()) {
      const std::string at = absl::StrCat(path, ".", list, "[", name, "]");
      if (const std::string wrong = QualifiedNameError(name); !wrong.empty()) {
        errors.Invalid(at, name, wrong);
      } else if (!absl::StrContains(name, '/') && !IsStandardResource(name)) {
        errors.Invalid(at, name, "must be a standard resource type or fully qualified");
        errors.Invalid(at, name, "must be a standard resource for containers");
      }
      const Quantity amount = Quantity::FromJson(value);
      if (amount.IsNegative()) {
        errors.Invalid(at, amount.ToString(), "must be greater than or equal to 0");
      } else if (absl::StrContains(name, '/') && !amount.IsWhole()) {
        errors.Invalid(at, amount.ToString(), "must be an integer");
      }
    }
  }
  for (const auto& [name, value] : requests.items()) {
    const Quantity request = Quantity::FromJson(value);
    if (const Json* limit = Find(limits, {name.c_str()})) {
      const Quantity most = Quantity::FromJson(*limit);
      if (absl::StrContains(name, '/') && !(request == most)) {
        errors.Invalid(absl::StrCat(path, ".requests"), request.ToString(),
                       absl::StrCat("must be equal to ", name, " limit of ", most.ToString()));
      } else if (request > most) {
        errors.Invalid(
            absl::StrCat(path, ".requests"), request.ToString(),
            absl::StrCat("must be less than or equal to ", name, " limit of ", most.ToString()));
      }
    } else if (absl::StrContains(name, '/')) {
      errors.Required(absl::StrCat(path, ".limits"),
                      "Limit must be set for non overcommitable resources");
    }
  }
}

void ValidatePorts(const Json& ports, const std::string& path, bool host_network,
                   FieldErrors& errors) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Json& port = ports[i];
    const std::string at = At(path, i);
    if (const std::string name = Text(port, {"name"}); !name.empty()) {
      if (const std::string wrong = PortNameError(name); !wrong.empty()) {
        errors.Invalid(at + ".name", name, wrong);
      } else if (!names.insert(name).second) {
        errors.Duplicate(at + ".name", name);
      }
    }
    const std::int64_t number = Integer(port, {"containerPort"});
    if (number == 0) {
      errors.Required(at + ".containerPort");
    } else if (number < 1 || number > 65535) {
      errors.Invalid(at + ".containerPort", number, "must be between 1 and 65535, inclusive");
    }
    const std::int64_t host = Integer(port, {"hostPort"});
    if (host != 0 && (host < 1 || host > 65535)) {
      errors.Invalid(at + ".hostPort", host, "must be between 1 and 65535, inclusive");
    } else if (host != 0 && host_network && host != number) {
      errors.Invalid(at + ".hostPort", host,
                     "must match `containerPort` when `hostNetwork` is true");
    }
    CheckOneOf(port, "protocol", at, {"SCTP", "TCP", "UDP"}, errors);
  }
}

void ValidateEnvSource(const Json& source, const std::string& path, FieldErrors& errors) {
  int sources = 0;
  if (const Json* ref = Find(source, {"fieldRef"})) {
    ++sources;
    static const std::set<std::string>& known =
        *new std::set<std::string>{"metadata.name",
                                   "metadata.namespace",
                                   "metadata.uid",
                                   "spec.nodeName",
                                   "spec.serviceAccountName",
                                   "status.hostIP",
                                   "status.hostIPs",
                                   "status.podIP",
                                   "status.podIPs"};
    const std::string field = Text(*ref, {"fieldPath"});
    if (field.empty()) {
      errors.Required(path + ".fieldRef.fieldPath");
    } else if (known.count(field) == 0 && !absl::StartsWith(field, "metadata.labels['") &&
               !absl::StartsWith(field, "metadata.annotations['")) {
      errors.Invalid(
          path + ".fieldRef.fieldPath", field,
          absl::StrCat("error converting fieldPath: field label not supported: ", field));
    }
  }
  if (const Json* ref = Find(source, {"resourceFieldRef"})) {
    ++sources;
    if (Text(*ref, {"resource"}).empty()) errors.Required(path + ".resourceFieldRef.resource");
  }
  for (const char* kind : {"configMapKeyRef", "secretKeyRef"}) {
    const Json* ref = Find(source, {kind});
    if (ref == nullptr) continue;
    ++sources;
    const std::string at = absl::StrCat(path, ".", kind);
    const std::string name = Text(*ref, {"name"});
    if (const std::string wrong = DnsSubdomainError(name); !wrong.empty()) {
      errors.Invalid(at + ".name", name, wrong);
    }
    const std::string key = Text(*ref, {"key"});
    if (key.empty()) {
      errors.Required(at + ".key");
    } else if (const std::string wrong = ConfigKeyError(key); !wrong.empty()) {
      errors.Invalid(at + ".key", key, wrong);
    }
  }
  if (Find(source, {"fileKeyRef"}) != nullptr) ++sources;
  if (sources == 0) {
    errors.Invalid(path, "",
                   "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
                   "`secretKeyRef` or `fileKeyRef`");
  } else if (sources > 1) {
    errors.Invalid(path, "", "may not have more than one field specified at a time");
  }
}

void ValidateEnv(const Json& container, const std::string& path, FieldErrors& errors) {
  const Json& list = Items(container, {"env"});
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = At(path + ".env", i);
    const std::string name = Text(list[i], {"name"});
    if (name.empty()) {
      errors.Required(at + ".name");
    } else if (const std::string wrong = EnvNameError(name); !wrong.empty()) {
      errors.Invalid(at + ".name", name, wrong);
    }
    if (const Json* source = Find(list[i], {"valueFrom"})) {
      if (!Text(list[i], {"value"}).empty()) {
        errors.Invalid(at + ".valueFrom", "", "may not be specified when `value` is not empty");
      } else {
        ValidateEnvSource(*source, at + ".valueFrom", errors);
      }
    }
  }
  const Json& from = Items(container, {"envFrom"});
  for (std::size_t i = 0; i < from.size(); ++i) {
    int sources = 0;
    for (const char* kind : {"configMapRef", "secretRef"}) {
      const Json* ref = Find(from[i], {kind});
      if (ref == nullptr) continue;
      ++sources;
      if (Text(*ref, {"name"}).empty()) {
        errors.Required(absl::StrCat(At(path + ".envFrom", i), ".", kind, ".name"));
      }
    }
    if (sources == 0) {
      errors.Invalid(path + ".envFrom", "", "must specify one of: `configMapRef` or `secretRef`");
    } else if (sources > 1) {
      errors.Invalid(path + ".envFrom", "", "may not have more than one field specified at a time");
    }
  }
}

void ValidateProbe(const Json& container, const char* name, const std::string& container_path,
                   FieldErrors& errors) {
  const Json* probe = Find(container, {name});
  if (probe == nullptr) return;
  const std::string path = absl::StrCat(container_path, ".", name);
  int handlers = 0;
  const auto another = [&](const char* handler) {
    if (++handlers == 1) return true;
    errors.Forbidden(absl::StrCat(path, ".", handler), "may not specify more than 1 handler type");
    return false;
  };
  if (const Json* exec = Find(*probe, {"exec"}); exec != nullptr && another("exec")) {
    if (Items(*exec, {"command"}).empty()) errors.Required(path + ".exec.command");
  }
  if (const Json* get = Find(*probe, {"httpGet"}); get != nullptr && another("httpGet")) {
    if (Text(*get, {"path"}).empty()) errors.Required(path + ".httpGet.path");
    if (const Json* port = Find(*get, {"port"})) CheckPort(*port, path + ".httpGet.port", errors);
    CheckOneOf(*get, "scheme", path + ".httpGet", {"HTTP", "HTTPS"}, errors);
  }
  if (const Json* tcp = Find(*probe, {"tcpSocket"}); tcp != nullptr && another("tcpSocket")) {
    if (const Json* port = Find(*tcp, {"port"})) CheckPort(*port, path + ".tcpSocket.port", errors);
  }
  if (const Json* grpc = Find(*probe, {"grpc"}); grpc != nullptr && another("grpc")) {
    if (const Json* port = Find(*grpc, {"port"})) CheckPort(*port, path + ".grpc.port", errors);
  }
  if (handlers == 0) errors.Required(path, "must specify a handler type");
  for (const char* field : {"initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                            "successThreshold", "failureThreshold"}) {
    CheckNonNegative(*probe, field, path, errors);
  }
  if (std::string(name) != "readinessProbe" && Integer(*probe, {"successThreshold"}, 1) != 1) {
    errors.Invalid(path + ".successThreshold", Integer(*probe, {"successThreshold"}), "must be 1");
  }
}

void ValidateMounts(const Json& container, const std::string& path,
                    const std::set<std::string>& volumes, FieldErrors& errors) {
  std::set<std::string> places;
  const Json& mounts = Items(container, {"volumeMounts"});
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const std::string at = At(path + ".volumeMounts", i);
    const std::string name = Text(mounts[i], {"name"});
    if (name.empty()) errors.Required(at + ".name");
    if (volumes.count(name) == 0) errors.NotFound(at + ".name", name);
    const std::string place = Text(mounts[i], {"mountPath"});
    if (place.empty()) {
      errors.Required(at + ".mountPath");
    } else if (!places.insert(place).second) {
      errors.Invalid(at + ".mountPath", place, "must be unique");
    }
    const std::string sub = Text(mounts[i], {"subPath"});
    if (absl::StartsWith(sub, "/")) {
      errors.Invalid(at + ".subPath", sub, "must be a relative path");
    }
    const std::vector<std::string> steps = absl::StrSplit(sub, '/');
    if (std::find(steps.begin(), steps.end(), "..") != steps.end()) {
      errors.Invalid(at + ".subPath", sub, "must not contain '..'");
    }
  }
}

// The server prints its own struct here, with Go's field names.
std::string SecurityContextInGo(const Json& context) {
  std::string out = "{";
  for (const char* name :
       {"capabilities", "privileged", "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup",
        "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "procMount",
        "seccompProfile", "appArmorProfile"}) {
    const Json* value = Find(context, {name});
    std::string go_name = name;
    go_name[0] = absl::ascii_toupper(static_cast<unsigned char>(go_name[0]));
    if (go_name == "SeLinuxOptions") go_name = "SELinuxOptions";
    absl::StrAppend(&out, out.size() > 1 ? "," : "", Quote(go_name), ":",
                    value == nullptr ? "null" : Dump(*value));
  }
  return out + "}";
}

void ValidateContainer(const Json& container, const std::string& path, bool init, bool host_network,
                       const std::set<std::string>& volumes, std::set<std::string>& names,
                       FieldErrors& errors) {
  ValidateName(container, path, names, errors);
  if (Text(container, {"image"}).empty()) errors.Required(path + ".image");
  ValidatePorts(Items(container, {"ports"}), path + ".ports", host_network, errors);
  ValidateEnv(container, path, errors);
  ValidateMounts(container, path, volumes, errors);
  CheckOneOf(container, "terminationMessagePolicy", path, {"File", "FallbackToLogsOnError"},
             errors);
  CheckOneOf(container, "imagePullPolicy", path, {"Always", "IfNotPresent", "Never"}, errors);
  ValidateResources(Members(container, {"resources"}), path + ".resources", errors);
  const bool sidecar = Text(container, {"restartPolicy"}) == "Always";
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    if (init && !sidecar) {
      if (Find(container, {probe}) != nullptr) {
        errors.Forbidden(absl::StrCat(path, ".", probe),
                         "may not be set for init containers without restartPolicy=Always");
      }
    } else {
      ValidateProbe(container, probe, path, errors);
    }
  }
  if (init && !sidecar && Find(container, {"lifecycle"}) != nullptr) {
    errors.Forbidden(path + ".lifecycle",
                     "may not be set for init containers without restartPolicy=Always");
  }
  const Json& context = Members(container, {"securityContext"});
  CheckUserId(context, "runAsUser", path + ".securityContext", errors);
  CheckUserId(context, "runAsGroup", path + ".securityContext", errors);
  if (Flag(context, {"privileged"}) && !Flag(context, {"allowPrivilegeEscalation"}, true)) {
    errors.InvalidStruct(path + ".securityContext", SecurityContextInGo(context),
                         "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
  }
}

void ValidateVolume(const Json& volume, const std::string& path, std::set<std::string>& names,
                    FieldErrors& errors) {
  int sources = 0;
  for (const auto& [kind, source] : volume.items()) {
    if (kind == "name") continue;
    if (++sources > 1) {
      errors.Forbidden(absl::StrCat(path, ".", kind), "may not specify more than 1 volume type");
    }
  }
  const auto required = [&](const char* kind, const char* field) {
    const Json* source = Find(volume, {kind});
    if (source != nullptr && Text(*source, {field}).empty()) {
      errors.Required(absl::StrCat(path, ".", kind, ".", field));
    }
  };
  required("hostPath", "path");
  required("nfs", "server");
  required("nfs", "path");
  if (const std::string nfs = Text(volume, {"nfs", "path"});
      !nfs.empty() && !absl::StartsWith(nfs, "/")) {
    errors.Invalid(path + ".nfs.path", nfs, "must be an absolute path");
  }
  required("persistentVolumeClaim", "claimName");
  required("secret", "secretName");
  required("configMap", "name");
  if (sources == 0) errors.Required(path, "must specify a volume type");
  ValidateName(volume, path, names, errors);
}

void ValidateTolerations(const Json& tolerations, const std::string& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < tolerations.size(); ++i) {
    const Json& one = tolerations[i];
    const std::string at = At(path, i);
    const std::string key = Text(one, {"key"});
    const std::string op = Text(one, {"operator"});
    const std::string value = Text(one, {"value"});
    const std::string effect = Text(one, {"effect"});
    if (key.empty() && op != "Exists") {
      errors.Invalid(at + ".operator", op,
                     "operator must be Exists when `key` is empty, which means \"match all values "
                     "and all keys\"");
    } else if (!key.empty()) {
      if (const std::string wrong = QualifiedNameError(key); !wrong.empty()) {
        errors.Invalid(at + ".key", key, wrong);
      }
    }
    if (one.contains("tolerationSeconds") && effect != "NoExecute") {
      errors.Invalid(at + ".effect", effect,
                     "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (op.empty() || op == "Equal") {
      if (const std::string wrong = LabelValueError(value); !wrong.empty()) {
        errors.Invalid(at + ".operator", value, wrong);
      }
    } else if (op == "Exists") {
      if (!value.empty()) {
        errors.Invalid(at + ".operator", value, "value must be empty when `operator` is 'Exists'");
      }
    } else {
      errors.NotSupported(at + ".operator", op, {"Equal", "Exists"});
    }
    if (!effect.empty()) {
      CheckOneOf(one, "effect", at, {"NoSchedule", "PreferNoSchedule", "NoExecute"}, errors);
    }
  }
}

void ValidateAffinity(const Json& affinity, const std::string& path, FieldErrors& errors) {
  constexpr char kRequired[] = "requiredDuringSchedulingIgnoredDuringExecution";
  if (const Json* node = Find(affinity, {"nodeAffinity", kRequired})) {
    if (Items(*node, {"nodeSelectorTerms"}).empty()) {
      errors.Required(absl::StrCat(path, ".nodeAffinity.", kRequired, ".nodeSelectorTerms"),
                      "must have at least one node selector term");
    }
  }
  for (const char* kind : {"podAffinity", "podAntiAffinity"}) {
    const Json& terms = Items(affinity, {kind, kRequired});
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const std::string at = absl::StrCat(path, ".", kind, ".", kRequired, "[", i, "]");
      const std::string topology = Text(terms[i], {"topologyKey"});
      if (topology.empty()) {
        // Checked as a key and, in two ways, as a label name.
        errors.Required(at + ".topologyKey", "can not be empty");
        errors.Invalid(at + ".topologyKey", "", "name part must be non-empty");
        errors.Invalid(at + ".topologyKey", "",
                       "name part must consist of alphanumeric characters, '-', '_' or '.', and "
                       "must start and end with an alphanumeric character (e.g. 'MyName',  or "
                       "'my.name',  or '123-abc', regex used for validation is "
                       "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')");
      }
      CheckSelector(Members(terms[i], {"labelSelector"}), at + ".labelSelector", errors);
    }
  }
}

bool IsSearchDomain(absl::string_view name) {
  if (absl::EndsWith(name, ".")) name.remove_suffix(1);
  std::string without;
  for (absl::string_view label : absl::StrSplit(name, '.')) {
    absl::ConsumePrefix(&label, "_");
    absl::StrAppend(&without, without.empty() ? "" : ".", label);
  }
  for (char& c : without) c = c == '_' ? '-' : c;
  return DnsSubdomainError(without).empty();
}

void ValidateDns(const Json& spec, const std::string& path, FieldErrors& errors) {
  CheckOneOf(spec, "dnsPolicy", path,
             {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"}, errors);
  const Json& servers = Items(spec, {"dnsConfig", "nameservers"});
  if (Text(spec, {"dnsPolicy"}) == "None" && servers.empty()) {
    errors.Required(path + ".dnsConfig.nameservers",
                    "must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (!IsIp(GoValue(servers[i]))) {
      errors.Invalid(At(path + ".dnsConfig.nameservers", i), servers[i], kNotAnIp);
    }
  }
  const Json& searches = Items(spec, {"dnsConfig", "searches"});
  for (std::size_t i = 0; i < searches.size(); ++i) {
    if (!IsSearchDomain(GoValue(searches[i]))) {
      errors.Invalid(At(path + ".dnsConfig.searches", i), searches[i],
                     "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                     "characters, '_', '-' or '.', and must start and end with an alphanumeric "
                     "character (e.g. 'example.com', regex used for validation is "
                     "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')");
    }
  }
  const Json& options = Items(spec, {"dnsConfig", "options"});
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (Text(options[i], {"name"}).empty()) {
      errors.Required(At(path + ".dnsConfig.options", i), "must not be empty");
    }
  }
}

void ValidateSpread(const Json& constraints, const std::string& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < constraints.size(); ++i) {
    const Json& one = constraints[i];
    const std::string at = At(path, i);
    if (Integer(one, {"maxSkew"}) <= 0) {
      errors.Invalid(at + ".maxSkew", Integer(one, {"maxSkew"}), "must be greater than zero");
    }
    if (Text(one, {"topologyKey"}).empty()) {
      errors.Required(at + ".topologyKey", "can not be empty");
    }
    const std::string when = Text(one, {"whenUnsatisfiable"});
    if (when != "DoNotSchedule" && when != "ScheduleAnyway") {
      errors.NotSupported(at + ".whenUnsatisfiable", when, {"DoNotSchedule", "ScheduleAnyway"});
    }
  }
}

}  // namespace

void ValidatePodSpec(const Json& spec, const std::string& path, FieldErrors& errors) {
  std::set<std::string> volumes;
  const Json& volume_list = Items(spec, {"volumes"});
  for (std::size_t i = 0; i < volume_list.size(); ++i) {
    ValidateVolume(volume_list[i], At(path + ".volumes", i), volumes, errors);
  }
  const bool host_network = Flag(spec, {"hostNetwork"});
  std::set<std::string> names;
  const Json& containers = Items(spec, {"containers"});
  if (containers.empty()) errors.Required(path + ".containers");
  for (std::size_t i = 0; i < containers.size(); ++i) {
    ValidateContainer(containers[i], At(path + ".containers", i), false, host_network, volumes,
                      names, errors);
  }
  const Json& init = Items(spec, {"initContainers"});
  for (std::size_t i = 0; i < init.size(); ++i) {
    ValidateContainer(init[i], At(path + ".initContainers", i), true, host_network, volumes, names,
                      errors);
  }
  CheckOneOf(spec, "restartPolicy", path, {"Always", "OnFailure", "Never"}, errors);
  ValidateDns(spec, path, errors);
  for (const auto& [key, value] : Members(spec, {"nodeSelector"}).items()) {
    if (const std::string wrong = QualifiedNameError(key); !wrong.empty()) {
      errors.Invalid(path + ".nodeSelector", key, wrong);
    }
  }
  const Json& context = Members(spec, {"securityContext"});
  for (const char* field : {"fsGroup", "runAsUser", "runAsGroup"}) {
    CheckUserId(context, field, path + ".securityContext", errors);
  }
  const Json& sysctls = Items(context, {"sysctls"});
  for (std::size_t i = 0; i < sysctls.size(); ++i) {
    const std::string name = Text(sysctls[i], {"name"});
    const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_islower(static_cast<unsigned char>(c)) ||
             absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
             absl::StrContains("-_./", absl::string_view(&c, 1));
    });
    if (name.empty() || !allowed) {
      errors.Invalid(At(path + ".securityContext.sysctls", i) + ".name", name,
                     "must have at most 253 characters and match regex "
                     "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
    }
  }
  for (const char* field : {"serviceAccountName", "nodeName", "priorityClassName"}) {
    CheckSubdomain(spec, field, path, errors);
  }
  if (const Json* affinity = Find(spec, {"affinity"})) {
    ValidateAffinity(*affinity, path + ".affinity", errors);
  }
  const Json& aliases = Items(spec, {"hostAliases"});
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    if (!IsIp(Text(aliases[i], {"ip"}))) {
      errors.Invalid(At(path + ".hostAliases", i) + ".ip", Text(aliases[i], {"ip"}), kNotAnIp);
    }
  }
  ValidateTolerations(Items(spec, {"tolerations"}), path + ".tolerations", errors);
  ValidateSpread(Items(spec, {"topologySpreadConstraints"}), path + ".topologySpreadConstraints",
                 errors);
  if (const Json* seconds = Find(spec, {"activeDeadlineSeconds"})) {
    if (*seconds < 1) {
      errors.Invalid(path + ".activeDeadlineSeconds", *seconds,
                     "must be between 1 and 2147483647, inclusive");
    }
  }
}

}  // namespace charon::sandbox
