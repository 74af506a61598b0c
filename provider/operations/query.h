// What is asked of objects of any kind by `api_version`, `kind`, `namespace` and selectors, as data
// sources and lists do: which of these arguments an error of the cluster is about.
#pragma once

#include "absl/status/status.h"

namespace charon::operations {

// The error at `kind`, if there is none such, or, if the kind has no namespace and one is `given`
// or the other way round, at `namespace`.
absl::Status AtKindOrNamespace(const absl::Status& status, bool given);

// The error of a list: as AtKindOrNamespace, or at the selector that the server cannot read, where
// only one is given.
absl::Status AtSelector(const absl::Status& status, bool labels, bool fields);

}  // namespace charon::operations
