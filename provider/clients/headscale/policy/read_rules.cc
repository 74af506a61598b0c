#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/clients/headscale/policy/reader.h"

namespace charon::headscale::policy {
namespace {

using Kind = HuJson::Kind;

}  // namespace

Names Reader::Autogroups(bool source, bool ssh) const {
  if (minor_ < kTypedPolicy) return {"autogroup:internet"};
  if (minor_ < kStrictPolicy) return source || ssh ? Names{} : Names{"autogroup:internet"};
  if (source && minor_ >= kGrantsPolicy && !ssh)
    return {"autogroup:member", "autogroup:tagged", "autogroup:danger-all"};
  if (source) return {"autogroup:member", "autogroup:tagged"};
  if (ssh) return {"autogroup:member", "autogroup:tagged", "autogroup:self"};
  return {"autogroup:internet", "autogroup:member", "autogroup:tagged", "autogroup:self"};
}

std::optional<Alias> Reader::RuleAlias(absl::string_view text, Position at,
                                       const std::string& where, bool source, bool ssh) {
  Alias alias = Resolve(text, at);
  if (alias.prefix && alias.kind == Alias::Kind::kPrefix)
    NoteHostBits(*alias.prefix, text, at, where);
  if (alias.kind == Alias::Kind::kUser) NoteUser(text, at, where);
  if (alias.kind == Alias::Kind::kAutogroup) {
    const Names known = Autogroups(source, ssh);
    const bool taken = minor_ < kTypedPolicy ? absl::StartsWith(text, "autogroup:internet")
                                             : Among(alias.text, known);
    if (!taken) {
      Refuse(at, where,
             absl::StrCat(QuoteJson(text), " cannot be a ", source ? "source" : "destination",
                          ssh ? " of ssh" : "", " on Headscale 0.", minor_),
             known.empty() ? absl::StrCat("Autogroups come with Headscale 0.27.")
                           : absl::StrCat("There are ", Listed(known), "."));
      return std::nullopt;
    }
    return alias;
  }
  if (alias.kind == Alias::Kind::kNothing) {
    RefuseSince(kTypedPolicy, at, where,
                absl::StrCat(QuoteJson(text), " is nothing that a rule can name"),
                UserRemedy(text));
    return minor_ < kTypedPolicy ? std::optional<Alias>(alias) : std::nullopt;
  }
  if (!CheckDefined(alias, where)) return std::nullopt;
  return alias;
}

void Reader::ReadSources(const HuJson* list, const std::string& where, std::vector<Alias>& out) {
  ForEachText(list, where, [&](const HuJson& value, const std::string& inner) {
    // From 0.29 on spaces around a source do not count.
    const absl::string_view text = minor_ >= kGrantsPolicy ? absl::StripAsciiWhitespace(value.text)
                                                           : absl::string_view(value.text);
    std::optional<Alias> alias = RuleAlias(text, value.at, inner, /*source=*/true, /*ssh=*/false);
    if (alias) out.push_back(*std::move(alias));
  });
}

void Reader::ReadAcl(const HuJson& acl, const std::string& where) {
  CheckFields(acl, where, {"action", "proto", "src", "dst"});
  Rule rule;
  rule.where = where;
  rule.at = acl.at;
  const HuJson* action = Field(acl, "action");
  if (action == nullptr) {
    // 0.29 and later no longer look at it (aclToGrants).
    if (minor_ < kGrantsPolicy)
      Refuse(acl.at, where, "the rule has no action", "Add \"action\": \"accept\".");
  } else if (Is(action, Kind::kString, where + ".action") && action->text != "accept") {
    Refuse(action->at, where + ".action",
           absl::StrCat("the action ", QuoteJson(action->text), " is not known"),
           "\"accept\" is the only one: what no rule accepts is denied.");
  }
  ReadSources(Field(acl, "src"), where + ".src", rule.src);
  const HuJson* proto = Field(acl, "proto");
  bool ports_allowed = true, known_protocol = true;
  // From 0.27 on a number needs no quotes (Protocol.UnmarshalJSON).
  const bool bare = proto != nullptr && proto->is(Kind::kNumber) && minor_ >= kStrictPolicy;
  if (proto != nullptr && (bare || Is(proto, Kind::kString, where + ".proto"))) {
    known_protocol = ReadProtocol(*proto, where + ".proto", rule, ports_allowed);
  } else {
    rule.protocols = Default();
  }
  ForEachText(
      Field(acl, "dst"), where + ".dst", [&](const HuJson& value, const std::string& inner) {
        std::optional<Rule::Destination> destination = ReadDestination(value, inner);
        if (!destination) return;
        const bool specific = std::any_of(destination->ports.begin(), destination->ports.end(),
                                          [](const PortRange& range) { return !range.is_all(); });
        if (!ports_allowed && specific) {
          // 0.26 lets it pass and sends rules that clients cannot use.
          const bool refused = minor_ != kTypedPolicy;
          policy_.findings.push_back(
              {refused, value.at, inner,
               absl::StrCat("the protocol ", QuoteJson(proto->text), " has no ports, but ",
                            QuoteJson(value.text), " names some"),
               "Write * for the ports, or a rule of its own for tcp or udp."});
          if (refused) return;
        }
        rule.dst.push_back(*std::move(destination));
      });
  CheckSelf(rule, where, /*everything_allowed=*/true);
  if (known_protocol) policy_.rules.push_back(std::move(rule));
}

std::vector<int> Reader::Default() const {
  // Without a protocol the client assumes these (tailcfg.FilterRule.IPProto); 0.27 and 0.28 send
  // only the first two.
  if (minor_ == kStrictPolicy || minor_ == kTagTreePolicy) return {kTcp, kUdp};
  return {kTcp, kUdp, kIcmp, kIcmpV6};
}

bool Reader::ReadProtocol(const HuJson& value, const std::string& where, Rule& rule,
                          bool& ports_allowed) {
  const std::optional<std::vector<int>> numbers = ParseProtocol(value.text, minor_);
  if (!numbers) {
    const bool later = ParseProtocol(value.text, kNewestPolicy).has_value();
    const std::string message =
        absl::StrCat("the protocol ", QuoteJson(value.text), " is not known",
                     later ? absl::StrCat(" to Headscale 0.", minor_) : "");
    const std::string remedy =
        later ? "Headscale 0.29 and later know it; before that write its number, or in lower case."
              : "Leave it out for tcp, udp and icmp, or write tcp, udp, icmp, sctp, another known "
                "name, "
                "or a number from 1 to 255.";
    // 0.26 looks at it only where the sources are somebody; only then it is certainly refused.
    const bool certain =
        minor_ != kTypedPolicy ||
        std::any_of(rule.src.begin(), rule.src.end(), [](const Alias& alias) {
          return alias.kind == Alias::Kind::kEverything || alias.prefix.has_value();
        });
    policy_.findings.push_back({certain, value.at, where, message, remedy});
    return false;
  }
  rule.protocols = numbers->empty() ? Default() : *numbers;
  const std::string lower = absl::AsciiStrToLower(value.text);
  if (minor_ == kStrictPolicy || minor_ == kTagTreePolicy) {
    ports_allowed = Among(lower, {"", "tcp", "udp", "sctp"});  // not their numbers
  } else {
    ports_allowed =
        numbers->empty() || Among(ProtocolName(numbers->front()), {"tcp", "udp", "sctp"});
  }
  return true;
}

std::optional<Rule::Destination> Reader::ReadDestination(const HuJson& value,
                                                         const std::string& where) {
  const auto parts = SplitPorts(value.text, minor_);
  if (!parts) {
    RefuseSince(minor_ == kTypedPolicy && !absl::StrContains(value.text, ":") ? kStrictPolicy : 0,
                value.at, where, absl::StrCat(QuoteJson(value.text), " has no ports"),
                absl::StrCat("Append them: \"", value.text, ":443\", or \"", value.text,
                             ":*\" for all; an IPv6 address may need /128 before them."));
    // 0.26 looks at the name all the same.
    if (minor_ == kTypedPolicy && !absl::StrContains(value.text, ":"))
      RuleAlias(value.text, value.at, where, /*source=*/false, /*ssh=*/false);
    return std::nullopt;
  }
  Rule::Destination destination;
  const std::optional<std::vector<PortRange>> ports = ParsePorts(parts->second, minor_);
  if (!ports) {
    Refuse(value.at, where,
           absl::StrCat(QuoteJson(parts->second), " in ", QuoteJson(value.text),
                        " is no list of ports"),
           "Write ports from 1 to 65535 and ranges, \"22,8000-8080\", or * for all.");
    return std::nullopt;
  }
  destination.ports = *ports;
  std::optional<Alias> alias =
      RuleAlias(parts->first, value.at, where, /*source=*/false, /*ssh=*/false);
  if (!alias) return std::nullopt;
  destination.alias = *std::move(alias);
  return destination;
}

void Reader::CheckSelf(const Rule& rule, const std::string& where, bool everything_allowed) {
  if (minor_ < kGrantsPolicy) return;
  const auto self = std::find_if(rule.dst.begin(), rule.dst.end(), [](const auto& dst) {
    return dst.alias.text == "autogroup:self";
  });
  if (self == rule.dst.end()) return;
  for (const Alias& src : rule.src) {
    const bool fits = src.kind == Alias::Kind::kUser || src.kind == Alias::Kind::kGroup ||
                      src.text == "autogroup:member" ||
                      (everything_allowed && src.kind == Alias::Kind::kEverything);
    if (fits) continue;
    Refuse(src.at, where + ".src",
           absl::StrCat(QuoteJson(src.text),
                        " has no devices of its own, which autogroup:self stands for"),
           "Name users, groups or autogroup:member, or write a rule of its own for it.");
    return;
  }
}

void Reader::ReadGrant(const HuJson& grant, const std::string& where) {
  CheckFields(grant, where, {"src", "dst", "ip", "app", "via"});
  Rule base;
  base.where = where;
  base.at = grant.at;
  ReadSources(Field(grant, "src"), where + ".src", base.src);
  const HuJson* app = Field(grant, "app");
  const bool has_app = Is(app, Kind::kObject, where + ".app") && !app->members.empty();
  ForEachText(
      Field(grant, "dst"), where + ".dst", [&](const HuJson& value, const std::string& inner) {
        std::optional<Alias> alias = RuleAlias(absl::StripAsciiWhitespace(value.text), value.at,
                                               inner, /*source=*/false, /*ssh=*/false);
        if (!alias) return;
        if (alias->kind == Alias::Kind::kPrefix && alias->prefix->length == 0) {
          Refuse(value.at, inner, absl::StrCat("a grant cannot name ", QuoteJson(value.text)),
                 "Write \"*\", or \"autogroup:internet\".");
          return;
        }
        if (has_app && alias->text == "autogroup:internet") {
          Refuse(value.at, inner, "a grant with \"app\" cannot go to autogroup:internet",
                 "Write a grant of its own with \"ip\".");
        }
        base.dst.push_back({*std::move(alias), {}});
      });
  ForEachText(
      Field(grant, "via"), where + ".via", [&](const HuJson& value, const std::string& inner) {
        if (!absl::StartsWith(value.text, "tag:")) {
          Refuse(
              value.at, inner,
              absl::StrCat("traffic goes by way of tags only, ", QuoteJson(value.text), " is none"),
              "Name the tag of the routers.");
        } else if (CheckTagName(value.text, value.at, inner) &&
                   CheckDefined(Resolve(value.text, value.at), inner)) {
          base.via.push_back(value.text);
        }
      });
  if (has_app) {
    for (const HuJson::Member& member : app->members)
      CheckCapability(member, absl::StrCat(where, ".app"));
  }
  CheckSelf(base, where, /*everything_allowed=*/false);
  const HuJson* ip = Field(grant, "ip");
  if ((ip == nullptr || (ip->is(Kind::kArray) && ip->items.empty())) && !has_app) {
    Refuse(grant.at, where, "the grant grants nothing: it has neither \"ip\" nor \"app\"",
           "Add \"ip\": [\"tcp:443\"], or \"ip\": [\"*\"] for everything.");
  }
  ForEachText(ip, where + ".ip", [&](const HuJson& value, const std::string& inner) {
    Rule rule = base;
    const std::vector<absl::string_view> parts = absl::StrSplit(value.text, ':');
    rule.protocols = Default();
    if (parts.size() == 2) {
      const std::optional<std::vector<int>> numbers = ParseProtocol(parts[0], minor_);
      // Here neither case nor leading zeros are forgiven (ProtocolPort.UnmarshalJSON).
      if (!numbers || parts[0] != absl::AsciiStrToLower(parts[0]) ||
          absl::StartsWith(parts[0], "0")) {
        Refuse(value.at, inner,
               absl::StrCat("the protocol of ", QuoteJson(value.text), " is not known"),
               "Write tcp, udp, icmp, sctp, another known name in lower case, or a number from 1 "
               "to 255.");
        return;
      }
      if (!numbers->empty()) rule.protocols = *numbers;
    }
    const std::optional<std::vector<PortRange>> ports = ParsePorts(parts.back(), minor_);
    if (!ports || parts.size() > 2) {
      Refuse(value.at, inner,
             absl::StrCat(QuoteJson(value.text),
                          " is no port, no list of ports and no protocol with ports"),
             "Write \"443\", \"tcp:22,8000-8080\", \"udp:*\" or \"*\".");
      return;
    }
    for (Rule::Destination& destination : rule.dst) destination.ports = *ports;
    policy_.rules.push_back(std::move(rule));
  });
}

void Reader::CheckCapability(const HuJson::Member& member, const std::string& where) {
  if (absl::StrContains(member.name, "://")) {
    Refuse(member.at, where, absl::StrCat(QuoteJson(member.name), " is no name of a capability"),
           "Write it without a scheme: \"example.com/cap/name\".");
  } else if (absl::StartsWith(member.name, "tailscale.com/") &&
             !Among(member.name, {"tailscale.com/cap/drive", "tailscale.com/cap/relay",
                                  "tailscale.com/cap/webui", "tailscale.com/cap/kubernetes",
                                  "tailscale.com/cap/tsidp", "tailscale.com/cap/secrets"})) {
    Refuse(member.at, where, absl::StrCat(QuoteJson(member.name), " cannot be granted"),
           "Of tailscale.com there are cap/drive, cap/relay, cap/webui, cap/kubernetes and "
           "cap/tsidp.");
  } else if (member.name == "tailscale.com/cap/secrets" && minor_ < kNewestPolicy) {
    Refuse(member.at, where, "Headscale 0.29 does not grant \"tailscale.com/cap/secrets\"",
           "Headscale 0.30 does.");
  }
}

}  // namespace charon::headscale::policy
