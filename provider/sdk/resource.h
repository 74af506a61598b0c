// A managed resource, as its author writes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "provider/plan/engine.h"
#include "provider/schema/checks.h"
#include "provider/schema/completions.h"
#include "provider/schema/field.h"
#include "provider/sdk/adapter.h"
#include "provider/sdk/any.h"
#include "provider/sdk/outcome.h"
#include "provider/sdk/timeouts.h"

namespace charon::sdk {

// For resources without an identity.
struct NoIdentity {
  static const ObjectSpec<NoIdentity>& Describe() {
    static const auto& spec = *new ObjectSpec<NoIdentity>("No identity.", {});
    return spec;
  }
};

// A plan in the making: what the table's rules came to, for the resource to look at and to refine.
template <typename M>
class PlanChange {
 public:
  PlanChange(PlanDraft& draft, std::optional<M> config, std::optional<M> prior,
             std::optional<M> planned)
      : draft_(draft),
        config_(std::move(config)),
        prior_(std::move(prior)),
        planned_(std::move(planned)) {}

  bool IsCreate() const { return !prior_ && planned_; }
  bool IsUpdate() const { return prior_ && planned_; }
  bool IsDestroy() const { return prior_ && !planned_; }
  // True if the planned object differs from the prior one so far.
  bool Changes() const { return !(draft_.prior == draft_.planned); }

  const M& config() const { return *config_; }  // REQUIRES: !IsDestroy(); has the write-only values
  const M& prior() const { return *prior_; }    // REQUIRES: !IsCreate()
  const M& planned() const {
    return *planned_;
  }  // REQUIRES: !IsDestroy(); as the table's rules left it

  // What the planned object, of which parts are unknown, may turn out to be.
  std::vector<Completion> Completions() const {
    const ObjectSchema& schema = M::Describe().schema();
    std::vector<Completion> all =
        charon::Completions(schema, WithWriteOnly(schema, draft_.planned, draft_.config));
    for (Completion& one : all) one.object = WithoutWriteOnly(schema, std::move(one.object));
    return all;
  }

  // Decides one attribute. Only computed ones may get another value than the configuration's; any
  // may be set back to its prior value.
  template <typename T>
  void Set(absl::string_view name, const Attr<T>& value) {
    SetValue(name, EncodeAttr(value));
  }
  void SetUnknown(absl::string_view name) { SetValue(name, Value::Unknown()); }
  // The same for what Read finds out. Null in the prior state, because it has not been read since
  // there is the attribute, or because it is somebody else's until the first change: that alone
  // changes nothing. To be called when everything else is decided.
  template <typename T>
  void SetUnlessUnread(absl::string_view name, const Attr<T>& value) {
    if (IsUpdate() && draft_.prior[name].IsNull() && !Changes()) return;
    Set(name, value);
  }
  // A map of which some values are not known yet: those that are nullopt.
  void SetPartly(absl::string_view name,
                 const std::map<std::string, std::optional<std::string>>& texts) {
    Value::Mapping entries;
    for (const auto& [key, text] : texts)
      entries.emplace(key, text ? Value::String(*text) : Value::Unknown());
    SetValue(name, Value::Of(std::move(entries)));
  }
  void KeepPrior(absl::string_view name) { SetValue(name, draft_.prior[name]); }
  // Nothing changes after all: every attribute as it was.
  void KeepAllPrior() {
    for (const auto& [name, value] : draft_.prior.mapping()) SetValue(name, value);
  }

  // `path` is one of the planned or of the prior object.
  void RequireReplace(Path path) { draft_.requires_replace.push_back(std::move(path)); }
  // True if the object will be replaced as things stand: by the table's rules or by
  // RequireReplace().
  bool RequiresReplace() const {
    return !draft_.requires_replace.empty() ||
           !plan::ReplacePaths(M::Describe().schema(), draft_.prior, draft_.planned).empty();
  }
  // Puts the change off, where core allows it and the configuration has unknown values (core
  // refuses to put off at apply what was planned); otherwise ignored.
  void PutOff(Defer reason) { draft_.deferred = reason; }

 private:
  void SetValue(absl::string_view name, Value value) {
    draft_.planned.mapping()[std::string(name)] = value;
    draft_.set[std::string(name)] = std::move(value);
  }

