#include "resources/service/service_resource.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "provider/base/fingerprint.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/clients/kubernetes/secret_digest.h"
#include "provider/operations/generate_value.h"
#include "provider/operations/quota_fit.h"
#include "provider/operations/wait_ready.h"
#include "provider/schema/checks.h"
#include "resources/service/import_workload.h"
#include "resources/service/keep_order.h"
#include "resources/service/selector_clash.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;
using kubernetes::Quantity;

constexpr char kType[] = "charon_service";
// Private state: what the server made of objects, by object, where that is not what was declared (a webhook rewrote
// it). As long as that stays, nothing has drifted.
constexpr char kSettled[] = "settled";
// Private state: set by import and `moved` until the first apply, which takes over what is there.
constexpr char kAdopting[] = "adopting";

ObjectRef WorkloadRef(const ServiceModel& model) {
  return {{"apps/v1", WorkloadKind(model)}, *model.name_space, model.NameOrDefault()};
}

// What stands for an object in `objects`: "Deployment/shop/web", "PersistentVolume/shop-web-data". It has no apiVersion, which
// may change while the object stays the same.
std::string KeyOf(const ObjectRef& ref) {
  return absl::StrCat(ref.kind.kind, "/", ref.name_space, ref.name_space.empty() ? "" : "/", ref.name);
}

absl::StatusOr<ObjectRef> RefOfKey(const std::string& key) {
  const std::string kind = key.substr(0, key.find('/'));
  return ObjectRef::Parse(absl::StrCat(ApiVersionOf(kind), "/", key));
}

// What stands in `objects` for a rendered object. The value of a Secret is not part of it, nor what pods were
// restarted for.
std::string HashOf(const Rendered& rendered) {
  std::string text = rendered.object.dump();
  // The size of a claim is sent in its own way, but a change of it must show.
  if (rendered.object["kind"] == "PersistentVolumeClaim") absl::StrAppend(&text, rendered.initial.dump());
  // 48 bits: it only has to differ from the one before.
  return Fingerprint(text).substr(0, 12);
}

using Content = ServiceResource::Content;

absl::StatusOr<Content> ContentOf(const ServiceModel& model, const Conventions& conventions) {
  Content content;
  CHARON_ASSIGN_OR_RETURN(content.objects, RenderService(model, conventions));
  for (const Rendered& rendered : content.objects) {
    CHARON_ASSIGN_OR_RETURN(ObjectRef ref, kubernetes::RefOf(rendered.object));
    const bool fresh = content.hashes.emplace(KeyOf(ref), HashOf(rendered)).second;
    if (!fresh) {
      return At(rendered.attribute, absl::InvalidArgumentError(absl::StrCat(
                                        "would make ", ref.ToString(), ", which another part of the service makes already")));
    }
    content.refs.push_back(std::move(ref));
  }
  if (model.restart.IsKnown() && !model.restart->empty()) {
    ServiceModel unrestarted = model;
    unrestarted.restart = Attr<StringMap>();
    CHARON_ASSIGN_OR_RETURN(const std::vector<Rendered> plain, RenderService(unrestarted, conventions));
    for (std::size_t i = 0; i < plain.size(); ++i) content.hashes[KeyOf(content.refs[i])] = HashOf(plain[i]);
  }
  return content;
}

// Null if nothing is exposed, as after an import.
Attr<StringMap> Urls(const ServiceModel& model, const Conventions& conventions) {
  StringMap urls = UrlsOf(model, conventions);
  return urls.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(urls));
}

// Everything but what is computed is known.
bool IsSettled(const ServiceModel& model) {
  ServiceModel configured = model;
  configured.objects = configured.urls = configured.restart = Attr<StringMap>();
  return ServiceModel::Describe().Encode(configured).IsWhollyKnown();
}

absl::Status Locate(const Rendered& rendered, const absl::Status& status) {
  if (status.ok() || rendered.attribute.empty()) return status;
  return At(rendered.attribute, status);
}

// Kinds that lead to a service: gone before anything else, made after everything else.
bool IsExposure(const ObjectRef& ref) {
  static const auto& kinds = *new std::set<std::string>{"Ingress", "Service", "Middleware", "ServiceMonitor", "CronJob", "IngressRoute"};
  return kinds.count(ref.kind.kind) != 0;
}

bool IsClaim(const ObjectRef& ref) { return ref.kind.kind == "PersistentVolumeClaim"; }

// Objects of a service that `delete_data` decides about, by key.
std::set<std::string> DataKeys(const ServiceModel& model, const Conventions& conventions) {
  std::set<std::string> keys;
  const absl::StatusOr<Content> content = ContentOf(model, conventions);
  if (content.ok()) {
    for (std::size_t i = 0; i < content->objects.size(); ++i) {
      if (content->objects[i].keeps_data) keys.insert(KeyOf(content->refs[i]));
    }
    return keys;
  }
  for (const auto& [key, hash] : model.objects.value_or({})) {
    const absl::StatusOr<ObjectRef> ref = RefOfKey(key);
    if (ref.ok() && IsClaim(*ref)) keys.insert(key);
  }
  return keys;
}

bool IsPerReplica(const ClaimModel& claim) { return claim.per_replica.value_or(false); }

// The claims that a StatefulSet's controller made for one of its volumes, which go with nothing: deletes them, or adds them
// to what was kept.
absl::Status RemoveReplicaClaims(const Call& call, Cluster& cluster, const ServiceModel& model, const std::string& volume, bool delete_data,
                                 std::vector<std::string>& kept) {
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> claims,
                          cluster.List(call, {"v1", "PersistentVolumeClaim"}, {.name_space = *model.name_space}));
  const std::string prefix = absl::StrCat(volume, "-", model.NameOrDefault(), "-");
  for (const Json& claim : claims) {
    const std::string name = kubernetes::Text(claim, "metadata.name");
    const bool ordinal = absl::StartsWith(name, prefix) && name.size() > prefix.size() &&
                         name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
    if (!ordinal) continue;
    const ObjectRef ref{{"v1", "PersistentVolumeClaim"}, *model.name_space, name};
    if (!delete_data) {
      kept.push_back(KeyOf(ref));
      continue;
    }
    const absl::Status deleted = cluster.Delete(call, ref, {.propagation = "Background", .uid = kubernetes::Text(claim, "metadata.uid")});
    if (!deleted.ok() && !absl::IsNotFound(deleted)) return Annotate(deleted, absl::StrCat("deleting ", ref.ToString()));
  }
  return absl::OkStatus();
}

