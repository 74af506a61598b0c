// What a resource gets and what Terraform gets, with a resource whose every operation is a lambda.
#include "provider/sdk/adapter.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/core_program.h"
#include "provider/sdk/registry.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/values.h"

namespace charon::sdk {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

struct HostIdentity {
  Attr<std::string> name, cluster;

  static const ObjectSpec<HostIdentity>& Describe() {
    using I = HostIdentity;
    static const auto& spec = *new ObjectSpec<I>(
        "Which host it is.", {Field(&I::name, "name", Required, "Name of the host."),
                              Field(&I::cluster, "cluster", Optional, "Id of its cluster.")});
    return spec;
  }
};

struct PortModel {
  Attr<std::int64_t> number;
  Attr<std::string> uid;

  static const ObjectSpec<PortModel>& Describe() {
    using P = PortModel;
    static const auto& spec = *new ObjectSpec<P>(
        "A port of a host.", {Field(&P::number, "number", Required, "The port's number."),
                              Field(&P::uid, "uid", Computed, "Id of the port.")});
    return spec;
  }
};

struct HostModel {
  Attr<std::string> id, name, mode, zone, note, password_wo, seen;
  Attr<std::int64_t> size;
  Attr<std::vector<PortModel>> ports;
  Attr<Value> extra;
  Attr<TimeoutsModel> timeouts;

  static const ObjectSpec<HostModel>& Describe() {
    using M = HostModel;
    static const auto& spec = *new ObjectSpec<M>(
        "A host.",
        {
            Field(&M::id, "id", Computed, "Id of the host.").KeepPrior(),
            Field(&M::name, "name", Required, "Name of the host."),
            Field(&M::mode, "mode", Optional, "Mode; case does not count.")
                .Same([](const std::string& a, const std::string& b) {
                  if (a == "throw" || b == "throw") throw std::runtime_error("out of luck");
                  return absl::AsciiStrToLower(a) == absl::AsciiStrToLower(b);
                }),
            Field(&M::zone, "zone", Optional, "Zone of the host.").ForceNew(),
            Field(&M::note, "note", Optional, "A note for people.").Deprecated("Nobody reads it."),
            Field(&M::password_wo, "password_wo", Optional, "Password of the host.").WriteOnly(),
            Field(&M::seen, "seen", Computed, "When it was seen."),
            Field(&M::size, "size", Optional, "Size of the host.").Default(1),
            Field(&M::ports, "ports", Optional, "Ports of the host."),
            Field(&M::extra, "extra", Optional, "Anything else."),
            TimeoutsField(&M::timeouts),
        });
    return spec;
  }
};

HostModel Filled(HostModel model) {
  model.id = "7";
  model.seen = "now";
  model.password_wo = Attr<std::string>::Null();
  if (model.ports.IsKnown()) {
    for (PortModel& port : model.ports.value()) port.uid = "p";
  }
  return model;
}

class HostResource final : public Resource<HostModel, HostIdentity> {
 public:
  struct Body {
    std::function<absl::Status(const Context&, const HostModel&)> validate;
    std::function<absl::Status(const Context&, PlanChange<HostModel>&)> plan;
    std::function<Outcome<HostModel>(const Context&, const HostModel&)> create, read;
    std::function<Outcome<HostModel>(const Context&, const HostModel&, const HostModel&)> update;
    std::function<absl::Status(const Context&, const HostModel&)> remove;
    std::function<absl::StatusOr<HostIdentity>(const HostModel&)> identify;
    std::function<HostModel(const HostModel&)> to_config;
    std::function<std::string(const HostModel&)> same_object;
    std::function<void(const HostModel&)> spare;
  };
  explicit HostResource(const Body& body) : body_(body) {}

  const ResourceInfo& info() const override {
    static const auto& info = *new ResourceInfo{.type = "charon_host",
                                                .noun = "host",
                                                .subcategory = "Tests",
                                                .version = 2,
                                                .timeouts = {.create = absl::Minutes(9)},
                                                .import_id = "the host's name"};
    return info;
  }
  absl::Status Validate(const Context& context, const HostModel& config) override {
    return body_.validate ? body_.validate(context, config) : absl::OkStatus();
  }
  absl::Status Plan(const Context& context, PlanChange<HostModel>& change) override {
    return body_.plan ? body_.plan(context, change) : absl::OkStatus();
  }
  Outcome<HostModel> Create(const Context& context, const HostModel& plan) override {
    return body_.create ? body_.create(context, plan) : Filled(plan);
  }
  Outcome<HostModel> Read(const Context& context, const HostModel& prior) override {
    return body_.read ? body_.read(context, prior) : prior;
  }
  Outcome<HostModel> Update(const Context& context, const HostModel& prior,
                            const HostModel& plan) override {
    return body_.update ? body_.update(context, prior, plan) : Filled(plan);
  }
  absl::Status Delete(const Context& context, const HostModel& prior) override {
    return body_.remove ? body_.remove(context, prior) : absl::OkStatus();
  }
  absl::StatusOr<HostModel> Import(const Context&, const std::string& id) override {
    if (id == "lost") return absl::InvalidArgumentError("no such name");
    HostModel model;
    model.name = id;
    model.password_wo = "leak";
    return model;
  }
  absl::StatusOr<HostModel> ImportByIdentity(const Context&,
                                             const HostIdentity& identity) override {
    HostModel model;
    model.name = identity.name;
    return model;
  }
  absl::StatusOr<HostIdentity> Identify(const Context&, const HostModel& state) override {
    if (body_.identify) return body_.identify(state);
    return HostIdentity{.name = state.name, .cluster = {}};
  }
  absl::StatusOr<HostModel> UpgradeState(const Context& context, std::int64_t version,
                                         const std::string& json) override {
    if (version != 0) return Resource::UpgradeState(context, version, json);
    HostModel model;
    model.name = "from version 0";
    model.password_wo = "leak";
    return model;
  }
  std::vector<MoveSource<HostModel>> MoveSources() const override {
    return {
        {"other_host", [](const Context&, const MoveRequest& request) -> absl::StatusOr<HostModel> {
           if (request.source_version != 1) return absl::InvalidArgumentError("only version 1");
           HostModel model;
           model.name = request.source_state;
           model.password_wo = "leak";
           return model;
         }}};
  }
  std::string SameObject(const HostModel& model) const override {
    return body_.same_object ? body_.same_object(model) : "";
  }
  void Spare(const Context&, const HostModel& prior) override {
    if (body_.spare) body_.spare(prior);
  }
  HostModel ToConfig(const HostModel& state) const override {
    return body_.to_config ? body_.to_config(state) : state;
  }

