#include "global/refusals.hpp"

#include "base/errors.hpp"
#include "postgres/refusals.hpp"

namespace itemize::sidecar {
namespace {

// SQLSTATEs, PostgreSQL's errcodes.txt
constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedFile = "58P01";
constexpr std::string_view kConfigurationLimitExceeded = "53400";
constexpr std::string_view kObjectNotInPrerequisiteState = "55000";

} // namespace

void ThrowCannotUseSlot(const PostgresError &error, ReplicationStream &stream, const std::string &slot) {
  const std::string refused = "cannot use replication slot \"" + slot + "\": ";
  const std::string &state = error.sqlstate();
  if (state == kConfigurationLimitExceeded) {
    throw FatalError(refused + "no slot is free; drop one, or: ALTER SYSTEM SET max_replication_slots = " +
                     std::to_string(ParseUint64(stream.Show("max_replication_slots")).value_or(10) + 5) +
                     "; and restart PostgreSQL");
  }
  if (state == kUndefinedFile) {
    throw FatalError(refused + "the server has no library for output plugin itemize; install the extension there" +
                     InBrackets(error));
  }
  if (state == kInsufficientPrivilege) {
    // The walsender has let us in, so it is not REPLICATION that is missing. The setting is hidden from a role like
    // ours; this is its default with our plugin added.
    throw FatalError(refused +
                     "the server does not trust output plugin itemize; as a superuser: ALTER SYSTEM SET "
                     "output_plugin_libraries = 'pgoutput', 'test_decoding', 'itemize'; SELECT pg_reload_conf(); "
                     "(keep what SHOW output_plugin_libraries lists besides)");
  }
  if (state == kObjectNotInPrerequisiteState) throw FatalError(refused + error.what());
  throw error;
}

void ThrowCannotReadDefinitions(const PostgresError &error) {
  if (error.sqlstate() == kUndefinedTable) ThrowNoExtension(error);
  if (error.sqlstate() == kInsufficientPrivilege) {
    throw FatalError("the role of --database may not read the definitions; GRANT USAGE ON SCHEMA itemize TO …; "
                     "GRANT SELECT ON itemize.definitions TO …;" +
                     InBrackets(error));
  }
  throw error;
}

} // namespace itemize::sidecar
