// YAML as the API server reads it: into JSON, with YAML 1.1's words for true and false.

#ifndef ACCEPTANCE_TESTS_SANDBOX_YAML_H_
#define ACCEPTANCE_TESTS_SANDBOX_YAML_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "json.h"

namespace charon::sandbox {

// The first document of `text`, which may be JSON as well.
absl::StatusOr<ParsedDocument> ParseYaml(absl::string_view text);

// `value` as a YAML document, for clients that ask for application/yaml.
std::string ToYaml(const Json& value);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_YAML_H_
