#include "resources/service/service_resource.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/schema/checks.h"
#include "resources/service/adoption.h"
#include "resources/service/apply_service.h"
#include "resources/service/awaited_secrets.h"
#include "resources/service/cases.h"
#include "resources/service/check_service.h"
#include "resources/service/content.h"
#include "resources/service/doubts.h"
#include "resources/service/import_workload.h"
#include "resources/service/pod_security.h"
#include "resources/service/read_service.h"
#include "resources/service/removal.h"
#include "resources/service/service_notes.h"
#include "resources/service/service_ownership.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;

// Everything but what is computed is known.
bool IsSettled(const ServiceModel& model) {
  ServiceModel configured = model;
  configured.objects = configured.urls = configured.restart = Attr<StringMap>();
  return ServiceModel::Describe().Encode(configured).IsWhollyKnown();
}

std::string FullName(const ServiceModel& model) {
  return absl::StrCat(*model.name_space, "/", model.NameOrDefault());
}

// Before the service is destroyed.
void TellDataStays(const sdk::Context& context, const ServiceModel& prior) {
  if (prior.delete_data.value_or(false)) return;
  std::set<std::string> kept = DataKeys(prior);
  for (const auto& [name, claim] : prior.claims.value_or({})) {
    if (IsPerReplica(claim)) kept.insert(ClaimKey(prior, name, true));
  }
  if (kept.empty()) return;
  context.diagnostics->Warning(
      absl::StrCat("Data is kept: ", FullName(prior)),
      absl::StrCat("The service goes, and these of it stay:\n- ", absl::StrJoin(kept, "\n- "),
                   "\n\nA service of the same namespace and name takes them again. A "
                   "charon_tier_namespace is not deleted while it holds them. To delete them with "
                   "the service, set delete_data = true and apply that first."));
}

}  // namespace

const ObjectSpec<ServiceIdentity>& ServiceIdentity::Describe() {
  using M = ServiceIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The service.",
      {
          Field(&M::name_space, "namespace", Required, "Namespace of the service."),
          Field(&M::name, "name", Required, "Name of the service."),
          Field(&M::cluster, "cluster", Optional, "Uid of the cluster's namespace kube-system."),
      });
  return spec;
}

const sdk::ResourceInfo& ServiceResource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = kType,
                                                   .noun = "service",
                                                   .subcategory = "Services",
                                                   .timeouts = {},
                                                   .import_id = "`namespace/name`",
                                                   .needs = {"kubernetes", "conventions"}};
  return info;
}

absl::Status ServiceResource::Validate(const sdk::Context& context, const ServiceModel& config) {
  std::vector<absl::Status> found = CheckService(config);
  for (std::size_t i = 1; i < found.size(); ++i)
    context.diagnostics->Error("Invalid service", found[i]);
  for (const absl::Status& doubt : DoubtsAbout(config))
    context.diagnostics->Warning("This has no effect", doubt);
  return found.empty() ? absl::OkStatus() : found[0];
}