 private:
  const Body& body_;
};

class AdapterTest : public ::testing::Test {
 protected:
  AdapterTest() {
    auto provider = std::make_unique<FakeProvider>();
    provider_ = provider.get();
    registry_ = std::make_unique<Registry>(std::move(provider));
    registry_->Add(std::make_unique<HostResource>(body_));
    call_.clock = &clock_;
    call_.deadline = absl::InfiniteFuture();
  }

  AnyResource& host() { return *registry_->resources().at("charon_host"); }
  const ObjectSchema& schema() { return host().schema(); }
  Value Object(absl::string_view json) { return ObjectForTest(schema(), json); }
  Value Identity(absl::string_view json) { return ObjectForTest(*host().identity_schema(), json); }

  PlanAnswer Plan(absl::string_view prior, absl::string_view config,
                  absl::string_view private_bytes = "", Capabilities capabilities = {false, true}) {
    PlanRequest request;
    if (!prior.empty()) request.prior = Object(prior);
    if (!config.empty()) request.config = Object(config);
    if (!config.empty())
      request.proposed = core::ProposedNewState(schema(), request.prior, request.config);
    request.private_bytes = std::string(private_bytes);
    request.capabilities = capabilities;
    return host().Plan(call_, request);
  }

  // Plans and applies.
  StateAnswer Apply(absl::string_view prior, absl::string_view config, Value identity = Value()) {
    PlanAnswer plan = Plan(prior, config);
    EXPECT_THAT(Messages(plan.diagnostics), IsEmpty());
    ApplyRequest request;
    if (!prior.empty()) request.prior = Object(prior);
    if (!config.empty()) request.config = Object(config);
    request.planned = plan.planned;
    request.private_bytes = plan.private_bytes;
    request.identity = std::move(identity);
    return host().Apply(call_, request);
  }

  StateAnswer Read(absl::string_view state) {
    ReadRequest request;
    request.state = Object(state);
    return host().Read(call_, request);
  }

  // "error summary | detail | path"
  static std::vector<std::string> Messages(const Diagnostics& diagnostics) {
    std::vector<std::string> messages;
    for (const Diagnostic& d : diagnostics.list()) {
      messages.push_back((d.severity == Diagnostic::Severity::kError ? "error " : "warning ") +
                         d.summary + " | " + d.detail + " | " + d.path.ToString());
    }
    return messages;
  }

  HostResource::Body body_;
  FakeClock clock_;
  Call call_;
  FakeProvider* provider_ = nullptr;
  std::unique_ptr<Registry> registry_;
};

constexpr char kState[] = R"({"id": "7", "name": "a", "seen": "now", "size": 1})";

TEST_F(AdapterTest, CreateFillsInWhatWasUnknown) {
  const StateAnswer answer = Apply("", R"({"name": "a", "ports": [{"number": 80}]})");
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state, Object(R"({"id": "7", "name": "a", "seen": "now", "size": 1,
    "ports": [{"number": 80, "uid": "p"}]})"));
  EXPECT_EQ(answer.identity, Identity(R"({"name": "a"})"));
}

TEST_F(AdapterTest, CreateSeesUnknownsAndDefaults) {
  body_.create = [](const Context&, const HostModel& plan) {
    EXPECT_TRUE(plan.id.IsUnknown());
    EXPECT_EQ(*plan.size, 1);
    EXPECT_TRUE((*plan.ports)[0].uid.IsUnknown());
    return Filled(plan);
  };
  Apply("", R"({"name": "a", "ports": [{"number": 80}]})");
}

TEST_F(AdapterTest, FailedCreateLeavesNothing) {
  body_.create = [](const Context&, const HostModel&) {
    return absl::PermissionDeniedError("no right to make hosts");
  };
  const StateAnswer answer = Apply("", R"({"name": "a"})");
  EXPECT_TRUE(answer.state.IsNull());
  EXPECT_TRUE(answer.identity.IsNull());
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("error Unable to create host | No right to make hosts. | "));
}

TEST_F(AdapterTest, PartialCreateKeepsWhatWasMade) {
  body_.create = [](const Context& context, const HostModel& plan) {
    context.private_state->Set("step", "1");
    HostModel made = plan;  // id is known, seen still is not
    made.id = "7";
    return Outcome<HostModel>::Partial(
        std::move(made), At("mode", absl::UnavailableError("the mode cannot be set")));
  };
  const StateAnswer answer = Apply("", R"({"name": "a", "password_wo": "hush"})");
  EXPECT_EQ(answer.state, Object(R"({"id": "7", "name": "a", "size": 1})"));
  EXPECT_EQ(answer.identity, Identity(R"({"name": "a"})"));
  EXPECT_EQ(PrivateState::Parse(answer.private_bytes).Get("step"), "1");
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("error Unable to create host | The mode cannot be set. | mode"));
}

TEST_F(AdapterTest, FailedUpdateKeepsThePriorState) {
  body_.update = [](const Context&, const HostModel&, const HostModel&) {
    return absl::AbortedError("conflict with b");
  };
  const StateAnswer answer = Apply(kState, R"({"name": "b"})", Identity(R"({"name": "a"})"));
  EXPECT_EQ(answer.state, Object(kState));
  EXPECT_EQ(answer.identity, Identity(R"({"name": "a"})"));
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("error Unable to update host | Conflict with b. | "));
}

