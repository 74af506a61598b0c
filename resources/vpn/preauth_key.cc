#include "resources/vpn/preauth_key.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/duration.h"
#include "provider/base/random.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"
#include "resources/vpn/common.h"

namespace charon::vpn {
namespace {

using headscale::Dialect;
using headscale::Feature;
using headscale::NewPreauthKey;
using headscale::PreauthKey;
using Sinks = std::vector<std::unique_ptr<KeySink>>;

constexpr char kType[] = "charon_vpn_preauth_key";

// A single-use key that was used has done what it was made for.
bool IsFinished(const PreauthKeyModel& state) {
  return state.used.value_or(false) && !state.reusable.value_or(false);
}

// Neither delivered nor exposed: a key that was imported, of which nobody knows the text.
bool GoesNowhere(const PreauthKeyModel& model) {
  return model.deliver_to.IsNull() && !model.expose_key.IsUnknown() &&
         !model.expose_key.value_or(false);
}

std::string Flags(bool reusable, bool ephemeral, const std::set<std::string>& tags) {
  return absl::StrCat(reusable ? "reusable" : "single-use", ephemeral ? " ephemeral " : " ",
                      absl::StrJoin(tags, ","));
}

std::string Flags(const PreauthKeyModel& model) {
  return Flags(model.reusable.value_or(false), model.ephemeral.value_or(false),
               model.tags.value_or({}));
}

std::string Flags(const PreauthKey& key) {
  return Flags(key.reusable, key.ephemeral, {key.tags.begin(), key.tags.end()});
}

// What is stored has microseconds at the least.
bool IsOf(const PreauthKey& key, const KeyIntent& intent) {
  const absl::StatusOr<absl::Time> time = ParseTime(intent.expiration);
  return time.ok() && key.expiration &&
         absl::Trunc(*key.expiration - *time, absl::Microseconds(1)) == absl::ZeroDuration() &&
         Flags(key) == intent.flags;
}

absl::StatusOr<KeyIntent> NewIntent(const Call& call, const PreauthKeyModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const absl::Duration lasts, ParseDuration(*plan.expires_in));
  CHARON_ASSIGN_OR_RETURN(const std::string digits, RandomText(6, "0123456789"));
  const absl::Time now = call.clock->Now();
  const absl::Time second = absl::FromUnixSeconds(absl::ToUnixSeconds(now + lasts));
  KeyIntent intent;
  intent.time = *TimeOrNull(now);
  intent.user = plan.user.value_or("");
  intent.flags = Flags(plan);
  intent.expiration = absl::FormatTime(absl::StrCat("%Y-%m-%d%ET%H:%M:%S.", digits, "Z"), second,
                                       absl::UTCTimeZone());
  return intent;
}

// Makes every unused key of the intent useless; says whether there was one.
absl::Status Discard(const Call& call, headscale::Client& client, const KeyIntent& intent) {
  const auto keys = client.preauth_keys().List(call, intent.user);
  if (absl::IsNotFound(keys.status()))
    return absl::OkStatus();  // its user is gone, and the keys with it
  CHARON_RETURN_IF_ERROR(keys.status());
  for (const PreauthKey& key : *keys) {
    if (key.used || key.IsExpired(call.clock->Now()) || !IsOf(key, intent)) continue;
    call.log->Info("a pre-auth key of an interrupted apply is removed", {{"id", key.id}});
    const absl::Status removed = client.preauth_keys().Remove(call, key);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  }
  return absl::OkStatus();
}

PreauthKeyModel ToModel(const PreauthKeyModel& prior, const PreauthKey& key) {
  PreauthKeyModel model = prior;
  model.id = key.id;
  model.used = key.used;
  model.expires_at = TimeOrNull(key.expiration);
  return model;
}

bool IsTextKnown(const PreauthKey& key) {
  return !key.key.empty() && !absl::EndsWith(key.key, "-***");
}

}  // namespace

const ObjectSpec<SecretSinkModel>& SecretSinkModel::Describe() {
  using S = SecretSinkModel;
  static const auto& spec = *new ObjectSpec<S>(
      "A Secret that is made for the key.",
      {
          Field(&S::name_space, "namespace", Required, "Namespace of the Secret.")
              .Check(DnsLabel()),
          Field(&S::name, "name", Required, "Name of the Secret.").Check(DnsSubdomain()),
          Field(&S::key, "key", Optional, "Key in the Secret; `TS_AUTHKEY` by default.")
              .Check(LengthBetween(1, 253)),
      });
  return spec;
}

