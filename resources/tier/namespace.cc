#include "resources/tier/namespace.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/labels.h"
#include "provider/operations/query.h"
#include "provider/schema/checks.h"
#include "resources/tier/namespace_apply.h"
#include "resources/tier/namespace_contents.h"
#include "resources/tier/namespace_governance.h"
#include "resources/tier/namespace_objects.h"
#include "resources/tier/namespace_read.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;
using operations::Labels;

// Unknown while anything is that they come from.
Attr<Labels> PlannedLabels(const NamespaceModel& planned, const Settings& settings) {
  const bool known =
      settings.KnowsLabels() && !planned.labels.IsUnknown() && !planned.tier.IsUnknown() &&
      (planned.tier.IsNull() || settings.Knows(kTiers)) && !planned.pod_security.IsUnknown() &&
      (planned.pod_security.IsNull() ||
       PodSecurityModel::Describe().Encode(*planned.pod_security).IsWhollyKnown());
  if (!known) return Attr<Labels>::Unknown();
  return Attr<Labels>(LabelsFor(planned, settings.conventions));
}

// All that is known of a namespace by its name alone: the defaults.
NamespaceModel Stub(const std::string& name) {
  NamespaceModel model;
  model.name = name;
  model.governance = "internal";
  model.default_deny = false;
  model.delete_contents = false;
  return model;
}

// `cluster`: "" where it is not known.
NamespaceIdentity IdentityOf(const std::string& name, std::string cluster) {
  NamespaceIdentity identity{name, {}};
  if (!cluster.empty()) identity.cluster = std::move(cluster);
  return identity;
}

}  // namespace

const ObjectSpec<SubjectModel>& SubjectModel::Describe() {
  using M = SubjectModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Who gets the role.",
      {
          Field(&M::kind, "kind", Optional, "`ServiceAccount` (default), `User` or `Group`.")
              .Check(OneOf({"ServiceAccount", "User", "Group"})),
          Field(&M::name, "name", Required, "Name of the account, user or group.")
              .Check(LengthBetween(1, 253)),
          Field(&M::name_space, "namespace", Optional,
                "Namespace of a service account; this namespace by default.")
              .Check(DnsLabel()),
      });
  return spec;
}

const ObjectSpec<RoleBindingModel>& RoleBindingModel::Describe() {
  using M = RoleBindingModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One RoleBinding.",
      {
          Field(&M::role, "role", Optional, "Name of a Role in the binding's namespace."),
          Field(&M::cluster_role, "cluster_role", Optional,
                "Name of a ClusterRole, such as `view` or `edit`."),
          Field(&M::name_space, "namespace", Optional,
                "Namespace of the binding, if the right is needed in another one than this.")
              .Check(DnsLabel()),
          Field(&M::subjects, "subjects", Required, "Who gets the role."),
      },
      {ExactlyOneOf({"role", "cluster_role"})});
  return spec;
}

// pod-security-admission 0.36, api/helpers.go, ParseVersion.
Check PodSecurityVersion() {
  return TextRule("is `latest` or a minor version such as `v1.36`", [](absl::string_view text) {
    absl::string_view minor = text;
    const bool fits =
        text == "latest" || (absl::ConsumePrefix(&minor, "v1.") && !minor.empty() &&
                             std::all_of(minor.begin(), minor.end(), absl::ascii_isdigit) &&
                             (minor == "0" || minor.front() != '0'));
    if (fits) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "must be \"latest\" or a minor version such as \"v1.36\", not \"", text, "\""));
  });
}

const ObjectSpec<PodSecurityModel>& PodSecurityModel::Describe() {
  using M = PodSecurityModel;
  auto level = [](Attr<std::string> M::*member, absl::string_view name, absl::string_view text) {
    return Field(member, name, Optional, text)
        .Check(OneOf({"privileged", "baseline", "restricted"}));
  };
  static const auto& spec = *new ObjectSpec<M>(
      "Pod security admission, as labels of the namespace.",
      {
          level(&M::enforce, "enforce",
                "Refuse pods below `privileged`, `baseline` or `restricted`."),
          level(&M::audit, "audit", "Record pods below this level in the audit log."),
          level(&M::warn, "warn", "Warn whoever creates pods below this level."),
          Field(&M::version, "version", Optional,
                "Kubernetes version whose rules hold; `latest` by default.")
              .Check(PodSecurityVersion()),
      });
  return spec;
}

