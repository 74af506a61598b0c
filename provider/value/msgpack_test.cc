#include "provider/value/msgpack.h"

#include <utf8proc.h>

#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/value/codec_for_test.h"
#include "provider/value/random_value_for_test.h"

namespace charon {
namespace {

using ::testing::HasSubstr;

std::string Hex(absl::string_view digits) {
  return absl::HexStringToBytes(absl::StrReplaceAll(digits, {{" ", ""}}));
}

struct Encoded {
  const char* name;
  Type type;
  Value value;
  std::string bytes;
};

// From the msgpack specification and section 3.3 of the plugin protocol's description, by hand.
std::vector<Encoded> EncodedValues() {
  const Type object =
      Type::Object({{"b", Type::Bool()}, {"a", Type::String()}, {"c", Type::Number()}});
  return {
      {"null", Type::String(), Value::Null(), Hex("c0")},
      {"null object", object, Value::Null(), Hex("c0")},
      {"unknown", Type::List(Type::Bool()), Value::Unknown(), Hex("d4 00 00")},
      {"false", Type::Bool(), Value::Bool(false), Hex("c2")},
      {"true", Type::Bool(), Value::Bool(true), Hex("c3")},

      {"empty string", Type::String(), Str(""), Hex("a0")},
      {"é", Type::String(), Str("é"), Hex("a2 c3a9")},
      {"31 bytes", Type::String(), Str(Repeat("x", 31)), Hex("bf") + Repeat("x", 31)},
      {"32 bytes", Type::String(), Str(Repeat("x", 32)), Hex("d9 20") + Repeat("x", 32)},
      {"255 bytes", Type::String(), Str(Repeat("x", 255)), Hex("d9 ff") + Repeat("x", 255)},
      {"256 bytes", Type::String(), Str(Repeat("x", 256)), Hex("da 0100") + Repeat("x", 256)},
      {"65535 bytes", Type::String(), Str(Repeat("x", 65535)), Hex("da ffff") + Repeat("x", 65535)},
      {"65536 bytes", Type::String(), Str(Repeat("x", 65536)),
       Hex("db 00010000") + Repeat("x", 65536)},

      {"0", Type::Number(), Num("0"), Hex("00")},
      {"-0", Type::Number(), Num("-0"), Hex("00")},
      {"127", Type::Number(), Num("127"), Hex("7f")},
      {"128", Type::Number(), Num("128"), Hex("cc 80")},
      {"255", Type::Number(), Num("255"), Hex("cc ff")},
      {"256", Type::Number(), Num("256"), Hex("cd 0100")},
      {"1e3", Type::Number(), Num("1e3"), Hex("cd 03e8")},
      {"65535", Type::Number(), Num("65535"), Hex("cd ffff")},
      {"65536", Type::Number(), Num("65536"), Hex("ce 00010000")},
      {"2^32-1", Type::Number(), Num("4294967295"), Hex("ce ffffffff")},
      {"2^32", Type::Number(), Num("4294967296"), Hex("cf 0000000100000000")},
      {"2^63-1", Type::Number(), Num("9223372036854775807"), Hex("cf 7fffffffffffffff")},
      {"-1", Type::Number(), Num("-1"), Hex("ff")},
      {"-32", Type::Number(), Num("-32"), Hex("e0")},
      {"-33", Type::Number(), Num("-33"), Hex("d0 df")},
      {"-128", Type::Number(), Num("-128"), Hex("d0 80")},
      {"-129", Type::Number(), Num("-129"), Hex("d1 ff7f")},
      {"-32768", Type::Number(), Num("-32768"), Hex("d1 8000")},
      {"-32769", Type::Number(), Num("-32769"), Hex("d2 ffff7fff")},
      {"-2^31", Type::Number(), Num("-2147483648"), Hex("d2 80000000")},
      {"-2^31-1", Type::Number(), Num("-2147483649"), Hex("d3 ffffffff7fffffff")},
      {"-2^63", Type::Number(), Num("-9223372036854775808"), Hex("d3 8000000000000000")},
      // Beyond int64, and what is no integer: text, so that no digit is lost.
      {"2^63", Type::Number(), Num("9223372036854775808"), Hex("b3") + "9223372036854775808"},
      {"2^64-1", Type::Number(), Num("18446744073709551615"), Hex("b4") + "18446744073709551615"},
      {"-2^63-1", Type::Number(), Num("-9223372036854775809"), Hex("b4") + "-9223372036854775809"},
      {"40 digits", Type::Number(), Num("1234567890123456789012345678901234567890"),
       Hex("d9 28") + "1234567890123456789012345678901234567890"},
      {"0.1", Type::Number(), Num("0.10"), Hex("a3 302e31")},
      {"-1.5", Type::Number(), Num("-1.5"), Hex("a4 2d312e35")},
      {"1e400", Type::Number(), Num("1e400"), Hex("da 0191 31") + Repeat("0", 400)},

      {"empty list", Type::List(Type::Bool()), Value::Of(Value::Sequence()), Hex("90")},
      {"list", Type::List(Type::String()), Value::Of({Str("b"), Str("a"), Str("b")}),
       Hex("93 a162 a161 a162")},
      {"list of 16", Type::List(Type::Bool()), Value::Of(Value::Sequence(16, Value::Bool(true))),
       Hex("dc 0010") + Repeat("\xc3", 16)},
      {"list of 65536", Type::List(Type::Bool()), Value::Of(Value::Sequence(65536, Value())),
       Hex("dd 00010000") + Repeat("\xc0", 65536)},
      {"set", Type::Set(Type::String()), Value::Set({Str("b"), Str("a"), Str("b")}),
       Hex("92 a161 a162")},
      {"tuple", Type::Tuple({Type::Number(), Type::Bool()}), Value::Of({Num("7"), Value::Null()}),
       Hex("92 07 c0")},
      {"empty map", Type::Map(Type::Bool()), Value::Of(Value::Mapping()), Hex("80")},
      {"map", Type::Map(Type::Number()),
       Value::Of({{"b", Num("2")}, {"a", Num("1")}, {"", Value::Unknown()}}),
       Hex("83 a0 d40000 a161 01 a162 02")},
      {"object", object,
       Value::Of({{"c", Value::Unknown()}, {"b", Value::Null()}, {"a", Str("x")}}),
       Hex("83 a161 a178 a162 c0 a163 d40000")},
      {"empty object", Type::Object({}), Value::Of(Value::Mapping()), Hex("80")},

      {"dynamic null", Type::Dynamic(), Value::Null(), Hex("c0")},
      {"dynamic unknown", Type::Dynamic(), Value::Unknown(), Hex("d4 00 00")},
      {"dynamic string", Type::Dynamic(), Value::Dynamic(Type::String(), Str("x")),
       Hex("92 c408") + "\"string\"" + Hex("a178")},
      {"dynamic null string", Type::Dynamic(), Value::Dynamic(Type::String(), Value::Null()),
       Hex("92 c408") + "\"string\"" + Hex("c0")},
      {"dynamic unknown string", Type::Dynamic(),
       Value::Dynamic(Type::String(), Value::Unknown({.null = false})),
       Hex("92 c408") + "\"string\"" + Hex("c7 03 0c 81 01 c2")},
      {"dynamic attribute", Type::Object({{"a", Type::Dynamic()}}),
       Value::Of(Value::Mapping{
           {"a", Value::Dynamic(Type::List(Type::Bool()), Value::Of({Value::Bool(true)}))}}),
       Hex("81 a161 92 c40f") + "[\"list\",\"bool\"]" + Hex("91 c3")},
      {"dynamic in dynamic", Type::Dynamic(),
       Value::Dynamic(Type::Tuple({Type::Dynamic()}),
                      Value::Of({Value::Dynamic(Type::Number(), Num("1"))})),
       Hex("92 c415") + "[\"tuple\",[\"dynamic\"]]" + Hex("91 92 c408") + "\"number\"" + Hex("01")},
  };
}

TEST(Msgpack, EncodesAsSpecified) {
  for (const Encoded& vector : EncodedValues()) {
    const absl::StatusOr<std::string> bytes = EncodeMsgpack(vector.value, vector.type);
    ASSERT_TRUE(bytes.ok()) << vector.name << ": " << bytes.status();
    EXPECT_EQ(absl::BytesToHexString(*bytes), absl::BytesToHexString(vector.bytes)) << vector.name;
  }
}

TEST(Msgpack, DecodesAsSpecified) {
  for (const Encoded& vector : EncodedValues()) {
    const absl::StatusOr<Value> value = DecodeMsgpack(vector.bytes, vector.type);
    ASSERT_TRUE(value.ok()) << vector.name << ": " << value.status();
    EXPECT_EQ(*value, vector.value) << vector.name;
    EXPECT_TRUE(Conforms(*value, vector.type).ok()) << vector.name;
  }
}

TEST(Msgpack, RefusesEveryTruncation) {
  for (const Encoded& vector : EncodedValues()) {
    if (vector.bytes.size() > 1000) continue;
    for (std::size_t size = 1; size < vector.bytes.size(); ++size) {
      const absl::Status status =
          DecodeMsgpack(absl::string_view(vector.bytes).substr(0, size), vector.type).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << vector.name << " " << size;
    }
  }
}

TEST(Msgpack, NoBytesAreNull) {
  EXPECT_TRUE(DecodeMsgpack("", Type::Object({{"a", Type::Bool()}}))->IsNull());
}

TEST(Msgpack, AcceptsEveryWidth) {
  struct Case {
    const char* hex;
    Type type;
    Value value;
  };
  const Type strings = Type::List(Type::String()), map = Type::Map(Type::Bool());
  const Type object = Type::Object({{"a", Type::Bool()}, {"b", Type::Bool()}});
  const Value list_a = Value::Of({Str("a")});
  const Value map_a = Value::Of({{"a", Value::Bool(true)}});
  const Value a_and_b = Value::Of({{"a", Value::Bool(true)}, {"b", Value::Bool(false)}});
  const Case cases[] = {
      {"cc 05", Type::Number(), Num("5")},
      {"cd 0005", Type::Number(), Num("5")},
      {"ce 00000005", Type::Number(), Num("5")},
      {"cf 0000000000000005", Type::Number(), Num("5")},
      {"cf ffffffffffffffff", Type::Number(), Num("18446744073709551615")},
      {"d0 05", Type::Number(), Num("5")},
      {"d1 0005", Type::Number(), Num("5")},
      {"d2 00000005", Type::Number(), Num("5")},
      {"d3 0000000000000005", Type::Number(), Num("5")},
      {"d0 fb", Type::Number(), Num("-5")},
      {"d1 fffb", Type::Number(), Num("-5")},
      {"d2 fffffffb", Type::Number(), Num("-5")},
      {"d3 fffffffffffffffb", Type::Number(), Num("-5")},
      {"ca 3fc00000", Type::Number(), Num("1.5")},
      {"cb 3ff8000000000000", Type::Number(), Num("1.5")},
      {"ca 3dcccccd", Type::Number(), Num("0.10000000149011612")},
      {"cb 3fb999999999999a", Type::Number(), Num("0.1")},
      {"cb 8000000000000000", Type::Number(), Num("0")},
      {"cb 0000000000000001", Type::Number(), Num("5e-324")},
      {"a4 2b316533", Type::Number(), Num("1000")},
      {"a1 61", Type::String(), Str("a")},
      {"d9 01 61", Type::String(), Str("a")},
      {"da 0001 61", Type::String(), Str("a")},
      {"db 00000001 61", Type::String(), Str("a")},
      {"91 a161", strings, list_a},
      {"dc 0001 a161", strings, list_a},
      {"dd 00000001 a161", strings, list_a},
      {"81 a161 c3", map, map_a},
      {"de 0001 a161 c3", map, map_a},
      {"df 00000001 d90161 c3", map, map_a},
      {"82 a161 c3 a162 c2", object, a_and_b},
      {"82 a162 c2 a161 c3", object, a_and_b},
      {"93 a162 a161 a162", Type::Set(Type::String()), Value::Of({Str("a"), Str("b")})},
      // "bool" as type: str, str8, bin16, bin32
      {"92 a6 22626f6f6c22 c3", Type::Dynamic(), Value::Dynamic(Type::Bool(), Value::Bool(true))},
      {"92 d906 22626f6f6c22 c3", Type::Dynamic(), Value::Dynamic(Type::Bool(), Value::Bool(true))},
      {"92 c50006 22626f6f6c22 c3", Type::Dynamic(),
       Value::Dynamic(Type::Bool(), Value::Bool(true))},
      {"dc0002 c600000006 22626f6f6c22 c3", Type::Dynamic(),
       Value::Dynamic(Type::Bool(), Value::Bool(true))},
      // "dynamic" inside of a dynamic place says nothing.
      {"92 a9 2264796e616d696322 c0", Type::Dynamic(), Value::Null()},
      {"92 a9 2264796e616d696322 d40000", Type::Dynamic(), Value::Unknown()},
      {"92 a9 2264796e616d696322 92 a6 22626f6f6c22 c3", Type::Dynamic(),
       Value::Dynamic(Type::Bool(), Value::Bool(true))},
  };
  for (const Case& given : cases) {
    const absl::StatusOr<Value> value = DecodeMsgpack(Hex(given.hex), given.type);
    ASSERT_TRUE(value.ok()) << given.hex << ": " << value.status();
    EXPECT_EQ(*value, given.value) << given.hex;
  }
}

TEST(Msgpack, EveryExtensionIsUnknown) {
  for (const absl::string_view hex :
       {"d4 00 00", "d4 63 ff", "d5 00 0000", "d6 7f 00000000", "d7 ff 0000000000000000",
        "d8 01 00000000000000000000000000000000", "c7 00 00", "c7 00 0c", "c7 03 05 ffffff",
        "c8 0001 00 00", "c9 00000002 07 0000", "d4 0c 80", "d4 0c ff", "d5 0c 8000"}) {
    for (const Type& type : {Type::String(), Type::Number(), Type::Dynamic(), Type::Object({})}) {
      // The last one is a refinement with a byte too many, which only a dynamic place ignores.
      if (hex == "d5 0c 8000" && type.kind() != Type::Kind::kDynamic) continue;
      const absl::StatusOr<Value> value = DecodeMsgpack(Hex(hex), type);
      ASSERT_TRUE(value.ok()) << hex << ": " << value.status();
      EXPECT_TRUE(value->IsUnknown()) << hex;
      EXPECT_EQ(value->refinements(), nullptr) << hex;
    }
  }
}

TEST(Msgpack, KeepsRefinements) {
  struct Case {
    Type type;
    Refinements refinements;
    std::string bytes;
  };
  const Case cases[] = {
      // "pre-${other.id}", length(...) and a conditional of two maps, as Terraform 1.11.4 sends.
      {Type::String(),
       {.null = false, .string_prefix = "pre-"},
       Hex("c7 09 0c 82 01 c2 02 a4 7072652d")},
      {Type::Number(),
       {.null = false, .lower = {{.value = 0}}},
       Hex("c7 07 0c 82 01 c2 03 92 00 c3")},
      {Type::Map(Type::String()), {.null = false}, Hex("c7 03 0c 81 01 c2")},
      {Type::Number(),
       {.lower = {{.value = -1, .inclusive = false}},
        .upper = {{.value = Number::Parse("0.5").value(), .inclusive = true}}},
       Hex("c7 0c 0c 82 03 92 ff c2 04 92 a3302e35 c3")},
      {Type::Set(Type::Bool()),
       {.null = false, .min_length = 1, .max_length = 300},
       Hex("c7 09 0c 83 01 c2 05 01 06 cd012c")},
      {Type::List(Type::Bool()), {.min_length = 200}, Hex("d6 0c 81 05 cc c8")},
      {Type::String(),
       {.null = false, .string_prefix = "12345678901"},
       Hex("d8 0c 82 01 c2 02 ab") + "12345678901"},
      {Type::Bool(), {.null = true}, Hex("c7 03 0c 81 01 c3")},
  };
  for (const Case& given : cases) {
    const absl::StatusOr<std::string> bytes =
        EncodeMsgpack(Value::Unknown(given.refinements), given.type);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(absl::BytesToHexString(*bytes), absl::BytesToHexString(given.bytes));
    const absl::StatusOr<Value> value = DecodeMsgpack(given.bytes, given.type);
    ASSERT_TRUE(value.ok()) << value.status();
    ASSERT_NE(value->refinements(), nullptr);
    EXPECT_EQ(*value->refinements(), given.refinements);
  }
}

TEST(Msgpack, SkipsRefinementsItDoesNotKnow) {
  // {1: false, 99: {"a": [1, ext, bin]}, 2: "p", 5: 3}: of a string, a length says nothing.
  const absl::StatusOr<Value> value = DecodeMsgpack(
      Hex("c7 14 0c 84 01 c2 63 81 a161 93 01 d40000 c401ff 02 a170 05 03"), Type::String());
  ASSERT_TRUE(value.ok()) << value.status();
  ASSERT_NE(value->refinements(), nullptr);
  EXPECT_EQ(*value->refinements(), (Refinements{.null = false, .string_prefix = "p"}));
}

TEST(Msgpack, RefusesMalformedRefinements) {
  struct Case {
    const char* hex;
    Type type;
  };
  const Case cases[] = {
      {"d5 0c 91c0", Type::String()},                                // no map
      {"d5 0c 8101", Type::String()},                                // truncated
      {"d5 0c 8000", Type::String()},                                // left over
      {"c7 03 0c 8101c0", Type::String()},                           // nullness nil
      {"c7 03 0c 81a1c2", Type::String()},                           // key truncated
      {"c7 04 0c 81a161c2", Type::String()},                         // text as key
      {"c7 03 0c 810207", Type::String()},                           // prefix no text
      {"c7 04 0c 8102a1ff", Type::String()},                         // prefix no UTF-8
      {"c7 03 0c 810307", Type::Number()},                           // bound no array
      {"c7 05 0c 810392c0c3", Type::Number()},                       // bound nil
      {"c7 05 0c 81039207c0", Type::Number()},                       // inclusive nil
      {"c7 03 0c 8105ff", Type::Map(Type::Bool())},                  // length negative
      {"c7 0b 0c 8105cfffffffffffffffff", Type::Map(Type::Bool())},  // length beyond int64
      {"c7 04 0c 8163dd00", Type::String()},                         // unknown key, truncated
  };
  for (const Case& given : cases) {
    const absl::Status status = DecodeMsgpack(Hex(given.hex), given.type).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << given.hex;
    EXPECT_THAT(std::string(status.message()), HasSubstr("refinements")) << given.hex;
  }
}

TEST(Msgpack, CutsRefinementsToWhatTerraformTakes) {
  const auto decoded_prefix = [](std::string prefix) {
    const std::string bytes =
        EncodeMsgpack(Value::Unknown({.string_prefix = std::move(prefix)}), Type::String()).value();
    return DecodeMsgpack(bytes, Type::String())->refinements()->string_prefix.value();
  };
  EXPECT_EQ(decoded_prefix(Repeat("x", 256)), Repeat("x", 256));
  EXPECT_EQ(decoded_prefix(Repeat("x", 5000)), Repeat("x", 256));
  EXPECT_EQ(decoded_prefix("x" + Repeat("é", 200)), "x" + Repeat("é", 127));

  const Number long_number = Number::Parse("0." + Repeat("7", 2000)).value();
  EXPECT_EQ(Got(EncodeMsgpack(Value::Unknown({.null = false, .lower = {{.value = long_number}}}),
                              Type::Number())),
            Hex("c7 03 0c 81 01 c2"));
  EXPECT_EQ(Got(EncodeMsgpack(Value::Unknown({.lower = {{.value = long_number}}}), Type::Number())),
            Hex("d4 00 00"));
}

TEST(Msgpack, RefinementsNeverGoOutEmptyOrUnfit) {
  EXPECT_EQ(Got(EncodeMsgpack(Value::Unknown(Refinements()), Type::Bool())), Hex("d4 00 00"));
  EXPECT_EQ(Got(EncodeMsgpack(Value::Unknown({.string_prefix = ""}), Type::String())),
            Hex("d4 00 00"));
  // Not even the type is known here.
  EXPECT_EQ(Got(EncodeMsgpack(Value::Unknown({.null = false}), Type::Dynamic())), Hex("d4 00 00"));
  // Of a null Terraform takes nothing else.
  EXPECT_EQ(
      Got(EncodeMsgpack(Value::Unknown({.null = true, .string_prefix = "a"}), Type::String())),
      Hex("c7 03 0c 81 01 c3"));
  const std::pair<Refinements, Type> unfit[] = {
      {{.string_prefix = "a"}, Type::Number()},
      {{.lower = {{.value = 1}}}, Type::String()},
      {{.upper = {{.value = 1}}}, Type::List(Type::Number())},
      {{.min_length = 1}, Type::String()},
      {{.max_length = 1}, Type::Object({})},
      {{.lower = {{.value = 2}}, .upper = {{.value = 1}}}, Type::Number()},
      {{.min_length = 2, .max_length = 1}, Type::Set(Type::Bool())},
      {{.min_length = -1}, Type::Set(Type::Bool())},
      {{.string_prefix = "\xff"}, Type::String()},
  };
  for (const auto& [refinements, type] : unfit) {
    EXPECT_EQ(EncodeMsgpack(Value::Unknown(refinements), type).status().code(),
              absl::StatusCode::kInternal);
  }
}

TEST(Msgpack, NamesWhatIsWrongAndWhere) {
  const Type type = Type::Object({
      {"list", Type::List(Type::Object({{"n", Type::Number()}}))},
      {"map", Type::Map(Type::String())},
  });
  struct Case {
    std::string bytes;
    const char* path;
    const char* message;
  };
  const std::string list = Hex("82 a4") + "list", map = Hex("a3") + "map";
  const Case cases[] = {
      {list + Hex("91 81 a16e c3") + map + Hex("c0"), "list[0].n",
       "number is required, but this is a bool"},
      {list + Hex("92 81 a16e 01 81 a16e cb7ff8000000000000") + map + Hex("c0"), "list[1].n",
       "NaN"},
      {list + Hex("91 81 a16e cb7ff0000000000000") + map + Hex("c0"), "list[0].n", "infinity"},
      {list + Hex("91 81 a16e ca7fc00000") + map + Hex("c0"), "list[0].n", "NaN"},
      {list + Hex("91 81 a16e a3") + "1,5" + map + Hex("c0"), "list[0].n", "not a decimal number"},
      {list + Hex("91 c4 01 00") + map + Hex("c0"), "list[0]",
       "object is required, but this is binary"},
      {list + Hex("91 80") + map + Hex("c0"), "list[0]", "\"n\" is missing"},
      {list + Hex("91 82 a16e 01 a16f 01") + map + Hex("c0"), "list[0].o", "no such attribute"},
      {list + Hex("91 82 a16e 01 a16e 01") + map + Hex("c0"), "list[0].n", "twice"},
      {list + Hex("91 81 01 01") + map + Hex("c0"), "list[0]",
       "keys are strings, but one is an integer"},
      {list + Hex("91 81 a1ff 01") + map + Hex("c0"), "list[0]", "not valid UTF-8"},
      {list + Hex("c1") + map + Hex("c0"), "list", "does not use"},
      {list + Hex("dd ffffffff") + map + Hex("c0"), "list", "ends in the middle"},
      {list + Hex("c0") + map + Hex("82 a161 a0 a161 a0"), "map[\"a\"]", "twice"},
      {list + Hex("c0") + map + Hex("81 a161 a2 c328"), "map[\"a\"]", "not valid UTF-8"},
      {list + Hex("c0") + map + Hex("81 a161 a3 eda080"), "map[\"a\"]", "not valid UTF-8"},
      {list + Hex("c0") + map + Hex("81 a161 a2 c0af"), "map[\"a\"]", "not valid UTF-8"},
      {list + Hex("c0") + map + Hex("81 a161 a4 f4908080"), "map[\"a\"]", "not valid UTF-8"},
      {list + Hex("c0") + map + Hex("81 a1ff a0"), "map", "not valid UTF-8"},
      {list + Hex("c0") + map + Hex("81 a161 c400"), "map[\"a\"]", "string is required"},
      {list + Hex("c0") + map + Hex("df 7fffffff"), "map", "ends in the middle"},
      {list + Hex("c0") + map + Hex("c0 00"), "", "followed by 1 byte"},
      {Hex("81 a4") + "list" + Hex("c0"), "", "\"map\" is missing; the object needs 2, this has 1"},
      {Hex("80"), "", "\"list\" is missing"},
      {Hex("90"), "", "object is required, but this is an array"},
  };
  for (const Case& wrong : cases) {
    const absl::Status status = DecodeMsgpack(wrong.bytes, type).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(PathText(status), wrong.path) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong.message));
  }
}

