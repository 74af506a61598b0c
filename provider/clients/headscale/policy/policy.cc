#include "provider/clients/headscale/policy/policy.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "provider/base/status.h"

namespace charon::headscale::policy {
namespace {

using Kind = HuJson::Kind;
using Names = std::vector<absl::string_view>;

constexpr int kTcp = 6, kUdp = 17, kSctp = 132, kIcmp = 1, kIcmpV6 = 58;

struct NamedProtocol {
  absl::string_view name;
  int number;
  int since;
};
// The names of toIANAProtocolNumbers (v0.29.2) and parseProtocol (before).
constexpr std::array<NamedProtocol, 14> kProtocols = {{{"icmp", kIcmp, 0},
                                                       {"igmp", 2, 0},
                                                       {"ipv4", 4, 0},
                                                       {"ip-in-ip", 4, 0},
                                                       {"tcp", kTcp, 0},
                                                       {"egp", 8, 0},
                                                       {"igp", 9, 0},
                                                       {"udp", kUdp, 0},
                                                       {"gre", 47, 0},
                                                       {"esp", 50, 0},
                                                       {"ah", 51, 0},
                                                       {"ipv6-icmp", kIcmpV6, kGrantsPolicy},
                                                       {"sctp", kSctp, 0},
                                                       {"fc", 133, kGrantsPolicy}}};

// As Go's strconv.Atoi: a sign may stand before the digits.
std::optional<int> Atoi(absl::string_view text) {
  absl::string_view digits = text;
  if (!absl::ConsumePrefix(&digits, "-")) absl::ConsumePrefix(&digits, "+");
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos) return std::nullopt;
  int number = 0;
  if (!absl::SimpleAtoi(digits, &number)) return std::nullopt;
  return absl::StartsWith(text, "-") ? -number : number;
}

// How the generation compares names of fields: encoding/json ignores case, go-json-experiment (MatchCaseInsensitiveNames,
// from 0.27) also "-" and "_".
std::string Folded(absl::string_view name, int minor) {
  std::string folded;
  for (const char c : absl::AsciiStrToLower(name)) {
    if (minor < kStrictPolicy || (c != '-' && c != '_')) folded.push_back(c);
  }
  return folded;
}

// "acls, groups and hosts"
std::string Listed(const Names& names) {
  std::vector<std::string> quoted;
  for (const absl::string_view name : names) quoted.push_back(QuoteJson(name));
  return absl::StrJoin(quoted, ", ");
}

bool Among(absl::string_view text, const Names& names) { return std::find(names.begin(), names.end(), text) != names.end(); }

// prometheus/common/model.ParseDuration, for checkPeriod up to 0.28: "1d12h", units in this order, "0" alone.
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

// The name that servers look for: from 0.26 on without an @ at the end (resolveUser), before as it is.
std::string NameOfUser(absl::string_view text, int minor) { return std::string(minor < kTypedPolicy ? text : absl::StripSuffix(text, "@")); }

class Reader {
 public:
  Reader(const HuJson& document, int minor) : document_(document), minor_(minor) {
    policy_.minor = minor;
    if (minor < kTypedPolicy) MergeMaps();
  }

  Policy Read() {
    if (!document_.is(Kind::kObject)) {
      if (document_.is(Kind::kNull) && minor_ >= kTypedPolicy) {
        policy_.allows_everything = minor_ >= kStrictPolicy;
        return std::move(policy_);
      }
      Refuse(document_.at, "policy", absl::StrCat("a policy is an object, not ", KindName(document_.kind)),
             "Write the policy between braces: {\"acls\": [...]}.");
      return std::move(policy_);
    }
    CheckDuplicates(document_, "");
    Names fields = {"groups", "hosts", "tagOwners", "acls", "autoApprovers", "ssh"};
    if (minor_ >= kGrantsPolicy) fields.insert(fields.end(), {"grants", "nodeAttrs", "tests", "sshTests", "randomizeClientPort"});
    CheckFields(document_, "", fields);
    const HuJson* acls = Field(document_, "acls");
    const HuJson* grants = minor_ >= kGrantsPolicy ? Field(document_, "grants") : nullptr;
    ReadHosts();
    ReadGroups();
    ReadTagOwners();
    ForEach(acls, "acls", [this](const HuJson& acl, const std::string& where) { ReadAcl(acl, where); });
    ForEach(grants, "grants", [this](const HuJson& grant, const std::string& where) { ReadGrant(grant, where); });
    ForEach(Field(document_, "ssh"), "ssh", [this](const HuJson& ssh, const std::string& where) { ReadSsh(ssh, where); });
    ReadAutoApprovers();
    ReadTests();
    ReadNodeAttrs();
    if (minor_ >= kGrantsPolicy) ForEach(Field(document_, "sshTests"), "sshTests", [](const HuJson&, const std::string&) {});
    policy_.allows_everything = minor_ >= kStrictPolicy && acls == nullptr && grants == nullptr;
    if (minor_ < kTypedPolicy) CheckNotEmpty(acls);
    if (policy_.allows_everything) {
      Note(document_.at, "policy", "a policy without \"acls\" allows everything", "To allow nothing, write \"acls\": [].");
    }
    std::stable_sort(policy_.findings.begin(), policy_.findings.end(), [](const Finding& a, const Finding& b) { return a.at < b.at; });
    return std::move(policy_);
  }

 private:
  using Visit = std::function<void(const HuJson&, const std::string& where)>;

  void Refuse(Position at, const std::string& where, std::string message, std::string remedy) {
    policy_.findings.push_back({true, at, where, std::move(message), std::move(remedy)});
  }
  void Note(Position at, const std::string& where, std::string message, std::string remedy) {
    policy_.findings.push_back({false, at, where, std::move(message), std::move(remedy)});
  }
  // Refused from 0.`since` on; before that it is taken and means less than it says.
  void RefuseSince(int since, Position at, const std::string& where, std::string message, std::string remedy) {
    policy_.findings.push_back({minor_ >= since, at, where, std::move(message), std::move(remedy)});
  }

  // Before 0.26 a second object of a name adds to the first one (encoding/json decodes into the map that is there).
  void MergeMaps() {
    std::map<std::string, const HuJson::Member*> seen;
    for (HuJson::Member& member : document_.members) {
      const HuJson::Member*& earlier = seen[Folded(member.name, minor_)];
      if (earlier != nullptr) {
        const std::vector<HuJson::Member>& first = earlier->value.members;
        member.value.members.insert(member.value.members.begin(), first.begin(), first.end());
      }
      earlier = &member;
    }
  }

  // The member that sets field `name`; null is as good as none.
  const HuJson* Field(const HuJson& object, absl::string_view name) const {
    const std::string wanted = Folded(name, minor_);
    for (auto member = object.members.rbegin(); member != object.members.rend(); ++member) {
      if (Folded(member->name, minor_) == wanted) return member->value.is(Kind::kNull) ? nullptr : &member->value;
    }
    return nullptr;
  }

