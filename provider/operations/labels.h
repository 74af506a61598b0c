// The labels that a resource gives to its objects: what became of them, as its attribute labels_all
// has it. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/ownership.h"

namespace charon::operations {

using Labels = std::map<std::string, std::string>;

// metadata.labels.
Labels LabelsOf(const nlohmann::json& object);

// What `live` has at the keys of `declared` and of `former`, the attribute in the state. What
// others have written beside them is left out.
Labels LiveLabels(const nlohmann::json& live, const Labels& declared,
                  const std::optional<Labels>& former);

// The resource has one attribute for all of its objects. Where `further`, another one of them, does
// not have what `declared` gives it, or still has what `manager`, who is us, gave it once, its
// value stands in `labels`: a plan shows the label then, and the apply writes all objects.
void ShowLabelsOf(const nlohmann::json& further, const Labels& declared, const std::string& manager,
                  Labels& labels);

// Takes labels out of `differences` between what is declared and an object of ours that are no news
// of others: `manager`, who is us, has written them, in an apply that ended before the state had
// them, or they are as the state has them, and the configuration changes them. A state from before
// there was the attribute tells nothing.
void DropExpectedLabels(std::vector<kubernetes::Difference>& differences,
                        const std::optional<Labels>& former, const std::string& manager);

}  // namespace charon::operations
