#include "provider/clients/cloudflare/client.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/http/parse_json.h"
#include "provider/http/url.h"

namespace charon::cloudflare {
namespace {

using Json = nlohmann::json;
using dns::Change;
using dns::Rdata;
using dns::RecordSet;
using dns::SetKey;
using dns::Unit;
using dns::Zone;

constexpr int kPageSize = 5000;
// Records in one batch (dns/manage-dns-records/how-to/batch-record-changes): 200 on free zones,
// 3,500 on others.
constexpr std::size_t kFreeBatch = 200, kPaidBatch = 3500;
// Records in one zone (dns/troubleshooting/faq): free zones made before September 2024 have 1,000.
constexpr std::int64_t kFreeRecords = 200, kOldFreeRecords = 1000, kPaidRecords = 3500;

// null if there is none.
const Json& Part(const Json& object, const char* key) {
  static const auto& none = *new Json;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() ? *found : none;
}
std::string Text(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
std::int64_t Whole(const Json& object, const char* key, std::int64_t otherwise) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>()
                                                             : otherwise;
}

// Types whose parts travel under names of their own in `data`. Numbers are JSON numbers.
const std::map<std::string, std::vector<const char*>, std::less<>>& DataNames() {
  static const auto& names = *new std::map<std::string, std::vector<const char*>, std::less<>>{
      {"CAA", {"flags", "tag", "value"}},
      {"DNSKEY", {"flags", "protocol", "algorithm", "public_key"}},
      {"DS", {"key_tag", "algorithm", "digest_type", "digest"}},
      {"HTTPS", {"priority", "target", "value"}},
      {"NAPTR", {"order", "preference", "flags", "service", "regex", "replacement"}},
      {"SMIMEA", {"usage", "selector", "matching_type", "certificate"}},
      {"SRV", {"priority", "weight", "port", "target"}},
      {"SSHFP", {"algorithm", "type", "fingerprint"}},
      {"SVCB", {"priority", "target", "value"}},
      {"TLSA", {"usage", "selector", "matching_type", "certificate"}},
      {"URI", {"priority", "weight", "target"}},
  };
  return names;
}

// A value in presentation form as the API's fields.
absl::StatusOr<Json> ToFields(const std::string& type, const std::string& value) {
  CHARON_ASSIGN_OR_RETURN(const Rdata rdata, dns::ParseRdata(type, value));
  if (type == "MX") {
    std::int64_t priority = 0;
    (void)absl::SimpleAtoi(rdata.fields[0].text, &priority);
    return Json{{"content", rdata.fields[1].text.empty() ? "." : rdata.fields[1].text},
                {"priority", priority}};
  }
  const auto names = DataNames().find(type);
  if (names == DataNames().end())
    return Json{{"content", dns::WriteRdata(type, rdata, dns::Dots::kNone)}};
  Json fields, data = Json::object();
  for (std::size_t i = 0; i < names->second.size(); ++i) {
    if (absl::string_view(names->second[i]) == "value" &&
        type != "CAA") {  // parameters: all that is left
      Rdata parameters;
      parameters.fields.assign(rdata.fields.begin() + static_cast<std::ptrdiff_t>(i),
                               rdata.fields.end());
      data["value"] = dns::WriteRdata(type, parameters, dns::Dots::kNone);
      break;
    }
    const dns::RdataField& field = rdata.fields[i];
    std::int64_t number = 0;
    if (field.kind == dns::RdataField::Kind::kNumber && absl::SimpleAtoi(field.text, &number)) {
      data[names->second[i]] = number;
    } else {
      data[names->second[i]] =
          field.kind == dns::RdataField::Kind::kName && field.text.empty() ? "." : field.text;
    }
  }
  if (type == "URI") {  // its priority stands outside
    fields["priority"] = data["priority"];
    data.erase("priority");
  }
  fields["data"] = std::move(data);
  return fields;
}

// The presentation form of a record as listed.
std::string ToValue(const std::string& type, const Json& record) {
  const std::string content = Text(record, "content");
  const std::string priority = absl::StrCat(Whole(record, "priority", 0));
  if (type == "TXT" || type == "SPF") {
    // Quoted or not, depending on how it was written.
    if (absl::StartsWith(content, "\"")) return dns::CanonicalRdata(type, content);
    return dns::QuoteText(content);
  }
  if (type == "MX") return dns::CanonicalRdata(type, absl::StrCat(priority, " ", content));
  const auto names = DataNames().find(type);
  const auto data = record.find("data");
  if (names == DataNames().end() || data == record.end() || !data->is_object())
    return dns::CanonicalRdata(type, content);
  std::vector<std::string> words;
  for (const char* name : names->second) {
    const auto part = data->find(name);
    std::string word = part == data->end() ? ""
                       : part->is_string() ? part->get<std::string>()
                                           : part->dump();
    if (type == "URI" && absl::string_view(name) == "priority") word = priority;
    const bool text = (type == "CAA" && absl::string_view(name) == "value") ||
                      (type == "URI" && absl::string_view(name) == "target") ||
                      (type == "NAPTR" && (absl::string_view(name) == "flags" ||
                                           absl::string_view(name) == "service" ||
                                           absl::string_view(name) == "regex"));
    if (text) word = dns::QuoteText(word);
    if (word.empty() && absl::string_view(name) != "value") word = ".";
    words.push_back(std::move(word));
  }
  return dns::CanonicalRdata(type, absl::StrJoin(words, " "));
}

// The codes that matter, from answers of the API: 81044 no such record; 81053 to 81058 the name or
// the same record exists; 1004 and 9000 to 9999 a value is not valid; 9109, 10000, 6003, 6111 the
// token; 7000 and 7003 no such object.
absl::Status ToStatus(const http::Response& response, absl::string_view what,
                      absl::string_view server) {
  const Json body = http::ParseJson(response.body);
  std::vector<std::string> messages;
  std::vector<std::int64_t> codes;
  const auto collect = [&](const Json& errors, const auto& self) -> void {
    if (!errors.is_array()) return;
    for (const Json& error : errors) {
      codes.push_back(Whole(error, "code", 0));
      messages.push_back(absl::StrCat(Text(error, "message"), " (", codes.back(), ")"));
      if (error.is_object() && error.contains("error_chain")) self(error["error_chain"], self);
    }
  };
  if (body.is_object() && body.contains("errors")) collect(body["errors"], collect);
  const auto has = [&](std::int64_t from, std::int64_t to) {
    return std::any_of(codes.begin(), codes.end(),
                       [&](std::int64_t code) { return code >= from && code <= to; });
  };
  const std::string said = messages.empty() ? "" : ": " + absl::StrJoin(messages, "; ");
  const std::string message =
      Redact(absl::StrCat(what, ": Cloudflare (", server, ") answered ", response.status, said));
  if (response.status == 429) {
    return WithRemedy(absl::ResourceExhaustedError(message),
                      "Cloudflare allows 1,200 requests in five minutes, all tokens of a user and "
                      "the dashboard together. Try "
                      "again in five minutes.");
  }
  if (response.status == 401 || has(6003, 6003) || has(6111, 6111) || has(9109, 9109) ||
      (response.status == 403 && has(10000, 10001)) || has(1000, 1000) ||
      (response.status != 404 && has(1001, 1001))) {  // 1001 with 404: no zone has that id
    return WithRemedy(absl::UnauthenticatedError(message),
                      "Check `cloudflare.api_token` of the provider block (or "
                      "CLOUDFLARE_API_TOKEN): the token must be valid and "
                      "have the permissions Zone "
                      "Read and DNS Write for this zone.");
  }
  if (response.status == 403) {
    return WithRemedy(absl::PermissionDeniedError(message),
                      "Give the API token the permissions Zone Read and DNS Write for this zone.");
  }
  if (has(81044, 81044) || has(81053, 81058)) return absl::AbortedError(message);
  if (has(81045, 81045)) return absl::FailedPreconditionError(message);  // the quota of records
  // A page of something else says nothing about a zone.
  if ((response.status == 404 && !codes.empty()) || has(7000, 7003))
    return absl::NotFoundError(message);
  if (response.status == 404 || (response.status < 300 && codes.empty())) {
    return WithRemedy(
        absl::UnavailableError(absl::StrCat(message, ", but not as Cloudflare's API does")),
        "Check `cloudflare.base_url`, and what proxies are on the way.");
  }
  if (response.status >= 500) return absl::UnavailableError(message);
  return absl::InvalidArgumentError(message);
}

class Client final : public dns::Backend {
 public:
  Client(Settings settings, std::unique_ptr<http::Transport> transport)
      : settings_(std::move(settings)), transport_(std::move(transport)) {
    while (absl::EndsWith(settings_.base_url, "/")) settings_.base_url.pop_back();
    RegisterSecret(settings_.api_token);
  }