  void CheckDuplicates(const HuJson& value, const std::string& where) {
    std::map<absl::string_view, Position> seen;
    for (const HuJson::Member& member : value.members) {
      const std::string inner = where.empty() ? member.name : absl::StrCat(where, ".", member.name);
      const auto [entry, added] = seen.emplace(member.name, member.at);
      if (!added) {
        RefuseSince(kStrictPolicy, member.at, inner,
                    absl::StrCat(QuoteJson(member.name), " stands a second time in its object; the first one is at ", entry->second.ToString()),
                    "Join the two, or remove one: before Headscale 0.27 the last one counts, from then on both are refused.");
      }
      CheckDuplicates(member.value, inner);
    }
    for (std::size_t i = 0; i < value.items.size(); ++i) CheckDuplicates(value.items[i], absl::StrCat(where, "[", i, "]"));
  }

  void CheckFields(const HuJson& object, const std::string& where, const Names& fields) {
    std::map<std::string, absl::string_view> seen;
    for (const HuJson::Member& member : object.members) {
      const std::string folded = Folded(member.name, minor_);
      const auto known = std::find_if(fields.begin(), fields.end(), [&](absl::string_view field) { return Folded(field, minor_) == folded; });
      const std::string inner = where.empty() ? member.name : absl::StrCat(where, ".", member.name);
      if (known != fields.end()) {
        const auto [entry, added] = seen.emplace(folded, member.name);
        if (!added && entry->second != member.name) {
          RefuseSince(kStrictPolicy, member.at, inner, absl::StrCat(QuoteJson(member.name), " is the same field as ", QuoteJson(entry->second)),
                      "Join the two: case does not tell fields apart.");
        }
        continue;
      }
      // headscale-admin keeps its notes in such fields of rules; 0.27 and later skip them.
      if (absl::StartsWith(where, "acls[") && absl::StartsWith(member.name, "#")) continue;
      if (Among(member.name, {"grants", "nodeAttrs", "tests", "sshTests", "randomizeClientPort"}) && where.empty()) {
        RefuseSince(kStrictPolicy, member.at, inner,
                    absl::StrCat(QuoteJson(member.name), " is not known to Headscale 0.", minor_, minor_ < kStrictPolicy ? ", which ignores it" : ""),
                    "Headscale 0.29 and later have it.");
        continue;
      }
      if (member.name == "acceptEnv" && absl::StartsWith(where, "ssh[")) {
        RefuseSince(kStrictPolicy, member.at, inner, absl::StrCat("\"acceptEnv\" is not known to Headscale 0.", minor_), "Headscale 0.29 and later have it.");
        continue;
      }
      RefuseSince(kStrictPolicy, member.at, inner,
                  absl::StrCat("there is no field ", QuoteJson(member.name), where.empty() ? " in a policy" : absl::StrCat(" in ", where),
                               minor_ < kStrictPolicy ? "; the server ignores it" : ""),
                  absl::StrCat("There are ", Listed(fields), "."));
    }
  }

  // True if `value` is of that kind, or absent.
  bool Is(const HuJson* value, Kind kind, const std::string& where) {
    if (value == nullptr) return false;
    if (value->is(kind)) return true;
    Refuse(value->at, where, absl::StrCat("must be ", KindName(kind), ", not ", KindName(value->kind)),
           kind == Kind::kArray ? "Put it between [ and ]." : kind == Kind::kObject ? "Put it between { and }." : "Put it in double quotes.");
    return false;
  }

  void ForEach(const HuJson* list, const std::string& where, const Visit& visit) {
    if (!Is(list, Kind::kArray, where)) return;
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      const std::string inner = absl::StrCat(where, "[", i, "]");
      // null leaves Go's struct as it is: empty.
      if (list->items[i].is(Kind::kNull) || Is(&list->items[i], Kind::kObject, inner)) visit(list->items[i], inner);
    }
  }

