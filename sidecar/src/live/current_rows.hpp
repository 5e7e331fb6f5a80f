// Rows for events that do not carry them, as a read of now gives them.
#pragma once

#include "live/hub.hpp"
#include "read/item_reader.hpp"

#include <optional>
#include <string>
#include <utility>

namespace itemize::sidecar::live {

// `reader` is kept by reference.

inline HealedRowSource HealedRows(read::ItemReader &reader) {
  return [&reader](const std::string &type, const std::string &key) -> HealedRow {
    read::ReadDemand demand;
    demand.viewer = authorization::Viewer::Itself(); // who gets it is decided when it is sent
    auto read = reader.Read(type, {key}, demand);
    if (read.status != read::ReadResult::Status::kOk || !read.unencodable.empty()) return {};
    return {!read.rows.front(), std::move(read.rows.front())};
  };
}

inline RowSource CurrentRows(read::ItemReader &reader) {
  return [&reader](const std::string &type, const std::string &key) { return HealedRows(reader)(type, key).row; };
}

} // namespace itemize::sidecar::live
