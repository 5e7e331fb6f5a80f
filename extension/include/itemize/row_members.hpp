// Field offsets of a row: merging a row with absent columns without parsing JSON.
//
// A row is '{' + members joined by ',' + '}'. Its member lengths, one per field of the definition in
// field order, give each member's length in bytes (`"name":value`); 0 marks a member that is absent
// because its unchanged TOAST value is not in the WAL.
#pragma once

#include "itemize/lsn.hpp"

#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize {

/// Nothing when the text is not a comma separated list of decimal numbers.
inline std::optional<std::vector<std::size_t>> ParseMemberLengths(std::string_view text) {
  std::vector<std::size_t> lengths;
  if (text.empty()) return lengths;
  while (true) {
    const std::size_t comma = text.find(',');
    const auto length = ParseUint64(text.substr(0, comma));
    if (!length) return std::nullopt;
    lengths.push_back(*length);
    if (comma == std::string_view::npos) return lengths;
    text.remove_prefix(comma + 1);
  }
}

/// Whether any member of the row is absent. Works on the text: no number starts with 0 but 0 itself.
inline bool HasAbsentMembers(std::string_view member_lengths) {
  return (!member_lengths.empty() && member_lengths[0] == '0') || member_lengths.find(",0") != std::string_view::npos;
}

/// The members of a row, empty where absent; nothing when row and lengths do not fit each other.
inline std::optional<std::vector<std::string_view>> SplitMembers(std::string_view row,
                                                                 std::string_view member_lengths) {
  const auto lengths = ParseMemberLengths(member_lengths);
  if (!lengths || row.size() < 2 || row.front() != '{' || row.back() != '}') return std::nullopt;
  std::vector<std::string_view> members;
  members.reserve(lengths->size());
  std::size_t at = 1;
  bool first = true;
  for (const std::size_t length : *lengths) {
    if (length == 0) {
      members.emplace_back();
      continue;
    }
    if (!first) {
      if (at >= row.size() || row[at] != ',') return std::nullopt;
      ++at;
    }
    first = false;
    if (length > row.size() - 1 || at > row.size() - 1 - length) return std::nullopt;
    members.push_back(row.substr(at, length));
    at += length;
  }
  if (at != row.size() - 1) return std::nullopt;
  return members;
}

struct MergedRow {
  std::string row;
  std::string member_lengths;
};

/// `newer` with each absent member taken from `held`. Nothing when the two have different numbers of
/// fields, do not fit their lengths, or a member is absent from both; and when `newer` has no member at all:
/// that is how a change that was set aside says to forget the held row.
inline std::optional<MergedRow> MergeRow(std::string_view newer, std::string_view newer_lengths, std::string_view held,
                                         std::string_view held_lengths) {
  if (newer == "{}") return std::nullopt;
  const auto fresh = SplitMembers(newer, newer_lengths);
  const auto old = SplitMembers(held, held_lengths);
  if (!fresh || !old || fresh->size() != old->size()) return std::nullopt;
  MergedRow merged;
  merged.row.reserve(newer.size() + held.size());
  merged.row.push_back('{');
  for (std::size_t i = 0; i < fresh->size(); ++i) {
    const std::string_view member = (*fresh)[i].empty() ? (*old)[i] : (*fresh)[i];
    if (member.empty()) return std::nullopt;
    if (i > 0) {
      merged.row.push_back(',');
      merged.member_lengths.push_back(',');
    }
    merged.row += member;
    merged.member_lengths += std::to_string(member.size());
  }
  merged.row.push_back('}');
  return merged;
}

} // namespace itemize
