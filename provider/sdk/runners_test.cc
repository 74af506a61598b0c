// Data sources, ephemeral resources, lists and actions, each with a body of lambdas.
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/sdk/registry.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/values.h"

namespace charon::sdk {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct ThingModel {
  Attr<std::string> name, seen, secret_wo;
  Attr<TimeoutsModel> timeouts;

  static const ObjectSpec<ThingModel>& Describe() {
    using M = ThingModel;
    static const auto& spec = *new ObjectSpec<M>(
        "A thing.",
        {Field(&M::name, "name", Required, "Name of the thing.").Check(DnsLabel()),
         Field(&M::seen, "seen", Computed, "When it was seen."),
         Field(&M::secret_wo, "secret_wo", Optional, "Secret of the thing.").WriteOnly(),
         TimeoutsField(&M::timeouts)});
    return spec;
  }
};

struct ThingIdentity {
  Attr<std::string> name;
  static const ObjectSpec<ThingIdentity>& Describe() {
    using I = ThingIdentity;
    static const auto& spec =
        *new ObjectSpec<I>("Which thing.", {Field(&I::name, "name", Required, "Its name here.")});
    return spec;
  }
};

const ResourceInfo& Info() {
  static const auto& info =
      *new ResourceInfo{.type = "charon_thing", .noun = "thing", .subcategory = "Tests"};
  return info;
}

absl::Status NotBad(const ThingModel& config) {
  return config.name.value_or("") == "bad"
             ? At("name", absl::InvalidArgumentError("must not be bad"))
             : absl::OkStatus();
}

class Source final : public DataSource<ThingModel> {
 public:
  using Body = std::function<Outcome<ThingModel>(const Context&, const ThingModel&)>;
  explicit Source(Body& body) : body_(body) {}
  const ResourceInfo& info() const override { return Info(); }
  const ObjectSpec<ThingModel>& spec() const override {
    static const auto& spec = *new ObjectSpec<ThingModel>(
        ThingModel::Describe().AsLookup({"name"}, {.optional = {"timeouts"}, .drop = {}}));
    return spec;
  }
  absl::Status Validate(const Context&, const ThingModel& config) override {
    return NotBad(config);
  }
  Outcome<ThingModel> Read(const Context& context, const ThingModel& config) override {
    return body_(context, config);
  }

 private:
  Body& body_;
};

struct EphemeralBody {
  std::function<absl::StatusOr<Opened<ThingModel>>(const Context&, const ThingModel&)> open;
  std::function<absl::StatusOr<std::optional<absl::Time>>(const Context&)> renew;
  std::function<absl::Status(const Context&)> close;
};

class Lease final : public Ephemeral<ThingModel> {
 public:
  explicit Lease(EphemeralBody& body) : body_(body) {}
  const ResourceInfo& info() const override { return Info(); }
  absl::Status Validate(const Context&, const ThingModel& config) override {
    return NotBad(config);
  }
  absl::StatusOr<Opened<ThingModel>> Open(const Context& context,
                                          const ThingModel& config) override {
    return body_.open(context, config);
  }
  absl::StatusOr<std::optional<absl::Time>> Renew(const Context& context) override {
    return body_.renew ? body_.renew(context) : Ephemeral::Renew(context);
  }
  absl::Status Close(const Context& context) override {
    return body_.close ? body_.close(context) : Ephemeral::Close(context);
  }

 private:
  EphemeralBody& body_;
};

class Things final : public ListResource<ThingModel, ThingModel, ThingIdentity> {
 public:
  using Emit = std::function<bool(Listed<ThingModel, ThingIdentity>)>;
  using Body = std::function<absl::Status(const Context&, const ThingModel&, bool, const Emit&)>;
  explicit Things(Body& body) : body_(body) {}
  const ResourceInfo& info() const override { return Info(); }
  absl::Status Validate(const Context&, const ThingModel& config) override {
    return NotBad(config);
  }
  absl::Status List(const Context& context, const ThingModel& config, bool include_resource,
                    const Emit& emit) override {
    return body_(context, config, include_resource, emit);
  }

