// What the database says of the item types that there are, for whoever asks how items look.
#pragma once

#include "postgres/connection.hpp"
#include "read/backends.hpp"
#include "read/lazy_connection.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace itemize::sidecar::http {

struct ItemDescription {
  std::string type;
  /// Who may read it, in the words of the change stream.
  std::string rule;
  bool searchable = false;
  /// JSON objects: a JSON Schema by name, of each field, and of each column that can be written.
  std::string properties;
  std::string columns;
};

/// Asks the database once in a while, however many ask here. Thread-safe.
class Descriptions {
public:
  using All = std::shared_ptr<const std::vector<ItemDescription>>;

  /// How old what is told may be, while the database answers.
  static constexpr std::chrono::milliseconds kLongestKept{1000};

  explicit Descriptions(read::ReadBackends &backends);

  /// In the order of the types; null when the database could not be asked yet. While it is away, as it was.
  All Get();

private:
  using Clock = std::chrono::steady_clock;

  void Ask();

  read::ReadBackends &backends_;
  read::Outage refusal_;
  /// Held by the one who asks the database: nobody waits for him.
  std::mutex asking_;
  read::LazyConnection<PostgresConnection> database_;
  std::mutex mutex_;
  All all_;
  Clock::time_point next_{};
};

} // namespace itemize::sidecar::http
