// What a service consists of: its rendered objects, and what stands for each of them in `objects`.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/field_set.h"
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

// Every kind that services are made of, in the order in which objects are removed: what leads to
// the pods before what it leads to, the claim before its volume.
const std::vector<std::string>& KindsByRemoval();
// Leads to a service: gone before anything else, made after everything else.
bool IsExposure(const kubernetes::ObjectRef& ref);
// The keys of `objects` in that order.
std::vector<std::string> KeysByRemoval(const StringMap& objects);

// Of the keys in `objects` those that `delete_data` decides about, whatever the configuration says
// by now: it may have been changed by an apply that did not get as far as to remove them.
std::set<std::string> DataKeys(const ServiceModel& model);

// What the configuration keeps data in, as keys. REQUIRES: IsDataKnown.
std::set<std::string> DataOf(const ServiceModel& model);
bool IsDataKnown(const ServiceModel& model);
// "PersistentVolumeClaim/shop/web-data"; "PersistentVolumeClaim/shop/data-web-<replica>".
std::string ClaimKey(const ServiceModel& model, const std::string& volume, bool per_replica);
// "Secret/shop/web-generated"; "Secret/shop/web-env".
std::string GeneratedKey(const ServiceModel& model);
std::string EnvSecretKey(const ServiceModel& model);

// Whether `before` set resources of a container at its creation for others to change, and `now`
// leaves them to nobody: where it does not declare any, those that are still as they were set go,
// which no hash shows.
bool TakesResourcesBack(const ServiceModel& before, const ServiceModel& now,
                        const Conventions& conventions);
// Whether `field` of the workload is of `resources` that are not left to others.
bool IsOwnResource(const ServiceModel& model, const kubernetes::FieldPath& field);

bool IsClaim(const kubernetes::ObjectRef& ref);
bool IsPerReplica(const ClaimModel& claim);

}  // namespace charon::service
