#include "provider/operations/labels.h"

#include <optional>

#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/field_set.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::operations {
namespace {

using Json = nlohmann::json;
using Step = kubernetes::FieldStep;

std::optional<std::string> ValueAt(const Labels& labels, const std::string& key) {
  const auto found = labels.find(key);
  return found == labels.end() ? std::nullopt : std::optional(found->second);
}

// The keys of labels that `manager` has applied.
std::vector<std::string> AppliedKeys(const Json& object, const std::string& manager) {
  const kubernetes::FieldSet owned = kubernetes::AppliedBy(object, manager);
  std::vector<std::string> keys;
  const kubernetes::FieldSet* metadata = owned.Child({Step::Kind::kField, "metadata"});
  if (metadata == nullptr) return keys;
  const kubernetes::FieldSet* labels = metadata->Child({Step::Kind::kField, "labels"});
  if (labels == nullptr) return keys;
  for (const auto& [step, below] : labels->children()) keys.push_back(step.text);
  return keys;
}

}  // namespace

Labels LabelsOf(const Json& object) {
  Labels found;
  const Json& labels = kubernetes::Field(object, "metadata.labels");
  if (!labels.is_object()) return found;
  for (const auto& [key, value] : labels.items()) {
    if (value.is_string()) found[key] = value.get<std::string>();
  }
  return found;
}

Labels LiveLabels(const Json& live, const Labels& declared, const std::optional<Labels>& former) {
  Labels labels = LabelsOf(live);
  std::erase_if(labels, [&](const auto& label) {
    return declared.count(label.first) == 0 && (!former || former->count(label.first) == 0);
  });
  return labels;
}

void ShowLabelsOf(const Json& further, const Labels& declared, const std::string& manager,
                  Labels& labels) {
  const Labels live = LabelsOf(further);
  for (const auto& [key, value] : declared) {
    const std::optional<std::string> now = ValueAt(live, key);
    if (now == value) continue;
    if (now) {
      labels[key] = *now;
    } else {
      labels.erase(key);
    }
  }
  for (const std::string& key : AppliedKeys(further, manager)) {
    const std::optional<std::string> now = ValueAt(live, key);
    if (declared.count(key) == 0 && now) labels[key] = *now;
  }
}

void DropExpectedLabels(std::vector<kubernetes::Difference>& differences,
                        const std::optional<Labels>& former, const std::string& manager) {
  std::erase_if(differences, [&](const kubernetes::Difference& difference) {
    const kubernetes::FieldPath& path = difference.path;
    const bool is_label = path.size() >= 2 && path[0] == Step{Step::Kind::kField, "metadata"} &&
                          path[1] == Step{Step::Kind::kField, "labels"};
    if (!is_label) return false;
    if (!difference.live.empty() && !difference.manager.empty())
      return difference.manager == manager;
    if (!former) return true;
    if (path.size() == 2) return former->empty();
    const std::optional<std::string> before = ValueAt(*former, path[2].text);
    return difference.live == (before ? Json(*before).dump() : "");
  });
}

}  // namespace charon::operations
