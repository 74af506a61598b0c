#include "faults.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "status.h"

namespace charon::sandbox {
namespace {

absl::StatusOr<Fault::Action> ActionNamed(const std::string& name) {
  if (name == "status") return Fault::Action::kStatus;
  if (name == "hang") return Fault::Action::kHang;
  if (name == "drop_before") return Fault::Action::kDropBefore;
  if (name == "drop_after") return Fault::Action::kDropAfter;
  if (name == "delay") return Fault::Action::kDelay;
  return BadRequest(absl::StrCat("unknown action ", Quote(name),
                                 ": status, hang, drop_before, drop_after or delay"));
}

}  // namespace

absl::StatusOr<std::string> FaultScript::Add(const Json& description) {
  if (!description.is_object()) return BadRequest("a fault is an object");
  Rule rule;
  rule.description = description;
  SANDBOX_ASSIGN_OR_RETURN(rule.fault.action, ActionNamed(Text(description, {"action"}, "status")));
  rule.fault.code = static_cast<int>(Integer(description, {"code"}, 500));
  rule.fault.retry_after = static_cast<int>(Integer(description, {"retry_after"}, -1));
  rule.fault.delay = absl::Milliseconds(Integer(description, {"delay_ms"}, 0));
  rule.fault.message = Text(description, {"message"});
  if (rule.fault.code < 100 || rule.fault.code > 599) {
    return BadRequest("code must be between 100 and 599");
  }
  rule.api = Text(description, {"api"});
  rule.method = Text(description, {"method"});
  const std::string path = Text(description, {"path"});
  if (!path.empty()) {
    // std::regex reports bad patterns by throwing.
    try {
      rule.path = std::regex(path, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error&) {
      return BadRequest(absl::StrCat("path is not a regular expression: ", path));
    }
    rule.has_path = true;
  }
  rule.query_contains = Text(description, {"query_contains"});
  rule.user_agent_contains = Text(description, {"user_agent_contains"});
  rule.nth = Integer(description, {"nth"});
  rule.after = Integer(description, {"after"});
  rule.times = Integer(description, {"times"}, rule.nth > 0 ? 1 : -1);
  if (const Json* percent = Find(description, {"percent"});
      percent != nullptr && percent->is_number()) {
    rule.percent = percent->get<double>();
  }
  rule.watches = Flag(description, {"watches"});
  rule.writes_only = Flag(description, {"writes_only"});
  rule.random.seed(static_cast<std::uint64_t>(Integer(description, {"seed"}, 1)));
  absl::MutexLock lock(&mu_);
  rule.fault.id = Text(description, {"id"}, absl::StrCat("fault-", ++next_id_));
  const std::string id = rule.fault.id;
  std::erase_if(rules_, [&](const Rule& old) { return old.fault.id == id; });
  rules_.push_back(std::move(rule));
  return id;
}

bool FaultScript::Remove(const std::string& id) {
  absl::MutexLock lock(&mu_);
  return std::erase_if(rules_, [&](const Rule& rule) { return rule.fault.id == id; }) > 0;
}

void FaultScript::Clear() {
  absl::MutexLock lock(&mu_);
  rules_.clear();
}

Json FaultScript::Describe() const {
  absl::MutexLock lock(&mu_);
  Json out = Json::array();
  for (const Rule& rule : rules_) {
    Json one = rule.description;
    one["id"] = rule.fault.id;
    one["seen"] = rule.seen;
    one["fired"] = rule.fired;
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<Fault> FaultScript::Next(const std::string& api, const HttpRequest& request) {
  absl::MutexLock lock(&mu_);
  std::optional<Fault> hit;
  for (Rule& rule : rules_) {
    const bool watch = request.QueryFlag("watch");
    if (watch && !rule.watches) continue;
    if (rule.writes_only && (request.method == "GET" || request.method == "HEAD")) continue;
    if (!rule.api.empty() && rule.api != api) continue;
    if (!rule.method.empty() && rule.method != "*" && rule.method != request.method) continue;
    if (rule.has_path && !std::regex_search(request.path, rule.path)) continue;
    if (!absl::StrContains(request.raw_query, rule.query_contains)) continue;
    if (!absl::StrContains(request.user_agent, rule.user_agent_contains)) continue;
    ++rule.seen;
    if (rule.nth > 0 && rule.seen != rule.nth) continue;
    if (rule.nth == 0 && rule.seen <= rule.after) continue;
    if (rule.times >= 0 && rule.fired >= rule.times) continue;
    if (rule.percent < 100) {
      std::uniform_real_distribution<double> dice(0, 100);
      if (dice(rule.random) >= rule.percent) continue;
    }
    if (hit.has_value()) continue;  // The first rule acts, the others only count.
    ++rule.fired;
    hit = rule.fault;
  }
  return hit;
}

}  // namespace charon::sandbox
