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
// The value of that payload for a 404 that names no object, until discovery has told what it means.
constexpr absl::string_view kPath = "path";

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

// A namespace is named where there is none.
absl::Status WholeCluster(const ObjectKind& kind) {
  return absl::InvalidArgumentError(absl::StrCat(
      "a ", kind.kind, " belongs to the whole cluster: it takes no metadata.namespace"));
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

bool IsUnclearPath(const absl::Status& status) {
  const auto payload = status.GetPayload(kMissingPayload);
  return payload && *payload == kPath;
}

// True if a v1.Status of 404 says that the object `name` is not there. Details name it; servers of
// aggregated APIs may do so in the message only.
bool IsAbout(const Json& not_found, absl::string_view name) {
  const std::string named = Text(not_found, "details.name");
  if (!named.empty() || name.empty()) return !name.empty() && named == name;
  return absl::StrContains(Text(not_found, "message"), absl::StrCat("\"", name, "\" not found"));
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
        address_(options.address.empty() ? "the server" : std::move(options.address)),
        discovery_([this](const Call& call, const std::string& path, absl::string_view accept) {
          return GetCatalogue(call, path, accept);
        }),
        snapshot_(*this, {.label_selector = std::move(options.snapshot_selector)}) {}

  absl::StatusOr<ResourceInfo> Resolve(const Call& call, const ObjectKind& kind) override {
    auto info = discovery_.Resolve(call, kind);
    if (!info.ok()) return MarkMissingKind(info.status());
    return info;
  }

  absl::StatusOr<std::vector<ResourceInfo>> Kinds(const Call& call) override {
    CHARON_ASSIGN_OR_RETURN(std::vector<ResourceInfo> kinds, discovery_.Kinds(call));
    absl::Status whole = CheckWhole(call, kinds);
    for (int again = 0; absl::IsUnavailable(whole) && again < kListTries; ++again) {
      // Somebody may have defined more since it was asked for, and the list lags behind.
      if (again > 0) CHARON_RETURN_IF_ERROR(call.Wait(absl::Seconds(1)));
      CHARON_ASSIGN_OR_RETURN(kinds, discovery_.Kinds(call, absl::ZeroDuration()));
      whole = CheckWhole(call, kinds);
    }
    if (!whole.ok()) return whole;
    return kinds;
  }

  absl::StatusOr<ServerVersion> Version(const Call& call) override {
    {
      absl::MutexLock lock(&mutex_);
      if (version_) return *version_;
    }
    CHARON_ASSIGN_OR_RETURN(const std::string body,
                            GetOwnPath(call, "/version", "application/json"));
    const Json json = http::ParseJson(body);
    ServerVersion version;
    version.git_version = Text(json, "gitVersion");
    if (version.git_version.empty()) return Stranger("GET /version", body);
    // Vendors write "31+".
    version.major = std::atoi(Text(json, "major").c_str());
    version.minor = std::atoi(Text(json, "minor").c_str());
    absl::MutexLock lock(&mutex_);
    version_ = version;
    return version;
  }

  absl::StatusOr<Json> Get(const Call& call, const ObjectRef& ref) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, AddressOfAny(call, ref, "reading"));
    const auto body = GetBody(call, info, ref);
    // The table of built-in kinds was wrong about this server, and knows it now.
    if (MissingOf(body.status()) == Missing::kVersion && info.kind == ref.kind)
      return Get(call, ref);
    if (!body.ok()) return body.status();
    return Annotated(ParseObject(*body, info, ref), "reading", ref);
  }

  absl::StatusOr<std::shared_ptr<const Json>> Read(const Call& call,
                                                   const ObjectRef& ref) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, AddressOfAny(call, ref, "reading"));
    auto object = snapshot_.Read(call, info, {info.kind, ref.name_space, ref.name});
    if (MissingOf(object.status()) == Missing::kVersion && info.kind == ref.kind)
      return Read(call, ref);
    return object;
  }

  absl::StatusOr<std::vector<Json>> List(const Call& call, const ObjectKind& kind,
                                         const ListOptions& options) override {
    const std::string doing = absl::StrCat(
        "listing ", kind.ToString(),
        options.name_space.empty() ? "" : absl::StrCat(" in namespace ", options.name_space));
    auto info = Resolve(call, kind);
    if (MissingOf(info.status()) == Missing::kVersion) {
      if (const std::optional<ObjectKind> served = discovery_.Served(call, kind))
        info = Resolve(call, *served);
    }
    if (!info.ok()) return Annotate(info.status(), doing);
    if (!info->namespaced && !options.name_space.empty())
      return Annotate(WholeCluster(kind), doing);
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
                             const Json& patch, absl::string_view manager, bool dry_run) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, Address(call, ref, "patching"));
    http::Request request;
    request.method = "PATCH";
    request.url = PathOf(info, ref.name_space, ref.name);
    AddQuery(request.url, "fieldManager", manager);
    AddQuery(request.url, "fieldValidation", "Strict");
    if (dry_run) AddQuery(request.url, "dryRun", "All");
    const char* content_type = type == PatchType::kMerge ? "application/merge-patch+json"
                               : type == PatchType::kJson
                                   ? "application/json-patch+json"
                                   : "application/strategic-merge-patch+json";
    request.headers = {{"Content-Type", content_type}};
    request.body = Dump(patch);
    auto response = Send(call, request, &ref);
    if (!response.ok()) {
      if (!dry_run) snapshot_.Unsure(ref);
      return Annotated<Json>(ExplainMissing(call, ref.kind, response.status()), "patching", ref);
    }
    auto stored = ParseObject(response->body, info, ref);
    if (stored.ok() && !dry_run) Wrote(call, ref, *stored, std::move(response->body));
    return Annotated(std::move(stored), "patching", ref);
  }

  absl::Status Delete(const Call& call, const ObjectRef& given,
                      const DeleteOptions& options) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, AddressOfAny(call, given, "deleting"));
    const ObjectRef ref{info.kind, given.name_space, given.name};
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
    auto response = Send(call, request, &ref, &attempts);
    absl::Status status = response.status();
    // A Status as the answer means that the object is gone; one that finalizers, or the grace
    // period of its kind, keep for a while is answered with the object itself (generic registry
    // store, v1.36.3).
    bool gone = !response.ok();
    if (response.ok()) {
      const Json answer = http::ParseJson(response->body);
      gone = Text(answer, "kind") == "Status" && Text(answer, "status") == "Success";
      if (!gone) status = ParseObject(response->body, info, ref).status();
    }
    // The answer to an earlier attempt was lost on the way, the deed was done.
    if (attempts > 1 && MissingOf(status) == Missing::kObject) status = absl::OkStatus();
    if (options.dry_run) return Annotate(status, absl::StrCat("deleting ", ref.ToString()));
    if (!status.ok() && MissingOf(status) != Missing::kObject) {
      snapshot_.Unsure(ref);
      return Annotate(ExplainMissing(call, ref.kind, status),
                      absl::StrCat("deleting ", ref.ToString()));
    }
    snapshot_.Deleted(ref, gone);
    if (IsDefinition(ref)) discovery_.Deleted(ref.name);
    absl::MutexLock lock(&mutex_);
    created_.erase(ref);
    return Annotate(status, absl::StrCat("deleting ", ref.ToString()));
  }

  absl::Status Watch(const Call& call, const ObjectRef& ref,
                     const std::function<bool(const WatchEvent&)>& on_event,
                     absl::Duration idle) override {
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, AddressOfAny(call, ref, "watching"));
    ObjectSource source(*this, info, {info.kind, ref.name_space, ref.name});
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
    ObjectSource(HttpCluster& cluster, const ResourceInfo& info, ObjectRef ref)
        : cluster_(cluster), info_(info), ref_(std::move(ref)) {}

    absl::StatusOr<Json> GetNow(const Call& call) override { return cluster_.Get(call, ref_); }

    absl::StatusOr<ObjectNow> ListNow(const Call& call) override {
      http::Request request;
      request.url = Path();
      auto response = cluster_.Send(call, request);
      if (!response.ok()) return cluster_.ExplainMissing(call, ref_.kind, response.status());
      CHARON_ASSIGN_OR_RETURN(const ListPage page, cluster_.ParseList(request, response->body));
      ObjectNow now;
      now.resource_version = page.resource_version;
      for (const ListItem& item : page.items) {
        if (item.name != ref_.name) continue;  // a server that does not know the selector
        Json object = http::ParseJson(item.json);
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
      return cluster_.ExplainMissing(call, ref_.kind, cluster_.Send(call, request).status());
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
    const ObjectRef ref_;
  };

  template <typename T>
  static absl::StatusOr<T> Annotated(absl::StatusOr<T> result, absl::string_view verb,
                                     const ObjectRef& ref) {
    if (result.ok()) return result;
    return Annotate(result.status(), absl::StrCat(verb, " ", ref.ToString()));
  }

  // Sends `request` and makes an error of everything but 2xx: NotFound only where the server says
  // that `ref` (or its namespace) is not there. Any other 404 IsUnclearPath() and Unavailable.
  absl::StatusOr<http::Response> Send(const Call& call, http::Request& request,
                                      const ObjectRef* ref = nullptr, int* attempts = nullptr) {
    const bool has_accept =
        std::any_of(request.headers.begin(), request.headers.end(),
                    [](const auto& header) { return header.first == "Accept"; });
    if (!has_accept) request.headers.emplace_back("Accept", "application/json");
    CHARON_ASSIGN_OR_RETURN(http::Response response, transport_->Send(call, request));
    if (attempts != nullptr) *attempts = response.attempts;
    if (response.status >= 200 && response.status < 300) return response;
    absl::Status status = StatusFromResponse(response.status, response.body);
    if (!absl::IsNotFound(status)) return status;
    const Json body = http::ParseJson(response.body);
    const bool by_kubernetes =
        Text(body, "kind") == "Status" && Text(body, "reason") == "NotFound" && ref != nullptr;
    if (by_kubernetes && Text(body, "details.kind") == "namespaces" &&
        ref->kind != ObjectKind{"v1", "Namespace"}) {
      if (Text(body, "details.name") == ref->name_space)
        return MarkMissing(WithRemedy(std::move(status),
                                      "Make it first with a charon_tier_namespace and refer to it "
                                      "(charon_tier_namespace.NAME.name), or correct the name."),
                           "namespace");
    } else if (by_kubernetes && IsAbout(body, ref->name)) {
      return status;
    }
    return MarkMissing(
        absl::UnavailableError(absl::StrCat(DescribePath(request), " gave ", response.status,
                                            response.body.empty() ? " and nothing else" : ", ",
                                            response.body.empty() ? "" : status.message())),
        kPath);
  }

  static std::string DescribePath(const http::Request& request) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(request.url, absl::MaxSplits('?', 1));
    return absl::StrCat(request.method, " ", parts.first);
  }

  // A success whose body is not what was asked for. What it is, without its values: an object may
  // be a Secret.
  absl::Status Stranger(absl::string_view request, absl::string_view body) const {
    const Json json = http::ParseJson(body);
    if (!json.is_object()) {
      const absl::Status said = StatusFromResponse(404, body);
      return Stranger(absl::StrCat(request, " gave ", body.empty() ? "nothing" : said.message()));
    }
    const std::string kind = Text(json, "kind"), name = Text(json, "metadata.name");
    if (kind.empty()) return Stranger(absl::StrCat(request, " gave JSON that is no object of it"));
    return Stranger(absl::StrCat(request, " gave a ", kind, name.empty() ? "" : " named \"", name,
                                 name.empty() ? "" : "\""));
  }

  // What answers is not the server that we look for.
  absl::Status Stranger(absl::string_view what_it_did) const {
    return WithRemedy(
        absl::UnavailableError(absl::StrCat("what answers at ", address_,
                                            " is not the Kubernetes API: ", what_it_did)),
        absl::StrCat("Correct the address of the cluster",
                     description_.empty() ? "" : absl::StrCat(" (", description_, ")"),
                     ": a wrong host or path, a login page, and the default backend of an ingress "
                     "or a proxy answer like this."));
  }

  // The object that was asked for, and no other one.
  absl::StatusOr<Json> ParseObject(absl::string_view body, const ResourceInfo& info,
                                   const ObjectRef& ref) const {
    Json object = http::ParseJson(body);
    CHARON_RETURN_IF_ERROR(CheckAnswer(body, object, info, ref));
    return object;
  }

  absl::Status CheckAnswer(absl::string_view body, const Json& object, const ResourceInfo& info,
                           const ObjectRef& ref) const override {
    const auto is = [&object](const char* field, const std::string& expected) {
      const std::string actual = Text(object, field);
      return actual.empty() || actual == expected;
    };
    if (is("kind", info.kind.kind) && is("apiVersion", info.kind.api_version) &&
        Text(object, "metadata.name") == ref.name && is("metadata.namespace", ref.name_space)) {
      return absl::OkStatus();
    }
    return Stranger(PathOf(info, ref.name_space, ref.name), body);
  }

  absl::StatusOr<ListPage> ParseList(const http::Request& request, absl::string_view body) const {
    absl::StatusOr<ListPage> page = ScanList(body);
    if (!page.ok()) return Stranger(DescribePath(request), body);
    return page;
  }

  absl::StatusOr<std::string> GetPath(const Call& call, const std::string& path,
                                      absl::string_view accept) {
    http::Request request;
    request.url = path;
    request.headers = {{"Accept", std::string(accept)}};
    CHARON_ASSIGN_OR_RETURN(http::Response response, Send(call, request));
    return std::move(response.body);
  }

  // A path that every Kubernetes API server has.
  absl::StatusOr<std::string> GetOwnPath(const Call& call, const std::string& path,
                                         absl::string_view accept) {
    auto body = GetPath(call, path, accept);
    if (IsUnclearPath(body.status())) return Stranger(body.status().message());
    return body;
  }

  // What discovery is fetched with. Nothing that is no catalogue may pass for one without the kind.
  absl::StatusOr<std::string> GetCatalogue(const Call& call, const std::string& path,
                                           absl::string_view accept) {
    auto answer = GetPath(call, path, accept);
    // Of one version only: every server has the two lists of all.
    if (IsUnclearPath(answer.status())) {
      const absl::string_view message = answer.status().message();
      return path.find('/', 1) == std::string::npos ? Stranger(message)
                                                    : absl::NotFoundError(message);
    }
    CHARON_ASSIGN_OR_RETURN(std::string body, std::move(answer));
    for (const char* kind : {"\"APIGroupDiscoveryList\"", "\"APIGroupList\"", "\"APIVersions\"",
                             "\"APIResourceList\""}) {
      if (absl::StrContains(body, kind)) return body;
    }
    return Stranger(absl::StrCat("GET ", path), body);
  }

  // How `ref` is addressed; an error if scope and namespace do not go together.
  absl::StatusOr<ResourceInfo> Address(const Call& call, const ObjectRef& ref,
                                       absl::string_view verb) {
    CHARON_RETURN_IF_ERROR(CheckPathSegment("the name", ref.name));
    CHARON_RETURN_IF_ERROR(CheckPathSegment("the namespace", ref.name_space));
    auto info = Resolve(call, ref.kind);
    absl::Status status = info.status();
    if (status.ok() && ref.name.empty()) {
      status = absl::InvalidArgumentError("metadata.name is missing");
    } else if (status.ok() && info->namespaced && ref.name_space.empty()) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "a ", ref.kind.kind, " lives in a namespace: metadata.namespace is missing"));
    } else if (status.ok() && !info->namespaced && !ref.name_space.empty()) {
      status = WholeCluster(ref.kind);
    }
    if (!status.ok()) return Annotate(status, absl::StrCat(verb, " ", ref.ToString()));
    return info;
  }

  // As Address, in any version of the group that the server has.
  absl::StatusOr<ResourceInfo> AddressOfAny(const Call& call, const ObjectRef& ref,
                                            absl::string_view verb) {
    auto info = Address(call, ref, verb);
    if (MissingOf(info.status()) == Missing::kKind) {
      CHARON_RETURN_IF_ERROR(
          Annotate(CheckHidden(call, ref.kind), absl::StrCat(verb, " ", ref.ToString())));
    }
    if (MissingOf(info.status()) != Missing::kVersion) return info;
    const std::optional<ObjectKind> served = discovery_.Served(call, ref.kind);
    if (!served) return info;
    return Address(call, {*served, ref.name_space, ref.name}, verb);
  }

  // A definition that serves no version keeps its objects, and discovery says nothing of either.
  // Unavailable if `kind` has one. OK too for accounts that may not read definitions: discovery is
  // all that the server tells them.
  absl::Status CheckHidden(const Call& call, const ObjectKind& kind) {
    const std::string group = kind.group();
    if (!absl::StrContains(group, ".")) return absl::OkStatus();
    const std::string key = absl::StrCat(group, "/", kind.kind);
    {
      absl::MutexLock lock(&mutex_);
      if (const auto known = hidden_.find(key); known != hidden_.end()) return known->second;
    }
    const absl::Status hidden = AskHidden(call, kind);
    if (hidden.ok() || IsHidden(hidden)) {
      absl::MutexLock lock(&mutex_);
      hidden_[key] = hidden;
    }
    return hidden;
  }

  // Names and no schemas, which may be megabytes.
  absl::StatusOr<std::string> GetDefinitions(const Call& call) {
    return GetPath(call, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                   "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
                   "application/json");
  }

  // Unavailable if `kinds` lacks groups that are defined: a server that has just been started lists
  // none of them. OK too for accounts that may not read definitions.
  absl::Status CheckWhole(const Call& call, const std::vector<ResourceInfo>& kinds) {
    const auto body = GetDefinitions(call);
    if (absl::IsPermissionDenied(body.status()) || IsUnclearPath(body.status()))
      return absl::OkStatus();
    CHARON_RETURN_IF_ERROR(body.status());
    std::set<std::string> groups;
    for (const ResourceInfo& info : kinds) groups.insert(info.kind.group());
    std::set<std::string> defined;
    const Json list = http::ParseJson(*body);
    for (const Json& item : Field(list, "items")) {
      // PLURAL.GROUP
      const std::string name = Text(item, "metadata.name");
      const std::string group = name.substr(name.find('.') + 1);
      if (groups.count(group) != 0 || !defined.insert(group).second) continue;
      const absl::Status alone =
          GetPath(call, absl::StrCat("/apis/", group), "application/json").status();
      if (alone.ok() || !IsUnclearPath(alone)) {
        return WithRemedy(
            absl::UnavailableError(absl::StrCat(
                "the server's list of kinds lacks those of ", group,
                ", which is defined: it was started a moment ago, or its discovery lags behind")),
            "Try again in a moment. If it stays, see `kubectl get apiservices` and the definitions "
            "of that group.");
      }
    }
    return absl::OkStatus();
  }

  absl::Status AskHidden(const Call& call, const ObjectKind& kind) {
    const auto body = GetDefinitions(call);
    if (absl::IsPermissionDenied(body.status()) || IsUnclearPath(body.status()))
      return absl::OkStatus();
    CHARON_RETURN_IF_ERROR(body.status());
    const Json list = http::ParseJson(*body);
    for (const Json& item : Field(list, "items")) {
      const std::string name = Text(item, "metadata.name");
      if (!absl::EndsWith(name, absl::StrCat(".", kind.group()))) continue;
      const auto definition =
          Get(call, {{"apiextensions.k8s.io/v1", "CustomResourceDefinition"}, "", name});
      if (!definition.ok()) continue;
      const Json& versions = Field(*definition, "spec.versions");
      const bool served = std::any_of(versions.begin(), versions.end(), [](const Json& version) {
        return Field(version, "served") == Json(true);
      });
      if (served || Text(*definition, "spec.names.kind") != kind.kind ||
          Text(*definition, "spec.group") != kind.group())
        continue;
      absl::Status hidden = WithRemedy(
          absl::UnavailableError(absl::StrCat(
              "CustomResourceDefinition ", name,
              " serves no version, so that nobody can tell which objects of it there are")),
          "They are kept. Let it serve a version again, or delete it, and them with it.");
      hidden.SetPayload(kHiddenPayload, absl::Cord());
      return hidden;
    }
    return absl::OkStatus();
  }

  static absl::Status MarkMissingKind(absl::Status status) {
    if (absl::IsNotFound(status)) return MarkMissing(std::move(status), "kind");
    if (absl::IsUnimplemented(status)) return MarkMissing(std::move(status), "version");
    return status;
  }

  // A path that nobody serves gets "404 page not found" as plain text (unknown group) or a Status
  // with empty details (unknown version or resource); so does every path of a wrong address.
  // Discovery tells which it is, and what the server has instead.
  absl::Status ExplainMissing(const Call& call, const ObjectKind& kind, absl::Status status) {
    if (!IsUnclearPath(status)) return status;
    const absl::Status missing = discovery_.Missing(call, kind);
    if (!missing.ok()) return MarkMissingKind(missing);
    return WithRemedy(
        Annotate(std::move(status), absl::StrCat("the server at ", address_, " says that it has ",
                                                 kind.ToString(), ", but does not find it")),
        "That does not say that the object is gone. Try again in a moment; if it stays, see what "
        "is "
        "on the way to the server (a proxy, a load balancer with several servers, a webhook).");
  }

  absl::StatusOr<std::string> GetBody(const Call& call, const ResourceInfo& info,
                                      const ObjectRef& ref) override {
    http::Request request;
    request.url = PathOf(info, ref.name_space, ref.name);
    auto response = Send(call, request, &ref);
    if (!response.ok()) {
      return Annotate(ExplainMissing(call, info.kind, response.status()),
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
    CHARON_ASSIGN_OR_RETURN(http::Response response, Send(call, request));
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
      auto response = Send(call, request);
      if (!response.ok()) return ExplainMissing(call, info.kind, response.status());
      CHARON_ASSIGN_OR_RETURN(ListPage page, ParseList(request, response->body));
      for (const ListItem& item : page.items) {
        Json object = http::ParseJson(item.json);
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
    CHARON_ASSIGN_OR_RETURN(const ResourceInfo info, Address(call, ref, verb));
    const bool patch = request.method == "PATCH";
    request.url = PathOf(info, ref.name_space, patch ? ref.name : "");
    AddQuery(request.url, "fieldManager", options.manager);
    AddQuery(request.url, "fieldValidation", "Strict");
    if (patch && options.force) AddQuery(request.url, "force", "true");
    if (options.dry_run) AddQuery(request.url, "dryRun", "All");

    auto response = SendPatiently(call, request, ref);
    if (!response.ok()) {
      if (!options.dry_run) snapshot_.Unsure(ref);
      return Annotated<Json>(ExplainMissing(call, ref.kind, response.status()), verb, ref);
    }
    if (options.dry_run) {
      // Of the object itself nobody wants to know.
      if (options.wants_answer) return Annotated(ParseObject(response->body, info, ref), verb, ref);
      if (absl::StartsWith(response->body, "{")) return Json();
      return Annotate(Stranger(DescribePath(request), response->body),
                      absl::StrCat(verb, " ", ref.ToString()));
    }
    const bool created = response->status == 201;
    auto stored = ParseObject(response->body, info, ref);
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
                                               const ObjectRef& ref) {
    for (;;) {
      auto response = Send(call, request, &ref);
      if (!IsUnclearPath(response.status())) return response;
      const std::optional<absl::Time> defined = discovery_.WrittenAt(ref.kind);
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
  const std::string address_;
  Discovery discovery_;
  Snapshot snapshot_;
  mutable absl::Mutex mutex_;
  std::optional<ServerVersion> version_ ABSL_GUARDED_BY(mutex_);
  std::set<ObjectRef> created_ ABSL_GUARDED_BY(mutex_);
  // What CheckHidden has found, by group and kind.
  std::map<std::string, absl::Status> hidden_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

Missing MissingOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kMissingPayload);
  if (payload && *payload == "version") return Missing::kVersion;
  if (!absl::IsNotFound(status)) return Missing::kNothing;
  if (!payload) return Missing::kObject;
  return *payload == "kind" ? Missing::kKind : Missing::kNamespace;
}

bool IsHidden(const absl::Status& status) { return status.GetPayload(kHiddenPayload).has_value(); }

std::unique_ptr<Cluster> NewCluster(std::unique_ptr<http::Transport> transport,
                                    std::string description, ClusterOptions options) {
  return std::make_unique<HttpCluster>(std::move(transport), std::move(description),
                                       std::move(options));
}

}  // namespace charon::kubernetes
