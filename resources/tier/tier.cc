#include "resources/tier/tier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/operations/labels.h"
#include "provider/schema/checks.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;

constexpr char kType[] = "charon_tier";

kubernetes::ObjectRef RefOf(const TierModel& model) {
  TierProfile profile;
  profile.name = *model.name;
  return {{"scheduling.k8s.io/v1", "PriorityClass"}, "", profile.priority_class()};
}

operations::Labels LabelsFor(const TierModel& model, const Conventions& conventions) {
  operations::Labels labels = conventions.Labels();
  labels[kTierLabel] = *model.name;
  return labels;
}

// The PriorityClass of a wholly known model.
Json Render(const TierModel& model, const operations::Labels& labels) {
  TierProfile profile;
  profile.name = *model.name;
  profile.limit_range = model.limit_range.value_or({});
  profile.quota = model.resource_quota.value_or({});
  Json object = {{"apiVersion", "scheduling.k8s.io/v1"},
                 {"kind", "PriorityClass"},
                 {"metadata",
                  {{"name", profile.priority_class()},
                   {"labels", labels},
                   {"annotations", {{kProfileAnnotation, ProfileToJson(profile)}}}}},
                 {"value", *model.priority},
                 {"preemptionPolicy", *model.preemption_policy}};
  // The server stores no false.
  if (model.global_default.value_or(false)) object["globalDefault"] = true;
  // Nor an empty text.
  if (!model.description.value_or("").empty()) object["description"] = *model.description;
  return object;
}

// The same with the annotation `text` where it says the profile in other words: an empty table is
// none.
Json WithProfile(Json object, const std::string& text) {
  object["metadata"]["annotations"][kProfileAnnotation] = text;
  return object;
}

// What the server never changes of a PriorityClass (kubernetes 1.36,
// pkg/apis/scheduling/validation, ValidatePriorityClassUpdate).
bool IsAnotherClass(const Json& live, const Json& wanted) {
  return kubernetes::Field(live, "value") != kubernetes::Field(wanted, "value") ||
         kubernetes::Field(live, "preemptionPolicy") !=
             kubernetes::Field(wanted, "preemptionPolicy");
}

// A cluster has one default, which the former class may be.
Json NotDefault(Json object) {
  object.erase("globalDefault");
  return object;
}

}  // namespace

const ObjectSpec<TierModel>& TierModel::Describe() {
  using M = TierModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A tier of the platform: a PriorityClass `tier-<name>`, and the limits and quota that "
      "namespaces of the tier get. Only "
      "this resource makes PriorityClasses, so that stacks which use a tier never fight over one. "
      "The profile travels in an "
      "annotation of the PriorityClass: other stacks use the tier by its name.\n\n"
      "What is not set comes from the built-in tier of the same name (`0-core`, `1-cluster`, "
      "`2-gpu`, `3-edge`, `4-aux`) or "
      "from `conventions.tiers`.",
      {
          Field(&M::name, "name", Required,
                "Name of the tier, such as `3-edge`; also the value of the label `tier`.")
              .ForceNew()
              .Check(DnsLabel())
              .Check(LengthBetween(1, 58)),
          Field(&M::priority, "priority", OptionalComputed,
                "Value of the PriorityClass. Kubernetes cannot change it in place.")
              .ForceNew()
              .Check(Between(-2147483648LL, 1000000000LL)),
          Field(&M::preemption_policy, "preemption_policy", OptionalComputed,
                "`PreemptLowerPriority` or `Never`. Kubernetes cannot change it in place.")
              .ForceNew()
              .Check(OneOf({"PreemptLowerPriority", "Never"})),
          Field(&M::global_default, "global_default", Optional,
                "Give this priority to pods that name no PriorityClass.")
              .Default(false),
          Field(&M::description, "description", Optional,
                "What the tier is for, shown by `kubectl get priorityclass`."),
          Field(&M::limit_range, "limit_range", OptionalComputed,
                "Limits of each container in the tier's namespaces, by LimitRange field "
                "(`default`, `defaultRequest`, `max`, "
                "`min`), then resource.")
              .Check(LimitRangeChecks())
              .Same([](const LimitTable& a, const LimitTable& b) { return SameAmounts(a, b); }),
          Field(&M::resource_quota, "resource_quota", OptionalComputed,
                "Quota of each namespace of the tier, by resource: `{ \"requests.cpu\" = \"4\" }`.")
              .Check(QuotaChecks())
              .Same([](const QuotaTable& a, const QuotaTable& b) { return SameAmounts(a, b); }),
          Field(&M::priority_class, "priority_class", Computed,
                "Name of the PriorityClass, for pods that name one.")
              .KeepPrior(),
          Field(&M::labels_all, "labels_all", Computed,
                "All labels that this resource gives the PriorityClass: `tier`, and those of the "
                "provider block's `conventions`."),
          Field(&M::force_conflicts, "force_conflicts", Optional,
                "Take over fields that another field manager owns, instead of an error."),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the PriorityClass exists and is not this stack's: `fail` (default), "
                "`adopt` or `replace`.")
              .Check(OneOf({"fail", "adopt", "replace"})),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<TierIdentity>& TierIdentity::Describe() {
  static const auto& spec = *new ObjectSpec<TierIdentity>(
      "The tier.", {
                       Field(&TierIdentity::name, "name", Required, "Name of the tier."),
                       Field(&TierIdentity::cluster, "cluster", Optional,
                             "Uid of the cluster's namespace kube-system."),
                   });
  return spec;
}

const sdk::ResourceInfo& TierResource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = kType,
                                                   .noun = "tier",
                                                   .subcategory = "Tiers",
                                                   .import_id = "the tier's name, `3-edge`",
                                                   .needs = needs::LabelledObjects()};
  return info;
}

