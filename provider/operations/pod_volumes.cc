#include "provider/operations/pod_volumes.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::operations {
namespace {

using kubernetes::Field;
using kubernetes::Items;
using kubernetes::Json;
using kubernetes::Number;
using kubernetes::Text;

bool HasVolumes(const Json& set, const Json& pod, std::int64_t ordinal) {
  const Json& templates = Items(set, "spec.volumeClaimTemplates");
  return std::all_of(templates.begin(), templates.end(), [&](const Json& claim) {
    const std::string volume = Text(claim, "metadata.name");
    const std::string name = absl::StrCat(volume, "-", Text(set, "metadata.name"), "-", ordinal);
    const Json& volumes = Items(pod, "spec.volumes");
    return std::any_of(volumes.begin(), volumes.end(), [&](const Json& has) {
      return Text(has, "name") == volume && Text(has, "persistentVolumeClaim.claimName") == name;
    });
  });
}

// As the controller judges it: ready, for minReadySeconds (pkg/api/v1/pod, IsPodAvailable).
bool IsAvailable(const Json& set, const Json& pod, absl::Time now) {
  if (Field(pod, "metadata.deletionTimestamp").is_string()) return false;
  for (const Json& condition : Items(pod, "status.conditions")) {
    if (Text(condition, "type") != "Ready" || Text(condition, "status") != "True") continue;
    const std::int64_t seconds = Number(set, "spec.minReadySeconds", 0);
    absl::Time since;
    return seconds == 0 ||
           (absl::ParseTime(absl::RFC3339_full, Text(condition, "lastTransitionTime"), &since,
                            nullptr) &&
            since + absl::Seconds(seconds) <= now);
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<Json>> PodsUsing(const Call& call, kubernetes::Cluster& cluster,
                                            const kubernetes::ObjectRef& claim) {
  CHARON_ASSIGN_OR_RETURN(std::vector<Json> pods,
                          cluster.List(call, {"v1", "Pod"}, {.name_space = claim.name_space}));
  std::erase_if(pods, [&claim](const Json& pod) {
    const Json& volumes = Items(pod, "spec.volumes");
    return std::none_of(volumes.begin(), volumes.end(), [&claim](const Json& volume) {
      return Text(volume, "persistentVolumeClaim.claimName") == claim.name;
    });
  });
  return pods;
}

PodsWithoutVolumes FindPodsWithoutVolumes(const Json& set, const std::vector<Json>& pods,
                                          absl::Time now) {
  PodsWithoutVolumes found;
  const std::string prefix = Text(set, "metadata.name") + "-";
  std::map<std::int64_t, const Json*> by_ordinal;
  for (const Json& pod : pods) {
    const std::string name = Text(pod, "metadata.name");
    absl::string_view number = name;
    std::int64_t ordinal = 0;
    if (absl::ConsumePrefix(&number, prefix) && absl::SimpleAtoi(number, &ordinal))
      by_ordinal[ordinal] = &pod;
  }
  const std::int64_t first = Number(set, "spec.ordinals.start", 0);
  const std::int64_t end = first + Number(set, "spec.replicas", 1);
  bool before_available = true;
  for (std::int64_t ordinal = first; ordinal < end; ++ordinal) {
    const auto at = by_ordinal.find(ordinal);
    if (at == by_ordinal.end()) {
      before_available = false;
      continue;
    }
    const Json& pod = *at->second;
    if (HasVolumes(set, pod, ordinal)) {
      before_available = before_available && IsAvailable(set, pod, now);
      continue;
    }
    const Json& owners = Items(pod, "metadata.ownerReferences");
    const auto is_owner = [&set](const Json& owner) {
      return Text(owner, "uid") == Text(set, "metadata.uid");
    };
    const bool adopted = std::any_of(owners.begin(), owners.end(), is_owner);
    if (!adopted && !owners.empty()) continue;  // somebody else's
    found.any = true;
    const bool going = Field(pod, "metadata.deletionTimestamp").is_string();
    if (adopted && before_available && !going) found.next = &pod;
    break;
  }
  return found;
}

}  // namespace charon::operations
