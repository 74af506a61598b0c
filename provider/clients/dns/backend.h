// Zones and record sets in words that all DNS services share, and what a service has to offer. The
// clients of each service implement it; Directory (directory.h) does for all of them what they have
// in common.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/base/call.h"

namespace charon::dns {

struct Zone {
  std::string id;    // as the service names it
  std::string name;  // canonical
  std::vector<std::string> name_servers = {};
  bool is_private = false;
  std::optional<std::int64_t> record_limit = {};  // how many records the service allows in it
  std::string comment = {};
  std::optional<absl::Time> made = {};  // at the latest; nullopt if the service does not tell
};

// A zone to be made.
struct NewZone {
  std::string name;
  std::string comment = {};                    // Route 53
  std::string account_id = {};                 // Cloudflare
  std::vector<std::string> name_servers = {};  // PowerDNS
};

// Names a set within its zone.
struct SetKey {
  std::string name, type, set_id;  // the name canonical, the type in upper case
  auto operator<=>(const SetKey&) const = default;
};

// "A www.example.org", with the set's id where it has one.
std::string Describe(const SetKey& key);

struct AliasTarget {
  std::string name;  // canonical
  std::string zone_id;
  bool evaluate_target_health = false;
  bool operator==(const AliasTarget&) const = default;
};

// A record set. As a wish, what is nullopt shall stay as it is (or as the service makes it); as
// found, what is nullopt is nothing that the service has.
struct RecordSet {
  SetKey key;
  std::int64_t ttl = 0;             // seconds; kAutomaticTtl: the service decides; 0 for an alias
  std::vector<std::string> values;  // presentation form
  std::optional<AliasTarget> alias;
  std::optional<bool> proxied;
  std::optional<std::string> comment;
  std::optional<std::set<std::string>> tags;
  std::optional<std::int64_t> weight;
  std::optional<std::string> failover;  // "PRIMARY" or "SECONDARY"
  std::optional<std::string> health_check_id;
  std::vector<std::string> ids;  // the service's own name of each value, in their order
  bool foreign_routing = false;  // routed in a way that we do not write (latency, geolocation, ...)
  // As found, where each record has its own (Cloudflare): they differ. What is above is one of
  // them.
  bool mixed_comment = false;
  bool mixed_tags = false;

  // How many records of a zone's limit it is.
  std::int64_t count() const { return alias ? 1 : static_cast<std::int64_t>(values.size()); }
};

inline constexpr std::int64_t kAutomaticTtl = 1;

// The values in their one spelling, sorted.
std::vector<std::string> CanonicalValues(const RecordSet& set);
bool SameValues(const RecordSet& a, const RecordSet& b);

// True if `live` is as `wanted`: nothing would have to be written.
bool Satisfies(const RecordSet& live, const RecordSet& wanted);

// One step: make (no before), replace, or delete (no after). `before` is the set as it was found.
struct Change {
  std::optional<RecordSet> before = {}, after = {};
};

// Changes that stand or fall together.
struct Unit {
  std::vector<Change> changes;
  std::string receipt = {};  // filled by Write: what to ask the service about its progress
};

// What became of units that were sent in one request, all or nothing.
struct WriteResult {
  absl::Status status;  // OK: all were written
  // Which ones the service blames, by index, if it says so.
  std::vector<std::pair<std::size_t, absl::Status>> at_fault = {};
};

// What a service has beyond names, types, ttls and values.
struct Features {
  bool proxied = false;  // proxied, comment, tags
  bool routing = false;  // aliases, weighted and failover sets
  bool zones = false;    // zones can be made and deleted
  bool automatic_ttl = false;
  bool loc = true;  // type LOC
  std::int64_t default_ttl = 300;
  std::int64_t min_ttl = 1;
  std::int64_t max_ttl = 2147483647;  // RFC 2181, section 8
};

// Safe for concurrent use. Every error says which server it is from; a rejected credential is
// Unauthenticated or PermissionDenied, a zone that is not there NotFound.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::string_view name() const = 0;  // "cloudflare"
  virtual Features features() const = 0;
  // Which server it is, as its errors say. Constant.
  virtual std::string Server() const = 0;

