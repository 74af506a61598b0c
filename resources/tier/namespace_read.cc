#include "resources/tier/namespace_read.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/apply_object.h"
#include "provider/operations/labels.h"
#include "resources/tier/namespace_objects.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;
using operations::Labels;

using Bindings = std::map<std::string, RoleBindingModel>;

// The labels of the Namespace that stand for attributes of their own.
bool IsOwnLabel(const std::string& key) {
  return key == kTierLabel || key == kManagedByLabel || key == kNameLabel ||
         absl::StartsWith(key, kPodSecurityPrefix);
}

// What the user wrote, with the values that are there now; entries that vanished are dropped.
Attr<std::map<std::string, std::string>> LiveOf(
    const Attr<std::map<std::string, std::string>>& declared,
    const std::map<std::string, std::string>& live) {
  if (!declared.IsKnown()) return declared;
  std::map<std::string, std::string> now;
  for (const auto& [key, value] : *declared) {
    const auto found = live.find(key);
    if (found != live.end()) now[key] = found->second;
  }
  return now;
}

// The state of a namespace that is gone, while `left` are in others.
NamespaceModel WhatIsLeft(const sdk::Context& context, const NamespaceModel& prior,
                          const Bindings& left) {
  std::vector<std::string> names;
  for (const auto& [key, binding] : left)
    names.push_back(absl::StrCat(*binding.name_space, "/", key));
  context.diagnostics->Warning(
      absl::StrCat("Deleted outside of Terraform: Namespace ", *prior.name),
      absl::StrCat("RoleBindings that belong to it are left in other namespaces: ",
                   absl::StrJoin(names, ", "),
                   ". Apply makes the namespace again. Destroying the resource deletes them."),
      "name");
  NamespaceModel model = prior;
  model.governance = Attr<std::string>();
  if (model.labels.IsKnown()) model.labels = std::map<std::string, std::string>();
  if (model.annotations.IsKnown()) model.annotations = std::map<std::string, std::string>();
  if (model.labels_all.IsKnown()) model.labels_all = Labels();
  if (model.effective.IsKnown()) {
    model.effective.value().limit_range = LimitTable();
    model.effective.value().resource_quota = QuotaTable();
  }
  model.default_deny = false;
  model.role_bindings = left;
  return model;
}

class Reading {
 public:
  Reading(const sdk::Context& context, Services& services, kubernetes::Cluster& cluster,
          const NamespaceModel& prior)
      : context_(context),
        cluster_(cluster),
        conventions_(services.settings()->conventions),
        options_(OwnershipOf(services, prior)),
        itself_(OwnershipOfItself(context, services, prior)),
        prior_(prior),
        name_(*prior.name),
        model_(prior) {}

  sdk::Outcome<NamespaceModel> Run() {
    const auto live = cluster_.Read(context_, NamespaceRef(name_));
    absl::Status there = live.status();
    if (live.ok() && kubernetes::Text(**live, "status.phase") == "Terminating") {
      there = absl::NotFoundError(absl::StrCat("namespace ", name_, " is being deleted"));
    } else if (live.ok() && IsAnother(**live)) {
      there = absl::NotFoundError(absl::StrCat("namespace ", name_, " is another one now"));
    }
    if (absl::IsNotFound(there)) {
      CHARON_ASSIGN_OR_RETURN(const Bindings left, BindingsElsewhere());
      return left.empty() ? sdk::Outcome<NamespaceModel>(there)
                          : WhatIsLeft(context_, prior_, left);
    }
    CHARON_RETURN_IF_ERROR(there);
    const bool imported = !prior_.effective.IsKnown();
    const bool ours = IsOurs(**live);
    if (imported && !prior_.labels.IsKnown()) {
      ImportMetadata(**live, ours);
    } else {
      ReadMetadata(**live);
    }
    // What was imported or moved here is theirs until the first apply that changes it.
    if (ours || !context_.adopting) {
      const Labels declared = LabelsFor(imported ? model_ : prior_, conventions_);
      model_.labels_all = operations::LiveLabels(**live, declared, prior_.labels_all.optional());
    }
    if (ours)
      Tell(NamespaceObject(prior_, LabelsFor(prior_, conventions_)), **live, options_.manager);
    if (imported) {
      ImportParts();
    } else {
      CHARON_RETURN_IF_ERROR(ReadParts());
    }
    return model_;
  }

 private:
  // The bindings in other namespaces that are there, and ours.
  absl::StatusOr<Bindings> BindingsElsewhere() {
    Bindings left;
    for (const auto& [key, binding] : prior_.role_bindings.value_or({})) {
      if (binding.name_space.value_or(name_) == name_) continue;
      CHARON_ASSIGN_OR_RETURN(const auto live, Part(RoleBindingRef(name_, key, binding)));
      if (live != nullptr && IsOurs(*live)) left[key] = RoleBindingOf(*live, name_, &binding);
    }
    return left;
  }