const ObjectSpec<EffectiveModel>& EffectiveModel::Describe() {
  using M = EffectiveModel;
  static const auto& spec =
      *new ObjectSpec<M>("What holds for the namespace.",
                         {
                             Field(&M::governance, "governance", Computed,
                                   "`internal` or `external`: who owns limits and quota."),
                             Field(&M::priority_class, "priority_class", Computed,
                                   "Name of the tier's PriorityClass, which `charon_tier` makes."),
                             Field(&M::limit_range, "limit_range", Computed,
                                   "Limits of each container, by LimitRange field and resource."),
                             Field(&M::resource_quota, "resource_quota", Computed,
                                   "Quota of the namespace, by resource."),
                         });
  return spec;
}

const ObjectSpec<NamespaceModel>& NamespaceModel::Describe() {
  using M = NamespaceModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A namespace with what governs it: LimitRange `tier-defaults` and ResourceQuota `tier-quota` "
      "of its tier, role bindings, "
      "a default-deny NetworkPolicy, pod security. Labels and annotations that others write are "
      "left alone.\n\n"
      "Destroying it refuses to delete a namespace that holds anything else, objects of other "
      "resources too (those that refer to its name go first), unless `delete_contents` is set.",
      {
          Field(&M::name, "name", Required, "Name of the namespace.").ForceNew().Check(DnsLabel()),
          Field(&M::tier, "tier", Optional,
                "Tier, in full (`3-edge`) or short (`edge`): built in, of `conventions.tiers`, or "
                "made by a `charon_tier`. "
                "Without a tier there are only the limits and quota given here."),
          Field(&M::labels, "labels", Optional, "Labels of the namespace. Others are left alone.")
              .Check(EachKey(LabelKey()))
              .Check(EachElement(LabelValue())),
          Field(&M::annotations, "annotations", Optional,
                "Annotations of the namespace. Others are left alone.")
              .Check(EachKey(LabelKey())),
          Field(&M::governance, "governance", Optional,
                "Who owns LimitRange and ResourceQuota: `internal` makes them; `external` leaves "
                "them to a policy engine and "
                "shows what it made; `auto` looks. A change from internal to external gives both "
                "objects up without "
                "deleting them.")
              .Default("internal")
              .Check(OneOf({"internal", "external", "auto"})),
          Field(&M::governance_wait, "governance_wait", Optional,
                "How long to wait for the policy engine's objects with `external` or `auto`; `30s` "
                "by default. If they never "
                "appear, that is a warning.")
              .Check(PositiveDuration()),
          Field(&M::limit_range, "limit_range", Optional,
                "Limits of each container instead of the tier's, by LimitRange field (`default`, "
                "`defaultRequest`, `max`, "
                "`min`), then resource. `{}` for none.")
              .Check(LimitRangeChecks()),
          Field(&M::resource_quota, "resource_quota", Optional,
                "Quota instead of the tier's, by resource: `{ \"requests.cpu\" = \"4\" }`. `{}` "
                "for none.")
              .Check(QuotaChecks()),
          Field(&M::role_bindings, "role_bindings", Optional, "RoleBindings by name.")
              .Check(EachKey(DnsSubdomain())),
          Field(&M::default_deny, "default_deny", Optional,
                "Make a NetworkPolicy `default-deny` that allows only DNS and connections inside "
                "the namespace. A service behind an ingress then says who may reach it: "
                "`network_policy = { from_namespaces = [\"ingress-nginx\"] }`.")
              .Default(false),
          Field(&M::pod_security, "pod_security", Optional,
                "Pod security admission, as labels of the namespace."),
          Field(&M::delete_contents, "delete_contents", Optional,
                "Delete the namespace even if it holds what this resource did not make.")
              .Default(false),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the namespace exists and is not this stack's: `fail` (default) or "
                "`adopt`.")
              .Check(OneOf({"fail", "adopt"})),
          Field(&M::force_conflicts, "force_conflicts", Optional,
                "Take over fields that another field manager owns, instead of an error."),
          Field(&M::effective, "effective", Computed,
                "What holds for the namespace, tier and own values taken together; with "
                "`governance = \"external\"`, what was there when `governance` or `tier` last "
                "changed. "
                "`charon_tier_usage` reads what is there now."),
          Field(&M::labels_all, "labels_all", Computed,
                "All labels that this resource gives the namespace: `labels`, those of `tier` and "
                "`pod_security`, and those of the provider block's `conventions`. What else it "
                "makes has those of `conventions`."),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<NamespaceIdentity>& NamespaceIdentity::Describe() {
  using M = NamespaceIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The namespace.",
      {
          Field(&M::name, "name", Required, "Name of the namespace."),
          Field(&M::cluster, "cluster", Optional, "Uid of the cluster's namespace kube-system."),
      });
  return spec;
}

