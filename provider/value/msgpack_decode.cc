#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/value/msgpack.h"
#include "provider/value/msgpack_format.h"
#include "provider/value/text.h"
#include "provider/value/trail.h"

namespace charon {
namespace {

// What stands at the front of every msgpack value. Payloads of kStr, kBin and kExt follow it, as do
// the elements of kArray and the keys and values of kMap.
struct Head {
  enum class Form { kNil, kBool, kUint, kNegative, kFloat, kStr, kBin, kArray, kMap, kExt };
  Form form = Form::kNil;
  bool boolean = false;
  std::uint64_t size = 0;  // of the payload in bytes, of containers in entries; kUint: the number
  std::int64_t negative = 0;
  double real = 0;
  std::int8_t code = 0;
};

absl::string_view NameOf(Head::Form form) {
  switch (form) {
    case Head::Form::kNil:
      return "nil";
    case Head::Form::kBool:
      return "a bool";
    case Head::Form::kUint:
    case Head::Form::kNegative:
      return "an integer";
    case Head::Form::kFloat:
      return "a float";
    case Head::Form::kStr:
      return "a string";
    case Head::Form::kBin:
      return "binary data";
    case Head::Form::kArray:
      return "an array";
    case Head::Form::kMap:
      return "a map";
    case Head::Form::kExt:
      return "an extension";
  }
  return "";
}

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  // Reads one value of `type`, inside of `depth` containers.
  bool Read(const Type& type, int depth, Value& out) {
    Head head;
    if (!ReadHead(head)) return false;
    if (head.form == Head::Form::kNil) {
      out = Value::Null();
      return true;
    }
    if (head.form == Head::Form::kExt) return ReadUnknown(head, type, out);
    switch (type.kind()) {
      case Type::Kind::kDynamic:
        return ReadDynamic(head, depth, out);
      case Type::Kind::kString:
        return head.form == Head::Form::kStr ? ReadString(head, out) : WrongForm(head, type);
      case Type::Kind::kNumber:
        return ReadNumber(head, out);
      case Type::Kind::kBool:
        if (head.form != Head::Form::kBool) return WrongForm(head, type);
        out = Value::Bool(head.boolean);
        return true;
      case Type::Kind::kList:
      case Type::Kind::kSet:
      case Type::Kind::kTuple:
        if (head.form != Head::Form::kArray) return WrongForm(head, type);
        return CheckDepth(depth) && ReadSequence(head.size, type, depth + 1, out);
      case Type::Kind::kMap:
        if (head.form != Head::Form::kMap) return WrongForm(head, type);
        return CheckDepth(depth) && ReadMap(head.size, type.element(), depth + 1, out);
      case Type::Kind::kObject:
        if (head.form != Head::Form::kMap) return WrongForm(head, type);
        return CheckDepth(depth) && ReadObject(head.size, type, depth + 1, out);
    }
    return false;
  }

  // What follows is kept out of Read(), whose frame stands on the stack once a level.
  [[gnu::noinline]] bool ReadString(const Head& head, Value& out) {
    std::string text;
    if (!AppendNfc(Take(head.size), text)) return trail_.Fail("the string is not valid UTF-8");
    out = Value::String(std::move(text));
    return true;
  }

  [[gnu::noinline]] bool ReadNumber(const Head& head, Value& out) {
    Number number;
    if (!ReadNumber(head, number)) return false;
    out = Value::Of(std::move(number));
    return true;
  }

  // Reads what an extension of code 12 holds.
  bool ReadRefinements(const Type& type, Refinements& out) {
    Head head;
    if (!ReadHead(head)) return false;
    if (head.form != Head::Form::kMap) return trail_.Fail("refinements are not a map");
    for (std::uint64_t i = 0; i < head.size; ++i) {
      Head key;
      if (!ReadPromised(key)) return false;
      --owed_;
      if (key.form != Head::Form::kUint) return trail_.Fail("a refinement's key is no number");
      if (!ReadRefinement(key.size, type, out)) return false;
    }
    return true;
  }

  std::size_t Remaining() const { return static_cast<std::size_t>(end_ - at_); }
  Trail& trail() { return trail_; }