std::map<std::string, std::string> ParseSettled(const sdk::Context& context) {
  const Json stored = Json::parse(context.private_state->Get(kSettled).value_or("{}"), nullptr, /*allow_exceptions=*/false);
  std::map<std::string, std::string> settled;
  if (!stored.is_object()) return settled;
  for (const auto& [key, value] : stored.items()) {
    if (value.is_string()) settled[key] = value.get<std::string>();
  }
  return settled;
}

void StoreSettled(const sdk::Context& context, const std::map<std::string, std::string>& settled) {
  if (settled.empty()) {
    context.private_state->Erase(kSettled);
  } else {
    context.private_state->Set(kSettled, Json(settled).dump());
  }
}

// What stands in `objects` for an object that somebody changed, so that the plan's difference says it.
std::string DriftText(const std::vector<kubernetes::Difference>& differences) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> fields;
  for (const kubernetes::Difference& difference : differences) {
    if (fields.size() < kShown) fields.push_back(kubernetes::ToString(difference.path));
  }
  const std::size_t more = differences.size() - fields.size();
  return absl::StrCat("changed outside: ", absl::StrJoin(fields, ", "), more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

constexpr absl::string_view kWaysOut =
    "Apply sets it back if nobody owns the field. If another manager does, apply refuses to fight it: leave the attribute "
    "out, declare it external (image_owner, replicas_owner, resources_owner), or take it over with force_conflicts = true.";

// The names of Secrets that must exist before pods are rolled out: an operator makes them.
std::set<std::string> AwaitedSecrets(const ServiceModel& model) {
  std::set<std::string> names = model.wait_for_secrets.value_or({});
  for (const auto& [key, secret] : model.secrets.value_or({})) names.insert(SecretName(model, key));
  return names;
}

std::vector<std::string> RestartSecrets(const ServiceModel& model) {
  std::vector<std::string> names;
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    if (secret.on_change.value_or("none") == "restart") names.push_back(SecretName(model, key));
  }
  return names;
}

// Pods above the number of replicas during a rollout (Kubernetes: a quarter by default, rounded up).
std::int64_t Surge(const ServiceModel& model, const Json& workload) {
  if (workload["kind"] != "Deployment" || kubernetes::Text(workload, "spec.strategy.type") != "RollingUpdate") return 0;
  const std::string text = model.rollout.IsKnown() ? model.rollout->max_surge.value_or("25%") : "25%";
  const std::int64_t number = std::stoll(text);
  if (!absl::EndsWith(text, "%")) return number;
  return (model.replicas.value_or(1) * number + 99) / 100;
}

// The part of a StatefulSet that the server never changes.
Json FixedPart(const Json& workload) {
  Json fixed = Json::object();
  for (const char* field : {"volumeClaimTemplates", "serviceName", "podManagementPolicy"}) {
    const Json& value = kubernetes::Field(workload, absl::StrCat("spec.", field));
    if (!value.is_null()) fixed[field] = value;
  }
  return fixed;
}

}  // namespace

// One apply of a service: makes and changes its objects in order, and keeps count of what has been reached.
class ServiceResource::Run {
 public:
  Run(const ServiceResource& resource, const sdk::Context& context, Cluster& cluster, const ServiceModel* prior, const ServiceModel& plan)
      : resource_(resource),
        context_(context),
        cluster_(cluster),
        conventions_(resource.services_.settings()->conventions),
        options_(resource.Options(plan)),
        prior_(prior),
        plan_(plan),
        reached_(plan),
        adopting_(context.private_state->Get(kAdopting).has_value()),
        settled_(ParseSettled(context)) {
    reached_.objects = prior == nullptr ? StringMap() : prior->objects.value_or({});
    reached_.urls = Urls(plan, conventions_);
    if (!plan.restart.IsKnown()) reached_.restart = prior == nullptr ? Attr<StringMap>() : prior->restart;
  }

  sdk::Outcome<ServiceModel> Apply() {
    absl::Status status = ApplyAll();
    StoreSettled(context_, settled_);
    // Even a half-finished run has no unknowns.
    if (reached_.restart.IsUnknown()) reached_.restart = Attr<StringMap>();
    // Nothing was made: then there is no service.
    if (!status.ok() && prior_ == nullptr && reached_.objects->empty()) return status;
    if (!status.ok()) return sdk::Outcome<ServiceModel>::Partial(reached_, std::move(status));
    context_.private_state->Erase(kAdopting);
    return reached_;
  }

 private:
  absl::Status ApplyAll() {
    CHARON_ASSIGN_OR_RETURN(Content content, ContentOf(plan_, conventions_));
    bool pruned_exposure = false;
    bool rolled_out = false;
    for (std::size_t i = 0; i < content.objects.size(); ++i) {
      const Rendered& rendered = content.objects[i];
      if (rendered.stage == Stage::kWorkload && !rolled_out) {
        rolled_out = true;
        CHARON_RETURN_IF_ERROR(AwaitSecrets());
        if (!plan_.restart.IsKnown()) {
          CHARON_ASSIGN_OR_RETURN(reached_.restart, resource_.Restarts(context_, plan_, reached_.restart));
          // The pod template says what it was started with.
          ServiceModel settled = plan_;
          settled.restart = reached_.restart;
          CHARON_ASSIGN_OR_RETURN(content.objects, RenderService(settled, conventions_));
        }
      }
      if (rendered.stage == Stage::kExposure && !pruned_exposure) {
        pruned_exposure = true;
        CHARON_RETURN_IF_ERROR(Prune(content, /*exposure=*/true));
      }
      const std::string key = KeyOf(content.refs[i]);
      const std::string& hash = content.hashes[key];
      if (!MustWrite(content.objects[i], key, hash)) continue;
      CHARON_RETURN_IF_ERROR(Locate(content.objects[i], Write(content.objects[i], content.refs[i])));
      reached_.objects.value()[key] = hash;
      if (prior_ == nullptr && !cluster_.CreatedThisRun(content.refs[i])) took_over_ = true;
    }
    if (!pruned_exposure) CHARON_RETURN_IF_ERROR(Prune(content, /*exposure=*/true));
    CHARON_RETURN_IF_ERROR(AwaitRollout());
    CHARON_RETURN_IF_ERROR(Prune(content, /*exposure=*/false));
    if (took_over_) return RemoveLeftovers(content);
    return absl::OkStatus();
  }

