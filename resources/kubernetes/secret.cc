#include "resources/kubernetes/secret.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/generate_value.h"
#include "provider/schema/checks.h"

namespace charon::kubernetes_resources {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;

constexpr char kType[] = "charon_secret";

ObjectRef RefIn(const std::string& name_space, const SecretModel& model) {
  return {{"v1", "Secret"}, name_space, *model.name};
}

// The namespaces that have the Secret, its own first.
std::vector<std::string> Places(const SecretModel& model) {
  std::vector<std::string> places = {*model.name_space};
  for (const std::string& other : model.replicate_to.value_or({})) {
    if (other != *model.name_space) places.push_back(other);
  }
  return places;
}

// The keys that the configuration declares.
std::set<std::string> DeclaredKeys(const SecretModel& model) {
  std::set<std::string> keys;
  for (const auto& [key, value] : model.data_wo.value_or({})) keys.insert(key);
  for (const auto& [key, value] : model.generate.value_or({})) keys.insert(key);
  for (const auto& [key, value] : model.copy.value_or({})) keys.insert(key);
  return keys;
}

// The Secret in `name_space` with `data` (base64 values by key).
Json Render(const SecretModel& model, const std::string& name_space, const Json& data,
            const Conventions& conventions) {
  Json labels = conventions.default_labels;
  labels["app.kubernetes.io/managed-by"] = conventions.managed_by;
  for (const auto& [key, value] : model.labels.value_or({})) labels[key] = value;
  Json metadata = {{"name", *model.name}, {"namespace", name_space}, {"labels", labels}};
  if (model.annotations.IsKnown()) metadata["annotations"] = *model.annotations;
  Json object = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"metadata", metadata},
                 {"type", model.type.value_or("Opaque")},
                 {"data", data}};
  if (model.immutable.value_or(false)) object["immutable"] = true;
  return object;
}

// The keys of `live` that `manager` still owns: a key that another writer changed is his.
std::set<std::string> OwnedKeys(const Json& live, absl::string_view manager) {
  using Step = kubernetes::FieldStep;
  const kubernetes::FieldSet owned = kubernetes::AppliedBy(live, manager);
  std::set<std::string> keys;
  const Json& data = kubernetes::Field(live, "data");
  if (!data.is_object()) return keys;
  for (const auto& [key, value] : data.items()) {
    if (owned.Contains({Step{Step::Kind::kField, "data"}, Step{Step::Kind::kField, key}}))
      keys.insert(key);
  }
  return keys;
}

// The base64 value of `key`; "" if there is none.
std::string ValueOf(const Json& secret, const std::string& key) {
  const Json& data = kubernetes::Field(secret, "data");
  return data.is_object() ? data.value(key, "") : "";
}

void RegisterValue(const std::string& base64) {
  std::string plain;
  if (absl::Base64Unescape(base64, &plain)) RegisterSecret(plain);
}

absl::StatusOr<std::string> CopiedValue(const Call& call, kubernetes::Cluster& cluster,
                                        const SecretModel& model, const std::string& key,
                                        const SecretKeyModel& from) {
  const Path path = Path("copy").Key(key);
  const std::string place = from.name_space.value_or(*model.name_space);
  const absl::StatusOr<Json> source = cluster.Get(call, {{"v1", "Secret"}, place, *from.secret});
  if (!source.ok()) {
    return At(
        path,
        WithRemedy(
            Annotate(source.status(), absl::StrCat("reading Secret ", place, "/", *from.secret)),
            "The Secret to copy from must exist before this one: order them with depends_on."));
  }
  const std::string wanted = from.key.value_or(key);
  const Json& data = kubernetes::Field(*source, "data");
  if (!data.is_object() || !data.contains(wanted)) {
    std::vector<std::string> keys;
    if (data.is_object()) {
      for (const auto& [name, value] : data.items()) keys.push_back(name);
    }
    return At(path, absl::NotFoundError(absl::StrCat(
                        "Secret ", place, "/", *from.secret, " has no key \"", wanted,
                        "\"; it has ", keys.empty() ? "none" : absl::StrJoin(keys, ", "))));
  }
  const std::string value = data.value(wanted, "");
  RegisterValue(value);
  return value;
}

}  // namespace

