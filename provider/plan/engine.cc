#include "provider/plan/engine.h"

#include <algorithm>
#include <utility>

namespace charon::plan {
namespace {

// The prior value at `path`, null if there is none.
const Value& PriorAt(const Value& prior, const Path& path) {
  static const auto& null = *new Value;
  const Value* found = prior.Find(path);
  return found != nullptr ? *found : null;
}

// True if `path` lies inside a set, where elements have no address and so no prior partner.
bool InsideSet(const ObjectSchema& schema, const Path& path) {
  const ObjectSchema* object = &schema;
  for (std::size_t i = 0; i < path.steps().size(); ++i) {
    const auto* name = std::get_if<AttributeName>(&path.steps()[i]);
    if (name == nullptr) continue;
    const AttributeSchema* attribute = object->Find(name->name);
    if (attribute == nullptr || attribute->nested == nullptr) return false;
    if (attribute->nesting == Nesting::kSet && i + 1 < path.steps().size()) return true;
    object = attribute->nested.get();
  }
  return false;
}

// One attribute of `schema` beside its two values; descends into objects that both sides have.
void CollectReplacePaths(const ObjectSchema& schema, const Value& prior, const Value& planned, const Path& path,
                         std::vector<Path>* paths) {
  for (const AttributeSchema& attribute : schema.attributes) {
    const Value& before = prior[attribute.name];
    const Value& after = planned[attribute.name];
    const Path place = path.Attribute(attribute.name);
    if (attribute.force_new && !(before == after)) {
      paths->push_back(place);
      continue;
    }
    if (attribute.nested == nullptr || !before.IsKnown() || !after.IsKnown()) continue;
    if (attribute.nesting == Nesting::kSingle) {
      CollectReplacePaths(*attribute.nested, before, after, place, paths);
    } else if (attribute.nesting == Nesting::kMap) {
      for (const auto& [key, element] : after.mapping()) {
        if (before[key].IsKnown()) CollectReplacePaths(*attribute.nested, before[key], element, place.Key(key), paths);
      }
    } else if (attribute.nesting == Nesting::kList) {
      const std::size_t both = std::min(before.sequence().size(), after.sequence().size());
      for (std::size_t i = 0; i < both; ++i) {
        CollectReplacePaths(*attribute.nested, before.sequence()[i], after.sequence()[i],
                            place.Index(static_cast<std::int64_t>(i)), paths);
      }
    }
    // Elements of sets have no path; a set that must force replacement says so itself.
  }
}

}  // namespace

Value KeepPriorSpelling(const ObjectSchema& schema, const Input& input, Value planned) {
  if (input.prior.IsNull()) return planned;
  return TransformAttributes(
      schema, input.config, std::move(planned), Path(),
      [&](const AttributeSchema& attribute, const Value& config, Value value, const Path& path, bool*) {
        if (!attribute.same || !config.IsKnown() || InsideSet(schema, path)) return value;
        const Value& prior = PriorAt(input.prior, path);
        return prior.IsKnown() && attribute.same(prior, config) ? prior : std::move(value);
      });
}

Value ApplyDefaults(const ObjectSchema& schema, const Value& config, Value planned) {
  return TransformAttributes(
      schema, config, std::move(planned), Path(),
      [](const AttributeSchema& attribute, const Value& wanted, Value value, const Path&, bool*) {
        return attribute.default_value && wanted.IsNull() ? *attribute.default_value : std::move(value);
      });
}

Value MarkUnknown(const ObjectSchema& schema, const Input& input, Value planned) {
  return TransformAttributes(
      schema, input.config, std::move(planned), Path(),
      [&](const AttributeSchema& attribute, const Value& config, Value value, const Path& path, bool* descend) {
        if (!attribute.computed() || !config.IsNull() || attribute.default_value) return value;
        *descend = false;
        if (attribute.keep_prior && !input.prior.IsNull()) {
          const Value& prior = PriorAt(input.prior, path);
          // Inside a set, core's proposal has already paired the elements.
          if (InsideSet(schema, path)) return value.IsNull() ? Value::Unknown() : std::move(value);
          // At the root a null is a value like any other; in an element that is new it is no value at all.
          if (prior.IsKnown() || path.steps().size() == 1) return prior;
        }
        return Value::Unknown();
      });
}

bool Changes(const Value& prior, const Value& planned) { return !(prior == planned); }

std::vector<Path> ReplacePaths(const ObjectSchema& schema, const Value& prior, const Value& planned) {
  std::vector<Path> paths;
  if (prior.IsKnown() && planned.IsKnown()) CollectReplacePaths(schema, prior, planned, Path(), &paths);
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

Result Plan(const ObjectSchema& schema, const Input& input) {
  Value planned = input.proposed;
  planned = KeepPriorSpelling(schema, input, std::move(planned));
  planned = ApplyDefaults(schema, input.config, std::move(planned));
  planned = WithoutWriteOnly(schema, std::move(planned));
  if (Changes(input.prior, planned)) planned = MarkUnknown(schema, input, std::move(planned));
  Result result;
  result.requires_replace = ReplacePaths(schema, input.prior, planned);
  result.planned = std::move(planned);
  return result;
}

}  // namespace charon::plan
