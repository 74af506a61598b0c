#include "provider/schema/completions.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "provider/base/status.h"

namespace charon {
namespace {

using Values = std::vector<Value>;

constexpr std::size_t kMost = 12;  // substitutes of one value

// Texts of many kinds at once: durations, names, octal numbers, hosts, paths.
const Values& UsualTexts() {
  static const auto& texts = *new Values{
      Value::String("7311s"),         Value::String("6127s"), Value::String("a7311.example"),
      Value::String("a6127.example"), Value::String("7311"),  Value::String("6127"),
      Value::String("/7311"),         Value::String("/6127")};
  return texts;
}

const Values& UsualNumbers() {
  static const auto& numbers = *new Values{Value::Of(Number(7311)), Value::Of(Number(31127)),
                                           Value::Of(Number(1)), Value::Of(Number(2))};
  return numbers;
}

// What stands in quotes: `text` names examples, or the words that there are.
void AddQuoted(absl::string_view text, Values& out) {
  for (std::size_t from = 0;;) {
    const std::size_t open = text.find_first_of("\"`", from);
    if (open == absl::string_view::npos) return;
    const std::size_t close = text.find(text[open], open + 1);
    if (close == absl::string_view::npos) return;
    out.push_back(Value::String(std::string(text.substr(open + 1, close - open - 1))));
    from = close + 1;
  }
}

bool Passes(const Value& value, const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(),
                     [&value](const Check& check) { return Misfits(check, value).empty(); });
}

Values Passing(const Values& values, const std::vector<Check>& checks, std::size_t most) {
  Values passing;
  for (const Value& value : values) {
    if (passing.size() == most) break;
    if (Passes(value, checks) && std::find(passing.begin(), passing.end(), value) == passing.end())
      passing.push_back(value);
  }
  return passing;
}

// A rule says in its own text, or in what it says of a text that breaks it, how one looks that does
// not.
Values Texts(const std::vector<Check>& checks) {
  Values quoted;
  for (const Check& check : checks) {
    AddQuoted(check.text, quoted);
    for (const Value& text : UsualTexts()) {
      for (const absl::Status& misfit : Misfits(check, text)) AddQuoted(misfit.message(), quoted);
    }
  }
  Values texts = Passing(quoted, checks, kMost);
  if (texts.size() < 4) {
    for (Value& text : Passing(UsualTexts(), checks, 6)) texts.push_back(std::move(text));
  }
  return Passing(texts, checks, kMost);
}

std::vector<Check> OfElements(const std::vector<Check>& checks) {
  std::vector<Check> inner;
  for (const Check& check : checks) {
    if (check.each_element != nullptr) inner.push_back(*check.each_element);
  }
  return inner;
}

std::vector<Check> OfKeys(const std::vector<Check>& checks) {
  std::vector<Check> inner;
  for (const Check& check : checks) {
    if (check.each_key != nullptr) inner.push_back(*check.each_key);
  }
  return inner;
}

// None, and each of `elements` alone.
Values Maps(const Values& keys, const Values& elements) {
  Values maps = {Value::Of(Value::Mapping{})};
  for (std::size_t i = 0; i < elements.size() && !keys.empty(); ++i)
    maps.push_back(Value::Of(Value::Mapping{{keys[i % keys.size()].string(), elements[i]}}));
  return maps;
}

Values Lists(const Values& elements) {
  Values lists = {Value::Of(Value::Sequence{})};
  for (const Value& element : elements) lists.push_back(Value::Of(Value::Sequence{element}));
  return lists;
}

Values OfType(const Type& type, const std::vector<Check>& checks) {
  switch (type.kind()) {
    case Type::Kind::kString:
      return Texts(checks);
    case Type::Kind::kNumber:
      return Passing(UsualNumbers(), checks, kMost);
    case Type::Kind::kBool:
      return Passing({Value::Bool(false), Value::Bool(true)}, checks, kMost);
    case Type::Kind::kList:
    case Type::Kind::kSet:
      return Passing(Lists(OfType(type.element(), OfElements(checks))), checks, kMost);
    case Type::Kind::kMap:
      return Passing(Maps(Texts(OfKeys(checks)), OfType(type.element(), OfElements(checks))),
                     checks, kMost);
    default:
      return {};
  }
}

Values OfAttribute(const AttributeSchema& attribute);

// With nothing but what is required, and with each further attribute alone.
Values OfObject(const ObjectSchema& schema) {
  Values objects;
  const auto add = [&](const AttributeSchema* further, std::size_t turn) {
    Value object = schema.Empty();
    for (const AttributeSchema& attribute : schema.attributes) {
      if (attribute.mode != Mode::kRequired && &attribute != further) continue;
      const Values values = OfAttribute(attribute);
      const std::size_t first =
          attribute.mode == Mode::kRequired ? 0 : 1;  // not that it is left out
      if (values.size() <= first) continue;
      object.mapping()[attribute.name] = values[first + turn % (values.size() - first)];
    }
    std::vector<absl::Status> warnings;
    if (ValidateObject(schema, object, /*write_only_allowed=*/true, &warnings).empty() &&
        std::find(objects.begin(), objects.end(), object) == objects.end())
      objects.push_back(std::move(object));
  };
  add(nullptr, 0);
  add(nullptr, 1);
  for (const AttributeSchema& attribute : schema.attributes) {
    if (objects.size() < kMost && attribute.mode == Mode::kOptional) add(&attribute, 0);
  }
  return objects;
}

// What may stand for `attribute` where it is unknown. That it is left out comes first.
Values OfAttribute(const AttributeSchema& attribute) {
  Values values;
  if (attribute.mode != Mode::kRequired) values.push_back(Value::Null());
  Values said;
  if (attribute.nested == nullptr) {
    said = OfType(attribute.type, attribute.checks);
  } else {
    const Values objects = OfObject(*attribute.nested);
    said = attribute.nesting == Nesting::kSingle ? objects
           : attribute.nesting == Nesting::kMap  ? Maps(Texts(OfKeys(attribute.checks)), objects)
                                                 : Lists(objects);
    said = Passing(said, attribute.checks, kMost);
  }
  for (Value& value : said) values.push_back(std::move(value));
  return values;
}

// Fills objects, each time in another way.
class Completer {
 public:
  Completion Complete(const ObjectSchema& schema, const Value& object, std::size_t turn,
                      bool opposite) {
    turn_ = turn;
    opposite_ = opposite;
    substitutes_.clear();
    Completion completion;
    completion.object = Object(schema, object);
    completion.substitutes = std::move(substitutes_);
    return completion;
  }

