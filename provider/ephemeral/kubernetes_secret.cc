#include "provider/ephemeral/kubernetes_secret.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/schema/checks.h"
#include "provider/value/msgpack.h"

namespace charon::ephemeral {

const ObjectSpec<KubernetesSecretModel>& KubernetesSecretModel::Describe() {
  using M = KubernetesSecretModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The values of a Secret of the cluster, for write-only attributes and provider blocks: read "
      "in each plan and apply, "
      "stored nowhere.",
      {
          Field(&M::name, "name", Required, "Name of the Secret.").Check(DnsSubdomain()),
          Field(&M::name_space, "namespace", Required, "Namespace of the Secret.")
              .Check(DnsLabel()),
          // Terraform opens an ephemeral resource in plan as soon as its configuration is known,
          // also if it depends on what is not made yet (1.11; depends_on does not change that).
          Field(&M::revision, "revision", Optional,
                "For a Secret that this configuration makes or rotates: "
                "`charon_secret.NAME.revision`. While that is not "
                "known, Terraform puts off reading the Secret until it is there. The text itself "
                "has no effect."),
          Field(&M::type, "type", Computed, "Type of the Secret."),
          Field(&M::data, "data", Computed, "Values that are text (UTF-8), by key.").Sensitive(),
          Field(&M::binary_data, "binary_data", Computed, "All other values in base64, by key.")
              .Sensitive(),
      });
  return spec;
}

const sdk::ResourceInfo& KubernetesSecret::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_kubernetes_secret",
                                                   .noun = "Secret",
                                                   .subcategory = "Kubernetes",
                                                   .needs = needs::Kubernetes()};
  return info;
}

absl::StatusOr<sdk::Opened<KubernetesSecretModel>> KubernetesSecret::Open(
    const sdk::Context& context, const KubernetesSecretModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(
      const nlohmann::json live,
      cluster->Get(context, {{"v1", "Secret"}, *config.name_space, *config.name}));
  KubernetesSecretModel result = config;
  result.type = kubernetes::Text(live, "type");
  std::map<std::string, std::string> text, binary;
  const nlohmann::json& data = kubernetes::Field(live, "data");
  if (data.is_object()) {
    for (const auto& [key, value] : data.items()) {
      std::string plain;
      if (!value.is_string() || !absl::Base64Unescape(value.get<std::string>(), &plain)) continue;
      RegisterSecret(plain);
      if (NormalizeNfc(plain).ok()) {
        text[key] = std::move(plain);
      } else {
        binary[key] = value.get<std::string>();
      }
    }
  }
  result.data = std::move(text);
  result.binary_data = std::move(binary);
  return sdk::Opened<KubernetesSecretModel>{std::move(result), std::nullopt};
}

}  // namespace charon::ephemeral
