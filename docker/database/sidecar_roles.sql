-- The two roles of the sidecar, in the database that it serves; each can do only what it needs.

-- Reads the change stream, and reports how far it is carried.
CREATE ROLE itemize_global LOGIN REPLICATION;
GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO itemize_global;

-- Reads definitions, and fetches items that clients may see; it has no right on any table.
CREATE ROLE itemize_reader LOGIN;
GRANT SELECT ON itemize.definitions TO itemize_reader;
GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), itemize.list(text, integer, text), itemize.item_json(text, text),
  itemize.checksum(text, text[], integer), itemize.fetch_replayed(text, text[]) TO itemize_reader;