  absl::string_view name() const override { return "cloudflare"; }
  dns::Features features() const override {
    dns::Features features;
    features.proxied = features.zones = features.automatic_ttl = true;
    features.loc = false;
    features.default_ttl = dns::kAutomaticTtl;
    features.min_ttl = 60;
    features.max_ttl = 86400;
    return features;
  }

  std::string Server() const override { return settings_.base_url; }

  bool IsZoneId(absl::string_view text) const override {
    return text.size() == 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
             return absl::ascii_isxdigit(c);
           });
  }
  absl::StatusOr<Zone> ZoneById(const Call& call, const std::string& id) override {
    CHARON_ASSIGN_OR_RETURN(const Json body,
                            Ask(call, "GET", http::Url("/zones").Segment(id).ToString(), "",
                                absl::StrCat("looking for the zone ", id)));
    return ToZone(Part(body, "result"));
  }
  absl::StatusOr<std::vector<Zone>> ZonesNamed(const Call& call, const std::string& name) override {
    CHARON_ASSIGN_OR_RETURN(
        const Json body,
        Ask(call, "GET", http::Url("/zones").Query("name", name).Query("per_page", "50").ToString(),
            "", absl::StrCat("looking for the zone ", name)));
    std::vector<Zone> zones;
    for (const Json& result : Part(body, "result")) {
      CHARON_ASSIGN_OR_RETURN(Zone zone, ToZone(result));
      if (zone.name == name) zones.push_back(std::move(zone));
    }
    return zones;
  }

