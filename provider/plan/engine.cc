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

// True if the attribute at `path` is computed once: it says so itself, or it belongs to something
// that cannot change in place. Without the second rule any other change would make it unknown, and
// so replace the object.
bool IsFixed(const ObjectSchema& schema, const Path& path) {
  const ObjectSchema* object = &schema;
  bool fixed = false;
  for (const Path::Step& step : path.steps()) {
    const auto* name = std::get_if<AttributeName>(&step);
    if (name == nullptr) continue;
    const AttributeSchema* attribute = object->Find(name->name);
    if (attribute == nullptr) return fixed;
    fixed = fixed || attribute->force_new;
    if (&step == &path.steps().back()) return fixed || attribute->keep_prior;
    if (attribute->nested == nullptr) return fixed;
    object = attribute->nested.get();
  }
  return fixed;
}

// `filled`, an object of `schema` that a default gave, with the prior values of what it leaves to
// the provider.
Value WithPriorComputed(const ObjectSchema& schema, Value filled, const Value& prior) {
  return TransformAttributes(
      schema, Value(), std::move(filled), Path(),
      [&](const AttributeSchema& attribute, const Value&, Value value, const Path& path, bool*) {
        const bool open = attribute.computed() && !attribute.default_value && value.IsNull();
        if (open && !InsideSet(schema, path)) return PriorAt(prior, path);
        return value;
      });
}

Value WithPriorComputed(const AttributeSchema& attribute, Value filled, const Value& prior) {
  if (attribute.nested == nullptr || !filled.IsKnown() || !prior.IsKnown()) return filled;
  const ObjectSchema& nested = *attribute.nested;
  switch (attribute.nesting) {
    case Nesting::kSingle:
      return WithPriorComputed(nested, std::move(filled), prior);
    case Nesting::kMap:
      for (auto& [key, element] : filled.mapping())
        element = WithPriorComputed(nested, std::move(element), prior[key]);
      return filled;
    case Nesting::kList:
      for (std::size_t i = 0; i < std::min(filled.sequence().size(), prior.sequence().size());
           ++i) {
        filled.sequence()[i] =
            WithPriorComputed(nested, std::move(filled.sequence()[i]), prior.sequence()[i]);
      }
      return filled;
    case Nesting::kNone:
    case Nesting::kSet:
      return filled;
  }
  return filled;
}

// One attribute of `schema` beside its two values; descends into objects that both sides have. What
// is unknown as a whole may come out with any of its force_new attributes changed. Core refuses a
// replacement that shows only at apply, so it is planned now, as it is for an unknown value of the
// attribute itself.
void CollectReplacePaths(const ObjectSchema& schema, const Value& prior, const Value& planned,
                         const Path& path, std::vector<Path>* paths) {
  for (const AttributeSchema& attribute : schema.attributes) {
    const Value& before = prior[attribute.name];
    const Value& after = Inside(planned, attribute.name);
    const Path place = path.Attribute(attribute.name);
    if (attribute.force_new && !(before == after)) {
      paths->push_back(place);
      continue;
    }
    if (attribute.nested == nullptr || !before.IsKnown() || after.IsNull()) continue;
    if (attribute.nesting == Nesting::kSingle) {
      CollectReplacePaths(*attribute.nested, before, after, place, paths);
    } else if (attribute.nesting == Nesting::kMap) {
      for (const auto& [key, element] : before.mapping()) {
        const Value& then = Inside(after, key);
        if (element.IsKnown() && !then.IsNull()) {
          CollectReplacePaths(*attribute.nested, element, then, place.Key(key), paths);
        }
      }
    } else if (attribute.nesting == Nesting::kList) {
      for (std::size_t i = 0; i < before.sequence().size(); ++i) {
        if (after.IsKnown() && i >= after.sequence().size()) break;
        if (!before.sequence()[i].IsKnown()) continue;
        CollectReplacePaths(*attribute.nested, before.sequence()[i],
                            after.IsKnown() ? after.sequence()[i] : after,
                            place.Index(static_cast<std::int64_t>(i)), paths);
      }
    }
    // Elements of sets have no path; a set that must force replacement says so itself.
  }
}

}  // namespace

