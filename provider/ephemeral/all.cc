#include "provider/ephemeral/all.h"

#include <memory>

#include "provider/ephemeral/generated_secret.h"
#include "provider/ephemeral/kubernetes_secret.h"
#include "provider/ephemeral/vpn_preauth_key.h"

namespace charon {

void AddEphemeralResources(sdk::Registry& registry, Services& services) {
  registry.Add(std::make_unique<ephemeral::GeneratedSecret>());
  registry.Add(std::make_unique<ephemeral::KubernetesSecret>(services));
  registry.Add(std::make_unique<ephemeral::VpnPreauthKey>(services));
}

}  // namespace charon
