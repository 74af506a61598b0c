#include "resources/vpn/node.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/duration.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"
#include "resources/vpn/common.h"

namespace charon::vpn {
namespace {

using headscale::Dialect;
using headscale::Feature;
using headscale::Node;
using Texts = std::set<std::string>;

constexpr absl::string_view kNever = "never";
constexpr absl::string_view kReenrol = "plan_reenrol";
constexpr absl::string_view kExit4 = "0.0.0.0/0";
constexpr absl::string_view kExit6 = "::/0";

// How long after a machine went the server may still believe that it is there: it learns of it when
// a connection ends.
constexpr absl::Duration kOverlap = absl::Minutes(10);

bool IsExit(absl::string_view route) { return route == kExit4 || route == kExit6; }

Check Expiry() {
  return TextRule("is `never` or an RFC 3339 time", [](absl::string_view text) {
    return text == kNever ? absl::OkStatus() : ParseTime(text).status();
  });
}

bool SameExpiry(const std::string& a, const std::string& b) {
  const auto x = ParseTime(a), y = ParseTime(b);
  return a == b || (x.ok() && y.ok() && *x == *y);
}

Check NetworkRoute() {
  return TextRule("is a network prefix", [](absl::string_view text) {
    CHARON_ASSIGN_OR_RETURN(const std::string route, NormalRoute(text));
    if (!IsExit(route)) return absl::OkStatus();
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is the route of an exit node")),
        "Set exit_node = true instead.");
  });
}

Texts Normal(const Texts& routes) {
  Texts normal;
  for (const std::string& route : routes) normal.insert(NormalRoute(route).value_or(route));
  return normal;
}

bool Owns(const NodeModel& model, absl::string_view list) {
  return model.exclusive.value_or({}).count(std::string(list)) != 0;
}

Texts Union(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  Texts all(a.begin(), a.end());
  all.insert(b.begin(), b.end());
  return all;
}

std::string Title(const Node& node) { return absl::StrCat(node.given_name, " (id ", node.id, ")"); }

std::string Seen(const Node& node) {
  if (node.online) return "online";
  return node.last_seen ? absl::StrCat("offline since ", *TimeOrNull(node.last_seen)) : "offline";
}

bool SameHost(absl::string_view a, absl::string_view b) {
  return absl::AsciiStrToLower(a) == absl::AsciiStrToLower(b);
}

// Which node of the list a configuration means.
struct Choice {
  const Node* node = nullptr;
  std::vector<const Node*> others;  // more that it could mean as well
};

bool Fits(const NodeModel& model, const Node& node) {
  if (model.node_id.IsKnown() && *model.node_id != node.id) return false;
  if (model.machine_key.IsKnown() && *model.machine_key != node.machine_key) return false;
  return !model.hostname.IsKnown() || SameHost(*model.hostname, node.hostname);
}

bool IsByHostOnly(const NodeModel& model) {
  return !model.node_id.IsKnown() && !model.machine_key.IsKnown();
}

Choice Choose(const NodeModel& model, const std::vector<Node>& nodes,
              const std::optional<absl::Duration>& stale_after, absl::Time now) {
  std::vector<const Node*> fitting;
  for (const Node& node : nodes) {
    if (!Fits(model, node)) continue;
    if (!IsByHostOnly(model)) return {&node, {}};
    if (model.wait_online.value_or(false) && !node.online) continue;
    // What would be purged is what the host left behind; so is a login that ended.
    if (stale_after && IsStale(node, *stale_after, now)) continue;
    if (node.IsExpired(now)) continue;
    fitting.push_back(&node);
  }
  const auto is_online = [](const Node* node) { return node->online; };
  // A host that logs in anew is online, its former registration is not.
  if (std::any_of(fitting.begin(), fitting.end(), is_online)) {
    fitting.erase(std::remove_if(fitting.begin(), fitting.end(),
                                 [](const Node* node) { return !node->online; }),
                  fitting.end());
  }
  if (fitting.empty()) return {};
  return {fitting.front(), std::vector<const Node*>(fitting.begin() + 1, fitting.end())};
}

std::string Sought(const NodeModel& model) {
  std::vector<std::string> parts;
  if (model.hostname.IsKnown())
    parts.push_back(absl::StrCat("host name \"", *model.hostname, "\""));
  if (model.node_id.IsKnown()) parts.push_back(absl::StrCat("id ", *model.node_id));
  if (model.machine_key.IsKnown())
    parts.push_back(absl::StrCat("machine key ", *model.machine_key));
  return absl::StrJoin(parts, " and ");
}

Path Selector(const NodeModel& model) {
  return Path(model.hostname.IsKnown()  ? "hostname"
              : model.node_id.IsKnown() ? "node_id"
                                        : "machine_key");
}

absl::Status Ambiguous(const NodeModel& model, const Choice& choice) {
  std::vector<std::string> all = {absl::StrCat(Title(*choice.node), ", ", Seen(*choice.node))};
  for (const Node* node : choice.others)
    all.push_back(absl::StrCat(Title(*node), ", ", Seen(*node)));
  return At(
      Selector(model),
      WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                     "several nodes have the ", Sought(model), ": ", absl::StrJoin(all, "; "))),
                 "Say which one with node_id or machine_key."));
}

