#include "search/text/query_synonyms.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "boundary/entry.hpp"
#include "search/text/synonyms.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

using Words = std::vector<QueryWord>;

/// A word of the query, with the number of its node among those that stand beside each other.
struct PlacedWord {
  const QueryWord *word;
  std::size_t node;
};

bool IsRead(const QueryWord &word, std::string_view lexeme) {
  return std::any_of(word.readings.begin(), word.readings.end(), [&](const WordReading &reading) {
    return !reading.is_prefix && reading.lexemes.size() == 1 && reading.lexemes.front() == lexeme;
  });
}

class Finder {
public:
  Finder(const QuerySyntax &syntax, const std::vector<Words> &words, const QueryScope &scope, Synonyms synonyms)
      : syntax_(syntax), words_(words), scope_(scope), synonyms_(synonyms), found_(syntax.nodes.size()) {}

  std::vector<std::vector<Alternative>> Run() {
    if (syntax_.root != QuerySyntax::kNothing) Visit({syntax_.root});
    return std::move(found_);
  }

private:
  [[nodiscard]] const QueryNode &Node(int node) const { return syntax_.nodes[static_cast<std::size_t>(node)]; }

  /// Nodes beside each other, all of which must match.
  void Visit(const std::vector<int> &nodes) {
    std::vector<int> row;
    for (int const node : nodes) {
      const QueryNode &at = Node(node);
      bool const is_word = at.kind == QueryNodeKind::kWords && !at.is_quoted;
      if (!is_word || (!row.empty() && Node(row.back()).field != at.field)) {
        FindInRow(row);
        row.clear();
      }
      if (is_word) row.push_back(node);
      VisitChildren(at);
    }
    FindInRow(row);
  }

  void VisitChildren(const QueryNode &node) {
    if (node.kind == QueryNodeKind::kAll) {
      Visit(node.children);
    } else {
      for (int const child : node.children)
        Visit({child});
    }
  }

  void FindInRow(const std::vector<int> &row) {
    std::vector<PlacedWord> words;
    for (std::size_t i = 0; i < row.size(); ++i) {
      for (const QueryWord &word : words_[static_cast<std::size_t>(row[i])]) {
        if (word.kind != TokenKind::kJoined) words.push_back({&word, i});
      }
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      // A synonym begins where a node does.
      if (i == 0 || words[i].node != words[i - 1].node) FindAt(words, i, row);
    }
  }

  void FindAt(const std::vector<PlacedWord> &words, std::size_t at, const std::vector<int> &row) {
    auto const before = [](const Synonym &synonym, std::string_view lexeme) { return synonym.words[0] < lexeme; };
    const Synonym *const end = synonyms_.items + synonyms_.count;
    for (const WordReading &reading : words[at].word->readings) {
      if (reading.is_prefix || reading.lexemes.size() != 1) continue;
      const std::string &first = reading.lexemes.front();
      for (const Synonym *synonym = std::lower_bound(synonyms_.items, end, std::string_view(first), before);
           synonym != end && synonym->words[0] == first; ++synonym) {
        if (Fits(*synonym, words, at)) Add(*synonym, words, at, row);
      }
    }
  }

  /// Whether the words are those of the synonym, up to the end of a node.
  [[nodiscard]] bool Fits(const Synonym &synonym, const std::vector<PlacedWord> &words, std::size_t at) const {
    auto const count = static_cast<std::size_t>(synonym.word_count);
    if (at + count > words.size()) return false;
    for (std::size_t i = 1; i < count; ++i) {
      if (!IsRead(*words[at + i].word, synonym.words[i])) return false;
    }
    if (at + count < words.size() && words[at + count].node == words[at + count - 1].node) return false;
    return scope_.languages.empty() ||
           std::any_of(scope_.languages.begin(), scope_.languages.end(),
                       [&](const std::string &language) { return HoldsFor(synonym, language.c_str()); });
  }

  void Add(const Synonym &synonym, const std::vector<PlacedWord> &words, std::size_t at, const std::vector<int> &row) {
    if (count_ == kMaxAlternatives) return;
    ++count_;
    std::size_t const last = words[at + static_cast<std::size_t>(synonym.word_count) - 1].node;
    std::size_t const nodes = last - words[at].node + 1;
    found_[static_cast<std::size_t>(row[words[at].node])].push_back(
        {nodes, ReadWords(synonym.other, scope_.analyzers)});
  }

  const QuerySyntax &syntax_;
  const std::vector<Words> &words_;
  const QueryScope &scope_;
  Synonyms synonyms_;
  std::vector<std::vector<Alternative>> found_;
  int count_ = 0;
};

} // namespace

std::vector<std::vector<Alternative>> FindAlternatives(const QuerySyntax &syntax, const std::vector<Words> &words,
                                                       const QueryScope &scope) {
  Synonyms const synonyms = CallPg([] { return UseSynonyms(); });
  return Finder(syntax, words, scope, synonyms).Run();
}

} // namespace itemize
