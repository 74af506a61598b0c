// Data sources charon_kubernetes_object and charon_kubernetes_objects: any object of the cluster.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::kubernetes_data {

struct ObjectModel {
  Attr<std::string> api_version, kind, name_space, name, json;
  Attr<bool> optional;
  Attr<Value> object;
  Attr<std::map<std::string, std::vector<std::string>>> managers;
  static const ObjectSpec<ObjectModel>& Describe();
};

class ObjectSource final : public sdk::DataSource<ObjectModel> {
 public:
  explicit ObjectSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<ObjectModel> Read(const sdk::Context& context, const ObjectModel& config) override;

 private:
  Services& services_;
};

struct ObjectsModel {
  Attr<std::string> api_version, kind, name_space, label_selector, field_selector;
  Attr<std::int64_t> limit;
  Attr<std::vector<std::string>> names, json;
  Attr<bool> truncated;
  static const ObjectSpec<ObjectsModel>& Describe();
};

class ObjectsSource final : public sdk::DataSource<ObjectsModel> {
 public:
  explicit ObjectsSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<ObjectsModel> Read(const sdk::Context& context, const ObjectsModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::kubernetes_data