TEST(Msgpack, PathEndsAtASet) {
  const Type type = Type::Object({{"s", Type::Set(Type::Object({{"n", Type::Number()}}))}});
  EXPECT_EQ(PathText(DecodeMsgpack(Hex("81 a173 91 81 a16e c3"), type).status()), "s");
}

TEST(Msgpack, RefusesWhatIsNotADynamicValue) {
  for (const absl::string_view hex :
       {"a161", "90", "91 a6 22626f6f6c22", "93 a6 22626f6f6c22 c3 c3", "92 01 c3", "92 c0 c0",
        "92 a4 626f6f6c c3", "92 a6 22626f6f6c22 01", "92 a6 22626f6f6c22", "80"}) {
    EXPECT_EQ(DecodeMsgpack(Hex(hex), Type::Dynamic()).status().code(),
              absl::StatusCode::kInvalidArgument)
        << hex;
  }
}

TEST(Msgpack, RefusesTuplesOfAnotherLength) {
  const Type type = Type::Tuple({Type::Bool(), Type::Bool()});
  EXPECT_THAT(std::string(DecodeMsgpack(Hex("91 c3"), type).status().message()),
              HasSubstr("2 elements is required, but this has 1"));
  EXPECT_FALSE(DecodeMsgpack(Hex("93 c3 c3 c3"), type).ok());
}

