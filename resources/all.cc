#include "resources/all.h"

#include <memory>

#include "resources/dns/record.h"
#include "resources/dns/zone.h"
#include "resources/kubernetes/manifest.h"
#include "resources/kubernetes/restart.h"
#include "resources/kubernetes/secret.h"
#include "resources/service/service_resource.h"
#include "resources/tier/namespace.h"
#include "resources/tier/tier.h"
#include "resources/vpn/actions.h"
#include "resources/vpn/node.h"
#include "resources/vpn/policy.h"
#include "resources/vpn/preauth_key.h"
#include "resources/vpn/user.h"

namespace charon {

void AddResources(sdk::Registry& registry, Services& services) {
  registry.Add(std::make_unique<dns_resources::RecordResource>(services));
  registry.Add(std::make_unique<dns_resources::ZoneResource>(services));
  registry.Add(std::make_unique<kubernetes_resources::ManifestResource>(services));
  registry.Add(std::make_unique<kubernetes_resources::ManifestList>(services));
  registry.Add(std::make_unique<kubernetes_resources::RestartAction>(services));
  registry.Add(std::make_unique<kubernetes_resources::SecretResource>(services));
  registry.Add(std::make_unique<service::ServiceResource>(services));
  registry.Add(std::make_unique<tier::TierResource>(services));
  registry.Add(std::make_unique<tier::NamespaceResource>(services));
  registry.Add(std::make_unique<tier::NamespaceList>(services));
  registry.Add(std::make_unique<vpn::NodeExpireAction>(services));
  registry.Add(std::make_unique<vpn::PurgeStaleAction>(services));
  registry.Add(std::make_unique<vpn::NodeResource>(services));
  registry.Add(std::make_unique<vpn::NodeList>(services));
  registry.Add(std::make_unique<vpn::PolicyResource>(services));
  registry.Add(std::make_unique<vpn::PreauthKeyResource>(services));
  registry.Add(std::make_unique<vpn::UserResource>(services));
}

}  // namespace charon
