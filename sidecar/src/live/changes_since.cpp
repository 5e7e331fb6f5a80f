#include "live/changes_since.hpp"

#include "itemize/row_members.hpp"

#include <utility>

namespace itemize::sidecar::live {

ChangesSince::ChangesSince(const std::vector<Interest> &interests, const Version &since, OwnedChanges owned)
    : since_(since), owned_(std::move(owned)) {
  for (const Interest &interest : interests) {
    if (interest.type.front() == kTopicMark) continue;
    Wanted &wanted = wanted_[interest.type];
    if (interest.key)
      wanted.keys.insert(*interest.key);
    else
      wanted.whole = true;
  }
}

void ChangesSince::Add(const StreamEntry &entry) {
  auto piece = PieceReader::Open(entry.piece);
  if (!piece) return;
  Change change;
  while (piece->Next(change)) {
    // The position may be inside a transaction.
    if (Version{piece->header().commit_lsn, change.ordinal} <= since_) continue;
    switch (change.kind) {
    case LineKind::kInsert:
    case LineKind::kUpdate:
    case LineKind::kDelete: AddChange(change); break;
    case LineKind::kTruncate: Resync(change.type, "truncate"); break;
    case LineKind::kDefinition: Resync(change.type, "definition"); break;
    default: break; // what a change set aside means for its item is told by the change behind it
    }
  }
}

void ChangesSince::AddChange(const Change &change) {
  switch (owned_.Of(change)) {
  case OwnedChanges::For::kViewer: break;
  case OwnedChanges::For::kAnother: return;
  case OwnedChanges::For::kUnknown: return Resync(change.type, "owner");
  }
  if (ItemSince *const item = Find(change.type, change.key, change.kind != LineKind::kInsert)) AddRow(change, *item);
}

ItemSince *ChangesSince::Find(std::string_view type, std::string_view key, bool existed) {
  std::string name(type);
  const auto wanted = wanted_.find(name);
  if (wanted == wanted_.end() || resyncs_.count(name) > 0) return nullptr;
  std::string text(key);
  if (!wanted->second.whole && wanted->second.keys.count(text) == 0) return nullptr;
  const auto [item, first] = items_[std::move(name)].try_emplace(std::move(text));
  if (first) {
    item->second.existed = existed;
    bytes_ += key.size();
  }
  return &item->second;
}

void ChangesSince::AddRow(const Change &change, ItemSince &item) {
  bytes_ -= item.row.size();
  item.exists = change.kind != LineKind::kDelete;
  std::optional<MergedRow> merged;
  if (!item.exists) {
    merged = MergedRow{};
  } else if (!HasAbsentMembers(change.member_lengths)) {
    merged = MergedRow{std::string(change.row), std::string(change.member_lengths)};
  } else if (!item.row.empty()) {
    merged = MergeRow(change.row, change.member_lengths, item.row, item.member_lengths);
  }
  item.row = merged ? std::move(merged->row) : std::string();
  item.member_lengths = merged ? std::move(merged->member_lengths) : std::string();
  bytes_ += item.row.size();
}

void ChangesSince::AddHealed(const std::vector<HealedItem> &items) {
  for (const HealedItem &healed : items) {
    // At the same position it may have been told before or after.
    if (healed.applied < since_) continue;
    if (healed.type.empty()) return ResyncAll("healed");
    // Whose it seemed to be is not known, nor that it is another's.
    if (owned_.Has(healed.type)) {
      Resync(healed.type, "healed");
      continue;
    }
    ItemSince *const item = Find(healed.type, healed.key, true);
    if (item == nullptr) continue;
    bytes_ -= item->row.size();
    item->exists = true; // which reading it decides
    item->row.clear();
  }
}

void ChangesSince::Resync(std::string_view type, std::string_view reason) {
  std::string name(type);
  if (wanted_.count(name) == 0) return;
  if (const auto items = items_.find(name); items != items_.end()) {
    for (const auto &[key, item] : items->second)
      bytes_ -= key.size() + item.row.size();
    items_.erase(items);
  }
  resyncs_.emplace(std::move(name), reason);
}

void ChangesSince::ResyncAll(std::string_view reason) {
  for (const auto &[type, wanted] : wanted_)
    Resync(type, reason);
}

void ChangesSince::Drop(const std::string &type) {
  Resync(type, {});
  resyncs_.erase(type);
  wanted_.erase(type);
}

} // namespace itemize::sidecar::live