const ObjectSpec<DeliverToModel>& DeliverToModel::Describe() {
  using D = DeliverToModel;
  static const auto& spec = *new ObjectSpec<D>(
      "Where the key goes.",
      {
          Field(&D::kubernetes_secret, "kubernetes_secret", Optional, "A Secret of the cluster."),
          Field(&D::file, "file", Optional,
                "A file on the machine that Terraform runs on, mode 0600. Beside it `FILE.intent` "
                "(no secret) says whose it is.")
              .Check(LengthBetween(1, 4000)),
      },
      {ExactlyOneOf({"kubernetes_secret", "file"})});
  return spec;
}

const ObjectSpec<PreauthKeyModel>& PreauthKeyModel::Describe() {
  using M = PreauthKeyModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A key with which machines join the VPN. It goes where `deliver_to` says and never into "
      "Terraform's state, unless "
      "`expose_key` asks for that. A single-use key that was used is finished: it stays as it is, "
      "also when it has expired. Any other "
      "key is made anew when it expires, comes within `renew_before` of it, or is deleted.\n\n"
      "What is about to be made is written to its destination first; if an apply is interrupted, "
      "the next one makes every unused key of "
      "it useless.",
      {
          Field(&M::id, "id", Computed, "Id of the key on the server.").KeepPrior(),
          Field(&M::user, "user", Optional,
                "Name of the user that the machines belong to. From Headscale 0.28 a key with tags "
                "needs none.")
              .ForceNew(),
          Field(&M::tags, "tags", Optional, "Tags of the machines, `[\"tag:infra\"]`.")
              .ForceNew()
              .Check(EachElement(Tag())),
          Field(&M::reusable, "reusable", Optional,
                "Whether more than one machine can join with it.")
              .Default(false)
              .ForceNew(),
          Field(&M::ephemeral, "ephemeral", Optional,
                "Whether the server removes the machines some time after they went offline.")
              .Default(false)
              .ForceNew(),
          Field(&M::expires_in, "expires_in", Optional,
                "How long it can be used, `24h`; `1h` by default. A change makes a new key, unless "
                "it is finished.")
              .Default("1h")
              .Check(PositiveDuration()),
          Field(
              &M::renew_before, "renew_before", Optional,
              "Make a new key this long before it expires, `30m`; when it has expired by default.")
              .Check(PositiveDuration()),
          Field(&M::rotation_trigger, "rotation_trigger", Optional,
                "Any text; a change makes a new key, also in place of a finished one.")
              .ForceNew(),
          Field(&M::deliver_to, "deliver_to", Optional,
                "Where the key goes: `{ file = ... }` or `{ kubernetes_secret = {...} }`.")
              .ForceNew(),
          Field(&M::on_conflict, "on_conflict", Optional,
                "If that Secret or file exists and is not this stack's: `fail` (default), or "
                "`adopt` and overwrite it.")
              .Check(OneOf({"fail", "adopt"})),
          Field(&M::expose_key, "expose_key", Optional,
                "Keep the key in Terraform's state, as `key`. A change makes a new key."),
          Field(&M::key, "key", Computed, "The key, if `expose_key` is set.")
              .Sensitive()
              .KeepPrior(),
          Field(&M::expires_at, "expires_at", Computed, "When it expires, RFC 3339.").KeepPrior(),
          Field(&M::used, "used", Computed, "Whether a machine has joined with it.").KeepPrior(),
          Field(&M::delivered, "delivered", Computed,
                "False if the Secret or the file no longer holds it; it is then made anew.")
              .KeepPrior(),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<PreauthKeyIdentity>& PreauthKeyIdentity::Describe() {
  static const auto& spec = *new ObjectSpec<PreauthKeyIdentity>(
      "The key.", {Field(&PreauthKeyIdentity::id, "id", Required, "Id of the key on the server.")});
  return spec;
}

const sdk::ResourceInfo& PreauthKeyResource::info() const {
  static const auto& info =
      *new sdk::ResourceInfo{.type = kType,
                             .noun = "pre-auth key",
                             .subcategory = "VPN",
                             .timeouts = {},
                             .import_id =
                                 "the key's id, `17`. What the server hides is not imported: with "
                                 "neither `deliver_to` nor `expose_key` the key is watched, not "
                                 "renewed, and removed with the resource; to deliver it, a new "
                                 "key is made",
                             .needs = {"headscale", "kubernetes", "conventions"}};
  return info;
}

absl::Status PreauthKeyResource::Validate(const sdk::Context&, const PreauthKeyModel& config) {
  if (config.user.IsNull() &&
      (config.tags.IsNull() || (config.tags.IsKnown() && config.tags->empty()))) {
    return At("user",
              WithRemedy(absl::InvalidArgumentError("whose machines join with the key is not said"),
                         "Set user, or tags (Headscale 0.28 and later)."));
  }
  if (config.renew_before.IsKnown() && !config.expires_in.IsUnknown()) {
    const auto before = ParseDuration(*config.renew_before),
               lasts = ParseDuration(config.expires_in.value_or("1h"));
    if (before.ok() && lasts.ok() && *before >= *lasts) {
      return At("renew_before",
                absl::InvalidArgumentError(absl::StrCat("must be shorter than expires_in (",
                                                        config.expires_in.value_or("1h"),
                                                        "), or every apply makes a new key")));
    }
  }
  return absl::OkStatus();
}

absl::Status PreauthKeyResource::Plan(const sdk::Context& context,
                                      sdk::PlanChange<PreauthKeyModel>& change) {
  if (change.IsDestroy()) return absl::OkStatus();
  const PreauthKeyModel& config = change.config();
  const bool goes_nowhere = GoesNowhere(config);
  if (change.IsCreate() && goes_nowhere) {
    return At(
        "deliver_to",
        WithRemedy(absl::InvalidArgumentError("the key would be lost: the server shows it once"),
                   "Set deliver_to, or expose_key = true to have it in the state; for use in this "
                   "run only, take the "
                   "ephemeral resource of the same name. Only a key that was imported needs "
                   "neither."));
  }
  if (change.IsUpdate()) {
    const PreauthKeyModel& prior = change.prior();
    if (config.expose_key.IsUnknown() ||
        config.expose_key.value_or(false) != prior.expose_key.value_or(false))
      change.RequireReplace(Path("expose_key"));
    // Not known of an imported key.
    if (config.expires_in.IsNull() && prior.expires_in.IsNull()) change.KeepPrior("expires_in");
    const absl::Time now = context.call.clock->Now();
    const absl::Duration before =
        config.renew_before.IsKnown()
            ? ParseDuration(*config.renew_before).value_or(absl::ZeroDuration())
            : absl::ZeroDuration();
    const absl::StatusOr<absl::Time> expires = ParseTime(prior.expires_at.value_or(""));
    const bool finished = IsFinished(prior);
    const auto renew = [&](const char* attribute) {
      if (goes_nowhere) return;          // a new one would be lost
      if (!context.may_replace) return;  // what is due only since the plan has time until the next
      change.SetUnknown(attribute);
      change.RequireReplace(Path(attribute));
    };
    if (!finished && expires.ok() && *expires - before <= now) renew("expires_at");
    if (!finished && !prior.delivered.value_or(true)) renew("delivered");
    const bool unknown = config.expires_in.IsUnknown();
    if (!finished && (unknown || (config.expires_in.IsKnown() && prior.expires_in.IsKnown() &&
                                  config.expires_in != prior.expires_in))) {
      change.RequireReplace(Path("expires_in"));
    }
  } else if (!config.expose_key.IsUnknown()) {
    if (!config.expose_key.value_or(false)) change.Set("key", Attr<std::string>());
  }
  if (context.provider_config_unknown || !config.user.IsNull() ||
      !(change.IsCreate() || change.RequiresReplace()))
    return absl::OkStatus();
  return services_.CheckHeadscalePlan(context, [&](headscale::Client& client) -> absl::Status {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, client.server().GetDialect(context));
    return At("user", dialect.Require(Feature::kTagOnlyKeys));
  });
}

absl::StatusOr<Sinks> PreauthKeyResource::Sinks(const PreauthKeyModel& model) const {
  vpn::Sinks sinks;
  if (!model.deliver_to.IsKnown()) return sinks;
  const bool adopt = model.on_conflict.value_or("fail") == "adopt";
  if (model.deliver_to->file.IsKnown()) {
    const std::string& path = *model.deliver_to->file;
    sinks.push_back(NewFileSink(path, services_.Ownership(kType, path).owner, adopt));
  }
  if (model.deliver_to->kubernetes_secret.IsKnown()) {
    const SecretSinkModel& secret = *model.deliver_to->kubernetes_secret;
    CHARON_ASSIGN_OR_RETURN(auto cluster, services_.Kubernetes());
    operations::ObjectOptions options =
        services_.Ownership(kType, absl::StrCat(*secret.name_space, "/", *secret.name));
    options.on_conflict = adopt ? operations::OnConflict::kAdopt : operations::OnConflict::kFail;
    options.offers_replace = false;
    sinks.push_back(NewSecretSink(std::move(cluster), *secret.name_space, *secret.name,
                                  secret.key.value_or("TS_AUTHKEY"), services_,
                                  std::move(options)));
  }
  return sinks;
}

absl::StatusOr<PreauthKey> PreauthKeyResource::Mint(const sdk::Context& context,
                                                    headscale::Client& client,
                                                    const PreauthKeyModel& plan,
                                                    const vpn::Sinks& sinks, KeyIntent& intent) {
  NewPreauthKey wanted;
  wanted.user = plan.user.value_or("");
  wanted.reusable = plan.reusable.value_or(false);
  wanted.ephemeral = plan.ephemeral.value_or(false);
  const std::set<std::string> tags = plan.tags.value_or({});
  wanted.tags.assign(tags.begin(), tags.end());
  for (int tries = 1;; ++tries) {
    CHARON_ASSIGN_OR_RETURN(intent, NewIntent(context, plan));
    for (const auto& sink : sinks)
      CHARON_RETURN_IF_ERROR(
          At("deliver_to", Annotate(sink->Announce(context, intent), sink->Title())));
    CHARON_ASSIGN_OR_RETURN(wanted.expiration, ParseTime(intent.expiration));
    absl::StatusOr<PreauthKey> made = client.preauth_keys().Create(context, wanted);
    if (made.ok()) return made;
    if (absl::IsNotFound(made.status())) {
      return At(
          "user",
          WithRemedy(
              absl::FailedPreconditionError(absl::StrCat("there is no user \"", wanted.user, "\"")),
              "Make it with charon_vpn_user, or write the name of one that is there."));
    }
    if (!absl::IsUnavailable(made.status()))
      return At(absl::IsInvalidArgument(made.status()) && !tags.empty() ? Path("tags") : Path(),
                made.status());
    // The server may have made a key that nobody knows.
    CHARON_RETURN_IF_ERROR(Discard(context, client, intent));
    if (tries == 2) return made.status();
  }
}

sdk::Outcome<PreauthKeyModel> PreauthKeyResource::Create(const sdk::Context& context,
                                                         const PreauthKeyModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const vpn::Sinks sinks, Sinks(plan));
  const auto done = [&](const PreauthKey& key) {
    PreauthKeyModel state = ToModel(plan, key);
    state.delivered = true;
    state.key = plan.expose_key.value_or(false) ? Attr<std::string>(key.key) : Attr<std::string>();
    return state;
  };
  for (const auto& sink : sinks) {
    if (!services_.Claim(sink->Title())) {
      return At("deliver_to",
                WithRemedy(absl::AlreadyExistsError(absl::StrCat("two keys go to ", sink->Title())),
                           "Give each key a place of its own."));
    }
    const auto recalled = sink->Recall(context);
    if (!recalled.ok()) return At("deliver_to", recalled.status());
    if (!*recalled) continue;
    const KeyIntent& before = **recalled;
    if (!before.id.empty() && !plan.expose_key.value_or(false) && before.flags == Flags(plan) &&
        before.user == plan.user.value_or("")) {
      // Delivered, but the answer never reached Terraform.
      CHARON_ASSIGN_OR_RETURN(const bool holds, sink->Holds(context, before.id));
      const auto keys = client->preauth_keys().List(context, before.user);
      if (holds && keys.ok()) {
        for (const PreauthKey& key : *keys) {
          if (key.id == before.id && IsOf(key, before) && !key.IsExpired(context.call.clock->Now()))
            return done(key);
        }
      }
    }
    CHARON_RETURN_IF_ERROR(Discard(context, *client, before));
  }
  KeyIntent intent;
  CHARON_ASSIGN_OR_RETURN(const PreauthKey key, Mint(context, *client, plan, sinks, intent));
  intent.id = key.id;
  for (const auto& sink : sinks) {
    const absl::Status delivered = sink->Deliver(context, intent, key.key);
    if (delivered.ok()) continue;
    // Nobody has it: it must not stay.
    Call last_words = context;
    last_words.stop = {};
    last_words.deadline = context.call.clock->Now() + absl::Seconds(10);
    const absl::Status removed = client->preauth_keys().Remove(last_words, key);
    if (!removed.ok())
      context.call.log->Warn("an undelivered pre-auth key could not be removed", {{"id", key.id}});
    return At("deliver_to", Annotate(delivered, sink->Title()));
  }
  return done(key);
}

