#include "provider/sdk/adapter.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/core_program.h"
#include "provider/base/duration.h"
#include "provider/base/status.h"
#include "provider/plan/conformance.h"
#include "provider/plan/engine.h"
#include "provider/schema/checks.h"
#include "provider/sdk/timeouts.h"
#include "provider/value/json.h"

namespace charon::sdk {
namespace {

constexpr absl::string_view kReport =
    "This is a defect of the provider. Please report it with the configuration that leads to it.";

// Keys of ours in the private state of a plan. Core hands the delete half of a replacement the
// private bytes of the create half's plan (protocol 4.3): that is how it learns what comes after
// it. A tainted object is planned as a plain create, without a plan of a change before it; a
// replacement that was asked for has one.
constexpr absl::string_view kNextObject = "next";
constexpr absl::string_view kChangePlanned = "change";
// In the private state of what was imported or moved, until something is applied.
constexpr absl::string_view kAdopting = "adopting";
// Longest time to look at what a failed deletion has left.
constexpr absl::Duration kLookAround = absl::Seconds(10);

#ifdef CHARON_CHECK_ANSWERS
constexpr bool kCheckAnswers = true;
#else
constexpr bool kCheckAnswers = false;
#endif

void ReportViolations(Diagnostics& diagnostics, absl::string_view what,
                      const std::vector<std::string>& violations) {
  if (violations.empty()) return;
  diagnostics.Error(absl::StrCat("Invalid ", what, " by the provider"),
                    absl::StrCat(absl::StrJoin(violations, "\n"), "\n\n", kReport));
}

// The attribute values of `answer` whose meaning is that of `known` keep its spelling. Guarded,
// because nothing that goes wrong here may lose the state.
absl::Status KeepSpelling(const ObjectSchema& schema, const Value& known, Value& answer) {
  if (!known.IsKnown()) return absl::OkStatus();
  return Guard([&] {
    answer = TransformAttributes(
        schema, known, answer, Path(),
        [](const AttributeSchema& attribute, const Value& former, Value value, const Path&, bool*) {
          // A null loses its type in a model, and core compares dynamic values with theirs.
          if (value.IsNull() && former.kind() == Value::Kind::kDynamic &&
              former.dynamic_value().IsNull())
            return former;
          if (!attribute.same || !former.IsKnown() || !value.IsKnown() || former == value)
            return value;
          if (attribute.same(former, value)) return former;
          return value;
        });
    return absl::OkStatus();
  });
}

std::string Hint(const absl::Status& status, absl::string_view verb, const ObjectSchema& schema) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded: {
      const AttributeSchema* timeouts = schema.Find("timeouts");
      if (timeouts == nullptr || timeouts->nested == nullptr) return "";
      // Plans, imports and the like have the time of a read.
      const absl::string_view operation = timeouts->nested->Find(verb) != nullptr ? verb : "read";
      if (timeouts->nested->Find(operation) == nullptr) return "";
      return absl::StrCat("If it only needs longer, raise `timeouts.", operation, "`.");
    }
    case absl::StatusCode::kCancelled:
      return "It was stopped. What exists is kept in the state or found again: run the command "
             "again to go on.";
    case absl::StatusCode::kInternal:
      return std::string(kReport);
    default:
      return "";
  }
}

}  // namespace

const ObjectSpec<TimeoutsModel>& TimeoutsModel::Describe() {
  using M = TimeoutsModel;
  auto field = [](Attr<std::string> M::*member, absl::string_view name, absl::string_view what) {
    return Field(member, name, Optional, absl::StrCat("Longest time to ", what, "."))
        .Check(PositiveDuration());
  };
  static const auto& spec =
      *new ObjectSpec<M>("How long each operation may take.",
                         {
                             field(&M::create, "create", "create it and wait until it is ready"),
                             field(&M::read, "read", "read it"),
                             field(&M::update, "update", "change it and wait until it is ready"),
                             field(&M::destroy, "delete", "delete it and wait until it is gone"),
                         });
  return spec;
}

Call WithTimeout(const Call& call, const Value& object, absl::string_view operation,
                 absl::Duration fallback) {
  const Value& text = object["timeouts"][operation];
  if (text.kind() == Value::Kind::kString) {
    if (absl::StatusOr<absl::Duration> wanted = ParseDuration(text.string()); wanted.ok())
      return call.Within(*wanted);
  }
  return call.Within(fallback);
}

