#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "provider/clients/headscale/policy/reader.h"

namespace charon::headscale::policy {
namespace {

using Kind = HuJson::Kind;

// prometheus/common/model.ParseDuration, for checkPeriod up to 0.28: "1d12h", units in this order,
// "0" alone.
bool IsPrometheusDuration(absl::string_view text) {
  if (text == "0") return true;
  if (text.empty()) return false;
  for (const absl::string_view unit : {"y", "w", "d", "h", "m", "s", "ms"}) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    absl::string_view rest = text.substr(digits);
    if (digits == 0 || !absl::ConsumePrefix(&rest, unit)) continue;
    if (unit == "m" && absl::StartsWith(rest, "s")) continue;
    text = rest;
  }
  return text.empty();
}

}  // namespace

void Reader::ReadSsh(const HuJson& ssh, const std::string& where) {
  Names fields = {"action", "src", "dst", "users", "checkPeriod"};
  if (minor_ >= kGrantsPolicy) fields.push_back("acceptEnv");
  CheckFields(ssh, where, fields);
  SshRule rule;
  rule.where = where;
  rule.at = ssh.at;
  const HuJson* action = Field(ssh, "action");
  if (action != nullptr && Is(action, Kind::kString, where + ".action")) {
    rule.action = minor_ >= kGrantsPolicy ? std::string(absl::StripAsciiWhitespace(action->text))
                                          : action->text;
  }
  const bool known = rule.action == "accept" || rule.action == "check";
  if (!known) {
    // Up to 0.25 only nodes that the rule is about make it an error; 0.27 and 0.28 let a missing
    // one pass.
    const bool refused = minor_ == kTypedPolicy || minor_ >= kGrantsPolicy ||
                         (minor_ >= kStrictPolicy && action != nullptr);
    policy_.findings.push_back(
        {refused, action == nullptr ? ssh.at : action->at, where + ".action",
         action == nullptr ? "the rule has no action"
                           : absl::StrCat("the action ", QuoteJson(rule.action), " is not known"),
         "Write \"accept\", or \"check\" to ask for a fresh login."});
  }
  ForEachText(Field(ssh, "src"), where + ".src",
              [&](const HuJson& value, const std::string& inner) {
                const absl::string_view text = minor_ >= kGrantsPolicy
                                                   ? absl::StripAsciiWhitespace(value.text)
                                                   : absl::string_view(value.text);
                std::optional<Alias> alias = SshAlias(text, value.at, inner, /*source=*/true);
                if (alias) rule.src.push_back(*std::move(alias));
              });
  ForEachText(Field(ssh, "dst"), where + ".dst",
              [&](const HuJson& value, const std::string& inner) {
                const absl::string_view text = minor_ >= kGrantsPolicy
                                                   ? absl::StripAsciiWhitespace(value.text)
                                                   : absl::string_view(value.text);
                std::optional<Alias> alias = SshAlias(text, value.at, inner, /*source=*/false);
                if (alias) rule.dst.push_back(*std::move(alias));
              });
  ForEachText(
      Field(ssh, "users"), where + ".users", [&](const HuJson& value, const std::string& inner) {
        const std::string user(minor_ >= kGrantsPolicy ? absl::StripAsciiWhitespace(value.text)
                                                       : absl::string_view(value.text));
        if (minor_ >= kGrantsPolicy && (user.empty() || user == "*")) {
          Refuse(value.at, inner, absl::StrCat(QuoteJson(user), " is no name of a login"),
                 "Name logins, or write \"autogroup:nonroot\" for all but root.");
        } else if (minor_ >= kTypedPolicy && minor_ < kGrantsPolicy &&
                   absl::StartsWith(user, "autogroup:") && user != "autogroup:nonroot") {
          Refuse(value.at, inner, absl::StrCat(QuoteJson(user), " is no name of a login"),
                 "Name logins, or write \"autogroup:nonroot\" for all but root.");
        } else {
          rule.users.push_back(user);
        }
      });
  const HuJson* users = Field(ssh, "users");
  if (minor_ >= kGrantsPolicy &&
      (users == nullptr || (users->is(Kind::kArray) && users->items.empty()))) {
    Refuse(ssh.at, where, "the rule names no users",
           "Add \"users\": [\"autogroup:nonroot\"], with \"root\" if root may log in.");
  }
  CheckPeriod(Field(ssh, "checkPeriod"), where + ".checkPeriod", rule.action);
  if (minor_ >= kTagTreePolicy) CheckSshPair(rule, where);
  if (known) policy_.ssh.push_back(std::move(rule));
}

