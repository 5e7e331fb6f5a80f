// How an option is declared: one name in three places, the flag, the environment and the file.
#pragma once

#include <CLI/CLI.hpp>

#include <cctype>
#include <string>

namespace itemize::sidecar {

/// --foo-bar or foo-bar -> ITEMIZE_FOO_BAR
inline std::string EnvironmentName(const std::string &name) {
  std::string environment = "ITEMIZE_";
  for (const char c : name) {
    environment.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return environment;
}

template <typename Value>
CLI::Option *Add(CLI::App &app, const std::string &name, Value &value, const std::string &help) {
  return app.add_option("--" + name, value, help)->envname(EnvironmentName(name))->capture_default_str();
}

} // namespace itemize::sidecar
