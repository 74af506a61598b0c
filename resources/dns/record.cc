#include "resources/dns/record.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"
#include "provider/schema/checks.h"
#include "resources/dns/seen_zone.h"

namespace charon::dns_resources {
namespace {

using dns::Change;
using dns::RecordSet;
using dns::SetKey;
using dns::Zone;
using dns::ZoneView;

constexpr char kType[] = "charon_dns_record";
Check RecordName() {
  return TextRule("is a domain name such as `www.example.org`",
                  [](absl::string_view text) { return dns::CanonicalName(text).status(); });
}

Check HostName() {
  return TextRule("is a domain name such as `lb.example.org`",
                  [](absl::string_view text) { return dns::CanonicalHost(text).status(); });
}

// As Route 53 has them; it drops blanks, so that the plan would want them for ever.
Check Id(std::size_t most) {
  return TextRule(
      absl::StrCat("is an id of 1 to ", most, " characters without blanks"),
      [most](absl::string_view text) {
        const bool fits = !text.empty() && text.size() <= most &&
                          std::none_of(text.begin(), text.end(), [](unsigned char c) {
                            return absl::ascii_isspace(c) || absl::ascii_iscntrl(c);
                          });
        if (fits) return absl::OkStatus();
        return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no id: it has 1 to ",
                                                       most, " characters, and none is a blank"));
      });
}

// Route 53 has no sets of one name and type without a rule that chooses among them.
ObjectRule SetsAreChosenFrom() {
  return {"\"set_id\" needs \"weight\" or \"failover\".", [](const Value& object) {
            const Value& id = object["set_id"];
            if (id.IsNull() || id.IsUnknown() || !object["weight"].IsNull() ||
                !object["failover"].IsNull())
              return absl::OkStatus();
            return At("set_id",
                      WithRemedy(absl::InvalidArgumentError(
                                     "\"set_id\" needs \"weight\" or \"failover\", by which "
                                     "Route 53 chooses among the sets of that name and type"),
                                 "Set one of them as well, or remove `set_id`."));
          }};
}

Check Ttl() {
  return Check{
      "is at least 1", [](const Value& value) {
        if (value.number() >= Number(1)) return absl::OkStatus();
        return WithRemedy(
            absl::InvalidArgumentError(absl::StrCat("is ", value.number().ToString(),
                                                    ", but a ttl has at least 1 second")),
            "Leave `ttl` out for the default; for answers that change often, 60 is common.");
      }};
}

Check NotEmpty() {
  return Check{"has one value or more", [](const Value& value) {
                 if (!value.sequence().empty()) return absl::OkStatus();
                 return WithRemedy(
                     absl::InvalidArgumentError("is empty, but a record set has one value or more"),
                     "Remove the resource if there shall be no such record.");
               }};
}

bool IsApex(const RecordModel& model, const std::string& zone) {
  return dns::SameName(*model.name, zone);
}

std::string Sentence(absl::string_view message) {
  std::string sentence(message);
  if (!sentence.empty()) sentence[0] = absl::ascii_toupper(static_cast<unsigned char>(sentence[0]));
  return sentence;
}

absl::Status CheckInside(const std::string& name, absl::string_view zone) {
  CHARON_ASSIGN_OR_RETURN(const std::string canonical, dns::CanonicalName(name));
  if (dns::IsInside(canonical, zone)) return absl::OkStatus();
  return At(
      "name",
      WithRemedy(
          absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is outside the zone ", zone)),
          absl::StrContains(canonical, '.')
              ? std::string("Name the zone that holds it.")
              : absl::StrCat("Write the whole name, such as \"", canonical, ".", zone, "\".")));
}

absl::Status CheckApex(const RecordModel& model, const std::string& zone,
                       absl::string_view backend) {
  // Cloudflare answers for such a name with the addresses of its target.
  if (*model.type != "CNAME" || backend == "cloudflare" || !IsApex(model, zone))
    return absl::OkStatus();
  return At("type",
            WithRemedy(absl::InvalidArgumentError(
                           absl::StrCat("a CNAME cannot stand at the apex of the zone (", zone,
                                        "): the SOA and NS records are there, and nothing may "
                                        "stand beside a CNAME (RFC 1034, section 3.6.2)")),
                       backend == "route53" ? "Use type A or AAAA with `alias`."
                                            : "Use A and AAAA records with the addresses."));
}

// Which key a known model stands for.
absl::StatusOr<SetKey> KeyOf(const RecordModel& model) {
  absl::StatusOr<std::string> name = dns::CanonicalName(*model.name);
  if (!name.ok()) return At("name", name.status());
  return SetKey{*std::move(name), *model.type, model.set_id.value_or("")};
}

dns::Affixes AffixesOf(const OwnershipModel& of) {
  return {of.prefix.value_or(""), of.suffix.value_or(""), of.wildcard_replacement.value_or("")};
}

// Where its owner stands.
SetKey OwnerKeyOf(const SetKey& key, const OwnershipModel& ownership) {
  return {dns::OwnerName(key, AffixesOf(ownership)), "TXT", key.set_id};
}

// The set that a wholly known model asks for. `prior`: what it had asked for; what it asks for no
// more is taken back.
RecordSet WantedOf(const SetKey& key, const RecordModel& model, const RecordModel* prior) {
  RecordSet set;
  set.key = key;
  set.ttl = model.ttl.value_or(0);
  const std::set<std::string> values = model.values.value_or({});
  set.values.assign(values.begin(), values.end());
  if (model.alias.IsKnown()) {
    const absl::StatusOr<std::string> target = dns::CanonicalName(*model.alias->name);
    set.alias = dns::AliasTarget{target.ok() ? *target : *model.alias->name,
                                 model.alias->zone_id.value_or(""),
                                 model.alias->evaluate_target_health.value_or(false)};
  }
  const auto wish = [&](const auto& now, const auto& before, auto nothing) {
    auto result = now.optional();
    if (!result && before.IsKnown()) result = nothing;
    return result;
  };
  const RecordModel none;
  const RecordModel& was = prior != nullptr ? *prior : none;
  set.proxied = wish(model.proxied, was.proxied, false);
  set.comment = wish(model.comment, was.comment, std::string());
  set.tags = wish(model.tags, was.tags, std::set<std::string>());
  set.health_check_id = wish(model.health_check_id, was.health_check_id, std::string());
  set.weight = model.weight.optional();
  if (model.failover.IsKnown()) set.failover = absl::AsciiStrToUpper(*model.failover);
  return set;
}

