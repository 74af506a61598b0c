// Data sources charon_vpn_node and charon_vpn_nodes.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "provider/clients/headscale/types.h"
#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::vpn_data {

struct NodeInfo {
  Attr<std::string> id, hostname, given_name, machine_key, user, ipv4, ipv6, fqdn, expiry,
      last_seen, created_at, register_method;
  Attr<std::set<std::string>> tags, approved_routes, available_routes, served_routes;
  Attr<bool> online, expired, ephemeral, exit_node;
  static const ObjectSpec<NodeInfo>& Describe();
};

struct NodesModel {
  Attr<std::string> user, tag;
  Attr<bool> online;
  Attr<std::map<std::string, NodeInfo>> nodes;
  static const ObjectSpec<NodesModel>& Describe();
};

class NodeSource final : public sdk::DataSource<NodeInfo> {
 public:
  explicit NodeSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  const ObjectSpec<NodeInfo>& spec() const override;
  absl::Status Validate(const sdk::Context& context, const NodeInfo& config) override;
  sdk::Outcome<NodeInfo> Read(const sdk::Context& context, const NodeInfo& config) override;

 private:
  Services& services_;
};

class NodesSource final : public sdk::DataSource<NodesModel> {
 public:
  explicit NodesSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<NodesModel> Read(const sdk::Context& context, const NodesModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::vpn_data
