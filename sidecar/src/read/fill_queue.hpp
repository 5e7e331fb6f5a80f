// Items that requests found missing from the copy, fetched together: while one question is with the database, what is
// asked meanwhile becomes the next one. A request that waits costs its connection, and no thread.
#pragma once

#include "read/item_reader.hpp"
#include "read/position_watch.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace itemize::sidecar::read {

/// Thread-safe.
class FillQueue {
public:
  /// Questions to the database at a time; each is run by a thread of Run.
  static constexpr std::size_t kThreads = 2;
  static constexpr std::size_t kMostKeys = 500;

  explicit FillQueue(ReadBackends &backends) : backends_(backends) {}

  /// Wakes when the item has been tried to be taken into the copy, whatever came of it.
  void Add(const std::string &type, const std::string &key, Wake wake);
  /// Works until a stop.
  void Run(const StopToken &stop);
  /// Drops who still waits.
  void Clear();

private:
  struct Batch {
    std::string type;
    std::vector<std::string> keys;
  };

  /// Empty when there was nothing to do for a while.
  Batch Take();
  /// Wakes who waits for a key of it, and who came to since it was taken.
  void Finish(const Batch &batch);

  ReadBackends &backends_;
  std::mutex mutex_;
  std::condition_variable changed_;
  /// Who waits for a key of a type.
  using Waiting = std::map<std::string, std::vector<Wake>>;
  /// Types of waiting_, in the order of their first request.
  std::deque<std::string> types_;
  std::map<std::string, Waiting> waiting_;
  /// Of what a thread is working on: nobody else begins the same.
  std::map<std::string, Waiting> taken_;
};

} // namespace itemize::sidecar::read
