#include "resources/kubernetes/manifest.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/operations/hidden_values.h"
#include "provider/operations/list_merge.h"
#include "provider/operations/query.h"
#include "provider/operations/readiness.h"
#include "provider/operations/wait_ready.h"
#include "provider/schema/checks.h"
#include "resources/kubernetes/api_version.h"
#include "resources/kubernetes/manifest_text.h"

namespace charon::kubernetes_resources {
namespace {

using kubernetes::ObjectRef;

constexpr char kManifestType[] = "charon_kubernetes_manifest";
// Private state: what the server made of the object, if that is not what the configuration says
// (defaults of a webhook, canonical forms that SameMeaning does not know), by field. As long as
// that stays, it has not drifted.
constexpr char kSettled[] = "settled";
// Private state: set by an apply that did not see the object ready.
constexpr char kUnready[] = "unready";
// Private state: the object was adopted, and has no mark yet.
constexpr char kUnmarked[] = "unmarked";
// Private state: set by import, until the first read has filled in the manifest.
constexpr char kImported[] = "imported";

// Why there is nothing to do where the object is not there.
constexpr char kFieldsOnly[] =
    "ownership = \"fields\" only sets fields of an object that somebody else makes";

const char* Form(const ManifestModel& model) {
  return model.object.IsNull() ? "manifest" : "object";
}

// What the server does not say well, or not in time: it refuses a quantity that is none without
// naming the field.
absl::Status CheckFields(const ManifestModel& model, const Json& declared) {
  CHARON_RETURN_IF_ERROR(At(Form(model), kubernetes::CheckQuantities(declared)));
  if (!model.initial.IsKnown()) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(Json initial, ParseManifest(*model.initial));
  // Which fields are quantities depends on the kind.
  for (const char* field : {"apiVersion", "kind"}) initial[field] = declared[field];
  CHARON_RETURN_IF_ERROR(
      At("initial", CheckNoSecret({initial["apiVersion"], initial["kind"]}, initial)));
  return At("initial", kubernetes::CheckQuantities(initial));
}

// What the server says of a field that nobody can change in place (kubernetes 1.36,
// pkg/apis/core/validation: ValidateImmutableField, ValidateServiceClusterIPsRelatedFields,
// ValidatePodUpdate; pkg/apis/apps/validation, ValidateStatefulSetUpdate).
bool IsAboutFixedFields(const absl::Status& status) {
  if (!absl::IsInvalidArgument(status)) return false;
  for (const char* text :
       {"immutable", "may not change once set", "pod updates may not change fields other than",
        "updates to statefulset spec for fields other than"}) {
    if (absl::StrContains(status.message(), text)) return true;
  }
  return false;
}

// The field of which the change makes another object; "" if there is none. What is in no state can
// be compared by its version only.
std::string FixedChange(const ManifestModel& prior, const ManifestModel& planned,
                        const Json& before, const Json& after) {
  std::string fixed = ImmutableChange(before, after);
  const bool other_values = planned.manifest_wo.IsKnown() &&
                            planned.manifest_wo_version.IsKnown() &&
                            !(planned.manifest_wo_version == prior.manifest_wo_version);
  if (fixed.empty() && other_values) fixed = FrozenContent(before);
  return fixed;
}

// Puts into `wanted` what `live` holds where `written`, all or a part of the write-only fields, has
// text, a number or a bool that is `owned` by us. `path`: where that part is. Items of lists are as
// written: only together with what others have in them would they be those of `live`.
void KeepWritten(const Json& written, const Json& live, const kubernetes::FieldSet& owned,
                 std::vector<kubernetes::FieldStep>& path, Json& wanted) {
  if (!written.is_object() || !live.is_object() || !wanted.is_object()) return;
  for (const auto& [key, value] : written.items()) {
    const auto held = live.find(key);
    const auto field = wanted.find(key);
    if (held == live.end() || field == wanted.end()) continue;
    path.push_back({kubernetes::FieldStep::Kind::kField, key});
    if (value.is_object()) {
      KeepWritten(value, *held, owned, path, *field);
    } else if (!value.is_array() && !held->is_structured() && owned.Contains(path)) {
      *field = *held;
    }
    path.pop_back();
  }
}

bool IsOpen(const ManifestModel& model) {
  return model.manifest.IsUnknown() || model.object.IsUnknown() ||
         (model.object.IsKnown() && !model.object->IsWhollyKnown());
}

// Kinds whose deletion loses data: they are deleted only if a plan says so.
bool HoldsData(const std::string& kind) {
  return kind == "PersistentVolumeClaim" || kind == "PersistentVolume" || kind == "StatefulSet" ||
         kind == "Namespace" || kind == "CustomResourceDefinition";
}

// True if `object` says what it is about but for a name or namespace that is not known yet. Core
// refuses a replacement that shows only at apply, so it is planned now.
bool HidesName(const Attr<Value>& object) {
  if (!object.IsKnown()) return false;
  const Value& fields = object->kind() == Value::Kind::kDynamic ? object->dynamic_value() : *object;
  const Value& metadata = fields["metadata"];
  return metadata.IsKnown() && (metadata["name"].kind() == Value::Kind::kUnknown ||
                                metadata["namespace"].kind() == Value::Kind::kUnknown);
}

bool SameObjectMoved(const ObjectRef& a, const ObjectRef& b) {
  return SameKindMoved(a.kind, b.kind) && a.name_space == b.name_space && a.name == b.name;
}

// At `form`, if it has no place of its own.
absl::Status Placed(const Path& form, const absl::Status& status) {
  return PathOf(status) ? status : At(form, status);
}

std::string Why(bool same, const std::string& fixed) {
  return same ? absl::StrCat(fixed, " cannot change") : "it would be another object";
}

// What cannot be done without a plan that says so. What is lost with an object of another maker's
// kind nobody knows here.
absl::Status MustBePlanned(const ObjectRef& former, absl::string_view why) {
  // A Secret may hold values that others have put there, and that exist nowhere else.
  const bool shared = former.kind.kind == "Secret";
  if (kubernetes::IsBuiltInGroup(former.kind.group()) && !HoldsData(former.kind.kind) && !shared)
    return absl::OkStatus();
  return WithRemedy(
      absl::FailedPreconditionError(absl::StrCat(
          former.ToString(), " cannot become that in place: ", why,
          ". It would be deleted, which the plan did not announce, because the value came only "
          "during the apply")),
      "Plan again, without -refresh=false: the value is known now, so that the plan announces the "
      "replacement.");
}

// What this stack had to do with the object before.
void SetPast(const sdk::Context& context, operations::ObjectOptions& options) {
  options.applied_before = !context.adopting;
  options.unmarked = context.private_state->Get(kUnmarked).has_value();
}

// Remembers what the server made of `declared`, where that is not what it says.
void Settle(const sdk::Context& context, const Json& declared, const Json& live,
            const operations::ObjectOptions& options) {
  if (operations::ClaimOf(&live, options) == operations::Claim::kUnclaimed) {
    context.private_state->Set(kUnmarked, "1");
  } else {
    context.private_state->Erase(kUnmarked);
  }
  context.private_state->Erase(kSettled);
  const std::optional<Json> shown = operations::WithoutHiddenFields(live);
  const kubernetes::Settled settled =
      kubernetes::SettledAs(kubernetes::Compare(declared, shown ? *shown : live, options.manager));
  if (!settled.empty()) context.private_state->Set(kSettled, absl::StrJoin(settled, ","));
}

// A state without `wait`, so that the next plan has it as a change, which waits.
sdk::Outcome<ManifestModel> NotReady(const sdk::Context& context, ManifestModel reached,
                                     absl::Status why) {
  reached.wait = {};
  context.private_state->Set(kUnready, "1");
  return sdk::Outcome<ManifestModel>::Partial(std::move(reached), std::move(why));
}

constexpr absl::string_view kWaysOut =
    "Apply sets it back if nobody owns the field. If another manager does, apply refuses to fight "
    "it: leave the field out "
    "of the manifest, take it over with force_conflicts = true, or move it to \"initial\" to set "
    "it only at creation.";
constexpr absl::string_view kTakesItOver =
    "Apply sets it back, from another manager too (force_conflicts = true). To let others have it, "
    "leave the field out of the manifest, or move it to \"initial\" to set it only at creation.";

// Whether there is such a kind and whether it has namespaces, as far as the server says so.
absl::Status CheckScope(const Call& call, kubernetes::Cluster& cluster, const ObjectRef& ref) {
  const absl::StatusOr<kubernetes::ResourceInfo> info = cluster.Resolve(call, ref.kind);
  // A CRD may come in this run, but only of a group with a dot (apiextensions validation): v1, apps
  // and batch are the server's own.
  const kubernetes::Missing missing = kubernetes::MissingOf(info.status());
  if ((missing == kubernetes::Missing::kKind || missing == kubernetes::Missing::kVersion) &&
      !absl::StrContains(ref.kind.group(), ".")) {
    return info.status();
  }
  if (!info.ok()) return absl::OkStatus();
  if (info->namespaced && ref.name_space.empty()) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("metadata.namespace is missing: a ", ref.kind.kind,
                                                " lives in a namespace")),
        "Name it in the manifest; no default is assumed.");
  }
  if (!info->namespaced && !ref.name_space.empty()) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("metadata.namespace is set, but a ",
                                                              ref.kind.kind, " has no namespace")),
                      "Remove it from the manifest.");
  }
  return absl::OkStatus();
}

