#include "read/database_access.hpp"

namespace itemize::sidecar::read {

bool IsAboutTheQuestion(const PostgresError &error) {
  constexpr std::string_view kClassDataException = "22";
  return error.sqlstate().compare(0, kClassDataException.size(), kClassDataException) == 0;
}

bool IsRefusal(const PostgresError &error) {
  // insufficient_privilege, undefined_function, undefined_table, invalid_schema_name
  for (const std::string_view state : {"42501", "42883", "42P01", "3F000"}) {
    if (error.sqlstate() == state) return true;
  }
  return false;
}

bool IsOutage(const PostgresError &error) {
  if (error.sqlstate().empty()) return true; // the connection's own errors have none
  // connection_exception, insufficient_resources, operator_intervention by shutdown and start-up
  for (const std::string_view state : {"08", "53", "57P"}) {
    if (error.sqlstate().compare(0, state.size(), state) == 0) return true;
  }
  return false;
}

} // namespace itemize::sidecar::read
