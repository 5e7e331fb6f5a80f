#include "tail/snapshot_copy.hpp"

#include "base/errors.hpp"
#include "postgres/refusals.hpp"

#include <algorithm>
#include <optional>

namespace itemize::sidecar {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxPageRows = 1000;  // what itemize.list allows
constexpr std::size_t kFirstPageRows = 100; // their size is not known yet

// SQLSTATEs, PostgreSQL's errcodes.txt
constexpr const char *kUndefinedObject = "42704";
constexpr const char *kInsufficientPrivilege = "42501";

PostgresSettings CopySettings() {
  PostgresSettings settings;
  settings.application_name = "itemize-sidecar tail";
  settings.query_timeout = std::chrono::minutes(1);
  return settings;
}

[[noreturn]] void ThrowRefused(const PostgresError &error) {
  const std::string &state = error.sqlstate();
  if (state == kUndefinedObject) throw FatalError(error.what());
  if (state == kInsufficientPrivilege) {
    throw FatalError(std::string(error.what()) +
                     "; the role of --database needs SELECT on itemize.definitions and EXECUTE on itemize.list");
  }
  throw error;
}

} // namespace

SnapshotCopy::SnapshotCopy(const std::string &database, const StopToken &stop)
    : connection_(database, CopySettings(), stop) {
  CheckExtension(connection_);
  // The first query takes the snapshot, and every later one of the transaction uses it.
  connection_.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const PostgresResult result =
      connection_.Query("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, pg_catalog.pg_is_in_recovery()");
  if (result.Text(0, 1) != "f") {
    throw FatalError("--database is a standby; a snapshot that the stream continues is taken on the primary only");
  }
  auto snapshot = TransactionSnapshot::Parse(result.Text(0, 0));
  if (!snapshot) throw Error("unexpected text of pg_current_snapshot()");
  snapshot_ = std::move(*snapshot);
}

std::vector<std::string> SnapshotCopy::Types() {
  try {
    const PostgresResult result = connection_.Query("SELECT type FROM itemize.definitions ORDER BY type");
    std::vector<std::string> types;
    types.reserve(static_cast<std::size_t>(result.rows()));
    for (int row = 0; row < result.rows(); ++row)
      types.emplace_back(result.Text(row, 0));
    return types;
  } catch (const PostgresError &error) {
    ThrowRefused(error);
  }
}

bool SnapshotCopy::ForEachRow(const std::string &type, const std::function<bool(const Row &)> &take) {
  std::optional<std::string> after;
  std::size_t page_rows = kFirstPageRows;
  while (true) {
    const std::string limit = std::to_string(page_rows);
    std::optional<PostgresResult> page;
    try {
      page.emplace(connection_.Query("SELECT key, item, generation FROM itemize.list($1, $2::pg_catalog.int4, $3)",
                                     {type, limit, after ? std::optional<std::string_view>(*after) : std::nullopt}));
    } catch (const PostgresError &error) {
      ThrowRefused(error);
    }
    std::size_t bytes = 0;
    for (int row = 0; row < page->rows(); ++row) {
      if (!take({page->Text(row, 0), page->Text(row, 1), page->Text(row, 2)})) return false;
      bytes += page->Text(row, 1).size();
    }
    const auto rows = static_cast<std::size_t>(page->rows());
    if (rows < page_rows) return true;
    after = page->Text(page->rows() - 1, 0);
    page_rows = std::clamp<std::size_t>(rows * kPageBytes / std::max<std::size_t>(bytes, 1), 1, kMaxPageRows);
  }
}

Lsn SnapshotCopy::End() {
  // itemize.list has flushed what its snapshot contains.
  const PostgresResult result = connection_.Query("SELECT pg_catalog.pg_current_wal_flush_lsn()");
  const auto flushed = ParsePgLsn(result.Text(0, 0));
  if (!flushed) throw Error("unexpected text of pg_current_wal_flush_lsn()");
  connection_.Execute("COMMIT");
  return *flushed;
}

} // namespace itemize::sidecar
