#include "provider/plan/conformance.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace charon::plan {
namespace {

std::string KindName(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kUnknown:
      return "unknown";
    case Value::Kind::kBool:
      return "a bool";
    case Value::Kind::kNumber:
      return "a number";
    case Value::Kind::kString:
      return "a string";
    case Value::Kind::kSequence:
      return absl::StrCat("a sequence of ", value.sequence().size());
    case Value::Kind::kMapping:
      return absl::StrCat("a mapping of ", value.mapping().size());
    case Value::Kind::kDynamic:
      return "a dynamic value";
  }
  return "";
}

class Checker {
 public:
  std::vector<std::string> found;

  void Complain(absl::string_view rule, const Path& path, absl::string_view what) {
    found.push_back(absl::StrCat(rule, " ", path.ToString(), ": ", what));
  }

  void WriteOnlyIsNull(absl::string_view rule, const ObjectSchema& schema, const Value& value) {
    TransformAttributes(
        schema, Value(), value, Path(),
        [&](const AttributeSchema& attribute, const Value&, Value inner, const Path& path, bool*) {
          if (attribute.write_only && !inner.IsNull())
            Complain(rule, path, "write-only, but not null");
          return inner;
        });
  }

  void Object(const ObjectSchema& schema, const Value& config, const Value& prior,
              const Value& planned, const Path& path) {
    for (const AttributeSchema& attribute : schema.attributes) {
      Attribute(attribute, Inside(config, attribute.name), prior[attribute.name],
                Inside(planned, attribute.name), path.Attribute(attribute.name));
    }
  }

  void Attribute(const AttributeSchema& attribute, const Value& config, const Value& prior,
                 const Value& planned, const Path& path) {
    if (attribute.write_only) return;                                      // P2, checked apart
    if (planned == config) return;                                         // P5
    if (planned == prior && !prior.IsNull() && !IsAbsent(config)) return;  // P6
    if (attribute.mode == Mode::kComputed) return;                         // P7
    if (attribute.computed() && IsAbsent(config)) return;                  // P8
    if (IsAbsent(config))
      return Complain("P9", path,
                      absl::StrCat("planned ", KindName(planned), " for a non-computed attribute"));
    if (attribute.nested == nullptr || !config.IsKnown()) {
      return Complain("P10", path,
                      absl::StrCat("planned ", KindName(planned), " is neither config (",
                                   KindName(config), ") nor prior (", KindName(prior), ")"));
    }
    if (planned.IsUnknown()) return Complain("P11", path, "planned unknown for a configured value");
    if (planned.IsNull()) return Complain("P10", path, "planned null for a configured value");
    Nested(attribute, config, prior, planned, path);
  }

  void Nested(const AttributeSchema& attribute, const Value& config, const Value& prior,
              const Value& planned, const Path& path) {
    const ObjectSchema& nested = *attribute.nested;
    switch (attribute.nesting) {
      case Nesting::kNone:
        return;
      case Nesting::kSingle:
        return Object(nested, config, prior, planned, path);
      case Nesting::kList: {
        if (config.sequence().size() != planned.sequence().size()) {
          return Complain("P12", path, "count in plan disagrees with count in config");
        }
        const bool has_prior = prior.kind() == Value::Kind::kSequence;
        for (std::size_t i = 0; i < planned.sequence().size(); ++i) {
          const Value& before =
              has_prior && i < prior.sequence().size() ? prior.sequence()[i] : null_;
          Object(nested, config.sequence()[i], before, planned.sequence()[i],
                 path.Index(static_cast<std::int64_t>(i)));
        }
        return;
      }
      case Nesting::kMap:
        for (const auto& [key, element] : planned.mapping()) {
          if (config.mapping().count(key) == 0) Complain("P12", path.Key(key), "not in config");
        }
        for (const auto& [key, element] : config.mapping()) {
          if (planned.mapping().count(key) == 0) {
            Complain("P12", path.Key(key), "in config, but not in plan");
          } else {
            Object(nested, element, prior[key], planned[key], path.Key(key));
          }
        }
        return;
      case Nesting::kSet:
        if (config.IsWhollyKnown() && planned.IsWhollyKnown() &&
            config.sequence().size() != planned.sequence().size()) {
          Complain("P13", path, "count in plan disagrees with count in config");
        }
        return;
    }
  }

