#include "provider/clients/kubernetes/cluster.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/discovery.h"
#include "provider/clients/kubernetes/list_scanner.h"
#include "provider/clients/kubernetes/snapshot.h"
#include "provider/clients/kubernetes/watch.h"
#include "provider/http/parse_json.h"
#include "provider/http/transport.h"
#include "provider/http/url.h"

namespace charon::kubernetes {
namespace {

constexpr char kMissingPayload[] = "charon.internal/kubernetes-missing";
constexpr int kPage = 500;

// A definition that we wrote is served a moment after it was accepted: the server's handlers learn
// of it by watching, and names must be accepted first (Established).
constexpr absl::Duration kDefinitionDelay = absl::Seconds(30);

absl::Status MarkMissing(absl::Status status, absl::string_view what) {
  status.SetPayload(kMissingPayload, absl::Cord(what));
  return status;
}

std::string PathOf(const ResourceInfo& info, absl::string_view name_space,
                   absl::string_view name = "") {
  std::string path = info.kind.group().empty() ? "/api" : "/apis";
  for (const absl::string_view part : absl::StrSplit(info.kind.api_version, '/')) {
    absl::StrAppend(&path, "/", http::UrlEscape(part));
  }
  if (info.namespaced && !name_space.empty()) {
    absl::StrAppend(&path, "/namespaces/", http::UrlEscape(name_space));
  }
  absl::StrAppend(&path, "/", info.plural);
  if (!name.empty()) absl::StrAppend(&path, "/", http::UrlEscape(name));
  return path;
}

// Appends "?name=value" or "&name=value"; nothing if the value is empty.
void AddQuery(std::string& path, absl::string_view name, absl::string_view value) {
  if (value.empty()) return;
  absl::StrAppend(&path, absl::StrContains(path, "?") ? "&" : "?", name, "=",
                  http::UrlEscape(value));
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// `json` as YAML that the server reads back unchanged. It parses an apply with a YAML 1.1 library
// even if the body is JSON (apimachinery has no JSON apply type): DEL, C1 controls, the byte order
// mark and non-characters are refused; NEL, LS and PS are folded into blanks. Such characters are
// escaped; others must not be, because surrogate pairs are refused too. All seen on v1.36.3.
std::string DumpForApply(const Json& json) {
  std::string text = Dump(json);
  // Most objects have none of the bytes that such characters start with.
  const auto has = [&text](char byte) { return text.find(byte) != std::string::npos; };
  if (!has('\x7F') && !has('\xC2') && !has('\xE2') && !has('\xEF')) return text;
  std::string yaml;
  yaml.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](std::size_t offset) {
      return i + offset < text.size() ? static_cast<unsigned char>(text[i + offset]) : 0;
    };
    const auto put = [&](unsigned code_point, std::size_t length) {
      absl::StrAppend(&yaml, "\\u", absl::Hex(code_point, absl::kZeroPad4));
      i += length - 1;
    };
    if (byte(0) == 0x7F) {
      put(0x7F, 1);
    } else if (byte(0) == 0xC2 && byte(1) < 0xA0) {
      put(byte(1), 2);
    } else if (byte(0) == 0xE2 && byte(1) == 0x80 && (byte(2) == 0xA8 || byte(2) == 0xA9)) {
      put(0x2028u + (byte(2) - 0xA8u), 3);
    } else if (byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF) {
      put(0xFEFF, 3);
    } else if (byte(0) == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE) {
      put(0xFFC0u + (byte(2) - 0x80u), 3);
    } else {
      yaml.push_back(text[i]);
    }
  }
  return yaml;
}

absl::StatusOr<Json> ParseObject(absl::string_view body) {
  Json object = http::ParseJson(body);
  if (!object.is_object()) return NotKubernetes("it is no JSON object");
  return object;
}

// The object `ref`, and not whatever else a server can answer with.
absl::StatusOr<Json> ParseObject(absl::string_view body, const ObjectRef& ref) {
  CHARON_ASSIGN_OR_RETURN(Json object, ParseObject(body));
  CHARON_RETURN_IF_ERROR(CheckIsObject(object, ref));
  return object;
}

void Complete(Json& item, const ObjectKind& kind) {
  if (!item.contains("apiVersion")) item["apiVersion"] = kind.api_version;
  if (!item.contains("kind")) item["kind"] = kind.kind;
}

bool IsDefinition(const ObjectRef& ref) {
  return ref.kind.kind == "CustomResourceDefinition" && ref.kind.group() == "apiextensions.k8s.io";
}

class HttpCluster final : public Cluster, private SnapshotSource {
 public:
  HttpCluster(std::unique_ptr<http::Transport> transport, std::string description,
              ClusterOptions options)
      : transport_(std::move(transport)),
        description_(std::move(description)),
        discovery_([this](const Call& call, const std::string& path, absl::string_view accept) {
          return GetPath(call, path, accept);
        }),
        snapshot_(*this, {.label_selector = std::move(options.snapshot_selector)}) {}

