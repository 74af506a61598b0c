#include "resources/service/content.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/status.h"

namespace charon::service {
namespace {

constexpr const char* kContainerLists[] = {"containers", "initContainers"};

// The container of that name, or null.
const ContainerModel* ContainerOf(const ServiceModel& model, const std::string& list,
                                  const std::string& name) {
  if (list == "initContainers") {
    if (!model.init_containers.IsKnown()) return nullptr;
    const auto found = std::find_if(
        model.init_containers->begin(), model.init_containers->end(),
        [&name](const InitContainerModel& init) { return init.name.value_or("") == name; });
    return found == model.init_containers->end() ? nullptr : &*found;
  }
  if (name == model.MainContainer()) return &model;
  if (!model.sidecars.IsKnown()) return nullptr;
  const auto found = model.sidecars->find(name);
  return found == model.sidecars->end() ? nullptr : &found->second;
}

bool OwnsResources(const ContainerModel& container) {
  return container.resources_owner.value_or("terraform") != "external";
}

}  // namespace

using kubernetes::ObjectRef;

const std::vector<std::string>& KindsByRemoval() {
  static const auto& kinds = *new std::vector<std::string>{"Ingress",
                                                           "Middleware",
                                                           "ServiceMonitor",
                                                           "Service",
                                                           "CronJob",
                                                           "Deployment",
                                                           "StatefulSet",
                                                           "DaemonSet",
                                                           "PodDisruptionBudget",
                                                           "NetworkPolicy",
                                                           "RoleBinding",
                                                           "Role",
                                                           "ClusterRoleBinding",
                                                           "ClusterRole",
                                                           "ServiceAccount",
                                                           "PersistentVolumeClaim",
                                                           "PersistentVolume",
                                                           "ExternalSecret",
                                                           "Secret",
                                                           "ConfigMap"};
  return kinds;
}

ObjectRef WorkloadRef(const ServiceModel& model) {
  return {{"apps/v1", WorkloadKind(model)}, *model.name_space, model.NameOrDefault()};
}

std::string KeyOf(const ObjectRef& ref) {
  return absl::StrCat(ref.kind.kind, "/", ref.name_space, ref.name_space.empty() ? "" : "/",
                      ref.name);
}

absl::StatusOr<ObjectRef> RefOfKey(const std::string& key) {
  const std::string kind = key.substr(0, key.find('/'));
  return ObjectRef::Parse(absl::StrCat(ApiVersionOf(kind), "/", key));
}

std::string HashOf(const Rendered& rendered) {
  std::string text = rendered.object.dump();
  // The size of a claim is sent in its own way, but a change of it must show.
  if (rendered.object["kind"] == "PersistentVolumeClaim")
    absl::StrAppend(&text, rendered.initial.dump());
  // 48 bits: it only has to differ from the one before.
  return Fingerprint(text).substr(0, 12);
}

absl::StatusOr<Content> ContentOf(const ServiceModel& model, const Conventions& conventions) {
  Content content;
  CHARON_ASSIGN_OR_RETURN(content.objects, RenderService(model, conventions));
  for (const Rendered& rendered : content.objects) {
    CHARON_ASSIGN_OR_RETURN(ObjectRef ref, kubernetes::RefOf(rendered.object));
    const bool fresh = content.hashes.emplace(KeyOf(ref), HashOf(rendered)).second;
    if (!fresh) {
      return At(rendered.attribute, absl::InvalidArgumentError(absl::StrCat(
                                        "would make ", ref.ToString(),
                                        ", which another part of the service makes already")));
    }
    content.refs.push_back(std::move(ref));
  }
  if (model.restart.IsKnown() && !model.restart->empty()) {
    ServiceModel unrestarted = model;
    unrestarted.restart = Attr<StringMap>();
    CHARON_ASSIGN_OR_RETURN(const std::vector<Rendered> plain,
                            RenderService(unrestarted, conventions));
    for (std::size_t i = 0; i < plain.size(); ++i)
      content.hashes[KeyOf(content.refs[i])] = HashOf(plain[i]);
  }
  return content;
}

const Rendered* WorkloadOf(const std::vector<Rendered>& objects) {
  const auto found = std::find_if(objects.begin(), objects.end(),
                                  [](const Rendered& r) { return r.stage == Stage::kWorkload; });
  return found == objects.end() ? nullptr : &*found;
}

Attr<StringMap> Urls(const ServiceModel& model, const Conventions& conventions) {
  StringMap urls = UrlsOf(model, conventions);
  return urls.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(urls));
}

