// Data source charon_kubernetes_server: what the cluster is and offers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::kubernetes_data {

struct NodeModel {
  Attr<std::string> kubelet_version, os_image;
  Attr<bool> ready, schedulable;
  Attr<std::map<std::string, std::string>> labels, capacity, allocatable;
  static const ObjectSpec<NodeModel>& Describe();
};

struct ClassModel {
  Attr<std::string> controller;
  Attr<bool> is_default, expandable;
  static const ObjectSpec<ClassModel>& Describe();
};

struct ServerModel {
  Attr<std::string> version, cluster_id;
  Attr<std::int64_t> major, minor;
  Attr<std::map<std::string, bool>> capabilities;
  Attr<std::vector<std::string>> kinds;
  Attr<std::map<std::string, NodeModel>> nodes;
  Attr<std::map<std::string, ClassModel>> storage_classes, ingress_classes;
  Attr<std::map<std::string, std::int64_t>> priority_classes;
  static const ObjectSpec<ServerModel>& Describe();
};

class ServerSource final : public sdk::DataSource<ServerModel> {
 public:
  explicit ServerSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<ServerModel> Read(const sdk::Context& context, const ServerModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::kubernetes_data
