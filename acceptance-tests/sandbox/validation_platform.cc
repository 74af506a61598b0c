// Configuration, quota, permissions, network, storage.

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "custom_schema.h"
#include "names.h"
#include "quantity.h"
#include "validation_parts.h"

namespace charon::sandbox {
namespace {

constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

void ValidateConfigMap(const Json& object, FieldErrors& errors) {
  std::size_t size = 0;
  for (const char* list : {"data", "binaryData"}) {
    for (const auto& [key, value] : Members(object, {list}).items()) {
      if (const std::string wrong = ConfigKeyError(key); !wrong.empty()) {
        errors.Invalid(absl::StrCat(list, "[", key, "]"), key, wrong);
      }
      if (std::string(list) == "data" && Members(object, {"binaryData"}).contains(key)) {
        errors.Invalid(absl::StrCat("data[", key, "]"), key,
                       "duplicate of key present in binaryData");
      }
      size += GoValue(value).size();
    }
  }
  if (size > kMaxConfigBytes) errors.TooLong("[]", kMaxConfigBytes);
}

void ValidateSecret(const Json& object, FieldErrors& errors) {
  const Json& data = Members(object, {"data"});
  std::size_t size = 0;
  for (const auto& [key, value] : data.items()) {
    if (const std::string wrong = ConfigKeyError(key); !wrong.empty()) {
      errors.Invalid(absl::StrCat("data[", key, "]"), key, wrong);
    }
    size += GoValue(value).size() / 4 * 3;
  }
  if (size > kMaxConfigBytes) errors.TooLong("data", kMaxConfigBytes);
  const std::string type = Text(object, {"type"});
  const auto require = [&](const char* key) {
    if (!data.contains(key)) errors.Required(absl::StrCat("data[", key, "]"));
  };
  if (type == "kubernetes.io/tls") {
    require("tls.crt");
    require("tls.key");
  } else if (type == "kubernetes.io/dockerconfigjson") {
    require(".dockerconfigjson");
    std::string bytes;
    if (data.contains(".dockerconfigjson") &&
        (!absl::Base64Unescape(GoValue(data[".dockerconfigjson"]), &bytes) ||
         !Json::accept(bytes))) {
      errors.Invalid("data[.dockerconfigjson]", "<secret contents redacted>",
                     bytes.empty() ? std::string("unexpected end of JSON input")
                                   : absl::StrCat("invalid character '", bytes.substr(0, 1),
                                                  "' looking for beginning of value"));
    }
  } else if (type == "kubernetes.io/basic-auth") {
    if (!data.contains("username") && !data.contains("password")) {
      require("username");
      require("password");
    }
  } else if (type == "kubernetes.io/ssh-auth") {
    require("ssh-privatekey");
  } else if (type == "kubernetes.io/service-account-token") {
    if (Text(object, {"metadata", "annotations", "kubernetes.io/service-account.name"}).empty()) {
      errors.Required("metadata.annotations[kubernetes.io/service-account.name]");
    }
  }
}

// Names a quota may limit.
bool IsQuotaResource(const std::string& name) {
  static const std::set<std::string>& names =
      *new std::set<std::string>{"cpu",
                                 "memory",
                                 "ephemeral-storage",
                                 "requests.cpu",
                                 "requests.memory",
                                 "requests.storage",
                                 "requests.ephemeral-storage",
                                 "limits.cpu",
                                 "limits.memory",
                                 "limits.ephemeral-storage",
                                 "pods",
                                 "resourcequotas",
                                 "services",
                                 "replicationcontrollers",
                                 "secrets",
                                 "persistentvolumeclaims",
                                 "configmaps",
                                 "services.nodeports",
                                 "services.loadbalancers"};
  return names.count(name) > 0 || absl::StartsWith(name, "hugepages-") ||
         absl::StartsWith(name, "requests.hugepages-");
}

bool CountsWholeThings(const std::string& name) {
  return name == "pods" || name == "services" || name == "secrets" || name == "configmaps" ||
         name == "persistentvolumeclaims" || name == "resourcequotas" ||
         name == "replicationcontrollers" || absl::StartsWith(name, "services.") ||
         absl::StartsWith(name, "count/");
}

void ValidateQuota(const Json& object, FieldErrors& errors) {
  for (const auto& [name, value] : Members(object, {"spec", "hard"}).items()) {
    const std::string at = absl::StrCat("spec.hard[", name, "]");
    const bool standard = IsQuotaResource(name);
    if (const std::string wrong = QualifiedNameError(name); !wrong.empty()) {
      errors.Invalid(at, name, wrong);
      if (!absl::StrContains(name, '/')) {
        errors.Invalid(at, name, "must be a standard resource for quota");
      }
    } else if (!absl::StrContains(name, '/') && !standard) {
      errors.Invalid(at, name, "must be a standard resource type or fully qualified");
      errors.Invalid(at, name, "must be a standard resource for quota");
    }
    const Quantity amount = Quantity::FromJson(value);
    if (amount.IsNegative()) {
      errors.Invalid(at, amount.ToString(), "must be greater than or equal to 0");
    } else if (CountsWholeThings(name) && !amount.IsWhole()) {
      errors.Invalid(at, amount.ToString(), "must be an integer");
    }
  }
  const Json& scopes = Items(object, {"spec", "scopes"});
  static const std::set<std::string>& known = *new std::set<std::string>{
      "Terminating",          "NotTerminating", "BestEffort",
      "NotBestEffort",        "PriorityClass",  "CrossNamespacePodAffinity",
      "VolumeAttributesClass"};
  const auto has = [&](const char* scope) {
    return std::find(scopes.begin(), scopes.end(), Json(scope)) != scopes.end();
  };
  for (const Json& scope : scopes) {
    if (known.count(GoValue(scope)) == 0) {
      errors.Invalid("spec.scopes", scopes, "unsupported scope");
    }
  }
  if ((has("BestEffort") && has("NotBestEffort")) ||
      (has("Terminating") && has("NotTerminating"))) {
    errors.Invalid("spec.scopes", scopes, "conflicting scopes");
  }
}

void ValidateLimitItem(const Json& item, const std::string& path, FieldErrors& errors) {
  const std::string type = Text(item, {"type"});
  if (type == "Pod") {
    for (const char* field : {"default", "defaultRequest"}) {
      if (!Members(item, {field}).empty()) {
        errors.Forbidden(absl::StrCat(path, ".", field),
                         "may not be specified when `type` is 'Pod'");
      }
    }
  }
  if (type == "PersistentVolumeClaim" && !Members(item, {"min"}).contains("storage") &&
      !Members(item, {"max"}).contains("storage")) {
    errors.Required(
        path + ".limits",
        "either minimum or maximum storage value is required, but neither was provided");
  }
  std::set<std::string> names;
  for (const char* list : {"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"}) {
    for (const auto& [name, value] : Members(item, {list}).items()) names.insert(name);
  }
  for (const std::string& name : names) {
    const auto get = [&](const char* list) -> std::optional<Quantity> {
      const Json* value = Find(item, {list, name.c_str()});
      if (value == nullptr) return std::nullopt;
      return Quantity::FromJson(*value);
    };
    const auto max = get("max");
    const auto min = get("min");
    const auto fallback = get("default");
    const auto request = get("defaultRequest");
    const auto ratio = get("maxLimitRequestRatio");
    const auto at = [&](const char* list) { return absl::StrCat(path, ".", list, "[", name, "]"); };
    if (min && max && *min > *max) {
      errors.Invalid(at("min"), min->ToString(),
                     absl::StrCat("min value ", min->ToString(), " is greater than max value ",
                                  max->ToString()));
    }
    if (request && min && *min > *request) {
      errors.Invalid(at("defaultRequest"), request->ToString(),
                     absl::StrCat("min value ", min->ToString(),
                                  " is greater than default request value ", request->ToString()));
    }
    if (request && max && *request > *max) {
      errors.Invalid(at("defaultRequest"), request->ToString(),
                     absl::StrCat("default request value ", request->ToString(),
                                  " is greater than max value ", max->ToString()));
    }
    if (request && fallback && *request > *fallback) {
      errors.Invalid(at("defaultRequest"), request->ToString(),
                     absl::StrCat("default request value ", request->ToString(),
                                  " is greater than default limit value ", fallback->ToString()));
    }
    if (fallback && min && *min > *fallback) {
      errors.Invalid(at("default"), min->ToString(),
                     absl::StrCat("min value ", min->ToString(), " is greater than default value ",
                                  fallback->ToString()));
    }
    if (fallback && max && *fallback > *max) {
      errors.Invalid(at("default"), max->ToString(),
                     absl::StrCat("default value ", fallback->ToString(),
                                  " is greater than max value ", max->ToString()));
    }
    if (ratio && *ratio < *Quantity::Parse("1")) {
      errors.Invalid(at("maxLimitRequestRatio"), ratio->ToString(),
                     absl::StrCat("ratio ", ratio->ToString(), " is less than 1"));
    }
  }
}

void ValidateLimitRange(const Json& object, FieldErrors& errors) {
  std::set<std::string> types;
  const Json& limits = Items(object, {"spec", "limits"});
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const std::string at = At("spec.limits", i);
    const std::string type = Text(limits[i], {"type"});
    if (type != "Container" && type != "Pod" && type != "PersistentVolumeClaim" &&
        !absl::StrContains(type, '/')) {
      errors.Invalid(at + ".type", type, "must be a standard limit type or fully qualified");
    }
    if (!types.insert(type).second) {
      errors.Duplicate(at + ".type", type);
      continue;
    }
    ValidateLimitItem(limits[i], at, errors);
  }
}

void ValidateRules(const Json& object, bool namespaced, FieldErrors& errors) {
  const Json& rules = Items(object, {"rules"});
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string at = At("rules", i);
    if (Items(rules[i], {"verbs"}).empty()) {
      errors.Required(at + ".verbs", "verbs must contain at least one value");
    }
    const Json& urls = Items(rules[i], {"nonResourceURLs"});
    if (!urls.empty()) {
      if (namespaced) {
        errors.Invalid(at + ".nonResourceURLs", urls,
                       "namespaced rules cannot apply to non-resource URLs");
      }
      continue;
    }
    if (Items(rules[i], {"apiGroups"}).empty()) {
      errors.Required(at + ".apiGroups", "resource rules must supply at least one api group");
    }
    if (Items(rules[i], {"resources"}).empty()) {
      errors.Required(at + ".resources", "resource rules must supply at least one resource");
    }
  }
}

