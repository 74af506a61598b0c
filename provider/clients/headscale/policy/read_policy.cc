#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "provider/clients/headscale/policy/reader.h"

namespace charon::headscale::policy {
namespace {

using Kind = HuJson::Kind;

// How the generation compares names of fields: encoding/json ignores case, go-json-experiment
// (MatchCaseInsensitiveNames, from 0.27) also "-" and "_".
std::string Folded(absl::string_view name, int minor) {
  std::string folded;
  for (const char c : absl::AsciiStrToLower(name)) {
    if (minor < kStrictPolicy || (c != '-' && c != '_')) folded.push_back(c);
  }
  return folded;
}

}  // namespace

bool Among(absl::string_view text, const Names& names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

std::string Listed(const Names& names) {
  std::vector<std::string> quoted;
  for (const absl::string_view name : names) quoted.push_back(QuoteJson(name));
  return absl::StrJoin(quoted, ", ");
}

std::string NameOfUser(absl::string_view text, int minor) {
  return std::string(minor < kTypedPolicy ? text : absl::StripSuffix(text, "@"));
}

Reader::Reader(const HuJson& document, int minor) : document_(document), minor_(minor) {
  policy_.minor = minor;
  if (minor < kTypedPolicy) MergeMaps();
}

Policy Reader::Read() {
  if (!document_.is(Kind::kObject)) {
    if (document_.is(Kind::kNull) && minor_ >= kTypedPolicy) {
      policy_.allows_everything = minor_ >= kStrictPolicy;
      return std::move(policy_);
    }
    Refuse(document_.at, "policy",
           absl::StrCat("a policy is an object, not ", KindName(document_.kind)),
           "Write the policy between braces: {\"acls\": [...]}.");
    return std::move(policy_);
  }
  CheckDuplicates(document_, "");
  Names fields = {"groups", "hosts", "tagOwners", "acls", "autoApprovers", "ssh"};
  if (minor_ >= kGrantsPolicy)
    fields.insert(fields.end(),
                  {"grants", "nodeAttrs", "tests", "sshTests", "randomizeClientPort"});
  CheckFields(document_, "", fields);
  const HuJson* acls = Field(document_, "acls");
  const HuJson* grants = minor_ >= kGrantsPolicy ? Field(document_, "grants") : nullptr;
  ReadHosts();
  ReadGroups();
  ReadTagOwners();
  ForEach(acls, "acls",
          [this](const HuJson& acl, const std::string& where) { ReadAcl(acl, where); });
  ForEach(grants, "grants",
          [this](const HuJson& grant, const std::string& where) { ReadGrant(grant, where); });
  ForEach(Field(document_, "ssh"), "ssh",
          [this](const HuJson& ssh, const std::string& where) { ReadSsh(ssh, where); });
  ReadAutoApprovers();
  ReadTests();
  ReadNodeAttrs();
  if (minor_ >= kGrantsPolicy)
    ForEach(Field(document_, "sshTests"), "sshTests", [](const HuJson&, const std::string&) {});
  policy_.allows_everything = minor_ >= kStrictPolicy && acls == nullptr && grants == nullptr;
  if (minor_ < kTypedPolicy) CheckNotEmpty(acls);
  if (policy_.allows_everything) {
    Note(document_.at, "policy", "a policy without \"acls\" allows everything",
         "To allow nothing, write \"acls\": [].");
  }
  std::stable_sort(policy_.findings.begin(), policy_.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.at < b.at; });
  return std::move(policy_);
}

void Reader::MergeMaps() {
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

const HuJson* Reader::Field(const HuJson& object, absl::string_view name) const {
  const std::string wanted = Folded(name, minor_);
  for (auto member = object.members.rbegin(); member != object.members.rend(); ++member) {
    if (Folded(member->name, minor_) == wanted)
      return member->value.is(Kind::kNull) ? nullptr : &member->value;
  }
  return nullptr;
}

void Reader::CheckDuplicates(const HuJson& value, const std::string& where) {
  std::map<absl::string_view, Position> seen;
  for (const HuJson::Member& member : value.members) {
    const std::string inner = where.empty() ? member.name : absl::StrCat(where, ".", member.name);
    const auto [entry, added] = seen.emplace(member.name, member.at);
    if (!added) {
      RefuseSince(kStrictPolicy, member.at, inner,
                  absl::StrCat(QuoteJson(member.name),
                               " stands a second time in its object; the first one is at ",
                               entry->second.ToString()),
                  "Join the two, or remove one: before Headscale 0.27 the last one counts, from "
                  "then on both are refused.");
    }
    CheckDuplicates(member.value, inner);
  }
  for (std::size_t i = 0; i < value.items.size(); ++i)
    CheckDuplicates(value.items[i], absl::StrCat(where, "[", i, "]"));
}

void Reader::CheckFields(const HuJson& object, const std::string& where, const Names& fields) {
  std::map<std::string, absl::string_view> seen;
  for (const HuJson::Member& member : object.members) {
    const std::string folded = Folded(member.name, minor_);
    const auto known = std::find_if(fields.begin(), fields.end(), [&](absl::string_view field) {
      return Folded(field, minor_) == folded;
    });
    const std::string inner = where.empty() ? member.name : absl::StrCat(where, ".", member.name);
    if (known != fields.end()) {
      const auto [entry, added] = seen.emplace(folded, member.name);
      if (!added && entry->second != member.name) {
        RefuseSince(kStrictPolicy, member.at, inner,
                    absl::StrCat(QuoteJson(member.name), " is the same field as ",
                                 QuoteJson(entry->second)),
                    "Join the two: case does not tell fields apart.");
      }
      continue;
    }
    // headscale-admin keeps its notes in such fields of rules; 0.27 and later skip them.
    if (absl::StartsWith(where, "acls[") && absl::StartsWith(member.name, "#")) continue;
    if (Among(member.name, {"grants", "nodeAttrs", "tests", "sshTests", "randomizeClientPort"}) &&
        where.empty()) {
      RefuseSince(kStrictPolicy, member.at, inner,
                  absl::StrCat(QuoteJson(member.name), " is not known to Headscale 0.", minor_,
                               minor_ < kStrictPolicy ? ", which ignores it" : ""),
                  "Headscale 0.29 and later have it.");
      continue;
    }
    if (member.name == "acceptEnv" && absl::StartsWith(where, "ssh[")) {
      RefuseSince(kStrictPolicy, member.at, inner,
                  absl::StrCat("\"acceptEnv\" is not known to Headscale 0.", minor_),
                  "Headscale 0.29 and later have it.");
      continue;
    }
    RefuseSince(kStrictPolicy, member.at, inner,
                absl::StrCat("there is no field ", QuoteJson(member.name),
                             where.empty() ? " in a policy" : absl::StrCat(" in ", where),
                             minor_ < kStrictPolicy ? "; the server ignores it" : ""),
                absl::StrCat("There are ", Listed(fields), "."));
  }
}

void Reader::Refuse(Position at, const std::string& where, std::string message,
                    std::string remedy) {
  policy_.findings.push_back({true, at, where, std::move(message), std::move(remedy)});
}

void Reader::Note(Position at, const std::string& where, std::string message, std::string remedy) {
  policy_.findings.push_back({false, at, where, std::move(message), std::move(remedy)});
}

void Reader::RefuseSince(int since, Position at, const std::string& where, std::string message,
                         std::string remedy) {
  policy_.findings.push_back({minor_ >= since, at, where, std::move(message), std::move(remedy)});
}

bool Reader::Is(const HuJson* value, Kind kind, const std::string& where) {
  if (value == nullptr) return false;
  if (value->is(kind)) return true;
  Refuse(value->at, where,
         absl::StrCat("must be ", KindName(kind), ", not ", KindName(value->kind)),
         kind == Kind::kArray    ? "Put it between [ and ]."
         : kind == Kind::kObject ? "Put it between { and }."
                                 : "Put it in double quotes.");
  return false;
}

void Reader::ForEach(const HuJson* list, const std::string& where, const Visit& visit) {
  if (!Is(list, Kind::kArray, where)) return;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const std::string inner = absl::StrCat(where, "[", i, "]");
    // null leaves Go's struct as it is: empty.
    if (list->items[i].is(Kind::kNull) || Is(&list->items[i], Kind::kObject, inner))
      visit(list->items[i], inner);
  }
}

void Reader::ForEachText(const HuJson* list, const std::string& where, const Visit& visit) {
  if (!Is(list, Kind::kArray, where)) return;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const std::string inner = absl::StrCat(where, "[", i, "]");
    // null leaves Go's string as it is: empty.
    if (list->items[i].is(Kind::kNull) || Is(&list->items[i], Kind::kString, inner))
      visit(list->items[i], inner);
  }
}

