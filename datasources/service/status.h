// Data sources about running services: charon_service_status, charon_live_image.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "provider/clients/kubernetes/object.h"
#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::service_data {

struct ConditionModel {
  Attr<std::string> status, reason, message, since;
  static const ObjectSpec<ConditionModel>& Describe();
};

struct PodStatusModel {
  Attr<std::string> phase, node, trouble;
  Attr<bool> ready;
  Attr<std::int64_t> restarts;
  static const ObjectSpec<PodStatusModel>& Describe();
};

struct StatusModel {
  Attr<std::string> name_space, name, kind;
  Attr<std::int64_t> replicas, ready_replicas, updated_replicas;
  Attr<std::map<std::string, std::string>> images;
  Attr<std::map<std::string, ConditionModel>> conditions;
  Attr<std::map<std::string, PodStatusModel>> pods;
  Attr<std::map<std::string, std::vector<std::string>>> managers;
  static const ObjectSpec<StatusModel>& Describe();
};

// How a pod (v1, as the server has it) does.
PodStatusModel PodOf(const kubernetes::Json& pod);

// How a service does now: what changes by itself, and so is not in the resource.
class StatusSource final : public sdk::DataSource<StatusModel> {
 public:
  explicit StatusSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<StatusModel> Read(const sdk::Context& context, const StatusModel& config) override;

 private:
  Services& services_;
};

struct LiveImageModel {
  Attr<std::string> name_space, workload, container, floor, image, repository, tag, declared_by;
  static const ObjectSpec<LiveImageModel>& Describe();
};

// The image that a container runs now, but never one below a floor.
class LiveImageSource final : public sdk::DataSource<LiveImageModel> {
 public:
  explicit LiveImageSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const LiveImageModel& config) override;
  sdk::Outcome<LiveImageModel> Read(const sdk::Context& context,
                                    const LiveImageModel& config) override;

 private:
  Services& services_;
};

// The tag of an image reference: "2.5" of "registry.example:5000/web:2.5@sha256:..."; "" if it has
// none.
std::string TagOf(const std::string& image);
// The reference without tag and digest.
std::string RepositoryOf(const std::string& image);
// Compares dotted numbers ("v1.10.0" > "v1.9"). A "-rc1" or "-beta" makes a version earlier (semver
// 2.0.0, section 11); another word after a "-" is a variant, as images have them ("1.9-alpine"),
// and makes no difference. Nullopt if one is no version.
std::optional<int> CompareVersions(const std::string& a, const std::string& b);

}  // namespace charon::service_data
