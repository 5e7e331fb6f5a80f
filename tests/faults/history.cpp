#include "history.hpp"

#include <stdexcept>

namespace itemize::faults {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// Columns of one line, taken one after the other.
class Columns {
public:
  explicit Columns(std::string_view line) : line_(line), parts_(Split(line, '\t')) {}

  std::string_view Next() {
    if (at_ == parts_.size()) Fail();
    return parts_[at_++];
  }
  [[nodiscard]] bool more() const { return at_ < parts_.size() && !parts_[at_].empty(); }

  std::uint64_t NextNumber() {
    const auto number = ParseUint64(Next());
    if (!number) Fail();
    return *number;
  }
  Time NextTime() { return static_cast<Time>(NextNumber()); }
  std::string NextText() { return std::string(Next()); }

  std::optional<Position> NextPosition() {
    const std::string_view text = Next();
    if (text == "-") return std::nullopt;
    auto position = ParsePosition(text);
    if (!position) Fail();
    return position;
  }

  Outcome NextOutcome() {
    const std::string_view text = Next();
    if (text == "committed") return Outcome::kCommitted;
    if (text == "rolled_back") return Outcome::kRolledBack;
    if (text != "unknown") Fail();
    return Outcome::kUnknown;
  }

  KeyChange NextChange() {
    const auto parts = Split(Next(), ':');
    if (parts.size() < 2 || parts[1].size() != 1) Fail();
    KeyChange change{std::string(parts[0]), parts[1][0], 0};
    if (change.operation == 'd') return change;
    const auto base = parts.size() == 3 ? ParseUint64(parts[2]) : std::nullopt;
    if (!base) Fail();
    change.base = *base;
    return change;
  }

  Shown NextShown() {
    const auto parts = Split(Next(), '=');
    if (parts.size() != 2) Fail();
    Shown shown;
    shown.key = std::string(parts[0]);
    shown.missing = parts[1] == "-";
    shown.rowless = parts[1] == "?";
    if (shown.missing || shown.rowless) return shown;
    const auto numbers = Split(parts[1], '/');
    const auto version = ParseUint64(numbers[0]);
    const auto base = numbers.size() == 2 ? ParseUint64(numbers[1]) : std::nullopt;
    if (!version || !base) Fail();
    shown.version = *version;
    shown.base = *base;
    return shown;
  }

  [[noreturn]] void Fail() const { throw std::runtime_error("not a line of a history: " + std::string(line_)); }

private:
  std::string_view line_;
  std::vector<std::string_view> parts_;
  std::size_t at_ = 0;
};

std::vector<Shown> RestShown(Columns &columns) {
  std::vector<Shown> all;
  while (columns.more())
    all.push_back(columns.NextShown());
  return all;
}

void ParseWrite(Columns &columns, History &history) {
  Write write;
  write.begin = columns.NextTime();
  write.end = columns.NextTime();
  write.outcome = columns.NextOutcome();
  write.lsn = columns.NextNumber();
  write.version = columns.NextNumber();
  while (columns.more())
    write.changes.push_back(columns.NextChange());
  history.writes.push_back(std::move(write));
}

void ParseRead(Columns &columns, History &history) {
  Read read;
  read.begin = columns.NextTime();
  read.end = columns.NextTime();
  read.cluster = columns.NextText();
  read.client = columns.NextText();
  read.asked = columns.NextPosition();
  read.answered = columns.NextPosition();
  read.degraded = columns.NextText();
  read.shown = RestShown(columns);
  history.reads.push_back(std::move(read));
}

void ParseEvent(Columns &columns, bool open, History &history) {
  LiveEvent event;
  event.time = columns.NextTime();
  event.cluster = columns.NextText();
  event.client = columns.NextText();
  event.kind = open ? "open" : columns.NextText();
  event.id = columns.NextPosition();
  if (event.kind == "item") {
    event.operation = columns.NextText();
    event.shown = columns.NextShown();
  }
  history.events.push_back(std::move(event));
}

void ParseGoneBack(Columns &columns, History &history) {
  if (columns.NextNumber() != history.gone_back.size() + 1) columns.Fail();
  GoneBack gone;
  gone.stopped = columns.NextTime();
  gone.started = columns.NextTime();
  gone.generation = columns.NextNumber();
  history.gone_back.push_back(gone);
}

void ParseHad(Columns &columns, History &history) {
  const std::size_t number = columns.NextNumber();
  if (history.had.size() <= number) history.had.resize(number + 1);
  while (columns.more())
    history.had[number].insert(columns.NextNumber());
}

} // namespace

void ParseHistory(std::string_view text, History &history) {
  for (const std::string_view line : Split(text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    Columns columns(line);
    const std::string_view kind = columns.Next();
    if (kind == "W")
      ParseWrite(columns, history);
    else if (kind == "R")
      ParseRead(columns, history);
    else if (kind == "S" || kind == "E")
      ParseEvent(columns, kind == "S", history);
    else if (kind == "G")
      ParseGoneBack(columns, history);
    else if (kind == "A")
      ParseHad(columns, history);
    else if (kind == "Z")
      history.final_state = RestShown(columns);
    else
      columns.Fail();
  }
}

} // namespace itemize::faults
