#include "resources/service/adoption.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/conventions.h"

namespace charon::service {
namespace {

using kubernetes::Field;
using kubernetes::FieldPath;
using kubernetes::FieldSet;
using kubernetes::FieldStep;
using kubernetes::Text;

// What a tool or a controller notes for itself.
bool IsNote(absl::string_view key) {
  for (const char* prefix :
       {"charon.internal/", "deployment.kubernetes.io/", "meta.helm.sh/",
        "kubectl.kubernetes.io/last-applied", "deprecated.daemonset.template.generation"}) {
    if (absl::StartsWith(key, prefix)) return true;
  }
  return key == kManagedByLabel || key == "helm.sh/chart";
}

FieldPath MetadataPath(const char* map, const std::string& key) {
  return {{.text = "metadata"}, {.text = map}, {.text = key}};
}

// What the server fills in where there is nothing (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go,
// SetDefaults_Service), or keeps (pkg/registry/core/service, patchAllocatedValues).
bool IsUsualOfService(const FieldPath& path, const Json& live) {
  static const auto& usual = *new Json{{"type", "ClusterIP"},
                                       {"sessionAffinity", "None"},
                                       {"internalTrafficPolicy", "Cluster"},
                                       {"externalTrafficPolicy", "Cluster"},
                                       {"allocateLoadBalancerNodePorts", true},
                                       {"ipFamilyPolicy", "SingleStack"},
                                       {"publishNotReadyAddresses", false}};
  const std::string& name = path[1].text;
  if (name == "clusterIP" || name == "clusterIPs" || name == "ipFamilies") return true;
  if (name == "ports") {
    // By number or by name, it is the port of the container that the name belongs to.
    return path.back().text == "targetPort" || path.back().text == "protocol" || path.size() == 2;
  }
  if (path.size() != 2) return false;
  const Json& value = Field(live, absl::StrCat("spec.", name));
  return value.is_null() || (usual.contains(name) && usual[name] == value);
}

// Whether the loss of that field is told.
bool Counts(const FieldPath& path, const Json& live) {
  if (path.size() < 2) return false;
  if (path[0].text == "metadata") {
    return path.size() == 3 && (path[1].text == "labels" || path[1].text == "annotations") &&
           !IsNote(path[2].text);
  }
  return Text(live, "kind") == "Service" && path[0].text == "spec" && !IsUsualOfService(path, live);
}

std::string PathText(const FieldPath& path) {
  const std::string text = kubernetes::ToString(path);
  return text.substr(text.find_first_not_of('.'));
}

// Whether an item of a list above it is in the set, or something below it.
bool IsToldOtherwise(const FieldPath& path, const FieldSet& set) {
  FieldPath above;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    above.push_back(path[i]);
    if (path[i].kind == FieldStep::Kind::kKey && set.Contains(above)) return true;
  }
  if (path.back().kind == FieldStep::Kind::kKey) return false;
  const FieldSet* at = &set;
  for (const FieldStep& step : path) {
    if (at != nullptr) at = at->Child(step);
  }
  return at != nullptr && !at->children().empty();
}

}  // namespace

StringMap EntriesOfFormerTools(const Json& live, const char* map,
                               const operations::ObjectOptions& options) {
  const Json& entries = Field(live, absl::StrCat("metadata.", map));
  if (!entries.is_object()) return {};
  const FieldSet others =
      operations::OwnedByOthers(live, options, operations::FormerManagersOf(live, options));
  StringMap found;
  for (const auto& [key, value] : entries.items()) {
    if (!value.is_string() || IsNote(key) || others.Contains(MetadataPath(map, key))) continue;
    found[key] = value.get<std::string>();
  }
  return found;
}

