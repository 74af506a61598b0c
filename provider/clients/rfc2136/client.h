// Any authoritative server that takes dynamic updates (RFC 2136), signed with TSIG (RFC 8945):
// BIND, Knot, PowerDNS, Technitium, FreeIPA.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "provider/clients/dns/backend.h"
#include "provider/clients/rfc2136/channel.h"
#include "provider/clients/rfc2136/message.h"

namespace charon::rfc2136 {

struct Settings {
  std::string server;
  TsigKey key;
};

// Sets are listed by zone transfer (AXFR, RFC 5936) where the server allows it, else asked for one
// by one. `server` is for messages.
std::unique_ptr<dns::Backend> NewClient(std::string server, TsigKey key,
                                        std::unique_ptr<Channel> channel);

// Where resolvers are sent for a zone: the NS records that `resolver` ("192.0.2.53:53"; empty: the
// first of /etc/resolv.conf) finds, canonical and sorted; none if the name is not delegated at all.
absl::StatusOr<std::vector<std::string>> DelegationOf(const Call& call, const std::string& name,
                                                      const std::string& resolver);

}  // namespace charon::rfc2136
