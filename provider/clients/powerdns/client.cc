#include "provider/clients/powerdns/client.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/http/parse_json.h"
#include "provider/http/url.h"

namespace charon::powerdns {
namespace {

using Json = nlohmann::json;
using dns::Change;
using dns::RecordSet;
using dns::SetKey;
using dns::Unit;
using dns::Zone;

// The body of a request has a limit, 2 MB by default (webserver-max-bodysize).
constexpr std::size_t kMostUnits = 1000;
constexpr int kMostTries = 6;
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);

const Json& Part(const Json& object, const char* key) {
  static const auto& none = *new Json;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() ? *found : none;
}
std::string Text(const Json& object, const char* key) {
  const Json& part = Part(object, key);
  return part.is_string() ? part.get<std::string>() : "";
}

class Client final : public dns::Backend {
 public:
  Client(Settings settings, std::unique_ptr<http::Transport> transport)
      : settings_(std::move(settings)), transport_(std::move(transport)) {
    while (absl::EndsWith(settings_.endpoint, "/")) settings_.endpoint.pop_back();
    // People give the API's address with and without its path.
    settings_.endpoint = std::string(absl::StripSuffix(settings_.endpoint, "/api/v1"));
    RegisterSecret(settings_.api_key);
  }

  absl::string_view name() const override { return "powerdns"; }
  dns::Features features() const override {
    dns::Features features;
    features.zones = true;
    return features;
  }

  std::string Server() const override {
    return absl::StrCat(settings_.endpoint, "/", settings_.server_id);
  }

  // A zone's id is its name with a dot, "/" as "=2F".
  bool IsZoneId(absl::string_view) const override { return false; }
  absl::StatusOr<Zone> ZoneById(const Call& call, const std::string& id) override {
    CHARON_ASSIGN_OR_RETURN(const Json zone,
                            Ask(call, "GET", Path().Segment(id).Query("rrsets", "false"), "",
                                absl::StrCat("looking for the zone ", id)));
    return ToZone(zone);
  }
  absl::StatusOr<std::vector<Zone>> ZonesNamed(const Call& call, const std::string& name) override {
    CHARON_ASSIGN_OR_RETURN(const Json list, Ask(call, "GET", Path().Query("zone", name + "."), "",
                                                 absl::StrCat("looking for the zone ", name)));
    std::vector<Zone> zones;
    if (!list.is_array()) return NotPowerDns(absl::StrCat("looking for the zone ", name));
    for (const Json& one : list) {
      CHARON_ASSIGN_OR_RETURN(Zone zone, ToZone(one));
      if (zone.name == name) zones.push_back(std::move(zone));
    }
    return zones;
  }

  absl::StatusOr<std::vector<RecordSet>> List(const Call& call, const Zone& zone) override {
    CHARON_ASSIGN_OR_RETURN(const Json answer,
                            Ask(call, "GET", Path().Segment(zone.id), "",
                                absl::StrCat("listing the records of ", zone.name)));
    if (!Part(answer, "rrsets").is_array()) return NotPowerDns("a zone without records");
    std::vector<RecordSet> sets;
    for (const Json& rrset : Part(answer, "rrsets")) {
      const absl::StatusOr<std::string> name = dns::CanonicalName(Text(rrset, "name"));
      if (!name.ok()) continue;
      RecordSet set;
      set.key = {*name, Text(rrset, "type"), ""};
      const Json& ttl = Part(rrset, "ttl");
      set.ttl = ttl.is_number_integer() ? ttl.get<std::int64_t>() : 0;
      for (const Json& record : Part(rrset, "records")) {
        const Json& disabled = Part(record, "disabled");
        if (disabled.is_boolean() && disabled.get<bool>()) continue;  // not served
        set.values.push_back(dns::CanonicalRdata(set.key.type, Text(record, "content")));
      }
      if (!set.values.empty()) sets.push_back(std::move(set));
    }
    return sets;
  }

  std::size_t Fits(const Zone&, std::span<const Unit> units) const override {
    return std::min(units.size(), kMostUnits);
  }

