#include "cloudflare_site.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dns_values.h"
#include "status.h"

namespace charon::sandbox {
namespace {

constexpr absl::string_view kRoot = "/client/v4/";
constexpr std::int64_t kMaxZonesPerPage = 50, kMaxRecordsPerPage = 5'000'000;
constexpr std::int64_t kFreeBatch = 200, kPaidBatch = 3500;
constexpr absl::Duration kBlocked = absl::Minutes(5);

std::string TimeOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

Json Envelope(Json result, bool success) {
  return {{"result", std::move(result)},
          {"success", success},
          {"errors", Json::array()},
          {"messages", Json::array()}};
}

HttpResponse JsonAnswer(const Json& body, int code = 200) {
  HttpResponse out;
  out.status = code;
  out.body = Dump(body);
  return out;
}

// A number of the query; -1 where it is none.
std::int64_t QueryNumber(const HttpRequest& request, const char* name, std::int64_t fallback) {
  if (!request.HasQuery(name)) return fallback;
  std::int64_t value = 0;
  return absl::SimpleAtoi(request.Query(name), &value) ? value : -1;
}

// Types whose values are given in parts.
const std::map<std::string, std::vector<const char*>>& DataFields() {
  static const auto& fields = *new std::map<std::string, std::vector<const char*>>{
      {"CAA", {"flags", "tag", "value"}},
      {"CERT", {"type", "key_tag", "algorithm", "certificate"}},
      {"DNSKEY", {"flags", "protocol", "algorithm", "public_key"}},
      {"DS", {"key_tag", "algorithm", "digest_type", "digest"}},
      {"HTTPS", {"priority", "target", "value"}},
      {"LOC", {}},
      {"NAPTR", {"order", "preference", "flags", "service", "regex", "replacement"}},
      {"SMIMEA", {"usage", "selector", "matching_type", "certificate"}},
      {"SRV", {"priority", "weight", "port", "target"}},
      {"SSHFP", {"algorithm", "type", "fingerprint"}},
      {"SVCB", {"priority", "target", "value"}},
      {"TLSA", {"usage", "selector", "matching_type", "certificate"}},
      {"URI", {"weight", "target"}},
  };
  return fields;
}

bool IsAddressLike(const std::string& type) {
  return type == "A" || type == "AAAA" || type == "CNAME";
}

// The one line that `content` shows of a record given in parts.
std::string ContentOf(const std::string& type, const Json& data,
                      const std::optional<std::int64_t>& priority) {
  std::vector<std::string> words;
  if (type == "URI" && priority.has_value()) words.push_back(absl::StrCat(*priority));
  for (const char* name : DataFields().at(type)) {
    const Json* part = Find(data, {name});
    std::string word = part == nullptr     ? ""
                       : part->is_string() ? part->get<std::string>()
                                           : Dump(*part);
    const std::string field = name;
    const bool quoted =
        (type == "CAA" && field == "value") || (type == "URI" && field == "target") ||
        (type == "NAPTR" && (field == "flags" || field == "service" || field == "regex"));
    if (quoted) word = absl::StrCat("\"", word, "\"");
    if (!word.empty()) words.push_back(word);
  }
  return absl::StrJoin(words, " ");
}

}  // namespace

CloudflareSite::CloudflareSite(Tokens tokens, std::uint64_t seed, std::function<absl::Time()> now)
    : tokens_(std::move(tokens)), now_(std::move(now)), random_(seed) {
  absl::MutexLock lock(&mu_);
  account_ = NewId();
}

void CloudflareSite::Reset() {
  absl::MutexLock lock(&mu_);
  zones_.clear();
  allowed_ = -1;
  blocked_until_ = absl::InfinitePast();
}

std::string CloudflareSite::NewId() { return absl::StrFormat("%016x%016x", random_(), random_()); }

bool CloudflareSite::IsId(const std::string& text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(),
                                          [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

HttpResponse CloudflareSite::Refuse(const std::vector<Error>& errors) {
  Json body = Envelope(nullptr, false);
  for (const Error& error : errors) {
    Json one = {{"code", error.code}, {"message", error.message}};
    for (const auto& [code, message] : error.chain)
      one["error_chain"].push_back({{"code", code}, {"message", message}});
    body["errors"].push_back(one);
  }
  return JsonAnswer(body, errors.empty() ? 400 : errors[0].http);
}

HttpResponse CloudflareSite::Answer(Json result, Json info) const {
  Json body = Envelope(std::move(result), true);
  if (!info.is_null()) body["result_info"] = std::move(info);
  return JsonAnswer(body);
}

std::optional<HttpResponse> CloudflareSite::Admit(const HttpRequest& request, std::string* user) {
  if (!absl::StartsWith(request.path, kRoot)) {
    return Refuse({{7000, "No route for that URI", 404, {}}});
  }
  absl::string_view token = request.authorization;
  if (token.empty()) {
    return Refuse({{9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", 400, {}}});
  }
  if (!absl::ConsumePrefix(&token, "Bearer ") || token.empty() || absl::StrContains(token, ' ')) {
    return Refuse({{6003,
                    "Invalid request headers",
                    400,
                    {{6111, "Invalid format for Authorization header"}}}});
  }
  if (token != tokens_.write && token != tokens_.read) {
    if (absl::StartsWith(request.path, "/client/v4/user/tokens/"))
      return Refuse({{1000, "Invalid API Token", 401, {}}});
    return Refuse({{9109, "Invalid access token", 403, {}}});
  }
  *user = token == tokens_.write ? "writer" : "reader";
  return std::nullopt;
}

template <typename T>
HttpResponse CloudflareSite::AnswerPage(const std::vector<const T*>& found, std::int64_t page,
                                        std::int64_t per_page) const {
  Json shown = Json::array();
  const auto total = static_cast<std::int64_t>(found.size());
  for (std::int64_t i = (page - 1) * per_page; i < std::min(page * per_page, total); ++i) {
    shown.push_back(Show(*found[static_cast<std::size_t>(i)]));
  }
  const Json count = shown.size();
  return Answer(shown, {{"page", page},
                        {"per_page", per_page},
                        {"count", count},
                        {"total_count", total},
                        {"total_pages", (total + per_page - 1) / per_page}});
}

HttpResponse CloudflareSite::FaultAnswer(const HttpRequest&, const Fault& fault) {
  HttpResponse out;
  if (fault.code == 429) {
    out = Refuse({{971,
                   fault.message.empty() ? "Please wait and consider throttling your request speed"
                                         : fault.message,
                   429,
                   {}}});
  } else if (fault.code >= 502) {
    out.content_type = "text/html";  // From in front of the API.
    out.body = absl::StrCat("<html><head><title>", fault.code,
                            "</title></head><body>cloudflare</body></html>");
  } else if (fault.code == 403) {
    out =
        Refuse({{10000, fault.message.empty() ? "Authentication error" : fault.message, 403, {}}});
  } else {
    out = Refuse({{10013,
                   fault.message.empty() ? "An unknown error has occurred" : fault.message,
                   fault.code,
                   {}}});
  }
  out.status = fault.code;
  if (fault.retry_after >= 0)
    out.headers.emplace_back("Retry-After", absl::StrCat(fault.retry_after));
  return out;
}

HttpResponse CloudflareSite::Handle(const HttpRequest& request, const std::string& user) {
  absl::MutexLock lock(&mu_);
  if (now_() < blocked_until_ || allowed_ == 0) {
    if (allowed_ == 0) blocked_until_ = now_() + kBlocked;
    allowed_ = -1;
    HttpResponse out =
        Refuse({{971, "Please wait and consider throttling your request speed", 429, {}}});
    const auto left = static_cast<std::int64_t>(absl::ToDoubleSeconds(blocked_until_ - now_()));
    out.headers.emplace_back("Retry-After", absl::StrCat(std::max<std::int64_t>(left, 1)));
    return out;
  }
  if (allowed_ > 0) --allowed_;
  const std::string path = request.path.substr(kRoot.size());
  if (path == "user/tokens/verify" && request.method == "GET") {
    HttpResponse out = Answer({{"id", std::string(32, 'e')}, {"status", "active"}});
    Json body = Json::parse(out.body, nullptr, false);
    body["messages"].push_back(
        {{"code", 10000}, {"message", "This API Token is valid and active"}, {"type", nullptr}});
    out.body = sandbox::Dump(body);
    return out;
  }
  if (user == "reader" && request.method != "GET")
    return Refuse({{10000, "Authentication error", 403, {}}});
  if (path == "zones" || absl::StartsWith(path, "zones/")) return HandleZones(request);
  return Refuse({{7000, "No route for that URI", 404, {}}});
}

// --- Zones --------------------------------------------------------------------------------------

Json CloudflareSite::Show(const Zone& zone) const {
  Json servers = Json::array();
  for (const std::string& server : zone.name_servers) servers.push_back(server);
  return {{"id", zone.id},
          {"name", zone.name},
          {"status", zone.status},
          {"paused", false},
          {"type", "full"},
          {"development_mode", 0},
          {"name_servers", servers},
          {"original_name_servers", Json::array()},
          {"original_registrar", nullptr},
          {"original_dnshost", nullptr},
          {"modified_on", TimeOf(zone.created)},
          {"created_on", TimeOf(zone.created)},
          {"activated_on", zone.status == "active" ? Json(TimeOf(zone.created)) : Json()},
          {"meta", {{"step", 2}, {"page_rule_quota", 3}}},
          {"owner", {{"id", nullptr}, {"type", "user"}, {"email", nullptr}}},
          {"account", {{"id", zone.account}, {"name", "Charon's account"}}},
          {"permissions", {"#dns_records:edit", "#dns_records:read", "#zone:edit", "#zone:read"}},
          {"plan",
           {{"id", std::string(32, '0')},
            {"name", zone.plan == "free" ? "Free Website" : "Pro Website"},
            {"legacy_id", zone.plan},
            {"price", 0},
            {"currency", "USD"},
            {"frequency", ""}}}};
}

CloudflareSite::Result<CloudflareSite::Zone*> CloudflareSite::NewZone(const Json& body) {
  const std::string name = dns::Canonical(Text(body, {"name"}));
  if (!dns::IsName(name) || !absl::StrContains(name, '.')) {
    return {nullptr, {{1003, "Invalid or missing zone name", 400, {}}}};
  }
  for (const auto& [id, zone] : zones_) {
    if (zone.name == name)
      return {nullptr, {{1061, absl::StrCat(name, " already exists"), 400, {}}}};
  }
  const std::string account = Text(body, {"account", "id"}, account_);
  if (account != account_) {
    return {nullptr, {{9109, "Unauthorized to access requested resource", 403, {}}}};
  }
  const std::string id = NewId();
  Zone& zone = zones_[id];
  zone.id = id;
  zone.name = name;
  zone.account = account;
  zone.name_servers = {"ada.ns.example.net", "bob.ns.example.net"};
  zone.created = now_();
  return {&zone, {}};
}

HttpResponse CloudflareSite::HandleZones(const HttpRequest& request) {
  const std::vector<std::string> parts = absl::StrSplit(request.path.substr(kRoot.size()), '/');
  Json body = Json::object();
  if (!request.body.empty()) {
    const absl::StatusOr<ParsedDocument> parsed = ParseJson(request.body);
    if (!parsed.ok() || !parsed->value.is_object()) {
      return Refuse({{9207, "Request body is invalid.", 400, {}}});
    }
    body = parsed->value;
  }
  if (parts.size() == 1 && request.method == "POST") {
    const Result<Zone*> made = NewZone(body);
    return made.ok() ? Answer(Show(*made.value)) : Refuse(made.errors);
  }
  if (parts.size() == 1 && request.method == "GET") {
    const std::int64_t page = QueryNumber(request, "page", 1),
                       per_page = QueryNumber(request, "per_page", 20);
    if (per_page < 5 || per_page > kMaxZonesPerPage || page < 1) {
      return Refuse(
          {{6003, "Invalid request headers", 400, {{6100, "per_page must be between 5 and 50"}}}});
    }
    std::vector<const Zone*> found;
    for (const auto& [id, zone] : zones_) {
      if (request.HasQuery("name") && zone.name != dns::Canonical(request.Query("name"))) continue;
      if (request.HasQuery("status") && zone.status != request.Query("status")) continue;
      if (request.HasQuery("account.id") && zone.account != request.Query("account.id")) continue;
      found.push_back(&zone);
    }
    std::sort(found.begin(), found.end(),
              [](const Zone* a, const Zone* b) { return a->name < b->name; });
    return AnswerPage(found, page, per_page);
  }
  if (parts.size() < 2 || !IsId(parts[1])) {
    return Refuse({{7003,
                    absl::StrCat("Could not route to /", absl::StrJoin(parts, "/"),
                                 ", perhaps your object identifier is invalid?"),
                    404,
                    {}},
                   {7000, "No route for that URI", 404, {}}});
  }
  const auto zone = zones_.find(parts[1]);
  if (zone == zones_.end()) return Refuse({{1001, "Invalid zone identifier", 404, {}}});
  if (parts.size() == 2) {
    if (request.method == "GET") return Answer(Show(zone->second));
    if (request.method == "DELETE") {
      zones_.erase(zone);
      return Answer({{"id", parts[1]}});
    }
    return Refuse({{10405, "Method not allowed for this authentication scheme", 405, {}}});
  }
  if (parts[2] == "dns_records") {
    return HandleRecords(request, zone->second, {parts.begin() + 3, parts.end()});
  }
  return Refuse({{7000, "No route for that URI", 404, {}}});
}

// --- Records ------------------------------------------------------------------------------------

Json CloudflareSite::Show(const Record& record) const {
  Json out = {{"id", record.id},
              {"name", record.name},
              {"type", record.type},
              {"content", record.content},
              {"proxiable", IsAddressLike(record.type)},
              {"proxied", record.proxied},
              {"ttl", record.proxied ? 1 : record.ttl},
              {"settings", record.settings},
              {"meta", Json::object()},
              {"comment", record.comment.empty() ? Json() : Json(record.comment)},
              {"tags", record.tags},
              {"created_on", TimeOf(record.created)},
              {"modified_on", TimeOf(record.modified)}};
  if (record.priority.has_value()) out["priority"] = *record.priority;
  if (!record.data.is_null()) out["data"] = record.data;
  return out;
}

CloudflareSite::Result<CloudflareSite::Record> CloudflareSite::Read(const Zone& zone,
                                                                    const Json& body,
                                                                    const Record* before,
                                                                    bool whole) const {
  Record record = before != nullptr && !whole ? *before : Record();
  if (before != nullptr && whole) {
    record.id = before->id;
    record.created = before->created;
    record.order = before->order;
  }
  std::vector<std::pair<int, std::string>> chain;
  const auto has = [&](const char* name) {
    const Json* value = Find(body, {name});
    return value != nullptr && !value->is_null();
  };
  if (has("type")) record.type = Text(body, {"type"});
  if (before != nullptr && !whole && record.type != before->type) {
    chain.emplace_back(9020, "Changing the type of a record is not allowed.");
  }
  static const auto& plain =
      *new std::set<std::string>{"A", "AAAA", "CNAME", "MX", "NS", "OPENPGPKEY", "PTR", "TXT"};
  const bool parts = DataFields().contains(record.type);
  if (!plain.contains(record.type) && !parts) chain.emplace_back(9020, "Invalid DNS record type");
  if (has("name")) {
    record.name = dns::Canonical(Text(body, {"name"}));
    if (record.name == "@") record.name = zone.name;
    if (!dns::IsWithin(record.name, zone.name))
      record.name = absl::StrCat(record.name, ".", zone.name);
  }
  if (record.name.empty() || !dns::IsName(record.name))
    chain.emplace_back(9000, "DNS name is invalid.");
  if (has("ttl")) record.ttl = Integer(body, {"ttl"}, -1);
  if (record.ttl != 1 && (record.ttl < 60 || record.ttl > 86400)) {
    chain.emplace_back(9021,
                       "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
  }
  if (has("proxied")) record.proxied = Flag(body, {"proxied"});
  if (record.proxied && !IsAddressLike(record.type))
    chain.emplace_back(9004, "This record type cannot be proxied.");
  if (has("priority")) record.priority = Integer(body, {"priority"});
  if (has("settings")) record.settings = *Find(body, {"settings"});
  if (Find(body, {"comment"}) != nullptr) record.comment = Text(body, {"comment"});
  const std::size_t comment_limit = zone.plan == "free" ? 100 : 500;
  if (record.comment.size() > comment_limit) {
    chain.emplace_back(9300, absl::StrCat("DNS record comment exceeds the maximum length of ",
                                          comment_limit, " characters."));
  }
  if (has("tags")) {
    record.tags.clear();
    for (const Json& tag : Items(body, {"tags"})) {
      if (tag.is_string()) record.tags.push_back(tag.get<std::string>());
    }
    std::sort(record.tags.begin(), record.tags.end());
  }
  const std::size_t tag_limit = zone.plan == "free" ? 0 : 20;
  if (record.tags.size() > tag_limit) {
    chain.emplace_back(9301, absl::StrCat("DNS record has ", record.tags.size(),
                                          " tags, exceeding the quota of ", tag_limit, "."));
  }
  if (parts) {
    if (has("data")) record.data = *Find(body, {"data"});
    if (!record.data.is_object() || record.data.empty()) {
      chain.emplace_back(9101, "data is a required field.");
    } else {
      for (const char* name : DataFields().at(record.type)) {
        if (Find(record.data, {name}) == nullptr && std::string(name) != "value") {
          chain.emplace_back(9101, absl::StrCat(name, " is a required data field."));
        }
      }
      if (record.type == "SRV") record.priority = Integer(record.data, {"priority"});
      record.content = ContentOf(record.type, record.data, record.priority);
    }
  } else {
    if (has("content")) record.content = Text(body, {"content"});
    const std::string& content = record.content;
    if (content.empty()) {
      chain.emplace_back(9101, "content is a required field.");
    } else if (record.type == "A" && !dns::IsIpv4(content)) {
      chain.emplace_back(9005, "Content for A record must be a valid IPv4 address.");
    } else if (record.type == "AAAA" && !dns::IsIpv6(content)) {
      chain.emplace_back(9006, "Content for AAAA record must be a valid IPv6 address.");
    } else if ((record.type == "CNAME" || record.type == "NS" || record.type == "PTR" ||
                record.type == "MX") &&
               !dns::IsName(content) && content != ".") {
      chain.emplace_back(9007, absl::StrCat("Content for ", record.type, " record is invalid."));
    } else if (record.type == "TXT" && content.size() > 4096) {
      chain.emplace_back(9216, "Content for TXT record is too long.");
    }
    if (record.type == "CNAME" && dns::Canonical(content) == record.name) {
      chain.emplace_back(9039, "CNAME content cannot reference itself.");
    }
    if (record.type == "CNAME" || record.type == "NS" || record.type == "PTR" ||
        record.type == "MX") {
      if (content != ".") record.content = dns::Canonical(content);
    }
    if (record.type == "MX" && !record.priority.has_value())
      chain.emplace_back(9100, "priority is a required field.");
  }
  if (!chain.empty()) return {record, {{1004, "DNS Validation Error", 400, std::move(chain)}}};
  return {record, {}};
}

std::vector<CloudflareSite::Error> CloudflareSite::Conflicts(const Zone& zone,
                                                             const Record& record) const {
  if (record.type == "NS" && record.name == zone.name) {
    return {{81062, "Nameserver records at the zone apex are not allowed.", 400, {}}};
  }
  for (const auto& [id, other] : zone.records) {
    if (id == record.id || other.name != record.name) continue;
    if (other.type == record.type && other.content == record.content &&
        other.priority == record.priority) {
      return {{81058, "An identical record already exists.", 400, {}}};
    }
    if (record.type == "CNAME" && IsAddressLike(other.type)) {
      return {{81053, "An A, AAAA, or CNAME record with that host already exists.", 400, {}}};
    }
    if (other.type == "CNAME" && IsAddressLike(record.type)) {
      return {{81054, "A CNAME record with that host already exists.", 400, {}}};
    }
  }
  return {};
}

CloudflareSite::Result<CloudflareSite::Record> CloudflareSite::Write(Zone& zone, const Json& body,
                                                                     const std::string& id,
                                                                     bool whole) {
  const auto before = zone.records.find(id);
  if (!id.empty() && before == zone.records.end()) return {{}, {NoRecord()}};
  Result<Record> read = Read(zone, body, id.empty() ? nullptr : &before->second, whole);
  if (!read.ok()) return read;
  Record& record = read.value;
  if (id.empty()) {
    record.id = NewId();
    record.created = now_();
    record.order = next_order_++;
  }
  record.modified = now_();
  if (std::vector<Error> errors = Conflicts(zone, record); !errors.empty())
    return {{}, std::move(errors)};
  if (id.empty() && static_cast<std::int64_t>(zone.records.size()) >= zone.quota) {
    return {{}, {{81045, "Record quota exceeded.", 400, {}}}};
  }
  zone.records[record.id] = record;
  return read;
}

HttpResponse CloudflareSite::ListRecords(const HttpRequest& request, const Zone& zone) const {
  const std::int64_t page = QueryNumber(request, "page", 1),
                     per_page = QueryNumber(request, "per_page", 100);
  if (page < 1 || per_page < 1 || per_page > kMaxRecordsPerPage) {
    return Refuse(
        {{9207, absl::StrCat("per_page must be between 1 and ", kMaxRecordsPerPage), 400, {}}});
  }
  const bool any = request.Query("match") == "any";
  const auto matches = [&](const Record& record) {
    int wanted = 0, hit = 0;
    for (const auto& [name, value] : request.query) {
      const std::vector<std::string> words = absl::StrSplit(name, '.');
      const std::string text = words[0] == "name"      ? record.name
                               : words[0] == "content" ? record.content
                               : words[0] == "comment" ? record.comment
                                                       : absl::StrJoin(record.tags, "\n");
      bool is = false;
      if (words[0] == "type") {
        is = record.type == value;
      } else if (words[0] == "proxied") {
        is = record.proxied == (value == "true");
      } else if (words[0] == "search") {
        is = absl::StrContains(record.name, value) || absl::StrContains(record.content, value);
      } else if (words[0] == "name" || words[0] == "content" || words[0] == "comment" ||
                 words[0] == "tag") {
        const std::string how = words.size() > 1 ? words[1] : "exact";
        const std::string lower = words[0] == "name" ? dns::Canonical(value) : value;
        is = how == "exact"        ? text == lower
             : how == "contains"   ? absl::StrContains(text, lower)
             : how == "startswith" ? absl::StartsWith(text, lower)
             : how == "endswith"   ? absl::EndsWith(text, lower)
             : how == "present"    ? !text.empty()
                                   : text.empty();
      } else {
        continue;
      }
      ++wanted;
      hit += is ? 1 : 0;
    }
    return any && wanted > 0 ? hit > 0 : hit == wanted;
  };
  std::vector<const Record*> found;
  for (const auto& [id, record] : zone.records) {
    if (matches(record)) found.push_back(&record);
  }
  std::sort(found.begin(), found.end(),
            [](const Record* a, const Record* b) { return a->order < b->order; });
  return AnswerPage(found, page, per_page);
}

HttpResponse CloudflareSite::HandleRecords(const HttpRequest& request, Zone& zone,
                                           const std::vector<std::string>& rest) {
  Json body = Json::object();
  if (!request.body.empty()) body = ParseJson(request.body)->value;  // Checked for zones already.
  if (rest.empty() && request.method == "GET") return ListRecords(request, zone);
  const auto written = [&](const Result<Record>& result) {
    return result.ok() ? Answer(Show(result.value)) : Refuse(result.errors);
  };
  if (rest.empty() && request.method == "POST") return written(Write(zone, body, "", true));
  if (rest.size() == 1 && rest[0] == "batch" && request.method == "POST") return Batch(zone, body);
  if (rest.size() != 1) return Refuse({{7000, "No route for that URI", 404, {}}});
  if (!IsId(rest[0])) {
    return Refuse({{7003,
                    absl::StrCat("Could not route to /zones/", zone.id, "/dns_records/", rest[0],
                                 ", perhaps your object identifier is invalid?"),
                    404,
                    {}},
                   {7000, "No route for that URI", 404, {}}});
  }
  const auto record = zone.records.find(rest[0]);
  if (record == zone.records.end()) return Refuse({NoRecord()});
  if (request.method == "GET") return Answer(Show(record->second));
  if (request.method == "PUT") return written(Write(zone, body, rest[0], true));
  if (request.method == "PATCH") return written(Write(zone, body, rest[0], false));
  zone.records.erase(record);
  return Answer({{"id", rest[0]}});
}

// One transaction: deletes, patches, puts, posts, in this order; nothing of it where anything
// fails.
HttpResponse CloudflareSite::Batch(Zone& zone, const Json& body) {
  std::size_t changes = 0;
  for (const char* kind : {"deletes", "patches", "puts", "posts"})
    changes += Items(body, {kind}).size();
  const std::int64_t limit = zone.plan == "free" ? kFreeBatch : kPaidBatch;
  if (static_cast<std::int64_t>(changes) > limit) {
    return Refuse(
        {{81111, absl::StrCat("A batch may change ", limit, " records at most."), 400, {}}});
  }
  Zone copy = zone;
  std::vector<Error> errors;
  Json result = {{"deletes", nullptr}, {"patches", nullptr}, {"puts", nullptr}, {"posts", nullptr}};
  const auto note = [&](const char* kind, const Result<Record>& done) {
    if (done.ok()) {
      result[kind].push_back(Show(done.value));
    } else {
      errors.insert(errors.end(), done.errors.begin(), done.errors.end());
    }
  };
  for (const Json& one : Items(body, {"deletes"})) {
    const auto record = copy.records.find(Text(one, {"id"}));
    if (record == copy.records.end()) {
      errors.push_back(NoRecord());
      continue;
    }
    result["deletes"].push_back(Show(record->second));
    copy.records.erase(record);
  }
  const auto existing = [&](const Json& one) { return Text(one, {"id"}, std::string(32, '0')); };
  for (const Json& one : Items(body, {"patches"}))
    note("patches", Write(copy, one, existing(one), false));
  for (const Json& one : Items(body, {"puts"})) note("puts", Write(copy, one, existing(one), true));
  for (const Json& one : Items(body, {"posts"})) note("posts", Write(copy, one, "", true));
  if (!errors.empty()) {
    for (Error& error : errors) error.http = 400;
    return Refuse(errors);
  }
  zone.records = std::move(copy.records);
  return Answer(result);
}

// --- Control ------------------------------------------------------------------------------------

absl::StatusOr<Json> CloudflareSite::Act(const Json& body) {
  absl::MutexLock lock(&mu_);
  const std::string what = Text(body, {"do"});
  if (what == "zone") {
    const Result<Zone*> made = NewZone(body);
    if (!made.ok()) return BadRequest(made.errors[0].message);
    made.value->plan = Text(body, {"plan"}, "free");
    made.value->quota = Integer(body, {"quota"}, made.value->plan == "free" ? 200 : 3500);
    made.value->status = Text(body, {"status"}, "active");
    made.value->created -= absl::Hours(Integer(body, {"hours_old"}, 0));
    return Show(*made.value);
  }
  if (what == "rate_limit") {
    allowed_ = Integer(body, {"requests"}, -1);
    blocked_until_ = absl::InfinitePast();
    return Json{{"ok", true}};
  }
  return BadRequest(absl::StrCat("do what? zone or rate_limit, not ", Quote(what)));
}

Json CloudflareSite::Dump() const {
  absl::MutexLock lock(&mu_);
  Json out = Json::array();
  for (const auto& [id, zone] : zones_) {
    Json shown = Show(zone);
    shown["records"] = Json::array();
    for (const auto& [record_id, record] : zone.records) shown["records"].push_back(Show(record));
    out.push_back(shown);
  }
  return out;
}

}  // namespace charon::sandbox
