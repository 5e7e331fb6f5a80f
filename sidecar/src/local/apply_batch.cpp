#include "local/apply_batch.hpp"

#include "itemize/erasure.hpp"

#include <algorithm>

namespace itemize::sidecar {
namespace {

/// Between two pieces a batch is full at this size.
constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;
constexpr std::size_t kBatchChanges = 250;
/// Inside a piece it is full here: at 5 to 10 µs a change Redis is busy for a few milliseconds, far less than 20.
constexpr std::size_t kStepChanges = 500;

/// Small pieces stand together in entries of the local stream of up to this size: an entry costs as much as a change.
/// It is what a node of a stream holds, so larger ones would not spare anything more.
constexpr std::size_t kEntryBytes = 4000;
/// Larger pieces have an entry of their own. No line of a change is shorter than eight bytes: one that stands with
/// others is never applied in steps.
constexpr std::size_t kTogetherBytes = kBatchChanges * 8;
static_assert(kBatchChanges * 2 <= kStepChanges);

/// Of a packed change, see ApplyScript.
constexpr std::size_t kPackedBytes = 1 + 1 + 4 + 8 + 5 * 4;
constexpr char kMoreOfPiece = 0;
constexpr char kEndOfPiece = 1;
constexpr char kEndOfStep = 2;
constexpr char kEndOfEntry = 3;
/// Kind of a change that changes nothing, for a piece that has no other.
constexpr char kNothing = 'H';
/// Everything up to the piece that it is in is to be forgotten once there is one behind it.
constexpr char kErasure = 'E';

template <typename Integer>
void AppendLittleEndian(std::string &bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof(value); ++i)
    bytes.push_back(static_cast<char>((value >> (8 * i)) & 0xFFU));
}

void AppendPlace(std::string &bytes, std::size_t place) {
  AppendLittleEndian(bytes, static_cast<std::uint32_t>(place));
}

/// A row that lacks members is told by a small letter: the script need not look for them.
char KindOf(const Change &change) {
  const auto kind = static_cast<char>(change.kind);
  if (change.kind != LineKind::kInsert && change.kind != LineKind::kUpdate) return kind;
  const std::string_view lengths = change.member_lengths;
  const bool absent = (!lengths.empty() && lengths.front() == '0') || lengths.find(",0") != std::string_view::npos;
  return absent ? 'u' : 'U';
}

} // namespace

bool ApplyBatch::full() const { return bytes_ >= kBatchBytes || count_ >= kBatchChanges; }

ApplyBatch::Added ApplyBatch::Add(std::string_view id, std::string_view piece) {
  const auto version = ParseVersion(id);
  auto reader = rest_ ? rest_ : PieceReader::Open(piece);
  rest_.reset();
  if (!reader || !version) return Added::kMalformed;
  if (piece.size() > kTogetherBytes || entry_text_.size() + piece.size() > kEntryBytes) EndEntry();
  const std::size_t packed_before = changes_.size();
  const std::size_t count_before = count_;
  bool erases = false;
  Change change;
  std::uint64_t last_ordinal = 0;
  while (true) {
    if (count_ >= kStepChanges && count_ > count_before) {
      Mark(kEndOfStep);
      AddToEntry(id, piece);
      reached_ = {version->commit_lsn, last_ordinal};
      rest_ = reader;
      return Added::kPart;
    }
    if (!reader->Next(change)) break;
    if (change.kind == LineKind::kMessage && change.topic == kErasureTopic) {
      PackBare(kErasure, change.ordinal);
      erases = true;
      last_ordinal = change.ordinal;
      continue;
    }
    // Of no state: an application event is for those who follow the stream, and what was set aside is told by the
    // change without members, or the truncation, behind it.
    if (change.kind == LineKind::kMessage || change.kind == LineKind::kSetAside) continue;
    Pack(change, piece);
    last_ordinal = change.ordinal;
  }
  if (!reader->ok()) {
    changes_.resize(packed_before);
    count_ = count_before;
    return Added::kMalformed;
  }
  if (changes_.size() == packed_before) PackBare(kNothing, 0);
  Mark(kEndOfPiece);
  AddToEntry(id, piece);
  if (erases || piece.size() > kTogetherBytes) EndEntry();
  reached_ = *version;
  if (reader->complete()) complete_ = reader->header().commit_lsn;
  if (!reader->header().heartbeat) last_commit_time_ = reader->header().commit_time;
  ++ended_;
  bytes_ += piece.size();
  return Added::kWhole;
}

