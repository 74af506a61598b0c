#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "names.h"
#include "validation_parts.h"

namespace charon::sandbox {
namespace {

// The server prints its own struct here, with what identifies the port.
std::string PortInGo(const Json& port) {
  return absl::StrCat("{\"Name\":\"\",\"Protocol\":", Quote(Text(port, {"protocol"})),
                      ",\"AppProtocol\":null,\"Port\":", Integer(port, {"port"}),
                      ",\"TargetPort\":0,\"NodePort\":0}");
}

void ValidatePorts(const Json& spec, const std::string& type, FieldErrors& errors) {
  const Json& ports = Items(spec, {"ports"});
  std::set<std::string> names;
  std::set<std::string> numbers;
  std::set<std::string> node_ports;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Json& port = ports[i];
    const std::string at = absl::StrCat("spec.ports[", i, "]");
    const std::string name = Text(port, {"name"});
    if (name.empty()) {
      if (ports.size() > 1) errors.Required(at + ".name");
    } else if (const std::string wrong = DnsLabelError(name); !wrong.empty()) {
      errors.Invalid(at + ".name", name, wrong);
    } else if (!names.insert(name).second) {
      errors.Duplicate(at + ".name", name);
    }
    const Json* number = Find(port, {"port"});
    CheckPort(number == nullptr ? Json(0) : *number, at + ".port", errors);
    if (Text(port, {"protocol"}).empty()) {
      errors.Required(at + ".protocol");
    } else {
      CheckOneOf(port, "protocol", at, {"SCTP", "TCP", "UDP"}, errors);
    }
    if (const Json* target = Find(port, {"targetPort"})) {
      CheckPort(*target, at + ".targetPort", errors);
    }
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Json& port = ports[i];
    const std::int64_t node_port = Integer(port, {"nodePort"});
    if (node_port != 0 && (type == "ClusterIP" || type == "ExternalName")) {
      errors.Forbidden(absl::StrCat("spec.ports[", i, "].nodePort"),
                       absl::StrCat("may not be used when `type` is '", type, "'"));
    }
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Json& port = ports[i];
    const std::string identity =
        absl::StrCat(Text(port, {"protocol"}), "/", Integer(port, {"port"}));
    if (!numbers.insert(identity).second && Integer(port, {"port"}) != 0) {
      errors.DuplicateStruct(absl::StrCat("spec.ports[", i, "]"), PortInGo(port));
    }
  }
}

}  // namespace

void ValidateService(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  const std::string type = Text(spec, {"type"});
  const std::string ip = Text(spec, {"clusterIP"});
  const bool headless = ip == "None";
  const bool known =
      type == "ClusterIP" || type == "NodePort" || type == "LoadBalancer" || type == "ExternalName";
  if (Items(spec, {"ports"}).empty() && !headless && type != "ExternalName") {
    errors.Required("spec.ports");
  }
  if (headless && (type == "NodePort" || type == "LoadBalancer")) {
    errors.Invalid("spec.clusterIPs[0]", "None",
                   absl::StrCat("may not be set to 'None' for ", type, " services"));
  }
  if (type == "ExternalName") {
    const std::string name = Text(spec, {"externalName"});
    if (name.empty()) {
      errors.Required("spec.externalName");
    } else if (const std::string wrong = DnsSubdomainError(name); !wrong.empty()) {
      errors.Invalid("spec.externalName", name, wrong);
    }
  }
  ValidatePorts(spec, type, errors);
  for (const auto& [key, value] : Members(spec, {"selector"}).items()) {
    if (const std::string wrong = QualifiedNameError(key); !wrong.empty()) {
      errors.Invalid("spec.selector", key, wrong);
    }
    if (const std::string wrong = LabelValueError(GoValue(value)); !wrong.empty()) {
      errors.Invalid("spec.selector", GoValue(value), wrong);
    }
  }
  CheckOneOf(spec, "sessionAffinity", "spec", {"ClientIP", "None"}, errors);
  if (!known) {
    errors.NotSupported("spec.type", type,
                        {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  }
  if (type != "ExternalName" && !ip.empty() && !headless) {
    if (!IsIp(ip)) {
      errors.Invalid("spec.clusterIPs[0]", ip, kNotAnIp);
    } else if (!absl::StartsWith(ip, "10.96.") && !absl::StrContains(ip, ":")) {
      errors.Invalid("spec.clusterIPs", Json::array({ip}),
                     absl::StrCat("failed to allocate IP ", ip, ": the provided IP (", ip,
                                  ") is not in the valid range. The range of valid IPs is "
                                  "10.96.0.0/16"));
    }
  }
  const Json& external = Items(spec, {"externalIPs"});
  for (std::size_t i = 0; i < external.size(); ++i) {
    if (!IsIp(GoValue(external[i]))) {
      errors.Invalid(absl::StrCat("spec.externalIPs[", i, "]"), external[i], kNotAnIp);
    }
  }
  const Json& ranges = Items(spec, {"loadBalancerSourceRanges"});
  if (!ranges.empty() && type != "LoadBalancer") {
    errors.Forbidden("spec.LoadBalancerSourceRanges",
                     "may only be used when `type` is 'LoadBalancer'");
  }
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (!IsCidr(GoValue(ranges[i]))) {
      errors.Invalid(absl::StrCat("spec.LoadBalancerSourceRanges[", i, "]"), ranges[i], kNotACidr);
    }
  }
  if (const Json* policy = Find(spec, {"externalTrafficPolicy"})) {
    const bool reachable = type == "NodePort" || type == "LoadBalancer" || !external.empty();
    if (!reachable) {
      errors.Invalid("spec.externalTrafficPolicy", *policy,
                     "may only be set for externally-accessible services");
    } else {
      CheckOneOf(spec, "externalTrafficPolicy", "spec", {"Cluster", "Local"}, errors);
    }
  }
}

}  // namespace charon::sandbox