sdk::Outcome<PreauthKeyModel> PreauthKeyResource::Read(const sdk::Context& context,
                                                       const PreauthKeyModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const Dialect dialect, client->server().GetDialect(context));
  const bool imported = prior.used.IsNull();
  std::vector<std::string> users = {prior.user.value_or("")};
  if (imported && dialect.minor < 28) {
    // Keys are listed by user there, and an id does not tell whose it is.
    users.clear();
    CHARON_ASSIGN_OR_RETURN(const auto all, client->users().List(context));
    for (const headscale::User& user : *all) users.push_back(user.name);
  }
  for (const std::string& user : users) {
    const auto keys = client->preauth_keys().ListOnce(context, user);
    if (absl::IsNotFound(keys.status())) continue;
    CHARON_RETURN_IF_ERROR(keys.status());
    for (const PreauthKey& key : **keys) {
      if (key.id != *prior.id) continue;
      PreauthKeyModel model = ToModel(prior, key);
      if (imported) {
        model.user = TextOrNull(key.user);
        if (!key.tags.empty()) model.tags = std::set<std::string>(key.tags.begin(), key.tags.end());
        model.reusable = key.reusable;
        model.ephemeral = key.ephemeral;
        if (IsTextKnown(key)) RegisterSecret(key.key);
      } else if (!IsFinished(model) && !GoesNowhere(prior)) {
        CHARON_ASSIGN_OR_RETURN(const vpn::Sinks sinks, Sinks(prior));
        bool delivered = true;
        for (const auto& sink : sinks) {
          CHARON_ASSIGN_OR_RETURN(const bool holds, sink->Holds(context, key.id));
          delivered = delivered && holds;
        }
        model.delivered = delivered;
      }
      return model;
    }
  }
  if (IsFinished(prior)) return prior;
  return absl::NotFoundError(absl::StrCat("there is no pre-auth key with id ", *prior.id));
}

