// Is the object acceptable? Complaints in the server's words, field by field.

#ifndef ACCEPTANCE_TESTS_SANDBOX_VALIDATION_H_
#define ACCEPTANCE_TESTS_SANDBOX_VALIDATION_H_

#include "json.h"
#include "kinds.h"
#include "status.h"

namespace charon::sandbox {

FieldErrors ValidateCreate(const Resource& resource, const Json& object);
FieldErrors ValidateUpdate(const Resource& resource, const Json& object, const Json& live);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_VALIDATION_H_
