// The adapters of everything that has no managed state: data sources, ephemeral resources, lists,
// actions.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/plan/engine.h"
#include "provider/sdk/action.h"
#include "provider/sdk/data_source.h"
#include "provider/sdk/ephemeral.h"
#include "provider/sdk/list_resource.h"

namespace charon::sdk {
namespace {

// One operation on a configuration: its context and the models behind it.
struct Operation {
  Operation(const Call& call, const Value& config, const ResourceInfo& info,
            const AnyProvider& provider, Diagnostics* diagnostics,
            absl::string_view private_bytes = "")
      : private_state(PrivateState::Parse(private_bytes)) {
    context.call = WithTimeout(call, config, "read", info.timeouts.read);
    context.diagnostics = diagnostics;
    context.private_state = &private_state;
    missing = provider.Unknown(info.needs);
    context.provider_config_unknown = !missing.empty();
  }

  // FailedPrecondition while what is needed of the provider block is unknown.
  absl::Status Configured() const {
    if (missing.empty()) return absl::OkStatus();
    return WithRemedy(absl::FailedPreconditionError(
                          absl::StrCat("the provider block has values that are not known yet: ",
                                       absl::StrJoin(missing, ", "))),
                      "Apply what those values come from first, or give them literally.");
  }

  PrivateState private_state;
  Context context;
  std::vector<std::string> missing;
};

// The table's rules, then the author's.
template <typename DoValidate>
Diagnostics ValidateWith(const Call& call, const Value& config, const ResourceInfo& info,
                         const ObjectSchema& schema, const AnyProvider& provider,
                         DoValidate do_validate) {
  Diagnostics diagnostics = ValidateAgainst(schema, config, /*write_only_allowed=*/true, info);
  if (diagnostics.HasError() || !config.IsKnown()) return diagnostics;
  Operation operation(call, config, info, provider, &diagnostics);
  diagnostics.Error(absl::StrCat("Invalid ", info.noun),
                    Guard([&] { return do_validate(operation.context, config); }));
  return diagnostics;
}

}  // namespace

Diagnostics DataSourceRunner::Validate(const Call& call, const Value& config) {
  return ValidateWith(
      call, config, info(), schema(), provider_,
      [this](const Context& context, const Value& value) { return DoValidate(context, value); });
}

StateAnswer DataSourceRunner::Read(const Call& call, const Value& config,
                                   const Capabilities& capabilities) {
  StateAnswer answer;
  Operation operation(call, config, info(), provider_, &answer.diagnostics);
  if (operation.context.provider_config_unknown && capabilities.deferral_allowed) {
    answer.deferred = Defer::kProviderConfigUnknown;
    answer.state = plan::MarkUnknown(schema(), {config, Value(), config}, config);
    return answer;
  }
  ValueOutcome outcome;
  absl::Status status = Guard([&] {
    CHARON_RETURN_IF_ERROR(operation.Configured());
    outcome = DoRead(operation.context, config);
    if (outcome.status.ok() && !outcome.state)
      return absl::InternalError("the read ended without a state");
    return outcome.status;
  });
  if (status.ok()) {
    bool unknown = false;
    answer.state = NullForUnknown(*std::move(outcome.state), &unknown);
    if (unknown) status = absl::InternalError("the read left a value unknown");
  }
  ReportFailure(answer.diagnostics, "read", info(), schema(), std::move(status));
  return answer;
}

Diagnostics EphemeralRunner::Validate(const Call& call, const Value& config) {
  return ValidateWith(
      call, config, info(), schema(), provider_,
      [this](const Context& context, const Value& value) { return DoValidate(context, value); });
}

EphemeralAnswer EphemeralRunner::Open(const Call& call, const Value& config) {
  EphemeralAnswer answer;
  Operation operation(call, config, info(), provider_, &answer.diagnostics);
  ReportFailure(answer.diagnostics, "open", info(), schema(), Guard([&] {
                  CHARON_RETURN_IF_ERROR(operation.Configured());
                  return DoOpen(operation.context, config, answer);
                }));
  answer.private_bytes = operation.private_state.ToBytes();
  return answer;
}

EphemeralAnswer EphemeralRunner::Renew(const Call& call, const std::string& private_bytes) {
  EphemeralAnswer answer;
  Operation operation(call, Value(), info(), provider_, &answer.diagnostics, private_bytes);
  ReportFailure(answer.diagnostics, "renew", info(), schema(), Guard([&]() -> absl::Status {
                  CHARON_ASSIGN_OR_RETURN(answer.renew_at, DoRenew(operation.context));
                  return absl::OkStatus();
                }));
  answer.private_bytes = operation.private_state.ToBytes();
  return answer;
}

Diagnostics EphemeralRunner::Close(const Call& call, const std::string& private_bytes) {
  Diagnostics diagnostics;
  Operation operation(call, Value(), info(), provider_, &diagnostics, private_bytes);
  absl::Status status = Guard([&] { return DoClose(operation.context); });
  if (!absl::IsNotFound(status))
    ReportFailure(diagnostics, "close", info(), schema(), std::move(status));
  return diagnostics;
}

Diagnostics ListRunner::Validate(const Call& call, const Value& config) {
  return ValidateWith(
      call, config, info(), schema(), provider_,
      [this](const Context& context, const Value& value) { return DoValidate(context, value); });
}

Diagnostics ListRunner::List(const Call& call, const ListRequest& request,
                             const std::function<bool(ListedObject)>& emit) {
  Diagnostics diagnostics;
  Operation operation(call, request.config, info(), provider_, &diagnostics);
  std::int64_t left = request.limit > 0 ? request.limit : -1;
  ReportFailure(diagnostics, "list", info(), schema(), Guard([&] {
                  CHARON_RETURN_IF_ERROR(operation.Configured());
                  return DoList(operation.context, request, [&](ListedObject object) {
                    if (left == 0) return false;
                    if (left > 0) --left;
                    return emit(std::move(object)) && left != 0;
                  });
                }));
  return diagnostics;
}

Diagnostics ActionRunner::Validate(const Call& call, const Value& config) {
  return ValidateWith(
      call, config, info(), schema(), provider_,
      [this](const Context& context, const Value& value) { return DoValidate(context, value); });
}

AnyAction::Planned ActionRunner::Plan(const Call& call, const Value& config,
                                      const Capabilities& capabilities) {
  Planned planned;
  Operation operation(call, config, info(), provider_, &planned.diagnostics);
  if (operation.context.provider_config_unknown) {
    if (capabilities.deferral_allowed) planned.deferred = Defer::kProviderConfigUnknown;
    return planned;
  }
  ReportFailure(planned.diagnostics, "plan", info(), schema(),
                Guard([&] { return DoPlan(operation.context, config); }));
  return planned;
}

Diagnostics ActionRunner::Invoke(const Call& call, const Value& config, const Progress& progress) {
  Diagnostics diagnostics;
  Operation operation(call, config, info(), provider_, &diagnostics);
  operation.context.call = WithTimeout(call, config, "invoke", info().timeouts.update);
  ReportFailure(diagnostics, "invoke", info(), schema(), Guard([&] {
                  CHARON_RETURN_IF_ERROR(operation.Configured());
                  return DoInvoke(operation.context, config, progress);
                }));
  return diagnostics;
}

}  // namespace charon::sdk