operations::ObjectOptions TierResource::Options(const TierModel& model) const {
  operations::ObjectOptions options = services_.Ownership(kType, *model.name);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = *model.name;
  return options;
}

// What the tables say of the PriorityClass, where the configuration says nothing.
void TierResource::PlanClass(const sdk::Context& context, const TierProfile& profile,
                             sdk::PlanChange<TierModel>& change) const {
  const TierModel& config = change.config();
  const Attr<std::int64_t> priority(profile.priority);
  const Attr<std::string> preemption(
      std::string(profile.preempts ? "PreemptLowerPriority" : "Never"));
  const bool other_priority =
      config.priority.IsNull() && change.IsUpdate() && change.prior().priority != priority;
  const bool other_preemption = config.preemption_policy.IsNull() && change.IsUpdate() &&
                                change.prior().preemption_policy != preemption;
  // Tables that were unknown in the plan: the values stayed what they are, and core takes no
  // replacement now.
  if ((other_priority || other_preemption) && !context.may_replace) {
    context.diagnostics->Warning(
        "The PriorityClass waits for another plan",
        absl::StrCat("conventions.tiers gives tier \"", *config.name, "\" the priority ",
                     profile.priority, " and preemption ", *preemption,
                     ". That makes its PriorityClass anew, which only a plan that knows these "
                     "values and has read the tier can announce. Plan again."));
    return;
  }
  if (config.priority.IsNull()) change.Set("priority", priority);
  if (config.preemption_policy.IsNull()) change.Set("preemption_policy", preemption);
}