void Reader::ReadHosts() {
  const HuJson* hosts = Field(document_, "hosts");
  if (!Is(hosts, Kind::kObject, "hosts")) return;
  for (const HuJson::Member& member : hosts->members) {
    const std::string where = absl::StrCat("hosts.", member.name);
    if (minor_ >= kTypedPolicy &&
        (absl::StrContains(member.name, "@") || absl::StrContains(member.name, ":"))) {
      Refuse(member.at, where,
             absl::StrCat(QuoteJson(member.name),
                          " is no name of a host: it must hold neither @ nor :"),
             "Use letters, digits, - and dots.");
      continue;
    }
    if (!Is(&member.value, Kind::kString, where)) continue;
    const std::string& text = member.value.text;
    // Before 0.26 "/32" is appended to what has no slash, to IPv6 too.
    const std::optional<Prefix> prefix = minor_ < kTypedPolicy && !absl::StrContains(text, "/")
                                             ? Prefix::Parse(text + "/32")
                                             : ParsePrefixOrAddress(text);
    if (!prefix) {
      Refuse(member.value.at, where,
             absl::StrCat(QuoteJson(text), " is neither an address nor a network"),
             "Write \"10.0.0.5\" or \"10.0.0.0/24\".");
      continue;
    }
    NoteHostBits(*prefix, text, member.value.at, where);
    if (minor_ < kTypedPolicy && prefix->address.v6 && !absl::StrContains(text, "/")) {
      Note(member.value.at, where,
           absl::StrCat("Headscale 0.", minor_, " reads ", QuoteJson(text), " as ",
                        prefix->Masked().ToString()),
           "Append /128.");
    }
    policy_.hosts[member.name] = prefix->Masked();
  }
}

