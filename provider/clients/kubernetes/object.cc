#include "provider/clients/kubernetes/object.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/causes.h"
#include "provider/clients/kubernetes/field_set.h"
#include "provider/clients/kubernetes/utf8.h"
#include "provider/http/parse_json.h"

namespace charon::kubernetes {
namespace {

constexpr char kApiErrorPayload[] = "charon.internal/kubernetes-api-error";
// Proxies and load balancers answer with whole HTML pages; a message needs no more than this.
constexpr std::size_t kLongestForeignBody = 300;
// The server's own texts are passed on whole; a webhook might send anything.
constexpr std::size_t kLongestMessage = 16'384;

// "v1", "v1beta1", "v2alpha3": what the part of an id that follows a group looks like. Version
// names of CRDs may be any DNS label, so this only serves to tell the two forms of an id apart.
bool LooksLikeVersion(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "v") || text.empty() || !absl::ascii_isdigit(text[0])) {
    return false;
  }
  while (!text.empty() && absl::ascii_isdigit(text[0])) text.remove_prefix(1);
  if (text.empty()) return true;
  if (!absl::ConsumePrefix(&text, "alpha") && !absl::ConsumePrefix(&text, "beta")) return false;
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return true;
}

absl::StatusOr<std::string> RequiredText(const Json& object, absl::string_view path) {
  const Json& value = Field(object, path);
  if (value.is_null()) {
    return absl::InvalidArgumentError(absl::StrCat("the object has no ", path));
  }
  if (!value.is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the object's ", path, " is ", value.type_name(), ", not a string"));
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.empty())
    return absl::InvalidArgumentError(absl::StrCat("the object's ", path, " is empty"));
  return text;
}

absl::Status CheckNotGenerated(const Json& metadata) {
  if (Field(metadata, "generateName").is_null()) return absl::OkStatus();
  // What the server has stored keeps it, beside the name that it made of it.
  if (!Field(metadata, "uid").is_null()) return absl::OkStatus();
  if (!Field(metadata, "name").is_null()) {
    return absl::InvalidArgumentError(
        "the object has metadata.generateName beside metadata.name: the server takes the name, and "
        "never makes one. Remove generateName");
  }
  return absl::InvalidArgumentError(
      "the object has metadata.generateName and no metadata.name: the server would make a new "
      "object with a new name at each apply. Give it a name (random_id or uuidv5 make one that "
      "stays)");
}

int IntOr(const Json& value, int fallback) {
  if (!value.is_number_integer()) return fallback;
  const auto number = value.get<std::int64_t>();
  return number >= 0 && number < 1000 ? static_cast<int>(number) : fallback;
}

std::string OneLine(absl::string_view body) {
  std::string line;
  for (const char c : body.substr(0, 4 * kLongestForeignBody)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool space = absl::ascii_isspace(byte) || absl::ascii_iscntrl(byte);
    if (space && (line.empty() || line.back() == ' ')) continue;
    line.push_back(space ? ' ' : c);
  }
  return internal::Excerpt(absl::StripAsciiWhitespace(line), kLongestForeignBody);
}

// metav1.Status, and what stands in its place: {"message": ...} of aggregated API servers,
// Rancher's
// {"type": "error", ...}, {"error": ...} of proxies, plain text and HTML.
ApiError ReadError(int http_status, absl::string_view body) {
  ApiError error;
  error.code = http_status;
  const Json status = http::ParseJson(body);
  if (!status.is_object()) {
    error.message = OneLine(body);
    return error;
  }
  error.code = IntOr(Field(status, "code"), http_status);
  error.reason = Text(status, "reason");
  for (const char* place : {"message", "error.message", "error", "detail"}) {
    error.message = Text(status, place);
    if (!error.message.empty()) break;
  }
  if (error.message.empty() && Text(status, "kind") != "Status") error.message = OneLine(body);
  const Json& causes = Field(status, "details.causes");
  if (causes.is_array()) {
    for (const Json& cause : causes) {
      error.causes.push_back({.reason = Text(cause, "reason"),
                              .field = Text(cause, "field"),
                              .message = Text(cause, "message")});
    }
  }
  const Json& details = Field(status, "details");
  error.kind = Text(details, "kind");
  error.group = Text(details, "group");
  error.name = Text(details, "name");
  const Json& seconds = Field(details, "retryAfterSeconds");
  if (seconds.is_number_integer()) {
    error.retry_after_seconds = IntOr(seconds, 0);
  }
  return error;
}

