// YAML as kubectl reads it (sigs.k8s.io/yaml: YAML 1.1 scalars, then JSON).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// One document, JSON or YAML. Plain scalars mean what they mean to kubectl: yes/no/on/off are bools, 0644
// and 0o644 octal, 0x1f hex, 1_000 a number, .inf refused, ~ and empty null, timestamps stay text; quoted
// ones are text. Merge keys (<<) and anchors are resolved (bounded: an alias bomb is refused). Map keys
// that are numbers or bools become text. Duplicate keys are refused.
// InvalidArgument with line and column, and a hint for tabs. Several documents: InvalidArgument saying how
// many there are. Nesting beyond 512 is refused.
absl::StatusOr<Json> ParseYaml(absl::string_view text);

// All documents; empty ones (only comments) are left out.
absl::StatusOr<std::vector<Json>> ParseYamlDocuments(absl::string_view text);

// Block style YAML that reads back as the same JSON under the rules above (text that looks like a bool, a
// number or null is quoted). Keys in byte order, except apiVersion, kind, metadata first.
std::string EmitYaml(const Json& value);

}  // namespace charon::kubernetes
