#include "headscale_policy.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "json.h"
#include "status.h"

namespace charon::sandbox::headscale {
namespace {

using Ordered = nlohmann::ordered_json;

// --- HuJSON -------------------------------------------------------------------------------------

class Standardiser {
 public:
  explicit Standardiser(absl::string_view text) : text_(text), out_(text) {}

  absl::StatusOr<std::string> Run() {
    bool good = Extra() && Value(0) && Extra();
    if (good && at_ < text_.size()) good = Invalid("after top-level value");
    if (good) return out_;
    const absl::string_view before = text_.substr(0, at_);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto start = before.rfind('\n');
    const std::size_t column = 1 + at_ - (start == absl::string_view::npos ? 0 : start + 1);
    return absl::UnknownError(
        absl::StrCat("hujson: line ", line, ", column ", column, ": ", error_));
  }

 private:
  bool Fail(std::string error) {
    error_ = std::move(error);
    return false;
  }
  bool Invalid(absl::string_view where) {
    const char c = text_[at_];
    const std::string what = c == '\''   ? R"('\'')"
                             : c == '\n' ? R"('\n')"
                                         : absl::StrCat("'", std::string(1, c), "'");
    return Fail(absl::StrCat("invalid character ", what, " ", where));
  }
  bool End() const { return at_ >= text_.size(); }
  void Blank(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (out_[i] != '\n') out_[i] = ' ';
    }
  }

  // Blanks and comments.
  bool Extra() {
    while (!End()) {
      if (absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) {
        ++at_;
        continue;
      }
      const absl::string_view rest = text_.substr(at_);
      std::size_t end = 0;
      if (absl::StartsWith(rest, "//")) {
        end = rest.find('\n');
        if (end == absl::string_view::npos) end = rest.size();
      } else if (absl::StartsWith(rest, "/*")) {
        end = rest.find("*/", 2);
        if (end == absl::string_view::npos) {
          return Fail("parsing comment: unexpected EOF");
        }
        end += 2;
      } else {
        return true;
      }
      Blank(at_, at_ + end);
      at_ += end;
    }
    return true;
  }