  PlanDraft& draft_;
  std::optional<M> config_, prior_, planned_;
};

// From another provider's resource type, by a `moved` block.
template <typename M>
struct MoveSource {
  std::string source_type;  // "kubernetes_manifest", of any provider address
  // The state of ours that stands for the same object. The other's attributes are in
  // request.source_state.
  std::function<absl::StatusOr<M>(const Context&, const MoveRequest&)> move;
};

// One implementation serves all instances and is called concurrently: it holds clients, no state of
// a call. `M` is the model, `I` the identity's (its required rows are required for import).
//
// A write-only attribute is known in the models handed to Create and Update, and nowhere else.
template <typename M, typename I = NoIdentity>
class Resource {
 public:
  using Base = Resource<M, I>;  // what Registry::Add takes
  virtual ~Resource() = default;

  virtual const ResourceInfo& info() const = 0;

  // What goes beyond one attribute. Anything may be unknown, and what is at fault by itself is.
  // Other faults than the one returned go to the context's diagnostics.
  virtual absl::Status Validate(const Context&, const M& /*config*/) { return absl::OkStatus(); }

  // Refines the plan. No side effects; must not fail because a server is not there.
  virtual absl::Status Plan(const Context&, PlanChange<M>&) { return absl::OkStatus(); }

  // `plan` with everything computed filled in. Partial with what was made if a later step fails.
  virtual Outcome<M> Create(const Context& context, const M& plan) = 0;

  // NotFound: it is gone, and Terraform plans to make it again.
  virtual Outcome<M> Read(const Context& context, const M& prior) = 0;

  virtual Outcome<M> Update(const Context&, const M& /*prior*/, const M& /*plan*/) {
    return absl::InternalError("nothing of this resource can change in place");
  }

  // NotFound counts as success.
  virtual absl::Status Delete(const Context& context, const M& prior) = 0;

  // Names the remote object of a model, "" if that is not known yet. A create that failed while
  // waiting is tainted: core deletes and creates. If both halves are about the same object, the
  // delete half leaves it, and the create half takes over what is there. "" (the default) asks for
  // no such mercy.
  virtual std::string SameObject(const M& /*model*/) const { return ""; }
  // Called instead of Delete then, before Create in the same process: what the failed create left,
  // for resources whose objects have parts that the next configuration may not have.
  virtual void Spare(const Context&, const M& /*prior*/) {}

  // A model with as much as Read needs. `id` is what the user wrote.
  virtual absl::StatusOr<M> Import(const Context&, const std::string& /*id*/) {
    return absl::UnimplementedError("import is not offered");
  }
  virtual absl::StatusOr<M> ImportByIdentity(const Context&, const I& /*identity*/) {
    return absl::UnimplementedError("import by identity is not offered");
  }
  // REQUIRES override if I is not NoIdentity.
  virtual absl::StatusOr<I> Identify(const Context&, const M& /*state*/) { return I(); }

  // From the stored JSON of an older schema version straight to the current model.
  virtual absl::StatusOr<M> UpgradeState(const Context&, std::int64_t version,
                                         const std::string& /*json*/) {
    return absl::UnimplementedError(absl::StrCat("no upgrade from state version ", version));
  }

  virtual std::vector<MoveSource<M>> MoveSources() const { return {}; }

  // What a user would write for this state; computed, default and write-only attributes are dropped
  // afterwards.
  virtual M ToConfig(const M& state) const { return state; }
};

template <typename M, typename I>
class ResourceAdapter final : public ResourceRunner {
 public:
  ResourceAdapter(std::unique_ptr<Resource<M, I>> resource, const AnyProvider& provider)
      : ResourceRunner(provider), resource_(std::move(resource)) {}

  const ResourceInfo& info() const override { return resource_->info(); }
  const ObjectSchema& schema() const override { return M::Describe().schema(); }
  const ObjectSchema* identity_schema() const override {
    return std::is_same_v<I, NoIdentity> ? nullptr : &I::Describe().schema();
  }
  std::vector<std::string> move_sources() const override {
    std::vector<std::string> types;
    for (const MoveSource<M>& source : resource_->MoveSources())
      types.push_back(source.source_type);
    return types;
  }