  absl::StatusOr<std::vector<RecordSet>> List(const Call& call, const Zone& zone) override {
    std::map<SetKey, RecordSet> sets;
    for (std::int64_t page = 1, pages = 1; page <= pages; ++page) {
      CHARON_ASSIGN_OR_RETURN(const Json body,
                              Ask(call, "GET",
                                  http::Url("/zones")
                                      .Segment(zone.id)
                                      .Segment("dns_records")
                                      .Query("per_page", absl::StrCat(kPageSize))
                                      .Query("page", absl::StrCat(page))
                                      .ToString(),
                                  "", absl::StrCat("listing the records of ", zone.name)));
      pages = Whole(Part(body, "result_info"), "total_pages", 1);
      for (const Json& record : Part(body, "result")) CHARON_RETURN_IF_ERROR(Add(record, sets));
    }
    std::vector<RecordSet> list;
    for (auto& [key, set] : sets) list.push_back(std::move(set));
    return list;
  }

  std::size_t Fits(const Zone& zone, std::span<const Unit> units) const override {
    const std::size_t most =
        zone.record_limit.value_or(0) > kOldFreeRecords ? kPaidBatch : kFreeBatch;
    std::size_t records = 0, fit = 0;
    for (const Unit& unit : units) {
      for (const Change& change : unit.changes) {
        // At worst each old record is deleted and each new one posted.
        records += static_cast<std::size_t>((change.before ? change.before->count() : 0) +
                                            (change.after ? change.after->count() : 0));
      }
      if (fit > 0 && records > most) break;
      ++fit;
    }
    return fit;
  }