Value NullForUnknown(Value value, bool* found) {
  switch (value.kind()) {
    case Value::Kind::kUnknown:
      *found = true;
      return Value::Null();
    case Value::Kind::kSequence:
      for (Value& element : value.sequence()) element = NullForUnknown(std::move(element), found);
      return value;
    case Value::Kind::kMapping:
      for (auto& [key, element] : value.mapping())
        element = NullForUnknown(std::move(element), found);
      return value;
    case Value::Kind::kDynamic:
      if (value.IsWhollyKnown()) return value;
      return Value::Dynamic(value.dynamic_type(), NullForUnknown(value.dynamic_value(), found));
    default:
      return value;
  }
}

absl::Status Guard(const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const std::exception& thrown) {
    return absl::InternalError(absl::StrCat("unexpected exception: ", thrown.what()));
  } catch (...) {
    return absl::InternalError("unexpected exception of an unknown kind");
  }
}

void ReportFailure(Diagnostics& diagnostics, absl::string_view verb, const ResourceInfo& info,
                   const ObjectSchema& schema, absl::Status status) {
  if (status.ok()) return;
  if (const std::string hint = Hint(status, verb, schema); !hint.empty())
    status = WithRemedy(std::move(status), hint);
  diagnostics.Error(absl::StrCat("Unable to ", verb, " ", info.noun), status);
}

Diagnostics ValidateAgainst(const ObjectSchema& schema, const Value& config,
                            bool write_only_allowed, const ResourceInfo& info) {
  Diagnostics diagnostics;
  std::vector<absl::Status> errors, warnings;
  const absl::Status status = Guard([&] {
    errors = ValidateObject(schema, config, write_only_allowed, &warnings);
    return absl::OkStatus();
  });
  ReportFailure(diagnostics, "validate", info, schema, status);
  for (const absl::Status& error : errors)
    diagnostics.Error(absl::StrCat("Invalid ", info.noun), error);
  for (const absl::Status& warning : warnings) diagnostics.Warning("Deprecated attribute", warning);
  return diagnostics;
}

Context ResourceRunner::MakeContext(const Call& call, absl::string_view operation,
                                    const Value& with_timeouts, Diagnostics* diagnostics,
                                    PrivateState* private_state) const {
  const Timeouts& fallback = info().timeouts;
  absl::Duration limit = fallback.read;
  if (operation == "create") limit = fallback.create;
  if (operation == "update") limit = fallback.update;
  if (operation == "delete") limit = fallback.destroy;
  Context context;
  context.call = WithTimeout(call, with_timeouts, operation, limit);
  context.call.listener = diagnostics;
  context.diagnostics = diagnostics;
  context.private_state = private_state;
  context.provider_config_unknown = !provider_.Unknown(info().needs).empty();
  context.adopting = private_state->Get(kAdopting).has_value();
  if (context.adopting) private_state->OpenTenure();
  context.call.tenure = private_state;
  return context;
}

// What every answer with a state has in common: private bytes, identity, the checks.
void ResourceRunner::Finish(const Context& context, StateAnswer& answer,
                            const PrivateState& private_state, const Value& former_identity) {
  if (answer.state.IsNull()) return;
  answer.private_bytes = private_state.ToBytes();
  if (identity_schema() != nullptr) {
    // Once given it stays: an optional part that was not known earlier (an unreachable server) must
    // not make it change.
    answer.identity = former_identity;
    if (!former_identity.IsKnown()) {
      Guard([&]() -> absl::Status {
        CHARON_ASSIGN_OR_RETURN(answer.identity, DoIdentify(context, answer.state));
        return absl::OkStatus();
      }).IgnoreError();  // Terraform does without; the state must not be lost over it.
    }
  }
  if (kCheckAnswers)
    ReportViolations(answer.diagnostics, "state", plan::CheckState(schema(), answer.state));
}

Diagnostics ResourceRunner::Validate(const Call& call, const Value& config,
                                     const Capabilities& capabilities) {
  Diagnostics diagnostics =
      ValidateAgainst(schema(), config, capabilities.write_only_allowed, info());
  if (!config.IsKnown()) return diagnostics;
  // What is at fault by itself may be anything to the rest: one run names all faults.
  Value rest = config;
  for (const Diagnostic& found : diagnostics.list()) {
    if (found.severity != Diagnostic::Severity::kError) continue;
    if (found.path.empty()) return diagnostics;
    const auto* attribute = std::get_if<AttributeName>(&found.path.steps().front());
    if (attribute == nullptr || rest.mapping().count(attribute->name) == 0) return diagnostics;
    rest.mapping()[attribute->name] = Value::Unknown();
  }
  PrivateState none;
  const Context context = MakeContext(call, "read", Value(), &diagnostics, &none);
  const absl::Status status = Guard([&] { return DoValidate(context, rest); });
  diagnostics.Error(absl::StrCat("Invalid ", info().noun), status);
  return diagnostics;
}