TEST_F(AdapterTest, PartialUpdateTellsWhatIsTrue) {
  body_.update = [](const Context&, const HostModel& prior, const HostModel& plan) {
    HostModel mixed = prior;
    mixed.name = plan.name;
    return Outcome<HostModel>::Partial(std::move(mixed), absl::InternalError("size unchanged"));
  };
  const StateAnswer answer = Apply(kState, R"({"name": "b", "size": 2})");
  EXPECT_EQ(answer.state, Object(R"({"id": "7", "name": "b", "seen": "now", "size": 1})"));
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre(HasSubstr("This is a defect of the provider. Please report it")));
}

TEST_F(AdapterTest, SuccessWithoutAStateIsReported) {
  body_.create = [](const Context&, const HostModel&) {
    return Outcome<HostModel>(absl::OkStatus());
  };
  body_.read = body_.create;
  body_.update = [](const Context&, const HostModel&, const HostModel&) {
    return Outcome<HostModel>(absl::OkStatus());
  };
  EXPECT_THAT(Messages(Apply("", R"({"name": "a"})").diagnostics),
              ElementsAre(AllOf(HasSubstr("ended without a state"), HasSubstr("Please report"))));
  const StateAnswer updated = Apply(kState, R"({"name": "b"})");
  EXPECT_THAT(Messages(updated.diagnostics), ElementsAre(HasSubstr("ended without a state")));
  EXPECT_EQ(updated.state, Object(kState));
  const StateAnswer read = Read(kState);
  EXPECT_THAT(Messages(read.diagnostics), ElementsAre(HasSubstr("ended without a state")));
  EXPECT_EQ(read.state, Object(kState));
}

TEST_F(AdapterTest, UnknownsThatAreLeftAreReportedAndNull) {
  body_.create = [](const Context&, const HostModel& plan) {
    HostModel made = Filled(plan);
    made.seen = Attr<std::string>::Unknown();
    return made;
  };
  const StateAnswer answer = Apply("", R"({"name": "a"})");
  EXPECT_TRUE(answer.state["seen"].IsNull());
  EXPECT_EQ(answer.state["id"], Value::String("7"));
  EXPECT_THAT(Messages(answer.diagnostics), ElementsAre(HasSubstr("left a value unknown")));
}

TEST_F(AdapterTest, WriteOnlyValuesReachTheOperationsAndNothingElse) {
  std::vector<std::string> seen;
  body_.create = [&](const Context&, const HostModel& plan) {
    seen.push_back("create " + plan.password_wo.value_or("-"));
    HostModel made = Filled(plan);
    made.password_wo = plan.password_wo;  // careless
    return made;
  };
  body_.update = [&](const Context&, const HostModel& prior, const HostModel& plan) {
    seen.push_back("update " + plan.password_wo.value_or("-") + " from " +
                   prior.password_wo.value_or("-"));
    return plan;
  };
  body_.plan = [&](const Context&, PlanChange<HostModel>& change) {
    seen.push_back("plan " + change.config().password_wo.value_or("-") + " " +
                   (change.planned().password_wo.IsNull() ? "null" : "set"));
    return absl::OkStatus();
  };
  EXPECT_TRUE(Apply("", R"({"name": "a", "password_wo": "one"})").state["password_wo"].IsNull());
  body_.update = [&](const Context&, const HostModel& prior, const HostModel& plan) {
    seen.push_back("update " + plan.password_wo.value_or("-") + " from " +
                   prior.password_wo.value_or("-"));
    HostModel made = Filled(plan);
    made.password_wo = "careless";
    return made;
  };
  EXPECT_TRUE(
      Apply(kState, R"({"name": "b", "password_wo": "two"})").state["password_wo"].IsNull());
  EXPECT_THAT(seen,
              ElementsAre("plan one null", "create one", "plan two null", "update two from -"));
  body_.read = [](const Context&, const HostModel& prior) {
    HostModel made = prior;
    made.password_wo = "careless";
    return made;
  };
  EXPECT_TRUE(Read(kState).state["password_wo"].IsNull());
}

TEST_F(AdapterTest, NotFoundOnReadRemoves) {
  body_.read = [](const Context&, const HostModel&) { return absl::NotFoundError("gone"); };
  ReadRequest request;
  request.state = Object(kState);
  request.identity = Identity(R"({"name": "a"})");
  request.private_bytes = R"({"k":"v"})";
  const StateAnswer answer = host().Read(call_, request);
  EXPECT_TRUE(answer.state.IsNull());
  EXPECT_TRUE(answer.identity.IsNull());
  EXPECT_EQ(answer.private_bytes, "");
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
}

TEST_F(AdapterTest, FailedReadKeepsEverything) {
  body_.read = [](const Context&, const HostModel&) { return absl::UnavailableError("no answer"); };
  ReadRequest request;
  request.state = Object(kState);
  request.identity = Identity(R"({"name": "a"})");
  request.private_bytes = R"({"k":"v"})";
  const StateAnswer answer = host().Read(call_, request);
  EXPECT_EQ(answer.state, request.state);
  EXPECT_EQ(answer.identity, request.identity);
  EXPECT_EQ(answer.private_bytes, request.private_bytes);
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("error Unable to read host | No answer. | "));
}

TEST_F(AdapterTest, ReadKeepsTheSpellingButShowsDrift) {
  body_.read = [](const Context&, const HostModel& prior) {
    HostModel now = prior;
    now.mode = "FAST";
    now.size = 5;
    return now;
  };
  const StateAnswer same =
      Read(R"({"id": "7", "name": "a", "mode": "fast", "size": 1, "seen": "now"})");
  EXPECT_EQ(same.state,
            Object(R"({"id": "7", "name": "a", "mode": "fast", "size": 5, "seen": "now"})"));
  const StateAnswer other =
      Read(R"({"id": "7", "name": "a", "mode": "slow", "size": 1, "seen": "now"})");
  EXPECT_EQ(other.state["mode"], Value::String("FAST"));
}