absl::Status TierResource::Plan(const sdk::Context& context, sdk::PlanChange<TierModel>& change) {
  if (change.IsDestroy() || !change.config().name.IsKnown()) return absl::OkStatus();
  // What the configuration leaves open comes from the tables.
  const TierModel& config = change.config();
  const std::shared_ptr<const Settings> settings = services_.settings();
  const bool tables_known = settings->Knows("conventions.tiers");
  const absl::StatusOr<TierProfile> known = settings->conventions.Tier(*config.name);
  TierProfile profile = known.ok() && tables_known ? *known : TierProfile();
  if (tables_known && known.ok() && known->name != *config.name) {
    return At("name", WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                     "\"", *config.name, "\" is the short name of the tier \"",
                                     known->name, "\", which every \"tier\" that says so means")),
                                 absl::StrCat("Write \"", known->name, "\", or another name.")));
  }
  if (!tables_known) {
    if (config.limit_range.IsNull()) change.SetUnknown("limit_range");
    if (config.resource_quota.IsNull()) change.SetUnknown("resource_quota");
  } else {
    if (config.priority.IsNull() && !known.ok()) {
      return At("priority",
                WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                               "\"", *config.name,
                               "\" is none of the known tiers, so its priority must be given")),
                           "Set priority, or use the name of a built-in tier."));
    }
    PlanClass(context, profile, change);
    if (config.limit_range.IsNull())
      change.Set("limit_range", Attr<LimitTable>(profile.limit_range));
    if (config.resource_quota.IsNull())
      change.Set("resource_quota", Attr<QuotaTable>(profile.quota));
  }
  change.Set("priority_class", Attr<std::string>("tier-" + *config.name));
  using operations::Labels;
  change.SetUnlessUnread("labels_all", settings->KnowsLabels()
                                           ? Attr<Labels>(LabelsFor(config, settings->conventions))
                                           : Attr<Labels>::Unknown());
  // For namespaces of this run, which are planned before the tier exists.
  profile.name = *config.name;
  // In the words that the tier has.
  if (config.limit_range.IsKnown()) profile.limit_range = *change.planned().limit_range;
  if (config.resource_quota.IsKnown()) profile.quota = *change.planned().resource_quota;
  // One that somebody else has made stays what it is.
  bool taken = false;
  if (change.IsCreate() && !context.replaces && !context.provider_config_unknown &&
      config.on_conflict.value_or("fail") == "fail") {
    services_
        .CheckPlan(context,
                   [&](kubernetes::Cluster& cluster) {
                     const auto live = cluster.Read(context, RefOf(config));
                     taken = live.ok() && operations::ClaimOf(live->get(), Options(config)) !=
                                              operations::Claim::kOurs;
                     return live.status();
                   })
        .IgnoreError();  // what is wrong is said below, or by the apply
  }
  const auto open = [&](const auto& table) {
    return table.IsUnknown() || (table.IsNull() && !tables_known);
  };
  profile.open = open(config.limit_range) || open(config.resource_quota);
  if (!taken) services_.NotePlannedTier(profile);
  if (profile.open || context.provider_config_unknown) return absl::OkStatus();
  if (!change.IsCreate() || context.planned_before || open(config.priority) ||
      open(config.preemption_policy) || config.description.IsUnknown() ||
      config.on_conflict.IsUnknown() || config.global_default.IsUnknown()) {
    return absl::OkStatus();
  }
  TierModel planned = change.planned();
  if (!planned.priority.IsKnown()) planned.priority = profile.priority;
  if (!planned.preemption_policy.IsKnown())
    planned.preemption_policy = profile.preempts ? "PreemptLowerPriority" : "Never";
  planned.limit_range = profile.limit_range;
  planned.resource_quota = profile.quota;
  const absl::Status checked = services_.CheckPlan(context, [&](kubernetes::Cluster& cluster) {
    return operations::CheckCreate(context, cluster,
                                   Render(planned, LabelsFor(planned, settings->conventions)),
                                   Options(planned))
        .status();
  });
  // This may be the create half of a replacement, whose dry run fails on what is about to be
  // deleted.
  if (absl::IsAlreadyExists(checked)) return At("name", checked);
  if (taken && absl::IsInvalidArgument(checked)) {
    return At("priority",
              WithRemedy(checked,
                         "A PriorityClass keeps its value and its preemption policy: write those "
                         "that it has, or make it anew with on_conflict = \"replace\"."));
  }
  return absl::OkStatus();
}

sdk::Outcome<TierModel> TierResource::Create(const sdk::Context& context, const TierModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  TierModel reached = plan;
  reached.labels_all = LabelsFor(plan, services_.settings()->conventions);
  const Json object = Render(plan, *reached.labels_all);
  const operations::ObjectOptions options = Options(plan);
  absl::Status made = operations::CreateObject(context, *cluster, object, options).status();
  if (absl::IsInvalidArgument(made)) {
    const absl::StatusOr<Json> live = cluster->Get(context, RefOf(plan));
    if (live.ok() && operations::ClaimOf(&*live, options) == operations::Claim::kOurs &&
        IsAnotherClass(*live, object)) {
      // The former one of ours: with create_before_destroy it is to go after this, under the same
      // name. A run that is killed in between has it as deposed, and makes this one again.
      CHARON_RETURN_IF_ERROR(
          operations::CheckMakeAnew(context, *cluster, NotDefault(object), options).status());
      const absl::Status gone = operations::DeleteObject(context, *cluster, RefOf(plan), options);
      if (!absl::IsNotFound(gone)) CHARON_RETURN_IF_ERROR(gone);
      made = operations::CreateObject(context, *cluster, object, options).status();
    }
  }
  CHARON_RETURN_IF_ERROR(made);
  return reached;
}

