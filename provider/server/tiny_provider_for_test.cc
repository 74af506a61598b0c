#include "provider/server/tiny_provider_for_test.h"

#include <csignal>
#include <cstdio>
#include <stdexcept>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"

namespace charon::server {
namespace {

using sdk::Context;
using sdk::Outcome;
using sdk::ResourceInfo;

struct ProviderModel {
  Attr<std::string> greeting;
  static const ObjectSpec<ProviderModel>& Describe() {
    static const auto& spec = *new ObjectSpec<ProviderModel>(
        "The tiny provider.",
        {Field(&ProviderModel::greeting, "greeting", Optional, "What to say.")});
    return spec;
  }
};

class TinyProvider final : public sdk::AnyProvider {
 public:
  const ObjectSchema& schema() const override { return ProviderModel::Describe().schema(); }
  sdk::Diagnostics Validate(const Call&, const Value&) override { return {}; }
  sdk::Diagnostics Configure(const Call&, const Value& config, const std::string&) override {
    sdk::Diagnostics diagnostics;
    if (config["greeting"].IsKnown() && config["greeting"].string() == "bad") {
      diagnostics.Error("Invalid greeting", "It is bad.", Path("greeting"));
    }
    return diagnostics;
  }
  std::vector<std::string> Unknown(const std::vector<std::string>&) const override { return {}; }
};

struct Thing {
  Attr<std::string> id, name, secret;
  Attr<std::map<std::string, Number>> sizes;
  static const ObjectSpec<Thing>& Describe() {
    static const auto& spec = *new ObjectSpec<Thing>(
        "A thing.",
        {
            Field(&Thing::id, "id", Computed, "The id.").KeepPrior(),
            Field(&Thing::name, "name", Required, "The name.").ForceNew(),
            Field(&Thing::secret, "secret", Optional, "A secret.").WriteOnly(),
            Field(&Thing::sizes, "sizes", Optional, "Numbers.").Deprecated("Not used any more."),
        });
    return spec;
  }
};

struct ThingIdentity {
  Attr<std::string> id, where;
  static const ObjectSpec<ThingIdentity>& Describe() {
    static const auto& spec = *new ObjectSpec<ThingIdentity>(
        "Which thing.", {
                            Field(&ThingIdentity::id, "id", Required, "The id."),
                            Field(&ThingIdentity::where, "where", Optional, "The place."),
                        });
    return spec;
  }
};

const ResourceInfo& Info(const std::string& type) {
  auto& info = *new ResourceInfo;
  info.type = type;
  info.noun = "thing";
  info.subcategory = "Tiny";
  info.version = type == "tiny_thing" ? 3 : 0;
  info.import_id = "the id";
  return info;
}

class ThingResource final : public sdk::Resource<Thing, ThingIdentity> {
 public:
  const ResourceInfo& info() const override {
    static const ResourceInfo& info = Info("tiny_thing");
    return info;
  }

