#include "provider/clients/dns/backend.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"

namespace charon::dns {
namespace {

// What a wish leaves open counts as met. A service without the feature has nullopt, which is the
// same as nothing.
template <typename T>
bool Met(const std::optional<T>& live, const std::optional<T>& wanted) {
  return !wanted || live.value_or(T()) == *wanted;
}

}  // namespace

std::string Describe(const SetKey& key) {
  return absl::StrCat(key.type, " ", key.name,
                      key.set_id.empty() ? "" : absl::StrCat(" (", key.set_id, ")"));
}

std::vector<std::string> CanonicalValues(const RecordSet& set) {
  std::vector<std::string> values;
  for (const std::string& value : set.values) values.push_back(CanonicalRdata(set.key.type, value));
  std::sort(values.begin(), values.end());
  return values;
}

bool SameValues(const RecordSet& a, const RecordSet& b) {
  return a.alias == b.alias && CanonicalValues(a) == CanonicalValues(b);
}

bool Satisfies(const RecordSet& live, const RecordSet& wanted) {
  // Proxied records always tell the automatic ttl.
  const bool ttl = live.ttl == wanted.ttl || wanted.alias || live.proxied.value_or(false);
  return live.key == wanted.key && ttl && SameValues(live, wanted) &&
         Met(live.proxied, wanted.proxied) && Met(live.comment, wanted.comment) &&
         Met(live.tags, wanted.tags) && !(wanted.comment && live.mixed_comment) &&
         !(wanted.tags && live.mixed_tags) &&
         live.weight.has_value() == wanted.weight.has_value() && Met(live.weight, wanted.weight) &&
         Met(live.failover, wanted.failover) && Met(live.health_check_id, wanted.health_check_id) &&
         !live.foreign_routing;
}

std::string OwnerText(const Owner& owner) {
  std::string text = absl::StrCat("heritage=external-dns,external-dns/owner=", owner.id);
  if (!owner.resource.empty()) absl::StrAppend(&text, ",external-dns/resource=", owner.resource);
  return QuoteText(text);
}

std::optional<Owner> ParseOwner(absl::string_view txt_value) {
  const absl::StatusOr<std::string> text = UnquoteText(txt_value);
  // external-dns itself writes the quotes into the text at some services, so there may be another
  // pair.
  std::string inner = text.ok() ? *text : std::string(txt_value);
  inner = std::string(absl::StripAsciiWhitespace(absl::StrReplaceAll(inner, {{"\"", ""}})));
  Owner owner;
  bool heritage = false, named = false;
  for (const absl::string_view part : absl::StrSplit(inner, ',')) {
    const std::pair<absl::string_view, absl::string_view> entry =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (entry.first == "heritage") heritage = entry.second == "external-dns";
    if (entry.first == "external-dns/owner") {
      owner.id = std::string(entry.second);
      named = !owner.id.empty();
    }
    if (entry.first == "external-dns/resource") owner.resource = std::string(entry.second);
  }
  if (!heritage || !named) return std::nullopt;
  return owner;
}

std::string OwnerName(const SetKey& key, const Affixes& affixes) {
  const std::string type = absl::AsciiStrToLower(key.type);
  std::pair<std::string, std::string> split = absl::StrSplit(key.name, absl::MaxSplits('.', 1));
  if (split.first == "*" && !affixes.wildcard.empty())
    split.first = absl::AsciiStrToLower(affixes.wildcard);
  constexpr absl::string_view kType = "%{record_type}";
  const std::string prefix = absl::AsciiStrToLower(affixes.prefix),
                    suffix = absl::AsciiStrToLower(affixes.suffix);
  // Without a place for the type in an affix, external-dns puts it in front of the name.
  if (!absl::StrContains(prefix, kType) && !absl::StrContains(suffix, kType))
    split.first = absl::StrCat(type, "-", split.first);
  const auto fill = [&](absl::string_view affix) {
    return absl::StrReplaceAll(affix, {{kType, type}});
  };
  std::string name = absl::StrCat(fill(prefix), split.first, fill(suffix));
  if (!split.second.empty()) absl::StrAppend(&name, ".", split.second);
  // Services have punycode for an affix beyond ASCII. What is no name is left to who writes it.
  return CanonicalName(name).value_or(name);
}

OwnerPlaces OwnerPlacesOf(const SetKey& key, const Affixes& affixes) {
  const auto both = [&](const SetKey& of) {
    std::vector<SetKey> places = {{OwnerName(of, affixes), "TXT", key.set_id}};
    if (const std::string usual = OwnerName(of); usual != places.front().name)
      places.push_back({usual, "TXT", key.set_id});
    return places;
  };
  OwnerPlaces places;
  places.now = both(key);
  if (key.type == "A") places.alias = both({key.name, "CNAME", key.set_id});
  if (key.type == "A" || key.type == "CNAME") places.before = {{key.name, "TXT", key.set_id}};
  return places;
}

std::optional<Owner> OwnerOf(const OwnerPlaces& places, bool is_alias, absl::string_view self,
                             const std::function<std::optional<Owner>(const SetKey&)>& told) {
  std::optional<Owner> found;
  for (const auto* group : {&places.now, is_alias ? &places.alias : nullptr, &places.before}) {
    if (group == nullptr) continue;
    for (const SetKey& place : *group) {
      auto owner = told(place);
      if (owner && (!found || owner->id != self)) found = std::move(owner);
    }
    if (found) break;
  }
  return found;
}

}  // namespace charon::dns
