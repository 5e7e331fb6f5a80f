// SipHash-2-4 with 128 bits (Aumasson, Bernstein, "SipHash: a fast short-input PRF", 2012; the authors' reference
// implementation has the form of 128 bits): who has not the key cannot make the tag of any text. Plain C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace itemize {

/// 16 bytes, as two little-endian halves: of a key, and of a tag.
struct SipHalves {
  std::uint64_t low;
  std::uint64_t high;
};

namespace internal {

inline std::uint64_t SipWord(const char *bytes) noexcept {
  const auto byte = [bytes](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8U * i);
  };
  // Written out, so that compilers see one load.
  return byte(0) | byte(1) | byte(2) | byte(3) | byte(4) | byte(5) | byte(6) | byte(7);
}

inline std::uint64_t SipEnd(const char *bytes, std::size_t count) noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i)
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8U * i);
  return word;
}

class SipState {
public:
  explicit SipState(const SipHalves &key) noexcept
      : v0_(key.low ^ 0x736f6d6570736575U), v1_(key.high ^ 0x646f72616e646f6dU ^ 0xeeU),
        v2_(key.low ^ 0x6c7967656e657261U), v3_(key.high ^ 0x7465646279746573U) {}

  void Absorb(std::uint64_t word) noexcept {
    v3_ ^= word;
    Rounds(2);
    v0_ ^= word;
  }

  [[nodiscard]] SipHalves Finish() noexcept {
    v2_ ^= 0xeeU;
    Rounds(4);
    const std::uint64_t low = v0_ ^ v1_ ^ v2_ ^ v3_;
    v1_ ^= 0xddU;
    Rounds(4);
    return {low, v0_ ^ v1_ ^ v2_ ^ v3_};
  }

private:
  static std::uint64_t Rotate(std::uint64_t word, unsigned bits) noexcept {
    return (word << bits) | (word >> (64U - bits));
  }

  void Rounds(int count) noexcept {
    for (; count > 0; --count) {
      v0_ += v1_;
      v1_ = Rotate(v1_, 13) ^ v0_;
      v0_ = Rotate(v0_, 32);
      v2_ += v3_;
      v3_ = Rotate(v3_, 16) ^ v2_;
      v0_ += v3_;
      v3_ = Rotate(v3_, 21) ^ v0_;
      v2_ += v1_;
      v1_ = Rotate(v1_, 17) ^ v2_;
      v2_ = Rotate(v2_, 32);
    }
  }

  std::uint64_t v0_;
  std::uint64_t v1_;
  std::uint64_t v2_;
  std::uint64_t v3_;
};

} // namespace internal

inline SipHalves SipHash(const SipHalves &key, std::string_view text) noexcept {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  internal::SipState state(key);
  const std::size_t whole = text.size() - text.size() % kWord;
  for (std::size_t at = 0; at < whole; at += kWord)
    state.Absorb(internal::SipWord(text.data() + at));
  const std::uint64_t length = static_cast<std::uint64_t>(text.size()) << 56U;
  state.Absorb(length | internal::SipEnd(text.data() + whole, text.size() - whole));
  return state.Finish();
}

} // namespace itemize