// `cluster`: "" where it is not known.
ObjectIdentity IdentityOf(const ObjectRef& ref, std::string cluster) {
  ObjectIdentity identity;
  identity.api_version = ref.kind.api_version;
  identity.kind = ref.kind.kind;
  if (!ref.name_space.empty()) identity.name_space = ref.name_space;
  identity.name = ref.name;
  if (!cluster.empty()) identity.cluster = std::move(cluster);
  return identity;
}

bool OwnsObject(const ManifestModel& model) {
  return model.ownership.value_or("object") == "object";
}

// True if fields of somebody else's object were set, and all of it is wanted now.
bool TakesOver(const ManifestModel& prior, const ManifestModel& wanted) {
  return !OwnsObject(prior) && OwnsObject(wanted);
}

// What has run, and will never run again whatever is applied to it. A Job that is complete has done
// what it was for.
bool RunsOnce(const ObjectRef& ref) {
  return ref.kind.kind == "Job" || (ref.kind.kind == "Pod" && ref.kind.group().empty());
}
bool IsSpent(const Json& live) {
  if (kubernetes::Text(live, "kind") == "Pod") {
    const std::string phase = kubernetes::Text(live, "status.phase");
    return phase == "Failed" || phase == "Succeeded";
  }
  return operations::JudgeRollout(live).state == operations::Verdict::kHopeless;
}

}  // namespace