  bool MustWrite(const Rendered& rendered, const std::string& key, const std::string& hash) const {
    if (prior_ == nullptr || adopting_) return true;
    const StringMap& before = *reached_.objects;
    const auto found = before.find(key);
    if (found == before.end() || found->second != hash) return true;
    if (rendered.stage == Stage::kWorkload) return prior_->restart != reached_.restart;
    if (rendered.has_values && key == EnvSecretKey()) return prior_->env_wo_version != plan_.env_wo_version;
    if (rendered.has_values) return !(prior_->generated_secrets == plan_.generated_secrets);
    return false;
  }

  std::string EnvSecretKey() const {
    return KeyOf({{"v1", "Secret"}, *plan_.name_space, plan_.NameOrDefault() + "-env"});
  }

  absl::Status Write(const Rendered& rendered, const ObjectRef& ref) {
    Json object = rendered.object;
    if (rendered.has_values) CHARON_RETURN_IF_ERROR(FillIn(ref, object));
    operations::ObjectOptions options = options_;
    options.initial = rendered.initial.is_null() ? nullptr : &rendered.initial;
    options.hand_over_later = IsClaim(ref);  // its size is always initial
    // Data is taken over, never deleted.
    if (rendered.keeps_data && options.on_conflict == operations::OnConflict::kReplace) {
      options.on_conflict = operations::OnConflict::kAdopt;
    }
    const std::string key = KeyOf(ref);
    const bool fresh = prior_ == nullptr || (!adopting_ && reached_.objects->count(key) == 0);
    if (rendered.stage == Stage::kWorkload && (!fresh || options.on_conflict == operations::OnConflict::kAdopt)) {
      if (const auto there = cluster_.Read(context_, ref); there.ok()) KeepOrder(**there, object);
    }
    if (ref.kind.kind == "StatefulSet") CHARON_RETURN_IF_ERROR(ReplaceStatefulSetIfFixed(ref, object));
    context_.call.log->Info("applying an object of a service", {{"object", key}});
    absl::StatusOr<Json> live = fresh && !adopting_ ? operations::CreateObject(context_, cluster_, object, options)
                                                    : operations::UpdateObject(context_, cluster_, object, options);
    if (!live.ok()) return live.status();
    if (rendered.object["kind"] == "PersistentVolumeClaim" && !rendered.initial.is_null()) {
      CHARON_RETURN_IF_ERROR(GrowClaim(*live, Text(rendered.initial, "spec.resources.requests.storage"), ref));
    }
    if (ref.kind.kind == "StatefulSet") CHARON_RETURN_IF_ERROR(GrowReplicaClaims());
    settled_.erase(key);
    const std::vector<kubernetes::Difference> rewritten = kubernetes::Compare(rendered.object, *live, options.manager);
    if (rewritten.empty()) return absl::OkStatus();
    settled_[key] = Fingerprint(kubernetes::Overlay(rendered.object, *live, options.manager).dump());
    return TellRewritten(rendered, key, rewritten);
  }

  static std::string Text(const Json& object, absl::string_view path) { return kubernetes::Text(object, path); }

  // The values of a Secret that the service makes.
  absl::Status FillIn(const ObjectRef& ref, Json& object) {
    Json data = Json::object();
    if (KeyOf(ref) == EnvSecretKey()) {
      for (const auto& [name, value] : plan_.env_wo.value_or({})) {
        RegisterSecret(value);
        data[name] = absl::Base64Escape(value);
      }
      object["data"] = std::move(data);
      return absl::OkStatus();
    }
    const absl::StatusOr<Json> live = cluster_.Get(context_, ref);
    if (!live.ok() && !absl::IsNotFound(live.status())) return live.status();
    for (const auto& [name, wanted] : plan_.generated_secrets.value_or({})) {
      std::string value;
      if (live.ok()) {
        const Json& there = kubernetes::Field(*live, "data");
        if (there.is_object()) value = there.value(name, "");
      }
      bool rotate = false;
      if (prior_ != nullptr && prior_->generated_secrets.IsKnown()) {
        const auto former = prior_->generated_secrets->find(name);
        rotate = former != prior_->generated_secrets->end() && former->second.rotation_trigger != wanted.rotation_trigger;
      }
      if (value.empty() || rotate) {
        CHARON_ASSIGN_OR_RETURN(const std::string made,
                                operations::GenerateValue(wanted.kind.value_or("alphanumeric"), wanted.length.value_or(32)));
        RegisterSecret(made);
        value = absl::Base64Escape(made);
      } else if (std::string plain; absl::Base64Unescape(value, &plain)) {
        RegisterSecret(plain);
      }
      data[name] = std::move(value);
    }
    object["data"] = std::move(data);
    return absl::OkStatus();
  }

  absl::Status GrowClaim(const Json& live, const std::string& wanted_text, const ObjectRef& ref) {
    const absl::StatusOr<Quantity> wanted = Quantity::Parse(wanted_text);
    const absl::StatusOr<Quantity> now = Quantity::Parse(Text(live, "spec.resources.requests.storage"));
    if (!wanted.ok() || !now.ok() || *now >= *wanted) return absl::OkStatus();
    const Json patch = {{"spec", {{"resources", {{"requests", {{"storage", wanted_text}}}}}}}};
    return cluster_.Patch(context_, ref, kubernetes::PatchType::kMerge, patch, options_.manager).status();
  }

  // Nobody else can have written yet: the server itself stored something else, as admission policies and webhooks make it.
  absl::Status TellRewritten(const Rendered& rendered, const std::string& key, const std::vector<kubernetes::Difference>& rewritten) const {
    std::vector<std::string> lines;
    for (const kubernetes::Difference& difference : rewritten) {
      // The server leaves zero values out.
      const bool zero = difference.declared == "false" || difference.declared == "0" || difference.declared == "\"\"";
      if (zero && difference.live.empty()) continue;
      lines.push_back(absl::StrCat("- ", kubernetes::ToString(difference.path), ": ", difference.declared, " became ",
                                   difference.live.empty() ? "nothing" : difference.live));
    }
    if (lines.empty()) return absl::OkStatus();
    const std::string text = absl::StrCat("An admission policy or webhook of the cluster changed ", key, " as it was applied:\n", absl::StrJoin(lines, "\n"));
    if (plan_.on_server_rewrite.value_or("warn") == "error") {
      return WithRemedy(absl::FailedPreconditionError(text), "Say it as the policy wants it, or leave it out; on_server_rewrite = \"warn\" takes it as it is.");
    }
    context_.diagnostics->Warning("The server rewrote what was applied",
                                  absl::StrCat(text, "\n\nThis counts as applied from now on. To have no such warning, say it as the policy wants it, or leave it out."),
                                  rendered.attribute);
    return absl::OkStatus();
  }