  // Each string of a list.
  void ForEachText(const HuJson* list, const std::string& where, const Visit& visit) {
    if (!Is(list, Kind::kArray, where)) return;
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      const std::string inner = absl::StrCat(where, "[", i, "]");
      // null leaves Go's string as it is: empty.
      if (list->items[i].is(Kind::kNull) || Is(&list->items[i], Kind::kString, inner)) visit(list->items[i], inner);
    }
  }

  void ReadHosts() {
    const HuJson* hosts = Field(document_, "hosts");
    if (!Is(hosts, Kind::kObject, "hosts")) return;
    for (const HuJson::Member& member : hosts->members) {
      const std::string where = absl::StrCat("hosts.", member.name);
      if (minor_ >= kTypedPolicy && (absl::StrContains(member.name, "@") || absl::StrContains(member.name, ":"))) {
        Refuse(member.at, where, absl::StrCat(QuoteJson(member.name), " is no name of a host: it must hold neither @ nor :"), "Use letters, digits, - and dots.");
        continue;
      }
      if (!Is(&member.value, Kind::kString, where)) continue;
      const std::string& text = member.value.text;
      // Before 0.26 "/32" is appended to what has no slash, to IPv6 too.
      const std::optional<Prefix> prefix = minor_ < kTypedPolicy && !absl::StrContains(text, "/") ? Prefix::Parse(text + "/32") : Prefix::ParseOrAddress(text);
      if (!prefix) {
        Refuse(member.value.at, where, absl::StrCat(QuoteJson(text), " is neither an address nor a network"), "Write \"10.0.0.5\" or \"10.0.0.0/24\".");
        continue;
      }
      NoteHostBits(*prefix, text, member.value.at, where);
      if (minor_ < kTypedPolicy && prefix->address.v6 && !absl::StrContains(text, "/")) {
        Note(member.value.at, where, absl::StrCat("Headscale 0.", minor_, " reads ", QuoteJson(text), " as ", prefix->Masked().ToString()), "Append /128.");
      }
      policy_.hosts[member.name] = prefix->Masked();
    }
  }

  void NoteHostBits(const Prefix& prefix, absl::string_view text, Position at, const std::string& where) {
    if (!prefix.has_host_bits()) return;
    Note(at, where, absl::StrCat(QuoteJson(text), " has host bits: the server reads it as ", prefix.Masked().ToString()),
         absl::StrCat("Write \"", prefix.Masked().ToString(), "\", or \"", prefix.address.ToString(), "\" for the one address."));
  }

  void ReadGroups() {
    const HuJson* groups = Field(document_, "groups");
    if (!Is(groups, Kind::kObject, "groups")) return;
    for (const HuJson::Member& member : groups->members) {
      const std::string where = absl::StrCat("groups.", member.name);
      if (!absl::StartsWith(member.name, "group:")) {
        RefuseSince(kTypedPolicy, member.at, where, absl::StrCat("the name of a group starts with \"group:\", ", QuoteJson(member.name), " does not"),
                    absl::StrCat("Write \"group:", member.name, "\"."));
        if (minor_ >= kTypedPolicy) continue;
      }
      std::vector<std::string>& users = policy_.groups[member.name];
      ForEachText(member.value.is(Kind::kNull) && minor_ < kStrictPolicy ? nullptr : &member.value, where, [&](const HuJson& user, const std::string& inner) {
        const bool nested = absl::StartsWith(user.text, "group:");
        const bool has_at = absl::StrContains(user.text, "@");
        if (nested && (minor_ >= kGrantsPolicy || !has_at)) {
          // Before 0.26 it is refused once a rule uses the outer group.
          RefuseSince(kTypedPolicy, user.at, inner, absl::StrCat("a group cannot hold the group ", QuoteJson(user.text)), "Write its members instead.");
          nested_groups_.insert(member.name);
        } else if (minor_ >= kTypedPolicy && !has_at) {
          Refuse(user.at, inner, absl::StrCat("the policy parser refuses the user name ", QuoteJson(user.text), ": it has no @"),
                 absl::StrCat("From Headscale 0.26 on a user's name in a policy ends with @ unless it holds one: \"", user.text, "@\"."));
        } else {
          NoteUser(user.text, user.at, inner);
          users.push_back(NameOfUser(user.text, minor_));
        }
      });
    }
  }

  // Before 0.26 names stand as they are on the server.
  void NoteUser(absl::string_view text, Position at, const std::string& where) {
    if (minor_ < kTypedPolicy && absl::EndsWith(text, "@")) {
      Note(at, where, absl::StrCat("Headscale 0.", minor_, " has no user ", QuoteJson(text), ": up to 0.25 a policy has users' names without an @ at the end"),
           absl::StrCat("Write \"", absl::StripSuffix(text, "@"), "\"."));
    }
  }

  void ReadTagOwners() {
    const HuJson* owners = Field(document_, "tagOwners");
    if (!Is(owners, Kind::kObject, "tagOwners")) return;
    for (const HuJson::Member& member : owners->members) policy_.tag_owners.emplace(member.name, std::vector<Alias>());
    for (const HuJson::Member& member : owners->members) {
      const std::string where = absl::StrCat("tagOwners.", member.name);
      if (!CheckTagName(member.name, member.at, where)) continue;
      std::vector<Alias>& aliases = policy_.tag_owners[member.name];
      ForEachText(member.value.is(Kind::kNull) ? nullptr : &member.value, where, [&](const HuJson& owner, const std::string& inner) {
        std::optional<Alias> alias = Approver(owner, inner, "own a tag", /*tags_since=*/kTagTreePolicy);
        if (alias) aliases.push_back(*std::move(alias));
      });
    }
    if (minor_ >= kTagTreePolicy) CheckTagCycles(*owners);
  }

  // Whether the generation goes on with it.
  bool CheckTagName(absl::string_view name, Position at, const std::string& where) {
    if (!absl::StartsWith(name, "tag:")) {
      RefuseSince(kStrictPolicy, at, where, absl::StrCat("the name of a tag starts with \"tag:\", ", QuoteJson(name), " does not"),
                  absl::StrCat("Write \"tag:", name, "\"."));
      return minor_ < kStrictPolicy;
    }
    if (minor_ >= kGrantsPolicy && (name.size() == 4 || !absl::ascii_isalpha(static_cast<unsigned char>(name[4])))) {
      Refuse(at, where, absl::StrCat("the name of a tag goes on with a letter after \"tag:\", ", QuoteJson(name), " does not"), "Rename the tag: \"tag:web\".");
      return false;
    }
    return true;
  }

  void CheckTagCycles(const HuJson& owners) {
    // 0 not seen, 1 on the way, 2 done
    std::map<std::string, int> state;
    const std::function<bool(const std::string&)> cyclic = [&](const std::string& tag) {
      int& mark = state[tag];
      if (mark != 0) return mark == 1;
      mark = 1;
      const auto entry = policy_.tag_owners.find(tag);
      if (entry != policy_.tag_owners.end()) {
        for (const Alias& owner : entry->second) {
          if (owner.kind == Alias::Kind::kTag && cyclic(owner.text)) return true;
        }
      }
      state[tag] = 2;
      return false;
    };
    for (const HuJson::Member& member : owners.members) {
      if (!cyclic(member.name)) continue;
      // 0.29 and later take it, and the tags of the circle own each other.
      policy_.findings.push_back({minor_ == kTagTreePolicy, member.at, absl::StrCat("tagOwners.", member.name),
                                  absl::StrCat("the owners of ", QuoteJson(member.name), " come back to a tag that they own"), "Let a user or a group own one of them."});
      return;
    }
  }

  // A user, group or tag that may own or approve something.
  std::optional<Alias> Approver(const HuJson& value, const std::string& where, absl::string_view what, int tags_since) {
    const std::string& text = value.text;
    Alias alias = Resolve(text, value.at);
    if (minor_ < kTypedPolicy) {
      NoteUser(text, value.at, where);
      if (absl::StartsWith(text, "group:") && policy_.groups.count(text) == 0) {
        Note(value.at, where, absl::StrCat("there is no group ", QuoteJson(text)), "Add it to \"groups\".");
      }
      return alias;
    }
    if (alias.kind == Alias::Kind::kTag && minor_ < tags_since) {
      Refuse(value.at, where, absl::StrCat("a tag cannot ", what, " on Headscale 0.", minor_), absl::StrCat("Tags can from Headscale 0.", tags_since, " on; name users or groups."));
      return std::nullopt;
    }
    if (alias.kind != Alias::Kind::kUser && alias.kind != Alias::Kind::kGroup && alias.kind != Alias::Kind::kTag) {
      Refuse(value.at, where, absl::StrCat(QuoteJson(text), " cannot ", what, ": it is no user, group or tag"), UserRemedy(text));
      return std::nullopt;
    }
    if (!CheckDefined(alias, where)) return std::nullopt;
    return alias;
  }

  // What someone may have meant by a name that is nothing.
  std::string UserRemedy(absl::string_view text) const {
    const std::string tag = absl::StrCat("tag:", text), group = absl::StrCat("group:", text);
    if (policy_.tag_owners.count(tag) > 0) return absl::StrCat("Did you mean \"", tag, "\"? Tags start with \"tag:\".");
    if (policy_.groups.count(group) > 0) return absl::StrCat("Did you mean \"", group, "\"? Groups start with \"group:\".");
    if (text.empty() || absl::StrContains(text, ":")) return "There are users (\"ann@\"), \"group:...\", \"tag:...\", \"autogroup:...\", hosts, addresses, networks and \"*\".";
    return absl::StrCat("A user's name ends with @ unless it holds one: \"", text, "@\". A host must stand in \"hosts\".");
  }

  Alias Resolve(absl::string_view text, Position at) const {
    Alias alias = ParseAlias(text, minor_, policy_);
    alias.at = at;
    return alias;
  }

  // False, with a finding, if the alias names what the policy does not have.
  bool CheckDefined(const Alias& alias, const std::string& where) {
    if (alias.kind == Alias::Kind::kGroup && policy_.groups.count(alias.text) == 0) {
      Refuse(alias.at, where, absl::StrCat("there is no group ", QuoteJson(alias.text)),
             absl::StrCat("Add it to \"groups\"", policy_.groups.empty() ? "." : absl::StrCat("; there are ", Keys(policy_.groups), ".")));
      return false;
    }
    if (alias.kind == Alias::Kind::kGroup && minor_ < kTypedPolicy && nested_groups_.count(alias.text) > 0) {
      Refuse(alias.at, where, absl::StrCat("the group ", QuoteJson(alias.text), " holds another group"), "Write the members of that group instead.");
      return false;
    }
    if (alias.kind == Alias::Kind::kTag && policy_.tag_owners.count(alias.text) == 0) {
      // Before 0.26 it is refused unless a node carries the tag.
      RefuseSince(kTypedPolicy, alias.at, where, absl::StrCat("there is no tag ", QuoteJson(alias.text), " in \"tagOwners\""),
                  absl::StrCat("Add \"", alias.text, "\": [] to \"tagOwners\", with the users who may give it",
                               policy_.tag_owners.empty() ? "." : absl::StrCat("; there are ", Keys(policy_.tag_owners), ".")));
      return minor_ < kTypedPolicy;
    }
    if (alias.kind == Alias::Kind::kHost && policy_.hosts.count(alias.text) == 0) {
      Refuse(alias.at, where, absl::StrCat(QuoteJson(alias.text), " is neither a host of \"hosts\" nor a user"), UserRemedy(alias.text));
      return false;
    }
    return true;
  }

  template <typename V>
  static std::string Keys(const std::map<std::string, V>& map) {
    Names names;
    for (const auto& [name, value] : map) names.push_back(name);
    if (names.size() > 8) names.resize(8);
    return Listed(names);
  }

  Names Autogroups(bool source, bool ssh) const {
    if (minor_ < kTypedPolicy) return {"autogroup:internet"};
    if (minor_ < kStrictPolicy) return source || ssh ? Names{} : Names{"autogroup:internet"};
    if (source && minor_ >= kGrantsPolicy && !ssh) return {"autogroup:member", "autogroup:tagged", "autogroup:danger-all"};
    if (source) return {"autogroup:member", "autogroup:tagged"};
    if (ssh) return {"autogroup:member", "autogroup:tagged", "autogroup:self"};
    return {"autogroup:internet", "autogroup:member", "autogroup:tagged", "autogroup:self"};
  }

  // An alias of a rule; nullopt, with a finding, if it is refused.
  std::optional<Alias> RuleAlias(absl::string_view text, Position at, const std::string& where, bool source, bool ssh) {
    Alias alias = Resolve(text, at);
    if (alias.prefix && alias.kind == Alias::Kind::kPrefix) NoteHostBits(*alias.prefix, text, at, where);
    if (alias.kind == Alias::Kind::kUser) NoteUser(text, at, where);
    if (alias.kind == Alias::Kind::kAutogroup) {
      const Names known = Autogroups(source, ssh);
      const bool taken = minor_ < kTypedPolicy ? absl::StartsWith(text, "autogroup:internet") : Among(alias.text, known);
      if (!taken) {
        Refuse(at, where, absl::StrCat(QuoteJson(text), " cannot be a ", source ? "source" : "destination", ssh ? " of ssh" : "", " on Headscale 0.", minor_),
               known.empty() ? absl::StrCat("Autogroups come with Headscale 0.27.") : absl::StrCat("There are ", Listed(known), "."));
        return std::nullopt;
      }
      return alias;
    }
    if (alias.kind == Alias::Kind::kNothing) {
      RefuseSince(kTypedPolicy, at, where, absl::StrCat(QuoteJson(text), " is nothing that a rule can name"), UserRemedy(text));
      return minor_ < kTypedPolicy ? std::optional<Alias>(alias) : std::nullopt;
    }
    if (!CheckDefined(alias, where)) return std::nullopt;
    return alias;
  }

  void ReadSources(const HuJson* list, const std::string& where, std::vector<Alias>& out) {
    ForEachText(list, where, [&](const HuJson& value, const std::string& inner) {
      // From 0.29 on spaces around a source do not count.
      const absl::string_view text = minor_ >= kGrantsPolicy ? absl::StripAsciiWhitespace(value.text) : absl::string_view(value.text);
      std::optional<Alias> alias = RuleAlias(text, value.at, inner, /*source=*/true, /*ssh=*/false);
      if (alias) out.push_back(*std::move(alias));
    });
  }

  void ReadAcl(const HuJson& acl, const std::string& where) {
    CheckFields(acl, where, {"action", "proto", "src", "dst"});
    Rule rule;
    rule.where = where;
    rule.at = acl.at;
    const HuJson* action = Field(acl, "action");
    if (action == nullptr) {
      // 0.29 and later no longer look at it (aclToGrants).
      if (minor_ < kGrantsPolicy) Refuse(acl.at, where, "the rule has no action", "Add \"action\": \"accept\".");
    } else if (Is(action, Kind::kString, where + ".action") && action->text != "accept") {
      Refuse(action->at, where + ".action", absl::StrCat("the action ", QuoteJson(action->text), " is not known"), "\"accept\" is the only one: what no rule accepts is denied.");
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
    ForEachText(Field(acl, "dst"), where + ".dst", [&](const HuJson& value, const std::string& inner) {
      std::optional<Rule::Destination> destination = ReadDestination(value, inner);
      if (!destination) return;
      const bool specific = std::any_of(destination->ports.begin(), destination->ports.end(), [](const PortRange& range) { return !range.is_all(); });
      if (!ports_allowed && specific) {
        // 0.26 lets it pass and sends rules that clients cannot use.
        const bool refused = minor_ != kTypedPolicy;
        policy_.findings.push_back({refused, value.at, inner, absl::StrCat("the protocol ", QuoteJson(proto->text), " has no ports, but ", QuoteJson(value.text), " names some"),
                                    "Write * for the ports, or a rule of its own for tcp or udp."});
        if (refused) return;
      }
      rule.dst.push_back(*std::move(destination));
    });
    CheckSelf(rule, where, /*everything_allowed=*/true);
    if (known_protocol) policy_.rules.push_back(std::move(rule));
  }

  std::vector<int> Default() const {
    // Without a protocol the client assumes these (tailcfg.FilterRule.IPProto); 0.27 and 0.28 send only the first two.
    if (minor_ == kStrictPolicy || minor_ == kTagTreePolicy) return {kTcp, kUdp};
    return {kTcp, kUdp, kIcmp, kIcmpV6};
  }

  bool ReadProtocol(const HuJson& value, const std::string& where, Rule& rule, bool& ports_allowed) {
    const std::optional<std::vector<int>> numbers = ParseProtocol(value.text, minor_);
    if (!numbers) {
      const bool later = ParseProtocol(value.text, kNewestPolicy).has_value();
      const std::string message = absl::StrCat("the protocol ", QuoteJson(value.text), " is not known", later ? absl::StrCat(" to Headscale 0.", minor_) : "");
      const std::string remedy = later ? "Headscale 0.29 and later know it; before that write its number, or in lower case."
                                       : "Leave it out for tcp, udp and icmp, or write tcp, udp, icmp, sctp, another known name, or a number from 1 to 255.";
      // 0.26 looks at it only where the sources are somebody; only then it is certainly refused.
      const bool certain = minor_ != kTypedPolicy || std::any_of(rule.src.begin(), rule.src.end(), [](const Alias& alias) {
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
      ports_allowed = numbers->empty() || Among(ProtocolName(numbers->front()), {"tcp", "udp", "sctp"});
    }
    return true;
  }

  std::optional<Rule::Destination> ReadDestination(const HuJson& value, const std::string& where) {
    const auto parts = SplitPorts(value.text, minor_);
    if (!parts) {
      RefuseSince(minor_ == kTypedPolicy && !absl::StrContains(value.text, ":") ? kStrictPolicy : 0, value.at, where,
                  absl::StrCat(QuoteJson(value.text), " has no ports"),
                  absl::StrCat("Append them: \"", value.text, ":443\", or \"", value.text, ":*\" for all; an IPv6 address may need /128 before them."));
      // 0.26 looks at the name all the same.
      if (minor_ == kTypedPolicy && !absl::StrContains(value.text, ":")) RuleAlias(value.text, value.at, where, /*source=*/false, /*ssh=*/false);
      return std::nullopt;
    }
    Rule::Destination destination;
    const std::optional<std::vector<PortRange>> ports = ParsePorts(parts->second, minor_);
    if (!ports) {
      Refuse(value.at, where, absl::StrCat(QuoteJson(parts->second), " in ", QuoteJson(value.text), " is no list of ports"),
             "Write ports from 1 to 65535 and ranges, \"22,8000-8080\", or * for all.");
      return std::nullopt;
    }
    destination.ports = *ports;
    std::optional<Alias> alias = RuleAlias(parts->first, value.at, where, /*source=*/false, /*ssh=*/false);
    if (!alias) return std::nullopt;
    destination.alias = *std::move(alias);
    return destination;
  }

  // autogroup:self is for devices of users only (validateACLSrcDstCombination, validateGrantSrcDstCombination; 0.29).
  void CheckSelf(const Rule& rule, const std::string& where, bool everything_allowed) {
    if (minor_ < kGrantsPolicy) return;
    const auto self = std::find_if(rule.dst.begin(), rule.dst.end(), [](const auto& dst) { return dst.alias.text == "autogroup:self"; });
    if (self == rule.dst.end()) return;
    for (const Alias& src : rule.src) {
      const bool fits = src.kind == Alias::Kind::kUser || src.kind == Alias::Kind::kGroup || src.text == "autogroup:member" ||
                        (everything_allowed && src.kind == Alias::Kind::kEverything);
      if (fits) continue;
      Refuse(src.at, where + ".src", absl::StrCat(QuoteJson(src.text), " has no devices of its own, which autogroup:self stands for"),
             "Name users, groups or autogroup:member, or write a rule of its own for it.");
      return;
    }
  }

  void ReadGrant(const HuJson& grant, const std::string& where) {
    CheckFields(grant, where, {"src", "dst", "ip", "app", "via"});
    Rule base;
    base.where = where;
    base.at = grant.at;
    ReadSources(Field(grant, "src"), where + ".src", base.src);
    const HuJson* app = Field(grant, "app");
    const bool has_app = Is(app, Kind::kObject, where + ".app") && !app->members.empty();
    ForEachText(Field(grant, "dst"), where + ".dst", [&](const HuJson& value, const std::string& inner) {
      std::optional<Alias> alias = RuleAlias(absl::StripAsciiWhitespace(value.text), value.at, inner, /*source=*/false, /*ssh=*/false);
      if (!alias) return;
      if (alias->kind == Alias::Kind::kPrefix && alias->prefix->length == 0) {
        Refuse(value.at, inner, absl::StrCat("a grant cannot name ", QuoteJson(value.text)), "Write \"*\", or \"autogroup:internet\".");
        return;
      }
      if (has_app && alias->text == "autogroup:internet") {
        Refuse(value.at, inner, "a grant with \"app\" cannot go to autogroup:internet", "Write a grant of its own with \"ip\".");
      }
      base.dst.push_back({*std::move(alias), {}});
    });
    ForEachText(Field(grant, "via"), where + ".via", [&](const HuJson& value, const std::string& inner) {
      if (!absl::StartsWith(value.text, "tag:")) {
        Refuse(value.at, inner, absl::StrCat("traffic goes by way of tags only, ", QuoteJson(value.text), " is none"), "Name the tag of the routers.");
      } else if (CheckTagName(value.text, value.at, inner) && CheckDefined(Resolve(value.text, value.at), inner)) {
        base.via.push_back(value.text);
      }
    });
    if (has_app) {
      for (const HuJson::Member& member : app->members) CheckCapability(member, absl::StrCat(where, ".app"));
    }
    CheckSelf(base, where, /*everything_allowed=*/false);
    const HuJson* ip = Field(grant, "ip");
    if ((ip == nullptr || (ip->is(Kind::kArray) && ip->items.empty())) && !has_app) {
      Refuse(grant.at, where, "the grant grants nothing: it has neither \"ip\" nor \"app\"", "Add \"ip\": [\"tcp:443\"], or \"ip\": [\"*\"] for everything.");
    }
    ForEachText(ip, where + ".ip", [&](const HuJson& value, const std::string& inner) {
      Rule rule = base;
      const std::vector<absl::string_view> parts = absl::StrSplit(value.text, ':');
      rule.protocols = Default();
      if (parts.size() == 2) {
        const std::optional<std::vector<int>> numbers = ParseProtocol(parts[0], minor_);
        // Here neither case nor leading zeros are forgiven (ProtocolPort.UnmarshalJSON).
        if (!numbers || parts[0] != absl::AsciiStrToLower(parts[0]) || absl::StartsWith(parts[0], "0")) {
          Refuse(value.at, inner, absl::StrCat("the protocol of ", QuoteJson(value.text), " is not known"), "Write tcp, udp, icmp, sctp, another known name in lower case, or a number from 1 to 255.");
          return;
        }
        if (!numbers->empty()) rule.protocols = *numbers;
      }
      const std::optional<std::vector<PortRange>> ports = ParsePorts(parts.back(), minor_);
      if (!ports || parts.size() > 2) {
        Refuse(value.at, inner, absl::StrCat(QuoteJson(value.text), " is no port, no list of ports and no protocol with ports"), "Write \"443\", \"tcp:22,8000-8080\", \"udp:*\" or \"*\".");
        return;
      }
      for (Rule::Destination& destination : rule.dst) destination.ports = *ports;
      policy_.rules.push_back(std::move(rule));
    });
  }

  // validateCapabilityName (0.29): Tailscale's own are few.
  void CheckCapability(const HuJson::Member& member, const std::string& where) {
    if (absl::StrContains(member.name, "://")) {
      Refuse(member.at, where, absl::StrCat(QuoteJson(member.name), " is no name of a capability"), "Write it without a scheme: \"example.com/cap/name\".");
    } else if (absl::StartsWith(member.name, "tailscale.com/") &&
               !Among(member.name, {"tailscale.com/cap/drive", "tailscale.com/cap/relay", "tailscale.com/cap/webui", "tailscale.com/cap/kubernetes",
                                    "tailscale.com/cap/tsidp", "tailscale.com/cap/secrets"})) {
      Refuse(member.at, where, absl::StrCat(QuoteJson(member.name), " cannot be granted"), "Of tailscale.com there are cap/drive, cap/relay, cap/webui, cap/kubernetes and cap/tsidp.");
    } else if (member.name == "tailscale.com/cap/secrets" && minor_ < kNewestPolicy) {
      Refuse(member.at, where, "Headscale 0.29 does not grant \"tailscale.com/cap/secrets\"", "Headscale 0.30 does.");
    }
  }

  void ReadSsh(const HuJson& ssh, const std::string& where) {
    Names fields = {"action", "src", "dst", "users", "checkPeriod"};
    if (minor_ >= kGrantsPolicy) fields.push_back("acceptEnv");
    CheckFields(ssh, where, fields);
    SshRule rule;
    rule.where = where;
    rule.at = ssh.at;
    const HuJson* action = Field(ssh, "action");
    if (action != nullptr && Is(action, Kind::kString, where + ".action")) {
      rule.action = minor_ >= kGrantsPolicy ? std::string(absl::StripAsciiWhitespace(action->text)) : action->text;
    }
    const bool known = rule.action == "accept" || rule.action == "check";
    if (!known) {
      // Up to 0.25 only nodes that the rule is about make it an error; 0.27 and 0.28 let a missing one pass.
      const bool refused = minor_ == kTypedPolicy || minor_ >= kGrantsPolicy || (minor_ >= kStrictPolicy && action != nullptr);
      policy_.findings.push_back({refused, action == nullptr ? ssh.at : action->at, where + ".action",
                                  action == nullptr ? "the rule has no action" : absl::StrCat("the action ", QuoteJson(rule.action), " is not known"),
                                  "Write \"accept\", or \"check\" to ask for a fresh login."});
    }
    ForEachText(Field(ssh, "src"), where + ".src", [&](const HuJson& value, const std::string& inner) {
      const absl::string_view text = minor_ >= kGrantsPolicy ? absl::StripAsciiWhitespace(value.text) : absl::string_view(value.text);
      std::optional<Alias> alias = SshAlias(text, value.at, inner, /*source=*/true);
      if (alias) rule.src.push_back(*std::move(alias));
    });
    ForEachText(Field(ssh, "dst"), where + ".dst", [&](const HuJson& value, const std::string& inner) {
      const absl::string_view text = minor_ >= kGrantsPolicy ? absl::StripAsciiWhitespace(value.text) : absl::string_view(value.text);
      std::optional<Alias> alias = SshAlias(text, value.at, inner, /*source=*/false);
      if (alias) rule.dst.push_back(*std::move(alias));
    });
    ForEachText(Field(ssh, "users"), where + ".users", [&](const HuJson& value, const std::string& inner) {
      const std::string user(minor_ >= kGrantsPolicy ? absl::StripAsciiWhitespace(value.text) : absl::string_view(value.text));
      if (minor_ >= kGrantsPolicy && (user.empty() || user == "*")) {
        Refuse(value.at, inner, absl::StrCat(QuoteJson(user), " is no name of a login"), "Name logins, or write \"autogroup:nonroot\" for all but root.");
      } else if (minor_ >= kTypedPolicy && minor_ < kGrantsPolicy && absl::StartsWith(user, "autogroup:") && user != "autogroup:nonroot") {
        Refuse(value.at, inner, absl::StrCat(QuoteJson(user), " is no name of a login"), "Name logins, or write \"autogroup:nonroot\" for all but root.");
      } else {
        rule.users.push_back(user);
      }
    });
    const HuJson* users = Field(ssh, "users");
    if (minor_ >= kGrantsPolicy && (users == nullptr || (users->is(Kind::kArray) && users->items.empty()))) {
      Refuse(ssh.at, where, "the rule names no users", "Add \"users\": [\"autogroup:nonroot\"], with \"root\" if root may log in.");
    }
    CheckPeriod(Field(ssh, "checkPeriod"), where + ".checkPeriod", rule.action);
    if (minor_ >= kTagTreePolicy) CheckSshPair(rule, where);
    if (known) policy_.ssh.push_back(std::move(rule));
  }

  std::optional<Alias> SshAlias(absl::string_view text, Position at, const std::string& where, bool source) {
    using K = Alias::Kind;
    Alias alias = Resolve(text, at);
    if (minor_ < kTypedPolicy) {
      // Refused as soon as a node exists that the rule is about.
      const bool group = alias.kind == K::kGroup && policy_.groups.count(alias.text) == 0;
      const bool tag = alias.kind == K::kTag && policy_.tag_owners.count(alias.text) == 0;
      const bool autogroup = alias.kind == K::kAutogroup && !absl::StartsWith(text, "autogroup:internet");
      if (group || tag || autogroup) {
        Note(at, where, absl::StrCat(QuoteJson(text), " is not known to Headscale 0.", minor_), autogroup ? "Autogroups come with Headscale 0.27." : "Define it in the policy.");
      }
      return alias;
    }
    const bool host_fits = !source && minor_ >= kStrictPolicy && minor_ < kGrantsPolicy && alias.kind == K::kHost;
    const bool everything_fits = !source && minor_ < kTagTreePolicy && alias.kind == K::kEverything;
    const bool group_fits = source && alias.kind == K::kGroup;
    if (host_fits || everything_fits) return alias;
    if (alias.kind != K::kUser && alias.kind != K::kTag && alias.kind != K::kAutogroup && !group_fits) {
      Refuse(at, where, absl::StrCat(QuoteJson(text), " cannot be a ", source ? "source" : "destination", " of ssh on Headscale 0.", minor_),
             alias.kind == K::kHost && policy_.hosts.count(alias.text) == 0 ? UserRemedy(text)
             : source                                                       ? "Name users, groups, tags, autogroup:member or autogroup:tagged."
                                                                            : "Name users, tags, autogroup:member, autogroup:tagged or autogroup:self.");
      return std::nullopt;
    }
    return RuleAlias(text, at, where, source, /*ssh=*/true);
  }

  void CheckPeriod(const HuJson* period, const std::string& where, absl::string_view action) {
    if (!Is(period, Kind::kString, where) || minor_ < kTypedPolicy) return;
    const std::string& text = period->text;
    if (minor_ < kGrantsPolicy) {
      if (!IsPrometheusDuration(text)) Refuse(period->at, where, absl::StrCat(QuoteJson(text), " is no time"), "Write \"12h\", or \"1d12h\".");
      return;
    }
    absl::Duration duration;
    if (text != "always" && !absl::ParseDuration(text, &duration)) {
      Refuse(period->at, where, absl::StrCat(QuoteJson(text), " is no time"), "Write \"12h\", \"1h30m\" or \"always\".");
    } else if (action != "check" && !action.empty()) {
      Refuse(period->at, where, "\"checkPeriod\" goes with the action \"check\" only", "Remove it, or write \"action\": \"check\".");
    } else if (text != "always" && (duration < absl::ZeroDuration() || duration > absl::Hours(168))) {
      Refuse(period->at, where, absl::StrCat(QuoteJson(text), " is not between 0 and 168h"), "A week is the most.");
    }
  }

  // validateSSHSrcDstCombination (0.28).
  void CheckSshPair(const SshRule& rule, const std::string& where) {
    bool tags = false, groups = false;
    std::set<std::string> users;
    for (const Alias& src : rule.src) {
      tags |= src.kind == Alias::Kind::kTag || src.text == "autogroup:tagged";
      groups |= src.kind == Alias::Kind::kGroup || src.text == "autogroup:member";
      if (src.kind == Alias::Kind::kUser) users.insert(src.text);
    }
    for (const Alias& dst : rule.dst) {
      const std::string inner = where + ".dst";
      if (dst.kind == Alias::Kind::kUser && (tags || groups || users.size() != 1 || users.count(dst.text) == 0)) {
        Refuse(dst.at, inner, absl::StrCat("only ", QuoteJson(dst.text), " itself may log in to its devices, the rule has other sources"), "Write autogroup:self, or tag the devices.");
        return;
      }
      if (tags && (dst.text == "autogroup:self" || dst.text == "autogroup:member")) {
        Refuse(dst.at, inner, absl::StrCat("tagged devices cannot log in to ", dst.text), "Name tags or autogroup:tagged, or take the tags out of \"src\".");
        return;
      }
    }
  }

  void ReadAutoApprovers() {
    const HuJson* approvers = Field(document_, "autoApprovers");
    if (!Is(approvers, Kind::kObject, "autoApprovers")) return;
    CheckFields(*approvers, "autoApprovers", {"routes", "exitNode"});
    const auto check = [this](const HuJson& value, const std::string& where) { Approver(value, where, "approve a route", /*tags_since=*/0); };
    ForEachText(Field(*approvers, "exitNode"), "autoApprovers.exitNode", check);
    const HuJson* routes = Field(*approvers, "routes");
    if (!Is(routes, Kind::kObject, "autoApprovers.routes")) return;
    for (const HuJson::Member& member : routes->members) {
      const std::string where = absl::StrCat("autoApprovers.routes.", member.name);
      const std::optional<Prefix> prefix = Prefix::Parse(member.name);
      if (!prefix && !(member.name.empty() && minor_ >= kTypedPolicy)) {
        // Before 0.26 nobody looks until a node advertises a route.
        RefuseSince(kTypedPolicy, member.at, where, absl::StrCat(QuoteJson(member.name), " is no network"), "Write \"10.0.0.0/24\"; one address is \"10.0.0.5/32\".");
        if (minor_ >= kTypedPolicy) continue;
      }
      if (prefix) NoteHostBits(*prefix, member.name, member.at, where);
      ForEachText(member.value.is(Kind::kNull) ? nullptr : &member.value, where, check);
    }
  }

  void ReadTests() {
    if (minor_ < kGrantsPolicy) return;
    ForEach(Field(document_, "tests"), "tests", [this](const HuJson& test, const std::string& where) {
      CheckFields(test, where, {"src", "proto", "accept", "deny"});
      const HuJson* src = Field(test, "src");
      const HuJson* accept = Field(test, "accept");
      const HuJson* deny = Field(test, "deny");
      if (src != nullptr) Is(src, Kind::kString, where + ".src");
      const auto count = [](const HuJson* list) { return list == nullptr ? 0 : list->items.size(); };
      if (count(accept) + count(deny) == 0) Refuse(test.at, where, "the test has neither \"accept\" nor \"deny\"", "Add \"accept\": [\"tag:web:443\"].");
      const HuJson* proto = Field(test, "proto");
      if (proto != nullptr && Is(proto, Kind::kString, where + ".proto")) {
        const std::optional<std::vector<int>> numbers = ParseProtocol(proto->text, minor_);
        if (!numbers || !(numbers->empty() || Among(ProtocolName(numbers->front()), {"tcp", "udp", "sctp"}))) {
          Refuse(proto->at, where + ".proto", absl::StrCat("a test cannot be about the protocol ", QuoteJson(proto->text)), "Write tcp, udp or sctp, or leave it out.");
        }
      }
      for (const auto& [name, list] : {std::pair<std::string, const HuJson*>{".accept", accept}, {".deny", deny}}) {
        ForEachText(list, where + name, [this](const HuJson& value, const std::string& inner) { CheckTestDestination(value, inner); });
      }
    });
  }

  // validateTestDestination (0.29): one connection to one host.
  void CheckTestDestination(const HuJson& value, const std::string& where) {
    const auto parts = SplitPorts(value.text, minor_);
    const std::optional<std::vector<PortRange>> ports = parts ? ParsePorts(parts->second, minor_) : std::nullopt;
    if (!ports || ports->size() != 1 || ports->front().first != ports->front().last) {
      Refuse(value.at, where, absl::StrCat(QuoteJson(value.text), " does not end with one port"), "A test is about one connection: \"tag:web:443\".");
      return;
    }
    const Alias alias = Resolve(parts->first, value.at);
    const auto host = policy_.hosts.find(alias.text);
    if (alias.text == "autogroup:internet") {
      Refuse(value.at, where, "a test cannot be about autogroup:internet", "Name a host, a tag or a user.");
    } else if ((alias.kind == Alias::Kind::kPrefix && absl::StrContains(value.text, "/")) ||
               (alias.kind == Alias::Kind::kHost && host != policy_.hosts.end() && !host->second.is_single())) {
      Refuse(value.at, where, absl::StrCat(QuoteJson(value.text), " is a network"), "A test is about one host: name an address without a length.");
    } else if (alias.kind == Alias::Kind::kNothing) {
      Refuse(value.at, where, absl::StrCat(QuoteJson(parts->first), " is nothing that a test can name"), UserRemedy(parts->first));
    }
  }

  void ReadNodeAttrs() {
    if (minor_ < kGrantsPolicy) return;
    ForEach(Field(document_, "nodeAttrs"), "nodeAttrs", [this](const HuJson& entry, const std::string& where) {
      CheckFields(entry, where, {"target", "attr", "ipPool"});
      ForEachText(Field(entry, "target"), where + ".target", [&](const HuJson& value, const std::string& inner) {
        const std::string text(absl::StripAsciiWhitespace(value.text));
        const Alias alias = Resolve(text, value.at);
        if (alias.kind == Alias::Kind::kAutogroup && !Among(text, {"autogroup:member", "autogroup:tagged"})) {
          Refuse(value.at, inner, absl::StrCat(QuoteJson(text), " cannot have attributes"), "Of the autogroups autogroup:member and autogroup:tagged can.");
        } else if (alias.kind == Alias::Kind::kNothing) {
          Refuse(value.at, inner, absl::StrCat(QuoteJson(text), " is nothing that can have attributes"), UserRemedy(text));
        } else if (alias.kind != Alias::Kind::kAutogroup) {
          CheckDefined(alias, inner);
        }
      });
      ForEachText(Field(entry, "attr"), where + ".attr", [&](const HuJson& value, const std::string& inner) {
        if (value.text == "funnel") Refuse(value.at, inner, "Headscale does not have \"funnel\"", "Remove it.");
      });
      const HuJson* pool = Field(entry, "ipPool");
      if (pool != nullptr && !(pool->is(Kind::kArray) && pool->items.empty())) {
        Refuse(pool->at, where + ".ipPool", "Headscale does not have \"ipPool\"", "Remove it.");
      }
    });
  }

  // ErrEmptyPolicy (hscontrol/policy/acls.go, v0.23.0).
  void CheckNotEmpty(const HuJson* acls) {
    const auto none = [](const HuJson* value) { return value == nullptr || (value->members.empty() && value->items.empty()); };
    if (none(acls) && none(Field(document_, "groups")) && none(Field(document_, "hosts"))) {
      Refuse(document_.at, "policy", absl::StrCat("Headscale 0.", minor_, " refuses a policy without groups, hosts and acls"),
             "To allow nothing, add a group: \"groups\": {\"group:none\": []}; 0.26 and later take \"acls\": [].");
    }
  }

  HuJson document_;
  const int minor_;
  Policy policy_;
  std::set<std::string> nested_groups_;
};

}  // namespace

std::string Finding::ToString(bool places) const {
  return places ? absl::StrCat(at.ToString(), " (", where, "): ", message) : absl::StrCat(where, ": ", message);
}

absl::Status Policy::Refusal(bool places) const {
  const auto first = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) { return finding.refused; });
  if (first == findings.end()) return absl::OkStatus();
  const auto count = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) { return finding.refused; });
  const std::string more = count > 1 ? absl::StrCat("; ", count - 1, " more after it") : "";
  return WithRemedy(absl::InvalidArgumentError(absl::StrCat(first->ToString(places), more)), first->remedy);
}

