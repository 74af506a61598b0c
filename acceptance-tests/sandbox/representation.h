// How an answer looks: plain objects, tables for kubectl, metadata only; JSON or YAML.

#ifndef ACCEPTANCE_TESTS_SANDBOX_REPRESENTATION_H_
#define ACCEPTANCE_TESTS_SANDBOX_REPRESENTATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "json.h"
#include "kinds.h"
#include "store.h"

namespace charon::sandbox {

struct Representation {
  enum class Shape { kObject, kTable, kMetadata };
  Shape shape = Shape::kObject;
  std::string meta_version = "v1";
  bool yaml = false;
  // Of tables: rows carry None, Metadata (the default) or Object.
  std::string include_object = "Metadata";
  bool no_headers = false;
};

// From the Accept header; 406 if nothing fits.
absl::StatusOr<Representation> ChooseRepresentation(absl::string_view accept);

// One object, or the list of them, as asked for.
Json Represent(const Representation& how, const Resource& resource, const Json& object,
               absl::Time now);
std::string RepresentList(const Representation& how, const Resource& resource,
                          const std::vector<ObjectPtr>& objects, Json list_metadata,
                          absl::Time now);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_REPRESENTATION_H_
