#include "provider/clients/route53/client.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "provider/base/random.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/clients/route53/xml.h"
#include "provider/http/url.h"

namespace charon::route53 {
namespace {

using dns::Change;
using dns::RecordSet;
using dns::SetKey;
using dns::Unit;
using dns::Zone;

constexpr char kVersion[] = "/2013-04-01";
constexpr char kNamespace[] = "https://route53.amazonaws.com/doc/2013-04-01/";
// Quotas of a change batch (DNSLimitations.html): ResourceRecord elements and characters of values,
// both twice for UPSERT.
constexpr std::size_t kMostRecords = 1000, kMostCharacters = 32000;
constexpr int kMostTries = 8;
// Caller references of zones made here: this, the time (which the service does not tell), "-",
// something random.
constexpr char kReference[] = "charon-";

// Bytes that do not print are octal here.
std::string Octal(absl::string_view bytes, absl::string_view keep_escaped) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7f) {
      absl::StrAppend(&out, absl::StrFormat("\\%03o", byte));
    } else {
      if (absl::StrContains(keep_escaped, c)) out.push_back('\\');
      out.push_back(c);
    }
  }
  return out;
}

// A canonical name in Route 53's spelling.
std::string ToName(absl::string_view canonical) {
  std::string out;
  for (std::size_t i = 0; i < canonical.size(); ++i) {
    int code = 0;
    if (canonical[i] == '\\' && i + 3 < canonical.size() &&
        absl::SimpleAtoi(canonical.substr(i + 1, 3), &code)) {
      absl::StrAppend(&out, absl::StrFormat("\\%03o", code));
      i += 3;
    } else {
      out.push_back(canonical[i]);
    }
  }
  return out + ".";
}

absl::StatusOr<std::string> ToValue(const std::string& type, const std::string& value) {
  CHARON_ASSIGN_OR_RETURN(const dns::Rdata rdata, dns::ParseRdata(type, value));
  if (type != "TXT" && type != "SPF") return dns::WriteRdata(type, rdata, dns::Dots::kAbsolute);
  std::vector<std::string> strings;
  std::string text = rdata.fields.front().text;
  do {
    strings.push_back(absl::StrCat("\"", Octal(text.substr(0, 255), "\"\\"), "\""));
    text.erase(0, 255);
  } while (!text.empty());
  return absl::StrJoin(strings, " ");
}

std::string FromValue(const std::string& type, const std::string& value) {
  if (type == "TXT" || type == "SPF") {
    const absl::StatusOr<std::string> text = dns::UnquoteText(value, /*octal_escapes=*/true);
    return text.ok() ? dns::QuoteText(*text) : value;
  }
  return dns::CanonicalRdata(type, value);
}

std::string IdOf(absl::string_view path) {  // "/hostedzone/Z1" or "Z1"
  const std::size_t slash = path.rfind('/');
  return std::string(slash == absl::string_view::npos ? path : path.substr(slash + 1));
}

void Add(pugi::xml_node& parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

std::string ToText(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw);
  return out.str();
}

class Client final : public dns::Backend {
 public:
  Client(std::string endpoint, std::shared_ptr<CredentialChain> credentials,
         std::unique_ptr<http::Transport> transport)
      : credentials_(std::move(credentials)), transport_(std::move(transport)) {
    const std::string region = credentials_->Region();
    if (absl::StartsWith(region, "cn-")) {
      region_ = "cn-northwest-1";
      endpoint_ = "https://route53.amazonaws.com.cn";
    } else if (absl::StartsWith(region, "us-gov-")) {
      region_ = "us-gov-west-1";
      endpoint_ = "https://route53.us-gov.amazonaws.com";
    }
    if (!endpoint.empty()) endpoint_ = std::string(absl::StripSuffix(endpoint, "/"));
  }

  absl::string_view name() const override { return "route53"; }
  dns::Features features() const override {
    dns::Features features;
    features.routing = features.zones = true;
    return features;
  }

  std::string Server() const override { return endpoint_; }