const ObjectSpec<WaitModel>& WaitModel::Describe() {
  using M = WaitModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What to wait for after each change.",
      {
          Field(&M::rollout, "rollout", Optional,
                "Until the workload runs as `kubectl rollout status` judges it; a claim is bound, "
                "a load balancer has its "
                "address, a CRD is established, a Job is complete."),
          Field(&M::conditions, "conditions", Optional,
                "Until these conditions have these statuses: `{ Ready = \"True\" }`.")
              .Check(EachElement(OneOf({"True", "False", "Unknown"}))),
          Field(&M::fields, "fields", Optional,
                "Until these fields match these regular expressions, as a whole: `{ "
                "\"status.phase\" = \"Running|Succeeded\" }`. Items of lists by their index "
                "(`a[0].b`; without one, any of them), names with dots in brackets (`a['b.c']`)."),
      });
  return spec;
}

const ObjectSpec<ManifestModel>& ManifestModel::Describe() {
  using M = ManifestModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One Kubernetes object of any kind, by server-side apply. Only the fields that the manifest "
      "names are sent, compared "
      "and removed; what controllers, webhooks and other people add is left alone and never shown. "
      "The kind need not be known "
      "to the cluster at plan: a CRD may be installed in the same run.\n\n"
      "An object belongs to one resource. A second one of the same stack that declares it gets an "
      "error; so does one of "
      "another stack, if each stack has a `conventions.owner` of its own: stacks of one owner "
      "cannot be told apart.",
      {
          Field(&M::manifest, "manifest", Optional,
                "The object as JSON or YAML: `jsonencode({...})`, `yamlencode({...})` or "
                "`file(\"...\")`. The fast form.")
              .Same([](const std::string& a, const std::string& b) {
                const absl::StatusOr<Json> x = ParseManifest(a);
                const absl::StatusOr<Json> y = ParseManifest(b);
                return x.ok() && y.ok() && *x == *y;
              }),
          Field(&M::object, "object", Optional,
                "The object as an HCL value, if unknown parts should show one by one in the plan. "
                "Terraform stores its type "
                "beside it: state is about four times as large as with `manifest`, which slows "
                "every command of a stack with "
                "many objects."),
          Field(&M::manifest_wo, "manifest_wo", Optional,
                "Fields that no state may have, as JSON or YAML, merged over the manifest: "
                "`jsonencode({ stringData = { password = var.password } })`. Sent again when "
                "`manifest_wo_version` changes.")
              .WriteOnly(),
          Field(&M::manifest_wo_version, "manifest_wo_version", Optional,
                "Any text; change it when `manifest_wo` changes."),
          Field(&M::initial, "initial", Optional,
                "Fields whose value counts only at creation, as JSON or YAML: `jsonencode({ spec = "
                "{ replicas = 1 } })`. They "
                "are never changed or removed afterwards: an autoscaler or an image updater owns "
                "them."),
          Field(
              &M::ownership, "ownership", Optional,
              "`object` (default): the object is this resource's, and destroy deletes it. "
              "`fields`: it is somebody else's; "
              "only the named fields are set, and destroy gives them up. Can be changed in place.")
              .Check(OneOf({"object", "fields"})),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the object exists and is not this stack's: `fail` (default), "
                "`adopt`, or `replace` (delete it "
                "first).")
              .Check(OneOf({"fail", "adopt", "replace"})),
          Field(&M::force_conflicts, "force_conflicts", Optional,
                "Take over fields that another field manager owns, instead of an error."),
          Field(
              &M::wait, "wait", Optional,
              "What to wait for after each change; nothing by default. A wait that failed is left "
              "out of the state, and is the next plan's change."),
          sdk::TimeoutsField(&M::timeouts),
      },
      {ExactlyOneOf({"manifest", "object"}),
       RequiredTogether({"manifest_wo", "manifest_wo_version"})});
  return spec;
}

const ObjectSpec<ObjectIdentity>& ObjectIdentity::Describe() {
  using M = ObjectIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The object.",
      {
          Field(&M::api_version, "api_version", Required, "`v1` or `group/version`."),
          Field(&M::kind, "kind", Required, "Kind of the object."),
          Field(&M::name_space, "namespace", Optional, "Its namespace, if it has one."),
          Field(&M::name, "name", Required, "Name of the object."),
          Field(&M::cluster, "cluster", Optional, "Uid of the cluster's namespace kube-system."),
      });
  return spec;
}

const sdk::ResourceInfo& ManifestResource::info() const {
  static const auto& info =
      *new sdk::ResourceInfo{.type = kManifestType,
                             .noun = "Kubernetes object",
                             .subcategory = "Kubernetes",
                             .timeouts = {},
                             .import_id =
                                 "`apiVersion/Kind/namespace/name`, such as "
                                 "`apps/v1/Deployment/shop/web`, without the namespace for kinds "
                                 "that have none: `v1/Namespace/shop`",
                             .needs = needs::OwnedObjects()};
  return info;
}