const sdk::ResourceInfo& NamespaceResource::info() const {
  static const std::vector<std::string>& needs = *new auto([] {
    std::vector<std::string> all = needs::LabelledObjects();
    all.push_back(kTiers);
    return all;
  }());
  static const auto& info = *new sdk::ResourceInfo{.type = kNamespaceType,
                                                   .noun = "tier namespace",
                                                   .subcategory = "Tiers",
                                                   .timeouts = {},
                                                   .import_id = "the namespace's name",
                                                   .needs = needs};
  return info;
}

absl::Status NamespaceResource::Validate(const sdk::Context&, const NamespaceModel& config) {
  if (config.labels.IsKnown()) {
    for (const auto& [key, value] : *config.labels) {
      if (key == kTierLabel && !config.tier.IsNull()) {
        return At(
            Path("labels").Key(key),
            absl::InvalidArgumentError("the label \"tier\" comes from \"tier\"; remove it here"));
      }
      if (key == kNameLabel && config.name.IsKnown() && value != *config.name) {
        return At(Path("labels").Key(key),
                  absl::InvalidArgumentError(
                      "the server sets this label to the namespace's name; remove it here"));
      }
      if (absl::StartsWith(key, kPodSecurityPrefix) && !config.pod_security.IsNull()) {
        return At(Path("labels").Key(key),
                  absl::InvalidArgumentError(
                      "this label comes from \"pod_security\"; say it there or here, not in both"));
      }
    }
  }
  if (config.governance.IsKnown() && *config.governance == "external") {
    for (const char* name : {"limit_range", "resource_quota"}) {
      const bool set = std::string(name) == "limit_range" ? !config.limit_range.IsNull()
                                                          : !config.resource_quota.IsNull();
      if (set) {
        return At(name, absl::InvalidArgumentError(absl::StrCat(
                            "with governance = \"external\" a policy engine owns this; remove \"",
                            name, "\" or use governance = \"internal\"")));
      }
    }
  }
  return absl::OkStatus();
}

namespace {

// Of the Pod Security Standards; "" if none is enforced.
std::string EnforcedLevel(const Attr<Labels>& labels) {
  const Labels all = labels.value_or({});
  const auto found = all.find(absl::StrCat(kPodSecurityPrefix, "enforce"));
  return found == all.end() ? "" : found->second;
}

// Whether there is a quota or a limit range, as far as it is known.
bool MayLimit(const Attr<EffectiveModel>& effective) {
  if (!effective.IsKnown()) return effective.IsUnknown();
  const auto none = [](const auto& table) {
    return !table.IsUnknown() && table.value_or({}).empty();
  };
  return !none(effective->limit_range) || !none(effective->resource_quota);
}

}  // namespace