  bool IsZoneId(absl::string_view text) const override {
    if (absl::StartsWith(text, "/hostedzone/")) return true;
    return text.size() > 4 && text[0] == 'Z' &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) {
             return absl::ascii_isupper(c) || absl::ascii_isdigit(c);
           });
  }
  absl::StatusOr<Zone> ZoneById(const Call& call, const std::string& id) override {
    CHARON_ASSIGN_OR_RETURN(
        const XmlDocument xml,
        Ask(call, "GET", ZonePath(IdOf(id)), "", absl::StrCat("looking for the hosted zone ", id)));
    const pugi::xml_node root = xml->document_element();
    CHARON_ASSIGN_OR_RETURN(Zone zone, ToZone(root.child("HostedZone")));
    for (const pugi::xml_node& server :
         root.child("DelegationSet").child("NameServers").children("NameServer")) {
      zone.name_servers.emplace_back(absl::StripSuffix(server.child_value(), "."));
    }
    return zone;
  }
  absl::StatusOr<std::vector<Zone>> ZonesNamed(const Call& call, const std::string& name) override {
    CHARON_ASSIGN_OR_RETURN(const XmlDocument xml,
                            Ask(call, "GET",
                                http::Url(absl::StrCat(kVersion, "/hostedzonesbyname"))
                                    .Query("dnsname", ToName(name))
                                    .Query("maxitems", "100")
                                    .ToString(),
                                "", absl::StrCat("looking for the hosted zone ", name)));
    std::vector<Zone> zones;
    for (const pugi::xml_node& node :
         xml->document_element().child("HostedZones").children("HostedZone")) {
      CHARON_ASSIGN_OR_RETURN(Zone zone, ToZone(node));
      if (zone.name == name) zones.push_back(std::move(zone));
    }
    return zones;
  }

  absl::StatusOr<std::vector<RecordSet>> List(const Call& call, const Zone& zone) override {
    std::vector<RecordSet> sets;
    std::string next_name, next_type, next_identifier;
    do {
      CHARON_ASSIGN_OR_RETURN(const XmlDocument xml,
                              Ask(call, "GET",
                                  http::Url(ZonePath(zone.id) + "/rrset")
                                      .Query("maxitems", "300")
                                      .QueryIfSet("name", next_name)
                                      .QueryIfSet("type", next_type)
                                      .QueryIfSet("identifier", next_identifier)
                                      .ToString(),
                                  "", absl::StrCat("listing the records of ", zone.name)));
      const pugi::xml_node root = xml->document_element();
      if (!root.child("ResourceRecordSets")) {
        return WithRemedy(
            absl::UnavailableError(absl::StrCat("listing the records of ", zone.name, ": ",
                                                endpoint_, " does not answer as Route 53 does")),
            "Check `aws.endpoint`, and what proxies are on the way.");
      }
      for (const pugi::xml_node& node :
           root.child("ResourceRecordSets").children("ResourceRecordSet")) {
        if (std::optional<RecordSet> set = ToSet(node)) sets.push_back(*std::move(set));
      }
      const std::string before = absl::StrCat(next_name, " ", next_type, " ", next_identifier);
      const bool more = absl::string_view(root.child_value("IsTruncated")) == "true";
      next_name = more ? root.child_value("NextRecordName") : "";
      next_type = more ? root.child_value("NextRecordType") : "";
      next_identifier = more ? root.child_value("NextRecordIdentifier") : "";
      if (more && (next_name.empty() ||
                   absl::StrCat(next_name, " ", next_type, " ", next_identifier) == before)) {
        return absl::InternalError(absl::StrCat("listing the records of ", zone.name, ": ",
                                                endpoint_, " does not say where the list goes on"));
      }
    } while (!next_name.empty());
    return sets;
  }

  std::size_t Fits(const Zone&, std::span<const Unit> units) const override {
    std::size_t records = 0, characters = 0, fit = 0;
    for (const Unit& unit : units) {
      for (const Change& change : unit.changes) {
        const std::size_t times = change.before && change.after ? 2 : 1;
        const RecordSet& set = change.after ? *change.after : *change.before;
        records += times * std::max<std::size_t>(1, set.values.size());
        // Escapes may make a text four times as long.
        for (const std::string& value : set.values) characters += times * (value.size() + 8);
      }
      if (fit > 0 && (records > kMostRecords || characters > kMostCharacters)) break;
      ++fit;
    }
    return fit;
  }

  dns::WriteResult Write(const Call& call, const Zone& zone, std::span<Unit> units) override {
    pugi::xml_document document;
    pugi::xml_node root = document.append_child("ChangeResourceRecordSetsRequest");
    root.append_attribute("xmlns").set_value(kNamespace);
    pugi::xml_node changes = root.append_child("ChangeBatch").append_child("Changes");
    dns::WriteResult result;
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (Change& change : units[i].changes) {
        if (absl::Status status = Compose(change, changes); !status.ok())
          result.at_fault.emplace_back(i, std::move(status));
      }
    }
    if (!result.at_fault.empty()) {
      result.status = result.at_fault.front().second;
      return result;
    }
    ServiceError error;
    const std::string what =
        units.size() == 1 && !units[0].changes.empty()
            ? absl::StrCat("writing ",
                           Describe((units[0].changes[0].after ? units[0].changes[0].after
                                                               : units[0].changes[0].before)
                                        ->key))
            : absl::StrCat("writing ", units.size(), " record sets of ", zone.name);
    const absl::StatusOr<XmlDocument> xml =
        Ask(call, "POST", ZonePath(zone.id) + "/rrset/", ToText(document), what, &error);
    if (!xml.ok()) {
      result.status = xml.status();
      if (error.code == "InvalidChangeBatch") Blame(error, units, result);
      return result;
    }
    const pugi::xml_node info = (*xml)->document_element().child("ChangeInfo");
    if (absl::string_view(info.child_value("Status")) != "INSYNC") {
      for (Unit& unit : units) unit.receipt = IdOf(info.child_value("Id"));
    }
    return result;
  }

  absl::Status AwaitLive(const Call& call, const std::string& receipt) override {
    // Resources of one batch have one receipt; one of them asks for all.
    absl::Duration pause = absl::Seconds(1);
    while (true) {
      bool ask = false;
      {
        absl::MutexLock lock(&mutex_);
        if (live_.contains(receipt)) return absl::OkStatus();
        ask = asking_.insert(receipt).second;
      }
      if (ask) {
        const absl::StatusOr<XmlDocument> xml = Ask(
            call, "GET", http::Url(absl::StrCat(kVersion, "/change")).Segment(receipt).ToString(),
            "", "waiting until the name servers have the change");
        absl::MutexLock lock(&mutex_);
        asking_.erase(receipt);
        if (!xml.ok()) return xml.status();
        if (absl::string_view(
                (*xml)->document_element().child("ChangeInfo").child_value("Status")) == "INSYNC") {
          live_.insert(receipt);
          return absl::OkStatus();
        }
      }
      if (absl::Status alive = call.Wait(pause); !alive.ok()) {
        return Annotate(std::move(alive),
                        absl::StrCat("the change ", receipt,
                                     " is accepted, but not on all name servers (PENDING)"));
      }
      pause = std::min(pause * 1.5, absl::Seconds(5));
    }
  }

  absl::StatusOr<Zone> CreateZone(const Call& call, const dns::NewZone& wanted) override {
    CHARON_ASSIGN_OR_RETURN(const std::string token,
                            RandomText(24, "abcdefghijklmnopqrstuvwxyz0123456789"));
    const std::string reference =
        absl::StrCat(kReference, absl::ToUnixSeconds(call.clock->Now()), "-", token);
    pugi::xml_document document;
    pugi::xml_node root = document.append_child("CreateHostedZoneRequest");
    root.append_attribute("xmlns").set_value(kNamespace);
    Add(root, "Name", ToName(wanted.name));
    Add(root, "CallerReference", reference);
    if (!wanted.comment.empty()) {
      pugi::xml_node config = root.append_child("HostedZoneConfig");
      Add(config, "Comment", wanted.comment);
    }
    const std::string what = absl::StrCat("making the hosted zone ", wanted.name);
    const absl::StatusOr<XmlDocument> xml =
        Ask(call, "POST", absl::StrCat(kVersion, "/hostedzone"), ToText(document), what);
    if (xml.ok())
      return ZoneById(call, IdOf((*xml)->document_element().child("HostedZone").child_value("Id")));
    if (!absl::IsUnavailable(xml.status())) return xml.status();
    // The reply may be lost: the reference tells whether one of that name is ours.
    const absl::StatusOr<XmlDocument> list =
        Ask(call, "GET",
            http::Url(absl::StrCat(kVersion, "/hostedzonesbyname"))
                .Query("dnsname", ToName(wanted.name))
                .Query("maxitems", "100")
                .ToString(),
            "", what);
    if (!list.ok()) return xml.status();
    for (const pugi::xml_node& node :
         (*list)->document_element().child("HostedZones").children("HostedZone")) {
      if (node.child_value("CallerReference") == reference)
        return ZoneById(call, IdOf(node.child_value("Id")));
    }
    return xml.status();
  }
  absl::Status DeleteZone(const Call& call, const Zone& zone) override {
    return Ask(call, "DELETE", ZonePath(zone.id), "",
               absl::StrCat("deleting the hosted zone ", zone.name))
        .status();
  }
  absl::Status UpdateZone(const Call& call, const Zone& zone) override {
    pugi::xml_document document;
    pugi::xml_node root = document.append_child("UpdateHostedZoneCommentRequest");
    root.append_attribute("xmlns").set_value(kNamespace);
    Add(root, "Comment", zone.comment);
    return Ask(call, "POST", ZonePath(zone.id), ToText(document),
               absl::StrCat("changing the hosted zone ", zone.name))
        .status();
  }

 private:
  static std::string ZonePath(absl::string_view id) {
    return http::Url(absl::StrCat(kVersion, "/hostedzone")).Segment(id).ToString();
  }

  // Signs, sends, and sends again what was refused for the moment.
  absl::StatusOr<XmlDocument> Ask(const Call& call, const char* method, const std::string& target,
                                  const std::string& body, const std::string& what,
                                  ServiceError* error_out = nullptr) {
    absl::Duration pause = absl::Milliseconds(300);
    for (int attempt = 1;; ++attempt) {
      const absl::StatusOr<Credentials> found = credentials_->Get(call);
      // A profile that is not there says nothing about a zone.
      if (!found.ok()) return NotAboutTheObject(found.status());
      const Credentials& credentials = *found;
      http::Request request{.method = method, .url = endpoint_ + target, .body = body};
      if (!body.empty()) request.headers.emplace_back("Content-Type", "application/xml");
      Sign(request, credentials, region_, "route53", call.clock->Now());
      absl::StatusOr<http::Response> response = transport_->Send(call, request);
      if (!response.ok()) return Annotate(response.status(), what);
      if (response->status >= 200 && response->status <= 299) {
        absl::StatusOr<XmlDocument> xml =
            ParseXml(response->body.empty() ? "<Empty/>" : response->body);
        if (!xml.ok())
          return WithRemedy(Annotate(xml.status(), absl::StrCat(what, ": ", endpoint_)),
                            "Check `aws.endpoint`.");
        return xml;
      }
      const ServiceError error = ErrorIn(response->body);
      // Refused before anything was done (CommonErrors.html, PriorRequestNotComplete of
      // ChangeResourceRecordSets).
      const bool later = error.code == "Throttling" || error.code == "ThrottlingException" ||
                         error.code == "PriorRequestNotComplete" ||
                         error.code == "TooManyRequestsException";
      if (later && attempt < kMostTries && call.Wait(pause).ok()) {
        pause = std::min(pause * 2, absl::Seconds(10));
        continue;
      }
      if (error_out != nullptr) *error_out = error;
      return ToStatus(call, *response, error, what, credentials);
    }
  }

  absl::Status ToStatus(const Call& call, const http::Response& response, const ServiceError& error,
                        const std::string& what, const Credentials& credentials) const {
    const std::string message =
        Redact(absl::StrCat(what, ": Route 53 (", endpoint_, ") answered ", response.status,
                            error.code.empty() ? "" : absl::StrCat(" ", error.code),
                            error.message.empty() ? "" : absl::StrCat(": ", error.message)));
    const std::string& code = error.code;
    const auto is = [&](std::initializer_list<absl::string_view> codes) {
      return std::find(codes.begin(), codes.end(), code) != codes.end();
    };
    const bool skewed = is({"RequestExpired", "RequestTimeTooSkewed"}) ||
                        absl::StrContains(error.message, "Signature expired") ||
                        absl::StrContains(error.message, "Signature not yet current");
    if (skewed) {
      std::string by;
      absl::Time server;
      const auto date = response.headers.find("date");
      if (date != response.headers.end() &&
          absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", date->second, &server, nullptr)) {
        by = absl::StrCat(
            " (the server's is ",
            absl::FormatDuration(absl::Trunc(server - call.clock->Now(), absl::Seconds(1))),
            " from ours)");
      }
      return WithRemedy(absl::UnauthenticatedError(absl::StrCat(message, by)),
                        "The clock of this machine is wrong: a signature is good for some minutes "
                        "only. Set the clock.");
    }
    if (is({"InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignatureException",
            "UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException",
            "MissingAuthenticationToken", "MissingAuthenticationTokenException",
            "IncompleteSignature", "AuthFailure", "InvalidAccessKeyId"})) {
      return WithRemedy(
          absl::UnauthenticatedError(message),
          absl::StrCat("Check the AWS credentials; these came from ", credentials.source,
                       " (access key ", credentials.access_key.substr(0, 8), "...)."));
    }
    if (response.status == 401 || response.status == 403) {
      return WithRemedy(absl::PermissionDeniedError(message),
                        "Allow route53:ListHostedZonesByName, GetHostedZone, "
                        "ListResourceRecordSets, ChangeResourceRecordSets and GetChange.");
    }
    if (is({"NoSuchHostedZone", "NoSuchChange"})) return absl::NotFoundError(message);
    // A page of something else says nothing about a zone.
    if (response.status == 404) {
      return WithRemedy(absl::UnavailableError(message),
                        "Check `aws.endpoint`, and what proxies are on the way.");
    }
    if (is({"Throttling", "ThrottlingException", "TooManyRequestsException"}) ||
        response.status == 429)
      return absl::ResourceExhaustedError(message);
    if (is({"PriorRequestNotComplete"})) return absl::ResourceExhaustedError(message);
    if (is({"HostedZoneNotEmpty", "LimitsExceeded", "TooManyHostedZones",
            "DelegationSetNotAvailable"}))
      return absl::FailedPreconditionError(message);
    if (is({"HostedZoneAlreadyExists", "ConflictingDomainExists"}))
      return absl::AlreadyExistsError(message);
    if (response.status >= 500) return absl::UnavailableError(message);
    if (code == "InvalidChangeBatch" &&
        (absl::StrContains(error.message, "already exists") ||
         absl::StrContains(error.message, "not found") ||
         absl::StrContains(error.message, "do not match the current values"))) {
      return absl::AbortedError(message);
    }
    return absl::InvalidArgumentError(message);
  }

  // The service names the sets at fault: "... resource record set [name='www.example.org.',
  // type='A'] but it already exists".
  static void Blame(const ServiceError& error, std::span<Unit> units, dns::WriteResult& result) {
    std::vector<std::string> messages = error.messages;
    if (messages.empty()) messages.push_back(error.message);
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (const Change& change : units[i].changes) {
        const SetKey& key = change.after ? change.after->key : change.before->key;
        const std::string named = absl::StrCat("name='", ToName(key.name), "'"),
                          typed = absl::StrCat("type='", key.type, "'");
        const auto guilty =
            std::find_if(messages.begin(), messages.end(), [&](const std::string& message) {
              return (absl::StrContains(message, named) ||
                      absl::StrContains(message, absl::StrCat("name='", key.name, "'"))) &&
                     absl::StrContains(message, typed) &&
                     (key.set_id.empty() ||
                      absl::StrContains(message, absl::StrCat("'", key.set_id, "'")));
            });
        if (guilty == messages.end()) continue;
        const bool stale = absl::StrContains(*guilty, "already exists") ||
                           absl::StrContains(*guilty, "not found") ||
                           absl::StrContains(*guilty, "do not match");
        const std::string text =
            Redact(absl::StrCat("writing ", Describe(key), ": Route 53 refused it: ", *guilty));
        result.at_fault.emplace_back(
            i, stale ? absl::AbortedError(text) : absl::InvalidArgumentError(text));
        break;
      }
    }
  }

  static absl::StatusOr<Zone> ToZone(const pugi::xml_node& node) {
    Zone zone;
    zone.id = IdOf(node.child_value("Id"));
    if (zone.id.empty())
      return absl::InternalError("Route 53 described a hosted zone without an id");
    CHARON_ASSIGN_OR_RETURN(zone.name,
                            dns::CanonicalName(node.child_value("Name"), dns::Escapes::kOctal));
    zone.is_private = absl::string_view(node.child("Config").child_value("PrivateZone")) == "true";
    zone.comment = node.child("Config").child_value("Comment");
    absl::string_view reference = node.child_value("CallerReference");
    std::int64_t seconds = 0;
    if (absl::ConsumePrefix(&reference, kReference) &&
        absl::SimpleAtoi(reference.substr(0, reference.find('-')), &seconds))
      zone.made = absl::FromUnixSeconds(seconds);
    return zone;
  }

  static std::optional<RecordSet> ToSet(const pugi::xml_node& node) {
    const absl::StatusOr<std::string> name =
        dns::CanonicalName(node.child_value("Name"), dns::Escapes::kOctal);
    if (!name.ok()) return std::nullopt;
    RecordSet set;
    set.key = {*name, node.child_value("Type"), node.child_value("SetIdentifier")};
    set.ttl = node.child("TTL").text().as_llong(0);
    for (const pugi::xml_node& record : node.child("ResourceRecords").children("ResourceRecord")) {
      set.ids.emplace_back(record.child_value("Value"));  // as it has to be repeated to delete it
      set.values.push_back(FromValue(set.key.type, set.ids.back()));
    }
    if (const pugi::xml_node alias = node.child("AliasTarget")) {
      const absl::StatusOr<std::string> target =
          dns::CanonicalName(alias.child_value("DNSName"), dns::Escapes::kOctal);
      set.alias = dns::AliasTarget{
          target.ok() ? *target : alias.child_value("DNSName"), alias.child_value("HostedZoneId"),
          absl::string_view(alias.child_value("EvaluateTargetHealth")) == "true"};
    }
    if (const pugi::xml_node weight = node.child("Weight")) set.weight = weight.text().as_llong(0);
    if (const pugi::xml_node failover = node.child("Failover"))
      set.failover = failover.child_value();
    if (const pugi::xml_node check = node.child("HealthCheckId"))
      set.health_check_id = check.child_value();
    for (const char* other : {"Region", "GeoLocation", "MultiValueAnswer", "CidrRoutingConfig",
                              "GeoProximityLocation", "TrafficPolicyInstanceId"}) {
      if (node.child(other)) set.foreign_routing = true;
    }
    return set;
  }

  static absl::Status Compose(Change& change, pugi::xml_node& changes) {
    if (change.before && change.before->foreign_routing) {
      return absl::FailedPreconditionError(
          absl::StrCat(Describe(change.before->key),
                       " is routed in a way that is not offered here (latency, geolocation, "
                       "multivalue, ...), so it is left alone"));
    }
    // All sets of a name have one routing policy, and so has this one beside itself as it was.
    const bool another_policy =
        change.before && change.after &&
        (change.before->weight.has_value() != change.after->weight.has_value() ||
         change.before->failover.has_value() != change.after->failover.has_value());
    if (another_policy) {
      Change removal{change.before, std::nullopt};
      CHARON_RETURN_IF_ERROR(Compose(removal, changes));
    }
    pugi::xml_node node = changes.append_child("Change");
    Add(node, "Action",
        !change.after                      ? "DELETE"
        : change.before && !another_policy ? "UPSERT"
                                           : "CREATE");
    if (change.after) {
      RecordSet& after = *change.after;
      if (change.before && !after.health_check_id)
        after.health_check_id = change.before->health_check_id;
      if (after.health_check_id && after.health_check_id->empty()) after.health_check_id.reset();
      after.ids.clear();
      for (const std::string& value : after.values) {
        CHARON_ASSIGN_OR_RETURN(std::string text, ToValue(after.key.type, value));
        after.ids.push_back(std::move(text));
      }
    }
    const RecordSet& set = change.after ? *change.after : *change.before;
    pugi::xml_node rrset = node.append_child("ResourceRecordSet");
    // In the order of the schema.
    Add(rrset, "Name", ToName(set.key.name));
    Add(rrset, "Type", set.key.type);
    if (!set.key.set_id.empty()) Add(rrset, "SetIdentifier", set.key.set_id);
    if (set.weight) Add(rrset, "Weight", absl::StrCat(*set.weight));
    if (set.failover) Add(rrset, "Failover", *set.failover);
    if (set.alias) {
      pugi::xml_node alias = rrset.append_child("AliasTarget");
      Add(alias, "HostedZoneId", set.alias->zone_id);
      Add(alias, "DNSName", ToName(set.alias->name));
      Add(alias, "EvaluateTargetHealth", set.alias->evaluate_target_health ? "true" : "false");
    } else {
      Add(rrset, "TTL", absl::StrCat(set.ttl));
      pugi::xml_node records = rrset.append_child("ResourceRecords");
      for (const std::string& value : set.ids) {
        pugi::xml_node record = records.append_child("ResourceRecord");
        Add(record, "Value", value);
      }
    }
    if (set.health_check_id) Add(rrset, "HealthCheckId", *set.health_check_id);
    return absl::OkStatus();
  }

  const std::shared_ptr<CredentialChain> credentials_;
  const std::unique_ptr<http::Transport> transport_;
  std::string region_ = "us-east-1", endpoint_ = "https://route53.amazonaws.com";
  absl::Mutex mutex_;
  std::set<std::string> live_ ABSL_GUARDED_BY(mutex_), asking_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<dns::Backend> NewClient(std::string endpoint,
                                        std::shared_ptr<CredentialChain> credentials,
                                        std::unique_ptr<http::Transport> transport) {
  return std::make_unique<Client>(std::move(endpoint), std::move(credentials),
                                  std::move(transport));
}

}  // namespace charon::route53
