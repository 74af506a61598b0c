#include "resources/service/plan_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/operations/quota_fit.h"
#include "resources/service/adoption.h"
#include "resources/service/attribute_of.h"
#include "resources/service/keep_order.h"
#include "resources/service/remake.h"
#include "resources/service/replica_claims.h"
#include "resources/service/selector_clash.h"
#include "resources/service/service_ownership.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;
using kubernetes::Quantity;

// Pods above the number of replicas during a rollout (Kubernetes: a quarter by default, rounded
// up).
std::int64_t Surge(const ServiceModel& model, const Json& workload, std::int64_t replicas) {
  if (workload["kind"] != "Deployment" ||
      kubernetes::Text(workload, "spec.strategy.type") != "RollingUpdate")
    return 0;
  const std::string text =
      model.rollout.IsKnown() ? model.rollout->max_surge.value_or("25%") : "25%";
  const absl::string_view digits = absl::StripSuffix(text, "%");
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(digits, &number)) return 0;
  if (digits.size() == text.size()) return number;
  return (replicas * number + 99) / 100;
}

// Whether the pods that there are will be replaced: not where the first ones are made, nor where
// only their number changes.
bool IsRolledOut(const sdk::PlanChange<ServiceModel>& change, const ServiceModel& planned,
                 const Json& workload, const Conventions& conventions) {
  if (!change.IsUpdate()) return planned.on_conflict.value_or("") == "adopt";
  const absl::StatusOr<std::vector<Rendered>> before = RenderService(change.prior(), conventions);
  const Rendered* former = before.ok() ? WorkloadOf(*before) : nullptr;
  return former == nullptr ||
         AsCreated(*former)["spec"]["template"] != workload["spec"]["template"];
}

absl::Status Clash(const ObjectRef& other, absl::string_view what, absl::string_view clash,
                   absl::string_view way_out) {
  return At("selector", WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                       what, other.kind.kind, " \"", other.name, "\" of namespace ",
                                       other.name_space, " ", clash,
                                       ": each would take the other's pods for its own")),
                                   absl::StrCat("Give this service a selector of its own, such as "
                                                "selector = { \"app.kubernetes.io/instance\" = "
                                                "\"...\" }",
                                                way_out)));
}

// What an adoption would change in the pod template, for which the pods are made anew. Without
// values, which may be secrets.
void TellNewPods(const sdk::Context& context, const ObjectRef& ref, const Json& live,
                 const Json& after) {
  if (kubernetes::Text(after, "spec.updateStrategy.type") == "OnDelete" ||
      kubernetes::Number(live, "spec.replicas", 1) == 0)
    return;
  const auto part = [](const Json& object) {
    return Json{{"apiVersion", object["apiVersion"]},
                {"kind", object["kind"]},
                {"spec", {{"template", kubernetes::Field(object, "spec.template")}}}};
  };
  std::set<std::string> paths;
  for (const auto& differences :
       {kubernetes::Compare(part(after), live), kubernetes::Compare(part(live), after)}) {
    for (const kubernetes::Difference& difference : differences) {
      const std::string path = kubernetes::ToString(difference.path);
      paths.insert(path.substr(path.find_first_not_of('.')));
    }
  }
  if (paths.empty()) return;
  context.diagnostics->Warning(
      "The pods will be made anew",
      absl::StrCat(
          KeyOf(ref), " is there already, and as it is taken over its pod template changes in ",
          Shown({paths.begin(), paths.end()}),
          ". The apply replaces its pods for that, as rollout says. To take it over without: "
          "have the configuration say these as they are now (extra_manifest_patch says "
          "what has no attribute), and change them later."));
}

// Whether the server refused this object, and may refuse another one for reasons of its own.
bool IsAboutTheObject(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsAlreadyExists(status) ||
         absl::IsPermissionDenied(status);
}

}  // namespace

void PlanChecks::ForgetFormerRuns() {
  if (run_ == services_.settings()) return;
  run_ = services_.settings();
  going_.clear();
  planned_.clear();
  named_.clear();
}

void PlanChecks::NoteGoing(const ObjectRef& ref) {
  absl::MutexLock lock(&mutex_);
  ForgetFormerRuns();
  going_.insert(ref);
}

bool PlanChecks::IsGoing(const ObjectRef& ref) const {
  absl::MutexLock lock(&mutex_);
  return going_.count(ref) != 0;
}