// A run has one resource for a node: two would change it back and forth, and the removal of one
// would remove the other's.
std::string NodePlace(absl::string_view id) { return absl::StrCat("VPN node ", id); }
std::string PlannedNodePlace(absl::string_view id) { return absl::StrCat("planned VPN node ", id); }

absl::Status DeclaredTwice(const NodeModel& model, absl::string_view title) {
  return At(Selector(model),
            WithRemedy(absl::AlreadyExistsError(absl::StrCat(
                           "another resource of this configuration is the node ", title, " too")),
                       "Put everything about it into one resource."));
}

absl::Status CheckFuture(const NodeModel& model, absl::Time now) {
  if (!model.expiry.IsKnown() || *model.expiry == kNever) return absl::OkStatus();
  const absl::StatusOr<absl::Time> expiry = ParseTime(*model.expiry);
  if (!expiry.ok() || *expiry > now) return absl::OkStatus();
  return WithRemedy(
      absl::InvalidArgumentError(absl::StrCat(
          "\"", *model.expiry, "\" is in the past: the machine would be logged out at once")),
      "Write a later time. To log a machine out there is the action "
      "charon_vpn_node_expire.");
}

std::optional<absl::Duration> StaleAfter(const NodeModel& model) {
  if (!model.purge_stale_after.IsKnown()) return std::nullopt;
  return ParseDuration(*model.purge_stale_after).value_or(absl::InfiniteDuration());
}

// The node of `model` in the list as it comes, waiting for it until the call ends.
absl::StatusOr<Node> Find(const sdk::Context& context, headscale::Client& client,
                          const NodeModel& model) {
  const Call& call = context;
  const absl::Time begin = call.clock->Now();
  std::map<std::string, std::string> seen;  // by id: what registered or came online meanwhile
  std::set<std::string> at_first;
  std::string unfit;
  for (int tries = 0;; ++tries) {
    // The list of this run is as good as a new one, if the node is in it.
    const absl::StatusOr<headscale::NodesApi::Nodes> nodes =
        tries == 0 ? client.nodes().List(call)
                   : client.nodes().ListSince(call, tries == 1 ? begin : call.clock->Now());
    if (!nodes.ok()) {
      // A server that restarts meanwhile is waited for like the node; a wrong key is not. The time
      // may also be up while it is asked.
      const bool goes_on =
          absl::IsUnavailable(nodes.status()) || absl::IsDeadlineExceeded(nodes.status());
      if (tries < 2 || !goes_on) return nodes.status();
    } else {
      const Choice choice = Choose(model, **nodes, StaleAfter(model), call.clock->Now());
      if (choice.node != nullptr && choice.others.empty()) return *choice.node;
      if (choice.node != nullptr && tries > 0) return Ambiguous(model, choice);
      unfit.clear();
      for (const Node& node : **nodes) {
        if (tries == 0) at_first.insert(node.id);
        if (at_first.count(node.id) == 0)
          seen[node.id] = absl::StrCat(Title(node), " of host \"", node.hostname, "\"");
        if (Fits(model, node)) {
          absl::StrAppend(&unfit, "; ", Title(node), " has that name but is ",
                          node.IsExpired(call.clock->Now()) ? "logged out or expired" : Seen(node));
        }
      }
      if (tries == 0 && choice.node != nullptr)
        continue;  // Look again before calling it ambiguous.
      if (!model.wait.value_or(true) && tries > 0) {
        return At(Selector(model),
                  WithRemedy(absl::FailedPreconditionError(
                                 absl::StrCat("no node has the ", Sought(model), unfit)),
                             "Log the machine in first (tailscale up), or let wait be true."));
      }
    }
    if (tries == 0) continue;
    const absl::Duration pause =
        call.clock->Now() - begin < absl::Seconds(20) ? absl::Milliseconds(500) : absl::Seconds(1);
    if (const absl::Status waited = call.Wait(pause); !waited.ok()) {
      if (absl::IsCancelled(waited)) return waited;
      std::vector<std::string> names;
      for (const auto& [id, title] : seen) names.push_back(title);
      const absl::Duration taken = absl::Trunc(call.clock->Now() - begin, absl::Seconds(1));
      return At(
          Selector(model),
          WithRemedy(
              absl::DeadlineExceededError(absl::StrCat(
                  "no node with the ", Sought(model), " registered within ",
                  absl::FormatDuration(taken), unfit, "; ",
                  names.empty() ? "no other node registered meanwhile"
                                : absl::StrCat("meanwhile came ", absl::StrJoin(names, ", ")))),
              absl::StrCat(
                  "On the machine, run \"tailscale up --login-server=", client.server().Endpoint(),
                  " --hostname=", model.hostname.value_or("NAME"),
                  " --auth-key=...\" and look at \"tailscale status\". To wait longer, set "
                  "timeouts.create.")));
    }
  }
}