TEST_F(AdapterTest, ApplyKeepsTheSpellingOfThePlan) {
  body_.create = [](const Context&, const HostModel& plan) {
    HostModel made = Filled(plan);
    made.mode = "FAST";
    return made;
  };
  EXPECT_EQ(Apply("", R"({"name": "a", "mode": "fast"})").state["mode"], Value::String("fast"));
}

TEST_F(AdapterTest, TypedNullsKeepTheirType) {
  const Value null = Value::Dynamic(Type::String(), Value());
  ApplyRequest request;
  request.planned = Object(R"({"id": "<unknown>", "name": "a", "seen": "<unknown>", "size": 1})");
  request.planned.mapping()["extra"] = null;
  request.config = Object(R"({"name": "a"})");
  request.config.mapping()["extra"] = null;
  const StateAnswer answer = host().Apply(call_, request);
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state["extra"], null);
}

TEST_F(AdapterTest, NotFoundOnDeleteSucceeds) {
  body_.remove = [](const Context&, const HostModel&) { return absl::NotFoundError("gone"); };
  const StateAnswer answer = Apply(kState, "");
  EXPECT_TRUE(answer.state.IsNull());
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
}

TEST_F(AdapterTest, FailedDeleteKeepsTheObject) {
  body_.remove = [](const Context&, const HostModel&) {
    return absl::FailedPreconditionError("still in use");
  };
  const StateAnswer answer = Apply(kState, "", Identity(R"({"name": "a"})"));
  EXPECT_EQ(answer.state, Object(kState));
  EXPECT_EQ(answer.identity, Identity(R"({"name": "a"})"));
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("error Unable to delete host | Still in use. | "));
}

// Deleting takes several steps; the state must not claim what the first of them took away.
TEST_F(AdapterTest, FailedDeleteKeepsWhatIsLeft) {
  body_.remove = [](const Context&, const HostModel&) {
    return absl::UnavailableError("no answer");
  };
  body_.read = [](const Context& context, const HostModel& prior) {
    EXPECT_LE(context.call.Remaining(), absl::Seconds(10));
    context.diagnostics->Warning("Changed outside of Terraform", "by ourselves");
    HostModel left = prior;
    left.size = 7;
    return left;
  };
  StateAnswer answer = Apply(kState, "");
  EXPECT_EQ(answer.state["size"], Object(R"({"size": 7})")["size"]);
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("error Unable to delete host | No answer. | "));
  body_.read = [](const Context&, const HostModel&) { return absl::NotFoundError("gone"); };
  EXPECT_EQ(Apply(kState, "").state, Object(kState)) << "an error means that not all is gone";
}

TEST_F(AdapterTest, TimeoutsBecomeDeadlines) {
  std::vector<std::pair<std::string, absl::Duration>> seen;
  body_.create = [&](const Context& context, const HostModel& plan) {
    seen.emplace_back("create", context.call.Remaining());
    return Filled(plan);
  };
  body_.update = [&](const Context& context, const HostModel&, const HostModel& plan) {
    seen.emplace_back("update", context.call.Remaining());
    return Filled(plan);
  };
  body_.read = [&](const Context& context, const HostModel& prior) {
    seen.emplace_back("read", context.call.Remaining());
    return prior;
  };
  body_.remove = [&](const Context& context, const HostModel&) {
    seen.emplace_back("delete", context.call.Remaining());
    return absl::OkStatus();
  };
  const std::string timeouts =
      R"("timeouts": {"create": "1m", "read": "2s", "update": "3m", "delete": "4h"})";
  const std::string state =
      R"({"id": "7", "name": "a", "seen": "now", "size": 1, )" + timeouts + "}";
  Apply("", R"({"name": "a", )" + timeouts + "}");
  Apply(state, R"({"name": "b", )" + timeouts + "}");
  Read(state);
  Apply(state, "");
  // Without the attribute: what the resource says, else what the SDK does.
  Apply("", R"({"name": "a"})");
  Apply(kState, R"({"name": "b"})");
  EXPECT_THAT(
      seen,
      ElementsAre(std::pair("create", absl::Minutes(1)), std::pair("update", absl::Minutes(3)),
                  std::pair("read", absl::Seconds(2)), std::pair("delete", absl::Hours(4)),
                  std::pair("create", absl::Minutes(9)), std::pair("update", absl::Minutes(10))));
}

TEST_F(AdapterTest, TimeoutsNeverExtendTheCall) {
  call_.deadline = clock_.Now() + absl::Seconds(5);
  body_.read = [&](const Context& context, const HostModel& prior) {
    EXPECT_EQ(context.call.deadline, call_.deadline);
    return prior;
  };
  Read(R"({"id": "7", "name": "a", "seen": "now", "timeouts": {"read": "1h"}})");
}

TEST_F(AdapterTest, RunningOutOfTimeNamesTheTimeout) {
  body_.create = [](const Context&, const HostModel&) {
    return absl::DeadlineExceededError("not ready yet");
  };
  EXPECT_THAT(
      Messages(Apply("", R"({"name": "a"})").diagnostics),
      ElementsAre("error Unable to create host | Not ready yet.\n\nIf it only needs longer, raise "
                  "`timeouts.create`. | "));
  body_.remove = [](const Context&, const HostModel&) {
    return absl::DeadlineExceededError("still there");
  };
  EXPECT_THAT(Messages(Apply(kState, "").diagnostics), ElementsAre(HasSubstr("`timeouts.delete`")));
  // A plan has the time of a read.
  body_.plan = [](const Context&, PlanChange<HostModel>&) {
    return absl::DeadlineExceededError("slow");
  };
  EXPECT_THAT(Messages(Plan("", R"({"name": "a"})").diagnostics),
              ElementsAre(HasSubstr("`timeouts.read`")));
}

TEST_F(AdapterTest, StopSaysHowToGoOn) {
  body_.create = [](const Context&, const HostModel&) {
    return absl::CancelledError("stopped by the user");
  };
  EXPECT_THAT(Messages(Apply("", R"({"name": "a"})").diagnostics),
              ElementsAre(HasSubstr("run the command again")));
}