absl::Status PlanChecks::Twice(const sdk::Context& context,
                               const sdk::PlanChange<ServiceModel>& change,
                               const ServiceModel& planned) {
  // One half of a replacement counts.
  if (context.planned_before || context.replaces || change.RequiresReplace())
    return absl::OkStatus();
  const std::string name = planned.NameOrDefault();
  {
    absl::MutexLock lock(&mutex_);
    ForgetFormerRuns();
    if (named_.insert(absl::StrCat(*planned.name_space, "/", name)).second) return absl::OkStatus();
  }
  return At("name", WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                   "namespace ", *planned.name_space, " has two services \"", name,
                                   "\" in this configuration, and their objects are named so")),
                               "Give one of them another name; what is not named is named as its "
                               "namespace."));
}

absl::Status PlanChecks::PlannedSelectors(const ObjectRef& own, const Json& workload) {
  // As much as a comparison needs.
  Json kept;
  kept["spec"]["selector"] = kubernetes::Field(workload, "spec.selector");
  kept["spec"]["template"]["metadata"]["labels"] =
      kubernetes::Field(workload, "spec.template.metadata.labels");
  absl::MutexLock lock(&mutex_);
  ForgetFormerRuns();
  std::map<ObjectRef, Json>& planned = planned_[own.name_space];
  for (const auto& [other, object] : planned) {
    if (other == own) continue;
    if (const std::string clash = SelectorClash(kept, object); !clash.empty()) {
      return Clash(other, "this plan's ", clash, ".");
    }
  }
  planned.insert_or_assign(own, std::move(kept));
  return absl::OkStatus();
}

absl::Status PlanChecks::Selector(const sdk::Context& context,
                                  const sdk::PlanChange<ServiceModel>& change,
                                  const ServiceModel& planned,
                                  const std::vector<Rendered>& objects) {
  if (context.planned_before) return absl::OkStatus();
  const bool same = change.IsUpdate() && !context.adopting &&
                    SelectorOf(change.prior()) == SelectorOf(planned) &&
                    change.prior().PodLabels() == planned.PodLabels();
  const Rendered* workload = WorkloadOf(objects);
  if (same || workload == nullptr) return absl::OkStatus();
  const ObjectRef own = WorkloadRef(planned);
  CHARON_RETURN_IF_ERROR(PlannedSelectors(own, workload->object));
  const operations::ObjectOptions options = OptionsOf(services_, planned, context);
  return services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
    for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet"}) {
      const absl::StatusOr<std::vector<Json>> others =
          cluster.List(context, {"apps/v1", kind}, {.name_space = *planned.name_space});
      // Whoever may not list workloads is not told about them.
      if (!others.ok())
        return absl::IsUnavailable(others.status()) ? others.status() : absl::OkStatus();
      for (const Json& other : *others) {
        const ObjectRef ref{
            {"apps/v1", kind}, *planned.name_space, kubernetes::Text(other, "metadata.name")};
        const bool replaced = !change.IsCreate() && change.prior().objects.IsKnown() &&
                              change.prior().objects->count(KeyOf(ref)) != 0;
        if (ref == own || replaced || IsGoing(ref) ||
            operations::ClaimOf(&other, options) == operations::Claim::kOurs)
          continue;
        const std::string clash = SelectorClash(workload->object, other);
        if (clash.empty()) continue;
        return Clash(ref, "", clash, ", or import what is there if the two are meant to be one.");
      }
    }
    return absl::OkStatus();
  });
}

