#include "resources/kubernetes/api_version.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/schema/checks.h"

namespace charon::kubernetes_resources {

// Versions of a CustomResourceDefinition are DNS labels; the group without a name has v1 alone.
Check ApiVersion() {
  return TextRule("is `v1` or `group/version`", [](absl::string_view text) {
    const std::vector<std::string> parts = absl::StrSplit(text, '/');
    const bool fits = parts.size() == 1
                          ? text == "v1"
                          : parts.size() == 2 && DnsSubdomain().run(Value::String(parts[0])).ok() &&
                                DnsLabel().run(Value::String(parts[1])).ok();
    if (fits) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "must be \"v1\", or a group and a version such as \"apps/v1\", not \"", text, "\""));
  });
}

}  // namespace charon::kubernetes_resources