std::optional<Alias> Reader::SshAlias(absl::string_view text, Position at, const std::string& where,
                                      bool source) {
  using K = Alias::Kind;
  Alias alias = Resolve(text, at);
  if (minor_ < kTypedPolicy) {
    // Refused as soon as a node exists that the rule is about.
    const bool group = alias.kind == K::kGroup && policy_.groups.count(alias.text) == 0;
    const bool tag = alias.kind == K::kTag && policy_.tag_owners.count(alias.text) == 0;
    const bool autogroup =
        alias.kind == K::kAutogroup && !absl::StartsWith(text, "autogroup:internet");
    if (group || tag || autogroup) {
      Note(at, where,
           absl::StrCat(QuoteJson(text), " is not known to Headscale 0.", minor_,
                        ", which refuses the policy if there is a node that the rule is about"),
           autogroup ? "Autogroups come with Headscale 0.27." : "Define it in the policy.");
    }
    return alias;
  }
  const bool host_fits =
      !source && minor_ >= kStrictPolicy && minor_ < kGrantsPolicy && alias.kind == K::kHost;
  const bool everything_fits = !source && minor_ < kTagTreePolicy && alias.kind == K::kEverything;
  const bool group_fits = source && alias.kind == K::kGroup;
  if (host_fits || everything_fits) return alias;
  if (alias.kind != K::kUser && alias.kind != K::kTag && alias.kind != K::kAutogroup &&
      !group_fits) {
    Refuse(at, where,
           absl::StrCat(QuoteJson(text), " cannot be a ", source ? "source" : "destination",
                        " of ssh on Headscale 0.", minor_),
           alias.kind == K::kHost && policy_.hosts.count(alias.text) == 0 ? UserRemedy(text)
           : source ? "Name users, groups, tags, autogroup:member or autogroup:tagged."
                    : "Name users, tags, autogroup:member, autogroup:tagged or autogroup:self.");
    return std::nullopt;
  }
  return RuleAlias(text, at, where, source, /*ssh=*/true);
}

void Reader::CheckPeriod(const HuJson* period, const std::string& where, absl::string_view action) {
  if (!Is(period, Kind::kString, where) || minor_ < kTypedPolicy) return;
  const std::string& text = period->text;
  if (minor_ < kGrantsPolicy) {
    if (!IsPrometheusDuration(text))
      Refuse(period->at, where, absl::StrCat(QuoteJson(text), " is no time"),
             "Write \"12h\", or \"1d12h\".");
    return;
  }
  absl::Duration duration;
  if (text != "always" && !absl::ParseDuration(text, &duration)) {
    Refuse(period->at, where, absl::StrCat(QuoteJson(text), " is no time"),
           "Write \"12h\", \"1h30m\" or \"always\".");
  } else if (action != "check" && !action.empty()) {
    Refuse(period->at, where, "\"checkPeriod\" goes with the action \"check\" only",
           "Remove it, or write \"action\": \"check\".");
  } else if (text != "always" && (duration < absl::ZeroDuration() || duration > absl::Hours(168))) {
    Refuse(period->at, where, absl::StrCat(QuoteJson(text), " is not between 0 and 168h"),
           "A week is the most.");
  }
}

void Reader::CheckSshPair(const SshRule& rule, const std::string& where) {
  bool tags = false, groups = false;
  std::set<std::string> users;
  for (const Alias& src : rule.src) {
    tags |= src.kind == Alias::Kind::kTag || src.text == "autogroup:tagged";
    groups |= src.kind == Alias::Kind::kGroup || src.text == "autogroup:member";
    if (src.kind == Alias::Kind::kUser) users.insert(src.text);
  }
  for (const Alias& dst : rule.dst) {
    const std::string inner = where + ".dst";
    if (dst.kind == Alias::Kind::kUser &&
        (tags || groups || users.size() != 1 || users.count(dst.text) == 0)) {
      Refuse(dst.at, inner,
             absl::StrCat("only ", QuoteJson(dst.text),
                          " itself may log in to its devices, the rule has other sources"),
             "Write autogroup:self, or tag the devices.");
      return;
    }
    if (tags && (dst.text == "autogroup:self" || dst.text == "autogroup:member")) {
      Refuse(dst.at, inner, absl::StrCat("tagged devices cannot log in to ", dst.text),
             "Name tags or autogroup:tagged, or take the tags out of \"src\".");
      return;
    }
  }
}