void Reader::NoteHostBits(const Prefix& prefix, absl::string_view text, Position at,
                          const std::string& where) {
  if (!prefix.has_host_bits()) return;
  Note(at, where,
       absl::StrCat(QuoteJson(text), " has host bits: the server reads it as ",
                    prefix.Masked().ToString()),
       absl::StrCat("Write \"", prefix.Masked().ToString(), "\", or \"", prefix.address.ToString(),
                    "\" for the one address."));
}

void Reader::ReadGroups() {
  const HuJson* groups = Field(document_, "groups");
  if (!Is(groups, Kind::kObject, "groups")) return;
  for (const HuJson::Member& member : groups->members) {
    const std::string where = absl::StrCat("groups.", member.name);
    if (!absl::StartsWith(member.name, "group:")) {
      RefuseSince(kTypedPolicy, member.at, where,
                  absl::StrCat("the name of a group starts with \"group:\", ",
                               QuoteJson(member.name), " does not"),
                  absl::StrCat("Write \"group:", member.name, "\"."));
      if (minor_ >= kTypedPolicy) continue;
    }
    std::vector<std::string>& users = policy_.groups[member.name];
    ForEachText(member.value.is(Kind::kNull) && minor_ < kStrictPolicy ? nullptr : &member.value,
                where, [&](const HuJson& user, const std::string& inner) {
                  const bool nested = absl::StartsWith(user.text, "group:");
                  const bool has_at = absl::StrContains(user.text, "@");
                  if (nested && (minor_ >= kGrantsPolicy || !has_at)) {
                    // Before 0.26 it is refused once a rule uses the outer group.
                    RefuseSince(
                        kTypedPolicy, user.at, inner,
                        absl::StrCat("a group cannot hold the group ", QuoteJson(user.text)),
                        "Write its members instead.");
                    nested_groups_.insert(member.name);
                  } else if (minor_ >= kTypedPolicy && !has_at) {
                    Refuse(user.at, inner,
                           absl::StrCat("the policy parser refuses the user name ",
                                        QuoteJson(user.text), ": it has no @"),
                           absl::StrCat("From Headscale 0.26 on a user's name in a policy ends "
                                        "with @ unless it holds one: \"",
                                        user.text, "@\"."));
                  } else {
                    NoteUser(user.text, user.at, inner);
                    users.push_back(NameOfUser(user.text, minor_));
                  }
                });
  }
}

void Reader::NoteUser(absl::string_view text, Position at, const std::string& where) {
  if (minor_ < kTypedPolicy && absl::EndsWith(text, "@")) {
    Note(at, where,
         absl::StrCat("Headscale 0.", minor_, " has no user ", QuoteJson(text),
                      ": up to 0.25 a policy has users' names without an @ at the end"),
         absl::StrCat("Write \"", absl::StripSuffix(text, "@"), "\"."));
  }
}

