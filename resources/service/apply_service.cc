#include "resources/service/apply_service.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/clients/kubernetes/secret_digest.h"
#include "provider/operations/generate_value.h"
#include "provider/operations/wait_ready.h"
#include "resources/service/content.h"
#include "resources/service/keep_order.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;
using kubernetes::Quantity;

constexpr char kSettled[] = "settled";

// Kinds that lead to a service: gone before anything else, made after everything else.
bool IsExposure(const ObjectRef& ref) {
  static const auto& kinds = *new std::set<std::string>{
      "Ingress", "Service", "Middleware", "ServiceMonitor", "CronJob", "IngressRoute"};
  return kinds.count(ref.kind.kind) != 0;
}

// The claims that a StatefulSet's controller made for one of its volumes, which go with nothing:
// deletes them, or adds them to what was kept.
absl::Status RemoveReplicaClaims(const Call& call, Cluster& cluster, const ServiceModel& model,
                                 const std::string& volume, bool delete_data,
                                 std::vector<std::string>& kept) {
  CHARON_ASSIGN_OR_RETURN(
      const std::vector<Json> claims,
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
    const absl::Status deleted = cluster.Delete(
        call, ref, {.propagation = "Background", .uid = kubernetes::Text(claim, "metadata.uid")});
    if (!deleted.ok() && !absl::IsNotFound(deleted))
      return Annotate(deleted, absl::StrCat("deleting ", ref.ToString()));
  }
  return absl::OkStatus();
}

void TellKept(const sdk::Context& context, const std::vector<std::string>& kept) {
  if (kept.empty()) return;
  context.diagnostics->Warning(
      "Data was kept",
      absl::StrCat(
          "These hold data and were not deleted:\n- ", absl::StrJoin(kept, "\n- "),
          "\n\nA service of the same namespace and name takes them again. To delete them with it, "
          "set delete_data = true "
          "and apply before the service, or the volume, is removed; now, use kubectl delete."));
}

void StoreSettled(const sdk::Context& context, const std::map<std::string, std::string>& settled) {
  if (settled.empty()) {
    context.private_state->Erase(kSettled);
  } else {
    context.private_state->Set(kSettled, Json(settled).dump());
  }
}

