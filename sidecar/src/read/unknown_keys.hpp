// What of a question the copy could not answer.
#pragma once

#include "read/local_copy.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace itemize::sidecar::read {

/// The keys whose item is not known, and where they are.
struct UnknownKeys {
  std::vector<std::string> keys;
  std::vector<std::size_t> places;
};

inline UnknownKeys FindUnknown(const std::vector<std::string> &keys, const std::vector<HeldItem> &items) {
  UnknownKeys unknown;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].state != HeldItem::State::kUnknown) continue;
    unknown.keys.push_back(keys[i]);
    unknown.places.push_back(i);
  }
  return unknown;
}

} // namespace itemize::sidecar::read
