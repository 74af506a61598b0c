#include "request_info.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace charon::sandbox {

std::string RequestInfo::ResourceWithSubresource() const {
  return subresource.empty() ? plural : absl::StrCat(plural, "/", subresource);
}

RequestInfo ReadRequestInfo(const HttpRequest& request) {
  RequestInfo info;
  std::vector<std::string> parts = absl::StrSplit(request.path, '/', absl::SkipEmpty());
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    info.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    at = 3;
  } else {
    return info;
  }
  info.is_resource = true;
  // "namespaces/x" is the namespace itself, "namespaces/x/pods" something in it, and
  // "namespaces/x/status" is a part of the namespace.
  if (parts[at] == "namespaces" && parts.size() > at + 1) {
    info.ns = parts[at + 1];
    const bool own_part = parts.size() > at + 2 && info.group.empty() &&
                          (parts[at + 2] == "status" || parts[at + 2] == "finalize");
    if (parts.size() > at + 2 && !own_part) at += 2;
  }
  info.plural = parts[at];
  if (parts.size() > at + 1) info.name = parts[at + 1];
  if (parts.size() > at + 2) {
    info.subresource =
        absl::StrJoin(parts.begin() + static_cast<std::ptrdiff_t>(at) + 2, parts.end(), "/");
  }
  if (info.plural == "namespaces" && info.group.empty()) info.ns.clear();

  if (request.method == "GET" || request.method == "HEAD") {
    info.verb = info.name.empty() ? "list" : "get";
    if (info.name.empty() && request.QueryFlag("watch")) info.verb = "watch";
  } else if (request.method == "POST") {
    info.verb = "create";
  } else if (request.method == "PUT") {
    info.verb = "update";
  } else if (request.method == "PATCH") {
    info.verb = "patch";
  } else if (request.method == "DELETE") {
    info.verb = info.name.empty() ? "deletecollection" : "delete";
  }
  return info;
}

}  // namespace charon::sandbox
