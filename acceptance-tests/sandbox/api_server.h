// The Kubernetes side of the program: from an HTTP request to an HTTP answer.

#ifndef ACCEPTANCE_TESTS_SANDBOX_API_SERVER_H_
#define ACCEPTANCE_TESTS_SANDBOX_API_SERVER_H_

#include <map>
#include <string>

#include "cluster.h"
#include "http_request.h"
#include "objects.h"
#include "request_info.h"

namespace charon::sandbox {

// Names behind bearer tokens.
struct Tokens {
  std::string admin;
  std::string powerless;
};

// Safe for concurrent use.
class ApiServer {
 public:
  ApiServer(Cluster& cluster, Tokens tokens) : cluster_(cluster), tokens_(std::move(tokens)) {}

  // The user behind the request; a status where the token is wrong.
  absl::StatusOr<std::string> Authenticate(const HttpRequest& request) const;

  // Answers a request of `user`. Never throws.
  HttpResponse Handle(const HttpRequest& request, const std::string& user);

  Cluster& cluster() { return cluster_; }

 private:
  absl::Status Authorize(const HttpRequest& request, const RequestInfo& info,
                         const std::string& user) const;
  HttpResponse HandlePath(const HttpRequest& request);
  HttpResponse HandleResource(const HttpRequest& request, const RequestInfo& info,
                              const std::string& user);
  absl::StatusOr<HttpResponse> Dispatch(const HttpRequest& request, const RequestInfo& info,
                                        Call& call);
  absl::StatusOr<HttpResponse> List(const HttpRequest& request, const Call& call);
  absl::StatusOr<HttpResponse> Watch(const HttpRequest& request, const Call& call);
  absl::StatusOr<HttpResponse> DeleteCollection(const HttpRequest& request, Call& call);
  absl::StatusOr<HttpResponse> Review(const HttpRequest& request, const Call& call);
  // Log, eviction, token, finalize.
  absl::StatusOr<HttpResponse> Special(const HttpRequest& request, Call& call);

  struct Snapshot {
    std::vector<ObjectPtr> rest;
    std::int64_t revision;
    absl::Time made;
  };

  Cluster& cluster_;
  const Tokens tokens_;
  // Pages that follow, by continue token.
  std::map<std::string, Snapshot> snapshots_ ABSL_GUARDED_BY(cluster_.mu);
  std::int64_t next_snapshot_ ABSL_GUARDED_BY(cluster_.mu) = 0;

 public:
  // Forgets all continue tokens, as a compaction would.
  void ExpireContinueTokens() ABSL_LOCKS_EXCLUDED(cluster_.mu);
};

// A Status as an answer.
HttpResponse StatusResponse(const absl::Status& status);
HttpResponse JsonResponse(const Json& body, int code = 200);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_API_SERVER_H_