// What hides behind a state whose node is offline or gone: the same host, registered anew.
const Node* Successor(const NodeModel& prior, const Node* before, const std::vector<Node>& nodes,
                      const Dialect& dialect, absl::Time now) {
  if (!IsByHostOnly(prior) || !prior.hostname.IsKnown() || (before != nullptr && before->online))
    return nullptr;
  const Node* found = nullptr;
  for (const Node& node : nodes) {
    if (!node.online || node.IsExpired(now) || !Fits(prior, node)) continue;
    if (before != nullptr &&
        (node.id == before->id || !IsTwin(dialect, node, *before, prior.given_name.value_or(""))))
      continue;
    if (found != nullptr) return nullptr;  // ambiguous: whoever it was stays
    found = &node;
  }
  return found;
}

}  // namespace

const ObjectSpec<NodeModel>& NodeModel::Describe() {
  using M = NodeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A machine of the VPN. The machine registers itself, with a key of `charon_vpn_preauth_key` "
      "for example; this resource "
      "waits for it, adopts it, and gives it name, tags, user, routes and expiry. Which one it is "
      "say `hostname`, `node_id` or `machine_key`, of which one is needed. Only what is "
      "written is looked at and "
      "changed: tags and routes that others set stay, and an attribute that is taken out leaves "
      "the node as it is.\n\n"
      "A host that registers anew (its state was lost) is followed: its addresses change in the "
      "same apply, and what it left "
      "behind is purged on request. Destroying expires and removes this node and no other.",
      {
          Field(&M::id, "id", Computed, "Id of the node on the server.").KeepPrior(),
          Field(&M::hostname, "hostname", OptionalComputed,
                "Adopt the node whose machine calls itself this, `fw-router`. Another one is "
                "another node.")
              .KeepPrior()
              .Check(LengthBetween(1, 253)),
          Field(&M::node_id, "node_id", Optional, "Adopt the node with this id; never another one.")
              .Check(LengthBetween(1, 20)),
          Field(&M::machine_key, "machine_key", Optional,
                "Adopt the node with this machine key, `mkey:...`.")
              .Check(LengthBetween(5, 100)),
          Field(&M::given_name, "given_name", OptionalComputed,
                "Name in DNS, a label such as `router`; the server's choice if unset.")
              .KeepPrior()
              .Check(DnsLabel()),
          Field(&M::user, "user", Optional,
                "Name of the user it belongs to. Headscale moves a node until 0.27; from 0.28 the "
                "login decides, and a node has a user or tags."),
          Field(&M::tags, "tags", Optional,
                "Tags that it has, `[\"tag:infra\"]`; the policy must know them (`tagOwners`).")
              .Check(EachElement(Tag())),
          Field(&M::routes, "routes", Optional,
                "Networks behind it that are approved, `[\"10.1.0.0/24\"]`. Until 0.25 the node "
                "must offer them first.")
              .Check(EachElement(NetworkRoute()))
              .Same([](const Texts& a, const Texts& b) { return Normal(a) == Normal(b); }),
          Field(&M::exit_node, "exit_node", Optional,
                "Whether it is approved as an exit node (both `0.0.0.0/0` and `::/0`)."),
          Field(&M::exclusive, "exclusive", Optional,
                "`tags`, `routes`: lists of which it has exactly what is written; what others add "
                "is removed. Without `exit_node` that goes for the routes of an exit node too.")
              .Check(EachElement(OneOf({"tags", "routes"}))),
          Field(&M::expiry, "expiry", Optional,
                "When its login expires: RFC 3339, in the future (Headscale 0.27 and later), or "
                "`never` (0.29 and later, where it expires now).")
              .Check(Expiry())
              .Same([](const std::string& a, const std::string& b) { return SameExpiry(a, b); }),
          Field(&M::on_missing, "on_missing", Optional,
                "When it is logged out or expired: `plan_reenrol` (default) waits in the next "
                "apply until it has logged in again; `ignore`.")
              .Check(OneOf({"plan_reenrol", "ignore"})),
          Field(&M::purge_stale_after, "purge_stale_after", Optional,
                "Remove former registrations of the same host that are offline for longer than "
                "this, `10m`; never one that was named by hand. None by default.")
              .Check(PositiveDuration()),
          Field(&M::wait, "wait", Optional,
                "Wait until it registers, as long as `timeouts.create` allows (10 minutes); true "
                "by default."),
          Field(&M::wait_online, "wait_online", Optional,
                "Adopt by `hostname` only a node that is online."),
          Field(&M::ipv4, "ipv4", Computed, "IPv4 address in the VPN.").KeepPrior(),
          Field(&M::ipv6, "ipv6", Computed, "IPv6 address in the VPN.").KeepPrior(),
          Field(&M::fqdn, "fqdn", Computed,
                "Name with domain, if the provider block has `headscale.base_domain`.")
              .KeepPrior(),
          Field(&M::enrolled, "enrolled", Computed, "False while it is logged out or expired.")
              .KeepPrior(),
          Field(&M::stale_twins, "stale_twins", Computed,
                "Ids of the nodes that the next apply purges.")
              .KeepPrior(),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<NodeIdentity>& NodeIdentity::Describe() {
  static const auto& spec = *new ObjectSpec<NodeIdentity>(
      "The node.", {Field(&NodeIdentity::id, "id", Required, "Id of the node on the server.")});
  return spec;
}

const ObjectSpec<NodeQuery>& NodeQuery::Describe() {
  static const auto& spec = *new ObjectSpec<NodeQuery>(
      "Nodes of the VPN.",
      {
          Field(&NodeQuery::user, "user", Optional, "Only nodes of this user."),
          Field(&NodeQuery::tag, "tag", Optional, "Only nodes with this tag.").Check(Tag()),
      });
  return spec;
}

bool IsTwin(const Dialect& dialect, const Node& node, const Node& twin,
            absl::string_view given_name) {
  if (twin.id == node.id || twin.machine_key == node.machine_key ||
      !SameHost(twin.hostname, node.hostname))
    return false;
  // It went before the other came. Two machines that were there at the same time are two, whatever
  // they are called.
  if (twin.last_seen.value_or(absl::InfinitePast()) > node.created_at + kOverlap) return false;
  // Another owner's machine may have the same name. From 0.28 tags take the owner's place.
  if (!twin.user_id.empty() && !node.user_id.empty() && twin.user_id != node.user_id) return false;
  const auto has_server_name = [&](const Node& n) {
    return n.given_name == headscale::GivenNameOf(dialect, n.hostname) ||
           headscale::IsNumberedTwin(dialect, n.hostname, n.given_name);
  };
  // Who was named by hand is somebody.
  return has_server_name(twin) || (!given_name.empty() && twin.given_name == given_name);
}

bool IsStale(const Node& twin, absl::Duration age, absl::Time now) {
  if (twin.online) return false;
  const absl::Time last = std::max(twin.last_seen.value_or(absl::InfinitePast()), twin.created_at);
  // Whose last sign of life is not known may be alive.
  return last != absl::InfinitePast() && now - last > age;
}

NodeModel ToModel(const NodeModel& prior, const Node& node, const Services& services,
                  absl::Time now, bool all) {
  NodeModel model = prior;
  model.id = node.id;
  if (!prior.hostname.IsKnown()) model.hostname = node.hostname;
  model.given_name = node.given_name;
  if (all || !prior.user.IsNull()) model.user = TextOrNull(node.user);
  const Texts tags = Union(node.tags, node.asked_tags);
  if (all) {
    model.tags = tags.empty() ? Attr<Texts>() : Attr<Texts>(tags);
  } else if (prior.tags.IsKnown()) {
    Texts own = Owns(prior, "tags") ? Texts(node.tags.begin(), node.tags.end()) : Texts();
    for (const std::string& tag : *prior.tags) {
      if (tags.count(tag) != 0) own.insert(tag);
    }
    model.tags = std::move(own);
  }
  Texts approved(node.approved_routes.begin(), node.approved_routes.end());
  Texts exit_routes;
  for (const absl::string_view route : {kExit4, kExit6}) {
    if (approved.erase(std::string(route)) != 0) exit_routes.emplace(route);
  }
  const bool exits = !exit_routes.empty();
  if (all) {
    model.routes = approved.empty() ? Attr<Texts>() : Attr<Texts>(approved);
  } else if (prior.routes.IsKnown()) {
    Texts own;
    for (const std::string& route : *prior.routes) {
      if (approved.erase(NormalRoute(route).value_or(route)) != 0) own.insert(route);
    }
    if (Owns(prior, "routes")) {
      own.insert(approved.begin(), approved.end());
      if (prior.exit_node.IsNull()) own.insert(exit_routes.begin(), exit_routes.end());
    }
    model.routes = std::move(own);
  }
  if (all ? exits : !prior.exit_node.IsNull()) model.exit_node = exits;
  const bool enrolled = !node.IsExpired(now);
  if (prior.expiry.IsKnown() || (all && node.expiry && enrolled)) {
    const std::string actual = node.expiry ? *TimeOrNull(node.expiry) : std::string(kNever);
    // A login that ended is told by `enrolled`.
    if (!prior.expiry.IsKnown() || (enrolled && !SameExpiry(*prior.expiry, actual)))
      model.expiry = actual;
  }
  model.enrolled = enrolled;
  model.ipv4 = TextOrNull(node.Ipv4());
  model.ipv6 = TextOrNull(node.Ipv6());
  const std::string domain = services.settings()->vpn_base_domain;
  model.fqdn = domain.empty() ? Attr<std::string>()
                              : Attr<std::string>(absl::StrCat(node.given_name, ".", domain));
  if (!model.stale_twins.IsKnown()) model.stale_twins = Texts();
  return model;
}

const sdk::ResourceInfo& NodeResource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_node",
                                                   .noun = "VPN node",
                                                   .subcategory = "VPN",
                                                   .import_id = "the node's id, or its host name",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status NodeResource::Validate(const sdk::Context&, const NodeModel& config) {
  if (config.hostname.IsNull() && config.node_id.IsNull() && config.machine_key.IsNull()) {
    return At("hostname", WithRemedy(absl::InvalidArgumentError("which node is meant is not said"),
                                     "Set hostname, node_id or machine_key."));
  }
  if (config.exclusive.IsKnown()) {
    for (const auto& [name, missing] : {std::pair<const char*, bool>{"tags", config.tags.IsNull()},
                                        {"routes", config.routes.IsNull()}}) {
      if (config.exclusive->count(name) == 0 || !missing) continue;
      return At("exclusive", WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                            "names \"", name, "\", but ", name, " is not set")),
                                        absl::StrCat("Set ", name, "; [] stands for none.")));
    }
  }
  return absl::OkStatus();
}