absl::Status NamespaceResource::Plan(const sdk::Context& context,
                                     sdk::PlanChange<NamespaceModel>& change) {
  if (change.IsDestroy()) return absl::OkStatus();
  NamespaceModel planned = change.planned();
  planned.labels_all = PlannedLabels(planned, *services_.settings());
  CHARON_ASSIGN_OR_RETURN(const bool complete, PlanEffective(context, change, planned));
  change.SetUnlessUnread("labels_all", planned.labels_all);
  if (planned.name.IsKnown() && planned.labels_all.IsKnown()) {
    const std::string level = EnforcedLevel(planned.labels_all);
    // One that is taken over may have a level that this configuration does not know.
    if (change.IsUpdate() ? level != EnforcedLevel(change.prior().labels_all) : !level.empty())
      services_.NotePlannedPodSecurity(*planned.name, level);
  }
  if (context.adopting && change.IsUpdate() && !context.planned_before)
    TellWhatStays(context, change.prior(), planned);
  return complete ? CheckPlanned(context, change, planned) : absl::OkStatus();
}

// A plan shows as removed what an imported namespace has and the configuration lacks.
void NamespaceResource::TellWhatStays(const sdk::Context& context, const NamespaceModel& prior,
                                      const NamespaceModel& planned) const {
  const Attr<Labels> had = PlannedLabels(prior, *services_.settings());
  if (!planned.name.IsKnown() || !planned.labels_all.IsKnown() || planned.annotations.IsUnknown() ||
      !had.IsKnown())
    return;
  const auto cluster = services_.Kubernetes();
  if (!cluster.ok()) return;
  const auto live = (*cluster)->Read(context, {{"v1", "Namespace"}, "", *planned.name});
  if (!live.ok()) return;
  const operations::ObjectOptions options = OwnershipOfItself(context, services_, planned);
  const kubernetes::FieldSet theirs =
      operations::OwnedByOthers(**live, options, operations::FormerManagersOf(**live, options));
  std::vector<std::string> stays;
  const auto add = [&](const char* map, const auto& before, const auto& after) {
    for (const auto& [key, value] : before) {
      using Step = kubernetes::FieldStep;
      if (after.count(key) == 0 && theirs.Contains({{Step::Kind::kField, "metadata"},
                                                    {Step::Kind::kField, map},
                                                    {Step::Kind::kField, key}}))
        stays.push_back(absl::StrCat("metadata.", map, "[\"", key, "\"]"));
    }
  };
  add("labels", *had, *planned.labels_all);
  add("annotations", prior.annotations.value_or({}), planned.annotations.value_or({}));
  if (stays.empty()) return;
  context.diagnostics->Warning(
      absl::StrCat("Namespace ", *planned.name, " keeps what others wrote"),
      absl::StrCat(
          "The plan shows as removed what the configuration lacks: it leaves the state. On "
          "the server it stays, for others own it: ",
          absl::StrJoin(stays, ", "),
          ".\n\nWrite it into the configuration to own it, or remove it with kubectl."),
      "name");
}

