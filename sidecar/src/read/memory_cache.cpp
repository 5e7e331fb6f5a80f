#include "read/memory_cache.hpp"

#include "base/entity_tag.hpp"

#include <iterator>
#include <utility>

namespace itemize::sidecar::read {

namespace {

/// Of an entry besides its texts: list and hash nodes, the shared item's counters and its strings' own sizes.
constexpr std::size_t kEntryBytes = 320;
/// One item must not push out all others.
constexpr std::size_t kSharesOfOneItem = 8;

} // namespace

MemoryCache::MemoryCache(std::size_t most_bytes, Metrics &metrics)
    : most_bytes_(most_bytes),
      hits_(metrics.Counter("itemize_memory_hits_total", "Items whose bytes came from this process' memory")),
      evictions_(metrics.Counter("itemize_memory_evictions_total", "Items that had to leave memory for others")),
      bytes_shown_(metrics.Gauge("itemize_memory_bytes", "Bytes of the items in this process' memory")) {}

std::string MemoryCache::NameOf(std::string_view type, std::string_view key) {
  std::string name;
  name.reserve(type.size() + 1 + key.size());
  name += type;
  name += '/'; // in no type's name
  name += key;
  return name;
}

SharedItem MemoryCache::Find(const std::string &type, const std::string &key) {
  if (!enabled()) return nullptr;
  const std::string name = NameOf(type, key);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto place = places_.find(name);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->item;
}

void MemoryCache::Keep(const std::string &type, const std::string &key, std::string stamp, std::string row,
                       const Position &read_at, std::string_view directives) {
  std::string name = NameOf(type, key);
  const std::size_t bytes = kEntryBytes + name.size() + stamp.size() + row.size() + directives.size();
  if (bytes > most_bytes_ / kSharesOfOneItem) return;
  auto item = std::make_shared<KeptItem>();
  item->entity_tag = EntityTag(row);
  item->stamp = std::move(stamp);
  item->row = std::move(row);
  item->directives = directives;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!reached_ || read_at.epoch != reached_->epoch || read_at.version < reached_->version) return;
  if (const auto place = places_.find(name); place != places_.end()) Remove(place->second);
  entries_.push_front({std::move(name), std::move(item), bytes});
  places_.emplace(entries_.front().name, entries_.begin());
  bytes_ += bytes;
  MakeRoom();
  bytes_shown_.Set(static_cast<double>(bytes_));
}

void MemoryCache::KeepCoded(const std::string &type, const std::string &key, const SharedItem &item, Coding coding,
                            std::optional<std::string> compressed) {
  const std::string name = NameOf(type, key);
  auto with_it = std::make_shared<KeptItem>();
  with_it->stamp = item->stamp;
  with_it->row = item->row;
  with_it->entity_tag = item->entity_tag;
  with_it->directives = item->directives;
  with_it->coded = item->coded;
  const std::size_t bytes = compressed ? compressed->size() : 0;
  with_it->coded[static_cast<std::size_t>(coding)] = compressed ? std::move(*compressed) : std::string();
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto place = places_.find(name);
  if (place == places_.end() || place->second->item != item) return;
  place->second->item = std::move(with_it);
  place->second->bytes += bytes;
  bytes_ += bytes;
  MakeRoom();
  bytes_shown_.Set(static_cast<double>(bytes_));
}

void MemoryCache::MakeRoom() {
  while (bytes_ > most_bytes_) {
    Remove(std::prev(entries_.end()));
    evictions_.Increment();
  }
}

void MemoryCache::Remove(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  places_.erase(entry->name);
  entries_.erase(entry);
}

void MemoryCache::ForgetType(std::string_view type) {
  const std::string prefix = NameOf(type, {});
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto entry = at++;
    if (entry->name.compare(0, prefix.size(), prefix) == 0) Remove(entry);
  }
}

void MemoryCache::ForgetChange(const Change &change) {
  switch (change.kind) {
  case LineKind::kInsert:
  case LineKind::kUpdate:
  case LineKind::kDelete:
    if (const auto place = places_.find(NameOf(change.type, change.key)); place != places_.end()) Remove(place->second);
    return;
  case LineKind::kTruncate:
  case LineKind::kDefinition: return ForgetType(change.type);
  default: return;
  }
}

void MemoryCache::ForgetChanges(std::string_view piece, const Position &position) {
  if (!enabled()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  reached_ = position;
  if (entries_.empty()) return;
  if (auto reader = PieceReader::Open(piece)) {
    Change change;
    while (reader->Next(change))
      ForgetChange(change);
  }
  bytes_shown_.Set(static_cast<double>(bytes_));
}

void MemoryCache::Forget(const std::string &type, const std::string &key) {
  const std::string name = NameOf(type, key);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto place = places_.find(name); place != places_.end()) Remove(place->second);
  bytes_shown_.Set(static_cast<double>(bytes_));
}

void MemoryCache::Clear(const Position &position) {
  const std::lock_guard<std::mutex> lock(mutex_);
  places_.clear();
  entries_.clear();
  bytes_ = 0;
  bytes_shown_.Set(0);
  reached_ = position;
}

} // namespace itemize::sidecar::read
