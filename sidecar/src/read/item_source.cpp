#include "read/item_source.hpp"

#include <unordered_map>

namespace itemize::sidecar::read {

namespace {

// One statement: in READ COMMITTED it has one snapshot, which pg_current_snapshot() shows. The left
// join keeps the snapshot when nothing was found.
constexpr const char *kFetch =
    "SELECT pg_catalog.pg_current_snapshot()::text, f.key, f.item, f.member_lengths, f.generation"
    " FROM (SELECT) AS once LEFT JOIN itemize.fetch($1, $2::text[]) AS f ON true";
constexpr const char *kList = "SELECT key, item FROM itemize.list($1, $2::integer, $3)";
constexpr const char *kReadable = "SELECT 1 FROM itemize.definitions WHERE type = $1 AND read = 'everyone'";

constexpr std::string_view kUndefinedObject = "42704";

template <typename Ask>
auto TranslateErrors(Ask ask) {
  try {
    return ask();
  } catch (const PostgresError &error) {
    if (error.sqlstate() == kUndefinedObject) throw UnknownType(error.what());
    throw;
  }
}

Fetched FetchOnce(PostgresConnection &database, const std::string &type, const std::vector<std::string> &keys) {
  const PostgresResult result = database.Query(kFetch, {type, ArrayText(keys)});
  Fetched fetched;
  std::unordered_map<std::string_view, int> row_of;
  for (int row = 0; row < result.rows(); ++row) {
    fetched.snapshot = result.Text(row, 0);
    if (!result.IsNull(row, 1)) row_of.emplace(result.Text(row, 1), row);
  }
  fetched.items.reserve(keys.size());
  for (const std::string &key : keys) {
    FetchedItem item;
    const auto at = row_of.find(key);
    if (at != row_of.end() && !result.IsNull(at->second, 2)) {
      item.found = true;
      item.row = result.Text(at->second, 2);
      item.member_lengths = result.Text(at->second, 3);
      item.generation = result.Text(at->second, 4);
    }
    fetched.items.push_back(std::move(item));
  }
  return fetched;
}

} // namespace

Fetched ItemSource::Fetch(PostgresConnection &database, const std::string &type, const std::vector<std::string> &keys) {
  return TranslateErrors([&] { return FetchOnce(database, type, keys); });
}

std::vector<PageItem> ItemSource::List(PostgresConnection &database, const std::string &type, std::size_t count,
                                       const std::optional<std::string> &after) {
  return TranslateErrors([&] {
    std::optional<std::string_view> after_text;
    if (after) after_text = *after;
    const std::string count_text = std::to_string(count);
    const PostgresResult result = database.Query(kList, {type, count_text, after_text});
    std::vector<PageItem> page;
    page.reserve(static_cast<std::size_t>(result.rows()));
    for (int row = 0; row < result.rows(); ++row) {
      page.push_back({std::string(result.Text(row, 0)), std::string(result.Text(row, 1))});
    }
    return page;
  });
}

bool ItemSource::IsReadable(PostgresConnection &database, const std::string &type) {
  return database.Query(kReadable, {type}).rows() > 0;
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