Policy ReadPolicy(const HuJson& document, int minor) { return Reader(document, minor).Read(); }

Policy NoPolicy(int minor) {
  Policy policy;
  policy.minor = minor;
  policy.allows_everything = true;
  return policy;
}

absl::Status RefusedByAll(const HuJson& document, bool places) {
  absl::Status refusal = ReadPolicy(document, kNewestPolicy).Refusal(places);
  for (int minor = kOldestPolicy; minor < kNewestPolicy && !refusal.ok(); ++minor) {
    if (ReadPolicy(document, minor).Refusal().ok()) return absl::OkStatus();
  }
  return refusal;
}

Alias ParseAlias(absl::string_view text, int minor, const Policy& policy) {
  using K = Alias::Kind;
  Alias alias;
  alias.text = std::string(text);
  const auto is = [&](K kind) {
    alias.kind = kind;
    return alias;
  };
  const std::optional<Prefix> prefix = Prefix::ParseOrAddress(text);
  const auto host = policy.hosts.find(alias.text);
  if (text == "*") return is(K::kEverything);
  if (minor < kTypedPolicy) {
    // The order of ExpandAlias (hscontrol/policy/acls.go, v0.23.0); a user is whatever is nothing else.
    if (absl::StartsWith(text, "group:")) return is(K::kGroup);
    if (absl::StartsWith(text, "tag:")) return is(K::kTag);
    if (absl::StartsWith(text, "autogroup:")) return is(K::kAutogroup);
    if (host == policy.hosts.end() && !prefix) {
      alias.name = NameOfUser(text, minor);
      return is(K::kUser);
    }
  }
  if (prefix && !(minor < kTypedPolicy && host != policy.hosts.end())) {
    alias.prefix = prefix;
    return is(K::kPrefix);
  }
  if (host != policy.hosts.end()) alias.prefix = host->second;
  if (minor < kTypedPolicy) return is(K::kHost);
  if (absl::StrContains(text, "@")) {
    alias.prefix.reset();
    alias.name = NameOfUser(text, minor);
    return is(K::kUser);
  }
  if (absl::StartsWith(text, "group:")) return is(K::kGroup);
  if (absl::StartsWith(text, "tag:")) return is(K::kTag);
  if (absl::StartsWith(text, "autogroup:")) return is(K::kAutogroup);
  return is(absl::StrContains(text, ":") ? K::kNothing : K::kHost);
}