void Reader::ReadTagOwners() {
  const HuJson* owners = Field(document_, "tagOwners");
  if (!Is(owners, Kind::kObject, "tagOwners")) return;
  for (const HuJson::Member& member : owners->members)
    policy_.tag_owners.emplace(member.name, std::vector<Alias>());
  for (const HuJson::Member& member : owners->members) {
    const std::string where = absl::StrCat("tagOwners.", member.name);
    if (!CheckTagName(member.name, member.at, where)) continue;
    std::vector<Alias>& aliases = policy_.tag_owners[member.name];
    ForEachText(member.value.is(Kind::kNull) ? nullptr : &member.value, where,
                [&](const HuJson& owner, const std::string& inner) {
                  std::optional<Alias> alias =
                      Approver(owner, inner, "own a tag", /*tags_since=*/kTagTreePolicy);
                  if (alias) aliases.push_back(*std::move(alias));
                });
  }
  if (minor_ >= kTagTreePolicy) CheckTagCycles(*owners);
}

bool Reader::CheckTagName(absl::string_view name, Position at, const std::string& where) {
  if (!absl::StartsWith(name, "tag:")) {
    RefuseSince(
        kStrictPolicy, at, where,
        absl::StrCat("the name of a tag starts with \"tag:\", ", QuoteJson(name), " does not"),
        absl::StrCat("Write \"tag:", name, "\"."));
    return minor_ < kStrictPolicy;
  }
  if (minor_ >= kGrantsPolicy &&
      (name.size() == 4 || !absl::ascii_isalpha(static_cast<unsigned char>(name[4])))) {
    Refuse(at, where,
           absl::StrCat("the name of a tag goes on with a letter after \"tag:\", ", QuoteJson(name),
                        " does not"),
           "Rename the tag: \"tag:web\".");
    return false;
  }
  return true;
}

void Reader::CheckTagCycles(const HuJson& owners) {
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
    policy_.findings.push_back({minor_ == kTagTreePolicy, member.at,
                                absl::StrCat("tagOwners.", member.name),
                                absl::StrCat("the owners of ", QuoteJson(member.name),
                                             " come back to a tag that they own"),
                                "Let a user or a group own one of them."});
    return;
  }
}

std::optional<Alias> Reader::Approver(const HuJson& value, const std::string& where,
                                      absl::string_view what, int tags_since) {
  const std::string& text = value.text;
  Alias alias = Resolve(text, value.at);
  if (minor_ < kTypedPolicy) {
    NoteUser(text, value.at, where);
    if (absl::StartsWith(text, "group:") && policy_.groups.count(text) == 0) {
      Note(value.at, where, absl::StrCat("there is no group ", QuoteJson(text)),
           "Add it to \"groups\".");
    }
    return alias;
  }
  if (alias.kind == Alias::Kind::kTag && minor_ < tags_since) {
    Refuse(value.at, where, absl::StrCat("a tag cannot ", what, " on Headscale 0.", minor_),
           absl::StrCat("Tags can from Headscale 0.", tags_since, " on; name users or groups."));
    return std::nullopt;
  }
  if (alias.kind != Alias::Kind::kUser && alias.kind != Alias::Kind::kGroup &&
      alias.kind != Alias::Kind::kTag) {
    Refuse(value.at, where,
           absl::StrCat(QuoteJson(text), " cannot ", what, ": it is no user, group or tag"),
           UserRemedy(text));
    return std::nullopt;
  }
  if (!CheckDefined(alias, where)) return std::nullopt;
  return alias;
}

std::string Reader::UserRemedy(absl::string_view text) const {
  const std::string tag = absl::StrCat("tag:", text), group = absl::StrCat("group:", text);
  if (policy_.tag_owners.count(tag) > 0)
    return absl::StrCat("Did you mean \"", tag, "\"? Tags start with \"tag:\".");
  if (policy_.groups.count(group) > 0)
    return absl::StrCat("Did you mean \"", group, "\"? Groups start with \"group:\".");
  if (text.empty() || absl::StrContains(text, ":"))
    return "There are users (\"ann@\"), \"group:...\", \"tag:...\", \"autogroup:...\", hosts, "
           "addresses, networks and \"*\".";
  return absl::StrCat("A user's name ends with @ unless it holds one: \"", text,
                      "@\". A host must stand in \"hosts\".");
}