const ObjectSpec<GenerateModel>& GenerateModel::Describe() {
  using M = GenerateModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A value that is made up once and kept in the cluster.",
      {
          Field(&M::kind, "kind", Optional,
                "`alphanumeric` (default), `password` (also `-_.~!*`), `hex`, `base64` (of "
                "`length` random bytes) or `uuid`.")
              .Check(OneOf({"alphanumeric", "password", "hex", "base64", "uuid"})),
          Field(&M::length, "length", Optional,
                "Number of characters (bytes for `base64`); 32 by default.")
              .Check(Between(8, 4096)),
          Field(&M::rotation_trigger, "rotation_trigger", Optional,
                "Any text; a change makes up a new value."),
      });
  return spec;
}

const ObjectSpec<SecretKeyModel>& SecretKeyModel::Describe() {
  using M = SecretKeyModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A key of another Secret, whose value is copied in each apply and compared in each plan.",
      {
          Field(&M::secret, "secret", Required, "Name of the Secret to copy from.")
              .Check(DnsSubdomain()),
          Field(&M::name_space, "namespace", Optional, "Its namespace; this Secret's by default.")
              .Check(DnsLabel()),
          Field(&M::key, "key", Optional, "Its key; the same as here by default."),
      });
  return spec;
}

const ObjectSpec<SecretModel>& SecretModel::Describe() {
  using M = SecretModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A Secret whose values never reach Terraform's state, plan or log. A value is given "
      "write-only, made up once in the "
      "cluster, or copied from another Secret. Keys that others write into the same Secret are "
      "left alone.",
      {
          Field(&M::name, "name", Required, "Name of the Secret.").ForceNew().Check(DnsSubdomain()),
          Field(&M::name_space, "namespace", Required, "Namespace of the Secret.")
              .ForceNew()
              .Check(DnsLabel()),
          Field(&M::type, "type", Optional, "Type of the Secret, such as `kubernetes.io/tls`.")
              .Default("Opaque")
              .ForceNew(),
          Field(&M::labels, "labels", Optional, "Labels of the Secret. Others are left alone.")
              .Check(EachKey(LabelKey()))
              .Check(EachElement(LabelValue())),
          Field(&M::annotations, "annotations", Optional,
                "Annotations of the Secret. Others are left alone.")
              .Check(EachKey(LabelKey())),
          Field(&M::data_wo, "data_wo", Optional,
                "Values by key, write-only (Terraform and OpenTofu 1.11): read at apply, stored "
                "only in the cluster.")
              .WriteOnly(),
          Field(&M::data_wo_version, "data_wo_version", Optional,
                "Any text; change it when `data_wo` changes, since Terraform cannot see that."),
          Field(&M::generate, "generate", Optional,
                "Values by key that are made up once. A value that the Secret already has is kept; "
                "only a change of "
                "`rotation_trigger` makes a new one."),
          Field(&M::copy, "copy", Optional, "Values by key from other Secrets."),
          Field(&M::replicate_to, "replicate_to", Optional,
                "Further namespaces that get the same Secret.")
              .Check(EachElement(DnsLabel())),
          Field(&M::immutable, "immutable", Optional,
                "Make the Secret immutable: faster for the kubelet; each change of a value then "
                "replaces it.")
              .Default(false),
          Field(&M::force_conflicts, "force_conflicts", Optional,
                "Take over keys that another field manager owns, instead of an error."),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the Secret exists and is not this stack's: `fail` (default), "
                "`adopt` or `replace`.")
              .Check(OneOf({"fail", "adopt", "replace"})),
          Field(&M::keys, "keys", Computed, "Names of the keys that this resource owns."),
          Field(&M::revision, "revision", Computed,
                "Counts the changes of values, so that what depends on them can follow: in a pod "
                "annotation, for example."),
          sdk::TimeoutsField(&M::timeouts),
      },
      {RequiredTogether({"data_wo", "data_wo_version"})});
  return spec;
}

const ObjectSpec<SecretIdentity>& SecretIdentity::Describe() {
  using M = SecretIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The Secret.",
      {
          Field(&M::name_space, "namespace", Required, "Namespace of the Secret."),
          Field(&M::name, "name", Required, "Name of the Secret."),
          Field(&M::cluster, "cluster", Optional, "Uid of the cluster's namespace kube-system."),
      });
  return spec;
}

const sdk::ResourceInfo& SecretResource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = kType,
                                                   .noun = "Secret",
                                                   .subcategory = "Kubernetes",
                                                   .timeouts = {},
                                                   .import_id = "`namespace/name`"};
  return info;
}

operations::ObjectOptions SecretResource::Options(const SecretModel& model) const {
  operations::ObjectOptions options =
      services_.Ownership(kType, absl::StrCat(*model.name_space, "/", *model.name));
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = absl::StrCat(*model.name_space, "/", *model.name);
  return options;
}