  // Labels and annotations as an import writes them: those of others are left out.
  void ImportMetadata(const Json& live, bool ours) {
    const kubernetes::FieldSet owned = kubernetes::AppliedBy(live, options_.manager);
    auto is_mine = [&](const char* map, const std::string& key) {
      using Step = kubernetes::FieldStep;
      return !ours ||
             owned.Contains({Step{Step::Kind::kField, "metadata"}, Step{Step::Kind::kField, map},
                             Step{Step::Kind::kField, key}});
    };
    const Labels all = operations::LabelsOf(live);
    std::map<std::string, std::string> labels, annotations;
    for (const auto& [key, value] : all) {
      const bool conventional = conventions_.default_labels.count(key) != 0;
      if (!IsOwnLabel(key) && !conventional && is_mine("labels", key)) labels[key] = value;
    }
    for (const auto& [key, value] : TextMap(kubernetes::Field(live, "metadata.annotations"))) {
      if (operations::IsOurNote(key) || absl::StartsWith(key, "kubectl.kubernetes.io/")) continue;
      if (is_mine("annotations", key)) annotations[key] = value;
    }
    if (!labels.empty()) model_.labels = std::move(labels);
    if (!annotations.empty()) model_.annotations = std::move(annotations);
    model_.tier = LabelIn(all, kTierLabel);
    PodSecurityModel security;
    security.enforce = LabelIn(all, absl::StrCat(kPodSecurityPrefix, "enforce"));
    security.audit = LabelIn(all, absl::StrCat(kPodSecurityPrefix, "audit"));
    security.warn = LabelIn(all, absl::StrCat(kPodSecurityPrefix, "warn"));
    for (const char* mode : kPodSecurityModes) {
      const auto version = LabelIn(all, absl::StrCat(kPodSecurityPrefix, mode, "-version"));
      if (version.IsKnown()) security.version = version;
    }
    if (!PodSecurityLabels(security).empty()) model_.pod_security = std::move(security);
  }

  // Those that the state has, with the values that are there now.
  void ReadMetadata(const Json& live) {
    const Labels all = operations::LabelsOf(live);
    model_.labels = LiveOf(prior_.labels, all);
    model_.annotations =
        LiveOf(prior_.annotations, TextMap(kubernetes::Field(live, "metadata.annotations")));
    if (prior_.tier.IsKnown()) {
      const absl::StatusOr<TierProfile> tier = conventions_.Tier(*prior_.tier);
      const Attr<std::string> now = LabelIn(all, kTierLabel);
      if (now != Attr<std::string>(tier.ok() ? tier->name : *prior_.tier)) model_.tier = now;
    }
    if (prior_.pod_security.IsKnown()) {
      PodSecurityModel& security = model_.pod_security.value();
      Attr<std::string>* levels[] = {&security.enforce, &security.audit, &security.warn};
      for (std::size_t i = 0; i < std::size(kPodSecurityModes); ++i) {
        if (levels[i]->IsKnown())
          *levels[i] = LabelIn(all, absl::StrCat(kPodSecurityPrefix, kPodSecurityModes[i]));
      }
    }
  }

  static Attr<std::string> LabelIn(const Labels& labels, const std::string& key) {
    const auto found = labels.find(key);
    return found == labels.end() ? Attr<std::string>() : Attr<std::string>(found->second);
  }

  // Everything that governs the namespace, whoever made it; bindings and the policy if they are
  // ours.
  void ImportParts() {
    const absl::StatusOr<Json> limits = cluster_.Get(context_, LimitRangeRef(name_));
    const absl::StatusOr<Json> quota = cluster_.Get(context_, QuotaRef(name_));
    const bool governed = (limits.ok() && IsOurs(*limits)) || (quota.ok() && IsOurs(*quota));
    const bool external = (limits.ok() || quota.ok()) && !governed;
    model_.governance = external ? "external" : "internal";
    EffectiveModel effective;
    effective.governance = model_.governance;
    TierProfile profile;
    if (model_.tier.IsKnown()) {
      if (auto found = FindTier(context_, conventions_, &cluster_, *model_.tier); found.ok())
        profile = *found;
      effective.priority_class = "tier-" + *model_.tier;
    }
    effective.limit_range =
        InWordsOf(profile.limit_range, limits.ok() ? LimitsOf(*limits) : LimitTable());
    effective.resource_quota =
        InWordsOf(profile.quota, quota.ok() ? QuotaOf(*quota) : QuotaTable());
    if (!external) {
      if (*effective.limit_range != profile.limit_range)
        model_.limit_range = *effective.limit_range;
      if (*effective.resource_quota != profile.quota)
        model_.resource_quota = *effective.resource_quota;
    }
    model_.effective = effective;
    const absl::StatusOr<Json> policy = cluster_.Get(context_, DefaultDenyRef(name_));
    model_.default_deny = policy.ok() && IsOurs(*policy);
    kubernetes::ListOptions everywhere;
    everywhere.label_selector = absl::StrCat(kManagedByLabel, "=", conventions_.managed_by);
    const absl::StatusOr<std::vector<Json>> bindings =
        cluster_.List(context_, {"rbac.authorization.k8s.io/v1", "RoleBinding"}, everywhere);
    if (!bindings.ok()) return;
    Bindings mine;
    for (const Json& binding : *bindings) {
      if (IsOurs(binding))
        mine[kubernetes::Text(binding, "metadata.name")] = RoleBindingOf(binding, name_, nullptr);
    }
    if (!mine.empty()) model_.role_bindings = std::move(mine);
  }