// The server reports what its schema does not allow in an apply as 500 without a reason, and the
// fields only in the text (Kubernetes 1.36,
// apimachinery/pkg/util/managedfields/internal/structuredmerge.go):
//   failed to create typed patch object (NS/NAME; apps/v1, Kind=Deployment): .spec.x: field not
//   declared in schema failed to create typed patch object (...): errors:\n  .spec.a: ...\n
//   .spec.b: ... failed to convert new object (...) to proper version: unable to convert
//   unstructured object to ...: quantities ...
bool IsSchemaError(const ApiError& error) {
  return error.code == 500 && error.reason.empty() &&
         (absl::StartsWith(error.message, "failed to create typed patch object (") ||
          absl::StartsWith(error.message, "failed to convert new object ("));
}

// "expected string, got &value.valueUnstructured{Value:1}" and "got &{yes}" show Go's types.
std::string WithoutGoTypes(absl::string_view text) {
  for (const absl::string_view open : {", got &value.valueUnstructured{Value:", ", got &{"}) {
    const std::size_t at = text.find(open);
    if (at == absl::string_view::npos || !absl::EndsWith(text, "}")) continue;
    const absl::string_view value = text.substr(at + open.size());
    return absl::StrCat(text.substr(0, at), ", got ", value.substr(0, value.size() - 1));
  }
  return std::string(text);
}

void AddSchemaCauses(ApiError& error) {
  absl::string_view text = error.message;
  const std::size_t open = text.find("): ");
  if (open == absl::string_view::npos) return;
  text.remove_prefix(open + 3);
  absl::ConsumePrefix(&text, "errors:\n");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] != '.') continue;
    // The path ends at the first ": " that leaves a whole one: keys of list items may contain it.
    for (std::size_t colon = line.find(": "); colon != absl::string_view::npos;
         colon = line.find(": ", colon + 1)) {
      if (!ParseFieldPath(line.substr(0, colon)).ok()) continue;
      error.causes.push_back({.reason = "FieldValueInvalid",
                              .field = std::string(line.substr(0, colon)),
                              .message = WithoutGoTypes(line.substr(colon + 2))});
      break;
    }
  }
}

// "Invalid value: {...}: field is immutable" quotes whole pod templates: the value is shortened,
// and so is the message that consists of such causes. What stands behind a line break is a
// comparison of the old object with the new one (of pods, claims, volumes), with values that only
// the server has, and nobody else knows for secrets: nothing of it is told.
void Shorten(ApiError& error) {
  constexpr std::size_t kMost = 300, kOfValue = 100;
  constexpr absl::string_view kLead = "Invalid value: ";
  bool shortened = false;
  for (ApiError::Cause& cause : error.causes) {
    if (const std::size_t line = cause.message.find('\n'); line != std::string::npos) {
      cause.message = std::string(absl::StripTrailingAsciiWhitespace(
          absl::StripSuffix(absl::string_view(cause.message).substr(0, line), ":")));
      shortened = true;
    }
    absl::string_view text = cause.message;
    if (text.size() <= kMost || !absl::ConsumePrefix(&text, kLead)) continue;
    const std::size_t reason = text.rfind(": ");
    if (reason == absl::string_view::npos || text.size() - reason > kMost) continue;
    cause.message = absl::StrCat(kLead, internal::Excerpt(text.substr(0, reason), kOfValue),
                                 text.substr(reason));
    shortened = true;
  }
  const std::size_t invalid = error.message.find(" is invalid: ");
  if (!shortened || invalid == std::string::npos) return;
  if (error.causes.size() != 1) {
    error.message = internal::OfCauses(error.message.substr(0, invalid), error.causes);
    return;
  }
  error.message =
      absl::StrCat(error.message.substr(0, invalid), " is invalid: ", error.causes[0].field, ": ",
                   error.causes[0].message);
}