RecordSet OwnerSet(const SetKey& key, const OwnershipModel& ownership, const RecordSet& of,
                   const dns::Features& features) {
  RecordSet set;
  set.key = OwnerKeyOf(key, ownership);
  set.ttl = features.default_ttl;
  set.values = {dns::OwnerText({*ownership.owner_id, kType})};
  set.weight = of.weight;
  set.failover = of.failover;
  return set;
}

// The mark of an apex needs a label of its own (external-dns, docs/registry/txt.md), and so does
// that of a label of 62 bytes.
absl::Status CheckMark(const SetKey& key, const Attr<OwnershipModel>& ownership,
                       absl::string_view zone, absl::string_view backend) {
  if (!ownership.IsKnown()) return absl::OkStatus();
  const std::string name = OwnerKeyOf(key, *ownership).name;
  const auto fault = [&](absl::string_view why, absl::string_view remedy) {
    const std::string told =
        absl::StrCat("the mark of ", dns::Describe(key), " would be ", name, ", ", why);
    return At("ownership", WithRemedy(absl::InvalidArgumentError(told), remedy));
  };
  constexpr absl::string_view kOwnLabel =
      "Give it a label of its own: prefix = \"%%{record_type}-owner.\" (--txt-prefix of "
      "external-dns, where the sign stands once).";
  if (const absl::Status valid = dns::CanonicalName(name).status(); !valid.ok())
    return fault(valid.message(), kOwnLabel);
  if (!dns::IsInside(name, zone))
    return fault(absl::StrCat("which is outside the zone ", zone), kOwnLabel);
  if (backend == "powerdns" && absl::StrContains(name, '*')) {
    return fault("and PowerDNS takes no \"*\" inside of a name",
                 "Let something stand for it: wildcard_replacement = \"any\" "
                 "(--txt-wildcard-replacement of external-dns).");
  }
  return absl::OkStatus();
}

// The owner that a set of TXT values names.
std::optional<dns::Owner> OwnerIn(const RecordSet* set) {
  if (set == nullptr) return std::nullopt;
  for (const std::string& value : set->values) {
    if (auto owner = dns::ParseOwner(value)) return owner;
  }
  return std::nullopt;
}

dns::OwnerPlaces PlacesOf(const SetKey& key, const Attr<OwnershipModel>& ownership) {
  return dns::OwnerPlacesOf(key, AffixesOf(ownership.value_or({})));
}

// What a write has to look at, for the owner of a set; what is outside of the zone cannot be there.
std::vector<SetKey> KeysOf(const dns::OwnerPlaces& places, const dns::Features& features,
                           absl::string_view zone) {
  std::vector<SetKey> keys = places.now;
  if (features.routing) keys.insert(keys.end(), places.alias.begin(), places.alias.end());
  keys.insert(keys.end(), places.before.begin(), places.before.end());
  std::erase_if(keys, [&](const SetKey& place) { return !dns::IsInside(place.name, zone); });
  return keys;
}

std::string IdIn(const Attr<OwnershipModel>& ownership) {
  return ownership.IsKnown() ? ownership->owner_id.value_or("") : std::string();
}

std::optional<dns::Owner> OwnerOf(const ZoneView& view, const SetKey& key, const RecordSet* live,
                                  const Attr<OwnershipModel>& ownership) {
  return dns::OwnerOf(PlacesOf(key, ownership), live != nullptr && live->alias, IdIn(ownership),
                      [&](const SetKey& place) { return OwnerIn(view.Find(place)); });
}

absl::Status HeldByAnother(const SetKey& key, const dns::Owner& owner) {
  return At("name",
            WithRemedy(
                absl::AlreadyExistsError(absl::StrCat(
                    dns::Describe(key), " is held by the owner \"", owner.id, "\"",
                    owner.resource.empty() ? "" : absl::StrCat(" (", owner.resource, ")"),
                    ", as its ownership TXT record says; what another owner holds is never taken")),
                "Use another name, let that owner give the record up, or, if it is yours, set "
                "`ownership.owner_id` to that owner."));
}

std::string ShowValues(const RecordSet& set) {
  if (set.alias) return absl::StrCat("alias of ", set.alias->name);
  std::vector<std::string> values = dns::CanonicalValues(set);
  if (values.size() > 5) {
    const std::size_t more = values.size() - 5;
    values.resize(5);
    values.push_back(absl::StrCat(more, " more"));
  }
  return absl::StrJoin(values, ", ");
}

std::string IdOf(absl::string_view backend, const RecordModel& model) {
  const absl::StatusOr<std::string> name = dns::CanonicalName(*model.name);
  const absl::StatusOr<std::string> zone = dns::CanonicalName(*model.zone);
  // A zone's id is not a name: its letters stay as they are.
  const bool by_name = zone.ok() && absl::StrContains(*model.zone, '.');
  std::string id = absl::StrCat(backend, "/", by_name ? *zone : *model.zone, "/",
                                name.ok() ? *name : *model.name, "/", *model.type);
  if (!model.set_id.value_or("").empty()) absl::StrAppend(&id, "/", *model.set_id);
  return id;
}

absl::Status AlreadyThere(const std::string& id, const RecordSet& live) {
  return At("name",
            WithRemedy(absl::AlreadyExistsError(absl::StrCat(
                           dns::Describe(live.key), " exists already (", ShowValues(live), ")")),
                       absl::StrCat("Set `on_conflict` to \"adopt\" or \"replace\", or import it: "
                                    "terraform import ADDRESS '",
                                    id, "'.")));
}

absl::Status MadeTwice(const SetKey& key) {
  return At("name", WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                                   "another resource of this configuration is the record set ",
                                   dns::Describe(key), " too")),
                               "Put all values into one resource; at Route 53, weighted and "
                               "failover sets are told apart by `set_id`."));
}