 private:
  Body& body_;
};

struct ActionBody {
  std::function<absl::Status(const Context&, const ThingModel&)> plan;
  std::function<absl::Status(const Context&, const ThingModel&, const Progress&)> invoke;
};

class Restart final : public Action<ThingModel> {
 public:
  explicit Restart(ActionBody& body) : body_(body) {}
  const ResourceInfo& info() const override { return Info(); }
  absl::Status Validate(const Context&, const ThingModel& config) override {
    return NotBad(config);
  }
  absl::Status Plan(const Context& context, const ThingModel& config) override {
    return body_.plan ? body_.plan(context, config) : Action::Plan(context, config);
  }
  absl::Status Invoke(const Context& context, const ThingModel& config,
                      const Progress& progress) override {
    return body_.invoke(context, config, progress);
  }

 private:
  ActionBody& body_;
};

class RunnersTest : public ::testing::Test {
 protected:
  RunnersTest() {
    auto provider = std::make_unique<FakeProvider>();
    provider_ = provider.get();
    registry_ = std::make_unique<Registry>(std::move(provider));
    registry_->Add(std::make_unique<Source>(read_));
    registry_->Add(std::make_unique<Lease>(lease_));
    registry_->Add(std::make_unique<Things>(list_));
    registry_->Add(std::make_unique<Restart>(restart_));
    call_.clock = &clock_;
  }

  AnyDataSource& source() { return *registry_->data_sources().at("charon_thing"); }
  AnyEphemeral& lease() { return *registry_->ephemerals().at("charon_thing"); }
  AnyList& list() { return *registry_->lists().at("charon_thing"); }
  AnyAction& restart() { return *registry_->actions().at("charon_thing"); }
  Value Object(absl::string_view json) {
    return ObjectForTest(ThingModel::Describe().schema(), json);
  }
  Value Question(absl::string_view json) { return ObjectForTest(source().schema(), json); }

  static std::vector<std::string> Messages(const Diagnostics& diagnostics) {
    std::vector<std::string> messages;
    for (const Diagnostic& d : diagnostics.list()) {
      messages.push_back(d.summary + " | " + d.detail + " | " + d.path.ToString());
    }
    return messages;
  }

