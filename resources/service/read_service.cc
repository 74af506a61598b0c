#include "resources/service/read_service.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/apply_object.h"
#include "resources/service/content.h"
#include "resources/service/replica_claims.h"
#include "resources/service/service_notes.h"
#include "resources/service/service_ownership.h"

namespace charon::service {
namespace {

using kubernetes::ObjectRef;

std::vector<std::string> FieldsOf(const std::vector<kubernetes::Difference>& differences) {
  std::vector<std::string> fields;
  for (const kubernetes::Difference& difference : differences)
    fields.push_back(kubernetes::ToString(difference.path));
  return fields;
}

class Reading {
 public:
  Reading(const sdk::Context& context, Services& services, kubernetes::Cluster& cluster,
          const ServiceModel& prior)
      : context_(context),
        cluster_(cluster),
        options_(OptionsOf(services, prior, context)),
        content_(ContentOf(prior, services.settings()->conventions)),
        settled_(ParseSettled(context)),
        prior_(prior),
        model_(prior) {
    if (!content_.ok()) return;
    for (std::size_t i = 0; i < content_->objects.size(); ++i)
      declared_[KeyOf(content_->refs[i])] = &content_->objects[i];
  }

  sdk::Outcome<ServiceModel> Run() {
    for (const auto& [key, hash] : *prior_.objects) CHARON_RETURN_IF_ERROR(ReadObject(key, hash));
    if (workload_ != nullptr && model_.objects->size() < prior_.objects->size())
      RememberNote(context_, *workload_);
    CHARON_RETURN_IF_ERROR(FindReplicaClaims());
    if (any_) return model_;
    return absl::NotFoundError(absl::StrCat("nothing of service ", *prior_.name_space, "/",
                                            prior_.NameOrDefault(), " is left"));
  }

 private:
  // `hash`: what the state has for it.
  absl::Status ReadObject(const std::string& key, const std::string& hash) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOfKey(key));
    const auto read = cluster_.Read(context_, ref);
    if (!read.ok() && !absl::IsNotFound(read.status())) return read.status();
    if (!read.ok() || operations::IsNamesake(**read, options_)) {
      if (read.ok()) operations::TellNamesake(context_, ref, **read, options_);
      model_.objects.value().erase(key);
      return absl::OkStatus();
    }
    const Json& live = **read;
    // What is to go with the service is part of it: forgotten, it would stay for good.
    any_ = any_ || !IsClaim(ref) || prior_.delete_data.value_or(false);
    if (IsAnothers(key, ref, live)) return absl::OkStatus();
    if (key == KeyOf(WorkloadRef(prior_))) {
      if (NotesOtherObjects(context_, live, *prior_.objects)) {
        TellOtherObjects(key, hash);
        return absl::OkStatus();
      }
      workload_ = *read;
    }
    const auto found = declared_.find(key);
    // With other conventions than at the last apply it is going to change anyway; then nothing can
    // be told.
    if (found == declared_.end() || content_->hashes.at(key) != hash) return absl::OkStatus();
    const Rendered& rendered = *found->second;
    if (!rendered.has_values || HasItsValues(key, rendered, live)) Compare(key, rendered, live);
    return absl::OkStatus();
  }

  bool IsAnothers(const std::string& key, const ObjectRef& ref, const Json& live) {
    const operations::Claim claim = operations::ClaimOf(&live, options_);
    const bool foreign = claim == operations::Claim::kForeign;
    const bool lost =
        claim == operations::Claim::kUnclaimed &&
        (!operations::IsMarkedLater(ref) || (!options_.unmarked && !operations::HasMark(live)));
    if (!foreign && !lost) return false;
    model_.objects.value()[key] = "changed outside: owner";
    context_.diagnostics->Warning(
        absl::StrCat("Changed outside of Terraform: ", key),
        absl::StrCat(
            "It ",
            foreign ? "has another owner's mark"
                    : "has lost its owner's mark, or was written back by others",
            " (annotation ", operations::kOwnerAnnotation, "). ",
            foreign ? "If conventions.owner was changed on purpose, or to take the object back, "
                      "set on_conflict = \"adopt\" for one apply. Else declare it in one stack "
                      "only."
                    : "The next apply marks it again."));
    return true;
  }

  void TellOtherObjects(const std::string& key, const std::string& hash) {
    model_.objects.value()[key] = kUnfinished;
    if (hash == kUnfinished) return;
    context_.diagnostics->Warning(
        absl::StrCat("Interrupted: ", key),
        "It notes that this service has other objects than the state knows: an apply was "
        "killed. The next one, or destroy, searches for them, and removes what the "
        "configuration does not have.");
  }