absl::Status ServiceResource::Plan(const sdk::Context& context,
                                   sdk::PlanChange<ServiceModel>& change) {
  if (change.IsDestroy()) {
    context.private_state->Erase(kNextData);
    checks_.NoteGoing(WorkloadRef(change.prior()));
    TellDataStays(context, change.prior());
    return absl::OkStatus();
  }
  ServiceModel planned = change.planned();
  if (change.config().name.IsNull() && planned.name_space.IsKnown()) {
    planned.name = planned.name_space;
    change.Set("name", planned.name);
  }
  if (change.IsUpdate()) {
    // By what they mean: a default that is written out, as after an import, replaces nothing.
    const ServiceModel& prior = change.prior();
    if (planned.kind.IsUnknown() || WorkloadKind(planned) != WorkloadKind(prior))
      change.RequireReplace("kind");
    if (planned.selector.IsUnknown() || SelectorOf(planned) != SelectorOf(prior))
      change.RequireReplace("selector");
    if (change.RequiresReplace()) checks_.NoteGoing(WorkloadRef(prior));
    CHARON_RETURN_IF_ERROR(checks_.Data(context, prior, planned, change.RequiresReplace()));
  } else {
    NoteNextData(context, planned);
  }
  const Conventions conventions = services_.settings()->conventions;
  if (context.provider_config_unknown || !IsSettled(planned)) {
    for (const char* name : {"objects", "urls", "restart"}) change.SetUnknown(name);
    return context.provider_config_unknown ? absl::OkStatus()
                                           : PlanPartly(context, change, planned, conventions);
  }
  ServiceModel wanted = planned;
  wanted.urls = Urls(planned, conventions);
  std::vector<std::string> watched = RestartSecrets(planned);
  if (!conventions.reload_annotation.empty()) watched.clear();
  if (change.IsCreate()) {
    wanted.restart = watched.empty() ? Attr<StringMap>() : Attr<StringMap>::Unknown();
  } else {
    const absl::StatusOr<Attr<StringMap>> now =
        Restarts(context, services_, planned, change.prior().restart);
    wanted.restart = now.ok() ? *now : change.prior().restart;
    // Secrets that are yet to be made are known when they are there.
    const StringMap known = wanted.restart.value_or({});
    if (std::any_of(watched.begin(), watched.end(),
                    [&known](const std::string& name) { return known.count(name) == 0; }))
      wanted.restart = Attr<StringMap>::Unknown();
  }
  CHARON_ASSIGN_OR_RETURN(const Content content, ContentOf(wanted, conventions));
  // Values may be made anew, which the pods are rolled out for.
  if (change.IsUpdate() && content.hashes.count(GeneratedKey(planned)) != 0) {
    const std::string key = GeneratedKey(planned);
    const StringMap before = change.prior().objects.value_or({});
    const auto found = before.find(key);
    if (found == before.end() || found->second != content.hashes.at(key) ||
        !(change.prior().generated_secrets == planned.generated_secrets) || context.adopting)
      wanted.restart = Attr<StringMap>::Unknown();
  }
  change.Set("urls", wanted.urls);
  change.Set("restart", wanted.restart);
  PlanObjects(change, content);
  if (change.IsUpdate()) {
    if (wanted.restart.IsKnown() && change.prior().restart.IsKnown()) {
      for (const auto& [name, digest] : *wanted.restart) {
        const auto before = change.prior().restart->find(name);
        if (before == change.prior().restart->end() || before->second == digest) continue;
        context.diagnostics->Warning(
            absl::StrCat("restart: secret ", name, " rotated"),
            "Its value has changed since the pods were started; apply rolls them out anew.",
            "restart");
      }
    }
  }
  CHARON_RETURN_IF_ERROR(checks_.Twice(context, change, wanted));
  CHARON_RETURN_IF_ERROR(PlanPods(context, change, wanted, content));
  CHARON_RETURN_IF_ERROR(checks_.Selector(context, change, wanted, content.objects));
  CHARON_RETURN_IF_ERROR(checks_.DryRun(context, change, wanted, content));
  CHARON_RETURN_IF_ERROR(checks_.BackupTargets(context, change, wanted, content));
  return checks_.Fit(context, change, wanted, content.objects);
}

// The workload is written although it declares what it did: its line says so.
void ServiceResource::PlanObjects(sdk::PlanChange<ServiceModel>& change,
                                  const Content& content) const {
  const std::string workload = KeyOf(WorkloadRef(change.planned()));
  std::map<std::string, std::optional<std::string>> objects(content.hashes.begin(),
                                                            content.hashes.end());
  if (change.IsUpdate() && change.prior().objects.IsKnown()) {
    const StringMap& before = *change.prior().objects;
    const auto found = before.find(workload);
    if (found != before.end() && found->second == content.hashes.at(workload) &&
        TakesResourcesBack(change.prior(), change.planned(), services_.settings()->conventions))
      objects[workload] = std::nullopt;
  }
  change.SetPartly("objects", objects);
}

// What is said about the pods when the workload is made or changes, and not again with every plan.
absl::Status ServiceResource::PlanPods(const sdk::Context& context,
                                       const sdk::PlanChange<ServiceModel>& change,
                                       const ServiceModel& planned, const Content& content) const {
  const Rendered* workload = WorkloadOf(content.objects);
  if (workload == nullptr) return absl::OkStatus();
  if (change.IsUpdate() && change.prior().objects.IsKnown()) {
    const std::string key = KeyOf(WorkloadRef(planned));
    const auto before = change.prior().objects->find(key);
    if (before != change.prior().objects->end() && before->second == content.hashes.at(key))
      return absl::OkStatus();
  }
  if (const std::optional<absl::Status> doubt = MayNotFitOnTwoNodes(planned); doubt)
    context.diagnostics->Warning("Pods on two nodes cannot share the claim", *doubt);
  if (const std::optional<absl::Status> doubt =
          MayMissItsToken(planned, services_.settings()->conventions);
      doubt)
    context.diagnostics->Warning("The pods get no API token", *doubt);
  return WarnOfPodSecurity(context, services_, planned, *workload);
}