operations::ObjectOptions ManifestResource::Options(const ManifestModel& model,
                                                    const ObjectRef& ref) const {
  operations::ObjectOptions options = services_.Ownership(kManifestType, ref.ToString());
  if (!OwnsObject(model)) options.owner.clear();
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.ways_out = [](const std::vector<std::string>&) {
    return "Leave the field out if the other should own it, give it in \"initial\" to set it only "
           "at "
           "creation, or take it over with force_conflicts = true.";
  };
  // Of the caller, for as long as it uses the options.
  options.nulls = [&model] {
    const absl::StatusOr<Json> written =
        model.object.IsKnown()     ? ObjectFromValue(*model.object, /*keep_nulls=*/true)
        : model.manifest.IsKnown() ? kubernetes::ParseYaml(*model.manifest)
                                   : absl::StatusOr<Json>(Json());
    return written.ok() ? *written : Json();
  };
  // The mark has the version, which may be another one by now, and so may the group of a kind that
  // moved.
  const std::string prefix = services_.Ownership(kManifestType, "").owner;
  options.accepts = [ref, prefix](absl::string_view mark) {
    if (!absl::ConsumePrefix(&mark, prefix)) return false;
    const absl::StatusOr<ObjectRef> marked = ObjectRef::Parse(mark);
    return marked.ok() && SameKindMoved(marked->kind, ref.kind) &&
           marked->name_space == ref.name_space && marked->name == ref.name;
  };
  return options;
}

absl::StatusOr<std::shared_ptr<const Json>> ManifestResource::Declared(
    const ManifestModel& model) const {
  if (!model.object.IsKnown()) {
    auto read = read_.Read(*model.manifest);
    if (!read.ok()) return At("manifest", read.status());
    return read;
  }
  absl::StatusOr<Json> object = ObjectFromValue(*model.object);
  if (!object.ok()) return At("object", object.status());
  if (absl::Status sound = CheckManifest(*object); !sound.ok()) return At("object", sound);
  return std::make_shared<const Json>(*std::move(object));
}

absl::StatusOr<std::shared_ptr<const Json>> ManifestResource::Complete(
    const ManifestModel& model) const {
  CHARON_ASSIGN_OR_RETURN(std::shared_ptr<const Json> declared, Declared(model));
  if (!model.manifest_wo.IsKnown()) return declared;
  absl::StatusOr<Json> secret = ParseManifest(*model.manifest_wo);
  if (!secret.ok()) {
    // The message would quote the text.
    return At("manifest_wo", absl::InvalidArgumentError("is neither a JSON nor a YAML map"));
  }
  RegisterSecrets(*secret);
  for (const char* field : {"apiVersion", "kind"}) secret->erase(field);
  if (secret->contains("metadata")) {
    (*secret)["metadata"].erase("name");
    (*secret)["metadata"].erase("namespace");
  }
  Json object = *declared;
  MergeInto(object, *secret);
  EncodeSecret(object);
  if (kubernetes::Text(object, "kind") == "Secret") {
    for (const char* field : {"data", "stringData"}) secret->erase(field);  // known to be hidden
  }
  const std::string hidden = operations::HiddenFields(*secret);
  Json& metadata = object["metadata"];
  if (!hidden.empty() &&
      (!metadata.contains("annotations") || metadata["annotations"].is_object())) {
    metadata["annotations"][kSecretsInside] = hidden;
  }
  return std::make_shared<const Json>(std::move(object));
}

std::shared_ptr<const Json> ManifestResource::KeepingValues(
    const ManifestModel& prior, const ManifestModel& model, std::shared_ptr<const Json> wanted,
    const Json& live, const operations::ObjectOptions& options) const {
  if (!model.manifest_wo.IsKnown() || !(prior.manifest_wo_version == model.manifest_wo_version))
    return wanted;
  absl::StatusOr<Json> written = ParseManifest(*model.manifest_wo);
  if (!written.ok() || !written->is_object()) return wanted;
  // What it is of decides how it is sent.
  const Json part = *written;
  for (const char* field : {"apiVersion", "kind", "metadata"}) (*written)[field] = (*wanted)[field];
  EncodeSecret(*written);
  for (const char* field : {"apiVersion", "kind", "metadata"}) {
    if (const auto given = part.find(field); given != part.end()) {
      (*written)[field] = *given;
    } else {
      written->erase(field);
    }
  }
  const kubernetes::FieldSet owned =
      kubernetes::AppliedBy(live, operations::ComparedAs(live, options));
  Json kept = *wanted;
  std::vector<kubernetes::FieldStep> path;
  KeepWritten(*written, live, owned, path, kept);
  return std::make_shared<const Json>(std::move(kept));
}

