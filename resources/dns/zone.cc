#include "resources/dns/zone.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/rfc2136/client.h"
#include "provider/schema/checks.h"
#include "resources/dns/seen_zone.h"

namespace charon::dns_resources {
namespace {

Check ZoneName() {
  return TextRule("is a domain name such as `example.org`",
                  [](absl::string_view text) { return dns::CanonicalHost(text).status(); });
}

// Within this time an apply that was killed is usually gone on with.
constexpr absl::Duration kRecently = absl::Hours(1);
constexpr int kCreateTries = 2;

const std::vector<std::string>& BackendsWithZones() {
  static const auto& backends = *new std::vector<std::string>{"cloudflare", "powerdns", "route53"};
  return backends;
}

bool MakesZones(const std::string& backend) { return backend != "rfc2136"; }

absl::Status NoZonesAt(const std::string& backend) {
  return WithRemedy(
      absl::InvalidArgumentError(absl::StrCat(
          backend, " cannot make or delete zones: dynamic updates change what is in a zone")),
      "Make the zone in the server's own configuration; charon_dns_record takes it by name.");
}

Check MakesZone() {
  Check check = OneOf(BackendsWithZones());
  check.run = [one_of = check.run](const Value& value) {
    const std::vector<std::string>& known = DnsBackends();
    if (std::find(known.begin(), known.end(), value.string()) != known.end() &&
        !MakesZones(value.string()))
      return NoZonesAt(value.string());
    return one_of(value);
  };
  return check;
}

// Cloudflare has zones below a registry's names only, and says no more than "invalid" of others.
absl::Status CheckCloudflareName(const std::string& text) {
  CHARON_ASSIGN_OR_RETURN(const std::string name, dns::CanonicalName(text));
  if (absl::StrContains(name, '.')) return absl::OkStatus();
  return At("name", WithRemedy(absl::InvalidArgumentError(
                                   absl::StrCat("\"", text,
                                                "\" has one label, and Cloudflare takes no zone of "
                                                "one label")),
                               "Write the whole name, such as `example.org`."));
}

// The sets that a zone is made with.
bool IsOwn(const dns::Zone& zone, const dns::RecordSet& set) {
  return set.key.name == zone.name && (set.key.type == "SOA" || set.key.type == "NS");
}

std::string NameOrId(const dns::Directory& directory, const ZoneModel& prior) {
  return prior.zone_id.IsKnown() && directory.backend().IsZoneId(*prior.zone_id) ? *prior.zone_id
                                                                                 : *prior.name;
}

bool HasOtherId(const dns::Directory& directory, const ZoneModel& prior,
                const absl::StatusOr<dns::Zone>& by_name) {
  if (!prior.zone_id.IsKnown() || !directory.backend().IsZoneId(*prior.zone_id)) return false;
  return by_name.ok() ? by_name->id != *prior.zone_id
                      : absl::IsFailedPrecondition(by_name.status());
}

// Whether the zone may be what an interrupted apply made; that it is empty comes on top.
bool IsRecent(const sdk::Context& context, const dns::Zone& zone) {
  return zone.made && context.call.clock->Now() - *zone.made < kRecently;
}

absl::Status Exists(const std::string& backend, const dns::Zone& zone, absl::string_view what) {
  return At("name",
            WithRemedy(absl::AlreadyExistsError(absl::StrCat(backend, " has a zone ", zone.name,
                                                             " already (", zone.id, ")", what)),
                       absl::StrCat(
                           "Set on_conflict = \"adopt\", or import it: terraform import ADDRESS '",
                           backend, "/", zone.name, "'.")));
}

void WarnOfDelegation(const sdk::Context& context, const std::string& name,
                      const std::vector<std::string>& servers) {
  const absl::StatusOr<std::vector<std::string>> found = rfc2136::DelegationOf(context, name, "");
  if (!found.ok()) {
    context.diagnostics->Warning("The delegation could not be checked",
                                 absl::StrCat(name, ": ", found.status().message()),
                                 Path("check_delegation"));
    return;
  }
  if (*found == servers) return;
  context.diagnostics->Warning(
      "The zone is not delegated to its name servers",
      absl::StrCat("The name servers of ", name, " are ", absl::StrJoin(servers, ", "),
                   ", but resolvers are sent to ",
                   found->empty() ? "none" : absl::StrJoin(*found, ", "),
                   ". Enter them at the registrar, or as NS records in the zone above."),
      Path("name_servers"));
}

}  // namespace

absl::StatusOr<dns::Zone> WholeZone(const Call& call, dns::Directory& directory,
                                    const dns::Zone& zone) {
  if (!zone.name_servers.empty() || !MakesZones(std::string(directory.backend().name())))
    return zone;
  return directory.backend().ZoneById(call, zone.id);
}

absl::StatusOr<std::vector<std::string>> NameServersOf(const Call& call, dns::Directory& directory,
                                                       const dns::Zone& zone) {
  CHARON_ASSIGN_OR_RETURN(const dns::Zone whole, WholeZone(call, directory, zone));
  std::vector<std::string> servers = whole.name_servers;
  if (servers.empty()) {
    CHARON_ASSIGN_OR_RETURN(const auto apex, directory.Find(call, zone, {zone.name, "NS", ""}));
    if (apex) servers = apex->values;
  }
  for (std::string& server : servers) server = dns::CanonicalName(server).value_or(server);
  std::sort(servers.begin(), servers.end());
  return servers;
}

const ObjectSpec<ZoneModel>& ZoneModel::Describe() {
  using M = ZoneModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A DNS zone at Cloudflare, Route 53 or PowerDNS. It is not deleted while it holds records of "
      "others.",
      {
          Field(&M::id, "id", Computed, "`backend/name`.").KeepPrior(),
          Field(&M::backend, "backend", OptionalComputed,
                "`cloudflare`, `route53` or `powerdns`. Unset: the only one that the provider "
                "block or the environment configures.")
              .Check(MakesZone())
              .ForceNew(),
          Field(&M::name, "name", Required, "The zone's name, such as `example.org`.")
              .Check(ZoneName())
              .ForceNew()
              .Same([](const std::string& a, const std::string& b) { return dns::SameName(a, b); }),
          Field(&M::zone_id, "zone_id", Computed, "The service's id of the zone.").KeepPrior(),
          Field(&M::name_servers, "name_servers", Computed,
                "Name servers of the zone, sorted: what the registrar has to know.")
              .KeepPrior(),
          Field(&M::comment, "comment", Optional, "Route 53: a note.").Check(LengthBetween(0, 256)),
          Field(&M::account_id, "account_id", Optional,
                "Cloudflare: the account, if the token is for several.")
              .ForceNew(),
          Field(&M::own_name_servers, "own_name_servers", Optional,
                "PowerDNS: names of the servers that a new zone starts with as NS records.")
              .ForceNew(),
          Field(&M::check_delegation, "check_delegation", Optional,
                "Whether to warn, when the zone is made or changed, if resolvers are not sent to "
                "its name servers.")
              .Default(false),
          Field(&M::force_destroy, "force_destroy", Optional,
                "Delete the zone along with records of others.")
              .Default(false),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if there is a zone of that name: `fail` or `adopt`. Unset: `fail`, but "
                "one without records, made within "
                "the last hour (PowerDNS: today), is what an interrupted apply left, and is taken "
                "with a warning.")
              .Check(OneOf({"fail", "adopt"})),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<ZoneIdentity>& ZoneIdentity::Describe() {
  using M = ZoneIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The zone.", {
                       Field(&M::backend, "backend", Required, "The DNS service."),
                       Field(&M::name, "name", Required, "The zone's name."),
                   });
  return spec;
}

