#include "provider/sdk/registry.h"

#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace charon::sdk {
namespace {

void Collect(const ObjectSchema& schema, absl::string_view where, std::vector<std::string>* found) {
  std::vector<std::string> more = Contradictions(schema, where, /*root=*/true);
  found->insert(found->end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

template <typename T>
void CollectAll(const Registry::Map<T>& map, absl::string_view kind, std::vector<std::string>* found) {
  for (const auto& [type, entry] : map) {
    const std::string where = absl::StrCat(kind, " ", type);
    Collect(entry->schema(), where, found);
    if (!absl::StartsWith(type, "charon_")) found->push_back(absl::StrCat(where, ": the type does not start with charon_"));
    if (entry->info().noun.empty()) found->push_back(absl::StrCat(where, ": no noun for messages"));
    if (entry->info().subcategory.empty()) found->push_back(absl::StrCat(where, ": no subcategory"));
  }
}

}  // namespace

std::vector<std::string> Registry::Contradictions() const {
  std::vector<std::string> found;
  Collect(provider_->schema(), "provider", &found);
  CollectAll(resources_, "resource", &found);
  CollectAll(data_sources_, "data source", &found);
  CollectAll(ephemerals_, "ephemeral resource", &found);
  CollectAll(lists_, "list", &found);
  CollectAll(actions_, "action", &found);
  for (const auto& [type, list] : lists_) {
    const auto resource = resources_.find(type);
    if (resource == resources_.end() || resource->second->identity_schema() == nullptr) {
      found.push_back(absl::StrCat("list ", type, ": no resource of that type with an identity"));
    }
  }
  for (const auto& [type, resource] : resources_) {
    if (resource->identity_schema() == nullptr) continue;
    for (const AttributeSchema& part : resource->identity_schema()->attributes) {
      if (part.mode != Mode::kRequired && part.mode != Mode::kOptional) {
        found.push_back(absl::StrCat("resource ", type, ": identity part ", part.name, " must be required or optional"));
      }
      if (!part.type.IsPrimitive()) {
        found.push_back(absl::StrCat("resource ", type, ": identity part ", part.name, " must be a primitive"));
      }
    }
  }
  for (const auto& [name, function] : functions_) {
    if (function->doc().summary.empty() || function->doc().description.empty()) {
      found.push_back(absl::StrCat("function ", name, ": no summary or description"));
    }
  }
  return found;
}

}  // namespace charon::sdk