// Attributes that only some services have.
absl::Status CheckFeatures(const RecordModel& model, absl::string_view backend,
                           const dns::Features& features) {
  const auto only = [&](const char* attribute, bool set, bool offered,
                        const char* service) -> absl::Status {
    if (!set || offered) return absl::OkStatus();
    return At(attribute, WithRemedy(absl::InvalidArgumentError(
                                        absl::StrCat("`", attribute, "` is a feature of ", service,
                                                     "; ", backend, " does not have it")),
                                    absl::StrCat("Remove `", attribute, "`.")));
  };
  if (model.type.value_or("") == "LOC" && !features.loc) {
    return At("type",
              absl::InvalidArgumentError(absl::StrCat(
                  backend, " takes LOC records in a form of its own, which is not offered")));
  }
  CHARON_RETURN_IF_ERROR(
      only("proxied", model.proxied.value_or(false), features.proxied, "Cloudflare"));
  CHARON_RETURN_IF_ERROR(only("comment", !model.comment.IsNull(), features.proxied, "Cloudflare"));
  CHARON_RETURN_IF_ERROR(only("tags", !model.tags.IsNull(), features.proxied, "Cloudflare"));
  CHARON_RETURN_IF_ERROR(only("alias", !model.alias.IsNull(), features.routing, "Route 53"));
  CHARON_RETURN_IF_ERROR(only("set_id", !model.set_id.IsNull(), features.routing, "Route 53"));
  CHARON_RETURN_IF_ERROR(only("weight", !model.weight.IsNull(), features.routing, "Route 53"));
  CHARON_RETURN_IF_ERROR(only("failover", !model.failover.IsNull(), features.routing, "Route 53"));
  CHARON_RETURN_IF_ERROR(
      only("health_check_id", !model.health_check_id.IsNull(), features.routing, "Route 53"));
  if (model.ttl.IsKnown()) {
    const std::int64_t ttl = *model.ttl;
    if (features.automatic_ttl && ttl == dns::kAutomaticTtl) return absl::OkStatus();
    if (model.proxied.value_or(false)) {
      return At("ttl",
                WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                               "is ", ttl, ", but a proxied record always has the automatic ttl")),
                           "Remove `ttl`."));
    }
    if (ttl < features.min_ttl || ttl > features.max_ttl) {
      return At("ttl", absl::InvalidArgumentError(
                           absl::StrCat("is ", ttl, "; ", backend, " takes ", features.min_ttl,
                                        " to ", features.max_ttl, " seconds",
                                        features.automatic_ttl ? ", or 1 for automatic" : "")));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const ObjectSpec<AliasModel>& AliasModel::Describe() {
  using M = AliasModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A Route 53 alias.",
      {
          Field(&M::name, "name", Required,
                "Name of the target: a load balancer, distribution, bucket website, or a record of "
                "the same zone.")
              .Check(HostName())
              .Same([](const std::string& a, const std::string& b) { return dns::SameName(a, b); }),
          Field(&M::zone_id, "zone_id", Required, "Id of the hosted zone that the target is in.")
              .Check(Id(32)),
          Field(&M::evaluate_target_health, "evaluate_target_health", Optional,
                "Whether the alias answers only while its target is healthy.")
              .Default(false),
      });
  return spec;
}

const ObjectSpec<OwnershipModel>& OwnershipModel::Describe() {
  using M = OwnershipModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Who holds the set.",
      {
          Field(&M::owner_id, "owner_id", Required,
                "Name of the owner, as in external-dns' `--txt-owner-id`.")
              .Check(LengthBetween(1, 100))
              .Check(TextRule(
                  "has no comma, quote or equals sign",
                  [](absl::string_view text) {
                    return text.find_first_of(",\"=\\") == absl::string_view::npos
                               ? absl::OkStatus()
                               : absl::InvalidArgumentError(
                                     "must have no comma, quote, backslash or equals sign");
                  })),
          Field(&M::prefix, "prefix", Optional,
                "In front of the first label, as `--txt-prefix`. `%%{record_type}` stands for the "
                "type: HCL wants the sign twice. Unicode is fine, as in the name."),
          Field(&M::suffix, "suffix", Optional,
                "Behind the first label, as `--txt-suffix`; written as `prefix` is."),
          Field(&M::wildcard_replacement, "wildcard_replacement", Optional,
                "In place of a name's `*`, such as `any`, as `--txt-wildcard-replacement`. "
                "PowerDNS wants one.")
              .Check(LengthBetween(1, 63)),
      });
  return spec;
}