  // True if `text` is one of the service's zone ids rather than a name.
  virtual bool IsZoneId(absl::string_view text) const = 0;
  virtual absl::StatusOr<Zone> ZoneById(const Call& call, const std::string& id) = 0;
  // All of that canonical name; none is not an error.
  virtual absl::StatusOr<std::vector<Zone>> ZonesNamed(const Call& call,
                                                       const std::string& name) = 0;

  // Every set of the zone. Unimplemented if the service lists none: then sets are looked up one by
  // one.
  virtual absl::StatusOr<std::vector<RecordSet>> List(const Call& call, const Zone& zone) = 0;
  virtual absl::StatusOr<std::optional<RecordSet>> Lookup(const Call&, const Zone&, const SetKey&) {
    return absl::UnimplementedError("no look-up of single sets");
  }

  // How many of `units`, from the first, fit into one request; at least 1.
  virtual std::size_t Fits(const Zone& zone, std::span<const Unit> units) const = 0;
  // One request. Fills in ids and receipts of what was written.
  virtual WriteResult Write(const Call& call, const Zone& zone, std::span<Unit> units) = 0;
  // Waits until every name server of the zone has what was written.
  virtual absl::Status AwaitLive(const Call&, const std::string& /*receipt*/) {
    return absl::OkStatus();
  }

  virtual absl::StatusOr<Zone> CreateZone(const Call&, const NewZone&) {
    return absl::UnimplementedError("no zones can be made");
  }
  virtual absl::Status DeleteZone(const Call&, const Zone&) {
    return absl::UnimplementedError("no zones can be deleted");
  }
  // Sets `comment` only.
  virtual absl::Status UpdateZone(const Call&, const Zone&) {
    return absl::UnimplementedError("zones cannot be changed");
  }
};

// Who holds a record set, in the words of external-dns (registry/txt/registry.go and
// registry/mapper/mapper.go of v0.22): a TXT record beside the set,
// "heritage=external-dns,external-dns/owner=ID,external-dns/resource=KIND".
struct Owner {
  std::string id, resource;
  bool operator==(const Owner&) const = default;
};
// The value of that TXT record in quotes, as external-dns writes it.
std::string OwnerText(const Owner& owner);
// nullopt if the value is not such a text.
std::optional<Owner> ParseOwner(absl::string_view txt_value);
// How the places of marks are named, as external-dns' --txt-prefix, --txt-suffix and
// --txt-wildcard-replacement say.
struct Affixes {
  std::string prefix, suffix, wildcard;
};
// Where the owner of a set stands: "a-www.example.org" for A, with an affix "%{record_type}-x." in
// front of or (`suffix`) behind the first label, all in lower case. Wildcards keep their "*" unless
// something stands for it.
std::string OwnerName(const SetKey& key, const Affixes& affixes = {});
struct OwnerPlaces {
  std::vector<SetKey> now;    // with the affixes, and as external-dns does by default
  std::vector<SetKey> alias;  // until v0.21 the mark of an alias of type A, as if it were a CNAME
  std::vector<SetKey>
      before;  // until v0.11: the set's own name, for A and CNAME, which were what it managed
};
OwnerPlaces OwnerPlacesOf(const SetKey& key, const Affixes& affixes = {});
// The owner of a set; somebody else than `self` if places differ. `told` says who is named at a
// place. Former places tell something only where today's do not, as external-dns reads them.
std::optional<Owner> OwnerOf(const OwnerPlaces& places, bool is_alias, absl::string_view self,
                             const std::function<std::optional<Owner>(const SetKey&)>& told);

}  // namespace charon::dns