StateAnswer ResourceRunner::Read(const Call& call, const ReadRequest& request) {
  StateAnswer answer;
  answer.state = request.state;
  answer.private_bytes = request.private_bytes;
  answer.identity = request.identity;
  read_in_run_ = provider_.runs();
  if (!provider_.Unknown(info().needs).empty()) {
    // Nothing can be asked yet; what is known stays. Where core lets us say so, it learns why.
    if (request.capabilities.deferral_allowed) answer.deferred = Defer::kProviderConfigUnknown;
    return answer;
  }
  PrivateState private_state = PrivateState::Parse(request.private_bytes);
  const Context context =
      MakeContext(call, "read", request.state, &answer.diagnostics, &private_state);
  ValueOutcome outcome;
  absl::Status guarded = Guard([&] {
    outcome = DoRead(context, request.state);
    if (outcome.status.ok() && !outcome.state)
      return absl::InternalError("the read ended without a state");
    return outcome.status;
  });
  if (absl::IsNotFound(guarded)) {
    ForgetPlans(request.state);
    answer.state = Value::Null();
    answer.identity = Value::Null();
    answer.private_bytes.clear();
    return answer;
  }
  if (!guarded.ok()) {
    ReportFailure(answer.diagnostics, "read", info(), schema(), std::move(guarded));
    return answer;
  }
  bool unknown = false;
  answer.state = NullForUnknown(WithoutWriteOnly(schema(), *std::move(outcome.state)), &unknown);
  ReportFailure(answer.diagnostics, "read", info(), schema(),
                KeepSpelling(schema(), request.state, answer.state));
  if (unknown)
    answer.diagnostics.Error("Incomplete state",
                             absl::StrCat("Reading left a value unknown. ", kReport));
  Finish(context, answer, private_state, request.identity);
  return answer;
}

PlanAnswer ResourceRunner::Plan(const Call& call, const PlanRequest& request) {
  PlanAnswer answer;
  // The create half of a replacement comes with the identity of what it replaces.
  if (!request.prior.IsNull()) answer.identity = request.identity;
  PrivateState private_state = PrivateState::Parse(request.private_bytes);
  Context context =
      MakeContext(call, "read", request.proposed, &answer.diagnostics, &private_state);
  context.planned_before = request.capabilities.deferral_allowed;
  const bool may_be_apply =
      AskingProgram() == CoreProgram::kOpenTofu && read_in_run_ != provider_.runs();
  context.may_replace = !context.planned_before && !may_be_apply;
  context.replaces = request.prior.IsNull() && private_state.Get(kChangePlanned).has_value();
  PlanDraft draft{request.config, request.prior, Value::Null(), {}, {}, std::nullopt};

  const bool destroy = request.proposed.IsNull();
  bool changes = true;
  if (!destroy) {
    plan::Result result = plan::Plan(schema(), {request.config, request.prior, request.proposed});
    changes = plan::Changes(request.prior, result.planned);
    draft.planned = std::move(result.planned);
  }
  const absl::Status status = Guard([&] { return DoPlan(context, draft); });
  if (absl::IsAlreadyExists(status)) {
    // Before it destroys, core plans the whole configuration as any other time, and an error would
    // stop it (Context.destroyPlan, internal/terraform/context_plan.go of Terraform 1.11). The
    // apply makes it one.
    if (!context.planned_before) {
      answer.diagnostics.Warning(
          absl::StrCat("The apply will be unable to ", request.prior.IsNull() ? "create" : "update",
                       " this ", info().noun),
          status);
    }
  } else if (!status.ok()) {
    ReportFailure(answer.diagnostics, destroy ? "plan the removal of" : "plan", info(), schema(),
                  status);
  }
  if (!destroy) {
    if (!changes && plan::Changes(request.prior, draft.planned)) {
      // The resource found the first change: what depends on it is unknown now.
      draft.planned = plan::MarkUnknown(schema(), {request.config, request.prior, request.proposed},
                                        std::move(draft.planned));
      for (auto& [name, value] : draft.set) draft.planned.mapping()[name] = value;
    }
    answer.requires_replace = plan::ReplacePaths(schema(), request.prior, draft.planned);
    for (Path& path : draft.requires_replace) answer.requires_replace.push_back(std::move(path));
    std::sort(answer.requires_replace.begin(), answer.requires_replace.end());
    answer.requires_replace.erase(
        std::unique(answer.requires_replace.begin(), answer.requires_replace.end()),
        answer.requires_replace.end());
  }
  answer.planned = std::move(draft.planned);
  if (!destroy && !context.replaces) {
    const std::string object = DoSameObject(answer.planned);
    if (!object.empty() && IsDeclaredTwice(object, request.prior.IsNull())) {
      answer.diagnostics.Error(absl::StrCat("Two resources declare the same ", info().noun),
                               absl::StrCat("One ", info().type,
                                            " of this configuration has it in the state, another "
                                            "one is to be created: ",
                                            object,
                                            "\n\nKeep one of them. If the address "
                                            "was renamed, use a moved block."));
    }
  }
  if (destroy) {
    private_state.Erase(kNextObject);
  } else if (!request.prior.IsNull()) {
    private_state.Set(kChangePlanned, "1");
  } else if (!private_state.Get(kChangePlanned)) {
    private_state.Set(kNextObject, DoSameObject(answer.planned));
  }
  answer.private_bytes = private_state.ToBytes();
  if (request.capabilities.deferral_allowed) {
    if (!provider_.Unknown(info().needs).empty()) answer.deferred = Defer::kProviderConfigUnknown;
    // Terraform allows deferrals in every apply, and refuses them there: "deferred during apply,
    // but not during plan". A configuration with unknown values is how to tell that this is not
    // one.
    if (draft.deferred && !request.config.IsWhollyKnown()) answer.deferred = draft.deferred;
  }
  if (kCheckAnswers && !answer.diagnostics.HasError() && !answer.deferred) {
    ReportViolations(answer.diagnostics, "plan",
                     plan::CheckPlan(schema(), request.config, request.prior, answer.planned,
                                     answer.requires_replace));
  }
  return answer;
}

