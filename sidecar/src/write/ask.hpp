// A write on its way: what a client asks for, and what came of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::write {

enum class Operation : std::uint8_t { kCreate, kPatch, kReplace, kDelete };

struct Ask {
  Operation operation = Operation::kCreate;
  std::string type;
  /// Canonical key text; of none that is created without one.
  std::string key;
  /// A JSON object in which nothing can be read in two ways; not of kDelete.
  std::string body;
  /// The roles that the client's token has, in its order, and its claims as JSON; empty: nobody in particular.
  std::vector<std::string> roles;
  std::string claims;
  /// If-Match: whether the item, as it is, is the one that the client means. Empty: whichever.
  std::function<bool(std::string_view)> is_meant;
  /// Whether who asks may see an item of this type, by its bytes: one that he may not is not the one he means. Empty:
  /// any.
  std::function<bool(std::string_view)> is_seen;
  /// If-None-Match: *. There must be no item yet.
  bool only_create = false;

  [[nodiscard]] bool Sees(std::string_view item) const { return !is_seen || is_seen(item); }
};

enum class Outcome : std::uint8_t {
  kOk,
  kMissing,     ///< no such item, or none that the caller may see
  kNotDefined,  ///< no such type
  kNotMeant,    ///< a condition of the client does not hold
  kInvalid,     ///< a value that its column cannot have, a constraint that does not hold by itself
  kConflict,    ///< another row stands against it
  kForbidden,   ///< the caller may not
  kNoRole,      ///< there is no role of the database for this caller
  kRaised,      ///< the application's own refusal, from a function or trigger
  kContended,   ///< others write the same, each time it was tried
  kTimeout,     ///< it took longer than it may
  kBusy,        ///< too many wait, or the server has no room
  kUnavailable, ///< no server answers, or none that can be written to; nothing was written
  kRefused,     ///< the database is not set up for writes
  kUnknown,     ///< the connection was lost while it was being committed
  kFailed,      ///< a fault, told in the log
};

struct Done {
  Outcome outcome = Outcome::kFailed;
  /// Of the item; it and its bytes as they were committed, of kDelete as they were before.
  std::string key;
  std::string item;
  bool created = false;
  /// Of the commit; empty where the stream has not begun.
  std::string position;

  // What the database said, where a client may know.
  std::string detail;
  std::string sqlstate;
  std::string field;
  std::string constraint;
  /// With kRaised: the HTTP status that the application has chosen; 0: none.
  int status = 0;
};

/// What PostgreSQL's SQLSTATE means for the write that it ended.
[[nodiscard]] Outcome OutcomeOf(std::string_view sqlstate);

/// The status in a SQLSTATE PTxyz, as PostgREST's users know it: 400 to 599, else 0.
[[nodiscard]] int RaisedStatus(std::string_view sqlstate);

} // namespace itemize::sidecar::write
