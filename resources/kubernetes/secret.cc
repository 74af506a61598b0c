#include "resources/kubernetes/secret.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/generate_value.h"
#include "provider/operations/labels.h"
#include "provider/operations/remake_secret.h"
#include "provider/schema/checks.h"

namespace charon::kubernetes_resources {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;
using operations::Labels;

constexpr char kSecretType[] = "charon_secret";
// Of the Secret in its own namespace: where it has copies, or had them. Written before they are, so
// that what a killed run has made is found.
constexpr char kCopiesAnnotation[] = "charon.internal/copies";

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

// The same without its own.
std::set<std::string> CopyPlaces(const SecretModel& model) {
  const std::vector<std::string> places = Places(model);
  return {places.begin() + 1, places.end()};
}

// The copies of `live` that no state has: ours, noted, and not `known`.
absl::StatusOr<std::set<std::string>> FindCopies(const Call& call, kubernetes::Cluster& cluster,
                                                 const SecretModel& model, const Json& live,
                                                 const std::set<std::string>& known,
                                                 const operations::ObjectOptions& options) {
  std::set<std::string> found;
  if (operations::ClaimOf(&live, options) != operations::Claim::kOurs) return found;
  const std::string copies = kubernetes::Annotation(live, kCopiesAnnotation);
  for (const absl::string_view noted : absl::StrSplit(copies, ',', absl::SkipEmpty())) {
    const std::string place(noted);
    if (place == *model.name_space || known.count(place) != 0) continue;
    const auto copy = cluster.Read(call, RefIn(place, model));
    // A note may be older than the right to look there.
    if (absl::IsNotFound(copy.status()) || absl::IsPermissionDenied(copy.status())) continue;
    CHARON_RETURN_IF_ERROR(copy.status());
    if (operations::ClaimOf(copy->get(), options) == operations::Claim::kOurs) found.insert(place);
  }
  return found;
}

// The keys that the configuration declares.
std::set<std::string> DeclaredKeys(const SecretModel& model) {
  std::set<std::string> keys;
  for (const auto& [key, value] : model.data_wo.value_or({})) keys.insert(key);
  for (const auto& [key, value] : model.generate.value_or({})) keys.insert(key);
  for (const auto& [key, value] : model.copy.value_or({})) keys.insert(key);
  return keys;
}

// Of the Secret and of its copies.
Labels LabelsFor(const SecretModel& model, const Conventions& conventions) {
  Labels labels = conventions.Labels();
  for (const auto& [key, value] : model.labels.value_or({})) labels[key] = value;
  return labels;
}

// The Secret in `name_space` with `data` (base64 values by key).
Json Render(const SecretModel& model, const std::string& name_space, const Json& data,
            const Labels& labels) {
  Json metadata = {{"name", *model.name}, {"namespace", name_space}, {"labels", labels}};
  if (model.annotations.IsKnown()) metadata["annotations"] = *model.annotations;
  Json object = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"metadata", metadata},
                 {"type", model.type.value_or("Opaque")}};
  // The server takes an empty map for a change of an immutable Secret without any. Elsewhere it is
  // said: with a map that we no longer name, what others have in it would go.
  if (!data.empty() || !model.immutable.value_or(false)) object["data"] = data;
  if (model.immutable.value_or(false)) object["immutable"] = true;
  return object;
}

// The base64 value of `key`; "" if there is none.
std::string ValueOf(const Json& secret, const std::string& key) {
  const Json& data = kubernetes::Field(secret, "data");
  return data.is_object() ? data.value(key, "") : "";
}

// What `copy` has otherwise than the Secret `live`, of these keys, and than `labels`, with `former`
// ones in the state.
std::vector<kubernetes::Difference> CompareCopy(const Json& copy, const Json& live,
                                                const std::set<std::string>& keys,
                                                const Labels& labels,
                                                const std::optional<Labels>& former,
                                                const operations::ObjectOptions& options) {
  Json data = Json::object();
  for (const std::string& key : keys) data[key] = ValueOf(live, key);
  const std::string manager = operations::ComparedAs(copy, options);
  Json wanted = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"data", data}};
  if (!labels.empty()) wanted["metadata"]["labels"] = labels;
  std::vector<kubernetes::Difference> differences = kubernetes::Compare(wanted, copy, manager);
  operations::DropExpectedLabels(differences, former, manager);
  return differences;
}

// True if `there` has a key of `data` that is not ours.
bool IsContested(const Json& there, const Json& data, const operations::ObjectOptions& options) {
  const std::set<std::string> owned = operations::OwnedKeys(there, options);
  for (const auto& [key, value] : data.items()) {
    if (!ValueOf(there, key).empty() && owned.count(key) == 0) return true;
  }
  return false;
}