 private:
  bool Truncated() { return trail_.Fail("the data ends in the middle of this value"); }

  [[gnu::noinline]] bool WrongForm(const Head& head, const Type& type) {
    return trail_.Fail(
        absl::StrCat(type.FriendlyName(), " is required, but this is ", NameOf(head.form)));
  }

  bool CheckDepth(int depth) {
    if (depth < kMaxDepth) return true;
    return trail_.Fail(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
  }

  // Bytes that may belong to the value being read: each value that an open container still has to
  // get takes at least one. Counting them makes every promised length one that the input can keep,
  // so that containers may be reserved, even 512 inside each other, within a fixed factor of it.
  std::size_t Available() const { return Remaining() - owed_; }

  absl::string_view Take(std::uint64_t size) {
    const absl::string_view bytes(at_, static_cast<std::size_t>(size));
    at_ += size;
    return bytes;
  }

  // Big-endian, as all of msgpack. REQUIRES: sizeof(T) bytes are available.
  template <typename T>
  T TakeInt() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = value << 8 | static_cast<unsigned char>(*at_++);
    }
    return static_cast<T>(value);
  }

  template <typename T>
  bool ReadSize(Head::Form form, Head& head) {
    if (Available() < sizeof(T)) return Truncated();
    head.form = form;
    head.size = TakeInt<T>();
    return true;
  }

  template <typename T>
  bool ReadSigned(Head& head) {
    if (Available() < sizeof(T)) return Truncated();
    const std::int64_t value{TakeInt<T>()};
    if (value < 0) {
      head.form = Head::Form::kNegative;
      head.negative = value;
    } else {
      head.form = Head::Form::kUint;
      head.size = static_cast<std::uint64_t>(value);
    }
    return true;
  }

  bool ReadExtCode(Head& head) {
    if (Available() < 1) return Truncated();
    head.form = Head::Form::kExt;
    head.code = TakeInt<std::int8_t>();
    return true;
  }

  bool ReadFixExt(std::uint64_t size, Head& head) {
    head.size = size;
    return ReadExtCode(head);
  }

  // Reads the head of the next value that an open container was promised.
  bool ReadPromised(Head& head) {
    --owed_;
    return ReadHead(head);
  }

  // The payload of strings, binary data and extensions is there if this returns true, and as many
  // bytes as a container's entries take at least are owed.
  bool ReadHead(Head& head) {
    if (!ReadFirstByte(head)) return false;
    switch (head.form) {
      case Head::Form::kStr:
      case Head::Form::kBin:
      case Head::Form::kExt:
        return head.size <= Available() || Truncated();
      case Head::Form::kArray:
        if (head.size > Available()) return Truncated();
        owed_ += static_cast<std::size_t>(head.size);
        return true;
      case Head::Form::kMap:
        if (head.size > Available() / 2) return Truncated();
        owed_ += static_cast<std::size_t>(2 * head.size);
        return true;
      default:
        return true;
    }
  }