TEST_F(AdapterTest, ExceptionsBecomeDiagnostics) {
  body_.create = [](const Context&, const HostModel&) -> Outcome<HostModel> {
    throw std::runtime_error("boom");
  };
  body_.read = [](const Context&, const HostModel&) -> Outcome<HostModel> { throw 42; };
  body_.remove = [](const Context&, const HostModel&) -> absl::Status {
    throw std::runtime_error("boom");
  };
  EXPECT_THAT(
      Messages(Apply("", R"({"name": "a"})").diagnostics),
      ElementsAre(AllOf(HasSubstr("nexpected exception: boom"), HasSubstr("Please report"))));
  const StateAnswer read = Read(kState);
  EXPECT_THAT(Messages(read.diagnostics), ElementsAre(HasSubstr("nexpected exception")));
  EXPECT_EQ(read.state, Object(kState));
  EXPECT_EQ(Apply(kState, "").state, Object(kState));
  body_.validate = [](const Context&, const HostModel&) -> absl::Status {
    throw std::runtime_error("boom");
  };
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "a"})"), {})),
              ElementsAre(HasSubstr("boom")));
  body_.plan = [](const Context&, PlanChange<HostModel>&) -> absl::Status {
    throw std::runtime_error("boom");
  };
  EXPECT_THAT(Messages(Plan("", R"({"name": "a"})").diagnostics), ElementsAre(HasSubstr("boom")));
}

// The object exists by then.
TEST_F(AdapterTest, ExceptionsAfterTheCreateDoNotLoseTheState) {
  body_.create = [](const Context&, const HostModel& plan) {
    HostModel made = Filled(plan);
    made.mode = "throw";
    return made;
  };
  body_.identify = [](const HostModel&) -> absl::StatusOr<HostIdentity> {
    throw std::runtime_error("nobody");
  };
  const StateAnswer answer = Apply("", R"({"name": "a", "mode": "fast"})");
  EXPECT_EQ(answer.state["id"], Value::String("7"));
  EXPECT_THAT(Messages(answer.diagnostics), ElementsAre(HasSubstr("out of luck")));
}

TEST_F(AdapterTest, UnknownProviderConfigurationAsksNobody) {
  provider_->set_config_unknown(true);
  body_.read = [](const Context&, const HostModel&) { return absl::InternalError("asked"); };
  body_.create = body_.read;
  ReadRequest request;
  request.state = Object(kState);
  request.private_bytes = "kept as it is";
  request.identity = Identity(R"({"name": "a"})");
  StateAnswer answer = host().Read(call_, request);
  EXPECT_EQ(answer.state, request.state);
  EXPECT_EQ(answer.private_bytes, request.private_bytes);
  EXPECT_EQ(answer.identity, request.identity);
  EXPECT_FALSE(answer.deferred.has_value());
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  request.capabilities.deferral_allowed = true;
  EXPECT_EQ(host().Read(call_, request).deferred, Defer::kProviderConfigUnknown);

  body_.plan = [](const Context& context, PlanChange<HostModel>&) {
    EXPECT_TRUE(context.provider_config_unknown);
    return absl::OkStatus();
  };
  EXPECT_FALSE(Plan("", R"({"name": "a"})").deferred.has_value());
  EXPECT_EQ(Plan("", R"({"name": "a"})", "", {true, true}).deferred, Defer::kProviderConfigUnknown);
  EXPECT_THAT(Messages(Apply("", R"({"name": "a"})").diagnostics),
              ElementsAre(HasSubstr("provider block still has unknown values")));
}

TEST_F(AdapterTest, PrivateStateIsCarriedThrough) {
  body_.plan = [](const Context& context, PlanChange<HostModel>&) {
    context.private_state->Set("planned", "yes");
    return absl::OkStatus();
  };
  const PlanAnswer plan = Plan(kState, R"({"name": "b"})", R"({"token_id":"9"})");
  EXPECT_EQ(PrivateState::Parse(plan.private_bytes).Get("token_id"), "9");
  EXPECT_EQ(PrivateState::Parse(plan.private_bytes).Get("planned"), "yes");
  // A destroy needs it as well.
  EXPECT_EQ(
      PrivateState::Parse(Plan(kState, "", R"({"token_id":"9"})").private_bytes).Get("token_id"),
      "9");

  body_.update = [](const Context& context, const HostModel&, const HostModel& planned) {
    EXPECT_EQ(context.private_state->Get("token_id"), "9");
    context.private_state->Erase("planned");
    return Filled(planned);
  };
  ApplyRequest request;
  request.prior = Object(kState);
  request.config = Object(R"({"name": "b"})");
  request.planned = plan.planned;
  request.private_bytes = plan.private_bytes;
  EXPECT_EQ(host().Apply(call_, request).private_bytes, R"({"token_id":"9"})");

  ReadRequest read;
  read.state = Object(kState);
  read.private_bytes = R"({"token_id":"9"})";
  EXPECT_EQ(host().Read(call_, read).private_bytes, read.private_bytes);
}

TEST_F(AdapterTest, ForeignPrivateBytesCountAsNone) {
  for (const char* bytes :
       {"", "{", "\xff\x00\x01", "[1]", R"({"schema_version":"1","timeouts":{}})"}) {
    ReadRequest read;
    read.state = Object(kState);
    read.private_bytes = bytes;
    const StateAnswer answer = host().Read(call_, read);
    EXPECT_THAT(Messages(answer.diagnostics), IsEmpty()) << bytes;
  }
}

TEST_F(AdapterTest, IdentityStaysOnceGiven) {
  body_.identify = [](const HostModel& state) {
    return HostIdentity{.name = state.name, .cluster = "c1"};
  };
  ReadRequest read;
  read.state = Object(kState);
  read.identity = Identity(R"({"name": "a"})");  // from a time when the cluster was not reachable
  EXPECT_EQ(host().Read(call_, read).identity, read.identity);
  read.identity = Value();  // from a time before there were identities
  EXPECT_EQ(host().Read(call_, read).identity, Identity(R"({"name": "a", "cluster": "c1"})"));
  // Renamed in place: still the same object.
  EXPECT_EQ(Apply(kState, R"({"name": "b"})", Identity(R"({"name": "a"})")).identity,
            Identity(R"({"name": "a"})"));
}

