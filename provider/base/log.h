// Structured logs as Terraform reads them: one JSON object a line on standard error.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace charon {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// From TF_LOG_PROVIDER_CHARON, TF_LOG_PROVIDER, then TF_LOG ("JSON" means trace). kOff if none
// is set: Terraform would drop the lines anyway.
LogLevel LogLevelFromEnvironment();

using LogFields = std::initializer_list<std::pair<absl::string_view, std::string>>;

// Writes lines at or above its level. Values pass through Redact. Thread-safe.
class Logger {
 public:
  using Sink = std::function<void(const std::string& line)>;

  Logger(LogLevel level, Sink sink) : level_(level), sink_(std::move(sink)) {}

  // A copy whose lines all carry these fields as well (request id, resource type).
  Logger With(LogFields fields) const;

  bool Enabled(LogLevel level) const { return level >= level_ && level_ != LogLevel::kOff; }
  void Log(LogLevel level, absl::string_view message, LogFields fields = {});
  void Trace(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kTrace, message, fields);
  }
  void Debug(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kDebug, message, fields);
  }
  void Info(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kInfo, message, fields);
  }
  void Warn(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kWarn, message, fields);
  }
  void Error(absl::string_view message, LogFields fields = {}) {
    Log(LogLevel::kError, message, fields);
  }

  static Logger& Null();
  // To standard error, one write a line, at the level of the environment.
  static Logger& Standard();

 private:
  LogLevel level_;
  Sink sink_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace charon