  // The claims of a StatefulSet's replicas are made by its controller, which never changes them again.
  absl::Status GrowReplicaClaims() {
    for (const auto& [name, claim] : plan_.claims.value_or({})) {
      if (!IsPerReplica(claim)) continue;
      for (std::int64_t replica = 0; replica < plan_.replicas.value_or(1); ++replica) {
        const ObjectRef ref{{"v1", "PersistentVolumeClaim"}, *plan_.name_space, absl::StrCat(name, "-", plan_.NameOrDefault(), "-", replica)};
        if (prior_ == nullptr) break;
        const absl::StatusOr<Json> live = cluster_.Get(context_, ref);
        if (absl::IsNotFound(live.status())) break;
        CHARON_RETURN_IF_ERROR(live.status());
        CHARON_RETURN_IF_ERROR(At(Path("claims").Key(name).Attribute("size"), GrowClaim(*live, *claim.size, ref)));
      }
    }
    return absl::OkStatus();
  }

  // What a StatefulSet was made with stays. To change it, the set is made anew around its pods, which keep running.
  absl::Status ReplaceStatefulSetIfFixed(const ObjectRef& ref, const Json& object) {
    if (prior_ == nullptr || adopting_) return absl::OkStatus();
    const absl::StatusOr<Content> before = ContentOf(*prior_, conventions_);
    if (!before.ok()) return absl::OkStatus();
    for (std::size_t i = 0; i < before->objects.size(); ++i) {
      if (before->refs[i] != ref || FixedPart(before->objects[i].object) == FixedPart(object)) continue;
      const absl::Status deleted = operations::DeleteObject(context_, cluster_, ref, options_, "Orphan");
      if (!absl::IsNotFound(deleted)) return deleted;
    }
    return absl::OkStatus();
  }

  absl::Status AwaitSecrets() {
    for (const std::string& name : AwaitedSecrets(plan_)) {
      const ObjectRef ref{{"v1", "Secret"}, *plan_.name_space, name};
      bool told = false;
      const absl::Status there = cluster_.Watch(context_, ref, [&](const kubernetes::WatchEvent& event) {
        if (event.object != nullptr && event.object->is_object()) return true;
        if (!told) context_.call.log->Info("waiting for a Secret that somebody else makes", {{"secret", ref.ToString()}});
        told = true;
        return false;
      });
      if (there.ok()) continue;
      return At(PathOfSecret(name), WithRemedy(Annotate(there, absl::StrCat("waiting for ", ref.ToString(), " to be made", WhyNot(name))),
                                               "The pods would not start without it. Look at what makes it: its status and its log say why."));
    }
    return absl::OkStatus();
  }

  Path PathOfSecret(const std::string& name) const {
    for (const auto& [key, secret] : plan_.secrets.value_or({})) {
      if (SecretName(plan_, key) == name) return Path("secrets").Key(key);
    }
    return "wait_for_secrets";
  }

  // What the External Secrets operator says about it.
  std::string WhyNot(const std::string& name) const {
    // The wait has used up the time that there was.
    Call call = context_.call;
    call.deadline = call.clock->Now() + absl::Seconds(5);
    const absl::StatusOr<Json> source = cluster_.Get(call, {{"external-secrets.io/v1", "ExternalSecret"}, *plan_.name_space, name});
    if (!source.ok()) return "";
    const Json& conditions = kubernetes::Field(*source, "status.conditions");
    if (!conditions.is_array()) return " (the External Secrets operator has not looked at it yet)";
    for (const Json& condition : conditions) {
      if (condition.value("type", "") == "Ready") return absl::StrCat(" (", condition.value("reason", ""), ": ", condition.value("message", ""), ")");
    }
    return "";
  }

  absl::Status AwaitRollout() const {
    if (plan_.wait.value_or("rollout") == "none") return absl::OkStatus();
    if (plan_.replicas.value_or(1) == 0) return absl::OkStatus();  // parked
    return operations::WaitUntilReady(context_, cluster_, WorkloadRef(plan_), {.rollout = true, .conditions = {}, .fields = {}});
  }

  // Deletes what is not declared any more: what leads to the service before what it leads to.
  absl::Status Prune(const Content& content, bool exposure) {
    if (prior_ == nullptr) return absl::OkStatus();
    const std::set<std::string> data = DataKeys(*prior_, conventions_);
    std::vector<std::string> kept;
    for (const auto& [key, hash] : prior_->objects.value_or({})) {
      if (content.hashes.count(key) != 0) continue;
      const absl::StatusOr<ObjectRef> ref = RefOfKey(key);
      if (!ref.ok() || IsExposure(*ref) != exposure) continue;
      if (data.count(key) != 0 && !plan_.delete_data.value_or(false)) {
        kept.push_back(key);
      } else {
        const absl::Status deleted = operations::DeleteObject(context_, cluster_, *ref, options_);
        if (!deleted.ok() && !absl::IsNotFound(deleted)) return Annotate(deleted, absl::StrCat("removing ", key));
      }
      reached_.objects.value().erase(key);
      settled_.erase(key);
    }
    if (!exposure) {
      for (const auto& [name, claim] : prior_->claims.value_or({})) {
        if (!IsPerReplica(claim) || (plan_.claims.IsKnown() && plan_.claims->count(name) != 0)) continue;
        CHARON_RETURN_IF_ERROR(RemoveReplicaClaims(context_, cluster_, *prior_, name, plan_.delete_data.value_or(false), kept));
      }
    }
    resource_.TellKept(context_, kept);
    return absl::OkStatus();
  }

  // A run that was killed, or a create that failed, may have left what the corrected configuration does not have.
  absl::Status RemoveLeftovers(const Content& content) {
    static const auto& kinds = *new std::vector<kubernetes::ObjectKind>{
        {"networking.k8s.io/v1", "Ingress"}, {"traefik.io/v1alpha1", "Middleware"}, {"monitoring.coreos.com/v1", "ServiceMonitor"},
        {"v1", "Service"}, {"batch/v1", "CronJob"}, {"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"},
        {"policy/v1", "PodDisruptionBudget"}, {"networking.k8s.io/v1", "NetworkPolicy"}, {"external-secrets.io/v1", "ExternalSecret"},
        {"v1", "ConfigMap"}, {"rbac.authorization.k8s.io/v1", "RoleBinding"}, {"rbac.authorization.k8s.io/v1", "Role"}, {"v1", "ServiceAccount"}};
    kubernetes::ListOptions list;
    list.name_space = *plan_.name_space;
    list.label_selector = absl::StrCat("app.kubernetes.io/name=", plan_.NameOrDefault());
    for (const kubernetes::ObjectKind& kind : kinds) {
      const absl::StatusOr<std::vector<Json>> found = cluster_.List(context_, kind, list);
      if (!found.ok()) continue;  // a kind that the cluster does not have, or that we may not list
      for (const Json& object : *found) {
        if (operations::ClaimOf(&object, options_) != operations::Claim::kOurs) continue;
        const ObjectRef ref{kind, *plan_.name_space, Text(object, "metadata.name")};
        if (content.hashes.count(KeyOf(ref)) != 0) continue;
        const absl::Status deleted = operations::DeleteObject(context_, cluster_, ref, options_);
        if (!deleted.ok() && !absl::IsNotFound(deleted)) return Annotate(deleted, absl::StrCat("removing what an earlier run left: ", ref.ToString()));
      }
    }
    return absl::OkStatus();
  }