// Decides `effective`. False: it stays as it was, because the tier cannot be had.
absl::StatusOr<bool> NamespaceResource::PlanEffective(const sdk::Context& context,
                                                      sdk::PlanChange<NamespaceModel>& change,
                                                      NamespaceModel& planned) const {
  const bool same_source = change.IsUpdate() && change.prior().governance == planned.governance &&
                           change.prior().tier == planned.tier;
  // A tier that only the cluster knows, which cannot be asked: it has not changed by this run.
  const std::shared_ptr<const Settings> settings = services_.settings();
  const bool same_labels = change.IsUpdate() && (change.prior().labels_all.IsNull() ||
                                                 change.prior().labels_all == planned.labels_all);
  if (same_source && context.provider_config_unknown && !change.Changes() && same_labels &&
      settings->Knows(kTiers) && planned.tier.IsKnown() && !services_.PlannedTier(*planned.tier) &&
      !settings->conventions.Tier(*planned.tier).ok()) {
    change.KeepPrior("effective");
    return false;
  }
  const bool governed_here = change.IsUpdate() && GovernedHere(change.prior());
  // "auto" that found nobody else: what is configured counts, and goes on to.
  NamespaceModel source = change.config();
  if (same_source && governed_here) source.governance = "internal";
  absl::StatusOr<Attr<EffectiveModel>> effective =
      Effective(context, services_, source, /*planning=*/true);
  // Whoever only wants to plan something else, or to destroy it, needs no tier.
  if (absl::IsNotFound(effective.status()) && same_source && !change.Changes()) {
    context.diagnostics->Warning(
        absl::StrCat("The tier of namespace ", *change.prior().name, " is gone"),
        absl::StrCat(effective.status().message(),
                     "\n\nThe namespace keeps what it has got from \"", *planned.tier,
                     "\". It can be destroyed; before it is changed, make the tier again "
                     "(charon_tier) or give it another one."),
        "tier");
    change.KeepPrior("effective");
    return false;
  }
  CHARON_ASSIGN_OR_RETURN(planned.effective, std::move(effective));
  if (change.IsUpdate() && planned.effective.IsKnown() && change.prior().effective.IsKnown()) {
    const EffectiveModel& prior = *change.prior().effective;
    EffectiveModel& next = planned.effective.value();
    // What others own is read when something changes, not guessed anew in each plan.
    if (same_source && !governed_here && planned.governance.value_or("internal") != "internal") {
      next = prior;
    } else if (next.limit_range.IsKnown() && next.resource_quota.IsKnown()) {
      if (prior.limit_range.IsKnown() && SameAmounts(*prior.limit_range, *next.limit_range))
        next.limit_range = prior.limit_range;
      if (prior.resource_quota.IsKnown() &&
          SameAmounts(*prior.resource_quota, *next.resource_quota)) {
        next.resource_quota = prior.resource_quota;
      }
    }
  }
  change.Set("effective", planned.effective);
  const bool same_limits = change.IsUpdate() && change.prior().effective.IsKnown() &&
                           planned.effective.IsKnown() &&
                           EffectiveModel::Describe().Encode(*change.prior().effective) ==
                               EffectiveModel::Describe().Encode(*planned.effective);
  const bool limits =
      MayLimit(planned.effective) || (change.IsUpdate() && MayLimit(change.prior().effective));
  if (!same_limits && limits && planned.name.IsKnown()) services_.NotePlannedQuota(*planned.name);
  return true;
}

// Asks a reachable server whether it would take what changes.
absl::Status NamespaceResource::CheckPlanned(const sdk::Context& context,
                                             const sdk::PlanChange<NamespaceModel>& change,
                                             const NamespaceModel& planned) const {
  const Conventions conventions = services_.settings()->conventions;
  if (context.provider_config_unknown || context.planned_before || !change.Changes())
    return absl::OkStatus();
  const Value value = NamespaceModel::Describe().Encode(planned);
  // Unknown parts cannot be rendered; the namespace itself mostly can.
  for (const char* name : {"name", "labels_all", "annotations"}) {
    if (!value[name].IsWhollyKnown()) return absl::OkStatus();
  }
  operations::ObjectOptions options = OwnershipOf(services_, planned);
  options.replaces = context.replaces;
  options.may_import = change.IsCreate();
  const absl::Status checked =
      services_.CheckPlan(context, [&](kubernetes::Cluster& cluster) -> absl::Status {
        if (change.IsCreate()) {
          const Json object = NamespaceObject(planned, *planned.labels_all);
          return Locate(object,
                        operations::CheckCreate(context, cluster, object, options).status());
        }
        if (!value.IsWhollyKnown()) return absl::OkStatus();
        const std::vector<Json> before = RenderNamespace(change.prior(), conventions);
        // The labels that all of them have are among these.
        const bool relabelled =
            change.prior().labels_all.IsKnown() && change.prior().labels_all != planned.labels_all;
        auto is_of_before = [&](const ObjectRef& ref) {
          return std::any_of(before.begin(), before.end(), [&](const Json& object) {
            const absl::StatusOr<ObjectRef> other = kubernetes::RefOf(object);
            return other.ok() && *other == ref;
          });
        };
        for (const Json& object : RenderNamespace(planned, conventions)) {
          if (!relabelled && std::find(before.begin(), before.end(), object) != before.end())
            continue;
          CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
          const bool fresh =
              !context.adopting && IsMadeByCreation(ref.kind.kind) && !is_of_before(ref);
          if (ref.kind.kind == "RoleBinding") {
            // One with another role is made anew, which a dry run of a change would refuse. That of
            // a new one may need a role that this very run makes: only whose it is, is asked.
            if (!fresh) continue;
            const auto there = cluster.Read(context, ref);
            if (!there.ok() || operations::ClaimOf(&**there, options) == operations::Claim::kOurs)
              continue;
          }
          CHARON_RETURN_IF_ERROR(
              Locate(object, (fresh ? operations::CheckCreate(context, cluster, object, options)
                                    : operations::CheckUpdate(context, cluster, object, options))
                                 .status()));
        }
        return absl::OkStatus();
      });
  if (kubernetes::IsAdmissionDown(checked)) {
    context.diagnostics->Warning("The plan could not be checked", checked);
    return absl::OkStatus();
  }
  if (!absl::IsAborted(checked)) return checked;
  // The plan stands, and shows the field: whether to fight is the user's to say.
  context.diagnostics->Warning("Another manager owns a field", checked);
  return absl::OkStatus();
}