const ObjectSpec<RecordModel>& RecordModel::Describe() {
  using M = RecordModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A DNS record set: all values of one name and type. Works with every DNS service of the "
      "provider block. Writes of one run "
      "travel in few requests, "
      "and one bad record does not fail the others.\n\nA set of the same name and type that exists "
      "already is an error, unless "
      "it is exactly as declared "
      "(then it is taken over) or `on_conflict` says otherwise.",
      {
          Field(&M::id, "id", Computed, "`backend/zone/name/type`, and `/set_id` if there is one.")
              .KeepPrior(),
          Field(
              &M::backend, "backend", OptionalComputed,
              absl::StrCat(
                  "Which service: `", absl::StrJoin(DnsBackends(), "`, `"),
                  "`. Unset: the only one that the provider block or the environment configures."))
              .Check(OneOf(DnsBackends()))
              .ForceNew(),
          Field(&M::zone, "zone", Required,
                "The zone, by name (`example.org`) or by the service's id.")
              .Check(LengthBetween(1, 255))
              .ForceNew()
              .Same([](const std::string& a, const std::string& b) {
                return absl::StrContains(a, '.') && dns::SameName(a, b);
              }),
          Field(&M::name, "name", Required,
                "The whole name, such as `www.example.org` or `*.example.org`; the zone's name for "
                "its apex. Unicode is fine.")
              .Check(RecordName())
              .ForceNew()
              .Same([](const std::string& a, const std::string& b) { return dns::SameName(a, b); }),
          Field(&M::type, "type", Required, "The type, such as `A`, `CNAME` or `TXT`.")
              .Check(OneOf(dns::KnownTypes()))
              .ForceNew(),
          Field(&M::ttl, "ttl", OptionalComputed,
                "How long resolvers may keep it, in seconds. Unset: automatic at Cloudflare, else "
                "300.")
              .Check(Ttl()),
          Field(&M::values, "values", Optional,
                "The values in presentation form: `192.0.2.10`, `10 mail.example.org`, `\"text\"`. "
                "Long texts: "
                "`provider::charon::txt_record(text)`. Compared by meaning: spelling, "
                "order and how a text is split make no difference.")
              .Check(NotEmpty()),
          Field(&M::proxied, "proxied", Optional,
                "Cloudflare: whether traffic goes through its proxy."),
          Field(&M::comment, "comment", Optional, "Cloudflare: a note, shown in its dashboard.")
              .Check(LengthBetween(0, 500)),
          Field(&M::tags, "tags", Optional, "Cloudflare, paid plans: tags as `name:value`."),
          Field(&M::alias, "alias", Optional, "Route 53: an alias, instead of `values`."),
          Field(&M::set_id, "set_id", Optional,
                "Route 53: tells weighted and failover sets of one name and type apart.")
              .Check(LengthBetween(1, 128))
              .ForceNew(),
          Field(&M::weight, "weight", Optional,
                "Route 53: share of the answers, 0 to 255, among the sets of that name and type.")
              .Check(Between(0, 255)),
          Field(&M::failover, "failover", Optional, "Route 53: `primary` or `secondary`.")
              .Check(OneOf({"primary", "secondary"})),
          Field(&M::health_check_id, "health_check_id", Optional,
                "Route 53: the health check that the set depends on.")
              .Check(Id(64)),
          Field(&M::wait_until_live, "wait_until_live", Optional,
                "Wait until every name server has the change (Route 53: INSYNC). Others are not "
                "waited for.")
              .Default(false),
          Field(&M::ownership, "ownership", Optional,
                "Marks the set as held by an owner, with a TXT record as external-dns writes it. "
                "The record counts in the zone's "
                "limit. Marked or not, a set that such a "
                "record gives to another owner is never taken."),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the set exists with other content: `fail` (default), `adopt` "
                "(change it, keep what is not written "
                "here) or `replace` (delete it and make it anew).")
              .Check(OneOf({"fail", "adopt", "replace"})),
          sdk::TimeoutsField(&M::timeouts),
      },
      {ExactlyOneOf({"values", "alias"}), AtMostOneOf({"weight", "failover"}),
       Needs("weight", "set_id"), Needs("failover", "set_id"), Needs("health_check_id", "set_id"),
       SetsAreChosenFrom()});
  return spec;
}

const ObjectSpec<RecordIdentity>& RecordIdentity::Describe() {
  using M = RecordIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The record set.",
      {
          Field(&M::backend, "backend", Required, "The DNS service."),
          Field(&M::zone, "zone", Required, "The zone, by name or id."),
          Field(&M::name, "name", Required, "The whole name."),
          Field(&M::type, "type", Required, "Type of the records."),
          Field(&M::set_id, "set_id", Optional, "Id of a weighted or failover set."),
      });
  return spec;
}

const sdk::ResourceInfo& RecordResource::info() const {
  static const auto& info =
      *new sdk::ResourceInfo{.type = kType,
                             .noun = "DNS record",
                             .subcategory = "DNS",
                             .import_id =
                                 "`backend/zone/name/type`, such as "
                                 "`cloudflare/example.org/www.example.org/A`; at Route 53 with "
                                 "`/set_id` if it has one",
                             .needs = needs::Dns()};
  return info;
}

absl::Status RecordResource::Validate(const sdk::Context& context, const RecordModel& config) {
  // What goes beyond one attribute and needs no provider block.
  std::vector<absl::Status> faults;
  if (config.type.IsKnown() && config.values.IsKnown()) {
    std::set<std::string> seen;
    for (const std::string& value : *config.values) {
      const absl::StatusOr<dns::Rdata> rdata = dns::ParseRdata(*config.type, value);
      if (!rdata.ok()) {
        faults.push_back(At("values", rdata.status()));
      } else if (!seen.insert(dns::WriteRdata(*config.type, *rdata, dns::Dots::kNone)).second) {
        faults.push_back(
            At("values", absl::InvalidArgumentError(absl::StrCat(
                             "'", value, "' stands there twice, in different spellings"))));
      }
    }
    if ((*config.type == "CNAME" || *config.type == "DNAME") && config.values->size() > 1) {
      faults.push_back(
          At("values", absl::InvalidArgumentError(absl::StrCat(
                           "a ", *config.type, " has one value, not ", config.values->size()))));
    }
  }
  if (!config.alias.IsNull() && config.ttl.IsKnown()) {
    faults.push_back(
        At("ttl", WithRemedy(absl::InvalidArgumentError("an alias has the ttl of its target"),
                             "Remove `ttl`.")));
  }
  const bool by_name = config.zone.IsKnown() && absl::StrContains(*config.zone, '.') &&
                       dns::CanonicalName(*config.zone).ok();
  if (by_name && config.name.IsKnown()) {
    const std::string zone = *dns::CanonicalName(*config.zone);
    faults.push_back(CheckInside(*config.name, zone));
    if (config.type.IsKnown() && config.backend.IsKnown())
      faults.push_back(CheckApex(config, zone, *config.backend));
  }
  std::erase_if(faults, [](const absl::Status& fault) { return fault.ok(); });
  for (std::size_t i = 0; i + 1 < faults.size(); ++i)
    context.diagnostics->Error("Invalid DNS record", faults[i]);
  return faults.empty() ? absl::OkStatus() : faults.back();
}