  const ServiceResource& resource_;
  const sdk::Context& context_;
  Cluster& cluster_;
  const Conventions conventions_;
  const operations::ObjectOptions options_;
  const ServiceModel* prior_;
  const ServiceModel& plan_;
  ServiceModel reached_;
  const bool adopting_;
  bool took_over_ = false;
  std::map<std::string, std::string> settled_;
};

const ObjectSpec<ServiceIdentity>& ServiceIdentity::Describe() {
  using M = ServiceIdentity;
  static const auto& spec = *new ObjectSpec<M>("The service.", {
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
                                                   .import_id = "`namespace/name`"};
  return info;
}

operations::ObjectOptions ServiceResource::Options(const ServiceModel& model) const {
  const std::string id = absl::StrCat(*model.name_space, "/", model.NameOrDefault());
  operations::ObjectOptions options = services_.Ownership(kType, id);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = id;
  return options;
}

void ServiceResource::TellKept(const sdk::Context& context, const std::vector<std::string>& kept) {
  if (kept.empty()) return;
  context.diagnostics->Warning(
      "Data was kept",
      absl::StrCat("These hold data and were not deleted:\n- ", absl::StrJoin(kept, "\n- "),
                   "\n\nA service of the same namespace and name takes them again. To delete them with it, set delete_data = true "
                   "and apply before the service, or the volume, is removed; now, use kubectl delete."));
}

absl::Status ServiceResource::Validate(const sdk::Context& context, const ServiceModel& config) {
  std::vector<absl::Status> found = CheckService(config);
  for (std::size_t i = 1; i < found.size(); ++i) context.diagnostics->Error("Invalid service", found[i]);
  return found.empty() ? absl::OkStatus() : found[0];
}

absl::StatusOr<Attr<StringMap>> ServiceResource::Restarts(const sdk::Context& context, const ServiceModel& model,
                                                          const Attr<StringMap>& prior) const {
  const std::vector<std::string> names = RestartSecrets(model);
  if (names.empty() || !services_.settings()->conventions.reload_annotation.empty()) return Attr<StringMap>();
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  StringMap digests;
  for (const std::string& name : names) {
    const auto secret = cluster->Read(context, {{"v1", "Secret"}, *model.name_space, name});
    if (secret.ok()) {
      digests[name] = kubernetes::SecretDigest(**secret);
    } else if (!absl::IsNotFound(secret.status())) {
      return secret.status();
    } else if (prior.IsKnown() && prior->count(name) != 0) {
      digests[name] = prior->at(name);  // on its way: the operator will make it again
    }
  }
  return Attr<StringMap>(std::move(digests));
}

absl::Status ServiceResource::Plan(const sdk::Context& context, sdk::PlanChange<ServiceModel>& change) {
  if (change.IsDestroy()) {
    NoteGoing(WorkloadRef(change.prior()));
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
    if (planned.kind.IsUnknown() || WorkloadKind(planned) != WorkloadKind(prior)) change.RequireReplace("kind");
    if (planned.selector.IsUnknown() || SelectorOf(planned) != SelectorOf(prior)) change.RequireReplace("selector");
    if (change.RequiresReplace()) NoteGoing(WorkloadRef(prior));
  }
  const Conventions conventions = services_.settings()->conventions;
  if (context.provider_config_unknown || !IsSettled(planned)) {
    for (const char* name : {"objects", "urls", "restart"}) change.SetUnknown(name);
    if (!context.provider_config_unknown) PlanPartly(change, conventions);
    return absl::OkStatus();
  }
  ServiceModel wanted = planned;
  wanted.urls = Urls(planned, conventions);
  const bool restarts = !RestartSecrets(planned).empty() && conventions.reload_annotation.empty();
  if (!restarts) {
    wanted.restart = Attr<StringMap>();
  } else if (change.IsCreate()) {
    wanted.restart = Attr<StringMap>::Unknown();
  } else {
    const absl::StatusOr<Attr<StringMap>> now = Restarts(context, planned, change.prior().restart);
    wanted.restart = now.ok() ? *now : change.prior().restart;
    // Secrets that are yet to be made are known when they are there.
    if (wanted.restart.IsKnown() && wanted.restart->size() < RestartSecrets(planned).size()) wanted.restart = Attr<StringMap>::Unknown();
  }
  CHARON_ASSIGN_OR_RETURN(const Content content, ContentOf(wanted, conventions));
  change.Set("urls", wanted.urls);
  change.Set("restart", wanted.restart);
  change.Set("objects", Attr<StringMap>(content.hashes));
  if (change.IsUpdate()) {
    for (const auto& [name, claim] : planned.claims.value_or({})) {
      CHARON_RETURN_IF_ERROR(CheckClaimChange(context, name, claim, change.prior()));
    }
    if (wanted.restart.IsKnown() && change.prior().restart.IsKnown()) {
      for (const auto& [name, digest] : *wanted.restart) {
        const auto before = change.prior().restart->find(name);
        if (before == change.prior().restart->end() || before->second == digest) continue;
        context.diagnostics->Warning(absl::StrCat("restart: secret ", name, " rotated"),
                                     "Its value has changed since the pods were started; apply rolls them out anew.", "restart");
      }
    }
  }
  CHARON_RETURN_IF_ERROR(CheckSelector(context, change, wanted, content.objects));
  CHARON_RETURN_IF_ERROR(CheckPlanned(context, change, wanted, content));
  return CheckFit(context, change, wanted, content.objects);
}

// Some texts are not known yet. Rendered with one text in their place and with another, what comes out the same does
// not depend on them: which objects there will be, mostly, and the content of many.
void ServiceResource::PlanPartly(sdk::PlanChange<ServiceModel>& change, const Conventions& conventions) {
  std::vector<Content> renderings;
  for (const char* text : {"7311s", "6127s"}) {  // durations, names, octal numbers: whatever a text may have to be
    absl::StatusOr<ServiceModel> model = change.PlannedWithText(text);
    if (!model.ok()) return;
    model->objects = model->urls = model->restart = Attr<StringMap>();
    const Value value = ServiceModel::Describe().Encode(*model);
    if (!value.IsWhollyKnown()) return;
    // Where only certain words count, neither text shows what another would do.
    std::vector<absl::Status> warnings;
    if (!ValidateObject(ServiceModel::Describe().schema(), value, /*write_only_allowed=*/true, &warnings).empty()) return;
    absl::StatusOr<Content> content = ContentOf(*model, conventions);
    if (!content.ok()) return;
    renderings.push_back(*std::move(content));
  }
  std::map<std::string, std::optional<std::string>> objects;
  for (const auto& [key, hash] : renderings[0].hashes) {
    const auto other = renderings[1].hashes.find(key);
    if (other == renderings[1].hashes.end()) return;  // not even its name is known
    objects[key] = other->second == hash ? std::optional<std::string>(hash) : std::nullopt;
  }
  if (renderings[1].hashes.size() == objects.size()) change.SetPartly("objects", objects);
}

void ServiceResource::NoteGoing(const ObjectRef& ref) {
  absl::MutexLock lock(&mutex_);
  going_.insert(ref);
}

bool ServiceResource::IsGoing(const ObjectRef& ref) const {
  absl::MutexLock lock(&mutex_);
  return going_.count(ref) != 0;
}

namespace {

absl::Status Clash(const ObjectRef& other, absl::string_view what, absl::string_view clash, absl::string_view way_out) {
  return At("selector",
            WithRemedy(absl::InvalidArgumentError(absl::StrCat(what, other.kind.kind, " \"", other.name, "\" of namespace ", other.name_space,
                                                               " ", clash, ": each would take the other's pods for its own")),
                       absl::StrCat("Give this service a selector of its own, such as selector = { \"app.kubernetes.io/instance\" = "
                                    "\"...\" }", way_out)));
}

}  // namespace

absl::Status ServiceResource::CheckPlannedSelectors(const ObjectRef& own, const Json& workload) {
  // As much as a comparison needs.
  Json kept;
  kept["spec"]["selector"] = kubernetes::Field(workload, "spec.selector");
  kept["spec"]["template"]["metadata"]["labels"] = kubernetes::Field(workload, "spec.template.metadata.labels");
  absl::MutexLock lock(&mutex_);
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

absl::Status ServiceResource::CheckSelector(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change,
                                            const ServiceModel& planned, const std::vector<Rendered>& objects) {
  if (context.planned_before) return absl::OkStatus();
  const bool same = change.IsUpdate() && !context.private_state->Get(kAdopting) &&
                    SelectorOf(change.prior()) == SelectorOf(planned) && change.prior().PodLabels() == planned.PodLabels();
  const auto workload = std::find_if(objects.begin(), objects.end(), [](const Rendered& r) { return r.stage == Stage::kWorkload; });
  if (same || workload == objects.end()) return absl::OkStatus();
  const ObjectRef own = WorkloadRef(planned);
  CHARON_RETURN_IF_ERROR(CheckPlannedSelectors(own, workload->object));
  const operations::ObjectOptions options = Options(planned);
  return services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
    for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet"}) {
      const absl::StatusOr<std::vector<Json>> others = cluster.List(context, {"apps/v1", kind}, {.name_space = *planned.name_space});
      // Whoever may not list workloads is not told about them.
      if (!others.ok()) return absl::IsUnavailable(others.status()) ? others.status() : absl::OkStatus();
      for (const Json& other : *others) {
        const ObjectRef ref{{"apps/v1", kind}, *planned.name_space, kubernetes::Text(other, "metadata.name")};
        const bool replaced = !change.IsCreate() && change.prior().objects.IsKnown() && change.prior().objects->count(KeyOf(ref)) != 0;
        if (ref == own || replaced || IsGoing(ref) || operations::ClaimOf(&other, options) == operations::Claim::kOurs) continue;
        const std::string clash = SelectorClash(workload->object, other);
        if (clash.empty()) continue;
        return Clash(ref, "", clash, ", or import what is there if the two are meant to be one.");
      }
    }
    return absl::OkStatus();
  });
}

