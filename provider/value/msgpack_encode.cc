#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/value/msgpack.h"
#include "provider/value/msgpack_format.h"
#include "provider/value/text.h"
#include "provider/value/trail.h"

namespace charon {
namespace {

// Terraform refuses a longer refinement, and cuts prefixes so that they fit (go-cty 1.13,
// cty/msgpack/unknown.go).
constexpr std::size_t kMaxRefinementBytes = 1024;
constexpr std::size_t kMaxPrefixBytes = 256;

class Writer {
 public:
  // Writes one value of `type`, inside of `depth` containers.
  bool Write(const Value& value, const Type& type, int depth) {
    switch (value.kind()) {
      case Value::Kind::kNull:
        Append(0xc0);
        return true;
      case Value::Kind::kUnknown:
        return WriteUnknown(value.refinements(), type);
      case Value::Kind::kBool:
        if (type.kind() != Type::Kind::kBool) return WrongKind(type);
        Append(value.bool_value() ? 0xc3 : 0xc2);
        return true;
      case Value::Kind::kNumber:
        if (type.kind() != Type::Kind::kNumber) return WrongKind(type);
        WriteNumber(value.number());
        return true;
      case Value::Kind::kString:
        if (type.kind() != Type::Kind::kString) return WrongKind(type);
        return WriteText(value.string());
      case Value::Kind::kSequence:
        return CheckDepth(depth) && WriteSequence(value.sequence(), type, depth + 1);
      case Value::Kind::kMapping:
        return CheckDepth(depth) && WriteMapping(value.mapping(), type, depth + 1);
      case Value::Kind::kDynamic: {
        if (type.kind() != Type::Kind::kDynamic) return WrongKind(type);
        Append(0x92);
        const std::string type_json = value.dynamic_type().ToJson();
        if (!WriteSize(type_json.size(), kBin)) return false;
        bytes_ += type_json;
        return Write(value.dynamic_value(), value.dynamic_type(), depth);
      }
    }
    return false;
  }

  std::string& bytes() { return bytes_; }
  const Trail& trail() const { return trail_; }

 private:
  // The markers of one form by the width of its size; `fix` holds sizes below `fix_limit` itself.
  struct Markers {
    unsigned fix, fix_limit, size8, size16, size32;
  };
  static constexpr Markers kStr = {0xa0, 32, 0xd9, 0xda, 0xdb};
  static constexpr Markers kBin = {0, 0, 0xc4, 0xc5, 0xc6};
  static constexpr Markers kArray = {0x90, 16, 0, 0xdc, 0xdd};
  static constexpr Markers kMap = {0x80, 16, 0, 0xde, 0xdf};
  static constexpr Markers kExt = {0, 0, 0xc7, 0xc8, 0xc9};

  bool WrongKind(const Type& type) {
    return trail_.Fail(absl::StrCat("the value is not of the type ", type.FriendlyName()));
  }

