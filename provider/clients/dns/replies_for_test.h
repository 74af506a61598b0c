// For the fuzzers of the DNS services' clients: a service that answers with given bytes, and what
// has to hold whatever they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "provider/clients/dns/backend.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/http/transport.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fuzz.h"

namespace charon::dns {

// Answers the n-th request with the n-th piece of `bytes` between zero bytes, the last again and
// again. A piece that begins with a digit has another HTTP status than 200.
class Parrot final : public http::Transport {
 public:
  explicit Parrot(absl::string_view bytes) : answers_(absl::StrSplit(bytes, '\0')) {}

  absl::StatusOr<http::Response> Send(const Call& call, const http::Request&) override {
    if (absl::Status alive = call.Alive(); !alive.ok()) return alive;
    // A list without end is for the call's deadline.
    if (++asked_ > 40) return absl::DeadlineExceededError("enough");
    std::string body = answers_[std::min(asked_, answers_.size()) - 1];
    http::Response response{.status = 200};
    if (!body.empty() && body[0] >= '0' && body[0] <= '9') {
      constexpr int kStatus[] = {204, 400, 401, 403, 404, 409, 422, 429, 500, 503};
      response.status = kStatus[body[0] - '0'];
      body.erase(0, 1);
    }
    response.body = std::move(body);
    return response;
  }

 private:
  const std::vector<std::string> answers_;
  std::size_t asked_ = 0;
};

inline void CheckZone(const Zone& zone) {
  Require(!zone.id.empty());
  const absl::StatusOr<std::string> name = CanonicalName(zone.name.empty() ? "." : zone.name);
  Require(name.ok() && *name == zone.name);
}

// Asks `backend` for everything. `values_have_ids`: as in RecordSet::ids.
inline void CheckReplies(Backend& backend, bool values_have_ids) {
  FakeClock clock;
  Call call;
  call.clock = &clock;
  call.deadline = clock.Now() + absl::Minutes(5);
  const auto check = [](const absl::Status& status) {
    Require(status.ok() || !status.message().empty());
  };
  const Zone zone{"Z1", "example.org"};

  const absl::StatusOr<std::vector<RecordSet>> sets = backend.List(call, zone);
  check(sets.status());
  std::vector<Unit> units(1);
  RecordSet fresh;
  fresh.key = {"www.example.org", "A", ""};
  fresh.ttl = 300;
  fresh.values = {"192.0.2.1"};
  units[0].changes.push_back({std::nullopt, fresh});
  if (sets.ok()) {
    for (const RecordSet& set : *sets) {
      const absl::StatusOr<std::string> name =
          CanonicalName(set.key.name.empty() ? "." : set.key.name);
      Require(name.ok() && *name == set.key.name);
      if (values_have_ids) Require(set.ids.size() == set.values.size());
      for (const std::string& value : set.values)
        Require(CanonicalRdata(set.key.type, value) == value);
      Require(Satisfies(set, set));
      if (units.size() < 3 && set.values.size() < 10) {
        RecordSet after = set;
        after.ttl = 60;
        units.push_back({{{set, after}}});
        units.push_back({{{set, std::nullopt}}});
      }
    }
  }
  Require(backend.Fits(zone, units) >= 1);
  const WriteResult result = backend.Write(call, zone, units);
  check(result.status);
  for (const auto& [index, status] : result.at_fault) Require(index < units.size() && !status.ok());

  const absl::StatusOr<Zone> by_id = backend.ZoneById(call, "Z1");
  check(by_id.status());
  if (by_id.ok()) CheckZone(*by_id);
  const absl::StatusOr<std::vector<Zone>> named = backend.ZonesNamed(call, "example.org");
  check(named.status());
  if (named.ok()) {
    for (const Zone& one : *named) CheckZone(one);
  }
  check(backend.CreateZone(call, {.name = "example.org"}).status());
}

}  // namespace charon::dns
