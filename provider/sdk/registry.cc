#include "provider/sdk/registry.h"

#include <iterator>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace charon::sdk {
namespace {

void Collect(const ObjectSchema& schema, absl::string_view where, std::vector<std::string>* found) {
  std::vector<std::string> more = Contradictions(schema, where, /*root=*/true);
  found->insert(found->end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

template <typename T>
void CollectAll(const Registry::Map<T>& map, absl::string_view kind,
                std::vector<std::string>* found) {
  for (const auto& [type, entry] : map) {
    const std::string where = absl::StrCat(kind, " ", type);
    Collect(entry->schema(), where, found);
    if (!absl::StartsWith(type, "charon_"))
      found->push_back(absl::StrCat(where, ": the type does not start with charon_"));
    if (entry->info().noun.empty()) found->push_back(absl::StrCat(where, ": no noun for messages"));
    if (entry->info().subcategory.empty())
      found->push_back(absl::StrCat(where, ": no subcategory"));
  }
}

}  // namespace

std::vector<std::string> Registry::Contradictions() const {
  std::vector<std::string> found;
  for (const std::string& name : twice_) found.push_back(absl::StrCat(name, ": registered twice"));
  Collect(provider_->schema(), "provider", &found);
  for (const absl::string_view name : {"alias", "version"}) {
    if (provider_->schema().Find(name) == nullptr) continue;
    found.push_back(absl::StrCat("provider.", name, ": a name that Terraform reserves"));
  }
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
        found.push_back(absl::StrCat("resource ", type, ": identity part ", part.name,
                                     " must be required or optional"));
      }
      if (!part.type.IsPrimitive()) {
        found.push_back(
            absl::StrCat("resource ", type, ": identity part ", part.name, " must be a primitive"));
      }
    }
  }
  for (const auto& [name, function] : functions_) {
    if (function->doc().summary.empty() || function->doc().description.empty()) {
      found.push_back(absl::StrCat("function ", name, ": no summary or description"));
    }
    std::set<std::string> names;
    auto check = [&, &name = name](const Parameter& parameter) {
      if (parameter.name.empty()) {
        found.push_back(
            absl::StrCat("function ", name, ": a parameter without a name, or one name too many"));
      } else if (!names.insert(parameter.name).second) {
        found.push_back(
            absl::StrCat("function ", name, ": two parameters called ", parameter.name));
      } else if (!absl::EndsWith(parameter.description, ".")) {
        found.push_back(absl::StrCat("function ", name, ": ", parameter.name,
                                     " needs a description that ends with a full stop"));
      }
    };
    for (const Parameter& parameter : function->parameters()) check(parameter);
    if (function->variadic()) check(*function->variadic());
  }
  return found;
}

}  // namespace charon::sdk