// True if one resource of this run keeps `object` and another is to create it, whichever is planned
// first. Two that are to create it are told apart when the second one does.
bool ResourceRunner::IsDeclaredTwice(const std::string& object, bool create) {
  const absl::MutexLock lock(&mutex_);
  if (run_ != provider_.runs()) {
    run_ = provider_.runs();
    kept_.clear();
    to_create_.clear();
  }
  (create ? to_create_ : kept_).insert(object);
  return kept_.contains(object) && to_create_.contains(object);
}

void ResourceRunner::ForgetPlans(const Value& object) {
  if (object.IsNull()) return;
  const std::string name = DoSameObject(object);
  const absl::MutexLock lock(&mutex_);
  kept_.erase(name);
  to_create_.erase(name);
}

// The state after a deletion that failed. As before, if that cannot be told.
Value ResourceRunner::WhatIsLeft(const Call& call, const ApplyRequest& request) {
  Diagnostics unheard;
  PrivateState unkept = PrivateState::Parse(request.private_bytes);
  const Context context =
      MakeContext(call.Within(kLookAround), "read", request.prior, &unheard, &unkept);
  ValueOutcome outcome;
  const absl::Status looked = Guard([&] {
    outcome = DoRead(context, request.prior);
    return outcome.status;
  });
  if (!looked.ok() || !outcome.state) return request.prior;
  bool unknown = false;
  Value left = NullForUnknown(WithoutWriteOnly(schema(), *std::move(outcome.state)), &unknown);
  return KeepSpelling(schema(), request.prior, left).ok() && !unknown ? left : request.prior;
}

StateAnswer ResourceRunner::Delete(const Call& call, const ApplyRequest& request) {
  StateAnswer answer;
  PrivateState private_state = PrivateState::Parse(request.private_bytes);
  const Context context =
      MakeContext(call, "delete", request.prior, &answer.diagnostics, &private_state);
  // The delete half of a replacement of a tainted object that the create half takes over.
  const std::string next = private_state.Get(kNextObject).value_or("");
  if (!next.empty() && next == DoSameObject(request.prior)) {
    DoSpare(context, request.prior);
    return answer;
  }
  // The plan of a create in the place of something tainted is not told what that had in private.
  if (!next.empty()) private_state.OpenTenure();
  absl::Status status = Guard([&] { return DoDelete(context, request.prior); });
  if (status.ok() || absl::IsNotFound(status)) return answer;
  // The object stays in the state, or it would be an orphan; without the parts of it that are gone
  // already.
  answer.state = absl::IsCancelled(status) ? request.prior : WhatIsLeft(call, request);
  answer.identity = request.identity;
  answer.private_bytes = request.private_bytes;
  ReportFailure(answer.diagnostics, "delete", info(), schema(), std::move(status));
  return answer;
}