// The name under which keys have to go from `there` that `data` does not have any more: the former
// one, since a change of managers leaves the values of Secrets. Empty: there are none.
std::string FormerNameToRemove(const Json& there, const Json& data,
                               const operations::ObjectOptions& options) {
  if (!there.is_object()) return "";
  std::string former = operations::AppliedAs(there, options);
  if (former.empty() || former == options.manager) return "";
  operations::ObjectOptions as_former = options;
  as_former.manager = former;
  const std::set<std::string> owned = operations::OwnedKeys(there, as_former);
  const bool more = std::any_of(owned.begin(), owned.end(),
                                [&data](const std::string& key) { return !data.contains(key); });
  return more ? former : "";
}

void RegisterValue(const std::string& base64) {
  std::string plain;
  if (absl::Base64Unescape(base64, &plain)) RegisterSecret(plain);
}

// True if `wanted` has another rotation_trigger than before (null: there was nothing before). One
// that is taken away rotates nothing, and what an import found is only known to be there.
bool IsRotated(const sdk::Context& context, const SecretModel* prior, const std::string& key,
               const GenerateModel& wanted) {
  if (context.adopting || prior == nullptr || !prior->generate.IsKnown() ||
      wanted.rotation_trigger.IsNull())
    return false;
  const auto former = prior->generate->find(key);
  return former != prior->generate->end() &&
         former->second.rotation_trigger != wanted.rotation_trigger;
}

bool IsPlace(const SecretModel& model, const std::string& place) {
  const std::vector<std::string> places = Places(model);
  return std::find(places.begin(), places.end(), place) != places.end();
}

// True if a change from `prior` to `planned` gives a key another value, or may do so.
bool ChangesValues(const sdk::Context& context, const SecretModel& prior,
                   const SecretModel& planned) {
  if (prior.data_wo_version != planned.data_wo_version || prior.copy != planned.copy) return true;
  if (planned.generate.IsUnknown() || prior.keys != planned.keys) return true;
  if (!planned.generate.IsKnown()) return false;
  return std::any_of(planned.generate->begin(), planned.generate->end(), [&](const auto& entry) {
    return IsRotated(context, &prior, entry.first, entry.second);
  });
}

// The values of data_wo, base64 by key. What `live` holds under a key of `ours` stays while
// data_wo_version does: each run may read other values, and a change of something else must not
// write them.
Json WrittenValues(const SecretModel* prior, const SecretModel& planned, const Json& live,
                   const std::set<std::string>& ours) {
  const bool same_version = prior != nullptr && prior->data_wo_version == planned.data_wo_version;
  Json data = Json::object();
  for (const auto& [key, value] : planned.data_wo.value_or({})) {
    RegisterSecret(value);
    const bool stays = same_version && ours.count(key) != 0 &&
                       prior->generate.value_or({}).count(key) == 0 &&
                       prior->copy.value_or({}).count(key) == 0;
    const std::string held = stays ? ValueOf(live, key) : "";
    data[key] = held.empty() ? absl::Base64Escape(value) : held;
    RegisterValue(held);
  }
  return data;
}

// A value that the server takes for `key` where the real one is not made yet.
std::string Placeholder(const std::string& key, std::int64_t length) {
  const bool json = key == ".dockerconfigjson" || key == ".dockercfg";
  return absl::Base64Escape(json ? "{}" : std::string(static_cast<std::size_t>(length), 'x'));
}

// `status`, an answer about the Secret in `place`, at the attribute that it is about.
absl::Status AtPlace(const SecretModel& model, const std::string& place, absl::Status status) {
  Path path = place == *model.name_space ? Path("name") : Path("replicate_to");
  for (const kubernetes::ApiError::Cause& cause : kubernetes::ApiErrorOf(status).causes) {
    absl::string_view field = cause.field;
    if (absl::ConsumePrefix(&field, "data[") && absl::ConsumeSuffix(&field, "]")) {
      const std::string key(field);
      path = model.data_wo.IsKnown() && model.data_wo->count(key) != 0 ? Path("data_wo")
             : model.generate.IsKnown() && model.generate->count(key) != 0
                 ? Path("generate").Key(key)
             : model.copy.IsKnown() && model.copy->count(key) != 0 ? Path("copy").Key(key)
                                                                   : Path("type");
      break;
    }
    if (absl::StartsWith(field, "metadata.labels")) path = Path("labels");
    if (absl::StartsWith(field, "metadata.annotations")) path = Path("annotations");
  }
  return At(path, Annotate(std::move(status), absl::StrCat("Secret ", place, "/", *model.name)));
}