absl::Status SecretResource::Validate(const sdk::Context&, const SecretModel& config) {
  std::map<std::string, const char*> from;
  auto claim = [&](const std::string& key, const char* attribute) -> absl::Status {
    const auto [found, fresh] = from.emplace(key, attribute);
    if (fresh) return absl::OkStatus();
    return At(Path(attribute).Key(key),
              absl::InvalidArgumentError(absl::StrCat("the key \"", key, "\" is given by \"",
                                                      found->second, "\" as well")));
  };
  for (const auto& [key, value] : config.data_wo.value_or({}))
    CHARON_RETURN_IF_ERROR(claim(key, "data_wo"));
  for (const auto& [key, value] : config.generate.value_or({}))
    CHARON_RETURN_IF_ERROR(claim(key, "generate"));
  for (const auto& [key, value] : config.copy.value_or({}))
    CHARON_RETURN_IF_ERROR(claim(key, "copy"));
  for (const auto& [key, attribute] : from) {
    const bool fits =
        !key.empty() && key.size() <= 253 && std::all_of(key.begin(), key.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
                 c == '.';
        });
    if (!fits) {
      return At(
          Path(attribute).Key(key),
          absl::InvalidArgumentError(absl::StrCat(
              "\"", key,
              "\" cannot be a key of a Secret: use letters, digits, \"-\", \"_\" and \".\"")));
    }
  }
  return absl::OkStatus();
}

absl::Status SecretResource::Plan(const sdk::Context& context,
                                  sdk::PlanChange<SecretModel>& change) {
  if (change.IsDestroy()) return absl::OkStatus();
  const SecretModel& config = change.config();
  const bool keys_known =
      !config.data_wo.IsUnknown() && !config.generate.IsUnknown() && !config.copy.IsUnknown();
  if (keys_known) change.Set("keys", Attr<std::set<std::string>>(DeclaredKeys(config)));
  if (!change.IsUpdate()) return absl::OkStatus();
  const SecretModel& prior = change.prior();
  bool values = prior.data_wo_version != config.data_wo_version ||
                prior.generate != change.planned().generate ||
                prior.copy != change.planned().copy || !keys_known ||
                prior.keys != Attr<std::set<std::string>>(DeclaredKeys(config));
  if (!values && config.copy.IsKnown() && !context.provider_config_unknown) {
    // Has a source changed? Values are compared where they are; nothing of them is kept.
    if (const absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> cluster = services_.Kubernetes();
        cluster.ok()) {
      const absl::StatusOr<std::shared_ptr<const Json>> live =
          (*cluster)->Read(context, RefIn(*prior.name_space, prior));
      for (const auto& [key, from] : *config.copy) {
        if (!live.ok()) break;
        const absl::StatusOr<std::string> value = CopiedValue(context, **cluster, prior, key, from);
        if (value.ok() && *value != ValueOf(**live, key)) values = true;
      }
    }
  }
  if (values) {
    change.SetUnknown("revision");
    if (prior.immutable.value_or(false)) change.RequireReplace("revision");
  } else {
    change.KeepPrior("revision");
  }
  if (prior.immutable.value_or(false) && !change.planned().immutable.value_or(false))
    change.RequireReplace("immutable");
  return absl::OkStatus();
}

// The values to apply, base64 by key. `live` is what the Secret holds now (null if it is not
// there).
absl::StatusOr<Json> SecretResource::Values(const sdk::Context& context,
                                            kubernetes::Cluster& cluster, const SecretModel* prior,
                                            const SecretModel& plan, const Json& live) const {
  Json data = Json::object();
  for (const auto& [key, value] : plan.data_wo.value_or({})) {
    RegisterSecret(value);
    data[key] = absl::Base64Escape(value);
  }
  for (const auto& [key, wanted] : plan.generate.value_or({})) {
    bool rotate = false;
    if (prior != nullptr && prior->generate.IsKnown()) {
      const auto former = prior->generate->find(key);
      rotate = former != prior->generate->end() &&
               former->second.rotation_trigger != wanted.rotation_trigger;
    }
    std::string value = ValueOf(live, key);
    if (value.empty() || rotate) {
      CHARON_ASSIGN_OR_RETURN(const std::string made,
                              operations::GenerateValue(wanted.kind.value_or("alphanumeric"),
                                                        wanted.length.value_or(32)));
      RegisterSecret(made);
      value = absl::Base64Escape(made);
    } else {
      RegisterValue(value);
    }
    data[key] = value;
  }
  for (const auto& [key, from] : plan.copy.value_or({})) {
    CHARON_ASSIGN_OR_RETURN(data[key], CopiedValue(context, cluster, plan, key, from));
  }
  return data;
}