  // A6 to A10 on two values of `type`.
  void Compatible(const Type& type, const Value& planned, const Value& actual, const Path& path) {
    if (planned.IsUnknown()) return;  // A10 (we send no refinements)
    if (planned.kind() == Value::Kind::kDynamic) {
      if (actual.kind() != Value::Kind::kDynamic ||
          !(planned.dynamic_type() == actual.dynamic_type())) {
        return Complain("A6", path, "the dynamic type differs from the plan");
      }
      return Compatible(planned.dynamic_type(), planned.dynamic_value(), actual.dynamic_value(),
                        path);
    }
    if (planned.IsNull() != actual.IsNull()) {
      return Complain("A7", path,
                      absl::StrCat("was ", KindName(planned), ", but now ", KindName(actual)));
    }
    if (planned.IsNull()) return;
    if (planned.kind() != actual.kind()) {
      return Complain("A6", path,
                      absl::StrCat("was ", KindName(planned), ", but now ", KindName(actual)));
    }
    switch (type.kind()) {
      case Type::Kind::kString:
      case Type::Kind::kNumber:
      case Type::Kind::kBool:
        if (!(planned == actual)) Complain("A6", path, "the value differs from the plan");
        return;
      case Type::Kind::kDynamic:
        return;  // has its own kind, above
      case Type::Kind::kMap:
        return CompatibleEntries(planned, actual, path,
                                 [&](const std::string& key, const Value& a, const Value& b) {
                                   Compatible(type.element(), a, b, path.Key(key));
                                 });
      case Type::Kind::kObject:
        return CompatibleEntries(
            planned, actual, path, [&](const std::string& name, const Value& a, const Value& b) {
              Compatible(type.attributes().at(name), a, b, path.Attribute(name));
            });
      case Type::Kind::kSet:
        return CompatibleSets(type.element(), planned.sequence(), actual.sequence(), path);
      case Type::Kind::kList:
      case Type::Kind::kTuple:
        if (planned.sequence().size() != actual.sequence().size()) {
          return Complain("A8", path,
                          absl::StrCat("was ", KindName(planned), ", but now ", KindName(actual)));
        }
        for (std::size_t i = 0; i < planned.sequence().size(); ++i) {
          Compatible(type.kind() == Type::Kind::kList ? type.element() : type.elements()[i],
                     planned.sequence()[i], actual.sequence()[i],
                     path.Index(static_cast<std::int64_t>(i)));
        }
        return;
    }
  }

  template <typename Visit>
  void CompatibleEntries(const Value& planned, const Value& actual, const Path& path,
                         const Visit& visit) {
    for (const auto& [key, value] : planned.mapping()) {
      if (actual.mapping().count(key) == 0) {
        Complain("A8", path.Key(key), "element has vanished");
      } else {
        visit(key, value, actual[key]);
      }
    }
    for (const auto& [key, value] : actual.mapping()) {
      if (planned.mapping().count(key) == 0)
        Complain("A8", path.Key(key), "new element has appeared");
    }
  }

  // Elements have no address: each planned one must fit some actual one and the other way round,
  // and there may be fewer (unknown ones can turn out equal), but never more.
  void CompatibleSets(const Type& element, const Value::Sequence& planned,
                      const Value::Sequence& actual, const Path& path) {
    auto fits = [&](const Value& a, const Value& b) {
      Checker trial;
      trial.Compatible(element, a, b, path);
      return trial.found.empty();
    };
    for (const Value& wanted : planned) {
      if (std::none_of(actual.begin(), actual.end(),
                       [&](const Value& value) { return fits(wanted, value); })) {
        Complain("A9", path, "a planned element of the set is not in the result");
      }
    }
    for (const Value& value : actual) {
      if (std::none_of(planned.begin(), planned.end(),
                       [&](const Value& wanted) { return fits(wanted, value); })) {
        Complain("A9", path, "an element of the set was not planned");
      }
    }
    if (actual.size() > planned.size())
      Complain("A9", path, "the set has more elements than planned");
  }

 private:
  Value null_;
};

}  // namespace

std::vector<std::string> CheckPlan(const ObjectSchema& schema, const Value& config,
                                   const Value& prior, const Value& planned,
                                   const std::vector<Path>& requires_replace) {
  Checker checker;
  if (config.IsNull()) {
    if (!planned.IsNull()) checker.Complain("P1", Path(), "a destroy plan must be null");
    return checker.found;
  }
  if (!planned.IsKnown()) {
    checker.Complain("P4", Path(), "planned for absence, but the configuration wants existence");
    return checker.found;
  }
  if (absl::Status fits = Conforms(planned, schema.type()); !fits.ok()) {
    checker.Complain("P3", Path(), fits.message());
    return checker.found;
  }
  checker.WriteOnlyIsNull("P2", schema, planned);
  checker.Object(schema, config, prior, planned, Path());
  for (const Path& path : requires_replace) {
    if (prior.Find(path) == nullptr && planned.Find(path) == nullptr) {
      checker.Complain("P20", path, "replacement for a path that does not exist");
    }
  }
  return checker.found;
}

std::vector<std::string> CheckApply(const ObjectSchema& schema, const Value& planned,
                                    const Value& result) {
  Checker checker;
  if (planned.IsNull() || result.IsNull()) {
    if (planned.IsNull() != result.IsNull())
      checker.Complain("A12", Path(), "null-ness differs from the plan");
    return checker.found;
  }
  checker.found = CheckState(schema, result);
  if (checker.found.empty()) checker.Compatible(schema.type(), planned, result, Path());
  return checker.found;
}

std::vector<std::string> CheckFinalPlan(const ObjectSchema& schema, const Value& planned,
                                        const Value& final) {
  Checker checker;
  checker.Compatible(schema.type(), planned, final, Path());
  return checker.found;
}

std::vector<std::string> CheckState(const ObjectSchema& schema, const Value& state) {
  Checker checker;
  if (state.IsNull()) return checker.found;
  if (absl::Status fits = Conforms(state, schema.type()); !fits.ok()) {
    checker.Complain("A2", Path(), fits.message());
    return checker.found;
  }
  if (!state.IsWhollyKnown()) checker.Complain("A4", Path(), "an unknown value in a state");
  checker.WriteOnlyIsNull("A3", schema, state);
  return checker.found;
}

}  // namespace charon::plan
