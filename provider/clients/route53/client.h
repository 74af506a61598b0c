// Amazon Route 53, API version 2013-04-01 (docs.aws.amazon.com/Route53/latest/APIReference).
#pragma once

#include <memory>

#include "provider/clients/dns/backend.h"
#include "provider/clients/route53/credentials.h"
#include "provider/http/transport.h"

namespace charon::route53 {

// A change batch is all or nothing. Endpoint and signing region follow the partition of the chain's
// region.
std::unique_ptr<dns::Backend> NewClient(std::string endpoint,
                                        std::shared_ptr<CredentialChain> credentials,
                                        std::unique_ptr<http::Transport> transport);

}  // namespace charon::route53
