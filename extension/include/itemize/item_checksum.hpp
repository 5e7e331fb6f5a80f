// Checksums by which two copies of the same items are compared without sending the items: one number for
// any set of them, whatever the order, computed alike in the database and beside a cluster's copy.
//
// A digest is XXH64 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md) chained through its seed; a
// checksum is the sum of the digests modulo 2^64: the order does not count, and unlike with exclusive or an
// item that is there twice does not hide itself.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace itemize {

namespace internal {

inline constexpr std::uint64_t kXxPrime1 = 0x9E3779B185EBCA87U;
inline constexpr std::uint64_t kXxPrime2 = 0xC2B2AE3D27D4EB4FU;
inline constexpr std::uint64_t kXxPrime3 = 0x165667B19E3779F9U;
inline constexpr std::uint64_t kXxPrime4 = 0x85EBCA77C2B2AE63U;
inline constexpr std::uint64_t kXxPrime5 = 0x27D4EB2F165667C5U;

inline std::uint64_t RotateLeft(std::uint64_t value, unsigned bits) {
  return (value << bits) | (value >> (64U - bits));
}

/// `Bytes` bytes as a little endian number, on any machine.
template <unsigned Bytes>
std::uint64_t LoadLittleEndian(const char *from) {
  unsigned char bytes[Bytes];
  std::memcpy(bytes, from, Bytes);
  std::uint64_t value = 0;
  for (unsigned i = 0; i < Bytes; ++i)
    value |= std::uint64_t{bytes[i]} << (8U * i);
  return value;
}

inline std::uint64_t XxRound(std::uint64_t lane, std::uint64_t input) {
  return RotateLeft(lane + input * kXxPrime2, 31) * kXxPrime1;
}

inline std::uint64_t XxMergeLane(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ XxRound(0, lane)) * kXxPrime1 + kXxPrime4;
}

} // namespace internal

/// XXH64.
inline std::uint64_t Xxh64(std::string_view text, std::uint64_t seed = 0) {
  using namespace internal;
  const char *at = text.data();
  const char *const end = at + text.size();
  std::uint64_t hash = seed + kXxPrime5;
  if (text.size() >= 32) {
    std::uint64_t lanes[4] = {seed + kXxPrime1 + kXxPrime2, seed + kXxPrime2, seed, seed - kXxPrime1};
    for (; end - at >= 32; at += 32) {
      for (unsigned i = 0; i < 4; ++i)
        lanes[i] = XxRound(lanes[i], LoadLittleEndian<8>(at + std::size_t{8} * i));
    }
    hash = RotateLeft(lanes[0], 1) + RotateLeft(lanes[1], 7) + RotateLeft(lanes[2], 12) + RotateLeft(lanes[3], 18);
    for (const std::uint64_t lane : lanes)
      hash = XxMergeLane(hash, lane);
  }
  hash += text.size();
  for (; end - at >= 8; at += 8)
    hash = RotateLeft(hash ^ XxRound(0, LoadLittleEndian<8>(at)), 27) * kXxPrime1 + kXxPrime4;
  if (end - at >= 4) {
    hash = RotateLeft(hash ^ (LoadLittleEndian<4>(at) * kXxPrime1), 23) * kXxPrime2 + kXxPrime3;
    at += 4;
  }
  for (; at < end; ++at)
    hash = RotateLeft(hash ^ (LoadLittleEndian<1>(at) * kXxPrime5), 11) * kXxPrime1;
  hash = (hash ^ (hash >> 33U)) * kXxPrime2;
  hash = (hash ^ (hash >> 29U)) * kXxPrime3;
  return hash ^ (hash >> 32U);
}

/// Of a key that has an item: XXH64 of the row, seeded with that of the member lengths, seeded with that of
/// the key text.
inline std::uint64_t ItemDigest(std::string_view key, std::string_view member_lengths, std::string_view row) {
  return Xxh64(row, Xxh64(member_lengths, Xxh64(key)));
}

/// Of a key that has none: XXH64 of the key text.
inline std::uint64_t MissingItemDigest(std::string_view key) { return Xxh64(key); }

/// Which of `buckets` (at least 1) a key belongs to.
inline std::uint32_t ItemBucket(std::string_view key, std::uint32_t buckets) {
  return static_cast<std::uint32_t>(Xxh64(key) % buckets);
}

} // namespace itemize
