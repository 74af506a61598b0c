#include "resources/service/removal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/operations/pod_volumes.h"
#include "resources/service/content.h"
#include "resources/service/replica_claims.h"
#include "resources/service/service_notes.h"
#include "resources/service/service_ownership.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;

// The objects of a kind that have this service's mark, without what goes by itself.
absl::StatusOr<std::vector<Json>> FindOurs(const Call& call, Cluster& cluster,
                                           const ServiceModel& model,
                                           const operations::ObjectOptions& options,
                                           const std::string& kind) {
  const std::string full_name = absl::StrCat(*model.name_space, "-", model.NameOrDefault());
  const kubernetes::ObjectKind of{ApiVersionOf(kind), kind};
  std::vector<Json> found;
  absl::Status asked;
  const auto add = [&](absl::StatusOr<std::vector<Json>> objects) {
    if (!objects.ok()) {
      asked = objects.status();
      return;
    }
    for (Json& object : *objects) {
      if (operations::ClaimOf(&object, options) == operations::Claim::kOurs &&
          !operations::IsGoing(object))
        found.push_back(std::move(object));
    }
  };
  if (kind == "Secret") {  // by name: a list would fetch everybody's values
    for (const std::string& key : {EnvSecretKey(model), GeneratedKey(model)}) {
      CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
      absl::StatusOr<Json> secret = cluster.Get(call, ref);
      if (secret.ok()) {
        add(std::vector<Json>{*std::move(secret)});
      } else {
        asked = secret.status();
      }
    }
  } else if (kind == "ClusterRole" || kind == "ClusterRoleBinding") {
    add(cluster.List(call, of, {.field_selector = "metadata.name=" + full_name}));
  } else if (kind == "PersistentVolume") {
    add(cluster.List(call, of, {}));
  } else {
    add(cluster.List(call, of, {.name_space = *model.name_space}));
    // namespace_rules
    if (kind == "Role" || kind == "RoleBinding")
      add(cluster.List(call, of, {.field_selector = "metadata.name=" + full_name}));
  }
  // A kind, or a version of it, that the cluster does not have, or that we may not see.
  const bool none = absl::IsNotFound(asked) || absl::IsPermissionDenied(asked) ||
                    kubernetes::MissingOf(asked) != kubernetes::Missing::kNothing;
  if (!asked.ok() && !none) return Annotate(asked, "looking for what an earlier run left");
  return found;
}

}  // namespace

void Removal::NoteWorkload(const Json& workload) {
  leaves_pods_.clear();
  if (kubernetes::Number(workload, "spec.replicas", 1) == 0) return;
  if (kubernetes::Text(workload, "spec.updateStrategy.type") == "OnDelete") {
    leaves_pods_ = "rollout.strategy = \"OnDelete\"";
  } else if (kubernetes::Number(workload, "spec.updateStrategy.rollingUpdate.partition", 0) > 0) {
    leaves_pods_ = "rollout.partition";
  }
}

absl::Status Removal::Remove(const ObjectRef& ref, const operations::ObjectOptions& options) {
  if (!NoteHeld(ref)) return operations::DeleteObject(context_, cluster_, ref, options);
  absl::Status requested = operations::RequestDeletion(context_, cluster_, ref, options);
  if (!requested.ok()) held_.erase(KeyOf(ref));
  return requested;
}

absl::Status Removal::RemoveReplicas(const ServiceModel& of, const std::string& volume,
                                     bool delete_data, bool in_use) {
  std::vector<ObjectRef> deleted;
  CHARON_RETURN_IF_ERROR(
      RemoveReplicaClaims(context_, cluster_, of, volume, delete_data, kept_, &deleted));
  for (const ObjectRef& ref : deleted) {
    if (in_use) NoteHeld(ref);
  }
  return absl::OkStatus();
}

