#include "mutation_rules.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "codec.h"
#include "patch.h"
#include "status.h"

namespace charon::sandbox {
namespace {

// Removes "spec.containers[*].resources.limits.cpu": a step that ends in [*] is every item.
void RemovePath(Json& value, const std::vector<std::string>& steps, std::size_t at) {
  if (!value.is_object() || at >= steps.size()) return;
  std::string step = steps[at];
  const bool each = absl::EndsWith(step, "[*]");
  if (each) step.resize(step.size() - 3);
  const auto it = value.find(step);
  if (it == value.end()) return;
  if (at + 1 == steps.size()) {
    value.erase(it);
  } else if (!each) {
    RemovePath(*it, steps, at + 1);
    if (it->is_object() && it->empty()) value.erase(it);
  } else if (it->is_array()) {
    for (Json& item : *it) RemovePath(item, steps, at + 1);
  }
}

bool Matches(const MutationRule& rule, const Call& call, const Json& object) {
  const Resource& resource = *call.resource;
  if (!rule.kind.empty() && rule.kind != "*" &&
      (rule.kind != resource.kind || (!rule.group.empty() && rule.group != resource.group))) {
    return false;
  }
  return (rule.ns.empty() || rule.ns == call.ns) &&
         absl::StartsWith(Text(object, {"metadata", "name"}), rule.name_prefix);
}

}  // namespace

absl::StatusOr<MutationRule> ReadMutationRule(const Json& description) {
  if (!description.is_object()) return BadRequest("a mutation rule is an object");
  MutationRule rule;
  rule.id = Text(description, {"id"});
  rule.group = Text(description, {"group"});
  rule.kind = Text(description, {"kind"});
  rule.ns = Text(description, {"namespace"});
  rule.name_prefix = Text(description, {"name_prefix"});
  rule.on_update = Flag(description, {"on_update"}, true);
  rule.deny = Text(description, {"deny"});
  rule.patch = Members(description, {"patch"});
  rule.json_patch = Items(description, {"json_patch"});
  for (const Json& path : Items(description, {"remove"})) rule.remove.push_back(GoValue(path));
  if (rule.deny.empty() && rule.patch.empty() && rule.json_patch.empty() && rule.remove.empty()) {
    return BadRequest("a mutation rule needs patch, json_patch, remove or deny");
  }
  return rule;
}

Json DescribeMutationRule(const MutationRule& rule) {
  return {{"id", rule.id},         {"group", rule.group},
          {"kind", rule.kind},     {"namespace", rule.ns},
          {"deny", rule.deny},     {"name_prefix", rule.name_prefix},
          {"patch", rule.patch},   {"json_patch", rule.json_patch},
          {"remove", rule.remove}, {"on_update", rule.on_update}};
}

absl::Status ApplyMutationRules(Cluster& cluster, const Call& call, const Json& live,
                                Json& object) {
  for (const MutationRule& rule : cluster.mutation_rules) {
    if (!live.is_null() && !rule.on_update) continue;
    if (!Matches(rule, call, object)) continue;
    if (!rule.deny.empty()) {
      // As a validating webhook's refusal reads.
      return ApiStatus(403, "Forbidden",
                       absl::StrCat("admission webhook \"", rule.id,
                                    ".sandbox.internal\" denied the request: ", rule.deny),
                       Json::object());
    }
    if (!rule.patch.empty()) {
      if (call.resource->is_custom()) {
        object = MergePatch(std::move(object), rule.patch);
      } else {
        absl::StatusOr<Json> patched =
            StrategicMergePatch(object, rule.patch, *call.resource->type);
        if (!patched.ok()) return patched.status();
        object = *std::move(patched);
      }
    }
    for (const Json& operation : rule.json_patch) {
      absl::StatusOr<Json> patched = JsonPatch(object, Json::array({operation}));
      if (patched.ok()) object = *std::move(patched);
    }
    for (const std::string& path : rule.remove) {
      RemovePath(object, absl::StrSplit(path, '.'), 0);
    }
  }
  return absl::OkStatus();
}

}  // namespace charon::sandbox