  dns::WriteResult Write(const Call& call, const Zone& zone, std::span<Unit> units) override {
    dns::WriteResult result;
    // A set may stand there once; the last word counts.
    std::map<SetKey, Json> rrsets;
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (const Change& change : units[i].changes) {
        const SetKey& key = change.after ? change.after->key : change.before->key;
        Json rrset = {{"name", key.name + "."}, {"type", key.type}};
        if (!change.after) {
          rrset["changetype"] = "DELETE";
        } else {
          rrset["changetype"] = "REPLACE";
          rrset["ttl"] = change.after->ttl;
          Json records = Json::array();
          for (const std::string& value : change.after->values) {
            const absl::StatusOr<dns::Rdata> rdata = dns::ParseRdata(key.type, value);
            if (!rdata.ok()) {
              result.at_fault.emplace_back(i, rdata.status());
              continue;
            }
            records.push_back({{"content", dns::WriteRdata(key.type, *rdata, dns::Dots::kAbsolute,
                                                           dns::Parameters::kPowerDns)},
                               {"disabled", false}});
          }
          rrset["records"] = std::move(records);
        }
        rrsets[key] = std::move(rrset);
      }
    }
    if (!result.at_fault.empty()) {
      result.status = result.at_fault.front().second;
      return result;
    }
    Json body = {{"rrsets", Json::array()}};
    for (auto& [key, rrset] : rrsets) body["rrsets"].push_back(std::move(rrset));
    const SetKey only = rrsets.begin()->first;
    const std::string what =
        rrsets.size() == 1 ? absl::StrCat("writing ", dns::Describe(only))
                           : absl::StrCat("writing ", rrsets.size(), " record sets of ", zone.name);
    result.status = Ask(call, "PATCH", Path().Segment(zone.id), body.dump(), what).status();
    if (result.status.ok() || absl::IsUnavailable(result.status)) return result;
    // "RRset www.example.org. IN A: ..." or "Record www.example.org./A '...': ..." (ws-auth.cc
    // of 4.7): names the one at fault.
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (const Change& change : units[i].changes) {
        const SetKey& key = change.after ? change.after->key : change.before->key;
        const std::string message(result.status.message());
        if (absl::StrContains(message, absl::StrCat(" ", key.name, ". IN ", key.type, ":")) ||
            absl::StrContains(message, absl::StrCat(" ", key.name, "./", key.type, " "))) {
          result.at_fault.emplace_back(i, result.status);
          break;
        }
      }
    }
    return result;
  }

  absl::StatusOr<Zone> CreateZone(const Call& call, const dns::NewZone& wanted) override {
    Json servers = Json::array();
    for (const std::string& server : wanted.name_servers)
      servers.push_back(absl::StrCat(absl::StripSuffix(server, "."), "."));
    const Json body = {
        {"name", wanted.name + "."}, {"kind", "Native"}, {"nameservers", std::move(servers)}};
    CHARON_ASSIGN_OR_RETURN(const Json answer, Ask(call, "POST", Path(), body.dump(),
                                                   absl::StrCat("making the zone ", wanted.name)));
    return ToZone(answer);
  }
  absl::Status DeleteZone(const Call& call, const Zone& zone) override {
    return Ask(call, "DELETE", Path().Segment(zone.id), "",
               absl::StrCat("deleting the zone ", zone.name))
        .status();
  }

 private:
  http::Url Path() const {
    return http::Url("/api/v1/servers").Segment(settings_.server_id).Segment("zones");
  }

  absl::StatusOr<Json> Ask(const Call& call, const char* method, http::Url target, std::string body,
                           const std::string& what) const {
    http::Request request{.method = method,
                          .url = settings_.endpoint + std::move(target).ToString(),
                          .headers = {{"X-API-Key", settings_.api_key}}};
    if (!body.empty()) {
      request.headers.emplace_back("Content-Type", "application/json");
      request.body = std::move(body);
    }
    absl::StatusOr<http::Response> response = transport_->Send(call, request);
    // With SQLite behind it, it says so (and no more) while somebody else writes. Only a new zone
    // cannot be sent twice.
    absl::Duration pause = kFirstPause;
    for (int tries = 1;
         response.ok() && response->status == 500 && request.method != "POST" && tries < kMostTries;
         ++tries) {
      if (!call.Wait(pause).ok()) break;
      pause *= 2;
      response = transport_->Send(call, request);
    }
    if (!response.ok()) return Annotate(response.status(), what);
    const Json answer = http::ParseJson(response->body);
    if (response->status >= 200 && response->status <= 299) {
      if (answer.is_discarded() && !response->body.empty()) {
        return NotPowerDns(what);
      }
      return answer;
    }
    std::string said = Text(answer, "error");
    if (said.empty()) said = response->body.substr(0, 200);  // 401 and 404 are plain text
    const std::string message =
        Redact(absl::StrCat(what, ": PowerDNS (", settings_.endpoint, ") answered ",
                            response->status, said.empty() ? "" : ": ", said));
    switch (response->status) {
      case 401:
        return WithRemedy(absl::UnauthenticatedError(message),
                          "Check `powerdns.api_key` of the provider block (or PDNS_API_KEY): it "
                          "has to be the server's `api-key`.");
      case 403:
        return WithRemedy(absl::PermissionDeniedError(message),
                          "Allow this address in the server's `webserver-allow-from`.");
      case 404:
        // pdns/ws-api.cc: ApiException is {"error": ...}, HttpNotFoundException these words. What
        // other servers say is about no zone.
        if (!answer.is_object() && absl::StripAsciiWhitespace(said) != "Not Found")
          return NotPowerDns(message);
        return WithRemedy(
            absl::NotFoundError(message),
            "Check the zone's name and `powerdns.server_id`, and that the server has `api=yes`.");
      case 409:
        return absl::AlreadyExistsError(message);
      case 422:
        return absl::InvalidArgumentError(message);
      default:
        return response->status >= 500 ? absl::UnavailableError(message)
                                       : absl::InvalidArgumentError(message);
    }
  }

  absl::Status NotPowerDns(absl::string_view what) const {
    return WithRemedy(absl::UnavailableError(absl::StrCat(what, ": ", settings_.endpoint,
                                                          " does not answer as PowerDNS does")),
                      "Check `powerdns.endpoint`, and what proxies are on the way.");
  }

  static absl::StatusOr<Zone> ToZone(const Json& json) {
    Zone zone;
    zone.id = Text(json, "id");
    if (zone.id.empty()) return absl::InternalError("PowerDNS described a zone without an id");
    CHARON_ASSIGN_OR_RETURN(zone.name, dns::CanonicalName(Text(json, "name")));
    if (const Json& serial = Part(json, "serial"); serial.is_number_integer())
      zone.made = MadeBy(serial.get<std::int64_t>());
    return zone;
  }

  // No answer has a time, but a zone made by the API has a serial of the day, by the server's
  // clock, and how often it was changed on that day: 2026112101 (soa_edit_api DEFAULT,
  // doc.powerdns.com/authoritative/dnsupdate.html). The end of that day, if it was not changed
  // since; nullopt for other serials.
  static std::optional<absl::Time> MadeBy(std::int64_t serial) {
    const std::int64_t year = serial / 1000000, month = serial / 10000 % 100,
                       day = serial / 100 % 100;
    const absl::CivilDay date(year, month, day);
    if (serial % 100 != 1 || year < 1990 || date.month() != month || date.day() != day)
      return std::nullopt;
    return absl::FromCivil(date + 1, absl::UTCTimeZone()) + absl::Hours(12);
  }

  Settings settings_;
  const std::unique_ptr<http::Transport> transport_;
};

}  // namespace

std::unique_ptr<dns::Backend> NewClient(Settings settings,
                                        std::unique_ptr<http::Transport> transport) {
  return std::make_unique<Client>(std::move(settings), std::move(transport));
}

}  // namespace charon::powerdns
