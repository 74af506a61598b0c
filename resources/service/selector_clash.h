// Two workloads of a namespace whose selectors match each other's pods: both would count and delete
// them, and Services would send requests to both.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"

namespace charon::service {

// Whether a LabelSelector (matchLabels, matchExpressions) matches labels. An empty selector matches
// everything.
bool SelectorMatches(const nlohmann::json& selector, const nlohmann::json& labels);

// In which way `ours` and `other` (workloads) clash, as half a sentence about `other`'s name; "" if
// they do not.
std::string SelectorClash(const nlohmann::json& ours, const nlohmann::json& other);

}  // namespace charon::service
