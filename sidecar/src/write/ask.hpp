// A write on its way: what a client asks for, and what came of it.
#pragma once

#include "authorization/rule.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::write {

enum class Operation : std::uint8_t { kCreate, kPatch, kReplace, kDelete, kCall };

/// Of one item; or a call of a function, which is whatever that does.
struct Change {
  Operation operation = Operation::kCreate;
  /// Of kCall: the name by which the function is exposed.
  std::string type;
  /// Canonical key text; of none that is created without one.
  std::string key;
  /// A JSON object in which nothing can be read in two ways; not of kDelete. Of kCall: the arguments.
  std::string body;
  /// If-Match: whether the item, as it is, is the one that the client means. Empty: whichever.
  std::function<bool(std::string_view)> is_meant;
  /// If-None-Match: *. There must be no item yet.
  bool only_create = false;
};

/// By what a request with an Idempotency-Key is known again: digests, at most as long as those of SHA-256 in base64url.
struct Once {
  /// Of the caller and his key.
  std::string scope;
  /// Of the request.
  std::string request;
};

/// What a client asks for, in one transaction: all of it or nothing.
struct Ask {
  std::vector<Change> changes;
  /// Of a batch: a JSON array with the body of each change, where it has one, as `value` of the element in its place.
  /// It is the database that takes them out: nothing is lost of a number. Else empty.
  std::string batch;
  authorization::Viewer viewer;
  /// The roles that the client's token has, in its order, and its claims as JSON; empty: nobody in particular.
  std::vector<std::string> roles;
  std::string claims;
  /// It is made once, and its answer kept for whoever asks for it again.
  std::optional<Once> once;
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
  kInFlight,    ///< the same is being made now, by an earlier request
  kKeyReused,   ///< the Idempotency-Key is that of another request
  kContended,   ///< others write the same, each time it was tried
  kTimeout,     ///< it took longer than it may
  kBusy,        ///< too many wait, or the server has no room
  kUnavailable, ///< no server answers, or none that can be written to; nothing was written
  kRefused,     ///< the database is not set up for writes
  kUnknown,     ///< the connection was lost while it was being committed
  kFailed,      ///< a fault, told in the log
};

/// What became of a change.
struct Written {
  /// Of the item; it and its bytes as they were committed, of kDelete as they were before. Of kCall: no key, and the
  /// result, if there is one.
  std::string key;
  std::string item;
  bool created = false;
};

struct Done {
  Outcome outcome = Outcome::kFailed;
  /// One for each change, where all were made.
  std::vector<Written> written;
  /// They were made before, and this is what was kept of that: items may be missing.
  bool repeated = false;
  /// Who may read the type of each change, in the words of the change stream, as the database had it in the
  /// transaction; shorter where it did not come to that. Empty: nobody.
  std::vector<std::string> rules;
  /// Which of the changes it is that was not made; behind the last: none of them by itself.
  std::size_t failed = 0;
  /// Of the commit; empty where the stream has not begun.
  std::string position;

  [[nodiscard]] std::string_view RuleOf(std::size_t change) const {
    return change < rules.size() ? std::string_view(rules[change]) : std::string_view();
  }

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
