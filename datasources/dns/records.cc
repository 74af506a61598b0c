#include "datasources/dns/records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/clients/rfc2136/client.h"
#include "provider/schema/checks.h"
#include "resources/dns/zone.h"

namespace charon::dns_data {
namespace {

absl::StatusOr<std::string> BackendOf(const Services& services, const Attr<std::string>& backend) {
  if (backend.IsKnown()) return *backend;
  absl::StatusOr<std::string> implied = services.dns().Implied();
  if (!implied.ok()) return At("backend", implied.status());
  return implied;
}

// NotFound would be the end of a resource; here it is an error like any other.
absl::StatusOr<dns::Zone> ZoneOf(const Call& call, dns::Directory& directory,
                                 const std::string& zone, const char* attribute) {
  absl::StatusOr<dns::Zone> found = directory.FindZone(call, zone);
  if (!found.ok()) return At(attribute, found.status());
  return found;
}

Check RecordType() {
  return TextRule("is a type in capital letters, such as `A` or `SOA`", [](absl::string_view text) {
    const bool fits = !text.empty() &&
                      absl::ascii_isupper(static_cast<unsigned char>(text.front())) &&
                      std::all_of(text.begin(), text.end(), [](unsigned char c) {
                        return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '-';
                      });
    if (fits) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "must be a type in capital letters, such as \"A\" or \"TXT\", not \"", text, "\""));
  });
}

// A zone may have types that cannot be written here: that it has none of them is an answer all the
// same, but most likely one to a misspelt question.
void WarnOfStrange(const sdk::Context& context, const std::string& type,
                   const std::vector<FoundRecordModel>& found) {
  const std::vector<std::string>& known = dns::KnownTypes();
  if (!found.empty() || type == "SOA" || std::find(known.begin(), known.end(), type) != known.end())
    return;
  context.diagnostics->Warning(
      "The type is not known",
      absl::StrCat("No record set has the type ", type, ", and it is none of the usual ones: ",
                   absl::StrJoin(known, ", "), ", SOA. Correct it if it is misspelt."),
      Path("type"));
}

constexpr char kBackendText[] =
    "Which DNS service. Unset: the only one that the provider block or the environment configures.";

}  // namespace

const ObjectSpec<FoundRecordModel>& FoundRecordModel::Describe() {
  using M = FoundRecordModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A record set.",
      {
          Field(&M::name, "name", Computed, "The whole name."),
          Field(&M::type, "type", Computed, "Type of the records."),
          Field(&M::set_id, "set_id", Computed, "Id of a weighted or failover set."),
          Field(&M::ttl, "ttl", Computed,
                "In seconds; 1 is automatic at Cloudflare; null for aliases."),
          Field(&M::values, "values", Computed, "In presentation form, sorted."),
          Field(&M::proxied, "proxied", Computed,
                "Cloudflare: whether traffic goes through its proxy."),
          Field(&M::comment, "comment", Computed, "Cloudflare: the note."),
          Field(&M::owner, "owner", Computed,
                "Who holds it, by the TXT record that external-dns (or `ownership`) writes."),
      });
  return spec;
}

const ObjectSpec<RecordsModel>& RecordsModel::Describe() {
  using M = RecordsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The record sets of a zone.",
      {
          Field(&M::backend, "backend", OptionalComputed, kBackendText).Check(OneOf(DnsBackends())),
          Field(&M::zone, "zone", Required, "The zone, by name or by the service's id."),
          Field(&M::name, "name", Optional, "Only sets of this name."),
          Field(&M::type, "type", Optional, "Only sets of this type.").Check(RecordType()),
          Field(&M::records, "records", Computed, "The sets, sorted by name and type."),
          Field(&M::record_count, "record_count", Computed,
                "How many records the zone has, all counted."),
          Field(&M::record_limit, "record_limit", Computed,
                "How many it may have, where the service tells."),
      });
  return spec;
}

const sdk::ResourceInfo& RecordsSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_dns_records",
                                                   .noun = "DNS records",
                                                   .subcategory = "DNS",
                                                   .needs = needs::Dns()};
  return info;
}

