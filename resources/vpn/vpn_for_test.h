// A server of one generation, and the services that reach it.
#pragma once

#include <memory>

#include "gtest/gtest.h"
#include "provider/services.h"
#include "provider/testing/fake_headscale.h"
#include "provider/testing/resource_harness.h"
#include "provider/testing/status_matchers.h"

namespace charon::vpn {

// A client that somebody else owns, too.
class SharedClient final : public headscale::Client {
 public:
  explicit SharedClient(std::shared_ptr<headscale::Client> client) : client_(std::move(client)) {}
  headscale::ServerApi& server() override { return client_->server(); }
  headscale::UsersApi& users() override { return client_->users(); }
  headscale::NodesApi& nodes() override { return client_->nodes(); }
  headscale::PreauthKeysApi& preauth_keys() override { return client_->preauth_keys(); }
  headscale::PolicyApi& policy() override { return client_->policy(); }

 private:
  std::shared_ptr<headscale::Client> client_;
};

struct Vpn {
  Vpn(const Vpn&) = delete;
  explicit Vpn(int minor)
      : server(minor, clock), services(NoCluster, [this](const headscale::ConnectionSettings&) {
          return absl::StatusOr<std::unique_ptr<headscale::Client>>(
              std::make_unique<SharedClient>(server.Client()));
        }) {
    NextRun();
  }

  // Terraform starts the provider anew: nothing is remembered.
  void NextRun() {
    Settings settings;
    settings.configured = true;
    settings.vpn_base_domain = "mesh.example.org";
    services.Configure(settings);
  }

  static absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> NoCluster(
      const kubernetes::ConnectionSettings&) {
    return absl::FailedPreconditionError("no cluster in this test");
  }

  FakeClock clock;
  FakeHeadscale server;
  Services services;
};

}  // namespace charon::vpn
