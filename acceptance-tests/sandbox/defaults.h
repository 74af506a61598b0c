// What the server fills in where the client left something out.

#ifndef ACCEPTANCE_TESTS_SANDBOX_DEFAULTS_H_
#define ACCEPTANCE_TESTS_SANDBOX_DEFAULTS_H_

#include "json.h"

namespace charon::sandbox {

struct Resource;

// Defaults of the API types, as decoding applies them: who creates an object owns them too.
void ApplyDefaults(const Resource& resource, Json& object);

// Defaults of a pod's spec, which templates share.
void DefaultPodSpec(Json& spec, bool in_template);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_DEFAULTS_H_