// Puts several causes, which stand in one line in brackets, in a line each; and leaves out what the
// server says about its own inner life before a schema error.
void BreakLines(ApiError& error) {
  if (error.causes.empty()) return;
  const std::size_t open = error.message.find(" is invalid: [");
  if (IsSchemaError(error)) {
    error.message = internal::OfCauses("", error.causes);
  } else if (error.reason == "Invalid" && open != std::string::npos && error.causes.size() > 1) {
    error.message = internal::OfCauses(error.message.substr(0, open), error.causes);
  }
}

constexpr absl::string_view kWebhookFailed = "failed calling webhook \"";

// The text between the first quotes behind `lead`; "" if there is none.
std::string Quoted(absl::string_view text, absl::string_view lead) {
  const std::size_t at = text.find(lead);
  if (at == absl::string_view::npos) return "";
  text.remove_prefix(at + lead.size());
  const std::size_t open = text.find('"');
  const std::size_t close = open == absl::string_view::npos ? open : text.find('"', open + 1);
  return close == absl::string_view::npos ? ""
                                          : std::string(text.substr(open + 1, close - open - 1));
}

// What an authorizer refuses: `User "U" cannot VERB resource "R" in API group "G" in the namespace
// "N"` (or `at the cluster scope`; apiserver, endpoints/handlers/responsewriters/errors.go,
// forbiddenMessage).
std::string RemedyOfForbidden(absl::string_view message) {
  const std::string user = Quoted(message, ": User ");
  const std::string resource = Quoted(message, " resource ");
  const std::size_t cannot = message.find("\" cannot ");
  if (resource.empty() || cannot == absl::string_view::npos) return "";
  absl::string_view verb = message.substr(cannot + absl::string_view("\" cannot ").size());
  verb = verb.substr(0, verb.find(' '));
  // Nobody should be given rights for everybody (apiserver, authentication/user/user.go,
  // Anonymous).
  if (user == "system:anonymous") {
    return "The request had no credentials. Give the provider's kubernetes block token, "
           "token_file, "
           "client_certificate and client_key, exec, or config_path; or set KUBE_TOKEN or "
           "KUBE_CONFIG_PATH. A kubeconfig needs a user in its context.";
  }
  const std::string group = Quoted(message, " in API group ");
  // A request for a namespace counts as one in it, where no Role can be before it is made.
  const std::string name_space =
      resource == "namespaces" ? "" : Quoted(message, " in the namespace ");
  std::string remedy =
      absl::StrCat("Bind a ", name_space.empty() ? "ClusterRole" : "Role", " to \"", user,
                   "\" that has the verb \"", verb, "\" on ", resource);
  if (!group.empty()) absl::StrAppend(&remedy, ".", group);
  // Server-side apply is a patch; where nothing is there yet, it is a create as well.
  if (verb == "patch") absl::StrAppend(&remedy, ", and \"create\", since an apply may be either");
  absl::StrAppend(&remedy, ". To see what it may do: kubectl auth can-i --list");
  if (!name_space.empty()) absl::StrAppend(&remedy, " --namespace ", name_space);
  return absl::StrCat(remedy, " --as ", user);
}

std::string RemedyFor(const ApiError& error) {
  if (error.code == 403) return RemedyOfForbidden(error.message);
  if (absl::StrContains(error.message, kWebhookFailed)) {
    return "The webhook's server, not this object, is at fault: see that its pods run and that the "
           "API server reaches "
           "them. The webhook is one of `kubectl get "
           "validatingwebhookconfigurations,mutatingwebhookconfigurations`.";
  }
  return "";
}

bool HasCause(const ApiError& error, absl::string_view reason) {
  for (const ApiError::Cause& cause : error.causes) {
    if (cause.reason == reason) return true;
  }
  return false;
}

