// The XML of AWS' older services.
#pragma once

#include <memory>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::route53 {

using XmlDocument = std::unique_ptr<pugi::xml_document>;

// Internal if it is not XML.
absl::StatusOr<XmlDocument> ParseXml(absl::string_view text);

// The first element of that name below `node`; an empty one if there is none.
pugi::xml_node Descendant(const pugi::xml_node& node, const char* name);

struct ServiceError {
  std::string code, message;
  std::vector<std::string> messages;  // of an InvalidChangeBatch, one for each change at fault
};
// From an error's body; empty texts if it is none.
ServiceError ErrorIn(absl::string_view body);

}  // namespace charon::route53
