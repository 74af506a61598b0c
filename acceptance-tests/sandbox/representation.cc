#include "representation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "status.h"
#include "table.h"

namespace charon::sandbox {
namespace {

Json MetadataOnly(const std::string& version, const Json& object) {
  const Json* metadata = Find(object, {"metadata"});
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/" + version},
          {"metadata", metadata == nullptr ? Json::object() : *metadata}};
}

}  // namespace

absl::StatusOr<Representation> ChooseRepresentation(absl::string_view accept) {
  if (absl::StripAsciiWhitespace(accept).empty()) return Representation();
  for (const absl::string_view clause : absl::StrSplit(accept, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(clause, ';');
    const absl::string_view media = absl::StripAsciiWhitespace(parts[0]);
    Representation out;
    std::string as, group;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> pair =
          absl::StrSplit(parts[i], absl::MaxSplits('=', 1));
      const absl::string_view name = absl::StripAsciiWhitespace(pair.first);
      const std::string value(absl::StripAsciiWhitespace(pair.second));
      if (name == "as") as = value;
      if (name == "v") out.meta_version = value;
      if (name == "g") group = value;
    }
    if (media == "application/yaml" || media == "text/yaml") {
      out.yaml = true;
    } else if (media != "application/json" && media != "*/*" && media != "application/*") {
      continue;
    }
    if (!as.empty()) {
      if (group != "meta.k8s.io" || (out.meta_version != "v1" && out.meta_version != "v1beta1")) {
        continue;
      }
      if (as == "Table") {
        out.shape = Representation::Shape::kTable;
      } else if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") {
        out.shape = Representation::Shape::kMetadata;
      } else {
        continue;
      }
    }
    return out;
  }
  return ApiStatus(406, "NotAcceptable",
                   "406: Not Acceptable\n\nAvailable representations: application/json, "
                   "application/yaml, application/vnd.kubernetes.protobuf",
                   Json::object());
}

Json Represent(const Representation& how, const Resource& resource, const Json& object,
               absl::Time now) {
  switch (how.shape) {
    case Representation::Shape::kObject:
      return object;
    case Representation::Shape::kMetadata:
      return MetadataOnly(how.meta_version, object);
    case Representation::Shape::kTable: {
      Json metadata = Json::object();
      metadata["resourceVersion"] = Text(object, {"metadata", "resourceVersion"});
      return MakeTable(resource, {&object}, how, std::move(metadata), now);
    }
  }
  return object;
}

std::string RepresentList(const Representation& how, const Resource& resource,
                          const std::vector<ObjectPtr>& objects, Json list_metadata,
                          absl::Time now) {
  if (how.shape == Representation::Shape::kTable) {
    std::vector<const Json*> rows;
    rows.reserve(objects.size());
    for (const ObjectPtr& object : objects) rows.push_back(object.get());
    return Dump(MakeTable(resource, rows, how, std::move(list_metadata), now));
  }
  const bool metadata_only = how.shape == Representation::Shape::kMetadata;
  std::string out = absl::StrCat(
      "{\"kind\":\"", metadata_only ? "PartialObjectMetadataList" : resource.kind + "List",
      "\",\"apiVersion\":\"",
      metadata_only ? "meta.k8s.io/" + how.meta_version : resource.api_version(),
      "\",\"metadata\":", Dump(list_metadata), ",\"items\":[");
  bool first = true;
  for (const ObjectPtr& object : objects) {
    if (!first) out.push_back(',');
    first = false;
    if (metadata_only) {
      out += Dump(MetadataOnly(how.meta_version, *object));
    } else if (resource.is_custom()) {
      out += Dump(*object);
    } else {
      // The items of a typed list do not repeat its kind.
      Json item = *object;
      item.erase("apiVersion");
      item.erase("kind");
      out += Dump(item);
    }
  }
  return out + "]}";
}

}  // namespace charon::sandbox
