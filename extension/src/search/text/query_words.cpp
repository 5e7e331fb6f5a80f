#include "search/text/query_words.hpp"

#include <algorithm>
#include <utility>

#include "boundary/entry.hpp"
#include "search/text/lexemes.hpp"
#include "search/text/word_forms.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

class WordReader {
public:
  WordReader(std::string_view query, const std::vector<const Analyzer *> &analyzers)
      : query_(query), analyzers_(analyzers) {}

  std::vector<QueryWord> Read(std::size_t begin, std::size_t end) {
    std::vector<QueryWord> words;
    std::string_view const part = query_.substr(begin, end - begin);
    Tokenizer tokenizer(part);
    Token token;
    bool in_run = false;
    while (tokens_ < kMaxQueryTokens && tokenizer.Next(token)) {
      // The last character by itself says no more than the pairs do; a single one begins a pair.
      bool const is_last = token.kind == TokenKind::kLastGram;
      if (!is_last || !in_run) {
        bool const is_starred = token.end < part.size() && part[token.end] == '*';
        words.push_back(ReadWord(part, token, is_starred || is_last));
        ++tokens_;
      }
      in_run = token.kind == TokenKind::kGram;
    }
    return words;
  }

private:
  QueryWord ReadWord(std::string_view part, const Token &token, bool is_prefix) {
    QueryWord word = {token.kind, static_cast<int>(token.position), {}, std::vector<bool>(analyzers_.size())};
    for (std::size_t i = 0; i < analyzers_.size(); ++i) {
      const Analyzer &analyzer = *analyzers_[i];
      WordLexemes const lexemes = CallPg([&] { return ReadToken(analyzer, part, token); });
      // What is typed up to a star is no whole word, so it is none that a language leaves out.
      word.dropped_by[i] = lexemes.is_dropped && !is_prefix;
      AddLexemes(word, i, lexemes);
      if (is_prefix) AddPrefix(word, i, part.substr(token.begin, token.end - token.begin), analyzer);
    }
    return word;
  }

  void AddLexemes(QueryWord &word, std::size_t analyzer, const WordLexemes &lexemes) {
    for (int i = 0; i < lexemes.count;) {
      std::vector<std::string> group;
      uint16 const number = lexemes.items[i].group;
      for (; i < lexemes.count && lexemes.items[i].group == number; ++i)
        group.emplace_back(lexemes.items[i].text, lexemes.items[i].size);
      AddReading(word, analyzer, std::move(group), false);
    }
  }

  void AddPrefix(QueryWord &word, std::size_t analyzer, std::string_view typed, const Analyzer &how) {
    WordBuffer plain;
    MakePlainForm(typed, how.is_turkic, plain);
    WordBuffer folded;
    MakeFoldedForm(plain.view(), folded);
    bool const is_gram = word.kind == TokenKind::kGram || word.kind == TokenKind::kLastGram;
    std::string_view const start = is_gram ? plain.view() : folded.view();
    if (!start.empty()) AddReading(word, analyzer, {std::string(start)}, true);
  }

  void AddReading(QueryWord &word, std::size_t analyzer, std::vector<std::string> lexemes, bool is_prefix) {
    for (WordReading &reading : word.readings) {
      if (reading.lexemes != lexemes || reading.is_prefix != is_prefix) continue;
      reading.analyzers[analyzer] = true;
      return;
    }
    word.readings.push_back({std::move(lexemes), is_prefix, std::vector<bool>(analyzers_.size())});
    word.readings.back().analyzers[analyzer] = true;
  }

  std::string_view query_;
  const std::vector<const Analyzer *> &analyzers_;
  int tokens_ = 0;
};

} // namespace

bool WordReading::IsOf(const std::vector<bool> &some) const {
  for (std::size_t i = 0; i < analyzers.size(); ++i) {
    if (analyzers[i] && some[i]) return true;
  }
  return false;
}

bool QueryWord::IsDroppedByAll(const std::vector<bool> &some) const {
  for (std::size_t i = 0; i < dropped_by.size(); ++i) {
    if (!dropped_by[i] && some[i]) return false;
  }
  return true;
}

std::vector<std::vector<QueryWord>> ReadQueryWords(std::string_view query, const QuerySyntax &syntax,
                                                   const std::vector<const Analyzer *> &analyzers) {
  WordReader reader(query, analyzers);
  std::vector<std::vector<QueryWord>> words(syntax.nodes.size());
  for (std::size_t i = 0; i < syntax.nodes.size(); ++i) {
    const QueryNode &node = syntax.nodes[i];
    if (node.kind == QueryNodeKind::kWords) words[i] = reader.Read(node.begin, node.end);
  }
  return words;
}

std::vector<QueryWord> ReadWords(std::string_view content, const std::vector<const Analyzer *> &analyzers) {
  return WordReader(content, analyzers).Read(0, content.size());
}

} // namespace itemize
