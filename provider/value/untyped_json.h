// JSON text as a value without a type. The codecs of this folder give it one; nobody else calls
// this.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/value/trail.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

// Reads the whole of `json`, strictly RFC 8259: arrays are sequences, objects mappings. Numbers
// keep every digit; texts and keys are in normal form C. False, with the reason in `trail`, for
// malformed text, invalid UTF-8, duplicate keys, numbers from 1e4932 on, and for more than
// `max_depth` arrays and objects inside each other. Messages hold nothing of the text itself: it
// may be secret.
bool ReadUntypedJson(absl::string_view json, int max_depth, Value& out, Trail& trail);

// The type that a parsed type JSON stands for; InvalidArgument if it is none. `depth` levels stand
// around it already.
absl::StatusOr<Type> TypeFromUntypedJson(const Value& json, int depth = 0);

}  // namespace charon