// How fresh a source has to be: plans take what this run knows of it.
enum class Ask { kNow, kOnce };

absl::StatusOr<std::string> CopiedValue(const Call& call, kubernetes::Cluster& cluster,
                                        const SecretModel& model, const std::string& key,
                                        const SecretKeyModel& from, Ask ask) {
  const Path path = Path("copy").Key(key);
  const std::string place = from.name_space.value_or(*model.name_space);
  const ObjectRef ref{{"v1", "Secret"}, place, *from.secret};
  absl::StatusOr<Json> source;
  if (ask == Ask::kNow) {
    source = cluster.Get(call, ref);
  } else if (const auto known = cluster.Read(call, ref); known.ok()) {
    source = **known;
  } else {
    source = known.status();
  }
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
                "Any text; another one makes up a new value. Taking it away does not."),
      },
      {NotWith("length", "kind", "uuid")});
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
          Field(
              &M::revision, "revision", Optional,
              "Revision of the `charon_secret` to copy from, such as "
              "`charon_secret.database.revision`: what it gives a new value is then copied in the "
              "same apply. Without it the next plan finds the change."),
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
          Field(&M::type, "type", Optional,
                "Type of the Secret, such as `kubernetes.io/tls`. A change deletes the Secret and "
                "makes it again, with the values it has.")
              .Default("Opaque"),
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
          Field(
              &M::data_wo_version, "data_wo_version", Optional,
              "Any text; change it when `data_wo` changes, since Terraform cannot see that. Until "
              "then the values that the Secret has stay."),
          Field(&M::generate, "generate", Optional,
                "Values by key that are made up once. A value that the Secret already has is kept; "
                "only a change of "
                "`rotation_trigger` makes a new one."),
          Field(&M::copy, "copy", Optional, "Values by key from other Secrets."),
          Field(&M::replicate_to, "replicate_to", Optional,
                "Further namespaces that get the same Secret.")
              .Check(EachElement(DnsLabel())),
          Field(
              &M::immutable, "immutable", Optional,
              "Make the Secret immutable: faster for the kubelet. A change of a value or a key, "
              "or back to `false`, then deletes the Secret and makes it again, with the values it "
              "has.")
              .Default(false),
          Field(&M::force_conflicts, "force_conflicts", Optional,
                "Take over keys that another field manager owns, instead of an error."),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the Secret exists and is not this stack's: `fail` (default), "
                "`adopt` or `replace`.")
              .Check(OneOf({"fail", "adopt", "replace"})),
          Field(&M::keys, "keys", Computed, "Names of the keys that this resource owns."),
          Field(&M::revision, "revision", Computed,
                "A number that grows with each change of values, so that what depends on them can "
                "follow: in a pod annotation, for example. It begins with the time of the "
                "creation, in milliseconds, so that a Secret that is made again has a new one."),
          Field(&M::labels_all, "labels_all", Computed,
                "All labels that this resource gives the Secret and its copies: `labels`, and "
                "those of the provider block's `conventions`."),
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
  static const auto& info = *new sdk::ResourceInfo{.type = kSecretType,
                                                   .noun = "Secret",
                                                   .subcategory = "Kubernetes",
                                                   .timeouts = {},
                                                   .import_id = "`namespace/name`",
                                                   .needs = needs::LabelledObjects()};
  return info;
}

operations::ObjectOptions SecretResource::Options(const sdk::Context& context,
                                                  const SecretModel& model) const {
  operations::ObjectOptions options =
      services_.Ownership(kSecretType, absl::StrCat(*model.name_space, "/", *model.name));
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = absl::StrCat(*model.name_space, "/", *model.name);
  options.applied_before = !context.adopting;
  return options;
}

