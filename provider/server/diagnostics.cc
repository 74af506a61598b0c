#include "provider/server/diagnostics.h"

#include <cstdint>
#include <variant>

namespace charon::server {
namespace {

// The length of the UTF-8 sequence at the start of `text`; 0 if there is none (RFC 3629: no
// surrogates, nothing beyond U+10FFFF, no longer form than needed).
std::size_t SequenceLength(absl::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string ToUtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      out.append(text.data(), length);
      text.remove_prefix(length);
    }
  }
  return out;
}

void ToProto(const Path& path, tfplugin6::AttributePath* out) {
  for (const Path::Step& step : path.steps()) {
    auto* added = out->add_steps();
    if (const auto* attribute = std::get_if<AttributeName>(&step)) {
      added->set_attribute_name(ToUtf8(attribute->name));
    } else if (const auto* key = std::get_if<ElementKey>(&step)) {
      added->set_element_key_string(ToUtf8(key->key));
    } else {
      added->set_element_key_int(std::get<ElementIndex>(step).index);
    }
  }
}

void ToProto(const sdk::Diagnostics& diagnostics, ProtoDiagnostics* out) {
  for (const sdk::Diagnostic& diagnostic : diagnostics.list()) {
    tfplugin6::Diagnostic* added = out->Add();
    added->set_severity(diagnostic.severity == sdk::Diagnostic::Severity::kError
                            ? tfplugin6::Diagnostic::ERROR
                            : tfplugin6::Diagnostic::WARNING);
    added->set_summary(ToUtf8(diagnostic.summary));
    added->set_detail(ToUtf8(diagnostic.detail));
    // Core looks for a name after the first among nested blocks (internal/tfdiags/contextual.go,
    // v1.11). There are none, so it would show where the resource begins instead of the attribute's
    // line. The whole path is in the text.
    if (diagnostic.path.empty()) continue;
    if (const auto* root = std::get_if<AttributeName>(&diagnostic.path.steps().front())) {
      added->mutable_attribute()->add_steps()->set_attribute_name(ToUtf8(root->name));
    }
  }
}

}  // namespace charon::server
