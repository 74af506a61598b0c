// Where the tests of each service's client begin: a client, its zone, and a transport that answers
// from a script.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "provider/clients/dns/backend.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"

namespace charon::dns {

inline RecordSet Set(const std::string& name, const std::string& type,
                     std::vector<std::string> values) {
  RecordSet set;
  set.key = {name, type, ""};
  set.ttl = 300;
  set.values = std::move(values);
  return set;
}

class ClientTest : public ::testing::Test {
 protected:
  explicit ClientTest(Zone zone) : zone_(std::move(zone)) { call_.clock = &clock_; }

  // They stay in units_, as Write left them.
  WriteResult Write(std::vector<Unit> units) {
    units_ = std::move(units);
    return client_->Write(call_, zone_, units_);
  }

  FakeClock clock_;
  Call call_;
  http::FakeTransport transport_;
  std::unique_ptr<Backend> client_;
  Zone zone_;
  std::vector<Unit> units_;
};

}  // namespace charon::dns
