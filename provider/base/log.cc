#include "provider/base/log.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"

namespace charon {
namespace {

constexpr absl::string_view kNames[] = {"trace", "debug", "info", "warn", "error"};

}  // namespace

LogLevel LogLevelFromEnvironment() {
  for (const char* variable : {"TF_LOG_PROVIDER_CHARON", "TF_LOG_PROVIDER", "TF_LOG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string name = absl::AsciiStrToLower(value);
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
      if (name == kNames[i]) return static_cast<LogLevel>(i);
    }
    return name == "off" ? LogLevel::kOff : LogLevel::kTrace;
  }
  return LogLevel::kOff;
}

Logger Logger::With(LogFields fields) const {
  Logger copy = *this;
  for (const auto& [key, value] : fields) copy.fields_.emplace_back(std::string(key), value);
  return copy;
}

void Logger::Log(LogLevel level, absl::string_view message, LogFields fields) {
  if (!Enabled(level)) return;
  // Terraform dies of an "@" key that is not a string, and wants exactly six digits of seconds.
  nlohmann::ordered_json line;
  line["@level"] = std::string(kNames[static_cast<int>(level)]);
  line["@message"] = Redact(message);
  line["@module"] = "charon";
  line["@timestamp"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
  for (const auto& [key, value] : fields_) line[key] = Redact(value);
  for (const auto& [key, value] : fields) line[std::string(key)] = Redact(value);
  sink_(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Logger& Logger::Null() {
  static auto& logger = *new Logger(LogLevel::kOff, [](const std::string&) {});
  return logger;
}

Logger& Logger::Standard() {
  static auto& logger = *new Logger(LogLevelFromEnvironment(), [](const std::string& line) {
    // One write keeps lines of several threads apart. Nothing can be done if it fails.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  });
  return logger;
}

}  // namespace charon
