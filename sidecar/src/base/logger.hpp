// JSON lines on stderr: {"ts":…,"level":…,"event":…, fields…}. An event name is a stable snake_case
// word to filter by; what varies goes into fields. Never a password: see RedactedUrl and
// DescribeDatabase.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace spdlog {
class logger;
}

namespace itemize::sidecar {

struct LogField {
  using Value = std::variant<std::string, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(std::string(text)) {}
  LogField(std::string_view field_name, const char *text) : name(field_name), value(std::string(text)) {}
  LogField(std::string_view field_name, const std::string &text) : name(field_name), value(text) {}
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  LogField(std::string_view field_name, Number number) : name(field_name), value(FromNumber(number)) {}

  std::string_view name;
  Value value;

private:
  template <typename Number>
  static Value FromNumber(Number number) {
    if constexpr (std::is_same_v<Number, bool>)
      return number;
    else if constexpr (std::is_floating_point_v<Number>)
      return static_cast<double>(number);
    else if constexpr (std::is_signed_v<Number>)
      return static_cast<std::int64_t>(number);
    else
      return static_cast<std::uint64_t>(number);
  }
};

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// "debug", "info", "warning" or "error"; throws ConfigError for anything else.
LogLevel ParseLogLevel(std::string_view name);

/// Thread-safe.
class Logger {
public:
  explicit Logger(LogLevel level);

  using Fields = std::initializer_list<LogField>;
  void Debug(std::string_view event, Fields fields = {}) { Write(LogLevel::kDebug, event, fields); }
  void Info(std::string_view event, Fields fields = {}) { Write(LogLevel::kInfo, event, fields); }
  void Warning(std::string_view event, Fields fields = {}) { Write(LogLevel::kWarning, event, fields); }
  void Error(std::string_view event, Fields fields = {}) { Write(LogLevel::kError, event, fields); }

private:
  void Write(LogLevel level, std::string_view event, Fields fields);

  std::shared_ptr<spdlog::logger> sink_;
};

/// The line without its end; separate from the logger so that it can be tested.
std::string FormatLogLine(std::string_view timestamp, LogLevel level, std::string_view event,
                          std::initializer_list<LogField> fields);

} // namespace itemize::sidecar
