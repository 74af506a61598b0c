#include "resources/dns/seen_zone.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/base/status.h"

namespace charon::dns_resources {
namespace {

// Private state: the zone's id, a blank, and the server.
constexpr char kSeen[] = "zone";

}  // namespace

void NoteZone(const sdk::Context& context, const dns::Directory& directory, const dns::Zone& zone) {
  context.private_state->Set(kSeen, absl::StrCat(zone.id, " ", directory.backend().Server()));
}

std::string PlannedZone(const std::string& backend, const std::string& name) {
  return absl::StrCat("planned zone ", backend, "/", name);
}

absl::StatusOr<dns::Zone> FindSeenZone(const sdk::Context& context, dns::Directory& directory,
                                       const std::string& name_or_id) {
  absl::StatusOr<dns::Zone> zone = directory.FindZone(context, name_or_id);
  if (!absl::IsNotFound(zone.status())) return zone;
  const std::string server = directory.backend().Server();
  const std::pair<std::string, std::string> seen =
      absl::StrSplit(context.private_state->Get(kSeen).value_or(""), absl::MaxSplits(' ', 1));
  std::string doubt;
  if (seen.second.empty()) {
    doubt = "it was not seen before";
  } else if (seen.second != server) {
    doubt = absl::StrCat("it was last seen at ", seen.second, ", and this is ", server);
  } else if (!directory.backend().features().zones) {
    doubt = "a server answers the same to those who may not ask";
  }
  constexpr absl::string_view kRemedy =
      "Check the provider's configuration and credentials. If the zone is gone for good, terraform "
      "state rm forgets what was in it.";
  if (!doubt.empty()) {
    return WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                          zone.status().message(), "; that does not say that it is gone: ", doubt)),
                      kRemedy);
  }
  // A list by name leaves out what the credentials may not see. An id that is not theirs is refused
  // (Route 53: AccessDenied, where one that does not exist is NoSuchHostedZone).
  if (!directory.backend().IsZoneId(seen.first) || seen.first == name_or_id) return zone;
  absl::StatusOr<dns::Zone> by_id = directory.FindZone(context, seen.first);
  if (by_id.ok() || absl::IsUnavailable(by_id.status()) ||
      absl::IsDeadlineExceeded(by_id.status()) || absl::IsCancelled(by_id.status()))
    return by_id;
  if (absl::IsNotFound(by_id.status())) return zone;
  return WithRemedy(absl::Status(by_id.status().code(),
                                 absl::StrCat(zone.status().message(), ", and its id is refused: ",
                                              by_id.status().message())),
                    kRemedy);
}

}  // namespace charon::dns_resources