TEST(Msgpack, NestsTo512Levels) {
  const std::string inner = Hex("a178");
  const absl::StatusOr<Value> deep =
      DecodeMsgpack(Repeat("\x91", 512) + inner, ListsOf(512, Type::String()));
  ASSERT_TRUE(deep.ok()) << deep.status();
  EXPECT_EQ(Got(EncodeMsgpack(*deep, ListsOf(512, Type::String()))), Repeat("\x91", 512) + inner);

  const absl::Status deeper =
      DecodeMsgpack(Repeat("\x91", 513) + inner, ListsOf(513, Type::String())).status();
  EXPECT_EQ(deeper.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(deeper.message()), HasSubstr("deeper than 512"));
  EXPECT_EQ(PathText(deeper), Repeat("[0]", 512));

  // A dynamic place is no level of its own.
  const std::string level = Hex("92 c412") + "[\"list\",\"dynamic\"]" + Hex("91");
  const absl::StatusOr<Value> dynamic =
      DecodeMsgpack(Repeat(level, 512) + Hex("c0"), Type::Dynamic());
  ASSERT_TRUE(dynamic.ok()) << dynamic.status();
  EXPECT_EQ(Got(EncodeMsgpack(*dynamic, Type::Dynamic())), Repeat(level, 512) + Hex("c0"));
  EXPECT_FALSE(DecodeMsgpack(Repeat(level, 513) + Hex("c0"), Type::Dynamic()).ok());
  EXPECT_FALSE(DecodeMsgpack(Repeat(level, 100'000), Type::Dynamic()).ok());
  EXPECT_TRUE(
      DecodeMsgpack(Repeat(Hex("92 a9") + "\"dynamic\"", 100'000) + Hex("c0"), Type::Dynamic())
          ->IsNull());
}

TEST(Msgpack, ClaimedLengthsTakeNoMemory) {
  // Each list claims all the bytes that follow; taken at their word they would need 28 GB.
  constexpr int kBytes = 1'000'000;
  std::string bytes;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&bytes, Hex("dd 000f4240"));
  bytes.append(kBytes, '\x00');
  EXPECT_FALSE(DecodeMsgpack(bytes, ListsOf(500, Type::Number())).ok());
  for (const absl::string_view hex : {"dd ffffffff", "df ffffffff", "db ffffffff", "c6 ffffffff",
                                      "c9 ffffffff 00", "dc ffff", "de ffff", "92 c6ffffffff 22"}) {
    for (const Type& type : {Type::Dynamic(), Type::String(), Type::List(Type::String()),
                             Type::Map(Type::String()), Type::Object({{"a", Type::Bool()}})}) {
      EXPECT_FALSE(DecodeMsgpack(Hex(hex) + "xx", type).ok()) << hex;
    }
  }
}

TEST(Msgpack, EncodingAnotherTypeIsOurBug) {
  const Type type = Type::Object({{"a", Type::List(Type::String())}, {"b", Type::Dynamic()}});
  struct Case {
    Value value;
    const char* path;
  };
  const Value ok = Value::Of({Str("x")});
  const Case cases[] = {
      {Str("x"), ""},
      {Value::Of({{"a", ok}}), ""},
      {Value::Of({{"b", Value()}}), ""},
      {Value::Of({{"a", ok}, {"b", Value()}, {"c", Value()}}), "c"},
      {Value::Of({{"a", Value::Of({Str("x"), Num("1")})}, {"b", Value()}}), "a[1]"},
      {Value::Of({{"a", Value::Of(Value::Mapping())}, {"b", Value()}}), "a"},
      {Value::Of({{"a", Value::Of({Str("\xff")})}, {"b", Value()}}), "a[0]"},
      {Value::Of({{"a", ok}, {"b", Str("x")}}), "b"},
      {Value::Of({{"a", ok}, {"b", Value::Dynamic(Type::Bool(), Str("x"))}}), "b"},
      {Value::Of({{"a", Value::Dynamic(Type::List(Type::String()), ok)}, {"b", ok}}), "a"},
  };
  for (const Case& wrong : cases) {
    const absl::Status status = EncodeMsgpack(wrong.value, type).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(PathText(status), wrong.path) << status;
  }
  EXPECT_FALSE(EncodeMsgpack(Value::Of({Str("x")}), Type::Tuple({})).ok());
  Value deep = Value::Null();
  for (int i = 0; i < 513; ++i) deep = Value::Of({deep});
  EXPECT_EQ(EncodeMsgpack(deep, ListsOf(513, Type::Bool())).status().code(),
            absl::StatusCode::kInternal);
}

TEST(Msgpack, ElementsOfDifferentTypesNeverGoOut) {
  const Value text = Value::Dynamic(Type::String(), Str("x"));
  const Value flag = Value::Dynamic(Type::Bool(), Value::Bool(true));
  const Type list = Type::List(Type::Dynamic());
  EXPECT_TRUE(EncodeMsgpack(Value::Of({text, text}), list).ok());
  EXPECT_TRUE(EncodeMsgpack(Value::Of({Value::Null(), text, Value::Unknown()}), list).ok());
  const Type type = Type::Object({{"m", Type::Map(Type::Object({{"a", Type::Dynamic()}}))}});
  const auto encoded = [&](Value first, Value second) {
    return EncodeMsgpack(
        Value::Of({{"m", Value::Of({{"1", Value::Of({{"a", std::move(first)}})},
                                    {"2", Value::Of({{"a", std::move(second)}})}})}}),
        type);
  };
  EXPECT_TRUE(encoded(flag, flag).ok());
  for (const Value& other : {flag, Value::Null(), Value::Unknown()}) {
    const absl::Status status = encoded(text, other).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(PathText(status), "m");
  }
}

TEST(Msgpack, EveryValueComesBack) {
  RandomForTest random(7);
  for (int i = 0; i < 3000; ++i) {
    const Type type = random.AnyType(4);
    const Value value = random.AnyValue(type, /*unknowns=*/true);
    const absl::StatusOr<std::string> bytes = EncodeMsgpack(value, type);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const absl::StatusOr<Value> decoded = DecodeMsgpack(*bytes, type);
    ASSERT_TRUE(decoded.ok()) << decoded.status() << absl::BytesToHexString(*bytes);
    EXPECT_EQ(*decoded, value);
    // Refinements too, which equality ignores.
    EXPECT_EQ(Got(EncodeMsgpack(*decoded, type)), *bytes);
  }
}

TEST(Msgpack, NoMutationCrashes) {
  RandomForTest random(11);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const Type type = random.AnyType(3);
    std::string bytes = EncodeMsgpack(random.AnyValue(type, true), type).value();
    for (std::size_t n = 1 + random.Below(3); n > 0; --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    const absl::StatusOr<Value> value = DecodeMsgpack(bytes, type);
    if (!value.ok()) {
      ++refused;
      EXPECT_EQ(value.status().code(), absl::StatusCode::kInvalidArgument);
    } else {
      EXPECT_TRUE(Conforms(*value, type).ok());
      EXPECT_TRUE(EncodeMsgpack(*value, type).ok());
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(NormalizeNfc, ComposesWhatBelongsTogether) {
  EXPECT_EQ(Got(NormalizeNfc("")), "");
  EXPECT_EQ(Got(NormalizeNfc("plain ascii, more than eight bytes")),
            "plain ascii, more than eight bytes");
  EXPECT_EQ(Got(NormalizeNfc("e\u0301")), "\u00e9");
  EXPECT_EQ(Got(NormalizeNfc("\u00e9")), "\u00e9");
  EXPECT_EQ(Got(NormalizeNfc("\u1112\u1161\u11ab")), "\ud55c");    // Hangul
  EXPECT_EQ(Got(NormalizeNfc("\ud558\u11ab")), "\ud55c");          // a syllable and its end
  EXPECT_EQ(Got(NormalizeNfc("\u212b")), "\u00c5");                // Angstrom sign
  EXPECT_EQ(Got(NormalizeNfc("\u0344")), "\u0308\u0301");          // excluded from composition
  EXPECT_EQ(Got(NormalizeNfc("q\u0307\u0323")), "q\u0323\u0307");  // order of marks
  EXPECT_EQ(Got(NormalizeNfc("\u1e0b\u0323")), "\u1e0d\u0307");
  EXPECT_EQ(Got(NormalizeNfc(std::string("a\0e\u0301", 5))), std::string("a\0\u00e9", 4));
}

TEST(NormalizeNfc, RefusesWhatIsNotUtf8) {
  for (const absl::string_view hex : {"80", "c3", "c328", "c080", "e08080", "eda080", "f4908080",
                                      "f88888808080", "616263646566676869ff", "c3a9e282"}) {
    EXPECT_EQ(NormalizeNfc(Hex(hex)).status().code(), absl::StatusCode::kInvalidArgument) << hex;
  }
}

TEST(NormalizeNfc, DecodedStringsAndKeysAreNormal) {
  EXPECT_EQ(*DecodeMsgpack(Hex("a3 65cc81"), Type::String()), Str("é"));
  EXPECT_EQ(*DecodeMsgpack(Hex("81 a3 65cc81 c0"), Type::Map(Type::Bool())),
            Value::Of({{"é", Value()}}));
  EXPECT_EQ(*DecodeMsgpack(Hex("81 a3 65cc81 c0"), Type::Object({{"é", Type::Bool()}})),
            Value::Of({{"é", Value()}}));
  // Two spellings of one key are a duplicate.
  EXPECT_FALSE(DecodeMsgpack(Hex("82 a3 65cc81 c0 a2c3a9 c0"), Type::Map(Type::Bool())).ok());
}

TEST(NormalizeNfc, AgreesWithUtf8proc) {
  const auto encode = [](utf8proc_int32_t code_point) {
    utf8proc_uint8_t bytes[4];
    return std::string(reinterpret_cast<const char*>(bytes),
                       static_cast<std::size_t>(utf8proc_encode_char(code_point, bytes)));
  };
  // All planes that have compositions or marks.
  for (utf8proc_int32_t code_point = 1; code_point < 0x1f000; ++code_point) {
    if (!utf8proc_codepoint_valid(code_point)) continue;
    const std::string text = encode(code_point);
    for (const std::string& given :
         {text, "e" + text, text + "\u0301", text + "\u0327\u0301\u0323", "\u1100" + text,
          "\u09c7" + text, "\u3046" + text + "\u3099"}) {
      utf8proc_uint8_t* expected =
          utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(given.c_str()));
      ASSERT_NE(expected, nullptr);
      EXPECT_EQ(Got(NormalizeNfc(given)), reinterpret_cast<const char*>(expected)) << code_point;
      std::free(expected);
    }
  }
}

TEST(NormalizeNfc, ManyMarksTakeNoQuadraticTime) {
  // Classes 230 and 220 in turn: half of the marks have to pass the other half.
  const std::string marks = "a" + Repeat("\u0301\u0316", 250'000);
  const absl::Time start = absl::Now();
  EXPECT_EQ(Got(NormalizeNfc(marks)),
            "\u00e1" + Repeat("\u0316", 250'000) + Repeat("\u0301", 249'999));
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
}

}  // namespace
}  // namespace charon