std::optional<std::vector<PortRange>> ParsePorts(absl::string_view text, int minor) {
  if (text == "*") return std::vector<PortRange>{PortRange()};
  std::vector<PortRange> ranges;
  const auto port = [&](absl::string_view digits) -> std::optional<int> {
    // Before 0.26 there are digits only (strconv.ParseUint).
    if (minor < kTypedPolicy && (absl::StartsWith(digits, "+") || absl::StartsWith(digits, "-"))) return std::nullopt;
    const std::optional<int> number = Atoi(digits);
    if (!number || *number < 0 || *number > 65535) return std::nullopt;
    return number;
  };
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    if (!absl::StrContains(part, "-")) {
      const std::optional<int> number = port(part);
      if (!number || (minor >= kStrictPolicy && *number == 0)) return std::nullopt;
      ranges.push_back({*number, *number});
      continue;
    }
    // From 0.26 on empty parts do not count: "-5-9" is "5-9".
    std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    if (minor >= kTypedPolicy) ends.erase(std::remove(ends.begin(), ends.end(), ""), ends.end());
    if (ends.size() != 2) return std::nullopt;
    const std::optional<int> first = port(ends[0]), last = port(ends[1]);
    if (!first || !last) return std::nullopt;
    if (*first > *last && minor >= kTypedPolicy) return std::nullopt;  // before, it is taken, and no port is in it
    ranges.push_back({*first, *last});
  }
  return ranges;
}

