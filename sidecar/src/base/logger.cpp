#include "base/logger.hpp"

#include "base/errors.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <chrono>
#include <ctime>

namespace itemize::sidecar {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
  case LogLevel::kDebug: return spdlog::level::debug;
  case LogLevel::kInfo: return spdlog::level::info;
  case LogLevel::kWarning: return spdlog::level::warn;
  case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// UTC with milliseconds, RFC 3339.
std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  const int fraction_length = std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(millis));
  return std::string(text.data(), length) + std::string(fraction.data(), static_cast<std::size_t>(fraction_length));
}

} // namespace

LogLevel ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames.at(i) == name) return static_cast<LogLevel>(i);
  }
  throw ConfigError("log-level must be debug, info, warning or error, not \"" + std::string(name) + "\"");
}

Logger::Logger(LogLevel level)
    : sink_(std::make_shared<spdlog::logger>("itemize", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  sink_->set_pattern("%v");
  sink_->set_level(ToSpdlog(level));
}

void Logger::Write(LogLevel level, std::string_view event, Fields fields) {
  const auto spdlog_level = ToSpdlog(level);
  if (!sink_->should_log(spdlog_level)) return;
  const std::string line = FormatLogLine(Now(), level, event, fields);
  sink_->log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

std::string FormatLogLine(std::string_view timestamp, LogLevel level, std::string_view event,
                          std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["ts"] = timestamp;
  line["level"] = kLevelNames.at(static_cast<std::size_t>(level));
  line["event"] = event;
  for (const LogField &field : fields) {
    std::visit([&](const auto &value) { line[std::string(field.name)] = value; }, field.value);
  }
  // Bytes that are not UTF-8 (an error text in another encoding) must not stop the log.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace itemize::sidecar