absl::Status ManifestResource::Validate(const sdk::Context&, const ManifestModel& config) {
  if (config.initial.IsKnown()) {
    absl::StatusOr<Json> initial = ParseManifest(*config.initial);
    if (!initial.ok()) return At("initial", initial.status());
    if (!initial->is_object())
      return At("initial", absl::InvalidArgumentError("must be a map of fields"));
    // Of other kinds only the server knows.
    const auto declared =
        IsOpen(config) ? absl::StatusOr<std::shared_ptr<const Json>>(nullptr) : Declared(config);
    if (declared.ok() && *declared != nullptr) {
      const std::string api_version = kubernetes::Text(**declared, "apiVersion");
      const std::string list =
          kubernetes::IsBuiltInGroup(kubernetes::ObjectKind{api_version, ""}.group())
              ? operations::UnmergedList(**declared, *initial)
              : "";
      if (!list.empty()) {
        return At("initial", WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                            "has the list ", list, ", which ", Form(config),
                                            " has too: a list without keys is taken as a whole, "
                                            "so that what is here would not be set")),
                                        "Write the whole list in one of them."));
      }
    }
  }
  if (config.manifest_wo.IsKnown()) {
    const absl::StatusOr<Json> secret = ParseManifest(*config.manifest_wo);
    if (!secret.ok() || !secret->is_object()) {
      return At("manifest_wo", absl::InvalidArgumentError("is neither a JSON nor a YAML map"));
    }
    if (const auto declared = Declared(config); !IsOpen(config) && declared.ok()) {
      for (const char* field : {"apiVersion", "kind", "metadata.name", "metadata.namespace"}) {
        const std::string said = kubernetes::Text(*secret, field);
        if (said.empty() || said == kubernetes::Text(**declared, field)) continue;
        return At("manifest_wo",
                  WithRemedy(absl::InvalidArgumentError(
                                 absl::StrCat("has another ", field, " than ", Form(config),
                                              ", which says what object it is")),
                             "Leave it out here: only what is to be in no state belongs here."));
      }
      if (const std::string list = SharedList(**declared, *secret); !list.empty()) {
        return At("manifest_wo",
                  WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                 "has the list ", list, ", which ", Form(config),
                                 " has too: a list is taken as a whole, so that what the other has "
                                 "would be lost")),
                             "Write the whole list in manifest_wo, and take it out of the other."));
      }
    }
  }
  if (config.wait.IsKnown()) {
    for (const auto& [path, expression] : config.wait->fields.value_or({})) {
      const Path field = Path("wait").Attribute("fields").Key(path);
      CHARON_RETURN_IF_ERROR(At(field, operations::CheckFieldPath(path)));
      CHARON_RETURN_IF_ERROR(At(field, operations::CheckExpression(expression)));
    }
  }
  if (IsOpen(config)) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const auto declared, Declared(config));
  return CheckFields(config, *declared);
}

bool ManifestResource::KeepsVersion(const sdk::PlanChange<ManifestModel>& change,
                                    const ObjectRef& ref) const {
  if (!change.IsUpdate()) return false;
  const auto before = Declared(change.prior());
  return before.ok() && kubernetes::Text(**before, "apiVersion") == ref.kind.api_version;
}

absl::Status ManifestResource::Plan(const sdk::Context& context,
                                    sdk::PlanChange<ManifestModel>& change) {
  if (change.IsDestroy()) return absl::OkStatus();
  const ManifestModel& config = change.config();
  if (IsOpen(config)) {
    if (change.IsUpdate() && HidesName(config.object)) change.RequireReplace("object");
    return absl::OkStatus();
  }
  const Path form(Form(config));
  if (change.IsUpdate() && !change.Changes()) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const auto wanted, Complete(config));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(*wanted));
  if (ref.kind.kind == "ResourceQuota" || ref.kind.kind == "LimitRange")
    services_.NotePlannedQuota(ref.name_space);
  if (change.IsUpdate() && context.private_state->Get(kUnready) && change.prior().wait.IsNull() &&
      !config.wait.IsNull() && !context.planned_before) {
    context.diagnostics->Warning(
        absl::StrCat("Not ready yet: ", ref.ToString()),
        "The last apply changed it and ended before it was ready as `wait` says. This one waits "
        "again.",
        Path("wait"));
  }

  // Core passes over a replacement for an attribute that does not change.
  Path changed = form;
  if (change.IsUpdate() && !IsOpen(change.prior())) {
    const auto before = Declared(change.prior());
    if (before.ok()) {
      CHARON_ASSIGN_OR_RETURN(const ObjectRef former, kubernetes::RefOf(**before));
      CHARON_ASSIGN_OR_RETURN(const auto declared, Declared(config));
      if (**before == *declared) changed = Path("manifest_wo_version");
      const bool same = SameObjectMoved(former, ref);
      // After an import the state is in the server's words: whether it differs, the dry run says.
      const std::string fixed =
          same && !context.adopting ? FixedChange(change.prior(), config, **before, *declared) : "";
      if (!same || !fixed.empty()) {
        if (context.may_replace) {
          change.RequireReplace(changed);
        } else if (OwnsObject(change.prior())) {
          if (!same || OwnsObject(config)) {
            CHARON_RETURN_IF_ERROR(At(form, MustBePlanned(former, Why(same, fixed))));
          }
          context.diagnostics->Warning(
              absl::StrCat("Made anew: ", former.ToString()),
              absl::StrCat(same ? absl::StrCat(fixed, " cannot change in place")
                                : absl::StrCat("It becomes ", ref.ToString()),
                           ", and the value was not known before the apply. So no replacement was "
                           "announced: the update deletes the object and makes the new one."),
              form);
        }
        return absl::OkStatus();
      }
    }
  }

  if (context.provider_config_unknown || context.planned_before) return absl::OkStatus();
  const absl::Status checked =
      services_.CheckPlan(context, [&](kubernetes::Cluster& cluster) -> absl::Status {
        CHARON_RETURN_IF_ERROR(CheckScope(context, cluster, ref));
        if (context.replaces || KeepsVersion(change, ref)) {
          // What is deleted, or changed, in another version cannot be written in this one.
          const absl::Status served = cluster.Resolve(context, ref.kind).status();
          if (kubernetes::MissingOf(served) == kubernetes::Missing::kVersion) return served;
        }
        operations::ObjectOptions options = Options(config, ref);
        options.replaces = context.replaces;
        options.may_import = change.IsCreate();
        Json initial;
        if (config.initial.IsUnknown())
          return absl::OkStatus();  // it may hold what the server requires
        if (config.initial.IsKnown()) {
          CHARON_ASSIGN_OR_RETURN(initial, ParseManifest(*config.initial));
          options.initial = &initial;
        }
        if (change.IsCreate() && !OwnsObject(config) &&
            kubernetes::MissingOf(cluster.Read(context, ref).status()) ==
                kubernetes::Missing::kObject) {
          context.diagnostics->Warning(
              absl::StrCat("Not there yet: ", ref.ToString()),
              absl::StrCat(kFieldsOnly, ". The apply fails unless that has happened by then."),
              Path("ownership"));
          return absl::OkStatus();
        }
        if (change.IsCreate() || TakesOver(change.prior(), config))
          return operations::CheckCreate(context, cluster, *wanted, options).status();
        std::shared_ptr<const Json> object = wanted;
        if (config.manifest_wo.IsKnown()) {
          if (const auto live = cluster.Read(context, ref); live.ok())
            object = KeepingValues(change.prior(), config, wanted, **live, options);
        }
        return operations::CheckUpdate(context, cluster, *object, options).status();
      });
  if (kubernetes::IsAdmissionDown(checked)) {
    context.diagnostics->Warning("The plan could not be checked", At(form, checked));
    return absl::OkStatus();
  }
  if (absl::IsAborted(checked)) {
    // The plan stands, and shows the field: whether to fight is the user's to say.
    context.diagnostics->Warning("Another manager owns a field", At(form, checked));
    return absl::OkStatus();
  }
  if (IsAboutFixedFields(checked)) {
    if (change.IsUpdate()) {
      if (context.may_replace) change.RequireReplace(changed);
      return absl::OkStatus();
    }
    // What a failed create left: the create half replaces it.
    if (!HoldsData(ref.kind.kind)) return absl::OkStatus();
  }
  return Placed(form, checked);
}

