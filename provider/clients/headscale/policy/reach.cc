#include "provider/clients/headscale/policy/reach.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"

namespace charon::headscale::policy {
namespace {

constexpr int kHighestPort = 65535;

bool HasPorts(int protocol) { return protocol == 6 || protocol == 17 || protocol == 132; }

// Whom rules can tell apart. A device is a user's or has tags; its addresses make it an address as well.
struct Party {
  enum class Kind { kUser, kOtherUser, kTag, kOtherTag, kAddresses, kOwn };
  Kind kind;
  std::string name;       // of a user or tag
  AddressSet addresses{};  // of kAddresses: no prefix of the policies divides it
  Address sample{};        // one of them
};

// The parties that two policies (or one, with a question) tell apart. kOwn, the devices of a user that no policy names,
// is a destination only.
class World {
 public:
  explicit World(std::vector<const Policy*> policies, const std::vector<Alias>& asked = {}, const std::vector<Device>& devices = {})
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
      for (const Address& address : device.addresses) sets.push_back(AddressSet::Of({address, address.width()}));
    }
    for (const std::string& user : users) parties_.push_back({Party::Kind::kUser, user});
    parties_.push_back({Party::Kind::kOtherUser, ""});
    for (const std::string& tag : tags) parties_.push_back({Party::Kind::kTag, tag});
    parties_.push_back({Party::Kind::kOtherTag, ""});
    Divide(std::move(sets));
    parties_.push_back({Party::Kind::kOwn, ""});
  }

  const std::vector<Party>& parties() const { return parties_; }
  std::size_t size() const { return parties_.size(); }
  std::size_t own() const { return parties_.size() - 1; }
  const std::vector<const Policy*>& policies() const { return policies_; }

  // The parties that the alias stands for on that side of a rule of `policy`; autogroup:self for none: see Matrix.
  std::vector<std::size_t> Members(const Alias& alias, const Policy& policy, bool source) const {
    std::vector<std::size_t> members;
    const std::optional<AddressSet> addresses = alias.prefix ? std::optional(AddressSet::Of(*alias.prefix)) : std::nullopt;
    // A network that holds the whole tailnet holds every device; with devices it is known which.
    const bool every_device = addresses && !has_devices_ && (addresses->Contains(AddressSet::Of(*Prefix::Parse("100.64.0.0/10"))) ||
                                            addresses->Contains(AddressSet::Of(*Prefix::Parse("fd7a:115c:a1e0::/48"))));
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      if (Matches(alias, policy, source, parties_[i], addresses, every_device)) members.push_back(i);
    }
    return members;
  }

  std::optional<std::size_t> FindUser(absl::string_view name) const { return Find(Party::Kind::kUser, name); }
  std::optional<std::size_t> FindTag(absl::string_view name) const { return Find(Party::Kind::kTag, name); }

  // The parties that a device is: its user or tags, and its addresses.
  std::vector<std::size_t> PartiesOf(const Device& device) const {
    std::vector<std::size_t> parties;
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      const Party& party = parties_[i];
      const bool is = party.kind == Party::Kind::kUser  ? device.tags.empty() && party.name == device.user
                      : party.kind == Party::Kind::kTag ? std::find(device.tags.begin(), device.tags.end(), party.name) != device.tags.end()
                      : party.kind == Party::Kind::kAddresses
                          ? std::any_of(device.addresses.begin(), device.addresses.end(), [&](const Address& address) { return party.addresses.Contains(address); })
                          : false;
      if (is) parties.push_back(i);
    }
    return parties;
  }

 private:
  std::optional<std::size_t> Find(Party::Kind kind, absl::string_view name) const {
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      if (parties_[i].kind == kind && parties_[i].name == name) return i;
    }
    return std::nullopt;
  }

  static bool Matches(const Alias& alias, const Policy& policy, bool source, const Party& party, const std::optional<AddressSet>& addresses, bool every_device) {
    using K = Alias::Kind;
    using P = Party::Kind;
    const bool user = party.kind == P::kUser || party.kind == P::kOtherUser || (party.kind == P::kOwn && !source);
    const bool tag = party.kind == P::kTag || party.kind == P::kOtherTag;
    if (party.kind == P::kOwn && source) return false;
    switch (alias.kind) {
      case K::kEverything:
        // As a source it means the tailnet from 0.29 on (asterixResolved); before, and as a destination, all addresses.
        return user || tag || !source || policy.minor < kGrantsPolicy || AddressSet::Tailnet().Contains(party.sample);
      case K::kUser: return party.kind == P::kUser && party.name == alias.name;
      case K::kGroup: {
        const auto group = policy.groups.find(alias.text);
        return party.kind == P::kUser && group != policy.groups.end() &&
               std::find(group->second.begin(), group->second.end(), party.name) != group->second.end();
      }
      case K::kTag: return party.kind == P::kTag && party.name == alias.text;
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
      case K::kNothing: return false;
    }
    return false;
  }

  // Addresses that lie in the same of the sets are one party. What of the tailnet no prefix names is none: whoever has
  // such an address is a device, and so a user or a tag.
  void Divide(std::vector<AddressSet> sets) {
    std::vector<AddressSet> cells = {AddressSet::All()};
    std::sort(sets.begin() + 2, sets.end(), [](const AddressSet& a, const AddressSet& b) { return a.ToStrings() < b.ToStrings(); });
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
      const Address sample = Prefix::ParseOrAddress(cell.ToStrings().front())->first();
      const bool named = std::any_of(sets.begin() + 2, sets.end(), [&](const AddressSet& set) { return set.Contains(sample); });
      if (tailnet.Contains(sample) && !named) continue;
      parties_.push_back({Party::Kind::kAddresses, "", std::move(cell), sample});
    }
  }

  const std::vector<const Policy*> policies_;
  const bool has_devices_;
  std::vector<Party> parties_;
};

