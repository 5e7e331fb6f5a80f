// The truth: items as the primary gives them through itemize.fetch and itemize.list, and a standby.
#pragma once

#include "postgres/connection.hpp"
#include "read/local_copy.hpp"

#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::read {

struct Fetched {
  RowsAsOf as_of;
  /// Of a standby: `<system identifier>.<timeline>` of what it replays.
  std::string history;
  /// In the order of the keys asked for.
  std::vector<FetchedItem> items;
};

struct PageItem {
  std::string key;
  std::string row;
};

/// What the database says of an item type.
struct DefinedRule {
  /// Who may read it, in the words of its definition.
  std::string rule;
  std::string generation;
};

/// The database does not know the type.
class UnknownType : public Error {
public:
  using Error::Error;
};

/// Functions throw PostgresError, UnknownType, or Stopped.
class ItemSource {
public:
  static Fetched Fetch(PostgresConnection &database, const std::string &type, const std::vector<std::string> &keys);

  /// From a standby, with the position that it has replayed.
  static Fetched FetchReplayed(PostgresConnection &standby, const std::string &type,
                               const std::vector<std::string> &keys);

  /// itemize.position(): the epoch, and how far the primary is. Nothing when it cannot tell: it is no primary, or no
  /// stream of it has begun.
  static std::optional<Position> PrimaryPosition(PostgresConnection &database);

  /// Up to `count` items after the key `after`, in key order; without `with_rows` their keys alone.
  static std::vector<PageItem> List(PostgresConnection &database, const std::string &type, std::size_t count,
                                    const std::optional<std::string> &after, bool with_rows);

  /// Who may read the type when no local copy can tell. Nothing: there is none.
  static std::optional<DefinedRule> ReadRule(PostgresConnection &database, const std::string &type);
};

/// `keys` as the text of a PostgreSQL array.
[[nodiscard]] std::string ArrayText(const std::vector<std::string> &keys);

} // namespace itemize::sidecar::read
