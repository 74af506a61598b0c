// Golden plans: what a resource makes of a configuration and a prior state, as files that a
// reviewer can read.
//
// A file has one case, or several by name:
//
//   { "renamed": {
//       "prior":  { "id": "7", "name": "ann", "email": "a@x.org" },
//       "config": { "name": "anna", "email": "ann@x.org" },
//       "expect": { "changed": ["name", "email"], "replace": ["email"], "unknown": [],
//       "diagnostics": [] } } }
//
// "prior" is left out for a create, "config" for a destroy. Attributes left out are null,
// "<unknown>" is a value that is not known yet. "changed" are the attributes that are known and
// differ from the prior state, in the table's order; for a create, those that are set. A case may
// list values of interest under expect.values: { "replicas": 1 }. Diagnostics read "error at path:
// summary: first line of the detail".
//
// With the environment variable CHARON_REWRITE_GOLDEN set, the files are rewritten with what comes
// out; the diff is the review.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/sdk/any.h"

namespace charon {

// Runs every *.json of `folder` (from the repository's root, as in "resources/tier/testdata/plans")
// on `resource`, each case as core would: proposed state, validation, plan. gTest failures tell
// file and case. A folder without a file is a failure.
void RunGoldenPlans(sdk::AnyResource& resource, absl::string_view folder);

// One case: {"changed": ..., "replace": ..., "unknown": ..., "diagnostics": ...}, and "values" for
// those that `input` expects. Needs no gTest.
nlohmann::ordered_json GoldenPlanOf(sdk::AnyResource& resource,
                                    const nlohmann::ordered_json& input);

// JSON for readers: what fits into `width` stands on one line.
std::string ReadableJson(const nlohmann::ordered_json& json, std::size_t width = 100);

}  // namespace charon
