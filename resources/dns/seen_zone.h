// The zone of what is in the state. A zone that is not found need not be gone: other credentials,
// or another server, may merely not see it, and what lives on there must not leave the state.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "provider/clients/dns/directory.h"
#include "provider/sdk/context.h"

namespace charon::dns_resources {

// Private state: the id of the zone or record set that a resource stands for. Terraform hands it to
// the create half of a replacement.
inline constexpr char kHeld[] = "held";

// Notes in the private state that the zone was seen, and where.
void NoteZone(const sdk::Context& context, const dns::Directory& directory, const dns::Zone& zone);

// As Directory::FindZone. NotFound only if the server that NoteZone() noted says that neither the
// name nor the id it had is known; FailedPrecondition if it is another server, or none was noted,
// or one that has no answer for "there is no such zone" (RFC 2136: it refuses).
absl::StatusOr<dns::Zone> FindSeenZone(const sdk::Context& context, dns::Directory& directory,
                                       const std::string& name_or_id);

// Services::Claim: who plans to make a zone of that name, or has told that there is none.
std::string PlannedZone(const std::string& backend, const std::string& name);

}  // namespace charon::dns_resources