// Parts are not known yet. What comes out the same whatever they turn out to be does not depend on
// them: what is wrong, which objects there will be, the content of many, what the server says.
absl::Status ServiceResource::PlanPartly(const sdk::Context& context,
                                         sdk::PlanChange<ServiceModel>& change,
                                         const ServiceModel& planned,
                                         const Conventions& conventions) {
  const bool named = planned.name_space.IsKnown() && planned.name.IsKnown();
  if (named) CHARON_RETURN_IF_ERROR(checks_.Twice(context, change, planned));
  CHARON_ASSIGN_OR_RETURN(
      const std::vector<Case> cases,
      CasesOf(change.Completions(), change.IsUpdate() ? change.prior().restart : Attr<StringMap>(),
              conventions));
  if (cases.empty()) return absl::OkStatus();
  const Content common = CommonOf(cases);
  if (std::all_of(cases.begin(), cases.end(), [&common](const Case& one) {
        return one.content.hashes.size() == common.hashes.size();
      })) {
    std::map<std::string, std::optional<std::string>> objects;
    for (const auto& [key, hash] : common.hashes)
      objects[key] = hash.empty() ? std::nullopt : std::optional<std::string>(hash);
    change.SetPartly("objects", objects);
  }
  if (!named || planned.on_conflict.IsUnknown() || planned.force_conflicts.IsUnknown())
    return absl::OkStatus();
  CHARON_RETURN_IF_ERROR(checks_.Selector(context, change, cases[0].model, CommonWorkload(cases)));
  CHARON_RETURN_IF_ERROR(checks_.DryRun(context, change, cases[0].model, common));
  // That nobody can be asked is told once, and not of each case.
  CHARON_RETURN_IF_ERROR(services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
    const absl::Status asked =
        cluster.Read(context, {{"v1", "Namespace"}, "", *planned.name_space}).status();
    return absl::IsUnavailable(asked) ? asked : absl::OkStatus();
  }));
  return TellOfAll(context, cases, [&](const sdk::Context& aside, const Case& one) -> absl::Status {
    CHARON_RETURN_IF_ERROR(PlanPods(aside, change, one.model, one.content));
    CHARON_RETURN_IF_ERROR(checks_.BackupTargets(aside, change, one.model, one.content));
    return checks_.Fit(aside, change, one.model, one.content.objects);
  });
}

// The delete half of a replacement leaves what the create half is going to take again.
void ServiceResource::NoteNextData(const sdk::Context& context, const ServiceModel& planned) {
  const Json next = IsDataKnown(planned) ? Json(DataOf(planned)) : Json("all");
  context.private_state->Set(kNextData, next.dump());
}

sdk::Outcome<ServiceModel> ServiceResource::Create(const sdk::Context& context,
                                                   const ServiceModel& plan) {
  std::optional<ServiceModel> left;
  std::vector<std::string> passed_on;
  {
    absl::MutexLock lock(&mutex_);
    if (auto found = left_.extract(SameObject(plan)); !found.empty())
      left = std::move(found.mapped());
    if (auto found = passed_on_.extract(FullName(plan)); !found.empty() && !left)
      std::tie(left, passed_on) = std::move(found.mapped());
  }
  sdk::Outcome<ServiceModel> outcome =
      ApplyService(context, services_, nullptr, left ? &*left : nullptr, plan);
  if (!outcome.ok() && !passed_on.empty()) {
    context.diagnostics->Warning(
        "Data was kept",
        absl::StrCat("The service that was to be replaced is gone; these of it hold data and are "
                     "still there:\n- ",
                     absl::StrJoin(passed_on, "\n- "), "\n\nThe next apply takes them again. ",
                     plan.delete_data.value_or(false)
                         ? "If the service is destroyed, they go with it (delete_data = true)."
                         : "If the service is destroyed, they stay."));
  }
  return outcome;
}

void ServiceResource::Spare(const sdk::Context&, const ServiceModel& prior) {
  absl::MutexLock lock(&mutex_);
  left_.insert_or_assign(SameObject(prior), prior);
}

sdk::Outcome<ServiceModel> ServiceResource::Update(const sdk::Context& context,
                                                   const ServiceModel& prior,
                                                   const ServiceModel& plan) {
  return ApplyService(context, services_, &prior, nullptr, plan);
}

sdk::Outcome<ServiceModel> ServiceResource::Read(const sdk::Context& context,
                                                 const ServiceModel& prior) {
  if (!prior.objects.IsKnown()) return ReadImported(context, prior);
  if (context.adopting) return prior;
  return ReadService(context, services_, prior);
}

