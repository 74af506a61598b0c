#include "resources/service/apply_service.h"

#include <algorithm>
#include <optional>
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
#include "provider/operations/pod_volumes.h"
#include "provider/operations/wait_ready.h"
#include "resources/service/adoption.h"
#include "resources/service/attribute_of.h"
#include "resources/service/content.h"
#include "resources/service/keep_order.h"
#include "resources/service/remake.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;
using kubernetes::Quantity;

constexpr char kSettled[] = "settled";

// Hash of the names of all objects of a service, at its workload; under a manager of its own, so
// that no apply of the workload itself has to know it.
constexpr char kObjectsAnnotation[] = "charon.internal/objects";

std::string HashOfKeys(const StringMap& objects) {
  std::vector<std::string> keys;
  for (const auto& [key, hash] : objects) keys.push_back(key);
  return Fingerprint(absl::StrJoin(keys, "\n")).substr(0, 12);
}

// "" if there is none. Its name may have dots, so that it is no part of a path.
std::string AnnotationOf(const Json& object, const char* name) {
  const Json& annotations = kubernetes::Field(object, "metadata.annotations");
  if (!annotations.is_object()) return "";
  const auto found = annotations.find(name);
  return found != annotations.end() && found->is_string() ? found->get<std::string>() : "";
}

