#include "resources/service/apply_service.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/wait_ready.h"
#include "resources/service/adoption.h"
#include "resources/service/attribute_of.h"
#include "resources/service/awaited_secrets.h"
#include "resources/service/content.h"
#include "resources/service/generated_secret.h"
#include "resources/service/keep_numbers.h"
#include "resources/service/keep_order.h"
#include "resources/service/remake.h"
#include "resources/service/removal.h"
#include "resources/service/replica_claims.h"
#include "resources/service/service_notes.h"
#include "resources/service/service_ownership.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;

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
        settled_(ParseSettled(context)),
        removal_(context, cluster, plan) {
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
    removal_.TellKept();
    removal_.TellHeld();
    // Nothing was made, and nothing is left of a former one: then there is no service.
    if (!status.ok() && former_ == nullptr && reached_.objects->empty()) return status;
    if (!status.ok()) return sdk::Outcome<ServiceModel>::Partial(reached_, std::move(status));
    reached_.env_wo_version = plan_.env_wo_version;
    reached_.generated_secrets = plan_.generated_secrets;
    reached_.claims = plan_.claims;
    reached_.restart = restart_;
    return reached_;
  }

 private:
  absl::Status ApplyAll() {
    CHARON_ASSIGN_OR_RETURN(Content content, ContentOf(plan_, conventions_));
    if (const Rendered* workload = WorkloadOf(content.objects); workload != nullptr)
      removal_.NoteWorkload(workload->object);
    CHARON_RETURN_IF_ERROR(CheckClaims(content));
    if (prior_ != nullptr && !adopting_) NoteBefore(content);
    bool pruned_exposure = false;
    bool rolled_out = false;
    std::vector<std::size_t> by_number;  // Services that go on leading to numbers for now
    for (std::size_t i = 0; i < content.objects.size(); ++i) {
      const Stage stage = content.objects[i].stage;
      if (stage == Stage::kWorkload && !rolled_out) {
        rolled_out = true;
        CHARON_RETURN_IF_ERROR(PrepareRollout(content));
      }
      if (stage == Stage::kExposure && !pruned_exposure) {
        pruned_exposure = true;
        CHARON_RETURN_IF_ERROR(Prune(content, /*exposure=*/true));
      }
      const std::string key = KeyOf(content.refs[i]);
      const std::string& hash = content.hashes[key];
      if (!MustWrite(content.objects[i], key, hash)) continue;
      const bool known = prior_ != nullptr && (adopting_ || reached_.objects->count(key) != 0);
      Rendered now = content.objects[i];
      const bool numbers = KeepsNumbers(content, content.refs[i], now.object);
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
    if (took_over_) {
      // What a former state of this very run has was judged already.
      CHARON_RETURN_IF_ERROR(removal_.RemoveLeftovers(
          options_, former_ == nullptr ? StringMap() : former_->objects.value_or({}),
          content.hashes));
    }
    if (took_over_ || adopting_ || RemembersNote(context_)) {
      const auto workload = cluster_.Read(context_, WorkloadRef(plan_));
      const std::string noted = workload.ok() ? NotedObjects(**workload) : "";
      if (noted.empty() || noted == HashOfKeys(content.hashes) || NoteObjects(content.hashes))
        ForgetNote(context_);
    }
    return absl::OkStatus();
  }

  // What pods need is there, and their template says what they are started with: the objects are
  // rendered again.
  absl::Status PrepareRollout(Content& content) {
    CHARON_RETURN_IF_ERROR(AwaitSecrets(context_, cluster_, plan_));
    if (plan_.restart.IsKnown()) return absl::OkStatus();
    CHARON_ASSIGN_OR_RETURN(restart_, Restarts(context_, services_, plan_, reached_.restart));
    if (generated_id_ && !generated_id_->empty()) {
      StringMap restart = restart_.value_or({});
      restart[GeneratedName(plan_)] = *generated_id_;
      restart_ = Attr<StringMap>(std::move(restart));
    }
    ServiceModel settled = plan_;
    settled.restart = restart_;
    CHARON_ASSIGN_OR_RETURN(content.objects, RenderService(settled, conventions_));
    return absl::OkStatus();
  }

  // KeepNumbers for a Service of pods that are being replaced.
  bool KeepsNumbers(const Content& content, const ObjectRef& ref, Json& service) {
    const bool fresh = prior_ == nullptr && options_.on_conflict != operations::OnConflict::kAdopt;
    if (ref.kind.kind != "Service" || fresh || !Waits()) return false;
    const auto live = cluster_.Read(context_, ref);
    const Rendered* workload = WorkloadOf(content.objects);
    if (!live.ok() || workload == nullptr) return false;
    return KeepNumbers(
        workload->object, [this]() -> const Json& { return Running(); }, **live, service);
  }

  // The workload as it was before this run wrote it; null: none was there.
  const Json& Running() {
    if (!running_) {
      const auto live = cluster_.Read(context_, WorkloadRef(plan_));
      running_ = live.ok() ? **live : Json();
    }
    return *running_;
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
    if (adds || !NotedObjects(**workload).empty()) noted_ = NoteObjects(content.hashes);
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
      if (!removal_.leaves_pods().empty() && reached_.objects->count(key) == 0)
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
      if (key == EnvSecretKey(plan_)) reached_.env_wo_version = plan_.env_wo_version;
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
    if (rendered.has_values && key == EnvSecretKey(plan_))
      return prior_->env_wo_version != plan_.env_wo_version;
    if (rendered.has_values) return !(prior_->generated_secrets == plan_.generated_secrets);
    return false;
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
    if (rendered.has_values) CHARON_RETURN_IF_ERROR(FillIn(KeyOf(ref), object));
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
      CHARON_RETURN_IF_ERROR(GrowClaim(
          context_, cluster_, ref, *live,
          kubernetes::Text(rendered.initial, "spec.resources.requests.storage"), options_.manager));
    }
    if (ref.kind.kind == "StatefulSet" && former_ != nullptr)
      CHARON_RETURN_IF_ERROR(GrowReplicaClaims(context_, cluster_, plan_, options_.manager));
    if (is_workload) {
      NoteUnmarked(context_,
                   operations::ClaimOf(&*live, options_) == operations::Claim::kUnclaimed);
    }
    return Settle(rendered, object, *live, options.manager);
  }

  // What the server made of `object`, which it was sent for `rendered`.
  absl::Status Settle(const Rendered& rendered, const Json& object, const Json& live,
                      const std::string& manager) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
    const std::string key = KeyOf(ref);
    settled_.erase(key);
    settled_.erase(RestOf(key));
    if (rendered.has_values) settled_[key] = ValuesDigest(live, options_);
    const std::vector<kubernetes::Difference> rewritten =
        kubernetes::Compare(rendered.object, live, manager);
    if (rewritten.empty()) return absl::OkStatus();
    settled_[rendered.has_values ? RestOf(key) : key] =
        Fingerprint(kubernetes::Overlay(rendered.object, live, manager).dump());
    if (rendered.has_values) return TellRewritten(rendered, key, rewritten);
    // What we wrote otherwise ourselves (KeepOrder, KeepClaimTemplates) nobody rewrote.
    const std::vector<kubernetes::Difference> by_others =
        kubernetes::Compare(object, live, manager);
    return by_others.empty() ? absl::OkStatus() : TellRewritten(rendered, key, by_others);
  }

  // The values of a Secret that the service makes.
  absl::Status FillIn(const std::string& key, Json& object) {
    if (key == EnvSecretKey(plan_)) {
      Json data = Json::object();
      for (const auto& [name, value] : plan_.env_wo.value_or({})) {
        RegisterSecret(value);
        data[name] = absl::Base64Escape(value);
      }
      object["data"] = std::move(data);
      return absl::OkStatus();
    }
    CHARON_ASSIGN_OR_RETURN(
        GeneratedValues generated,
        FillInGenerated(context_, cluster_, plan_,
                        {.prior = prior_, .former = former_, .applied = settled_.count(key) != 0},
                        options_, object));
    for (const std::string& value : generated.kept) removal_.Keep(value);
    if (generated.id) generated_id_ = std::move(generated.id);
    return absl::OkStatus();
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
    const std::string uid = kubernetes::Text(live, "metadata.uid");
    const absl::Status deleted = cluster_.Delete(
        context_, ref, {.propagation = remake.around_pods ? "Orphan" : "Background", .uid = uid});
    if (!absl::IsNotFound(deleted)) CHARON_RETURN_IF_ERROR(deleted);
    CHARON_RETURN_IF_ERROR(operations::WaitUntilGone(context_, cluster_, ref, uid));
    options.initial = remake.initial.is_null() ? nullptr : &remake.initial;
    if (prior_ == nullptr) took_over_ = true;
    return operations::CreateCarrying(context_, cluster_, object, remake.carried, live, options);
  }

  bool Waits() const {
    return plan_.wait.value_or("rollout") != "none" && plan_.replicas.value_or(1) != 0;  // parked
  }

  // Whether the pods of this StatefulSet are replaced where it takes that to get a volume to them.
  bool ReplacesPods(const Json& set) const {
    return (Waits() || plan_.replicas.value_or(1) == 0) &&
           kubernetes::Text(set, "spec.updateStrategy.type") != "OnDelete";
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
        removal_.Keep(key);
      } else {
        const absl::Status deleted = removal_.Remove(*ref, options);
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
      CHARON_RETURN_IF_ERROR(removal_.RemoveReplicas(*former_, name, delete_data, /*in_use=*/true));
    }
    return absl::OkStatus();
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
  bool again_ = false;  // what is written now was written by this run already
  Removal removal_;
};

}  // namespace

sdk::Outcome<ServiceModel> ApplyService(const sdk::Context& context, Services& services,
                                        const ServiceModel* prior, const ServiceModel* left,
                                        const ServiceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  return Run(context, services, *cluster, prior, left, plan).Apply();
}

}  // namespace charon::service