sdk::Outcome<RecordsModel> RecordsSource::Read(const sdk::Context& context,
                                               const RecordsModel& config) {
  RecordsModel answer = config;
  CHARON_ASSIGN_OR_RETURN(const std::string backend, BackendOf(services_, config.backend));
  answer.backend = backend;
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(backend));
  CHARON_ASSIGN_OR_RETURN(const dns::Zone zone, ZoneOf(context, *directory, *config.zone, "zone"));
  std::string name;
  if (config.name.IsKnown()) {
    absl::StatusOr<std::string> canonical = dns::CanonicalName(*config.name);
    if (!canonical.ok()) return At("name", canonical.status());
    name = *std::move(canonical);
  }
  const absl::StatusOr<std::vector<dns::RecordSet>> sets = directory->All(context, zone);
  if (absl::IsUnimplemented(sets.status())) {
    return At("zone",
              WithRemedy(absl::FailedPreconditionError(sets.status().message()),
                         "Allow the TSIG key to transfer the zone (BIND: allow-transfer)."));
  }
  CHARON_RETURN_IF_ERROR(sets.status());
  std::map<dns::SetKey, dns::Owner> owners;
  for (const dns::RecordSet& set : *sets) {
    for (const std::string& value : set.values) {
      if (const auto owner = set.key.type == "TXT" ? dns::ParseOwner(value) : std::nullopt)
        owners[set.key] = *owner;
    }
  }
  std::vector<FoundRecordModel> records;
  std::int64_t count = 0;
  for (const dns::RecordSet& set : *sets) {
    count += set.count();
    if ((!name.empty() && set.key.name != name) ||
        (config.type.IsKnown() && set.key.type != *config.type))
      continue;
    FoundRecordModel found;
    found.name = set.key.name;
    found.type = set.key.type;
    if (!set.key.set_id.empty()) found.set_id = set.key.set_id;
    if (!set.alias) found.ttl = set.ttl;
    found.values = dns::CanonicalValues(set);
    found.proxied = set.proxied;
    found.comment = set.comment;
    const auto told = [&](const dns::SetKey& place) {
      const auto there = owners.find(place);
      return there == owners.end() ? std::nullopt : std::optional(there->second);
    };
    if (const auto owner =
            dns::OwnerOf(dns::OwnerPlacesOf(set.key), set.alias.has_value(), "", told))
      found.owner = owner->id;
    records.push_back(std::move(found));
  }
  if (config.type.IsKnown()) WarnOfStrange(context, *config.type, records);
  answer.records = std::move(records);
  answer.record_count = count;
  answer.record_limit = zone.record_limit;
  return answer;
}

const ObjectSpec<ZoneModel>& ZoneModel::Describe() {
  using M = ZoneModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A DNS zone: its id, its name servers, and whether resolvers are sent to them.",
      {
          Field(&M::backend, "backend", OptionalComputed, kBackendText).Check(OneOf(DnsBackends())),
          Field(&M::name, "name", Required, "The zone's name, or the service's id of it."),
          Field(&M::check_delegation, "check_delegation", Optional,
                "Whether to ask a resolver where it is sent for the zone."),
          Field(&M::resolver, "resolver", Optional,
                "The resolver to ask, such as `192.0.2.53:53`; this machine's if unset."),
          Field(&M::zone_id, "zone_id", Computed, "The service's id of the zone."),
          Field(&M::name_servers, "name_servers", Computed, "Name servers of the zone, sorted."),
          Field(&M::delegated_to, "delegated_to", Computed,
                "With `check_delegation`: where the resolver is sent, sorted."),
          Field(&M::delegated, "delegated", Computed,
                "With `check_delegation`: whether these are the zone's name servers."),
          Field(&M::record_limit, "record_limit", Computed,
                "How many records the zone may have, where the service tells."),
      });
  return spec;
}

const sdk::ResourceInfo& ZoneSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{
      .type = "charon_dns_zone", .noun = "DNS zone", .subcategory = "DNS", .needs = needs::Dns()};
  return info;
}

sdk::Outcome<ZoneModel> ZoneSource::Read(const sdk::Context& context, const ZoneModel& config) {
  ZoneModel answer = config;
  CHARON_ASSIGN_OR_RETURN(const std::string backend, BackendOf(services_, config.backend));
  answer.backend = backend;
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(backend));
  CHARON_ASSIGN_OR_RETURN(const dns::Zone zone, ZoneOf(context, *directory, *config.name, "name"));
  answer.zone_id = zone.id;
  answer.record_limit = zone.record_limit;
  CHARON_ASSIGN_OR_RETURN(const std::vector<std::string> servers,
                          dns_resources::NameServersOf(context, *directory, zone));
  answer.name_servers = servers;
  if (config.check_delegation.value_or(false)) {
    CHARON_ASSIGN_OR_RETURN(
        const std::vector<std::string> found,
        rfc2136::DelegationOf(context, zone.name, config.resolver.value_or("")));
    answer.delegated_to = found;
    answer.delegated = found == servers;
  }
  return answer;
}

}  // namespace charon::dns_data
