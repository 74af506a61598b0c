// Cloudflare's API v4, as much of it as has to do with DNS: token check, zones, records, batches.
//
// From the API's documentation (developers.cloudflare.com/api and /dns/manage-dns-records) and the
// codes that users report of it; there is no server to compare with.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CLOUDFLARE_SITE_H_
#define ACCEPTANCE_TESTS_SANDBOX_CLOUDFLARE_SITE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "site.h"

namespace charon::sandbox {

// Safe for concurrent use.
class CloudflareSite final : public Site {
 public:
  // Tokens of a user who may write, and of one who may only read.
  struct Tokens {
    std::string write, read;
  };

  CloudflareSite(Tokens tokens, std::uint64_t seed, std::function<absl::Time()> now);

  std::string api() const override { return "cloudflare"; }
  std::optional<HttpResponse> Admit(const HttpRequest& request, std::string* user) override;
  HttpResponse Handle(const HttpRequest& request, const std::string& user) override;
  HttpResponse FaultAnswer(const HttpRequest& request, const Fault& fault) override;

  // {"do": "zone" | "rate_limit", ...}; see README.md.
  absl::StatusOr<Json> Act(const Json& body);
  Json Dump() const;
  void Reset();

 private:
  struct Error {
    int code = 0;
    std::string message;
    int http = 400;
    std::vector<std::pair<int, std::string>> chain;
  };
  template <typename T>
  struct Result {  // A value, or errors.
    T value = {};
    std::vector<Error> errors;
    bool ok() const { return errors.empty(); }
  };
  struct Record {
    std::string id, name, type, content, comment;
    Json data, settings = Json::object();
    std::vector<std::string> tags;
    std::optional<std::int64_t> priority;
    std::int64_t ttl = 1;
    bool proxied = false;
    absl::Time created, modified;
    std::uint64_t order = 0;
  };
  struct Zone {
    std::string id, name, account, plan = "free", status = "pending";
    std::vector<std::string> name_servers;
    std::int64_t quota = 200;
    absl::Time created;
    std::map<std::string, Record> records;  // By id.
  };

  static HttpResponse Refuse(const std::vector<Error>& errors);
  HttpResponse Answer(Json result, Json info = nullptr) const;
  template <typename T>
  HttpResponse AnswerPage(const std::vector<const T*>& found, std::int64_t page,
                          std::int64_t per_page) const;
  std::string NewId() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static bool IsId(const std::string& text);
  Json Show(const Zone& zone) const;
  Json Show(const Record& record) const;
  HttpResponse HandleZones(const HttpRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpResponse HandleRecords(const HttpRequest& request, Zone& zone,
                             const std::vector<std::string>& rest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpResponse ListRecords(const HttpRequest& request, const Zone& zone) const;
  HttpResponse Batch(Zone& zone, const Json& body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Result<Zone*> NewZone(const Json& body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What `body` makes of `before`: a whole record (put, post), or only the given fields (patch).
  Result<Record> Read(const Zone& zone, const Json& body, const Record* before, bool whole) const;
  std::vector<Error> Conflicts(const Zone& zone, const Record& record) const;
  Result<Record> Write(Zone& zone, const Json& body, const std::string& id, bool whole)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static Error NoRecord() { return {81044, "Record does not exist.", 404, {}}; }

  const Tokens tokens_;
  const std::function<absl::Time()> now_;
  mutable absl::Mutex mu_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Zone> zones_ ABSL_GUARDED_BY(mu_);  // By id.
  std::string account_ ABSL_GUARDED_BY(mu_);
  std::uint64_t next_order_ ABSL_GUARDED_BY(mu_) = 1;
  std::int64_t allowed_ ABSL_GUARDED_BY(mu_) = -1;  // Requests that are left; negative: no limit.
  absl::Time blocked_until_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CLOUDFLARE_SITE_H_
