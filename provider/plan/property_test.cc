// Random tables, configurations and states: whatever they are, core accepts the plan, the plan made
// at apply agrees with it, and after the apply there is nothing left to do.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/plan/conformance.h"
#include "provider/plan/engine.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/schemas.h"
#include "provider/testing/values.h"

namespace charon::plan {
namespace {

using ::testing::IsEmpty;

bool SameLetters(const Value& a, const Value& b) {
  return absl::AsciiStrToLower(a.string()) == absl::AsciiStrToLower(b.string());
}

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}

  // 0 to `sides` - 1. Not std::uniform_int_distribution, whose numbers depend on the library.
  std::size_t Roll(std::size_t sides) { return random_() % sides; }
  bool Once(std::size_t in) { return Roll(in) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Roll(from.size())];
  }

 private:
  std::mt19937 random_;
};

// Makes tables that have no contradictions.
class Tables {
 public:
  explicit Tables(Dice& dice) : dice_(dice) {}

  ObjectSchema Make() { return SchemaForTest(Rows(3, {})); }

 private:
  struct Around {
    bool element = false;   // the rows of an element of a set
    bool in_set = false;    // somewhere inside a set
    bool computed = false;  // inside of what the provider makes
  };

  std::vector<TestRow> Rows(int depth, Around around) {
    std::vector<TestRow> rows;
    // The key of a set's elements, which keeps them apart when defaults and computed values come
    // in.
    if (around.element) rows.push_back(Row("key", around.computed ? Computed : Required));
    const std::size_t count = 1 + dice_.Roll(4);
    for (std::size_t i = 0; i < count; ++i)
      rows.push_back(Any(absl::StrCat("a", i), depth, around));
    return rows;
  }

  TestRow Any(const std::string& name, int depth, Around around) {
    const bool nested = depth > 0 && dice_.Once(3);
    Mode mode =
        dice_.Pick(std::vector<Mode>{Required, Optional, Optional, Computed, OptionalComputed});
    // Core does not pair elements of sets with those of the prior state if one has an object that
    // the other has not, even if it is the provider's.
    if (nested && around.in_set && mode != Required) mode = Optional;
    if (around.computed) mode = Computed;
    TestRow row = nested ? Nested(name, mode, depth, around) : Leaf(name, mode, around.in_set);
    AttributeSchema& attribute = row.attribute;
    if (attribute.computed() && dice_.Once(3)) attribute.keep_prior = true;
    if (attribute.mode != Computed && !attribute.write_only && dice_.Once(5))
      attribute.force_new = true;
    return row;
  }

  TestRow Leaf(const std::string& name, Mode mode, bool in_set) {
    TestRow row = Row(name, mode, dice_.Pick(types_));
    if (mode == Optional && !in_set && dice_.Once(6)) return std::move(row).WriteOnly();
    const Type& type = row.attribute.type;
    if (type == Type::String() && mode != Computed && dice_.Once(4))
      row.attribute.same = SameLetters;
    if (mode != Optional || !dice_.Once(3)) return row;
    if (type == Type::String()) return std::move(row).Default("\"a\"");
    if (type == Type::Number()) return std::move(row).Default("7");
    if (type == Type::Bool()) return std::move(row).Default("true");
    if (type == Type::Map(Type::String())) return std::move(row).Default(R"({"x": "a"})");
    return std::move(row).Default(R"(["a"])");
  }

  TestRow Nested(const std::string& name, Mode mode, int depth, Around around) {
    // Nor does it look into sets inside of sets.
    const std::vector<Nesting> nestings = {Nesting::kSingle, Nesting::kList, Nesting::kMap,
                                           Nesting::kSet};
    const Nesting nesting = nestings[dice_.Roll(around.in_set ? 3 : 4)];
    // Write-only attributes may not stand inside of what the provider can make, nor in sets.
    around.element = nesting == Nesting::kSet;
    around.in_set = around.in_set || around.element;
    around.computed = mode == Computed;
    const bool no_write_only = around.in_set || mode == OptionalComputed;
    std::vector<TestRow> rows = Rows(depth - 1, around);
    if (no_write_only) {
      for (TestRow& row : rows) ForgetWriteOnly(row.attribute);
    }
    TestRow row = Row(name, mode, nesting, std::move(rows));
    if (mode == Optional && !around.in_set && dice_.Once(4) && !HasWriteOnly(row.attribute)) {
      if (nesting == Nesting::kSingle) return std::move(row).Default("{}");
      if (nesting == Nesting::kList) return std::move(row).Default("[{}, {}]");
      if (nesting == Nesting::kMap) return std::move(row).Default(R"({"x": {}})");
    }
    return row;
  }