// The names of Secrets that must exist before pods are rolled out: an operator makes them.
std::set<std::string> AwaitedSecrets(const ServiceModel& model) {
  std::set<std::string> names = model.wait_for_secrets.value_or({});
  for (const auto& [key, secret] : model.secrets.value_or({})) names.insert(SecretName(model, key));
  return names;
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

// One apply of a service: makes and changes its objects in order, and keeps count of what has been
// reached.
class Run {
 public:
  Run(const sdk::Context& context, Services& services, Cluster& cluster, const ServiceModel* prior,
      const ServiceModel& plan)
      : context_(context),
        services_(services),
        cluster_(cluster),
        conventions_(services.settings()->conventions),
        options_(OptionsOf(services, plan)),
        prior_(prior),
        plan_(plan),
        reached_(plan),
        adopting_(context.private_state->Get(kAdopting).has_value()),
        settled_(ParseSettled(context)) {
    reached_.objects = prior == nullptr ? StringMap() : prior->objects.value_or({});
    reached_.urls = Urls(plan, conventions_);
    if (!plan.restart.IsKnown())
      reached_.restart = prior == nullptr ? Attr<StringMap>() : prior->restart;
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
          CHARON_ASSIGN_OR_RETURN(reached_.restart,
                                  Restarts(context_, services_, plan_, reached_.restart));
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
      CHARON_RETURN_IF_ERROR(
          Locate(content.objects[i], Write(content.objects[i], content.refs[i])));
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
    if (rendered.has_values && key == EnvSecretKey())
      return prior_->env_wo_version != plan_.env_wo_version;
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
    if (rendered.stage == Stage::kWorkload &&
        (!fresh || options.on_conflict == operations::OnConflict::kAdopt)) {
      if (const auto there = cluster_.Read(context_, ref); there.ok()) KeepOrder(**there, object);
    }
    if (ref.kind.kind == "StatefulSet")
      CHARON_RETURN_IF_ERROR(ReplaceStatefulSetIfFixed(ref, object));
    context_.call.log->Info("applying an object of a service", {{"object", key}});
    absl::StatusOr<Json> live = fresh && !adopting_
                                    ? operations::CreateObject(context_, cluster_, object, options)
                                    : operations::UpdateObject(context_, cluster_, object, options);
    if (!live.ok()) return live.status();
    if (rendered.object["kind"] == "PersistentVolumeClaim" && !rendered.initial.is_null()) {
      CHARON_RETURN_IF_ERROR(
          GrowClaim(*live, Text(rendered.initial, "spec.resources.requests.storage"), ref));
    }
    if (ref.kind.kind == "StatefulSet") CHARON_RETURN_IF_ERROR(GrowReplicaClaims());
    settled_.erase(key);
    const std::vector<kubernetes::Difference> rewritten =
        kubernetes::Compare(rendered.object, *live, options.manager);
    if (rewritten.empty()) return absl::OkStatus();
    settled_[key] =
        Fingerprint(kubernetes::Overlay(rendered.object, *live, options.manager).dump());
    return TellRewritten(rendered, key, rewritten);
  }

  static std::string Text(const Json& object, absl::string_view path) {
    return kubernetes::Text(object, path);
  }

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
        rotate = former != prior_->generated_secrets->end() &&
                 former->second.rotation_trigger != wanted.rotation_trigger;
      }
      if (value.empty() || rotate) {
        CHARON_ASSIGN_OR_RETURN(const std::string made,
                                operations::GenerateValue(wanted.kind.value_or("alphanumeric"),
                                                          wanted.length.value_or(32)));
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
    const absl::StatusOr<Quantity> now =
        Quantity::Parse(Text(live, "spec.resources.requests.storage"));
    if (!wanted.ok() || !now.ok() || *now >= *wanted) return absl::OkStatus();
    const Json patch = {{"spec", {{"resources", {{"requests", {{"storage", wanted_text}}}}}}}};
    return cluster_.Patch(context_, ref, kubernetes::PatchType::kMerge, patch, options_.manager)
        .status();
  }

  // Nobody else can have written yet: the server itself stored something else, as admission
  // policies and webhooks make it.
  absl::Status TellRewritten(const Rendered& rendered, const std::string& key,
                             const std::vector<kubernetes::Difference>& rewritten) const {
    std::vector<std::string> lines;
    for (const kubernetes::Difference& difference : rewritten) {
      // The server leaves zero values out.
      const bool zero = difference.declared == "false" || difference.declared == "0" ||
                        difference.declared == "\"\"";
      if (zero && difference.live.empty()) continue;
      lines.push_back(absl::StrCat("- ", kubernetes::ToString(difference.path), ": ",
                                   difference.declared, " became ",
                                   difference.live.empty() ? "nothing" : difference.live));
    }
    if (lines.empty()) return absl::OkStatus();
    const std::string text = absl::StrCat("An admission policy or webhook of the cluster changed ",
                                          key, " as it was applied:\n", absl::StrJoin(lines, "\n"));
    if (plan_.on_server_rewrite.value_or("warn") == "error") {
      return WithRemedy(absl::FailedPreconditionError(text),
                        "Say it as the policy wants it, or leave it out; on_server_rewrite = "
                        "\"warn\" takes it as it is.");
    }
    context_.diagnostics->Warning(
        "The server rewrote what was applied",
        absl::StrCat(text,
                     "\n\nThis counts as applied from now on. To have no such warning, say it as "
                     "the policy wants it, or leave it out."),
        rendered.attribute);
    return absl::OkStatus();
  }

  // The claims of a StatefulSet's replicas are made by its controller, which never changes them
  // again.
  absl::Status GrowReplicaClaims() {
    for (const auto& [name, claim] : plan_.claims.value_or({})) {
      if (!IsPerReplica(claim)) continue;
      for (std::int64_t replica = 0; replica < plan_.replicas.value_or(1); ++replica) {
        const ObjectRef ref{{"v1", "PersistentVolumeClaim"},
                            *plan_.name_space,
                            absl::StrCat(name, "-", plan_.NameOrDefault(), "-", replica)};
        if (prior_ == nullptr) break;
        const absl::StatusOr<Json> live = cluster_.Get(context_, ref);
        if (absl::IsNotFound(live.status())) break;
        CHARON_RETURN_IF_ERROR(live.status());
        CHARON_RETURN_IF_ERROR(
            At(Path("claims").Key(name).Attribute("size"), GrowClaim(*live, *claim.size, ref)));
      }
    }
    return absl::OkStatus();
  }

  // What a StatefulSet was made with stays. To change it, the set is made anew around its pods,
  // which keep running.
  absl::Status ReplaceStatefulSetIfFixed(const ObjectRef& ref, const Json& object) {
    if (prior_ == nullptr || adopting_) return absl::OkStatus();
    const absl::StatusOr<Content> before = ContentOf(*prior_, conventions_);
    if (!before.ok()) return absl::OkStatus();
    for (std::size_t i = 0; i < before->objects.size(); ++i) {
      if (before->refs[i] != ref || FixedPart(before->objects[i].object) == FixedPart(object))
        continue;
      const absl::Status deleted =
          operations::DeleteObject(context_, cluster_, ref, options_, "Orphan");
      if (!absl::IsNotFound(deleted)) return deleted;
    }
    return absl::OkStatus();
  }

  absl::Status AwaitSecrets() {
    for (const std::string& name : AwaitedSecrets(plan_)) {
      const ObjectRef ref{{"v1", "Secret"}, *plan_.name_space, name};
      bool told = false;
      const absl::Status there =
          cluster_.Watch(context_, ref, [&](const kubernetes::WatchEvent& event) {
            if (event.object != nullptr && event.object->is_object()) return true;
            if (!told)
              context_.call.log->Info("waiting for a Secret that somebody else makes",
                                      {{"secret", ref.ToString()}});
            told = true;
            return false;
          });
      if (there.ok()) continue;
      return At(PathOfSecret(name),
                WithRemedy(Annotate(there, absl::StrCat("waiting for ", ref.ToString(),
                                                        " to be made", WhyNot(name))),
                           "The pods would not start without it. Look at what makes it: its status "
                           "and its log say why."));
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
    const absl::StatusOr<Json> source =
        cluster_.Get(call, {{"external-secrets.io/v1", "ExternalSecret"}, *plan_.name_space, name});
    if (!source.ok()) return "";
    const Json& conditions = kubernetes::Field(*source, "status.conditions");
    if (!conditions.is_array()) return " (the External Secrets operator has not looked at it yet)";
    for (const Json& condition : conditions) {
      if (condition.value("type", "") == "Ready")
        return absl::StrCat(" (", condition.value("reason", ""), ": ",
                            condition.value("message", ""), ")");
    }
    return "";
  }

  absl::Status AwaitRollout() const {
    if (plan_.wait.value_or("rollout") == "none") return absl::OkStatus();
    if (plan_.replicas.value_or(1) == 0) return absl::OkStatus();  // parked
    return operations::WaitUntilReady(context_, cluster_, WorkloadRef(plan_),
                                      {.rollout = true, .conditions = {}, .fields = {}});
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
        if (!deleted.ok() && !absl::IsNotFound(deleted))
          return Annotate(deleted, absl::StrCat("removing ", key));
      }
      reached_.objects.value().erase(key);
      settled_.erase(key);
    }
    if (!exposure) {
      for (const auto& [name, claim] : prior_->claims.value_or({})) {
        if (!IsPerReplica(claim) || (plan_.claims.IsKnown() && plan_.claims->count(name) != 0))
          continue;
        CHARON_RETURN_IF_ERROR(RemoveReplicaClaims(context_, cluster_, *prior_, name,
                                                   plan_.delete_data.value_or(false), kept));
      }
    }
    TellKept(context_, kept);
    return absl::OkStatus();
  }

  // A run that was killed, or a create that failed, may have left what the corrected configuration
  // does not have.
  absl::Status RemoveLeftovers(const Content& content) {
    static const auto& kinds =
        *new std::vector<kubernetes::ObjectKind>{{"networking.k8s.io/v1", "Ingress"},
                                                 {"traefik.io/v1alpha1", "Middleware"},
                                                 {"monitoring.coreos.com/v1", "ServiceMonitor"},
                                                 {"v1", "Service"},
                                                 {"batch/v1", "CronJob"},
                                                 {"apps/v1", "Deployment"},
                                                 {"apps/v1", "StatefulSet"},
                                                 {"apps/v1", "DaemonSet"},
                                                 {"policy/v1", "PodDisruptionBudget"},
                                                 {"networking.k8s.io/v1", "NetworkPolicy"},
                                                 {"external-secrets.io/v1", "ExternalSecret"},
                                                 {"v1", "ConfigMap"},
                                                 {"rbac.authorization.k8s.io/v1", "RoleBinding"},
                                                 {"rbac.authorization.k8s.io/v1", "Role"},
                                                 {"v1", "ServiceAccount"}};
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
        if (!deleted.ok() && !absl::IsNotFound(deleted))
          return Annotate(deleted,
                          absl::StrCat("removing what an earlier run left: ", ref.ToString()));
      }
    }
    return absl::OkStatus();
  }

  const sdk::Context& context_;
  Services& services_;
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

}  // namespace