absl::Status Removal::RemoveLeftovers(const operations::ObjectOptions& options,
                                      const StringMap& known, const StringMap& content) {
  ServiceModel found;
  found.name_space = model_.name_space;
  found.name = model_.NameOrDefault();
  CHARON_ASSIGN_OR_RETURN(StringMap marked, MarkedObjects(context_, cluster_, model_, options));
  std::erase_if(marked, [&](const auto& object) {
    return content.count(object.first) != 0 || known.count(object.first) != 0;
  });
  found.objects = std::move(marked);
  const std::set<std::string> data = DataKeys(found);
  for (const std::string& key : KeysByRemoval(*found.objects)) {
    if (data.count(key) != 0) {
      Keep(key);
      continue;
    }
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    const absl::Status deleted = Remove(ref, options);
    if (!deleted.ok() && !absl::IsNotFound(deleted))
      return Annotate(deleted, absl::StrCat("removing what an earlier run left: ", key));
  }
  return absl::OkStatus();
}

// Whether it is a claim that pods use which may be there for ever after this run, or the volume
// of such a claim.
bool Removal::NoteHeld(const ObjectRef& ref) {
  std::vector<std::string> by;
  if (IsClaim(ref)) {
    by = UsersOf(ref);
  } else if (ref.kind.kind == "PersistentVolume") {
    const auto volume = cluster_.Read(context_, ref);
    const Json claim = volume.ok() ? kubernetes::Field(**volume, "spec.claimRef") : Json();
    const std::string key = KeyOf({{"v1", "PersistentVolumeClaim"},
                                   kubernetes::Text(claim, "namespace"),
                                   kubernetes::Text(claim, "name")});
    if (held_.count(key) != 0) by.push_back(key);
  }
  if (by.empty()) return false;
  held_[KeyOf(ref)] = std::move(by);
  return true;
}

// The pods that use a claim and whose end this run does not wait for.
std::vector<std::string> Removal::UsersOf(const ObjectRef& claim) const {
  const bool waits = model_.wait.value_or("rollout") != "none";
  if (waits && leaves_pods_.empty()) return {};
  const auto pods = operations::PodsUsing(context_, cluster_, claim);
  if (!pods.ok()) return {"pods that cannot be listed"};
  std::vector<std::string> names;
  for (const Json& pod : *pods) {
    if (!waits || !operations::IsGoing(pod))
      names.push_back(
          absl::StrCat("Pod/", claim.name_space, "/", kubernetes::Text(pod, "metadata.name")));
  }
  return names;
}

void Removal::TellKept() const {
  if (kept_.empty()) return;
  context_.diagnostics->Warning(
      "Data was kept",
      absl::StrCat(
          "These hold data and were not deleted:\n- ", absl::StrJoin(kept_, "\n- "),
          "\n\nA service of the same namespace and name takes them again. To delete them with it, "
          "set delete_data = true "
          "and apply before the service, or the volume, is removed; now, use kubectl delete."));
}

void Removal::TellHeld() const {
  if (held_.empty()) return;
  std::vector<std::string> lines;
  for (const auto& [key, by] : held_)
    lines.push_back(absl::StrCat(key, ", used by ", Shown({by.begin(), by.end()})));
  context_.diagnostics->Warning(
      "Deleted once nothing uses it",
      absl::StrCat("The deletion of these was requested, and not waited for:\n- ",
                   absl::StrJoin(lines, "\n- "),
                   "\n\nThey go by themselves when the last pod that uses them is gone. ",
                   leaves_pods_.empty()
                       ? "The rollout, which wait = \"none\" does not wait for, replaces those of "
                         "this service"
                       : absl::StrCat("Those of this service are yours to delete (", leaves_pods_,
                                      "): kubectl delete pod <pod> -n ", *model_.name_space),
                   ". Until then nothing else can be made under these names."));
}