  static bool HasWriteOnly(const AttributeSchema& attribute) {
    if (attribute.write_only) return true;
    return attribute.nested != nullptr &&
           std::any_of(attribute.nested->attributes.begin(), attribute.nested->attributes.end(),
                       HasWriteOnly);
  }
  static void ForgetWriteOnly(AttributeSchema& attribute) {
    attribute.write_only = false;
    if (attribute.nested == nullptr) return;
    auto nested = std::make_shared<ObjectSchema>(*attribute.nested);
    for (AttributeSchema& inner : nested->attributes) ForgetWriteOnly(inner);
    attribute.nested = std::move(nested);
  }

  Dice& dice_;
  const std::vector<Type> types_ = {Type::String(),
                                    Type::String(),
                                    Type::Number(),
                                    Type::Bool(),
                                    Type::List(Type::String()),
                                    Type::Map(Type::String()),
                                    Type::Set(Type::String())};
};

// Makes values for a table.
class Values {
 public:
  explicit Values(Dice& dice) : dice_(dice) {}

  // What a user writes. `unknown`: one value in so many is not known yet; 0: all are.
  Value Config(const ObjectSchema& schema, std::size_t unknown, std::size_t number = 0) {
    Value::Mapping entries;
    for (const AttributeSchema& attribute : schema.attributes) {
      Value& value = entries[attribute.name];
      if (attribute.mode == Computed || (attribute.mode != Required && dice_.Once(2))) continue;
      if (attribute.name == "key") {
        value = Value::String(absl::StrCat("key", number));
      } else if (unknown != 0 && dice_.Once(unknown)) {
        value = Value::Unknown();
      } else if (attribute.nested == nullptr) {
        value = Leaf(attribute.type, unknown);
      } else {
        value = Nested(attribute, [&](std::size_t i) {
          // Only elements of lists and maps are unknown as a whole: a single object is its
          // attribute.
          if (attribute.nesting != Nesting::kSingle && attribute.nesting != Nesting::kSet &&
              unknown != 0 && dice_.Once(unknown)) {
            return Value::Unknown();
          }
          return Config(*attribute.nested, unknown, i);
        });
      }
    }
    return Value::Of(std::move(entries));
  }

  // `config` as it turns out: with something for each unknown.
  Value Resolve(const ObjectSchema& schema, const Value& config) {
    if (config.IsUnknown()) return Config(schema, 0, 9);
    Value::Mapping entries;
    for (const AttributeSchema& attribute : schema.attributes) {
      entries[attribute.name] = Resolve(attribute, config[attribute.name]);
    }
    return Value::Of(std::move(entries));
  }

  // What a provider makes of a plan: something for each unknown, and nothing that only a user can
  // set.
  Value Complete(const ObjectSchema& schema, const Value& planned) {
    if (!planned.IsKnown()) return planned;
    Value::Mapping entries;
    for (const AttributeSchema& attribute : schema.attributes) {
      const Value& value = planned[attribute.name];
      if (value.IsUnknown()) {
        entries[attribute.name] = dice_.Once(5) ? Value::Null() : Made(attribute);
      } else if (attribute.nested == nullptr || value.IsNull()) {
        entries[attribute.name] = CompleteElements(attribute.type, value);
      } else {
        entries[attribute.name] = ForEach(attribute, value, [&](const Value& element) {
          return Complete(*attribute.nested, element);
        });
      }
    }
    return Value::Of(std::move(entries));
  }

  // `state` after something happened behind Terraform's back.
  Value Drift(const ObjectSchema& schema, const Value& state) {
    if (!state.IsKnown()) return state;
    Value::Mapping entries = state.mapping();
    for (const AttributeSchema& attribute : schema.attributes) {
      if (attribute.write_only || attribute.name == "key") continue;
      Value& value = entries[attribute.name];
      if (dice_.Once(4)) {
        value = attribute.nested == nullptr
                    ? (dice_.Once(4) ? Value::Null() : Leaf(attribute.type, 0))
                    : Value::Null();
      } else if (attribute.nested != nullptr && value.IsKnown()) {
        value = ForEach(attribute, value,
                        [&](const Value& element) { return Drift(*attribute.nested, element); });
      }
    }
    return Value::Of(std::move(entries));
  }