  // The first byte of the value, and the length or number behind it.
  bool ReadFirstByte(Head& head) {
    if (Available() == 0) return Truncated();
    const auto first = TakeInt<std::uint8_t>();
    head.size = first;
    if (first < 0x80) {
      head.form = Head::Form::kUint;
      return true;
    }
    if (first < 0x90) {
      head.form = Head::Form::kMap;
      head.size = first & 0x0f;
      return true;
    }
    if (first < 0xa0) {
      head.form = Head::Form::kArray;
      head.size = first & 0x0f;
      return true;
    }
    if (first < 0xc0) {
      head.form = Head::Form::kStr;
      head.size = first & 0x1f;
      return true;
    }
    if (first >= 0xe0) {
      head.form = Head::Form::kNegative;
      head.negative = first - 0x100;
      return true;
    }
    switch (first) {
      case 0xc0:
        head.form = Head::Form::kNil;
        return true;
      case 0xc2:
      case 0xc3:
        head.form = Head::Form::kBool;
        head.boolean = first == 0xc3;
        return true;
      case 0xc4:
        return ReadSize<std::uint8_t>(Head::Form::kBin, head);
      case 0xc5:
        return ReadSize<std::uint16_t>(Head::Form::kBin, head);
      case 0xc6:
        return ReadSize<std::uint32_t>(Head::Form::kBin, head);
      case 0xc7:
        return ReadSize<std::uint8_t>(Head::Form::kExt, head) && ReadExtCode(head);
      case 0xc8:
        return ReadSize<std::uint16_t>(Head::Form::kExt, head) && ReadExtCode(head);
      case 0xc9:
        return ReadSize<std::uint32_t>(Head::Form::kExt, head) && ReadExtCode(head);
      case 0xca:
        if (Available() < sizeof(float)) return Truncated();
        head.form = Head::Form::kFloat;
        head.real = std::bit_cast<float>(TakeInt<std::uint32_t>());
        return true;
      case 0xcb:
        if (Available() < sizeof(double)) return Truncated();
        head.form = Head::Form::kFloat;
        head.real = std::bit_cast<double>(TakeInt<std::uint64_t>());
        return true;
      case 0xcc:
        return ReadSize<std::uint8_t>(Head::Form::kUint, head);
      case 0xcd:
        return ReadSize<std::uint16_t>(Head::Form::kUint, head);
      case 0xce:
        return ReadSize<std::uint32_t>(Head::Form::kUint, head);
      case 0xcf:
        return ReadSize<std::uint64_t>(Head::Form::kUint, head);
      case 0xd0:
        return ReadSigned<std::int8_t>(head);
      case 0xd1:
        return ReadSigned<std::int16_t>(head);
      case 0xd2:
        return ReadSigned<std::int32_t>(head);
      case 0xd3:
        return ReadSigned<std::int64_t>(head);
      case 0xd4:
        return ReadFixExt(1, head);
      case 0xd5:
        return ReadFixExt(2, head);
      case 0xd6:
        return ReadFixExt(4, head);
      case 0xd7:
        return ReadFixExt(8, head);
      case 0xd8:
        return ReadFixExt(16, head);
      case 0xd9:
        return ReadSize<std::uint8_t>(Head::Form::kStr, head);
      case 0xda:
        return ReadSize<std::uint16_t>(Head::Form::kStr, head);
      case 0xdb:
        return ReadSize<std::uint32_t>(Head::Form::kStr, head);
      case 0xdc:
        return ReadSize<std::uint16_t>(Head::Form::kArray, head);
      case 0xdd:
        return ReadSize<std::uint32_t>(Head::Form::kArray, head);
      case 0xde:
        return ReadSize<std::uint16_t>(Head::Form::kMap, head);
      case 0xdf:
        return ReadSize<std::uint32_t>(Head::Form::kMap, head);
      default:
        return trail_.Fail("a byte that msgpack does not use");  // 0xc1
    }
  }

  bool ReadNumber(const Head& head, Number& out) {
    absl::StatusOr<Number> number = Number();
    switch (head.form) {
      case Head::Form::kUint:
        out = Number::FromUint64(head.size);
        return true;
      case Head::Form::kNegative:
        out = Number(head.negative);
        return true;
      case Head::Form::kFloat:
        number = Number::FromDouble(head.real);
        break;
      case Head::Form::kStr:
        number = Number::Parse(Take(head.size));
        break;
      default:
        return WrongForm(head, Type::Number());
    }
    if (!number.ok()) return trail_.Fail(std::string(number.status().message()));
    out = *std::move(number);
    return true;
  }