void Reader::ReadTests() {
  if (minor_ < kGrantsPolicy) return;
  ForEach(Field(document_, "tests"), "tests", [this](const HuJson& test, const std::string& where) {
    CheckFields(test, where, {"src", "proto", "accept", "deny"});
    const HuJson* src = Field(test, "src");
    const HuJson* accept = Field(test, "accept");
    const HuJson* deny = Field(test, "deny");
    if (src != nullptr) Is(src, Kind::kString, where + ".src");
    const auto count = [](const HuJson* list) { return list == nullptr ? 0 : list->items.size(); };
    if (count(accept) + count(deny) == 0)
      Refuse(test.at, where, "the test has neither \"accept\" nor \"deny\"",
             "Add \"accept\": [\"tag:web:443\"].");
    const HuJson* proto = Field(test, "proto");
    if (proto != nullptr && Is(proto, Kind::kString, where + ".proto")) {
      const std::optional<std::vector<int>> numbers = ParseProtocol(proto->text, minor_);
      if (!numbers ||
          !(numbers->empty() || Among(ProtocolName(numbers->front()), {"tcp", "udp", "sctp"}))) {
        Refuse(proto->at, where + ".proto",
               absl::StrCat("a test cannot be about the protocol ", QuoteJson(proto->text)),
               "Write tcp, udp or sctp, or leave it out.");
      }
    }
    for (const auto& [name, list] :
         {std::pair<std::string, const HuJson*>{".accept", accept}, {".deny", deny}}) {
      ForEachText(list, where + name, [this](const HuJson& value, const std::string& inner) {
        CheckTestDestination(value, inner);
      });
    }
  });
}

void Reader::CheckTestDestination(const HuJson& value, const std::string& where) {
  const auto parts = SplitPorts(value.text, minor_);
  const std::optional<std::vector<PortRange>> ports =
      parts ? ParsePorts(parts->second, minor_) : std::nullopt;
  if (!ports || ports->size() != 1 || ports->front().first != ports->front().last) {
    Refuse(value.at, where, absl::StrCat(QuoteJson(value.text), " does not end with one port"),
           "A test is about one connection: \"tag:web:443\".");
    return;
  }
  const Alias alias = Resolve(parts->first, value.at);
  const auto host = policy_.hosts.find(alias.text);
  if (alias.text == "autogroup:internet") {
    Refuse(value.at, where, "a test cannot be about autogroup:internet",
           "Name a host, a tag or a user.");
  } else if ((alias.kind == Alias::Kind::kPrefix && absl::StrContains(value.text, "/")) ||
             (alias.kind == Alias::Kind::kHost && host != policy_.hosts.end() &&
              !host->second.is_single())) {
    Refuse(value.at, where, absl::StrCat(QuoteJson(value.text), " is a network"),
           "A test is about one host: name an address without a length.");
  } else if (alias.kind == Alias::Kind::kNothing) {
    Refuse(value.at, where,
           absl::StrCat(QuoteJson(parts->first), " is nothing that a test can name"),
           UserRemedy(parts->first));
  }
}

void Reader::ReadNodeAttrs() {
  if (minor_ < kGrantsPolicy) return;
  ForEach(
      Field(document_, "nodeAttrs"), "nodeAttrs",
      [this](const HuJson& entry, const std::string& where) {
        CheckFields(entry, where, {"target", "attr", "ipPool"});
        ForEachText(
            Field(entry, "target"), where + ".target",
            [&](const HuJson& value, const std::string& inner) {
              const std::string text(absl::StripAsciiWhitespace(value.text));
              const Alias alias = Resolve(text, value.at);
              if (alias.kind == Alias::Kind::kAutogroup &&
                  !Among(text, {"autogroup:member", "autogroup:tagged"})) {
                Refuse(value.at, inner, absl::StrCat(QuoteJson(text), " cannot have attributes"),
                       "Of the autogroups autogroup:member and autogroup:tagged can.");
              } else if (alias.kind == Alias::Kind::kNothing) {
                Refuse(value.at, inner,
                       absl::StrCat(QuoteJson(text), " is nothing that can have attributes"),
                       UserRemedy(text));
              } else if (alias.kind != Alias::Kind::kAutogroup) {
                CheckDefined(alias, inner);
              }
            });
        ForEachText(Field(entry, "attr"), where + ".attr",
                    [&](const HuJson& value, const std::string& inner) {
                      if (value.text == "funnel")
                        Refuse(value.at, inner, "Headscale does not have \"funnel\"", "Remove it.");
                    });
        const HuJson* pool = Field(entry, "ipPool");
        if (pool != nullptr && !(pool->is(Kind::kArray) && pool->items.empty())) {
          Refuse(pool->at, where + ".ipPool", "Headscale does not have \"ipPool\"", "Remove it.");
        }
      });
}

}  // namespace charon::headscale::policy