namespace {

// An object that changes, of which the server is asked whether it would take it.
struct Candidate {
  const ServiceModel& planned;
  const Rendered& rendered;
  const ObjectRef& ref;
  operations::ObjectOptions options;
  bool creates = false;  // the whole service
  bool known = false;    // the state has the object
  bool goes = false;     // this run deletes it before
  bool all_go = false;   // it deletes what the service was before
};

// What is in the place of a claim.
absl::Status CheckPlaceOfClaim(const sdk::Context& context, Cluster& cluster,
                               const Candidate& one) {
  const auto live = cluster.Read(context, one.ref);
  if (!live.ok()) return absl::OkStatus();
  CHARON_RETURN_IF_ERROR(CheckClaim(one.rendered, **live, one.options));
  if (one.known) return absl::OkStatus();
  if (const absl::Status going = CheckGoing(context, cluster, one.ref, **live); !going.ok()) {
    context.diagnostics->Warning("A claim is being deleted", At(one.rendered.attribute, going));
  }
  return absl::OkStatus();
}

// What an object loses that is taken over.
absl::Status CheckTakingOver(const sdk::Context& context, Cluster& cluster, const Candidate& one) {
  const auto live = cluster.Read(context, one.ref);
  if (!live.ok() || operations::ClaimOf(live->get(), one.options) == operations::Claim::kOurs)
    return absl::OkStatus();
  CHARON_RETURN_IF_ERROR(CheckWayIn(one.planned, one.rendered, **live));
  // The import has told it of the workload and its Service.
  const bool told =
      context.adopting &&
      (one.rendered.stage == Stage::kWorkload ||
       (one.ref.kind.kind == "Service" && one.ref.name == one.planned.NameOrDefault()));
  if (!told) WarnOfTakenAway(context, one.rendered, **live, one.options);
  return absl::OkStatus();
}

// Whether the server would take it.
absl::Status Ask(const sdk::Context& context, Cluster& cluster, const Candidate& one) {
  const bool adopts = one.options.on_conflict == operations::OnConflict::kAdopt;
  if (one.rendered.stage == Stage::kWorkload && one.creates && adopts && !one.goes) {
    const auto live = cluster.Read(context, one.ref);
    if (live.ok()) CHARON_RETURN_IF_ERROR(CheckPods(one.rendered.object, **live, one.options));
  }
  if (!one.all_go && IsClaim(one.ref))
    CHARON_RETURN_IF_ERROR(CheckPlaceOfClaim(context, cluster, one));
  if (!one.all_go && (context.adopting || (!one.known && adopts)))
    CHARON_RETURN_IF_ERROR(CheckTakingOver(context, cluster, one));
  Json object = one.rendered.object;
  if (object["kind"] == "StatefulSet") {
    const auto live = cluster.Read(context, one.ref);
    if (live.ok()) KeepClaimTemplates(**live, object);
  }
  return one.known || context.adopting
             ? operations::CheckUpdate(context, cluster, object, one.options).status()
             : operations::CheckCreate(context, cluster, object, one.options).status();
}

// The server's answer, at the attributes that it is about.
absl::Status LocatedBeside(const sdk::Context& context, Services& services, const Candidate& one,
                           const absl::Status& status) {
  Json live;
  services
      .CheckPlan(context,
                 [&](Cluster& cluster) {
                   if (const auto there = cluster.Read(context, one.ref); there.ok())
                     live = **there;
                   return absl::OkStatus();
                 })
      .IgnoreError();
  return Locate(one.planned, one.rendered, live, status);
}

}  // namespace

absl::Status PlanChecks::DryRun(const sdk::Context& context,
                                const sdk::PlanChange<ServiceModel>& change,
                                const ServiceModel& planned, const Content& content) const {
  if (context.planned_before || change.RequiresReplace()) return absl::OkStatus();
  const StringMap before = change.IsUpdate() ? change.prior().objects.value_or({}) : StringMap();
  const bool restarted = change.IsUpdate() && !(change.prior().restart == planned.restart);
  std::vector<absl::Status> refused;
  for (std::size_t i = 0; i < content.objects.size(); ++i) {
    const Rendered& rendered = content.objects[i];
    const ObjectRef& ref = content.refs[i];
    const bool is_workload = rendered.stage == Stage::kWorkload;
    const auto found = before.find(KeyOf(ref));
    const bool changes = found == before.end() || found->second != content.hashes.at(KeyOf(ref)) ||
                         (restarted && is_workload);
    // The values of Secrets are not there yet.
    if (!changes || rendered.has_values) continue;
    Candidate one{.planned = planned,
                  .rendered = rendered,
                  .ref = ref,
                  .options = OptionsOf(services_, planned, context),
                  .creates = change.IsCreate(),
                  .known = found != before.end(),
                  .goes = IsGoing(ref),
                  // The create half of a replacement: what is there may go before.
                  .all_go = context.replaces || IsGoing(WorkloadRef(planned))};
    one.options.initial = rendered.initial.is_null() ? nullptr : &rendered.initial;
    one.options.offers_replace = !rendered.keeps_data;
    // An import is of the whole service, by its workload.
    one.options.may_import = !change.IsUpdate() && is_workload;
    if (is_workload && (context.adopting || change.IsCreate())) {
      one.options.foresees = [&context, &one](const Json& live, const Json& after) {
        if (context.adopting || operations::ClaimOf(&live, one.options) != operations::Claim::kOurs)
          TellNewPods(context, one.ref, live, after);
      };
    }
    absl::Status checked =
        services_.CheckPlan(context, [&](Cluster& cluster) { return Ask(context, cluster, one); });
    if (absl::IsAborted(checked)) {
      context.diagnostics->Warning("Another manager owns a field",
                                   LocatedBeside(context, services_, one, checked));
      continue;
    }
    if (is_workload && IsAboutFixedFields(checked)) {
      checked = services_.CheckPlan(context, [&](Cluster& cluster) {
        return MadeAnew(context, cluster, rendered, one.options, change.IsCreate());
      });
    }
    if (FreesNodePorts(context, before, content, rendered.object, checked)) continue;
    if (IsAboutTheObject(checked)) {
      for (absl::Status& status : EachOf(LocatedBeside(context, services_, one, checked)))
        refused.push_back(std::move(status));
      continue;
    }
    if (!checked.ok()) return LocatedBeside(context, services_, one, checked);
    CHARON_RETURN_IF_ERROR(services_.CheckPlan(
        context, [&](Cluster& cluster) { return Growth(context, cluster, planned, rendered); }));
  }
  return refused.empty() ? absl::OkStatus() : Several(refused);
}

