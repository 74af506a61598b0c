#include "resources/service/doubts.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Places(const ServiceModel& config) {
  std::vector<std::string> places;
  for (const absl::Status& doubt : DoubtsAbout(config))
    places.push_back(PathOf(doubt).value_or(Path()).ToString());
  return places;
}

ServiceModel WithVolumes() {
  ServiceModel model;
  ClaimModel claim;
  claim.size = "1Gi";
  model.claims = std::map<std::string, ClaimModel>{{"data", claim}};
  model.volumes = std::map<std::string, VolumeModel>{{"tmp", {}}};
  return model;
}

TEST(Doubts, AVolumeThatNothingMounts) {
  ServiceModel model = WithVolumes();
  EXPECT_THAT(Places(model), ElementsAre("claims[\"data\"]", "volumes[\"tmp\"]"));
  model.claims.value()["data"].mount = Attr<std::string>::Unknown();
  MountModel mount;
  mount.volume = "tmp";
  SidecarModel sidecar;
  sidecar.mounts = std::map<std::string, MountModel>{{"/tmp", mount}};
  model.sidecars = std::map<std::string, SidecarModel>{{"side", sidecar}};
  EXPECT_THAT(Places(model), IsEmpty());
}

TEST(Doubts, WhatElseMayUseAVolume) {
  ServiceModel patched = WithVolumes();
  patched.extra_manifest_patch = "volumeMounts: [{ name: tmp }, { name: data }]";
  EXPECT_THAT(Places(patched), IsEmpty());
  ServiceModel backed = WithVolumes();
  BackupModel backup;
  backup.to = "data";
  backed.backups = std::map<std::string, BackupModel>{{"nightly", backup}};
  EXPECT_THAT(Places(backed), ElementsAre("volumes[\"tmp\"]"));
  backed.backups.value()["nightly"].to = "web-tmp";  // the claim of an NFS export
  EXPECT_THAT(Places(backed), ElementsAre("claims[\"data\"]"));
  ServiceModel unknown = WithVolumes();
  unknown.mounts = Attr<std::map<std::string, MountModel>>::Unknown();
  EXPECT_THAT(Places(unknown), IsEmpty());
}

TEST(Doubts, ObjectsThatSayNothing) {
  ServiceModel model;
  model.resources = ResourcesModel();
  model.security_context = SecurityContextModel();
  model.probes = ProbesModel();
  model.rollout = RolloutModel();
  model.pod = PodModel();
  SidecarModel sidecar;
  sidecar.resources = ResourcesModel();
  model.sidecars = std::map<std::string, SidecarModel>{{"side", sidecar}};
  EXPECT_THAT(Places(model), ElementsAre("resources", "security_context", "probes",
                                         "sidecars[\"side\"].resources", "rollout", "pod"));
}

TEST(Doubts, ObjectsThatSaySomething) {
  ServiceModel model;
  model.resources = ResourcesModel();
  model.resources.value().requests = StringMap();
  model.rollout = RolloutModel();
  model.rollout.value().max_surge = Attr<std::string>::Unknown();
  model.identity = IdentityModel();
  model.expose = std::map<std::string, ExposeModel>{{"web", {}}};
  model.expose.value()["web"].ingress = IngressModel();
  model.scheduling = SchedulingModel();
  model.scheduling.value().spread = SpreadModel();
  EXPECT_THAT(Places(model), IsEmpty());
}

}  // namespace
}  // namespace charon::service
