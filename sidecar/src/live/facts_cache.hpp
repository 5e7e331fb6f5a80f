// What filters have to know of types: asked of the database once a definition, and now and then, however many come.
#pragma once

#include "matching/type_facts.hpp"
#include "read/item_reader.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace itemize::sidecar::live {

/// Thread-safe.
class FactsCache {
public:
  using Status = read::ReadResult::Status;

  struct Answer {
    /// kOk; kNotReady: the database and this cluster have other definitions just now; kUnavailable, kRefused.
    Status status = Status::kOk;
    /// With kOk.
    std::shared_ptr<const matching::TypeFacts> facts;
  };

  explicit FactsCache(Logger &log) : log_(log) {}

  /// Of the definition of that generation.
  Answer Get(read::ItemReader &reader, const std::string &type, std::uint64_t generation);

private:
  using Clock = std::chrono::steady_clock;
  struct Known {
    std::shared_ptr<const matching::TypeFacts> facts;
    Clock::time_point asked;
    bool asking = false;
    bool failed = false; ///< the last question
  };

  /// An answer, or null for none, to a question that was being asked.
  void Note(const std::string &type, std::shared_ptr<const matching::TypeFacts> facts);

  Logger &log_;
  /// Never held while the database is asked.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::string, Known> known_;
};

} // namespace itemize::sidecar::live