// Tells before the apply what would not fit. A warning: the same run may raise a quota or add a node.
absl::Status ServiceResource::CheckFit(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change, const ServiceModel& planned,
                                       const std::vector<Rendered>& objects) const {
  const std::string key = KeyOf(WorkloadRef(planned));
  const auto hash_of = [&key](const Attr<StringMap>& hashes) {
    return hashes.IsKnown() && hashes->count(key) != 0 ? hashes->at(key) : std::string();
  };
  if (context.planned_before || planned.replicas.value_or(1) == 0) return absl::OkStatus();
  const auto workload = std::find_if(objects.begin(), objects.end(), [](const Rendered& r) { return r.stage == Stage::kWorkload; });
  if (workload == objects.end()) return absl::OkStatus();
  if (change.IsUpdate() && hash_of(change.prior().objects) == HashOf(*workload)) return absl::OkStatus();
  const Json object = AsCreated(*workload);
  operations::PodDemand demand{.pod_spec = &object["spec"]["template"]["spec"],
                               .replicas = planned.replicas.value_or(1),
                               .surge = Surge(planned, object),
                               .selector = SelectorOf(planned)};
  operations::QuotaFit fit;
  CHARON_RETURN_IF_ERROR(services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
    absl::StatusOr<operations::QuotaFit> found = operations::CheckQuotaFit(context, cluster, *planned.name_space, demand);
    // Whoever may not read quotas is not told about them.
    if (!found.ok()) return absl::IsUnavailable(found.status()) ? found.status() : absl::OkStatus();
    fit = *std::move(found);
    if (!fit.checked) {
      context.diagnostics->Warning("Quota unchecked", absl::StrCat("Namespace ", *planned.name_space, " does not exist yet, so whether ",
                                                                   planned.NameOrDefault(), " fits into its quota shows only in the apply."));
    }
    return absl::OkStatus();
  }));
  if (!fit.problems.empty()) {
    context.diagnostics->Warning("The pods will not fit", absl::StrCat("- ", absl::StrJoin(fit.problems, "\n- ")), "resources");
  }
  return absl::OkStatus();
}

