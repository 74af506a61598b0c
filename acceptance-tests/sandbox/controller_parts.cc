#include "controller_parts.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "selector.h"
#include "status.h"

namespace charon::sandbox {
namespace {

constexpr char kController[] = "kube-controller-manager";

}  // namespace

// Reconcilers run with the cluster's lock held; the analysis cannot see that through `Work`.
ObjectPtr Work::Get(absl::string_view resource, absl::string_view ns,
                    absl::string_view name) const {
  cluster.mu.AssertHeld();
  return cluster.store.Get(resource, ns, name);
}

std::vector<ObjectPtr> Work::In(absl::string_view resource, absl::string_view ns) const {
  cluster.mu.AssertHeld();
  return cluster.store.In(resource, ns);
}

ResourcePtr Work::ResourceOf(const Json& object) const {
  cluster.mu.AssertHeld();
  return cluster.kinds.FindKind(Text(object, {"apiVersion"}), Text(object, {"kind"}));
}

void Work::SetStatus(const Json& live, Json status) const {
  const ResourcePtr resource = ResourceOf(live);
  if (resource == nullptr) return;
  // Read again: the same pass may have changed the object already.
  const ObjectPtr current = Get(resource->storage_key(), Text(live, {"metadata", "namespace"}),
                                Text(live, {"metadata", "name"}));
  if (current == nullptr || Members(*current, {"status"}) == status) return;
  Json object = *current;
  object["status"] = std::move(status);
  const bool simulated = resource->storage_key() == "/pods" ||
                         resource->storage_key() == "/services" ||
                         resource->storage_key() == "networking.k8s.io/ingresses";
  objects.Replace(*resource, std::move(object), simulated ? "kwok" : kController, "status");
}

void Work::Update(Json object, absl::string_view subresource) const {
  const ResourcePtr resource = ResourceOf(object);
  if (resource != nullptr) objects.Replace(*resource, std::move(object), kController, subresource);
}

void Work::Delete(const Json& object) const {
  Call call;
  call.resource = ResourceOf(object);
  if (call.resource == nullptr) return;
  call.ns = Text(object, {"metadata", "namespace"});
  call.name = Text(object, {"metadata", "name"});
  call.internal = true;
  DeleteOptions options;
  options.propagation = "Background";
  options.uid = Text(object, {"metadata", "uid"});
  (void)objects.Delete(call, options);
}

absl::Status Work::Create(const char* api_version, const char* kind, Json object) const {
  cluster.mu.AssertHeld();
  Call call;
  call.resource = cluster.kinds.FindKind(api_version, kind);
  if (call.resource == nullptr) return absl::NotFoundError(kind);
  call.ns = Text(object, {"metadata", "namespace"});
  call.manager = kController;
  call.internal = true;
  call.field_validation = FieldValidation::kIgnore;
  return objects.Create(call, ParsedDocument{std::move(object), {}, ""}).status();
}

void Work::Event(const Json& about, absl::string_view type, absl::string_view reason,
                 absl::string_view message, absl::string_view component) const {
  cluster.mu.AssertHeld();
  const std::string ns = Text(about, {"metadata", "namespace"}, "default");
  const std::string now = cluster.NowText();
  // The same news again only counts up: the name says which news it is.
  const std::string name = absl::StrFormat(
      "%s.%016x", Text(about, {"metadata", "name"}),
      std::hash<std::string>()(absl::StrCat(Text(about, {"metadata", "uid"}), reason, message)));
  if (const ObjectPtr old = Get("/events", ns, name); old != nullptr) {
    if (Text(*old, {"lastTimestamp"}) == now) return;
    Json event = *old;
    event["count"] = Integer(event, {"count"}, 1) + 1;
    event["lastTimestamp"] = now;
    Update(std::move(event));
    return;
  }
  (void)Create("v1", "Event",
               {{"metadata", {{"name", name}, {"namespace", ns}}},
                {"involvedObject",
                 {{"apiVersion", Text(about, {"apiVersion"})},
                  {"kind", Text(about, {"kind"})},
                  {"name", Text(about, {"metadata", "name"})},
                  {"namespace", Text(about, {"metadata", "namespace"})},
                  {"uid", Text(about, {"metadata", "uid"})},
                  {"resourceVersion", Text(about, {"metadata", "resourceVersion"})}}},
                {"type", std::string(type)},
                {"reason", std::string(reason)},
                {"message", std::string(message)},
                {"source", {{"component", std::string(component)}}},
                {"reportingComponent", std::string(component)},
                {"reportingInstance", ""},
                {"count", 1},
                {"firstTimestamp", now},
                {"lastTimestamp", now}});
}

ItemKey KeyOf(const std::string& resource, const Json& object) {
  return {resource, Text(object, {"metadata", "namespace"}), Text(object, {"metadata", "name"})};
}

Json ControllerReference(const Json& owner) {
  return {{"apiVersion", Text(owner, {"apiVersion"})},
          {"kind", Text(owner, {"kind"})},
          {"name", Text(owner, {"metadata", "name"})},
          {"uid", Text(owner, {"metadata", "uid"})},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

const Json* ControllerOf(const Json& object) {
  for (const Json& reference : Items(object, {"metadata", "ownerReferences"})) {
    if (Flag(reference, {"controller"})) return &reference;
  }
  return nullptr;
}

bool IsOwnedBy(const Json& object, const Json& owner) {
  const Json* reference = ControllerOf(object);
  return reference != nullptr && Text(*reference, {"uid"}) == Text(owner, {"metadata", "uid"});
}

std::vector<ObjectPtr> OwnedPods(const Work& work, const Json& owner) {
  std::vector<ObjectPtr> out;
  for (const ObjectPtr& pod : work.In("/pods", Text(owner, {"metadata", "namespace"}))) {
    if (IsOwnedBy(*pod, owner)) out.push_back(pod);
  }
  return out;
}

void Adopt(const Work& work, const Json& owner, absl::string_view resource) {
  const LabelSelector selector = LabelSelector::FromJson(Find(owner, {"spec", "selector"}));
  for (const ObjectPtr& found : work.In(resource, Text(owner, {"metadata", "namespace"}))) {
    if (ControllerOf(*found) != nullptr || IsDeleted(*found)) continue;
    if (!selector.Matches(Members(*found, {"metadata", "labels"}))) continue;
    Json copy = *found;
    Json references = Items(copy, {"metadata", "ownerReferences"});
    references.push_back(ControllerReference(owner));
    copy["metadata"]["ownerReferences"] = std::move(references);
    work.Update(std::move(copy));
  }
}

bool IsReady(const Json& pod) {
  for (const Json& condition : Items(pod, {"status", "conditions"})) {
    if (Text(condition, {"type"}) == "Ready") return Text(condition, {"status"}) == "True";
  }
  return false;
}

bool IsFinished(const Json& pod) {
  const std::string phase = Text(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

bool IsDeleted(const Json& object) {
  return Find(object, {"metadata", "deletionTimestamp"}) != nullptr;
}

std::string TemplateHash(const Json& value) {
  std::uint32_t hash = 2166136261u;
  for (const char c : Dump(value)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  }
  constexpr absl::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (const char c : absl::StrCat(hash)) {
    out.push_back(kLetters[static_cast<std::size_t>(c - '0')]);
  }
  return out;
}

void SetCondition(Json& conditions, Json condition, const std::string& now, bool with_update_time) {
  if (!conditions.is_array()) conditions = Json::array();
  if (!condition.contains("lastTransitionTime")) condition["lastTransitionTime"] = now;
  if (with_update_time) condition["lastUpdateTime"] = now;
  for (Json& old : conditions) {
    if (Text(old, {"type"}) != Text(condition, {"type"})) continue;
    if (Text(old, {"status"}) == Text(condition, {"status"})) {
      condition["lastTransitionTime"] = Text(old, {"lastTransitionTime"}, now);
      const bool same = Text(old, {"reason"}) == Text(condition, {"reason"}) &&
                        Text(old, {"message"}) == Text(condition, {"message"});
      if (with_update_time && same)
        condition["lastUpdateTime"] = Text(old, {"lastUpdateTime"}, now);
    }
    old = std::move(condition);
    return;
  }
  conditions.push_back(std::move(condition));
}

std::int64_t Scaled(const Json* value, std::int64_t total, bool round_up) {
  if (value == nullptr) return 0;
  if (value->is_number()) return value->get<std::int64_t>();
  absl::string_view text = value->get_ref<const std::string&>();
  std::int64_t percent = 0;
  if (!text.empty()) text.remove_suffix(1);
  if (!absl::SimpleAtoi(text, &percent)) return 0;
  return (total * percent + (round_up ? 99 : 0)) / 100;
}

absl::Duration AnnotatedDelay(const Json& object, const char* annotation) {
  absl::Duration delay;
  const std::string text = Text(object, {"metadata", "annotations", annotation});
  return absl::ParseDuration(text, &delay) && delay > absl::ZeroDuration() ? delay
                                                                           : absl::ZeroDuration();
}

Json PodFromTemplate(const Json& pod_template, const Json& owner) {
  Json pod = Json::object();
  pod["metadata"] = Members(pod_template, {"metadata"});
  pod["metadata"]["namespace"] = Text(owner, {"metadata", "namespace"});
  pod["metadata"]["ownerReferences"] = Json::array({ControllerReference(owner)});
  pod["spec"] = Members(pod_template, {"spec"});
  return pod;
}

absl::Status TryPod(const Work& work, const Json& owner, Json pod, bool* is_new) {
  work.cluster.mu.AssertHeld();
  // client-go, util/workqueue/default_rate_limiters.go v0.36: doubles from 5 ms to 1000 s. Tests
  // wait less.
  constexpr absl::Duration kFirst = absl::Milliseconds(50);
  constexpr absl::Duration kLongest = absl::Seconds(2);
  const std::string uid = Text(owner, {"metadata", "uid"});
  const std::int64_t generation = Integer(owner, {"metadata", "generation"});
  std::map<std::string, RefusedPod>& refused = work.cluster.refused_pods;
  const auto before = refused.find(uid);
  const bool same = before != refused.end() && before->second.generation == generation;
  *is_new = !same || work.cluster.Now() >= before->second.until;
  if (!*is_new) return before->second.why;
  absl::Status status = work.Create("v1", "Pod", std::move(pod));
  if (status.ok()) {
    refused.erase(uid);
    return status;
  }
  const absl::Duration delay = same ? std::min(before->second.delay * 2, kLongest) : kFirst;
  const absl::Time until = work.cluster.Now() + delay;
  refused[uid] = {status, until, delay, generation};
  work.revisit(KeyOf(work.ResourceOf(owner)->storage_key(), owner), until);
  return status;
}

absl::Status CreatePod(const Work& work, const Json& owner, Json pod, const char* component) {
  work.cluster.mu.AssertHeld();
  Json& metadata = pod["metadata"];
  if (Text(metadata, {"name"}).empty()) {
    metadata["name"] = absl::StrCat(Text(metadata, {"generateName"}), work.cluster.NameSuffix());
  }
  const std::string name = Text(metadata, {"name"});
  bool is_new = false;
  const absl::Status status = TryPod(work, owner, std::move(pod), &is_new);
  if (status.ok()) {
    work.Event(owner, "Normal", "SuccessfulCreate", absl::StrCat("Created pod: ", name), component);
  } else if (is_new) {
    work.Event(owner, "Warning", "FailedCreate",
               absl::StrCat("Error creating: ", Text(StatusBody(status), {"message"})), component);
  }
  return status;
}

}  // namespace charon::sandbox