absl::Status NodeResource::Plan(const sdk::Context& context, sdk::PlanChange<NodeModel>& change) {
  if (change.IsDestroy()) return absl::OkStatus();
  const NodeModel& config = change.config();
  if (change.IsUpdate()) {
    const NodeModel& prior = change.prior();
    // What is not known yet may be another one, and core refuses a replacement that shows only at
    // apply.
    if (config.hostname.IsUnknown() || (config.hostname.IsKnown() && prior.hostname.IsKnown() &&
                                        !SameHost(*config.hostname, *prior.hostname)))
      change.RequireReplace(Path("hostname"));
    if (config.node_id.IsUnknown() || (config.node_id.IsKnown() && config.node_id != prior.id))
      change.RequireReplace(Path("node_id"));
    if (config.machine_key.IsUnknown() ||
        (config.machine_key.IsKnown() && prior.machine_key.IsKnown() &&
         config.machine_key != prior.machine_key))
      change.RequireReplace(Path("machine_key"));
    if (!prior.enrolled.value_or(true) && config.on_missing.value_or("plan_reenrol") == kReenrol) {
      change.Set("enrolled", Attr<bool>(true));
      if (!context.planned_before) {
        context.diagnostics->Warning(
            "VPN node is logged out",
            absl::StrCat(
                "Node ", prior.given_name.value_or(""), " (id ", *prior.id,
                ") is logged out or its login has expired. The apply waits until it "
                "has logged in again: give the machine a new key and run tailscale up there.",
                CheckFuture(config, context.call.clock->Now()).ok()
                    ? ""
                    : " `expiry` is in the past, so that a new login would end at once: write a "
                      "later time, or on_missing = \"ignore\"."),
            Path("enrolled"));
      }
    }
    if (!prior.stale_twins.value_or({}).empty()) change.Set("stale_twins", Attr<Texts>(Texts()));
    const std::string domain = services_.settings()->vpn_base_domain;
    if (config.given_name.IsUnknown()) {
      change.SetUnknown("fqdn");
    } else if (config.given_name.IsKnown()) {
      change.Set("fqdn", domain.empty()
                             ? Attr<std::string>()
                             : Attr<std::string>(absl::StrCat(*config.given_name, ".", domain)));
    }
  }
  if (!context.planned_before && (change.IsCreate() || (change.prior().expiry != config.expiry &&
                                                        change.prior().enrolled.value_or(true))))
    CHARON_RETURN_IF_ERROR(At("expiry", CheckFuture(config, context.call.clock->Now())));
  if (context.provider_config_unknown) return absl::OkStatus();
  // The create half of a replacement is planned after it; the node is then still the former one's.
  const bool counts = !context.planned_before && !(change.IsUpdate() && change.RequiresReplace());
  const auto check = [&](headscale::Client& client) -> absl::Status {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, client.server().GetDialect(context));
    const bool has_tags = config.tags.IsKnown() && !config.tags->empty();
    if (!config.user.IsNull() && has_tags)
      CHARON_RETURN_IF_ERROR(At("tags", dialect.Require(Feature::kTagsBesideUser)));
    if (config.tags.IsKnown() && config.tags->empty() && Owns(config, "tags")) {
      CHARON_RETURN_IF_ERROR(At("tags", dialect.Require(Feature::kClearTags)));
    }
    if (config.expiry.IsKnown() && *config.expiry != kNever)
      CHARON_RETURN_IF_ERROR(At("expiry", dialect.Require(Feature::kNodeExpiry)));
    if (change.IsCreate()) {
      if (!counts || config.hostname.IsUnknown() || config.node_id.IsUnknown() ||
          config.machine_key.IsUnknown())
        return absl::OkStatus();
      CHARON_ASSIGN_OR_RETURN(const auto nodes, client.nodes().List(context));
      const Choice choice = Choose(config, *nodes, StaleAfter(config), context.call.clock->Now());
      if (choice.node == nullptr || !choice.others.empty()) return absl::OkStatus();
      return services_.Claim(PlannedNodePlace(choice.node->id))
                 ? absl::OkStatus()
                 : DeclaredTwice(config, Title(*choice.node));
    }
    const NodeModel& prior = change.prior();
    if (config.expiry.IsKnown() && *config.expiry == kNever && prior.expiry.IsKnown() &&
        prior.expiry != config.expiry) {
      CHARON_RETURN_IF_ERROR(At("expiry", dialect.Require(Feature::kNeverExpires)));
    }
    if (config.user.IsKnown() && prior.user.IsKnown() && config.user != prior.user)
      CHARON_RETURN_IF_ERROR(At("user", dialect.Require(Feature::kMoveNode)));
    return absl::OkStatus();
  };
  if (change.Changes()) CHARON_RETURN_IF_ERROR(services_.CheckHeadscalePlan(context, check));
  if (counts && change.IsUpdate() && change.prior().id.IsKnown() &&
      !services_.Claim(PlannedNodePlace(*change.prior().id))) {
    return DeclaredTwice(config, absl::StrCat(change.prior().given_name.value_or(""), " (id ",
                                              *change.prior().id, ")"));
  }
  return absl::OkStatus();
}