  [[gnu::noinline]] bool ReadSequence(std::uint64_t count, const Type& type, int depth,
                                      Value& out) {
    const bool is_tuple = type.kind() == Type::Kind::kTuple;
    if (is_tuple && count != type.elements().size()) {
      return trail_.Fail(absl::StrCat("a tuple of ", type.elements().size(),
                                      " elements is required, but this has ", count));
    }
    Value::Sequence elements(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < elements.size(); ++i) {
      --owed_;
      if (!Read(is_tuple ? type.elements()[i] : type.element(), depth, elements[i])) {
        if (type.kind() == Type::Kind::kSet) return trail_.FromSet();
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
    }
    const bool is_set = type.kind() == Type::Kind::kSet;
    out = is_set ? Value::Set(std::move(elements)) : Value::Of(std::move(elements));
    return true;
  }

  bool ReadKey(absl::string_view& key) {
    Head head;
    if (!ReadPromised(head)) return false;
    if (head.form != Head::Form::kStr) {
      return trail_.Fail(absl::StrCat("keys are strings, but one is ", NameOf(head.form)));
    }
    key = Take(head.size);
    return true;
  }

  [[gnu::noinline]] bool ReadMap(std::uint64_t count, const Type& element, int depth, Value& out) {
    out = Value::Of(Value::Mapping());
    Value::Mapping& entries = out.mapping();
    for (std::uint64_t i = 0; i < count; ++i) {
      absl::string_view bytes;
      if (!ReadKey(bytes)) return false;
      std::string key;
      if (!AppendNfc(bytes, key)) return trail_.Fail("a key is not valid UTF-8");
      // Terraform sends keys in byte order.
      const auto entry = entries.emplace_hint(entries.end(), std::move(key), Value());
      if (entries.size() != i + 1) {
        trail_.Fail("the key stands twice in its map");
        return trail_.FromKey(entry->first);
      }
      --owed_;
      if (!Read(element, depth, entry->second)) return trail_.FromKey(entry->first);
    }
    return true;
  }

  [[gnu::noinline]] bool ReadObject(std::uint64_t count, const Type& type, int depth, Value& out) {
    const std::map<std::string, Type>& attributes = type.attributes();
    out = Value::Of(Value::Mapping());
    Value::Mapping& entries = out.mapping();
    auto next = attributes.begin();
    for (std::uint64_t i = 0; i < count; ++i) {
      absl::string_view key;
      if (!ReadKey(key)) return false;
      auto attribute = next;
      if (attribute == attributes.end() || attribute->first != key) {
        if (!FindAttribute(attributes, key, attribute)) return false;
      }
      next = std::next(attribute);
      const auto entry = entries.emplace_hint(entries.end(), attribute->first, Value());
      if (entries.size() != i + 1) {
        trail_.Fail("the attribute stands twice in its object");
        return trail_.FromAttribute(attribute->first);
      }
      --owed_;
      if (!Read(attribute->second, depth, entry->second)) {
        return trail_.FromAttribute(attribute->first);
      }
    }
    if (count == attributes.size()) return true;
    for (const auto& [name, attribute] : attributes) {
      if (!entries.count(name)) {
        return trail_.Fail(absl::StrCat("the attribute \"", name,
                                        "\" is missing; the object needs ", attributes.size(),
                                        ", this has ", count));
      }
    }
    return false;
  }

  // Finds an attribute whose key did not come in byte order, or not in normal form C.
  bool FindAttribute(const std::map<std::string, Type>& attributes, absl::string_view key,
                     std::map<std::string, Type>::const_iterator& found) {
    std::string name;
    if (!AppendNfc(key, name)) return trail_.Fail("an attribute's name is not valid UTF-8");
    found = attributes.find(name);
    if (found != attributes.end()) return true;
    trail_.Fail("the object's type has no such attribute");
    return trail_.FromAttribute(name);
  }

  [[gnu::noinline]] bool ReadDynamic(Head head, int depth, Value& out) {
    while (true) {
      if (head.form != Head::Form::kArray || head.size != 2) {
        return trail_.Fail(absl::StrCat(
            "a value with its type is required, an array of two, but this is ", NameOf(head.form)));
      }
      Head type_head;
      if (!ReadPromised(type_head)) return false;
      if (type_head.form != Head::Form::kBin && type_head.form != Head::Form::kStr) {
        return trail_.Fail(
            absl::StrCat("the type of a value is its JSON, but this is ", NameOf(type_head.form)));
      }
      absl::StatusOr<Type> type = Type::FromJson(Take(type_head.size));
      if (!type.ok()) return trail_.Fail(std::string(type.status().message()));
      --owed_;
      if (type->kind() != Type::Kind::kDynamic) {
        Value inner;
        if (!Read(*type, depth, inner)) return false;
        out = Value::Dynamic(*std::move(type), std::move(inner));
        return true;
      }
      // "dynamic" inside of dynamic says nothing. It is no level, so it must not recurse.
      if (!ReadHead(head)) return false;
      if (head.form == Head::Form::kNil) {
        out = Value::Null();
        return true;
      }
      if (head.form == Head::Form::kExt) return ReadUnknown(head, Type::Dynamic(), out);
    }
  }

  [[gnu::noinline]] bool ReadUnknown(const Head& head, const Type& type, Value& out) {
    const absl::string_view payload = Take(head.size);
    out = Value::Unknown();
    // A value of which not even the type is known cannot be refined.
    if (head.code != kRefinedCode || payload.size() < 2 || type.kind() == Type::Kind::kDynamic) {
      return true;
    }
    Reader reader(payload);
    Refinements refinements;
    if (!reader.ReadRefinements(type, refinements)) {
      return trail_.Fail("the refinements of this unknown value are malformed");
    }
    if (reader.Remaining() != 0) {
      return trail_.Fail("the refinements of this unknown value have bytes left over");
    }
    out = Value::Unknown(std::move(refinements));
    return true;
  }

  // Keys that this version does not know, or that do not suit the type, are skipped: knowing less
  // of an unknown value is always right.
  bool ReadRefinement(std::uint64_t key, const Type& type, Refinements& out) {
    Head head;
    const bool is_number = type.kind() == Type::Kind::kNumber;
    if (key == kNullness) {
      if (!ReadHead(head) || head.form != Head::Form::kBool)
        return trail_.Fail("nullness is no bool");
      out.null = head.boolean;
    } else if (key == kStringPrefix && type.kind() == Type::Kind::kString) {
      std::string prefix;
      if (!ReadHead(head) || head.form != Head::Form::kStr || !AppendNfc(Take(head.size), prefix)) {
        return trail_.Fail("a prefix is no string");
      }
      if (!prefix.empty()) out.string_prefix = std::move(prefix);
    } else if (key == kLowerBound && is_number) {
      return ReadBound(out.lower);
    } else if (key == kUpperBound && is_number) {
      return ReadBound(out.upper);
    } else if (key == kMinLength && type.IsCollection()) {
      return ReadLength(out.min_length);
    } else if (key == kMaxLength && type.IsCollection()) {
      return ReadLength(out.max_length);
    } else {
      return Skip();
    }
    return true;
  }

  bool ReadBound(std::optional<Refinements::Bound>& out) {
    Head head;
    Refinements::Bound bound;
    if (!ReadHead(head) || head.form != Head::Form::kArray || head.size != 2 ||
        !ReadPromised(head) || !ReadNumber(head, bound.value) || !ReadPromised(head) ||
        head.form != Head::Form::kBool) {
      return trail_.Fail("a bound is not a number and a bool");
    }
    bound.inclusive = head.boolean;
    out = std::move(bound);
    return true;
  }

  bool ReadLength(std::optional<std::int64_t>& out) {
    Head head;
    if (!ReadHead(head) || head.form != Head::Form::kUint ||
        head.size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return trail_.Fail("a length is no number");
    }
    out = static_cast<std::int64_t>(head.size);
    return true;
  }

  bool Skip() {
    const std::size_t outside = owed_;
    while (true) {
      Head head;
      if (!ReadHead(head)) return false;
      if (head.form == Head::Form::kStr || head.form == Head::Form::kBin ||
          head.form == Head::Form::kExt) {
        Take(head.size);
      }
      if (owed_ == outside) return true;
      --owed_;
    }
  }

  const char* at_;
  const char* const end_;
  std::size_t owed_ = 0;  // values that open containers still have to get
  Trail trail_;
};

}  // namespace

absl::StatusOr<Value> DecodeMsgpack(absl::string_view bytes, const Type& type) {
  if (bytes.empty()) return Value::Null();
  Reader reader(bytes);
  Value value;
  bool read = reader.Read(type, 0, value);
  if (read && reader.Remaining() != 0) {
    read = reader.trail().Fail(absl::StrCat("the value is followed by ", reader.Remaining(),
                                            " bytes that belong to nothing"));
  }
  if (!read) return reader.trail().ToStatus(absl::StatusCode::kInvalidArgument);
  return value;
}

}  // namespace charon
