// charon_vpn_node: a machine of the VPN, from its registration to its removal.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "provider/clients/headscale/client.h"
#include "provider/schema/field.h"
#include "provider/sdk/list_resource.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::vpn {

struct NodeModel {
  Attr<std::string> id, hostname, node_id, machine_key, given_name, user, expiry, on_missing,
      purge_stale_after, ipv4, ipv6, fqdn;
  Attr<std::set<std::string>> tags, routes, exclusive, stale_twins;
  Attr<bool> exit_node, wait, wait_online, enrolled;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<NodeModel>& Describe();
};

struct NodeIdentity {
  Attr<std::string> id;
  static const ObjectSpec<NodeIdentity>& Describe();
};

// True if `twin` is a registration that the host of `node` left behind: another node of the same
// host name and the same owner, that went before `node` came, and that nobody has given a name of
// its own (`given_name` is the one that the configuration gives to the host).
bool IsTwin(const headscale::Dialect& dialect, const headscale::Node& node,
            const headscale::Node& twin, absl::string_view given_name);
// True if it may be removed: a twin that is offline, and has been for longer than `age`.
bool IsStale(const headscale::Node& twin, absl::Duration age, absl::Time now);

// The state of `node` under a configuration of which `prior` has the words. `all`: everything that
// the node has, as imports and lists show it.
NodeModel ToModel(const NodeModel& prior, const headscale::Node& node, const Services& services,
                  absl::Time now, bool all);

class NodeResource final : public sdk::Resource<NodeModel, NodeIdentity> {
 public:
  explicit NodeResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const NodeModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<NodeModel>& change) override;
  sdk::Outcome<NodeModel> Create(const sdk::Context& context, const NodeModel& plan) override;
  sdk::Outcome<NodeModel> Read(const sdk::Context& context, const NodeModel& prior) override;
  sdk::Outcome<NodeModel> Update(const sdk::Context& context, const NodeModel& prior,
                                 const NodeModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const NodeModel& prior) override;
  absl::StatusOr<NodeModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<NodeModel> ImportByIdentity(const sdk::Context& context,
                                             const NodeIdentity& identity) override;
  absl::StatusOr<NodeIdentity> Identify(const sdk::Context& context,
                                        const NodeModel& state) override;
  std::string SameObject(const NodeModel& model) const override;

 private:
  // Brings the node to `plan`; `prior` is null for a node that was just adopted.
  sdk::Outcome<NodeModel> Settle(const sdk::Context& context, headscale::Client& client,
                                 headscale::Node node, const NodeModel* prior,
                                 const NodeModel& plan);
  Services& services_;
};

struct NodeQuery {
  Attr<std::string> user, tag;
  static const ObjectSpec<NodeQuery>& Describe();
};

class NodeList final : public sdk::ListResource<NodeQuery, NodeModel, NodeIdentity> {
 public:
  explicit NodeList(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::Status List(const sdk::Context& context, const NodeQuery& config, bool include_resource,
                    const std::function<bool(sdk::Listed<NodeModel, NodeIdentity>)>& emit) override;

 private:
  Services& services_;
};

}  // namespace charon::vpn