absl::Status SecretResource::Validate(const sdk::Context&, const SecretModel& config) {
  if (config.type.IsKnown() && config.type->empty()) {
    return At("type", WithRemedy(absl::InvalidArgumentError("must not be empty"),
                                 "Leave it out: the type is \"Opaque\" then."));
  }
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
  if (change.planned().name.IsKnown() && change.planned().name_space.IsKnown())
    services_.NotePlannedSecret(SameObject(change.planned()));
  if (change.IsUpdate()) {
    const SecretModel& prior = change.prior();
    SecretModel planned = change.planned();
    if (keys_known) planned.keys = DeclaredKeys(config);
    bool values = !keys_known || ChangesValues(context, prior, planned);
    if (!values && config.copy.IsKnown() && !context.provider_config_unknown) {
      // Has a source changed? Values are compared where they are; nothing of them is kept.
      if (const absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> cluster =
              services_.Kubernetes();
          cluster.ok()) {
        const absl::StatusOr<std::shared_ptr<const Json>> live =
            (*cluster)->Read(context, RefIn(*prior.name_space, prior));
        for (const auto& [key, from] : *config.copy) {
          if (!live.ok()) break;
          const absl::StatusOr<std::string> value =
              CopiedValue(context, **cluster, prior, key, from, Ask::kOnce);
          if (value.ok() && *value != ValueOf(**live, key)) values = true;
        }
      }
    }
    if (values) {
      change.SetUnknown("revision");
    } else {
      change.KeepPrior("revision");
    }
  }
  const std::shared_ptr<const Settings> settings = services_.settings();
  const bool labels_known = settings->KnowsLabels() && !config.labels.IsUnknown();
  change.SetUnlessUnread("labels_all", labels_known
                                           ? Attr<Labels>(LabelsFor(config, settings->conventions))
                                           : Attr<Labels>::Unknown());
  if (change.IsUpdate() && !change.Changes()) return absl::OkStatus();
  return keys_known ? CheckPlanned(context, change) : absl::OkStatus();
}

absl::Status SecretResource::CheckPlanned(const sdk::Context& context,
                                          const sdk::PlanChange<SecretModel>& change) const {
  SecretModel planned = change.planned();
  planned.data_wo = change.config().data_wo;
  const bool known = planned.name.IsKnown() && planned.name_space.IsKnown() &&
                     planned.type.IsKnown() && planned.immutable.IsKnown() &&
                     !planned.labels.IsUnknown() && !planned.annotations.IsUnknown() &&
                     !planned.replicate_to.IsUnknown();
  if (!known || context.provider_config_unknown || context.planned_before) return absl::OkStatus();
  const SecretModel* prior = change.IsUpdate() ? &change.prior() : nullptr;
  operations::ObjectOptions options = Options(context, planned);
  const Labels labels = LabelsFor(planned, services_.settings()->conventions);
  planned.keys = DeclaredKeys(planned);
  const absl::Status checked =
      services_.CheckPlan(context, [&](kubernetes::Cluster& cluster) -> absl::Status {
        const auto read = cluster.Read(context, RefIn(*planned.name_space, planned));
        if (absl::IsUnavailable(read.status()) || absl::IsDeadlineExceeded(read.status()))
          return read.status();
        const Json live = read.ok() ? **read : Json();
        Json data = WrittenValues(prior, planned, live, operations::OwnedKeys(live, options));
        for (const auto& [key, wanted] : planned.generate.value_or({})) {
          const std::string value =
              IsRotated(context, prior, key, wanted) ? "" : ValueOf(live, key);
          data[key] = value.empty() ? Placeholder(key, wanted.length.value_or(32)) : value;
          RegisterValue(value);
        }
        for (const auto& [key, from] : planned.copy.value_or({})) {
          data[key] = Placeholder(key, 32);
          if (from.secret.IsUnknown() || from.name_space.IsUnknown() || from.key.IsUnknown())
            continue;
          const absl::StatusOr<std::string> value =
              CopiedValue(context, cluster, planned, key, from, Ask::kOnce);
          if (value.ok()) data[key] = *value;
          const std::string source =
              absl::StrCat(from.name_space.value_or(*planned.name_space), "/", *from.secret);
          if (absl::IsNotFound(value.status()) && !services_.PlansSecret(source))
            context.diagnostics->Warning("What is copied is not there yet", value.status());
        }
        for (const std::string& place : Places(planned)) {
          const Json object = Render(planned, place, data, labels);
          const bool fresh = prior == nullptr || !IsPlace(*prior, place);
          const bool main = place == *planned.name_space;
          options.may_import = prior == nullptr && main;
          absl::Status status;
          if (!main && !fresh) {  // as the first, but for what others own
            const auto copy = cluster.Read(context, RefIn(place, planned));
            if (!copy.ok() || !IsContested(**copy, data, options) ||
                operations::MustBeMadeAgain(**copy, object, options))
              continue;
          }
          if (main && (!fresh || operations::ClaimOf(&live, options) == operations::Claim::kOurs) &&
              operations::MustBeMadeAgain(live, object, options)) {
            status = operations::CheckMakeAnew(context, cluster, object, options).status();
          } else if (fresh) {
            status = operations::CheckCreate(context, cluster, object, options).status();
          } else {
            status = operations::CheckUpdate(context, cluster, object, options).status();
          }
          if (!status.ok()) return AtPlace(planned, place, status);
        }
        return absl::OkStatus();
      });
  if (kubernetes::IsAdmissionDown(checked)) {
    context.diagnostics->Warning("The plan could not be checked", checked);
    return absl::OkStatus();
  }
  if (absl::IsAborted(checked)) {
    context.diagnostics->Warning("Another manager owns a field", checked);
    return absl::OkStatus();
  }
  return checked;
}

