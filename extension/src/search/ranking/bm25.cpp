#include "search/ranking/bm25.hpp"

#include <algorithm>
#include <cmath>

namespace itemize::ranking {
namespace {

/// A factor of 1.03 from code to code, so that 255 of them reach from 1 to over 1800 lexemes.
constexpr double kLengthStep = 1.03;

std::uint8_t Byte(double code) noexcept { return static_cast<std::uint8_t>(std::clamp(std::round(code), 1.0, 255.0)); }

} // namespace

std::uint8_t RarityCode(double fraction) noexcept {
  return Byte(-std::log(std::clamp(fraction, 1e-7, 1.0)) / kRarityUnit);
}

std::uint8_t LengthCode(double lexemes) noexcept {
  if (!(lexemes > 0)) return 0;
  return Byte(std::log(lexemes) / std::log(kLengthStep));
}

double AverageLength(std::uint8_t code) noexcept { return code == 0 ? kTypicalLength : std::pow(kLengthStep, code); }

Parameters DecodeParameters(std::string_view bytes) noexcept {
  Parameters parameters;
  if (bytes.size() < Parameters::kHeaderBytes) return parameters;
  parameters.average_length = AverageLength(static_cast<std::uint8_t>(bytes[0]));
  for (std::size_t i = 0; i < 4; ++i) {
    parameters.weights[i] = static_cast<std::uint8_t>(bytes[i + 1]) * kWeightUnit;
  }
  parameters.rarity_codes = bytes.substr(Parameters::kHeaderBytes);
  return parameters;
}

std::string EncodeParameters(const Parameters &parameters) {
  std::string bytes(1, static_cast<char>(LengthCode(parameters.average_length)));
  for (const double weight : parameters.weights)
    bytes.push_back(static_cast<char>(Byte(weight / kWeightUnit)));
  bytes.append(parameters.rarity_codes);
  return bytes;
}

} // namespace itemize::ranking