// The name was known too late for a replacement.
TEST_F(AdapterTest, AnUpdateThatCameToAnotherObjectHasItsIdentity) {
  body_.same_object = [](const HostModel& model) { return model.name.value_or(""); };
  const Value former = Identity(R"({"name": "a", "cluster": "c1"})");
  EXPECT_EQ(Apply(kState, R"({"name": "b"})", former).identity, Identity(R"({"name": "b"})"));
  EXPECT_EQ(Apply(kState, R"({"name": "a", "size": 2})", former).identity, former);
}

// Core hands the identity of what is replaced to the plan of the new object.
TEST_F(AdapterTest, ReplacementHasItsOwnIdentity) {
  PlanRequest plan;
  plan.config = Object(R"({"name": "b"})");
  plan.proposed = plan.config;
  plan.identity = Identity(R"({"name": "a"})");
  EXPECT_TRUE(host().Plan(call_, plan).identity.IsNull());
  EXPECT_EQ(Apply("", R"({"name": "b"})", Identity(R"({"name": "a"})")).identity,
            Identity(R"({"name": "b"})"));
  plan.prior = Object(kState);
  EXPECT_EQ(host().Plan(call_, plan).identity, plan.identity);
}

TEST_F(AdapterTest, ImportById) {
  ImportRequest request;
  request.id = "a";
  const StateAnswer answer = host().Import(call_, request);
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state, Object(R"({"name": "a"})"));
  EXPECT_EQ(answer.identity, Identity(R"({"name": "a"})"));
  request.id = "lost";
  EXPECT_THAT(Messages(host().Import(call_, request).diagnostics),
              ElementsAre("error Unable to import host | Import id \"lost\": no such name.\n\nThe "
                          "import id of a host is "
                          "the host's name. | "));
}

TEST_F(AdapterTest, ImportByIdentity) {
  ImportRequest request;
  request.identity = Identity(R"({"name": "a", "cluster": "c"})");
  const StateAnswer answer = host().Import(call_, request);
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state, Object(R"({"name": "a"})"));
  EXPECT_EQ(answer.identity, request.identity);
  request.identity = Identity(R"({"cluster": "c"})");
  EXPECT_THAT(Messages(host().Import(call_, request).diagnostics),
              ElementsAre(HasSubstr("he identity has no \"name\"")));
  request.identity = Value();
  EXPECT_THAT(Messages(host().Import(call_, request).diagnostics),
              ElementsAre(HasSubstr("either an import id nor")));
}

TEST_F(AdapterTest, UpgradeIsLenientAtTheSameVersion) {
  const StateAnswer answer = host().Upgrade(
      call_, 2, R"({"id": "7", "name": "a", "gone": true, "size": "3", "password_wo": "x"})");
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state, Object(R"({"id": "7", "name": "a", "size": 3})"));
}

TEST_F(AdapterTest, UpgradeFromAnOlderVersionIsTheResources) {
  const StateAnswer answer = host().Upgrade(call_, 0, "{}");
  EXPECT_EQ(answer.state, Object(R"({"name": "from version 0"})"));
  EXPECT_THAT(Messages(host().Upgrade(call_, 1, "{}").diagnostics),
              ElementsAre(HasSubstr("o upgrade from state version 1")));
  EXPECT_THAT(Messages(host().Upgrade(call_, 2, R"({"size": "x"})").diagnostics),
              ElementsAre(AllOf(HasSubstr("Unable to read the stored state of host"),
                                HasSubstr("| size"))));
}

TEST_F(AdapterTest, UpgradeIdentity) {
  EXPECT_EQ(host().UpgradeIdentity(call_, 0, R"({"name": "a"})").identity,
            Identity(R"({"name": "a"})"));
  EXPECT_TRUE(host().UpgradeIdentity(call_, 1, "{}").diagnostics.HasError());
}

TEST_F(AdapterTest, MoveFromAnotherType) {
  MoveRequest request{"registry.terraform.io/x/other", "other_host", 1, "b"};
  const StateAnswer answer = host().Move(call_, request);
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state, Object(R"({"name": "b"})"));
  EXPECT_EQ(answer.identity, Identity(R"({"name": "b"})"));
  request.source_version = 9;
  EXPECT_THAT(Messages(host().Move(call_, request).diagnostics),
              ElementsAre("error Unable to move to host | Only version 1. | "));
  request.source_type = "stranger";
  EXPECT_THAT(Messages(host().Move(call_, request).diagnostics),
              ElementsAre(HasSubstr("o way from stranger of registry.terraform.io/x/other")));
  EXPECT_THAT(host().move_sources(), ElementsAre("other_host"));
}

TEST_F(AdapterTest, GeneratedConfigurationIsWhatAUserWouldWrite) {
  const StateAnswer answer = host().GenerateConfig(
      call_,
      Object(R"({"id": "7", "name": "a", "seen": "now", "size": 1, "note": "old", "zone": "z",
                        "ports": [{"number": 80, "uid": "p"}], "timeouts": {"read": "1s"}})"));
  EXPECT_EQ(answer.state, Object(R"({"name": "a", "zone": "z", "ports": [{"number": 80}]})"));
  EXPECT_EQ(host().GenerateConfig(call_, Object(R"({"name": "a", "size": 2})")).state,
            Object(R"({"name": "a", "size": 2})"));
  body_.to_config = [](const HostModel& state) {
    HostModel config = state;
    config.mode = Attr<std::string>::Null();
    return config;
  };
  EXPECT_EQ(host().GenerateConfig(call_, Object(R"({"name": "a", "mode": "m"})")).state,
            Object(R"({"name": "a"})"));
}