  bool CheckDepth(int depth) {
    if (depth < kMaxDepth) return true;
    return trail_.Fail(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
  }

  void Append(unsigned byte) { bytes_ += static_cast<char>(byte); }

  template <typename T>
  void AppendInt(unsigned marker, std::uint64_t value) {
    Append(marker);
    for (std::size_t i = sizeof(T); i-- > 0;)
      Append(static_cast<unsigned>(value >> (8 * i) & 0xff));
  }

  bool WriteSize(std::size_t size, const Markers& markers) {
    if (size < markers.fix_limit) {
      Append(markers.fix | static_cast<unsigned>(size));
    } else if (size <= 0xff && markers.size8 != 0) {
      AppendInt<std::uint8_t>(markers.size8, size);
    } else if (size <= 0xffff) {
      AppendInt<std::uint16_t>(markers.size16, size);
    } else if (size <= 0xffffffff) {
      AppendInt<std::uint32_t>(markers.size32, size);
    } else {
      return trail_.Fail("larger than msgpack can hold");
    }
    return true;
  }

  bool WriteText(absl::string_view text) {
    // Terraform would replace the wrong bytes when it writes its state, and find a change later.
    if (!IsUtf8(text)) return trail_.Fail("the string is not valid UTF-8");
    if (!WriteSize(text.size(), kStr)) return false;
    bytes_.append(text.data(), text.size());
    return true;
  }

  void WriteNumber(const Number& number) {
    const std::optional<std::int64_t> integer = number.ToInt64();
    if (!integer.has_value()) {
      WriteText(number.ToString());
    } else if (*integer >= 0) {
      WriteUint(static_cast<std::uint64_t>(*integer));
    } else {
      const auto bits = static_cast<std::uint64_t>(*integer);  // two's complement, as on the wire
      if (*integer >= -0x20)
        Append(static_cast<unsigned>(bits & 0xff));
      else if (*integer >= -0x80)
        AppendInt<std::uint8_t>(0xd0, bits);
      else if (*integer >= -0x8000)
        AppendInt<std::uint16_t>(0xd1, bits);
      else if (*integer >= -0x80000000LL)
        AppendInt<std::uint32_t>(0xd2, bits);
      else
        AppendInt<std::uint64_t>(0xd3, bits);
    }
  }

  void WriteUint(std::uint64_t value) {
    if (value < 0x80)
      Append(static_cast<unsigned>(value));
    else if (value <= 0xff)
      AppendInt<std::uint8_t>(0xcc, value);
    else if (value <= 0xffff)
      AppendInt<std::uint16_t>(0xcd, value);
    else if (value <= 0xffffffff)
      AppendInt<std::uint32_t>(0xce, value);
    else
      AppendInt<std::uint64_t>(0xcf, value);
  }

  bool WriteSequence(const Value::Sequence& elements, const Type& type, int depth) {
    const bool is_tuple = type.kind() == Type::Kind::kTuple;
    if (!is_tuple && type.kind() != Type::Kind::kList && type.kind() != Type::Kind::kSet) {
      return WrongKind(type);
    }
    if (is_tuple && elements.size() != type.elements().size()) {
      return trail_.Fail(absl::StrCat("a tuple of ", type.elements().size(),
                                      " elements is required, but this has ", elements.size()));
    }
    if (!WriteSize(elements.size(), kArray)) return false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (!Write(elements[i], is_tuple ? type.elements()[i] : type.element(), depth)) {
        if (type.kind() == Type::Kind::kSet) return trail_.FromSet();
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
    }
    return true;
  }

  bool WriteMapping(const Value::Mapping& entries, const Type& type, int depth) {
    if (type.kind() == Type::Kind::kMap) {
      if (!WriteSize(entries.size(), kMap)) return false;
      for (const auto& [key, value] : entries) {
        if (!WriteText(key) || !Write(value, type.element(), depth)) return trail_.FromKey(key);
      }
      return true;
    }
    if (type.kind() != Type::Kind::kObject) return WrongKind(type);
    // Fewer or more attributes than the type has would be an error in Terraform that loses what an
    // apply made, or crash it.
    if (!WriteSize(entries.size(), kMap)) return false;
    auto entry = entries.begin();  // Both are in byte order.
    for (const auto& [name, attribute] : type.attributes()) {
      if (entry == entries.end() || name < entry->first) {
        return trail_.Fail(absl::StrCat("the attribute \"", name, "\" is missing"));
      }
      if (entry->first != name) break;
      if (!WriteText(name) || !Write(entry->second, attribute, depth)) {
        return trail_.FromAttribute(name);
      }
      ++entry;
    }
    if (entry != entries.end()) {
      trail_.Fail("the object's type has no such attribute");
      return trail_.FromAttribute(entry->first);
    }
    return true;
  }

  bool WriteUnknown(const Refinements* refinements, const Type& type) {
    std::string payload;
    // A value of which not even the type is known cannot be refined.
    if (refinements != nullptr && type.kind() != Type::Kind::kDynamic) {
      if (!WriteRefinements(*refinements, type, payload)) return false;
      if (payload.size() > kMaxRefinementBytes) {  // Knowing less is always right.
        if (!WriteRefinements({.null = refinements->null}, type, payload)) return false;
      }
    }
    if (payload.empty()) {
      bytes_ += {'\xd4', '\x00', '\x00'};
      return true;
    }
    switch (payload.size()) {
      case 2:
        Append(0xd5);
        break;
      case 4:
        Append(0xd6);
        break;
      case 8:
        Append(0xd7);
        break;
      case 16:
        Append(0xd8);
        break;
      default:
        if (!WriteSize(payload.size(), kExt)) return false;
    }
    Append(static_cast<unsigned>(kRefinedCode));
    bytes_ += payload;
    return true;
  }

  // The msgpack map of `refinements`; empty if they say nothing.
  bool WriteRefinements(const Refinements& refinements, const Type& type, std::string& payload) {
    const bool is_number = type.kind() == Type::Kind::kNumber;
    if ((refinements.string_prefix.has_value() && type.kind() != Type::Kind::kString) ||
        ((refinements.lower.has_value() || refinements.upper.has_value()) && !is_number) ||
        ((refinements.min_length.has_value() || refinements.max_length.has_value()) &&
         !type.IsCollection())) {
      return trail_.Fail(absl::StrCat("a refinement does not suit the type ", type.FriendlyName()));
    }
    if ((refinements.lower.has_value() && refinements.upper.has_value() &&
         refinements.lower->value > refinements.upper->value) ||
        refinements.min_length.value_or(0) < 0 ||
        refinements.max_length.value_or(std::numeric_limits<std::int64_t>::max()) <
            refinements.min_length.value_or(0)) {
      return trail_.Fail("no value can be what the refinements say");
    }
    Writer map;
    unsigned count = 0;
    const auto key = [&](Refinement refinement) {
      map.Append(refinement);
      ++count;
    };
    if (refinements.null.has_value()) {
      key(kNullness);
      map.Append(*refinements.null ? 0xc3 : 0xc2);
    }
    if (!refinements.null.value_or(false)) {  // Of a null, Terraform takes nothing else.
      if (const absl::string_view prefix = CutPrefix(refinements.string_prefix); !prefix.empty()) {
        key(kStringPrefix);
        if (!map.WriteText(prefix)) return trail_.Fail("the prefix is not valid UTF-8");
      }
      if (refinements.lower.has_value()) {
        key(kLowerBound);
        map.WriteBound(*refinements.lower);
      }
      if (refinements.upper.has_value()) {
        key(kUpperBound);
        map.WriteBound(*refinements.upper);
      }
      if (refinements.min_length.has_value()) {
        key(kMinLength);
        map.WriteUint(static_cast<std::uint64_t>(*refinements.min_length));
      }
      if (refinements.max_length.has_value()) {
        key(kMaxLength);
        map.WriteUint(static_cast<std::uint64_t>(*refinements.max_length));
      }
    }
    payload.clear();
    if (count == 0) return true;  // An empty map is none that Terraform accepts.
    payload += static_cast<char>(kMap.fix | count);
    payload += map.bytes_;
    return true;
  }

  void WriteBound(const Refinements::Bound& bound) {
    Append(0x92);
    WriteNumber(bound.value);
    Append(bound.inclusive ? 0xc3 : 0xc2);
  }

  // At most kMaxPrefixBytes, in whole code points: what begins with the prefix begins with this.
  static absl::string_view CutPrefix(const std::optional<std::string>& prefix) {
    if (!prefix.has_value()) return "";
    absl::string_view text = *prefix;
    if (text.size() <= kMaxPrefixBytes) return text;
    std::size_t size = kMaxPrefixBytes;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
  }

  std::string bytes_;
  Trail trail_;
};

}  // namespace

absl::StatusOr<std::string> EncodeMsgpack(const Value& value, const Type& type) {
  Writer writer;
  if (!writer.Write(value, type, 0)) return writer.trail().ToStatus(absl::StatusCode::kInternal);
  if (type.HasDynamic()) {
    if (const absl::Status status = ConcreteType(value, type).status(); !status.ok()) {
      return At(PathOf(status).value_or(Path()), absl::InternalError(status.message()));
    }
  }
  return std::move(writer.bytes());
}

}  // namespace charon
