// Ephemeral charon_kubernetes_secret: the values of a Secret, stored nowhere.
#pragma once

#include <map>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/ephemeral.h"
#include "provider/services.h"

namespace charon::ephemeral {

struct KubernetesSecretModel {
  Attr<std::string> name, name_space, revision, type;
  Attr<std::map<std::string, std::string>> data, binary_data;
  static const ObjectSpec<KubernetesSecretModel>& Describe();
};

class KubernetesSecret final : public sdk::Ephemeral<KubernetesSecretModel> {
 public:
  explicit KubernetesSecret(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::StatusOr<sdk::Opened<KubernetesSecretModel>> Open(
      const sdk::Context& context, const KubernetesSecretModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::ephemeral
