#include "provider/clients/route53/xml.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::route53 {

absl::StatusOr<XmlDocument> ParseXml(absl::string_view text) {
  auto document = std::make_unique<pugi::xml_document>();
  const pugi::xml_parse_result result =
      document->load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result)
    return absl::InternalError(absl::StrCat("the answer is not XML: ", result.description()));
  return document;
}

pugi::xml_node Descendant(const pugi::xml_node& node, const char* name) {
  return node.find_node(
      [&](const pugi::xml_node& one) { return absl::string_view(one.name()) == name; });
}

ServiceError ErrorIn(absl::string_view body) {
  ServiceError error;
  const absl::StatusOr<XmlDocument> xml = ParseXml(body);
  if (!xml.ok()) return error;
  const pugi::xml_node root = (*xml)->document_element();
  if (const pugi::xml_node found = Descendant(*(*xml), "Error")) {
    error.code = found.child_value("Code");
    error.message = found.child_value("Message");
  } else {
    error.code = root.name();  // InvalidChangeBatch is its own root element
    error.message = root.child_value("Message");
  }
  for (const pugi::xml_node& message : Descendant(root, "Messages").children("Message"))
    error.messages.emplace_back(message.child_value());
  if (error.message.empty()) error.message = absl::StrJoin(error.messages, "; ");
  return error;
}

}  // namespace charon::route53
