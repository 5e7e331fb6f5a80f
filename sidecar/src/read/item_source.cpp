#include "read/item_source.hpp"

#include "postgres/rule_query.hpp"

#include <unordered_map>

namespace itemize::sidecar::read {

namespace {

// One statement: in READ COMMITTED it has one snapshot, which pg_current_snapshot() shows. The left
// join keeps the snapshot when nothing was found.
constexpr const char *kFetch =
    "SELECT f.key, f.item, f.member_lengths, f.generation, pg_catalog.pg_current_snapshot()::text,"
    " pg_catalog.pg_current_wal_insert_lsn()"
    " FROM (SELECT) AS once LEFT JOIN itemize.fetch($1, $2::text[]) AS f ON true";
constexpr const char *kFetchReplayed =
    "SELECT key, item, member_lengths, generation, replayed, history FROM itemize.fetch_replayed($1, $2::text[])";
constexpr int kAsOfColumn = 4;
constexpr const char *kList = "SELECT key, item FROM itemize.list($1, $2::integer, $3)";
constexpr const char *kListKeys = "SELECT key, '' FROM itemize.list($1, $2::integer, $3)";

constexpr std::string_view kUndefinedObject = "42704";
constexpr std::string_view kObjectNotInPrerequisiteState = "55000";

template <typename Ask>
auto TranslateErrors(Ask ask) {
  try {
    return ask();
  } catch (const PostgresError &error) {
    if (error.sqlstate() == kUndefinedObject) throw UnknownType(error.what());
    throw;
  }
}

std::vector<FetchedItem> ItemsOf(const PostgresResult &result, const std::vector<std::string> &keys) {
  std::unordered_map<std::string_view, int> row_of;
  for (int row = 0; row < result.rows(); ++row) {
    if (!result.IsNull(row, 0)) row_of.emplace(result.Text(row, 0), row);
  }
  std::vector<FetchedItem> items;
  items.reserve(keys.size());
  for (const std::string &key : keys) {
    FetchedItem item;
    const auto at = row_of.find(key);
    if (at != row_of.end() && !result.IsNull(at->second, 1)) {
      item.found = true;
      item.row = result.Text(at->second, 1);
      item.member_lengths = result.Text(at->second, 2);
      item.generation = result.Text(at->second, 3);
    }
    items.push_back(std::move(item));
  }
  return items;
}

Lsn LsnOf(std::string_view text) {
  const auto lsn = ParsePgLsn(text);
  if (!lsn) throw PostgresError("the database gave a malformed LSN", {});
  return *lsn;
}

} // namespace

Fetched ItemSource::Fetch(PostgresConnection &database, const std::string &type, const std::vector<std::string> &keys) {
  return TranslateErrors([&] {
    const PostgresResult result = database.Query(kFetch, {type, ArrayText(keys)});
    Fetched fetched;
    fetched.as_of.snapshot = result.Text(0, kAsOfColumn);
    fetched.as_of.inserted = LsnOf(result.Text(0, kAsOfColumn + 1));
    fetched.items = ItemsOf(result, keys);
    return fetched;
  });
}

Fetched ItemSource::FetchReplayed(PostgresConnection &standby, const std::string &type,
                                  const std::vector<std::string> &keys) {
  return TranslateErrors([&] {
    const PostgresResult result = standby.Query(kFetchReplayed, {type, ArrayText(keys)});
    if (result.rows() == 0) throw PostgresError("a standby answered nothing", {});
    Fetched fetched;
    fetched.as_of.replayed = LsnOf(result.Text(0, kAsOfColumn));
    fetched.history = result.Text(0, kAsOfColumn + 1);
    fetched.items = ItemsOf(result, keys);
    return fetched;
  });
}

std::optional<Position> ItemSource::PrimaryPosition(PostgresConnection &database) {
  try {
    return ParsePosition(database.Query("SELECT itemize.position()").Text(0, 0));
  } catch (const PostgresError &error) {
    if (error.sqlstate() == kObjectNotInPrerequisiteState) return std::nullopt;
    throw;
  }
}

std::vector<PageItem> ItemSource::List(PostgresConnection &database, const std::string &type, std::size_t count,
                                       const std::optional<std::string> &after, bool with_rows) {
  return TranslateErrors([&] {
    std::optional<std::string_view> after_text;
    if (after) after_text = *after;
    const std::string count_text = std::to_string(count);
    const PostgresResult result = database.Query(with_rows ? kList : kListKeys, {type, count_text, after_text});
    std::vector<PageItem> page;
    page.reserve(static_cast<std::size_t>(result.rows()));
    for (int row = 0; row < result.rows(); ++row) {
      page.push_back({std::string(result.Text(row, 0)), std::string(result.Text(row, 1))});
    }
    return page;
  });
}

std::optional<DefinedRule> ItemSource::ReadRule(PostgresConnection &database, const std::string &type) {
  const PostgresResult result = database.Query(kRuleQuery + std::string(" WHERE type = $1"), {type});
  if (result.rows() == 0) return std::nullopt;
  return DefinedRule{std::string(result.Text(0, 2)), std::string(result.Text(0, 1))};
}

std::string ArrayText(const std::vector<std::string> &keys) {
  std::string text = "{";
  for (const std::string &key : keys) {
    if (text.size() > 1) text.push_back(',');
    text.push_back('"');
    for (const char c : key) {
      if (c == '"' || c == '\\') text.push_back('\\');
      text.push_back(c);
    }
    text.push_back('"');
  }
  text.push_back('}');
  return text;
}

} // namespace itemize::sidecar::read