absl::Status ManifestResource::Wait(const sdk::Context& context, kubernetes::Cluster& cluster,
                                    const ObjectRef& ref, const ManifestModel& model) const {
  if (!model.wait.IsKnown()) return absl::OkStatus();
  operations::WaitFor wait;
  wait.rollout = model.wait->rollout.value_or(false);
  wait.conditions = model.wait->conditions.value_or({});
  wait.fields = model.wait->fields.value_or({});
  return At("wait", operations::WaitUntilReady(context, cluster, ref, wait));
}

sdk::Outcome<ManifestModel> ManifestResource::Create(const sdk::Context& context,
                                                     const ManifestModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const auto declared, Declared(plan));
  CHARON_ASSIGN_OR_RETURN(const auto wanted, Complete(plan));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(*wanted));
  const Path form(Form(plan));
  CHARON_RETURN_IF_ERROR(At(form, CheckScope(context, *cluster, ref)));
  operations::ObjectOptions options = Options(plan, ref);
  Json initial;
  if (plan.initial.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(initial, ParseManifest(*plan.initial));
    options.initial = &initial;
  }
  if (options.owner.empty()) {
    const absl::Status there = cluster->Get(context, ref).status();
    if (absl::IsNotFound(there)) {
      return At("ownership", WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                                            ref.ToString(), " does not exist. ", kFieldsOnly)),
                                        "Make it first, or use ownership = \"object\"."));
    }
    CHARON_RETURN_IF_ERROR(there);
  }
  if (!options.owner.empty() && RunsOnce(ref)) {
    // What a failed create left is spared, but one that has run to its end cannot be corrected.
    const absl::StatusOr<Json> left = cluster->Get(context, ref);
    if (left.ok() && operations::ClaimOf(&*left, options) == operations::Claim::kOurs &&
        IsSpent(*left)) {
      const absl::Status gone = operations::DeleteObject(context, *cluster, ref, options);
      if (!absl::IsNotFound(gone)) CHARON_RETURN_IF_ERROR(gone);
    }
  }
  absl::StatusOr<Json> live = operations::CreateObject(context, *cluster, *wanted, options);
  if (IsAboutFixedFields(live.status()) && !HoldsData(ref.kind.kind)) {
    // What a failed create left behind cannot become this: Terraform has announced its replacement.
    const absl::StatusOr<Json> left = cluster->Get(context, ref);
    if (left.ok() && operations::ClaimOf(&*left, options) == operations::Claim::kOurs) {
      CHARON_RETURN_IF_ERROR(operations::DeleteObject(context, *cluster, ref, options));
      live = operations::CreateObject(context, *cluster, *wanted, options);
    }
  }
  if (!live.ok()) return Placed(form, live.status());
  Settle(context, *declared, *live, options);
  context.private_state->Erase(kUnready);
  if (absl::Status ready = Wait(context, *cluster, ref, plan); !ready.ok()) {
    return NotReady(context, plan, std::move(ready));
  }
  return plan;
}

// The new object first: what fails then leaves the former one. A run that is killed in between
// finds both, and replaces the former one by a plan.
sdk::Outcome<ManifestModel> ManifestResource::MoveTo(const sdk::Context& context,
                                                     const ManifestModel& prior,
                                                     const ManifestModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto before, Declared(prior));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef former, kubernetes::RefOf(*before));
  if (OwnsObject(prior)) {
    CHARON_RETURN_IF_ERROR(At(Form(plan), MustBePlanned(former, Why(/*same=*/false, ""))));
  }
  sdk::Outcome<ManifestModel> made = Create(context, plan);
  if (!made.state()) return made;
  const absl::Status gone = Delete(context, prior);
  if (!gone.ok() && !absl::IsNotFound(gone)) return gone;
  return made;
}

