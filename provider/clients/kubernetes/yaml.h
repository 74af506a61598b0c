// YAML as kubectl reads it (sigs.k8s.io/yaml 1.6.0: YAML 1.1 scalars, then JSON).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// One document, JSON or YAML, UTF-8. Plain scalars mean what they mean to kubectl:
//   y, yes, on, true and n, no, off, false (also Yes, YES, ...) are bools; ~, null and nothing are
//   null; 0644 and 0o644 are octal, 0x1f hex, 0b11 binary, 1_000 a number, 089 the number 89;
//   numbers beyond 64 bits are floats, floats without a fraction are integers; .inf and .nan are
//   refused; timestamps and durations are text, as is everything quoted; tags (!!str, !!int, ...)
//   decide if present.
// Merge keys (<<) and anchors are resolved; what comes later wins, a merge after a key too. Aliases
// that blow the document up are refused. Keys that are numbers or bools become text; keys that are
// null, maps or lists, and duplicate keys, are refused. InvalidArgument with line and column (from
// 1), and a hint for tabs. None or several documents: InvalidArgument saying so and how many. JSON
// may be nested to 512, YAML to 490.
absl::StatusOr<Json> ParseYaml(absl::string_view text);

// All documents; empty ones (only comments, or null) are left out.
absl::StatusOr<std::vector<Json>> ParseYamlDocuments(absl::string_view text);

// Block style YAML that reads back as the same JSON under the rules above, and in YAML 1.2 too
// (text that looks like a bool, number, date or null is quoted). Keys in byte order; where there
// are apiVersion and kind, these and metadata first. Ends with a line feed. Invalid UTF-8 becomes
// U+FFFD, what JSON cannot hold null. REQUIRES: nested no deeper than 1000.
std::string EmitYaml(const Json& value);

}  // namespace charon::kubernetes
