// The built-in types as text; schema.cc parses them once.

#ifndef ACCEPTANCE_TESTS_SANDBOX_SCHEMA_TABLES_H_
#define ACCEPTANCE_TESTS_SANDBOX_SCHEMA_TABLES_H_

#include "absl/strings/string_view.h"

namespace charon::sandbox {

absl::string_view CoreTypes();
absl::string_view WorkloadTypes();
absl::string_view PlatformTypes();

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_SCHEMA_TABLES_H_
