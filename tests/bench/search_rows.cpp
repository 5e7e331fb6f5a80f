// Rows for bench-search, the same in every run: `search_rows rows COUNT` writes them as COPY's text format,
// `search_rows words` the words that the searches rotate through, from frequent to rare.
//
// A vocabulary of made-up words whose frequencies follow Zipf's law, one for each of three languages; places crowd
// around cities, prices are log-normal in four currencies.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace {

constexpr int kVocabulary = 30000;
constexpr double kPi = 3.14159265358979323846;

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
class Random {
public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t mixed = (state_ += 0x9E3779B97F4A7C15U);
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }
  double Uniform() { return static_cast<double>(Next() >> 11U) * 0x1.0p-53; }
  int Below(int bound) { return static_cast<int>(Uniform() * bound); }
  double Normal() { return std::sqrt(-2 * std::log(1 - Uniform())) * std::cos(2 * kPi * Uniform()); }

private:
  std::uint64_t state_;
};

struct Language {
  const char *tag;
  double share; ///< of all rows, with those of the languages before
  std::uint64_t seed;
  std::vector<std::string> words; ///< from frequent to rare
};

/// Consonant and vowel, again and again, ending in a consonant: words that stemmers leave alone mostly.
std::vector<std::string> MakeVocabulary(std::uint64_t seed) {
  static constexpr std::string_view kConsonants = "bdfgklmnprtvz";
  static constexpr std::string_view kVowels = "aiou";
  Random random(seed);
  std::vector<std::string> words;
  std::unordered_set<std::string> known;
  while (words.size() < kVocabulary) {
    std::string word;
    for (int syllable = 2 + random.Below(3); syllable > 0; --syllable) {
      word += kConsonants[static_cast<std::size_t>(random.Below(static_cast<int>(kConsonants.size())))];
      word += kVowels[static_cast<std::size_t>(random.Below(static_cast<int>(kVowels.size())))];
    }
    word += kConsonants[static_cast<std::size_t>(random.Below(static_cast<int>(kConsonants.size())))];
    if (known.insert(word).second) words.push_back(word);
  }
  return words;
}

std::array<Language, 3> MakeLanguages() {
  std::array<Language, 3> languages{{{"en", 0.6, 1, {}}, {"nl", 0.85, 2, {}}, {"de", 1.0, 3, {}}}};
  for (Language &language : languages)
    language.words = MakeVocabulary(language.seed);
  return languages;
}

/// The rank of a word by Zipf's law with exponent 1: its frequency is one by its rank.
class Zipf {
public:
  Zipf() : sums_(kVocabulary) {
    double sum = 0;
    for (int rank = 0; rank < kVocabulary; ++rank)
      sums_[static_cast<std::size_t>(rank)] = sum += 1.0 / (rank + 1);
  }
  std::size_t Rank(Random &random) const {
    const double at = random.Uniform() * sums_.back();
    return static_cast<std::size_t>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

private:
  std::vector<double> sums_;
};

void AppendText(std::string &line, const Language &language, const Zipf &zipf, Random &random, int words) {
  for (int i = 0; i < words; ++i) {
    if (i > 0) line += ' ';
    line += language.words[std::min(zipf.Rank(random), language.words.size() - 1)];
  }
}

struct Currency {
  const char *code;
  double share;
  double rate; ///< of one EUR, as tests/bench/search.sql has it
  int digits;
};
constexpr std::array<Currency, 4> kCurrencies{
    {{"EUR", 0.5, 1, 2}, {"USD", 0.75, 1.08, 2}, {"GBP", 0.9, 0.85, 2}, {"JPY", 1.0, 160, 0}}};
constexpr std::array<const char *, 8> kKinds{"flat", "room", "house", "loft", "cabin", "villa", "boat", "tent"};

int WriteRows(long count) {
  const std::array<Language, 3> languages = MakeLanguages();
  const Zipf zipf;
  std::array<std::array<double, 2>, 200> cities{};
  Random places(4);
  for (auto &[longitude, latitude] : cities) {
    longitude = -10 + 40 * places.Uniform();
    latitude = 36 + 24 * places.Uniform();
  }
  Random random(5);
  std::string line;
  for (long id = 1; id <= count; ++id) {
    const double language_at = random.Uniform();
    const Language &language =
        *std::find_if(languages.begin(), languages.end(), [&](const Language &l) { return language_at < l.share; });
    const double currency_at = random.Uniform();
    const Currency &currency =
        *std::find_if(kCurrencies.begin(), kCurrencies.end(), [&](const Currency &c) { return currency_at < c.share; });
    line = std::to_string(id) + '\t';
    AppendText(line, language, zipf, random, 3 + random.Below(4));
    line += '\t';
    AppendText(line, language, zipf, random, 15 + random.Below(40));
    // The first cities are the largest.
    const double spread = random.Uniform();
    const auto &[longitude, latitude] = cities[static_cast<std::size_t>(spread * spread * cities.size())];
    const double price = std::exp(4.4 + 0.6 * random.Normal()) * currency.rate;
    char numbers[200];
    std::snprintf(numbers, sizeof(numbers),
                  "\t%s\t%s\t%d\t%.*f\t%s\tSRID=4326;POINT(%.6f %.6f)\t2026-01-01 00:00:%02d.%06dZ\n", language.tag,
                  kKinds[static_cast<std::size_t>(random.Uniform() * random.Uniform() * kKinds.size())],
                  1 + random.Below(6), currency.digits, price, currency.code, longitude + 0.15 * random.Normal(),
                  latitude + 0.1 * random.Normal(), random.Below(60), random.Below(1000000));
    line += numbers;
    if (std::fputs(line.c_str(), stdout) == EOF) return 1;
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}

/// Forty words of the first language, their ranks in even steps of the logarithm from 40 to 4,000.
int WriteWords() {
  constexpr int kWords = 40;
  const std::vector<std::string> vocabulary = MakeVocabulary(1);
  for (int i = 0; i < kWords; ++i) {
    const double rank = 40 * std::pow(100, static_cast<double>(i) / (kWords - 1));
    std::puts(vocabulary[static_cast<std::size_t>(rank)].c_str());
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "rows" && argc == 3) return WriteRows(std::atol(argv[2]));
  if (what == "words" && argc == 2) return WriteWords();
  std::fputs("usage: search_rows rows COUNT | words\n", stderr);
  return 2;
}
