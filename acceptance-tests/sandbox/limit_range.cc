#include "limit_range.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "quantity.h"
#include "quota.h"
#include "status.h"

namespace charon::sandbox {
namespace {

// Fills what `container` leaves open; returns what was set, for the annotation.
void FillContainer(Json& container, const Json& defaults, const char* list, const char* what,
                   const char* kind, std::vector<std::string>& notes) {
  std::vector<std::string> set;
  for (const auto& [name, value] : defaults.items()) {
    Json& target = Ensure(container, {"resources", list});
    if (target.contains(name)) continue;
    target[name] = value;
    set.push_back(name);
  }
  if (Members(container, {"resources", list}).empty()) Erase(container, {"resources", list});
  if (set.empty()) return;
  notes.push_back(absl::StrCat(absl::StrJoin(set, ", "), " ", what, " for ", kind, " ",
                               Text(container, {"name"})));
}

std::optional<Quantity> AmountIn(const Json& amounts, const std::string& name) {
  const auto it = amounts.find(name);
  if (it == amounts.end()) return std::nullopt;
  return Quantity::FromJson(*it);
}

void CheckBounds(const Json& item, const Json& requests, const Json& limits,
                 std::vector<std::string>& out) {
  const std::string type = Text(item, {"type"});
  for (const auto& [name, bound] : Members(item, {"min"}).items()) {
    const Quantity least = Quantity::FromJson(bound);
    const auto request = AmountIn(requests, name);
    const auto limit = AmountIn(limits, name);
    const std::string head =
        absl::StrCat("minimum ", name, " usage per ", type, " is ", least.ToString());
    if (!request) {
      out.push_back(absl::StrCat(head, ".  No request is specified"));
    } else if (*request < least) {
      out.push_back(absl::StrCat(head, ", but request is ", request->ToString()));
    } else if (limit && *limit < least) {
      out.push_back(absl::StrCat(head, ", but limit is ", limit->ToString()));
    }
  }
  for (const auto& [name, bound] : Members(item, {"max"}).items()) {
    const Quantity most = Quantity::FromJson(bound);
    const auto request = AmountIn(requests, name);
    const auto limit = AmountIn(limits, name);
    const std::string head =
        absl::StrCat("maximum ", name, " usage per ", type, " is ", most.ToString());
    if (!limit) {
      out.push_back(absl::StrCat(head, ".  No limit is specified"));
    } else if (*limit > most) {
      out.push_back(absl::StrCat(head, ", but limit is ", limit->ToString()));
    } else if (request && *request > most) {
      out.push_back(absl::StrCat(head, ", but request is ", request->ToString()));
    }
  }
  for (const auto& [name, bound] : Members(item, {"maxLimitRequestRatio"}).items()) {
    const Quantity most = Quantity::FromJson(bound);
    const auto request = AmountIn(requests, name);
    const auto limit = AmountIn(limits, name);
    const std::string head = absl::StrCat(name, " max limit to request ratio per ", type, " is ",
                                          most.ToString(), ", but ");
    if (!request || request->IsZero()) {
      out.push_back(absl::StrCat(head, "no request is specified or request is 0"));
    } else if (!limit || limit->IsZero()) {
      out.push_back(absl::StrCat(head, "no limit is specified or limit is 0"));
    } else if (const double ratio = limit->ToDouble() / request->ToDouble();
               ratio > most.ToDouble()) {
      out.push_back(absl::StrFormat("%sprovided ratio is %f", head, ratio));
    }
  }
}

Json ToJson(const Amounts& amounts) {
  Json out = Json::object();
  for (const auto& [name, amount] : amounts) out[name] = amount.ToString();
  return out;
}

}  // namespace

absl::Status ApplyLimitRanges(Cluster& cluster, const std::string& ns, Json& pod) {
  for (const ObjectPtr& range : cluster.store.In("/limitranges", ns)) {
    std::vector<std::string> notes;
    Json limits = Json::object();
    Json requests = Json::object();
    for (const Json& item : Items(*range, {"spec", "limits"})) {
      if (Text(item, {"type"}) != "Container") continue;
      limits.update(Members(item, {"default"}));
      requests.update(Members(item, {"defaultRequest"}));
    }
    for (const auto& [list, kind] :
         {std::pair("containers", "container"), std::pair("initContainers", "init container")}) {
      Json& spec = pod["spec"];
      if (!spec.is_object() || !spec.contains(list) || !spec[list].is_array()) continue;
      for (Json& container : spec[list]) {
        if (!container.is_object()) continue;
        FillContainer(container, requests, "requests", "request", kind, notes);
        FillContainer(container, limits, "limits", "limit", kind, notes);
      }
    }
    if (!notes.empty()) {
      Ensure(pod, {"metadata", "annotations"})["kubernetes.io/limit-ranger"] =
          absl::StrCat("LimitRanger plugin set: ", absl::StrJoin(notes, "; "));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLimitRanges(Cluster& cluster, const Call& call, const Json& object) {
  const bool pod = call.resource->storage_key() == "/pods";
  for (const ObjectPtr& range : cluster.store.In("/limitranges", call.ns)) {
    std::vector<std::string> found;
    for (const Json& item : Items(*range, {"spec", "limits"})) {
      const std::string type = Text(item, {"type"});
      if (pod && type == "Container") {
        for (const char* list : {"containers", "initContainers"}) {
          for (const Json& container : Items(object, {"spec", list})) {
            CheckBounds(item, Members(container, {"resources", "requests"}),
                        Members(container, {"resources", "limits"}), found);
          }
        }
      } else if (pod && type == "Pod") {
        CheckBounds(item, ToJson(PodAmounts(object, "requests")),
                    ToJson(PodAmounts(object, "limits")), found);
      } else if (!pod && type == "PersistentVolumeClaim") {
        const Json& requests = Members(object, {"spec", "resources", "requests"});
        const auto size = AmountIn(requests, "storage");
        const auto most = AmountIn(Members(item, {"max"}), "storage");
        Json lower = item;
        lower.erase("max");
        CheckBounds(lower, requests, Json::object(), found);
        if (most && size && *size > *most) {
          found.push_back(absl::StrCat("maximum storage usage per PersistentVolumeClaim is ",
                                       most->ToString(), ", but request is ", size->ToString()));
        }
      }
    }
    if (!found.empty()) {
      return Forbidden(
          call.resource->group_resource(), call.name,
          found.size() == 1 ? found[0] : absl::StrCat("[", absl::StrJoin(found, ", "), "]"));
    }
  }
  return absl::OkStatus();
}

}  // namespace charon::sandbox