bool PlanChecks::FreesNodePorts(const sdk::Context& context, const StringMap& before,
                                const Content& content, const Json& object,
                                const absl::Status& refused) const {
  // Kubernetes, pkg/registry/core/service/portallocator (ErrAllocated).
  if (!absl::IsInvalidArgument(refused) || object["kind"] != "Service" ||
      !absl::StrContains(refused.message(), "provided port is already allocated"))
    return false;
  std::vector<ObjectRef> going;
  for (const auto& [key, hash] : before) {
    const absl::StatusOr<ObjectRef> ref = RefOfKey(key);
    if (ref.ok() && ref->kind.kind == "Service" && content.hashes.count(key) == 0)
      going.push_back(*ref);
  }
  std::set<ObjectRef> workloads;
  if (context.replaces) {
    absl::MutexLock lock(&mutex_);
    workloads = going_;
  }
  std::set<std::int64_t> freed;
  const auto add = [&freed](const Json& service) {
    for (const Json& port : kubernetes::Field(service, "spec.ports"))
      if (const std::int64_t number = kubernetes::Number(port, "nodePort", 0); number != 0)
        freed.insert(number);
  };
  services_
      .CheckPlan(context,
                 [&](Cluster& cluster) -> absl::Status {
                   for (const ObjectRef& ref : going) {
                     if (const auto live = cluster.Read(context, ref); live.ok()) add(**live);
                   }
                   for (const ObjectRef& workload : workloads) {
                     const operations::ObjectOptions options = services_.Ownership(
                         kType, absl::StrCat(workload.name_space, "/", workload.name));
                     const absl::StatusOr<std::vector<Json>> all = cluster.List(
                         context, {"v1", "Service"}, {.name_space = workload.name_space});
                     if (!all.ok()) continue;
                     for (const Json& service : *all) {
                       if (operations::ClaimOf(&service, options) == operations::Claim::kOurs)
                         add(service);
                     }
                   }
                   return absl::OkStatus();
                 })
      .IgnoreError();
  bool any = false;
  for (const Json& port : kubernetes::Field(object, "spec.ports")) {
    const std::int64_t number = kubernetes::Number(port, "nodePort", 0);
    if (number == 0 || !absl::StrContains(refused.message(), absl::StrCat(" ", number, ":")))
      continue;
    if (freed.count(number) == 0) return false;
    any = true;
  }
  return any;
}