absl::StatusCode CodeOf(int http_status, const ApiError& error) {
  using enum absl::StatusCode;
  // Reasons first: they are finer than the HTTP status (apimachinery, meta/v1/types.go,
  // StatusReason*).
  const std::string& reason = error.reason;
  if (reason == "NotFound") return kNotFound;
  if (reason == "AlreadyExists") return kAlreadyExists;
  if (reason == "Conflict") return kAborted;
  if (reason == "Unauthorized") return kUnauthenticated;
  if (reason == "Timeout") return kDeadlineExceeded;
  if (reason == "ServerTimeout" || reason == "TooManyRequests" || reason == "ServiceUnavailable") {
    return kUnavailable;
  }
  if (reason == "Expired" || reason == "Gone") return kOutOfRange;
  if (HasCause(error, "NamespaceTerminating")) return kFailedPrecondition;
  if (IsSchemaError(error)) return kInvalidArgument;
  if (absl::StrContains(error.message, kWebhookFailed)) return kFailedPrecondition;
  switch (http_status) {
    case 400:
    case 413:
    case 422:
      return kInvalidArgument;
    case 401:
      return kUnauthenticated;
    case 403:
      // The quota admission plugin has no reason of its own; its text is "exceeded quota: NAME,
      // requested:
      // ..., used: ..., limited: ..." (kubernetes 1.36,
      // plugin/pkg/admission/resourcequota/controller.go).
      return absl::StrContains(error.message, "exceeded quota:") ? kResourceExhausted
                                                                 : kPermissionDenied;
    case 404:
      return kNotFound;
    case 405:
    case 406:
    case 415:
      return kUnimplemented;
    case 408:
    case 504:
      return kDeadlineExceeded;
    case 409:
      return kAborted;
    case 410:
      return kOutOfRange;
    case 412:
      return kFailedPrecondition;
    case 429:
      return kUnavailable;
    default:
      return http_status >= 500 ? kUnavailable : kUnknown;
  }
}

Json ToJson(const ApiError& error) {
  Json causes = Json::array();
  for (const ApiError::Cause& cause : error.causes) {
    causes.push_back(
        {{"reason", cause.reason}, {"field", cause.field}, {"message", cause.message}});
  }
  return {{"code", error.code},          {"reason", error.reason},
          {"message", error.message},    {"kind", error.kind},
          {"group", error.group},        {"name", error.name},
          {"causes", std::move(causes)}, {"retryAfterSeconds", error.retry_after_seconds}};
}

void Attach(const ApiError& error, absl::Status& status) {
  status.SetPayload(kApiErrorPayload,
                    absl::Cord(ToJson(error).dump(-1, ' ', false, Json::error_handler_t::replace)));
}

}  // namespace

std::string ObjectKind::group() const {
  const std::size_t slash = api_version.find('/');
  return slash == std::string::npos ? "" : api_version.substr(0, slash);
}

std::string ObjectKind::version() const {
  const std::size_t slash = api_version.find('/');
  return slash == std::string::npos ? api_version : api_version.substr(slash + 1);
}

bool IsBuiltInGroup(absl::string_view group) {
  static constexpr std::array<absl::string_view, 19> kGroups = {"admissionregistration.k8s.io",
                                                                "apiextensions.k8s.io",
                                                                "apiregistration.k8s.io",
                                                                "authentication.k8s.io",
                                                                "authorization.k8s.io",
                                                                "certificates.k8s.io",
                                                                "coordination.k8s.io",
                                                                "discovery.k8s.io",
                                                                "events.k8s.io",
                                                                "flowcontrol.apiserver.k8s.io",
                                                                "internal.apiserver.k8s.io",
                                                                "metrics.k8s.io",
                                                                "networking.k8s.io",
                                                                "node.k8s.io",
                                                                "rbac.authorization.k8s.io",
                                                                "resource.k8s.io",
                                                                "scheduling.k8s.io",
                                                                "storage.k8s.io",
                                                                "storagemigration.k8s.io"};
  return !absl::StrContains(group, ".") ||
         std::find(kGroups.begin(), kGroups.end(), group) != kGroups.end();
}

