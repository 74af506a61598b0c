// Requests that are no plain reading or writing: access reviews, pod logs, eviction, tokens.

#include <utility>

#include "absl/strings/str_cat.h"
#include "api_server.h"
#include "authorization.h"
#include "codec.h"
#include "field_ownership.h"
#include "status.h"
#include "yaml.h"

namespace charon::sandbox {
namespace {

Json UserInfo(const std::string& user) {
  Json groups = Json::array();
  if (user == "admin") groups.push_back("system:masters");
  groups.push_back("system:authenticated");
  return {{"username", user}, {"groups", std::move(groups)}};
}

AccessRequest AccessOf(const Json& spec, const std::string& user) {
  const Json& wanted = Members(spec, {"resourceAttributes"});
  return {user,
          Text(wanted, {"verb"}),
          Text(wanted, {"group"}),
          Text(wanted, {"resource"}),
          Text(wanted, {"subresource"}),
          Text(wanted, {"namespace"}),
          Text(wanted, {"name"})};
}

}  // namespace

absl::StatusOr<HttpResponse> ApiServer::Review(const HttpRequest& request, const Call& call) {
  const absl::StatusOr<ParsedDocument> body = ParseYaml(request.body);
  if (!body.ok() || !body->value.is_object()) return BadRequest("the review is not an object");
  Json review = CanonicalObject(body->value, *call.resource);
  const std::string& kind = call.resource->kind;
  absl::MutexLock lock(&cluster_.mu);
  FieldWriter writer;
  writer.manager = call.manager;
  writer.api_version = call.resource->api_version();
  writer.type = call.resource->type;
  writer.empty = call.resource->empty;
  writer.now = cluster_.Now();
  review = TrackUpdate(Json(), std::move(review), writer);
  if (kind == "SelfSubjectReview") {
    review["status"] = {{"userInfo", UserInfo(call.user)}};
  } else if (kind == "SelfSubjectRulesReview") {
    const Json everything = Json::array({"*"});
    const bool all = call.user == "admin";
    review["status"] = {
        {"incomplete", false},
        {"nonResourceRules",
         all ? Json::array({{{"verbs", everything}, {"nonResourceURLs", everything}}})
             : Json::array()},
        {"resourceRules",
         all ? Json::array(
                   {{{"verbs", everything}, {"apiGroups", everything}, {"resources", everything}}})
             : Json::array()}};
  } else if (kind == "TokenReview") {
    HttpRequest asked;
    asked.authorization = "Bearer " + Text(review, {"spec", "token"});
    const absl::StatusOr<std::string> user = Authenticate(asked);
    review["status"] = {{"authenticated", user.ok()}};
    if (user.ok()) review["status"]["user"] = UserInfo(*user);
  } else {
    const std::string user =
        kind == "SelfSubjectAccessReview" ? call.user : Text(review, {"spec", "user"});
    AccessRequest access = AccessOf(Members(review, {"spec"}), user);
    if (kind == "LocalSubjectAccessReview" && access.ns.empty()) access.ns = call.ns;
    review["status"] = {{"allowed", IsAllowed(cluster_, access)}};
  }
  return JsonResponse(review, 201);
}

absl::StatusOr<HttpResponse> ApiServer::Special(const HttpRequest& request, Call& call) {
  const std::string what = absl::StrCat(call.resource->storage_key(), "/", call.subresource);
  absl::MutexLock lock(&cluster_.mu);
  const ObjectPtr object = cluster_.store.Get(call.resource->storage_key(), call.ns, call.name);
  Objects objects(cluster_);
  if (what == "/pods/log" && request.method == "GET") {
    if (object == nullptr) return NotFound({"", "pods"}, call.name);
    HttpResponse response;
    response.content_type = "text/plain";
    std::string container = request.Query("container");
    const Json& containers = Items(*object, {"spec", "containers"});
    if (container.empty() && !containers.empty()) container = Text(containers[0], {"name"});
    bool known = false;
    for (const char* list : {"containers", "initContainers"}) {
      for (const Json& one : Items(*object, {"spec", list})) {
        known = known || Text(one, {"name"}) == container;
      }
    }
    if (!known) {
      return BadRequest(absl::StrCat("container ", container, " is not valid for pod ", call.name));
    }
    const Json& annotations = Members(*object, {"metadata", "annotations"});
    if (Text(annotations, {"test/image-pull-error"}) == "true") {
      return BadRequest(absl::StrCat("container ", Quote(container), " in pod ", Quote(call.name),
                                     " is waiting to start: trying and failing to pull image"));
    }
    response.body = absl::StrCat("starting ", container, "\n");
    if (Text(annotations, {"test/crash-loop"}) == "true") {
      absl::StrAppend(&response.body, "fatal: cannot continue, exiting with code 1\n");
    } else {
      absl::StrAppend(&response.body, "listening\n");
    }
    return response;
  }
  if (what == "/pods/eviction" && request.method == "POST") {
    if (object == nullptr) return NotFound({"", "pods"}, call.name);
    call.subresource.clear();
    SANDBOX_RETURN_IF_ERROR(objects.Delete(call, {}).status());
    return JsonResponse({{"kind", "Status"},
                         {"apiVersion", "v1"},
                         {"metadata", Json::object()},
                         {"status", "Success"},
                         {"code", 201}},
                        201);
  }
  if (what == "/serviceaccounts/token" && request.method == "POST") {
    if (object == nullptr) return NotFound({"", "serviceaccounts"}, call.name);
    return JsonResponse(
        {{"kind", "TokenRequest"},
         {"apiVersion", "authentication.k8s.io/v1"},
         {"metadata", {{"name", call.name}, {"namespace", call.ns}}},
         {"spec", {{"expirationSeconds", 3600}, {"audiences", Json::array()}}},
         {"status",
          {{"token", absl::StrCat("sandbox-sa:", call.ns, ":", call.name, ":", cluster_.NewUid())},
           {"expirationTimestamp", TimeText(cluster_.Now() + absl::Hours(1))}}}},
        201);
  }
  if (what == "/namespaces/finalize" && request.method == "PUT") {
    if (object == nullptr) return NotFound({"", "namespaces"}, call.name);
    const absl::StatusOr<ParsedDocument> body = ParseYaml(request.body);
    if (!body.ok() || !body->value.is_object()) return BadRequest("the namespace is no object");
    Json copy = *object;
    copy["spec"]["finalizers"] = Items(body->value, {"spec", "finalizers"});
    if (objects.FinishDeletion(*call.resource, copy)) return JsonResponse(copy);
    ++cluster_.wake_count;
    return JsonResponse(*cluster_.store.Put("/namespaces", std::move(copy)));
  }
  return PathNotFound();
}

}  // namespace charon::sandbox
