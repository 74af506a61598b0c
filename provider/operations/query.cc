#include "provider/operations/query.h"

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/cluster.h"

namespace charon::operations {

// The client's words are those of a manifest.
absl::Status AtKindOrNamespace(const absl::Status& status, bool given) {
  const char field[] = "metadata.namespace";
  if (!absl::IsInvalidArgument(status) || !absl::StrContains(status.message(), field))
    return kubernetes::MissingOf(status) == kubernetes::Missing::kKind ? At("kind", status)
                                                                       : status;
  return At("namespace", WithRemedy(absl::InvalidArgumentError(absl::StrReplaceAll(
                                        status.message(), {{field, "`namespace`"}})),
                                    given ? "Leave `namespace` out." : "Set `namespace`."));
}

absl::Status AtSelector(const absl::Status& status, bool labels, bool fields) {
  absl::Status placed = AtKindOrNamespace(status, /*given=*/true);
  if (!absl::IsInvalidArgument(status) || placed != status) return placed;
  if (labels == fields) return status;  // either, or none
  return labels ? At("label_selector",
                     WithRemedy(status,
                                "It is written as kubectl's -l: \"app=web,tier!=cache\" or "
                                "\"app in (web, api)\"."))
                : At("field_selector",
                     WithRemedy(status,
                                "It is written as kubectl's --field-selector, and most kinds have "
                                "metadata.name and metadata.namespace only."));
}

}  // namespace charon::operations
