// A provider block of nothing, for tests of what a registry holds.
#pragma once

#include <string>
#include <vector>

#include "provider/sdk/any.h"

namespace charon {

class FakeProvider final : public sdk::AnyProvider {
 public:
  FakeProvider() {
    schema_.description = "A provider of a test.";
    schema_.type();
  }

  const ObjectSchema& schema() const override { return schema_; }
  sdk::Diagnostics Validate(const Call&, const Value&) override { return {}; }
  sdk::Diagnostics Configure(const Call&, const Value&, const std::string&) override { return {}; }
  std::vector<std::string> Unknown(const std::vector<std::string>& parts) const override {
    return config_unknown_ ? parts : std::vector<std::string>();
  }

  ObjectSchema& mutable_schema() { return schema_; }
  void set_config_unknown(bool unknown) { config_unknown_ = unknown; }

 private:
  ObjectSchema schema_;
  bool config_unknown_ = false;
};

}  // namespace charon