sdk::Outcome<PreauthKeyModel> PreauthKeyResource::Update(const sdk::Context&,
                                                         const PreauthKeyModel&,
                                                         const PreauthKeyModel& plan) {
  return plan;
}

absl::Status PreauthKeyResource::Delete(const sdk::Context& context, const PreauthKeyModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  CHARON_ASSIGN_OR_RETURN(const vpn::Sinks sinks, Sinks(prior));
  const auto keys = client->preauth_keys().List(context, prior.user.value_or(""));
  if (!keys.ok() && !absl::IsNotFound(keys.status())) return keys.status();
  if (keys.ok()) {
    for (const PreauthKey& key : *keys) {
      // One that was used up is left: until 0.27 a node whose key is expired is sent away when it
      // reconnects, and from 0.28 a node without its key no longer counts as ephemeral.
      if (key.id != *prior.id || (key.used && !key.reusable)) continue;
      const absl::Status removed = key.used && key.ephemeral
                                       ? client->preauth_keys().Expire(context, key)
                                       : client->preauth_keys().Remove(context, key);
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    }
  }
  for (const auto& sink : sinks) {
    CHARON_RETURN_IF_ERROR(At("deliver_to", sink->Remove(context, *prior.id)));
    services_.GiveBack(sink->Title());
  }
  return absl::OkStatus();
}

absl::StatusOr<PreauthKeyModel> PreauthKeyResource::Import(const sdk::Context&,
                                                           const std::string& id) {
  PreauthKeyModel model;
  model.id = id;
  return model;
}

absl::StatusOr<PreauthKeyModel> PreauthKeyResource::ImportByIdentity(
    const sdk::Context& context, const PreauthKeyIdentity& identity) {
  return Import(context, *identity.id);
}

absl::StatusOr<PreauthKeyIdentity> PreauthKeyResource::Identify(const sdk::Context&,
                                                                const PreauthKeyModel& state) {
  return PreauthKeyIdentity{state.id};
}

}  // namespace charon::vpn
