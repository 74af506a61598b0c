// Lists with pages, and watches.

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "api_server.h"
#include "representation.h"
#include "selector.h"
#include "status.h"

namespace charon::sandbox {
namespace {

constexpr absl::Duration kContinueLifetime = absl::Minutes(5);
constexpr absl::Duration kBookmarkEvery = absl::Seconds(30);

struct Filter {
  std::string ns;
  LabelSelector labels;
  FieldSelector fields;

  bool Matches(const Json& object) const {
    return (ns.empty() || Text(object, {"metadata", "namespace"}) == ns) &&
           labels.Matches(Members(object, {"metadata", "labels"})) && fields.Matches(object);
  }
};

absl::StatusOr<Filter> FilterOf(const HttpRequest& request, const Call& call) {
  absl::StatusOr<LabelSelector> labels = LabelSelector::Parse(request.Query("labelSelector"));
  if (!labels.ok()) return BadRequest(labels.status().message());
  absl::StatusOr<FieldSelector> fields =
      FieldSelector::Parse(request.Query("fieldSelector"), *call.resource);
  if (!fields.ok()) return BadRequest(fields.status().message());
  return Filter{call.ns, *std::move(labels), *std::move(fields)};
}

absl::Status TooLarge(std::int64_t wanted, std::int64_t current) {
  return ApiStatus(504, "Timeout",
                   absl::StrCat("Too large resource version: ", wanted, ", current: ", current),
                   Json{{"causes", Json::array({Json{{"reason", "ResourceVersionTooLarge"},
                                                     {"message", "Too large resource version"}}})},
                        {"retryAfterSeconds", 1}});
}

absl::StatusOr<std::int64_t> ReadRevision(const HttpRequest& request) {
  const std::string text = request.Query("resourceVersion");
  std::int64_t revision = 0;
  if (text.empty()) return revision;
  if (!absl::SimpleAtoi(text, &revision) || revision < 0) {
    FieldErrors errors;
    errors.Invalid("resourceVersion", text,
                   absl::StrCat("strconv.ParseUint: parsing ", Quote(text), ": invalid syntax"));
    return Invalid({"", "ListOptions"}, "", errors);
  }
  return revision;
}

std::string ExpiredContinue() {
  return "The provided continue parameter is too old to display a consistent list result. You can "
         "start a new list without the continue parameter, or use the continue token in this "
         "response to retrieve the remainder of the results. Continuing with the provided token "
         "results in an inconsistent list - objects that were created, modified, or deleted "
         "between the time the first chunk was returned and now may show up in the list.";
}

// One watch: what it has seen and what it still has to send.
struct Watcher {
  Filter filter;
  ResourcePtr resource;
  Representation how;
  std::int64_t revision = 0;
  bool bookmarks = false;
  bool initial_end_pending = false;
  std::vector<ObjectPtr> initial;
  std::size_t next_initial = 0;
  absl::Time deadline;
  absl::Time next_bookmark;
};

std::string EventLine(const char* type, const Json& object) {
  return absl::StrCat("{\"type\":\"", type, "\",\"object\":", Dump(object), "}\n");
}

Json Bookmark(const Watcher& watcher, std::int64_t revision, bool initial_end) {
  Json object = {
      {"kind", watcher.resource->kind},
      {"apiVersion", watcher.resource->api_version()},
      {"metadata", {{"resourceVersion", absl::StrCat(revision)}, {"creationTimestamp", nullptr}}}};
  if (initial_end) {
    object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  }
  return object;
}

}  // namespace

void ApiServer::ExpireContinueTokens() {
  absl::MutexLock lock(&cluster_.mu);
  snapshots_.clear();
}

absl::StatusOr<HttpResponse> ApiServer::List(const HttpRequest& request, const Call& call) {
  SANDBOX_ASSIGN_OR_RETURN(Representation how, ChooseRepresentation(request.accept));
  if (request.HasQuery("includeObject")) how.include_object = request.Query("includeObject");
  SANDBOX_ASSIGN_OR_RETURN(const Filter filter, FilterOf(request, call));
  SANDBOX_ASSIGN_OR_RETURN(const std::int64_t wanted, ReadRevision(request));
  std::int64_t limit = 0;
  if (const std::string text = request.Query("limit");
      !text.empty() && !absl::SimpleAtoi(text, &limit)) {
    return BadRequest(absl::StrCat("strconv.ParseInt: parsing ", Quote(text), ": invalid syntax"));
  }
  const std::string token = request.Query("continue");
  std::vector<ObjectPtr> matching;
  std::int64_t revision = 0;
  Json metadata = Json::object();
  absl::Time now;
  {
    absl::MutexLock lock(&cluster_.mu);
    now = cluster_.Now();
    if (!token.empty()) {
      if (!absl::StartsWith(token, "sandbox-")) {
        return BadRequest("invalid continue token: continue key is not valid: not made here");
      }
      const auto it = snapshots_.find(token);
      if (it == snapshots_.end() || now - it->second.made > kContinueLifetime) {
        return Expired(ExpiredContinue());
      }
      matching = std::move(it->second.rest);
      revision = it->second.revision;
      snapshots_.erase(it);
    } else {
      revision = cluster_.store.revision();
      if (wanted > revision) return TooLarge(wanted, revision);
      const std::string key = call.resource->storage_key();
      if (call.ns.empty()) {
        for (const auto& [name, object] : cluster_.store.All(key)) matching.push_back(object);
      } else {
        matching = cluster_.store.In(key, call.ns);
      }
    }
  }
  if (token.empty()) {
    std::erase_if(matching, [&](const ObjectPtr& object) { return !filter.Matches(*object); });
  }
  metadata["resourceVersion"] = absl::StrCat(revision);
  if (limit > 0 && static_cast<std::int64_t>(matching.size()) > limit) {
    Snapshot rest{{matching.begin() + limit, matching.end()}, revision, now};
    if (request.Query("labelSelector").empty() && request.Query("fieldSelector").empty()) {
      metadata["remainingItemCount"] = rest.rest.size();
    }
    matching.resize(static_cast<std::size_t>(limit));
    absl::MutexLock lock(&cluster_.mu);
    const std::string next = absl::StrCat("sandbox-", revision, "-", ++next_snapshot_);
    snapshots_[next] = std::move(rest);
    while (snapshots_.size() > 1000) snapshots_.erase(snapshots_.begin());
    metadata["continue"] = next;
  }
  for (ObjectPtr& object : matching) object = InVersion(*call.resource, object);
  HttpResponse response;
  response.body = RepresentList(how, *call.resource, matching, std::move(metadata), now);
  return response;
}

absl::StatusOr<HttpResponse> ApiServer::Watch(const HttpRequest& request, const Call& call) {
  auto watcher = std::make_shared<Watcher>();
  SANDBOX_ASSIGN_OR_RETURN(watcher->how, ChooseRepresentation(request.accept));
  if (request.HasQuery("includeObject")) {
    watcher->how.include_object = request.Query("includeObject");
  }
  SANDBOX_ASSIGN_OR_RETURN(watcher->filter, FilterOf(request, call));
  SANDBOX_ASSIGN_OR_RETURN(const std::int64_t wanted, ReadRevision(request));
  watcher->resource = call.resource;
  watcher->bookmarks = request.QueryFlag("allowWatchBookmarks");
  if (!call.name.empty()) watcher->filter.ns = call.ns;
  std::int64_t seconds = 0;
  if (!absl::SimpleAtoi(request.Query("timeoutSeconds"), &seconds) || seconds <= 0) {
    seconds = 30 * 60;
  }
  watcher->deadline = absl::Now() + absl::Seconds(seconds);
  watcher->next_bookmark = absl::Now() + kBookmarkEvery;
  const bool send_initial = request.QueryFlag("sendInitialEvents");
  if (send_initial && request.Query("resourceVersionMatch") != "NotOlderThan") {
    FieldErrors errors;
    errors.Forbidden("resourceVersionMatch",
                     "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    return Invalid({"meta.k8s.io", "ListOptions"}, "", errors);
  }
  {
    absl::MutexLock lock(&cluster_.mu);
    const std::int64_t revision = cluster_.store.revision();
    if (wanted > revision) return TooLarge(wanted, revision);
    if (wanted == 0 || send_initial) {
      if (!request.HasQuery("sendInitialEvents") || send_initial) {
        for (const auto& [key, object] : cluster_.store.All(call.resource->storage_key())) {
          if (watcher->filter.Matches(*object)) watcher->initial.push_back(object);
        }
      }
      watcher->revision = revision;
      watcher->initial_end_pending = send_initial && watcher->bookmarks;
    } else {
      watcher->revision = wanted;
    }
  }
  HttpResponse response;
  response.stream = [this, watcher](const StreamWriter& write) {
    Watcher& w = *watcher;
    const auto send = [&](const char* type, const Json& object, absl::Time now) {
      return write(EventLine(type, Represent(w.how, *w.resource, object, now)));
    };
    while (w.next_initial < w.initial.size()) {
      const ObjectPtr object = InVersion(*w.resource, w.initial[w.next_initial++]);
      if (!send("ADDED", *object, absl::Now())) return false;
    }
    w.initial.clear();
    w.next_initial = 0;
    if (w.initial_end_pending) {
      w.initial_end_pending = false;
      if (!write(EventLine("BOOKMARK", Bookmark(w, w.revision, true)))) return false;
    }
    std::vector<Change> changes;
    absl::Time now;
    std::int64_t revision = 0;
    {
      absl::MutexLock lock(&cluster_.mu);
      const auto news = [&] {
        cluster_.mu.AssertReaderHeld();
        return cluster_.store.revision() > w.revision || cluster_.stopping;
      };
      const absl::Time until =
          std::min({absl::Now() + absl::Milliseconds(500), w.deadline, w.next_bookmark});
      cluster_.mu.AwaitWithDeadline(absl::Condition(&news), until);
      if (cluster_.stopping) return false;
      revision = cluster_.store.revision();
      now = cluster_.Now();
      if (!cluster_.store.ChangesSince(w.resource->storage_key(), w.revision, &changes)) {
        const absl::Status gone = Expired(absl::StrCat("too old resource version: ", w.revision,
                                                       " (", cluster_.store.compacted(), ")"));
        (void)write(EventLine("ERROR", StatusBody(gone)));
        return false;
      }
    }
    for (const Change& change : changes) {
      const bool before = change.previous != nullptr && w.filter.Matches(*change.previous);
      const bool after = change.kind != Change::Kind::kDeleted && w.filter.Matches(*change.object);
      if (!before && !after) continue;
      const char* type = before && after ? "MODIFIED" : after ? "ADDED" : "DELETED";
      ObjectPtr object = change.object;
      if (!after && change.kind != Change::Kind::kDeleted) {
        // It has left what is watched: shown as it was there.
        Json last = *change.previous;
        last["metadata"]["resourceVersion"] = absl::StrCat(change.revision);
        object = std::make_shared<const Json>(std::move(last));
      }
      if (!send(type, *InVersion(*w.resource, object), now)) return false;
    }
    w.revision = revision;
    const absl::Time real_now = absl::Now();
    if (w.bookmarks && (real_now >= w.next_bookmark || real_now >= w.deadline)) {
      w.next_bookmark = real_now + kBookmarkEvery;
      if (!write(EventLine("BOOKMARK", Bookmark(w, revision, false)))) return false;
    }
    return real_now < w.deadline;
  };
  return response;
}

}  // namespace charon::sandbox