// The claims that a StatefulSet's controller made for one of its volumes go with nothing: deletes
// them, or adds them to what was kept. `deleted`, unless null, gets those whose deletion was
// requested.
absl::Status RemoveReplicaClaims(const Call& call, Cluster& cluster, const ServiceModel& model,
                                 const std::string& volume, bool delete_data,
                                 std::vector<std::string>& kept,
                                 std::vector<ObjectRef>* deleted = nullptr) {
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> claims,
                          ReplicaClaims(call, cluster, model, volume));
  for (const Json& claim : claims) {
    const ObjectRef ref{{"v1", "PersistentVolumeClaim"},
                        *model.name_space,
                        kubernetes::Text(claim, "metadata.name")};
    if (!delete_data) {
      kept.push_back(KeyOf(ref));
      continue;
    }
    const absl::Status status = cluster.Delete(
        call, ref, {.propagation = "Background", .uid = kubernetes::Text(claim, "metadata.uid")});
    if (!status.ok() && !absl::IsNotFound(status))
      return Annotate(status, absl::StrCat("deleting ", ref.ToString()));
    if (deleted != nullptr) deleted->push_back(ref);
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

// In private state: what the workload notes, where the state knows less since somebody has deleted
// the rest.
constexpr char kNoted[] = "noted";

// In private state: the workload was adopted, and has no mark yet.
constexpr char kUnmarked[] = "unmarked";

// What a service notes at its generated Secret once it has made values anew, since neither shows in
// them: an id, which pods that have them bear, and the rotation_trigger of each.
constexpr char kGeneratedAnnotation[] = "charon.internal/generated";

Json GeneratedNote(const Json& secret) {
  Json note = Json::parse(AnnotationOf(secret, kGeneratedAnnotation), nullptr,
                          /*allow_exceptions=*/false);
  return note.is_object() ? note : Json();
}

std::string NotedTrigger(const Attr<std::string>& trigger) {
  return trigger.IsKnown() ? Fingerprint(*trigger).substr(0, 12) : "";
}

std::string GeneratedName(const ServiceModel& model) {
  return model.NameOrDefault() + "-generated";
}

// The id of the generated values that the pods of a state were started with; "" for the first ones.
std::string StartedWith(const ServiceModel& model) {
  const StringMap restart = model.restart.value_or({});
  const auto found = restart.find(GeneratedName(model));
  return found == restart.end() ? "" : found->second;
}

// The names of Secrets that must exist before pods are rolled out: an operator makes them.
std::set<std::string> AwaitedSecrets(const ServiceModel& model) {
  std::set<std::string> names = model.wait_for_secrets.value_or({});
  for (const auto& [key, secret] : model.secrets.value_or({})) names.insert(SecretName(model, key));
  return names;
}

// The main container under a new name is the same one: what somebody else sets of it goes on from
// what it is now.
void KeepRenamed(const Json& live, const std::string& from, const std::string& to, Json& initial) {
  constexpr char kContainers[] = "spec.template.spec.containers";
  if (from == to || !kubernetes::Field(initial, kContainers).is_array()) return;
  for (const Json& former : kubernetes::Field(live, kContainers)) {
    if (former.value("name", "") != from) continue;
    for (Json& container : initial["spec"]["template"]["spec"]["containers"]) {
      if (container.value("name", "") != to) continue;
      for (const char* field : {"image", "resources"}) {
        if (container.contains(field) && former.contains(field)) container[field] = former[field];
      }
    }
  }
}

// One apply of a service: makes and changes its objects in order, and keeps count of what has been
// reached.
class Run {
 public:
  Run(const sdk::Context& context, Services& services, Cluster& cluster, const ServiceModel* prior,
      const ServiceModel* left, const ServiceModel& plan)
      : context_(context),
        services_(services),
        cluster_(cluster),
        conventions_(services.settings()->conventions),
        options_(OptionsOf(services, plan, context)),
        prior_(prior),
        former_(prior != nullptr ? prior : left),
        plan_(plan),
        reached_(plan),
        restart_(plan.restart.IsKnown() ? plan.restart : Attr<StringMap>()),
        adopting_(context.adopting),
        settled_(ParseSettled(context)) {
    reached_.objects = former_ == nullptr ? StringMap() : former_->objects.value_or({});
    reached_.urls = Urls(plan, conventions_);
    // What has no hash is compared by itself, and is as it was until it is done.
    reached_.restart = prior == nullptr ? Attr<StringMap>() : prior->restart;
    if (prior == nullptr) return;
    took_over_ = IsUnfinished(*prior);
    const std::string workload = KeyOf(WorkloadRef(plan));
    if (reached_.objects->count(workload) != 0 && TakesResourcesBack(*prior, plan, conventions_))
      reached_.objects.value()[workload] = kUnfinished;
    reached_.env_wo_version = prior->env_wo_version;
    reached_.generated_secrets = prior->generated_secrets;
    reached_.claims = prior->claims;
  }

  sdk::Outcome<ServiceModel> Apply() {
    absl::Status status = ApplyAll();
    if (!status.ok() && prior_ != nullptr) {
      if (took_over_) {
        // What an earlier run left is still to be searched for.
        const std::string workload = KeyOf(WorkloadRef(plan_));
        if (reached_.objects->count(workload) != 0)
          reached_.objects.value()[workload] = kUnfinished;
      } else if (noted_) {
        NoteObjects(*reached_.objects);
      }
    }
    StoreSettled(context_, settled_);
    context_.private_state->Erase(kNextData);
    TellKept(context_, kept_);
    TellHeld();
    // Nothing was made, and nothing is left of a former one: then there is no service.
    if (!status.ok() && former_ == nullptr && reached_.objects->empty()) return status;
    if (!status.ok()) return sdk::Outcome<ServiceModel>::Partial(reached_, std::move(status));
    reached_.env_wo_version = plan_.env_wo_version;
    reached_.generated_secrets = plan_.generated_secrets;
    reached_.claims = plan_.claims;
    reached_.restart = restart_;
    return reached_;
  }

  // Whether a run may have been killed, or ended by an error, in the middle.
  static bool IsUnfinished(const ServiceModel& model) {
    const StringMap objects = model.objects.value_or({});
    return std::any_of(objects.begin(), objects.end(),
                       [](const auto& entry) { return entry.second == kUnfinished; });
  }

  // The keys of all objects that have this service's mark, also outside of the namespace.
  absl::StatusOr<StringMap> FindMarked() {
    StringMap keys;
    const std::string full_name = absl::StrCat(*plan_.name_space, "-", plan_.NameOrDefault());
    for (const std::string& kind : KindsByRemoval()) {
      CHARON_ASSIGN_OR_RETURN(const std::vector<Json> objects, FindOurs(kind, full_name));
      for (const Json& object : objects) {
        keys[KeyOf({{ApiVersionOf(kind), kind},
                    Text(object, "metadata.namespace"),
                    Text(object, "metadata.name")})] = "";
      }
    }
    return keys;
  }

  // Such a run may have left what the configuration does not have by now. Nobody has said that what
  // holds data may go: that is added to `kept`.
  absl::Status RemoveLeftovers(const StringMap& content, std::vector<std::string>& kept) {
    ServiceModel found;
    found.name_space = plan_.name_space;
    found.name = plan_.NameOrDefault();
    CHARON_ASSIGN_OR_RETURN(StringMap marked, FindMarked());
    // What a former state of this very run has was judged already.
    const StringMap known = former_ == nullptr ? StringMap() : former_->objects.value_or({});
    std::erase_if(marked, [&](const auto& object) {
      return content.count(object.first) != 0 || known.count(object.first) != 0;
    });
    found.objects = std::move(marked);
    const std::set<std::string> data = DataKeys(found);
    for (const std::string& key : KeysByRemoval(*found.objects)) {
      if (data.count(key) != 0) {
        kept.push_back(key);
        continue;
      }
      CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
      const absl::Status deleted = Remove(ref, options_);
      if (!deleted.ok() && !absl::IsNotFound(deleted))
        return Annotate(deleted, absl::StrCat("removing what an earlier run left: ", key));
    }
    return absl::OkStatus();
  }

  // What Remove did not wait for.
  void TellHeld() const {
    if (held_.empty()) return;
    std::vector<std::string> lines;
    for (const auto& [key, by] : held_)
      lines.push_back(absl::StrCat(key, ", used by ", Shown({by.begin(), by.end()})));
    context_.diagnostics->Warning(
        "Deleted once nothing uses it",
        absl::StrCat(
            "The deletion of these was requested, and not waited for:\n- ",
            absl::StrJoin(lines, "\n- "),
            "\n\nThey go by themselves when the last pod that uses them is gone. ",
            leaves_pods_.empty()
                ? "The rollout, which wait = \"none\" does not wait for, replaces those of "
                  "this service"
                : absl::StrCat("Those of this service are yours to delete (", leaves_pods_,
                               "): kubectl delete pod <pod> -n ", *plan_.name_space),
            ". Until then nothing else can be made under these names."));
  }

 private:
  absl::Status ApplyAll() {
    CHARON_ASSIGN_OR_RETURN(Content content, ContentOf(plan_, conventions_));
    if (const Rendered* workload = WorkloadOf(content.objects); workload != nullptr)
      leaves_pods_ = WhatLeavesPods(workload->object);
    CHARON_RETURN_IF_ERROR(CheckClaims(content));
    if (prior_ != nullptr && !adopting_) NoteBefore(content);
    bool pruned_exposure = false;
    bool rolled_out = false;
    std::vector<std::size_t> by_number;  // Services that go on leading to numbers for now
    for (std::size_t i = 0; i < content.objects.size(); ++i) {
      const Rendered& rendered = content.objects[i];
      if (rendered.stage == Stage::kWorkload && !rolled_out) {
        rolled_out = true;
        CHARON_RETURN_IF_ERROR(AwaitSecrets());
        if (!plan_.restart.IsKnown()) {
          CHARON_ASSIGN_OR_RETURN(restart_, Restarts(context_, services_, plan_, reached_.restart));
          if (generated_id_ && !generated_id_->empty()) {
            StringMap restart = restart_.value_or({});
            restart[GeneratedName(plan_)] = *generated_id_;
            restart_ = Attr<StringMap>(std::move(restart));
          }
          // The pod template says what it was started with.
          ServiceModel settled = plan_;
          settled.restart = restart_;
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
      const bool known = prior_ != nullptr && (adopting_ || reached_.objects->count(key) != 0);
      Rendered now = content.objects[i];
      const bool numbers = KeepNumbers(content, content.refs[i], now.object);
      if (numbers) by_number.push_back(i);
      CHARON_RETURN_IF_ERROR(WriteLocated(now, content.refs[i]));
      reached_.objects.value()[key] = numbers ? kUnfinished : hash;
      if (!known && !cluster_.CreatedThisRun(content.refs[i])) took_over_ = true;
    }
    if (!pruned_exposure) CHARON_RETURN_IF_ERROR(Prune(content, /*exposure=*/true));
    if (absl::Status ready = AwaitRollout(); !ready.ok()) {
      reached_.objects.value()[KeyOf(WorkloadRef(plan_))] = kUnfinished;
      return ready;
    }
    again_ = true;
    for (const std::size_t i : by_number) {
      CHARON_RETURN_IF_ERROR(WriteLocated(content.objects[i], content.refs[i]));
      const std::string key = KeyOf(content.refs[i]);
      reached_.objects.value()[key] = content.hashes[key];
    }
    CHARON_RETURN_IF_ERROR(Prune(content, /*exposure=*/false));
    if (took_over_) CHARON_RETURN_IF_ERROR(RemoveLeftovers(content.hashes, kept_));
    if (took_over_ || adopting_ || context_.private_state->Get(kNoted)) {
      const auto workload = cluster_.Read(context_, WorkloadRef(plan_));
      const std::string noted = workload.ok() ? AnnotationOf(**workload, kObjectsAnnotation) : "";
      if (noted.empty() || noted == HashOfKeys(content.hashes) || NoteObjects(content.hashes))
        context_.private_state->Erase(kNoted);
    }
    return absl::OkStatus();
  }

  // A port's name that the pods get with the coming rollout leads to none of those that run until
  // then. Where they listen on the same number, `service` names that instead, and is written again
  // once they are gone. True: it has been changed.
  bool KeepNumbers(const Content& content, const ObjectRef& ref, Json& service) {
    const bool fresh = prior_ == nullptr && options_.on_conflict != operations::OnConflict::kAdopt;
    if (ref.kind.kind != "Service" || fresh || !Waits() ||
        !kubernetes::Field(service, "spec.ports").is_array())
      return false;
    const auto live = cluster_.Read(context_, ref);
    if (!live.ok() || !kubernetes::Field(**live, "spec.ports").is_array()) return false;
    const auto workload =
        std::find_if(content.objects.begin(), content.objects.end(),
                     [](const Rendered& object) { return object.stage == Stage::kWorkload; });
    if (workload == content.objects.end()) return false;
    bool changed = false;
    for (Json& port : service["spec"]["ports"]) {
      const Json wanted = port.value("targetPort", Json());
      const Json number = ContainerPort(workload->object, wanted, port);
      if (!wanted.is_string() || number.is_null()) continue;
      for (const Json& before : kubernetes::Field(**live, "spec.ports")) {
        if (before.value("port", Json()) != port["port"] ||
            before.value("protocol", "TCP") != port.value("protocol", "TCP"))
          continue;
        Json leads_to = before.value("targetPort", Json());
        if (leads_to == wanted) continue;
        if (leads_to.is_string()) leads_to = ContainerPort(Running(), leads_to, port);
        if (leads_to != number) continue;
        port["targetPort"] = number;
        changed = true;
      }
    }
    return changed;
  }

  // The workload as it was before this run wrote it; null: none was there.
  const Json& Running() {
    if (!running_) {
      const auto live = cluster_.Read(context_, WorkloadRef(plan_));
      running_ = live.ok() ? **live : Json();
    }
    return *running_;
  }

  // The number of the port of that name that a workload's containers have; null: none has it.
  static Json ContainerPort(const Json& workload, const Json& name, const Json& like) {
    for (const char* containers :
         {"spec.template.spec.containers", "spec.template.spec.initContainers"}) {
      const Json& list = kubernetes::Field(workload, containers);
      if (!list.is_array()) continue;
      for (const Json& container : list) {
        for (const Json& port : container.value("ports", Json::array())) {
          if (port.value("name", Json()) == name &&
              port.value("protocol", "TCP") == like.value("protocol", "TCP"))
            return port.value("containerPort", Json());
        }
      }
    }
    return nullptr;
  }

  // Before the first object is made that no state has.
  void NoteBefore(const Content& content) {
    const StringMap before = prior_->objects.value_or({});
    if (HashOfKeys(content.hashes) == HashOfKeys(before)) return;
    const auto workload = cluster_.Read(context_, WorkloadRef(plan_));
    // What an earlier run noted that was killed says already that the state is not all there is.
    if (!workload.ok() || NotesOtherObjects(context_, **workload, before)) return;
    const bool adds =
        std::any_of(content.hashes.begin(), content.hashes.end(),
                    [&before](const auto& object) { return before.count(object.first) == 0; });
    if (adds || !AnnotationOf(**workload, kObjectsAnnotation).empty())
      noted_ = NoteObjects(content.hashes);
  }

  // False: there is no workload of ours, or the server does not take it.
  bool NoteObjects(const StringMap& objects) {
    const ObjectRef ref = WorkloadRef(plan_);
    const auto live = cluster_.Read(context_, ref);
    if (!live.ok() || operations::ClaimOf(live->get(), options_) == operations::Claim::kForeign)
      return false;
    const absl::Status noted =
        operations::WriteNote(context_, cluster_, ref, kObjectsAnnotation, HashOfKeys(objects),
                              absl::StrCat(options_.manager, "-objects"));
    if (!noted.ok()) {
      context_.call.log->Warn(
          "what objects a service has could not be noted at its workload",
          {{"object", ref.ToString()}, {"reason", std::string(noted.message())}});
    }
    return noted.ok();
  }

  // Should it fail, the attribute is named.
  absl::Status WriteLocated(const Rendered& rendered, const ObjectRef& ref) {
    absl::Status written = WriteCounted(rendered, ref);
    if (written.ok()) return written;
    const auto live = cluster_.Read(context_, ref);
    if (live.ok() && IsClaim(ref)) {
      if (absl::Status why = CheckClaim(rendered, **live, options_); !why.ok())
        written = std::move(why);
    }
    return Locate(plan_, rendered, live.ok() ? **live : Json(), written);
  }

  // Before anything is made: whether the claims can be. That of an export goes with its volume, so
  // that nothing of the two is made where the claim is there already and holds other data.
  absl::Status CheckClaims(const Content& content) {
    for (std::size_t i = 0; i < content.objects.size(); ++i) {
      const Rendered& rendered = content.objects[i];
      const std::string key = KeyOf(content.refs[i]);
      if (!IsClaim(content.refs[i]) || !MustWrite(rendered, key, content.hashes.at(key))) continue;
      const auto live = cluster_.Read(context_, content.refs[i]);
      if (!live.ok()) continue;
      if (!rendered.keeps_data)
        CHARON_RETURN_IF_ERROR(At(rendered.attribute, CheckClaim(rendered, **live, options_)));
      if (!leaves_pods_.empty() && reached_.objects->count(key) == 0)
        CHARON_RETURN_IF_ERROR(
            At(rendered.attribute, CheckGoing(context_, cluster_, content.refs[i], **live)));
    }
    return absl::OkStatus();
  }

  // Should it fail, the state says so of what may have been written all the same.
  absl::Status WriteCounted(const Rendered& rendered, const ObjectRef& ref) {
    const std::string key = KeyOf(ref);
    const bool known = reached_.objects->count(key) != 0;
    absl::Status written = Write(rendered, ref);
    if (written.ok()) {
      if (rendered.stage == Stage::kWorkload) reached_.restart = restart_;
      if (key == EnvSecretKey()) reached_.env_wo_version = plan_.env_wo_version;
      if (key == GeneratedKey(plan_)) reached_.generated_secrets = plan_.generated_secrets;
    } else if (absl::IsAborted(written)) {
      // Refused because of who owns what: nothing was written.
    } else if (known || IsMade(ref)) {
      reached_.objects.value()[key] = kUnfinished;
    }
    return written;
  }

  // Whether the server has it from us, whatever has become of the answer.
  bool IsMade(const ObjectRef& ref) {
    Call call = context_.call;
    call.deadline = call.clock->Now() + absl::Seconds(5);
    const absl::StatusOr<Json> live = cluster_.Get(call, ref);
    return live.ok() && !operations::IsGoing(*live) &&
           operations::ClaimOf(&*live, options_) == operations::Claim::kOurs;
  }

  bool MustWrite(const Rendered& rendered, const std::string& key, const std::string& hash) const {
    if (prior_ == nullptr || adopting_) return true;
    const StringMap& before = *reached_.objects;
    const auto found = before.find(key);
    if (found == before.end() || found->second != hash) return true;
    if (rendered.stage == Stage::kWorkload) return prior_->restart != restart_;
    if (rendered.has_values && key == EnvSecretKey())
      return prior_->env_wo_version != plan_.env_wo_version;
    if (rendered.has_values) return !(prior_->generated_secrets == plan_.generated_secrets);
    return false;
  }

  std::string EnvSecretKey() const {
    return KeyOf({{"v1", "Secret"}, *plan_.name_space, plan_.NameOrDefault() + "-env"});
  }

  // The object of that key as the prior state has it, by the conventions of today; null: none.
  Json Before(const std::string& key) const {
    if (prior_ == nullptr) return nullptr;
    const absl::StatusOr<Content> content = ContentOf(*prior_, conventions_);
    if (!content.ok()) return nullptr;
    for (std::size_t i = 0; i < content->objects.size(); ++i) {
      if (KeyOf(content->refs[i]) == key) return content->objects[i].object;
    }
    return nullptr;
  }

  absl::Status Write(const Rendered& rendered, const ObjectRef& ref) {
    Json object = rendered.object;
    if (rendered.has_values) CHARON_RETURN_IF_ERROR(FillIn(ref, object));
    operations::ObjectOptions options = options_;
    Json initial = rendered.initial;
    options.initial = initial.is_null() ? nullptr : &initial;
    options.hand_over_later = IsClaim(ref);  // its size is always initial
    const bool is_workload = rendered.stage == Stage::kWorkload;
    // An import is of the whole service, by its workload.
    options.may_import = prior_ == nullptr && is_workload;
    if (is_workload) {
      options.takes_back = [this](const kubernetes::FieldPath& field) {
        return IsOwnResource(plan_, field);
      };
    }
    // Data is taken over, never deleted.
    options.offers_replace = !rendered.keeps_data;
    if (rendered.keeps_data && options.on_conflict == operations::OnConflict::kReplace) {
      options.on_conflict = operations::OnConflict::kAdopt;
    }
    const std::string key = KeyOf(ref);
    options.before = [this, &key] { return Before(key); };
    const bool fresh =
        !again_ && (prior_ == nullptr || (!adopting_ && reached_.objects->count(key) == 0));
    if (rendered.stage == Stage::kWorkload &&
        (!fresh || options.on_conflict == operations::OnConflict::kAdopt)) {
      if (const auto there = cluster_.Read(context_, ref); there.ok()) {
        KeepOrder(**there, object);
        KeepClaimTemplates(**there, object);
        if (former_ != nullptr)
          KeepRenamed(**there, former_->MainContainer(), plan_.MainContainer(), initial);
        if (fresh) CHARON_RETURN_IF_ERROR(CheckPods(object, **there, options));
      }
    }
    if (ref.kind.kind == "Service" &&
        (adopting_ || (fresh && options.on_conflict == operations::OnConflict::kAdopt))) {
      const auto there = cluster_.Read(context_, ref);
      if (there.ok() && operations::ClaimOf(there->get(), options) != operations::Claim::kOurs)
        CHARON_RETURN_IF_ERROR(CheckWayIn(plan_, rendered, **there));
    }
    context_.call.log->Info("applying an object of a service", {{"object", key}});
    absl::StatusOr<Json> live = fresh && !adopting_
                                    ? operations::CreateObject(context_, cluster_, object, options)
                                    : operations::UpdateObject(context_, cluster_, object, options);
    if (rendered.stage == Stage::kWorkload && IsAboutFixedFields(live.status()))
      live = MakeAnew(ref, object, options);
    if (!live.ok()) return live.status();
    if (rendered.object["kind"] == "PersistentVolumeClaim" && !rendered.initial.is_null()) {
      CHARON_RETURN_IF_ERROR(
          GrowClaim(*live, Text(rendered.initial, "spec.resources.requests.storage"), ref));
    }
    if (ref.kind.kind == "StatefulSet") CHARON_RETURN_IF_ERROR(GrowReplicaClaims());
    if (rendered.stage == Stage::kWorkload) {
      if (operations::ClaimOf(&*live, options_) == operations::Claim::kUnclaimed) {
        context_.private_state->Set(kUnmarked, "1");
      } else {
        context_.private_state->Erase(kUnmarked);
      }
    }
    settled_.erase(key);
    settled_.erase(RestOf(key));
    if (rendered.has_values) settled_[key] = ValuesDigest(*live, options);
    const std::vector<kubernetes::Difference> rewritten =
        kubernetes::Compare(rendered.object, *live, options.manager);
    if (rewritten.empty()) return absl::OkStatus();
    settled_[rendered.has_values ? RestOf(key) : key] =
        Fingerprint(kubernetes::Overlay(rendered.object, *live, options.manager).dump());
    if (rendered.has_values) return TellRewritten(rendered, key, rewritten);
    // What we wrote otherwise ourselves (KeepOrder, KeepClaimTemplates) nobody rewrote.
    const std::vector<kubernetes::Difference> by_others =
        kubernetes::Compare(object, *live, options.manager);
    return by_others.empty() ? absl::OkStatus() : TellRewritten(rendered, key, by_others);
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
    const Json note = live.ok() ? GeneratedNote(*live) : Json();
    Json triggers = Json::object();
    std::vector<std::string> lost;
    bool anew = false;
    for (const auto& [name, wanted] : plan_.generated_secrets.value_or({})) {
      std::string value;
      if (live.ok()) {
        const Json& there = kubernetes::Field(*live, "data");
        if (there.is_object()) value = there.value(name, "");
      }
      bool rotate = false;
      if (former_ != nullptr && former_->generated_secrets.IsKnown()) {
        const auto former = former_->generated_secrets->find(name);
        rotate = former != former_->generated_secrets->end() &&
                 former->second.rotation_trigger != wanted.rotation_trigger;
      }
      triggers[name] = NotedTrigger(wanted.rotation_trigger);
      // By a run that was killed.
      if (kubernetes::Field(note, "triggers").is_object() &&
          note["triggers"].value(name, Json()) == triggers[name])
        rotate = false;
      if (value.empty() && IsLost(ref, name)) lost.push_back(name);
      anew = anew || rotate || (value.empty() && IsLost(ref, name));
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
    if (live.ok() && !plan_.delete_data.value_or(false)) KeepValues(*live, ref, data);
    object["data"] = std::move(data);
    if (prior_ != nullptr) {  // else the pods are new as well
      generated_id_ = kubernetes::Text(note, "id");
      if (generated_id_->empty()) generated_id_ = StartedWith(*prior_);
      if (anew) {
        CHARON_ASSIGN_OR_RETURN(generated_id_, operations::GenerateValue("hex", 12));
      }
      if (!generated_id_->empty()) {
        object["metadata"]["annotations"][kGeneratedAnnotation] =
            Json{{"id", *generated_id_}, {"triggers", std::move(triggers)}}.dump();
      }
    }
    if (!lost.empty()) {
      context_.diagnostics->Warning(
          "Generated values were lost",
          absl::StrCat(KeyOf(ref), " had no value any more for ", absl::StrJoin(lost, ", "),
                       ", so new ones were made up, and the pods are rolled out with them. Set the "
                       "new ones where the former ones were used."),
          "generated_secrets");
    }
    return absl::OkStatus();
  }

  // A value that had been made: it is in the state, and not new there.
  bool IsLost(const ObjectRef& ref, const std::string& name) const {
    return prior_ != nullptr && prior_->generated_secrets.value_or({}).count(name) != 0 &&
           settled_.count(KeyOf(ref)) != 0;
  }

  // Values that are not declared any more are data like a claim. Ours only: others may have put
  // theirs beside them.
  void KeepValues(const Json& live, const ObjectRef& ref, Json& data) {
    const kubernetes::FieldSet applied =
        kubernetes::AppliedBy(live, operations::AppliedAs(live, options_));
    const Json& there = kubernetes::Field(live, "data");
    if (!there.is_object()) return;
    for (const auto& [name, value] : there.items()) {
      using Kind = kubernetes::FieldStep::Kind;
      if (data.contains(name) || !applied.Contains({{Kind::kField, "data"}, {Kind::kField, name}}))
        continue;
      data[name] = value;
      if (former_ != nullptr && former_->generated_secrets.value_or({}).count(name) != 0)
        kept_.push_back(absl::StrCat("value ", name, " of ", KeyOf(ref)));
    }
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
      if (!IsPerReplica(claim) || former_ == nullptr) continue;
      CHARON_ASSIGN_OR_RETURN(const std::vector<Json> claims,
                              ReplicaClaims(context_, cluster_, plan_, name));
      for (const Json& live : claims) {
        const ObjectRef ref{
            {"v1", "PersistentVolumeClaim"}, *plan_.name_space, Text(live, "metadata.name")};
        CHARON_RETURN_IF_ERROR(
            At(Path("claims").Key(name).Attribute("size"), GrowClaim(live, *claim.size, ref)));
      }
    }
    return absl::OkStatus();
  }

  // What a workload was made with stays. To change it, it is made anew: a StatefulSet around its
  // pods, which keep running.
  absl::StatusOr<Json> MakeAnew(const ObjectRef& ref, const Json& object,
                                operations::ObjectOptions options) {
    CHARON_ASSIGN_OR_RETURN(const Json live, cluster_.Get(context_, ref));
    CHARON_ASSIGN_OR_RETURN(const Remake remake, CheckRemake(context_, cluster_, object, live,
                                                             options, prior_ == nullptr));
    if (!remake.checked) {
      return WithRemedy(
          absl::FailedPreconditionError(absl::StrCat(
              KeyOf(ref), " must be made anew to change ", absl::StrJoin(remake.fields, ", "),
              ", but the server did not say whether it would take the new one (by a dry run), so "
              "the one that is there was not deleted")),
          absl::StrCat("Apply again when the server can tell; or delete it without its pods, which "
                       "keep running, and apply: kubectl delete ",
                       ref.kind.kind, " ", ref.name, " -n ", ref.name_space, " --cascade=orphan"));
    }
    context_.call.log->Info("making a workload anew", {{"object", KeyOf(ref)}});
    if (remake.adds_volumes && !ReplacesPods(object)) {
      context_.diagnostics->Warning(
          "Pods keep the volumes that they have",
          absl::StrCat(
              KeyOf(ref),
              " has further claims for each replica. No pod gets a volume while it runs, and the "
              "controller of StatefulSets does nothing more before each of them has it. Without a "
              "wait (wait = \"none\"), and with rollout.strategy = \"OnDelete\", apply does not "
              "replace them: delete them one by one, from replica 0 on, each when the one before "
              "is ready: kubectl delete pod ",
              ref.name, "-<replica> -n ", ref.name_space),
          "claims");
    }
    const std::string uid = Text(live, "metadata.uid");
    const absl::Status deleted = cluster_.Delete(
        context_, ref, {.propagation = remake.around_pods ? "Orphan" : "Background", .uid = uid});
    if (!absl::IsNotFound(deleted)) CHARON_RETURN_IF_ERROR(deleted);
    CHARON_RETURN_IF_ERROR(operations::WaitUntilGone(context_, cluster_, ref, uid));
    options.initial = remake.initial.is_null() ? nullptr : &remake.initial;
    if (prior_ == nullptr) took_over_ = true;
    return operations::CreateCarrying(context_, cluster_, object, remake.carried, live, options);
  }

  absl::Status AwaitSecrets() {
    if (plan_.replicas.value_or(1) == 0) return absl::OkStatus();  // parked: no pod needs them
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

  bool Waits() const {
    return plan_.wait.value_or("rollout") != "none" && plan_.replicas.value_or(1) != 0;  // parked
  }

  // Whether the pods of this StatefulSet are replaced where it takes that to get a volume to them.
  bool ReplacesPods(const Json& set) const {
    return (Waits() || plan_.replicas.value_or(1) == 0) &&
           Text(set, "spec.updateStrategy.type") != "OnDelete";
  }

  absl::Status AwaitRollout() const {
    if (!Waits()) return absl::OkStatus();
    return operations::WaitUntilReady(
        context_, cluster_, WorkloadRef(plan_),
        {.rollout = true, .conditions = {}, .fields = {}, .replace_stuck = true});
  }

  // Deletes what is not declared any more: what leads to the service before what it leads to.
  absl::Status Prune(const Content& content, bool exposure) {
    if (former_ == nullptr) return absl::OkStatus();
    const std::set<std::string> data = DataKeys(*former_);
    const bool delete_data = plan_.delete_data.value_or(false);
    operations::ObjectOptions options = options_;
    if (options.on_conflict == operations::OnConflict::kAdopt)
      options.accepts = [](absl::string_view) { return true; };
    for (const std::string& key : KeysByRemoval(former_->objects.value_or({}))) {
      if (content.hashes.count(key) != 0) continue;
      const absl::StatusOr<ObjectRef> ref = RefOfKey(key);
      if (!ref.ok() || IsExposure(*ref) != exposure) continue;
      if (data.count(key) != 0 && !delete_data) {
        kept_.push_back(key);
      } else {
        const absl::Status deleted = Remove(*ref, options);
        if (!deleted.ok() && !absl::IsNotFound(deleted))
          return Annotate(deleted, absl::StrCat("removing ", key));
      }
      reached_.objects.value().erase(key);
      settled_.erase(key);
      settled_.erase(RestOf(key));
    }
    if (exposure) return absl::OkStatus();
    for (const auto& [name, claim] : former_->claims.value_or({})) {
      if (!IsPerReplica(claim)) continue;
      if (plan_.claims.IsKnown() && plan_.claims->count(name) != 0 &&
          IsPerReplica(plan_.claims->at(name)))
        continue;
      std::vector<ObjectRef> deleted;
      CHARON_RETURN_IF_ERROR(
          RemoveReplicaClaims(context_, cluster_, *former_, name, delete_data, kept_, &deleted));
      for (const ObjectRef& ref : deleted) NoteHeld(ref);
    }
    return absl::OkStatus();
  }

  // Deletes the object, and waits until it is gone unless NoteHeld.
  absl::Status Remove(const ObjectRef& ref, const operations::ObjectOptions& options) {
    if (!NoteHeld(ref)) return operations::DeleteObject(context_, cluster_, ref, options);
    absl::Status requested = operations::RequestDeletion(context_, cluster_, ref, options);
    if (!requested.ok()) held_.erase(KeyOf(ref));
    return requested;
  }

  // Whether it is a claim that pods use which may be there for ever after this run, or the volume
  // of such a claim.
  bool NoteHeld(const ObjectRef& ref) {
    std::vector<std::string> by;
    if (IsClaim(ref)) {
      by = UsersOf(ref);
    } else if (ref.kind.kind == "PersistentVolume") {
      const auto volume = cluster_.Read(context_, ref);
      const Json claim = volume.ok() ? kubernetes::Field(**volume, "spec.claimRef") : Json();
      const std::string key =
          KeyOf({{"v1", "PersistentVolumeClaim"}, Text(claim, "namespace"), Text(claim, "name")});
      if (held_.count(key) != 0) by.push_back(key);
    }
    if (by.empty()) return false;
    held_[KeyOf(ref)] = std::move(by);
    return true;
  }

  // The pods that use a claim and whose end this run does not wait for.
  std::vector<std::string> UsersOf(const ObjectRef& claim) const {
    const bool waits = plan_.wait.value_or("rollout") != "none";
    if (waits && leaves_pods_.empty()) return {};
    const auto pods = operations::PodsUsing(context_, cluster_, claim);
    if (!pods.ok()) return {"pods that cannot be listed"};
    std::vector<std::string> names;
    for (const Json& pod : *pods) {
      if (!waits || !operations::IsGoing(pod))
        names.push_back(absl::StrCat("Pod/", claim.name_space, "/", Text(pod, "metadata.name")));
    }
    return names;
  }

  // What of `rollout` has pods of the workload go on as they are, as it is said there; "" if they
  // are replaced.
  static std::string WhatLeavesPods(const Json& workload) {
    if (kubernetes::Number(workload, "spec.replicas", 1) == 0) return "";
    if (Text(workload, "spec.updateStrategy.type") == "OnDelete")
      return "rollout.strategy = \"OnDelete\"";
    const char partition[] = "spec.updateStrategy.rollingUpdate.partition";
    return kubernetes::Number(workload, partition, 0) > 0 ? "rollout.partition" : "";
  }

  // The objects of a kind that have this service's mark, without what goes by itself.
  absl::StatusOr<std::vector<Json>> FindOurs(const std::string& kind,
                                             const std::string& full_name) {
    const kubernetes::ObjectKind of{ApiVersionOf(kind), kind};
    std::vector<Json> found;
    absl::Status asked;
    const auto add = [&](absl::StatusOr<std::vector<Json>> objects) {
      if (!objects.ok()) {
        asked = objects.status();
        return;
      }
      for (Json& object : *objects) {
        if (operations::ClaimOf(&object, options_) == operations::Claim::kOurs &&
            !operations::IsGoing(object))
          found.push_back(std::move(object));
      }
    };
    if (kind == "Secret") {  // by name: a list would fetch everybody's values
      for (const std::string& key : {EnvSecretKey(), GeneratedKey(plan_)}) {
        CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
        absl::StatusOr<Json> secret = cluster_.Get(context_, ref);
        if (secret.ok()) {
          add(std::vector<Json>{*std::move(secret)});
        } else {
          asked = secret.status();
        }
      }
    } else if (kind == "ClusterRole" || kind == "ClusterRoleBinding") {
      add(cluster_.List(context_, of, {.field_selector = "metadata.name=" + full_name}));
    } else if (kind == "PersistentVolume") {
      add(cluster_.List(context_, of, {}));
    } else {
      add(cluster_.List(context_, of, {.name_space = *plan_.name_space}));
      // namespace_rules
      if (kind == "Role" || kind == "RoleBinding")
        add(cluster_.List(context_, of, {.field_selector = "metadata.name=" + full_name}));
    }
    // A kind, or a version of it, that the cluster does not have, or that we may not see.
    const bool none = absl::IsNotFound(asked) || absl::IsPermissionDenied(asked) ||
                      kubernetes::MissingOf(asked) != kubernetes::Missing::kNothing;
    if (!asked.ok() && !none) return Annotate(asked, "looking for what an earlier run left");
    return found;
  }

  const sdk::Context& context_;
  Services& services_;
  Cluster& cluster_;
  const Conventions conventions_;
  const operations::ObjectOptions options_;
  const ServiceModel* prior_;
  const ServiceModel* former_;  // the prior one, or what it or a create left that failed
  const ServiceModel& plan_;
  ServiceModel reached_;
  Attr<StringMap> restart_;  // what the pods are to be started with
  const bool adopting_;
  bool took_over_ = false;
  bool noted_ = false;                       // NoteObjects
  std::optional<std::string> generated_id_;  // if the generated Secret was written
  std::map<std::string, std::string> settled_;
  std::optional<Json> running_;
  bool again_ = false;       // what is written now was written by this run already
  std::string leaves_pods_;  // WhatLeavesPods
  std::map<std::string, std::vector<std::string>> held_;  // by key: what NoteHeld found
  std::vector<std::string> kept_;                         // data that is not declared any more
};

}  // namespace

bool NotesOtherObjects(const sdk::Context& context, const Json& workload,
                       const StringMap& objects) {
  const std::string noted = AnnotationOf(workload, kObjectsAnnotation);
  return !noted.empty() && noted != HashOfKeys(objects) &&
         noted != context.private_state->Get(kNoted);
}

void RememberNote(const sdk::Context& context, const Json& workload) {
  const std::string noted = AnnotationOf(workload, kObjectsAnnotation);
  if (!noted.empty()) context.private_state->Set(kNoted, noted);
}

absl::StatusOr<std::vector<Json>> ReplicaClaims(const Call& call, Cluster& cluster,
                                                const ServiceModel& model,
                                                const std::string& volume) {
  CHARON_ASSIGN_OR_RETURN(
      std::vector<Json> claims,
      cluster.List(call, {"v1", "PersistentVolumeClaim"}, {.name_space = *model.name_space}));
  const std::string prefix = absl::StrCat(volume, "-", model.NameOrDefault(), "-");
  claims.erase(std::remove_if(claims.begin(), claims.end(),
                              [&prefix](const Json& claim) {
                                const std::string name = kubernetes::Text(claim, "metadata.name");
                                const bool ordinal =
                                    absl::StartsWith(name, prefix) && name.size() > prefix.size() &&
                                    name.find_first_not_of("0123456789", prefix.size()) ==
                                        std::string::npos;
                                return !ordinal;
                              }),
               claims.end());
  return claims;
}

std::string WaysOut(const std::vector<std::string>& fields) {
  std::set<std::string> ways;
  for (const std::string& field : fields) {
    const bool of_container = absl::StrContains(field, "ontainers[");
    if (field == ".spec.replicas") {  // which are rendered in any case, as is an image
      ways.insert("set replicas_owner = \"external\"");
    } else if (of_container && absl::EndsWith(field, "].image")) {
      ways.insert("set image_owner = \"external\"");
    } else {
      if (of_container && absl::StrContains(field, "].resources"))
        ways.insert("set resources_owner = \"external\"");
      ways.insert("take the attribute that sets it out of the configuration");
    }
  }
  return absl::StrCat("To leave the field to it, ", absl::StrJoin(ways, ", or "),
                      ". To take it over, set force_conflicts = true.");
}

std::string Shown(const std::vector<std::string>& fields) {
  constexpr std::size_t kShown = 4;
  if (fields.size() <= kShown) return absl::StrJoin(fields, ", ");
  return absl::StrCat(absl::StrJoin(fields.begin(), fields.begin() + kShown, ", "), " and ",
                      fields.size() - kShown, " more");
}

operations::ObjectOptions OptionsOf(Services& services, const ServiceModel& model,
                                    const sdk::Context& context) {
  const std::string id = absl::StrCat(*model.name_space, "/", model.NameOrDefault());
  operations::ObjectOptions options = services.Ownership(kType, id);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = id;
  options.applied_before = !context.adopting;
  options.unmarked = context.private_state->Get(kUnmarked).has_value();
  options.ways_out = WaysOut;
  return options;
}

sdk::Outcome<ServiceModel> ApplyService(const sdk::Context& context, Services& services,
                                        const ServiceModel* prior, const ServiceModel* left,
                                        const ServiceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  return Run(context, services, *cluster, prior, left, plan).Apply();
}

absl::StatusOr<StringMap> MarkedObjects(const sdk::Context& context, Services& services,
                                        Cluster& cluster, const ServiceModel& model) {
  return Run(context, services, cluster, nullptr, nullptr, model).FindMarked();
}

absl::Status RemoveService(const sdk::Context& context, Services& services,
                           const ServiceModel& prior, std::vector<std::string>& passed_on) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  const operations::ObjectOptions options = OptionsOf(services, prior, context);
  const bool delete_data = prior.delete_data.value_or(false);
  const std::set<std::string> data = DataKeys(prior);
  // The create half of a replacement takes these again.
  const Json next = Json::parse(context.private_state->Get(kNextData).value_or("[]"), nullptr,
                                /*allow_exceptions=*/false);
  const auto is_next = [&next](const std::string& key) {
    return next == "all" ||
           (next.is_array() && std::find(next.begin(), next.end(), key) != next.end());
  };
  // Without the workload there is nothing to tell whether the state has all that there is.
  const auto workload = cluster->Read(context, WorkloadRef(prior));
  if (!workload.ok() && !absl::IsNotFound(workload.status())) return workload.status();
  const bool may_have_more = Run::IsUnfinished(prior) || !workload.ok() ||
                             NotesOtherObjects(context, **workload, prior.objects.value_or({}));
  std::vector<std::string> kept;
  std::vector<ObjectRef> going;
  bool taken = false;
  for (const std::string& key : KeysByRemoval(prior.objects.value_or({}))) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    if (const auto live = cluster->Read(context, ref);
        live.ok() && operations::IsTakenOver(context, **live)) {
      taken = true;
      continue;
    }
    if (data.count(key) != 0) {
      if (is_next(key)) {
        passed_on.push_back(key);
        continue;
      }
      if (!delete_data) {
        kept.push_back(key);
        continue;
      }
    }
    going.push_back(ref);
  }
  if (taken) {
    // Whoever has the rest has its data, too.
    operations::TellTakenOver(
        context, absl::StrCat("service ", *prior.name_space, "/", prior.NameOrDefault()));
    std::erase_if(going, [&](const ObjectRef& ref) { return data.count(KeyOf(ref)) != 0; });
  }
  // All or nothing: half a service that cannot go on running helps nobody.
  for (const ObjectRef& ref : going) {
    const absl::Status may = operations::CheckDelete(context, *cluster, ref, options);
    if (!may.ok()) return Annotate(may, absl::StrCat("deleting ", KeyOf(ref)));
  }
  for (const ObjectRef& ref : going) {
    const absl::Status deleted = operations::DeleteObject(context, *cluster, ref, options);
    if (!deleted.ok() && !absl::IsNotFound(deleted))
      return Annotate(deleted, absl::StrCat("deleting ", KeyOf(ref)));
  }
  if (taken) return absl::OkStatus();
  const bool stays = cluster->claims().IsClaimed(WorkloadRef(prior));  // another resource's now
  for (const auto& [name, claim] : prior.claims.value_or({})) {
    if (!IsPerReplica(claim) || stays) continue;
    if (const std::string key = ClaimKey(prior, name, true); is_next(key)) {
      passed_on.push_back(key);
      continue;
    }
    CHARON_RETURN_IF_ERROR(RemoveReplicaClaims(context, *cluster, prior, name, delete_data, kept));
  }
  if (may_have_more) {
    Run rest(context, services, *cluster, &prior, nullptr, prior);
    const absl::Status removed = rest.RemoveLeftovers({}, kept);
    rest.TellHeld();
    CHARON_RETURN_IF_ERROR(removed);
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
  StringMap digests;
  const std::string generated = GeneratedName(model);
  if (!model.generated_secrets.value_or({}).empty() && prior.IsKnown() &&
      prior->count(generated) != 0)
    digests[generated] = prior->at(generated);
  const std::vector<std::string> names = RestartSecrets(model);
  if (names.empty() || !services.settings()->conventions.reload_annotation.empty())
    return digests.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(digests));
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
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

bool NotesOtherValues(const Json& secret, const ServiceModel& model) {
  const std::string id = kubernetes::Text(GeneratedNote(secret), "id");
  return !id.empty() && id != StartedWith(model);
}

std::string RestOf(const std::string& key) { return key + " without values"; }

bool IsOfValues(const kubernetes::FieldPath& field) {
  if (field.empty()) return false;
  return field[0].text == "data" || (field.size() == 3 && field[1].text == "annotations" &&
                                     field[2].text == kGeneratedAnnotation);
}

std::string ValuesDigest(const Json& secret, const operations::ObjectOptions& options) {
  Json ours = {{"metadata", {{"uid", kubernetes::Text(secret, "metadata.uid")}}}};
  ours["data"] = kubernetes::Field(
      kubernetes::Project(secret,
                          kubernetes::AppliedBy(secret, operations::AppliedAs(secret, options))),
      "data");
  return kubernetes::SecretDigest(ours);
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