absl::Status RecordResource::Plan(const sdk::Context& context,
                                  sdk::PlanChange<RecordModel>& change) {
  if (context.provider_config_unknown) return absl::OkStatus();
  if (change.IsDestroy()) {
    const RecordModel& prior = change.prior();
    if (!services_.settings()->plan_checks) return absl::OkStatus();
    if (const auto directory = services_.dns().Get(prior.backend.value_or("")); directory.ok()) {
      if (const auto zone = (*directory)->FindZone(context, *prior.zone); zone.ok()) {
        const auto count = static_cast<std::int64_t>(prior.values.value_or({}).size()) +
                           (prior.ownership.IsKnown() ? 1 : 0);
        (void)(*directory)->NotePlanned(context, *zone, -count);
      }
    }
    return absl::OkStatus();
  }
  RecordModel wanted = change.planned();
  const RecordModel& config = change.config();
  if (config.backend.IsUnknown()) return absl::OkStatus();
  if (config.backend.IsNull()) {
    absl::StatusOr<std::string> implied = services_.dns().Implied();
    // One of several stays what it was.
    if (!implied.ok() && change.IsUpdate()) implied = *change.prior().backend;
    if (!implied.ok()) return At("backend", implied.status());
    wanted.backend = *implied;
    change.Set("backend", wanted.backend);
  } else {
    wanted.backend = *config.backend;
  }
  const absl::StatusOr<std::shared_ptr<dns::Directory>> directory =
      services_.dns().Get(*wanted.backend);
  if (!directory.ok()) return directory.status();
  const dns::Features features = (*directory)->backend().features();
  CHARON_RETURN_IF_ERROR(CheckFeatures(config, *wanted.backend, features));
  if (config.ttl.IsNull()) {
    wanted.ttl =
        config.alias.IsNull() ? Attr<std::int64_t>(features.default_ttl) : Attr<std::int64_t>();
    change.Set("ttl", wanted.ttl);
  }
  if (change.IsUpdate() && config.values.IsKnown() && change.prior().values.IsKnown() &&
      config.type.IsKnown() && change.prior().type.value_or("") == *config.type) {
    // The same in other words is no change.
    RecordSet now, was;
    now.key.type = was.key.type = *config.type;
    now.values.assign(config.values->begin(), config.values->end());
    was.values.assign(change.prior().values->begin(), change.prior().values->end());
    if (dns::SameValues(now, was)) {
      wanted.values = change.prior().values;
      change.KeepPrior("values");
    }
  }
  if (!wanted.zone.IsKnown() || !wanted.name.IsKnown() || !wanted.type.IsKnown() ||
      wanted.set_id.IsUnknown()) {
    change.SetUnknown("id");
    return absl::OkStatus();
  }
  wanted.id = IdOf(*wanted.backend, wanted);
  change.Set("id", wanted.id);
  return PlanAtService(context, change, wanted, **directory);
}

absl::Status RecordResource::PlanAtService(const sdk::Context& context,
                                           sdk::PlanChange<RecordModel>& change,
                                           const RecordModel& wanted, dns::Directory& directory) {
  CHARON_ASSIGN_OR_RETURN(const SetKey key, KeyOf(wanted));
  // The create half of a replacement comes second; the set that is there is its own.
  const bool own =
      change.IsCreate() && context.private_state->Get(kHeld).value_or("") == *wanted.id;
  if (change.IsUpdate() && !change.RequiresReplace()) context.private_state->Set(kHeld, *wanted.id);
  if (change.IsCreate() || change.Changes()) directory.Announce();
  if (context.planned_before) return absl::OkStatus();
  const std::string zone_name = dns::CanonicalName(*wanted.zone).value_or(*wanted.zone);
  if (!own && !(change.IsUpdate() && change.RequiresReplace()) &&
      !directory.ClaimPlanned(zone_name, key))
    return MadeTwice(key);
  if (absl::StrContains(*wanted.zone, '.'))
    CHARON_RETURN_IF_ERROR(CheckApex(wanted, zone_name, *wanted.backend));
  if (!services_.settings()->plan_checks || (change.IsUpdate() && !change.Changes()))
    return absl::OkStatus();

  // What the service can tell now. A zone that is not there may be made by this very run.
  const absl::StatusOr<Zone> zone = directory.FindZone(context, *wanted.zone);
  if (absl::IsNotFound(zone.status()) && services_.Claim(PlannedZone(*wanted.backend, zone_name))) {
    context.diagnostics->Warning(
        "There is no such zone",
        absl::StrCat(Sentence(zone.status().message()),
                     ". Unless this run makes it, the apply will fail for all of its records. ",
                     RemedyOf(zone.status()).value_or("")),
        Path("zone"));
  }
  if (absl::IsNotFound(zone.status()) || absl::IsUnavailable(zone.status()) ||
      absl::IsDeadlineExceeded(zone.status()))
    return absl::OkStatus();
  if (!zone.ok()) return At("zone", zone.status());
  CHARON_RETURN_IF_ERROR(CheckInside(*wanted.name, zone->name));
  CHARON_RETURN_IF_ERROR(CheckApex(wanted, zone->name, *wanted.backend));
  CHARON_RETURN_IF_ERROR(CheckMark(key, wanted.ownership, zone->name, *wanted.backend));
  const bool values_known = wanted.values.IsKnown() || wanted.alias.IsKnown();
  std::int64_t added =
      wanted.values.IsKnown() ? static_cast<std::int64_t>(wanted.values->size()) : 1;
  if (wanted.ownership.IsKnown()) ++added;
  if (change.IsUpdate()) {
    added -= static_cast<std::int64_t>(change.prior().values.value_or({}).size()) +
             (change.prior().ownership.IsKnown() ? 1 : 0);
    if (!values_known) added = 0;
  }
  std::optional<RecordSet> live;
  bool ours = false;
  if (change.IsCreate() && !own) {
    const absl::StatusOr<std::optional<RecordSet>> found = directory.Find(context, *zone, key);
    if (absl::IsUnavailable(found.status()) || absl::IsDeadlineExceeded(found.status()))
      return absl::OkStatus();
    CHARON_RETURN_IF_ERROR(found.status());
    live = *found;
    const auto told = [&](const SetKey& place) -> std::optional<dns::Owner> {
      if (!dns::IsInside(place.name, zone->name)) return std::nullopt;
      const absl::StatusOr<std::optional<RecordSet>> text = directory.Find(context, *zone, place);
      return OwnerIn(text.ok() && *text ? &**text : nullptr);
    };
    const std::string self = IdIn(wanted.ownership);
    const auto owner =
        dns::OwnerOf(PlacesOf(key, wanted.ownership), live && live->alias, self, told);
    ours = owner && owner->id == self;
    const bool self_known = !wanted.ownership.IsUnknown() &&
                            (wanted.ownership.IsNull() || wanted.ownership->owner_id.IsKnown());
    if (owner && self_known && !ours) return HeldByAnother(key, *owner);
    if (live) added -= live->count();
  }
  if (zone->record_limit && added != 0) {
    const absl::StatusOr<dns::Directory::Budget> budget =
        directory.NotePlanned(context, *zone, added);
    if (budget.ok() && added > 0 && budget->planned > *budget->limit) {
      context.diagnostics->Warning(
          "The zone's limit of records will be exceeded",
          absl::StrCat("The zone ", zone->name, " has ", budget->used, " records, ",
                       budget->planned, " are planned so far, and it may have ", *budget->limit,
                       ". The apply stops before the write that would exceed it."),
          Path("zone"));
    }
  }
  if (!live) return absl::OkStatus();
  // Which it will be.
  const std::string mode = wanted.on_conflict.value_or("fail");
  const bool same = values_known && wanted.ttl.IsUnknown() == false &&
                    dns::Satisfies(*live, WantedOf(key, wanted, nullptr));
  if (same) {
    context.diagnostics->Warning(
        "The record exists and will be taken over",
        absl::StrCat(dns::Describe(key), " exists already, exactly as declared (",
                     ShowValues(*live),
                     "). Nothing will be written; from then on it is managed here."),
        Path("name"));
  } else if (mode == "adopt" || ours) {
    context.diagnostics->Warning(
        "The record exists and will be adopted",
        absl::StrCat(dns::Describe(key), " exists already (", ShowValues(*live),
                     "). It will be changed to what is declared; what is not written here stays."),
        Path("name"));
  } else if (mode == "replace") {
    context.diagnostics->Warning(
        "The record exists and will be replaced",
        absl::StrCat(dns::Describe(key), " exists already (", ShowValues(*live),
                     "). It will be deleted and made anew."),
        Path("name"));
  } else if (values_known && !wanted.on_conflict.IsUnknown()) {
    return AlreadyThere(*wanted.id, *live);
  } else {
    context.diagnostics->Warning(
        "The record exists",
        absl::StrCat(dns::Describe(key), " exists already (", ShowValues(*live),
                     "). Unless its values turn out to be those declared, the apply will fail."),
        Path("name"));
  }
  return absl::OkStatus();
}