const sdk::ResourceInfo& ZoneResource::info() const {
  static const auto& info =
      *new sdk::ResourceInfo{.type = "charon_dns_zone",
                             .noun = "DNS zone",
                             .subcategory = "DNS",
                             .import_id =
                                 "`backend/name`, such as `route53/example.org`; `backend/zone_id` "
                                 "for one of several of that name",
                             .needs = needs::Dns()};
  return info;
}

absl::Status ZoneResource::Plan(const sdk::Context& context, sdk::PlanChange<ZoneModel>& change) {
  if (context.provider_config_unknown || change.IsDestroy() || change.config().backend.IsUnknown())
    return absl::OkStatus();
  std::string backend = change.config().backend.value_or("");
  if (backend.empty()) {
    absl::StatusOr<std::string> implied = services_.dns().Implied();
    if (!implied.ok() && change.IsUpdate()) implied = *change.prior().backend;
    if (!implied.ok()) return At("backend", implied.status());
    backend = *implied;
    change.Set("backend", Attr<std::string>(backend));
  }
  if (!MakesZones(backend)) return At("backend", NoZonesAt(backend));
  const auto only = [&](const char* attribute, bool set, const char* at) -> absl::Status {
    if (!set || backend == at) return absl::OkStatus();
    return At(attribute, WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                        "`", attribute, "` is for ", at, ", not for ", backend)),
                                    absl::StrCat("Remove `", attribute, "`.")));
  };
  CHARON_RETURN_IF_ERROR(only("comment", !change.config().comment.IsNull(), "route53"));
  CHARON_RETURN_IF_ERROR(only("account_id", !change.config().account_id.IsNull(), "cloudflare"));
  CHARON_RETURN_IF_ERROR(
      only("own_name_servers", !change.config().own_name_servers.IsNull(), "powerdns"));
  if (!change.config().name.IsKnown()) return absl::OkStatus();
  if (change.IsCreate() && backend == "cloudflare")
    CHARON_RETURN_IF_ERROR(CheckCloudflareName(*change.config().name));
  const std::string name = dns::CanonicalName(*change.config().name).value_or("");
  change.Set("id", Attr<std::string>(absl::StrCat(backend, "/", name)));
  if (change.IsCreate()) (void)services_.Claim(PlannedZone(backend, name));
  if (!change.IsCreate() || context.planned_before || !services_.settings()->plan_checks)
    return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(backend));
  const absl::StatusOr<dns::Zone> there = directory->FindZone(context, name);
  if (absl::IsUnauthenticated(there.status()) || absl::IsPermissionDenied(there.status()))
    return there.status();
  if (!there.ok()) return absl::OkStatus();
  const Attr<std::string>& on_conflict = change.config().on_conflict;
  if (on_conflict.IsUnknown() || context.private_state->Get(kHeld) == there->id)
    return absl::OkStatus();
  if (on_conflict.value_or("") == "adopt") {
    context.diagnostics->Warning(
        "The zone exists and will be adopted",
        absl::StrCat(name, " exists already as ", there->id, ". Its records stay as they are."),
        Path("name"));
  } else if (!on_conflict.IsNull() || !IsRecent(context, *there)) {
    return Exists(backend, *there, "");
  }
  // What is recent may be what an interrupted apply left behind: Create() looks at it.
  return absl::OkStatus();
}

