// What a service consists of: its rendered objects, and what stands for each of them in `objects`.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/render.h"
#include "resources/service/service.h"

namespace charon::service {

struct Content {
  std::vector<Rendered> objects;
  std::vector<kubernetes::ObjectRef> refs;  // of each
  StringMap hashes;                         // by key: what `objects` says
};

// InvalidArgument if the model cannot be rendered, or two parts of it would make the same object.
// REQUIRES: all but `objects`, `urls` and `restart` is known.
absl::StatusOr<Content> ContentOf(const ServiceModel& model, const Conventions& conventions);

// The rendered workload; nullptr if there is none.
const Rendered* WorkloadOf(const std::vector<Rendered>& objects);

kubernetes::ObjectRef WorkloadRef(const ServiceModel& model);

// What stands for an object in `objects`: "Deployment/shop/web", "PersistentVolume/shop-web-data".
// It has no apiVersion, which may change while the object stays the same.
std::string KeyOf(const kubernetes::ObjectRef& ref);
absl::StatusOr<kubernetes::ObjectRef> RefOfKey(const std::string& key);

// What stands in `objects` for a rendered object. The value of a Secret is not part of it, nor what
// pods were restarted for.
std::string HashOf(const Rendered& rendered);

// By name of the exposure. Null if nothing is exposed, as after an import.
Attr<StringMap> Urls(const ServiceModel& model, const Conventions& conventions);

// Keys of the objects that `delete_data` decides about.
std::set<std::string> DataKeys(const ServiceModel& model, const Conventions& conventions);

bool IsClaim(const kubernetes::ObjectRef& ref);
bool IsPerReplica(const ClaimModel& claim);

// `status` with the attribute that the object comes from.
absl::Status Locate(const Rendered& rendered, const absl::Status& status);

}  // namespace charon::service
