#include "resources/tier/namespace_apply.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/apply_object.h"
#include "resources/tier/namespace_governance.h"
#include "resources/tier/namespace_objects.h"
#include "resources/tier/namespace_read.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;

using Bindings = std::map<std::string, RoleBindingModel>;

// The Namespace is there; what governs it follows, an object at a time. `reached` is what there is
// after each of them.
class Governing {
 public:
  // `wanted`: what is to be, `effective` of others' objects aside.
  Governing(const sdk::Context& context, Services& services, kubernetes::Cluster& cluster,
            const NamespaceModel* prior, NamespaceModel wanted)
      : context_(context),
        services_(services),
        cluster_(cluster),
        conventions_(services.settings()->conventions),
        options_(OwnershipOf(services, wanted)),
        prior_(prior),
        wanted_(std::move(wanted)),
        reached_(wanted_) {
    if (prior_ != nullptr) {
      reached_.effective = prior_->effective;
      reached_.default_deny = prior_->default_deny;
      reached_.role_bindings = prior_->role_bindings;
      return;
    }
    const EffectiveModel& effective = *wanted_.effective;
    reached_.effective = EffectiveModel{.governance = effective.governance.value_or("internal"),
                                        .priority_class = effective.priority_class,
                                        .limit_range = LimitTable(),
                                        .resource_quota = QuotaTable()};
    reached_.default_deny = false;
    if (wanted_.role_bindings.IsKnown()) reached_.role_bindings = Bindings();
  }

  sdk::Outcome<NamespaceModel> Run() {
    absl::Status status = HandOver();
    if (status.ok()) status = ApplyAll();
    if (status.ok()) status = DeleteFormer();
    if (!status.ok()) return sdk::Outcome<NamespaceModel>::Partial(reached_, std::move(status));
    return wanted_;
  }

 private:
  bool GivesUp() const {
    return prior_ != nullptr && GovernedHere(*prior_) && !GovernedHere(wanted_);
  }

  // Limits and quota that are to be somebody else's are read, or given up and read.
  absl::Status HandOver() {
    // What is given up is still ours now: waiting for somebody else's would be in vain.
    if (wanted_.governance.value_or("internal") != "internal" && !GivesUp() &&
        !IsSettled(wanted_.effective)) {
      CHARON_RETURN_IF_ERROR(ReadGoverned(context_, services_, wanted_, /*wait=*/true));
    }
    if (!GivesUp()) return absl::OkStatus();
    // Before anything else: from here on they are the policy engine's.
    for (const ObjectRef& ref : {LimitRangeRef(*wanted_.name), QuotaRef(*wanted_.name)}) {
      absl::Status status = operations::ReleaseObject(context_, cluster_, ref, options_);
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
    return ReadGoverned(context_, services_, wanted_, /*wait=*/false);
  }

  // All but the Namespace, which is the first.
  absl::Status ApplyAll() {
    if (prior_ != nullptr && !context_.adopting && prior_->effective.IsKnown()) {
      for (const Json& former : RenderNamespace(*prior_, conventions_)) {
        CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(former));
        before_this_.insert(ref);
      }
    }
    const std::vector<Json> objects = RenderNamespace(wanted_, conventions_);
    for (std::size_t i = 1; i < objects.size(); ++i)
      CHARON_RETURN_IF_ERROR(Locate(objects[i], Apply(objects[i])));
    return absl::OkStatus();
  }

