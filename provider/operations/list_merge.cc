#include "provider/operations/list_merge.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace charon::operations {
namespace {

using kubernetes::FieldSet;
using kubernetes::FieldStep;
using Kind = FieldStep::Kind;

// The field by which the items of both lists are told apart, as in the built-in kinds; null: there
// is none.
const char* MergeKey(const Json& a, const Json& b) {
  // A mount and a device have a name, too: that of their volume, which may be there twice.
  for (const char* key : {"mountPath", "devicePath", "name", "containerPort", "port", "ip", "key",
                          "uid", "topologyKey", "type"}) {
    const auto has = [key](const Json& item) {
      return item.is_object() && item.contains(key) && item[key].is_primitive();
    };
    if (std::all_of(a.begin(), a.end(), has) && std::all_of(b.begin(), b.end(), has)) return key;
  }
  return nullptr;
}

bool IsSame(const Json& a, const Json& b, const std::string& key) {
  if (a[key] != b[key]) return false;
  return (key != "containerPort" && key != "port") ||
         a.value("protocol", Json("TCP")) == b.value("protocol", Json("TCP"));
}

// A list itself, as a path.
constexpr char kHere[] = ".";

const FieldSet& Below(const FieldSet& fields, Kind kind, std::string text) {
  static const FieldSet& nothing = *new FieldSet();
  const FieldSet* child = fields.Child({kind, std::move(text)});
  return child == nullptr ? nothing : *child;
}

bool IsSet(const FieldSet& list) {
  return std::any_of(list.children().begin(), list.children().end(),
                     [](const auto& child) { return child.first.kind == Kind::kValue; });
}

// The keys of the items that are known of a list.
std::vector<Json> KnownKeys(const FieldSet& list) {
  std::vector<Json> known;
  for (const auto& [step, below] : list.children()) {
    if (step.kind != Kind::kKey) continue;
    if (Json key = Json::parse(step.text, nullptr, /*allow_exceptions=*/false); key.is_object())
      known.push_back(std::move(key));
  }
  return known;
}

// The key of each item of `items`, null where it cannot be told. A part that an item leaves out is
// that of `defaults`, or of the one known item that has the rest and is no other item's.
std::vector<Json> KeysOf(const Json& items, const std::vector<Json>& known, const Json& defaults) {
  std::vector<Json> keys(items.size());
  if (known.empty()) return keys;
  const auto given = [&](const Json& item) {
    Json key = Json::object();
    for (const auto& [name, value] : known.front().items()) {
      if (item.is_object() && item.contains(name) && !item[name].is_null()) key[name] = item[name];
    }
    return key;
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    Json key = given(items[i]);
    if (key.empty()) continue;
    if (defaults.is_object()) key.insert(defaults.begin(), defaults.end());
    if (key.size() == known.front().size()) keys[i] = std::move(key);
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!keys[i].is_null()) continue;
    const Json part = given(items[i]);
    if (part.empty()) continue;
    std::vector<Json> fitting;
    for (const Json& key : known) {
      Json whole = key;
      whole.update(part);
      if (whole == key && std::find(keys.begin(), keys.end(), key) == keys.end())
        fitting.push_back(key);
    }
    if (fitting.size() == 1) keys[i] = std::move(fitting.front());
  }
  return keys;
}

// What items leave out of their keys.
Json DefaultsIn(const Json& items, const std::vector<Json>& keys) {
  Json defaults = Json::object();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!keys[i].is_object()) continue;
    for (const auto& [name, value] : keys[i].items()) {
      if (!items[i].contains(name)) defaults[name] = value;
    }
  }
  return defaults;
}

// The keys of the items of two lists.
struct Pairing {
  Pairing(const Json& base, const Json& more, const FieldSet& list) {
    const std::vector<Json> known = KnownKeys(list);
    of_base = KeysOf(base, known, Json());
    of_more = KeysOf(more, known, DefaultsIn(base, of_base));
  }
  // The index in `base` of the item that item `i` of `more` is.
  std::optional<std::size_t> Find(std::size_t i) const {
    const auto found = std::find(of_base.begin(), of_base.end(), of_more[i]);
    if (of_more[i].is_null() || found == of_base.end()) return std::nullopt;
    return static_cast<std::size_t>(found - of_base.begin());
  }
  std::vector<Json> of_base, of_more;
};

const FieldSet& ItemOf(const FieldSet& list, const Json& key) {
  return Below(list, Kind::kKey, kubernetes::CanonicalStepText(key));
}

void AddItems(Json& base, const Json& more, const FieldSet& list) {
  if (IsSet(list)) {
    for (const Json& value : more) {
      if (std::find(base.begin(), base.end(), value) == base.end()) base.push_back(value);
    }
    return;
  }
  if (KnownKeys(list).empty()) return;
  const Pairing pairing(base, more, list);
  for (std::size_t i = 0; i < more.size(); ++i) {
    if (const std::optional<std::size_t> same = pairing.Find(i)) {
      AddMissing(base[*same], more[i], &ItemOf(list, pairing.of_more[i]));
    } else {
      base.push_back(more[i]);
    }
  }
}

}  // namespace