  Outcome<Thing> Create(const Context& context, const Thing& plan) override {
    Thing made = plan;
    made.id = "id-of-" + *plan.name;
    if (*plan.name == "throw") throw std::runtime_error("thrown on purpose");
    if (*plan.name == "bytes") return absl::InternalError("the server said \xff\xfe");
    if (*plan.name == "partial") {
      return Outcome<Thing>::Partial(made, absl::UnavailableError("it is not ready"));
    }
    if (*plan.name == "wait") {
      CHARON_RETURN_IF_ERROR(context.call.Wait(absl::Minutes(1)));
    }
    if (*plan.name == "print") {
      std::puts("a library prints this");
      std::fflush(stdout);
    }
    if (*plan.name == "crash") std::raise(SIGSEGV);
    return made;
  }
  Outcome<Thing> Read(const Context&, const Thing& prior) override {
    if (*prior.id == "gone") return absl::NotFoundError("it is gone");
    return prior;
  }
  Outcome<Thing> Update(const Context&, const Thing&, const Thing& plan) override { return plan; }
  absl::Status Delete(const Context&, const Thing&) override { return absl::OkStatus(); }
  absl::StatusOr<Thing> Import(const Context&, const std::string& id) override {
    Thing thing;
    thing.id = id;
    return thing;
  }
  absl::StatusOr<Thing> ImportByIdentity(const Context& context,
                                         const ThingIdentity& identity) override {
    return Import(context, *identity.id);
  }
  absl::StatusOr<ThingIdentity> Identify(const Context&, const Thing& state) override {
    ThingIdentity identity;
    identity.id = state.id;
    return identity;
  }
  std::vector<sdk::MoveSource<Thing>> MoveSources() const override {
    return {{"other_thing", [](const Context&, const sdk::MoveRequest&) -> absl::StatusOr<Thing> {
               Thing thing;
               thing.id = "moved";
               thing.name = "moved";
               return thing;
             }}};
  }
};

struct Lookup {
  Attr<std::string> name;
  Attr<std::int64_t> length;
  static const ObjectSpec<Lookup>& Describe() {
    static const auto& spec = *new ObjectSpec<Lookup>(
        "Looks up.", {
                         Field(&Lookup::name, "name", Required, "The name."),
                         Field(&Lookup::length, "length", Computed, "Its length."),
                     });
    return spec;
  }
};

class LookupSource final : public sdk::DataSource<Lookup> {
 public:
  const ResourceInfo& info() const override {
    static const ResourceInfo& info = Info("tiny_lookup");
    return info;
  }
  Outcome<Lookup> Read(const Context&, const Lookup& config) override {
    Lookup found = config;
    found.length = static_cast<std::int64_t>(config.name->size());
    return found;
  }
};

struct Token {
  Attr<std::string> token;
  static const ObjectSpec<Token>& Describe() {
    static const auto& spec = *new ObjectSpec<Token>(
        "A token.", {Field(&Token::token, "token", Computed, "The token.").Sensitive()});
    return spec;
  }
};

class TokenEphemeral final : public sdk::Ephemeral<Token> {
 public:
  const ResourceInfo& info() const override {
    static const ResourceInfo& info = Info("tiny_token");
    return info;
  }
  absl::StatusOr<sdk::Opened<Token>> Open(const Context& context, const Token& config) override {
    Token opened = config;
    opened.token = "t-0";
    context.private_state->Set("lease", "7");
    return sdk::Opened<Token>{opened, absl::FromUnixMillis(1'700'000'000'250)};
  }
  absl::StatusOr<std::optional<absl::Time>> Renew(const Context&) override {
    return std::optional<absl::Time>(absl::FromUnixSeconds(1'700'000'060));
  }
  absl::Status Close(const Context& context) override {
    if (context.private_state->Get("lease") == "7") return absl::OkStatus();
    return absl::InternalError("the lease is lost");
  }
};

struct ThingFilter {
  Attr<std::string> prefix;
  static const ObjectSpec<ThingFilter>& Describe() {
    static const auto& spec = *new ObjectSpec<ThingFilter>(
        "Which things.", {Field(&ThingFilter::prefix, "prefix", Optional, "How they start.")});
    return spec;
  }
};

// Has endlessly many things; the tenth takes a minute.
class ThingList final : public sdk::ListResource<ThingFilter, Thing, ThingIdentity> {
 public:
  const ResourceInfo& info() const override {
    static const ResourceInfo& info = Info("tiny_thing");
    return info;
  }
  absl::Status List(const Context& context, const ThingFilter& config, bool include_resource,
                    const std::function<bool(sdk::Listed<Thing, ThingIdentity>)>& emit) override {
    for (int i = 1;; ++i) {
      if (i == 10) CHARON_RETURN_IF_ERROR(context.call.Wait(absl::Minutes(1)));
      sdk::Listed<Thing, ThingIdentity> listed;
      listed.display_name = config.prefix.value_or("") + std::to_string(i);
      listed.identity.id = listed.display_name;
      if (include_resource) {
        listed.resource.emplace();
        listed.resource->id = listed.display_name;
        listed.resource->name = listed.display_name;
      }
      if (!emit(listed)) return absl::OkStatus();
    }
  }
};

struct Poke {
  Attr<std::int64_t> times;
  static const ObjectSpec<Poke>& Describe() {
    static const auto& spec = *new ObjectSpec<Poke>(
        "Pokes.", {Field(&Poke::times, "times", Required, "How often; 13 fails.")});
    return spec;
  }
};

class PokeAction final : public sdk::Action<Poke> {
 public:
  const ResourceInfo& info() const override {
    static const ResourceInfo& info = Info("tiny_poke");
    return info;
  }
  absl::Status Invoke(const Context&, const Poke& config, const sdk::Progress& progress) override {
    for (std::int64_t i = 0; i < *config.times; ++i) progress("poke " + std::to_string(i));
    if (*config.times == 13) return absl::AbortedError("bad luck");
    return absl::OkStatus();
  }
};

absl::StatusOr<std::string> Shout(const std::string& text) {
  if (text.empty())
    return sdk::AtArgument(
        0, At(Path("voice").Index(1),
              WithRemedy(absl::InvalidArgumentError("nothing to shout"), "Say something.")));
  return absl::AsciiStrToUpper(text);
}

absl::StatusOr<std::string> First(const sdk::Variadic<std::string>& texts) {
  if (texts.values.empty()) return absl::InvalidArgumentError("there is no first of none");
  if (texts.values.back() == "throw") throw std::runtime_error("thrown on purpose");
  return texts.values.front();
}

}  // namespace

std::unique_ptr<sdk::Registry> MakeTinyRegistry() {
  auto registry = std::make_unique<sdk::Registry>(std::make_unique<TinyProvider>());
  registry->Add(std::make_unique<ThingResource>());
  registry->Add(std::make_unique<LookupSource>());
  registry->Add(std::make_unique<TokenEphemeral>());
  registry->Add(std::make_unique<ThingList>());
  registry->Add(std::make_unique<PokeAction>());
  registry->Add(
      sdk::NewFunction({"shout", "Shouts.", "In capitals."}, {{"text", "What to shout."}}, Shout));
  registry->Add(sdk::NewFunction({"first", "The first.", "Of all."}, {{"texts", "Some."}}, First));
  return registry;
}

}  // namespace charon::server