absl::Status ServiceResource::Delete(const sdk::Context& context, const ServiceModel& prior) {
  std::vector<std::string> passed_on;
  CHARON_RETURN_IF_ERROR(RemoveService(context, services_, prior, passed_on));
  if (passed_on.empty()) return absl::OkStatus();
  const auto stays = [&passed_on](const std::string& key) {
    return std::find(passed_on.begin(), passed_on.end(), key) != passed_on.end();
  };
  ServiceModel left = prior;
  left.generated_secrets = {};  // to be made anew only by an update
  StringMap objects = prior.objects.value_or({});
  std::erase_if(objects, [&stays](const auto& object) { return !stays(object.first); });
  left.objects = std::move(objects);
  std::map<std::string, ClaimModel> claims = prior.claims.value_or({});
  std::erase_if(claims, [&](const auto& claim) {
    return !stays(ClaimKey(prior, claim.first, IsPerReplica(claim.second)));
  });
  left.claims = std::move(claims);
  absl::MutexLock lock(&mutex_);
  passed_on_.insert_or_assign(FullName(prior), std::pair(std::move(left), std::move(passed_on)));
  return absl::OkStatus();
}

absl::StatusOr<ServiceModel> ServiceResource::Import(const sdk::Context&, const std::string& id) {
  const std::vector<std::string> parts = absl::StrSplit(id, '/');
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", id, "\" must be \"namespace/name\""));
  }
  ServiceModel model;
  model.name_space = parts[0];
  model.name = parts[1];
  return model;
}

absl::StatusOr<ServiceModel> ServiceResource::ImportByIdentity(const sdk::Context& context,
                                                               const ServiceIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, absl::StrCat(*identity.name_space, "/", *identity.name));
}

// Of what was found as `model`: what the first apply takes away beside the pods, if the
// configuration says no more than that.
void ServiceResource::TellTakenAway(const sdk::Context& context, const ServiceModel& model,
                                    const Json& workload, const Json& service,
                                    const operations::ObjectOptions& options) const {
  const absl::StatusOr<Content> content = ContentOf(model, services_.settings()->conventions);
  if (!content.ok()) return;
  for (std::size_t i = 0; i < content->objects.size(); ++i) {
    const ObjectRef& ref = content->refs[i];
    const bool is_workload = content->objects[i].stage == Stage::kWorkload;
    if (!is_workload && (service.is_null() || ref.kind.kind != "Service" ||
                         ref.name != kubernetes::Text(service, "metadata.name")))
      continue;
    const Rendered& rendered = content->objects[i];
    WarnOfTakenAway(context, rendered, is_workload ? workload : service, options);
    if (is_workload) continue;
    if (const absl::Status closed = CheckWayIn(model, rendered, service); !closed.ok())
      context.diagnostics->Warning("A Service that leads in from outside", closed);
  }
}

