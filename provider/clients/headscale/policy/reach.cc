#include "provider/clients/headscale/policy/reach.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/policy/parties.h"

namespace charon::headscale::policy {
namespace {

constexpr absl::string_view kNoRules = "the policy has no rules, so everything is allowed";

// A question's destination in its parts.
struct Wanted {
  Alias alias;
  std::optional<Traffic> traffic;   // all of it; nullopt: anything
  Traffic within = Traffic::All();  // of what "anything" counts
};

absl::Status CheckKnown(const Alias& alias, const Policy& policy) {
  using K = Alias::Kind;
  const auto missing = [](absl::string_view what, const Alias& about, absl::string_view remedy) {
    return WithRemedy(absl::InvalidArgumentError(
                          absl::StrCat("the policy has no ", what, " ", QuoteJson(about.text))),
                      remedy);
  };
  const std::set<absl::string_view> autogroups = {"autogroup:member", "autogroup:tagged",
                                                  "autogroup:internet", "autogroup:self",
                                                  "autogroup:danger-all"};
  if (alias.kind == K::kNothing || alias.text.empty() ||
      (alias.kind == K::kAutogroup && autogroups.count(alias.text) == 0)) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                          QuoteJson(alias.text), " is nothing that a policy can name")),
                      "There are users (\"ann@\"), \"group:...\", \"tag:...\", \"autogroup:...\", "
                      "hosts, addresses, networks and \"*\".");
  }
  if (alias.kind == K::kGroup && policy.groups.count(alias.text) == 0)
    return missing("group", alias, "Ask for a group of \"groups\".");
  if (alias.kind == K::kTag && policy.tag_owners.count(alias.text) == 0)
    return missing("tag", alias, "Ask for a tag of \"tagOwners\".");
  if (alias.kind == K::kHost && policy.hosts.count(alias.text) == 0) {
    return missing("host", alias,
                   absl::StrCat("A user is asked for with an @: \"", alias.text,
                                "@\"; tags and groups with \"tag:\" and \"group:\"."));
  }
  return absl::OkStatus();
}

