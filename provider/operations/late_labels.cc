#include "provider/operations/late_labels.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/clients/kubernetes/field_set.h"

namespace charon::operations {

std::vector<std::string> TakeLateLabels(std::vector<kubernetes::Difference>& differences,
                                        const std::map<std::string, std::string>& given,
                                        const std::string& manager) {
  using Kind = kubernetes::FieldStep::Kind;
  const kubernetes::FieldPath labels = {{Kind::kField, "metadata"}, {Kind::kField, "labels"}};
  std::vector<std::string> keys;
  std::erase_if(differences, [&](const kubernetes::Difference& difference) {
    kubernetes::FieldPath path = difference.path;
    if (path.size() != labels.size() + 1) return false;
    const std::string key = path.back().text;
    path.pop_back();
    const bool late =
        difference.live.empty() || difference.manager.empty() || difference.manager == manager;
    const bool is_given = key == "app.kubernetes.io/managed-by" || given.count(key) != 0;
    if (path != labels || !is_given || !late) return false;
    keys.push_back(key);
    return true;
  });
  return keys;
}

std::string DescribeLateLabels(const std::vector<std::string>& keys) {
  return absl::StrCat(absl::StrJoin(keys, ", "),
                      ": not there, or with a former value. They come from `conventions`, and are "
                      "written with the next change of this resource, of its annotations for "
                      "example; a change of `conventions` alone is none.");
}

}  // namespace charon::operations
