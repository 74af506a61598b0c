#include "resources/vpn/actions.h"

#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "provider/base/duration.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "provider/schema/checks.h"
#include "resources/vpn/node.h"

namespace charon::vpn {

using headscale::Node;

const ObjectSpec<NodeExpireModel>& NodeExpireModel::Describe() {
  using M = NodeExpireModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Logs a node out, now: the machine must log in again with a key or through its user.",
      {Field(&M::node_id, "node_id", Required, "Id of the node, `charon_vpn_node.NAME.id`.")
           .Check(LengthBetween(1, 20))});
  return spec;
}

const sdk::ResourceInfo& NodeExpireAction::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_node_expire",
                                                   .noun = "expiry of a VPN node",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status NodeExpireAction::Invoke(const sdk::Context& context, const NodeExpireModel& config,
                                      const sdk::Progress& progress) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  const absl::StatusOr<Node> node = client->nodes().Get(context, *config.node_id);
  if (absl::IsNotFound(node.status()))
    return At("node_id", absl::FailedPreconditionError(node.status().message()));
  CHARON_RETURN_IF_ERROR(node.status());
  CHARON_RETURN_IF_ERROR(client->nodes().Expire(context, *node).status());
  progress(absl::StrCat("Node ", node->given_name, " (id ", node->id, ") is logged out"));
  return absl::OkStatus();
}

const ObjectSpec<PurgeStaleModel>& PurgeStaleModel::Describe() {
  using M = PurgeStaleModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Removes what hosts left behind when they registered anew: nodes that are offline for longer "
      "than `older_than`, while another "
      "node of the same host name and owner is online. Never a node that was named by hand, and "
      "never the only one of its host.",
      {
          Field(&M::older_than, "older_than", Required,
                "For how long a node must be offline, `1h`.")
              .Check(PositiveDuration()),
          Field(&M::hostname, "hostname", Optional, "Only of this host."),
          Field(&M::user, "user", Optional, "Only of this user."),
      });
  return spec;
}

const sdk::ResourceInfo& PurgeStaleAction::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_purge_stale",
                                                   .noun = "purge of stale VPN nodes",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status PurgeStaleAction::Invoke(const sdk::Context& context, const PurgeStaleModel& config,
                                      const sdk::Progress& progress) {
  CHARON_ASSIGN_OR_RETURN(const absl::Duration age, ParseDuration(*config.older_than));
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const headscale::Dialect dialect, client->server().GetDialect(context));
  const absl::Time now = context.call.clock->Now();
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client->nodes().ListSince(context, now));
  int purged = 0;
  for (const Node& twin : *nodes) {
    if (config.hostname.IsKnown() &&
        absl::AsciiStrToLower(*config.hostname) != absl::AsciiStrToLower(twin.hostname))
      continue;
    if (config.user.IsKnown() && *config.user != twin.user) continue;
    if (!IsStale(twin, age, now)) continue;
    for (const Node& node : *nodes) {
      if (!node.online || !IsTwin(dialect, node, twin, "")) continue;
      const absl::Status deleted = client->nodes().Delete(context, twin);
      if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
      progress(absl::StrCat("Removed ", twin.given_name, " (id ", twin.id, "), which ",
                            node.given_name, " (id ", node.id, ") left behind"));
      ++purged;
      break;
    }
  }
  progress(purged == 0 ? "No node is stale"
                       : absl::StrCat("Removed ", purged, purged == 1 ? " node" : " nodes"));
  return absl::OkStatus();
}

}  // namespace charon::vpn
