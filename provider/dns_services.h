// The DNS services of the provider block, each with one directory for the life of the process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "provider/clients/cloudflare/client.h"
#include "provider/clients/dns/directory.h"
#include "provider/clients/powerdns/client.h"
#include "provider/clients/rfc2136/client.h"
#include "provider/clients/route53/credentials.h"

namespace charon {

// What the provider block and the environment came to.
struct DnsSettings {
  std::set<std::string> blocks;      // backends with a block of their own
  std::set<std::string> configured;  // backends that the block or the environment says how to reach
  cloudflare::Settings cloudflare;
  route53::Settings aws;
  rfc2136::Settings rfc2136;
  powerdns::Settings powerdns;
};

// "cloudflare", "route53", ...
const std::vector<std::string>& DnsBackends();

// Safe for concurrent use. Contacts nothing by itself.
class DnsServices {
 public:
  using Factory = std::function<absl::StatusOr<std::unique_ptr<dns::Backend>>(
      const std::string& backend, const DnsSettings& settings)>;

  DnsServices();  // real clients
  explicit DnsServices(Factory make) : make_(std::move(make)) {}

  // Tests put their own backends in.
  void UseForTest(Factory make);
  void Configure(DnsSettings settings);

  // The backend of resources that name none: the only one that is configured. InvalidArgument if
  // there is not exactly one.
  absl::StatusOr<std::string> Implied() const;
  // FailedPrecondition, saying what is missing, if it is not configured.
  absl::StatusOr<std::shared_ptr<dns::Directory>> Get(const std::string& backend) const;

 private:
  mutable absl::Mutex mutex_;
  Factory make_ ABSL_GUARDED_BY(mutex_);
  DnsSettings settings_ ABSL_GUARDED_BY(mutex_);
  mutable std::map<std::string, std::shared_ptr<dns::Directory>> directories_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon
