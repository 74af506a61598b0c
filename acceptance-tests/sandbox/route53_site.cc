#include "route53_site.h"

#include <algorithm>
#include <iterator>
#include <pugixml.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dns_values.h"
#include "status.h"

namespace charon::sandbox {
namespace {

using RecordSet = Route53Site::RecordSet;

constexpr absl::string_view kRoot = "/2013-04-01/";
constexpr absl::string_view kNamespace = "https://route53.amazonaws.com/doc/2013-04-01/";
constexpr int kMaxItems = 300, kMaxZones = 100;
constexpr int kMaxChanges = 1000, kMaxCharacters = 32'000;

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string Element(absl::string_view name, absl::string_view text) {
  return absl::StrCat("<", name, ">", Escaped(text), "</", name, ">");
}

HttpResponse Xml(absl::string_view root, absl::string_view content, int code = 200) {
  HttpResponse out;
  out.status = code;
  out.content_type = "text/xml";
  out.body = absl::StrCat("<?xml version=\"1.0\"?>\n<", root, " xmlns=\"", kNamespace, "\">",
                          content, "</", root, ">");
  return out;
}

// As Route 53 keeps names: lower case, fully qualified, other characters than letters, digits, "-",
// "_" and "." as octal escapes.
std::string Stored(absl::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if (c == '\\' && i + 3 < name.size() &&
        absl::ascii_isdigit(static_cast<unsigned char>(name[i + 1]))) {
      absl::StrAppend(&out, name.substr(i, 4));
      i += 3;
    } else if (absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.') {
      out.push_back(absl::ascii_tolower(c));
    } else {
      absl::StrAppendFormat(&out, "\\%03o", c);
    }
  }
  if (!absl::EndsWith(out, ".")) out.push_back('.');
  return out;
}

std::string Child(const pugi::xml_node& node, const char* name) {
  return node.child(name).text().get();
}

std::optional<std::int64_t> NumberOf(const pugi::xml_node& node, const char* name) {
  std::int64_t value = 0;
  if (!node.child(name) || !absl::SimpleAtoi(Child(node, name), &value)) return std::nullopt;
  return value;
}

RecordSet ReadSet(const pugi::xml_node& node) {
  RecordSet set;
  set.name = Stored(Child(node, "Name"));
  set.type = Child(node, "Type");
  set.set_id = Child(node, "SetIdentifier");
  set.ttl = NumberOf(node, "TTL");
  set.weight = NumberOf(node, "Weight");
  set.failover = Child(node, "Failover");
  set.region = Child(node, "Region");
  set.health_check = Child(node, "HealthCheckId");
  set.multi_value = Child(node, "MultiValueAnswer") == "true";
  if (const pugi::xml_node geo = node.child("GeoLocation")) {
    std::ostringstream text;
    geo.print(text, "", pugi::format_raw);
    set.geo = text.str();
  }
  if (const pugi::xml_node alias = node.child("AliasTarget")) {
    set.alias_zone = Child(alias, "HostedZoneId");
    set.alias_name = Stored(Child(alias, "DNSName"));
    set.alias_health = Child(alias, "EvaluateTargetHealth") == "true";
  }
  for (const pugi::xml_node record : node.child("ResourceRecords").children("ResourceRecord")) {
    set.values.push_back(Child(record, "Value"));
  }
  return set;
}

std::string SetXml(const RecordSet& set) {
  std::string out = absl::StrCat(Element("Name", set.name), Element("Type", set.type));
  if (!set.set_id.empty()) absl::StrAppend(&out, Element("SetIdentifier", set.set_id));
  if (set.weight) absl::StrAppend(&out, Element("Weight", absl::StrCat(*set.weight)));
  if (!set.region.empty()) absl::StrAppend(&out, Element("Region", set.region));
  absl::StrAppend(&out, set.geo);
  if (!set.failover.empty()) absl::StrAppend(&out, Element("Failover", set.failover));
  if (set.multi_value) absl::StrAppend(&out, Element("MultiValueAnswer", "true"));
  if (set.is_alias()) {
    absl::StrAppend(&out, "<AliasTarget>", Element("HostedZoneId", set.alias_zone),
                    Element("DNSName", set.alias_name),
                    Element("EvaluateTargetHealth", set.alias_health ? "true" : "false"),
                    "</AliasTarget>");
  } else {
    absl::StrAppend(&out, Element("TTL", absl::StrCat(set.ttl.value_or(0))), "<ResourceRecords>");
    for (const std::string& value : set.values)
      absl::StrAppend(&out, "<ResourceRecord>", Element("Value", value), "</ResourceRecord>");
    absl::StrAppend(&out, "</ResourceRecords>");
  }
  if (!set.health_check.empty()) absl::StrAppend(&out, Element("HealthCheckId", set.health_check));
  return absl::StrCat("<ResourceRecordSet>", out, "</ResourceRecordSet>");
}

std::string Named(const RecordSet& set) {
  return absl::StrCat("[name='", set.name, "', type='", set.type, "'",
                      set.set_id.empty() ? "" : absl::StrCat(", set identifier='", set.set_id, "'"),
                      "]");
}

// The quoted strings of a TXT value; nullopt where it is no sequence of them.
std::optional<std::vector<std::string>> QuotedStrings(absl::string_view text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    if (text[i] != '"') return std::nullopt;
    std::string one;
    for (++i; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && i + 3 < text.size() &&
          absl::ascii_isdigit(static_cast<unsigned char>(text[i + 1]))) {
        i += 3;
      } else if (text[i] == '\\') {
        ++i;
      }
      one.push_back('x');
    }
    if (i++ >= text.size()) return std::nullopt;
    out.push_back(one);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

// What is wrong with one value, in Route 53's words; "" for nothing.
std::string ValueProblem(const std::string& type, const std::string& value) {
  const auto fatal = [&](absl::string_view code, absl::string_view why) {
    return absl::StrCat("Invalid Resource Record: 'FATAL problem: ", code, " (", why,
                        ") encountered with '", value, "''");
  };
  if (type == "A" && !dns::IsIpv4(value))
    return fatal("ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address");
  if (type == "AAAA" && !dns::IsIpv6(value))
    return fatal("AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address");
  if ((type == "CNAME" || type == "NS" || type == "PTR") && !dns::IsName(value)) {
    return fatal("DomainLabelIllegal", "Domain name contains an invalid character");
  }
  if (type == "TXT" || type == "SPF") {
    const auto strings = QuotedStrings(value);
    if (!strings.has_value())
      return fatal("InvalidCharacterString", "Value should be enclosed in quotation marks");
    for (const std::string& one : *strings) {
      if (one.size() > 255) return fatal("CharacterStringTooLong", "Value is too long");
    }
  }
  const std::vector<std::string> words = absl::StrSplit(value, ' ', absl::SkipEmpty());
  std::int64_t number = 0;
  if (type == "MX" && (words.size() != 2 || !absl::SimpleAtoi(words[0], &number))) {
    return fatal("MXRRDATANotTwoFields", "Resource record data must have exactly two fields");
  }
  if (type == "SRV" && words.size() != 4)
    return fatal("SRVRRDATANotFourFields", "Resource record data must have exactly four fields");
  if (type == "CAA" && words.size() < 3)
    return fatal("CAARRDATANotThreeFields", "Resource record data must have three fields");
  return "";
}

bool IsApex(const RecordSet& set, const std::string& zone) { return set.name == zone; }

}  // namespace