sdk::Outcome<NodeModel> NodeResource::Settle(const sdk::Context& context, headscale::Client& client,
                                             Node node, const NodeModel* prior,
                                             const NodeModel& plan) {
  headscale::NodesApi& nodes = client.nodes();
  CHARON_ASSIGN_OR_RETURN(const Dialect dialect, client.server().GetDialect(context));
  // What was done before an error is not lost with it.
  const auto stop = [&](absl::string_view attribute, absl::Status status) {
    if (absl::IsNotFound(status)) {
      status = WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                              "node ", Title(node), " went away while it was changed")),
                          "Apply again: the plan then waits for the machine to register.");
    }
    status = At(attribute, std::move(status));
    // What was ours and is still there stays ours, or the next update would take it for somebody
    // else's.
    NodeModel ours = plan;
    if (prior != nullptr && plan.tags.IsKnown())
      ours.tags.value().merge(Texts(prior->tags.value_or({})));
    if (prior != nullptr && plan.routes.IsKnown())
      ours.routes.value().merge(Texts(prior->routes.value_or({})));
    NodeModel state = ToModel(ours, node, services_, context.call.clock->Now(), false);
    return sdk::Outcome<NodeModel>::Partial(std::move(state), std::move(status));
  };
  // Keeps what the answer says.
  const auto take = [&node](absl::StatusOr<Node> answer) {
    if (answer.ok()) node = *std::move(answer);
    return answer.status();
  };
  const std::optional<absl::Duration> stale_after = StaleAfter(plan);
  if (stale_after) {
    const auto all = nodes.ListSince(context, context.call.clock->Now());
    if (!all.ok()) return stop("purge_stale_after", all.status());
    for (const Node& twin : **all) {
      if (!IsTwin(dialect, node, twin, plan.given_name.value_or("")) ||
          !IsStale(twin, *stale_after, context.call.clock->Now()))
        continue;
      context.call.log->Info("stale VPN node is purged",
                             {{"node", Title(twin)}, {"of", Title(node)}});
      const absl::Status deleted = nodes.Delete(context, twin);
      if (!deleted.ok() && !absl::IsNotFound(deleted)) return stop("purge_stale_after", deleted);
    }
  }
  if (plan.given_name.IsKnown() && *plan.given_name != node.given_name) {
    absl::Status renamed = take(nodes.Rename(context, node, *plan.given_name));
    if (absl::IsAlreadyExists(renamed)) {
      renamed = WithRemedy(
          renamed,
          stale_after
              ? "Another machine has that name: choose another one, or rename or remove that node."
              : "If it is what this host left behind, set purge_stale_after; otherwise choose "
                "another name.");
    }
    if (!renamed.ok()) return stop("given_name", renamed);
  }
  if (plan.user.IsKnown() && *plan.user != node.user) {
    const absl::StatusOr<headscale::User> user = client.users().FindByName(context, *plan.user);
    if (absl::IsNotFound(user.status())) {
      return stop("user", WithRemedy(absl::FailedPreconditionError(user.status().message()),
                                     "Make it with charon_vpn_user first."));
    }
    if (!user.ok()) return stop("user", user.status());
    if (!dialect.Can(Feature::kMoveNode)) {
      return stop(
          "user",
          WithRemedy(
              absl::FailedPreconditionError(absl::StrCat(
                  "node ", Title(node), " belongs to ",
                  node.user.empty() ? "its tags" : absl::StrCat("user \"", node.user, "\""),
                  ", and ", dialect.Description(), " cannot move it to \"", *plan.user,
                  "\"; Headscale could until 0.27")),
              "Log the machine in again with a key of that user, or write the user that it has."));
    }
    if (const absl::Status moved = take(nodes.Move(context, node, *user)); !moved.ok())
      return stop("user", moved);
  }
  if (plan.tags.IsKnown()) {
    Texts wanted = *plan.tags;
    if (!Owns(plan, "tags")) {
      wanted.insert(node.tags.begin(), node.tags.end());
      if (prior != nullptr) {
        for (const std::string& tag : prior->tags.value_or({})) {
          if (plan.tags->count(tag) == 0) wanted.erase(tag);
        }
      }
    }
    for (const std::string& tag : node.asked_tags) {
      if (std::find(node.tags.begin(), node.tags.end(), tag) == node.tags.end())
        wanted.erase(tag);  // it has them by itself
    }
    if (wanted != Texts(node.tags.begin(), node.tags.end())) {
      const absl::Status set = take(
          nodes.SetTags(context, node, std::vector<std::string>(wanted.begin(), wanted.end())));
      if (!set.ok()) return stop("tags", set);
    }
  }
  if (plan.routes.IsKnown() || plan.exit_node.IsKnown()) {
    const Texts before(node.approved_routes.begin(), node.approved_routes.end());
    Texts wanted;
    const Texts routes = Normal(plan.routes.value_or({}));
    const Texts former =
        prior != nullptr && plan.routes.IsKnown() ? Normal(prior->routes.value_or({})) : Texts();
    for (const std::string& route : before) {
      if (IsExit(route)
              ? plan.exit_node.value_or(!Owns(plan, "routes"))
              : !Owns(plan, "routes") && (former.count(route) == 0 || routes.count(route) != 0)) {
        wanted.insert(route);
      }
    }
    wanted.insert(routes.begin(), routes.end());
    if (plan.exit_node.value_or(false)) wanted.insert({std::string(kExit4), std::string(kExit6)});
    if (wanted != before) {
      absl::Status set = take(
          nodes.SetRoutes(context, node, std::vector<std::string>(wanted.begin(), wanted.end())));
      if (!set.ok()) return stop(plan.routes.IsKnown() ? "routes" : "exit_node", std::move(set));
    }
  }
  if (plan.expiry.IsKnown() && !node.IsExpired(context.call.clock->Now())) {
    const std::string actual = node.expiry ? *TimeOrNull(node.expiry) : std::string(kNever);
    if (!SameExpiry(*plan.expiry, actual)) {
      if (absl::Status future = CheckFuture(plan, context.call.clock->Now()); !future.ok())
        return stop("expiry", std::move(future));
      std::optional<absl::Time> expiry;
      if (*plan.expiry != kNever) {
        CHARON_ASSIGN_OR_RETURN(expiry, ParseTime(*plan.expiry));
      }
      if (const absl::Status set = take(nodes.SetExpiry(context, node, expiry)); !set.ok())
        return stop("expiry", set);
    }
  }
  NodeModel state = ToModel(plan, node, services_, context.call.clock->Now(), false);
  state.stale_twins = Texts();
  return state;
}