absl::StatusOr<Json> ManifestResource::MakeAnew(const sdk::Context& context,
                                                kubernetes::Cluster& cluster, const Json& wanted,
                                                const operations::ObjectOptions& options) const {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(wanted));
  CHARON_RETURN_IF_ERROR(operations::CheckMakeAnew(context, cluster, wanted, options).status());
  const absl::Status gone = operations::DeleteObject(context, cluster, ref, options);
  if (!gone.ok() && !absl::IsNotFound(gone)) return gone;
  return operations::CreateObject(context, cluster, wanted, options);
}

sdk::Outcome<ManifestModel> ManifestResource::Update(const sdk::Context& context,
                                                     const ManifestModel& prior,
                                                     const ManifestModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const auto declared, Declared(plan));
  CHARON_ASSIGN_OR_RETURN(auto wanted, Complete(plan));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(*wanted));
  std::string fixed;  // what makes it another object of the same name
  const auto before = Declared(prior);
  if (before.ok()) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef former, kubernetes::RefOf(**before));
    if (!SameObjectMoved(former, ref)) return MoveTo(context, prior, plan);
    if (OwnsObject(prior) && OwnsObject(plan) && !context.adopting)
      fixed = FixedChange(prior, plan, **before, *declared);
    if (!fixed.empty()) {
      CHARON_RETURN_IF_ERROR(At(Form(plan), MustBePlanned(former, Why(/*same=*/true, fixed))));
    }
  }
  operations::ObjectOptions options = Options(plan, ref);
  options.may_import = false;
  SetPast(context, options);
  if (plan.manifest_wo.IsKnown()) {
    if (const absl::StatusOr<Json> now = cluster->Get(context, ref); now.ok())
      wanted = KeepingValues(prior, plan, wanted, *now, options);
  }
  if (before.ok()) options.before = [&before] { return **before; };
  Json initial;
  if (plan.initial.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(initial, ParseManifest(*plan.initial));
    options.initial = &initial;
  }
  // What was the whole object's becomes the named fields', which stay while the mark and the rest
  // are given up; or the other way round, as for any object that exists and is to be taken over.
  const bool gives_up = options.owner.empty() && OwnsObject(prior);
  if (gives_up) {
    CHARON_RETURN_IF_ERROR(At(
        "ownership", operations::ReleaseAllBut(context, *cluster, *wanted, Options(prior, ref))));
  }
  const absl::StatusOr<Json> live =
      !fixed.empty() ? MakeAnew(context, *cluster, *wanted, options)
      : gives_up || TakesOver(prior, plan)
          ? operations::CreateObject(context, *cluster, *wanted, options)
          : operations::UpdateObject(context, *cluster, *wanted, options);
  if (!live.ok()) {
    return Placed(Form(plan), IsAboutFixedFields(live.status())
                                  ? WithRemedy(live.status(),
                                               "The object has to be made anew for that: terraform "
                                               "apply -replace, with the address of this resource.")
                                  : live.status());
  }
  Settle(context, *declared, *live, options);
  context.private_state->Erase(kUnready);
  if (absl::Status ready = Wait(context, *cluster, ref, plan); !ready.ok()) {
    return NotReady(context, plan, std::move(ready));
  }
  return plan;
}

sdk::Outcome<ManifestModel> ManifestResource::Read(const sdk::Context& context,
                                                   const ManifestModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const auto declared, Declared(prior));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(*declared));
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<const Json> live, cluster->Read(context, ref));
  operations::ObjectOptions options = Options(prior, ref);
  SetPast(context, options);
  if (operations::IsNamesake(*live, options)) {
    operations::TellNamesake(context, ref, *live, options);
    return absl::NotFoundError(absl::StrCat(ref.ToString(), " is another object now"));
  }
  const std::string manager = operations::ComparedAs(*live, options);
  ManifestModel model = prior;
  if (context.private_state->Get(kImported)) {
    context.private_state->Erase(kImported);
    model.manifest = ExportManifest(*live, manager).dump();
    return model;
  }
  const kubernetes::Settled settled =
      absl::StrSplit(context.private_state->Get(kSettled).value_or(""), ',', absl::SkipEmpty());
  const std::optional<Json> shown = operations::WithoutHiddenFields(*live);
  const Json& seen = shown ? *shown : *live;
  const std::vector<kubernetes::Difference> differences =
      kubernetes::Compare(*declared, seen, manager, settled);
  if (differences.empty()) return model;
  const Json now = kubernetes::Overlay(*declared, seen, manager, settled);
  context.diagnostics->Warning(
      absl::StrCat("Changed outside of Terraform: ", ref.ToString()),
      absl::StrCat(operations::DescribeDrift(differences), "\n\n",
                   prior.force_conflicts.value_or(false) ? kTakesItOver : kWaysOut),
      Form(prior));
  if (prior.object.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(Value object, ValueFromObject(now));
    model.object = std::move(object);
  } else {
    model.manifest = EmitLike(now, *prior.manifest);
  }
  return model;
}

absl::Status ManifestResource::Delete(const sdk::Context& context, const ManifestModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const auto declared, Declared(prior));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(*declared));
  operations::ObjectOptions options = Options(prior, ref);
  SetPast(context, options);
  return operations::DeleteObject(context, *cluster, ref, options);
}

