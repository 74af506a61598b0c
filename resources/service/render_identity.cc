// ServiceAccount, roles and bindings of a service.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

Json List(const Attr<std::set<std::string>>& set, std::set<std::string> fallback) {
  Json list = Json::array();
  for (const std::string& item : set.value_or(std::move(fallback))) list.push_back(item);
  return list;
}

Json Rules(const std::vector<PolicyRuleModel>& rules) {
  Json list = Json::array();
  for (const PolicyRuleModel& rule : rules) {
    Json entry = {{"apiGroups", List(rule.api_groups, {""})},
                  {"resources", List(rule.resources, {})},
                  {"verbs", List(rule.verbs, {})}};
    if (rule.resource_names.IsKnown()) entry["resourceNames"] = List(rule.resource_names, {});
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

void RenderIdentity(const ServiceModel& model, const Conventions& conventions,
                    std::vector<Rendered>& out) {
  const std::string name = model.NameOrDefault();
  auto add = [&](Path attribute, Json object) {
    out.push_back({.stage = Stage::kIdentity,
                   .attribute = std::move(attribute),
                   .object = std::move(object),
                   .initial = {}});
  };
  // A role and its binding to one account; `place` is empty for the whole cluster.
  auto add_role = [&](const Path& attribute, const std::string& place, const std::string& role,
                      const std::vector<PolicyRuleModel>& rules,
                      const std::string& account_namespace, const std::string& account) {
    const bool cluster = place.empty();
    auto head = [&](absl::string_view kind) {
      Json object = ObjectHead(model, conventions, kind, role);
      object["metadata"].erase("namespace");
      if (!cluster) object["metadata"]["namespace"] = place;
      return object;
    };
    const char* kind = cluster ? "ClusterRole" : "Role";
    Json object = head(kind);
    object["rules"] = Rules(rules);
    add(attribute, std::move(object));
    object = head(absl::StrCat(kind, "Binding"));
    object["roleRef"] = {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", kind}, {"name", role}};
    object["subjects"] = Json::array(
        {{{"kind", "ServiceAccount"}, {"name", account}, {"namespace", account_namespace}}});
    add(attribute, std::move(object));
  };

  if (model.identity.IsKnown()) {
    const IdentityModel& identity = *model.identity;
    const Path path("identity");
    const ServiceAccountModel own = identity.service_account.value_or({});
    const std::string account = own.name.value_or(name);
    if (!own.name.IsKnown()) {
      Json object = ObjectHead(model, conventions, "ServiceAccount", name);
      if (own.annotations.IsKnown()) object["metadata"]["annotations"] = *own.annotations;
      add(path, std::move(object));
    }
    if (identity.rules.IsKnown()) {
      add_role(path.Attribute("rules"), *model.name_space, name, *identity.rules, *model.name_space,
               account);
    }
    const std::string full_name = absl::StrCat(*model.name_space, "-", name);
    for (const auto& [place, grant] : identity.namespace_rules.value_or({})) {
      add_role(path.Attribute("namespace_rules").Key(place), place, full_name,
               grant.rules.value_or({}), *model.name_space, account);
    }
    if (identity.cluster_rules.IsKnown()) {
      add_role(path.Attribute("cluster_rules"), "", full_name, *identity.cluster_rules,
               *model.name_space, account);
    }
  }
  for (const auto& [to, grant] : model.grants.value_or({})) {
    const std::pair<std::string, std::string> account = absl::StrSplit(to, absl::MaxSplits('/', 1));
    add_role(Path("grants").Key(to), *model.name_space,
             absl::StrCat(name, "-", account.first, "-", account.second), grant.rules.value_or({}),
             account.first, account.second);
  }
}

}  // namespace charon::service
