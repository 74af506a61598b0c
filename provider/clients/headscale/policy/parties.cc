#include "provider/clients/headscale/policy/parties.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::headscale::policy {
namespace {

Traffic TrafficOf(const Rule& rule, const std::vector<PortRange>& ports) {
  Traffic traffic;
  for (const int protocol : rule.protocols) traffic.Add(protocol, ports);
  return traffic;
}

}  // namespace

std::string RuleText(const Rule& rule) {
  const auto name = [](std::string* out, const Alias& alias) { out->append(alias.text); };
  std::vector<std::string> destinations;
  for (const Rule::Destination& dst : rule.dst) {
    std::vector<std::string> ports;
    for (const PortRange& range : dst.ports) {
      ports.push_back(range.is_all()              ? "*"
                      : range.first == range.last ? absl::StrCat(range.first)
                                                  : absl::StrCat(range.first, "-", range.last));
    }
    destinations.push_back(absl::StrCat(dst.alias.text, ":", absl::StrJoin(ports, ",")));
  }
  return absl::StrCat(rule.where, " (line ", rule.at.line,
                      "): ", absl::StrJoin(rule.src, ", ", name), " -> ",
                      absl::StrJoin(destinations, ", "), rule.via.empty() ? "" : " by way of ",
                      absl::StrJoin(rule.via, ", "));
}

World::World(std::vector<const Policy*> policies, const std::vector<Alias>& asked,
             const std::vector<Device>& devices)
    : policies_(std::move(policies)), has_devices_(!devices.empty()) {
  std::set<std::string> users, tags;
  std::vector<AddressSet> sets = {AddressSet::Tailnet(), AddressSet::Internet()};
  const auto add = [&](const Alias& alias) {
    if (alias.kind == Alias::Kind::kUser) users.insert(alias.name);
    if (alias.kind == Alias::Kind::kTag) tags.insert(alias.text);
    if (alias.prefix) sets.push_back(AddressSet::Of(*alias.prefix));
  };
  for (const Policy* policy : policies_) {
    for (const auto& [name, members] : policy->groups) users.insert(members.begin(), members.end());
    for (const auto& [name, owners] : policy->tag_owners) tags.insert(name);
    for (const Rule& rule : policy->rules) {
      std::for_each(rule.src.begin(), rule.src.end(), add);
      for (const Rule::Destination& dst : rule.dst) add(dst.alias);
    }
  }
  std::for_each(asked.begin(), asked.end(), add);
  for (const Device& device : devices) {
    if (device.tags.empty()) users.insert(device.user);
    tags.insert(device.tags.begin(), device.tags.end());
    for (const Address& address : device.addresses)
      sets.push_back(AddressSet::Of({address, address.width()}));
  }
  for (const std::string& user : users) parties_.push_back({Party::Kind::kUser, user});
  parties_.push_back({Party::Kind::kOtherUser, ""});
  for (const std::string& tag : tags) parties_.push_back({Party::Kind::kTag, tag});
  parties_.push_back({Party::Kind::kOtherTag, ""});
  Divide(std::move(sets));
  parties_.push_back({Party::Kind::kOwn, ""});
}

std::vector<std::size_t> World::Members(const Alias& alias, const Policy& policy,
                                        bool source) const {
  std::vector<std::size_t> members;
  const std::optional<AddressSet> addresses =
      alias.prefix ? std::optional(AddressSet::Of(*alias.prefix)) : std::nullopt;
  // A network that holds the whole tailnet holds every device; with devices it is known which.
  const bool every_device =
      addresses && !has_devices_ &&
      (addresses->Contains(AddressSet::Of(*Prefix::Parse("100.64.0.0/10"))) ||
       addresses->Contains(AddressSet::Of(*Prefix::Parse("fd7a:115c:a1e0::/48"))));
  for (std::size_t i = 0; i < parties_.size(); ++i) {
    if (Matches(alias, policy, source, parties_[i], addresses, every_device)) members.push_back(i);
  }
  return members;
}

std::vector<std::size_t> World::PartiesOf(const Device& device) const {
  std::vector<std::size_t> parties;
  for (std::size_t i = 0; i < parties_.size(); ++i) {
    const Party& party = parties_[i];
    const bool is =
        party.kind == Party::Kind::kUser ? device.tags.empty() && party.name == device.user
        : party.kind == Party::Kind::kTag
            ? std::find(device.tags.begin(), device.tags.end(), party.name) != device.tags.end()
        : party.kind == Party::Kind::kAddresses
            ? std::any_of(device.addresses.begin(), device.addresses.end(),
                          [&](const Address& address) { return party.addresses.Contains(address); })
            : false;
    if (is) parties.push_back(i);
  }
  return parties;
}

