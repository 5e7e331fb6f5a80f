// Questions about API tokens and blocked subjects that the register cannot answer: asked of the local copy, and through
// it of the database, many at a time and by one thread, however many requests come with tokens made up. A request that
// waits costs its connection.
#pragma once

#include "admission/register.hpp"
#include "read/item_reader.hpp"
#include "read/position_watch.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace itemize::sidecar::admission {

struct Inquiry {
  /// Hash of an API token; its subject is asked for with it. Empty: `subject_hash` alone.
  std::string token_hash;
  std::string subject_hash;

  // The answers; nothing where neither Redis nor the database could tell.

  /// A null caller: there is no such token.
  std::optional<identity::Caller> caller;
  std::optional<Block> block;

  /// What has happened since then the answers do not know of.
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
};

/// Has it answered, and wakes then.
using Inquire = std::function<void(const std::shared_ptr<Inquiry> &, read::Wake)>;

/// Thread-safe.
class Inquiries {
public:
  static constexpr std::size_t kMostWaiting = 10000;
  /// In one question.
  static constexpr std::size_t kMostKeys = 500;

  Inquiries(Register &known, read::ReadBackends &backends);

  /// Wakes when it has been answered, or cannot be.
  void Add(const std::shared_ptr<Inquiry> &inquiry, read::Wake wake);
  /// Works until a stop.
  void Run(const StopToken &stop);
  /// Drops who still waits.
  void Clear();

private:
  using Waiting = std::pair<std::shared_ptr<Inquiry>, read::Wake>;

  [[nodiscard]] std::vector<Waiting> Take();
  void Answer(read::ItemReader &reader, const std::vector<Waiting> &waiting);
  /// Rows of distinct keys, with what they are of; those that could not be read are left out.
  struct Row {
    std::optional<std::string> row;
    std::optional<Position> position;
  };
  [[nodiscard]] std::unordered_map<std::string, Row> Read(read::ItemReader &reader, std::string_view type,
                                                          std::vector<std::string> keys);

  Register &known_;
  read::ReadBackends &backends_;
  prometheus::Counter &asked_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
};

} // namespace itemize::sidecar::admission