absl::Status PlanChecks::BackupTargets(const sdk::Context& context,
                                       const sdk::PlanChange<ServiceModel>& change,
                                       const ServiceModel& planned, const Content& content) const {
  if (context.planned_before) return absl::OkStatus();
  const StringMap before = change.IsUpdate() ? change.prior().objects.value_or({}) : StringMap();
  for (const auto& [key, backup] : planned.backups.value_or({})) {
    const std::string job = KeyOf({{"batch/v1", "CronJob"},
                                   *planned.name_space,
                                   absl::StrCat(planned.NameOrDefault(), "-", key)});
    const auto was = before.find(job);
    if (was != before.end() && was->second == content.hashes.at(job)) continue;
    const std::map<std::string, ClaimModel> own = planned.claims.value_or({});
    const ObjectRef target{{"v1", "PersistentVolumeClaim"}, *planned.name_space, *backup.to};
    if (own.count(*backup.to) != 0 || content.hashes.count(KeyOf(target)) != 0) continue;
    CHARON_RETURN_IF_ERROR(services_.CheckPlan(
        context, [&, &key = key, &backup = backup](Cluster& cluster) -> absl::Status {
          const auto live = cluster.Read(context, target);
          // Without a namespace, this run makes it, and whatever is to be in it.
          if (kubernetes::MissingOf(live.status()) != kubernetes::Missing::kObject)
            return absl::IsUnavailable(live.status()) ? live.status() : absl::OkStatus();
          if (!cluster.Read(context, {{"v1", "Namespace"}, "", *planned.name_space}).ok())
            return absl::OkStatus();
          std::vector<std::string> names;
          for (const auto& [name, claim] : own) names.push_back(absl::StrCat("\"", name, "\""));
          context.diagnostics->Warning(
              "A backup has nothing to write to",
              At(Path("backups").Key(key).Attribute("to"),
                 WithRemedy(
                     absl::NotFoundError(absl::StrCat(
                         "namespace ", *planned.name_space, " has no PersistentVolumeClaim \"",
                         *backup.to, "\", and \"claims\" has ",
                         names.empty() ? "none" : absl::StrCat("only ", absl::StrJoin(names, ", ")),
                         ": the backup's pods wait until there is one")),
                     "If something else makes it, nothing is to be done. Else name a key of "
                     "\"claims\", or a claim that there is.")));
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

absl::Status PlanChecks::MadeAnew(const sdk::Context& context, Cluster& cluster,
                                  const Rendered& rendered,
                                  const operations::ObjectOptions& options, bool create) const {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(rendered.object));
  const auto live = cluster.Read(context, ref);
  if (!live.ok()) return absl::IsNotFound(live.status()) ? absl::OkStatus() : live.status();
  CHARON_ASSIGN_OR_RETURN(const Remake remake,
                          CheckRemake(context, cluster, rendered.object, **live, options, create));
  // The create half of a replacement: what is there now goes before, which the plan shows.
  if (IsGoing(ref)) return absl::OkStatus();
  context.diagnostics->Warning(
      absl::StrCat("The ", remake.around_pods ? ref.kind.kind : "workload", " is made anew"),
      absl::StrCat(
          KeyOf(ref), " cannot be changed in ", absl::StrJoin(remake.fields, ", "),
          remake.around_pods
              ? absl::StrCat(
                    ": it is deleted without its pods, which keep running, and made again around "
                    "them. ",
                    remake.adds_volumes
                        ? "Then they are replaced one by one, from replica 0 on, each when the one "
                          "before is ready, since no pod gets a volume while it runs (wait = "
                          "\"none\" and "
                          "OnDelete leave that to you). "
                        : "",
                    "Claims that exist keep their data. ",
                    remake.loses_theirs
                        ? "What others wrote into its pod template goes, since the server does not "
                          "take it together with this change. What an *_owner attribute leaves to "
                          "others stays as it is."
                        : "What others wrote into its pod template stays, and so does what an "
                          "*_owner attribute leaves to others. What others wrote elsewhere in the "
                          "workload goes.")
              : ": an earlier apply that failed left it. It is deleted with its pods and made "
                "again; claims stay."));
  return absl::OkStatus();
}

absl::Status PlanChecks::Growth(const sdk::Context& context, Cluster& cluster,
                                const ServiceModel& planned, const Rendered& rendered) {
  struct Wanted {
    const std::string& volume;
    std::string size;
    Json live;
  };
  std::vector<Wanted> claims;
  for (const auto& [volume, claim] : planned.claims.value_or({})) {
    const std::string size = claim.size.value_or("");
    if (IsPerReplica(claim) && rendered.object["kind"] == "StatefulSet") {
      absl::StatusOr<std::vector<Json>> all = ReplicaClaims(context, cluster, planned, volume);
      if (!all.ok()) return absl::IsUnavailable(all.status()) ? all.status() : absl::OkStatus();
      for (Json& live : *all) claims.push_back({volume, size, std::move(live)});
    } else if (!IsPerReplica(claim) && rendered.object["kind"] == "PersistentVolumeClaim" &&
               rendered.object["metadata"]["name"] == ClaimName(planned, volume)) {
      const auto live = cluster.Read(
          context,
          {{"v1", "PersistentVolumeClaim"}, *planned.name_space, ClaimName(planned, volume)});
      if (live.ok()) claims.push_back({volume, size, **live});
    }
  }
  for (const Wanted& claim : claims) {
    const absl::StatusOr<Quantity> wanted = Quantity::Parse(claim.size);
    const absl::StatusOr<Quantity> now =
        Quantity::Parse(kubernetes::Text(claim.live, "spec.resources.requests.storage"));
    if (!wanted.ok() || !now.ok() || *wanted <= *now) continue;
    const std::string name = kubernetes::Text(claim.live, "spec.storageClassName");
    if (!name.empty()) {
      const auto storage_class =
          cluster.Read(context, {{"storage.k8s.io/v1", "StorageClass"}, "", name});
      // Whoever may not read classes is not told about them.
      if (!storage_class.ok() && !absl::IsNotFound(storage_class.status())) {
        return absl::IsUnavailable(storage_class.status()) ? storage_class.status()
                                                           : absl::OkStatus();
      }
      if (storage_class.ok() && kubernetes::Field(**storage_class, "allowVolumeExpansion") == true)
        continue;
    }
    return At(
        Path("claims").Key(claim.volume).Attribute("size"),
        WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                       "PersistentVolumeClaim/", *planned.name_space, "/",
                       kubernetes::Text(claim.live, "metadata.name"), " cannot grow from ",
                       kubernetes::Text(claim.live, "spec.resources.requests.storage"), " to ",
                       claim.size, ": ",
                       name.empty() ? "it has no StorageClass"
                                    : absl::StrCat("StorageClass \"", name,
                                                   "\" does not allow it (allowVolumeExpansion)"))),
                   absl::StrCat("If the driver of the class can do it, set allowVolumeExpansion = "
                                "true there first. Else leave the size as it is, or add a second "
                                "claim, copy the data over, then remove claim \"",
                                claim.volume, "\".")));
  }
  return absl::OkStatus();
}

absl::Status PlanChecks::Fit(const sdk::Context& context,
                             const sdk::PlanChange<ServiceModel>& change,
                             const ServiceModel& planned,
                             const std::vector<Rendered>& objects) const {
  const std::string key = KeyOf(WorkloadRef(planned));
  const auto hash_of = [&key](const Attr<StringMap>& hashes) {
    return hashes.IsKnown() && hashes->count(key) != 0 ? hashes->at(key) : std::string();
  };
  if (context.planned_before) return absl::OkStatus();
  const Rendered* workload = WorkloadOf(objects);
  if (workload == nullptr) return absl::OkStatus();
  if (change.IsUpdate() && hash_of(change.prior().objects) == HashOf(*workload))
    return absl::OkStatus();
  const Json object = AsCreated(*workload);
  operations::PodDemand demand{.pod_spec = &object["spec"]["template"]["spec"],
                               .replicas = planned.replicas.value_or(1),
                               .surge = 0,
                               .on_each_node = WorkloadKind(planned) == "DaemonSet",
                               .selector = SelectorOf(planned)};
  const bool somebody_scales =
      planned.replicas_owner.value_or("terraform") == "external" || planned.scale_to_zero.IsKnown();
  const bool rolls = IsRolledOut(change, planned, object, services_.settings()->conventions);
  operations::QuotaFit fit;
  CHARON_RETURN_IF_ERROR(services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
    if (somebody_scales) {
      // The number that counts is the one that there is.
      if (const auto live = cluster.Read(context, WorkloadRef(planned)); live.ok())
        demand.replicas = kubernetes::Number(**live, "spec.replicas", demand.replicas);
    }
    if (demand.replicas == 0) return absl::OkStatus();
    if (rolls) demand.surge = Surge(planned, object, demand.replicas);
    absl::StatusOr<operations::QuotaFit> found =
        operations::CheckQuotaFit(context, cluster, *planned.name_space, demand);
    // Whoever may not read quotas is not told about them.
    if (!found.ok()) return absl::IsUnavailable(found.status()) ? found.status() : absl::OkStatus();
    fit = *std::move(found);
    if (services_.PlansQuota(*planned.name_space)) {
      context.diagnostics->Warning(
          "Quota unchecked",
          absl::StrCat(fit.checked ? "This run makes or changes the quota of namespace "
                                   : "There is no namespace ",
                       *planned.name_space, fit.checked ? "" : " yet", ", so whether ",
                       planned.NameOrDefault(), " fits into its quota shows only in the apply."));
      fit.problems.clear();
    }
    return absl::OkStatus();
  }));
  if (!fit.problems.empty()) {
    context.diagnostics->Warning("The pods will not fit",
                                 absl::StrCat("- ", absl::StrJoin(fit.problems, "\n- ")),
                                 "resources");
  }
  return absl::OkStatus();
}