StateAnswer ResourceRunner::Apply(const Call& call, const ApplyRequest& request) {
  ForgetPlans(request.prior);
  ForgetPlans(request.planned);
  if (request.planned.IsNull()) return Delete(call, request);
  StateAnswer answer;
  const bool create = request.prior.IsNull();
  const absl::string_view verb = create ? "create" : "update";
  PrivateState private_state = PrivateState::Parse(request.private_bytes);
  private_state.Erase(kNextObject);
  private_state.Erase(kChangePlanned);
  if (create) private_state.BeginTenure();
  private_state.OpenTenure();  // what it takes away is its own to take away
  const Context context =
      MakeContext(call, verb, request.planned, &answer.diagnostics, &private_state);
  const Value planned = WithWriteOnly(schema(), request.planned, request.config);
  ValueOutcome outcome;
  absl::Status status = Guard([&] {
    if (context.provider_config_unknown) {
      return absl::FailedPreconditionError("the provider block still has unknown values");
    }
    outcome = create ? DoCreate(context, planned) : DoUpdate(context, request.prior, planned);
    return outcome.status;
  });
  if (status.ok() && !outcome.state)
    status = absl::InternalError("the operation ended without a state");
  if (status.ok()) private_state.Erase(kAdopting);
  if (create && outcome.state) private_state.NoteTenure(context, status.ok());
  if (outcome.state) {
    bool unknown = false;
    answer.state = NullForUnknown(WithoutWriteOnly(schema(), *std::move(outcome.state)), &unknown);
    const absl::Status kept = KeepSpelling(schema(), request.planned, answer.state);
    if (status.ok()) status = kept;
    if (unknown && status.ok()) status = absl::InternalError("the operation left a value unknown");
  } else {
    answer.state = request.prior;  // null for a create: nothing was made
  }
  ReportFailure(answer.diagnostics, verb, info(), schema(), std::move(status));
  // An update may have come to another object, where its name was known too late for a replacement.
  const bool same = !create && DoSameObject(request.prior) == DoSameObject(answer.state);
  Finish(context, answer, private_state, same ? request.identity : Value());
  if (kCheckAnswers && !answer.diagnostics.HasError()) {
    ReportViolations(answer.diagnostics, "result",
                     plan::CheckApply(schema(), request.planned, answer.state));
  }
  return answer;
}

// By identity: there is one, with everything that is required for import.
absl::Status ResourceRunner::CompleteIdentity(const Value& identity) const {
  if (identity_schema() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the import id is empty; it is ", info().import_id));
  }
  if (!identity.IsKnown())
    return absl::InvalidArgumentError("neither an import id nor an identity was given");
  for (const AttributeSchema& part : identity_schema()->attributes) {
    if (part.mode == Mode::kRequired && !identity[part.name].IsKnown()) {
      return absl::InvalidArgumentError(absl::StrCat("the identity has no \"", part.name, "\""));
    }
  }
  return absl::OkStatus();
}

StateAnswer ResourceRunner::Import(const Call& call, const ImportRequest& request) {
  StateAnswer answer;
  PrivateState private_state;
  const Context context = MakeContext(call, "read", Value(), &answer.diagnostics, &private_state);
  absl::Status status = Guard([&]() -> absl::Status {
    if (info().import_id.empty()) {
      return absl::UnimplementedError(absl::StrCat("a ", info().noun, " cannot be imported"));
    }
    if (request.id.empty()) CHARON_RETURN_IF_ERROR(CompleteIdentity(request.identity));
    CHARON_ASSIGN_OR_RETURN(answer.state, DoImport(context, request));
    return absl::OkStatus();
  });
  if (!status.ok()) {
    if (!request.id.empty()) {
      status = WithRemedy(
          Annotate(std::move(status), absl::StrCat("import id \"", request.id, "\"")),
          absl::StrCat("The import id of a ", info().noun, " is ", info().import_id, "."));
    }
    ReportFailure(answer.diagnostics, "import", info(), schema(), std::move(status));
    return answer;
  }
  answer.state = WithoutWriteOnly(schema(), std::move(answer.state));
  private_state.Set(kAdopting, "1");
  Finish(context, answer, private_state, Value());
  // What the user said and we cannot tell stays as said.
  if (request.identity.IsKnown() && answer.identity.IsKnown()) {
    for (auto& [name, part] : answer.identity.mapping()) {
      if (part.IsNull()) part = request.identity[name];
    }
  }
  return answer;
}