std::optional<std::vector<int>> ParseProtocol(absl::string_view text, int minor) {
  const std::string name = minor >= kStrictPolicy ? absl::AsciiStrToLower(text) : std::string(text);
  if (name.empty()) return std::vector<int>();
  for (const NamedProtocol& protocol : kProtocols) {
    if (protocol.name != name || minor < protocol.since) continue;
    // Before 0.29 icmp is that of both families.
    if (protocol.number == kIcmp && minor < kGrantsPolicy) return std::vector<int>{kIcmp, kIcmpV6};
    return std::vector<int>{protocol.number};
  }
  const std::optional<int> number = Atoi(name);
  if (!number) return std::nullopt;
  if (minor < kStrictPolicy) return std::vector<int>{*number};
  // 0.29 puts names in the place of numbers before it looks for leading zeros.
  const bool named = std::any_of(kProtocols.begin(), kProtocols.end(), [&](const NamedProtocol& protocol) { return protocol.number == *number; });
  if (name[0] == '0' && !(minor >= kGrantsPolicy && named)) return std::nullopt;
  if (*number < 0 || *number > 255) return std::nullopt;
  return std::vector<int>{*number};
}

std::string ProtocolName(int number) {
  for (const NamedProtocol& protocol : kProtocols) {
    if (protocol.number == number) return std::string(protocol.name);
  }
  return absl::StrCat(number);
}

