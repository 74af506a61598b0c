// Whatever an API server sends as an object with managedFields is read, compared, projected and
// migrated without harm.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/testing/fuzz.h"

namespace {

using charon::Require;
using namespace charon::kubernetes;  // NOLINT(google-build-using-namespace)

void CheckSet(const FieldSet& set) {
  const absl::StatusOr<FieldSet> again = FieldSet::Parse(set.ToJson());
  Require(again.ok() && *again == set);
  Require(set.Union(set) == set && set.Intersect(set) == set && set.Minus(set).empty());
  FieldSet rebuilt;
  for (const FieldPath& path : set.Paths()) {
    Require(set.Contains(path));
    rebuilt.Insert(path);
    // The text form may read as another path where names have dots, but reading it must end well.
    (void)ParseFieldPath(ToString(path));
  }
  Require(rebuilt == set);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ParseFieldPath(text);
  (void)ObjectRef::Parse(text);
  (void)StatusFromResponse(409, text);
  const absl::StatusOr<Json> live = ParseYaml(text);
  if (!live.ok()) return 0;
  Json declared = *live;
  if (declared.is_object()) declared.erase("metadata");

  for (const ManagerEntry& entry : Managers(*live)) CheckSet(entry.fields);
  const FieldSet owned = AppliedBy(*live, "charon");
  (void)Project(*live, owned).dump(-1, ' ', false, Json::error_handler_t::replace);
  CheckSet(FieldsOf(declared, *live));
  for (const char* manager : {"charon", ""}) {
    (void)Compare(declared, *live, manager);
    (void)Compare(*live, declared, manager);
    const Json overlay = Overlay(*live, declared, manager);
    Require(overlay.is_object() == live->is_object());
    (void)Overlay(declared, *live, manager);
  }
  if (const std::optional<Json> moved =
          MigratedManagedFields(*live, "charon", FormerManagers(*live, "charon"))) {
    Json object = *live;
    object["metadata"]["managedFields"] = *moved;
    Require(owned.Minus(AppliedBy(object, "charon")).empty());
  }
  (void)ReleasePatch(*live, {"charon"});
  return 0;
}
