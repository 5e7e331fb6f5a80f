// The excerpt of a row: its texts are read as the document was, and what the query asks for is marked.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "boundary/entry.hpp"
#include "search/text/compile.hpp"
#include "search/text/fragments.hpp"
#include "search/text/lexemes.hpp"
#include "search/text/markers.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace itemize {

namespace {

/// Of each text.
constexpr std::size_t kMaxMatches = 500;

struct Term {
  std::string_view lexeme;
  bool is_prefix;
  std::uint8_t weights; ///< as in QueryOperand
  int ordinal;          ///< of the text that it must be in; 0: any

  [[nodiscard]] bool IsIn(const SearchText &column, int column_ordinal) const {
    if (ordinal != 0 && ordinal != column_ordinal) return false;
    return weights == 0 || (weights & (1U << static_cast<unsigned>('D' - column.weight))) != 0;
  }
};

/// The lexemes that the query asks for, sorted.
class Terms {
public:
  explicit Terms(TSQuery query) {
    if (query->size > 0) Collect(query, 0, true);
    auto const before = [](const Term &a, const Term &b) { return a.lexeme < b.lexeme; };
    std::sort(exact_.begin(), exact_.end(), before);
  }

  [[nodiscard]] bool IsEmpty() const { return exact_.empty() && prefixes_.empty(); }

  /// A number for the term that the lexeme fits, and the term; -1 when there is none.
  int Find(std::string_view lexeme, const SearchText &column, int ordinal, const Term *&found) const {
    auto const before = [](const Term &a, std::string_view b) { return a.lexeme < b; };
    for (auto term = std::lower_bound(exact_.begin(), exact_.end(), lexeme, before);
         term != exact_.end() && term->lexeme == lexeme; ++term) {
      if (!term->IsIn(column, ordinal)) continue;
      found = &*term;
      return static_cast<int>(term - exact_.begin());
    }
    for (std::size_t i = 0; i < prefixes_.size(); ++i) {
      const Term &term = prefixes_[i];
      if (lexeme.substr(0, term.lexeme.size()) != term.lexeme || !term.IsIn(column, ordinal)) continue;
      found = &term;
      return static_cast<int>(exact_.size() + i);
    }
    return -1;
  }

private:
  void Collect(TSQuery query, std::uint32_t item, bool is_wanted) {
    const QueryItem &at = GETQUERY(query)[item];
    if (at.type == QI_VAL) {
      if (is_wanted) Add({GETOPERAND(query) + at.qoperand.distance, at.qoperand.length}, at.qoperand);
      return;
    }
    bool const is_not = at.qoperator.oper == OP_NOT;
    Collect(query, item + 1, is_not ? !is_wanted : is_wanted);
    if (!is_not) Collect(query, item + at.qoperator.left, is_wanted);
  }

  void Add(std::string_view lexeme, const QueryOperand &operand) {
    if (lexeme.empty() || lexeme.front() == kLanguageMark) return;
    Term term = {lexeme, operand.prefix, operand.weight, 0};
    if (lexeme.front() == kFieldMark) {
      std::size_t const end = lexeme.find(kFieldMark, 1);
      if (end == std::string_view::npos) return;
      term.ordinal = std::atoi(std::string(lexeme.substr(1, end - 1)).c_str());
      term.lexeme = lexeme.substr(end + 1);
    }
    (term.is_prefix ? prefixes_ : exact_).push_back(term);
  }

  std::vector<Term> exact_;
  std::vector<Term> prefixes_;
};

struct MarkedText {
  std::vector<TextMatch> matches;
  std::vector<TextWord> words;
};

/// The match of a token, if it is one.
bool FindMatch(const Terms &terms, const WordLexemes &lexemes, const Token &token, const SearchText &column,
               int ordinal, TextMatch &match) {
  for (const WordLexeme &lexeme : lexemes) {
    const Term *term = nullptr;
    int const number = terms.Find({lexeme.text, lexeme.size}, column, ordinal, term);
    if (number < 0) continue;
    match = {token.begin, token.end, number};
    // Of a pair that a single character begins, only that character.
    if (token.kind == TokenKind::kGram && term->is_prefix)
      match.end = std::min(token.end, token.begin + term->lexeme.size());
    return true;
  }
  return false;
}

MarkedText MarkText(const Analyzer &analyzer, const Terms &terms, std::string_view content, const SearchText &column,
                    int ordinal) {
  MarkedText marked;
  Tokenizer tokenizer(content);
  Token token;
  while (marked.matches.size() < kMaxMatches && tokenizer.Next(token)) {
    WordLexemes const lexemes = CallPg([&] {
      CHECK_FOR_INTERRUPTS();
      return ReadToken(analyzer, content, token);
    });
    TextMatch match;
    if (FindMatch(terms, lexemes, token, column, ordinal, match)) marked.matches.push_back(match);
    if (token.kind == TokenKind::kWord || token.kind == TokenKind::kNumber) {
      marked.words.push_back({token.begin, token.end});
    } else if (token.kind == TokenKind::kGram || token.kind == TokenKind::kLastGram) {
      marked.words.push_back(
          {token.begin, token.begin + ReadCharacter(&content[token.begin], token.end - token.begin).bytes});
    }
  }
  auto const before = [](const TextMatch &a, const TextMatch &b) { return a.begin < b.begin; };
  std::stable_sort(marked.matches.begin(), marked.matches.end(), before);
  auto const word_before = [](const TextWord &a, const TextWord &b) { return a.begin < b.begin; };
  std::stable_sort(marked.words.begin(), marked.words.end(), word_before);
  return marked;
}

bool EndsWithDots(const std::string &html) {
  constexpr std::string_view kDots = "…";
  return html.size() >= kDots.size() && html.compare(html.size() - kDots.size(), kDots.size(), kDots) == 0;
}

std::string MakeHeadline(const SearchDefinition &definition, const Analyzer &analyzer, const Terms &terms,
                         const char *const *texts) {
  std::string html;
  int left = kMaxFragments;
  for (int i = 0; i < definition.text_count && left > 0; ++i) {
    if (texts[i] == nullptr) continue;
    std::string_view content(texts[i]);
    if (content.size() > static_cast<std::size_t>(kMaxHeadlineBytes)) {
      content =
          content.substr(0, static_cast<std::size_t>(pg_mbcliplen(
                                texts[i], static_cast<int>(Min(content.size(), MaxAllocSize)), kMaxHeadlineBytes)));
    }
    MarkedText const marked = MarkText(analyzer, terms, content, definition.texts[i], i + 1);
    for (const Fragment &fragment : ChooseFragments(content, marked.matches, marked.words, left)) {
      if (!html.empty()) html += EndsWithDots(html) ? " " : " … ";
      AppendFragment(html, content, fragment, marked.matches);
      --left;
    }
  }
  return html;
}

} // namespace

char *Headline(const SearchDefinition &definition, const CompiledQuery &query, const char *const *texts,
               const char *row_language) {
  Terms const terms(query.relaxed);
  if (terms.IsEmpty()) return nullptr;
  const Analyzer *const analyzer = CallPg([&] {
    UseLanguages();
    return FindAnalyzer(row_language, row_language == nullptr ? 0 : static_cast<int>(std::strlen(row_language)));
  });
  std::string const html = MakeHeadline(definition, *analyzer, terms, texts);
  if (html.empty()) return nullptr;
  return CallPg([&] { return pnstrdup(html.data(), html.size()); });
}

} // namespace itemize