void ValidateBinding(const Json& object, bool namespaced, FieldErrors& errors) {
  const std::string group = Text(object, {"roleRef", "apiGroup"});
  if (group != "rbac.authorization.k8s.io") {
    errors.NotSupported("roleRef.apiGroup", group, {"rbac.authorization.k8s.io"});
  }
  const std::string kind = Text(object, {"roleRef", "kind"});
  if (namespaced && kind != "Role" && kind != "ClusterRole") {
    errors.NotSupported("roleRef.kind", kind, {"Role", "ClusterRole"});
  } else if (!namespaced && kind != "ClusterRole") {
    errors.NotSupported("roleRef.kind", kind, {"ClusterRole"});
  }
  const std::string role = Text(object, {"roleRef", "name"});
  if (role.empty()) {
    errors.Required("roleRef.name");
  } else if (const std::string wrong = PathSegmentError(role); !wrong.empty()) {
    errors.Invalid("roleRef.name", role, wrong);
  }
  const Json& subjects = Items(object, {"subjects"});
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const Json& one = subjects[i];
    const std::string at = At("subjects", i);
    const std::string name = Text(one, {"name"});
    const std::string subject_group = Text(one, {"apiGroup"});
    if (name.empty()) errors.Required(at + ".name");
    const std::string subject = Text(one, {"kind"});
    if (subject == "ServiceAccount") {
      if (const std::string wrong = DnsSubdomainError(name); !name.empty() && !wrong.empty()) {
        errors.Invalid(at + ".name", name, wrong);
      }
      if (!subject_group.empty()) {
        errors.NotSupported(at + ".apiGroup", subject_group, {""});
      }
      if (!namespaced && Text(one, {"namespace"}).empty()) errors.Required(at + ".namespace");
    } else if (subject == "User" || subject == "Group") {
      if (subject_group != "rbac.authorization.k8s.io") {
        errors.NotSupported(at + ".apiGroup", subject_group, {"rbac.authorization.k8s.io"});
      }
    } else {
      errors.NotSupported(at + ".kind", subject, {"ServiceAccount", "User", "Group"});
    }
  }
}

