// The addresses of the machine that this runs on.
#pragma once

#include <string>
#include <vector>

namespace charon::operations {

// Of all interfaces, loopback left out; empty if the system does not say.
std::vector<std::string> LocalAddresses();

}  // namespace charon::operations