Value ApplyDefaults(const ObjectSchema& schema, const Input& input, Value planned) {
  return TransformAttributes(schema, input.config, std::move(planned), Path(),
                             [&](const AttributeSchema& attribute, const Value& wanted, Value value,
                                 const Path& path, bool* descend) {
                               if (!IsAbsent(wanted)) return value;
                               if (attribute.default_value) {
                                 return InsideSet(schema, path)
                                            ? *attribute.default_value
                                            : WithPriorComputed(attribute, *attribute.default_value,
                                                                PriorAt(input.prior, path));
                               }
                               // An object that the configuration leaves out is the provider's: its
                               // parts are not ours to fill.
                               *descend = false;
                               return value;
                             });
}

Value KeepPriorSpelling(const ObjectSchema& schema, const Input& input, Value planned) {
  if (input.prior.IsNull()) return planned;
  return TransformAttributes(
      schema, input.config, std::move(planned), Path(),
      [&](const AttributeSchema& attribute, const Value&, Value value, const Path& path, bool*) {
        if (!attribute.same || !value.IsKnown() || InsideSet(schema, path)) return value;
        const Value& prior = PriorAt(input.prior, path);
        if (!prior.IsKnown() || prior == value) return value;
        if (attribute.same(prior, value)) return prior;
        return value;
      });
}

Value KeepFixed(const ObjectSchema& schema, const Input& input, Value planned) {
  if (input.prior.IsNull()) return planned;
  return TransformAttributes(
      schema, input.config, std::move(planned), Path(),
      [&](const AttributeSchema& attribute, const Value& config, Value value, const Path& path,
          bool* descend) {
        if (!attribute.computed() || !IsAbsent(config) || attribute.default_value) return value;
        *descend = false;
        // Inside a set, core's proposal has already paired the elements.
        if (!IsFixed(schema, path) || InsideSet(schema, path)) return value;
        const Value& prior = PriorAt(input.prior, path);
        if (prior.IsKnown()) return prior;
        return value;
      });
}

Value MarkUnknown(const ObjectSchema& schema, const Input& input, Value planned) {
  return TransformAttributes(
      schema, input.config, std::move(planned), Path(),
      [&](const AttributeSchema& attribute, const Value& config, Value value, const Path& path,
          bool* descend) {
        if (!attribute.computed() || !IsAbsent(config) || attribute.default_value) return value;
        *descend = false;
        if (!input.prior.IsNull() && IsFixed(schema, path)) {
          const Value& prior = PriorAt(input.prior, path);
          // Inside a set, core's proposal has already paired the elements.
          if (InsideSet(schema, path)) return value.IsNull() ? Value::Unknown() : std::move(value);
          // At the root a null is a value like any other; in an element that is new it is no value
          // at all.
          if (prior.IsKnown() || path.steps().size() == 1) return prior;
        }
        return Value::Unknown();
      });
}

bool Changes(const Value& prior, const Value& planned) { return !(prior == planned); }

std::vector<Path> ReplacePaths(const ObjectSchema& schema, const Value& prior,
                               const Value& planned) {
  std::vector<Path> paths;
  if (prior.IsKnown() && planned.IsKnown())
    CollectReplacePaths(schema, prior, planned, Path(), &paths);
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

Result Plan(const ObjectSchema& schema, const Input& input) {
  Value planned = input.proposed;
  planned = ApplyDefaults(schema, input, std::move(planned));
  planned = KeepPriorSpelling(schema, input, std::move(planned));
  planned = KeepFixed(schema, input, std::move(planned));
  planned = WithoutWriteOnly(schema, std::move(planned));
  if (Changes(input.prior, planned)) planned = MarkUnknown(schema, input, std::move(planned));
  Result result;
  result.requires_replace = ReplacePaths(schema, input.prior, planned);
  result.planned = std::move(planned);
  return result;
}

}  // namespace charon::plan