void AddMissing(Json& base, const Json& more, const FieldSet* lists) {
  if (base.is_object() && more.is_object()) {
    for (const auto& [key, value] : more.items()) {
      if (base.contains(key)) {
        AddMissing(base[key], value,
                   lists == nullptr ? nullptr : &Below(*lists, Kind::kField, key));
      } else {
        base[key] = value;
      }
    }
    return;
  }
  if (!base.is_array() || !more.is_array()) return;
  if (lists != nullptr) return AddItems(base, more, *lists);
  const char* key = MergeKey(base, more);
  if (key == nullptr) return;
  for (const Json& item : more) {
    const auto same = std::find_if(base.begin(), base.end(),
                                   [&](const Json& other) { return IsSame(other, item, key); });
    if (same == base.end()) {
      base.push_back(item);
    } else {
      AddMissing(*same, item);
    }
  }
}

void Override(Json& base, const Json& by) {
  if (base.is_object() && by.is_object()) {
    for (const auto& [key, value] : by.items()) {
      if (base.contains(key)) {
        Override(base[key], value);
      } else {
        base[key] = value;
      }
    }
    return;
  }
  const char* key = base.is_array() && by.is_array() ? MergeKey(base, by) : nullptr;
  if (key == nullptr) {
    base = by;
    return;
  }
  auto place = base.begin();
  for (const Json& item : by) {
    const auto same = std::find_if(base.begin(), base.end(),
                                   [&](const Json& other) { return IsSame(other, item, key); });
    if (same == base.end()) {
      place = base.insert(place, item);
    } else {
      Override(*same, item);
      place = same;
    }
    ++place;
  }
}

Json MissingItems(const Json& wanted, const Json& has, const FieldSet* lists) {
  Json missing;
  if (wanted.is_object() && has.is_object()) {
    for (const auto& [key, value] : wanted.items()) {
      if (!value.is_structured()) continue;
      const auto there = has.find(key);
      static const Json& nothing = *new Json(Json::array());
      Json inner = MissingItems(value,
                                there == has.end() && value.is_array() ? nothing
                                : there == has.end()                   ? Json()
                                                                       : *there,
                                lists == nullptr ? nullptr : &Below(*lists, Kind::kField, key));
      if (!inner.is_null()) missing[key] = std::move(inner);
    }
  } else if (wanted.is_array() && has.is_array() && lists != nullptr) {
    const Pairing pairing(has, wanted, *lists);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Json& key = pairing.of_more[i];
      if (key.is_null()) continue;
      const std::optional<std::size_t> same = pairing.Find(i);
      Json inner = same ? MissingItems(wanted[i], has[*same], &ItemOf(*lists, key)) : wanted[i];
      if (inner.is_null()) continue;
      inner.update(key);
      missing.push_back(std::move(inner));
    }
  } else if (wanted.is_array() && has.is_array()) {
    const char* key = MergeKey(wanted, has);
    if (key == nullptr) return missing;
    for (const Json& item : wanted) {
      const auto same = std::find_if(has.begin(), has.end(),
                                     [&](const Json& other) { return IsSame(other, item, key); });
      Json inner = same == has.end() ? item : MissingItems(item, *same);
      if (inner.is_null()) continue;
      inner[key] = item[key];
      missing.push_back(std::move(inner));
    }
  }
  return missing;
}

std::string UnmergedList(const Json& base, const Json& more, const FieldSet* lists) {
  if (base.is_object() && more.is_object()) {
    for (const auto& [key, value] : more.items()) {
      if (!base.contains(key)) continue;
      const std::string inner = UnmergedList(
          base[key], value, lists == nullptr ? nullptr : &Below(*lists, Kind::kField, key));
      if (inner.empty()) continue;
      return absl::StrCat(key, inner == kHere || absl::StartsWith(inner, "[") ? "" : ".",
                          inner == kHere ? "" : inner);
    }
    return "";
  }
  if (!base.is_array() || !more.is_array() || base == more || more.empty()) return "";
  const char* name = lists == nullptr ? MergeKey(base, more) : nullptr;
  if (lists == nullptr ? name == nullptr : !IsSet(*lists) && KnownKeys(*lists).empty())
    return kHere;
  if (lists != nullptr && IsSet(*lists)) return "";
  for (std::size_t i = 0; i < more.size(); ++i) {
    std::string inner;
    if (name != nullptr) {
      const auto same = std::find_if(base.begin(), base.end(), [&](const Json& other) {
        return other[name] == more[i][name];
      });
      if (same != base.end()) inner = UnmergedList(*same, more[i]);
    } else {
      const Pairing pairing(base, more, *lists);
      if (const std::optional<std::size_t> same = pairing.Find(i))
        inner = UnmergedList(base[*same], more[i], &ItemOf(*lists, pairing.of_more[i]));
    }
    if (!inner.empty()) return absl::StrCat("[", i, "].", inner);
  }
  return "";
}

Json WithWholeKeys(const Json& more, const Json& base, const FieldSet& lists) {
  Json whole = more;
  if (more.is_object()) {
    for (auto entry = whole.begin(); entry != whole.end(); ++entry) {
      if (!entry->is_structured()) continue;
      *entry = WithWholeKeys(*entry, base.is_object() ? base.value(entry.key(), Json()) : Json(),
                             Below(lists, Kind::kField, entry.key()));
    }
  } else if (more.is_array()) {
    const Json none = Json::array();
    const Json& beside = base.is_array() ? base : none;
    const Pairing pairing(beside, more, lists);
    for (std::size_t i = 0; i < more.size(); ++i) {
      const Json& key = pairing.of_more[i];
      if (!key.is_object()) continue;
      const std::optional<std::size_t> same = pairing.Find(i);
      whole[i] = WithWholeKeys(more[i], same ? beside[*same] : Json(), ItemOf(lists, key));
      whole[i].update(key);
    }
  }
  return whole;
}

}  // namespace charon::operations
