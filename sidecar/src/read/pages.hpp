// Rendered pages in the local copy, each with the items it was made of. A page stands as long as the rows of all of
// them do, which the stamps on these tell (ItemField::kStamp): the applier takes a stamp off in the step in which it
// changes the row. So no page outlives its items, whatever becomes of them, and a change costs nothing for there being
// pages.
#pragma once

#include "itemize/lsn.hpp"
#include "options.hpp"
#include "redis/connection.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace itemize::sidecar::read {

struct Page {
  std::string body;
  std::string content_type;
  std::string entity_tag;
};

/// Type and canonical key.
using PageItemName = std::pair<std::string, std::string>;

/// The rows of items under stamps.
struct StampedRows {
  std::string name_space;
  Position position;
  /// Set when the copy is one that may be read.
  bool current = false;
  struct Row {
    std::string row;
    std::string stamp;
  };
  /// For each item; nothing where there is no row.
  std::vector<std::optional<Row>> rows;
};

struct FoundPage {
  Position position;
  Lsn complete = 0;
  /// The copy is one that may be read.
  bool current = false;
  /// Nothing when there is none that stands.
  std::optional<Page> page;
  std::map<std::string, std::vector<std::string>> items; ///< keys by type
  /// Of the types, as definitions have them.
  std::vector<std::string> rules;
  /// Of each item by a rule of owners: the rule, the row.
  std::vector<std::pair<std::string, std::string>> owned;
};

/// Stateless: all functions are one round trip and throw RedisError.
class Pages {
public:
  explicit Pages(const Options &options);

  /// Nothing when there is no local copy.
  std::optional<StampedRows> Stamp(RedisConnection &redis, const std::vector<PageItemName> &items) const;
  /// `items` and `rows` go together. False when one of them is another by now.
  [[nodiscard]] bool Put(RedisConnection &redis, const std::string &path, const Page &page,
                         const std::vector<PageItemName> &items, const StampedRows &rows) const;
  /// Nothing when there is no local copy.
  std::optional<FoundPage> Find(RedisConnection &redis, const std::string &path) const;
  void Remove(RedisConnection &redis, const std::string &path) const;

private:
  std::string state_key_;
  std::string item_ttl_;
};

} // namespace itemize::sidecar::read