std::optional<std::pair<std::string, std::string>> SplitPorts(absl::string_view text, int minor) {
  std::string plain(text);
  if (minor >= kGrantsPolicy && absl::StartsWith(text, "[")) {
    // "[addr]:ports" and "[addr]/length:ports" (splitDestinationAndPort, 0.29).
    const std::size_t close = text.find(']');
    if (close == absl::string_view::npos) return std::nullopt;
    const std::optional<Address> address = Address::Parse(text.substr(1, close - 1));
    const absl::string_view rest = text.substr(close + 1);
    if (!address || !address->v6 || rest.empty() || (rest[0] != ':' && rest[0] != '/')) return std::nullopt;
    plain = absl::StrCat(text.substr(1, close - 1), rest);
  }
  const std::size_t colon = plain.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  if (minor >= kTypedPolicy && (colon == 0 || colon + 1 == plain.size())) return std::nullopt;
  // Before 0.26: more than three parts must be an IPv6 address and its port (parseDestination).
  if (minor < kTypedPolicy && std::count(plain.begin(), plain.end(), ':') > 2) {
    const std::string before = plain.substr(0, colon);
    const std::optional<Address> address = Address::Parse(absl::string_view(before).substr(0, before.find('/')));
    if (!address || !address->v6) return std::nullopt;
  }
  return std::make_pair(plain.substr(0, colon), plain.substr(colon + 1));
}

}  // namespace charon::headscale::policy
