// The lines that tail prints, docs/reference/tail.md. Text in, text out: no server is seen here.
#pragma once

#include "itemize/change_event.hpp"
#include "itemize/lsn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

/// `text` as a JSON string, with its quotes. UTF-8 stays as it is.
std::string JsonString(std::string_view text);

/// `2026-11-21T02:30:44.248163Z`
std::string FormatUtc(std::int64_t unix_microseconds);

/// Places, from 1, of the members that are absent from a row; see docs/reference/change-event.md.
std::vector<std::size_t> AbsentMembers(std::string_view member_lengths);

/// What a line says besides the change itself.
struct RecordFrame {
  /// Text of the epoch; empty: the line gets no position, as none may be resumed from.
  std::string_view epoch;
  /// Of the group's partitions the one that the line belongs to.
  std::optional<unsigned> partition;
};

/// One change without the closing brace and the line end, so that `"last":true` can follow; see CloseRecord.
std::string OpenRecord(const PieceHeader &header, const Change &change, const RecordFrame &frame);
/// `last`: no further line of its transaction follows.
std::string CloseRecord(std::string record, bool last);

/// A row of the snapshot.
std::string RowRecord(std::string_view type, std::string_view key, std::string_view item, std::string_view generation,
                      const std::optional<unsigned> &partition);

/// `{"position":…,"op":…}`, for a place in the stream at which nothing of interest happened.
std::string MarkRecord(const Position &position, std::string_view op);

/// What is held is worth nothing any more, and why.
std::string ResyncRecord(std::string_view reason);

} // namespace itemize::sidecar