sdk::Outcome<ZoneModel> ZoneResource::Create(const sdk::Context& context, const ZoneModel& plan) {
  ZoneModel state = plan;
  if (!state.backend.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(state.backend, services_.dns().Implied());
  }
  if (!MakesZones(*state.backend)) return At("backend", NoZonesAt(*state.backend));
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(*state.backend));
  CHARON_ASSIGN_OR_RETURN(const std::string name, dns::CanonicalName(*plan.name));
  absl::StatusOr<dns::Zone> zone = directory->FindZone(context, name);
  if (zone.ok() && plan.on_conflict.value_or("") != "adopt") {
    if (!plan.on_conflict.IsNull()) return Exists(*state.backend, *zone, "");
    // What an interrupted apply left behind is empty and new; anything else is somebody's.
    CHARON_ASSIGN_OR_RETURN(const std::vector<dns::RecordSet> sets, directory->All(context, *zone));
    const auto foreign = std::count_if(
        sets.begin(), sets.end(), [&](const dns::RecordSet& set) { return !IsOwn(*zone, set); });
    if (foreign > 0)
      return Exists(*state.backend, *zone, absl::StrCat(", with ", foreign, " record sets in it"));
    // With create_before_destroy it is the one to be deleted.
    const bool held = context.private_state->Get(kHeld) == zone->id;
    if (held || !IsRecent(context, *zone))
      return Exists(*state.backend, *zone, held ? "" : ", and it was not made just now");
    context.diagnostics->Warning(
        "An empty zone of that name was taken over",
        absl::StrCat(
            name, " exists already as ", zone->id,
            ", made a short while ago and without records: an interrupted apply may have left "
            "it. With on_conflict = \"fail\" it would not be taken."),
        Path("name"));
  }
  if (absl::IsNotFound(zone.status())) {
    dns::NewZone wanted{.name = name,
                        .comment = plan.comment.value_or(""),
                        .account_id = plan.account_id.value_or("")};
    wanted.name_servers = plan.own_name_servers.value_or({});
    for (int tries = 1; !zone.ok() && tries <= kCreateTries; ++tries) {
      zone = directory->backend().CreateZone(context, wanted);
      if (!absl::IsUnavailable(zone.status())) break;
      // Its reply may be lost. There was none of that name before.
      const absl::StatusOr<std::vector<dns::Zone>> named =
          directory->backend().ZonesNamed(context, name);
      if (!named.ok()) break;
      if (named->size() == 1) zone = named->front();
    }
  }
  CHARON_RETURN_IF_ERROR(zone.status());
  directory->ForgetZone(*zone);
  context.private_state->Set(kHeld, zone->id);
  NoteZone(context, *directory, *zone);
  state.id = absl::StrCat(*state.backend, "/", name);
  state.zone_id = zone->id;
  state.name_servers = std::vector<std::string>();
  if (plan.comment.IsKnown() && zone->comment != *plan.comment) {
    zone->comment = *plan.comment;
    if (absl::Status status = directory->backend().UpdateZone(context, *zone); !status.ok())
      return sdk::Outcome<ZoneModel>::Partial(state, status);
  }
  absl::StatusOr<std::vector<std::string>> servers = NameServersOf(context, *directory, *zone);
  if (!servers.ok()) return sdk::Outcome<ZoneModel>::Partial(state, servers.status());
  state.name_servers = *servers;
  if (plan.check_delegation.value_or(false)) WarnOfDelegation(context, name, *servers);
  return state;
}