sdk::Outcome<TierModel> TierResource::Read(const sdk::Context& context, const TierModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<const Json> live,
                          cluster->Read(context, RefOf(prior)));
  TierModel model = prior;
  operations::ObjectOptions options = Options(prior);
  options.applied_before = !context.adopting;
  if (operations::IsNamesake(*live, options)) {
    operations::TellNamesake(context, RefOf(prior), *live, options);
    return absl::NotFoundError(absl::StrCat(RefOf(prior).ToString(), " is another object now"));
  }
  model.priority = kubernetes::Number(*live, "value");
  const std::string policy = kubernetes::Text(*live, "preemptionPolicy");
  model.preemption_policy = policy.empty() ? "PreemptLowerPriority" : policy;
  const Json& global_default = kubernetes::Field(*live, "globalDefault");
  model.global_default = global_default.is_boolean() && global_default.get<bool>();
  // What no line of the configuration names is somebody else's.
  const bool is_declared = prior.description.IsKnown() || context.adopting;
  const std::string description = kubernetes::Text(*live, "description");
  if (is_declared && description != prior.description.value_or("")) {
    model.description = description.empty() ? Attr<std::string>() : Attr<std::string>(description);
  }
  model.priority_class = kubernetes::Text(*live, "metadata.name");
  const Json& annotations = kubernetes::Field(*live, "metadata.annotations");
  const std::string text = annotations.is_object() ? annotations.value(kProfileAnnotation, "") : "";
  const Json profile = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  LimitTable limits;
  QuotaTable quota;
  if (profile.is_object()) {
    if (const Json& table = kubernetes::Field(profile, "resource_quota"); table.is_object()) {
      quota = QuotaOf({{"spec", {{"hard", table}}}});
    }
    if (const Json& table = kubernetes::Field(profile, "limit_range"); table.is_object()) {
      Json item = table;
      item["type"] = "Container";
      limits = LimitsOf({{"spec", {{"limits", Json::array({item})}}}});
    }
  }
  // What was imported is theirs until the first apply that changes it.
  const bool ours = operations::ClaimOf(live.get(), options) == operations::Claim::kOurs;
  const std::shared_ptr<const Settings> settings = services_.settings();
  const operations::Labels labels = LabelsFor(prior, settings->conventions);
  const std::optional<operations::Labels>& former = prior.labels_all.optional();
  if (ours || !context.adopting) model.labels_all = operations::LiveLabels(*live, labels, former);
  if (prior.priority.IsKnown() && ours) {
    const Json declared = Render(prior, labels);
    const bool same = profile.is_object() && SameAmounts(prior.limit_range.value_or({}), limits) &&
                      SameAmounts(prior.resource_quota.value_or({}), quota);
    WarnOfDrift(context, same ? WithProfile(declared, text) : declared, *live,
                settings->field_manager, former);
  }
  model.limit_range = InWordsOf(prior.limit_range.value_or({}), std::move(limits));
  model.resource_quota = InWordsOf(prior.resource_quota.value_or({}), std::move(quota));
  return model;
}

sdk::Outcome<TierModel> TierResource::Update(const sdk::Context& context, const TierModel&,
                                             const TierModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  TierModel reached = plan;
  reached.labels_all = LabelsFor(plan, services_.settings()->conventions);
  const Json object = Render(plan, *reached.labels_all);
  CHARON_RETURN_IF_ERROR(
      operations::UpdateObject(context, *cluster, object, Options(plan)).status());
  return reached;
}

absl::Status TierResource::Delete(const sdk::Context& context, const TierModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  operations::ObjectOptions options = Options(prior);
  options.applied_before = !context.adopting;
  return operations::DeleteObject(context, *cluster, RefOf(prior), options);
}

std::string TierResource::SameObject(const TierModel& model) const {
  return model.name.value_or("");
}

absl::StatusOr<TierModel> TierResource::Import(const sdk::Context&, const std::string& id) {
  TierModel model;
  model.name = id;
  model.global_default = false;
  return model;
}

absl::StatusOr<TierModel> TierResource::ImportByIdentity(const sdk::Context& context,
                                                         const TierIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, *identity.name);
}

absl::StatusOr<TierIdentity> TierResource::Identify(const sdk::Context& context,
                                                    const TierModel& state) {
  TierIdentity identity{state.name, {}};
  if (std::string cluster = services_.ClusterId(context); !cluster.empty())
    identity.cluster = std::move(cluster);
  return identity;
}

}  // namespace charon::tier
