#include "write/ask.hpp"

#include "itemize/lsn.hpp"

#include <array>

namespace itemize::sidecar::write {

namespace {

struct Verdict {
  /// A whole SQLSTATE, or the beginning of many (PostgreSQL's errcodes.txt).
  std::string_view state;
  Outcome outcome;
};

/// The first that fits counts.
constexpr std::array<Verdict, 28> kVerdicts{{
    {"", Outcome::kUnavailable},      // the connection's own errors
    {"08", Outcome::kUnavailable},    // connection_exception
    {"25P03", Outcome::kUnavailable}, // idle_in_transaction_session_timeout
    {"25006", Outcome::kUnavailable}, // read_only_sql_transaction: a standby
    {"57014", Outcome::kTimeout},     // query_canceled: statement_timeout
    {"57P", Outcome::kUnavailable},   // shutdown and start-up
    {"53", Outcome::kBusy},           // insufficient_resources
    {"40", Outcome::kContended},      // serialization_failure, deadlock_detected
    {"55P03", Outcome::kContended},   // lock_not_available: lock_timeout
    {"23505", Outcome::kConflict},    // unique_violation
    {"23503", Outcome::kConflict},    // foreign_key_violation
    {"23P01", Outcome::kConflict},    // exclusion_violation
    {"23001", Outcome::kConflict},    // restrict_violation
    {"23", Outcome::kInvalid},        // not_null_violation, check_violation
    {"22", Outcome::kInvalid},        // data_exception
    {"44000", Outcome::kInvalid},     // with_check_option_violation
    {"428C9", Outcome::kInvalid},     // generated_always
    {"54000", Outcome::kInvalid},     // program_limit_exceeded: the item would be too large
    {"42501", Outcome::kForbidden},   // insufficient_privilege
    {"42704", Outcome::kNotDefined},  // undefined_object
    {"P0001", Outcome::kRaised},      // raise_exception
    {"PT", Outcome::kRaised},         // with a status of HTTP
    {"42883", Outcome::kRefused},     // undefined_function: an extension that is older
    {"42725", Outcome::kRefused},     // ambiguous_function: an exposed one has namesakes
    {"42P01", Outcome::kRefused},     // undefined_table
    {"3F000", Outcome::kRefused},     // invalid_schema_name
    {"28", Outcome::kRefused},        // invalid_authorization_specification
    {"3D000", Outcome::kRefused},     // invalid_catalog_name
}};

} // namespace

Outcome OutcomeOf(std::string_view sqlstate) {
  for (const Verdict &verdict : kVerdicts) {
    const bool fits =
        verdict.state.empty() ? sqlstate.empty() : sqlstate.substr(0, verdict.state.size()) == verdict.state;
    if (fits) return verdict.outcome;
  }
  return Outcome::kFailed;
}

int RaisedStatus(std::string_view sqlstate) {
  constexpr std::string_view kPrefix = "PT";
  if (sqlstate.substr(0, kPrefix.size()) != kPrefix) return 0;
  const auto status = ParseUint64(sqlstate.substr(kPrefix.size()));
  return status && *status >= 400 && *status <= 599 ? static_cast<int>(*status) : 0;
}

} // namespace itemize::sidecar::write