Traffic TrafficOf(const Rule& rule, const std::vector<PortRange>& ports) {
  Traffic traffic;
  for (const int protocol : rule.protocols) traffic.Add(protocol, ports);
  return traffic;
}

std::string RuleText(const Rule& rule) {
  const auto name = [](std::string* out, const Alias& alias) { out->append(alias.text); };
  std::vector<std::string> destinations;
  for (const Rule::Destination& dst : rule.dst) {
    std::vector<std::string> ports;
    for (const PortRange& range : dst.ports) {
      ports.push_back(range.is_all() ? "*" : range.first == range.last ? absl::StrCat(range.first) : absl::StrCat(range.first, "-", range.last));
    }
    destinations.push_back(absl::StrCat(dst.alias.text, ":", absl::StrJoin(ports, ",")));
  }
  return absl::StrCat(rule.where, " (line ", rule.at.line, "): ", absl::StrJoin(rule.src, ", ", name), " -> ", absl::StrJoin(destinations, ", "));
}

// One rule as sets of parties.
class RuleReach {
 public:
  RuleReach(const Rule& rule, const Policy& policy, const World& world) : own_(world.own()), sources_(world.size()) {
    for (const Alias& src : rule.src) {
      for (const std::size_t member : world.Members(src, policy, /*source=*/true)) sources_[member] = true;
    }
    for (const Rule::Destination& dst : rule.dst) {
      Target target{std::vector<bool>(world.size()), TrafficOf(rule, dst.ports)};
      for (const std::size_t member : world.Members(dst.alias, policy, /*source=*/false)) target.members[member] = true;
      targets_.push_back(std::move(target));
    }
    for (const Party& party : world.parties()) users_.push_back(party.kind == Party::Kind::kUser);
  }

  // Whether some of `asked` gets through. The own devices of a user with a name are that user's.
  bool Overlaps(std::size_t source, std::size_t destination, const Traffic& asked) const {
    return sources_[source] && std::any_of(targets_.begin(), targets_.end(), [&](const Target& target) {
             const bool own = source == destination && users_[source] && target.members[own_];
             return (own || target.members[destination]) && !target.traffic.And(asked).empty();
           });
  }

 private:
  struct Target {
    std::vector<bool> members;
    Traffic traffic;
  };
  const std::size_t own_;
  std::vector<bool> sources_, users_;
  std::vector<Target> targets_;
};

constexpr absl::string_view kNoRules = "the policy has no rules, so everything is allowed";