  bool String() {
    for (++at_;; ++at_) {
      if (End()) return Fail("parsing string: unexpected EOF");
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
  }

  bool Value(int depth) {
    if (End()) return Fail("parsing value: unexpected EOF");
    if (depth > 1000) return Fail("exceeded maximum nesting depth");
    const char c = text_[at_];
    if (c == '{') return Members('}', depth);
    if (c == '[') return Members(']', depth);
    if (c == '"') return String();
    if (c == '}' || c == ']') return Invalid("at start of value");
    const std::size_t start = at_;
    const auto in_literal = [](char one) {
      return absl::ascii_isalnum(static_cast<unsigned char>(one)) || absl::StrContains("+-.", one);
    };
    while (!End() && in_literal(text_[at_])) ++at_;
    const absl::string_view literal = text_.substr(start, at_ - start);
    if (literal.empty()) return Invalid("at start of value");
    if (!Json::accept(literal)) {
      at_ = start;
      return Fail(absl::StrCat("invalid literal: ", literal));
    }
    return true;
  }

  bool Members(char close, int depth) {
    const bool object = close == '}';
    ++at_;
    std::size_t comma = std::string::npos;  // The last one, while nothing follows it.
    while (true) {
      if (!Extra()) return false;
      if (!End() && text_[at_] == close) {
        if (comma != std::string::npos) out_[comma] = ' ';
        ++at_;
        return true;
      }
      const std::size_t start = at_;
      if (!Value(depth + 1)) return false;
      if (object) {
        if (text_[start] != '"') {
          at_ = start;
          return Invalid("at start of object name");
        }
        if (!Extra()) return false;
        if (End()) return Fail("parsing object after name: unexpected EOF");
        if (text_[at_] != ':') return Invalid("after object name");
        ++at_;
        if (!Extra() || !Value(depth + 1)) return false;
      }
      if (!Extra()) return false;
      if (End())
        return Fail(
            absl::StrCat("parsing ", object ? "object" : "array", " after value: unexpected EOF"));
      if (text_[at_] == ',') {
        comma = at_++;
        continue;
      }
      if (text_[at_] == close) {
        comma = std::string::npos;
        continue;
      }
      return Invalid(object ? "after object value (expecting ',' or '}')"
                            : "after array value (expecting ',' or ']')");
    }
  }

  const absl::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  std::string error_;
};

absl::StatusOr<Ordered> ParseHujson(const std::string& text) {
  SANDBOX_ASSIGN_OR_RETURN(const std::string json, Standardise(text));
  Ordered out = Ordered::parse(json, nullptr, false);
  if (out.is_discarded()) return absl::UnknownError("invalid JSON");
  return out;
}

std::vector<std::string> Strings(const Ordered& value) {
  std::vector<std::string> out;
  if (!value.is_array()) return out;
  for (const Ordered& one : value) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  }
  return out;
}

const Ordered& Member(const Ordered& object, const char* name) {
  static const Ordered& none = *new Ordered();
  if (!object.is_object()) return none;
  const auto it = object.find(name);
  return it == object.end() ? none : *it;
}

std::map<std::string, std::vector<std::string>> Lists(const Ordered& object) {
  std::map<std::string, std::vector<std::string>> out;
  if (!object.is_object()) return out;
  for (const auto& [name, value] : object.items()) out[name] = Strings(value);
  return out;
}

Policy Used(const Ordered& document) {
  Policy out;
  out.groups = Lists(Member(document, "groups"));
  out.tag_owners = Lists(Member(document, "tagOwners"));
  out.route_approvers = Lists(Member(Member(document, "autoApprovers"), "routes"));
  out.exit_approvers = Strings(Member(Member(document, "autoApprovers"), "exitNode"));
  return out;
}

const char* KindOf(const Ordered& value) {
  return value.is_string()    ? "string"
         : value.is_boolean() ? "bool"
         : value.is_number()  ? "number"
         : value.is_array()   ? "array"
                              : "object";
}

// --- 0.23 ---------------------------------------------------------------------------------------

absl::Status CheckPorts023(const std::string& ports) {
  if (ports == "*") return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(ports, ',')) {
    const std::vector<std::string> ends = absl::StrSplit(part, '-');
    if (ends.size() > 2) return absl::UnknownError("invalid port format");
    for (const std::string& end : ends) {
      std::uint32_t number = 0;
      if (!absl::SimpleAtoi(end, &number)) {
        return absl::UnknownError(
            absl::StrCat("strconv.ParseUint: parsing ", Quote(end), ": invalid syntax"));
      }
      if (number > 65535) {
        return absl::UnknownError(
            absl::StrCat("strconv.ParseUint: parsing ", Quote(end), ": value out of range"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAlias023(const std::string& alias, const Policy& policy,
                           const PolicyContext& context) {
  if (absl::StartsWith(alias, "group:") && !policy.groups.contains(alias)) {
    return absl::UnknownError(absl::StrCat("group ", alias, " isn't registered. invalid group"));
  }
  if (absl::StartsWith(alias, "tag:") && !policy.tag_owners.contains(alias) &&
      !context.is_forced_tag(alias)) {
    return absl::UnknownError(absl::StrCat(
        "invalid tag. ", alias, " isn't owned by a TagOwner and no forced tags are defined"));
  }
  if (absl::StartsWith(alias, "autogroup:") && alias != "autogroup:internet") {
    return absl::UnknownError(absl::StrCat("unknown autogroup ", Quote(alias)));
  }
  return absl::OkStatus();
}

absl::Status CheckRules023(const Ordered& acls, const Policy& policy,
                           const PolicyContext& context) {
  int index = 0;
  for (const Ordered& acl : acls) {
    const std::string action =
        Member(acl, "action").is_string() ? Member(acl, "action").get<std::string>() : "";
    if (action != "accept") return absl::UnknownError("invalid action");
    int source_index = 0;
    for (const std::string& source : Strings(Member(acl, "src"))) {
      if (const absl::Status status = CheckAlias023(source, policy, context); !status.ok()) {
        return absl::UnknownError(absl::StrCat("parsing policy, acl index: ", index, "->",
                                               source_index, ": ", status.message()));
      }
      ++source_index;
    }
    for (const std::string& destination : Strings(Member(acl, "dst"))) {
      const auto colon = destination.rfind(':');
      if (colon == std::string::npos) {
        return absl::UnknownError(absl::StrCat("failed to parse destination, tokens [", destination,
                                               "]: invalid port format"));
      }
      SANDBOX_RETURN_IF_ERROR(CheckAlias023(destination.substr(0, colon), policy, context));
      SANDBOX_RETURN_IF_ERROR(CheckPorts023(destination.substr(colon + 1)));
    }
    ++index;
  }
  return absl::OkStatus();
}

// --- 0.29 ---------------------------------------------------------------------------------------

bool IsAutogroup(const std::string& alias) { return absl::StartsWith(alias, "autogroup:"); }

absl::Status Unmarshal(absl::string_view json_kind, absl::string_view go_type,
                       absl::string_view pointer, absl::string_view why) {
  return absl::UnknownError(absl::StrCat("parsing policy from bytes: json: cannot unmarshal JSON ",
                                         json_kind, " into Go v2.", go_type, " within ",
                                         Quote(pointer), ": ", why));
}

bool IsUser(const std::string& text) { return absl::StrContains(text, '@'); }

absl::Status CheckTagName(const std::string& tag) {
  if (!absl::StartsWith(tag, "tag:")) {
    return absl::UnknownError(absl::StrCat("tag must start with 'tag:', got: ", Quote(tag)));
  }
  if (tag.size() < 5 || !absl::ascii_isalpha(static_cast<unsigned char>(tag[4]))) {
    return absl::UnknownError("tag names must start with a letter, after 'tag:'");
  }
  return absl::OkStatus();
}

// One end of a rule. OK says nothing about whether what it names exists.
absl::Status CheckAlias029(const std::string& alias) {
  if (ParseAddressOrPrefix(alias).ok() || alias == "*" || IsUser(alias)) return absl::OkStatus();
  for (const char* kind : {"group:", "tag:", "autogroup:"}) {
    if (absl::StartsWith(alias, kind)) return absl::OkStatus();
  }
  if (!absl::StrContains(alias, ':')) return absl::OkStatus();  // A host.
  return absl::UnknownError(absl::StrCat("invalid alias format: ", Quote(alias)));
}

absl::Status CheckPort029(absl::string_view text, int* port) {
  if (!absl::SimpleAtoi(text, port)) return absl::UnknownError("invalid first integer");
  if (*port < 0 || *port > 65535) return absl::UnknownError("port number out of range");
  return absl::OkStatus();
}

absl::Status CheckPorts029(const std::string& ports) {
  if (ports == "*") return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(ports, ',')) {
    int first = 0;
    if (!absl::StrContains(part, '-')) {
      SANDBOX_RETURN_IF_ERROR(CheckPort029(part, &first));
      if (first < 1) return absl::UnknownError("first port must be >0, or use '*' for wildcard");
      continue;
    }
    const std::vector<std::string> ends = absl::StrSplit(part, '-', absl::SkipEmpty());
    if (ends.size() != 2) return absl::UnknownError("invalid port range format");
    int last = 0;
    SANDBOX_RETURN_IF_ERROR(CheckPort029(ends[0], &first));
    SANDBOX_RETURN_IF_ERROR(CheckPort029(ends[1], &last));
    if (first > last)
      return absl::UnknownError("invalid port range: first port is greater than last port");
  }
  return absl::OkStatus();
}

// "host:ports" taken apart and checked; sets `alias`.
absl::Status CheckDestination029(const std::string& text, std::string* alias) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return absl::UnknownError("hostport must contain a colon");
  if (colon == 0) return absl::UnknownError("input cannot start with a colon character");
  if (colon + 1 == text.size())
    return absl::UnknownError("input cannot end with a colon character");
  *alias = text.substr(0, colon);
  if (absl::StartsWith(*alias, "[") && absl::EndsWith(*alias, "]"))
    *alias = alias->substr(1, alias->size() - 2);
  const std::string ports = text.substr(colon + 1);
  if (const absl::Status status = CheckPorts029(ports); !status.ok()) {
    return absl::UnknownError(
        absl::StrCat("dst=", Quote(text), ": port range ", Quote(ports), ": ", status.message()));
  }
  return CheckAlias029(*alias);
}

absl::Status CheckGroups029(const Ordered& groups) {
  const auto refuse = [](absl::string_view why) {
    return Unmarshal("object", "Groups", "/groups", why);
  };
  for (const auto& [name, members] : groups.items()) {
    if (!absl::StartsWith(name, "group:")) {
      return refuse(absl::StrCat("group must start with 'group:', got: ", Quote(name)));
    }
  }
  for (const auto& [name, members] : groups.items()) {
    if (!members.is_array()) {
      return refuse(absl::StrCat(
          "group value must be an array of users: group ", Quote(name), " got ",
          members.is_string() ? absl::StrCat("string: ", Quote(members.get<std::string>()))
                              : KindOf(members)));
    }
    for (const std::string& member : Strings(members)) {
      if (absl::StartsWith(member, "group:")) {
        return refuse(absl::StrCat("groups[", Quote(name), "]: ", Quote(member),
                                   ": group members cannot be recursive"));
      }
      if (!IsUser(member))
        return refuse(absl::StrCat("username must contain @, got: ", Quote(member)));
    }
  }
  return absl::OkStatus();
}

// Owners of tags and approvers of routes; `wrong` is what one that is neither user, group nor tag
// is called.
absl::Status CheckPeople(const Ordered& people, absl::string_view go_type,
                         const std::string& pointer, absl::string_view wrong) {
  int index = 0;
  for (const std::string& one : Strings(people)) {
    if (!IsUser(one) && !absl::StartsWith(one, "group:") && !absl::StartsWith(one, "tag:")) {
      return Unmarshal("string", go_type, absl::StrCat(pointer, "/", index),
                       absl::StrCat(wrong, ": ", Quote(one)));
    }
    ++index;
  }
  return absl::OkStatus();
}

struct Ends {
  std::vector<std::string> sources, destinations;
};

absl::StatusOr<std::vector<Ends>> CheckAcls029(const Ordered& acls) {
  std::vector<Ends> out;
  int index = 0;
  for (const Ordered& acl : acls) {
    const std::string pointer = absl::StrCat("/acls/", index++);
    Ends& ends = out.emplace_back();
    // The server sorts the fields of a rule before it reads them.
    if (const Ordered& action = Member(acl, "action"); action.is_string() && action != "accept") {
      return Unmarshal("string", "Action", pointer + "/action",
                       absl::StrCat("action=", Quote(action.get<std::string>()),
                                    " is not supported: invalid ACL action"));
    }
    int at = 0;
    for (const std::string& text : Strings(Member(acl, "dst"))) {
      std::string& alias = ends.destinations.emplace_back();
      if (const absl::Status status = CheckDestination029(text, &alias); !status.ok()) {
        return Unmarshal("string", "AliasWithPorts", absl::StrCat(pointer, "/dst/", at),
                         status.message());
      }
      ++at;
    }
    at = 0;
    for (const std::string& alias : Strings(Member(acl, "src"))) {
      ends.sources.push_back(alias);
      if (const absl::Status status = CheckAlias029(alias); !status.ok()) {
        return Unmarshal("string", "AliasEnc", absl::StrCat(pointer, "/src/", at),
                         status.message());
      }
      ++at;
    }
    for (const auto& [name, value] : acl.items()) {
      if (absl::StartsWith(name, "#")) continue;
      if (name != "action" && name != "src" && name != "dst" && name != "proto") {
        return absl::UnknownError(absl::StrCat("unknown field: ", Quote(name)));
      }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> Standardise(absl::string_view hujson) {
  return Standardiser(hujson).Run();
}

std::vector<std::string> Policy::Expand(const std::vector<std::string>& owners) const {
  std::vector<std::string> out;
  for (const std::string& owner : owners) {
    const auto group = groups.find(owner);
    if (group == groups.end()) {
      out.push_back(owner);
    } else {
      out.insert(out.end(), group->second.begin(), group->second.end());
    }
  }
  return out;
}

absl::StatusOr<Policy> ReadPolicy023(const std::string& text, const PolicyContext& context) {
  const auto loading = [](absl::string_view why) {
    return absl::UnknownError(absl::StrCat("loading ACL policy file: ", why));
  };
  absl::StatusOr<Ordered> document = ParseHujson(text);
  if (!document.ok())
    return loading(absl::StrCat("parsing hujson, err: ", document.status().message()));
  if (document->is_object()) {
    if (const Ordered& acls = Member(*document, "acls"); !acls.is_null() && !acls.is_array()) {
      return loading(absl::StrCat("unmarshalling policy, err: json: cannot unmarshal ",
                                  KindOf(acls),
                                  " into Go struct field ACLPolicy.acls of type []policy.ACL"));
    }
    if (const Ordered& hosts = Member(*document, "hosts"); hosts.is_object()) {
      for (const auto& [name, address] : hosts.items()) {
        const std::string host = address.is_string() ? address.get<std::string>() : "";
        const std::string prefix = absl::StrContains(host, '/') ? host : absl::StrCat(host, "/32");
        if (!ParsePrefix(prefix).ok()) {
          return loading(
              absl::StrCat("unmarshalling policy, err: ", ParsePrefix(prefix).status().message()));
        }
      }
    }
  }
  const Policy policy = Used(*document);
  const Ordered& acls = Member(*document, "acls");
  if (policy.groups.empty() && Member(*document, "hosts").empty() && acls.empty())
    return loading("empty policy");
  if (const absl::Status status = CheckRules023(acls, policy, context); !status.ok()) {
    return absl::UnknownError(absl::StrCat("verifying policy rules: ", status.message()));
  }
  return policy;
}

absl::StatusOr<Policy> ReadPolicy029(const std::string& text) {
  if (text.empty()) return Policy();
  absl::StatusOr<Ordered> document = ParseHujson(text);
  if (!document.ok())
    return absl::UnknownError(absl::StrCat("parsing HuJSON: ", document.status().message()));
  std::vector<Ends> rules;
  static const auto& known =
      *new std::set<std::string>{"groups", "hosts",     "tagOwners",          "acls",
                                 "grants", "nodeAttrs", "autoApprovers",      "ssh",
                                 "tests",  "sshTests",  "randomizeClientPort"};
  for (const auto& [name, value] : document->items()) {
    if (!known.contains(name))
      return absl::UnknownError(absl::StrCat("unknown field: ", Quote(name)));
    if (name == "groups" && value.is_object()) SANDBOX_RETURN_IF_ERROR(CheckGroups029(value));
    if (name == "hosts" && value.is_object()) {
      for (const auto& [host, address] : value.items()) {
        const std::string one = address.is_string() ? address.get<std::string>() : "";
        if (ParseAddressOrPrefix(one).ok()) continue;
        return Unmarshal("object", "Hosts", "/hosts",
                         absl::StrCat("hostname contains invalid IP address: hostname ",
                                      Quote(host), " address ", Quote(one)));
      }
    }
    if (name == "tagOwners" && value.is_object()) {
      for (const auto& [tag, owners] : value.items()) {
        if (const absl::Status status = CheckTagName(tag); !status.ok()) {
          if (absl::StartsWith(tag, "tag:")) {
            return absl::UnknownError(
                absl::StrCat("tagOwners[", Quote(tag), "]: ", status.message()));
          }
          return Unmarshal("string", "Tag", "/tagOwners/" + tag, status.message());
        }
        SANDBOX_RETURN_IF_ERROR(
            CheckPeople(owners, "OwnerEnc", "/tagOwners/" + tag, "invalid owner format"));
      }
    }
    if (name == "acls") {
      SANDBOX_ASSIGN_OR_RETURN(rules, CheckAcls029(value));
    }
    if (name == "autoApprovers" && value.is_object()) {
      const Ordered& routes = Member(value, "routes");
      if (routes.is_object()) {
        for (const auto& [prefix, approvers] : routes.items()) {
          SANDBOX_RETURN_IF_ERROR(CheckPeople(
              approvers, "AutoApproverEnc",
              "/autoApprovers/routes/" + absl::StrJoin(absl::StrSplit(prefix, '/'), "~1"),
              "invalid auto approver format"));
        }
      }
    }
  }
  Policy policy = Used(*document);
  const Ordered& hosts = Member(*document, "hosts");
  // All that is undefined is named at once.
  std::vector<std::string> errors;
  const auto missing = [&](const std::string& alias, absl::string_view before_tag) {
    if (absl::StartsWith(alias, "group:")) {
      if (!policy.groups.contains(alias))
        errors.push_back(absl::StrCat("group not defined in policy: ", Quote(alias)));
    } else if (absl::StartsWith(alias, "tag:")) {
      if (!policy.tag_owners.contains(alias))
        errors.push_back(absl::StrCat(before_tag, "tag not found: ", Quote(alias)));
    } else if (alias != "*" && !IsUser(alias) && !ParseAddressOrPrefix(alias).ok() &&
               !hosts.contains(alias)) {
      errors.push_back(absl::StrCat("host not defined in policy: ", Quote(alias)));
    }
  };
  static const auto& sources =
      *new std::vector<std::string>{"autogroup:member", "autogroup:tagged", "autogroup:danger-all"};
  static const auto& destinations = *new std::vector<std::string>{
      "autogroup:internet", "autogroup:member", "autogroup:tagged", "autogroup:self"};
  const auto unsupported = [&](const std::string& alias, absl::string_view where,
                               const std::vector<std::string>& can) {
    if (std::count(can.begin(), can.end(), alias) > 0) return;
    errors.push_back(absl::StrCat("autogroup not supported for ACL ", where, ": ", Quote(alias),
                                  ", can be [", absl::StrJoin(can, " "), "]"));
  };
  for (const Ends& rule : rules) {
    for (const std::string& source : rule.sources) {
      if (source == "autogroup:internet") {
        errors.push_back("autogroup:internet can only be used in ACL destinations");
      } else if (source == "autogroup:self") {
        errors.push_back("\"autogroup:self\" not valid on the src side of a rule");
      } else if (IsAutogroup(source)) {
        unsupported(source, "sources", sources);
      } else {
        missing(source, "src=");
      }
    }
    for (const std::string& destination : rule.destinations) {
      if (destination == "autogroup:danger-all") {
        errors.push_back("cannot use autogroup:danger-all as a dst");
      } else if (IsAutogroup(destination)) {
        unsupported(destination, "destinations", destinations);
      } else {
        missing(destination, absl::StrCat("dst=", Quote(destination), ": "));
      }
    }
  }
  for (const auto& [tag, owners] : policy.tag_owners) {
    for (const std::string& owner : owners) missing(owner, "");
  }
  for (const auto& [prefix, approvers] : policy.route_approvers) {
    for (const std::string& approver : approvers) missing(approver, "");
  }
  for (const std::string& approver : policy.exit_approvers) missing(approver, "");
  if (!errors.empty()) {
    if (errors.size() == 1) return absl::UnknownError(errors[0]);
    return absl::UnknownError(absl::StrCat("multiple errors:\n\t", absl::StrJoin(errors, "\n\t")));
  }
  return policy;
}

}  // namespace charon::sandbox::headscale