Alias Reader::Resolve(absl::string_view text, Position at) const {
  Alias alias = ParseAlias(text, minor_, policy_);
  alias.at = at;
  return alias;
}

bool Reader::CheckDefined(const Alias& alias, const std::string& where) {
  if (alias.kind == Alias::Kind::kGroup && policy_.groups.count(alias.text) == 0) {
    Refuse(alias.at, where, absl::StrCat("there is no group ", QuoteJson(alias.text)),
           absl::StrCat("Add it to \"groups\"",
                        policy_.groups.empty()
                            ? "."
                            : absl::StrCat("; there are ", Keys(policy_.groups), ".")));
    return false;
  }
  if (alias.kind == Alias::Kind::kGroup && minor_ < kTypedPolicy &&
      nested_groups_.count(alias.text) > 0) {
    Refuse(alias.at, where,
           absl::StrCat("the group ", QuoteJson(alias.text), " holds another group"),
           "Write the members of that group instead.");
    return false;
  }
  if (alias.kind == Alias::Kind::kTag && policy_.tag_owners.count(alias.text) == 0) {
    RefuseSince(kTypedPolicy, alias.at, where,
                absl::StrCat("there is no tag ", QuoteJson(alias.text), " in \"tagOwners\""),
                absl::StrCat("Add \"", alias.text,
                             "\": [] to \"tagOwners\", with the users who may give it",
                             policy_.tag_owners.empty()
                                 ? "."
                                 : absl::StrCat("; there are ", Keys(policy_.tag_owners), ".")));
    // expandIPsFromTag (hscontrol/policy/acls.go, v0.23.0 and v0.25.1).
    if (minor_ < kTypedPolicy) policy_.findings.back().unless_tag = alias.text;
    return minor_ < kTypedPolicy;
  }
  if (alias.kind == Alias::Kind::kHost && policy_.hosts.count(alias.text) == 0) {
    Refuse(alias.at, where,
           absl::StrCat(QuoteJson(alias.text), " is neither a host of \"hosts\" nor a user"),
           UserRemedy(alias.text));
    return false;
  }
  return true;
}

void Reader::ReadAutoApprovers() {
  const HuJson* approvers = Field(document_, "autoApprovers");
  if (!Is(approvers, Kind::kObject, "autoApprovers")) return;
  CheckFields(*approvers, "autoApprovers", {"routes", "exitNode"});
  const auto check = [this](const HuJson& value, const std::string& where) {
    Approver(value, where, "approve a route", /*tags_since=*/0);
  };
  ForEachText(Field(*approvers, "exitNode"), "autoApprovers.exitNode", check);
  const HuJson* routes = Field(*approvers, "routes");
  if (!Is(routes, Kind::kObject, "autoApprovers.routes")) return;
  for (const HuJson::Member& member : routes->members) {
    const std::string where = absl::StrCat("autoApprovers.routes.", member.name);
    const std::optional<Prefix> prefix = Prefix::Parse(member.name);
    if (!prefix && !(member.name.empty() && minor_ >= kTypedPolicy)) {
      // Before 0.26 nobody looks until a node advertises a route.
      RefuseSince(kTypedPolicy, member.at, where,
                  absl::StrCat(QuoteJson(member.name), " is no network"),
                  "Write \"10.0.0.0/24\"; one address is \"10.0.0.5/32\".");
      if (minor_ >= kTypedPolicy) continue;
    }
    if (prefix) NoteHostBits(*prefix, member.name, member.at, where);
    ForEachText(member.value.is(Kind::kNull) ? nullptr : &member.value, where, check);
  }
}

void Reader::CheckNotEmpty(const HuJson* acls) {
  const auto none = [](const HuJson* value) {
    return value == nullptr || (value->members.empty() && value->items.empty());
  };
  if (none(acls) && none(Field(document_, "groups")) && none(Field(document_, "hosts"))) {
    Refuse(document_.at, "policy",
           absl::StrCat("Headscale 0.", minor_, " refuses a policy without groups, hosts and acls"),
           "To allow nothing, add a group: \"groups\": {\"group:none\": []}; 0.26 and later take "
           "\"acls\": [].");
  }
}

Policy ReadPolicy(const HuJson& document, int minor) { return Reader(document, minor).Read(); }

}  // namespace charon::headscale::policy
