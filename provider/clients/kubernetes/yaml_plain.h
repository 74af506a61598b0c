// The YAML that most manifests consist of, read in one pass. Inside yaml.cc.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes::internal {

// The value of one document that is a block map of maps, lists, scalars on one line, literal blocks
// (| and |-) and simple flow lists and maps on one line, without tabs, anchors or tags. Nullopt for
// everything else, errors included: then yaml-cpp, which takes some 30 times as long, decides.
// Never a different value: the fuzzer compares the two. REQUIRES: `text` is UTF-8 without control
// characters.
std::optional<Json> ReadPlainYaml(absl::string_view text);

// All documents of any YAML, by yaml-cpp; errors as ParseYamlDocuments.
absl::StatusOr<std::vector<Json>> ReadFullYaml(absl::string_view text);

}  // namespace charon::kubernetes::internal