TEST_F(AdapterTest, ValidateAddsTheResourcesOwnRules) {
  body_.validate = [](const Context&, const HostModel& config) {
    return config.name.value_or("") == "bad"
               ? At("name", absl::InvalidArgumentError("must not be bad"))
               : absl::OkStatus();
  };
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "good"})"), {})), IsEmpty());
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "bad"})"), {})),
              ElementsAre("error Invalid host | Must not be bad. | name"));
  // What the table finds at fault is unknown to them, and everything is told at once.
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "bad", "id": "1"})"), {})),
              ElementsAre(HasSubstr("| id"), HasSubstr("Must not be bad. | name")));
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "a", "size": 0.5})"), {})),
              ElementsAre(AllOf(HasSubstr("whole number"), HasSubstr("| size"))));
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "a", "password_wo": "x"})"), {})),
              ElementsAre(HasSubstr("Terraform 1.11")));
  EXPECT_THAT(Messages(host().Validate(call_, Object(R"({"name": "a", "note": "x"})"), {})),
              ElementsAre("warning Deprecated attribute | Nobody reads it. | note"));
}

// The plan hook.

TEST_F(AdapterTest, PlanHookSeesWhatHappens) {
  std::vector<std::string> seen;
  body_.plan = [&](const Context&, PlanChange<HostModel>& change) {
    seen.push_back(std::string(change.IsCreate()    ? "create"
                               : change.IsDestroy() ? "destroy"
                                                    : "update") +
                   (change.Changes() ? " changes" : "") +
                   (change.RequiresReplace() ? " replaces" : ""));
    return absl::OkStatus();
  };
  Plan("", R"({"name": "a"})");
  Plan(kState, R"({"name": "a"})");
  Plan(kState, R"({"name": "b"})");
  Plan(kState, R"({"name": "a", "zone": "z"})");
  EXPECT_TRUE(Plan(kState, "").planned.IsNull());
  EXPECT_THAT(seen, ElementsAre("create changes", "update", "update changes",
                                "update changes replaces", "destroy changes"));
}

TEST_F(AdapterTest, PlanHookThatChangesSomethingMakesTheRestUnknown) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.Set("id", Attr<std::string>("8"));
    return absl::OkStatus();
  };
  const PlanAnswer answer = Plan(kState, R"({"name": "a"})");
  EXPECT_EQ(answer.planned, Object(R"({"id": "8", "name": "a", "seen": "<unknown>", "size": 1})"));
}

TEST_F(AdapterTest, PlanHookMayKnowMoreThanTheTable) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.KeepPrior("seen");
    change.SetUnknown("id");
    return absl::OkStatus();
  };
  EXPECT_EQ(Plan(kState, R"({"name": "b"})").planned,
            Object(R"({"id": "<unknown>", "name": "b", "seen": "now", "size": 1})"));
}

TEST_F(AdapterTest, PlanHookMayFindThatNothingChanges) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.KeepAllPrior();
    return absl::OkStatus();
  };
  const PlanAnswer answer = Plan(kState, R"({"name": "A"})");
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.planned, Object(kState));
}

TEST_F(AdapterTest, PlanHookMayReplace) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.RequireReplace("name");
    change.RequireReplace("zone");
    EXPECT_TRUE(change.RequiresReplace());
    return absl::OkStatus();
  };
  EXPECT_THAT(Plan(kState, R"({"name": "b", "zone": "z"})").requires_replace,
              ElementsAre(Path("name"), Path("zone")));
}

TEST_F(AdapterTest, PlanHookThatTakesAChangeBackTakesItsReplacementBack) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.KeepPrior("zone");
    return absl::OkStatus();
  };
  const PlanAnswer answer =
      Plan(R"({"id": "7", "name": "a", "seen": "now", "size": 1, "zone": "y"})",
           R"({"name": "b", "zone": "z"})");
  EXPECT_THAT(answer.requires_replace, IsEmpty());
  EXPECT_EQ(answer.planned["zone"], Value::String("y"));
}

TEST_F(AdapterTest, PlanHookMayWarnAndFail) {
  body_.plan = [](const Context& context, PlanChange<HostModel>& change) {
    context.diagnostics->Warning("Large host", "It costs.", "size");
    return change.IsDestroy() ? absl::FailedPreconditionError("protected by its owner")
                              : absl::OkStatus();
  };
  EXPECT_THAT(Messages(Plan("", R"({"name": "a"})").diagnostics),
              ElementsAre("warning Large host | It costs. | size"));
  EXPECT_THAT(
      Messages(Plan(kState, "").diagnostics),
      ElementsAre(HasSubstr("Large host"),
                  HasSubstr("Unable to plan the removal of host | Protected by its owner.")));
}

TEST_F(AdapterTest, WhatExistsStopsNoPlanForAnApplyMayNeverCome) {
  body_.plan = [](const Context&, PlanChange<HostModel>&) {
    return At("name", WithRemedy(absl::AlreadyExistsError("host a exists already"), "Import it."));
  };
  EXPECT_THAT(Messages(Plan("", R"({"name": "a"})").diagnostics),
              ElementsAre("warning The apply will be unable to create this host | Host a exists "
                          "already.\n\nImport it. | name"));
  // The apply plans once more, and then says it itself.
  EXPECT_THAT(Messages(Plan("", R"({"name": "a"})", "", {.deferral_allowed = true}).diagnostics),
              IsEmpty());
  EXPECT_THAT(Messages(Plan(kState, R"({"name": "a", "size": 2})").diagnostics),
              ElementsAre(HasSubstr("warning The apply will be unable to update this host")));
}

TEST_F(AdapterTest, PlanHookThatBreaksCoresRulesIsReported) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.Set("name", Attr<std::string>("mine"));
    return absl::OkStatus();
  };
  EXPECT_THAT(Messages(Plan("", R"({"name": "a"})").diagnostics),
              ElementsAre(AllOf(HasSubstr("Invalid plan by the provider"), HasSubstr("P10 name"),
                                Not(HasSubstr("mine")))));
}