void ApplyBatch::AddToEntry(std::string_view id, std::string_view piece) {
  entry_id_ = id;
  entry_index_.append(entry_index_.empty() ? "" : " ").append(id).append(" ").append(std::to_string(piece.size()));
  entry_text_ += piece;
}

void ApplyBatch::EndEntry() {
  if (entry_text_.empty()) return;
  char &flag = changes_[changes_.size() - kPackedBytes];
  if (flag == kEndOfPiece) flag = kEndOfEntry;
  const bool several = entry_index_.find(' ') != entry_index_.rfind(' ');
  entries_.Add(entry_id_);
  entries_.Add(several ? std::string_view(entry_index_) : std::string_view());
  entries_.Add(entry_text_);
  entry_index_.clear();
  entry_text_.clear();
}

void ApplyBatch::Pack(const Change &change, std::string_view piece) {
  const auto offset = [&](std::string_view part) {
    return entry_text_.size() + static_cast<std::size_t>(part.data() - piece.data());
  };
  const std::string_view name = change.kind == LineKind::kDefinition ? change.read : change.key;
  changes_.push_back(kMoreOfPiece);
  changes_.push_back(KindOf(change));
  AppendLittleEndian(changes_, SubjectNumber(change.type, change.generation));
  AppendLittleEndian(changes_, change.ordinal);
  // Lua counts from 1 and to the last byte.
  AppendPlace(changes_, offset(piece) + 1);
  AppendPlace(changes_, name.empty() ? 1 : offset(name) + 1);
  AppendPlace(changes_, name.empty() ? 0 : offset(name) + name.size());
  AppendPlace(changes_, change.row.empty() ? 0 : offset(change.row) + change.row.size());
  AppendPlace(changes_, change.row.empty() ? 0 : offset(change.member_lengths) + change.member_lengths.size());
  ++count_;
}

void ApplyBatch::PackBare(char kind, std::uint64_t ordinal) {
  const std::size_t end = changes_.size() + kPackedBytes;
  changes_.push_back(kMoreOfPiece);
  changes_.push_back(kind);
  AppendLittleEndian(changes_, std::uint32_t{0});
  AppendLittleEndian(changes_, ordinal);
  changes_.resize(end, '\0');
}

void ApplyBatch::Mark(char flag) { changes_[changes_.size() - kPackedBytes] = flag; }

std::uint32_t ApplyBatch::SubjectNumber(std::string_view type, std::uint64_t generation) {
  const auto found = std::find_if(subjects_.begin(), subjects_.end(), [&](const auto &subject) {
    return subject.second == generation && subject.first == type;
  });
  if (found == subjects_.end()) {
    subjects_.emplace_back(type, generation);
    return static_cast<std::uint32_t>(subjects_.size());
  }
  return static_cast<std::uint32_t>(found - subjects_.begin()) + 1;
}

void ApplyBatch::WriteSubjects(CommandBytes &command) const {
  command.Add(std::uint64_t{subjects_.size()});
  for (const auto &[type, generation] : subjects_) {
    command.Add(type);
    command.Add(generation);
  }
}

void ApplyBatch::Clear() {
  entries_.Clear();
  entry_index_.clear();
  entry_text_.clear();
  changes_.clear();
  subjects_.clear();
  count_ = ended_ = bytes_ = 0;
  last_commit_time_ = 0;
  complete_ = 0;
}

} // namespace itemize::sidecar
