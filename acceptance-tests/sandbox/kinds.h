// The resources the server knows: built-in ones, and those that definitions add while it runs.

#ifndef ACCEPTANCE_TESTS_SANDBOX_KINDS_H_
#define ACCEPTANCE_TESTS_SANDBOX_KINDS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "json.h"
#include "schema.h"
#include "status.h"

namespace charon::sandbox {

// One extra column of a custom resource's table.
struct Column {
  std::string name, type, format, description, json_path;
  int priority = 0;
};

struct CustomSchema;  // custom_schema.h

struct Resource {
  std::string group, version, plural, singular, kind;
  bool namespaced = true;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  bool has_status = false;
  bool has_scale = false;
  // Answers a POST without storing anything (access reviews).
  bool review = false;
  const Type* type = nullptr;
  Json empty = Json::object();  // The object before anybody wrote to it.

  // Of custom resources only.
  std::shared_ptr<const TypeSet> types;
  std::shared_ptr<const CustomSchema> custom;
  std::vector<Column> columns;
  std::string scale_spec_path, scale_status_path, scale_selector_path;
  bool storage = true;  // Objects of other versions of the kind are stored under this one.

  bool is_custom() const { return custom != nullptr; }
  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  GroupResource group_resource() const { return {group, plural}; }
  GroupResource group_kind() const { return {group, kind}; }
  // Where objects of all versions of the resource are kept.
  std::string storage_key() const { return group + "/" + plural; }
};

using ResourcePtr = std::shared_ptr<const Resource>;

// Not safe for concurrent use; the cluster's lock covers it.
class KindTable {
 public:
  KindTable();

  // nullptr where nothing is served.
  ResourcePtr Find(absl::string_view group, absl::string_view version,
                   absl::string_view plural) const;
  ResourcePtr FindKind(absl::string_view api_version, absl::string_view kind) const;
  // The first served version of a resource, whatever it is.
  ResourcePtr FindAnyVersion(absl::string_view group, absl::string_view plural) const;

  const std::vector<ResourcePtr>& all() const { return resources_; }
  // Groups in the order discovery lists them; versions of a group, preferred first.
  std::vector<std::string> Groups() const;
  std::vector<std::string> Versions(absl::string_view group) const;

  void Add(ResourcePtr resource);
  // Removes every version of it.
  void Remove(absl::string_view group, absl::string_view plural);

 private:
  std::vector<ResourcePtr> resources_;
};

std::vector<std::string> VerbsOf(const Resource& resource);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_KINDS_H_