sdk::Outcome<RecordModel> RecordResource::Write(const sdk::Context& context,
                                                const RecordModel* prior, const RecordModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<dns::Directory> directory,
                          services_.dns().Get(*plan.backend));
  const absl::StatusOr<Zone> zone = directory->FindZone(context, *plan.zone);
  if (!zone.ok()) {
    // Not NotFound: that would say that the record is gone.
    return At("zone", absl::IsNotFound(zone.status())
                          ? WithRemedy(absl::FailedPreconditionError(zone.status().message()),
                                       RemedyOf(zone.status()).value_or(""))
                          : zone.status());
  }
  CHARON_RETURN_IF_ERROR(CheckInside(*plan.name, zone->name));
  CHARON_RETURN_IF_ERROR(CheckApex(plan, zone->name, *plan.backend));
  CHARON_ASSIGN_OR_RETURN(const SetKey key, KeyOf(plan));
  if (plan.values.IsKnown()) {  // they may have been unknown until now
    for (const std::string& value : *plan.values) {
      if (const auto rdata = dns::ParseRdata(*plan.type, value); !rdata.ok())
        return At("values", rdata.status());
    }
  }
  CHARON_RETURN_IF_ERROR(CheckMark(key, plan.ownership, zone->name, *plan.backend));
  const dns::Features features = directory->backend().features();
  const RecordSet wanted = WantedOf(key, plan, prior);
  const std::string mode = plan.on_conflict.value_or("fail");

  std::vector<SetKey> keys = KeysOf(PlacesOf(key, plan.ownership), features, zone->name);
  keys.push_back(key);
  if (prior != nullptr && prior->ownership.IsKnown())
    keys.push_back(OwnerKeyOf(key, *prior->ownership));
  const auto build = [&](const ZoneView& view) -> absl::StatusOr<std::vector<Change>> {
    std::vector<Change> changes;
    const RecordSet* live = view.Find(key);
    const std::optional<dns::Owner> owner = OwnerOf(view, key, live, plan.ownership);
    const bool ours = owner && owner->id == IdIn(plan.ownership);
    const bool was_ours = owner && prior != nullptr && owner->id == IdIn(prior->ownership);
    // A set that is made beside another's mark would be that owner's at once.
    if (owner && !ours && !was_ours) return HeldByAnother(key, *owner);
    if (prior == nullptr && view.MadeInThisRun(key)) return MadeTwice(key);
    if (live == nullptr) {
      changes.push_back({std::nullopt, wanted});
    } else if (!dns::Satisfies(*live, wanted)) {
      if (prior == nullptr && !ours && mode == "fail") return AlreadyThere(*plan.id, *live);
      if (prior == nullptr && !ours && mode == "replace") {
        changes.push_back({*live, std::nullopt});
        changes.push_back({std::nullopt, wanted});
      } else {
        changes.push_back({*live, wanted});
      }
    }
    // The mark of the owner.
    std::optional<SetKey> marked;
    if (plan.ownership.IsKnown()) {
      RecordSet mark = OwnerSet(key, *plan.ownership, wanted, features);
      marked = mark.key;
      const RecordSet* there = view.Find(mark.key);
      if (there == nullptr) {
        changes.push_back({std::nullopt, std::move(mark)});
      } else if (!OwnerIn(there) || OwnerIn(there)->id != *plan.ownership->owner_id) {
        if (!OwnerIn(there)) return AlreadyThere(*plan.id, *there);
        changes.push_back({*there, std::move(mark)});
      }
    }
    if (prior != nullptr && prior->ownership.IsKnown()) {
      const SetKey former = OwnerKeyOf(key, *prior->ownership);
      const RecordSet* there = view.Find(former);
      if (marked != former && OwnerIn(there)) changes.push_back({*there, std::nullopt});
    }
    return changes;
  };
  CHARON_ASSIGN_OR_RETURN(
      const std::string receipt,
      directory->Write(context, *zone, keys, build,
                       prior == nullptr ? std::optional<SetKey>(key) : std::nullopt));
  RecordModel state = plan;
  state.id = IdOf(*plan.backend, plan);
  context.private_state->Set(kHeld, *state.id);
  NoteZone(context, *directory, *zone);
  if (plan.wait_until_live.value_or(false) && !receipt.empty()) {
    if (absl::Status status = directory->backend().AwaitLive(context, receipt); !status.ok())
      return sdk::Outcome<RecordModel>::Partial(std::move(state), std::move(status));
  }
  return state;
}