  // Whether a Secret that the service makes has the values that it was applied with, as far as that
  // is known.
  bool HasItsValues(const std::string& key, const Rendered& rendered, const Json& live) {
    if (key == GeneratedKey(prior_) && NotesOtherValues(live, prior_)) {
      model_.objects.value()[key] = kUnfinished;
      context_.diagnostics->Warning(
          absl::StrCat("Interrupted: ", key),
          "Values were made anew by an apply that did not get as far as the pods. The next one "
          "rolls them out.",
          rendered.attribute);
      return false;
    }
    const auto known = settled_.find(key);
    if (known == settled_.end()) return false;
    if (known->second == ValuesDigest(live, options_)) return true;
    model_.objects.value()[key] = "changed outside: data";
    context_.diagnostics->Warning(
        absl::StrCat("Changed outside of Terraform: ", key),
        "Values were changed or taken away. The next apply writes those of env_wo again, and "
        "makes up what is missing of generated_secrets, for which it rolls the pods out; a "
        "generated value that somebody has changed stays as it is.",
        rendered.attribute);
    return false;
  }

  // Field by field, with what was applied.
  void Compare(const std::string& key, const Rendered& rendered, const Json& live) {
    const std::string manager = operations::ComparedAs(live, options_);
    const std::vector<kubernetes::Difference> differences =
        kubernetes::Compare(rendered.object, live, manager);
    const auto known = settled_.find(rendered.has_values ? RestOf(key) : key);
    const bool as_applied =
        differences.empty() ||
        (known != settled_.end() &&
         known->second == Fingerprint(kubernetes::Overlay(rendered.object, live, manager).dump()));
    std::vector<std::string> interrupted = Interrupted(rendered, live);
    for (const kubernetes::Difference& difference : differences) {
      if (!as_applied && difference.manager == manager)
        interrupted.push_back(kubernetes::ToString(difference.path));
    }
    if (!interrupted.empty()) {
      model_.objects.value()[key] = kUnfinished;
      context_.diagnostics->Warning(
          absl::StrCat("Interrupted: ", key),
          absl::StrCat("It has what this stack wrote and the state does not know, ",
                       Shown(interrupted),
                       ": an apply was killed. The next one brings it in line with the "
                       "configuration."),
          rendered.attribute);
    } else if (!as_applied) {
      model_.objects.value()[key] = absl::StrCat("changed outside: ", Shown(FieldsOf(differences)));
      context_.diagnostics->Warning(
          absl::StrCat("Changed outside of Terraform: ", key),
          absl::StrCat(operations::DescribeDrift(differences),
                       "\n\nApply sets it back if nobody owns the field. If another manager does, "
                       "apply refuses to fight it. ",
                       WaysOut(FieldsOf(differences))),
          rendered.attribute);
    }
  }

  // What our own manager has and the state does not: an apply has written it that was killed.
  std::vector<std::string> Interrupted(const Rendered& rendered, const Json& live) const {
    operations::ObjectOptions options = options_;
    if (!rendered.initial.is_null()) options.initial = &rendered.initial;
    std::vector<std::string> fields;
    for (const kubernetes::FieldPath& path :
         operations::OwnedBeyond(live, rendered.object, options)) {
      if (!rendered.has_values || !IsOfValues(path)) fields.push_back(kubernetes::ToString(path));
    }
    return fields;
  }

  // Claims of replicas are in no state.
  absl::Status FindReplicaClaims() {
    if (!prior_.delete_data.value_or(false)) return absl::OkStatus();
    for (const auto& [name, claim] : prior_.claims.value_or({})) {
      if (any_ || !IsPerReplica(claim)) continue;
      CHARON_ASSIGN_OR_RETURN(const std::vector<Json> claims,
                              ReplicaClaims(context_, cluster_, prior_, name));
      any_ = !claims.empty();
    }
    return absl::OkStatus();
  }

  const sdk::Context& context_;
  kubernetes::Cluster& cluster_;
  const operations::ObjectOptions options_;
  const absl::StatusOr<Content> content_;
  std::map<std::string, const Rendered*> declared_;  // of content_, by key
  const std::map<std::string, std::string> settled_;
  const ServiceModel& prior_;
  ServiceModel model_;
  bool any_ = false;                      // whether anything is left of it
  std::shared_ptr<const Json> workload_;  // that notes no more than the state knows
};

}  // namespace

sdk::Outcome<ServiceModel> ReadService(const sdk::Context& context, Services& services,
                                       const ServiceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  return Reading(context, services, *cluster, prior).Run();
}

}  // namespace charon::service