Route53Site::Route53Site(aws::Credentials credentials, std::uint64_t seed,
                         std::function<absl::Time()> now)
    : credentials_(std::move(credentials)), now_(std::move(now)), random_(seed) {}

void Route53Site::Reset() {
  absl::MutexLock lock(&mu_);
  zones_.clear();
  changes_.clear();
  propagation_ = absl::Milliseconds(200);
  per_second_ = 0;
}

Route53Site::Key Route53Site::KeyOf(const RecordSet& set) {
  std::vector<std::string> labels = absl::StrSplit(absl::StripSuffix(set.name, "."), '.');
  std::reverse(labels.begin(), labels.end());
  return {labels, set.type, set.set_id};
}

HttpResponse Route53Site::Refuse(const Failure& failure) {
  const std::string id = "<RequestId>00000000-0000-4000-8000-000000000000</RequestId>";
  if (failure.code == "InvalidChangeBatch") {
    std::string content = "<Messages>";
    for (const std::string& message : failure.messages)
      absl::StrAppend(&content, Element("Message", message));
    return Xml("InvalidChangeBatch", absl::StrCat(content, "</Messages>", id), failure.http);
  }
  return Xml("ErrorResponse",
             absl::StrCat("<Error>", Element("Type", failure.http >= 500 ? "Receiver" : "Sender"),
                          Element("Code", failure.code), Element("Message", failure.message),
                          "</Error>", id),
             failure.http);
}