bool World::Matches(const Alias& alias, const Policy& policy, bool source, const Party& party,
                    const std::optional<AddressSet>& addresses, bool every_device) {
  using K = Alias::Kind;
  using P = Party::Kind;
  const bool user =
      party.kind == P::kUser || party.kind == P::kOtherUser || (party.kind == P::kOwn && !source);
  const bool tag = party.kind == P::kTag || party.kind == P::kOtherTag;
  if (party.kind == P::kOwn && source) return false;
  switch (alias.kind) {
    case K::kEverything:
      // As a source it means the tailnet from 0.29 on (asterixResolved; the approved subnet routes,
      // too, which no policy tells); before, and as a destination, all addresses.
      return user || tag || !source || policy.minor < kGrantsPolicy ||
             AddressSet::Tailnet().Contains(party.sample);
    case K::kUser:
      return party.kind == P::kUser && party.name == alias.name;
    case K::kGroup: {
      const auto group = policy.groups.find(alias.text);
      return party.kind == P::kUser && group != policy.groups.end() &&
             std::find(group->second.begin(), group->second.end(), party.name) !=
                 group->second.end();
    }
    case K::kTag:
      return party.kind == P::kTag && party.name == alias.text;
    case K::kAutogroup:
      if (alias.text == "autogroup:member") return user;
      if (alias.text == "autogroup:tagged") return tag;
      if (alias.text == "autogroup:danger-all") return true;
      if (alias.text == "autogroup:self") return party.kind == P::kOwn && !source;
      return party.kind == P::kAddresses && AddressSet::Internet().Contains(party.sample);
    case K::kHost:
    case K::kPrefix:
      if (!addresses) return false;
      return party.kind == P::kAddresses ? addresses->Contains(party.sample) : every_device;
    case K::kNothing:
      return false;
  }
  return false;
}

void World::Divide(std::vector<AddressSet> sets) {
  std::vector<AddressSet> cells = {AddressSet::All()};
  std::sort(sets.begin() + 2, sets.end(),
            [](const AddressSet& a, const AddressSet& b) { return a.ToStrings() < b.ToStrings(); });
  sets.erase(std::unique(sets.begin() + 2, sets.end()), sets.end());
  for (const AddressSet& set : sets) {
    std::vector<AddressSet> divided;
    for (AddressSet& cell : cells) {
      AddressSet inside = cell.And(set);
      AddressSet outside = inside.empty() ? std::move(cell) : cell.Minus(set);
      if (!inside.empty()) divided.push_back(std::move(inside));
      if (!outside.empty()) divided.push_back(std::move(outside));
    }
    cells = std::move(divided);
  }
  const AddressSet tailnet = AddressSet::Tailnet();
  for (AddressSet& cell : cells) {
    const Address sample = ParsePrefixOrAddress(cell.ToStrings().front())->first();
    const bool named = std::any_of(sets.begin() + 2, sets.end(),
                                   [&](const AddressSet& set) { return set.Contains(sample); });
    if (tailnet.Contains(sample) && !named) continue;
    parties_.push_back({Party::Kind::kAddresses, "", std::move(cell), sample});
  }
}

RuleReach::RuleReach(const Rule& rule, const Policy& policy, const World& world)
    : own_(world.own()), sources_(world.size()) {
  for (const Alias& src : rule.src) {
    for (const std::size_t member : world.Members(src, policy, /*source=*/true))
      sources_[member] = true;
  }
  for (const Rule::Destination& dst : rule.dst) {
    Target target{std::vector<bool>(world.size()), TrafficOf(rule, dst.ports)};
    for (const std::size_t member : world.Members(dst.alias, policy, /*source=*/false))
      target.members[member] = true;
    targets_.push_back(std::move(target));
  }
  for (const Party& party : world.parties()) users_.push_back(party.kind == Party::Kind::kUser);
}

bool RuleReach::Overlaps(std::size_t source, std::size_t destination, const Traffic& asked) const {
  return sources_[source] &&
         std::any_of(targets_.begin(), targets_.end(), [&](const Target& target) {
           const bool own = source == destination && users_[source] && target.members[own_];
           return (own || target.members[destination]) && !target.traffic.And(asked).empty();
         });
}

Matrix::Matrix(const Policy& policy, const World& world)
    : size_(world.size()), cells_(size_ * size_, 0) {
  distinct_.emplace_back();
  numbers_.emplace(Traffic(), 0);
  if (policy.allows_everything) {
    const std::size_t all = Number(Traffic::All());
    std::fill(cells_.begin(), cells_.end(), all);
    return;
  }
  for (const Rule& rule : policy.rules) {
    std::set<std::size_t> sources;
    for (const Alias& src : rule.src) {
      for (const std::size_t member : world.Members(src, policy, /*source=*/true))
        sources.insert(member);
    }
    for (const Rule::Destination& dst : rule.dst) {
      const std::size_t traffic = Number(TrafficOf(rule, dst.ports));
      const std::vector<std::size_t> members = world.Members(dst.alias, policy, /*source=*/false);
      for (const std::size_t source : sources) {
        const Party& party = world.parties()[source];
        const bool is_user =
            party.kind == Party::Kind::kUser || party.kind == Party::Kind::kOtherUser;
        for (const std::size_t member : members) {
          if (member != world.own()) {
            Join(source, member, traffic);
          } else if (is_user) {
            // The own devices of a user with a name are that user's.
            Join(source, party.kind == Party::Kind::kUser ? source : member, traffic);
          }
        }
      }
    }
  }
}

