#include "resources/service/generated_secret.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/generate_value.h"
#include "resources/service/content.h"
#include "resources/service/service_notes.h"

namespace charon::service {
namespace {

// Whether its trigger is another one than that of the value that is there.
bool IsRotated(const FormerValues& former, const Json& note, const std::string& name,
               const GeneratedSecretModel& wanted) {
  if (former.former == nullptr || !former.former->generated_secrets.IsKnown()) return false;
  const auto before = former.former->generated_secrets->find(name);
  if (before == former.former->generated_secrets->end() ||
      before->second.rotation_trigger == wanted.rotation_trigger)
    return false;
  // By a run that was killed.
  const Json& triggers = kubernetes::Field(note, "triggers");
  return !triggers.is_object() ||
         triggers.value(name, Json()) != NotedTrigger(wanted.rotation_trigger);
}

// Values that are not declared any more are data like a claim. Ours only: others may have put
// theirs beside them.
void KeepValues(const Json& live, const FormerValues& former,
                const operations::ObjectOptions& options, const std::string& key, Json& data,
                std::vector<std::string>& kept) {
  const kubernetes::FieldSet applied =
      kubernetes::AppliedBy(live, operations::AppliedAs(live, options));
  const Json& there = kubernetes::Field(live, "data");
  if (!there.is_object()) return;
  for (const auto& [name, value] : there.items()) {
    using Kind = kubernetes::FieldStep::Kind;
    if (data.contains(name) || !applied.Contains({{Kind::kField, "data"}, {Kind::kField, name}}))
      continue;
    data[name] = value;
    if (former.former != nullptr && former.former->generated_secrets.value_or({}).count(name) != 0)
      kept.push_back(absl::StrCat("value ", name, " of ", key));
  }
}

// In base64, as a Secret has it.
absl::StatusOr<std::string> NewValue(const GeneratedSecretModel& wanted) {
  CHARON_ASSIGN_OR_RETURN(
      const std::string made,
      operations::GenerateValue(wanted.kind.value_or("alphanumeric"), wanted.length.value_or(32)));
  RegisterSecret(made);
  return absl::Base64Escape(made);
}

}  // namespace

absl::StatusOr<GeneratedValues> FillInGenerated(
    const sdk::Context& context, kubernetes::Cluster& cluster, const ServiceModel& plan,
    const FormerValues& former, const operations::ObjectOptions& options, Json& object) {
  CHARON_ASSIGN_OR_RETURN(const kubernetes::ObjectRef ref, kubernetes::RefOf(object));
  const absl::StatusOr<Json> live = cluster.Get(context, ref);
  if (!live.ok() && !absl::IsNotFound(live.status())) return live.status();
  const Json note = live.ok() ? GeneratedNote(*live) : Json();
  const Json there = live.ok() ? kubernetes::Field(*live, "data") : Json();
  GeneratedValues out;
  Json data = Json::object(), triggers = Json::object();
  std::vector<std::string> lost;
  bool anew = false;
  for (const auto& [name, wanted] : plan.generated_secrets.value_or({})) {
    std::string value = there.is_object() ? there.value(name, "") : "";
    triggers[name] = NotedTrigger(wanted.rotation_trigger);
    const bool rotated = IsRotated(former, note, name, wanted);
    // One that had been made: it is in the state, and not new there.
    const bool is_lost = value.empty() && former.applied && former.prior != nullptr &&
                         former.prior->generated_secrets.value_or({}).count(name) != 0;
    if (is_lost) lost.push_back(name);
    anew = anew || rotated || is_lost;
    if (value.empty() || rotated) {
      CHARON_ASSIGN_OR_RETURN(value, NewValue(wanted));
    } else if (std::string plain; absl::Base64Unescape(value, &plain)) {
      RegisterSecret(plain);
    }
    data[name] = std::move(value);
  }
  if (live.ok() && !plan.delete_data.value_or(false))
    KeepValues(*live, former, options, KeyOf(ref), data, out.kept);
  object["data"] = std::move(data);
  if (former.prior != nullptr) {
    out.id = kubernetes::Text(note, "id");
    if (out.id->empty()) out.id = StartedWith(*former.prior);
    if (anew) {
      CHARON_ASSIGN_OR_RETURN(out.id, operations::GenerateValue("hex", 12));
    }
    if (!out.id->empty()) {
      object["metadata"]["annotations"][kGeneratedAnnotation] =
          Json{{"id", *out.id}, {"triggers", std::move(triggers)}}.dump();
    }
  }
  if (!lost.empty()) {
    context.diagnostics->Warning(
        "Generated values were lost",
        absl::StrCat(KeyOf(ref), " had no value any more for ", absl::StrJoin(lost, ", "),
                     ", so new ones were made up, and the pods are rolled out with them. Set the "
                     "new ones where the former ones were used."),
        "generated_secrets");
  }
  return out;
}

}  // namespace charon::service
