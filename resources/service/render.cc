#include "resources/service/render.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "provider/base/duration.h"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "resources/service/object_patch.h"
#include "resources/service/strategic_merge.h"

namespace charon::service {
std::pair<absl::string_view, absl::string_view> HostAndPort(absl::string_view target) {
  const std::size_t colon = target.rfind(':');
  if (colon == absl::string_view::npos) return {target, ""};
  absl::string_view host = target.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return {host, target.substr(colon + 1)};
}

Path VolumePath(const std::string& name, const VolumeModel& volume) {
  return Path(volume.claim.IsNull() ? "volumes" : "claims").Key(name);
}

Json LabelsOf(const ServiceModel& model, const Conventions& conventions) {
  Json labels = conventions.Labels();
  labels["app.kubernetes.io/name"] = model.NameOrDefault();
  for (const auto& [key, value] : model.labels.value_or({})) labels[key] = value;
  return labels;
}

std::string ApiVersionOf(absl::string_view kind) {
  static const auto& versions = *new std::map<std::string, std::string>{
      {"ClusterRole", "rbac.authorization.k8s.io/v1"},
      {"ClusterRoleBinding", "rbac.authorization.k8s.io/v1"},
      {"ConfigMap", "v1"},
      {"CronJob", "batch/v1"},
      {"DaemonSet", "apps/v1"},
      {"Deployment", "apps/v1"},
      {"ExternalSecret", "external-secrets.io/v1"},
      {"Ingress", "networking.k8s.io/v1"},
      {"Middleware", "traefik.io/v1alpha1"},
      {"NetworkPolicy", "networking.k8s.io/v1"},
      {"PersistentVolume", "v1"},
      {"PersistentVolumeClaim", "v1"},
      {"PodDisruptionBudget", "policy/v1"},
      {"Role", "rbac.authorization.k8s.io/v1"},
      {"RoleBinding", "rbac.authorization.k8s.io/v1"},
      {"Secret", "v1"},
      {"Service", "v1"},
      {"ServiceAccount", "v1"},
      {"ServiceMonitor", "monitoring.coreos.com/v1"},
      {"StatefulSet", "apps/v1"}};
  const auto found = versions.find(std::string(kind));
  return found == versions.end() ? "" : found->second;
}

Json ObjectHead(const ServiceModel& model, const Conventions& conventions, absl::string_view kind,
                absl::string_view name) {
  return {{"apiVersion", ApiVersionOf(kind)},
          {"kind", std::string(kind)},
          {"metadata",
           {{"name", std::string(name)},
            {"namespace", *model.name_space},
            {"labels", LabelsOf(model, conventions)}}}};
}

StringMap SelectorOf(const ServiceModel& model) {
  if (model.selector.IsKnown() && !model.selector->empty()) return *model.selector;
  return {{"app", model.NameOrDefault()}};
}

std::int64_t Seconds(const std::string& duration) {
  const absl::StatusOr<absl::Duration> parsed = ParseDuration(duration);
  if (!parsed.ok()) return 0;
  return absl::ToInt64Seconds(absl::Ceil(*parsed, absl::Seconds(1)));
}

Json IntOrString(const std::string& text) {
  std::int64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  return text;
}

std::string SecretName(const ServiceModel& model, const std::string& reference) {
  if (reference == "generated" && model.generated_secrets.IsKnown())
    return model.NameOrDefault() + "-generated";
  if (model.secrets.IsKnown() && model.secrets->count(reference) != 0)
    return absl::StrCat(model.NameOrDefault(), "-", reference);
  return reference;
}

Json AsCreated(const Rendered& rendered) {
  Json object = rendered.object;
  std::function<void(Json&)> strip = [&strip](Json& value) {
    if (value.is_object()) {
      for (auto entry = value.begin(); entry != value.end();) {
        if (entry->is_null()) {
          entry = value.erase(entry);
        } else {
          strip(*entry);
          ++entry;
        }
      }
    } else if (value.is_array()) {
      for (Json& item : value) strip(item);
    }
  };
  strip(object);
  // Of our own making, so that nothing in it can be wrong.
  if (!rendered.initial.is_null()) StrategicMerge(object, rendered.initial).IgnoreError();
  return object;
}

namespace {

// Names are made of the service's and of keys, which can come to the same: the second object would
// take the place of the first.
absl::Status CheckNames(const std::vector<Rendered>& objects) {
  std::map<std::string, const Rendered*> named;
  for (const Rendered& rendered : objects) {
    const Json& metadata = rendered.object["metadata"];
    const std::string kind = rendered.object["kind"], name = metadata["name"];
    const auto [other, fresh] = named.emplace(
        absl::StrCat(kind, "/", metadata.value("namespace", ""), "/", name), &rendered);
    if (fresh) continue;
    const std::string by = other->second->attribute.ToString();
    return At(rendered.attribute,
              WithRemedy(absl::InvalidArgumentError(
                             absl::StrCat("would make the ", kind, " \"", name, "\", which ",
                                          by.empty() ? "the service" : by, " makes already")),
                         "Take another key for one of them."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Rendered>> RenderService(const ServiceModel& model,
                                                    const Conventions& conventions) {
  std::vector<Rendered> objects;
  RenderConfig(model, conventions, objects);
  RenderStorage(model, conventions, objects);
  RenderIdentity(model, conventions, objects);
  std::vector<absl::Status> faults = EachOf(RenderWorkload(model, conventions, objects));
  RenderBackups(model, conventions, objects);
  for (absl::Status& fault : EachOf(RenderExposure(model, conventions, objects)))
    faults.push_back(std::move(fault));
  std::erase_if(faults, [](const absl::Status& fault) { return fault.ok(); });
  if (!faults.empty()) return Several(faults);
  CHARON_RETURN_IF_ERROR(CheckNames(objects));
  std::stable_sort(objects.begin(), objects.end(),
                   [](const Rendered& a, const Rendered& b) { return a.stage < b.stage; });
  CHARON_RETURN_IF_ERROR(PatchObjects(model, objects));
  return objects;
}

}  // namespace charon::service