absl::StatusOr<Wanted> ParseWanted(absl::string_view text, const Policy& policy) {
  Wanted wanted;
  std::vector<int> protocols = {6};
  bool named = false;
  // A name after the last slash is a protocol; a number is the length of a network.
  const std::size_t slash = text.rfind('/');
  if (slash != absl::string_view::npos && slash + 1 < text.size() &&
      absl::ascii_isalpha(static_cast<unsigned char>(text[slash + 1]))) {
    const std::optional<std::vector<int>> numbers =
        ParseProtocol(text.substr(slash + 1), kNewestPolicy);
    if (!numbers || numbers->empty()) {
      return WithRemedy(absl::InvalidArgumentError(
                            absl::StrCat(QuoteJson(text.substr(slash + 1)), " is no protocol")),
                        "Write tcp, udp, icmp, sctp, or another name of a protocol.");
    }
    protocols = *numbers;
    named = true;
    text = text.substr(0, slash);
  }
  const auto parts = SplitPorts(text, kNewestPolicy);
  const std::optional<std::vector<PortRange>> ports =
      parts ? ParsePorts(parts->second, kNewestPolicy) : std::nullopt;
  if (ports) {
    wanted.alias = ParseAlias(parts->first, kNewestPolicy, policy);
    const bool sound =
        wanted.alias.kind != Alias::Kind::kNothing &&
        !(wanted.alias.kind == Alias::Kind::kHost && policy.hosts.count(wanted.alias.text) == 0);
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

// Somebody or something asked about: it is each of the parties, so what one of them reaches it
// reaches.
struct Element {
  std::vector<std::size_t> parties;
  std::string name;
};

std::vector<Element> Elements(const World& world, const Alias& alias, const Policy& policy,
                              bool source, const std::vector<Device>& devices) {
  const std::vector<std::size_t> members = world.Members(alias, policy, source);
  std::vector<Element> elements;
  const Namer namer(world);
  std::set<std::size_t> known;
  for (const Device& device : devices) {
    const std::vector<std::size_t> parties = world.PartiesOf(device);
    const bool member = std::any_of(parties.begin(), parties.end(), [&](std::size_t party) {
      return std::find(members.begin(), members.end(), party) != members.end();
    });
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

absl::StatusOr<Answer> Ask(const Policy& policy, absl::string_view src, absl::string_view dst,
                           const std::vector<Device>& devices) {
  const Alias source = ParseAlias(src, kNewestPolicy, policy);
  CHARON_RETURN_IF_ERROR(At("src", CheckKnown(source, policy)));
  if (source.text == "autogroup:self" || source.text == "autogroup:internet") {
    return At(
        "src",
        WithRemedy(absl::InvalidArgumentError(absl::StrCat("nothing comes from ", source.text)),
                   "It is a destination."));
  }
  const absl::StatusOr<Wanted> wanted = ParseWanted(dst, policy);
  if (!wanted.ok()) return At("dst", wanted.status());
  CHARON_RETURN_IF_ERROR(At("dst", CheckKnown(wanted->alias, policy)));

  const World world({&policy}, {source, wanted->alias}, devices);
  const std::vector<Element> sources = Elements(world, source, policy, /*source=*/true, devices);
  const bool self = wanted->alias.text == "autogroup:self";
  const std::vector<Element> all =
      self ? std::vector<Element>()
           : Elements(world, wanted->alias, policy, /*source=*/false, devices);
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
      if (from.name == to.name &&
          std::any_of(devices.begin(), devices.end(),
                      [&](const Device& device) { return device.name == from.name; }))
        continue;
      // Another user's devices are no business of one that is nobody's in particular.
      if (!self && to.parties == std::vector<std::size_t>{world.own()} &&
          world.parties()[from.parties.front()].kind != Party::Kind::kOtherUser)
        continue;
      Traffic traffic;
      for (const std::size_t a : from.parties) {
        for (const std::size_t b : to.parties) {
          traffic = traffic.Or(matrix.At(a, b));
          pairs.emplace(a, b);
        }
      }
      const bool enough = wanted->traffic ? traffic.Contains(*wanted->traffic)
                                          : !traffic.And(wanted->within).empty();
      if (!enough)
        missing[wanted->traffic ? wanted->traffic->Minus(traffic) : wanted->within][from.name]
            .insert(to.name);
      reaches &= enough;
      answer.traffic = first ? traffic : answer.traffic.And(traffic);
      first = false;
    }
  }
  answer.reaches = reaches && !first;
  if (wanted->traffic)
    answer.traffic = answer.traffic.And(*wanted->traffic);
  else
    answer.traffic = answer.traffic.And(wanted->within);
  for (const auto& [traffic, rows] : missing) {
    for (const auto& [from, targets] : rows) {
      answer.missing.push_back(
          absl::StrCat(from, " -> ", absl::StrJoin(targets, ", "),
                       wanted->traffic ? absl::StrCat(": ", traffic.ToString()) : ""));
    }
  }
  if (policy.allows_everything) answer.rules.push_back(std::string(kNoRules));
  const Traffic asked = wanted->traffic ? *wanted->traffic : wanted->within;
  for (const Rule& rule : policy.rules) {
    const RuleReach reach(rule, policy, world);
    const bool counts = std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) {
      return reach.Overlaps(pair.first, pair.second, asked);
    });
    if (counts) answer.rules.push_back(RuleText(rule));
  }
  return answer;
}

std::vector<std::string> LostDevices(const Policy& before, const Policy& after, const Device& self,
                                     const std::vector<Device>& devices) {
  std::vector<Device> everyone = devices;
  everyone.push_back(self);
  const World world({&before, &after}, {}, everyone);
  const Matrix old_reach(before, world), new_reach(after, world);
  const std::vector<std::size_t> from = world.PartiesOf(self);
  const auto reaches = [&](const Matrix& matrix, const std::vector<std::size_t>& to) {
    return std::any_of(from.begin(), from.end(), [&](std::size_t a) {
      return std::any_of(to.begin(), to.end(),
                         [&](std::size_t b) { return !matrix.At(a, b).empty(); });
    });
  };
  std::vector<std::string> lost;
  for (const Device& device : devices) {
    const std::vector<std::size_t> to = world.PartiesOf(device);
    if (device.name == self.name || !reaches(old_reach, to) || reaches(new_reach, to)) continue;
    const std::string who =
        device.tags.empty() ? absl::StrCat(device.user, "@") : absl::StrJoin(device.tags, ", ");
    if (!lost.empty()) {
      lost.push_back(absl::StrCat(device.name, " (", who, ")"));
      continue;
    }
    std::string by = "everything is allowed now";
    for (const Rule& rule : before.rules) {
      const RuleReach reach(rule, before, world);
      const bool counts = std::any_of(from.begin(), from.end(), [&](std::size_t a) {
        return std::any_of(to.begin(), to.end(),
                           [&](std::size_t b) { return reach.Overlaps(a, b, Traffic::All()); });
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