sdk::Outcome<NodeModel> NodeResource::Create(const sdk::Context& context, const NodeModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(Node node, Find(context, *client, plan));
  if (!services_.Claim(NodePlace(node.id))) return DeclaredTwice(plan, Title(node));
  return Settle(context, *client, std::move(node), nullptr, plan);
}

sdk::Outcome<NodeModel> NodeResource::Read(const sdk::Context& context, const NodeModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client->nodes().List(context));
  const absl::Time now = context.call.clock->Now();
  const bool imported = !prior.id.IsKnown() || prior.enrolled.IsNull();
  const Node* node = nullptr;
  for (const Node& each : *nodes) {
    const bool is_it = prior.id.IsKnown() ? each.id == *prior.id
                                          : each.id == *prior.hostname ||
                                                SameHost(each.hostname, *prior.hostname) ||
                                                each.given_name == *prior.hostname;
    if (!is_it) continue;
    if (node != nullptr) {
      return WithRemedy(
          absl::FailedPreconditionError(absl::StrCat("several nodes are called \"", *prior.hostname,
                                                     "\": ", Title(*node), ", ", Title(each))),
          "Import one of them by its id.");
    }
    node = &each;
  }
  if (imported) {
    if (node == nullptr) return absl::NotFoundError("there is no such node");
    NodeModel model = prior;
    model.hostname = node->hostname;
    return ToModel(model, *node, services_, now, /*all=*/true);
  }
  CHARON_ASSIGN_OR_RETURN(const Dialect dialect, client->server().GetDialect(context));
  if (const Node* successor = Successor(prior, node, *nodes, dialect, now)) node = successor;
  if (node == nullptr) return absl::NotFoundError(absl::StrCat("node ", *prior.id, " is gone"));
  NodeModel model = ToModel(prior, *node, services_, now, false);
  Texts stale;
  if (const std::optional<absl::Duration> stale_after = StaleAfter(prior)) {
    for (const Node& twin : *nodes) {
      if (IsTwin(dialect, *node, twin, prior.given_name.value_or("")) &&
          IsStale(twin, *stale_after, now))
        stale.insert(twin.id);
    }
  }
  model.stale_twins = std::move(stale);
  return model;
}

