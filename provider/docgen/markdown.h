// The provider's documentation, from the same tables that make its schema: one Markdown page for
// each thing it offers, in the layout of the Terraform Registry. Guides and design pages are
// written by hand and left alone.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "provider/sdk/registry.h"

namespace charon::docgen {

// Path below docs/ ("resources/tier.md") to content.
using Pages = std::map<std::string, std::string>;

// Examples come from `examples`: provider/provider.tf, resources/TYPE/resource.tf and its
// neighbours import.sh, import.tf, import-by-string-id.tf and import-by-identity.tf,
// data-sources/TYPE/data-source.tf, ephemeral-resources/TYPE/ephemeral-resource.tf,
// list-resources/TYPE/list-resource.tfquery.hcl, actions/TYPE/action.tf,
// functions/NAME/function.tf. What is not there is left out of the page. The index links what has a
// page_title in the folder `guides`.
Pages RenderDocs(const sdk::Registry& registry, const std::filesystem::path& examples,
                 const std::filesystem::path& guides = {});

// The examples that RenderDocs looked for in vain, as paths below `examples`. Everything has one,
// and a resource that can be imported has one for that.
std::vector<std::string> MissingExamples(const sdk::Registry& registry,
                                         const std::filesystem::path& examples);

// The pages below `out` that are not as they should be, each with what is wrong:
// "resources/tier.md: differs".
std::vector<std::string> StaleDocs(const Pages& pages, const std::filesystem::path& out);

// Writes the pages below `out` and removes generated ones of what is no longer offered. Files that
// need no change are not touched. Unavailable, with the path, if a file cannot be written.
absl::Status WriteDocs(const sdk::Registry& registry, const std::filesystem::path& examples,
                       const std::filesystem::path& out);

}  // namespace charon::docgen