void ValidatePeers(const Json& rule, const char* field, const std::string& path,
                   FieldErrors& errors) {
  const Json& peers = Items(rule, {field});
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const std::string at = absl::StrCat(path, ".", field, "[", i, "]");
    const Json* block = Find(peers[i], {"ipBlock"});
    const bool selector =
        peers[i].contains("podSelector") || peers[i].contains("namespaceSelector");
    if (const Json* pods = Find(peers[i], {"podSelector"})) {
      CheckSelector(*pods, at + ".podSelector", errors);
    }
    if (const Json* namespaces = Find(peers[i], {"namespaceSelector"})) {
      CheckSelector(*namespaces, at + ".namespaceSelector", errors);
    }
    if (block != nullptr) {
      const std::string cidr = Text(*block, {"cidr"});
      if (cidr.empty()) {
        errors.Required(at + ".ipBlock.cidr");
      } else if (!IsCidr(cidr)) {
        errors.Invalid(at + ".ipBlock.cidr", cidr, kNotACidr);
      } else {
        const Json& except = Items(*block, {"except"});
        for (std::size_t j = 0; j < except.size(); ++j) {
          if (!IsCidr(GoValue(except[j]))) {
            errors.Invalid(At(at + ".ipBlock.except", j), except[j], kNotACidr);
          } else if (!IsStrictSubset(GoValue(except[j]), cidr)) {
            errors.Invalid(At(at + ".ipBlock.except", j), except[j],
                           "must be a strict subset of `cidr`");
          }
        }
      }
      if (selector) errors.Forbidden(at, "may not specify both ipBlock and another peer");
    } else if (!selector) {
      errors.Required(at, "must specify a peer");
    }
  }
}

