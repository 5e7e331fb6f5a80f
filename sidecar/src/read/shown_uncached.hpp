// What was answered past the copy while it could not be talked to. The copy may hold older rows of it, so before this
// process reads the copy again they are forgotten there, and filled anew (invariant I2).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace itemize::sidecar::read {

/// Thread-safe.
class ShownUncached {
public:
  /// What is to be forgotten in the copy, and then given to Forgotten.
  struct Due {
    std::string type;
    /// All that is held of the type; else `keys`.
    bool whole = false;
    std::vector<std::string> keys;
    std::uint64_t up_to = 0;
  };

  /// `most_bytes` of keys are kept; beyond that all of a type is to be forgotten.
  explicit ShownUncached(std::size_t most_bytes = kMostBytes) : most_bytes_(most_bytes) {}

  /// To be called before the answer is given.
  void Add(const std::string &type, const std::vector<std::string> &keys);

  /// Of `keys`, those that are due; nothing when none is.
  [[nodiscard]] std::optional<Due> DueOf(const std::string &type, const std::vector<std::string> &keys) const;
  /// Up to `most` keys of any type.
  [[nodiscard]] std::optional<Due> DueOfAny(std::size_t most) const;
  /// What was added since `due` was asked for stays.
  void Forgotten(const Due &due);

private:
  static constexpr std::size_t kMostBytes = std::size_t{8} << 20U;

  /// By the number of the Add that was last.
  struct OfType {
    std::uint64_t whole = 0;
    std::unordered_map<std::string, std::uint64_t> keys;
  };

  std::size_t most_bytes_;
  std::atomic<bool> empty_{true};
  mutable std::mutex mutex_;
  std::uint64_t number_ = 0;
  std::size_t bytes_ = 0;
  std::map<std::string, OfType> types_;
};

} // namespace itemize::sidecar::read