bool SameKindMoved(const ObjectKind& a, const ObjectKind& b) {
  // Groups that handed kinds on: extensions, and events (Kubernetes deprecation guide).
  static const std::set<std::string> kHeirsOfExtensions = {"apps", "networking.k8s.io", "policy"};
  if (a.kind != b.kind) return false;
  if (a.group() == b.group()) return true;
  const std::string x = a.group(), y = b.group();
  if (x == "extensions") return kHeirsOfExtensions.count(y) != 0;
  if (y == "extensions") return kHeirsOfExtensions.count(x) != 0;
  return a.kind == "Event" && (x.empty() || x == "events.k8s.io") &&
         (y.empty() || y == "events.k8s.io");
}

std::string ObjectRef::ToString() const {
  return name_space.empty() ? absl::StrCat(kind.ToString(), "/", name)
                            : absl::StrCat(kind.ToString(), "/", name_space, "/", name);
}

absl::Status CheckPathSegment(absl::string_view what, absl::string_view text) {
  if (text != "." && text != ".." && text.find_first_of("/%") == absl::string_view::npos)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is \"", internal::Excerpt(text, 100),
                   "\", which names nothing: it must not contain \"/\" or \"%\", nor be \".\" or "
                   "\"..\""));
}

absl::StatusOr<ObjectRef> ObjectRef::Parse(absl::string_view id) {
  const auto refuse = [id](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", internal::Excerpt(id, 200), "\" names no object: ", why,
        ". Write apiVersion/kind/namespace/name, as \"apps/v1/Deployment/shop/web\" or "
        "\"v1/ConfigMap/shop/settings\"; without the namespace for what has none, as "
        "\"v1/Namespace/shop\" or \"rbac.authorization.k8s.io/v1/ClusterRole/reader\""));
  };
  const std::vector<std::string> parts = absl::StrSplit(id, '/');
  for (const std::string& part : parts) {
    if (part.empty()) return refuse("a part of it is empty");
    if (!CheckPathSegment("", part).ok())
      return refuse("a part of it is \".\" or \"..\", or contains \"%\"");
    for (const char c : part) {
      if (absl::ascii_isspace(c) || absl::ascii_iscntrl(c)) return refuse("it contains a space");
    }
  }
  // Three to five parts. The core group has no group part: four parts are core and namespaced
  // ("v1/...") or a group and cluster-scoped; the first part tells, as no group is called "v1".
  if (parts.size() < 3) return refuse("it has too few parts");
  if (parts.size() > 5) return refuse("it has too many parts");
  const bool core = LooksLikeVersion(parts[0]);
  const std::size_t kind_at = core ? 1 : 2;
  const std::size_t rest = parts.size() - kind_at - 1;
  if (parts.size() <= kind_at + 1 || rest > 2) {
    return refuse(core ? "after the version come kind, namespace and name"
                       : "after the group come version, kind, namespace and name");
  }
  if (!absl::ascii_isupper(parts[kind_at][0])) {
    return refuse(absl::StrCat("\"", internal::Excerpt(parts[kind_at], 60),
                               "\" is no kind (a kind is written Deployment)"));
  }
  ObjectRef ref;
  ref.kind.api_version = core ? parts[0] : absl::StrCat(parts[0], "/", parts[1]);
  ref.kind.kind = parts[kind_at];
  if (rest == 2) ref.name_space = parts[kind_at + 1];
  ref.name = parts.back();
  return ref;
}