void ValidateNetworkPolicy(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  CheckSelector(Members(spec, {"podSelector"}), "spec.podSelector", errors);
  for (const char* direction : {"ingress", "egress"}) {
    const Json& rules = Items(spec, {direction});
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const std::string at = absl::StrCat("spec.", direction, "[", i, "]");
      const Json& ports = Items(rules[i], {"ports"});
      for (std::size_t j = 0; j < ports.size(); ++j) {
        const std::string port_at = At(at + ".ports", j);
        CheckOneOf(ports[j], "protocol", port_at, {"TCP", "UDP", "SCTP"}, errors);
        const Json* port = Find(ports[j], {"port"});
        if (port != nullptr) CheckPort(*port, port_at + ".port", errors);
        if (const Json* end = Find(ports[j], {"endPort"});
            end != nullptr && port != nullptr && port->is_number() && *end < *port) {
          errors.Invalid(port_at + ".endPort", *port, "must be greater than or equal to `port`");
        }
      }
      ValidatePeers(rules[i], std::string(direction) == "ingress" ? "from" : "to", at, errors);
    }
  }
  const Json& types = Items(spec, {"policyTypes"});
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] != "Ingress" && types[i] != "Egress") {
      errors.NotSupported(At("spec.policyTypes", i), types[i], {"Ingress", "Egress"});
    }
  }
}

void ValidateBackend(const Json& backend, const std::string& path, FieldErrors& errors) {
  const Json* service = Find(backend, {"service"});
  const Json* resource = Find(backend, {"resource"});
  if (service != nullptr && resource != nullptr) {
    errors.Invalid(path, "", "cannot set both resource and service backends");
    return;
  }
  if (service == nullptr) return;
  const std::string name = Text(*service, {"name"});
  if (name.empty()) {
    errors.Required(path + ".service.name");
  } else if (const std::string wrong = Dns1035LabelError(name); !wrong.empty()) {
    errors.Invalid(path + ".service.name", name, wrong);
  }
  const bool has_name = !Text(*service, {"port", "name"}).empty();
  const std::int64_t number = Integer(*service, {"port", "number"});
  if (has_name && number != 0) {
    errors.Invalid(path, "", "cannot set both port name & port number");
  } else if (!has_name && number == 0) {
    errors.Required(path, "port name or number is required");
  } else if (number != 0) {
    CheckPort(number, path + ".service.port.number", errors);
  }
}