sdk::Outcome<SecretModel> SecretResource::Apply(const sdk::Context& context,
                                                const SecretModel* prior, const SecretModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const Conventions conventions = services_.settings()->conventions;
  const operations::ObjectOptions options = Options(plan);
  absl::StatusOr<Json> live = cluster->Get(context, RefIn(*plan.name_space, plan));
  if (absl::IsNotFound(live.status())) live = Json();
  CHARON_RETURN_IF_ERROR(live.status());
  CHARON_ASSIGN_OR_RETURN(const Json data, Values(context, *cluster, prior, plan, *live));

  SecretModel reached = plan;
  reached.keys = DeclaredKeys(plan);
  const std::int64_t former = prior != nullptr ? prior->revision.value_or(0) : 0;
  if (!plan.revision.IsKnown()) reached.revision = former + 1;
  std::set<std::string> made;
  const std::vector<std::string> places = Places(plan);
  for (const std::string& place : places) {
    const Json object = Render(plan, place, data, conventions);
    const bool fresh = prior == nullptr || [&] {
      const std::vector<std::string> before = Places(*prior);
      return std::find(before.begin(), before.end(), place) == before.end();
    }();
    const auto applied = fresh ? operations::CreateObject(context, *cluster, object, options)
                               : operations::UpdateObject(context, *cluster, object, options);
    if (!applied.ok()) {
      const Path path = place == *plan.name_space ? Path("name") : Path("replicate_to");
      const absl::Status status =
          At(path, Annotate(applied.status(), absl::StrCat("Secret ", place, "/", *plan.name)));
      if (place == *plan.name_space) return status;
      reached.replicate_to = made;
      return sdk::Outcome<SecretModel>::Partial(reached, status);
    }
    if (place != *plan.name_space) made.insert(place);
  }
  if (prior != nullptr) {
    for (const std::string& place : Places(*prior)) {
      if (std::find(places.begin(), places.end(), place) != places.end()) continue;
      const absl::Status gone =
          operations::DeleteObject(context, *cluster, RefIn(place, plan), options);
      if (!gone.ok() && !absl::IsNotFound(gone)) {
        reached.replicate_to = made;
        reached.replicate_to.value().insert(place);
        return sdk::Outcome<SecretModel>::Partial(reached, At("replicate_to", gone));
      }
    }
  }
  return reached;
}

sdk::Outcome<SecretModel> SecretResource::Create(const sdk::Context& context,
                                                 const SecretModel& plan) {
  return Apply(context, nullptr, plan);
}

sdk::Outcome<SecretModel> SecretResource::Update(const sdk::Context& context,
                                                 const SecretModel& prior,
                                                 const SecretModel& plan) {
  return Apply(context, &prior, plan);
}

