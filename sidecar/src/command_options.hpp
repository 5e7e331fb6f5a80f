// The options of the commands that are no modes: tail, verify, uninstall, erasure-check.
#pragma once

#include "options.hpp"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

namespace itemize::sidecar {

/// Values as they were written, before validation.
struct RawCommand {
  std::string types;
  std::string topics;
  std::string ack = "auto";
  std::int64_t limit = 0;
};

void DeclareCommands(CLI::App &app, Options &options, RawCommand &raw);

/// The action of a word in the place of the mode; nothing when it is none of these commands.
std::optional<CommandLine::Action> ParseCommand(const std::string &word);

/// Takes over `raw` and checks what the command needs. Throws ConfigError.
void ResolveCommand(CommandLine::Action action, const RawCommand &raw, Options &options);

} // namespace itemize::sidecar