 private:
  Value Leaf(const Type& type, std::size_t unknown) {
    switch (type.kind()) {
      case Type::Kind::kNumber:
        return Value::Of(Number(static_cast<std::int64_t>(dice_.Roll(3))));
      case Type::Kind::kBool:
        return Value::Bool(dice_.Once(2));
      case Type::Kind::kList:
      case Type::Kind::kSet: {
        Value::Sequence elements;
        for (std::size_t i = dice_.Roll(3); i > 0; --i) {
          elements.push_back(unknown != 0 && dice_.Once(unknown) ? Value::Unknown()
                                                                 : Leaf(type.element(), 0));
        }
        return type.kind() == Type::Kind::kSet ? Value::Set(std::move(elements))
                                               : Value::Of(std::move(elements));
      }
      case Type::Kind::kMap: {
        Value::Mapping entries;
        for (const char* key : {"x", "y.z"}) {
          if (dice_.Once(2)) entries.emplace(key, Leaf(type.element(), 0));
        }
        return Value::Of(std::move(entries));
      }
      default:
        return Value::String(dice_.Pick(texts_));
    }
  }

  template <typename Make>
  Value Nested(const AttributeSchema& attribute, const Make& make) {
    if (attribute.nesting == Nesting::kSingle) return make(0);
    if (attribute.nesting == Nesting::kMap) {
      Value::Mapping entries;
      for (const char* key : {"x", "y.z", "w"}) {
        if (dice_.Once(2)) entries.emplace(key, make(0));
      }
      return Value::Of(std::move(entries));
    }
    Value::Sequence elements;
    const std::size_t count = dice_.Roll(4);
    for (std::size_t i = 0; i < count; ++i) elements.push_back(make(i));
    return attribute.nesting == Nesting::kSet ? Value::Set(std::move(elements))
                                              : Value::Of(std::move(elements));
  }

  template <typename Change>
  static Value ForEach(const AttributeSchema& attribute, const Value& value, const Change& change) {
    if (attribute.nesting == Nesting::kSingle) return change(value);
    if (attribute.nesting == Nesting::kMap) {
      Value::Mapping entries;
      for (const auto& [key, element] : value.mapping()) entries.emplace(key, change(element));
      return Value::Of(std::move(entries));
    }
    Value::Sequence elements;
    for (const Value& element : value.sequence()) elements.push_back(change(element));
    return attribute.nesting == Nesting::kSet ? Value::Set(std::move(elements))
                                              : Value::Of(std::move(elements));
  }

  Value Resolve(const AttributeSchema& attribute, const Value& value) {
    if (value.IsNull()) return value;
    if (value.IsUnknown()) {
      if (attribute.mode != Required && dice_.Once(3)) return Value::Null();
      if (attribute.nested == nullptr) return Leaf(attribute.type, 0);
      return Nested(attribute, [&](std::size_t i) { return Config(*attribute.nested, 0, i); });
    }
    if (attribute.nested == nullptr) return CompleteElements(attribute.type, value);
    return ForEach(attribute, value,
                   [&](const Value& element) { return Resolve(*attribute.nested, element); });
  }

  Value CompleteElements(const Type& type, const Value& value) {
    if (value.kind() != Value::Kind::kSequence) return value;
    Value::Sequence elements = value.sequence();
    for (Value& element : elements) {
      if (element.IsUnknown()) element = Leaf(type.element(), 0);
    }
    return type.kind() == Type::Kind::kSet ? Value::Set(std::move(elements))
                                           : Value::Of(std::move(elements));
  }

  // A value of the provider's own.
  Value Made(const AttributeSchema& attribute) {
    if (attribute.nested == nullptr) return Leaf(attribute.type, 0);
    return Nested(attribute, [&](std::size_t i) {
      Value::Mapping entries;
      for (const AttributeSchema& inner : attribute.nested->attributes) {
        Value& value = entries[inner.name];
        if (inner.name == "key" && inner.computed()) {
          value = Value::String(absl::StrCat("made", i));
        } else if (inner.computed()) {
          value = dice_.Once(4) ? Value::Null() : Made(inner);
        }
      }
      return Value::Of(std::move(entries));
    });
  }

  Dice& dice_;
  const std::vector<std::string> texts_ = {"a", "A", "b", "B", "c"};
};