absl::Status PlanChecks::Data(const sdk::Context& context, const ServiceModel& prior,
                              const ServiceModel& planned, bool replace) const {
  if (!IsDataKnown(planned)) return absl::OkStatus();
  const bool same_names =
      *planned.name_space == *prior.name_space && planned.NameOrDefault() == prior.NameOrDefault();
  if (same_names) {
    for (const auto& [name, claim] : planned.claims.value_or({}))
      CHARON_RETURN_IF_ERROR(Claim(context, name, prior, planned));
  }
  if (context.planned_before) return absl::OkStatus();
  const bool deletes = (replace ? prior : planned).delete_data.value_or(false);
  std::set<std::string> going = DataKeys(prior);
  going.merge(DataOf(prior));
  const std::set<std::string> former = going;
  for (const std::string& key : DataOf(planned)) going.erase(key);
  if (deletes && same_names && planned.generated_secrets.IsKnown() &&
      !planned.generated_secrets->empty()) {
    for (const auto& [name, secret] : prior.generated_secrets.value_or({})) {
      if (planned.generated_secrets->count(name) == 0)
        going.insert(absl::StrCat("value ", name, " of ", GeneratedKey(prior)));
    }
  }
  if (going.empty()) return absl::OkStatus();
  std::string empty;
  Path place(deletes                             ? "delete_data"
             : prior.claims.value_or({}).empty() ? "generated_secrets"
                                                 : "claims");
  const bool loses_claims = std::any_of(going.begin(), going.end(), [](const std::string& key) {
    return absl::StartsWith(key, "PersistentVolumeClaim/");
  });
  if (loses_claims) {
    const std::vector<std::string> fresh = NewClaims(context, planned, former);
    for (const std::string& name : fresh)
      absl::StrAppend(&empty, "\n- ",
                      ClaimKey(planned, name, IsPerReplica(planned.claims->at(name))));
    if (!fresh.empty() && !deletes) place = Path("claims").Key(fresh[0]);
  }
  if (!same_names && !deletes)
    place = Path(*planned.name_space == *prior.name_space ? "name" : "namespace");
  if (!empty.empty()) empty = absl::StrCat("\n\nThe pods start on empty volumes instead:", empty);
  const std::string lines = absl::StrJoin(going, "\n- ");
  if (deletes) {
    context.diagnostics->Warning(
        "Data will be deleted",
        absl::StrCat("delete_data = true, and the configuration does not have these any more:\n- ",
                     lines, empty, "\n\nTo keep them, take delete_data away first."),
        place);
    return absl::OkStatus();
  }
  const bool shared = std::any_of(going.begin(), going.end(), [](const std::string& key) {
    return absl::StartsWith(key, "PersistentVolumeClaim/") && !absl::EndsWith(key, "-<replica>");
  });
  std::string way_out = absl::StrCat("To go on with them, say the former ",
                                     same_names                                 ? "key"
                                     : *planned.name_space == *prior.name_space ? "name"
                                                                                : "namespace",
                                     " again");
  if (shared && *planned.name_space == *prior.name_space)
    absl::StrAppend(&way_out, ", or mount a claim by volumes = { ... = { existing_claim = ... } }");
  context.diagnostics->Warning(
      empty.empty() ? "Data is kept" : "The pods start on an empty volume",
      absl::StrCat(
          "The configuration does not have these any more. They leave \"objects\", but are "
          "not deleted, and keep their data:\n- ",
          lines, empty, "\n\n", way_out,
          ". To delete them with the change, set delete_data = true and apply that "
          "first."),
      place);
  return absl::OkStatus();
}

