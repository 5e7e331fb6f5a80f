#include "postgres/refusals.hpp"

#include "base/errors.hpp"

namespace itemize::sidecar {
namespace {

// SQLSTATEs, PostgreSQL's errcodes.txt
constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kInvalidAuthorization = "28000";
constexpr std::string_view kInvalidPassword = "28P01";
constexpr std::string_view kInvalidSchema = "3F000";
constexpr std::string_view kUndefinedDatabase = "3D000";
constexpr std::string_view kUndefinedFile = "58P01";
constexpr std::string_view kUndefinedFunction = "42883";

/// "1.2" of "1.2.3": versions that agree in it work together.
std::string_view Line(std::string_view version) {
  const std::size_t first = version.find('.');
  return version.substr(0, first == std::string_view::npos ? first : version.find('.', first + 1));
}

} // namespace

std::string InBrackets(const PostgresError &error) { return " (" + std::string(error.what()) + ')'; }

void ThrowNoExtension(const PostgresError &error) {
  throw FatalError("the database has no extension itemize; CREATE EXTENSION itemize CASCADE;" + InBrackets(error));
}

void ThrowRefusedConnection(const PostgresError &error, const std::string &option, const std::string &privilege) {
  const std::string &state = error.sqlstate();
  if (state == kInvalidPassword)
    throw FatalError("wrong or no password for " + option + "; give it in PGPASSFILE, ~/.pgpass or a password file" +
                     InBrackets(error));
  if (state == kInvalidAuthorization)
    throw FatalError("the server does not let in the role of " + option + "; CREATE ROLE, or a line of pg_hba.conf" +
                     InBrackets(error));
  if (state == kUndefinedDatabase)
    throw FatalError("the database of " + option + " does not exist; correct the URL, or CREATE DATABASE" +
                     InBrackets(error));
  if (state == kInsufficientPrivilege)
    throw FatalError("the role of " + option + " lacks a privilege; " + privilege + InBrackets(error));
  throw error;
}

void CheckExtension(PostgresConnection &database) {
  std::string version;
  try {
    version = database.Query("SELECT itemize.version()").Text(0, 0);
  } catch (const PostgresError &error) {
    const std::string &state = error.sqlstate();
    if (state == kUndefinedFunction || state == kInvalidSchema || state == kUndefinedFile) ThrowNoExtension(error);
    throw;
  }
  const std::string_view ours = ITEMIZE_VERSION;
  if (Line(version) == Line(ours)) return;
  throw FatalError("the extension in the database is of version " + version + ", this program of " + std::string(ours) +
                   "; install both from one release, then: ALTER EXTENSION itemize UPDATE;");
}

} // namespace itemize::sidecar