sdk::Outcome<ZoneModel> ZoneResource::Read(const sdk::Context& context, const ZoneModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(*prior.backend));
  CHARON_ASSIGN_OR_RETURN(const std::string name, dns::CanonicalName(*prior.name));
  absl::StatusOr<dns::Zone> zone = directory->FindZone(context, name);
  if (absl::IsNotFound(zone.status()) && prior.zone_id.IsKnown()) {
    zone = FindSeenZone(context, *directory, name);
  } else if (HasOtherId(*directory, prior, zone)) {
    // One of several of that name, or one that was made anew since.
    const absl::StatusOr<dns::Zone> by_id = directory->FindZone(context, *prior.zone_id);
    if (!absl::IsNotFound(by_id.status())) zone = by_id;
  }
  if (!zone.ok()) return At("name", zone.status());
  ZoneModel state = prior;
  context.private_state->Set(kHeld, zone->id);
  NoteZone(context, *directory, *zone);
  state.id = absl::StrCat(*prior.backend, "/", name);
  state.zone_id = zone->id;
  CHARON_ASSIGN_OR_RETURN(const dns::Zone whole, WholeZone(context, *directory, *zone));
  CHARON_ASSIGN_OR_RETURN(state.name_servers, NameServersOf(context, *directory, whole));
  const bool imported = !prior.force_destroy.IsKnown();
  if (prior.comment.IsKnown() || (imported && !whole.comment.empty()))
    state.comment = whole.comment;
  if (imported) state.force_destroy = state.check_delegation = false;
  return state;
}

