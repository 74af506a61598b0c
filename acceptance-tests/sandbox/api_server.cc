#include "api_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "authorization.h"
#include "discovery.h"
#include "representation.h"
#include "selector.h"
#include "status.h"
#include "yaml.h"

namespace charon::sandbox {
namespace {

constexpr std::size_t kMaxBody = 3 * 1024 * 1024;

// The part of the user agent before the slash, which names the manager of who names none.
std::string ManagerOf(const HttpRequest& request) {
  std::string manager = request.Query("fieldManager");
  if (!manager.empty()) return manager;
  const std::string prefix = request.user_agent.substr(0, request.user_agent.find('/'));
  for (const char c : prefix) {
    if (c >= ' ' && c <= '~') manager.push_back(c);
    if (manager.size() == 128) break;
  }
  return manager.empty() ? "unknown" : manager;
}

// The start of a body that could not be read.
std::string Summary(const std::string& body) {
  if (body.empty()) return "<empty>";
  if (body[0] != '{') return absl::BytesToHexString(body.substr(0, 512));
  return body.size() > 1024 ? body.substr(0, 1024) + " ..." : body;
}

absl::StatusOr<ParsedDocument> ParseBody(const HttpRequest& request, bool yaml,
                                         const std::string& kind) {
  if (request.body.size() > kMaxBody) {
    return ApiStatus(413, "RequestEntityTooLarge",
                     absl::StrCat("Request entity too large: limit is ", kMaxBody));
  }
  absl::StatusOr<ParsedDocument> parsed = yaml ? ParseYaml(request.body) : ParseJson(request.body);
  if (!parsed.ok()) {
    return BadRequest(yaml ? absl::StrCat("error decoding YAML: error converting YAML to JSON: ",
                                          parsed.status().message())
                           : absl::StrCat("the object provided is unrecognized (must be of type ",
                                          kind, "): couldn't get version/kind; json parse error: ",
                                          parsed.status().message(), " (", Summary(request.body),
                                          ")"));
  }
  return parsed;
}

std::string MediaType(const std::string& content_type) {
  return std::string(absl::StripAsciiWhitespace(
      absl::string_view(content_type).substr(0, content_type.find(';'))));
}

absl::Status CheckOptions(const HttpRequest& request, const RequestInfo& info, Call& call,
                          bool apply) {
  const bool patch = info.verb == "patch";
  FieldErrors errors;
  const auto range = request.query.equal_range("dryRun");
  for (auto it = range.first; it != range.second; ++it) {
    if (it->second == "All") {
      call.dry_run = true;
    } else if (!it->second.empty()) {
      errors.NotSupported("dryRun", Json::array({it->second}), {"All"});
    }
  }
  const std::string validation = request.Query("fieldValidation");
  if (validation == "Strict") {
    call.field_validation = FieldValidation::kStrict;
  } else if (validation == "Ignore") {
    call.field_validation = FieldValidation::kIgnore;
  } else if (!validation.empty() && validation != "Warn") {
    errors.NotSupported("fieldValidation", validation, {"", "Ignore", "Strict", "Warn"});
  }
  const std::string manager = request.Query("fieldManager");
  if (manager.size() > 128) errors.TooLong("fieldManager", 128);
  if (apply && manager.empty()) errors.Required("fieldManager", "is required for apply patch");
  if (patch && !apply && request.HasQuery("force")) {
    errors.Forbidden("force", "may not be specified for non-apply patch");
  }
  call.force = apply && request.QueryFlag("force");
  if (errors.empty()) return absl::OkStatus();
  const char* kind = patch                   ? "PatchOptions"
                     : info.verb == "create" ? "CreateOptions"
                     : info.verb == "update" ? "UpdateOptions"
                                             : "DeleteOptions";
  return Invalid({"meta.k8s.io", kind}, "", errors);
}

absl::StatusOr<DeleteOptions> ReadDeleteOptions(const HttpRequest& request, Call& call) {
  Json body = Json::object();
  if (!request.body.empty()) {
    SANDBOX_ASSIGN_OR_RETURN(
        const ParsedDocument parsed,
        ParseBody(request, MediaType(request.content_type) == "application/yaml", "DeleteOptions"));
    if (!parsed.value.is_object()) return BadRequest("the delete options are not an object");
    body = parsed.value;
  }
  DeleteOptions out;
  out.propagation = Text(body, {"propagationPolicy"}, request.Query("propagationPolicy"));
  out.uid = Text(body, {"preconditions", "uid"});
  out.resource_version = Text(body, {"preconditions", "resourceVersion"});
  out.grace_seconds = Integer(body, {"gracePeriodSeconds"}, -1);
  if (const std::string grace = request.Query("gracePeriodSeconds"); !grace.empty()) {
    if (!absl::SimpleAtoi(grace, &out.grace_seconds)) {
      return BadRequest(
          absl::StrCat("strconv.ParseInt: parsing ", Quote(grace), ": invalid syntax"));
    }
  }
  FieldErrors errors;
  if (const Json* orphan = Find(body, {"orphanDependents"});
      orphan != nullptr && orphan->is_boolean()) {
    if (!out.propagation.empty()) {
      errors.Invalid("propagationPolicy", out.propagation,
                     "orphanDependents and deletionPropagation cannot be both set");
    }
    out.propagation = orphan->get<bool>() ? "Orphan" : "Background";
  }
  if (!out.propagation.empty() && out.propagation != "Background" &&
      out.propagation != "Foreground" && out.propagation != "Orphan") {
    errors.NotSupported("propagationPolicy", out.propagation,
                        {"Foreground", "Background", "Orphan", "nil"});
  }
  for (const Json& one : Items(body, {"dryRun"})) {
    if (one == "All") {
      call.dry_run = true;
    } else {
      errors.NotSupported("dryRun", one, {"All"});
    }
  }
  if (!errors.empty()) return Invalid({"meta.k8s.io", "DeleteOptions"}, "", errors);
  return out;
}

Json SuccessStatus(const Resource& resource, const Json& object) {
  Json details = {{"name", Text(object, {"metadata", "name"})},
                  {"kind", resource.plural},
                  {"uid", Text(object, {"metadata", "uid"})}};
  if (!resource.group.empty()) details["group"] = resource.group;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

}  // namespace

HttpResponse JsonResponse(const Json& body, int code) {
  HttpResponse response;
  response.status = code;
  response.body = Dump(body);
  return response;
}

HttpResponse StatusResponse(const absl::Status& status) {
  HttpResponse response = JsonResponse(StatusBody(status), StatusCode(status));
  const std::int64_t retry = Integer(StatusBody(status), {"details", "retryAfterSeconds"});
  if (retry > 0) response.headers.emplace_back("Retry-After", absl::StrCat(retry));
  return response;
}

absl::StatusOr<std::string> ApiServer::Authenticate(const HttpRequest& request) const {
  if (request.authorization.empty()) return std::string("system:anonymous");
  absl::string_view token = request.authorization;
  if (!absl::StartsWithIgnoreCase(token, "bearer ")) return Unauthorized();
  token = absl::StripAsciiWhitespace(token.substr(7));
  if (token == tokens_.admin) return std::string("admin");
  if (token == tokens_.powerless) return std::string("powerless");
  // Tokens made for service accounts name them: sandbox-sa:NAMESPACE:NAME:...
  const std::vector<std::string> parts = absl::StrSplit(token, ':');
  if (parts.size() >= 4 && parts[0] == "sandbox-sa") {
    return absl::StrCat("system:serviceaccount:", parts[1], ":", parts[2]);
  }
  return Unauthorized();
}

absl::Status ApiServer::Authorize(const HttpRequest& request, const RequestInfo& info,
                                  const std::string& user) const {
  if (user == "admin") return absl::OkStatus();
  absl::MutexLock lock(&cluster_.mu);
  if (!info.is_resource) {
    const bool open = request.path == "/version" || request.path == "/healthz" ||
                      request.path == "/livez" || request.path == "/readyz";
    const bool discovery = request.path == "/api" || request.path == "/apis" ||
                           absl::StartsWith(request.path, "/api/") ||
                           absl::StartsWith(request.path, "/apis/") ||
                           absl::StartsWith(request.path, "/openapi");
    if (open || (discovery && user != "system:anonymous")) return absl::OkStatus();
    std::string verb = absl::AsciiStrToLower(request.method);
    return Forbidden(
        {}, "",
        absl::StrCat("User ", Quote(user), " cannot ", verb, " path ", Quote(request.path)));
  }
  // A request for one namespace counts as one in it (apiserver, request/requestinfo.go).
  const bool is_namespace = info.plural == "namespaces" && info.group.empty();
  const AccessRequest access{user,        info.verb,        info.group,
                             info.plural, info.subresource, is_namespace ? info.name : info.ns,
                             info.name};
  if (IsAllowed(cluster_, access)) return absl::OkStatus();
  return Forbidden({info.group, info.plural}, info.name, DenialText(access));
}

HttpResponse ApiServer::Handle(const HttpRequest& request, const std::string& user) {
  const RequestInfo info = ReadRequestInfo(request);
  if (const absl::Status allowed = Authorize(request, info, user); !allowed.ok()) {
    return StatusResponse(allowed);
  }
  return info.is_resource ? HandleResource(request, info, user) : HandlePath(request);
}

HttpResponse ApiServer::HandlePath(const HttpRequest& request) {
  const std::string& path = request.path;
  HttpResponse plain;
  plain.content_type = "text/plain; charset=utf-8";
  plain.body = "ok";
  if (path == "/healthz" || path == "/livez" || path == "/readyz" ||
      absl::StartsWith(path, "/healthz/") || absl::StartsWith(path, "/livez/") ||
      absl::StartsWith(path, "/readyz/")) {
    return plain;
  }
  if (path == "/version") return JsonResponse(VersionInfo());
  absl::MutexLock lock(&cluster_.mu);
  const KindTable& kinds = cluster_.kinds;
  const std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  if (parts.empty()) {
    return JsonResponse({{"paths",
                          {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2",
                           "/openapi/v3", "/readyz", "/version"}}});
  }
  if (parts[0] == "api" || parts[0] == "apis") {
    const bool core = parts[0] == "api";
    if (parts.size() == 1) {
      for (const char* version : {"v2", "v2beta1"}) {
        const std::string wanted =
            absl::StrCat("g=apidiscovery.k8s.io;v=", version, ";as=APIGroupDiscoveryList");
        if (!absl::StrContains(request.accept, wanted)) continue;
        HttpResponse response = JsonResponse(AggregatedDiscovery(kinds, core, version));
        response.content_type = absl::StrCat("application/json;", wanted);
        return response;
      }
      return JsonResponse(core ? ApiVersions() : GroupList(kinds));
    }
    std::optional<Json> body;
    if (core && parts.size() == 2) body = ResourceList(kinds, "", parts[1]);
    if (!core && parts.size() == 2) body = GroupInfo(kinds, parts[1]);
    if (!core && parts.size() == 3) body = ResourceList(kinds, parts[1], parts[2]);
    if (body.has_value()) return JsonResponse(*body);
    // Known groups answer for their unknown versions.
    if (parts.size() == (core ? 2u : 3u) && (core || GroupInfo(kinds, parts[1]).has_value())) {
      return StatusResponse(PathNotFound());
    }
  }
  if (path == "/openapi/v2") {
    HttpResponse response;
    const bool protobuf = absl::StrContains(request.accept, "proto-openapi.spec.v2");
    response.body = OpenApiV2(protobuf);
    if (protobuf)
      response.content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    return response;
  }
  if (path == "/openapi/v3") return JsonResponse(OpenApiIndex(kinds));
  if (absl::StartsWith(path, "/openapi/v3/") && parts.size() >= 4) {
    const std::optional<Json> body = parts[2] == "api" ? OpenApiDocument(kinds, "", parts[3])
                                     : parts[2] == "apis" && parts.size() > 4
                                         ? OpenApiDocument(kinds, parts[3], parts[4])
                                         : std::nullopt;
    if (body.has_value()) {
      HttpResponse response = JsonResponse(*body);
      response.headers.emplace_back(
          "Etag", absl::StrCat("\"", absl::Hex(std::hash<std::string>()(response.body)), "\""));
      return response;
    }
  }
  HttpResponse missing = plain;
  missing.status = 404;
  missing.body = "404 page not found\n";
  return missing;
}

HttpResponse ApiServer::HandleResource(const HttpRequest& request, const RequestInfo& info,
                                       const std::string& user) {
  Call call;
  call.ns = info.ns;
  call.name = info.name;
  call.subresource = info.subresource;
  call.user = user;
  call.manager = ManagerOf(request);
  {
    absl::MutexLock lock(&cluster_.mu);
    call.resource = cluster_.kinds.Find(info.group, info.version, info.plural);
  }
  if (call.resource == nullptr) {
    HttpResponse missing;
    missing.status = 404;
    missing.content_type = "text/plain; charset=utf-8";
    missing.body = "404 page not found\n";
    bool group_known = false;
    {
      absl::MutexLock lock(&cluster_.mu);
      for (const std::string& version : cluster_.kinds.Versions(info.group)) {
        group_known = group_known || version == info.version;
      }
    }
    return group_known ? StatusResponse(PathNotFound()) : missing;
  }
  absl::StatusOr<HttpResponse> response = Dispatch(request, info, call);
  HttpResponse out = response.ok() ? *std::move(response) : StatusResponse(response.status());
  for (const std::string& warning : call.warnings) {
    out.headers.emplace_back("Warning", absl::StrCat("299 - ", Quote(warning)));
  }
  return out;
}

absl::StatusOr<HttpResponse> ApiServer::Dispatch(const HttpRequest& request,
                                                 const RequestInfo& info, Call& call) {
  const Resource& resource = *call.resource;
  if (resource.review) {
    if (info.verb != "create") return MethodNotAllowed();
    return Review(request, call);
  }
  if (resource.namespaced && call.ns.empty() && info.verb != "list" && info.verb != "watch") {
    // A namespaced object without its namespace.
    return info.verb == "create" || info.verb == "deletecollection" ? MethodNotAllowed()
                                                                    : PathNotFound();
  }
  if (!resource.namespaced && !call.ns.empty()) return PathNotFound();
  if (!call.subresource.empty()) {
    const bool known = (call.subresource == "status" && resource.has_status) ||
                       (call.subresource == "scale" && resource.has_scale);
    if (!known) return Special(request, call);
    if (info.verb == "create" || info.verb == "delete") return MethodNotAllowed();
  }
  if (info.verb == "list") return List(request, call);
  if (info.verb == "watch") return Watch(request, call);
  if (info.verb == "deletecollection") return DeleteCollection(request, call);
  const bool needs_name = info.verb == "update" || info.verb == "patch";
  if (info.verb.empty() || (needs_name && call.name.empty()) ||
      (info.verb == "create" && !call.name.empty())) {
    return MethodNotAllowed();
  }

  SANDBOX_ASSIGN_OR_RETURN(Representation how, ChooseRepresentation(request.accept));
  if (request.HasQuery("includeObject")) how.include_object = request.Query("includeObject");
  Objects objects(cluster_);
  ObjectPtr object;
  int code = 200;
  absl::Time now;
  if (info.verb == "get") {
    absl::MutexLock lock(&cluster_.mu);
    SANDBOX_ASSIGN_OR_RETURN(object, objects.Get(call));
    now = cluster_.Now();
  } else if (info.verb == "delete") {
    SANDBOX_RETURN_IF_ERROR(CheckOptions(request, info, call, false));
    SANDBOX_ASSIGN_OR_RETURN(const DeleteOptions options, ReadDeleteOptions(request, call));
    absl::MutexLock lock(&cluster_.mu);
    SANDBOX_ASSIGN_OR_RETURN(const Objects::Deleted deleted, objects.Delete(call, options));
    if (deleted.gone && resource.storage_key() != "/pods") {
      return JsonResponse(SuccessStatus(resource, *deleted.object));
    }
    object = deleted.object;
    now = cluster_.Now();
  } else {
    const std::string media = MediaType(request.content_type);
    PatchFormat format = PatchFormat::kMerge;
    bool yaml = media == "application/yaml";
    if (info.verb == "patch") {
      if (media == "application/json-patch+json") {
        format = PatchFormat::kJson;
      } else if (media == "application/merge-patch+json") {
        format = PatchFormat::kMerge;
      } else if (media == "application/strategic-merge-patch+json" && !resource.is_custom()) {
        format = PatchFormat::kStrategic;
      } else if (media == "application/apply-patch+yaml") {
        format = PatchFormat::kApply;
        yaml = true;
      } else if (media != "application/strategic-merge-patch+json") {
        return ApiStatus(415, "UnsupportedMediaType", "415: Unsupported Media Type",
                         Json::object());
      } else {
        return UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, "
            "application/apply-patch+yaml");
      }
    } else if (!media.empty() && media != "application/json" && !yaml) {
      return UnsupportedMediaType(
          "the body of the request was in an unknown format - accepted media types include: "
          "application/json, application/yaml");
    }
    SANDBOX_RETURN_IF_ERROR(CheckOptions(request, info, call, format == PatchFormat::kApply));
    SANDBOX_ASSIGN_OR_RETURN(const ParsedDocument body, ParseBody(request, yaml, resource.kind));
    absl::MutexLock lock(&cluster_.mu);
    absl::StatusOr<Written> written = info.verb == "create"   ? objects.Create(call, body)
                                      : info.verb == "update" ? objects.Update(call, body)
                                                              : objects.Patch(call, format, body);
    if (!written.ok()) return written.status();
    object = written->object;
    code = written->created ? 201 : 200;
    now = cluster_.Now();
  }
  const Json body = Represent(how, resource, *object, now);
  HttpResponse response = JsonResponse(body, code);
  if (how.yaml) {
    response.content_type = "application/yaml";
    response.body = ToYaml(body);
  }
  return response;
}

absl::StatusOr<HttpResponse> ApiServer::DeleteCollection(const HttpRequest& request, Call& call) {
  SANDBOX_ASSIGN_OR_RETURN(const DeleteOptions options, ReadDeleteOptions(request, call));
  if (request.Query("dryRun") == "All") call.dry_run = true;
  absl::StatusOr<LabelSelector> labels = LabelSelector::Parse(request.Query("labelSelector"));
  if (!labels.ok()) return BadRequest(labels.status().message());
  absl::StatusOr<FieldSelector> fields =
      FieldSelector::Parse(request.Query("fieldSelector"), *call.resource);
  if (!fields.ok()) return BadRequest(fields.status().message());
  std::vector<ObjectPtr> deleted;
  absl::MutexLock lock(&cluster_.mu);
  Objects objects(cluster_);
  std::vector<ObjectPtr> matching;
  for (const ObjectPtr& object : cluster_.store.In(call.resource->storage_key(), call.ns)) {
    if (labels->Matches(Members(*object, {"metadata", "labels"})) && fields->Matches(*object)) {
      matching.push_back(object);
    }
  }
  for (const ObjectPtr& object : matching) {
    Call one = call;
    one.name = Text(*object, {"metadata", "name"});
    const absl::StatusOr<Objects::Deleted> result = objects.Delete(one, options);
    if (!result.ok() && StatusCode(result.status()) != 404) return result.status();
    deleted.push_back(InVersion(*call.resource, object));
  }
  HttpResponse response;
  response.body =
      RepresentList({}, *call.resource, deleted,
                    {{"resourceVersion", absl::StrCat(cluster_.store.revision())}}, cluster_.Now());
  return response;
}

}  // namespace charon::sandbox
