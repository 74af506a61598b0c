#include "datasources/all.h"

#include <memory>

#include "datasources/dns/records.h"
#include "datasources/kubernetes/object.h"
#include "datasources/kubernetes/server.h"
#include "datasources/service/status.h"
#include "datasources/tier/usage.h"
#include "datasources/vpn/nodes.h"
#include "datasources/vpn/policy.h"
#include "datasources/vpn/server.h"

namespace charon {

void AddDataSources(sdk::Registry& registry, Services& services) {
  registry.Add(std::make_unique<dns_data::RecordsSource>(services));
  registry.Add(std::make_unique<dns_data::ZoneSource>(services));
  registry.Add(std::make_unique<kubernetes_data::ObjectSource>(services));
  registry.Add(std::make_unique<kubernetes_data::ObjectsSource>(services));
  registry.Add(std::make_unique<kubernetes_data::ServerSource>(services));
  registry.Add(std::make_unique<service_data::StatusSource>(services));
  registry.Add(std::make_unique<service_data::LiveImageSource>(services));
  registry.Add(std::make_unique<tier_data::UsageSource>(services));
  registry.Add(std::make_unique<vpn_data::NodeSource>(services));
  registry.Add(std::make_unique<vpn_data::NodesSource>(services));
  registry.Add(std::make_unique<vpn_data::PolicySource>(services));
  registry.Add(std::make_unique<vpn_data::ServerSource>(services));
  registry.Add(std::make_unique<vpn_data::UsersSource>(services));
}

}  // namespace charon
