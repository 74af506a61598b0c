#include "resources/service/content.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/status.h"

namespace charon::service {

using kubernetes::ObjectRef;

ObjectRef WorkloadRef(const ServiceModel& model) {
  return {{"apps/v1", WorkloadKind(model)}, *model.name_space, model.NameOrDefault()};
}

std::string KeyOf(const ObjectRef& ref) {
  return absl::StrCat(ref.kind.kind, "/", ref.name_space, ref.name_space.empty() ? "" : "/",
                      ref.name);
}

absl::StatusOr<ObjectRef> RefOfKey(const std::string& key) {
  const std::string kind = key.substr(0, key.find('/'));
  return ObjectRef::Parse(absl::StrCat(ApiVersionOf(kind), "/", key));
}

std::string HashOf(const Rendered& rendered) {
  std::string text = rendered.object.dump();
  // The size of a claim is sent in its own way, but a change of it must show.
  if (rendered.object["kind"] == "PersistentVolumeClaim")
    absl::StrAppend(&text, rendered.initial.dump());
  // 48 bits: it only has to differ from the one before.
  return Fingerprint(text).substr(0, 12);
}

absl::StatusOr<Content> ContentOf(const ServiceModel& model, const Conventions& conventions) {
  Content content;
  CHARON_ASSIGN_OR_RETURN(content.objects, RenderService(model, conventions));
  for (const Rendered& rendered : content.objects) {
    CHARON_ASSIGN_OR_RETURN(ObjectRef ref, kubernetes::RefOf(rendered.object));
    const bool fresh = content.hashes.emplace(KeyOf(ref), HashOf(rendered)).second;
    if (!fresh) {
      return At(rendered.attribute, absl::InvalidArgumentError(absl::StrCat(
                                        "would make ", ref.ToString(),
                                        ", which another part of the service makes already")));
    }
    content.refs.push_back(std::move(ref));
  }
  if (model.restart.IsKnown() && !model.restart->empty()) {
    ServiceModel unrestarted = model;
    unrestarted.restart = Attr<StringMap>();
    CHARON_ASSIGN_OR_RETURN(const std::vector<Rendered> plain,
                            RenderService(unrestarted, conventions));
    for (std::size_t i = 0; i < plain.size(); ++i)
      content.hashes[KeyOf(content.refs[i])] = HashOf(plain[i]);
  }
  return content;
}

const Rendered* WorkloadOf(const std::vector<Rendered>& objects) {
  const auto found = std::find_if(objects.begin(), objects.end(),
                                  [](const Rendered& r) { return r.stage == Stage::kWorkload; });
  return found == objects.end() ? nullptr : &*found;
}

Attr<StringMap> Urls(const ServiceModel& model, const Conventions& conventions) {
  StringMap urls = UrlsOf(model, conventions);
  return urls.empty() ? Attr<StringMap>() : Attr<StringMap>(std::move(urls));
}

bool IsClaim(const ObjectRef& ref) { return ref.kind.kind == "PersistentVolumeClaim"; }

bool IsPerReplica(const ClaimModel& claim) { return claim.per_replica.value_or(false); }

std::set<std::string> DataKeys(const ServiceModel& model, const Conventions& conventions) {
  std::set<std::string> keys;
  const absl::StatusOr<Content> content = ContentOf(model, conventions);
  if (content.ok()) {
    for (std::size_t i = 0; i < content->objects.size(); ++i) {
      if (content->objects[i].keeps_data) keys.insert(KeyOf(content->refs[i]));
    }
    return keys;
  }
  for (const auto& [key, hash] : model.objects.value_or({})) {
    const absl::StatusOr<ObjectRef> ref = RefOfKey(key);
    if (ref.ok() && IsClaim(*ref)) keys.insert(key);
  }
  return keys;
}

absl::Status Locate(const Rendered& rendered, const absl::Status& status) {
  if (status.ok() || rendered.attribute.empty()) return status;
  return At(rendered.attribute, status);
}

}  // namespace charon::service