  absl::StatusOr<ResourceInfo> Resolve(const Call& call, const ObjectKind& kind) override {
    return WithMark(discovery_.Resolve(call, kind));
  }

  absl::StatusOr<std::vector<ResourceInfo>> Kinds(const Call& call) override {
    return discovery_.Kinds(call);
  }

  absl::StatusOr<ServerVersion> Version(const Call& call) override {
    {
      absl::MutexLock lock(&mutex_);
      if (version_) return *version_;
    }
    CHARON_ASSIGN_OR_RETURN(const std::string body, GetPath(call, "/version", "application/json"));
    CHARON_ASSIGN_OR_RETURN(const Json json, ParseObject(body));
    ServerVersion version;
    version.git_version = Text(json, "gitVersion");
    // Vendors write "31+".
    version.major = std::atoi(Text(json, "major").c_str());
    version.minor = std::atoi(Text(json, "minor").c_str());
    absl::MutexLock lock(&mutex_);
    version_ = version;
    return version;
  }

  absl::StatusOr<Json> Get(const Call& call, const ObjectRef& ref) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info,
                            Address(call, ref, "reading", InVersion::kAny));
    CHARON_ASSIGN_OR_RETURN(const std::string body, GetBody(call, info, ref));
    return Annotated(ParseObject(body, ref), "reading", ref);
  }

  absl::StatusOr<std::shared_ptr<const Json>> Read(const Call& call,
                                                   const ObjectRef& ref) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info,
                            Address(call, ref, "reading", InVersion::kAny));
    return snapshot_.Read(call, info, ref);
  }

  absl::StatusOr<std::vector<Json>> List(const Call& call, const ObjectKind& kind,
                                         const ListOptions& options) override {
    const std::string doing = absl::StrCat(
        "listing ", kind.ToString(),
        options.name_space.empty() ? "" : absl::StrCat(" in namespace ", options.name_space));
    auto info = Resolve(call, kind);
    if (!info.ok()) return Annotate(info.status(), doing);
    auto objects = ListAll(call, *info, options);
    // The state that the pages belong to was forgotten by the server (after five minutes): once
    // more.
    if (objects.status().code() == absl::StatusCode::kOutOfRange) {
      objects = ListAll(call, *info, options);
    }
    if (!objects.ok()) return Annotate(objects.status(), doing);
    return objects;
  }

  absl::StatusOr<Json> Apply(const Call& call, const Json& object,
                             const ApplyOptions& options) override {
    http::Request request;
    request.method = "PATCH";
    request.headers = {{"Content-Type", "application/apply-patch+yaml"}};
    request.body = DumpForApply(object);
    // The same declaration twice is the same state as once. Only "must not exist" is not: the
    // second sending is then refused because of the first, which the caller can tell by the owner
    // mark.
    request.repeat = http::Repeat::kSafe;
    return Write(call, object, options, std::move(request), "applying");
  }

  absl::StatusOr<Json> Create(const Call& call, const Json& object,
                              const ApplyOptions& options) override {
    http::Request request;
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = Dump(object);
    return Write(call, object, options, std::move(request), "creating");
  }

  absl::StatusOr<Json> Patch(const Call& call, const ObjectRef& ref, PatchType type,
                             const Json& patch, absl::string_view manager) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info,
                            Address(call, ref, "patching", InVersion::kThis));
    http::Request request;
    request.method = "PATCH";
    request.url = PathOf(info, ref.name_space, ref.name);
    AddQuery(request.url, "fieldManager", manager);
    AddQuery(request.url, "fieldValidation", "Strict");
    const char* content_type = type == PatchType::kMerge ? "application/merge-patch+json"
                               : type == PatchType::kJson
                                   ? "application/json-patch+json"
                                   : "application/strategic-merge-patch+json";
    request.headers = {{"Content-Type", content_type}};
    request.body = Dump(patch);
    auto response = Send(call, request, &ref.kind);
    if (!response.ok()) {
      snapshot_.Unsure(ref);
      return Annotated<Json>(ExplainMissing(call, ref.kind, response.status()), "patching", ref);
    }
    auto stored = ParseObject(response->body, ref);
    if (stored.ok()) Wrote(call, ref, *stored, std::move(response->body));
    return Annotated(std::move(stored), "patching", ref);
  }

  absl::Status Delete(const Call& call, const ObjectRef& ref,
                      const DeleteOptions& options) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info,
                            Address(call, ref, "deleting", InVersion::kAny));
    Json body = {{"kind", "DeleteOptions"},
                 {"apiVersion", "v1"},
                 {"propagationPolicy", options.propagation}};
    if (!options.uid.empty()) body["preconditions"] = {{"uid", options.uid}};
    if (options.dry_run) body["dryRun"] = {"All"};
    http::Request request;
    request.method = "DELETE";
    request.url = PathOf(info, ref.name_space, ref.name);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = Dump(body);
    int attempts = 1;
    auto response = Send(call, request, &ref.kind, &attempts);
    absl::Status status = response.status();
    // The answer to an earlier attempt was lost on the way, the deed was done.
    if (attempts > 1 && MissingOf(status) == Missing::kObject) status = absl::OkStatus();
    if (options.dry_run) return Annotate(status, absl::StrCat("deleting ", ref.ToString()));
    if (!status.ok() && MissingOf(status) != Missing::kObject) {
      snapshot_.Unsure(ref);
      return Annotate(ExplainMissing(call, ref.kind, status),
                      absl::StrCat("deleting ", ref.ToString()));
    }
    // A Status as the answer means that the object is gone; one that finalizers, or the grace
    // period of its kind, keep for a while is answered with the object itself (generic registry
    // store, v1.36.3).
    const bool gone = !response.ok() || [&] {
      const auto answer = ParseObject(response->body);
      return answer.ok() && Text(*answer, "kind") == "Status";
    }();
    snapshot_.Deleted(ref, gone);
    if (IsDefinition(ref)) discovery_.Deleted(ref.name);
    absl::MutexLock lock(&mutex_);
    created_.erase(ref);
    return Annotate(status, absl::StrCat("deleting ", ref.ToString()));
  }

  absl::Status Watch(const Call& call, const ObjectRef& ref,
                     const std::function<bool(const WatchEvent&)>& on_event,
                     absl::Duration idle) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info,
                            Address(call, ref, "watching", InVersion::kAny));
    ObjectSource source(*this, info, ref);
    return Annotate(WatchObject(call, source, on_event, idle),
                    absl::StrCat("watching ", ref.ToString()));
  }

  absl::StatusOr<std::string> GetRaw(const Call& call, absl::string_view path) override {
    return GetPath(call, std::string(path), "application/json, */*");
  }

  bool CreatedThisRun(const ObjectRef& ref) const override {
    absl::MutexLock lock(&mutex_);
    return created_.contains(ref);
  }

  std::string Description() const override { return description_; }

 private:
  // What WatchObject asks about one object.
  class ObjectSource final : public WatchSource {
   public:
    ObjectSource(HttpCluster& cluster, const ResourceInfo& info, const ObjectRef& ref)
        : cluster_(cluster), info_(info), ref_(ref) {}

    absl::StatusOr<Json> GetNow(const Call& call) override { return cluster_.Get(call, ref_); }

    absl::StatusOr<ObjectNow> ListNow(const Call& call) override {
      http::Request request;
      request.url = Path();
      CHARON_ASSIGN_OR_RETURN(const http::Response response,
                              cluster_.Send(call, request, &ref_.kind));
      CHARON_ASSIGN_OR_RETURN(const ListPage page, ScanList(response.body));
      ObjectNow now;
      now.resource_version = page.resource_version;
      for (const ListItem& item : page.items) {
        if (item.name != ref_.name) continue;  // a server that does not know the selector
        CHARON_ASSIGN_OR_RETURN(Json object, ParseObject(item.json));
        Complete(object, ref_.kind);
        now.object = std::make_unique<Json>(std::move(object));
      }
      return now;
    }

    absl::Status Stream(const Call& call, const std::string& resource_version, absl::Duration limit,
                        const std::function<bool(absl::string_view)>& on_body) override {
      http::Request request;
      request.url = Path();
      AddQuery(request.url, "watch", "1");
      AddQuery(request.url, "allowWatchBookmarks", "true");
      AddQuery(request.url, "resourceVersion", resource_version);
      AddQuery(request.url, "timeoutSeconds", absl::StrCat(absl::ToInt64Seconds(limit)));
      request.on_body = on_body;
      return cluster_.Send(call, request, &ref_.kind).status();
    }

   private:
    std::string Path() const {
      std::string path = PathOf(info_, ref_.name_space);
      // Also lets a role through that is limited to this name (authorizer: list and watch by name).
      AddQuery(path, "fieldSelector", absl::StrCat("metadata.name=", ref_.name));
      return path;
    }

    HttpCluster& cluster_;
    const ResourceInfo& info_;
    const ObjectRef& ref_;
  };

  template <typename T>
  static absl::StatusOr<T> Annotated(absl::StatusOr<T> result, absl::string_view verb,
                                     const ObjectRef& ref) {
    if (result.ok()) return result;
    return Annotate(result.status(), absl::StrCat(verb, " ", ref.ToString()));
  }

  // Sends `request` and makes an error of everything but 2xx. `kind` (if the path is of one) says
  // what a 404 without an object means.
  absl::StatusOr<http::Response> Send(const Call& call, http::Request& request,
                                      const ObjectKind* kind, int* attempts = nullptr) {
    const bool has_accept =
        std::any_of(request.headers.begin(), request.headers.end(),
                    [](const auto& header) { return header.first == "Accept"; });
    if (!has_accept) request.headers.emplace_back("Accept", "application/json");
    CHARON_ASSIGN_OR_RETURN(http::Response response, transport_->Send(call, request));
    if (attempts != nullptr) *attempts = response.attempts;
    if (response.status >= 200 && response.status < 300) return response;
    absl::Status status = StatusFromResponse(response.status, response.body);
    if (response.status != 404) return status;
    // A missing object is named in the details. A path that nobody serves gets "404 page not found"
    // as plain text (unknown group) or a Status with empty details (unknown version or resource).
    const Json body = http::ParseJson(response.body);
    const std::string missing = body.is_object() ? Text(body, "details.name") : "";
    if (missing.empty()) return kind == nullptr ? status : MarkMissing(std::move(status), "kind");
    if (Text(body, "details.kind") == "namespaces" && kind != nullptr &&
        *kind != ObjectKind{"v1", "Namespace"}) {
      return MarkMissing(std::move(status), "namespace");
    }
    return status;
  }

  absl::StatusOr<std::string> GetPath(const Call& call, const std::string& path,
                                      absl::string_view accept) {
    http::Request request;
    request.url = path;
    request.headers = {{"Accept", std::string(accept)}};
    auto response = Send(call, request, nullptr);
    if (!response.ok())
      return Annotate(response.status(), absl::StrCat(description_, ": GET ", path));
    return std::move(response->body);
  }

  static absl::StatusOr<ResourceInfo> WithMark(absl::StatusOr<ResourceInfo> info) {
    if (!absl::IsNotFound(info.status())) return info;
    return MarkMissing(info.status(), "kind");
  }

  // How `ref` is addressed; an error if scope and namespace do not go together. `version`: whether
  // it must be that of `ref`, or any in which what is there can be reached.
  enum class InVersion { kThis, kAny };
  absl::StatusOr<ResourceInfo> Address(const Call& call, const ObjectRef& ref,
                                       absl::string_view verb, InVersion version) {
    CHARON_RETURN_IF_ERROR(CheckPathSegment("the name", ref.name));
    CHARON_RETURN_IF_ERROR(CheckPathSegment("the namespace", ref.name_space));
    auto info = version == InVersion::kThis ? Resolve(call, ref.kind)
                                            : WithMark(discovery_.ResolveObject(call, ref.kind));
    absl::Status status = info.status();
    if (status.ok() && ref.name.empty()) {
      status = absl::InvalidArgumentError("metadata.name is missing");
    } else if (status.ok() && info->namespaced && ref.name_space.empty()) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "a ", ref.kind.kind, " lives in a namespace: metadata.namespace is missing"));
    } else if (status.ok() && !info->namespaced && !ref.name_space.empty()) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "a ", ref.kind.kind, " belongs to the whole cluster: it takes no metadata.namespace"));
    }
    if (!status.ok()) return Annotate(status, absl::StrCat(verb, " ", ref.ToString()));
    return info;
  }

  // A NotFound that says what the server has instead. Something else if what answered is no
  // Kubernetes API server: that it does not find the object says nothing.
  absl::Status ExplainMissing(const Call& call, const ObjectKind& kind, absl::Status status) {
    if (MissingOf(status) != Missing::kKind) return status;
    status = discovery_.Missing(call, kind);
    return absl::IsNotFound(status) ? MarkMissing(std::move(status), "kind") : status;
  }

  absl::StatusOr<std::string> GetBody(const Call& call, const ResourceInfo& info,
                                      const ObjectRef& ref) override {
    http::Request request;
    request.url = PathOf(info, ref.name_space, ref.name);
    auto response = Send(call, request, &ref.kind);
    if (!response.ok()) {
      return Annotate(ExplainMissing(call, ref.kind, response.status()),
                      absl::StrCat("reading ", ref.ToString()));
    }
    return std::move(response->body);
  }

  absl::StatusOr<std::string> ListBody(const Call& call, const ResourceInfo& info,
                                       const ListRequest& page) override {
    http::Request request;
    request.url = PathOf(info, page.name_space);
    AddQuery(request.url, "labelSelector", page.label_selector);
    if (page.limit > 0) AddQuery(request.url, "limit", absl::StrCat(page.limit));
    AddQuery(request.url, "continue", page.continue_token);
    CHARON_ASSIGN_OR_RETURN(http::Response response, Send(call, request, &info.kind));
    return std::move(response.body);
  }

  absl::StatusOr<std::vector<Json>> ListAll(const Call& call, const ResourceInfo& info,
                                            const ListOptions& options) {
    std::vector<Json> objects;
    std::string continue_token;
    do {
      int limit = kPage;
      if (options.limit > 0) {
        limit = std::min(limit, options.limit - static_cast<int>(objects.size()));
      }
      http::Request request;
      request.url = PathOf(info, options.name_space);
      AddQuery(request.url, "labelSelector", options.label_selector);
      AddQuery(request.url, "fieldSelector", options.field_selector);
      AddQuery(request.url, "limit", absl::StrCat(limit));
      AddQuery(request.url, "continue", continue_token);
      auto response = Send(call, request, &info.kind);
      if (!response.ok()) return ExplainMissing(call, info.kind, response.status());
      CHARON_ASSIGN_OR_RETURN(ListPage page, ScanList(response->body));
      for (const ListItem& item : page.items) {
        CHARON_ASSIGN_OR_RETURN(Json object, ParseObject(item.json));
        Complete(object, info.kind);
        objects.push_back(std::move(object));
      }
      continue_token = std::move(page.continue_token);
    } while (!continue_token.empty() &&
             (options.limit == 0 || static_cast<int>(objects.size()) < options.limit));
    return objects;
  }

  // Apply and Create: `request` lacks the URL.
  absl::StatusOr<Json> Write(const Call& call, const Json& object, const ApplyOptions& options,
                             http::Request request, absl::string_view verb) {
    CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, RefOf(object));
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, Address(call, ref, verb, InVersion::kThis));
    const bool patch = request.method == "PATCH";
    request.url = PathOf(info, ref.name_space, patch ? ref.name : "");
    AddQuery(request.url, "fieldManager", options.manager);
    AddQuery(request.url, "fieldValidation", "Strict");
    if (patch && options.force) AddQuery(request.url, "force", "true");
    if (options.dry_run) AddQuery(request.url, "dryRun", "All");

    auto response = SendPatiently(call, request, ref.kind);
    if (!response.ok()) {
      if (!options.dry_run) snapshot_.Unsure(ref);
      return Annotated<Json>(ExplainMissing(call, ref.kind, response.status()), verb, ref);
    }
    if (options.dry_run) return Json();
    const bool created = response->status == 201;
    auto stored = ParseObject(response->body, ref);
    if (stored.ok()) {
      Wrote(call, ref, *stored, std::move(response->body));
      if (created) {
        absl::MutexLock lock(&mutex_);
        created_.insert(ref);
      }
    }
    return Annotated(std::move(stored), verb, ref);
  }

  // As Send, but gives the server time to serve a kind that we defined a moment ago.
  absl::StatusOr<http::Response> SendPatiently(const Call& call, http::Request& request,
                                               const ObjectKind& kind) {
    for (;;) {
      auto response = Send(call, request, &kind);
      if (MissingOf(response.status()) != Missing::kKind) return response;
      const std::optional<absl::Time> defined = discovery_.WrittenAt(kind);
      if (!defined || call.clock->Now() - *defined > kDefinitionDelay) return response;
      CHARON_RETURN_IF_ERROR(call.Wait(absl::Milliseconds(250)));
    }
  }

  void Wrote(const Call& call, const ObjectRef& ref, const Json& stored, std::string body) {
    if (IsDefinition(ref)) discovery_.Wrote(stored, call.clock->Now());
    snapshot_.Wrote(ref, std::move(body));
  }

  const std::unique_ptr<http::Transport> transport_;
  const std::string description_;
  Discovery discovery_;
  Snapshot snapshot_;
  mutable absl::Mutex mutex_;
  std::optional<ServerVersion> version_ ABSL_GUARDED_BY(mutex_);
  std::set<ObjectRef> created_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Missing MissingOf(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kNotFound) return Missing::kNothing;
  const auto payload = status.GetPayload(kMissingPayload);
  if (!payload) return Missing::kObject;
  return *payload == "kind" ? Missing::kKind : Missing::kNamespace;
}

std::unique_ptr<Cluster> NewCluster(std::unique_ptr<http::Transport> transport,
                                    std::string description, ClusterOptions options) {
  return std::make_unique<HttpCluster>(std::move(transport), std::move(description),
                                       std::move(options));
}

}  // namespace charon::kubernetes
