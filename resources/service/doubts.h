// What a configuration says that has no effect, and is most likely meant otherwise: Terraform drops
// keys of an object that the provider does not know, without a word.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "resources/service/service.h"

namespace charon::service {

// Warnings, each with its path and remedy. What is unknown counts as said.
std::vector<absl::Status> DoubtsAbout(const ServiceModel& config);

}  // namespace charon::service