absl::StatusOr<ObjectRef> RefOf(const Json& object) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a Kubernetes object is a map with apiVersion, kind and metadata; this is ",
                     object.is_null() ? "nothing" : object.type_name()));
  }
  ObjectRef ref;
  CHARON_ASSIGN_OR_RETURN(ref.kind.api_version, RequiredText(object, "apiVersion"));
  CHARON_ASSIGN_OR_RETURN(ref.kind.kind, RequiredText(object, "kind"));
  const Json& metadata = Field(object, "metadata");
  if (!metadata.is_null() && !metadata.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the object's metadata is ", metadata.type_name(), ", not a map"));
  }
  CHARON_RETURN_IF_ERROR(CheckNotGenerated(metadata));
  CHARON_ASSIGN_OR_RETURN(ref.name, RequiredText(object, "metadata.name"));
  CHARON_RETURN_IF_ERROR(CheckPathSegment("the object's metadata.name", ref.name));
  if (!Field(metadata, "namespace").is_null()) {
    CHARON_ASSIGN_OR_RETURN(ref.name_space, RequiredText(object, "metadata.namespace"));
    CHARON_RETURN_IF_ERROR(CheckPathSegment("the object's metadata.namespace", ref.name_space));
  }
  return ref;
}

const Json& Field(const Json& object, absl::string_view dotted_path) {
  static const Json& none = *new Json();
  const Json* at = &object;
  for (const absl::string_view key : absl::StrSplit(dotted_path, '.')) {
    if (!at->is_object()) return none;
    const auto found = at->find(std::string_view(key.data(), key.size()));
    if (found == at->end()) return none;
    at = &*found;
  }
  return *at;
}

const Json& Items(const Json& object, absl::string_view dotted_path) {
  static const auto& none = *new Json(Json::array());
  const Json& value = Field(object, dotted_path);
  return value.is_array() ? value : none;
}

std::string Text(const Json& object, absl::string_view dotted_path) {
  const Json& value = Field(object, dotted_path);
  return value.is_string() ? value.get_ref<const std::string&>() : "";
}

std::string Annotation(const Json& object, absl::string_view name) {
  const Json& annotations = Field(object, "metadata.annotations");
  if (!annotations.is_object()) return "";
  const auto found = annotations.find(name);
  return found != annotations.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t Number(const Json& object, absl::string_view dotted_path, std::int64_t fallback) {
  const Json& value = Field(object, dotted_path);
  return value.is_number_integer() ? value.get<std::int64_t>() : fallback;
}

absl::Status StatusFromResponse(int http_status, absl::string_view body) {
  if (http_status >= 200 && http_status < 300) return absl::OkStatus();
  ApiError error = ReadError(http_status, body);
  if (error.message.empty()) {
    error.message =
        absl::StrCat("the API server answered HTTP ", http_status, error.reason.empty() ? "" : " ",
                     error.reason, " without a message");
  }
  error.message = internal::Excerpt(error.message, kLongestMessage);
  if (IsSchemaError(error)) AddSchemaCauses(error);
  const absl::StatusCode code = CodeOf(http_status, error);
  Shorten(error);
  BreakLines(error);
  absl::Status status(code, error.message);
  Attach(error, status);
  const std::string remedy = RemedyFor(error);
  return remedy.empty() ? status : WithRemedy(std::move(status), remedy);
}

ApiError ApiErrorOf(const absl::Status& status) {
  ApiError error;
  const absl::optional<absl::Cord> payload = status.GetPayload(kApiErrorPayload);
  if (!payload.has_value()) return error;
  const Json json = Json::parse(std::string(*payload), nullptr, /*allow_exceptions=*/false);
  error.code = IntOr(Field(json, "code"), 0);
  error.reason = Text(json, "reason");
  error.message = Text(json, "message");
  error.kind = Text(json, "kind");
  error.group = Text(json, "group");
  error.name = Text(json, "name");
  error.retry_after_seconds = IntOr(Field(json, "retryAfterSeconds"), 0);
  for (const Json& cause : Field(json, "causes")) {
    error.causes.push_back({.reason = Text(cause, "reason"),
                            .field = Text(cause, "field"),
                            .message = Text(cause, "message")});
  }
  return error;
}

absl::Status WithCauses(absl::Status status, std::vector<ApiError::Cause> causes) {
  ApiError error = ApiErrorOf(status);
  error.causes = std::move(causes);
  Attach(error, status);
  return status;
}

bool IsAdmissionDown(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) &&
         absl::StrContains(ApiErrorOf(status).message, kWebhookFailed);
}

}  // namespace charon::kubernetes