std::string Route53Site::NewId(const char* prefix) {
  constexpr absl::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string out = prefix;
  while (out.size() < 21) out.push_back(kLetters[random_() % kLetters.size()]);
  return out;
}

std::string Route53Site::NewChange(const std::string& zone, const std::string& comment) {
  const std::string id = NewId("C");
  changes_[id] = {id, zone, comment, now_()};
  return id;
}

std::string Route53Site::ChangeInfo(const std::string& id) const {
  const Change& change = changes_.at(id);
  const bool done = now_() - change.submitted >= propagation_;
  return absl::StrCat(
      "<ChangeInfo>", Element("Id", absl::StrCat("/change/", id)),
      Element("Status", done ? "INSYNC" : "PENDING"),
      Element("SubmittedAt",
              absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", change.submitted, absl::UTCTimeZone())),
      change.comment.empty() ? "" : Element("Comment", change.comment), "</ChangeInfo>");
}

std::optional<HttpResponse> Route53Site::Admit(const HttpRequest& request, std::string* user) {
  const aws::Refusal refusal =
      aws::CheckSignature(request, credentials_, "route53", "us-east-1", now_());
  if (!refusal.code.empty()) {
    HttpResponse refused = Refuse(
        {refusal.code == "IncompleteSignature" ? 400 : 403, refusal.code, refusal.message, {}});
    refused.headers.emplace_back(
        "Date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now_(), absl::UTCTimeZone()));
    return refused;
  }
  *user = credentials_.access_key;
  return std::nullopt;
}

HttpResponse Route53Site::FaultAnswer(const HttpRequest&, const Fault& fault) {
  const std::pair<std::string, std::string> named =
      absl::StrSplit(fault.message, absl::MaxSplits(": ", 1));
  Failure failure = {fault.code,
                     fault.code >= 500   ? "ServiceUnavailable"
                     : fault.code == 429 ? "Throttling"
                                         : "InvalidInput",
                     fault.message.empty() ? "scripted fault" : fault.message,
                     {}};
  if (!named.second.empty() && !absl::StrContains(named.first, ' ')) {
    failure.code = named.first;
    failure.message = named.second;
    failure.messages = {named.second};
  }
  HttpResponse out = Refuse(failure);
  if (fault.retry_after >= 0)
    out.headers.emplace_back("Retry-After", absl::StrCat(fault.retry_after));
  return out;
}

HttpResponse Route53Site::Handle(const HttpRequest& request, const std::string&) {
  absl::MutexLock lock(&mu_);
  if (per_second_ > 0) {
    if (now_() - second_ >= absl::Seconds(1)) {
      second_ = now_();
      used_ = 0;
    }
    if (++used_ > per_second_) return Refuse({400, "Throttling", "Rate exceeded", {}});
  }
  if (!absl::StartsWith(request.path, kRoot))
    return Refuse({404, "InvalidAction", "The path is not of this API.", {}});
  const std::string path(
      absl::StripSuffix(absl::string_view(request.path).substr(kRoot.size()), "/"));
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  const bool reads = request.method == "GET";
  if (path == "hostedzone")
    return request.method == "POST" ? CreateZone(request) : ListZones(request, false);
  if (path == "hostedzonesbyname" && reads) return ListZones(request, true);
  if (path == "hostedzonecount" && reads) {
    return Xml("GetHostedZoneCountResponse",
               Element("HostedZoneCount", absl::StrCat(zones_.size())));
  }
  if (parts[0] == "change" && parts.size() == 2 && reads) {
    if (!changes_.contains(parts[1])) {
      return Refuse(
          {404, "NoSuchChange", absl::StrCat("Could not find resource with ID: ", parts[1]), {}});
    }
    return Xml("GetChangeResponse", ChangeInfo(parts[1]));
  }
  if (parts[0] != "hostedzone" || parts.size() > 3 || (parts.size() == 3 && parts[2] != "rrset")) {
    return Refuse({404, "InvalidAction", "The path is not of this API.", {}});
  }
  const auto zone = zones_.find(parts[1]);
  if (zone == zones_.end()) {
    return Refuse(
        {404, "NoSuchHostedZone", absl::StrCat("No hosted zone found with ID: ", parts[1]), {}});
  }
  if (parts.size() == 3)
    return reads ? ListSets(request, zone->second) : ChangeSets(request, zone->second);
  if (reads) {
    std::string servers;
    for (const auto& [key, set] : zone->second.sets) {
      if (set.type != "NS" || !IsApex(set, zone->second.name)) continue;
      for (const std::string& value : set.values)
        absl::StrAppend(&servers, Element("NameServer", absl::StripSuffix(value, ".")));
    }
    return Xml("GetHostedZoneResponse",
               absl::StrCat(ZoneXml(zone->second), "<DelegationSet><NameServers>", servers,
                            "</NameServers></DelegationSet>"));
  }
  if (request.method == "POST") {
    pugi::xml_document document;
    const pugi::xml_node wanted = document.load_string(request.body.c_str())
                                      ? document.child("UpdateHostedZoneCommentRequest")
                                      : pugi::xml_node();
    if (!wanted) return Refuse({400, "MalformedInput", "The request body is invalid.", {}});
    zone->second.comment = Child(wanted, "Comment");
    return Xml("UpdateHostedZoneCommentResponse", ZoneXml(zone->second));
  }
  if (request.method != "DELETE")
    return Refuse({405, "InvalidAction", "The method is not of this API.", {}});
  if (zone->second.sets.size() > 2) {
    return Refuse({400,
                   "HostedZoneNotEmpty",
                   "The specified hosted zone contains non-required resource record sets  and so "
                   "cannot be deleted.",
                   {}});
  }
  zones_.erase(zone);
  return Xml("DeleteHostedZoneResponse", ChangeInfo(NewChange(parts[1], "")));
}

// --- Zones --------------------------------------------------------------------------------------

std::string Route53Site::ZoneXml(const Zone& zone) {
  return absl::StrCat("<HostedZone>", Element("Id", "/hostedzone/" + zone.id),
                      Element("Name", zone.name), Element("CallerReference", zone.caller),
                      "<Config>", zone.comment.empty() ? "" : Element("Comment", zone.comment),
                      Element("PrivateZone", "false"), "</Config>",
                      Element("ResourceRecordSetCount", absl::StrCat(zone.sets.size())),
                      "</HostedZone>");
}

Route53Site::Zone& Route53Site::AddZone(const std::string& name) {
  const std::string id = NewId("Z");
  Zone& zone = zones_[id];
  zone.id = id;
  zone.name = name;
  RecordSet servers, authority;
  servers.name = authority.name = name;
  servers.type = "NS";
  servers.ttl = 172800;
  servers.values = {"ns-1.awsdns-01.example.net.", "ns-2.awsdns-02.example.com.",
                    "ns-3.awsdns-03.example.org.", "ns-4.awsdns-04.example.net."};
  authority.type = "SOA";
  authority.ttl = 900;
  authority.values = {
      "ns-1.awsdns-01.example.net. hostmaster.example.com. 1 7200 900 1209600 86400"};
  zone.sets[KeyOf(servers)] = servers;
  zone.sets[KeyOf(authority)] = authority;
  return zone;
}

HttpResponse Route53Site::CreateZone(const HttpRequest& request) {
  pugi::xml_document document;
  const pugi::xml_node wanted = document.load_string(request.body.c_str())
                                    ? document.child("CreateHostedZoneRequest")
                                    : pugi::xml_node();
  if (!wanted) return Refuse({400, "MalformedInput", "The request body is invalid.", {}});
  const std::string name = Child(wanted, "Name"), caller = Child(wanted, "CallerReference");
  if (!dns::IsName(name))
    return Refuse(
        {400, "InvalidDomainName", absl::StrCat(name, " is not a valid domain name."), {}});
  for (const auto& [id, zone] : zones_) {
    if (zone.caller != caller) continue;
    return Refuse(
        {409,
         "HostedZoneAlreadyExists",
         absl::StrCat(
             "A hosted zone has already been created with the specified caller reference: ", caller,
             "."),
         {}});
  }
  Zone& zone = AddZone(Stored(name));
  zone.caller = caller;
  zone.comment = wanted.child("HostedZoneConfig").child("Comment").text().get();
  std::string servers;
  for (const auto& [key, set] : zone.sets) {
    if (set.type != "NS") continue;
    for (const std::string& value : set.values)
      absl::StrAppend(&servers, Element("NameServer", absl::StripSuffix(value, ".")));
  }
  HttpResponse out =
      Xml("CreateHostedZoneResponse",
          absl::StrCat(ZoneXml(zone), ChangeInfo(NewChange(zone.id, "")),
                       "<DelegationSet><NameServers>", servers, "</NameServers></DelegationSet>"),
          201);
  out.headers.emplace_back(
      "Location", absl::StrCat("https://route53.amazonaws.com/2013-04-01/hostedzone/", zone.id));
  return out;
}

HttpResponse Route53Site::ListZones(const HttpRequest& request, bool by_name) const {
  int limit = kMaxZones;
  if (request.HasQuery("maxitems") &&
      (!absl::SimpleAtoi(request.Query("maxitems"), &limit) || limit < 1)) {
    return Refuse({400, "InvalidInput", "maxitems is not valid.", {}});
  }
  limit = std::min(limit, kMaxZones);
  std::vector<const Zone*> all;
  for (const auto& [id, zone] : zones_) all.push_back(&zone);
  const auto key = [](const Zone& zone) {
    std::vector<std::string> labels = absl::StrSplit(absl::StripSuffix(zone.name, "."), '.');
    std::reverse(labels.begin(), labels.end());
    return std::pair(labels, zone.id);
  };
  const auto begins = [&](const Zone& zone) {
    if (!by_name) return !request.HasQuery("marker") || zone.id >= request.Query("marker");
    if (!request.HasQuery("dnsname")) return true;
    Zone start;
    start.name = Stored(request.Query("dnsname"));
    start.id = request.Query("hostedzoneid");
    return key(zone) >= key(start);
  };
  if (by_name)
    std::sort(all.begin(), all.end(),
              [&](const Zone* a, const Zone* b) { return key(*a) < key(*b); });
  std::erase_if(all, [&](const Zone* zone) { return !begins(*zone); });
  const bool truncated = static_cast<int>(all.size()) > limit;
  std::string zones, next;
  for (std::size_t i = 0; i < all.size() && static_cast<int>(i) < limit; ++i)
    absl::StrAppend(&zones, ZoneXml(*all[i]));
  if (truncated) {
    const Zone& following = *all[static_cast<std::size_t>(limit)];
    next = by_name ? absl::StrCat(Element("NextDNSName", following.name),
                                  Element("NextHostedZoneId", following.id))
                   : Element("NextMarker", following.id);
  }
  std::string start;
  if (by_name && request.HasQuery("dnsname")) start = Element("DNSName", request.Query("dnsname"));
  if (!by_name) start = Element("Marker", request.Query("marker"));
  return Xml(by_name ? "ListHostedZonesByNameResponse" : "ListHostedZonesResponse",
             absl::StrCat("<HostedZones>", zones, "</HostedZones>", start,
                          Element("IsTruncated", truncated ? "true" : "false"), next,
                          Element("MaxItems", absl::StrCat(limit))));
}

// --- Record sets --------------------------------------------------------------------------------

HttpResponse Route53Site::ListSets(const HttpRequest& request, const Zone& zone) const {
  int limit = kMaxItems;
  if (request.HasQuery("maxitems") &&
      (!absl::SimpleAtoi(request.Query("maxitems"), &limit) || limit < 1)) {
    return Refuse({400, "InvalidInput", "maxitems is not valid.", {}});
  }
  limit = std::min(limit, kMaxItems);
  auto from = zone.sets.begin();
  if (request.HasQuery("type") && !request.HasQuery("name")) {
    return Refuse({400, "InvalidInput", "The input is not valid: a type without a name.", {}});
  }
  if (request.HasQuery("name")) {
    RecordSet start;
    start.name = Stored(request.Query("name"));
    start.type = request.Query("type");
    start.set_id = request.Query("identifier");
    from = zone.sets.lower_bound(KeyOf(start));
  }
  std::string sets, next;
  int count = 0;
  for (; from != zone.sets.end() && count < limit; ++from, ++count)
    absl::StrAppend(&sets, SetXml(from->second));
  if (from != zone.sets.end()) {
    next = absl::StrCat(
        Element("NextRecordName", from->second.name), Element("NextRecordType", from->second.type),
        from->second.set_id.empty() ? "" : Element("NextRecordIdentifier", from->second.set_id));
  }
  return Xml("ListResourceRecordSetsResponse",
             absl::StrCat("<ResourceRecordSets>", sets, "</ResourceRecordSets>",
                          Element("IsTruncated", from != zone.sets.end() ? "true" : "false"),
                          Element("MaxItems", absl::StrCat(limit)), next));
}

namespace {

// "[Action=CREATE, Name=..., Type=A, SetIdentifier=null]".
std::string InChange(const std::string& action, const RecordSet& set) {
  return absl::StrCat(" in Change with [Action=", action, ", Name=", set.name, ", Type=", set.type,
                      ", SetIdentifier=", set.set_id.empty() ? "null" : set.set_id, "]");
}

// Which of the routing policies a set has; 0: simple.
int PolicyOf(const RecordSet& set) {
  return set.weight              ? 1
         : !set.failover.empty() ? 2
         : !set.region.empty()   ? 3
         : !set.geo.empty()      ? 4
         : set.multi_value       ? 5
                                 : 0;
}

// What is wrong with the form of one change, for which the whole request is invalid; "" if nothing.
std::string FormProblem(const std::string& action, const RecordSet& set) {
  if (action != "CREATE" && action != "DELETE" && action != "UPSERT") {
    return absl::StrCat("1 validation error detected: Value '", action,
                        "' at 'changeBatch.changes.1.member.action' failed to satisfy "
                        "constraint: Member must satisfy enum value set: "
                        "[CREATE, DELETE, UPSERT]");
  }
  if (!set.is_alias() && (!set.ttl.has_value() || set.values.empty())) {
    return absl::StrCat(
        "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and "
        "ResourceRecords], or TrafficPolicyInstanceId], but found ",
        set.ttl || !set.values.empty() ? "only some" : "none", InChange(action, set));
  }
  const bool routed = PolicyOf(set) != 0;
  if (routed != !set.set_id.empty()) {
    return absl::StrCat("Invalid request: Missing field '",
                        routed ? "SetIdentifier"
                               : "Weight, or Region, or Failover, or GeoLocation, or "
                                 "MultiValueAnswer",
                        "'", InChange(action, set));
  }
  return "";
}

// What is wrong with the set by itself.
std::vector<std::string> OwnProblems(const RecordSet& set, const std::string& zone) {
  std::vector<std::string> problems;
  std::set<std::string> seen;
  for (const std::string& value : set.values) {
    if (std::string wrong = ValueProblem(set.type, value); !wrong.empty())
      problems.push_back(std::move(wrong));
    if (!seen.insert(value).second)
      problems.push_back(absl::StrCat("Duplicate Resource Record: '", value, "'"));
  }
  if (set.ttl.value_or(0) < 0 || set.ttl.value_or(0) > 2147483647)
    problems.push_back(absl::StrCat("Invalid TTL: ", *set.ttl));
  if (set.type == "CNAME" && IsApex(set, zone)) {
    problems.push_back(absl::StrCat("RRSet of type CNAME with DNS name ", set.name,
                                    " is not permitted at apex in zone ", zone));
  }
  if (set.type == "CNAME" && set.values.size() > 1)
    problems.push_back(absl::StrCat("Multiple CNAME values for ", set.name));
  return problems;
}

// Why the set cannot be beside `other`, which has its name; "" if it can.
std::string ClashWith(const RecordSet& other, const RecordSet& set, const std::string& zone) {
  if (set.type == "CNAME" && other.type != "CNAME") {
    return absl::StrCat(
        "RRSet of type CNAME with DNS name ", set.name,
        " is not permitted as it conflicts with other records with the same DNS name in zone ",
        zone);
  }
  if (set.type != "CNAME" && other.type == "CNAME") {
    return absl::StrCat("RRSet of type ", set.type, " with DNS name ", set.name,
                        " is not permitted because a conflicting RRSet of type CNAME with the "
                        "same DNS name already exists in zone ",
                        zone);
  }
  if (other.type != set.type) return "";
  if (other.set_id.empty() != set.set_id.empty()) {
    return absl::StrCat("RRSet with DNS name ", set.name, ", type ", set.type,
                        set.set_id.empty() ? "" : absl::StrCat(", SetIdentifier ", set.set_id),
                        " cannot be created as other RRSets exist with the same name and type.");
  }
  if (PolicyOf(other) != PolicyOf(set)) {
    return absl::StrCat("RRSet with DNS name ", set.name, ", type ", set.type, ", SetIdentifier ",
                        set.set_id,
                        " cannot be created because a set with another routing policy exists "
                        "with the same name and type.");
  }
  return "";
}

bool IsIn(const std::string& name, const std::string& zone) {
  return name == zone || absl::EndsWith(name, "." + zone);
}

// A batch in the making: what the zone would have, and what is wrong with that.
struct Batch {
  const std::string& zone_name;
  const std::string& zone_id;
  std::map<Route53Site::Key, RecordSet> sets;
  std::vector<std::string> problems = {};
  std::size_t records = 0, characters = 0;

  void Count(const std::string& action, const RecordSet& set) {
    const std::size_t weight = action == "UPSERT" ? 2 : 1;  // An UPSERT counts twice.
    records += weight * std::max<std::size_t>(set.values.size(), 1);
    for (const std::string& value : set.values) characters += weight * value.size();
  }

  void Change(const std::string& action, const RecordSet& set, const Route53Site::Key& key) {
    const auto existing = sets.find(key);
    if (!IsIn(set.name, zone_name)) {
      problems.push_back(
          absl::StrCat("RRSet with DNS name ", set.name, " is not permitted in zone ", zone_name));
    } else if (action == "DELETE") {
      const std::string tried = absl::StrCat("Tried to delete resource record set ", Named(set));
      if (existing == sets.end()) {
        problems.push_back(tried + " but it was not found");
      } else if (existing->second != set) {
        problems.push_back(tried + " but the values provided do not match the current values");
      } else {
        sets.erase(existing);
      }
    } else if (action == "CREATE" && existing != sets.end()) {
      problems.push_back(absl::StrCat("Tried to create resource record set ", Named(set),
                                      " but it already exists"));
    } else {
      Put(set, key);
    }
  }

  void Put(const RecordSet& set, const Route53Site::Key& key) {
    std::vector<std::string> wrong = OwnProblems(set, zone_name);
    for (const auto& [other_key, other] : sets) {
      if (other.name != set.name) continue;
      if (std::string clash = ClashWith(other, set, zone_name); !clash.empty()) {
        wrong.push_back(std::move(clash));
        break;
      }
    }
    if (set.is_alias() && set.alias_zone == zone_id) {
      const std::string tried =
          absl::StrCat("Tried to create an alias that targets ", set.alias_name, ", type ",
                       set.type, " in zone ", zone_id, ", but ");
      if (!IsIn(set.alias_name, zone_name)) {
        wrong.push_back(tried + "the alias target name does not lie within the target zone");
      } else if (!Has(set.alias_name, set.type)) {
        wrong.push_back(tried + "that target was not found");
      }
    }
    if (wrong.empty()) sets[key] = set;
    problems.insert(problems.end(), wrong.begin(), wrong.end());
  }

  bool Has(const std::string& name, const std::string& type) const {
    return std::any_of(sets.begin(), sets.end(), [&](const auto& entry) {
      return entry.second.name == name && entry.second.type == type;
    });
  }

  // What is wrong with all of it.
  void CheckWhole() {
    if (records > kMaxChanges)
      problems.push_back(absl::StrCat("Number of records limit of ", kMaxChanges, " exceeded."));
    if (characters > kMaxCharacters)
      problems.push_back(
          absl::StrCat("Maximum data length of ", kMaxCharacters, " characters exceeded."));
    if (!Has(zone_name, "NS"))
      problems.push_back("A HostedZone must contain at least one NS record for the zone itself.");
    if (!Has(zone_name, "SOA"))
      problems.push_back("A HostedZone must contain exactly one SOA record.");
  }
};

}  // namespace

HttpResponse Route53Site::ChangeSets(const HttpRequest& request, Zone& zone) {
  pugi::xml_document document;
  const pugi::xml_node wanted =
      document.load_string(request.body.c_str(), pugi::parse_default | pugi::parse_ws_pcdata_single)
          ? document.child("ChangeResourceRecordSetsRequest").child("ChangeBatch")
          : pugi::xml_node();
  if (!wanted.child("Changes").child("Change"))
    return Refuse({400, "MalformedInput", "The request body is invalid.", {}});
  Batch batch{zone.name, zone.id, zone.sets};
  for (const pugi::xml_node change : wanted.child("Changes").children("Change")) {
    const std::string action = Child(change, "Action");
    const RecordSet set = ReadSet(change.child("ResourceRecordSet"));
    if (const std::string problem = FormProblem(action, set); !problem.empty())
      return Refuse({400, "InvalidInput", problem, {}});
    batch.Count(action, set);
    batch.Change(action, set, KeyOf(set));
  }
  batch.CheckWhole();
  if (!batch.problems.empty()) return Refuse({400, "InvalidChangeBatch", "", batch.problems});
  zone.sets = std::move(batch.sets);
  return Xml("ChangeResourceRecordSetsResponse",
             ChangeInfo(NewChange(zone.id, Child(wanted, "Comment"))));
}

// --- Control ------------------------------------------------------------------------------------

absl::StatusOr<Json> Route53Site::Act(const Json& body) {
  absl::MutexLock lock(&mu_);
  const std::string what = Text(body, {"do"});
  if (what == "zone") {
    if (!dns::IsName(Text(body, {"name"}))) return BadRequest("name is no domain name");
    const Zone& zone = AddZone(Stored(Text(body, {"name"})));
    return Json{{"id", zone.id}, {"name", zone.name}};
  }
  if (what == "propagation") {
    propagation_ = absl::Milliseconds(Integer(body, {"milliseconds"}, 200));
    return Json{{"ok", true}};
  }
  if (what == "rate_limit") {
    per_second_ = Integer(body, {"per_second"});
    return Json{{"ok", true}};
  }
  return BadRequest(absl::StrCat("do what? zone, propagation or rate_limit, not ", Quote(what)));
}

Json Route53Site::Dump() const {
  absl::MutexLock lock(&mu_);
  Json out = Json::array();
  for (const auto& [id, zone] : zones_) {
    Json sets = Json::array();
    for (const auto& [key, set] : zone.sets) {
      Json one = {{"name", set.name}, {"type", set.type}, {"values", set.values}};
      if (set.ttl) one["ttl"] = *set.ttl;
      if (!set.set_id.empty()) one["set_id"] = set.set_id;
      if (set.weight) one["weight"] = *set.weight;
      if (!set.failover.empty()) one["failover"] = set.failover;
      if (set.is_alias()) one["alias"] = {{"zone", set.alias_zone}, {"name", set.alias_name}};
      sets.push_back(one);
    }
    out.push_back({{"id", id}, {"name", zone.name}, {"sets", sets}});
  }
  return out;
}

}  // namespace charon::sandbox
