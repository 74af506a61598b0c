#include "provider/schema/schema.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/value/convert.h"

namespace charon {
namespace {

// The null that stands for "nothing in the configuration here".
const Value& NullValue() {
  static const auto& null = *new Value;
  return null;
}

bool CanComeFrom(const ObjectSchema& schema, const Value& config, const Value& element);

// For each of `elements` the entry of `config` (both of a set) that it can have come from, null
// where there is none. Pairs as many as possible: an element that fits two entries leaves the one
// that another needs.
std::vector<const Value*> PairElements(const ObjectSchema& schema, const Value& config,
                                       const Value::Sequence& elements) {
  constexpr std::size_t kNobody = static_cast<std::size_t>(-1);
  std::vector<const Value*> partners(elements.size(), &NullValue());
  if (config.kind() != Value::Kind::kSequence) return partners;
  const Value::Sequence& entries = config.sequence();
  std::vector<std::vector<std::size_t>> fitting(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    for (std::size_t j = 0; j < entries.size(); ++j) {
      if (CanComeFrom(schema, entries[j], elements[i])) fitting[i].push_back(j);
    }
  }
  // Bipartite matching by augmenting paths: whoever holds an entry moves on if there is another for
  // it.
  std::vector<std::size_t> holder(entries.size(), kNobody);
  std::vector<bool> tried;
  const std::function<bool(std::size_t)> settle = [&](std::size_t element) {
    for (const std::size_t entry : fitting[element]) {
      if (tried[entry]) continue;
      tried[entry] = true;
      if (holder[entry] != kNobody && !settle(holder[entry])) continue;
      holder[entry] = element;
      return true;
    }
    return false;
  };
  for (std::size_t i = 0; i < elements.size(); ++i) {
    tried.assign(entries.size(), false);
    settle(i);
  }
  for (std::size_t j = 0; j < entries.size(); ++j) {
    if (holder[j] != kNobody) partners[holder[j]] = &entries[j];
  }
  return partners;
}

bool AttributeCanComeFrom(const AttributeSchema& attribute, const Value& wanted,
                          const Value& value) {
  if (attribute.write_only) return true;
  if (IsAbsent(wanted) && (attribute.computed() || attribute.default_value)) return true;
  if (attribute.nested == nullptr || !wanted.IsKnown() || !value.IsKnown()) return wanted == value;
  const ObjectSchema& nested = *attribute.nested;
  if (attribute.nesting == Nesting::kSingle) return CanComeFrom(nested, wanted, value);
  if (attribute.nesting == Nesting::kMap) {
    return std::equal(wanted.mapping().begin(), wanted.mapping().end(), value.mapping().begin(),
                      value.mapping().end(), [&](const auto& a, const auto& b) {
                        return a.first == b.first && CanComeFrom(nested, a.second, b.second);
                      });
  }
  if (attribute.nesting == Nesting::kList) {
    return std::equal(wanted.sequence().begin(), wanted.sequence().end(), value.sequence().begin(),
                      value.sequence().end(),
                      [&](const Value& a, const Value& b) { return CanComeFrom(nested, a, b); });
  }
  const std::vector<const Value*> partners = PairElements(nested, wanted, value.sequence());
  return wanted.sequence().size() == value.sequence().size() &&
         std::find(partners.begin(), partners.end(), &NullValue()) == partners.end();
}

// True if `element` of a set can be what became of `config`: equal except where the provider may
// fill in.
bool CanComeFrom(const ObjectSchema& schema, const Value& config, const Value& element) {
  // Core's proposal for an element that is unknown as a whole has every attribute unknown.
  if (config.IsNull() || !element.IsKnown()) return config == element;
  return std::all_of(schema.attributes.begin(), schema.attributes.end(),
                     [&](const AttributeSchema& attribute) {
                       return AttributeCanComeFrom(attribute, Inside(config, attribute.name),
                                                   element[attribute.name]);
                     });
}

Value TransformElements(const AttributeSchema& attribute, const Value& config, Value value,
                        const Path& path, const AttributeVisitor& visit) {
  const ObjectSchema& nested = *attribute.nested;
  switch (attribute.nesting) {
    case Nesting::kNone:
      return value;
    case Nesting::kSingle:
      return TransformAttributes(nested, config, std::move(value), path, visit);
    case Nesting::kMap:
      for (auto& [key, element] : value.mapping()) {
        if (!element.IsKnown()) continue;
        element = TransformAttributes(nested, Inside(config, key), std::move(element),
                                      path.Key(key), visit);
      }
      return value;
    case Nesting::kList: {
      std::size_t index = 0;
      for (Value& element : value.sequence()) {
        const bool paired =
            config.kind() == Value::Kind::kSequence && index < config.sequence().size();
        const Value& beside = paired               ? config.sequence()[index]
                              : config.IsUnknown() ? config
                                                   : NullValue();
        if (element.IsKnown()) {
          element = TransformAttributes(nested, beside, std::move(element),
                                        path.Index(static_cast<std::int64_t>(index)), visit);
        }
        ++index;
      }
      return value;
    }
    case Nesting::kSet: {
      Value::Sequence elements = std::move(value.sequence());
      const std::vector<const Value*> partners = PairElements(nested, config, elements);
      for (std::size_t i = 0; i < elements.size(); ++i) {
        if (!elements[i].IsKnown()) continue;
        elements[i] =
            TransformAttributes(nested, *partners[i], std::move(elements[i]), path, visit);
      }
      return Value::Set(std::move(elements));
    }
  }
  return value;
}

const char* NameOf(Mode mode) {
  switch (mode) {
    case Mode::kRequired:
      return "required";
    case Mode::kOptional:
      return "optional";
    case Mode::kComputed:
      return "computed";
    case Mode::kOptionalComputed:
      return "optional and computed";
  }
  return "";
}

bool HasWriteOnly(const ObjectSchema& schema) {
  return std::any_of(schema.attributes.begin(), schema.attributes.end(),
                     [](const AttributeSchema& attribute) {
                       return attribute.write_only ||
                              (attribute.nested != nullptr && HasWriteOnly(*attribute.nested));
                     });
}

// Any known value of `type`, to try a check on; null for dynamic ones.
Value Sample(const Type& type) {
  switch (type.kind()) {
    case Type::Kind::kDynamic:
      return Value::Null();
    case Type::Kind::kString:
      return Value::String("");
    case Type::Kind::kNumber:
      return Value::Of(Number(0));
    case Type::Kind::kBool:
      return Value::Bool(false);
    case Type::Kind::kList:
    case Type::Kind::kSet:
      return Value::Of(Value::Sequence{Sample(type.element())});
    case Type::Kind::kMap:
      return Value::Of(Value::Mapping{{"", Sample(type.element())}});
    case Type::Kind::kTuple: {
      Value::Sequence elements;
      for (const Type& element : type.elements()) elements.push_back(Sample(element));
      return Value::Of(std::move(elements));
    }
    case Type::Kind::kObject: {
      Value::Mapping entries;
      for (const auto& [name, attribute] : type.attributes())
        entries.emplace(name, Sample(attribute));
      return Value::Of(std::move(entries));
    }
  }
  return Value::Null();
}

// True if `check` reads another kind of value than `type` has: Value's accessors throw then.
bool IsForAnotherType(const Check& check, const Type& type) {
  const Value sample = Sample(type);
  if (!sample.IsKnown()) return false;
  try {
    Misfits(check, sample);
  } catch (const std::bad_variant_access&) {
    return true;
  }
  return false;
}

void Judge(const Check& check, const Value& value, const Type* type, const Path& place,
           std::vector<absl::Status>& misfits);

void ValidateAttributes(const ObjectSchema& schema, const Value& config, const Path& path,
                        bool write_only_allowed, bool secret, std::vector<absl::Status>* errors,
                        std::vector<absl::Status>* warnings);

// What `check` found, in words that do not quote the value, as its own do. The path inside the
// value stays.
absl::Status WithoutValue(const Check& check, const absl::Status& status) {
  const absl::string_view link = absl::StartsWith(check.text, "each ") ? "of which " : "that ";
  return At(PathOf(status).value_or(Path()),
            absl::InvalidArgumentError(
                absl::StrCat("The value must be one ", link, check.text,
                             ". This one is not, and it is not shown because it is secret.")));
}

void ValidateNested(const AttributeSchema& attribute, const Value& value, const Path& path,
                    bool write_only_allowed, bool secret, std::vector<absl::Status>* errors,
                    std::vector<absl::Status>* warnings) {
  const ObjectSchema& nested = *attribute.nested;
  if (attribute.nesting == Nesting::kSingle) {
    ValidateAttributes(nested, value, path, write_only_allowed, secret, errors, warnings);
  } else if (attribute.nesting == Nesting::kMap) {
    for (const auto& [key, element] : value.mapping()) {
      if (element.IsNull()) {
        errors->push_back(
            At(path.Key(key), absl::InvalidArgumentError("The element must not be null.")));
      }
      ValidateAttributes(nested, element, path.Key(key), write_only_allowed, secret, errors,
                         warnings);
    }
  } else {
    std::int64_t index = 0;
    for (const Value& element : value.sequence()) {
      const Path place = attribute.nesting == Nesting::kList ? path.Index(index) : path;
      if (element.IsNull())
        errors->push_back(At(place, absl::InvalidArgumentError("The element must not be null.")));
      ValidateAttributes(nested, element, place, write_only_allowed, secret, errors, warnings);
      ++index;
    }
  }
}

// Also beside elements that are unknown, because of which nothing is decoded yet.
void RefuseNullElements(const Value& value, const Type& type, const Path& place,
                        std::vector<absl::Status>* errors) {
  if (!value.IsKnown() || !type.IsCollection()) return;
  const auto visit = [&](const Value& element, const Path& path, absl::string_view way_out) {
    if (element.IsNull()) {
      errors->push_back(At(path, absl::InvalidArgumentError(absl::StrCat(
                                     "The element must not be null. Leave it out: ", way_out))));
    }
    RefuseNullElements(element, type.element(), path, errors);
  };
  if (type.kind() == Type::Kind::kMap) {
    for (const auto& [key, element] : value.mapping())
      visit(element, place.Key(key), "{ for key, value in ... : key => value if value != null }");
    return;
  }
  std::int64_t index = 0;
  for (const Value& element : value.sequence()) {
    visit(element, type.kind() == Type::Kind::kList ? place.Index(index++) : place,
          "[for value in ... : value if value != null]");
  }
}

void ValidateAttributes(const ObjectSchema& schema, const Value& config, const Path& path,
                        bool write_only_allowed, bool secret, std::vector<absl::Status>* errors,
                        std::vector<absl::Status>* warnings) {
  if (!config.IsKnown()) return;
  for (const AttributeSchema& attribute : schema.attributes) {
    const Value& value = config[attribute.name];
    const Path place = path.Attribute(attribute.name);
    if (IsAbsent(value)) {
      if (attribute.mode == Mode::kRequired) {
        errors->push_back(
            At(place, absl::InvalidArgumentError(absl::StrCat(
                          "\"", attribute.name, "\" is required: ", attribute.description))));
      }
      continue;
    }
    if (attribute.mode == Mode::kComputed) {
      errors->push_back(
          At(place, absl::InvalidArgumentError(absl::StrCat(
                        "\"", attribute.name,
                        "\" is set by the provider and cannot be configured. Remove it."))));
      continue;
    }
    if (attribute.write_only && !write_only_allowed) {
      errors->push_back(At(
          place,
          absl::FailedPreconditionError(absl::StrCat(
              "\"", attribute.name,
              "\" is write-only, which needs Terraform 1.11 or OpenTofu 1.11: this version would "
              "store the value in its state. Upgrade, or use a reference or a generated value."))));
      continue;
    }
    if (!attribute.deprecation.empty() && warnings != nullptr) {
      warnings->push_back(At(place, absl::UnknownError(attribute.deprecation)));
    }
    if (value.IsUnknown()) continue;
    const bool hidden = secret || attribute.sensitive || attribute.write_only;
    for (const Check& check : attribute.checks) {
      std::vector<absl::Status> misfits;
      Judge(check, value, &attribute.type, Path(), misfits);
      for (absl::Status& misfit : misfits)
        errors->push_back(At(place, hidden ? WithoutValue(check, misfit) : std::move(misfit)));
    }
    if (attribute.nested != nullptr) {
      ValidateNested(attribute, value, place, write_only_allowed, hidden, errors, warnings);
    } else {
      RefuseNullElements(value, attribute.type, place, errors);
    }
    if (attribute.shape != nullptr) {
      std::vector<absl::Status> misfits;
      const Value object = Convert(value, attribute.shape->type(), misfits);
      for (absl::Status& misfit : misfits) errors->push_back(At(place, std::move(misfit)));
      // What does not fit is null by now, and nothing to judge.
      if (misfits.empty())
        ValidateAttributes(*attribute.shape, object, place, write_only_allowed, hidden, errors,
                           warnings);
    }
  }
  for (const ObjectRule& rule : schema.rules) {
    if (absl::Status status = rule.run(config); !status.ok())
      errors->push_back(At(path, std::move(status)));
  }
}

// Appends what is wrong with `value`, which is at `place` in the whole.
// `type`: of the value, if known.
void Judge(const Check& check, const Value& value, const Type* type, const Path& place,
           std::vector<absl::Status>& misfits) {
  if (!value.IsKnown()) return;
  if (check.each_key != nullptr) {
    for (const auto& [key, _] : value.mapping())
      Judge(*check.each_key, Value::String(key), nullptr, place.Key(key), misfits);
  } else if (check.each_element != nullptr && value.kind() == Value::Kind::kMapping) {
    const Type* element_type = type != nullptr && type->IsCollection() ? &type->element() : nullptr;
    for (const auto& [key, element] : value.mapping())
      Judge(*check.each_element, element, element_type, place.Key(key), misfits);
  } else if (check.each_element != nullptr) {
    // The order of a set is not the one that somebody wrote.
    const bool ordered = type == nullptr || type->kind() != Type::Kind::kSet;
    const Type* element_type = type != nullptr && type->IsCollection() ? &type->element() : nullptr;
    std::int64_t index = 0;
    for (const Value& element : value.sequence()) {
      Judge(*check.each_element, element, element_type, ordered ? place.Index(index++) : place,
            misfits);
    }
  } else if (absl::Status status = check.run(value); !status.ok()) {
    misfits.push_back(At(place, std::move(status)));
  }
}

}  // namespace

std::vector<absl::Status> Misfits(const Check& check, const Value& value) {
  std::vector<absl::Status> misfits;
  Judge(check, value, nullptr, Path(), misfits);
  return misfits;
}

const AttributeSchema* ObjectSchema::Find(absl::string_view name) const {
  for (const AttributeSchema& attribute : attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

const Type& ObjectSchema::type() const {
  if (!type_.has_value()) {
    std::map<std::string, Type> types;
    for (const AttributeSchema& attribute : attributes)
      types.emplace(attribute.name, attribute.type);
    type_ = Type::Object(std::move(types));
  }
  return *type_;
}

Value ObjectSchema::Empty() const {
  Value::Mapping entries;
  for (const AttributeSchema& attribute : attributes)
    entries.emplace(attribute.name, Value::Null());
  return Value::Of(std::move(entries));
}

bool IsAbsent(const Value& value) {
  return value.IsNull() ||
         (value.kind() == Value::Kind::kDynamic && value.dynamic_value().IsNull());
}

const Value& Inside(const Value& object, absl::string_view name) {
  static const auto& unknown = *new Value(Value::Unknown());
  return object.IsUnknown() ? unknown : object[name];
}

Value TransformAttributes(const ObjectSchema& schema, const Value& config, Value object,
                          const Path& path, const AttributeVisitor& visit) {
  if (!object.IsKnown()) return object;
  for (const AttributeSchema& attribute : schema.attributes) {
    Value& slot = object.mapping()[attribute.name];
    const Value& beside = Inside(config, attribute.name);
    const Path place = path.Attribute(attribute.name);
    bool descend = true;
    slot = visit(attribute, beside, std::move(slot), place, &descend);
    if (descend && attribute.nested != nullptr && slot.IsKnown()) {
      slot = TransformElements(attribute, beside, std::move(slot), place, visit);
    }
  }
  return object;
}

Value WithoutWriteOnly(const ObjectSchema& schema, Value object) {
  return TransformAttributes(
      schema, NullValue(), std::move(object), Path(),
      [](const AttributeSchema& attribute, const Value&, Value value, const Path&, bool*) {
        return attribute.write_only ? Value::Null() : std::move(value);
      });
}

Value WithWriteOnly(const ObjectSchema& schema, Value object, const Value& config) {
  return TransformAttributes(
      schema, config, std::move(object), Path(),
      [](const AttributeSchema& attribute, const Value& wanted, Value value, const Path&, bool*) {
        if (attribute.write_only) return wanted;
        return value;
      });
}

std::vector<absl::Status> ValidateObject(const ObjectSchema& schema, const Value& config,
                                         bool write_only_allowed,
                                         std::vector<absl::Status>* warnings) {
  std::vector<absl::Status> errors;
  ValidateAttributes(schema, config, Path(), write_only_allowed, /*secret=*/false, &errors,
                     warnings);
  return errors;
}

AttributeSchema AsComputed(AttributeSchema attribute) {
  attribute.mode = Mode::kComputed;
  attribute.default_value.reset();
  attribute.force_new = attribute.keep_prior = attribute.write_only = false;
  attribute.checks.clear();
  if (attribute.nested != nullptr) {
    auto nested = std::make_shared<ObjectSchema>();
    nested->description = attribute.nested->description;
    nested->deprecation = attribute.nested->deprecation;
    for (const AttributeSchema& inner : attribute.nested->attributes)
      nested->attributes.push_back(AsComputed(inner));
    nested->type();
    attribute.nested = std::move(nested);
  }
  return attribute;
}

std::vector<std::string> Contradictions(const ObjectSchema& schema, absl::string_view where,
                                        bool root) {
  static const auto& reserved =
      *new std::set<std::string>{"count",     "for_each",   "provider",    "depends_on",
                                 "lifecycle", "connection", "provisioner", "locals"};
  static constexpr absl::string_view kSecretWords[] = {"password", "token", "secret_key",
                                                       "private_key", "api_key"};

  std::vector<std::string> found;
  auto complain = [&](const AttributeSchema& attribute, absl::string_view what) {
    found.push_back(absl::StrCat(where, ".", attribute.name, ": ", what));
  };
  if (schema.description.empty()) found.push_back(absl::StrCat(where, ": no description"));
  std::set<std::string> names;
  for (const AttributeSchema& a : schema.attributes) {
    if (!names.insert(a.name).second) complain(a, "defined twice");
    if (root && reserved.count(a.name) != 0) complain(a, "a name that Terraform reserves");
    if (a.name.empty() || !std::all_of(a.name.begin(), a.name.end(), [](char c) {
          return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                 absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
        })) {
      complain(a, "names are lower case letters, digits and _");
    }
    if (a.description.size() < 10 || !absl::EndsWith(a.description, ".")) {
      complain(a, "needs a description that ends with a full stop");
    }
    if (a.default_value && a.mode != Mode::kOptionalComputed) {
      complain(a, absl::StrCat("has a default, but is ", NameOf(a.mode)));
    }
    if (a.write_only && a.computed()) complain(a, "write-only and computed");
    if (a.write_only && a.force_new)
      complain(a, "write-only values cannot force replacement; use a version attribute");
    if (a.keep_prior && !a.computed()) complain(a, "keeps a prior value but is not computed");
    if (a.force_new && a.mode == Mode::kComputed) complain(a, "computed and forcing replacement");
    if (!a.checks.empty() && a.mode == Mode::kComputed)
      complain(a, "checks on what the provider sets");
    if (a.nesting == Nesting::kNone && a.nested != nullptr) complain(a, "nested without nesting");
    if (a.nesting != Nesting::kNone && a.type.HasDynamic())
      complain(a, "a dynamic type inside a nested attribute");
    if (a.type.IsCollection() && a.type.element().HasDynamic())
      complain(a, "a dynamic type inside a collection");
    const bool misfit = std::any_of(a.checks.begin(), a.checks.end(), [&](const Check& check) {
      return IsForAnotherType(check, a.type);
    });
    if (misfit) complain(a, "a check for another type of value");
    if (a.default_value && !misfit) {
      if (absl::Status fits = Conforms(*a.default_value, a.type); !fits.ok())
        complain(a, fits.message());
      for (const Check& check : a.checks) {
        for (const absl::Status& wrong : Misfits(check, *a.default_value))
          complain(a, absl::StrCat("the default fails its own check: ", wrong.message()));
      }
    }
    for (const absl::string_view word : kSecretWords) {
      if (absl::EndsWith(a.name, word) && !a.sensitive && !a.write_only &&
          a.type.kind() == Type::Kind::kString) {
        complain(a, "looks like a secret but is not sensitive");
      }
    }
    if (a.shape != nullptr) {
      // What a resource plans and keeps would have to be of the configuration's type again, which
      // nobody remembers.
      if (!absl::StartsWith(where, "provider"))
        complain(a, "a strict object outside of the provider block");
      for (std::string& inner : Contradictions(*a.shape, absl::StrCat(where, ".", a.name), false))
        found.push_back(std::move(inner));
    }
    if (a.nested != nullptr) {
      if (HasWriteOnly(*a.nested)) {
        if (a.nesting == Nesting::kSet) complain(a, "write-only inside a set");
        if (a.computed()) complain(a, "computed, with write-only attributes inside");
      }
      if (a.mode == Mode::kComputed) {
        for (const AttributeSchema& inner : a.nested->attributes) {
          if (inner.mode != Mode::kComputed)
            complain(a, absl::StrCat("computed, but ", inner.name, " inside is not"));
        }
      }
      for (std::string& inner :
           Contradictions(*a.nested, absl::StrCat(where, ".", a.name), false)) {
        found.push_back(std::move(inner));
      }
    }
  }
  return found;
}

}  // namespace charon