sdk::Outcome<NodeModel> NodeResource::Update(const sdk::Context& context, const NodeModel& prior,
                                             const NodeModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  absl::StatusOr<Node> node = client->nodes().Get(context, *prior.id);
  if (absl::IsNotFound(node.status())) {
    return WithRemedy(
        absl::FailedPreconditionError(absl::StrCat("node ", prior.given_name.value_or(""), " (id ",
                                                   *prior.id, ") is gone since the plan was made")),
        "Plan again: the node is then waited for.");
  }
  if (!node.ok()) return node.status();
  const absl::Time begin = context.call.clock->Now();
  while (plan.enrolled.value_or(false) && node->IsExpired(context.call.clock->Now())) {
    absl::Status waited = context.call.Wait(absl::Milliseconds(500));
    absl::StatusOr<std::shared_ptr<const std::vector<Node>>> nodes = absl::UnknownError("");
    if (waited.ok()) {
      nodes = client->nodes().ListSince(context, context.call.clock->Now());
      // The time may also be up while the server is asked.
      if (!nodes.ok() && !absl::IsDeadlineExceeded(nodes.status())) return nodes.status();
      waited = nodes.status();
    }
    if (absl::IsCancelled(waited)) return waited;
    if (!waited.ok()) {
      return At("enrolled",
                WithRemedy(absl::DeadlineExceededError(absl::StrCat(
                               "node ", Title(*node), " did not log in again within ",
                               absl::FormatDuration(absl::Trunc(context.call.clock->Now() - begin,
                                                                absl::Seconds(1))),
                               "; it is ", Seen(*node))),
                           absl::StrCat(
                               "On the machine, run \"tailscale up --force-reauth --login-server=",
                               client->server().Endpoint(),
                               " --auth-key=...\". To wait longer, set timeouts.update; on_missing "
                               "= \"ignore\" waits for nobody.")));
    }
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, client->server().GetDialect(context));
    for (const Node& each : **nodes) {
      if (each.id == node->id) *node = each;
    }
    // Without its state it comes back as another node.
    const Node before = *node;
    if (const Node* successor =
            Successor(prior, &before, **nodes, dialect, context.call.clock->Now()))
      *node = *successor;
  }
  if (node->id != *prior.id) {
    // The plan said which node this is; the next plan sees the new one.
    NodeModel state = ToModel(prior, *node, services_, context.call.clock->Now(), false);
    return sdk::Outcome<NodeModel>::Partial(
        std::move(state), WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                                         "the host logged in as a new node, ", Title(*node))),
                                     "Apply again: it is adopted in place of the former one."));
  }
  return Settle(context, *client, *std::move(node), &prior, plan);
}

