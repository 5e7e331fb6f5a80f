#include "local/apply_script.hpp"
#include "local/local_store.hpp"

namespace itemize::sidecar {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;
constexpr std::size_t kBatchChanges = 500;

} // namespace

bool ApplyBatch::full() const { return bytes_ >= kBatchBytes || changes_ >= kBatchChanges; }

bool ApplyBatch::Add(std::string_view id, std::string_view piece) {
  auto reader = PieceReader::Open(piece);
  if (!reader) return false;
  const std::size_t before = arguments_.size();
  const auto add_view = [&](std::string_view view) { arguments_.push_back({view, {}}); };
  const auto add_number = [&](std::uint64_t number) { arguments_.push_back({{}, std::to_string(number)}); };
  add_view(id);
  add_view(piece);
  add_number(reader->header().xid);
  const std::size_t complete_at = arguments_.size();
  add_view({});
  const std::size_t count_at = arguments_.size();
  add_number(0);
  std::size_t count = 0;
  Change change;
  while (reader->Next(change)) {
    // Of no state: an application event is for those who follow the stream, and what was set aside is told by the
    // change without members, or the truncation, behind it.
    if (change.kind == LineKind::kMessage || change.kind == LineKind::kSetAside) continue;
    ++count;
    arguments_.push_back({{}, std::string(1, static_cast<char>(change.kind))});
    add_view(change.type);
    add_number(change.generation);
    add_view(change.kind == LineKind::kDefinition ? change.read : change.key);
    if (change.row.empty()) {
      add_view({});
      add_view({});
    } else {
      const auto offset = static_cast<std::size_t>(change.row.data() - piece.data());
      add_number(offset + 1);
      add_number(offset + change.row.size());
    }
    add_view(change.member_lengths);
  }
  if (!reader->ok()) {
    arguments_.resize(before);
    return false;
  }
  if (reader->complete()) arguments_[complete_at].number = std::to_string(reader->header().commit_lsn);
  arguments_[count_at].number = std::to_string(count);
  if (!reader->header().heartbeat) last_commit_time_ = reader->header().commit_time;
  ++pieces_;
  changes_ += count;
  bytes_ += piece.size();
  return true;
}

RedisArguments ApplyBatch::Arguments() const {
  RedisArguments views;
  views.reserve(arguments_.size());
  for (const Argument &argument : arguments_) {
    views.push_back(argument.number.empty() ? argument.view : std::string_view(argument.number));
  }
  return views;
}

} // namespace itemize::sidecar
