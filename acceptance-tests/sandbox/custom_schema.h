// The schema of a custom resource: pruning, defaults, validation, and the type server-side apply
// works with.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CUSTOM_SCHEMA_H_
#define ACCEPTANCE_TESTS_SANDBOX_CUSTOM_SCHEMA_H_

#include <string>
#include <vector>

#include "json.h"
#include "kinds.h"
#include "schema.h"
#include "status.h"

namespace charon::sandbox {

struct CustomSchema {
  Json schema;  // openAPIV3Schema of the version.
  bool preserve_unknown = false;
};

// The resources one definition serves; empty if its names are not usable.
std::vector<ResourcePtr> ResourcesOf(const Json& definition);

// Drops fields the schema does not know and returns their paths.
std::vector<std::string> PruneCustom(const CustomSchema& schema, Json& object);
void DefaultCustom(const CustomSchema& schema, Json& object);
void ValidateCustom(const CustomSchema& schema, const Json& object, FieldErrors& errors);

// Complaints about a definition itself.
void ValidateDefinition(const Json& definition, FieldErrors& errors);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CUSTOM_SCHEMA_H_
