#include "admission/register.hpp"

#include "itemize/change_event.hpp"
#include "itemize/internal_types.hpp"

#include <utility>

namespace itemize::sidecar::admission {

void Register::Reset(const Position &position) {
  const std::lock_guard<std::mutex> lock(mutex_);
  tokens_.Clear();
  unknown_tokens_.Clear();
  blocks_.Clear();
  changed_ = position;
  suspended_ = false;
  EndAll();
}

void Register::Suspend() {
  const std::lock_guard<std::mutex> lock(mutex_);
  suspended_ = true;
}

void Register::Resume() {
  const std::lock_guard<std::mutex> lock(mutex_);
  suspended_ = !changed_;
}

void Register::Note(std::string_view piece, const Position &position) {
  // Of most pieces none is concerned, and this is cheaper than to take them apart.
  if (piece.find(kInternalPrefix) == std::string_view::npos) return;
  auto reader = PieceReader::Open(piece);
  if (!reader) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  Change change;
  while (reader->Next(change)) {
    if (change.kind == LineKind::kMessage || !IsInternalType(change.type)) continue;
    changed_ = position;
    Touch(change.type, change.key, change.kind == LineKind::kInsert);
  }
}

void Register::NoteHealed(std::string_view type, std::string_view key, const Position &position) {
  if (!type.empty() && !IsInternalType(type)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!changed_ || changed_->epoch != position.epoch || changed_->version < position.version) changed_ = position;
  Touch(type, key, false);
}

/// The mutex is held. Without a key: of all.
void Register::Touch(std::string_view type, std::string_view key, bool is_new) {
  if (key.empty()) {
    tokens_.Clear();
    unknown_tokens_.Clear();
    blocks_.Clear();
    return EndAll();
  }
  const std::string hash(key);
  if (type == kBlockType) {
    blocks_.Erase(hash);
    return End(hash);
  }
  tokens_.Erase(hash);
  unknown_tokens_.Erase(hash);
  // Nobody has a stream by a token that was not there yet.
  if (!is_new) End(hash);
}

/// The mutex is held.
void Register::EndAll() {
  all_ended_ = Clock::now();
  last_ended_.store(all_ended_.time_since_epoch().count(), std::memory_order_release);
  ended_.Clear();
  ended_count_ = 0;
}

/// The mutex is held.
void Register::End(const std::string &hash) {
  const auto now = Clock::now();
  if (now - ended_aged_ > kEndedKept) {
    ended_.Age();
    ended_aged_ = now;
    ended_count_ = 0;
  }
  // More than can be told apart: all have to be verified again.
  if (++ended_count_ > kEnded) return EndAll();
  ended_.Put(hash, now);
  last_ended_.store(now.time_since_epoch().count(), std::memory_order_release);
}

bool Register::Ends(const identity::Identity &caller) {
  const Clock::time_point last{Clock::duration(last_ended_.load(std::memory_order_acquire))};
  // Or it was looked at many times since.
  if (caller.verified > last || Clock::now() - last > 2 * kEndedKept) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (caller.verified <= all_ended_) return true;
  for (const std::string *const hash : {&caller.token_hash, &caller.subject_hash}) {
    if (hash->empty()) continue;
    const Clock::time_point *const ended = ended_.Find(*hash);
    if (ended != nullptr && caller.verified <= *ended) return true;
  }
  return false;
}

std::optional<identity::Caller> Register::FindToken(const std::string &hash, Trust trust) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (suspended_ && trust == Trust::kCurrent) return std::nullopt;
  if (const identity::Caller *const known = tokens_.Find(hash)) return *known;
  if (unknown_tokens_.Find(hash) != nullptr) return identity::Caller();
  return std::nullopt;
}

std::optional<Block> Register::FindBlock(const std::string &hash, Trust trust) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (suspended_ && trust == Trust::kCurrent) return std::nullopt;
  if (const Block *const known = blocks_.Find(hash)) return *known;
  return std::nullopt;
}

/// The mutex is held. What was read before the last change that has come in may be from before it.
bool Register::MayKeep(const std::optional<Position> &read_at) const {
  return !suspended_ && changed_ && read_at && read_at->epoch == changed_->epoch &&
         !(read_at->version < changed_->version);
}

void Register::KeepToken(const std::string &hash, identity::Caller caller, const std::optional<Position> &read_at) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!MayKeep(read_at)) return;
  (caller ? tokens_ : unknown_tokens_).Put(hash, std::move(caller));
}

void Register::KeepBlock(const std::string &hash, Block block, const std::optional<Position> &read_at) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (MayKeep(read_at)) blocks_.Put(hash, block);
}

} // namespace itemize::sidecar::admission
