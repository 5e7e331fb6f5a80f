#include "tail/record.hpp"

#include "itemize/cache_control.hpp"
#include "itemize/row_members.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace itemize::sidecar {
namespace {

std::string_view OpName(LineKind kind) {
  switch (kind) {
  case LineKind::kInsert: return "insert";
  case LineKind::kUpdate: return "update";
  case LineKind::kDelete: return "delete";
  case LineKind::kTruncate: return "truncate";
  case LineKind::kDefinition: return "definition";
  case LineKind::kMessage: return "message";
  case LineKind::kSetAside: return "set_aside";
  default: return "unknown";
  }
}

void AddText(std::string &record, std::string_view name, std::string_view text) {
  if (record.size() > 1) record += ',';
  record += '"';
  record += name;
  record += "\":";
  record += JsonString(text);
}

void AddRaw(std::string &record, std::string_view name, std::string_view json) {
  if (record.size() > 1) record += ',';
  record += '"';
  record += name;
  record += "\":";
  record += json;
}

void AddPartition(std::string &record, const std::optional<unsigned> &partition) {
  if (partition) AddRaw(record, "partition", std::to_string(*partition));
}

} // namespace

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    switch (c) {
    case '"': json += "\\\""; break;
    case '\\': json += "\\\\"; break;
    case '\n': json += "\\n"; break;
    case '\r': json += "\\r"; break;
    case '\t': json += "\\t"; break;
    default:
      if (static_cast<unsigned char>(c) >= 0x20) {
        json += c;
      } else {
        std::array<char, 7> escape{};
        std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
        json += escape.data();
      }
    }
  }
  return json + '"';
}

std::string FormatUtc(std::int64_t unix_microseconds) {
  constexpr std::int64_t kMicroseconds = 1'000'000;
  std::int64_t seconds = unix_microseconds / kMicroseconds;
  std::int64_t rest = unix_microseconds % kMicroseconds;
  if (rest < 0) {
    rest += kMicroseconds;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 48> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%06dZ", static_cast<int>(rest));
  return text.data();
}

std::vector<std::size_t> AbsentMembers(std::string_view member_lengths) {
  std::vector<std::size_t> absent;
  const auto lengths = ParseMemberLengths(member_lengths);
  for (std::size_t i = 0; lengths && i < lengths->size(); ++i) {
    if ((*lengths)[i] == 0) absent.push_back(i + 1);
  }
  return absent;
}

std::string OpenRecord(const PieceHeader &header, const Change &change, const RecordFrame &frame) {
  std::string record = "{";
  record.reserve(change.row.size() + 256);
  if (!frame.epoch.empty()) {
    AddText(record, "position", std::string(frame.epoch) + ':' + FormatVersion({header.commit_lsn, change.ordinal}));
  }
  AddText(record, "op", OpName(change.kind));
  if (change.kind == LineKind::kMessage) {
    AddText(record, "topic", change.topic);
    AddRaw(record, "payload", change.payload);
  } else if (!change.type.empty() && change.type.front() == kTopicMark) {
    AddText(record, "topic", change.type.substr(1));
  } else {
    AddText(record, "type", change.type);
  }
  if (!change.key.empty()) AddText(record, "key", change.key);
  if (!change.row.empty()) AddRaw(record, "item", change.row);
  if (HasAbsentMembers(change.member_lengths)) {
    std::string places;
    for (const std::size_t place : AbsentMembers(change.member_lengths))
      places += (places.empty() ? "" : ",") + std::to_string(place);
    AddRaw(record, "absent", '[' + places + ']');
  }
  if (change.kind == LineKind::kDefinition) AddText(record, "read", RuleOf(change.read));
  if (change.kind == LineKind::kSetAside) AddText(record, "reason", change.reason);
  if (change.kind != LineKind::kMessage) AddRaw(record, "generation", std::to_string(change.generation));
  AddRaw(record, "xid", std::to_string(header.xid));
  AddText(record, "time", FormatUtc(header.commit_time));
  if (!header.origin.empty()) AddText(record, "origin", header.origin);
  AddPartition(record, frame.partition);
  return record;
}

std::string CloseRecord(std::string record, bool last) {
  record += last ? ",\"last\":true}\n" : "}\n";
  return record;
}

std::string RowRecord(std::string_view type, std::string_view key, std::string_view item, std::string_view generation,
                      const std::optional<unsigned> &partition) {
  std::string record = "{";
  record.reserve(item.size() + 128);
  AddText(record, "op", "row");
  AddText(record, "type", type);
  AddText(record, "key", key);
  AddRaw(record, "item", item);
  AddRaw(record, "generation", generation);
  AddPartition(record, partition);
  return record + "}\n";
}

std::string MarkRecord(const Position &position, std::string_view op) {
  std::string record = "{";
  AddText(record, "position", FormatPosition(position));
  AddText(record, "op", op);
  return record + "}\n";
}

std::string ResyncRecord(std::string_view reason) {
  std::string record = "{";
  AddText(record, "op", "resync");
  AddText(record, "reason", reason);
  return record + "}\n";
}

} // namespace itemize::sidecar