absl::Status NoWayFrom(const MoveRequest& request, const std::vector<std::string>& sources) {
  return WithRemedy(
      absl::UnimplementedError(
          absl::StrCat("no way from ", request.source_type, " of ", request.source_provider)),
      absl::StrCat(sources.empty() ? ""
                                   : absl::StrCat("A moved block can lead here from ",
                                                  absl::StrJoin(sources, ", "), ". "),
                   "Of another type, import the object, and let the former resource go with a "
                   "removed block (destroy = false)."));
}

StateAnswer ResourceRunner::Upgrade(const Call& call, std::int64_t version,
                                    const std::string& json) {
  StateAnswer answer;
  PrivateState private_state;
  const Context context = MakeContext(call, "read", Value(), &answer.diagnostics, &private_state);
  absl::Status status = Guard([&]() -> absl::Status {
    if (version == info().version) {
      CHARON_ASSIGN_OR_RETURN(answer.state, DecodeJson(json, schema().type()));
    } else {
      CHARON_ASSIGN_OR_RETURN(answer.state, DoUpgrade(context, version, json));
    }
    return absl::OkStatus();
  });
  answer.state = WithoutWriteOnly(schema(), std::move(answer.state));
  ReportFailure(answer.diagnostics, "read the stored state of", info(), schema(),
                std::move(status));
  return answer;
}

StateAnswer ResourceRunner::UpgradeIdentity(const Call&, std::int64_t version,
                                            const std::string& json) {
  StateAnswer answer;
  absl::Status status = Guard([&]() -> absl::Status {
    if (identity_schema() == nullptr)
      return absl::UnimplementedError("this resource has no identity");
    if (version != 0) {
      return absl::UnimplementedError(
          absl::StrCat("identity version ", version, " is newer than this provider's"));
    }
    CHARON_ASSIGN_OR_RETURN(answer.identity, DecodeJson(json, identity_schema()->type()));
    return absl::OkStatus();
  });
  ReportFailure(answer.diagnostics, "read the stored identity of", info(), schema(),
                std::move(status));
  return answer;
}

StateAnswer ResourceRunner::Move(const Call& call, const MoveRequest& request) {
  StateAnswer answer;
  PrivateState private_state;
  const Context context = MakeContext(call, "read", Value(), &answer.diagnostics, &private_state);
  absl::Status status = Guard([&]() -> absl::Status {
    CHARON_ASSIGN_OR_RETURN(answer.state, DoMove(context, request));
    return absl::OkStatus();
  });
  if (!status.ok()) {
    ReportFailure(answer.diagnostics, "move to", info(), schema(), std::move(status));
    return answer;
  }
  answer.state = WithoutWriteOnly(schema(), std::move(answer.state));
  private_state.Set(kAdopting, "1");
  Finish(context, answer, private_state, Value());
  return answer;
}

StateAnswer ResourceRunner::GenerateConfig(const Call& call, const Value& state) {
  StateAnswer answer;
  PrivateState private_state;
  const Context context = MakeContext(call, "read", Value(), &answer.diagnostics, &private_state);
  absl::Status status = Guard([&]() -> absl::Status {
    CHARON_ASSIGN_OR_RETURN(Value config, DoGenerateConfig(context, state));
    answer.state = TransformAttributes(
        schema(), Value(), std::move(config), Path(),
        [](const AttributeSchema& attribute, const Value&, Value value, const Path& path, bool*) {
          const bool root_timeouts = path.steps().size() == 1 && attribute.name == "timeouts";
          const bool drop = attribute.mode == Mode::kComputed || attribute.write_only ||
                            !attribute.deprecation.empty() || root_timeouts ||
                            (attribute.default_value && value == *attribute.default_value);
          return drop ? Value::Null() : std::move(value);
        });
    return absl::OkStatus();
  });
  ReportFailure(answer.diagnostics, "generate the configuration of", info(), schema(),
                std::move(status));
  return answer;
}

}  // namespace charon::sdk
