#include "provider/testing/core_rules.h"

#include <algorithm>
#include <string>
#include <utility>

namespace charon::core {
namespace {

// `name` of `object`: of a null or unknown one, what it is itself.
Value Get(const Value& object, const std::string& name) {
  return object.IsKnown() ? object[name] : object;
}

// True if something that only a configuration can have set stands inside `value` of `attribute`.
bool HasConfigured(const AttributeSchema& attribute, const Value& value) {
  if (attribute.nested == nullptr || !value.IsKnown()) return false;
  const auto in_object = [&](const Value& object) {
    return std::any_of(attribute.nested->attributes.begin(), attribute.nested->attributes.end(),
                       [&](const AttributeSchema& inner) {
                         const Value entry = Get(object, inner.name);
                         if (entry.IsNull()) return false;
                         return !inner.computed() || HasConfigured(inner, entry);
                       });
  };
  switch (attribute.nesting) {
    case Nesting::kNone:
      return false;
    case Nesting::kSingle:
      return in_object(value);
    case Nesting::kMap:
      return std::any_of(value.mapping().begin(), value.mapping().end(),
                         [&](const auto& entry) { return in_object(entry.second); });
    case Nesting::kList:
    case Nesting::kSet:
      return std::any_of(value.sequence().begin(), value.sequence().end(), in_object);
  }
  return false;
}

// True if `prior`, an element of a set, can have come from `config`.
bool CanHaveComeFrom(const ObjectSchema& schema, const Value& prior, const Value& config);

bool AttributeCanHaveComeFrom(const AttributeSchema& attribute, const Value& prior,
                              const Value& config) {
  if (prior == config) return true;
  if (attribute.nesting == Nesting::kSet) return false;
  if (attribute.nested == nullptr) return attribute.computed() && config.IsNull();
  // Deeper values differ: a null or unknown object has none that could be compared.
  if (!prior.IsKnown() || !config.IsKnown()) return false;
  if (attribute.nesting == Nesting::kSingle) {
    return CanHaveComeFrom(*attribute.nested, prior, config);
  }
  if (attribute.nesting == Nesting::kList) {
    if (prior.sequence().size() != config.sequence().size()) return false;
    for (std::size_t i = 0; i < prior.sequence().size(); ++i) {
      if (!CanHaveComeFrom(*attribute.nested, prior.sequence()[i], config.sequence()[i])) {
        return false;
      }
    }
    return true;
  }
  if (prior.mapping().size() != config.mapping().size()) return false;
  for (const auto& [key, element] : prior.mapping()) {
    if (config.mapping().count(key) == 0) return false;
    if (!CanHaveComeFrom(*attribute.nested, element, config[key])) return false;
  }
  return true;
}

bool CanHaveComeFrom(const ObjectSchema& schema, const Value& prior, const Value& config) {
  if (prior == config) return true;
  if (!prior.IsKnown() || !config.IsKnown()) return false;
  return std::all_of(
      schema.attributes.begin(), schema.attributes.end(), [&](const AttributeSchema& attribute) {
        return AttributeCanHaveComeFrom(attribute, prior[attribute.name], config[attribute.name]);
      });
}

Value MergeObject(const ObjectSchema& schema, const Value& prior, const Value& config);

Value MergeNested(const AttributeSchema& attribute, const Value& prior, const Value& config) {
  if (!config.IsKnown()) return config;
  const ObjectSchema& nested = *attribute.nested;
  switch (attribute.nesting) {
    case Nesting::kNone:
      return config;
    case Nesting::kSingle:
      return MergeObject(nested, prior, config);
    case Nesting::kList: {
      Value::Sequence elements;
      for (std::size_t i = 0; i < config.sequence().size(); ++i) {
        const bool partner = prior.IsKnown() && i < prior.sequence().size();
        elements.push_back(partner ? MergeObject(nested, prior.sequence()[i], config.sequence()[i])
                                   : config.sequence()[i]);
      }
      return Value::Of(std::move(elements));
    }
    case Nesting::kMap: {
      Value::Mapping entries;
      for (const auto& [key, element] : config.mapping()) {
        const bool partner = prior.IsKnown() && prior.mapping().count(key) != 0;
        entries.emplace(key, partner ? MergeObject(nested, prior[key], element) : element);
      }
      return Value::Of(std::move(entries));
    }
    case Nesting::kSet: {
      Value::Sequence left = prior.IsKnown() ? prior.sequence() : Value::Sequence();
      Value::Sequence elements;
      for (const Value& element : config.sequence()) {
        const auto partner = std::find_if(left.begin(), left.end(), [&](const Value& candidate) {
          return CanHaveComeFrom(nested, candidate, element);
        });
        elements.push_back(
            MergeObject(nested, partner == left.end() ? Value::Null() : *partner, element));
        if (partner != left.end()) left.erase(partner);
      }
      return Value::Set(std::move(elements));
    }
  }
  return config;
}

Value MergeObject(const ObjectSchema& schema, const Value& prior, const Value& config) {
  if (config.IsNull()) return config;
  Value::Mapping entries;
  for (const AttributeSchema& attribute : schema.attributes) {
    const Value before = Get(prior, attribute.name);
    const Value wanted = Get(config, attribute.name);
    Value& merged = entries[attribute.name];
    if (attribute.computed() && wanted.IsNull()) {
      const bool was_configured =
          attribute.mode == Mode::kOptionalComputed && HasConfigured(attribute, before);
      merged = was_configured ? wanted : before;
    } else if (attribute.nested != nullptr) {
      merged = MergeNested(attribute, before, wanted);
    } else {
      merged = wanted;
    }
  }
  return Value::Of(std::move(entries));
}

}  // namespace

Value ProposedNewState(const ObjectSchema& schema, const Value& prior, const Value& config) {
  if (!config.IsKnown()) return config.IsNull() && prior.IsNull() ? Value::Null() : prior;
  return MergeObject(schema, prior, config);
}

Action ActionOf(const Value& prior, const Value& planned,
                const std::vector<Path>& requires_replace) {
  if (prior.IsNull()) return planned.IsNull() ? Action::kNoOp : Action::kCreate;
  if (planned.IsNull()) return Action::kDelete;
  const bool replace =
      std::any_of(requires_replace.begin(), requires_replace.end(), [&](const Path& path) {
        const Value* before = prior.Find(path);
        const Value* after = planned.Find(path);
        if (before == nullptr || after == nullptr) return before != after;
        return !(*before == *after) || !after->IsWhollyKnown();
      });
  if (replace) return Action::kReplace;
  return prior == planned && planned.IsWhollyKnown() ? Action::kNoOp : Action::kUpdate;
}

std::ostream& operator<<(std::ostream& out, Action action) {
  switch (action) {
    case Action::kNoOp:
      return out << "no-op";
    case Action::kCreate:
      return out << "create";
    case Action::kUpdate:
      return out << "update";
    case Action::kReplace:
      return out << "replace";
    case Action::kDelete:
      return out << "delete";
  }
  return out;
}

}  // namespace charon::core