sdk::Outcome<ZoneModel> ZoneResource::Update(const sdk::Context& context, const ZoneModel& prior,
                                             const ZoneModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(*prior.backend));
  ZoneModel state = plan;
  if (prior.comment != plan.comment) {
    CHARON_ASSIGN_OR_RETURN(dns::Zone zone,
                            directory->FindZone(context, NameOrId(*directory, prior)));
    zone.comment = plan.comment.value_or("");
    CHARON_RETURN_IF_ERROR(directory->backend().UpdateZone(context, zone));
    directory->ForgetZone(zone);
  }
  if (plan.check_delegation.value_or(false))
    WarnOfDelegation(context, *prior.name, prior.name_servers.value_or({}));
  return state;
}

absl::Status ZoneResource::Delete(const sdk::Context& context, const ZoneModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(*prior.backend));
  CHARON_ASSIGN_OR_RETURN(const dns::Zone zone,
                          FindSeenZone(context, *directory, NameOrId(*directory, prior)));
  CHARON_ASSIGN_OR_RETURN(const std::vector<dns::RecordSet> sets, directory->All(context, zone));
  std::vector<dns::RecordSet> foreign;
  std::copy_if(sets.begin(), sets.end(), std::back_inserter(foreign),
               [&](const dns::RecordSet& set) { return !IsOwn(zone, set); });
  if (!foreign.empty() && !prior.force_destroy.value_or(false)) {
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < std::min<std::size_t>(foreign.size(), 5); ++i)
      shown.push_back(dns::Describe(foreign[i].key));
    if (foreign.size() > 5) shown.push_back(absl::StrCat(foreign.size() - 5, " more"));
    return WithRemedy(
        absl::FailedPreconditionError(absl::StrCat(
            "the zone ", zone.name,
            " still has records that are not of this configuration: ", absl::StrJoin(shown, ", "))),
        "Delete them first, or set force_destroy = true and apply that before.");
  }
  if (!foreign.empty()) {
    // Route 53 deletes no zone that is not empty.
    std::vector<dns::SetKey> keys;
    for (const dns::RecordSet& set : foreign) keys.push_back(set.key);
    const auto build = [&](const dns::ZoneView& view) -> absl::StatusOr<std::vector<dns::Change>> {
      std::vector<dns::Change> changes;
      for (const dns::SetKey& key : keys) {
        if (const dns::RecordSet* live = view.Find(key)) changes.push_back({*live, std::nullopt});
      }
      return changes;
    };
    if (*prior.backend == "route53")
      CHARON_RETURN_IF_ERROR(directory->Write(context, zone, keys, build).status());
  }
  const absl::Status status = directory->backend().DeleteZone(context, zone);
  directory->ForgetZone(zone);
  return status;
}

absl::StatusOr<ZoneModel> ZoneResource::Import(const sdk::Context& context, const std::string& id) {
  const std::vector<std::string> parts = absl::StrSplit(id, absl::MaxSplits('/', 1));
  if (parts.size() != 2 ||
      std::find(DnsBackends().begin(), DnsBackends().end(), parts[0]) == DnsBackends().end() ||
      !MakesZones(parts[0])) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("\"", id, "\" is not backend/name")),
                      "Write it as in route53/example.org.");
  }
  ZoneModel model;
  model.backend = parts[0];
  CHARON_ASSIGN_OR_RETURN(const auto directory, services_.dns().Get(parts[0]));
  if (directory->backend().IsZoneId(parts[1])) {
    CHARON_ASSIGN_OR_RETURN(const dns::Zone zone, directory->FindZone(context, parts[1]));
    model.name = zone.name;
    model.zone_id = zone.id;
    NoteZone(context, *directory, zone);
    return model;
  }
  CHARON_RETURN_IF_ERROR(dns::CanonicalName(parts[1]).status());
  model.name = parts[1];
  return model;
}

absl::StatusOr<ZoneModel> ZoneResource::ImportByIdentity(const sdk::Context& context,
                                                         const ZoneIdentity& identity) {
  return Import(context, absl::StrCat(*identity.backend, "/", *identity.name));
}

absl::StatusOr<ZoneIdentity> ZoneResource::Identify(const sdk::Context&, const ZoneModel& state) {
  return ZoneIdentity{state.backend, state.name};
}

}  // namespace charon::dns_resources
