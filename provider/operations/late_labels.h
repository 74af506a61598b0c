// Labels that the provider block gives to all objects. It may change without a change of the
// resource that made them: then the objects have them with its next change.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "provider/clients/kubernetes/ownership.h"

namespace charon::operations {

// Takes out of `differences` the labels of `given`, and that of who manages an object, which are
// not there or as `manager`, who is us, has written them. Their keys.
std::vector<std::string> TakeLateLabels(std::vector<kubernetes::Difference>& differences,
                                        const std::map<std::string, std::string>& given,
                                        const std::string& manager);

// What a warning says of them: they are not there yet, and when they come.
std::string DescribeLateLabels(const std::vector<std::string>& keys);

}  // namespace charon::operations
