#include "admission/inquiries.hpp"

#include "base/scope_exit.hpp"
#include "identity/api_token.hpp"
#include "itemize/internal_types.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace itemize::sidecar::admission {

namespace {

/// How late a stop may be noticed while nobody waits.
constexpr std::chrono::milliseconds kIdle{200};

read::ReadDemand Demand() {
  read::ReadDemand demand;
  demand.viewer = authorization::Viewer::Under(std::string(kReadInternal));
  demand.may_leave_out = true;
  return demand;
}

/// Of the row of a blocked subject; a row that is not understood blocks.
Block BlockOf(const std::string &row) {
  const auto parsed = nlohmann::json::parse(row, nullptr, false);
  if (!parsed.is_object()) return {Block::kForEver};
  const auto until = parsed.find("until");
  return {until != parsed.end() && until->is_number_integer() ? until->get<std::int64_t>() : Block::kForEver};
}

} // namespace

Inquiries::Inquiries(Register &known, read::ReadBackends &backends)
    : known_(known), backends_(backends),
      asked_(backends.services.metrics.Counter(
          "itemize_admission_inquiries_total",
          "API tokens and subjects that the copy or the database was asked about, being unknown to the process")) {}

void Inquiries::Add(const std::shared_ptr<Inquiry> &inquiry, read::Wake wake) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_.size() < kMostWaiting) {
      waiting_.emplace_back(inquiry, std::move(wake));
      changed_.notify_one();
      return;
    }
  }
  wake(); // without an answer
}

std::vector<Inquiries::Waiting> Inquiries::Take() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (waiting_.empty()) changed_.wait_for(lock, kIdle);
  std::vector<Waiting> taken;
  while (!waiting_.empty() && taken.size() < kMostKeys) {
    taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return taken;
}

void Inquiries::Run(const StopToken &stop) {
  read::ItemReader reader(backends_);
  while (!stop.stopped()) {
    const auto taken = Take();
    if (taken.empty()) continue;
    // Whatever comes of it, they are answered.
    const ScopeExit wake([&] {
      for (const Waiting &waiting : taken)
        waiting.second();
    });
    Answer(reader, taken);
  }
}

void Inquiries::Answer(read::ItemReader &reader, const std::vector<Waiting> &waiting) {
  asked_.Increment(static_cast<double>(waiting.size()));
  std::vector<std::string> tokens;
  for (const auto &[inquiry, wake] : waiting) {
    if (!inquiry->token_hash.empty()) tokens.push_back(inquiry->token_hash);
  }
  const auto token_rows = Read(reader, kTokenType, std::move(tokens));
  std::vector<std::string> subjects;
  for (const auto &[inquiry, wake] : waiting) {
    if (const auto at = token_rows.find(inquiry->token_hash); at != token_rows.end()) {
      const auto &[row, position] = at->second;
      inquiry->caller = row ? identity::ApiTokenIdentity(inquiry->token_hash, *row) : nullptr;
      known_.KeepToken(inquiry->token_hash, *inquiry->caller, position);
      if (*inquiry->caller) inquiry->subject_hash = (*inquiry->caller)->subject_hash;
    }
    if (!inquiry->subject_hash.empty()) subjects.push_back(inquiry->subject_hash);
  }
  const auto block_rows = Read(reader, kBlockType, std::move(subjects));
  for (const auto &[inquiry, wake] : waiting) {
    const auto at = block_rows.find(inquiry->subject_hash);
    if (at == block_rows.end()) continue;
    inquiry->block = at->second.row ? BlockOf(*at->second.row) : Block{};
    known_.KeepBlock(inquiry->subject_hash, *inquiry->block, at->second.position);
  }
}

std::unordered_map<std::string, Inquiries::Row> Inquiries::Read(read::ItemReader &reader, std::string_view type,
                                                                std::vector<std::string> keys) {
  std::unordered_map<std::string, Row> rows;
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  const auto read = [&](const std::vector<std::string> &some) {
    if (some.empty()) return true;
    try {
      auto result = reader.Read(std::string(type), some, Demand());
      if (result.status != read::ReadResult::Status::kOk) return false;
      const auto is_in = [](const std::vector<std::size_t> &places, std::size_t place) {
        return std::binary_search(places.begin(), places.end(), place);
      };
      for (std::size_t i = 0; i < result.rows.size(); ++i) {
        if (is_in(result.contended, i) || is_in(result.unencodable, i)) continue;
        rows[some[i]] = {std::move(result.rows[i]), result.without_redis ? std::nullopt : result.position};
      }
      return true;
    } catch (const PostgresError &error) {
      backends_.services.log.Warning("inquiry_failed", {{"type", type}, {"error", error.what()}});
      return false;
    }
  };
  if (read(keys) || keys.size() < 2) return rows;
  // One that cannot be told takes none of the others with it.
  for (const std::string &key : keys)
    read({key});
  return rows;
}

void Inquiries::Clear() {
  std::deque<Waiting> waiting;
  const std::lock_guard<std::mutex> lock(mutex_);
  waiting.swap(waiting_);
}

} // namespace itemize::sidecar::admission
