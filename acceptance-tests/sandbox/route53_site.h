// Amazon Route 53's API of 2013-04-01: hosted zones, record sets, changes.
//
// From the API reference; messages as AWS documents them or as clients' reports quote them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_ROUTE53_SITE_H_
#define ACCEPTANCE_TESTS_SANDBOX_ROUTE53_SITE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "route53_signature.h"
#include "site.h"

namespace charon::sandbox {

// Safe for concurrent use.
class Route53Site final : public Site {
 public:
  Route53Site(aws::Credentials credentials, std::uint64_t seed, std::function<absl::Time()> now);

  std::string api() const override { return "route53"; }
  std::optional<HttpResponse> Admit(const HttpRequest& request, std::string* user) override;
  HttpResponse Handle(const HttpRequest& request, const std::string& user) override;
  // `message` may name AWS's code: "Throttling: Rate exceeded".
  HttpResponse FaultAnswer(const HttpRequest& request, const Fault& fault) override;

  // {"do": "zone" | "propagation" | "rate_limit", ...}; see README.md.
  absl::StatusOr<Json> Act(const Json& body);
  Json Dump() const;
  void Reset();

  struct RecordSet {
    std::string name, type, set_id;  // The name in lower case, with escapes and the final dot.
    std::optional<std::int64_t> ttl, weight;
    std::vector<std::string> values;
    std::string alias_zone, alias_name, failover, region, health_check;
    bool alias_health = false, multi_value = false;
    std::string geo;  // The whole element, as it came.

    bool is_alias() const { return !alias_name.empty(); }
    bool operator==(const RecordSet&) const = default;
  };
  // Names are sorted by their labels from the right.
  using Key = std::tuple<std::vector<std::string>, std::string, std::string>;

 private:
  struct Zone {
    std::string id, name, caller, comment;
    std::map<Key, RecordSet> sets;
  };
  struct Change {
    std::string id, zone, comment;
    absl::Time submitted;
  };
  struct Failure {  // One of Route 53's errors.
    int http = 400;
    std::string code, message;
    std::vector<std::string> messages;  // Of InvalidChangeBatch.
  };

  static Key KeyOf(const RecordSet& set);
  static HttpResponse Refuse(const Failure& failure);
  std::string NewId(const char* prefix) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string NewChange(const std::string& zone, const std::string& comment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string ChangeInfo(const std::string& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static std::string ZoneXml(const Zone& zone);
  HttpResponse CreateZone(const HttpRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Zone& AddZone(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpResponse ListZones(const HttpRequest& request, bool by_name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpResponse ListSets(const HttpRequest& request, const Zone& zone) const;
  HttpResponse ChangeSets(const HttpRequest& request, Zone& zone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const aws::Credentials credentials_;
  const std::function<absl::Time()> now_;
  mutable absl::Mutex mu_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Zone> zones_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Change> changes_ ABSL_GUARDED_BY(mu_);
  absl::Duration propagation_ ABSL_GUARDED_BY(mu_) = absl::Milliseconds(200);
  std::int64_t per_second_ ABSL_GUARDED_BY(mu_) = 0;  // 0: no limit.
  std::int64_t used_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time second_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_ROUTE53_SITE_H_