sdk::Outcome<RecordModel> RecordResource::Create(const sdk::Context& context,
                                                 const RecordModel& plan) {
  RecordModel complete = plan;
  if (!complete.backend.IsKnown()) {
    absl::StatusOr<std::string> implied = services_.dns().Implied();
    if (!implied.ok()) return At("backend", implied.status());
    complete.backend = *implied;
  }
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<dns::Directory> directory,
                          services_.dns().Get(*complete.backend));
  const dns::Features features = directory->backend().features();
  CHARON_RETURN_IF_ERROR(CheckFeatures(complete, *complete.backend, features));
  if (complete.ttl.IsUnknown()) complete.ttl = features.default_ttl;
  complete.id = IdOf(*complete.backend, complete);
  return Write(context, nullptr, complete);
}

sdk::Outcome<RecordModel> RecordResource::Update(const sdk::Context& context,
                                                 const RecordModel& prior,
                                                 const RecordModel& plan) {
  RecordModel complete = plan;
  if (!complete.backend.IsKnown()) complete.backend = prior.backend;
  if (complete.ttl.IsUnknown()) complete.ttl = prior.ttl;
  return Write(context, &prior, complete);
}

sdk::Outcome<RecordModel> RecordResource::Read(const sdk::Context& context,
                                               const RecordModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<dns::Directory> directory,
                          services_.dns().Get(*prior.backend));
  const absl::StatusOr<Zone> zone = FindSeenZone(context, *directory, *prior.zone);
  if (absl::IsNotFound(zone.status())) {
    context.diagnostics->Warning("The zone is gone",
                                 absl::StrCat(Sentence(zone.status().message()), ". Its record ",
                                              *prior.name, " counts as gone too."),
                                 Path("zone"));
    return zone.status();
  }
  if (!zone.ok()) return At("zone", zone.status());
  NoteZone(context, *directory, *zone);
  CHARON_ASSIGN_OR_RETURN(const SetKey key, KeyOf(prior));
  CHARON_ASSIGN_OR_RETURN(const std::optional<RecordSet> live,
                          directory->Find(context, *zone, key));
  if (!live) {
    if (prior.ownership.IsKnown()) {
      // Its mark may be left: then the record is made again beside that, or the mark goes.
      CHARON_ASSIGN_OR_RETURN(const std::optional<RecordSet> mark,
                              directory->Find(context, *zone, OwnerKeyOf(key, *prior.ownership)));
      const std::optional<dns::Owner> owner = OwnerIn(mark ? &*mark : nullptr);
      if (owner && owner->id == IdIn(prior.ownership)) {
        RecordModel left = prior;
        left.values = std::set<std::string>();
        left.alias = {};
        return left;
      }
    }
    return absl::NotFoundError(absl::StrCat("there is no ", dns::Describe(key)));
  }
  const bool imported = !prior.values.IsKnown() && !prior.alias.IsKnown();
  RecordModel state = prior;
  state.id = IdOf(*prior.backend, prior);
  if (live->alias) {
    state.values = {};
    state.ttl = {};
    AliasModel alias{live->alias->name, live->alias->zone_id, live->alias->evaluate_target_health};
    state.alias = alias;
  } else {
    state.alias = {};
    RecordSet was;
    was.key = key;
    const std::set<std::string> former = prior.values.value_or({});
    was.values.assign(former.begin(), former.end());
    if (imported || !dns::SameValues(was, *live)) {
      const std::vector<std::string> values = dns::CanonicalValues(*live);
      state.values = std::set<std::string>(values.begin(), values.end());
    }
    state.ttl = live->ttl;
  }
  // What is not written here is somebody else's: it is not looked at, except to import it.
  const auto take = [&](auto& attribute, const auto& found, bool is_set) {
    if (!imported && !attribute.IsKnown()) return;
    if (is_set) {
      attribute = *found;
    } else {
      attribute = {};
    }
  };
  if (prior.proxied.IsKnown() || (imported && live->proxied.value_or(false)))
    state.proxied = live->proxied.value_or(false);
  take(state.comment, live->comment,
       live->comment && !live->comment->empty() && !live->mixed_comment);
  if (prior.tags.IsKnown() && prior.tags->empty() && !live->tags && !live->mixed_tags) {
    state.tags = prior.tags;
  } else {
    take(state.tags, live->tags, live->tags && !live->tags->empty() && !live->mixed_tags);
  }
  take(state.health_check_id, live->health_check_id,
       live->health_check_id && !live->health_check_id->empty());
  state.weight = live->weight;
  state.failover = live->failover ? Attr<std::string>(absl::AsciiStrToLower(*live->failover))
                                  : Attr<std::string>();
  if (prior.comment.IsKnown() && prior.comment->empty() && !live->comment && !live->mixed_comment)
    state.comment = prior.comment;
  if (imported) state.wait_until_live = false;
  if (prior.ownership.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(const std::optional<RecordSet> mark,
                            directory->Find(context, *zone, OwnerKeyOf(key, *prior.ownership)));
    const std::optional<dns::Owner> owner = OwnerIn(mark ? &*mark : nullptr);
    if (!owner) {
      state.ownership = {};
    } else {
      state.ownership.value().owner_id = owner->id;
    }
  }
  context.private_state->Set(kHeld, *state.id);
  return state;
}

absl::Status RecordResource::Delete(const sdk::Context& context, const RecordModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<dns::Directory> directory,
                          services_.dns().Get(*prior.backend));
  const absl::StatusOr<Zone> found = FindSeenZone(context, *directory, *prior.zone);
  if (!found.ok()) return At("zone", found.status());
  const Zone& zone = *found;
  CHARON_ASSIGN_OR_RETURN(const SetKey key, KeyOf(prior));
  std::vector<SetKey> keys =
      KeysOf(PlacesOf(key, prior.ownership), directory->backend().features(), zone.name);
  keys.push_back(key);
  const auto build = [&](const ZoneView& view) -> absl::StatusOr<std::vector<Change>> {
    std::vector<Change> changes;
    // The create half of a replacement (create_before_destroy) has made it anew already.
    if (view.MadeInThisRun(key)) return changes;
    const RecordSet* live = view.Find(key);
    const std::optional<dns::Owner> owner = OwnerOf(view, key, live, prior.ownership);
    if (live != nullptr && owner && owner->id != IdIn(prior.ownership))
      return HeldByAnother(key, *owner);
    if (live != nullptr) changes.push_back({*live, std::nullopt});
    if (prior.ownership.IsKnown()) {
      const RecordSet* mark = view.Find(OwnerKeyOf(key, *prior.ownership));
      const std::optional<dns::Owner> marked = OwnerIn(mark);
      if (marked && marked->id == *prior.ownership->owner_id)
        changes.push_back({*mark, std::nullopt});
    }
    return changes;
  };
  CHARON_ASSIGN_OR_RETURN(const std::string receipt, directory->Write(context, zone, keys, build));
  if (prior.wait_until_live.value_or(false) && !receipt.empty())
    return directory->backend().AwaitLive(context, receipt);
  return absl::OkStatus();
}