  dns::WriteResult Write(const Call& call, const Zone& zone, std::span<Unit> units) override {
    Json deletes = Json::array(), patches = Json::array(), posts = Json::array();
    std::vector<std::string*> posted;  // where the ids of the posts belong
    dns::WriteResult result;
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (Change& change : units[i].changes) {
        if (absl::Status status = Compose(change, deletes, patches, posts, posted); !status.ok())
          result.at_fault.emplace_back(i, std::move(status));
      }
    }
    if (!result.at_fault.empty()) {
      result.status = result.at_fault.front().second;
      return result;
    }
    Json body = Json::object();
    if (!deletes.empty()) body["deletes"] = std::move(deletes);
    if (!patches.empty()) body["patches"] = std::move(patches);
    if (!posts.empty()) body["posts"] = std::move(posts);
    if (body.empty()) return result;
    const absl::StatusOr<Json> answer =
        Ask(call, "POST",
            http::Url("/zones").Segment(zone.id).Segment("dns_records").Segment("batch").ToString(),
            body.dump(), WhatOf(zone, units));
    result.status = answer.status();
    if (!answer.ok()) return result;
    // Posts are answered in the order in which they were sent.
    const Json& made = Part(Part(*answer, "result"), "posts");
    for (std::size_t i = 0; i < posted.size(); ++i)
      *posted[i] = made.is_array() && i < made.size() ? Text(made[i], "id") : "";
    return result;
  }

  absl::StatusOr<Zone> CreateZone(const Call& call, const dns::NewZone& wanted) override {
    Json body = {{"name", wanted.name}, {"type", "full"}};
    if (!wanted.account_id.empty()) body["account"] = {{"id", wanted.account_id}};
    CHARON_ASSIGN_OR_RETURN(const Json answer, Ask(call, "POST", "/zones", body.dump(),
                                                   absl::StrCat("making the zone ", wanted.name)));
    return ToZone(Part(answer, "result"));
  }
  absl::Status DeleteZone(const Call& call, const Zone& zone) override {
    return Ask(call, "DELETE", http::Url("/zones").Segment(zone.id).ToString(), "",
               absl::StrCat("deleting the zone ", zone.name))
        .status();
  }

 private:
  static std::string WhatOf(const Zone& zone, std::span<Unit> units) {
    if (units.size() != 1 || units[0].changes.empty())
      return absl::StrCat("writing ", units.size(), " record sets of ", zone.name);
    const Change& change = units[0].changes.front();
    return absl::StrCat(change.after ? "writing " : "deleting ",
                        dns::Describe(change.after ? change.after->key : change.before->key));
  }

  absl::StatusOr<Json> Ask(const Call& call, const char* method, const std::string& target,
                           std::string body, const std::string& what) const {
    http::Request request{.method = method,
                          .url = settings_.base_url + target,
                          .headers = {{"Authorization", "Bearer " + settings_.api_token}}};
    if (!body.empty()) {
      request.headers.emplace_back("Content-Type", "application/json");
      request.body = std::move(body);
    }
    absl::StatusOr<http::Response> response = transport_->Send(call, request);
    if (!response.ok()) return Annotate(response.status(), what);
    if (response->status < 200 || response->status > 299)
      return ToStatus(*response, what, settings_.base_url);
    Json answer = http::ParseJson(response->body);
    if (!answer.is_object()) {
      return WithRemedy(
          absl::InternalError(absl::StrCat(what, ": ", settings_.base_url,
                                           " does not answer as Cloudflare's API does")),
          "Check `cloudflare.base_url`.");
    }
    if (Part(answer, "success") != true) return ToStatus(*response, what, settings_.base_url);
    return answer;
  }

  absl::StatusOr<Zone> ToZone(const Json& result) const {
    Zone zone;
    zone.id = Text(result, "id");
    if (zone.id.empty())
      return absl::InternalError(absl::StrCat("a zone from ", settings_.base_url, " has no id"));
    CHARON_ASSIGN_OR_RETURN(zone.name, dns::CanonicalName(Text(result, "name")));
    if (const auto servers = result.find("name_servers");
        servers != result.end() && servers->is_array()) {
      for (const Json& server : *servers) {
        if (server.is_string()) zone.name_servers.push_back(server.get<std::string>());
      }
    }
    const std::string created = Text(result, "created_on");
    if (absl::Time made; absl::ParseTime(absl::RFC3339_full, created, &made, nullptr))
      zone.made = made;
    const std::string plan = Text(Part(result, "plan"), "legacy_id");
    if (plan == "free") {
      zone.record_limit =
          created < "2024-09-01" && !created.empty() ? kOldFreeRecords : kFreeRecords;
    } else if (!plan.empty()) {
      zone.record_limit = kPaidRecords;
    }
    return zone;
  }

  static absl::Status Add(const Json& record, std::map<SetKey, RecordSet>& sets) {
    if (!record.is_object())
      return absl::InternalError("Cloudflare listed a record that is no object");
    const std::string type = Text(record, "type");
    absl::StatusOr<std::string> name = dns::CanonicalName(Text(record, "name"));
    if (!name.ok()) return absl::OkStatus();  // nothing that a configuration could name
    const SetKey key{*name, type, ""};
    RecordSet one;
    one.key = key;
    one.ttl = Whole(record, "ttl", dns::kAutomaticTtl);
    if (const auto proxied = record.find("proxied");
        proxied != record.end() && proxied->is_boolean())
      one.proxied = proxied->get<bool>();
    if (const std::string comment = Text(record, "comment"); !comment.empty())
      one.comment = comment;
    if (const auto tags = record.find("tags");
        tags != record.end() && tags->is_array() && !tags->empty()) {
      one.tags.emplace();
      for (const Json& tag : *tags) {
        if (tag.is_string()) one.tags->insert(tag.get<std::string>());
      }
    }
    RecordSet& set = sets.try_emplace(key, one).first->second;
    // A set whose records differ is never as wanted, so that the next write evens it out.
    if (set.ttl != one.ttl || set.proxied != one.proxied) set.ttl = 0;
    // These are somebody else's unless they are wished for.
    set.mixed_comment = set.mixed_comment || set.comment != one.comment;
    set.mixed_tags = set.mixed_tags || set.tags != one.tags;
    set.values.push_back(ToValue(type, record));
    set.ids.push_back(Text(record, "id"));
    return absl::OkStatus();
  }

  // The attributes that records of the set share, as far as they are wished for.
  static Json Shared(const RecordSet& set) {
    Json shared = {{"ttl", set.ttl}};
    if (set.proxied) shared["proxied"] = *set.proxied;
    if (set.comment) shared["comment"] = *set.comment;
    if (set.tags) shared["tags"] = *set.tags;
    return shared;
  }

  static absl::Status Compose(Change& change, Json& deletes, Json& patches, Json& posts,
                              std::vector<std::string*>& posted) {
    if (change.before && change.before->ids.size() != change.before->values.size()) {
      return absl::AbortedError(
          absl::StrCat("the ids of ", dns::Describe(change.before->key), " are not known"));
    }
    std::multimap<std::string, std::string> old;  // id by canonical value
    if (change.before) {
      for (std::size_t i = 0; i < change.before->values.size(); ++i) {
        old.emplace(dns::CanonicalRdata(change.before->key.type, change.before->values[i]),
                    change.before->ids[i]);
      }
    }
    if (change.after) {
      RecordSet& after = *change.after;
      const bool evens = !change.before || change.before->ttl != after.ttl ||
                         !dns::Satisfies(*change.before, WithValuesOf(after, *change.before));
      const bool keeps_comment = change.before && !after.comment;
      const bool keeps_tags = change.before && !after.tags;
      if (change.before) {
        if (!after.proxied) after.proxied = change.before->proxied;
        if (keeps_comment) after.comment = change.before->comment;
        if (keeps_tags) after.tags = change.before->tags;
        after.mixed_comment = keeps_comment && change.before->mixed_comment;
        after.mixed_tags = keeps_tags && change.before->mixed_tags;
      }
      // A record that there is keeps its own.
      Json changed = Shared(after);
      if (keeps_comment) changed.erase("comment");
      if (keeps_tags) changed.erase("tags");
      after.ids.assign(after.values.size(), "");
      std::vector<std::size_t> fresh;
      for (std::size_t i = 0; i < after.values.size(); ++i) {
        const auto kept = old.find(dns::CanonicalRdata(after.key.type, after.values[i]));
        if (kept == old.end()) {
          fresh.push_back(i);
          continue;
        }
        after.ids[i] = kept->second;
        if (evens) {
          Json patch = changed;
          patch["id"] = kept->second;
          patches.push_back(std::move(patch));
        }
        old.erase(kept);
      }
      for (const std::size_t i : fresh) {
        CHARON_ASSIGN_OR_RETURN(Json record, ToFields(after.key.type, after.values[i]));
        if (!old.empty()) {  // an old one takes the new value, and keeps its id
          record.update(changed);
          after.ids[i] = old.begin()->second;
          record["id"] = old.begin()->second;
          old.erase(old.begin());
          patches.push_back(std::move(record));
          continue;
        }
        record.update(Shared(after));
        record["name"] = after.key.name;
        record["type"] = after.key.type;
        posts.push_back(std::move(record));
        posted.push_back(&after.ids[i]);
      }
    }
    for (const auto& [value, id] : old) deletes.push_back({{"id", id}});
    return absl::OkStatus();
  }

  static RecordSet WithValuesOf(RecordSet set, const RecordSet& other) {
    set.values = other.values;
    return set;
  }

  Settings settings_;
  const std::unique_ptr<http::Transport> transport_;
};

}  // namespace

std::unique_ptr<dns::Backend> NewClient(Settings settings,
                                        std::unique_ptr<http::Transport> transport) {
  return std::make_unique<Client>(std::move(settings), std::move(transport));
}

}  // namespace charon::cloudflare