sdk::Outcome<SecretModel> SecretResource::Read(const sdk::Context& context,
                                               const SecretModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<const Json> live,
                          cluster->Read(context, RefIn(*prior.name_space, prior)));
  const std::string manager = services_.settings()->field_manager;
  SecretModel model = prior;
  const bool imported = prior.keys.IsNull();
  std::set<std::string> keys = OwnedKeys(*live, manager);
  auto text_map = [&](const char* path) {
    std::map<std::string, std::string> map;
    const Json& object = kubernetes::Field(*live, path);
    if (!object.is_object()) return map;
    for (const auto& [key, value] : object.items()) {
      if (value.is_string()) map[key] = value.get<std::string>();
    }
    return map;
  };
  model.type = kubernetes::Text(*live, "type");
  const Json& immutable = kubernetes::Field(*live, "immutable");
  model.immutable = immutable.is_boolean() && immutable.get<bool>();
  if (imported) {
    const kubernetes::FieldSet owned = kubernetes::AppliedBy(*live, manager);
    const Conventions conventions = services_.settings()->conventions;
    auto own = [&](const char* map) {
      using Step = kubernetes::FieldStep;
      std::map<std::string, std::string> mine;
      for (auto& [key, value] : text_map(absl::StrCat("metadata.", map).c_str())) {
        const bool conventional = key == "app.kubernetes.io/managed-by" ||
                                  key == operations::kOwnerAnnotation ||
                                  conventions.default_labels.count(key) != 0;
        const bool applied =
            owned.Contains({Step{Step::Kind::kField, "metadata"}, Step{Step::Kind::kField, map},
                            Step{Step::Kind::kField, key}});
        if (applied && !conventional) mine[key] = value;
      }
      return mine.empty() ? Attr<std::map<std::string, std::string>>()
                          : Attr<std::map<std::string, std::string>>(mine);
    };
    model.labels = own("labels");
    model.annotations = own("annotations");
    model.keys = std::move(keys);
    model.revision = 1;
    return model;
  }
  for (Attr<std::map<std::string, std::string>>* declared : {&model.labels, &model.annotations}) {
    if (!declared->IsKnown()) continue;
    const auto now =
        text_map(declared == &model.labels ? "metadata.labels" : "metadata.annotations");
    for (auto entry = declared->value().begin(); entry != declared->value().end();) {
      const auto found = now.find(entry->first);
      if (found == now.end()) {
        entry = declared->value().erase(entry);
      } else {
        (entry++)->second = found->second;
      }
    }
  }
  Json declared =
      Render(prior, *prior.name_space, Json::object(), services_.settings()->conventions);
  declared.erase("data");
  if (const auto differences = kubernetes::Compare(declared, *live, manager);
      !differences.empty()) {
    context.diagnostics->Warning(
        absl::StrCat("Changed outside of Terraform: Secret ", *prior.name_space, "/", *prior.name),
        absl::StrCat(operations::DescribeDrift(differences),
                     "\n\nApply sets it back if nobody owns the field. If another manager does, "
                     "apply refuses to fight it: "
                     "leave the field out, or take it over with force_conflicts = true."));
  }
  // Only what is ours can be missed; what somebody else wrote into the Secret is his.
  std::set<std::string> left;
  std::vector<std::string> lost;
  for (const std::string& key : *prior.keys) {
    if (keys.count(key) != 0) {
      left.insert(key);
    } else {
      lost.push_back(key);
    }
  }
  if (!lost.empty()) {
    std::set<std::string> owners;
    for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(*live)) {
      if (entry.manager != manager && entry.subresource.empty()) owners.insert(entry.manager);
    }
    context.diagnostics->Warning(
        absl::StrCat("Changed outside of Terraform: Secret ", *prior.name_space, "/", *prior.name),
        absl::StrCat(owners.empty() ? "Somebody" : absl::StrJoin(owners, ", "),
                     " removed or took over ", lost.size() == 1 ? "the key " : "the keys ",
                     absl::StrJoin(lost, ", "),
                     ". Apply sets them again; if another manager owns them now, leave them out or "
                     "use force_conflicts = true."),
        "keys");
  }
  model.keys = std::move(left);
  if (prior.replicate_to.IsKnown()) {
    std::set<std::string> there;
    for (const std::string& place : *prior.replicate_to) {
      const absl::Status copy = cluster->Read(context, RefIn(place, prior)).status();
      if (copy.ok()) there.insert(place);
      if (!copy.ok() && !absl::IsNotFound(copy)) return copy;
    }
    model.replicate_to = std::move(there);
  }
  return model;
}

absl::Status SecretResource::Delete(const sdk::Context& context, const SecretModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  std::vector<std::string> places = Places(prior);
  std::reverse(places.begin(), places.end());
  for (const std::string& place : places) {
    const absl::Status gone =
        operations::DeleteObject(context, *cluster, RefIn(place, prior), Options(prior));
    if (!gone.ok() && !absl::IsNotFound(gone)) return gone;
  }
  return absl::OkStatus();
}

absl::StatusOr<SecretModel> SecretResource::Import(const sdk::Context&, const std::string& id) {
  const std::vector<std::string> parts = absl::StrSplit(id, '/');
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    return absl::InvalidArgumentError("must have the form namespace/name");
  }
  SecretModel model;
  model.name_space = parts[0];
  model.name = parts[1];
  model.type = "Opaque";
  model.immutable = false;
  return model;
}

absl::StatusOr<SecretModel> SecretResource::ImportByIdentity(const sdk::Context& context,
                                                             const SecretIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, absl::StrCat(*identity.name_space, "/", *identity.name));
}

absl::StatusOr<SecretIdentity> SecretResource::Identify(const sdk::Context& context,
                                                        const SecretModel& state) {
  SecretIdentity identity;
  identity.name_space = state.name_space;
  identity.name = state.name;
  if (std::string cluster = services_.ClusterId(context); !cluster.empty())
    identity.cluster = std::move(cluster);
  return identity;
}

std::string SecretResource::SameObject(const SecretModel& model) const {
  if (!model.name.IsKnown() || !model.name_space.IsKnown()) return "";
  return absl::StrCat(*model.name_space, "/", *model.name);
}

}  // namespace charon::kubernetes_resources