// What each party reaches of each: cells are numbers of distinct Traffic, since few are distinct.
class Matrix {
 public:
  Matrix(const Policy& policy, const World& world) : size_(world.size()), cells_(size_ * size_, 0) {
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
        for (const std::size_t member : world.Members(src, policy, /*source=*/true)) sources.insert(member);
      }
      for (const Rule::Destination& dst : rule.dst) {
        const std::size_t traffic = Number(TrafficOf(rule, dst.ports));
        const std::vector<std::size_t> members = world.Members(dst.alias, policy, /*source=*/false);
        for (const std::size_t source : sources) {
          const Party& party = world.parties()[source];
          const bool is_user = party.kind == Party::Kind::kUser || party.kind == Party::Kind::kOtherUser;
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

  const Traffic& At(std::size_t source, std::size_t destination) const { return distinct_[cells_[source * size_ + destination]]; }

 private:
  std::size_t Number(const Traffic& traffic) {
    const auto [entry, added] = numbers_.emplace(traffic, distinct_.size());
    if (added) distinct_.push_back(traffic);
    return entry->second;
  }
  void Join(std::size_t source, std::size_t destination, std::size_t traffic) {
    std::size_t& cell = cells_[source * size_ + destination];
    const auto [entry, added] = joined_.emplace(std::make_pair(cell, traffic), 0);
    if (added) entry->second = Number(distinct_[cell].Or(distinct_[traffic]));
    cell = entry->second;
  }

  const std::size_t size_;
  std::vector<std::size_t> cells_;
  std::vector<Traffic> distinct_;
  std::map<Traffic, std::size_t> numbers_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> joined_;
};

// Names sets of parties as a person would.
class Namer {
 public:
  explicit Namer(const World& world) : world_(world) {}

  std::string Name(const std::set<std::size_t>& set) const {
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

 private:
  void AddUsers(const std::set<std::size_t>& set, bool all, std::vector<std::string>& names) const {
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
        const bool within = !users.empty() && std::all_of(users.begin(), users.end(), [&](const std::string& user) { return whole.count(user) > 0; });
        // A group of both policies is meant as the later one has it.
        if (members.count(name) > 0) groups.erase(std::remove_if(groups.begin(), groups.end(), [n = name](const auto& group) { return group.second == n; }), groups.end());
        members[name] = users;
        if (within) groups.emplace_back(users.size(), name);
      }
    }
    std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    for (const auto& [size, name] : groups) {
      bool fresh = false;
      for (const std::string& user : members[name]) fresh |= left.erase(user) > 0;
      if (fresh) names.push_back(name);
    }
    for (const std::string& user : left) names.push_back(absl::StrContains(user, "@") ? user : absl::StrCat(user, "@"));
    if (others) names.push_back("other users");
  }

  void AddTags(const std::set<std::size_t>& set, bool all, std::vector<std::string>& names) const {
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

  void AddAddresses(const std::set<std::size_t>& set, bool devices_too, std::vector<std::string>& names) const {
    AddressSet left;
    for (const std::size_t i : set) {
      if (world_.parties()[i].kind == Party::Kind::kAddresses) left = left.Or(world_.parties()[i].addresses);
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
      const bool internet = party.kind == Party::Kind::kAddresses && AddressSet::Internet().Contains(party.sample);
      if (internet && party.addresses.ToStrings().size() > 8) take(party.addresses, "the internet");
    }
    const std::vector<std::string> rest = left.ToStrings();
    if (rest.size() > 8) {
      names.push_back("other networks");
    } else {
      names.insert(names.end(), rest.begin(), rest.end());
    }
  }

  const World& world_;
};

// One line for all who gain (or lose) the same: rows of one content, then columns of one content.
std::vector<std::string> Lines(const World& world, const Matrix& less, const Matrix& more) {
  using Row = std::map<std::size_t, Traffic>;
  std::size_t other_user = 0;
  for (std::size_t i = 0; i < world.size(); ++i) {
    if (world.parties()[i].kind == Party::Kind::kOtherUser) other_user = i;
  }
  std::map<Row, std::set<std::size_t>> rows;
  for (std::size_t source = 0; source < world.own(); ++source) {
    Row row;
    const Party::Kind kind = world.parties()[source].kind;
    for (std::size_t destination = 0; destination < world.size(); ++destination) {
      if (destination == world.own() && kind != Party::Kind::kOtherUser) continue;
      Traffic traffic = more.At(source, destination).Minus(less.At(source, destination));
      if (!traffic.empty()) row[destination] = traffic.WithoutPing();
    }
    // "Own devices" is the same for every user, and said only where it is not the same as with all users' devices.
    const auto own = row.find(kind == Party::Kind::kUser ? source : world.own());
    const auto others = row.find(other_user);
    const bool apart = (kind == Party::Kind::kUser || kind == Party::Kind::kOtherUser) && own != row.end();
    if (apart && (others == row.end() || others->second != own->second)) {
      Traffic traffic = std::move(own->second);
      row.erase(own);
      row[world.own()] = std::move(traffic);
    } else {
      row.erase(world.own());
    }
    if (!row.empty()) rows[row].insert(source);
  }
  const Namer namer(world);
  std::vector<std::string> lines;
  for (const auto& [row, sources] : rows) {
    std::map<Traffic, std::set<std::size_t>> columns;
    for (const auto& [destination, traffic] : row) columns[traffic].insert(destination);
    for (const auto& [traffic, destinations] : columns) {
      lines.push_back(absl::StrCat(namer.Name(sources), " -> ", namer.Name(destinations), ": ", traffic.ToString()));
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// What `ssh` rules of `more` allow and those of `less` do not, as they are written: "ssh: group:dev -> tag:web as root".
std::vector<std::string> SshLines(const Policy& less, const Policy& more) {
  using Key = std::tuple<std::string, std::string, std::string>;  // destination, login, action
  const auto table = [](const Policy& policy) {
    std::map<Key, std::set<std::string>> sources;
    for (const SshRule& rule : policy.ssh) {
      for (const Alias& dst : rule.dst) {
        for (const std::string& user : rule.users) {
          for (const Alias& src : rule.src) sources[{dst.text, user, rule.action}].insert(src.text);
        }
      }
    }
    return sources;
  };
  std::map<Key, std::set<std::string>> had = table(less);
  std::vector<std::string> lines;
  for (auto& [key, sources] : table(more)) {
    std::vector<std::string> fresh;
    std::set_difference(sources.begin(), sources.end(), had[key].begin(), had[key].end(), std::back_inserter(fresh));
    if (fresh.empty()) continue;
    lines.push_back(absl::StrCat("ssh: ", absl::StrJoin(fresh, ", "), " -> ", std::get<0>(key), " as ", std::get<1>(key), std::get<2>(key) == "check" ? " (check)" : ""));
  }
  return lines;
}

// A question's destination in its parts.
struct Wanted {
  Alias alias;
  std::optional<Traffic> traffic;  // all of it; nullopt: anything
  Traffic within = Traffic::All();  // of what "anything" counts
};

absl::Status CheckKnown(const Alias& alias, const Policy& policy) {
  using K = Alias::Kind;
  const auto missing = [](absl::string_view what, const Alias& about, absl::string_view remedy) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("the policy has no ", what, " ", QuoteJson(about.text))), remedy);
  };
  const std::set<absl::string_view> autogroups = {"autogroup:member", "autogroup:tagged", "autogroup:internet", "autogroup:self", "autogroup:danger-all"};
  if (alias.kind == K::kNothing || alias.text.empty() || (alias.kind == K::kAutogroup && autogroups.count(alias.text) == 0)) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat(QuoteJson(alias.text), " is nothing that a policy can name")),
                      "There are users (\"ann@\"), \"group:...\", \"tag:...\", \"autogroup:...\", hosts, addresses, networks and \"*\".");
  }
  if (alias.kind == K::kGroup && policy.groups.count(alias.text) == 0) return missing("group", alias, "Ask for a group of \"groups\".");
  if (alias.kind == K::kTag && policy.tag_owners.count(alias.text) == 0) return missing("tag", alias, "Ask for a tag of \"tagOwners\".");
  if (alias.kind == K::kHost && policy.hosts.count(alias.text) == 0) {
    return missing("host", alias, absl::StrCat("A user is asked for with an @: \"", alias.text, "@\"; tags and groups with \"tag:\" and \"group:\"."));
  }
  return absl::OkStatus();
}

