// What a path and a method ask for.

#ifndef ACCEPTANCE_TESTS_SANDBOX_REQUEST_INFO_H_
#define ACCEPTANCE_TESTS_SANDBOX_REQUEST_INFO_H_

#include <string>

#include "http_request.h"

namespace charon::sandbox {

struct RequestInfo {
  bool is_resource = false;
  std::string verb;  // get, list, watch, create, update, patch, delete, deletecollection
  std::string group, version, plural, ns, name, subresource;

  // "pods/log" or "pods", as messages about permissions write it.
  std::string ResourceWithSubresource() const;
};

RequestInfo ReadRequestInfo(const HttpRequest& request);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_REQUEST_INFO_H_