bool TakesResourcesBack(const ServiceModel& before, const ServiceModel& now,
                        const Conventions& conventions) {
  const absl::StatusOr<PodTemplate> former = RenderPod(before, conventions);
  if (!former.ok()) return false;
  for (const char* list : kContainerLists) {
    const Json& initial = kubernetes::Field(former->initial, absl::StrCat("spec.", list));
    if (!initial.is_array()) continue;
    for (const Json& container : initial) {
      const ContainerModel* kept = ContainerOf(now, list, kubernetes::Text(container, "name"));
      if (container.contains("resources") && kept != nullptr && OwnsResources(*kept)) return true;
    }
  }
  return false;
}

bool IsOwnResource(const ServiceModel& model, const kubernetes::FieldPath& field) {
  constexpr std::size_t kDepth = 6;  // spec.template.spec.containers[name="web"].resources
  if (field.size() < kDepth || field[5].text != "resources") return false;
  const Json key = Json::parse(field[4].text, nullptr, /*allow_exceptions=*/false);
  const ContainerModel* container =
      ContainerOf(model, field[3].text, kubernetes::Text(key, "name"));
  return container != nullptr && OwnsResources(*container);
}

bool IsClaim(const ObjectRef& ref) { return ref.kind.kind == "PersistentVolumeClaim"; }

bool IsPerReplica(const ClaimModel& claim) { return claim.per_replica.value_or(false); }

int RemovalRank(const std::string& kind) {
  const std::vector<std::string>& kinds = KindsByRemoval();
  return static_cast<int>(std::find(kinds.begin(), kinds.end(), kind) - kinds.begin());
}

bool IsExposure(const ObjectRef& ref) {
  return RemovalRank(ref.kind.kind) < RemovalRank("Deployment");
}

std::vector<std::string> KeysByRemoval(const StringMap& objects) {
  std::vector<std::string> keys;
  keys.reserve(objects.size());
  for (const auto& [key, hash] : objects) keys.push_back(key);
  std::stable_sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
    return RemovalRank(a.substr(0, a.find('/'))) < RemovalRank(b.substr(0, b.find('/')));
  });
  return keys;
}

std::set<std::string> DataKeys(const ServiceModel& model) {
  std::set<std::string> keys;
  const StringMap objects = model.objects.value_or({});
  const std::string generated = GeneratedKey(model);
  for (const auto& [key, hash] : objects) {
    const absl::StatusOr<ObjectRef> ref = RefOfKey(key);
    if (!ref.ok()) continue;
    // The claim of an NFS export is only the other half of its PersistentVolume.
    const bool half =
        IsClaim(*ref) &&
        objects.count(absl::StrCat("PersistentVolume/", ref->name_space, "-", ref->name)) != 0;
    if ((IsClaim(*ref) && !half) || key == generated) keys.insert(key);
  }
  return keys;
}

std::set<std::string> DataOf(const ServiceModel& model) {
  std::set<std::string> keys;
  for (const auto& [name, claim] : model.claims.value_or({}))
    keys.insert(ClaimKey(model, name, IsPerReplica(claim)));
  if (!model.generated_secrets.value_or({}).empty()) keys.insert(GeneratedKey(model));
  return keys;
}

bool IsDataKnown(const ServiceModel& model) {
  if (!model.name_space.IsKnown() || model.name.IsUnknown() || model.claims.IsUnknown() ||
      model.generated_secrets.IsUnknown())
    return false;
  const std::map<std::string, ClaimModel> claims = model.claims.value_or({});
  return std::none_of(claims.begin(), claims.end(),
                      [](const auto& claim) { return claim.second.per_replica.IsUnknown(); });
}

std::string ClaimKey(const ServiceModel& model, const std::string& volume, bool per_replica) {
  return absl::StrCat("PersistentVolumeClaim/", *model.name_space, "/",
                      per_replica ? absl::StrCat(volume, "-", model.NameOrDefault(), "-<replica>")
                                  : ClaimName(model, volume));
}

std::string GeneratedKey(const ServiceModel& model) {
  return KeyOf({{"v1", "Secret"}, *model.name_space, model.NameOrDefault() + "-generated"});
}

std::string EnvSecretKey(const ServiceModel& model) {
  return KeyOf({{"v1", "Secret"}, *model.name_space, model.NameOrDefault() + "-env"});
}

}  // namespace charon::service