sdk::Outcome<NamespaceModel> NamespaceResource::Create(const sdk::Context& context,
                                                       const NamespaceModel& plan) {
  return ApplyNamespace(context, services_, nullptr, plan);
}

sdk::Outcome<NamespaceModel> NamespaceResource::Update(const sdk::Context& context,
                                                       const NamespaceModel& prior,
                                                       const NamespaceModel& plan) {
  return ApplyNamespace(context, services_, &prior, plan);
}

sdk::Outcome<NamespaceModel> NamespaceResource::Read(const sdk::Context& context,
                                                     const NamespaceModel& prior) {
  return ReadNamespace(context, services_, prior);
}

absl::Status NamespaceResource::Delete(const sdk::Context& context, const NamespaceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const operations::ObjectOptions options = OwnershipOf(services_, prior);
  const std::string& name = *prior.name;
  const operations::ObjectOptions itself = OwnershipOfItself(context, services_, prior);
  const absl::StatusOr<Json> live = cluster->Get(context, NamespaceRef(name));
  if (!live.ok() && !absl::IsNotFound(live.status())) return live.status();
  const bool another = live.ok() && operations::IsNamesake(*live, itself);
  const bool going =
      !live.ok() || another || kubernetes::Text(*live, "status.phase") == "Terminating";
  // Another resource of this run may have the namespace by now: then it stays, with all it holds.
  const bool taken = live.ok() && operations::IsTakenOver(context, *live);
  auto stays = [&] { return taken || cluster->claims().IsClaimed(NamespaceRef(name)); };
  if (!going && !prior.delete_contents.value_or(false) && !stays()) {
    CHARON_ASSIGN_OR_RETURN(const ForeignContents contents,
                            FindForeignContents(context, *cluster, name, options.owner));
    if (!contents.all.empty() && !stays()) return HoldsForeignContents(contents, name);
  }
  // Bindings in other namespaces do not go with this one.
  for (const auto& [key, binding] : prior.role_bindings.value_or({})) {
    if (binding.name_space.value_or(name) == name) continue;
    absl::Status status =
        operations::DeleteObject(context, *cluster, RoleBindingRef(name, key, binding), itself);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  if (!live.ok()) return live.status();
  if (another) {
    operations::TellNamesake(context, NamespaceRef(name), *live, itself);
    return absl::OkStatus();
  }
  return operations::DeleteObject(context, *cluster, NamespaceRef(name), options);
}

std::string NamespaceResource::SameObject(const NamespaceModel& model) const {
  return model.name.value_or("");
}

absl::StatusOr<NamespaceModel> NamespaceResource::Import(const sdk::Context&,
                                                         const std::string& id) {
  return Stub(id);
}

absl::StatusOr<NamespaceModel> NamespaceResource::ImportByIdentity(
    const sdk::Context& context, const NamespaceIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, *identity.name);
}