std::vector<std::string> TakenAway(const Json& object, const Json& live,
                                   const operations::ObjectOptions& options) {
  const Json migrated = operations::Migrated(object, live, options);
  const FieldSet gone = kubernetes::AppliedBy(migrated, options.manager)
                            .Minus(kubernetes::FieldsOf(object, migrated))
                            .Minus(operations::OwnedByOthers(
                                live, options, operations::FormerManagersOf(live, options)))
                            .Intersect(kubernetes::FieldsOf(live, live));
  std::set<std::string> told;
  for (const FieldPath& path : gone.Paths()) {
    if (Counts(path, live) && !IsToldOtherwise(path, gone)) told.insert(PathText(path));
  }
  for (const kubernetes::Difference& difference : kubernetes::Compare(object, live)) {
    if (!difference.live.empty() && Counts(difference.path, live))
      told.insert(PathText(difference.path));
  }
  return {told.begin(), told.end()};
}

void WarnOfTakenAway(const sdk::Context& context, const Rendered& rendered, const Json& live,
                     const operations::ObjectOptions& options) {
  const std::vector<std::string> fields = TakenAway(rendered.object, live, options);
  if (fields.empty()) return;
  const std::string kind = Text(live, "kind"), name = Text(live, "metadata.name");
  const std::string remedy =
      rendered.stage == Stage::kWorkload ? "What is to stay can be said in labels and annotations."
      : kind == "Service"
          ? absl::StrCat(
                "Labels can be said in labels, the rest in extra_manifest_patch, with kind = "
                "\"Service\". A Service with all that it has stays beside one of another name, "
                "such as service = { name = \"",
                name, "-internal\" }.")
          : "What has an attribute can be said there, the rest in extra_manifest_patch, with its "
            "kind.";
  context.diagnostics->Warning(
      absl::StrCat("Adopting ", kind, "/", Text(live, "metadata.namespace"), "/", name,
                   " takes something away"),
      absl::StrCat("The first apply takes these away or changes them:\n- ",
                   absl::StrJoin(fields, "\n- "), "\n\n", remedy),
      rendered.attribute);
}

absl::Status CheckWayIn(const ServiceModel& model, const Rendered& rendered, const Json& live) {
  if (Text(rendered.object, "kind") != "Service" ||
      Text(rendered.object, "spec.type") != "ClusterIP")
    return absl::OkStatus();
  const std::string type = Text(live, "spec.type");
  if (type != "LoadBalancer" && type != "NodePort" && type != "ExternalName")
    return absl::OkStatus();
  for (const auto& [entry, expose] : model.expose.value_or({})) {
    if (type == "LoadBalancer" && expose.loadbalancer.IsKnown()) return absl::OkStatus();
    if (type == "NodePort" && (expose.nodeport.IsKnown() || expose.loadbalancer.IsKnown()))
      return absl::OkStatus();
  }
  const std::string name = Text(live, "metadata.name");
  std::vector<std::string> ends;
  for (const Json& ingress : Field(live, "status.loadBalancer.ingress")) {
    const std::string ip = Text(ingress, "ip");
    ends.push_back(absl::StrCat("address ", ip.empty() ? Text(ingress, "hostname") : ip));
  }
  for (const Json& port : Field(live, "spec.ports")) {
    if (const Json& number = Field(port, "nodePort"); number.is_number_integer())
      ends.push_back(absl::StrCat("node port ", number.dump()));
  }
  if (const std::string external = Text(live, "spec.externalName"); !external.empty())
    ends.push_back(absl::StrCat("the name ", external));
  const bool balancer = type == "LoadBalancer";
  return WithRemedy(
      absl::FailedPreconditionError(absl::StrCat(
          "Service/", Text(live, "metadata.namespace"), "/", name, " is of type ", type,
          ", and would become this service's own, of type ClusterIP: what leads in by it ends",
          ends.empty() ? "" : absl::StrCat(" (", absl::StrJoin(ends, ", "), ")"))),
      absl::StrCat(
          "To leave it as it is, give the own Service another name, such as service = { name "
          "= \"",
          name, "-internal\" }.",
          type == "ExternalName"
              ? ""
              : absl::StrCat(" To let a Service of this resource take its place, describe it: "
                             "expose = { lan = { ",
                             balancer ? "loadbalancer = { address = \"...\" }" : "nodeport = {}",
                             " } } makes Service \"", model.NameOrDefault(), "-lan\".")));
}

}  // namespace charon::service
