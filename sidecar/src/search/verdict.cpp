#include "search/verdict.hpp"

#include <array>

namespace itemize::sidecar::search {

namespace {

struct Verdict {
  /// A whole SQLSTATE, or the beginning of many (PostgreSQL's errcodes.txt).
  std::string_view state;
  Outcome outcome;
};

/// The first that fits counts.
constexpr std::array<Verdict, 19> kVerdicts{{
    {"", Outcome::kUnavailable},     // the connection's own errors
    {"08", Outcome::kUnavailable},   // connection_exception
    {"57014", Outcome::kTimeout},    // query_canceled: statement_timeout
    {"57P", Outcome::kUnavailable},  // shutdown and start-up
    {"53", Outcome::kBusy},          // insufficient_resources
    {"40", Outcome::kBusy},          // transaction_rollback: on a standby, the replay needed the rows
    {"25", Outcome::kFailed},        // invalid_transaction_state
    {"22", Outcome::kWrong},         // data_exception: a value of the question
    {"54", Outcome::kWrong},         // program_limit_exceeded: too long, too many
    {"0A", Outcome::kWrong},         // feature_not_supported
    {"42704", Outcome::kNotDefined}, // undefined_object: no such type, or nothing of it to search
    {"42703", Outcome::kWrong},      // undefined_column: a filter, an order, a facet
    {"42804", Outcome::kWrong},      // datatype_mismatch
    {"42809", Outcome::kWrong},      // wrong_object_type
    {"42601", Outcome::kWrong},      // syntax_error
    {"42602", Outcome::kWrong},      // invalid_name
    {"42", Outcome::kRefused},       // privileges, functions or tables are missing
    {"3F000", Outcome::kRefused},    // invalid_schema_name
    {"55000", Outcome::kRefused}, // object_not_in_prerequisite_state: the extension's objects are not as they should be
}};

} // namespace

Outcome VerdictOf(std::string_view sqlstate) {
  for (const Verdict &verdict : kVerdicts) {
    const bool fits =
        verdict.state.empty() ? sqlstate.empty() : sqlstate.substr(0, verdict.state.size()) == verdict.state;
    if (fits) return verdict.outcome;
  }
  return Outcome::kFailed;
}

} // namespace itemize::sidecar::search