absl::StatusOr<Wanted> ParseWanted(absl::string_view text, const Policy& policy) {
  Wanted wanted;
  std::vector<int> protocols = {6};
  bool named = false;
  // A name after the last slash is a protocol; a number is the length of a network.
  const std::size_t slash = text.rfind('/');
  if (slash != absl::string_view::npos && slash + 1 < text.size() && absl::ascii_isalpha(static_cast<unsigned char>(text[slash + 1]))) {
    const std::optional<std::vector<int>> numbers = ParseProtocol(text.substr(slash + 1), kNewestPolicy);
    if (!numbers || numbers->empty()) {
      return WithRemedy(absl::InvalidArgumentError(absl::StrCat(QuoteJson(text.substr(slash + 1)), " is no protocol")), "Write tcp, udp, icmp, sctp, or another name of a protocol.");
    }
    protocols = *numbers;
    named = true;
    text = text.substr(0, slash);
  }
  const auto parts = SplitPorts(text, kNewestPolicy);
  const std::optional<std::vector<PortRange>> ports = parts ? ParsePorts(parts->second, kNewestPolicy) : std::nullopt;
  if (ports) {
    wanted.alias = ParseAlias(parts->first, kNewestPolicy, policy);
    const bool sound = wanted.alias.kind != Alias::Kind::kNothing && !(wanted.alias.kind == Alias::Kind::kHost && policy.hosts.count(wanted.alias.text) == 0);
    if (sound) {
      wanted.traffic.emplace();
      for (const int protocol : protocols) wanted.traffic->Add(protocol, *ports);
      return wanted;
    }
  }
  wanted.alias = ParseAlias(text, kNewestPolicy, policy);
  if (named) {
    wanted.within = Traffic();
    for (const int protocol : protocols) wanted.within.Add(protocol, {PortRange()});
  }
  return wanted;
}