// What a service is found as: what its workload says without doubt. The first apply takes over each
// object that the configuration names, with everything that the tool which made it owned.
absl::StatusOr<ServiceModel> ServiceResource::ReadImported(const sdk::Context& context,
                                                           const ServiceModel& stub) const {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  ServiceModel model = stub;
  const std::string name = stub.NameOrDefault();
  for (const char* kind : {"deployment", "statefulset", "daemonset"}) {
    model.kind = kind;
    const absl::StatusOr<Json> live = cluster->Get(context, WorkloadRef(model));
    if (absl::IsNotFound(live.status())) continue;
    CHARON_RETURN_IF_ERROR(live.status());
    const Json& labels = kubernetes::Field(*live, "spec.selector.matchLabels");
    StringMap selector;
    if (labels.is_object()) {
      for (const auto& [key, value] : labels.items())
        selector[key] = value.is_string() ? value.get<std::string>() : "";
    }
    if (selector != SelectorOf(stub)) model.selector = std::move(selector);
    if (std::string(kind) == "deployment") model.kind = Attr<std::string>();
    const NotSaid not_said = FillInFromWorkload(*live, services_.settings()->conventions, model);
    const operations::ObjectOptions options = OptionsOf(services_, model, context);
    const absl::StatusOr<Json> service =
        cluster->Get(context, {{"v1", "Service"}, *stub.name_space, name});
    if (service.ok()) {
      const std::vector<std::string> left_out = FillInFromService(*service, model);
      if (!left_out.empty()) {
        context.diagnostics->Warning(
            "Ports of the Service were left out",
            absl::StrCat("The first apply takes these away: ", absl::StrJoin(left_out, ", "),
                         ". A service has one port for each that a container declares: declare "
                         "what is missing in ports, or keep further ones in a Service of another "
                         "name (charon_kubernetes_manifest)."));
      }
    }
    FillInMetadata(*live, service.ok() ? *service : Json(), services_.settings()->conventions,
                   options, model);
    if (service.ok())
      FillInServicePatch(*service, services_.settings()->conventions, options, model);
    TellTakenAway(context, model, *live, service.ok() ? *service : Json(), options);
    if (!not_said.secrets.empty()) {
      context.diagnostics->Warning("Environment variables were left out",
                                   absl::StrCat("These have literal values in the workload that "
                                                "look like secrets, which belong into no state: ",
                                                absl::StrJoin(not_said.secrets, ", "),
                                                ". Say them in env_wo, generated_secrets or "
                                                "env_secret, or in env if they are none."));
    }
    if (!not_said.fields.empty()) {
      context.diagnostics->Warning(
          "Parts of the workload have no attribute",
          absl::StrCat("The first apply takes these away or changes them, and makes the pods anew "
                       "where they are part of them:\n- ",
                       absl::StrJoin(not_said.fields, "\n- "),
                       "\n\nWhat is to stay can be said in extra_manifest_patch."));
    }
    const std::string workload = KeyOf(WorkloadRef(model));
    model.objects = StringMap{{workload, "imported"}};
    if (operations::ClaimOf(&*live, options) != operations::Claim::kOurs) return model;
    // A state has lost it.
    CHARON_ASSIGN_OR_RETURN(const StringMap marked,
                            MarkedObjects(context, *cluster, model, options));
    std::vector<std::string> more;
    for (const auto& [key, unused] : marked) {
      if (model.objects.value().emplace(key, "imported").second) more.push_back(key);
    }
    if (!more.empty()) {
      context.diagnostics->Warning(
          "More of this service was found",
          absl::StrCat("These have its owner's mark:\n- ", absl::StrJoin(more, "\n- "),
                       "\n\nThe first apply, as its plan shows, changes those that the "
                       "configuration makes, and removes all others but data."));
    }
    return model;
  }
  return absl::NotFoundError(absl::StrCat("namespace ", *stub.name_space,
                                          " has no Deployment, StatefulSet or DaemonSet \"", name,
                                          "\""));
}

absl::StatusOr<ServiceIdentity> ServiceResource::Identify(const sdk::Context& context,
                                                          const ServiceModel& state) {
  ServiceIdentity identity{state.name_space, state.NameOrDefault(), {}};
  if (std::string cluster = services_.ClusterId(context); !cluster.empty())
    identity.cluster = std::move(cluster);
  return identity;
}

std::string ServiceResource::SameObject(const ServiceModel& model) const {
  if (!model.name_space.IsKnown() || model.name.IsUnknown() || model.kind.IsUnknown() ||
      model.selector.IsUnknown())
    return "";
  // Another kind or selector is another workload, although it has the same name.
  return absl::StrCat(WorkloadRef(model).ToString(), " ", Json(SelectorOf(model)).dump());
}

// From hashicorp/kubernetes: metadata is a list of one block, and so is spec.
std::vector<sdk::MoveSource<ServiceModel>> ServiceResource::MoveSources() const {
  auto move_as = [this](const char* kind) {
    return [this, kind](const sdk::Context& context,
                        const sdk::MoveRequest& request) -> absl::StatusOr<ServiceModel> {
      const Json state = Json::parse(request.source_state, nullptr, /*allow_exceptions=*/false);
      const Json& blocks = kubernetes::Field(state, "metadata");
      if (!blocks.is_array() || blocks.empty())
        return absl::InvalidArgumentError("the source has no metadata block");
      const std::string name = kubernetes::Text(blocks[0], "name");
      const std::string name_space = kubernetes::Text(blocks[0], "namespace");
      if (name.empty() || name_space.empty())
        return absl::InvalidArgumentError("the source has no metadata.name and metadata.namespace");
      CHARON_ASSIGN_OR_RETURN(
          ServiceModel model,
          const_cast<ServiceResource*>(this)->Import(context, absl::StrCat(name_space, "/", name)));
      if (std::string(kind) != "deployment") model.kind = kind;
      return model;
    };
  };
  return {{"kubernetes_deployment", move_as("deployment")},
          {"kubernetes_deployment_v1", move_as("deployment")},
          {"kubernetes_stateful_set", move_as("statefulset")},
          {"kubernetes_stateful_set_v1", move_as("statefulset")},
          {"kubernetes_daemonset", move_as("daemonset")},
          {"kubernetes_daemon_set_v1", move_as("daemonset")}};
}

}  // namespace charon::service
