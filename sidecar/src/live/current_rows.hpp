// Rows for events that do not carry them, as a read of now gives them.
#pragma once

#include "live/hub.hpp"
#include "read/item_reader.hpp"

#include <optional>
#include <string>
#include <utility>

namespace itemize::sidecar::live {

// `reader` is kept by reference.

/// Nothing of a row that `viewer` may not read, by the rule that the row is held under.
inline RowNow CurrentRow(read::ItemReader &reader, const std::string &type, const std::string &key,
                         authorization::Viewer viewer) {
  read::ReadDemand demand;
  demand.viewer = std::move(viewer);
  auto read = reader.Read(type, {key}, demand);
  if (read.status != read::ReadResult::Status::kOk || !read.unencodable.empty()) return {};
  return {!read.rows.front(), std::move(read.rows.front())};
}

inline RowSource CurrentRows(read::ItemReader &reader, const authorization::Viewer &viewer) {
  return [&reader, viewer](const std::string &type, const std::string &key) {
    return CurrentRow(reader, type, key, viewer);
  };
}

inline RowUnderRule RowsUnderRule(read::ItemReader &reader) {
  return [&reader](const std::string &type, const std::string &key, const std::string &rule) {
    return CurrentRow(reader, type, key, authorization::Viewer::Under(rule));
  };
}

} // namespace itemize::sidecar::live