// What is tainted and shall be made anew just as it is stays where it is: Create() finds it exactly
// as declared. With other content it is deleted first.
std::string RecordResource::SameObject(const RecordModel& model) const {
  const bool known = model.id.IsKnown() && (model.values.IsKnown() || model.alias.IsKnown()) &&
                     !model.values.IsUnknown() && !model.alias.IsUnknown() &&
                     !model.ttl.IsUnknown() && !model.proxied.IsUnknown() &&
                     !model.comment.IsUnknown() && !model.tags.IsUnknown() &&
                     !model.weight.IsUnknown() && !model.failover.IsUnknown() &&
                     !model.health_check_id.IsUnknown() && !model.ownership.IsUnknown();
  if (!known) return "";
  const absl::StatusOr<SetKey> key = KeyOf(model);
  if (!key.ok()) return "";
  const RecordSet set = WantedOf(*key, model, nullptr);
  const dns::AliasTarget alias = set.alias.value_or(dns::AliasTarget{});
  const std::set<std::string> tags = set.tags.value_or(std::set<std::string>());
  return nlohmann::json{*model.id,
                        set.ttl,
                        dns::CanonicalValues(set),
                        {alias.name, alias.zone_id, alias.evaluate_target_health},
                        set.proxied.value_or(false),
                        set.comment.value_or(""),
                        tags,
                        set.weight.value_or(-1),
                        set.failover.value_or(""),
                        set.health_check_id.value_or(""),
                        IdIn(model.ownership)}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<RecordModel> RecordResource::Import(const sdk::Context&, const std::string& id) {
  const std::vector<std::string> parts = absl::StrSplit(id, '/');
  const auto malformed = [&](absl::string_view why) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("\"", id, "\" ", why)),
        "Write backend/zone/name/type, such as cloudflare/example.org/www.example.org/A.");
  };
  if (parts.size() < 4 || parts.size() > 5)
    return malformed("is not backend/zone/name/type[/set_id]");
  if (std::find(DnsBackends().begin(), DnsBackends().end(), parts[0]) == DnsBackends().end()) {
    return malformed(
        absl::StrCat("does not start with one of ", absl::StrJoin(DnsBackends(), ", ")));
  }
  const std::string type = absl::AsciiStrToUpper(parts[3]);
  if (std::find(dns::KnownTypes().begin(), dns::KnownTypes().end(), type) ==
      dns::KnownTypes().end())
    return malformed(absl::StrCat("names the type ", type, ", which is not known"));
  CHARON_RETURN_IF_ERROR(dns::CanonicalName(parts[2]).status());
  RecordModel model;
  model.backend = parts[0];
  model.zone = parts[1];
  model.name = parts[2];
  model.type = type;
  if (parts.size() == 5 && !parts[4].empty()) model.set_id = parts[4];
  return model;
}

absl::StatusOr<RecordModel> RecordResource::ImportByIdentity(const sdk::Context& context,
                                                             const RecordIdentity& identity) {
  std::string id = absl::StrCat(*identity.backend, "/", *identity.zone, "/", *identity.name, "/",
                                *identity.type);
  if (identity.set_id.IsKnown()) absl::StrAppend(&id, "/", *identity.set_id);
  return Import(context, id);
}

absl::StatusOr<RecordIdentity> RecordResource::Identify(const sdk::Context&,
                                                        const RecordModel& state) {
  return RecordIdentity{state.backend, state.zone, state.name, state.type, state.set_id};
}

std::vector<sdk::MoveSource<RecordModel>> RecordResource::MoveSources() const {
  using Json = nlohmann::json;
  const auto text = [](const Json& json, const char* key) {
    const auto found = json.is_object() ? json.find(key) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  // The zone's id, the name and the type say which set it is; the read that follows finds the rest.
  const auto move = [this, text](const char* backend, const char* name_key,
                                 const char* zone_key = "zone_id") {
    return [this, text, backend, name_key, zone_key](
               const sdk::Context& context,
               const sdk::MoveRequest& request) -> absl::StatusOr<RecordModel> {
      const Json state = Json::parse(request.source_state, nullptr, /*allow_exceptions=*/false);
      std::string name = text(state, name_key);
      if (name.empty()) name = text(state, "name");
      const std::string zone = text(state, zone_key);
      if (name.empty() || zone.empty())
        return absl::InvalidArgumentError(
            absl::StrCat("the state of ", request.source_type, " has no name and ", zone_key));
      if (!absl::StrContains(name, '.')) {
        return absl::InvalidArgumentError(absl::StrCat("the state of ", request.source_type,
                                                       " has the short name \"", name,
                                                       "\" only; import the record instead"));
      }
      RecordModel model;
      std::string id = absl::StrCat(backend, "/", zone, "/", name, "/", text(state, "type"));
      if (const std::string set_id = text(state, "set_identifier"); !set_id.empty())
        absl::StrAppend(&id, "/", set_id);
      return const_cast<RecordResource*>(this)->Import(context, id);
    };
  };
  // State as cloudflare/cloudflare 4 and 5, hashicorp/aws 6 and pan-net/powerdns 1.5 describe it in
  // their documentation.
  return {{"cloudflare_record", move("cloudflare", "hostname")},
          {"cloudflare_dns_record", move("cloudflare", "name")},
          {"aws_route53_record", move("route53", "fqdn")},
          {"powerdns_record", move("powerdns", "name", "zone")}};
}

}  // namespace charon::dns_resources
