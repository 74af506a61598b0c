#include "provider/ephemeral/vpn_preauth_key.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "provider/base/duration.h"
#include "provider/base/random.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/client.h"
#include "provider/schema/checks.h"

namespace charon::ephemeral {
namespace {

using headscale::PreauthKey;
using M = VpnPreauthKeyModel;

constexpr char kId[] = "id";
constexpr char kUser[] = "user";
constexpr char kOnClose[] = "on_close";
constexpr char kExpireUnused[] = "expire_unused";

}  // namespace

const ObjectSpec<M>& VpnPreauthKeyModel::Describe() {
  static const auto& spec = *new ObjectSpec<M>(
      "A single-use key for one machine, for write-only attributes and provider blocks: made in "
      "each plan and each apply, stored nowhere, and "
      "made useless at the end if nobody used it. For a key that outlives the run there is the "
      "resource of the same name.",
      {
          Field(&M::user, "user", Optional,
                "Name or id of the user that the machine belongs to. For a user of the same "
                "configuration the id, `charon_vpn_user.NAME.id`: Terraform "
                "then waits until it is there. From Headscale 0.28 a key with tags needs none."),
          Field(&M::tags, "tags", Optional, "Tags of the machine, `[\"tag:infra\"]`.")
              .Check(EachElement(TextRule("is a tag", headscale::CheckTag))),
          Field(&M::ephemeral, "ephemeral", Optional,
                "Whether the server removes the machine some time after it went offline."),
          Field(&M::expires_in, "expires_in", Optional,
                "How long it can be used, `5m`; `10m` by default.")
              .Check(PositiveDuration()),
          Field(&M::on_close, "on_close", Optional,
                "At the end of the run: `expire_unused` (default; from Headscale 0.28 an unused "
                "key is deleted), or `keep`, for a machine that joins later.")
              .Check(OneOf({kExpireUnused, "keep"})),
          Field(&M::id, "id", Computed, "Id of the key on the server."),
          Field(&M::key, "key", Computed, "The key itself.").Sensitive(),
          Field(&M::expires_at, "expires_at", Computed, "When it expires, RFC 3339."),
      });
  return spec;
}

const sdk::ResourceInfo& VpnPreauthKey::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_vpn_preauth_key",
                                                   .noun = "pre-auth key",
                                                   .subcategory = "VPN",
                                                   .needs = needs::Headscale()};
  return info;
}

absl::Status VpnPreauthKey::Validate(const sdk::Context&, const M& config) {
  if (!config.user.IsNull() ||
      (!config.tags.IsNull() && (config.tags.IsUnknown() || !config.tags->empty())))
    return absl::OkStatus();
  return At("user",
            WithRemedy(absl::InvalidArgumentError("whose machine joins with the key is not said"),
                       "Set user, or tags (Headscale 0.28 and later)."));
}

absl::StatusOr<sdk::Opened<M>> VpnPreauthKey::Open(const sdk::Context& context, const M& config) {
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  headscale::NewPreauthKey wanted;
  wanted.user = config.user.value_or("");
  // Names begin with a letter.
  if (!wanted.user.empty() &&
      std::all_of(wanted.user.begin(), wanted.user.end(), absl::ascii_isdigit)) {
    const absl::StatusOr<headscale::User> user = client->users().Get(context, wanted.user);
    if (absl::IsNotFound(user.status()))
      return At("user", absl::FailedPreconditionError(user.status().message()));
    CHARON_RETURN_IF_ERROR(user.status());
    wanted.user = user->name;
  }
  wanted.ephemeral = config.ephemeral.value_or(false);
  const std::set<std::string> tags = config.tags.value_or({});
  wanted.tags.assign(tags.begin(), tags.end());
  CHARON_ASSIGN_OR_RETURN(const absl::Duration lasts,
                          ParseDuration(config.expires_in.value_or("10m")));
  // Microseconds of our own: if the answer gets lost, they tell which key it was.
  CHARON_ASSIGN_OR_RETURN(const std::string digits, RandomText(6, "0123456789"));
  int micros = 0;
  for (const char digit : digits) micros = micros * 10 + (digit - '0');
  wanted.expiration =
      absl::FromUnixSeconds(absl::ToUnixSeconds(context.call.clock->Now() + lasts)) +
      absl::Microseconds(micros);
  absl::StatusOr<PreauthKey> made = client->preauth_keys().Create(context, wanted);
  if (absl::IsUnavailable(made.status())) {
    if (const auto keys = client->preauth_keys().List(context, wanted.user); keys.ok()) {
      for (const PreauthKey& key : *keys) {
        if (key.used || key.expiration != wanted.expiration) continue;
        if (const absl::Status removed = client->preauth_keys().Remove(context, key);
            !removed.ok()) {
          context.call.log->Warn("a pre-auth key of which the answer got lost could not be removed",
                                 {{"id", key.id}});
        }
      }
    }
  }
  if (absl::IsNotFound(made.status())) {
    return At("user",
              WithRemedy(absl::FailedPreconditionError(
                             absl::StrCat("there is no user \"", wanted.user, "\"")),
                         "Make it with charon_vpn_user, and write user = charon_vpn_user.NAME.id: "
                         "Terraform then waits until it is there."));
  }
  if (absl::IsUnimplemented(made.status()) && wanted.user.empty()) return At("user", made.status());
  if (!made.ok()) return made.status();
  RegisterSecret(made->key);
  if (context.private_state != nullptr) {
    context.private_state->Set(kId, made->id);
    context.private_state->Set(kUser, wanted.user);
    context.private_state->Set(kOnClose, config.on_close.value_or(kExpireUnused));
  }
  M result = config;
  result.id = made->id;
  result.key = made->key;
  result.expires_at =
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", wanted.expiration, absl::UTCTimeZone());
  return sdk::Opened<M>{std::move(result), std::nullopt};
}

absl::Status VpnPreauthKey::Close(const sdk::Context& context) {
  if (context.private_state == nullptr) return absl::OkStatus();
  const std::string id = context.private_state->Get(kId).value_or("");
  if (id.empty() || context.private_state->Get(kOnClose) != kExpireUnused) return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const auto client, services_.Headscale());
  const auto keys =
      client->preauth_keys().List(context, context.private_state->Get(kUser).value_or(""));
  if (absl::IsNotFound(keys.status())) return absl::OkStatus();  // its user is gone
  CHARON_RETURN_IF_ERROR(keys.status());
  for (const PreauthKey& key : *keys) {
    if (key.id != id || key.used) continue;
    const absl::Status removed = client->preauth_keys().Remove(context, key);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  }
  return absl::OkStatus();
}

}  // namespace charon::ephemeral
