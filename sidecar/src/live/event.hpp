// Server-Sent Events (WHATWG HTML, section 9.2): one change becomes text once, whoever receives it.
#pragma once

#include "authorization/owner.hpp"
#include "itemize/change_event.hpp"
#include "itemize/lsn.hpp"
#include "matching/filter.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::live {

/// Immutable, shared by all subscribers that it is sent to.
struct Event {
  /// What it is a newer state of: "type/key", or "type/*" for all items; empty for a message that no
  /// other replaces.
  std::string subject;
  /// What it is about: a type, or a topic with its mark; empty for neither.
  std::string type;
  /// Nothing about the type may be sent any more that has not been.
  bool withdraws = false;
  /// What the client has of the type, or of all, is forgotten, or loaded anew.
  bool forgets = false;
  Version version;
  /// A change or a message of the stream: not for a client that has had everything up to its version already.
  bool of_stream = false;
  /// Of what is told as it happens: microseconds since the Unix epoch; 0 for all else, also for what is told again.
  std::int64_t commit_time = 0;
  /// What it is to those who follow the rows of a filter; kNone: it is not about one of them.
  matching::Outcome outcome = matching::Outcome::kNone;
  /// Complete, with the empty line that ends it.
  std::string text;
};

using SharedEvent = std::shared_ptr<const Event>;

/// What a browser waits before it reconnects, said on connect.
inline constexpr std::chrono::milliseconds kReconnectDelay{2000};

/// Of a resync: a change does not say what the row was before, or is.
inline constexpr std::string_view kFormerReason = "former";

[[nodiscard]] std::string Subject(std::string_view type, std::string_view key);
[[nodiscard]] std::string WholeTypeSubject(std::string_view type);

/// Whose an item is, or of a deleted one was, by a rule for owners; empty: nobody's. Nothing when the change does not
/// tell.
[[nodiscard]] std::optional<std::string> OwnerOfChange(std::string_view rule, const Change &change);

/// `insert`, `update` or `delete`, the last for every other kind.
[[nodiscard]] std::string_view OperationName(LineKind kind);

// `commit_time` below: Event::commit_time.

/// A changed item. `operation` is insert, update or delete. Without a row the client is to ask for it.
[[nodiscard]] SharedEvent ItemEvent(const Position &position, std::string_view operation, std::string_view type,
                                    std::string_view key, std::optional<std::string_view> row,
                                    std::int64_t commit_time = 0);

/// What became of an item for those who follow the rows of a filter. `row`: as of ItemEvent; of one that has left it is
/// not told.
[[nodiscard]] SharedEvent FilteredEvent(const Position &position, matching::Outcome outcome, std::string_view type,
                                        std::string_view key, std::string_view row, std::int64_t commit_time = 0);

/// The same event with another outcome, for what came before it and is not told: not to or from one that has left.
[[nodiscard]] SharedEvent WithOutcome(const Event &event, matching::Outcome outcome);

/// An item of which something else may have been shown here than what is now known: no change, so it is told to a
/// client that has had everything up to its position as well.
/// `missing`: it is known to be gone.
[[nodiscard]] SharedEvent HealedEvent(const Position &position, std::string_view type, std::string_view key,
                                      bool missing, std::optional<std::string_view> row);

/// Every item of the type is gone.
[[nodiscard]] SharedEvent TruncateEvent(const Position &position, std::string_view type, std::int64_t commit_time = 0);

/// An application event of a topic; no other replaces it.
[[nodiscard]] SharedEvent MessageEvent(const Position &position, std::string_view topic, std::string_view payload,
                                       std::int64_t commit_time = 0);

/// The first event: where the stream stands (`current`). Its id is `from`: what follows comes after it,
/// so a client that resumes is not moved past what it has yet to receive. Without one the client stays where it is, for
/// one that is told to resync next: should its connection end in between, it must not come back as if it had been told.
/// With it comes the reconnection delay.
[[nodiscard]] SharedEvent HelloEvent(const std::optional<Position> &from, const Position &current);

// `type` below may be a topic, with its mark (kTopicMark).

/// Why a client has to ask for everything again; `reason` is a short stable word.
[[nodiscard]] SharedEvent ResyncEvent(const Position &position, std::string_view reason,
                                      std::optional<std::string_view> type = std::nullopt);

/// The type can no longer be read; nothing about it will follow.
[[nodiscard]] SharedEvent GoneEvent(const Position &position, std::string_view type);

/// A comment that keeps proxies from closing a quiet stream, and an id, which moves the place that the
/// client resumes from without telling its page anything.
[[nodiscard]] SharedEvent KeepaliveEvent(const std::optional<Position> &position);

/// Tells the client to come back after `delay`; sent before the server closes.
[[nodiscard]] SharedEvent RetryEvent(std::chrono::milliseconds delay);

/// Status line and header fields of a live stream. Its end is the connection's end.
[[nodiscard]] std::string StreamHead();

} // namespace itemize::sidecar::live
