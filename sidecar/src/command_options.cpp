#include "command_options.hpp"

#include "base/errors.hpp"
#include "itemize/key_text.hpp"
#include "itemize/lsn.hpp"
#include "option_names.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace itemize::sidecar {
namespace {

std::vector<std::string> SplitList(const std::string &text) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at <= text.size() && !text.empty()) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) words.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

void Need(const std::string &value, const char *command, const char *option) {
  if (value.empty()) throw ConfigError(std::string(command) + " needs " + option);
}

/// It becomes part of a key in Redis, and of a line of the log.
void CheckName(const std::string &value, const char *option) {
  const auto allowed = [](char c) { return IsUnreserved(c); };
  if (value.size() > 63 || !std::all_of(value.begin(), value.end(), allowed)) {
    throw ConfigError(std::string(option) + " must be at most 63 letters, digits and characters of -._~");
  }
}

void CheckTypeName(const std::string &type) {
  if (!IsTypeName(type)) throw ConfigError("\"" + type + "\" is no name of an item type");
}

void CheckPosition(const std::string &value, const char *option, std::initializer_list<const char *> words) {
  for (const char *const word : words) {
    if (value == word) return;
  }
  if (ParsePosition(value)) return;
  std::string known;
  for (const char *const word : words)
    known += std::string(word) + ", ";
  throw ConfigError(std::string(option) + " must be " + known +
                    "or a position <epoch>:<LSN>-<ordinal> of an earlier line, not \"" + value + "\"");
}

void ResolveTail(const RawCommand &raw, Options &options) {
  TailOptions &tail = options.tail;
  tail.types = SplitList(raw.types);
  tail.topics = SplitList(raw.topics);
  if (tail.types.empty() && tail.topics.empty()) throw ConfigError("tail needs --types or --topics");
  for (const std::string &type : tail.types) {
    if (type != kEveryName) CheckTypeName(type);
  }
  CheckPosition(tail.from, "--from", {kFromNow, kFromSnapshot});
  if (!tail.until.empty()) CheckPosition(tail.until, "--until", {kFromNow});
  CheckName(tail.group, "--group");
  CheckName(tail.consumer, "--consumer");
  if (!tail.consumer.empty() && tail.group.empty()) throw ConfigError("--consumer needs --group");
  if (raw.ack != "auto" && raw.ack != "stdin") throw ConfigError("--ack must be auto or stdin");
  tail.ack_from_stdin = raw.ack == "stdin";
  if (tail.ack_from_stdin && tail.group.empty()) throw ConfigError("--ack stdin needs --group");
  if (!tail.until.empty() && !tail.group.empty()) throw ConfigError("--until is not for groups");
  if (raw.limit < 0) throw ConfigError("--limit must not be negative");
  tail.limit = static_cast<std::uint64_t>(raw.limit);
  Need(options.global_redis, "tail", "--global-redis or --redis");
  if (tail.from != kFromSnapshot) return;
  Need(options.database, "tail --from snapshot", "--database");
  if (tail.types.empty()) throw ConfigError("tail --from snapshot needs --types");
}

} // namespace

void DeclareCommands(CLI::App &app, Options &options, RawCommand &raw) {
  Add(app, "types", raw.types, "tail: item types, separated by commas; * for all");
  Add(app, "topics", raw.topics, "tail: topics of itemize.publish, separated by commas; * for all");
  Add(app, "from", options.tail.from, "tail: now, snapshot (all rows, then the stream) or the position of a line");
  Add(app, "until", options.tail.until, "tail: end when this position is reached; now: where the stream ends");
  Add(app, "limit", raw.limit, "tail: end after as many lines; 0: never");
  Add(app, "group", options.tail.group, "tail: share the work with all that name the same group");
  Add(app, "consumer", options.tail.consumer, "tail: this member's own name in the group (default: a new one)");
  Add(app, "ack", raw.ack,
      "tail: auto (a line is done when it was written) or stdin (when its position is read there)");
  Add(app, "type", options.erasure.type, "erasure-check, release: item type");
  Add(app, "key", options.erasure.key, "erasure-check: key of the item that was erased");
  app.add_flag("--scrub", options.erasure.scrub, "erasure-check: also remove what is found")->configurable(false);
  app.add_flag("--force", options.force, "uninstall: even while sidecars run")->configurable(false);
}

std::optional<CommandLine::Action> ParseCommand(const std::string &word) {
  if (word == "status") return CommandLine::Action::kStatus;
  if (word == "tail") return CommandLine::Action::kTail;
  if (word == "verify") return CommandLine::Action::kVerify;
  if (word == "uninstall") return CommandLine::Action::kUninstall;
  if (word == "erasure-check") return CommandLine::Action::kErasureCheck;
  if (word == "release") return CommandLine::Action::kRelease;
  return std::nullopt;
}

void ResolveCommand(CommandLine::Action action, const RawCommand &raw, Options &options) {
  switch (action) {
  case CommandLine::Action::kStatus:
    Need(options.database, "status", "--database");
    Need(options.global_redis, "status", "--global-redis or --redis");
    break;
  case CommandLine::Action::kTail: ResolveTail(raw, options); break;
  case CommandLine::Action::kVerify:
    Need(options.database, "verify", "--database");
    Need(options.local_redis, "verify", "--local-redis or --redis");
    break;
  case CommandLine::Action::kUninstall:
    Need(options.replication_database, "uninstall", "--database");
    Need(options.global_redis, "uninstall", "--global-redis or --redis");
    break;
  case CommandLine::Action::kErasureCheck:
    Need(options.erasure.type, "erasure-check", "--type");
    Need(options.erasure.key, "erasure-check", "--key");
    CheckTypeName(options.erasure.type);
    Need(options.database, "erasure-check", "--database");
    Need(options.global_redis, "erasure-check", "--global-redis or --redis");
    if (!CanonicalKeyText(options.erasure.key)) throw ConfigError("--key is no key text");
    break;
  case CommandLine::Action::kRelease:
    Need(options.local_redis, "release", "--local-redis or --redis");
    if (!options.erasure.type.empty()) CheckTypeName(options.erasure.type);
    break;
  default: break;
  }
}

} // namespace itemize::sidecar