  Source::Body read_;
  EphemeralBody lease_;
  Things::Body list_;
  ActionBody restart_;
  FakeClock clock_;
  Call call_;
  FakeProvider* provider_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RunnersTest, AllValidateByTheTableThenByThemselves) {
  const Value wrong = Object(R"({"name": "No Label"})"), bad = Object(R"({"name": "bad"})"),
              good = Object(R"({"name": "a"})");
  const std::vector<std::function<Diagnostics(const Value&)>> all = {
      [&](const Value& config) { return lease().Validate(call_, config); },
      [&](const Value& config) { return list().Validate(call_, config); },
      [&](const Value& config) { return restart().Validate(call_, config); },
  };
  for (const auto& validate : all) {
    EXPECT_THAT(Messages(validate(wrong)),
                ElementsAre(AllOf(HasSubstr("is no DNS label"), HasSubstr("| name"))));
    EXPECT_THAT(Messages(validate(bad)), ElementsAre("Invalid thing | Must not be bad. | name"));
    EXPECT_THAT(Messages(validate(good)), IsEmpty());
  }
  EXPECT_THAT(Messages(source().Validate(call_, Question(R"({"name": "bad"})"))),
              ElementsAre("Invalid thing | Must not be bad. | name"));
}

// Data sources.

TEST_F(RunnersTest, DataSourceUsesItsOwnTable) {
  EXPECT_EQ(source().schema().Find("secret_wo"), nullptr);
  EXPECT_EQ(source().schema().Find("name")->mode, Mode::kRequired);
}

TEST_F(RunnersTest, DataSourceAnswers) {
  read_ = [&](const Context& context, const ThingModel& config) {
    EXPECT_EQ(context.call.Remaining(), absl::Seconds(7));
    ThingModel answer = config;
    answer.seen = "now";
    return answer;
  };
  const StateAnswer answer =
      source().Read(call_, Question(R"({"name": "a", "timeouts": {"read": "7s"}})"), {});
  EXPECT_THAT(Messages(answer.diagnostics), IsEmpty());
  EXPECT_EQ(answer.state, Question(R"({"name": "a", "seen": "now", "timeouts": {"read": "7s"}})"));
}

TEST_F(RunnersTest, DataSourceThatFindsNothingFails) {
  read_ = [](const Context&, const ThingModel&) {
    return absl::NotFoundError("no thing is called a");
  };
  const StateAnswer answer = source().Read(call_, Question(R"({"name": "a"})"), {});
  EXPECT_TRUE(answer.state.IsNull());
  EXPECT_THAT(Messages(answer.diagnostics),
              ElementsAre("Unable to read thing | No thing is called a. | "));
}

TEST_F(RunnersTest, DataSourceDefectsAreReported) {
  read_ = [](const Context&, const ThingModel&) { return Outcome<ThingModel>(absl::OkStatus()); };
  EXPECT_THAT(Messages(source().Read(call_, Question(R"({"name": "a"})"), {}).diagnostics),
              ElementsAre(AllOf(HasSubstr("without a state"), HasSubstr("Please report"))));
  read_ = [](const Context&, const ThingModel& config) {
    ThingModel answer = config;
    answer.seen = Attr<std::string>::Unknown();
    return answer;
  };
  EXPECT_THAT(Messages(source().Read(call_, Question(R"({"name": "a"})"), {}).diagnostics),
              ElementsAre(HasSubstr("left a value unknown")));
  read_ = [](const Context&, const ThingModel&) -> Outcome<ThingModel> {
    throw std::runtime_error("boom");
  };
  EXPECT_THAT(Messages(source().Read(call_, Question(R"({"name": "a"})"), {}).diagnostics),
              ElementsAre(HasSubstr("boom")));
}

TEST_F(RunnersTest, DataSourceWaitsForTheProvider) {
  provider_->set_config_unknown(true);
  read_ = [](const Context&, const ThingModel&) { return absl::InternalError("asked"); };
  const Value question = Question(R"({"name": "a"})");
  EXPECT_THAT(Messages(source().Read(call_, question, {}).diagnostics),
              ElementsAre(AllOf(HasSubstr("he provider block has values that are not known yet"),
                                HasSubstr("Apply what"))));
  const StateAnswer deferred = source().Read(call_, question, {.deferral_allowed = true});
  EXPECT_EQ(deferred.deferred, Defer::kProviderConfigUnknown);
  EXPECT_THAT(Messages(deferred.diagnostics), IsEmpty());
  EXPECT_EQ(deferred.state, Question(R"({"name": "a", "seen": "<unknown>", "timeouts": null})"));
}

// Ephemeral resources.

TEST_F(RunnersTest, EphemeralOpensRenewsAndCloses) {
  lease_.open = [&](const Context& context,
                    const ThingModel& config) -> absl::StatusOr<Opened<ThingModel>> {
    context.private_state->Set("lease", "L1");
    ThingModel result = config;
    result.seen = "now";
    return Opened<ThingModel>{result, clock_.Now() + absl::Minutes(5)};
  };
  const EphemeralAnswer opened = lease().Open(call_, Object(R"({"name": "a"})"));
  EXPECT_EQ(opened.result, Object(R"({"name": "a", "seen": "now"})"));
  EXPECT_EQ(opened.renew_at, clock_.Now() + absl::Minutes(5));
  EXPECT_EQ(opened.private_bytes, R"({"lease":"L1"})");

  lease_.renew = [&](const Context& context) -> absl::StatusOr<std::optional<absl::Time>> {
    EXPECT_EQ(context.private_state->Get("lease"), "L1");
    context.private_state->Set("lease", "L2");
    return clock_.Now() + absl::Minutes(9);
  };
  const EphemeralAnswer renewed = lease().Renew(call_, opened.private_bytes);
  EXPECT_EQ(renewed.renew_at, clock_.Now() + absl::Minutes(9));
  EXPECT_EQ(renewed.private_bytes, R"({"lease":"L2"})");

  std::string closed;
  lease_.close = [&](const Context& context) {
    closed = context.private_state->Get("lease").value_or("");
    return absl::OkStatus();
  };
  EXPECT_THAT(Messages(lease().Close(call_, opened.private_bytes)), IsEmpty());
  EXPECT_EQ(closed, "L1");
}

TEST_F(RunnersTest, EphemeralNeedsNeitherRenewNorClose) {
  EXPECT_EQ(lease().Renew(call_, "").renew_at, std::nullopt);
  EXPECT_THAT(Messages(lease().Close(call_, "")), IsEmpty());
}

TEST_F(RunnersTest, EphemeralFailuresAreReported) {
  lease_.open = [](const Context&, const ThingModel&) -> absl::StatusOr<Opened<ThingModel>> {
    return absl::UnauthenticatedError("the token has expired");
  };
  const EphemeralAnswer opened = lease().Open(call_, Object(R"({"name": "a"})"));
  EXPECT_TRUE(opened.result.IsNull());
  EXPECT_THAT(Messages(opened.diagnostics),
              ElementsAre("Unable to open thing | The token has expired. | "));
  lease_.renew = [](const Context&) -> absl::StatusOr<std::optional<absl::Time>> {
    return absl::AbortedError("too late, alas");
  };
  EXPECT_THAT(Messages(lease().Renew(call_, "").diagnostics),
              ElementsAre(HasSubstr("Unable to renew thing")));
  lease_.close = [](const Context&) { return absl::UnavailableError("no answer"); };
  EXPECT_THAT(Messages(lease().Close(call_, "")), ElementsAre(HasSubstr("Unable to close thing")));
  lease_.close = [](const Context&) { return absl::NotFoundError("gone already"); };
  EXPECT_THAT(Messages(lease().Close(call_, "")), IsEmpty());
  lease_.close = [](const Context&) -> absl::Status { throw std::runtime_error("boom"); };
  EXPECT_THAT(Messages(lease().Close(call_, "")), ElementsAre(HasSubstr("boom")));
  provider_->set_config_unknown(true);
  EXPECT_THAT(Messages(lease().Open(call_, Object(R"({"name": "a"})")).diagnostics),
              ElementsAre(HasSubstr("not known yet")));
}

// Lists.

TEST_F(RunnersTest, ListStreamsUpToTheLimit) {
  int made = 0;
  list_ = [&](const Context&, const ThingModel&, bool include_resource, const Things::Emit& emit) {
    for (; made < 10; ++made) {
      Listed<ThingModel, ThingIdentity> item;
      item.identity.name = "n" + std::to_string(made);
      item.display_name = "Thing " + std::to_string(made);
      if (include_resource) {
        item.resource.emplace();
        item.resource->name = item.identity.name;
        item.resource->secret_wo = "careless";
      }
      if (!emit(std::move(item))) break;
    }
    return absl::OkStatus();
  };
  std::vector<ListedObject> got;
  auto keep = [&](ListedObject object) {
    got.push_back(std::move(object));
    return true;
  };
  EXPECT_THAT(Messages(list().List(call_, {Object(R"({"name": "a"})"), true, 3}, keep)), IsEmpty());
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(made, 2);  // told to stop with the third
  EXPECT_EQ(got[1].identity,
            ObjectForTest(ThingIdentity::Describe().schema(), R"({"name": "n1"})"));
  EXPECT_EQ(got[1].display_name, "Thing 1");
  EXPECT_EQ(got[1].resource, Object(R"({"name": "n1"})"));

  got.clear();
  made = 0;
  list().List(call_, {Object(R"({"name": "a"})"), false, 0}, keep);
  EXPECT_EQ(got.size(), 10u);
  EXPECT_TRUE(got[0].resource.IsNull());

  got.clear();
  made = 0;
  list().List(call_, {Object(R"({"name": "a"})"), false, 0}, [&](ListedObject) { return false; });
  EXPECT_EQ(made, 0);
}

TEST_F(RunnersTest, ListNeverEmitsBeyondTheLimit) {
  list_ = [&](const Context&, const ThingModel&, bool, const Things::Emit& emit) {
    for (int i = 0; i < 5; ++i) emit({});  // does not listen
    return absl::OkStatus();
  };
  int got = 0;
  list().List(call_, {Object(R"({"name": "a"})"), false, 2}, [&](ListedObject) {
    ++got;
    return true;
  });
  EXPECT_EQ(got, 2);
}

TEST_F(RunnersTest, ListFailuresAreReported) {
  list_ = [](const Context&, const ThingModel&, bool, const Things::Emit&) {
    return absl::UnavailableError("no answer");
  };
  const ListRequest request{Object(R"({"name": "a"})"), false, 0};
  auto none = [](ListedObject) { return true; };
  EXPECT_THAT(Messages(list().List(call_, request, none)),
              ElementsAre("Unable to list thing | No answer. | "));
  provider_->set_config_unknown(true);
  EXPECT_THAT(Messages(list().List(call_, request, none)), ElementsAre(HasSubstr("not known yet")));
}

// Actions.

TEST_F(RunnersTest, ActionIsPlannedAndInvoked) {
  std::vector<std::string> seen;
  restart_.plan = [&](const Context&, const ThingModel& config) {
    seen.push_back(config.name.IsUnknown() ? "plan unknown" : "plan " + *config.name);
    return absl::OkStatus();
  };
  restart_.invoke = [&](const Context& context, const ThingModel& config,
                        const Progress& progress) {
    EXPECT_EQ(context.call.Remaining(), absl::Minutes(10));
    progress("restarting " + *config.name);
    return absl::OkStatus();
  };
  EXPECT_THAT(Messages(restart().Plan(call_, Object(R"({"name": "<unknown>"})"), {}).diagnostics),
              IsEmpty());
  EXPECT_THAT(
      Messages(restart().Invoke(call_, Object(R"({"name": "a"})"),
                                [&](const std::string& message) { seen.push_back(message); })),
      IsEmpty());
  EXPECT_THAT(seen, ElementsAre("plan unknown", "restarting a"));
}

TEST_F(RunnersTest, ActionFailuresAreReported) {
  restart_.plan = [](const Context&, const ThingModel&) {
    return At("name", absl::NotFoundError("no such thing"));
  };
  restart_.invoke = [](const Context&, const ThingModel&, const Progress&) -> absl::Status {
    throw std::runtime_error("boom");
  };
  auto silent = [](const std::string&) {};
  const Value config = Object(R"({"name": "a"})");
  EXPECT_THAT(Messages(restart().Plan(call_, config, {}).diagnostics),
              ElementsAre("Unable to plan thing | No such thing. | name"));
  EXPECT_THAT(Messages(restart().Invoke(call_, config, silent)), ElementsAre(HasSubstr("boom")));
  provider_->set_config_unknown(true);
  EXPECT_THAT(Messages(restart().Plan(call_, config, {}).diagnostics), IsEmpty());
  EXPECT_EQ(restart().Plan(call_, config, {.deferral_allowed = true}).deferred,
            Defer::kProviderConfigUnknown);
  EXPECT_THAT(Messages(restart().Invoke(call_, config, silent)),
              ElementsAre(HasSubstr("not known yet")));
}

}  // namespace
}  // namespace charon::sdk