absl::StatusOr<ManifestModel> ManifestResource::Import(const sdk::Context& context,
                                                       const std::string& id) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, ObjectRef::Parse(id));
  // Of a kind that is not there Terraform would say that there is no such object.
  if (const auto cluster = services_.Kubernetes(); cluster.ok()) {
    absl::Status found = (*cluster)->Resolve(context, ref.kind).status();
    if (kubernetes::MissingOf(found) == kubernetes::Missing::kKind) return found;
  }
  Json stub = {{"apiVersion", ref.kind.api_version},
               {"kind", ref.kind.kind},
               {"metadata", {{"name", ref.name}}}};
  if (!ref.name_space.empty()) stub["metadata"]["namespace"] = ref.name_space;
  context.private_state->Set(kImported, "1");
  ManifestModel model;
  model.manifest = stub.dump();
  return model;
}

absl::StatusOr<ManifestModel> ManifestResource::ImportByIdentity(const sdk::Context& context,
                                                                 const ObjectIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, ObjectRef{{*identity.api_version, *identity.kind},
                                   identity.name_space.value_or(""),
                                   *identity.name}
                             .ToString());
}

absl::StatusOr<ObjectIdentity> ManifestResource::Identify(const sdk::Context& context,
                                                          const ManifestModel& state) {
  CHARON_ASSIGN_OR_RETURN(const auto object, Declared(state));
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(*object));
  return IdentityOf(ref, services_.ClusterId(context));
}

std::string ManifestResource::SameObject(const ManifestModel& model) const {
  if (IsOpen(model) || !OwnsObject(model)) return "";
  const auto object = Declared(model);
  if (!object.ok()) return "";
  const absl::StatusOr<ObjectRef> ref = kubernetes::RefOf(**object);
  return ref.ok() ? ref->ToString() : "";
}

std::vector<sdk::MoveSource<ManifestModel>> ManifestResource::MoveSources() const {
  auto parse = [](const sdk::MoveRequest& request) {
    return Json::parse(request.source_state, nullptr, /*allow_exceptions=*/false);
  };
  return {
      // hashicorp/kubernetes: `manifest` is a dynamic value, stored with its type.
      {"kubernetes_manifest",
       [parse](const sdk::Context&,
               const sdk::MoveRequest& request) -> absl::StatusOr<ManifestModel> {
         Json object = kubernetes::Field(parse(request), "manifest.value");
         if (!object.is_object())
           return absl::InvalidArgumentError("the source has no attribute manifest");
         DropNulls(object);
         operations::DropHiddenValues(object, object);
         ManifestModel model;
         model.manifest = object.dump();
         return model;
       }},
      // alekc/kubectl and gavinbunney/kubectl: `yaml_body` as written, and a namespace that
      // replaces its own.
      {"kubectl_manifest",
       [parse](const sdk::Context&,
               const sdk::MoveRequest& request) -> absl::StatusOr<ManifestModel> {
         const Json state = parse(request);
         const std::string yaml = kubernetes::Text(state, "yaml_body");
         if (yaml.empty())
           return absl::InvalidArgumentError("the source has no attribute yaml_body");
         ManifestModel model;
         model.manifest = yaml;
         CHARON_ASSIGN_OR_RETURN(Json object, ParseManifest(yaml));
         const Json written = object;
         const std::string name_space = kubernetes::Text(state, "override_namespace");
         if (!name_space.empty()) object["metadata"]["namespace"] = name_space;
         operations::DropHiddenValues(object, object);
         if (object != written) model.manifest = EmitLike(object, yaml);
         return model;
       }},
  };
}

const ObjectSpec<ManifestListModel>& ManifestListModel::Describe() {
  using M = ManifestListModel;
  static const auto& spec =
      *new ObjectSpec<M>("Objects of one kind.",
                         {
                             Field(&M::api_version, "api_version", Required, "Version of the kind.")
                                 .Check(ApiVersion()),
                             Field(&M::kind, "kind", Required, "Kind of the object."),
                             Field(&M::name_space, "namespace", Optional,
                                   "Only objects of this namespace; of all by default."),
                             Field(&M::label_selector, "label_selector", Optional,
                                   "Only objects that match, as kubectl's `-l`."),
                             Field(&M::field_selector, "field_selector", Optional,
                                   "Only objects that match, as kubectl's `--field-selector`."),
                         });
  return spec;
}

absl::Status ManifestList::List(
    const sdk::Context& context, const ManifestListModel& config, bool include_resource,
    const std::function<bool(sdk::Listed<ManifestModel, ObjectIdentity>)>& emit) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const kubernetes::ObjectKind kind{*config.api_version, *config.kind};
  kubernetes::ListOptions options;
  options.name_space = config.name_space.value_or("");
  options.label_selector = config.label_selector.value_or("");
  options.field_selector = config.field_selector.value_or("");
  const absl::StatusOr<std::vector<Json>> objects = cluster->List(context, kind, options);
  if (!objects.ok()) {
    return operations::AtSelector(objects.status(), config.label_selector.IsKnown(),
                                  config.field_selector.IsKnown());
  }
  const std::string cluster_id = services_.ClusterId(context);
  for (const Json& object : *objects) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
    sdk::Listed<ManifestModel, ObjectIdentity> item;
    item.identity = IdentityOf(ref, cluster_id);
    item.display_name =
        ref.name_space.empty() ? ref.name : absl::StrCat(ref.name_space, "/", ref.name);
    if (include_resource) {
      ManifestModel model;
      model.manifest = ExportManifest(object, services_.settings()->field_manager).dump();
      item.resource = std::move(model);
    }
    if (!emit(std::move(item))) break;
  }
  return absl::OkStatus();
}

}  // namespace charon::kubernetes_resources
