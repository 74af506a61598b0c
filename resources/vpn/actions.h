// Actions charon_vpn_node_expire and charon_vpn_purge_stale.
#pragma once

#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/action.h"
#include "provider/services.h"

namespace charon::vpn {

struct NodeExpireModel {
  Attr<std::string> node_id;
  static const ObjectSpec<NodeExpireModel>& Describe();
};

class NodeExpireAction final : public sdk::Action<NodeExpireModel> {
 public:
  explicit NodeExpireAction(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::Status Invoke(const sdk::Context& context, const NodeExpireModel& config,
                      const sdk::Progress& progress) override;

 private:
  Services& services_;
};

struct PurgeStaleModel {
  Attr<std::string> older_than, hostname, user;
  static const ObjectSpec<PurgeStaleModel>& Describe();
};

class PurgeStaleAction final : public sdk::Action<PurgeStaleModel> {
 public:
  explicit PurgeStaleAction(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::Status Invoke(const sdk::Context& context, const PurgeStaleModel& config,
                      const sdk::Progress& progress) override;

 private:
  Services& services_;
};

}  // namespace charon::vpn