void ValidateIngress(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  const Json& rules = Items(spec, {"rules"});
  if (rules.empty() && Find(spec, {"defaultBackend"}) == nullptr) {
    errors.Invalid("spec", spec.empty() ? Json() : spec,
                   "either `defaultBackend` or `rules` must be specified");
  }
  if (const Json* backend = Find(spec, {"defaultBackend"})) {
    ValidateBackend(*backend, "spec.defaultBackend", errors);
  }
  const auto host_error = [](const std::string& host) -> std::string {
    if (!absl::StrContains(host, '*')) return DnsSubdomainError(host);
    if (absl::StartsWith(host, "*.") && DnsSubdomainError(host.substr(2)).empty()) return "";
    return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
           "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
           "alphanumeric character (e.g. '*.example.com', regex used for validation is "
           "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  };
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string at = At("spec.rules", i);
    const std::string host = Text(rules[i], {"host"});
    if (const std::string wrong = host_error(host); !host.empty() && !wrong.empty()) {
      errors.Invalid(at + ".host", host, wrong);
    }
    const Json& paths = Items(rules[i], {"http", "paths"});
    if (Find(rules[i], {"http"}) != nullptr && paths.empty()) errors.Required(at + ".http.paths");
    for (std::size_t j = 0; j < paths.size(); ++j) {
      const std::string path_at = At(at + ".http.paths", j);
      const std::string type = Text(paths[j], {"pathType"});
      const std::string path = Text(paths[j], {"path"});
      if (type.empty()) {
        errors.Required(path_at + ".pathType", "pathType must be specified");
      } else if (type != "Exact" && type != "Prefix" && type != "ImplementationSpecific") {
        errors.NotSupported(path_at + ".pathType", type,
                            {"Exact", "ImplementationSpecific", "Prefix"});
      } else if ((type != "ImplementationSpecific" || !path.empty()) &&
                 !absl::StartsWith(path, "/")) {
        errors.Invalid(path_at + ".path", path, "must be an absolute path");
      }
      ValidateBackend(Members(paths[j], {"backend"}), path_at + ".backend", errors);
    }
  }
  const Json& tls = Items(spec, {"tls"});
  for (std::size_t i = 0; i < tls.size(); ++i) {
    const Json& hosts = Items(tls[i], {"hosts"});
    for (std::size_t j = 0; j < hosts.size(); ++j) {
      const std::string host = GoValue(hosts[j]);
      if (const std::string wrong = host_error(host); !wrong.empty()) {
        errors.Invalid(absl::StrCat("spec.tls[", i, "].hosts[", j, "]"), host, wrong);
      }
    }
    CheckSubdomain(tls[i], "secretName", At("spec.tls", i), errors);
  }
  CheckSubdomain(spec, "ingressClassName", "spec", errors);
}

void ValidatePriorityClass(const Json& object, FieldErrors& errors) {
  const std::string name = Text(object, {"metadata", "name"});
  const std::int64_t value = Integer(object, {"value"});
  const bool known = name == "system-node-critical" || name == "system-cluster-critical";
  if (absl::StartsWith(name, "system-")) {
    if (!known) {
      errors.Forbidden("metadata.name",
                       absl::StrCat("priority class names with 'system-' prefix are reserved for "
                                    "system use only. error: ",
                                    name, " is not a known system priority class"));
    }
  } else if (value > 1'000'000'000) {
    errors.Forbidden("value", "maximum allowed value of a user defined priority is 1000000000");
  }
  CheckOneOf(object, "preemptionPolicy", "", {"PreemptLowerPriority", "Never"}, errors);
}

