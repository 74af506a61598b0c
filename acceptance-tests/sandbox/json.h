// Small readers and writers over nlohmann::json that never throw.

#ifndef ACCEPTANCE_TESTS_SANDBOX_JSON_H_
#define ACCEPTANCE_TESTS_SANDBOX_JSON_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace charon::sandbox {

using Json = nlohmann::json;
using JsonPath = std::initializer_list<const char*>;

// The value at `path`, or nullptr where a step is missing or is no object.
const Json* Find(const Json& root, JsonPath path);
Json* FindMutable(Json& root, JsonPath path);

// Typed reads: the fallback where the value is missing or of another type.
std::string Text(const Json& root, JsonPath path, absl::string_view fallback = "");
std::int64_t Integer(const Json& root, JsonPath path, std::int64_t fallback = 0);
bool Flag(const Json& root, JsonPath path, bool fallback = false);

// The array or object at `path`; a shared empty one where it is missing or of another type.
const Json& Items(const Json& root, JsonPath path);
const Json& Members(const Json& root, JsonPath path);

// The object at `path`, made (with its parents) where missing. What is not an object is replaced.
Json& Ensure(Json& root, JsonPath path);

// Erases the last step of `path` if it is there.
void Erase(Json& root, JsonPath path);

// One line of JSON; bytes that are not UTF-8 are replaced, so this cannot fail.
std::string Dump(const Json& value);

// Strings bare, everything else as JSON.
std::string GoValue(const Json& value);

// How Go prints a value with %v: "map[a:1 b:[x y]]".
std::string GoPlain(const Json& value);

// "text" as Go's %q prints it.
std::string Quote(absl::string_view text);

struct ParsedDocument {
  Json value;
  // Paths of keys that occur twice in one object ("spec.replicas"), in reading order.
  std::vector<std::string> duplicates;
  std::string source;  // The text it was read from; empty if it was not JSON.
};

// Deepest nesting that is accepted in a body.
inline constexpr int kMaxNesting = 512;

// Paths of all keys of a JSON text in reading order, for messages that name several of them.
std::vector<std::string> KeyPaths(absl::string_view text);

// Parses one JSON document and notes duplicate keys; the last one wins, as in Go.
absl::StatusOr<ParsedDocument> ParseJson(absl::string_view text);

// RFC 3339 with whole seconds, UTC.
std::string TimeText(absl::Time time);
// InfinitePast where it is not a time.
absl::Time ParseTimeText(absl::string_view text);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_JSON_H_
