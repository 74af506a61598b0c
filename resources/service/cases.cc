#include "resources/service/cases.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "nlohmann/json.hpp"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "provider/sdk/diagnostics.h"
#include "resources/service/check_service.h"

namespace charon::service {
namespace {

bool IsSame(const absl::Status& a, const absl::Status& b) { return a == b; }
bool IsSame(const sdk::Diagnostic& a, const sdk::Diagnostic& b) {
  return a.severity == b.severity && a.summary == b.summary && a.detail == b.detail &&
         a.path == b.path;
}

// Leaves in `all` what `now` has as well; all of it the first time.
template <typename T>
void KeepCommon(const std::vector<T>& now, std::optional<std::vector<T>>& all) {
  if (!all) {
    all = now;
    return;
  }
  std::erase_if(*all, [&now](const T& one) {
    return std::none_of(now.begin(), now.end(),
                        [&one](const T& other) { return IsSame(one, other); });
  });
}

}  // namespace

absl::StatusOr<std::vector<Case>> CasesOf(const std::vector<Completion>& completions,
                                          const Attr<StringMap>& restart,
                                          const Conventions& conventions) {
  std::vector<Case> cases;
  std::vector<Completion> rendered;
  std::optional<std::vector<absl::Status>> faults;
  for (const Completion& completion : completions) {
    CHARON_ASSIGN_OR_RETURN(ServiceModel model, ServiceModel::Describe().Decode(completion.object));
    model.restart = restart;
    std::vector<absl::Status> wrong = CheckService(model);
    absl::StatusOr<Content> content = absl::UnknownError("not to be rendered");
    if (wrong.empty()) {
      content = ContentOf(model, conventions);
      if (!content.ok()) wrong = EachOf(content.status());
    }
    KeepCommon(wrong, faults);
    if (!content.ok()) continue;
    cases.push_back({std::move(model), *std::move(content)});
    rendered.push_back(completion);
  }
  if (faults && !faults->empty()) return Several(*faults);
  if (!VaryInAll(rendered)) cases.clear();
  return cases;
}

Content CommonOf(const std::vector<Case>& cases) {
  const Content& first = cases[0].content;
  Content common;
  common.hashes = first.hashes;
  for (const Case& one : cases) {
    const StringMap& hashes = one.content.hashes;
    std::erase_if(common.hashes,
                  [&hashes](const auto& entry) { return hashes.count(entry.first) == 0; });
    for (auto& [key, hash] : common.hashes) {
      if (hashes.at(key) != hash) hash.clear();
    }
  }
  for (std::size_t i = 0; i < first.objects.size(); ++i) {
    const auto found = common.hashes.find(KeyOf(first.refs[i]));
    if (found == common.hashes.end() || found->second.empty()) continue;
    common.objects.push_back(first.objects[i]);
    common.refs.push_back(first.refs[i]);
  }
  return common;
}

std::vector<Rendered> CommonWorkload(const std::vector<Case>& cases) {
  const Rendered* first = WorkloadOf(cases[0].content.objects);
  if (first == nullptr) return {};
  constexpr char kSelector[] = "spec.selector";
  constexpr char kLabels[] = "spec.template.metadata.labels";
  Rendered common = *first;
  Json& labels = common.object["spec"]["template"]["metadata"]["labels"];
  for (const Case& one : cases) {
    const Rendered* workload = WorkloadOf(one.content.objects);
    if (workload == nullptr || WorkloadRef(one.model) != WorkloadRef(cases[0].model) ||
        kubernetes::Field(workload->object, kSelector) !=
            kubernetes::Field(first->object, kSelector))
      return {};
    const Json& others = kubernetes::Field(workload->object, kLabels);
    for (auto label = labels.begin(); label != labels.end();)
      label = others.value(label.key(), Json()) == *label ? std::next(label) : labels.erase(label);
  }
  return {std::move(common)};
}

absl::Status TellOfAll(const sdk::Context& context, const std::vector<Case>& cases,
                       const std::function<absl::Status(const sdk::Context&, const Case&)>& check) {
  std::optional<std::vector<sdk::Diagnostic>> told;
  for (const Case& one : cases) {
    sdk::Diagnostics heard;
    sdk::Context aside = context;
    aside.diagnostics = &heard;
    CHARON_RETURN_IF_ERROR(check(aside, one));
    KeepCommon(heard.list(), told);
  }
  for (const sdk::Diagnostic& warning : *told)
    context.diagnostics->Warning(warning.summary, warning.detail, warning.path);
  return absl::OkStatus();
}

}  // namespace charon::service