operations::ObjectOptions OptionsOf(Services& services, const ServiceModel& model) {
  const std::string id = absl::StrCat(*model.name_space, "/", model.NameOrDefault());
  operations::ObjectOptions options = services.Ownership(kType, id);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = id;
  return options;
}

sdk::Outcome<ServiceModel> ApplyService(const sdk::Context& context, Services& services,
                                        const ServiceModel* prior, const ServiceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  return Run(context, services, *cluster, prior, plan).Apply();
}

absl::Status RemoveService(const sdk::Context& context, Services& services,
                           const ServiceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  const Conventions conventions = services.settings()->conventions;
  const operations::ObjectOptions options = OptionsOf(services, prior);
  const bool delete_data = prior.delete_data.value_or(false);
  const std::set<std::string> data = DataKeys(prior, conventions);
  // The reverse of the order in which they are made; what is not rendered any more goes first.
  std::map<std::string, int> order;
  if (const absl::StatusOr<Content> content = ContentOf(prior, conventions); content.ok()) {
    for (std::size_t i = 0; i < content->refs.size(); ++i)
      order[KeyOf(content->refs[i])] = static_cast<int>(i) + 1;
  }
  std::vector<std::string> keys;
  for (const auto& [key, hash] : prior.objects.value_or({})) keys.push_back(key);
  auto rank = [&](const std::string& key) {
    const auto found = order.find(key);
    return found == order.end() ? static_cast<int>(order.size()) + 1 : found->second;
  };
  std::stable_sort(keys.begin(), keys.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) > rank(b); });
  std::vector<std::string> kept;
  for (const std::string& key : keys) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    if (data.count(key) != 0 && !delete_data) {
      kept.push_back(key);
      continue;
    }
    const absl::Status deleted = operations::DeleteObject(context, *cluster, ref, options);
    if (!deleted.ok() && !absl::IsNotFound(deleted))
      return Annotate(deleted, absl::StrCat("deleting ", key));
  }
  const bool stays = cluster->claims().IsClaimed(WorkloadRef(prior));  // another resource's now
  for (const auto& [name, claim] : prior.claims.value_or({})) {
    if (!IsPerReplica(claim) || stays) continue;
    CHARON_RETURN_IF_ERROR(RemoveReplicaClaims(context, *cluster, prior, name, delete_data, kept));
  }
  TellKept(context, kept);
  return absl::OkStatus();
}

std::vector<std::string> RestartSecrets(const ServiceModel& model) {
  std::vector<std::string> names;
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    if (secret.on_change.value_or("none") == "restart") names.push_back(SecretName(model, key));
  }
  return names;
}

absl::StatusOr<Attr<StringMap>> Restarts(const sdk::Context& context, Services& services,
                                         const ServiceModel& model, const Attr<StringMap>& prior) {
  const std::vector<std::string> names = RestartSecrets(model);
  if (names.empty() || !services.settings()->conventions.reload_annotation.empty())
    return Attr<StringMap>();
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
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

std::map<std::string, std::string> ParseSettled(const sdk::Context& context) {
  const Json stored = Json::parse(context.private_state->Get(kSettled).value_or("{}"), nullptr,
                                  /*allow_exceptions=*/false);
  std::map<std::string, std::string> settled;
  if (!stored.is_object()) return settled;
  for (const auto& [key, value] : stored.items()) {
    if (value.is_string()) settled[key] = value.get<std::string>();
  }
  return settled;
}

}  // namespace charon::service
