// A cluster that plays a script: what a watch tells and when, what lists and logs say.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/testing/fake_clock.h"

namespace charon::operations {

class ScriptedCluster final : public kubernetes::Cluster {
 public:
  using Json = kubernetes::Json;

  explicit ScriptedCluster(FakeClock& clock) : clock_(clock) {}

  // The next thing a watch tells, `after` the one before.
  void Then(absl::Duration after, std::string type, Json object) {
    events.push_back({after, std::move(type), std::move(object)});
  }

  absl::Status Watch(const Call& call, const kubernetes::ObjectRef&,
                     const std::function<bool(const kubernetes::WatchEvent&)>& on_event,
                     absl::Duration idle) override {
    if (!watch_status.ok() && watch_failures != 0) {
      --watch_failures;
      return watch_status;
    }
    Json last;
    for (Event& event : events) {
      for (absl::Duration left = event.after; left > absl::ZeroDuration();) {
        const absl::Duration step = std::min(left, idle);
        clock_.Advance(step);
        left -= step;
        if (!call.Alive().ok()) return call.Alive();
        if (left > absl::ZeroDuration() && on_event({"IDLE", last.is_null() ? nullptr : &last}))
          return {};
      }
      last = event.type == "DELETED" ? Json() : event.object;
      if (on_event({event.type, event.object.is_null() ? nullptr : &event.object})) return {};
    }
    for (;;) {
      clock_.Advance(idle);
      if (!call.Alive().ok()) return call.Alive();
      if (on_event({"IDLE", last.is_null() ? nullptr : &last})) return {};
    }
  }

  absl::StatusOr<std::vector<Json>> List(const Call&, const kubernetes::ObjectKind& kind,
                                         const kubernetes::ListOptions& options) override {
    asked.push_back(absl::StrCat("LIST ", kind.kind, " ", options.name_space, " ",
                                 options.label_selector, options.field_selector));
    const auto found = lists.find(kind.kind);
    if (found == lists.end()) return absl::PermissionDeniedError("not in the script");
    return found->second;
  }

  absl::StatusOr<std::string> GetRaw(const Call&, absl::string_view path) override {
    asked.push_back(absl::StrCat("GET ", path));
    const auto found = raw.find(std::string(path));
    if (found == raw.end()) return absl::NotFoundError("not in the script");
    return found->second;
  }

  absl::StatusOr<std::shared_ptr<const Json>> Read(const Call&,
                                                   const kubernetes::ObjectRef& ref) override {
    const auto found = objects.find(ref.ToString());
    if (found == objects.end()) return absl::NotFoundError("not in the script");
    return std::make_shared<const Json>(found->second);
  }

  absl::StatusOr<std::vector<kubernetes::ResourceInfo>> Kinds(const Call&) override {
    return kinds;
  }

  absl::StatusOr<kubernetes::ResourceInfo> Resolve(const Call&,
                                                   const kubernetes::ObjectKind&) override {
    return absl::UnimplementedError("not in the script");
  }
  absl::StatusOr<kubernetes::ServerVersion> Version(const Call&) override {
    return absl::UnimplementedError("not in the script");
  }
  absl::StatusOr<Json> Get(const Call&, const kubernetes::ObjectRef&) override {
    return absl::UnimplementedError("not in the script");
  }
  absl::StatusOr<Json> Apply(const Call&, const Json&, const kubernetes::ApplyOptions&) override {
    return absl::UnimplementedError("not in the script");
  }
  absl::StatusOr<Json> Create(const Call&, const Json&, const kubernetes::ApplyOptions&) override {
    return absl::UnimplementedError("not in the script");
  }
  absl::StatusOr<Json> Patch(const Call&, const kubernetes::ObjectRef&, kubernetes::PatchType,
                             const Json&, absl::string_view, bool) override {
    return absl::UnimplementedError("not in the script");
  }
  absl::Status Delete(const Call&, const kubernetes::ObjectRef& ref,
                      const kubernetes::DeleteOptions& options) override {
    asked.push_back(absl::StrCat("DELETE ", ref.kind.kind, " ", ref.name, " ", options.uid));
    return on_delete ? on_delete(ref) : absl::UnimplementedError("not in the script");
  }
  bool CreatedThisRun(const kubernetes::ObjectRef&) const override { return false; }
  std::string Description() const override { return "scripted"; }

  struct Event {
    absl::Duration after;
    std::string type;
    Json object;
  };
  std::deque<Event> events;
  absl::Status watch_status;
  int watch_failures = -1;                         // how many watches end with it; -1: all
  std::map<std::string, std::vector<Json>> lists;  // by kind
  std::map<std::string, std::string> raw;          // by path
  std::map<std::string, Json> objects;             // by ref
  std::vector<kubernetes::ResourceInfo> kinds;
  std::vector<std::string> asked;
  std::function<absl::Status(const kubernetes::ObjectRef&)> on_delete;

 private:
  FakeClock& clock_;
};

}  // namespace charon::operations
