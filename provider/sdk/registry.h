// Everything the provider offers. Filled once at start by explicit lists; immutable afterwards.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "provider/sdk/action.h"
#include "provider/sdk/any.h"
#include "provider/sdk/data_source.h"
#include "provider/sdk/ephemeral.h"
#include "provider/sdk/function.h"
#include "provider/sdk/list_resource.h"
#include "provider/sdk/resource.h"

namespace charon::sdk {

class Registry {
 public:
  explicit Registry(std::unique_ptr<AnyProvider> provider) : provider_(std::move(provider)) {}

  // Takes any class derived from Resource, DataSource, Ephemeral, ListResource or Action.
  template <typename T>
  void Add(std::unique_ptr<T> entry) {
    AddBase(std::unique_ptr<typename T::Base>(std::move(entry)));
  }
  void Add(std::unique_ptr<AnyFunction> function) {
    const std::string name = function->doc().name;
    if (!functions_.emplace(name, std::move(function)).second) twice_.push_back(name);
  }

  template <typename T>
  using Map = std::map<std::string, std::unique_ptr<T>>;

  AnyProvider& provider() const { return *provider_; }
  const Map<AnyResource>& resources() const { return resources_; }
  const Map<AnyDataSource>& data_sources() const { return data_sources_; }
  const Map<AnyEphemeral>& ephemerals() const { return ephemerals_; }
  const Map<AnyList>& lists() const { return lists_; }
  const Map<AnyAction>& actions() const { return actions_; }
  const Map<AnyFunction>& functions() const { return functions_; }

  // What contradicts itself in any table; empty if all are sound.
  std::vector<std::string> Contradictions() const;

 private:
  template <typename M, typename I>
  void AddBase(std::unique_ptr<Resource<M, I>> resource) {
    Insert(resources_, std::make_unique<ResourceAdapter<M, I>>(std::move(resource), *provider_));
  }
  template <typename M>
  void AddBase(std::unique_ptr<DataSource<M>> source) {
    Insert(data_sources_, std::make_unique<DataSourceAdapter<M>>(std::move(source), *provider_));
  }
  template <typename M>
  void AddBase(std::unique_ptr<Ephemeral<M>> ephemeral) {
    Insert(ephemerals_, std::make_unique<EphemeralAdapter<M>>(std::move(ephemeral), *provider_));
  }
  template <typename C, typename M, typename I>
  void AddBase(std::unique_ptr<ListResource<C, M, I>> list) {
    Insert(lists_, std::make_unique<ListAdapter<C, M, I>>(std::move(list), *provider_));
  }
  template <typename M>
  void AddBase(std::unique_ptr<Action<M>> action) {
    Insert(actions_, std::make_unique<ActionAdapter<M>>(std::move(action), *provider_));
  }

  template <typename T, typename U>
  void Insert(Map<T>& map, std::unique_ptr<U> entry) {
    const std::string type = entry->info().type;
    if (!map.emplace(type, std::move(entry)).second) twice_.push_back(type);
  }

  std::unique_ptr<AnyProvider> provider_;
  Map<AnyResource> resources_;
  Map<AnyDataSource> data_sources_;
  Map<AnyEphemeral> ephemerals_;
  Map<AnyList> lists_;
  Map<AnyAction> actions_;
  Map<AnyFunction> functions_;
  std::vector<std::string> twice_;  // names that were taken when they were added
};

}  // namespace charon::sdk
