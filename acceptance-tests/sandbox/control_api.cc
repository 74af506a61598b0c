#include "control_api.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bootstrap.h"
#include "mutation_rules.h"
#include "objects.h"
#include "status.h"
#include "yaml.h"

namespace charon::sandbox {
namespace {

constexpr absl::string_view kPrefix = "/_sandbox/";

// An object without what the server made of it, for comparing and for reading.
Json WithoutServerFields(Json object) {
  for (const char* name :
       {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
        "deletionTimestamp", "deletionGracePeriodSeconds"}) {
    Erase(object, {"metadata", name});
  }
  object.erase("status");
  Json* annotations = FindMutable(object, {"metadata", "annotations"});
  if (annotations != nullptr && annotations->is_object()) {
    annotations->erase("deployment.kubernetes.io/revision");
    if (annotations->empty()) Erase(object, {"metadata", "annotations"});
  }
  return object;
}

Json Ok() { return {{"ok", true}}; }

}  // namespace

HttpResponse ControlApi::Handle(const HttpRequest& request) {
  absl::StatusOr<Json> answer = Answer(request);
  return answer.ok() ? JsonResponse(*answer) : StatusResponse(answer.status());
}

absl::StatusOr<Json> ControlApi::Answer(const HttpRequest& request) {
  const std::string what = request.path.substr(kPrefix.size());
  const bool reads = request.method == "GET";
  const bool deletes = request.method == "DELETE";
  Json body = Json::object();
  if (!request.body.empty()) {
    const absl::StatusOr<ParsedDocument> parsed = ParseYaml(request.body);
    if (!parsed.ok()) return BadRequest(parsed.status().message());
    body = parsed->value;
  }
  if (what == "requests" && (reads || deletes)) {
    if (deletes) {
      log_.Reset();
      return Ok();
    }
    std::int64_t since = 0;
    (void)absl::SimpleAtoi(request.Query("since"), &since);
    return log_.Entries(since);
  }
  if (what == "faults") {
    if (reads) return faults_.Describe();
    if (deletes) {
      faults_.Clear();
      return Ok();
    }
    SANDBOX_ASSIGN_OR_RETURN(const std::string id, faults_.Add(body));
    return Json{{"id", id}};
  }
  if (absl::StartsWith(what, "faults/") && deletes) {
    const std::string id = what.substr(7);
    return faults_.Remove(id) ? absl::StatusOr<Json>(Ok()) : NotFound({"", "faults"}, id);
  }
  if (what == "mutations" || absl::StartsWith(what, "mutations/")) return Mutations(request, body);
  if (what == "act" && request.method == "POST") return Act(body);
  if (what == "headscale") return ControlHeadscale(request, body);
  if (what == "cloudflare" && others_.cloudflare != nullptr) {
    return reads ? absl::StatusOr<Json>(others_.cloudflare->Dump()) : others_.cloudflare->Act(body);
  }
  if (what == "route53" && others_.route53 != nullptr) {
    return reads ? absl::StatusOr<Json>(others_.route53->Dump()) : others_.route53->Act(body);
  }
  if (what == "state" && reads) return Dump(request);
  if (what == "reset" && request.method == "POST") return Reset();
  if (what == "compact" && request.method == "POST") {
    api_.ExpireContinueTokens();
    absl::MutexLock lock(&api_.cluster().mu);
    api_.cluster().store.Compact();
    return Ok();
  }
  if (what == "time") {
    absl::MutexLock lock(&api_.cluster().mu);
    if (request.method == "POST") {
      absl::Duration by;
      if (!absl::ParseDuration(Text(body, {"advance"}), &by) || by < absl::ZeroDuration()) {
        return BadRequest("advance is a duration such as \"90s\" or \"10m\"");
      }
      api_.cluster().time_offset += by;
    }
    return Json{{"now", api_.cluster().NowText()},
                {"offset", absl::FormatDuration(api_.cluster().time_offset)}};
  }
  return PathNotFound();
}

absl::StatusOr<Json> ControlApi::Mutations(const HttpRequest& request, const Json& body) {
  Cluster& cluster = api_.cluster();
  absl::MutexLock lock(&cluster.mu);
  const std::string id = request.path == "/_sandbox/mutations"
                             ? ""
                             : request.path.substr(std::string("/_sandbox/mutations/").size());
  if (request.method == "GET") {
    Json out = Json::array();
    for (const MutationRule& rule : cluster.mutation_rules) {
      out.push_back(DescribeMutationRule(rule));
    }
    return out;
  }
  if (request.method == "DELETE") {
    std::erase_if(cluster.mutation_rules,
                  [&](const MutationRule& rule) { return id.empty() || rule.id == id; });
    return Ok();
  }
  SANDBOX_ASSIGN_OR_RETURN(MutationRule rule, ReadMutationRule(body));
  if (rule.id.empty()) rule.id = absl::StrCat("mutation-", cluster.mutation_rules.size() + 1);
  const std::string name = rule.id;
  std::erase_if(cluster.mutation_rules, [&](const MutationRule& old) { return old.id == name; });
  cluster.mutation_rules.push_back(std::move(rule));
  return Json{{"id", name}};
}

absl::StatusOr<Json> ControlApi::Act(const Json& body) {
  Cluster& cluster = api_.cluster();
  absl::MutexLock lock(&cluster.mu);
  Call call;
  call.resource = cluster.kinds.FindKind(Text(body, {"apiVersion"}), Text(body, {"kind"}));
  if (call.resource == nullptr) return BadRequest("apiVersion and kind name nothing served here");
  call.ns = Text(body, {"namespace"});
  call.name = Text(body, {"name"});
  call.subresource = Text(body, {"subresource"});
  call.manager = Text(body, {"manager"}, "co-owner");
  call.force = Flag(body, {"force"}, true);
  const std::string type = Text(body, {"type"}, "merge");
  const PatchFormat format = type == "apply"       ? PatchFormat::kApply
                             : type == "json"      ? PatchFormat::kJson
                             : type == "strategic" ? PatchFormat::kStrategic
                                                   : PatchFormat::kMerge;
  if (format == PatchFormat::kStrategic && call.resource->is_custom()) {
    return BadRequest("custom resources have no strategic merge patch");
  }
  const Json* patch = Find(body, {"patch"});
  if (patch == nullptr) return BadRequest("patch is missing");
  Objects objects(cluster);
  SANDBOX_ASSIGN_OR_RETURN(const Written written,
                           objects.Patch(call, format, ParsedDocument{*patch, {}, ""}));
  return *written.object;
}

absl::StatusOr<Json> ControlApi::ControlHeadscale(const HttpRequest& request, const Json& body) {
  const std::string dialect =
      request.method == "GET" ? request.Query("dialect") : Text(body, {"dialect"});
  HeadscaleSite* site = dialect == "0.23" ? others_.headscale_023 : others_.headscale;
  if (site == nullptr) return PathNotFound();
  if (request.method == "GET") return site->Dump();
  return site->Act(body);
}

Json ControlApi::Dump(const HttpRequest& request) {
  const std::string ns = request.Query("namespace");
  const bool whole = request.QueryFlag("server_fields");
  Cluster& cluster = api_.cluster();
  absl::MutexLock lock(&cluster.mu);
  Json out = Json::array();
  for (const auto& [key, objects] : cluster.store.by_resource()) {
    if (key == "/events" && !whole) continue;
    for (const auto& [name, object] : objects) {
      const std::string own = Text(*object, {"metadata", "namespace"});
      const bool is_it = key == "/namespaces" && Text(*object, {"metadata", "name"}) == ns;
      if (!ns.empty() && own != ns && !is_it) continue;
      out.push_back(whole ? *object : WithoutServerFields(*object));
    }
  }
  return out;
}

Json ControlApi::Reset() {
  faults_.Clear();
  log_.Reset();
  api_.ExpireContinueTokens();
  for (HeadscaleSite* site : {others_.headscale, others_.headscale_023}) {
    if (site != nullptr) site->Reset();
  }
  if (others_.cloudflare != nullptr) others_.cloudflare->Reset();
  if (others_.route53 != nullptr) others_.route53->Reset();
  Cluster& cluster = api_.cluster();
  absl::MutexLock lock(&cluster.mu);
  cluster.mutation_rules.clear();
  cluster.store.Clear();
  cluster.kinds = KindTable();
  cluster.time_offset = absl::ZeroDuration();
  const std::string authority = cluster.ca_pem;
  Bootstrap(cluster, authority);
  return Ok();
}

}  // namespace charon::sandbox
