// From what a client sent to what the server keeps: types checked, unknown fields noted and
// dropped, quantities and times in their canonical form, zero values as Go would write them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CODEC_H_
#define ACCEPTANCE_TESTS_SANDBOX_CODEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "json.h"
#include "schema.h"

namespace charon::sandbox {

struct Resource;

struct Decoded {
  Json object;
  std::vector<std::string> unknown_fields;  // "spec.foo", "spec.containers[0].bar"
};

// InvalidArgument with Go's own words if a value has a wrong type.
absl::StatusOr<Decoded> DecodeAs(const Json& value, const Type& type);

// `value` in canonical form; what does not fit its type is left out. For objects that were checked
// before.
Json Canonical(const Json& value, const Type& type);

// Same, for a whole object of a resource, custom ones included.
Json CanonicalObject(const Json& object, const Resource& resource);

Json EmptyObject(const Resource& resource);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CODEC_H_