std::vector<std::string> PlanChecks::NewClaims(const sdk::Context& context,
                                               const ServiceModel& planned,
                                               const std::set<std::string>& former) const {
  std::vector<std::string> names;
  for (const auto& [name, claim] : planned.claims.value_or({})) {
    const std::string key = ClaimKey(planned, name, IsPerReplica(claim));
    if (former.count(key) != 0) continue;
    // One that an earlier service of this name has left has its data.
    bool exists = false;
    const absl::Status asked = services_.CheckPlan(
        context, [&, &name = name, &claim = claim](Cluster& cluster) -> absl::Status {
          if (IsPerReplica(claim)) {
            const auto claims = ReplicaClaims(context, cluster, planned, name);
            exists = claims.ok() && !claims->empty();
          } else {
            CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
            exists = cluster.Read(context, ref).ok();
          }
          return absl::OkStatus();
        });
    if (!asked.ok() || !exists) names.push_back(name);
  }
  return names;
}

bool PlanChecks::IsClassOf(const sdk::Context& context, const ObjectRef& claim,
                           const std::string& storage_class) const {
  bool same = false;
  const absl::Status asked = services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
    const auto live = cluster.Read(context, claim);
    same = live.ok() && kubernetes::Text(**live, "spec.storageClassName") == storage_class;
    return absl::OkStatus();
  });
  return asked.ok() && same;
}

