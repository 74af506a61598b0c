#include "resources/service/awaited_secrets.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/secret_digest.h"
#include "resources/service/render.h"
#include "resources/service/service_notes.h"

namespace charon::service {
namespace {

using kubernetes::Cluster;
using kubernetes::ObjectRef;

// An operator makes them.
std::set<std::string> AwaitedSecrets(const ServiceModel& model) {
  std::set<std::string> names = model.wait_for_secrets.value_or({});
  for (const auto& [key, secret] : model.secrets.value_or({})) names.insert(SecretName(model, key));
  return names;
}

Path PathOfSecret(const ServiceModel& model, const std::string& name) {
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    if (SecretName(model, key) == name) return Path("secrets").Key(key);
  }
  return "wait_for_secrets";
}

// What the External Secrets operator says about it.
std::string WhyNot(const sdk::Context& context, Cluster& cluster, const ObjectRef& secret) {
  // The wait has used up the time that there was.
  Call call = context.call;
  call.deadline = call.clock->Now() + absl::Seconds(5);
  const absl::StatusOr<Json> source = cluster.Get(
      call, {{"external-secrets.io/v1", "ExternalSecret"}, secret.name_space, secret.name});
  if (!source.ok()) return "";
  const Json& conditions = kubernetes::Field(*source, "status.conditions");
  if (!conditions.is_array()) return " (the External Secrets operator has not looked at it yet)";
  for (const Json& condition : conditions) {
    if (condition.value("type", "") == "Ready")
      return absl::StrCat(" (", condition.value("reason", ""), ": ", condition.value("message", ""),
                          ")");
  }
  return "";
}

}  // namespace

absl::Status AwaitSecrets(const sdk::Context& context, Cluster& cluster,
                          const ServiceModel& model) {
  if (model.replicas.value_or(1) == 0) return absl::OkStatus();  // parked: no pod needs them
  for (const std::string& name : AwaitedSecrets(model)) {
    const ObjectRef ref{{"v1", "Secret"}, *model.name_space, name};
    bool told = false;
    const absl::Status there =
        cluster.Watch(context, ref, [&](const kubernetes::WatchEvent& event) {
          if (event.object != nullptr && event.object->is_object()) return true;
          if (!told)
            context.call.log->Info("waiting for a Secret that somebody else makes",
                                   {{"secret", ref.ToString()}});
          told = true;
          return false;
        });
    if (there.ok()) continue;
    return At(PathOfSecret(model, name),
              WithRemedy(Annotate(there, absl::StrCat("waiting for ", ref.ToString(), " to be made",
                                                      WhyNot(context, cluster, ref))),
                         "The pods would not start without it. Look at what makes it: its status "
                         "and its log say why."));
  }
  return absl::OkStatus();
}

std::vector<std::string> RestartSecrets(const ServiceModel& model) {
  std::vector<std::string> names;
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    if (secret.on_change.value_or("none") == "restart") names.push_back(SecretName(model, key));
  }
  return names;
}

absl::StatusOr<Attr<StringMap>> Restarts(const sdk::Context& context, Services& services,
                                         const ServiceModel& model, const Attr<StringMap>& prior) {
  StringMap digests;
  const std::string generated = GeneratedName(model);
  if (!model.generated_secrets.value_or({}).empty() && prior.IsKnown() &&
      prior->count(generated) != 0)
    digests[generated] = prior->at(generated);
  const std::vector<std::string> names = RestartSecrets(model);
  if (names.empty() || !services.settings()->conventions.reload_annotation.empty())
    return digests.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(digests));
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  for (const std::string& name : names) {
    const auto secret = cluster->Read(context, {{"v1", "Secret"}, *model.name_space, name});
    if (secret.ok()) {
      digests[name] = kubernetes::SecretDigest(**secret);
    } else if (!absl::IsNotFound(secret.status())) {
      return secret.status();
    } else if (prior.IsKnown() && prior->count(name) != 0) {
      digests[name] = prior->at(name);  // on its way: the operator will make it again
    }
  }
  return Attr<StringMap>(std::move(digests));
}

}  // namespace charon::service
