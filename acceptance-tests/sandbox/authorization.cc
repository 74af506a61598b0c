#include "authorization.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace charon::sandbox {
namespace {

bool Lists(const Json& list, absl::string_view wanted) {
  return std::any_of(list.begin(), list.end(),
                     [&](const Json& one) { return one == "*" || one == std::string(wanted); });
}

bool RuleAllows(const Json& rule, const AccessRequest& request) {
  const std::string resource = request.subresource.empty()
                                   ? request.plural
                                   : absl::StrCat(request.plural, "/", request.subresource);
  const Json& names = Items(rule, {"resourceNames"});
  return Lists(Items(rule, {"verbs"}), request.verb) &&
         Lists(Items(rule, {"apiGroups"}), request.group) &&
         Lists(Items(rule, {"resources"}), resource) &&
         (names.empty() ||
          std::find(names.begin(), names.end(), Json(request.name)) != names.end());
}

bool IsSubject(const Json& binding, const std::string& user) {
  const std::vector<std::string> parts = absl::StrSplit(user, ':');
  const bool account = parts.size() == 4 && parts[1] == "serviceaccount";
  for (const Json& subject : Items(binding, {"subjects"})) {
    const std::string kind = Text(subject, {"kind"});
    const std::string name = Text(subject, {"name"});
    if (kind == "User" && name == user) return true;
    if (kind == "Group" && (name == "system:authenticated" ||
                            (account && (name == "system:serviceaccounts" ||
                                         name == "system:serviceaccounts:" + parts[2])))) {
      return true;
    }
    if (kind == "ServiceAccount" && account && name == parts[3]) {
      const std::string ns = Text(subject, {"namespace"}, Text(binding, {"metadata", "namespace"}));
      if (ns == parts[2]) return true;
    }
  }
  return false;
}

}  // namespace

bool IsAllowed(const Cluster& cluster, const AccessRequest& request) {
  if (request.user == "admin") return true;
  if (request.user == "system:anonymous") return false;
  // What every authenticated user may ask about itself.
  if (request.verb == "create" && absl::StartsWith(request.plural, "selfsubject")) return true;
  const std::string rbac = "rbac.authorization.k8s.io/";
  const auto role_allows = [&](const Json& binding) {
    cluster.mu.AssertReaderHeld();
    const bool cluster_role = Text(binding, {"roleRef", "kind"}) == "ClusterRole";
    const ObjectPtr role =
        cluster.store.Get(rbac + (cluster_role ? "clusterroles" : "roles"),
                          cluster_role ? "" : Text(binding, {"metadata", "namespace"}),
                          Text(binding, {"roleRef", "name"}));
    if (role == nullptr) return false;
    const Json& rules = Items(*role, {"rules"});
    return std::any_of(rules.begin(), rules.end(),
                       [&](const Json& rule) { return RuleAllows(rule, request); });
  };
  for (const auto& [key, binding] : cluster.store.All(rbac + "clusterrolebindings")) {
    if (IsSubject(*binding, request.user) && role_allows(*binding)) return true;
  }
  if (request.ns.empty()) return false;
  for (const ObjectPtr& binding : cluster.store.In(rbac + "rolebindings", request.ns)) {
    if (IsSubject(*binding, request.user) && role_allows(*binding)) return true;
  }
  return false;
}

std::string DenialText(const AccessRequest& request) {
  const std::string resource = request.subresource.empty()
                                   ? request.plural
                                   : absl::StrCat(request.plural, "/", request.subresource);
  return absl::StrCat("User \"", request.user, "\" cannot ", request.verb, " resource \"", resource,
                      "\" in API group \"", request.group, "\"",
                      request.ns.empty() ? " at the cluster scope"
                                         : absl::StrCat(" in the namespace \"", request.ns, "\""));
}

}  // namespace charon::sandbox