absl::Status NodeResource::Delete(const sdk::Context& context, const NodeModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const Node node, client->nodes().Get(context, *prior.id));
  if (!services_.Claim(NodePlace(node.id))) {
    context.diagnostics->Warning(
        "The node stays",
        absl::StrCat("Another resource of this run has adopted the node ", Title(node), "."));
    return absl::OkStatus();
  }
  // Who adopts that host after this waits for its next login.
  services_.GiveBack(NodePlace(node.id));
  // Expired first: a machine that is on then knows that it is out, and does not go on with what it
  // has.
  const absl::Status expired = client->nodes().Expire(context, node).status();
  if (!expired.ok() && !absl::IsNotFound(expired)) return expired;
  return client->nodes().Delete(context, node);
}

absl::StatusOr<NodeModel> NodeResource::Import(const sdk::Context&, const std::string& id) {
  NodeModel model;
  model.hostname = id;
  return model;
}

absl::StatusOr<NodeModel> NodeResource::ImportByIdentity(const sdk::Context&,
                                                         const NodeIdentity& identity) {
  NodeModel model;
  model.id = identity.id;
  return model;
}

absl::StatusOr<NodeIdentity> NodeResource::Identify(const sdk::Context&, const NodeModel& state) {
  return NodeIdentity{state.id};
}

std::string NodeResource::SameObject(const NodeModel& model) const {
  for (const Attr<std::string>* each : {&model.node_id, &model.machine_key, &model.hostname}) {
    if (each->IsKnown()) return **each;
  }
  return "";
}

const sdk::ResourceInfo& NodeList::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_node",
                                                   .noun = "VPN node",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status NodeList::List(const sdk::Context& context, const NodeQuery& config,
                            bool include_resource,
                            const std::function<bool(sdk::Listed<NodeModel, NodeIdentity>)>& emit) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const auto nodes, client->nodes().List(context));
  for (const Node& node : *nodes) {
    if (config.user.IsKnown() && node.user != *config.user) continue;
    if (config.tag.IsKnown() && Union(node.tags, node.asked_tags).count(*config.tag) == 0) continue;
    sdk::Listed<NodeModel, NodeIdentity> item{{node.id}, Title(node), std::nullopt};
    if (include_resource)
      item.resource = ToModel({}, node, services_, context.call.clock->Now(), /*all=*/true);
    if (!emit(std::move(item))) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace charon::vpn
