#include "resources/service/service_ownership.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "resources/service/service_notes.h"

namespace charon::service {

operations::ObjectOptions OptionsOf(Services& services, const ServiceModel& model,
                                    const sdk::Context& context) {
  const std::string id = absl::StrCat(*model.name_space, "/", model.NameOrDefault());
  operations::ObjectOptions options = services.Ownership(kType, id);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = id;
  options.applied_before = !context.adopting;
  options.unmarked = IsUnmarked(context);
  options.ways_out = WaysOut;
  return options;
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

}  // namespace charon::service
