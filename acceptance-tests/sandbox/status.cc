#include "status.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::sandbox {
namespace {

constexpr char kPayload[] = "charon.internal/status";

absl::StatusCode CodeFor(int code) {
  switch (code) {
    case 400:
    case 422:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kAborted;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnknown;
  }
}

Json DetailsOf(const GroupResource& what, absl::string_view name) {
  Json details = Json::object();
  if (!name.empty()) details["name"] = std::string(name);
  if (!what.group.empty()) details["group"] = what.group;
  if (!what.resource.empty()) details["kind"] = what.resource;
  return details;
}

// Go prints a bad value with %v if it is a number or a flag, quoted if a string, else as JSON.
std::string Printed(const Json& value) { return Dump(value); }

}  // namespace

std::string GroupResource::ToString() const {
  return group.empty() ? resource : absl::StrCat(resource, ".", group);
}

void FieldErrors::Add(absl::string_view reason, absl::string_view field, std::string body,
                      absl::string_view detail) {
  if (!detail.empty()) absl::StrAppend(&body, ": ", detail);
  errors_.push_back(FieldError{std::string(reason), std::string(field), std::move(body)});
}

void FieldErrors::Required(absl::string_view field, absl::string_view detail) {
  Add("FieldValueRequired", field, "Required value", detail);
}

void FieldErrors::Invalid(absl::string_view field, const Json& value, absl::string_view detail) {
  Add("FieldValueInvalid", field, absl::StrCat("Invalid value: ", Printed(value)), detail);
}

void FieldErrors::TypeInvalid(absl::string_view field, const Json& value,
                              absl::string_view detail) {
  Add("FieldValueTypeInvalid", field, absl::StrCat("Invalid value: ", Printed(value)), detail);
}

void FieldErrors::Duplicate(absl::string_view field, const Json& value) {
  Add("FieldValueDuplicate", field, absl::StrCat("Duplicate value: ", Printed(value)), "");
}

void FieldErrors::NotFound(absl::string_view field, const Json& value) {
  Add("FieldValueNotFound", field, absl::StrCat("Not found: ", Printed(value)), "");
}

void FieldErrors::Forbidden(absl::string_view field, absl::string_view detail) {
  Add("FieldValueForbidden", field, "Forbidden", detail);
}

void FieldErrors::TooLong(absl::string_view field, int limit) {
  Add("FieldValueTooLong", field, "Too long",
      absl::StrCat("may not be more than ", limit, limit == 1 ? " byte" : " bytes"));
}

void FieldErrors::TooMany(absl::string_view field, int actual, int limit) {
  Add("FieldValueTooMany", field, absl::StrCat("Too many: ", actual),
      absl::StrCat("must have at most ", limit, limit == 1 ? " item" : " items"));
}

void FieldErrors::InvalidStruct(absl::string_view field, absl::string_view printed,
                                absl::string_view detail) {
  Add("FieldValueInvalid", field, absl::StrCat("Invalid value: ", printed), detail);
}

void FieldErrors::DuplicateStruct(absl::string_view field, absl::string_view printed) {
  Add("FieldValueDuplicate", field, absl::StrCat("Duplicate value: ", printed), "");
}

void FieldErrors::NotSupported(absl::string_view field, const Json& value,
                               const std::vector<std::string>& supported) {
  NotSupportedStruct(field, Printed(value), supported);
}

void FieldErrors::NotSupportedStruct(absl::string_view field, absl::string_view printed,
                                     const std::vector<std::string>& supported) {
  std::vector<std::string> quoted;
  for (const std::string& one : supported) quoted.push_back(Quote(one));
  Add("FieldValueNotSupported", field, absl::StrCat("Unsupported value: ", printed),
      supported.empty() ? "" : absl::StrCat("supported values: ", absl::StrJoin(quoted, ", ")));
}

absl::Status ApiStatus(int code, absl::string_view reason, absl::string_view message,
                       Json details) {
  Json body = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
               {"status", "Failure"}, {"code", code},       {"message", std::string(message)}};
  if (!reason.empty()) body["reason"] = std::string(reason);
  if (details.is_object()) body["details"] = std::move(details);
  absl::Status status(CodeFor(code), message);
  status.SetPayload(kPayload, absl::Cord(Dump(body)));
  return status;
}

