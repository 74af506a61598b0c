// Action charon_kubernetes_restart: a rolling restart.
#pragma once

#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/action.h"
#include "provider/services.h"

namespace charon::kubernetes_resources {

struct RestartModel {
  Attr<std::string> kind, name_space, name;
  Attr<bool> wait;
  static const ObjectSpec<RestartModel>& Describe();
};

class RestartAction final : public sdk::Action<RestartModel> {
 public:
  explicit RestartAction(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::Status Invoke(const sdk::Context& context, const RestartModel& config,
                      const sdk::Progress& progress) override;

 private:
  Services& services_;
};

}  // namespace charon::kubernetes_resources