std::size_t Matrix::Number(const Traffic& traffic) {
  const auto [entry, added] = numbers_.emplace(traffic, distinct_.size());
  if (added) distinct_.push_back(traffic);
  return entry->second;
}

void Matrix::Join(std::size_t source, std::size_t destination, std::size_t traffic) {
  std::size_t& cell = cells_[source * size_ + destination];
  const auto [entry, added] = joined_.emplace(std::make_pair(cell, traffic), 0);
  if (added) entry->second = Number(distinct_[cell].Or(distinct_[traffic]));
  cell = entry->second;
}

std::string Namer::Name(const std::set<std::size_t>& set) const {
  std::vector<std::string> names;
  const auto all = [&](auto... kinds) {
    for (std::size_t i = 0; i < world_.size(); ++i) {
      if (((world_.parties()[i].kind == kinds) || ...) && set.count(i) == 0) return false;
    }
    return true;
  };
  using P = Party::Kind;
  const bool users = all(P::kUser, P::kOtherUser), tags = all(P::kTag, P::kOtherTag);
  if (users && tags && all(P::kAddresses)) return "*";
  if (users && tags) {
    names.push_back("every device");
  } else {
    AddUsers(set, users, names);
    AddTags(set, tags, names);
  }
  if (!users && set.count(world_.own()) > 0) names.push_back("own devices");
  AddAddresses(set, /*devices_too=*/!(users && tags), names);
  constexpr std::size_t kMost = 12;
  if (names.size() > kMost) {
    const std::size_t more = names.size() - kMost;
    names.resize(kMost);
    names.push_back(absl::StrCat("and ", more, " more"));
  }
  return absl::StrJoin(names, ", ");
}

void Namer::AddUsers(const std::set<std::size_t>& set, bool all,
                     std::vector<std::string>& names) const {
  if (all) {
    names.push_back("autogroup:member");
    return;
  }
  std::set<std::string> left;
  bool others = false;
  for (const std::size_t i : set) {
    if (world_.parties()[i].kind == Party::Kind::kUser) left.insert(world_.parties()[i].name);
    others |= world_.parties()[i].kind == Party::Kind::kOtherUser;
  }
  // Groups that are in the set as a whole, the largest first.
  const std::set<std::string> whole = left;
  std::vector<std::pair<std::size_t, std::string>> groups;
  std::map<std::string, std::vector<std::string>> members;
  for (const Policy* policy : world_.policies()) {
    for (const auto& [name, users] : policy->groups) {
      const bool within =
          !users.empty() && std::all_of(users.begin(), users.end(), [&](const std::string& user) {
            return whole.count(user) > 0;
          });
      // A group of both policies is meant as the later one has it.
      if (members.count(name) > 0)
        groups.erase(std::remove_if(groups.begin(), groups.end(),
                                    [n = name](const auto& group) { return group.second == n; }),
                     groups.end());
      members[name] = users;
      if (within) groups.emplace_back(users.size(), name);
    }
  }
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  for (const auto& [size, name] : groups) {
    bool fresh = false;
    for (const std::string& user : members[name]) fresh |= left.erase(user) > 0;
    if (fresh) names.push_back(name);
  }
  for (const std::string& user : left)
    names.push_back(absl::StrContains(user, "@") ? user : absl::StrCat(user, "@"));
  if (others) names.push_back("other users");
}

void Namer::AddTags(const std::set<std::size_t>& set, bool all,
                    std::vector<std::string>& names) const {
  if (all) {
    names.push_back("autogroup:tagged");
    return;
  }
  bool others = false;
  for (const std::size_t i : set) {
    if (world_.parties()[i].kind == Party::Kind::kTag) names.push_back(world_.parties()[i].name);
    others |= world_.parties()[i].kind == Party::Kind::kOtherTag;
  }
  if (others) names.push_back("other tags");
}

void Namer::AddAddresses(const std::set<std::size_t>& set, bool devices_too,
                         std::vector<std::string>& names) const {
  AddressSet left;
  for (const std::size_t i : set) {
    if (world_.parties()[i].kind == Party::Kind::kAddresses)
      left = left.Or(world_.parties()[i].addresses);
  }
  if (!devices_too) left = left.Minus(AddressSet::Tailnet());
  const auto take = [&](const AddressSet& part, const std::string& name) {
    if (part.empty() || !left.Contains(part)) return;
    left = left.Minus(part);
    names.push_back(name);
  };
  for (auto policy = world_.policies().rbegin(); policy != world_.policies().rend(); ++policy) {
    for (const auto& [name, prefix] : (*policy)->hosts) take(AddressSet::Of(prefix), name);
  }
  // The internet as far as no prefix divides it.
  for (const Party& party : world_.parties()) {
    const bool internet =
        party.kind == Party::Kind::kAddresses && AddressSet::Internet().Contains(party.sample);
    if (internet && party.addresses.ToStrings().size() > 8) take(party.addresses, "the internet");
  }
  const std::vector<std::string> rest = left.ToStrings();
  if (rest.size() > 8) {
    names.push_back("other networks");
  } else {
    names.insert(names.end(), rest.begin(), rest.end());
  }
}

}  // namespace charon::headscale::policy
