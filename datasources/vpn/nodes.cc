#include "datasources/vpn/nodes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "provider/schema/checks.h"
#include "resources/vpn/common.h"

namespace charon::vpn_data {
namespace {

using headscale::Node;
using vpn::TextOrNull;
using vpn::TimeOrNull;
using Texts = std::set<std::string>;

Texts Set(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

Texts AllTags(const Node& node) {
  Texts tags = Set(node.tags);
  tags.insert(node.asked_tags.begin(), node.asked_tags.end());
  return tags;
}

NodeInfo ToInfo(const Node& node, const Services& services, absl::Time now) {
  NodeInfo info;
  info.id = node.id;
  info.hostname = node.hostname;
  info.given_name = node.given_name;
  info.machine_key = node.machine_key;
  info.user = TextOrNull(node.user);
  info.ipv4 = TextOrNull(node.Ipv4());
  info.ipv6 = TextOrNull(node.Ipv6());
  const std::string domain = services.settings()->vpn_base_domain;
  if (!domain.empty()) info.fqdn = absl::StrCat(node.given_name, ".", domain);
  info.expiry = TimeOrNull(node.expiry);
  info.last_seen = TimeOrNull(node.last_seen);
  info.created_at = TimeOrNull(node.created_at);
  info.register_method = TextOrNull(node.register_method);
  info.tags = AllTags(node);
  info.approved_routes = Set(node.approved_routes);
  info.available_routes = Set(node.available_routes);
  info.served_routes = Set(node.served_routes);
  info.online = node.online;
  info.expired = node.IsExpired(now);
  info.ephemeral = node.ephemeral;
  info.exit_node = std::find(node.approved_routes.begin(), node.approved_routes.end(),
                             "0.0.0.0/0") != node.approved_routes.end();
  return info;
}

bool SameName(const std::string& a, const std::string& b) {
  return absl::AsciiStrToLower(a) == absl::AsciiStrToLower(b);
}

}  // namespace

const ObjectSpec<NodeInfo>& NodeInfo::Describe() {
  using M = NodeInfo;
  static const auto& spec = *new ObjectSpec<M>(
      "A machine of the VPN, as the server sees it now.",
      {
          Field(&M::id, "id", Computed, "Id of the node."),
          Field(&M::hostname, "hostname", Computed, "What the machine calls itself."),
          Field(&M::given_name, "given_name", Computed, "Its name in DNS."),
          Field(&M::machine_key, "machine_key", Computed, "Its machine key, `mkey:...`."),
          Field(&M::user, "user", Computed,
                "User it belongs to; null if it belongs to its tags (Headscale 0.28 and later)."),
          Field(&M::ipv4, "ipv4", Computed, "IPv4 address in the VPN."),
          Field(&M::ipv6, "ipv6", Computed, "IPv6 address in the VPN."),
          Field(&M::fqdn, "fqdn", Computed,
                "Name with domain, if the provider block has `headscale.base_domain`."),
          Field(&M::tags, "tags", Computed, "Tags of the node."),
          Field(&M::approved_routes, "approved_routes", Computed, "Networks that are approved."),
          Field(&M::available_routes, "available_routes", Computed, "Networks that it offers."),
          Field(&M::served_routes, "served_routes", Computed,
                "Networks that it serves: offered, approved and chosen."),
          Field(&M::exit_node, "exit_node", Computed, "Whether it is approved as an exit node."),
          Field(&M::online, "online", Computed, "Whether it is connected."),
          Field(&M::last_seen, "last_seen", Computed, "Last sign of life, RFC 3339."),
          Field(&M::expiry, "expiry", Computed,
                "When its login expires, RFC 3339; null for never."),
          Field(&M::expired, "expired", Computed, "Whether it is logged out or expired."),
          Field(&M::ephemeral, "ephemeral", Computed,
                "Whether the server removes it some time after it went offline."),
          Field(&M::register_method, "register_method", Computed,
                "How it joined: `auth_key`, `cli` or `oidc`."),
          Field(&M::created_at, "created_at", Computed, "When it joined, RFC 3339."),
      });
  return spec;
}

const ObjectSpec<NodesModel>& NodesModel::Describe() {
  using M = NodesModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The machines of the VPN, as the server sees them now.",
      {
          Field(&M::user, "user", Optional, "Only nodes of this user."),
          Field(&M::tag, "tag", Optional, "Only nodes with this tag.").Check(vpn::Tag()),
          Field(&M::online, "online", Optional,
                "Only nodes that are connected, or only those that are not."),
          Field(&M::nodes, "nodes", Computed, "The nodes by their name in DNS."),
      });
  return spec;
}

const sdk::ResourceInfo& NodeSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_node",
                                                   .noun = "VPN node",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

const ObjectSpec<NodeInfo>& NodeSource::spec() const {
  static const auto& spec = *new ObjectSpec<NodeInfo>(NodeInfo::Describe().AsLookup(
      {}, {.optional = {"id", "hostname", "given_name", "machine_key"}, .drop = {}}));
  return spec;
}

absl::Status NodeSource::Validate(const sdk::Context&, const NodeInfo& config) {
  if (!config.id.IsNull() || !config.hostname.IsNull() || !config.given_name.IsNull() ||
      !config.machine_key.IsNull())
    return absl::OkStatus();
  return At("id", WithRemedy(absl::InvalidArgumentError("which node is meant is not said"),
                             "Set id, hostname, given_name or machine_key."));
}

sdk::Outcome<NodeInfo> NodeSource::Read(const sdk::Context& context, const NodeInfo& config) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client->nodes().List(context));
  std::vector<const Node*> found;
  for (const Node& node : *nodes) {
    if (config.id.IsKnown() && *config.id != node.id) continue;
    if (config.machine_key.IsKnown() && *config.machine_key != node.machine_key) continue;
    if (config.given_name.IsKnown() && !SameName(*config.given_name, node.given_name)) continue;
    if (config.hostname.IsKnown() && !SameName(*config.hostname, node.hostname)) continue;
    found.push_back(&node);
  }
  const char* by = config.id.IsKnown()            ? "id"
                   : config.machine_key.IsKnown() ? "machine_key"
                   : config.given_name.IsKnown()  ? "given_name"
                                                  : "hostname";
  if (found.empty()) {
    return At(by, WithRemedy(absl::FailedPreconditionError("no node of the VPN is like that"),
                             "charon_vpn_nodes lists those that there are; the resource "
                             "charon_vpn_node waits for one."));
  }
  if (found.size() > 1) {
    std::vector<std::string> titles;
    for (const Node* node : found)
      titles.push_back(absl::StrCat(node->given_name, " (id ", node->id,
                                    node->online ? ", online)" : ", offline)"));
    return At(by, WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                                 "several nodes are like that: ", absl::StrJoin(titles, ", "))),
                             "Say which one with id or given_name."));
  }
  NodeInfo info = ToInfo(*found.front(), services_, context.call.clock->Now());
  // What was asked for stays as it was written.
  if (config.hostname.IsKnown()) info.hostname = config.hostname;
  if (config.given_name.IsKnown()) info.given_name = config.given_name;
  return info;
}

const sdk::ResourceInfo& NodesSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_nodes",
                                                   .noun = "VPN nodes",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

sdk::Outcome<NodesModel> NodesSource::Read(const sdk::Context& context, const NodesModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client->nodes().List(context));
  NodesModel model = config;
  std::map<std::string, NodeInfo> found;
  for (const Node& node : *nodes) {
    if (config.user.IsKnown() && node.user != *config.user) continue;
    if (config.tag.IsKnown() && AllTags(node).count(*config.tag) == 0) continue;
    if (config.online.IsKnown() && node.online != *config.online) continue;
    found.emplace(node.given_name, ToInfo(node, services_, context.call.clock->Now()));
  }
  model.nodes = std::move(found);
  return model;
}

}  // namespace charon::vpn_data
