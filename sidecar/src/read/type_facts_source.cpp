#include "read/type_facts_source.hpp"

#include "itemize/lsn.hpp"

namespace itemize::sidecar::read {

namespace {

// By the tables' names in the catalogs: the role of this process need not have any right on them. What a column of a
// domain holds is of the type below. The identity that counts is that of the tables that have the rows.
constexpr const char *kFacts =
    "SELECT d.generation, d.location, d.owner, d.parent, f.name,"
    " (WITH RECURSIVE domain (oid) AS (SELECT a.atttypid UNION ALL"
    "   SELECT t.typbasetype FROM domain JOIN pg_catalog.pg_type t ON t.oid = domain.oid WHERE t.typtype = 'd')"
    "  SELECT CASE WHEN t.typtype = 'e' THEN 'enum'"
    "              WHEN s.nspname = 'pg_catalog' OR t.typname IN ('geometry', 'geography') THEN t.typname::text END"
    "  FROM domain JOIN pg_catalog.pg_type t ON t.oid = domain.oid"
    "  JOIN pg_catalog.pg_namespace s ON s.oid = t.typnamespace WHERE t.typtype <> 'd'),"
    " i.statements"
    " FROM itemize.definitions d"
    " JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)"
    "  ON pg_catalog.format('%I.%I', n.nspname, c.relname) = d.source"
    " CROSS JOIN LATERAL (SELECT pg_catalog.string_agg("
    "   pg_catalog.format('ALTER TABLE %I.%I REPLICA IDENTITY FULL;', s.nspname, p.relname), ' '"
    "   ORDER BY s.nspname, p.relname) AS statements"
    "  FROM pg_catalog.pg_class p JOIN pg_catalog.pg_namespace s ON s.oid = p.relnamespace"
    "  WHERE p.relkind = 'r' AND p.relreplident <> 'f'"
    "   AND (p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) WHERE isleaf))) AS i"
    " CROSS JOIN LATERAL pg_catalog.unnest(d.fields) WITH ORDINALITY AS f (name, ordinal)"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = f.name AND NOT a.attisdropped"
    " WHERE d.type = $1 ORDER BY f.ordinal";

enum Column { kGeneration, kLocation, kOwner, kParent, kName, kTypeName, kStatements };

std::optional<std::string> TextAt(const PostgresResult &result, int row, Column column) {
  if (result.IsNull(row, column)) return std::nullopt;
  return std::string(result.Text(row, column));
}

} // namespace

std::optional<matching::TypeFacts> ReadTypeFacts(PostgresConnection &database, const std::string &type) {
  const PostgresResult result = database.Query(kFacts, {type});
  if (result.rows() == 0) return std::nullopt;
  matching::TypeFacts facts;
  facts.type = type;
  facts.generation = ParseUint64(result.Text(0, kGeneration)).value_or(0);
  facts.location = TextAt(result, 0, kLocation);
  facts.owner = TextAt(result, 0, kOwner);
  facts.parent = TextAt(result, 0, kParent);
  facts.missing_identity = TextAt(result, 0, kStatements).value_or("");
  for (int row = 0; row < result.rows(); ++row)
    facts.fields.push_back({std::string(result.Text(row, kName)), matching::KindOfType(result.Text(row, kTypeName))});
  return facts;
}

} // namespace itemize::sidecar::read
