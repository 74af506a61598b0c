#include "patch.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "status.h"

namespace charon::sandbox {
namespace {

absl::Status DoesNotApply(absl::string_view message) {
  (void)message;  // The server keeps the reason to itself.
  return ApiStatus(422, "Invalid", "the server rejected our request due to an error in our request",
                   Json::object());
}

std::vector<std::string> PointerSteps(const std::string& pointer) {
  std::vector<std::string> steps;
  if (pointer.empty()) return steps;
  for (absl::string_view step : absl::StrSplit(absl::string_view(pointer).substr(1), '/')) {
    steps.push_back(absl::StrReplaceAll(step, {{"~1", "/"}, {"~0", "~"}}));
  }
  return steps;
}

// The value a pointer's first steps lead to; nullptr if there is none.
Json* Walk(Json& root, const std::vector<std::string>& steps, std::size_t count) {
  Json* at = &root;
  for (std::size_t i = 0; i < count; ++i) {
    if (at->is_object()) {
      const auto it = at->find(steps[i]);
      if (it == at->end()) return nullptr;
      at = &*it;
    } else if (at->is_array()) {
      std::size_t index = 0;
      if (!absl::SimpleAtoi(steps[i], &index) || index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

absl::Status Missing(absl::string_view op, const std::string& path) {
  return DoesNotApply(absl::StrCat(
      op, " operation does not apply: doc is missing path: ", Quote(path), ": missing value"));
}

absl::Status AddAt(Json& target, const std::string& path, Json value) {
  const std::vector<std::string> steps = PointerSteps(path);
  if (steps.empty()) {
    target = std::move(value);
    return absl::OkStatus();
  }
  Json* parent = Walk(target, steps, steps.size() - 1);
  if (parent == nullptr || !parent->is_structured()) {
    return DoesNotApply(absl::StrCat(
        "add operation does not apply: doc is missing path: ", Quote(path), ": missing value"));
  }
  if (parent->is_object()) {
    (*parent)[steps.back()] = std::move(value);
    return absl::OkStatus();
  }
  std::size_t index = parent->size();
  if (steps.back() != "-" && (!absl::SimpleAtoi(steps.back(), &index) || index > parent->size())) {
    return DoesNotApply(absl::StrCat(
        "add operation does not apply: doc is missing path: ", Quote(path),
        ": Unable to access invalid index: ", steps.back(), ": invalid index referenced"));
  }
  parent->insert(parent->begin() + static_cast<std::ptrdiff_t>(index), std::move(value));
  return absl::OkStatus();
}

absl::Status RemoveAt(Json& target, const std::string& path) {
  const std::vector<std::string> steps = PointerSteps(path);
  Json* parent = steps.empty() ? nullptr : Walk(target, steps, steps.size() - 1);
  if (parent == nullptr) return Missing("remove", path);
  if (parent->is_object()) {
    if (parent->erase(steps.back()) == 0) {
      return DoesNotApply(absl::StrCat("remove operation does not apply: doc is missing path: ",
                                       Quote(path), ": missing value"));
    }
    return absl::OkStatus();
  }
  std::size_t index = 0;
  if (!parent->is_array() || !absl::SimpleAtoi(steps.back(), &index) || index >= parent->size()) {
    return DoesNotApply(absl::StrCat(
        "remove operation does not apply: doc is missing path: ", Quote(path),
        ": Unable to access invalid index: ", steps.back(), ": invalid index referenced"));
  }
  parent->erase(index);
  return absl::OkStatus();
}

// ---- strategic merge ----

constexpr char kDirective[] = "$patch";
constexpr char kRetainKeys[] = "$retainKeys";
constexpr absl::string_view kSetOrder = "$setElementOrder/";
constexpr absl::string_view kDeletePrimitive = "$deleteFromPrimitiveList/";

absl::StatusOr<Json> MergeMaps(const Json& target, const Json& patch, const Type* type);

Json Identity(const Json& item, const std::string& key) {
  if (key.empty()) return item;
  const Json* at = Find(item, {key.c_str()});
  return at == nullptr ? Json() : *at;
}

std::ptrdiff_t IndexOf(const Json& list, const Json& item, const std::string& key) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (Identity(list[i], key) == Identity(item, key)) return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

// Items that `wanted` names come in its order; the others are put before the first of them that
// they preceded on the server, else at the end.
Json Interleaved(const Json& items, const Json& wanted, const Json& server,
                 const std::string& key) {
  std::vector<Json> named;
  std::vector<Json> others;
  for (const Json& item : items) {
    (IndexOf(wanted, item, key) >= 0 ? named : others).push_back(item);
  }
  std::stable_sort(named.begin(), named.end(), [&](const Json& a, const Json& b) {
    return IndexOf(wanted, a, key) < IndexOf(wanted, b, key);
  });
  Json out = Json::array();
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < others.size() || j < named.size()) {
    bool take_other = j >= named.size();
    if (i < others.size() && j < named.size()) {
      const std::ptrdiff_t left = IndexOf(server, others[i], key);
      const std::ptrdiff_t right = IndexOf(server, named[j], key);
      take_other = left >= 0 && right >= 0 && left < right;
    }
    out.push_back(take_other ? others[i++] : named[j++]);
  }
  return out;
}

absl::StatusOr<Json> MergeKeyedList(const Json& target, const Json& patch, const Field& field) {
  const std::string& key = field.patch_key;
  for (const Json& item : patch) {
    if (item.is_object() && Text(item, {kDirective}) == "replace") {
      Json out = Json::array();
      for (const Json& one : patch) {
        if (Text(one, {kDirective}) != "replace") out.push_back(one);
      }
      return out;
    }
  }
  const Json server_order = target.is_array() ? target : Json::array();
  Json out = server_order;
  Json patch_order = Json::array();
  for (const Json& item : patch) {
    const Json* id = Find(item, {key.c_str()});
    if (id == nullptr) {
      return PlainError(
          absl::StrCat("map: ", GoPlain(item), " does not contain declared merge key: ", key));
    }
    const auto it = std::find_if(out.begin(), out.end(), [&](const Json& one) {
      const Json* theirs = Find(one, {key.c_str()});
      return theirs != nullptr && *theirs == *id;
    });
    const std::string directive = Text(item, {kDirective});
    if (directive == "delete") {
      if (it != out.end()) out.erase(it);
      continue;
    }
    patch_order.push_back(item);
    SANDBOX_ASSIGN_OR_RETURN(
        Json merged, MergeMaps(it == out.end() ? Json::object() : *it, item, field.type->element));
    if (it == out.end()) {
      out.push_back(std::move(merged));
    } else {
      *it = std::move(merged);
    }
  }
  return Interleaved(out, patch_order, server_order, key);
}

absl::StatusOr<Json> MergeMaps(const Json& target, const Json& patch, const Type* type) {
  Json out = target.is_object() ? target : Json::object();
  const std::string directive = Text(patch, {kDirective});
  if (directive == "delete") return Json(nullptr);
  if (directive == "replace") {
    out = patch;
    out.erase(kDirective);
    return out;
  }
  if (const Json* retain = Find(patch, {kRetainKeys}); retain != nullptr && retain->is_array()) {
    for (auto it = out.begin(); it != out.end();) {
      const bool keep = std::find(retain->begin(), retain->end(), Json(it.key())) != retain->end();
      it = keep ? std::next(it) : out.erase(it);
    }
  }
  for (const auto& [key, value] : patch.items()) {
    if (key == kDirective || key == kRetainKeys || absl::StartsWith(key, kSetOrder) ||
        absl::StartsWith(key, kDeletePrimitive)) {
      continue;
    }
    if (value.is_null()) {
      out.erase(key);
      continue;
    }
    const Field* field = type == nullptr ? nullptr : type->FindField(key);
    const Type* member = type == nullptr ? nullptr : type->MemberType(key);
    if (value.is_object()) {
      const auto it = out.find(key);
      SANDBOX_ASSIGN_OR_RETURN(Json merged,
                               MergeMaps(it == out.end() ? Json::object() : *it, value, member));
      if (merged.is_null()) {
        out.erase(key);
      } else {
        out[key] = std::move(merged);
      }
    } else if (value.is_array() && field != nullptr && field->patch_merge) {
      const auto it = out.find(key);
      const Json before = it == out.end() ? Json::array() : *it;
      if (field->patch_key.empty()) {
        Json merged = before.is_array() ? before : Json::array();
        for (const Json& item : value) {
          if (std::find(merged.begin(), merged.end(), item) == merged.end()) {
            merged.push_back(item);
          }
        }
        out[key] = std::move(merged);
      } else {
        SANDBOX_ASSIGN_OR_RETURN(Json merged, MergeKeyedList(before, value, *field));
        out[key] = std::move(merged);
      }
    } else {
      out[key] = value;
    }
  }
  for (const auto& [key, value] : patch.items()) {
    if (absl::StartsWith(key, kDeletePrimitive) && value.is_array()) {
      const auto list = out.find(key.substr(kDeletePrimitive.size()));
      if (list == out.end() || !list->is_array()) continue;
      Json rest = Json::array();
      for (const Json& item : *list) {
        if (std::find(value.begin(), value.end(), item) == value.end()) rest.push_back(item);
      }
      *list = std::move(rest);
    }
    if (absl::StartsWith(key, kSetOrder) && value.is_array()) {
      const std::string name = key.substr(kSetOrder.size());
      const auto list = out.find(name);
      const Field* field = type == nullptr ? nullptr : type->FindField(name);
      if (list == out.end() || !list->is_array()) continue;
      const auto before = target.is_object() ? target.find(name) : target.end();
      *list = Interleaved(*list, value,
                          target.is_object() && before != target.end() ? *before : Json::array(),
                          field == nullptr ? "" : field->patch_key);
    }
  }
  return out;
}

}  // namespace

Json MergePatch(Json target, const Json& patch) {
  if (!patch.is_object()) return patch;
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(key);
    } else {
      target[key] = MergePatch(target.contains(key) ? target[key] : Json(), value);
    }
  }
  return target;
}

absl::StatusOr<Json> JsonPatch(Json target, const Json& operations) {
  if (!operations.is_array()) {
    return BadRequest(
        "error decoding patch: json: cannot unmarshal object into Go value of type "
        "[]handlers.jsonPatchOp");
  }
  if (operations.size() > 10000) {
    return ApiStatus(413, "RequestEntityTooLarge",
                     absl::StrCat("Request entity too large: The allowed maximum operations in a "
                                  "JSON patch is 10000, got ",
                                  operations.size()));
  }
  for (const Json& operation : operations) {
    const std::string op = Text(operation, {"op"});
    const std::string path = Text(operation, {"path"});
    const std::string from = Text(operation, {"from"});
    const Json* value = Find(operation, {"value"});
    if (op == "add") {
      SANDBOX_RETURN_IF_ERROR(AddAt(target, path, value == nullptr ? Json() : *value));
    } else if (op == "remove") {
      SANDBOX_RETURN_IF_ERROR(RemoveAt(target, path));
    } else if (op == "replace") {
      // The server's library replaces a missing member of an object as well.
      const std::vector<std::string> steps = PointerSteps(path);
      Json* at = Walk(target, steps, steps.size());
      Json* parent = steps.empty() ? nullptr : Walk(target, steps, steps.size() - 1);
      if (at == nullptr && parent != nullptr && parent->is_object()) at = &(*parent)[steps.back()];
      if (at == nullptr) return Missing("replace", path);
      *at = value == nullptr ? Json() : *value;
    } else if (op == "move" || op == "copy") {
      const std::vector<std::string> steps = PointerSteps(from);
      const Json* at = Walk(target, steps, steps.size());
      if (at == nullptr) return Missing(op, from);
      const Json copy = *at;
      if (op == "move") SANDBOX_RETURN_IF_ERROR(RemoveAt(target, from));
      SANDBOX_RETURN_IF_ERROR(AddAt(target, path, copy));
    } else if (op == "test") {
      const std::vector<std::string> steps = PointerSteps(path);
      const Json* at = Walk(target, steps, steps.size());
      const Json wanted = value == nullptr ? Json() : *value;
      if ((at == nullptr && !wanted.is_null()) || (at != nullptr && *at != wanted)) {
        return DoesNotApply(absl::StrCat("testing value ", path, " failed: test failed"));
      }
    } else {
      return DoesNotApply(absl::StrCat("Unexpected kind: ", op.empty() ? "unknown" : op));
    }
  }
  return target;
}

absl::StatusOr<Json> StrategicMergePatch(const Json& target, const Json& patch, const Type& type) {
  return MergeMaps(target, patch, &type);
}

}  // namespace charon::sandbox