absl::Status SecretResource::TakeFromCopies(const sdk::Context& context,
                                            kubernetes::Cluster& cluster, const SecretModel& prior,
                                            const SecretModel& plan, Json& source) const {
  const operations::ObjectOptions options = Options(context, prior);
  std::set<std::string> missing;
  for (const auto& [key, wanted] : plan.generate.value_or({})) {
    const bool known = prior.generate.IsKnown() && prior.generate->count(key) != 0;
    if (known && ValueOf(source, key).empty() && !IsRotated(context, &prior, key, wanted))
      missing.insert(key);
  }
  for (const std::string& place : CopyPlaces(prior)) {
    if (missing.empty()) break;
    const absl::StatusOr<Json> copy = cluster.Get(context, RefIn(place, prior));
    if (absl::IsNotFound(copy.status())) continue;
    if (!copy.ok()) return At("replicate_to", copy.status());
    if (operations::ClaimOf(&*copy, options) != operations::Claim::kOurs) continue;
    for (const std::string& key : operations::OwnedKeys(*copy, options)) {
      const std::string value = ValueOf(*copy, key);
      if (!value.empty() && missing.erase(key) != 0) source["data"][key] = value;
    }
  }
  return absl::OkStatus();
}

// The values to apply, base64 by key. `live` is what the Secret holds now (null if it is not
// there), `ours` the keys of it that are ours.
absl::StatusOr<Json> SecretResource::Values(const sdk::Context& context,
                                            kubernetes::Cluster& cluster, const SecretModel* prior,
                                            const SecretModel& plan, const Json& live,
                                            const std::set<std::string>& ours) const {
  Json data = WrittenValues(prior, plan, live, ours);
  for (const auto& [key, wanted] : plan.generate.value_or({})) {
    std::string value = ValueOf(live, key);
    if (value.empty() || IsRotated(context, prior, key, wanted)) {
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
    CHARON_ASSIGN_OR_RETURN(data[key], CopiedValue(context, cluster, plan, key, from, Ask::kNow));
  }
  return data;
}

sdk::Outcome<SecretModel> SecretResource::Apply(const sdk::Context& context,
                                                const SecretModel* prior, const SecretModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  operations::ObjectOptions options = Options(context, plan);
  const ObjectRef ref = RefIn(*plan.name_space, plan);
  absl::StatusOr<Json> live = cluster->Get(context, ref);
  if (absl::IsNotFound(live.status())) live = Json();
  CHARON_RETURN_IF_ERROR(live.status());
  // What a run that was killed while it made the Secret again has put aside.
  const bool unfinished = prior != nullptr && prior->keys.IsKnown() && prior->keys->empty();
  const bool made_again = prior != nullptr && (unfinished || prior->immutable.value_or(false) ||
                                               prior->type != plan.type);
  Json kept;
  if (made_again || (live->is_null() && plan.generate.IsKnown())) {
    CHARON_ASSIGN_OR_RETURN(kept, operations::KeptValues(context, *cluster, ref, options));
  }
  Json source = live->is_null() ? kept : *live;
  if (prior != nullptr)
    CHARON_RETURN_IF_ERROR(TakeFromCopies(context, *cluster, *prior, plan, source));
  // What was put aside is all ours.
  const std::set<std::string> ours =
      live->is_null() ? DeclaredKeys(plan) : operations::OwnedKeys(*live, options);
  CHARON_ASSIGN_OR_RETURN(const Json data, Values(context, *cluster, prior, plan, source, ours));

  SecretModel reached = plan;
  reached.keys = DeclaredKeys(plan);
  reached.labels_all = LabelsFor(plan, services_.settings()->conventions);
  if (!plan.revision.IsKnown()) {
    // One that is made anew must not count what its predecessor has counted.
    reached.revision = prior != nullptr ? prior->revision.value_or(0) + 1
                                        : absl::ToUnixMillis(context.call.clock->Now());
  }
  const std::vector<std::string> places = Places(plan);
  // Where copies may be, and where they are still to be written.
  std::set<std::string> held, unwritten = CopyPlaces(plan);
  if (prior != nullptr) held = CopyPlaces(*prior);
  if (live->is_object()) {
    CHARON_ASSIGN_OR_RETURN(const std::set<std::string> found,
                            FindCopies(context, *cluster, plan, *live, held, options));
    held.insert(found.begin(), found.end());
  }
  std::set<std::string> noted = unwritten;
  noted.insert(held.begin(), held.end());
  const std::set<std::string> former_places = held;
  auto partial = [&](absl::Status status) {
    std::set<std::string> stale;
    std::set_intersection(held.begin(), held.end(), unwritten.begin(), unwritten.end(),
                          std::inserter(stale, stale.end()));
    // Those that were to go have the former values.
    const bool outdated = !plan.revision.IsKnown() &&
                          std::any_of(held.begin(), held.end(), [&plan](const std::string& place) {
                            return !IsPlace(plan, place);
                          });
    if (!stale.empty() || outdated) {
      // The next plan has to show that they are not done: by the keys, or, where there are none,
      // by the places.
      if (reached.keys->empty()) {
        for (const std::string& place : stale) held.erase(place);
      }
      reached.keys = std::set<std::string>();
    }
    reached.replicate_to = held;
    return sdk::Outcome<SecretModel>::Partial(reached, std::move(status));
  };
  for (const std::string& place : places) {
    const bool main = place == *plan.name_space;
    options.may_import = prior == nullptr && main;
    Json object = Render(plan, place, data, *reached.labels_all);
    if (main && !noted.empty())
      object["metadata"]["annotations"][kCopiesAnnotation] = absl::StrJoin(noted, ",");
    const bool fresh = prior == nullptr || !IsPlace(*prior, place);
    Json there;
    if (main) {
      there = *live;
    } else if (!fresh) {
      const auto read = cluster->Read(context, RefIn(place, plan));
      if (!read.ok() && !absl::IsNotFound(read.status()))
        return partial(AtPlace(plan, place, read.status()));
      if (read.ok()) there = **read;
    }
    const operations::Claim claim = operations::ClaimOf(&there, options);
    const bool may = claim == operations::Claim::kOurs ||
                     (!fresh && claim == operations::Claim::kUnclaimed &&
                      !operations::IsNamesake(there, options)) ||
                     (options.on_conflict == operations::OnConflict::kAdopt);
    absl::StatusOr<Json> applied;
    const std::string former_name = may ? FormerNameToRemove(there, data, options) : "";
    if (may && (main || made_again) && operations::MustBeMadeAgain(there, object, options)) {
      const bool keep = main && plan.generate.IsKnown();
      absl::Status ready = operations::CheckMakeAnew(context, *cluster, object, options).status();
      if (ready.ok() && keep)
        ready = operations::KeepValues(context, *cluster, object, there, options);
      if (keep) kept = object;
      applied = ready.ok()
                    ? operations::RemakeSecret(context, *cluster, object, there, there, options)
                    : absl::StatusOr<Json>(ready);
    } else if (main && there.is_null() && kept.is_object()) {
      applied = operations::RemakeSecret(context, *cluster, object, there, kept, options);
    } else {
      absl::Status removed;
      if (!former_name.empty()) {
        operations::ObjectOptions as_former = options;
        as_former.manager = former_name;
        removed = operations::UpdateObject(context, *cluster, object, as_former).status();
      }
      if (!removed.ok()) {
        applied = removed;
      } else if (fresh && former_name.empty()) {
        applied = operations::CreateObject(context, *cluster, object, options);
      } else {
        applied = operations::UpdateObject(context, *cluster, object, options);
      }
    }
    if (!applied.ok()) {
      const absl::Status status = AtPlace(plan, place, applied.status());
      if (main) return status;
      // It may be the answer only that was lost.
      const absl::StatusOr<Json> now = cluster->Get(context, RefIn(place, plan));
      if (now.ok() && operations::ClaimOf(&*now, options) == operations::Claim::kOurs) {
        held.insert(place);
        if (kubernetes::Compare(object, *now, options.manager).empty()) unwritten.erase(place);
      } else if (now.ok() || absl::IsNotFound(now.status())) {
        held.erase(place);
      } else {
        held.insert(place);
      }
      return partial(status);
    }
    if (main) continue;
    held.insert(place);
    unwritten.erase(place);
  }
  for (const std::string& place : former_places) {
    if (IsPlace(plan, place)) continue;
    const absl::Status gone =
        operations::DeleteObject(context, *cluster, RefIn(place, plan), options);
    if (!gone.ok() && !absl::IsNotFound(gone)) return partial(At("replicate_to", gone));
    held.erase(place);
  }
  if (kept.is_object()) {
    const absl::Status gone = operations::DropKeptValues(context, *cluster, ref, options);
    if (!gone.ok()) return sdk::Outcome<SecretModel>::Partial(reached, At("name", gone));
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
  const ObjectRef ref = RefIn(*prior.name_space, prior);
  SecretModel model = prior;
  const bool imported = prior.keys.IsNull();
  const auto read = cluster->Read(context, ref);
  if (absl::IsNotFound(read.status()) && prior.generate.IsKnown() && !imported) {
    CHARON_ASSIGN_OR_RETURN(
        const Json kept, operations::KeptValues(context, *cluster, ref, Options(context, prior)));
    if (kept.is_object()) {
      context.diagnostics->Warning(
          absl::StrCat("Unfinished: Secret ", *prior.name_space, "/", *prior.name),
          absl::StrCat(
              "An apply was stopped while it made the Secret again. Its values are kept in "
              "the Secret ",
              kubernetes::Text(kept, "metadata.name"),
              ", which the next apply takes them from and removes."),
          "keys");
      model.keys = std::set<std::string>();
      return model;
    }
  }
  const operations::ObjectOptions options = Options(context, prior);
  absl::Status there = read.status();
  if (read.ok() && operations::IsNamesake(**read, options)) {
    operations::TellNamesake(context, ref, **read, options);
    there = absl::NotFoundError(absl::StrCat(ref.ToString(), " is another object now"));
  }
  if (absl::IsNotFound(there) && !imported) {
    // Its copies are still ours to change and to delete.
    std::set<std::string> left;
    for (const std::string& place : prior.replicate_to.value_or({})) {
      if (place == *prior.name_space) continue;
      const auto copy = cluster->Read(context, RefIn(place, prior));
      if (!copy.ok() && !absl::IsNotFound(copy.status())) return copy.status();
      if (copy.ok() && operations::ClaimOf(&**copy, options) == operations::Claim::kOurs)
        left.insert(place);
    }
    if (!left.empty()) {
      context.diagnostics->Warning(
          absl::StrCat("Deleted outside of Terraform: Secret ", *prior.name_space, "/",
                       *prior.name),
          absl::StrCat("Apply makes it again",
                       prior.generate.IsKnown() ? ", with the generated values of the copies in "
                                                : "; its copies are left in ",
                       absl::StrJoin(left, ", "), ". Destroying the resource deletes the copies."),
          "name");
      model.type = Attr<std::string>();  // so that each plan shows that it is to be made
      model.keys = std::set<std::string>();
      model.replicate_to = std::move(left);
      return model;
    }
  }
  CHARON_RETURN_IF_ERROR(there);
  const std::shared_ptr<const Json>& live = *read;
  const std::string manager = operations::ComparedAs(*live, options);
  std::set<std::string> keys = operations::OwnedKeys(*live, options);
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
  const Conventions conventions = services_.settings()->conventions;
  // What was imported is theirs until the first apply that changes it.
  const bool shows_labels =
      !context.adopting || operations::ClaimOf(live.get(), options) == operations::Claim::kOurs;
  if (imported) {
    const kubernetes::FieldSet owned = kubernetes::AppliedBy(*live, manager);
    const Labels given = conventions.Labels();
    auto own = [&](const char* map) {
      using Step = kubernetes::FieldStep;
      std::map<std::string, std::string> mine;
      for (auto& [key, value] : text_map(absl::StrCat("metadata.", map).c_str())) {
        const bool conventional =
            operations::IsOurNote(key) || key == kCopiesAnnotation || given.count(key) != 0;
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
    if (shows_labels)
      model.labels_all = operations::LiveLabels(*live, LabelsFor(model, conventions), std::nullopt);
    // What a former tool wrote is nobody's until the configuration names it.
    for (auto key = keys.begin(); key != keys.end();) {
      using Step = kubernetes::FieldStep;
      const bool applied =
          owned.Contains({Step{Step::Kind::kField, "data"}, Step{Step::Kind::kField, *key}});
      key = applied ? std::next(key) : keys.erase(key);
    }
    CHARON_ASSIGN_OR_RETURN(std::set<std::string> copies,
                            FindCopies(context, *cluster, prior, *live, {}, options));
    if (!copies.empty()) model.replicate_to = std::move(copies);
    // A configuration that is written from this keeps the values, wherever they came from.
    if (!keys.empty()) {
      std::map<std::string, GenerateModel> generate;
      for (const std::string& key : keys) generate[key] = {};
      model.generate = std::move(generate);
    }
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
  const Labels labels = LabelsFor(prior, conventions);
  const std::optional<Labels>& former = prior.labels_all.optional();
  if (shows_labels) model.labels_all = operations::LiveLabels(*live, labels, former);
  Json declared = Render(prior, *prior.name_space, Json::object(), labels);
  declared.erase("data");
  std::vector<kubernetes::Difference> differences = kubernetes::Compare(declared, *live, manager);
  operations::DropExpectedLabels(differences, former, manager);
  if (!differences.empty()) {
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
    std::vector<std::string> changed, removed, others;
    for (const std::string& key : lost) {
      const bool generated = prior.generate.IsKnown() && prior.generate->count(key) != 0;
      (!generated ? others : ValueOf(*live, key).empty() ? removed : changed).push_back(key);
    }
    std::string text = absl::StrCat(
        owners.empty() ? "Somebody" : absl::StrJoin(owners, ", "), " removed or took over ",
        lost.size() == 1 ? "the key " : "the keys ", absl::StrJoin(lost, ", "), ".");
    if (!changed.empty()) {
      absl::StrAppend(&text, " Apply keeps the value that ", absl::StrJoin(changed, ", "),
                      changed.size() == 1 ? " has" : " have",
                      " now as the generated one. For a new one change rotation_trigger, with "
                      "force_conflicts = true if another manager owns the key.");
    }
    if (!removed.empty()) {
      absl::StrAppend(&text, " Apply sets the value that ", absl::StrJoin(removed, ", "),
                      removed.size() == 1 ? " has" : " have",
                      " in a copy (replicate_to), or else makes up a new one.");
    }
    if (!others.empty()) {
      absl::StrAppend(&text, " Apply sets ", absl::StrJoin(others, ", "),
                      " again; if another manager owns ", others.size() == 1 ? "it" : "them",
                      " now, leave ", others.size() == 1 ? "it" : "them",
                      " out or use force_conflicts = true.");
    }
    context.diagnostics->Warning(
        absl::StrCat("Changed outside of Terraform: Secret ", *prior.name_space, "/", *prior.name),
        text, "keys");
  }
  std::set<std::string> copies, differing;
  for (const std::string& place : prior.replicate_to.value_or({})) {
    const auto copy = cluster->Read(context, RefIn(place, prior));
    if (!copy.ok() && !absl::IsNotFound(copy.status())) return copy.status();
    if (!copy.ok()) continue;
    if (operations::IsNamesake(**copy, options)) {
      operations::TellNamesake(context, RefIn(place, prior), **copy, options);
      continue;
    }
    copies.insert(place);
    const bool ours = operations::ClaimOf(&**copy, options) == operations::Claim::kOurs;
    if (ours && model.labels_all.IsKnown()) {
      operations::ShowLabelsOf(**copy, labels, operations::ComparedAs(**copy, options),
                               model.labels_all.value());
    }
    // Where an apply failed the state has no keys.
    const std::vector<kubernetes::Difference> drift =
        CompareCopy(**copy, *live, prior.keys->empty() ? keys : left, ours ? labels : Labels(),
                    former, options);
    if (drift.empty()) continue;
    for (const kubernetes::Difference& difference : drift) {
      const std::string& part = difference.path.front().text;
      if (part != "data") continue;
      if (difference.path.size() == 1) differing = left;  // it has no data at all
      differing.insert(difference.path.back().text);
    }
    context.diagnostics->Warning(
        absl::StrCat("Changed outside of Terraform: Secret ", place, "/", *prior.name),
        absl::StrCat("This copy of Secret ", *prior.name_space, "/", *prior.name,
                     " has other values or labels:\n", operations::DescribeDrift(drift),
                     "\n\nApply copies them again. If another manager owns them, apply refuses to "
                     "fight it: take the namespace out of replicate_to, or use force_conflicts = "
                     "true."),
        "replicate_to");
  }
  CHARON_ASSIGN_OR_RETURN(const std::set<std::string> found,
                          FindCopies(context, *cluster, prior, *live, CopyPlaces(prior), options));
  if (!found.empty()) {
    context.diagnostics->Warning(
        absl::StrCat("Unfinished: Secret ", *prior.name_space, "/", *prior.name),
        absl::StrCat(
            "An apply was stopped after it had made copies in ", absl::StrJoin(found, ", "),
            ". The next one updates those that replicate_to names, and deletes the others."),
        "replicate_to");
    copies.insert(found.begin(), found.end());
  }
  if (prior.replicate_to.IsKnown() || !copies.empty()) model.replicate_to = std::move(copies);
  for (const std::string& key : differing) left.erase(key);
  model.keys = std::move(left);
  return model;
}

absl::Status SecretResource::Delete(const sdk::Context& context, const SecretModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  // Before the Secret: what fails halfway must not leave a state of something that is gone.
  if (prior.generate.IsKnown()) {
    CHARON_RETURN_IF_ERROR(operations::DropKeptValues(
        context, *cluster, RefIn(*prior.name_space, prior), Options(context, prior)));
  }
  std::vector<std::string> places = Places(prior);
  std::reverse(places.begin(), places.end());
  for (const std::string& place : places) {
    const absl::Status gone =
        operations::DeleteObject(context, *cluster, RefIn(place, prior), Options(context, prior));
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