absl::Status BadRequest(absl::string_view message) { return ApiStatus(400, "BadRequest", message); }

absl::Status Unauthorized() { return ApiStatus(401, "Unauthorized", "Unauthorized"); }

absl::Status Forbidden(const GroupResource& what, absl::string_view name,
                       absl::string_view message) {
  std::string text;
  if (what.resource.empty()) {
    text = absl::StrCat("forbidden: ", message);
  } else if (name.empty()) {
    text = absl::StrCat(what.ToString(), " is forbidden: ", message);
  } else {
    text = absl::StrCat(what.ToString(), " ", Quote(name), " is forbidden: ", message);
  }
  return ApiStatus(403, "Forbidden", text, DetailsOf(what, name));
}

absl::Status NotFound(const GroupResource& what, absl::string_view name) {
  return ApiStatus(404, "NotFound", absl::StrCat(what.ToString(), " ", Quote(name), " not found"),
                   DetailsOf(what, name));
}

absl::Status PathNotFound() {
  return ApiStatus(404, "NotFound", "the server could not find the requested resource",
                   Json::object());
}

absl::Status AlreadyExists(const GroupResource& what, absl::string_view name) {
  return ApiStatus(409, "AlreadyExists",
                   absl::StrCat(what.ToString(), " ", Quote(name), " already exists"),
                   DetailsOf(what, name));
}

absl::Status Conflict(const GroupResource& what, absl::string_view name,
                      absl::string_view message) {
  return ApiStatus(409, "Conflict",
                   absl::StrCat("Operation cannot be fulfilled on ", what.ToString(), " ",
                                Quote(name), ": ", message),
                   DetailsOf(what, name));
}

absl::Status MethodNotAllowed() {
  return ApiStatus(405, "MethodNotAllowed",
                   "the server does not allow this method on the requested resource",
                   Json::object());
}

absl::Status Gone(absl::string_view message) { return ApiStatus(410, "Gone", message); }

absl::Status Expired(absl::string_view message) { return ApiStatus(410, "Expired", message); }

absl::Status UnsupportedMediaType(absl::string_view message) {
  return ApiStatus(415, "UnsupportedMediaType", message);
}

absl::Status Internal(absl::string_view message) {
  return ApiStatus(500, "InternalError", absl::StrCat("Internal error occurred: ", message),
                   Json{{"causes", Json::array({Json{{"message", std::string(message)}}})}});
}

absl::Status PlainError(absl::string_view message) { return ApiStatus(500, "", message); }

absl::Status Invalid(const GroupResource& kind, absl::string_view name, const FieldErrors& errors) {
  Json details = DetailsOf(kind, name);
  Json causes = Json::array();
  std::vector<std::string> messages;
  for (const FieldError& error : errors.errors()) {
    causes.push_back({{"reason", error.reason}, {"message", error.body}, {"field", error.field}});
    std::string message = absl::StrCat(error.field, ": ", error.body);
    bool seen = false;
    for (const std::string& one : messages) seen = seen || one == message;
    if (!seen) messages.push_back(std::move(message));
  }
  details["causes"] = std::move(causes);
  std::string text = absl::StrCat(kind.ToString(), " ", Quote(name), " is invalid");
  if (messages.size() == 1) absl::StrAppend(&text, ": ", messages.front());
  if (messages.size() > 1) absl::StrAppend(&text, ": [", absl::StrJoin(messages, ", "), "]");
  return ApiStatus(422, "Invalid", text, std::move(details));
}

Json StatusBody(const absl::Status& status) {
  if (const auto payload = status.GetPayload(kPayload)) {
    Json body = Json::parse(std::string(*payload), nullptr, false);
    if (body.is_object()) return body;
  }
  return StatusBody(Internal(status.message()));
}

int StatusCode(const absl::Status& status) {
  return static_cast<int>(Integer(StatusBody(status), {"code"}, 500));
}

}  // namespace charon::sandbox
