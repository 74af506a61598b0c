// One request and one answer, without the HTTP library's types.

#ifndef ACCEPTANCE_TESTS_SANDBOX_HTTP_REQUEST_H_
#define ACCEPTANCE_TESTS_SANDBOX_HTTP_REQUEST_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace charon::sandbox {

struct HttpRequest {
  std::string method, path, body;
  std::multimap<std::string, std::string> query;
  std::string accept, content_type, user_agent, authorization;
  std::string raw_query, raw_path;                           // As they were sent.
  std::vector<std::pair<std::string, std::string>> headers;  // All of them, names in lower case.

  // The first header of that name (lower case), "" if there is none.
  std::string Header(absl::string_view name) const;
  // The first value of a query parameter.
  std::string Query(absl::string_view name) const;
  bool HasQuery(absl::string_view name) const;
  bool QueryFlag(absl::string_view name) const;
};

// Where a streamed answer writes; false once the client is gone.
using StreamWriter = std::function<bool(absl::string_view)>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // Set for watches: called until it returns false; it writes what there is, or waits a little.
  std::function<bool(const StreamWriter&)> stream;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_HTTP_REQUEST_H_
