#include "http_request.h"

namespace charon::sandbox {

std::string HttpRequest::Header(absl::string_view name) const {
  for (const auto& [one, value] : headers) {
    if (one == name) return value;
  }
  return "";
}

std::string HttpRequest::Query(absl::string_view name) const {
  const auto it = query.find(std::string(name));
  return it == query.end() ? "" : it->second;
}

bool HttpRequest::HasQuery(absl::string_view name) const {
  return query.count(std::string(name)) > 0;
}

bool HttpRequest::QueryFlag(absl::string_view name) const {
  // Present without a value counts as true, as in Go's conversion of query strings.
  const auto it = query.find(std::string(name));
  return it != query.end() && it->second != "false" && it->second != "0";
}

}  // namespace charon::sandbox