absl::Status PlanChecks::Claim(const sdk::Context& context, const std::string& name,
                               const ServiceModel& prior, const ServiceModel& planned) const {
  if (!prior.claims.IsKnown()) return absl::OkStatus();
  const auto before = prior.claims->find(name);
  if (before == prior.claims->end()) return absl::OkStatus();
  const ClaimModel& was = before->second;
  const ClaimModel& now = planned.claims->at(name);
  const Path path = Path("claims").Key(name);
  const bool per_replica = IsPerReplica(now);
  if (IsPerReplica(was) != per_replica) {
    return At(path.Attribute("per_replica"),
              WithRemedy(
                  absl::InvalidArgumentError(
                      absl::StrCat("the data of volume \"", name, "\" is in ",
                                   ClaimKey(prior, name, !per_replica), "; with per_replica = ",
                                   per_replica ? "true" : "false", " the pods would start on ",
                                   ClaimKey(planned, name, per_replica), ", which is empty")),
                  absl::StrCat("Add a second claim with the other per_replica, copy the data over, "
                               "then remove claim \"",
                               name, "\". To start empty, give the claim another name.")));
  }
  // By what they mean: aliases, and the modes that are the default.
  const Conventions conventions = services_.settings()->conventions;
  const Json former = ClaimSpec(was, conventions), wanted = ClaimSpec(now, conventions);
  constexpr char kClass[] = "storageClassName";
  bool other_class = kubernetes::Field(former, kClass) != kubernetes::Field(wanted, kClass);
  if (other_class && !per_replica && was.storage_class.IsNull()) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef claim, RefOfKey(ClaimKey(prior, name, false)));
    other_class = !IsClassOf(context, claim, kubernetes::Text(wanted, kClass));
  }
  const std::pair<const char*, bool> fixed[] = {
      {"storage_class", !now.storage_class.IsUnknown() && other_class},
      {"access_modes",
       !now.access_modes.IsUnknown() && former["accessModes"] != wanted["accessModes"]},
      {"autoresize",
       per_replica && !now.autoresize.IsUnknown() && !(was.autoresize == now.autoresize)}};
  for (const auto& [attribute, changed] : fixed) {
    if (!changed) continue;
    if (per_replica) {
      context.diagnostics->Warning(
          "Existing claims stay as they are",
          absl::StrCat(
              "The StatefulSet is made anew around its running pods, but the claims of volume \"",
              name, "\" that exist keep their ", attribute,
              "; only replicas that are added get the new one. No data is touched."),
          path.Attribute(attribute));
      continue;
    }
    return At(path.Attribute(attribute),
              WithRemedy(absl::InvalidArgumentError(
                             absl::StrCat("the ", attribute,
                                          " of an existing claim cannot change, and making it "
                                          "anew would lose its data")),
                         absl::StrCat("Add a second claim with the new ", attribute,
                                      ", copy the data over, then remove claim \"", name, "\".")));
  }
  const absl::StatusOr<Quantity> old_size = Quantity::Parse(was.size.value_or(""));
  const absl::StatusOr<Quantity> new_size = Quantity::Parse(now.size.value_or(""));
  if (old_size.ok() && new_size.ok() && *new_size < *old_size) {
    context.diagnostics->Warning("A claim never shrinks",
                                 absl::StrCat("Volume \"", name, "\" stays as large as it is; ",
                                              *now.size, " counts only when it is made anew."),
                                 path.Attribute("size"));
  }
  return absl::OkStatus();
}

}  // namespace charon::service
