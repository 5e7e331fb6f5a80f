#include "search/search_statements.hpp"

namespace itemize::sidecar::search {

namespace {

// No types: each parameter gets that of the function's argument, so that it does not matter in which schema PostGIS is.
#define ITEMIZE_QUESTION                                                                                               \
  "query => $2, lang => $3, near => $4, within => $5, bbox => $6, price_min => $7, price_max => $8, currency => $9,"   \
  " filters => $10, since => $11, until => $12, owner => $13, parent => $14"

constexpr const char *kSearch =
    "SELECT key, score, distance, price, headline, cursor, relaxed"
    " FROM itemize.search($1, " ITEMIZE_QUESTION ", order_by => $15, max_rows => $16, after => $17)";
constexpr const char *kCount = "SELECT total, exact FROM itemize.search_count($1, " ITEMIZE_QUESTION ", exact => $15)";
constexpr const char *kFacets = "SELECT facet, value, low, high, count FROM itemize.facets($1, " ITEMIZE_QUESTION
                                ", facets => $15, max_values => coalesce($16, 20))";
constexpr const char *kClusters = "SELECT count, longitude, latitude, west, south, east, north, key"
                                  " FROM itemize.map_clusters($1, " ITEMIZE_QUESTION ", zoom => $15) LIMIT $16";
#undef ITEMIZE_QUESTION

std::optional<std::string_view> View(const std::optional<std::string> &text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

PostgresParameters ParametersOf(const Ask &ask) {
  const Question &question = ask.question;
  return {ask.type,
          View(question.query),
          View(question.lang),
          View(question.near),
          View(question.within),
          View(question.bbox),
          View(question.price_min),
          View(question.price_max),
          View(question.currency),
          View(question.filters),
          View(question.since),
          View(question.until),
          View(question.owner),
          View(question.parent)};
}

std::optional<std::string> Optional(const PostgresResult &result, int row, int column) {
  if (result.IsNull(row, column)) return std::nullopt;
  return std::string(result.Text(row, column));
}

std::string Text(const PostgresResult &result, int row, int column) { return std::string(result.Text(row, column)); }

bool IsTrue(const PostgresResult &result, int row, int column) { return result.Text(row, column) == "t"; }

/// One row more than asked for tells whether something follows.
void Search(PostgresConnection &database, const Ask &ask, Found &found) {
  const std::string count = std::to_string(ask.limit + 1);
  PostgresParameters parameters = ParametersOf(ask);
  parameters.insert(parameters.end(), {View(ask.order), count, View(ask.after)});
  const PostgresResult result = database.Query(kSearch, parameters);
  const auto limit = static_cast<int>(ask.limit);
  for (int row = 0; row < result.rows() && row < limit; ++row) {
    found.hits.push_back({Text(result, row, 0), Optional(result, row, 1), Optional(result, row, 2),
                          Optional(result, row, 3), Optional(result, row, 4), Text(result, row, 5), std::nullopt});
    found.relaxed = found.relaxed || IsTrue(result, row, 6);
  }
  if (result.rows() > limit) found.next = found.hits.back().cursor;
}

void Count(PostgresConnection &database, const Ask &ask, Found &found) {
  PostgresParameters parameters = ParametersOf(ask);
  parameters.emplace_back(ask.total == Ask::Total::kExact ? "true" : "false");
  const PostgresResult result = database.Query(kCount, parameters);
  if (result.rows() == 0) return;
  found.total = Optional(result, 0, 0);
  found.total_is_exact = IsTrue(result, 0, 1);
}

void Facets(PostgresConnection &database, const Ask &ask, Found &found) {
  PostgresParameters parameters = ParametersOf(ask);
  parameters.insert(parameters.end(), {ask.facets, View(ask.max_values)});
  const PostgresResult result = database.Query(kFacets, parameters);
  for (int row = 0; row < result.rows(); ++row) {
    found.facets.push_back({Text(result, row, 0), Optional(result, row, 1), Optional(result, row, 2),
                            Optional(result, row, 3), Text(result, row, 4)});
  }
}

void Clusters(PostgresConnection &database, const Ask &ask, Found &found) {
  const std::string zoom = std::to_string(ask.zoom);
  const std::string limit = std::to_string(kMaxClusters + 1);
  PostgresParameters parameters = ParametersOf(ask);
  parameters.insert(parameters.end(), {zoom, limit});
  const PostgresResult result = database.Query(kClusters, parameters);
  if (static_cast<std::size_t>(result.rows()) > kMaxClusters) {
    found.outcome = Outcome::kWrong;
    found.detail = "there are more than " + std::to_string(kMaxClusters) +
                   " clusters: ask with a smaller zoom, or within a smaller bbox";
    return;
  }
  for (int row = 0; row < result.rows(); ++row) {
    found.clusters.push_back({Text(result, row, 0), Text(result, row, 1), Text(result, row, 2), Text(result, row, 3),
                              Text(result, row, 4), Text(result, row, 5), Text(result, row, 6),
                              Optional(result, row, 7)});
  }
}

} // namespace

Found RunStatements(PostgresConnection &database, const Ask &ask) {
  Found found;
  switch (ask.kind) {
  case Kind::kSearch:
    Search(database, ask, found);
    if (ask.total != Ask::Total::kNone) Count(database, ask, found);
    break;
  case Kind::kFacets: Facets(database, ask, found); break;
  case Kind::kClusters: Clusters(database, ask, found); break;
  }
  return found;
}

} // namespace itemize::sidecar::search