  absl::Status ReadParts() {
    if (GovernedHere(prior_)) CHARON_RETURN_IF_ERROR(ReadGovernance());
    // Null: an apply could not tell.
    if (prior_.default_deny.value_or(true)) {
      CHARON_ASSIGN_OR_RETURN(const auto live, Part(DefaultDenyRef(name_)));
      if (live != nullptr) ReadLabels(*live);
      model_.default_deny =
          live != nullptr && !IsAnother(*live) && Same(DefaultDenyObject(name_), *live);
    }
    if (!prior_.role_bindings.IsKnown()) return absl::OkStatus();
    Bindings bindings;
    for (const auto& [key, binding] : *prior_.role_bindings) {
      CHARON_ASSIGN_OR_RETURN(const auto live, Part(RoleBindingRef(name_, key, binding)));
      if (live == nullptr || IsAnother(*live)) continue;
      bindings[key] = RoleBindingOf(*live, name_, &binding);
      ReadLabels(*live);
    }
    model_.role_bindings = std::move(bindings);
    return absl::OkStatus();
  }

  absl::Status ReadGovernance() {
    EffectiveModel& effective = model_.effective.value();
    const LimitTable limits = effective.limit_range.value_or({});
    // The server fills in a LimitRange (requests from limits): what it added is no drift.
    if (!limits.empty()) {
      CHARON_ASSIGN_OR_RETURN(const auto live, Part(LimitRangeRef(name_)));
      if (live == nullptr) {
        effective.limit_range = LimitTable();
      } else if (!SameOrTold(LimitRangeObject(name_, limits), *live)) {
        effective.limit_range = InWordsOf(limits, LimitsOf(*live));
      }
    }
    const QuotaTable quota = effective.resource_quota.value_or({});
    if (!quota.empty()) {
      CHARON_ASSIGN_OR_RETURN(const auto live, Part(QuotaRef(name_)));
      if (live == nullptr) {
        effective.resource_quota = QuotaTable();
      } else if (!SameOrTold(QuotaObject(name_, quota), *live)) {
        effective.resource_quota = InWordsOf(quota, QuotaOf(*live));
      }
    }
    return absl::OkStatus();
  }

  // Null: it is not there.
  absl::StatusOr<std::shared_ptr<const Json>> Part(const ObjectRef& ref) {
    auto live = cluster_.Read(context_, ref);
    if (absl::IsNotFound(live.status())) return std::shared_ptr<const Json>();
    return live;
  }

  bool IsOurs(const Json& live) const {
    return operations::ClaimOf(&live, options_) == operations::Claim::kOurs;
  }

  bool IsAnother(const Json& live) const {
    if (!operations::IsNamesake(live, itself_)) return false;
    if (const auto ref = kubernetes::RefOf(live); ref.ok())
      operations::TellNamesake(context_, *ref, live, itself_);
    return true;
  }

  bool Same(const Json& declared, const Json& live) const {
    return kubernetes::Compare(declared, live, operations::ComparedAs(live, options_)).empty();
  }

  // The same, also of its labels; tells what somebody else made of it.
  bool SameOrTold(const Json& declared, const Json& live) {
    ReadLabels(live);
    if (Same(declared, live)) return true;
    Tell(declared, live, operations::ComparedAs(live, options_));
    return false;
  }

  // The labels of what is ours beside the Namespace.
  void ReadLabels(const Json& live) {
    if (!model_.labels_all.IsKnown() || !IsOurs(live)) return;
    const Labels labels = conventions_.Labels();
    const std::string manager = operations::ComparedAs(live, options_);
    operations::ShowLabelsOf(live, labels, manager, model_.labels_all.value());
    const Json declared = {
        {"kind", kubernetes::Text(live, "kind")},
        {"metadata", {{"name", kubernetes::Text(live, "metadata.name")}, {"labels", labels}}}};
    Tell(declared, live, manager);
  }

  void Tell(const Json& declared, const Json& live, const std::string& manager) {
    WarnOfDrift(context_, declared, live, manager, prior_.labels_all.optional());
  }

  const sdk::Context& context_;
  kubernetes::Cluster& cluster_;
  const Conventions conventions_;
  const operations::ObjectOptions options_, itself_;
  const NamespaceModel& prior_;
  const std::string name_;
  NamespaceModel model_;
};

}  // namespace

sdk::Outcome<NamespaceModel> ReadNamespace(const sdk::Context& context, Services& services,
                                           const NamespaceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  return Reading(context, services, *cluster, prior).Run();
}

bool IsGone(const NamespaceModel& model) { return model.governance.IsNull(); }

}  // namespace charon::tier
