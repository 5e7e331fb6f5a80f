#include "coherence/reference.hpp"

#include "read/item_source.hpp"

#include <charconv>
#include <unordered_map>

namespace itemize::sidecar::coherence {

namespace {

constexpr const char *kChecksums =
    "SELECT bucket, checksum, generation FROM itemize.checksum($1, $2::text[], $3::integer)";

// The select list is evaluated after the function has run: the position lies at or behind the end of every commit that
// the statement's snapshot, which is older still, contains.
constexpr const char *kRows = "SELECT (SELECT itemize.position()), f.key, f.item, f.member_lengths, f.generation"
                              " FROM (SELECT) AS once LEFT JOIN itemize.fetch($1, $2::text[]) AS f ON true";

constexpr std::string_view kUndefinedObject = "42704";

template <typename Ask>
PostgresResult Query(Ask ask) {
  try {
    return ask();
  } catch (const PostgresError &error) {
    if (error.sqlstate() == kUndefinedObject) throw read::UnknownType(error.what());
    throw;
  }
}

template <typename Integer>
Integer ParseOrThrow(std::string_view text, int base) {
  Integer value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    throw Error("the database answered \"" + std::string(text) + "\" instead of a number");
  return value;
}

} // namespace

std::vector<BucketChecksum> Reference::Checksums(PostgresConnection &database, const std::string &type,
                                                 const std::vector<std::string> &keys, std::uint32_t buckets) {
  const PostgresResult result = Query([&] {
    return database.Query(kChecksums, {type, read::ArrayText(keys), std::to_string(buckets)});
  });
  std::vector<BucketChecksum> checksums;
  checksums.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    checksums.push_back({ParseOrThrow<std::uint32_t>(result.Text(row, 0), 10),
                         static_cast<std::uint64_t>(ParseOrThrow<std::int64_t>(result.Text(row, 1), 10)),
                         std::string(result.Text(row, 2))});
  }
  return checksums;
}

ReferenceRows Reference::Fetch(PostgresConnection &database, const std::string &type,
                               const std::vector<std::string> &keys) {
  const PostgresResult result = Query([&] { return database.Query(kRows, {type, read::ArrayText(keys)}); });
  ReferenceRows rows;
  std::unordered_map<std::string_view, int> row_of;
  for (int row = 0; row < result.rows(); ++row) {
    const auto horizon = ParsePosition(result.Text(row, 0));
    if (!horizon) throw Error("the database answered no position");
    rows.horizon = *horizon;
    if (!result.IsNull(row, 1)) row_of.emplace(result.Text(row, 1), row);
  }
  rows.items.reserve(keys.size());
  for (const std::string &key : keys) {
    read::FetchedItem item;
    const auto at = row_of.find(key);
    if (at != row_of.end() && !result.IsNull(at->second, 2)) {
      item.found = true;
      item.row = result.Text(at->second, 2);
      item.member_lengths = result.Text(at->second, 3);
      item.generation = result.Text(at->second, 4);
    }
    rows.items.push_back(std::move(item));
  }
  return rows;
}

} // namespace itemize::sidecar::coherence