// Somebody or something asked about: it is each of the parties, so what one of them reaches it reaches.
struct Element {
  std::vector<std::size_t> parties;
  std::string name;
};

std::vector<Element> Elements(const World& world, const Alias& alias, const Policy& policy, bool source, const std::vector<Device>& devices) {
  const std::vector<std::size_t> members = world.Members(alias, policy, source);
  std::vector<Element> elements;
  const Namer namer(world);
  std::set<std::size_t> known;
  for (const Device& device : devices) {
    const std::vector<std::size_t> parties = world.PartiesOf(device);
    const bool member = std::any_of(parties.begin(), parties.end(), [&](std::size_t party) { return std::find(members.begin(), members.end(), party) != members.end(); });
    if (!member) continue;
    elements.push_back({parties, device.name});
    known.insert(parties.begin(), parties.end());
  }
  for (const std::size_t member : members) {
    // Who has devices is judged by them.
    if (known.count(member) == 0) elements.push_back({{member}, namer.Name({member})});
  }
  return elements;
}

}  // namespace

Traffic::Ranges Traffic::Joined(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges joined;
  for (const Range& range : ranges) {
    if (range.first > range.last) continue;
    if (!joined.empty() && range.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

Traffic Traffic::All() {
  Traffic all;
  for (const int protocol : {1, 6, 17, 58}) all.ports_[protocol] = {{0, kHighestPort}};
  return all;
}

void Traffic::Add(int protocol, const std::vector<PortRange>& ranges) {
  Ranges all = ports_[protocol];
  for (const PortRange& range : ranges) {
    all.push_back(HasPorts(protocol) ? Range{range.first, range.last} : Range{0, kHighestPort});
  }
  ports_[protocol] = Joined(std::move(all));
  if (ports_[protocol].empty()) ports_.erase(protocol);
}

Traffic Traffic::Or(const Traffic& other) const {
  Traffic result = *this;
  for (const auto& [protocol, ranges] : other.ports_) {
    Ranges all = result.ports_[protocol];
    all.insert(all.end(), ranges.begin(), ranges.end());
    result.ports_[protocol] = Joined(std::move(all));
  }
  return result;
}

Traffic Traffic::Minus(const Traffic& other) const {
  Traffic result;
  for (const auto& [protocol, ranges] : ports_) {
    const auto cuts = other.ports_.find(protocol);
    Ranges left = ranges;
    if (cuts != other.ports_.end()) {
      for (const Range& cut : cuts->second) {
        Ranges next;
        for (const Range& range : left) {
          next.push_back({range.first, std::min(range.last, cut.first - 1)});
          next.push_back({std::max(range.first, cut.last + 1), range.last});
        }
        left = Joined(std::move(next));
      }
    }
    if (!left.empty()) result.ports_[protocol] = std::move(left);
  }
  return result;
}

Traffic Traffic::WithoutPing() const {
  Traffic result = *this;
  const bool some_ports = std::any_of(ports_.begin(), ports_.end(), [](const auto& entry) { return HasPorts(entry.first) && entry.second != Ranges{{0, kHighestPort}}; });
  if (!some_ports) return result;
  for (const int protocol : {1, 58}) result.ports_.erase(protocol);
  return result;
}

Traffic Traffic::And(const Traffic& other) const { return Minus(Minus(other)); }

std::string Traffic::ToString() const {
  const auto text = [](const Ranges& ranges) {
    if (ranges == Ranges{{0, kHighestPort}}) return std::string("*");
    return absl::StrJoin(ranges, ", ", [](std::string* out, const Range& range) {
      absl::StrAppend(out, range.first);
      if (range.last > range.first) absl::StrAppend(out, "-", range.last);
    });
  };
  std::vector<std::string> parts;
  std::map<int, Ranges> left = ports_;
  // What a rule without a protocol lets through is said without one.
  const auto tcp = left.find(6), udp = left.find(17);
  const bool ping = left.count(1) > 0 && left.count(58) > 0, no_ping = left.count(1) + left.count(58) == 0;
  const bool same = tcp != left.end() && udp != left.end() && tcp->second == udp->second;
  if (same && (ping || (no_ping && text(tcp->second) != "*"))) {
    parts.push_back(text(tcp->second));
    for (const int protocol : {1, 6, 17, 58}) left.erase(protocol);
  }
  if (left.count(1) > 0 && left.count(58) > 0) {
    parts.push_back("icmp");
    left.erase(1);
    left.erase(58);
  }
  for (const auto& [protocol, ranges] : left) {
    parts.push_back(HasPorts(protocol) ? absl::StrCat(ProtocolName(protocol), " ", text(ranges)) : ProtocolName(protocol));
  }
  return parts.empty() ? "nothing" : absl::StrJoin(parts, "; ");
}

absl::StatusOr<Answer> Ask(const Policy& policy, absl::string_view src, absl::string_view dst, const std::vector<Device>& devices) {
  const Alias source = ParseAlias(src, kNewestPolicy, policy);
  CHARON_RETURN_IF_ERROR(At("src", CheckKnown(source, policy)));
  if (source.text == "autogroup:self" || source.text == "autogroup:internet") {
    return At("src", WithRemedy(absl::InvalidArgumentError(absl::StrCat("nothing comes from ", source.text)), "It is a destination."));
  }
  const absl::StatusOr<Wanted> wanted = ParseWanted(dst, policy);
  if (!wanted.ok()) return At("dst", wanted.status());
  CHARON_RETURN_IF_ERROR(At("dst", CheckKnown(wanted->alias, policy)));

  const World world({&policy}, {source, wanted->alias}, devices);
  const std::vector<Element> sources = Elements(world, source, policy, /*source=*/true, devices);
  const bool self = wanted->alias.text == "autogroup:self";
  const std::vector<Element> all = self ? std::vector<Element>() : Elements(world, wanted->alias, policy, /*source=*/false, devices);
  const Matrix matrix(policy, world);

  Answer answer;
  bool first = true, reaches = !sources.empty();
  std::map<Traffic, std::map<std::string, std::set<std::string>>> missing;
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  for (const Element& from : sources) {
    std::vector<Element> targets = all;
    if (self) {
      for (const std::size_t party : from.parties) {
        const Party::Kind kind = world.parties()[party].kind;
        if (kind == Party::Kind::kUser) targets.push_back({{party}, "own devices"});
        if (kind == Party::Kind::kOtherUser) targets.push_back({{world.own()}, "own devices"});
      }
    }
    if (targets.empty()) reaches = false;
    for (const Element& to : targets) {
      // A device reaches itself whatever the policy says.
      if (from.name == to.name && std::any_of(devices.begin(), devices.end(), [&](const Device& device) { return device.name == from.name; })) continue;
      // Another user's devices are no business of one that is nobody's in particular.
      if (!self && to.parties == std::vector<std::size_t>{world.own()} && world.parties()[from.parties.front()].kind != Party::Kind::kOtherUser) continue;
      Traffic traffic;
      for (const std::size_t a : from.parties) {
        for (const std::size_t b : to.parties) {
          traffic = traffic.Or(matrix.At(a, b));
          pairs.emplace(a, b);
        }
      }
      const bool enough = wanted->traffic ? traffic.Contains(*wanted->traffic) : !traffic.And(wanted->within).empty();
      if (!enough) missing[wanted->traffic ? wanted->traffic->Minus(traffic) : wanted->within][from.name].insert(to.name);
      reaches &= enough;
      answer.traffic = first ? traffic : answer.traffic.And(traffic);
      first = false;
    }
  }
  answer.reaches = reaches && !first;
  if (wanted->traffic) answer.traffic = answer.traffic.And(*wanted->traffic);
  else answer.traffic = answer.traffic.And(wanted->within);
  for (const auto& [traffic, rows] : missing) {
    for (const auto& [from, targets] : rows) {
      answer.missing.push_back(absl::StrCat(from, " -> ", absl::StrJoin(targets, ", "), wanted->traffic ? absl::StrCat(": ", traffic.ToString()) : ""));
    }
  }
  if (policy.allows_everything) answer.rules.push_back(std::string(kNoRules));
  const Traffic asked = wanted->traffic ? *wanted->traffic : wanted->within;
  for (const Rule& rule : policy.rules) {
    const RuleReach reach(rule, policy, world);
    const bool counts = std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return reach.Overlaps(pair.first, pair.second, asked); });
    if (counts) answer.rules.push_back(RuleText(rule));
  }
  return answer;
}

Difference Compare(const Policy& before, const Policy& after) {
  const World world({&before, &after});
  const Matrix old_reach(before, world), new_reach(after, world);
  Difference difference{Lines(world, old_reach, new_reach), Lines(world, new_reach, old_reach)};
  for (std::string& line : SshLines(before, after)) difference.gains.push_back(std::move(line));
  for (std::string& line : SshLines(after, before)) difference.losses.push_back(std::move(line));
  return difference;
}

std::vector<std::string> LostDevices(const Policy& before, const Policy& after, const Device& self, const std::vector<Device>& devices) {
  std::vector<Device> everyone = devices;
  everyone.push_back(self);
  const World world({&before, &after}, {}, everyone);
  const Matrix old_reach(before, world), new_reach(after, world);
  const std::vector<std::size_t> from = world.PartiesOf(self);
  const auto reaches = [&](const Matrix& matrix, const std::vector<std::size_t>& to) {
    return std::any_of(from.begin(), from.end(), [&](std::size_t a) {
      return std::any_of(to.begin(), to.end(), [&](std::size_t b) { return !matrix.At(a, b).empty(); });
    });
  };
  std::vector<std::string> lost;
  for (const Device& device : devices) {
    const std::vector<std::size_t> to = world.PartiesOf(device);
    if (device.name == self.name || !reaches(old_reach, to) || reaches(new_reach, to)) continue;
    const std::string who = device.tags.empty() ? absl::StrCat(device.user, "@") : absl::StrJoin(device.tags, ", ");
    if (!lost.empty()) {
      lost.push_back(absl::StrCat(device.name, " (", who, ")"));
      continue;
    }
    std::string by = "everything is allowed now";
    for (const Rule& rule : before.rules) {
      const RuleReach reach(rule, before, world);
      const bool counts = std::any_of(from.begin(), from.end(), [&](std::size_t a) {
        return std::any_of(to.begin(), to.end(), [&](std::size_t b) { return reach.Overlaps(a, b, Traffic::All()); });
      });
      if (!counts) continue;
      by = absl::StrCat("now by ", RuleText(rule));
      break;
    }
    lost.push_back(absl::StrCat(device.name, " (", who, "), ", by));
  }
  return lost;
}

}  // namespace charon::headscale::policy
