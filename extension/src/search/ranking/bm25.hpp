// The ranking formula and its parameters, without the server: BM25 (Robertson and Zaragoza, "The Probabilistic
// Relevance Framework: BM25 and Beyond", 2009), with the columns' weights on the frequency of a word (its section 3.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace itemize::ranking {

/// k1 and b of the formula, at the values that its literature recommends for texts that nobody has tuned it for.
inline constexpr double kSaturation = 1.2;
inline constexpr double kLengthInfluence = 0.75;

/// Distinct lexemes of a document where statistics do not tell the average.
inline constexpr double kTypicalLength = 64;

/// What a position of weight D, C, B, A counts (ts_rank's default).
inline constexpr double kDefaultWeights[4] = {0.1, 0.2, 0.4, 1.0};

/// Rarity is kept in sixteenths, so that a page's cursor carries a byte for each word.
inline constexpr double kRarityUnit = 1.0 / 16;

/// Weights are kept in two hundredths.
inline constexpr double kWeightUnit = 1.0 / 200;

/// A byte for how much a word tells, from the part (0 to 1) of all documents that have it. At least 1: a word that
/// every document has still makes a difference by how often.
std::uint8_t RarityCode(double fraction) noexcept;

/// A byte for an average number of lexemes, in steps of three hundredths; 0 for none.
std::uint8_t LengthCode(double lexemes) noexcept;
double AverageLength(std::uint8_t code) noexcept;

/// How documents are scored for one question, the same for all its pages. As bytes: the code of the average length, the
/// weights of D, C, B and A, the rarity code of each operand in the order in which a tsquery stores them.
struct Parameters {
  static constexpr std::size_t kHeaderBytes = 5;

  double average_length = kTypicalLength;
  double weights[4] = {kDefaultWeights[0], kDefaultWeights[1], kDefaultWeights[2], kDefaultWeights[3]};
  std::string_view rarity_codes; ///< empty: all words alike

  /// Of operand `index`; 1 where there is no code for it.
  [[nodiscard]] double Rarity(std::size_t index) const noexcept {
    return index < rarity_codes.size() ? static_cast<std::uint8_t>(rarity_codes[index]) * kRarityUnit : 1.0;
  }
};

/// Views into `bytes`. Any bytes are parameters; missing ones stand for the defaults.
Parameters DecodeParameters(std::string_view bytes) noexcept;

std::string EncodeParameters(const Parameters &parameters);

/// The formula for documents of one question.
class Bm25 {
public:
  explicit Bm25(double average_length) noexcept
      : base_(kSaturation * (1 - kLengthInfluence)), per_lexeme_(kSaturation * kLengthInfluence / average_length) {}

  /// What a frequency has to outweigh in a document of so many distinct lexemes.
  [[nodiscard]] double Resistance(double lexemes) const noexcept { return base_ + per_lexeme_ * lexemes; }

  /// From 0 to below 1; `frequency` is weighted by column.
  static double Saturate(double frequency, double resistance) noexcept { return frequency / (frequency + resistance); }

private:
  double base_;
  double per_lexeme_;
};

} // namespace itemize::ranking
