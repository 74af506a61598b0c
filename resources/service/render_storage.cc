// Claims and NFS volumes of a service.
#include <utility>

#include "absl/strings/str_cat.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

Json AccessModes(const Attr<std::set<std::string>>& modes, const char* fallback) {
  Json list = Json::array();
  for (const std::string& mode : modes.value_or({fallback})) list.push_back(mode);
  return list;
}

}  // namespace

// topolvm/pvc-autoresizer, README, "Annotations": grow by all of the size when a tenth is left.
Json Autoresize(const std::string& limit) {
  return {{kAutoresizeLimit, limit},
          {"resize.topolvm.io/threshold", "10%"},
          {"resize.topolvm.io/increase", "100%"}};
}

std::string ClaimName(const ServiceModel& model, const std::string& volume) {
  return absl::StrCat(model.NameOrDefault(), "-", volume);
}

Json ClaimSpec(const ClaimModel& claim, const Conventions& conventions) {
  Json spec = {{"accessModes", AccessModes(claim.access_modes, "ReadWriteOnce")}};
  if (claim.storage_class.IsKnown()) {
    const auto alias = conventions.storage_classes.find(*claim.storage_class);
    spec["storageClassName"] =
        alias == conventions.storage_classes.end() ? *claim.storage_class : alias->second;
  }
  return spec;
}

void RenderStorage(const ServiceModel& model, const Conventions& conventions,
                   std::vector<Rendered>& out) {
  for (const auto& [name, volume] : model.VolumesByName()) {
    const Path path = VolumePath(name, volume);
    if (volume.claim.IsKnown() && !volume.claim->per_replica.value_or(false)) {
      Json object = ObjectHead(model, conventions, "PersistentVolumeClaim", ClaimName(model, name));
      if (volume.claim->autoresize.IsKnown())
        object["metadata"]["annotations"] = Autoresize(*volume.claim->autoresize);
      object["spec"] = ClaimSpec(*volume.claim, conventions);
      // The size is never sent again as it is: an autoresizer may have grown the claim, and none
      // can shrink.
      Json initial = {
          {"spec", {{"resources", {{"requests", {{"storage", *volume.claim->size}}}}}}}};
      out.push_back({.stage = Stage::kStorage,
                     .attribute = path,
                     .object = std::move(object),
                     .initial = std::move(initial),
                     .keeps_data = true});
    }
    if (volume.nfs.IsKnown() && !volume.nfs->in_line.value_or(false)) {
      const NfsModel& nfs = *volume.nfs;
      const std::string claim = ClaimName(model, name);
      const std::string pv = absl::StrCat(*model.name_space, "-", claim);
      const Json modes = AccessModes(nfs.access_modes, "ReadWriteMany");
      const Json requested = {{"storage", nfs.size.value_or("10Gi")}};
      Json object = ObjectHead(model, conventions, "PersistentVolume", pv);
      object["metadata"].erase("namespace");
      // Soft and short: with the kernel's defaults a server that is away hangs every process that
      // touches the mount.
      object["spec"] = {
          {"capacity", requested},
          {"accessModes", modes},
          {"persistentVolumeReclaimPolicy", "Retain"},
          {"mountOptions", {"nfsvers=4", "soft", "timeo=30", "retrans=3", "actimeo=5"}},
          {"csi",
           {{"driver", conventions.nfs_driver},
            {"volumeHandle", pv},
            {"volumeAttributes",
             {{"server", nfs.server.value_or(conventions.nfs_server)}, {"share", *nfs.path}}}}}};
      // For nobody but our claim, until the controller has bound them and writes there itself.
      Json initial = {{"spec",
                       {{"claimRef",
                         {{"apiVersion", "v1"},
                          {"kind", "PersistentVolumeClaim"},
                          {"namespace", *model.name_space},
                          {"name", claim}}}}}};
      out.push_back({.stage = Stage::kStorage,
                     .attribute = path.Attribute("nfs"),
                     .object = std::move(object),
                     .initial = std::move(initial)});
      object = ObjectHead(model, conventions, "PersistentVolumeClaim", claim);
      object["spec"] = {{"accessModes", modes},
                        {"storageClassName", ""},
                        {"volumeName", pv},
                        {"resources", {{"requests", requested}}}};
      out.push_back({.stage = Stage::kStorage,
                     .attribute = path.Attribute("nfs"),
                     .object = std::move(object),
                     .initial = {}});
    }
  }
}

}  // namespace charon::service