absl::Status ServiceResource::CheckClaimChange(const sdk::Context& context, const std::string& name, const ClaimModel& now,
                                               const ServiceModel& prior) {
  if (!prior.claims.IsKnown()) return absl::OkStatus();
  const auto before = prior.claims->find(name);
  if (before == prior.claims->end()) return absl::OkStatus();
  const ClaimModel& was = before->second;
  const Path path = Path("claims").Key(name);
  const bool per_replica = now.per_replica.value_or(false);
  if (was.per_replica.value_or(false) != per_replica) return absl::OkStatus();  // another claim
  const std::pair<const char*, bool> fixed[] = {{"storage_class", !(was.storage_class == now.storage_class)},
                                                {"access_modes", !(was.access_modes == now.access_modes)}};
  for (const auto& [attribute, changed] : fixed) {
    if (!changed) continue;
    if (per_replica) {
      context.diagnostics->Warning(
          "Existing claims stay as they are",
          absl::StrCat("The StatefulSet is made anew around its running pods, but the claims of volume \"", name,
                       "\" that exist keep their ", attribute, "; only replicas that are added get the new one. No data is touched."),
          path.Attribute(attribute));
      continue;
    }
    return At(path.Attribute(attribute),
              WithRemedy(absl::InvalidArgumentError(absl::StrCat("the ", attribute, " of an existing claim cannot change, and making it "
                                                                 "anew would lose its data")),
                         absl::StrCat("Add a second claim with the new ", attribute, ", copy the data over, then remove claim \"", name, "\".")));
  }
  const absl::StatusOr<Quantity> old_size = Quantity::Parse(was.size.value_or(""));
  const absl::StatusOr<Quantity> new_size = Quantity::Parse(now.size.value_or(""));
  if (old_size.ok() && new_size.ok() && *new_size < *old_size) {
    context.diagnostics->Warning("A claim never shrinks",
                                 absl::StrCat("Volume \"", name, "\" stays as large as it is; ", *now.size, " counts only when it is made anew."),
                                 path.Attribute("size"));
  }
  return absl::OkStatus();
}

// Asks a reachable server whether it would take what changes.
absl::Status ServiceResource::CheckPlanned(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change, const ServiceModel& planned,
                                           const Content& content) const {
  if (context.planned_before || change.RequiresReplace()) return absl::OkStatus();
  const std::vector<Rendered>& objects = content.objects;
  const StringMap before = change.IsUpdate() ? change.prior().objects.value_or({}) : StringMap();
  const bool adopting = context.private_state->Get(kAdopting).has_value();
  const bool restarted = change.IsUpdate() && !(change.prior().restart == planned.restart);
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const std::string key = KeyOf(content.refs[i]);
    const auto found = before.find(key);
    const bool changes = found == before.end() || found->second != content.hashes.at(key) ||
                         (restarted && objects[i].stage == Stage::kWorkload);
    // The values of Secrets are not there yet.
    if (!changes || objects[i].has_values) continue;
    operations::ObjectOptions options = Options(planned);
    options.initial = objects[i].initial.is_null() ? nullptr : &objects[i].initial;
    const absl::Status checked = services_.CheckPlan(context, [&](Cluster& cluster) -> absl::Status {
      const bool exists = found != before.end() || adopting;
      return exists ? operations::CheckUpdate(context, cluster, objects[i].object, options).status()
                    : operations::CheckCreate(context, cluster, objects[i].object, options).status();
    });
    if (absl::IsAborted(checked)) {
      context.diagnostics->Warning("Another manager owns a field", Locate(objects[i], checked));
      continue;
    }
    // A StatefulSet is made anew around its pods.
    const bool fixed = objects[i].object["kind"] == "StatefulSet" && absl::StrContains(checked.message(), "updates to statefulset spec");
    // The create half of a replacement: what is there now goes before.
    const bool going = change.IsCreate() && absl::StrContains(checked.message(), "field is immutable");
    if (!checked.ok() && !fixed && !going) return Locate(objects[i], checked);
  }
  return absl::OkStatus();
}

sdk::Outcome<ServiceModel> ServiceResource::Create(const sdk::Context& context, const ServiceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  return Run(*this, context, *cluster, nullptr, plan).Apply();
}

sdk::Outcome<ServiceModel> ServiceResource::Update(const sdk::Context& context, const ServiceModel& prior, const ServiceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  return Run(*this, context, *cluster, &prior, plan).Apply();
}

sdk::Outcome<ServiceModel> ServiceResource::Read(const sdk::Context& context, const ServiceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  if (!prior.objects.IsKnown()) return ReadImported(context, *cluster, prior);
  if (context.private_state->Get(kAdopting)) return prior;
  const Conventions conventions = services_.settings()->conventions;
  const std::string manager = services_.settings()->field_manager;
  std::map<std::string, const Rendered*> declared;
  const absl::StatusOr<Content> content = ContentOf(prior, conventions);
  if (content.ok()) {
    for (std::size_t i = 0; i < content->objects.size(); ++i) declared[KeyOf(content->refs[i])] = &content->objects[i];
  }
  const std::map<std::string, std::string> settled = ParseSettled(context);
  ServiceModel model = prior;
  bool any = false;
  for (const auto& [key, hash] : *prior.objects) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    const auto live = cluster->Read(context, ref);
    if (absl::IsNotFound(live.status())) {
      model.objects.value().erase(key);
      continue;
    }
    if (!live.ok()) return live.status();
    any = any || !IsClaim(ref);
    const auto found = declared.find(key);
    // With other conventions than at the last apply it is going to change anyway; then nothing can be told.
    if (found == declared.end() || content->hashes.at(key) != hash) continue;
    const std::vector<kubernetes::Difference> differences = kubernetes::Compare(found->second->object, **live, manager);
    if (differences.empty()) continue;
    const std::string now = Fingerprint(kubernetes::Overlay(found->second->object, **live, manager).dump());
    const auto known = settled.find(key);
    if (known != settled.end() && known->second == now) continue;
    model.objects.value()[key] = DriftText(differences);
    const std::string text = absl::StrCat(operations::DescribeDrift(differences), "\n\n", kWaysOut);
    context.diagnostics->Warning(absl::StrCat("Changed outside of Terraform: ", key), text, found->second->attribute);
  }
  if (!any) return absl::NotFoundError(absl::StrCat("nothing of service ", *prior.name_space, "/", prior.NameOrDefault(), " is left"));
  return model;
}