  // REQUIRES: Complete was called.
  std::size_t turns() const {
    std::size_t most = 0;
    for (const Values& values : places_) most = std::max(most, values.size());
    return most;
  }
  bool can_vary() const {
    return std::all_of(places_.begin(), places_.end(),
                       [](const Values& values) { return values.size() > 1; });
  }

 private:
  Value Object(const ObjectSchema& schema, const Value& object) {
    if (!object.IsKnown()) return object;
    Value whole = object;
    for (const AttributeSchema& attribute : schema.attributes) {
      Value& value = whole.mapping()[attribute.name];
      if (attribute.mode == Mode::kComputed) {
        value = Value::Null();
      } else if (value.IsUnknown()) {
        value = Choose([&attribute] { return OfAttribute(attribute); });
      } else if (value.IsKnown()) {
        value = attribute.nested == nullptr
                    ? OfTypeInside(attribute.type, attribute.checks, std::move(value))
                    : Nested(attribute, std::move(value));
      }
    }
    return whole;
  }

  Value Nested(const AttributeSchema& attribute, Value value) {
    const ObjectSchema& nested = *attribute.nested;
    if (attribute.nesting == Nesting::kSingle) return Object(nested, value);
    return Elements(std::move(value), attribute.nesting == Nesting::kSet, [&](Value element) {
      return element.IsUnknown() ? Choose([&nested] { return OfObject(nested); })
                                 : Object(nested, element);
    });
  }

  Value OfTypeInside(const Type& type, const std::vector<Check>& checks, Value value) {
    if (value.IsWhollyKnown() || !type.IsCollection()) return value;
    const Type& inner = type.element();
    const std::vector<Check> rules = OfElements(checks);
    return Elements(std::move(value), type.kind() == Type::Kind::kSet, [&](Value element) {
      return element.IsUnknown() ? Choose([&] { return OfType(inner, rules); })
                                 : OfTypeInside(inner, rules, std::move(element));
    });
  }

  template <typename Fill>
  static Value Elements(Value value, bool is_set, const Fill& fill) {
    if (value.kind() == Value::Kind::kMapping) {
      for (auto& [key, element] : value.mapping()) element = fill(std::move(element));
    } else if (value.kind() == Value::Kind::kSequence) {
      for (Value& element : value.sequence()) element = fill(std::move(element));
      if (is_set) return Value::Set(std::move(value.sequence()));
    }
    return value;
  }

  template <typename Find>
  Value Choose(const Find& find) {
    const std::size_t place = substitutes_.size();
    if (place == places_.size()) places_.push_back(find());
    const Values& values = places_[place];
    if (values.empty()) {
      substitutes_.push_back(0);
      return Value::Null();
    }
    std::size_t which = turn_ % values.size();
    // So that two unknown values are not always of a kind.
    if (opposite_ && place % 2 == 1) which = values.size() - 1 - which;
    substitutes_.push_back(which);
    return values[which];
  }

  std::vector<Values> places_;  // what each unknown value may be, in the order in which they come
  std::vector<std::size_t> substitutes_;
  std::size_t turn_ = 0;
  bool opposite_ = false;
};

}  // namespace

std::vector<Completion> Completions(const ObjectSchema& schema, const Value& object) {
  Completer completer;
  std::vector<Completion> all = {completer.Complete(schema, object, 0, false)};
  if (!completer.can_vary()) return {};
  for (std::size_t turn = 1; turn < completer.turns(); ++turn)
    all.push_back(completer.Complete(schema, object, turn, false));
  for (std::size_t turn = 0; turn < completer.turns(); ++turn)
    all.push_back(completer.Complete(schema, object, turn, true));
  std::erase_if(all, [&schema](const Completion& one) {
    std::vector<absl::Status> warnings;
    return !one.object.IsWhollyKnown() ||
           !ValidateObject(schema, one.object, /*write_only_allowed=*/true, &warnings).empty();
  });
  return VaryInAll(all) ? all : std::vector<Completion>();
}

bool VaryInAll(const std::vector<Completion>& completions) {
  if (completions.empty()) return false;
  for (std::size_t place = 0; place < completions[0].substitutes.size(); ++place) {
    const std::size_t first = completions[0].substitutes[place];
    if (std::all_of(completions.begin(), completions.end(),
                    [&](const Completion& one) { return one.substitutes[place] == first; }))
      return false;
  }
  return true;
}

}  // namespace charon