absl::StatusOr<NamespaceIdentity> NamespaceResource::Identify(const sdk::Context& context,
                                                              const NamespaceModel& state) {
  return IdentityOf(*state.name, services_.ClusterId(context));
}

// kubernetes_namespace and kubernetes_namespace_v1: metadata is a list of one block.
std::vector<sdk::MoveSource<NamespaceModel>> NamespaceResource::MoveSources() const {
  auto move = [](const sdk::Context&,
                 const sdk::MoveRequest& request) -> absl::StatusOr<NamespaceModel> {
    const Json state = Json::parse(request.source_state, nullptr, /*allow_exceptions=*/false);
    const Json& blocks = kubernetes::Field(state, "metadata");
    if (!blocks.is_array() || blocks.empty())
      return absl::InvalidArgumentError("the source has no metadata block");
    const std::string name = kubernetes::Text(blocks[0], "name");
    if (name.empty()) return absl::InvalidArgumentError("the source has no metadata.name");
    NamespaceModel model = Stub(name);
    auto labels = TextMap(kubernetes::Field(blocks[0], "labels"));
    auto annotations = TextMap(kubernetes::Field(blocks[0], "annotations"));
    if (!labels.empty()) model.labels = std::move(labels);
    if (!annotations.empty()) model.annotations = std::move(annotations);
    EffectiveModel effective;
    effective.governance = "internal";
    effective.limit_range = LimitTable();
    effective.resource_quota = QuotaTable();
    model.effective = effective;
    return model;
  };
  return {{"kubernetes_namespace", move}, {"kubernetes_namespace_v1", move}};
}

NamespaceModel NamespaceResource::ToConfig(const NamespaceModel& state) const {
  NamespaceModel config = state;
  if (config.governance.value_or("internal") == "internal") config.governance = Attr<std::string>();
  return config;
}

const ObjectSpec<NamespaceListModel>& NamespaceListModel::Describe() {
  using M = NamespaceListModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Namespaces of the cluster.",
      {
          Field(&M::tier, "tier", Optional, "Only namespaces with this `tier` label, in full.")
              .Check(LabelValue()),
          Field(&M::label_selector, "label_selector", Optional,
                "Only namespaces that match, as kubectl's `-l`."),
      });
  return spec;
}

absl::Status NamespaceList::List(
    const sdk::Context& context, const NamespaceListModel& config, bool include_resource,
    const std::function<bool(sdk::Listed<NamespaceModel, NamespaceIdentity>)>& emit) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  kubernetes::ListOptions options;
  std::vector<std::string> selectors;
  if (config.tier.IsKnown()) selectors.push_back(absl::StrCat(kTierLabel, "=", *config.tier));
  if (config.label_selector.IsKnown()) selectors.push_back(*config.label_selector);
  options.label_selector = absl::StrJoin(selectors, ",");
  const absl::StatusOr<std::vector<Json>> namespaces =
      cluster->List(context, {"v1", "Namespace"}, options);
  if (!namespaces.ok()) {
    return operations::AtSelector(namespaces.status(), config.label_selector.IsKnown(),
                                  /*fields=*/false);
  }
  const std::string cluster_id = services_.ClusterId(context);
  sdk::Context reading = context;
  reading.adopting = true;  // as after an import: whoever made them
  for (const Json& object : *namespaces) {
    sdk::Listed<NamespaceModel, NamespaceIdentity> item;
    const std::string name = kubernetes::Text(object, "metadata.name");
    item.identity = IdentityOf(name, cluster_id);
    item.display_name = name;
    if (include_resource) {
      CHARON_ASSIGN_OR_RETURN(const NamespaceModel stub, resource_.Import(context, name));
      const sdk::Outcome<NamespaceModel> read = resource_.Read(reading, stub);
      if (absl::IsNotFound(read.status())) continue;
      CHARON_RETURN_IF_ERROR(read.status());
      item.resource = *read.state();
    }
    if (!emit(std::move(item))) break;
  }
  return absl::OkStatus();
}

}  // namespace charon::tier