nlohmann::ordered_json Describe(const ObjectSchema& schema) {
  nlohmann::ordered_json json;
  for (const AttributeSchema& a : schema.attributes) {
    std::string text =
        absl::StrCat(a.mode == Required   ? "required"
                     : a.mode == Optional ? "optional"
                     : a.mode == Computed ? "computed"
                                          : "optional+computed",
                     a.force_new ? " force_new" : "", a.keep_prior ? " keep_prior" : "",
                     a.write_only ? " write_only" : "", a.same ? " same" : "");
    if (a.default_value)
      absl::StrAppend(&text, " default ", ::testing::PrintToString(*a.default_value));
    if (a.nested == nullptr) {
      json[a.name] = absl::StrCat(text, " ", a.type.FriendlyName());
    } else {
      json[a.name] = {{"is", absl::StrCat(text, " nesting ", static_cast<int>(a.nesting))},
                      {"of", Describe(*a.nested)}};
    }
  }
  return json;
}

struct Outcome {
  Result result;
  core::Action action = core::Action::kNoOp;
};

Outcome PlanAsCore(const ObjectSchema& schema, const Value& prior, const Value& config) {
  Outcome outcome;
  outcome.result = Plan(schema, {config, prior, core::ProposedNewState(schema, prior, config)});
  EXPECT_THAT(
      CheckPlan(schema, config, prior, outcome.result.planned, outcome.result.requires_replace),
      IsEmpty());
  outcome.action = core::ActionOf(prior, outcome.result.planned, outcome.result.requires_replace);
  // Planning is a function.
  EXPECT_EQ(Plan(schema, {config, prior, core::ProposedNewState(schema, prior, config)}).planned,
            outcome.result.planned);
  return outcome;
}

// Plan, apply, plan again. Returns the new state.
Value RunOnce(const ObjectSchema& schema, Dice& dice, const Value& prior) {
  Values values(dice);
  const Value config = values.Config(schema, dice.Once(3) ? 0 : 6);
  const Value resolved = values.Resolve(schema, config);
  ::testing::ScopedTrace trace(__FILE__, __LINE__,
                               absl::StrCat("config ", ::testing::PrintToString(config),
                                            "\nresolved ", ::testing::PrintToString(resolved),
                                            "\nprior ", ::testing::PrintToString(prior)));

  Outcome saved = PlanAsCore(schema, prior, config);
  Value before = prior;
  if (saved.action == core::Action::kReplace) {
    // Core plans the create half anew, and that is what it compares with and applies.
    before = Value();
    saved = PlanAsCore(schema, before, config);
  }
  const Outcome final = PlanAsCore(schema, before, resolved);
  EXPECT_THAT(CheckFinalPlan(schema, saved.result.planned, final.result.planned), IsEmpty())
      << "saved " << ::testing::PrintToString(saved.result.planned) << "\nfinal "
      << ::testing::PrintToString(final.result.planned);
  if (final.action != saved.action) {
    EXPECT_EQ(saved.action, core::Action::kUpdate);
    EXPECT_EQ(final.action, core::Action::kNoOp);
  }

  const Value state = values.Complete(schema, final.result.planned);
  EXPECT_THAT(CheckApply(schema, final.result.planned, state), IsEmpty())
      << "planned " << ::testing::PrintToString(final.result.planned) << "\nstate "
      << ::testing::PrintToString(state);
  const Outcome again = PlanAsCore(schema, state, resolved);
  EXPECT_EQ(again.result.planned, state)
      << "planned " << ::testing::PrintToString(again.result.planned) << "\nstate "
      << ::testing::PrintToString(state);
  EXPECT_THAT(again.result.requires_replace, IsEmpty());
  return state;
}

TEST(Plan, HoldsForRandomTables) {
  std::size_t actions = 0;
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    Dice dice(seed);
    const ObjectSchema schema = Tables(dice).Make();
    SCOPED_TRACE(absl::StrCat("seed ", seed, "\nschema ", Describe(schema).dump(1)));
    ASSERT_THAT(Contradictions(schema, "random", true), IsEmpty());
    Value state;
    for (int step = 0; step < 4; ++step) {
      state = RunOnce(schema, dice, state);
      ++actions;
      if (::testing::Test::HasFailure()) return;
      if (dice.Once(2)) state = Values(dice).Drift(schema, state);
    }
  }
  EXPECT_EQ(actions, 1600u);
}

}  // namespace
}  // namespace charon::plan