TEST_F(AdapterTest, ResultThatBreaksCoresRulesIsReported) {
  body_.create = [](const Context&, const HostModel& plan) {
    HostModel made = Filled(plan);
    made.name = "mine";
    return made;
  };
  EXPECT_THAT(
      Messages(Apply("", R"({"name": "a"})").diagnostics),
      ElementsAre(AllOf(HasSubstr("Invalid result by the provider"), HasSubstr("A6 name"))));
}

TEST_F(AdapterTest, DeferralNeedsLeaveAndAnUnknown) {
  body_.plan = [](const Context&, PlanChange<HostModel>& change) {
    change.PutOff(Defer::kAbsentPrerequisite);
    return absl::OkStatus();
  };
  const char unknown[] = R"({"name": "a", "mode": "<unknown>"})";
  EXPECT_FALSE(Plan("", unknown).deferred.has_value());
  EXPECT_EQ(Plan("", unknown, "", {true, true}).deferred, Defer::kAbsentPrerequisite);
  // Every apply allows deferrals, and fails if it gets one that the plan did not have.
  EXPECT_FALSE(Plan("", R"({"name": "a"})", "", {true, true}).deferred.has_value());
}

TEST_F(AdapterTest, DestroyPlansNothing) {
  const PlanAnswer answer = Plan(kState, "");
  EXPECT_TRUE(answer.planned.IsNull());
  EXPECT_THAT(answer.requires_replace, IsEmpty());
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
}

TEST_F(AdapterTest, ApplyPlansAgainWithoutAskingAgain) {
  std::vector<bool> before;
  body_.plan = [&](const Context& context, PlanChange<HostModel>&) {
    before.push_back(context.planned_before);
    return absl::OkStatus();
  };
  Plan("", R"({"name": "a"})", "", {.deferral_allowed = false});
  Plan("", R"({"name": "a"})", "", {.deferral_allowed = true});
  EXPECT_THAT(before, ElementsAre(false, true));
}

TEST_F(AdapterTest, WhatApplyPlansAgainIsNoReplacement) {
  std::vector<bool> may;
  body_.plan = [&](const Context& context, PlanChange<HostModel>&) {
    may.push_back(context.may_replace);
    return absl::OkStatus();
  };
  const auto plan = [&](bool deferral) {
    Plan(kState, R"({"name": "b"})", "", {.deferral_allowed = deferral});
  };
  SetAskingProgramForTest(CoreProgram::kTerraform);
  provider_->CountRun();
  plan(false);  // -refresh=false
  plan(true);   // the apply
  EXPECT_THAT(may, ElementsAre(true, false));

  may.clear();
  SetAskingProgramForTest(CoreProgram::kOpenTofu);
  Read(kState);
  plan(false);
  provider_->CountRun();
  plan(false);  // the apply, or -refresh=false
  Read(kState);
  plan(false);
  provider_->CountRun();
  provider_->set_config_unknown(true);
  Read(kState);  // nothing can be asked, but this is no apply
  plan(false);
  EXPECT_THAT(may, ElementsAre(true, false, true, true));

  may.clear();
  SetAskingProgramForTest(CoreProgram::kOpenTofuPlan);
  provider_->CountRun();
  plan(false);  // -refresh=false
  EXPECT_THAT(may, ElementsAre(true));
}

// The order of calls is core's (protocol 4.3): the delete half gets the private bytes of the create
// half's plan.
class SameObjectTest : public AdapterTest {
 protected:
  SameObjectTest() {
    body_.same_object = [](const HostModel& model) { return model.name.value_or(""); };
    body_.remove = [this](const Context&, const HostModel&) {
      ++deletes_;
      return absl::OkStatus();
    };
    body_.spare = [this](const HostModel& prior) { spared_.push_back(*prior.name); };
  }

  void DeleteHalf(const PlanAnswer& create_half) {
    ApplyRequest request;
    request.prior = Object(kState);
    request.private_bytes = create_half.private_bytes;
    const StateAnswer answer = host().Apply(call_, request);
    EXPECT_TRUE(answer.state.IsNull());
    EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  }

  int deletes_ = 0;
  std::vector<std::string> spared_;
};

TEST_F(SameObjectTest, TaintedObjectIsTakenOver) {
  DeleteHalf(Plan("", R"({"name": "a"})"));
  EXPECT_EQ(deletes_, 0);
  // The resource hears what there was.
  EXPECT_THAT(spared_, ElementsAre("a"));
}

TEST_F(SameObjectTest, TaintedObjectOfAnotherNameIsDeleted) {
  DeleteHalf(Plan("", R"({"name": "b"})"));
  EXPECT_EQ(deletes_, 1);
  EXPECT_THAT(spared_, IsEmpty());
}

TEST_F(SameObjectTest, TaintedObjectIsDeletedIfTheNewNameIsNotKnown) {
  DeleteHalf(Plan("", R"({"name": "<unknown>"})"));
  EXPECT_EQ(deletes_, 1);
}

TEST_F(SameObjectTest, ReplacementThatWasAskedForDeletes) {
  const PlanAnswer change = Plan(kState, R"({"name": "a", "zone": "z"})");
  EXPECT_THAT(change.requires_replace, ElementsAre(Path("zone")));
  DeleteHalf(Plan("", R"({"name": "a", "zone": "z"})", change.private_bytes));
  EXPECT_EQ(deletes_, 1);
}

TEST_F(SameObjectTest, DestroyDeletes) {
  DeleteHalf(Plan(kState, "", Plan("", R"({"name": "a"})").private_bytes));
  EXPECT_EQ(deletes_, 1);
}

TEST_F(SameObjectTest, LeavesNothingInTheState) {
  EXPECT_EQ(Apply("", R"({"name": "a"})").private_bytes, "");
  EXPECT_EQ(Apply(kState, R"({"name": "b"})").private_bytes, "");
}

TEST_F(AdapterTest, TableIsSound) { EXPECT_THAT(registry_->Contradictions(), IsEmpty()); }

}  // namespace
}  // namespace charon::sdk