void ValidateClaim(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  const Json& modes = Items(spec, {"accessModes"});
  if (modes.empty()) errors.Required("spec.accessModes", "at least 1 access mode is required");
  for (const Json& mode : modes) {
    if (mode != "ReadWriteOnce" && mode != "ReadOnlyMany" && mode != "ReadWriteMany" &&
        mode != "ReadWriteOncePod") {
      errors.NotSupported("spec.accessModes", mode,
                          {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"});
    }
  }
  const Json* size = Find(spec, {"resources", "requests", "storage"});
  if (size == nullptr) {
    errors.Required("spec.resources[storage]");
  } else if (const Quantity amount = Quantity::FromJson(*size);
             amount.IsZero() || amount.IsNegative()) {
    errors.Invalid("spec.resources[storage]", amount.ToString(), "must be greater than zero");
  }
  CheckSubdomain(spec, "storageClassName", "spec", errors);
  CheckOneOf(spec, "volumeMode", "spec", {"Block", "Filesystem"}, errors);
}

// What a volume is on: all of its spec that volumes of every kind do not have in common.
Json VolumeSource(const Json& volume) {
  Json source = Members(volume, {"spec"});
  for (const char* field : {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
                            "persistentVolumeReclaimPolicy", "storageClassName",
                            "volumeAttributesClassName", "volumeMode"}) {
    source.erase(field);
  }
  return source;
}

void ValidateVolume(const Json& object, FieldErrors& errors) {
  const Json source = VolumeSource(object);
  if (source.empty()) {
    errors.Required("spec", "must specify a volume type");
    return;
  }
  const std::string first = source.contains("hostPath") ? "hostPath" : source.begin().key();
  for (const auto& [name, value] : source.items()) {
    if (name != first) {
      errors.Forbidden(absl::StrCat("spec.", name), "may not specify more than 1 volume type");
    }
  }
}

void ValidateAutoscaler(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  const std::int64_t least = Integer(spec, {"minReplicas"}, 1);
  const std::int64_t most = Integer(spec, {"maxReplicas"});
  if (least < 1) {
    errors.Invalid("spec.minReplicas", least, "must be greater than or equal to 1");
  }
  if (most < 1) {
    errors.Required("spec.maxReplicas", "must be set and greater than 0");
  } else if (most < least) {
    errors.Invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`");
  }
  for (const char* field : {"kind", "name"}) {
    if (Text(spec, {"scaleTargetRef", field}).empty()) {
      errors.Required(absl::StrCat("spec.scaleTargetRef.", field));
    }
  }
  if (!absl::StrContains(Text(spec, {"scaleTargetRef", "apiVersion"}), '/')) {
    errors.Invalid("spec.scaleTargetRef.apiVersion", Text(spec, {"scaleTargetRef", "apiVersion"}),
                   "apiVersion must specify API group");
  }
  const Json& metrics = Items(spec, {"metrics"});
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const std::string at = At("spec.metrics", i);
    const std::string type = Text(metrics[i], {"type"});
    const std::vector<std::string> known = {"ContainerResource", "External", "Object", "Pods",
                                            "Resource"};
    if (type.empty()) {
      errors.Required(at + ".type", "must specify a metric source type");
    } else if (std::find(known.begin(), known.end(), type) == known.end()) {
      errors.NotSupported(at + ".type", type, known);
      errors.NotSupported(at + ".type", type, known);
    } else {
      std::string field = type;
      field[0] = absl::ascii_tolower(static_cast<unsigned char>(field[0]));
      if (!metrics[i].contains(field)) {
        errors.Required(at + "." + field, "must populate information for the given metric source");
      }
    }
  }
}

void ValidateDisruptionBudget(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  if (spec.contains("minAvailable") && spec.contains("maxUnavailable")) {
    const auto in_go = [&](const char* name) {
      const Json* value = Find(spec, {name});
      return value == nullptr ? std::string("null") : Dump(*value);
    };
    errors.InvalidStruct(
        "spec",
        absl::StrCat("{\"MinAvailable\":", in_go("minAvailable"), ",\"Selector\":",
                     in_go("selector"), ",\"MaxUnavailable\":", in_go("maxUnavailable"),
                     ",\"UnhealthyPodEvictionPolicy\":", in_go("unhealthyPodEvictionPolicy"), "}"),
        "minAvailable and maxUnavailable cannot be both set");
  }
  CheckIntOrPercent(spec, "minAvailable", "spec", errors);
  CheckIntOrPercent(spec, "maxUnavailable", "spec", errors);
  CheckSelector(Members(spec, {"selector"}), "spec.selector", errors);
}

void ValidateStorageClass(const Json& object, FieldErrors& errors) {
  const std::string provisioner = Text(object, {"provisioner"});
  if (provisioner.empty()) {
    errors.Required("provisioner");
  } else if (const std::string wrong = QualifiedNameError(provisioner); !wrong.empty()) {
    errors.Invalid("provisioner", provisioner, wrong);
  }
  CheckOneOf(object, "reclaimPolicy", "", {"Delete", "Retain"}, errors);
  CheckOneOf(object, "volumeBindingMode", "", {"Immediate", "WaitForFirstConsumer"}, errors);
}

void Immutable(const Json& object, const Json& live, const char* field, FieldErrors& errors) {
  const Json* before = Find(live, {field});
  const Json* after = Find(object, {field});
  const Json a = before == nullptr ? Json() : *before;
  const Json b = after == nullptr ? Json() : *after;
  if (a != b) errors.Invalid(field, b, "field is immutable");
}

void ValidateClaimUpdate(const Json& object, const Json& live, FieldErrors& errors) {
  const bool bound = Text(live, {"status", "phase"}) == "Bound";
  Json before = Members(live, {"spec"});
  Json after = Members(object, {"spec"});
  for (Json* side : {&before, &after}) {
    if (bound) Erase(*side, {"resources", "requests", "storage"});
    side->erase("volumeAttributesClassName");
    // The binder fills these in.
    if (Text(live, {"spec", "volumeName"}).empty()) side->erase("volumeName");
    if (Find(live, {"spec", "storageClassName"}) == nullptr) side->erase("storageClassName");
  }
  if (before != after) {
    errors.Forbidden("spec",
                     "spec is immutable after creation except resources.requests and "
                     "volumeAttributesClassName for bound claims");
  }
  const Json* old_size = Find(live, {"spec", "resources", "requests", "storage"});
  const Json* new_size = Find(object, {"spec", "resources", "requests", "storage"});
  if (bound && old_size != nullptr && new_size != nullptr &&
      Quantity::FromJson(*new_size) < Quantity::FromJson(*old_size)) {
    errors.Forbidden("spec.resources.requests.storage",
                     "field can not be less than status.capacity");
  }
}

void ValidateVolumeUpdate(const Json& object, const Json& live, FieldErrors& errors) {
  ValidateVolume(object, errors);  // Checked twice by the server.
  const Json before = VolumeSource(live);
  Json after = VolumeSource(object);
  // This may be added.
  if (Find(before, {"csi", "controllerExpandSecretRef"}) == nullptr) {
    Erase(after, {"csi", "controllerExpandSecretRef"});
  }
  if (before != after) {
    errors.Forbidden("spec.persistentvolumesource",
                     "spec.persistentvolumesource is immutable after creation");
  }
  const std::string mode = Text(object, {"spec", "volumeMode"});
  if (mode != Text(live, {"spec", "volumeMode"})) {
    errors.Invalid("volumeMode", mode, "field is immutable");
  }
  const Json* old_nodes = Find(live, {"spec", "nodeAffinity"});
  const Json* nodes = Find(object, {"spec", "nodeAffinity"});
  if (old_nodes != nullptr && (nodes == nullptr || *nodes != *old_nodes)) {
    errors.InvalidStruct("nodeAffinity",
                         InGo(nodes,
                              "Required(NodeSelectorTerms(MatchExpressions(Key Operator Values) "
                              "MatchFields(Key Operator Values)))"),
                         "field is immutable, except for updating from beta label to GA");
  }
}

}  // namespace

void ValidatePlatform(const Resource& resource, const Json& object, FieldErrors& errors) {
  const std::string key = resource.storage_key();
  const std::string rbac = "rbac.authorization.k8s.io/";
  if (key == "/services") ValidateService(object, errors);
  if (key == "/configmaps") ValidateConfigMap(object, errors);
  if (key == "/secrets") ValidateSecret(object, errors);
  if (key == "/resourcequotas") ValidateQuota(object, errors);
  if (key == "/limitranges") ValidateLimitRange(object, errors);
  if (key == "/persistentvolumeclaims") ValidateClaim(object, errors);
  if (key == "/persistentvolumes") ValidateVolume(object, errors);
  if (key == rbac + "roles") ValidateRules(object, true, errors);
  if (key == rbac + "clusterroles") ValidateRules(object, false, errors);
  if (key == rbac + "rolebindings") ValidateBinding(object, true, errors);
  if (key == rbac + "clusterrolebindings") ValidateBinding(object, false, errors);
  if (key == "networking.k8s.io/networkpolicies") ValidateNetworkPolicy(object, errors);
  if (key == "networking.k8s.io/ingresses") ValidateIngress(object, errors);
  if (key == "scheduling.k8s.io/priorityclasses") ValidatePriorityClass(object, errors);
  if (key == "storage.k8s.io/storageclasses") ValidateStorageClass(object, errors);
  if (key == "autoscaling/horizontalpodautoscalers") ValidateAutoscaler(object, errors);
  if (key == "policy/poddisruptionbudgets") ValidateDisruptionBudget(object, errors);
  if (key == "apiextensions.k8s.io/customresourcedefinitions") ValidateDefinition(object, errors);
  if (key == "coordination.k8s.io/leases") {
    if (const Json* seconds = Find(object, {"spec", "leaseDurationSeconds"});
        seconds != nullptr && *seconds <= 0) {
      errors.Invalid("spec.leaseDurationSeconds", *seconds, "must be greater than 0");
    }
  }
}

void ValidatePlatformUpdate(const Resource& resource, const Json& object, const Json& live,
                            FieldErrors& errors) {
  const std::string key = resource.storage_key();
  if (key == "/secrets") Immutable(object, live, "type", errors);
  if (key == "/secrets" || key == "/configmaps") {
    if (Flag(live, {"immutable"})) {
      if (!Flag(object, {"immutable"})) {
        errors.Forbidden("immutable", "field is immutable when `immutable` is set");
      }
      for (const char* field : {"data", "binaryData"}) {
        if (Members(object, {field}) != Members(live, {field})) {
          errors.Forbidden(field, "field is immutable when `immutable` is set");
        }
      }
    }
  } else if (key == "/services") {
    const std::string before = Text(live, {"spec", "clusterIP"});
    const std::string after = Text(object, {"spec", "clusterIP"});
    if (Text(live, {"spec", "type"}) != "ExternalName" &&
        Text(object, {"spec", "type"}) != "ExternalName" && !before.empty() && before != after) {
      errors.Invalid("spec.clusterIPs[0]", Json::array({after}), "may not change once set");
    }
  } else if (key == "/persistentvolumeclaims") {
    ValidateClaimUpdate(object, live, errors);
  } else if (key == "/persistentvolumes") {
    ValidateVolumeUpdate(object, live, errors);
  } else if (key == "rbac.authorization.k8s.io/rolebindings" ||
             key == "rbac.authorization.k8s.io/clusterrolebindings") {
    if (Members(object, {"roleRef"}) != Members(live, {"roleRef"})) {
      errors.InvalidStruct(
          "roleRef",
          absl::StrCat("{\"APIGroup\":", Quote(Text(object, {"roleRef", "apiGroup"})),
                       ",\"Kind\":", Quote(Text(object, {"roleRef", "kind"})),
                       ",\"Name\":", Quote(Text(object, {"roleRef", "name"})), "}"),
          "cannot change roleRef");
    }
  } else if (key == "scheduling.k8s.io/priorityclasses") {
    if (Integer(object, {"value"}) != Integer(live, {"value"})) {
      errors.Forbidden("value", "may not be changed in an update.");
    }
    Immutable(object, live, "preemptionPolicy", errors);
  } else if (key == "storage.k8s.io/storageclasses") {
    for (const char* field : {"parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"}) {
      Immutable(object, live, field, errors);
    }
  }
}

}  // namespace charon::sandbox
