#include "field_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::sandbox {

std::string FieldElement(absl::string_view name) { return absl::StrCat("f:", name); }
std::string ValueElement(const Json& value) { return absl::StrCat("v:", Dump(value)); }
std::string KeyElement(const Json& keys) { return absl::StrCat("k:", Dump(keys)); }

std::string PathText(const FieldPath& path) {
  std::string text;
  for (const std::string& element : path) {
    const absl::string_view body = absl::string_view(element).substr(2);
    if (element[0] == 'f') {
      absl::StrAppend(&text, ".", body);
    } else if (element[0] == 'k') {
      std::vector<std::string> parts;
      const Json keys = Json::parse(body.begin(), body.end(), nullptr, false);
      if (keys.is_object()) {
        for (const auto& [name, value] : keys.items()) {
          parts.push_back(absl::StrCat(name, "=", Dump(value)));
        }
      }
      absl::StrAppend(&text, "[", absl::StrJoin(parts, ","), "]");
    } else if (element[0] == 'v') {
      absl::StrAppend(&text, "[=", body, "]");
    } else {
      absl::StrAppend(&text, "[", body, "]");
    }
  }
  return text;
}

void FieldSet::Insert(const FieldPath& path) {
  if (path.empty()) return;
  FieldSet* at = this;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) at = &at->children_[path[i]];
  at->members_.insert(path.back());
}

bool FieldSet::Has(const FieldPath& path) const {
  if (path.empty()) return false;
  const FieldSet* at = this;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    at = at->Child(path[i]);
    if (at == nullptr) return false;
  }
  return at->HasMember(path.back());
}

const FieldSet* FieldSet::Child(const std::string& element) const {
  const auto it = children_.find(element);
  return it == children_.end() ? nullptr : &it->second;
}

FieldSet FieldSet::Union(const FieldSet& other) const {
  FieldSet out = *this;
  out.members_.insert(other.members_.begin(), other.members_.end());
  for (const auto& [element, child] : other.children_) {
    const auto [it, inserted] = out.children_.try_emplace(element, child);
    if (!inserted) it->second = it->second.Union(child);
  }
  return out;
}

FieldSet FieldSet::Intersection(const FieldSet& other) const {
  FieldSet out;
  std::set_intersection(members_.begin(), members_.end(), other.members_.begin(),
                        other.members_.end(), std::inserter(out.members_, out.members_.end()));
  for (const auto& [element, child] : children_) {
    if (const FieldSet* theirs = other.Child(element)) {
      FieldSet both = child.Intersection(*theirs);
      if (!both.Empty()) out.children_.emplace(element, std::move(both));
    }
  }
  return out;
}

FieldSet FieldSet::Difference(const FieldSet& other) const {
  FieldSet out;
  std::set_difference(members_.begin(), members_.end(), other.members_.begin(),
                      other.members_.end(), std::inserter(out.members_, out.members_.end()));
  for (const auto& [element, child] : children_) {
    const FieldSet* theirs = other.Child(element);
    FieldSet rest = theirs == nullptr ? child : child.Difference(*theirs);
    if (!rest.Empty()) out.children_.emplace(element, std::move(rest));
  }
  return out;
}

FieldSet FieldSet::RecursiveDifference(const FieldSet& other) const {
  FieldSet out;
  std::set_difference(members_.begin(), members_.end(), other.members_.begin(),
                      other.members_.end(), std::inserter(out.members_, out.members_.end()));
  for (const auto& [element, child] : children_) {
    if (other.HasMember(element)) continue;
    const FieldSet* theirs = other.Child(element);
    FieldSet rest = theirs == nullptr ? child : child.RecursiveDifference(*theirs);
    if (!rest.Empty()) out.children_.emplace(element, std::move(rest));
  }
  return out;
}

const Type* TypeBelow(const Type* type, absl::string_view element) {
  if (type == nullptr) return nullptr;
  if (absl::StartsWith(element, "f:")) return type->MemberType(element.substr(2));
  return type->shape == Type::Shape::kList ? type->element : nullptr;
}

FieldSet FieldSet::WithNamedParents(const Type* type) const {
  FieldSet out;
  out.members_ = members_;
  for (const auto& [element, child] : children_) {
    if (type != nullptr && type->shape == Type::Shape::kStruct && element[0] == 'f' &&
        type->FindField(absl::string_view(element).substr(2)) != nullptr) {
      out.members_.insert(element);
    }
    out.children_.emplace(element, child.WithNamedParents(TypeBelow(type, element)));
  }
  return out;
}

void FieldSet::Visit(const std::function<void(const FieldPath&)>& visitor) const {
  FieldPath prefix;
  VisitBelow(prefix, visitor);
}

void FieldSet::VisitBelow(FieldPath& prefix,
                          const std::function<void(const FieldPath&)>& visitor) const {
  for (const std::string& member : members_) {
    prefix.push_back(member);
    visitor(prefix);
    prefix.pop_back();
  }
  for (const auto& [element, child] : children_) {
    prefix.push_back(element);
    child.VisitBelow(prefix, visitor);
    prefix.pop_back();
  }
}

Json FieldSet::ToFieldsV1() const {
  Json out = Json::object();
  for (const std::string& member : members_) out[member] = Json::object();
  for (const auto& [element, child] : children_) {
    Json below = child.ToFieldsV1();
    if (members_.count(element) > 0) below["."] = Json::object();
    out[element] = std::move(below);
  }
  return out;
}

absl::StatusOr<FieldSet> FieldSet::FromFieldsV1(const Json& fields) {
  FieldSet out;
  if (!fields.is_object()) return absl::InvalidArgumentError("fieldsV1 is not an object");
  for (const auto& [key, value] : fields.items()) {
    if (key == ".") continue;  // Read by the level above.
    if (key.size() < 2 || key[1] != ':' ||
        absl::string_view("fkvi").find(key[0]) == absl::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat("invalid path element ", Quote(key)));
    }
    std::string element = key;
    if (key[0] == 'k' || key[0] == 'v') {
      // Rewritten so that spacing and key order do not matter.
      const Json parsed = Json::parse(key.substr(2), nullptr, false);
      if (parsed.is_discarded() || (key[0] == 'k' && !parsed.is_object())) {
        return absl::InvalidArgumentError(absl::StrCat("invalid path element ", Quote(key)));
      }
      element = absl::StrCat(key.substr(0, 2), Dump(parsed));
    }
    if (!value.is_object()) return absl::InvalidArgumentError("expected an object");
    if (value.empty() || value.contains(".")) out.members_.insert(element);
    if (value.empty()) continue;
    absl::StatusOr<FieldSet> below = FromFieldsV1(value);
    if (!below.ok()) return below.status();
    if (!below->Empty()) out.children_.emplace(element, *std::move(below));
  }
  return out;
}

}  // namespace charon::sandbox
