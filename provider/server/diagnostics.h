// What the SDK reports, as the protocol carries it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "proto/tfplugin6.pb.h"
#include "provider/base/path.h"
#include "provider/sdk/diagnostics.h"

namespace charon::server {

using ProtoDiagnostics = google::protobuf::RepeatedPtrField<tfplugin6::Diagnostic>;

void ToProto(const sdk::Diagnostics& diagnostics, ProtoDiagnostics* out);
void ToProto(const Path& path, tfplugin6::AttributePath* out);

// `text` with every byte that is no UTF-8 replaced by U+FFFD. Messages repeat what servers said,
// and a reply with one wrong byte in it is refused as a whole by gRPC for Go.
std::string ToUtf8(absl::string_view text);

}  // namespace charon::server
