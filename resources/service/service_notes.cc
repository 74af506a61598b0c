#include "resources/service/service_notes.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/secret_digest.h"

namespace charon::service {
namespace {

using Json = nlohmann::json;

constexpr char kSettled[] = "settled";
constexpr char kUnmarked[] = "unmarked";
// What the workload notes, where the state knows less since somebody has deleted the rest.
constexpr char kNoted[] = "noted";

}  // namespace

bool IsUnfinished(const ServiceModel& model) {
  const StringMap objects = model.objects.value_or({});
  return std::any_of(objects.begin(), objects.end(),
                     [](const auto& entry) { return entry.second == kUnfinished; });
}

std::string HashOfKeys(const StringMap& objects) {
  std::vector<std::string> keys;
  for (const auto& [key, hash] : objects) keys.push_back(key);
  return Fingerprint(absl::StrJoin(keys, "\n")).substr(0, 12);
}

std::string NotedObjects(const Json& workload) {
  return kubernetes::Annotation(workload, kObjectsAnnotation);
}

bool NotesOtherObjects(const sdk::Context& context, const Json& workload,
                       const StringMap& objects) {
  const std::string noted = NotedObjects(workload);
  return !noted.empty() && noted != HashOfKeys(objects) &&
         noted != context.private_state->Get(kNoted);
}

void RememberNote(const sdk::Context& context, const Json& workload) {
  const std::string noted = NotedObjects(workload);
  if (!noted.empty()) context.private_state->Set(kNoted, noted);
}

bool RemembersNote(const sdk::Context& context) {
  return context.private_state->Get(kNoted).has_value();
}

void ForgetNote(const sdk::Context& context) { context.private_state->Erase(kNoted); }

Json GeneratedNote(const Json& secret) {
  Json note = Json::parse(kubernetes::Annotation(secret, kGeneratedAnnotation), nullptr,
                          /*allow_exceptions=*/false);
  return note.is_object() ? note : Json();
}

std::string NotedTrigger(const Attr<std::string>& trigger) {
  return trigger.IsKnown() ? Fingerprint(*trigger).substr(0, 12) : "";
}

std::string GeneratedName(const ServiceModel& model) {
  return model.NameOrDefault() + "-generated";
}

std::string StartedWith(const ServiceModel& model) {
  const StringMap restart = model.restart.value_or({});
  const auto found = restart.find(GeneratedName(model));
  return found == restart.end() ? "" : found->second;
}

bool NotesOtherValues(const Json& secret, const ServiceModel& model) {
  const std::string id = kubernetes::Text(GeneratedNote(secret), "id");
  return !id.empty() && id != StartedWith(model);
}

std::map<std::string, std::string> ParseSettled(const sdk::Context& context) {
  const Json stored = Json::parse(context.private_state->Get(kSettled).value_or("{}"), nullptr,
                                  /*allow_exceptions=*/false);
  std::map<std::string, std::string> settled;
  if (!stored.is_object()) return settled;
  for (const auto& [key, value] : stored.items()) {
    if (value.is_string()) settled[key] = value.get<std::string>();
  }
  return settled;
}

void StoreSettled(const sdk::Context& context, const std::map<std::string, std::string>& settled) {
  if (settled.empty()) {
    context.private_state->Erase(kSettled);
  } else {
    context.private_state->Set(kSettled, Json(settled).dump());
  }
}

std::string ValuesDigest(const Json& secret, const operations::ObjectOptions& options) {
  Json ours = {{"metadata", {{"uid", kubernetes::Text(secret, "metadata.uid")}}}};
  ours["data"] = kubernetes::Field(
      kubernetes::Project(secret,
                          kubernetes::AppliedBy(secret, operations::AppliedAs(secret, options))),
      "data");
  return kubernetes::SecretDigest(ours);
}

std::string RestOf(const std::string& key) { return key + " without values"; }

bool IsOfValues(const kubernetes::FieldPath& field) {
  if (field.empty()) return false;
  return field[0].text == "data" || (field.size() == 3 && field[1].text == "annotations" &&
                                     field[2].text == kGeneratedAnnotation);
}

bool IsUnmarked(const sdk::Context& context) {
  return context.private_state->Get(kUnmarked).has_value();
}

void NoteUnmarked(const sdk::Context& context, bool unmarked) {
  if (unmarked) {
    context.private_state->Set(kUnmarked, "1");
  } else {
    context.private_state->Erase(kUnmarked);
  }
}

}  // namespace charon::service