  absl::Status Apply(const Json& object) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
    declared_.insert(ref);
    if (ref.kind.kind == "RoleBinding") CHARON_RETURN_IF_ERROR(DeleteOtherBinding(ref));
    const bool fresh = prior_ == nullptr || (!context_.adopting && before_this_.count(ref) == 0 &&
                                             IsMadeByCreation(ref.kind.kind));
    const operations::ObjectOptions options = OptionsFor(ref);
    const auto applied = fresh ? operations::CreateObject(context_, cluster_, object, options)
                               : operations::UpdateObject(context_, cluster_, object, options);
    if (applied.ok()) {
      NoteApplied(ref);
    } else {
      NoteFound(ref, object);
    }
    return applied.status();
  }

  // A RoleBinding cannot change its role or its namespace in place. The former one goes first: the
  // state has one of a name.
  absl::Status DeleteOtherBinding(const ObjectRef& ref) {
    if (prior_ == nullptr || !prior_->role_bindings.IsKnown()) return absl::OkStatus();
    const auto before = prior_->role_bindings->find(ref.name);
    if (before == prior_->role_bindings->end()) return absl::OkStatus();
    const RoleBindingModel& now = wanted_.role_bindings->at(ref.name);
    const ObjectRef former = RoleBindingRef(*wanted_.name, ref.name, before->second);
    if (former == ref && before->second.role == now.role &&
        before->second.cluster_role == now.cluster_role) {
      return absl::OkStatus();
    }
    CHARON_RETURN_IF_ERROR(Delete(former));
    declared_.insert(former);
    return absl::OkStatus();
  }

  // What was declared, and is no longer.
  absl::Status DeleteFormer() {
    if (prior_ == nullptr) return absl::OkStatus();
    for (const Json& former : RenderNamespace(*prior_, conventions_)) {
      CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(former));
      const std::string& kind = ref.kind.kind;
      if (kind == "Namespace" || declared_.count(ref) != 0) continue;
      const bool governed = kind == "LimitRange" || kind == "ResourceQuota";
      if (governed && !GovernedHere(wanted_)) continue;  // given up
      CHARON_RETURN_IF_ERROR(Locate(former, Delete(ref)));
    }
    return absl::OkStatus();
  }

  absl::Status Delete(const ObjectRef& ref) {
    absl::Status status = operations::DeleteObject(context_, cluster_, ref, OptionsFor(ref));
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    if (ref.kind.kind == "RoleBinding") reached_.role_bindings.value().erase(ref.name);
    if (ref.kind.kind == "NetworkPolicy") reached_.default_deny = false;
    return absl::OkStatus();
  }

  operations::ObjectOptions OptionsFor(const ObjectRef& ref) const {
    operations::ObjectOptions options = options_;
    options.applied_before = before_this_.count(ref) != 0;
    options.may_import = false;  // with the namespace, which is there
    return options;
  }

  void NoteApplied(const ObjectRef& ref) {
    const std::string& kind = ref.kind.kind;
    if (kind == "LimitRange") {
      reached_.effective.value().limit_range = wanted_.effective->limit_range;
    } else if (kind == "ResourceQuota") {
      reached_.effective.value().resource_quota = wanted_.effective->resource_quota;
    } else if (kind == "NetworkPolicy") {
      reached_.default_deny = true;
    } else {
      ReachedBindings()[ref.name] = wanted_.role_bindings->at(ref.name);
    }
  }

  // After a write that failed it may be the answer only that was lost. What cannot be told stays in
  // the state, as something that is not as planned.
  void NoteFound(const ObjectRef& ref, const Json& object) {
    const absl::StatusOr<Json> now = cluster_.Get(context_, ref);
    const bool ours = now.ok() && operations::ClaimOf(&*now, options_) == operations::Claim::kOurs;
    const bool open = !now.ok() && !absl::IsNotFound(now.status());
    const std::string& kind = ref.kind.kind;
    if (kind == "LimitRange" && ours) {
      reached_.effective.value().limit_range =
          InWordsOf(wanted_.effective->limit_range.value_or({}), LimitsOf(*now));
    } else if (kind == "ResourceQuota" && ours) {
      reached_.effective.value().resource_quota =
          InWordsOf(wanted_.effective->resource_quota.value_or({}), QuotaOf(*now));
    } else if (kind == "NetworkPolicy") {
      if (ours) {
        reached_.default_deny = kubernetes::Compare(object, *now, options_.manager).empty();
      } else if (open && !reached_.default_deny.value_or(false)) {
        reached_.default_deny = Attr<bool>();
      }
    } else if (kind == "RoleBinding") {
      Bindings& bindings = ReachedBindings();
      const RoleBindingModel& binding = wanted_.role_bindings->at(ref.name);
      if (ours) {
        bindings[ref.name] = RoleBindingOf(*now, *wanted_.name, &binding);
      } else if (absl::IsNotFound(now.status())) {
        bindings.erase(ref.name);
      } else if (open && bindings.count(ref.name) == 0) {
        bindings[ref.name] = binding;
        bindings[ref.name].subjects = std::vector<SubjectModel>();
      }
    }
  }

  Bindings& ReachedBindings() {
    if (!reached_.role_bindings.IsKnown()) reached_.role_bindings = Bindings();
    return reached_.role_bindings.value();
  }

  const sdk::Context& context_;
  Services& services_;
  kubernetes::Cluster& cluster_;
  const Conventions conventions_;
  const operations::ObjectOptions options_;
  const NamespaceModel* prior_;
  NamespaceModel wanted_, reached_;
  std::set<ObjectRef> before_this_;  // what the state has, and this stack has applied
  std::set<ObjectRef> declared_;     // what is not to be deleted, or is gone already
};

}  // namespace

sdk::Outcome<NamespaceModel> ApplyNamespace(const sdk::Context& context, Services& services,
                                            const NamespaceModel* prior,
                                            const NamespaceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  NamespaceModel wanted = plan;
  if (!IsSettled(wanted.effective)) {
    CHARON_ASSIGN_OR_RETURN(wanted.effective,
                            Effective(context, services, plan, /*planning=*/false));
  }
  wanted.labels_all = LabelsFor(wanted, services.settings()->conventions);
  // The namespace itself comes first: what governs it may be generated by its creation.
  const Json object = NamespaceObject(wanted, *wanted.labels_all);
  const operations::ObjectOptions itself = OwnershipOfItself(context, services, plan);
  const auto made = prior == nullptr || IsGone(*prior)
                        ? operations::CreateObject(context, *cluster, object, itself)
                        : operations::UpdateObject(context, *cluster, object, itself);
  if (!made.ok()) return Locate(object, made.status());
  return Governing(context, services, *cluster, prior, std::move(wanted)).Run();
}

}  // namespace charon::tier
