#include "pod_security.h"

#include <functional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "status.h"

namespace charon::sandbox {
namespace {

using Names = std::vector<std::string>;

std::string Quoted(const Names& names) {
  Names quoted;
  for (const std::string& name : names) quoted.push_back(Quote(name));
  return absl::StrJoin(quoted, ", ");
}

Names Sorted(const std::set<std::string>& names) { return {names.begin(), names.end()}; }

std::string Containers(const Names& names) {
  return absl::StrCat(names.size() == 1 ? "container " : "containers ", Quoted(names));
}

void ForEachContainer(const Json& spec, const std::function<void(const Json&)>& visit) {
  for (const char* list : {"initContainers", "containers", "ephemeralContainers"}) {
    for (const Json& container : Items(spec, {list})) visit(container);
  }
}

Names ContainersWhere(const Json& spec, const std::function<bool(const Json&)>& bad) {
  Names out;
  ForEachContainer(spec, [&](const Json& container) {
    if (bad(container)) out.push_back(Text(container, {"name"}));
  });
  return out;
}

const std::set<std::string>& DefaultCapabilities() {
  static const auto& names = *new std::set<std::string>{
      "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "MKNOD",
      "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};
  return names;
}

std::string ForbiddenCapabilities(const Json& spec, const std::set<std::string>& allowed) {
  std::set<std::string> forbidden;
  const Names bad = ContainersWhere(spec, [&](const Json& container) {
    bool found = false;
    for (const Json& one : Items(container, {"securityContext", "capabilities", "add"})) {
      if (allowed.count(GoValue(one)) > 0) continue;
      forbidden.insert(GoValue(one));
      found = true;
    }
    return found;
  });
  if (bad.empty()) return "";
  return absl::StrCat(Containers(bad), " must not include ", Quoted(Sorted(forbidden)),
                      " in securityContext.capabilities.add");
}

void Baseline(const Json& spec, bool restricted, Names& out) {
  const auto add = [&](const char* reason, const std::string& detail) {
    out.push_back(absl::StrCat(reason, " (", detail, ")"));
  };
  if (!restricted) {
    const std::string caps = ForbiddenCapabilities(spec, DefaultCapabilities());
    if (!caps.empty()) add("non-default capabilities", caps);
  }
  Names shared;
  for (const char* name : {"hostNetwork", "hostPID", "hostIPC"}) {
    if (Flag(spec, {name})) shared.push_back(absl::StrCat(name, "=true"));
  }
  if (!shared.empty()) add("host namespaces", absl::StrJoin(shared, ", "));
  if (!restricted) {
    Names volumes;
    for (const Json& volume : Items(spec, {"volumes"})) {
      if (Find(volume, {"hostPath"}) != nullptr) volumes.push_back(Text(volume, {"name"}));
    }
    if (!volumes.empty()) {
      add("hostPath volumes",
          absl::StrCat(volumes.size() == 1 ? "volume " : "volumes ", Quoted(volumes)));
    }
  }
  std::set<std::string> ports;
  const Names with_ports = ContainersWhere(spec, [&](const Json& container) {
    bool found = false;
    for (const Json& port : Items(container, {"ports"})) {
      if (Integer(port, {"hostPort"}) == 0) continue;
      ports.insert(absl::StrCat(Integer(port, {"hostPort"})));
      found = true;
    }
    return found;
  });
  if (!with_ports.empty()) {
    add("hostPort",
        absl::StrCat(Containers(with_ports), with_ports.size() == 1 ? " uses " : " use ",
                     ports.size() == 1 ? "hostPort " : "hostPorts ", absl::StrJoin(ports, ", ")));
  }
  const Names privileged = ContainersWhere(spec, [](const Json& c) {
    return Flag(c, {"securityContext", "privileged"});
  });
  if (!privileged.empty()) {
    add("privileged",
        absl::StrCat(Containers(privileged), " must not set securityContext.privileged=true"));
  }
  std::set<std::string> mounts;
  const Names proc = ContainersWhere(spec, [&](const Json& c) {
    const std::string mount = Text(c, {"securityContext", "procMount"}, "Default");
    if (mount != "Default") mounts.insert(mount);
    return mount != "Default";
  });
  if (!proc.empty()) {
    add("procMount", absl::StrCat(Containers(proc), " must not set securityContext.procMount to ",
                                  Quoted(Sorted(mounts))));
  }
}

void Restricted(const Json& spec, Names& out) {
  const auto add = [&](const char* reason, const std::string& detail) {
    out.push_back(absl::StrCat(reason, " (", detail, ")"));
  };
  const Names escalating = ContainersWhere(spec, [](const Json& c) {
    return Flag(c, {"securityContext", "allowPrivilegeEscalation"}, true);
  });
  if (!escalating.empty()) {
    add("allowPrivilegeEscalation != false",
        absl::StrCat(Containers(escalating),
                     " must set securityContext.allowPrivilegeEscalation=false"));
  }
  Names details;
  const Names keeping = ContainersWhere(spec, [](const Json& c) {
    for (const Json& one : Items(c, {"securityContext", "capabilities", "drop"})) {
      if (one == "ALL") return false;
    }
    return true;
  });
  if (!keeping.empty()) {
    details.push_back(
        absl::StrCat(Containers(keeping), " must set securityContext.capabilities.drop=[\"ALL\"]"));
  }
  const std::string caps = ForbiddenCapabilities(spec, {"NET_BIND_SERVICE"});
  if (!caps.empty()) details.push_back(caps);
  if (!details.empty()) add("unrestricted capabilities", absl::StrJoin(details, "; "));

  static const auto& allowed_volumes =
      *new std::set<std::string>{"configMap", "csi",   "downwardAPI",           "emptyDir",
                                 "ephemeral", "image", "persistentVolumeClaim", "projected",
                                 "secret"};
  Names volumes;
  std::set<std::string> types;
  for (const Json& volume : Items(spec, {"volumes"})) {
    for (const auto& [type, source] : volume.items()) {
      if (type == "name" || allowed_volumes.count(type) > 0) continue;
      volumes.push_back(Text(volume, {"name"}));
      types.insert(type);
    }
  }
  if (!volumes.empty()) {
    add("restricted volume types",
        absl::StrCat(volumes.size() == 1 ? "volume " : "volumes ", Quoted(volumes),
                     volumes.size() == 1 ? " uses " : " use ",
                     types.size() == 1 ? "restricted volume type " : "restricted volume types ",
                     Quoted(Sorted(types))));
  }
  const Json* pod_non_root = Find(spec, {"securityContext", "runAsNonRoot"});
  Names setters;
  if (pod_non_root != nullptr && *pod_non_root == false) setters.push_back("pod");
  const Names rooted = ContainersWhere(spec, [](const Json& c) {
    const Json* value = Find(c, {"securityContext", "runAsNonRoot"});
    return value != nullptr && *value == false;
  });
  if (!rooted.empty()) setters.push_back(Containers(rooted));
  const Names silent = ContainersWhere(spec, [&](const Json& c) {
    return pod_non_root == nullptr && Find(c, {"securityContext", "runAsNonRoot"}) == nullptr;
  });
  if (!setters.empty()) {
    add("runAsNonRoot != true", absl::StrCat(absl::StrJoin(setters, " and "),
                                             " must not set securityContext.runAsNonRoot=false"));
  } else if (!silent.empty()) {
    add("runAsNonRoot != true",
        absl::StrCat("pod or ", Containers(silent), " must set securityContext.runAsNonRoot=true"));
  }
  Names root_users;
  const auto is_zero = [](const Json* value) { return value != nullptr && *value == 0; };
  if (is_zero(Find(spec, {"securityContext", "runAsUser"}))) root_users.push_back("pod");
  const Names zero = ContainersWhere(spec, [&](const Json& c) {
    return is_zero(Find(c, {"securityContext", "runAsUser"}));
  });
  if (!zero.empty()) root_users.push_back(Containers(zero));
  if (!root_users.empty()) {
    add("runAsUser=0",
        absl::StrCat(absl::StrJoin(root_users, " and "), " must not set runAsUser=0"));
  }
  const auto good_profile = [](const std::string& type) {
    return type == "RuntimeDefault" || type == "Localhost";
  };
  const std::string pod_profile = Text(spec, {"securityContext", "seccompProfile", "type"});
  const Names unconfined = ContainersWhere(spec, [&](const Json& c) {
    const std::string own = Text(c, {"securityContext", "seccompProfile", "type"});
    return own.empty() && !good_profile(pod_profile);
  });
  if (!unconfined.empty()) {
    add("seccompProfile",
        absl::StrCat("pod or ", Containers(unconfined),
                     " must set securityContext.seccompProfile.type to \"RuntimeDefault\" or "
                     "\"Localhost\""));
  }
}

}  // namespace

std::string PodSecurityViolations(const std::string& level, const Json& spec,
                                  const Json& annotations) {
  (void)annotations;
  Names out;
  if (level == "baseline" || level == "restricted") Baseline(spec, level == "restricted", out);
  if (level == "restricted") Restricted(spec, out);
  return absl::StrJoin(out, ", ");
}

}  // namespace charon::sandbox