absl::StatusOr<StringMap> MarkedObjects(const Call& call, Cluster& cluster,
                                        const ServiceModel& model,
                                        const operations::ObjectOptions& options) {
  StringMap keys;
  for (const std::string& kind : KindsByRemoval()) {
    CHARON_ASSIGN_OR_RETURN(const std::vector<Json> objects,
                            FindOurs(call, cluster, model, options, kind));
    for (const Json& object : objects) {
      keys[KeyOf({{ApiVersionOf(kind), kind},
                  kubernetes::Text(object, "metadata.namespace"),
                  kubernetes::Text(object, "metadata.name")})] = "";
    }
  }
  return keys;
}

absl::Status RemoveService(const sdk::Context& context, Services& services,
                           const ServiceModel& prior, std::vector<std::string>& passed_on) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  const operations::ObjectOptions options = OptionsOf(services, prior, context);
  const bool delete_data = prior.delete_data.value_or(false);
  const std::set<std::string> data = DataKeys(prior);
  // The create half of a replacement takes these again.
  const Json next = Json::parse(context.private_state->Get(kNextData).value_or("[]"), nullptr,
                                /*allow_exceptions=*/false);
  const auto is_next = [&next](const std::string& key) {
    return next == "all" ||
           (next.is_array() && std::find(next.begin(), next.end(), key) != next.end());
  };
  // Without the workload there is nothing to tell whether the state has all that there is.
  const auto workload = cluster->Read(context, WorkloadRef(prior));
  if (!workload.ok() && !absl::IsNotFound(workload.status())) return workload.status();
  const bool may_have_more = IsUnfinished(prior) || !workload.ok() ||
                             NotesOtherObjects(context, **workload, prior.objects.value_or({}));
  Removal removal(context, *cluster, prior);
  std::vector<ObjectRef> going;
  bool taken = false;
  for (const std::string& key : KeysByRemoval(prior.objects.value_or({}))) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    if (const auto live = cluster->Read(context, ref);
        live.ok() && operations::IsTakenOver(context, **live)) {
      taken = true;
      continue;
    }
    if (data.count(key) != 0) {
      if (is_next(key)) {
        passed_on.push_back(key);
        continue;
      }
      if (!delete_data) {
        removal.Keep(key);
        continue;
      }
    }
    going.push_back(ref);
  }
  if (taken) {
    // Whoever has the rest has its data, too.
    operations::TellTakenOver(
        context, absl::StrCat("service ", *prior.name_space, "/", prior.NameOrDefault()));
    std::erase_if(going, [&](const ObjectRef& ref) { return data.count(KeyOf(ref)) != 0; });
  }
  // All or nothing: half a service that cannot go on running helps nobody.
  for (const ObjectRef& ref : going) {
    const absl::Status may = operations::CheckDelete(context, *cluster, ref, options);
    if (!may.ok()) return Annotate(may, absl::StrCat("deleting ", KeyOf(ref)));
  }
  for (const ObjectRef& ref : going) {
    const absl::Status deleted = operations::DeleteObject(context, *cluster, ref, options);
    if (!deleted.ok() && !absl::IsNotFound(deleted))
      return Annotate(deleted, absl::StrCat("deleting ", KeyOf(ref)));
  }
  if (taken) return absl::OkStatus();
  const bool stays = cluster->claims().IsClaimed(WorkloadRef(prior));  // another resource's now
  for (const auto& [name, claim] : prior.claims.value_or({})) {
    if (!IsPerReplica(claim) || stays) continue;
    if (const std::string key = ClaimKey(prior, name, true); is_next(key)) {
      passed_on.push_back(key);
      continue;
    }
    CHARON_RETURN_IF_ERROR(removal.RemoveReplicas(prior, name, delete_data, /*in_use=*/false));
  }
  if (may_have_more) {
    const absl::Status removed = removal.RemoveLeftovers(options, prior.objects.value_or({}), {});
    removal.TellHeld();
    CHARON_RETURN_IF_ERROR(removed);
  }
  removal.TellKept();
  return absl::OkStatus();
}

}  // namespace charon::service