absl::Status ServiceResource::Delete(const sdk::Context& context, const ServiceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const Conventions conventions = services_.settings()->conventions;
  const operations::ObjectOptions options = Options(prior);
  const bool delete_data = prior.delete_data.value_or(false);
  const std::set<std::string> data = DataKeys(prior, conventions);
  // The reverse of the order in which they are made; what is not rendered any more goes first.
  std::map<std::string, int> order;
  if (const absl::StatusOr<Content> content = ContentOf(prior, conventions); content.ok()) {
    for (std::size_t i = 0; i < content->refs.size(); ++i) order[KeyOf(content->refs[i])] = static_cast<int>(i) + 1;
  }
  std::vector<std::string> keys;
  for (const auto& [key, hash] : prior.objects.value_or({})) keys.push_back(key);
  auto rank = [&](const std::string& key) {
    const auto found = order.find(key);
    return found == order.end() ? static_cast<int>(order.size()) + 1 : found->second;
  };
  std::stable_sort(keys.begin(), keys.end(), [&](const std::string& a, const std::string& b) { return rank(a) > rank(b); });
  std::vector<std::string> kept;
  for (const std::string& key : keys) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    if (data.count(key) != 0 && !delete_data) {
      kept.push_back(key);
      continue;
    }
    const absl::Status deleted = operations::DeleteObject(context, *cluster, ref, options);
    if (!deleted.ok() && !absl::IsNotFound(deleted)) return Annotate(deleted, absl::StrCat("deleting ", key));
  }
  for (const auto& [name, claim] : prior.claims.value_or({})) {
    if (!IsPerReplica(claim)) continue;
    CHARON_RETURN_IF_ERROR(RemoveReplicaClaims(context, *cluster, prior, name, delete_data, kept));
  }
  TellKept(context, kept);
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

absl::StatusOr<ServiceModel> ServiceResource::ImportByIdentity(const sdk::Context& context, const ServiceIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, absl::StrCat(*identity.name_space, "/", *identity.name));
}

// What a service is found as: what its workload says without doubt. The first apply takes over each object that the configuration
// names, with everything that the tool which made it owned.
absl::StatusOr<ServiceModel> ServiceResource::ReadImported(const sdk::Context& context, Cluster& cluster, const ServiceModel& stub) const {
  ServiceModel model = stub;
  const std::string name = stub.NameOrDefault();
  for (const char* kind : {"deployment", "statefulset", "daemonset"}) {
    model.kind = kind;
    const absl::StatusOr<Json> live = cluster.Get(context, WorkloadRef(model));
    if (absl::IsNotFound(live.status())) continue;
    CHARON_RETURN_IF_ERROR(live.status());
    const Json& labels = kubernetes::Field(*live, "spec.selector.matchLabels");
    StringMap selector;
    if (labels.is_object()) {
      for (const auto& [key, value] : labels.items()) selector[key] = value.is_string() ? value.get<std::string>() : "";
    }
    if (selector != SelectorOf(stub)) model.selector = std::move(selector);
    if (std::string(kind) == "deployment") model.kind = Attr<std::string>();
    const NotSaid not_said = FillInFromWorkload(*live, model);
    if (const absl::StatusOr<Json> service = cluster.Get(context, {{"v1", "Service"}, *stub.name_space, name}); service.ok()) {
      FillInFromService(*service, model);
    }
    if (!not_said.secrets.empty()) {
      context.diagnostics->Warning(
          "Environment variables were left out",
          absl::StrCat("These have literal values in the workload that look like secrets, which belong into no state: ", absl::StrJoin(not_said.secrets, ", "),
                       ". Say them in env_wo, generated_secrets or env_secret, or in env if they are none."));
    }
    if (!not_said.fields.empty()) {
      context.diagnostics->Warning("Parts of the workload have no attribute",
                                   absl::StrCat("The first apply takes these away or changes them, and makes the pods anew where they are part of them:\n- ",
                                                absl::StrJoin(not_said.fields, "\n- "), "\n\nWhat is to stay can be said in extra_manifest_patch."));
    }
    model.objects = StringMap{{KeyOf(WorkloadRef(model)), "imported"}};
    context.private_state->Set(kAdopting, "1");
    return model;
  }
  return absl::NotFoundError(absl::StrCat("namespace ", *stub.name_space, " has no Deployment, StatefulSet or DaemonSet \"", name, "\""));
}

absl::StatusOr<ServiceIdentity> ServiceResource::Identify(const sdk::Context& context, const ServiceModel& state) {
  ServiceIdentity identity{state.name_space, state.NameOrDefault(), {}};
  if (std::string cluster = services_.ClusterId(context); !cluster.empty()) identity.cluster = std::move(cluster);
  return identity;
}

std::string ServiceResource::SameObject(const ServiceModel& model) const {
  if (!model.name_space.IsKnown() || model.name.IsUnknown() || model.kind.IsUnknown() || model.selector.IsUnknown()) return "";
  // Another kind or selector is another workload, although it has the same name.
  return absl::StrCat(WorkloadRef(model).ToString(), " ", Json(SelectorOf(model)).dump());
}

// From hashicorp/kubernetes: metadata is a list of one block, and so is spec.
std::vector<sdk::MoveSource<ServiceModel>> ServiceResource::MoveSources() const {
  auto move_as = [this](const char* kind) {
    return [this, kind](const sdk::Context& context, const sdk::MoveRequest& request) -> absl::StatusOr<ServiceModel> {
      const Json state = Json::parse(request.source_state, nullptr, /*allow_exceptions=*/false);
      const Json& blocks = kubernetes::Field(state, "metadata");
      if (!blocks.is_array() || blocks.empty()) return absl::InvalidArgumentError("the source has no metadata block");
      const std::string name = kubernetes::Text(blocks[0], "name");
      const std::string name_space = kubernetes::Text(blocks[0], "namespace");
      if (name.empty() || name_space.empty()) return absl::InvalidArgumentError("the source has no metadata.name and metadata.namespace");
      CHARON_ASSIGN_OR_RETURN(ServiceModel model, const_cast<ServiceResource*>(this)->Import(context, absl::StrCat(name_space, "/", name)));
      if (std::string(kind) != "deployment") model.kind = kind;
      return model;
    };
  };
  return {{"kubernetes_deployment", move_as("deployment")},      {"kubernetes_deployment_v1", move_as("deployment")},
          {"kubernetes_stateful_set", move_as("statefulset")},   {"kubernetes_stateful_set_v1", move_as("statefulset")},
          {"kubernetes_daemonset", move_as("daemonset")},        {"kubernetes_daemon_set_v1", move_as("daemonset")}};
}

}  // namespace charon::service