 protected:
  absl::Status DoValidate(const Context& context, const Value& config) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(config));
    return resource_->Validate(context, model);
  }
  ValueOutcome DoCreate(const Context& context, const Value& planned) override {
    const absl::StatusOr<M> model = M::Describe().Decode(planned);
    if (!model.ok()) return {std::nullopt, model.status()};
    return Encode(resource_->Create(context, *model));
  }
  ValueOutcome DoRead(const Context& context, const Value& prior) override {
    const absl::StatusOr<M> model = M::Describe().Decode(prior);
    if (!model.ok()) return {std::nullopt, model.status()};
    return Encode(resource_->Read(context, *model));
  }
  ValueOutcome DoUpdate(const Context& context, const Value& prior, const Value& planned) override {
    const absl::StatusOr<M> before = M::Describe().Decode(prior);
    if (!before.ok()) return {std::nullopt, before.status()};
    const absl::StatusOr<M> after = M::Describe().Decode(planned);
    if (!after.ok()) return {std::nullopt, after.status()};
    return Encode(resource_->Update(context, *before, *after));
  }
  absl::Status DoDelete(const Context& context, const Value& prior) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(prior));
    return resource_->Delete(context, model);
  }
  absl::Status DoPlan(const Context& context, PlanDraft& draft) override {
    CHARON_ASSIGN_OR_RETURN(std::optional<M> config, DecodeOptional(draft.config));
    CHARON_ASSIGN_OR_RETURN(std::optional<M> prior, DecodeOptional(draft.prior));
    CHARON_ASSIGN_OR_RETURN(std::optional<M> planned, DecodeOptional(draft.planned));
    PlanChange<M> change(draft, std::move(config), std::move(prior), std::move(planned));
    return resource_->Plan(context, change);
  }
  std::string DoSameObject(const Value& object) const override {
    const absl::StatusOr<M> model = M::Describe().Decode(object);
    return model.ok() ? resource_->SameObject(*model) : "";
  }
  void DoSpare(const Context& context, const Value& prior) override {
    if (const absl::StatusOr<M> model = M::Describe().Decode(prior); model.ok())
      resource_->Spare(context, *model);
  }
  absl::StatusOr<Value> DoImport(const Context& context, const ImportRequest& request) override {
    if (!request.id.empty()) return Encode(resource_->Import(context, request.id));
    CHARON_ASSIGN_OR_RETURN(const I identity, I::Describe().Decode(request.identity));
    return Encode(resource_->ImportByIdentity(context, identity));
  }
  absl::StatusOr<Value> DoIdentify(const Context& context, const Value& state) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(state));
    CHARON_ASSIGN_OR_RETURN(const I identity, resource_->Identify(context, model));
    return I::Describe().Encode(identity);
  }
  absl::StatusOr<Value> DoUpgrade(const Context& context, std::int64_t version,
                                  const std::string& json) override {
    return Encode(resource_->UpgradeState(context, version, json));
  }
  absl::StatusOr<Value> DoMove(const Context& context, const MoveRequest& request) override {
    for (const MoveSource<M>& source : resource_->MoveSources()) {
      if (source.source_type == request.source_type) return Encode(source.move(context, request));
    }
    return NoWayFrom(request, move_sources());
  }
  absl::StatusOr<Value> DoGenerateConfig(const Context&, const Value& state) override {
    CHARON_ASSIGN_OR_RETURN(const M model, M::Describe().Decode(state));
    return M::Describe().Encode(resource_->ToConfig(model));
  }

 private:
  static absl::StatusOr<std::optional<M>> DecodeOptional(const Value& value) {
    if (!value.IsKnown()) return std::optional<M>();
    CHARON_ASSIGN_OR_RETURN(M model, M::Describe().Decode(value));
    return std::optional<M>(std::move(model));
  }
  static ValueOutcome Encode(const Outcome<M>& outcome) {
    ValueOutcome encoded{std::nullopt, outcome.status()};
    if (outcome.state()) encoded.state = M::Describe().Encode(*outcome.state());
    return encoded;
  }
  static absl::StatusOr<Value> Encode(const absl::StatusOr<M>& model) {
    if (!model.ok()) return model.status();
    return M::Describe().Encode(*model);
  }

  std::unique_ptr<Resource<M, I>> resource_;
};

}  // namespace charon::sdk
