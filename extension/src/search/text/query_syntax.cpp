#include "search/text/query_syntax.hpp"

#include <algorithm>
#include <utility>

#include <unicode/uchar.h>

#include "search/text/characters.hpp"

namespace itemize {

namespace {

enum class LexemeKind { kWord, kPhrase, kOpen, kClose, kOr, kAnd, kNot, kField };

struct QueryLexeme {
  LexemeKind kind;
  std::size_t begin, end;
  int field = QueryNode::kAnyField;
};

/// Marks that open and close a phrase; marks of one sort close each other.
struct QuoteSort {
  char32_t open[6];
  char32_t close[6];
};
constexpr QuoteSort kQuotes[] = {{U"\"\u201C\u201D\u201E\uFF02", U"\"\u201C\u201D\u201F\uFF02"},
                                 {U"\u00AB\u00BB", U"\u00BB\u00AB"},
                                 {U"\u300C", U"\u300D"},
                                 {U"\u300E", U"\u300F"}};
constexpr int kQuoteSorts = 4;

bool Has(const char32_t (&marks)[6], char32_t code) {
  return code != 0 && std::find(std::begin(marks), std::end(marks), code) != std::end(marks);
}

bool IsSpace(const Character &character) {
  auto const code = static_cast<UChar32>(character.code);
  return character.code == 0x200B || u_isUWhiteSpace(code) != 0 || u_charType(code) == U_CONTROL_CHAR;
}

bool IsOpen(char32_t code) { return code == U'(' || code == U'\uFF08'; }
bool IsClose(char32_t code) { return code == U')' || code == U'\uFF09'; }

bool EqualsIgnoringCase(std::string_view left, std::string_view right) {
  auto const lower = [](char character) {
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character + ('a' - 'A')) : character;
  };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

class Lexer {
public:
  Lexer(std::string_view query, const std::vector<std::string> &fields) : query_(query), fields_(fields) {}

  std::vector<QueryLexeme> Run() {
    while (at_ < query_.size()) {
      Character const character = At(at_);
      if (!ScanSign(character)) ScanWord();
    }
    return std::move(lexemes_);
  }

private:
  [[nodiscard]] Character At(std::size_t at) const {
    if (at >= query_.size()) return {U' ', 0, CharacterClass::kSeparator};
    return ReadCharacter(query_.data() + at, query_.size() - at);
  }

  void Take(LexemeKind kind, std::size_t bytes, bool is_boundary) {
    lexemes_.push_back({kind, at_, at_ + bytes});
    at_ += bytes;
    at_boundary_ = is_boundary;
  }

  /// A phrase when the mark has its counterpart.
  bool ScanPhrase(const Character &open) {
    for (int sort = 0; sort < kQuoteSorts; ++sort) {
      if (!Has(kQuotes[sort].open, open.code) || has_no_end_[sort]) continue;
      for (std::size_t end = at_ + open.bytes; end < query_.size();) {
        Character const character = At(end);
        if (Has(kQuotes[sort].close, character.code)) {
          lexemes_.push_back({LexemeKind::kPhrase, at_ + open.bytes, end});
          at_ = end + character.bytes;
          at_boundary_ = true;
          return true;
        }
        end += character.bytes;
      }
      has_no_end_[sort] = true; // nor has one further on
    }
    return false;
  }

  /// A minus stands before what it excludes, behind a space; a row of them is a dash.
  bool ScanMinus(const Character &character) {
    if (character.code != U'-' && character.code != U'\u2212') return false;
    std::size_t end = at_ + character.bytes;
    bool const is_one = At(end).code != character.code;
    while (At(end).code == character.code && end < query_.size())
      end += At(end).bytes;
    if (at_boundary_ && is_one && end < query_.size() && !IsSpace(At(end))) {
      Take(LexemeKind::kNot, character.bytes, false);
    } else {
      at_ = end;
      at_boundary_ = false;
    }
    return true;
  }

  /// What is no part of a word; false at one.
  bool ScanSign(const Character &character) {
    if (IsSpace(character) || character.code == U',' || character.code == U';') {
      at_ += character.bytes;
      at_boundary_ = true;
    } else if (IsOpen(character.code)) {
      Take(LexemeKind::kOpen, character.bytes, true);
    } else if (IsClose(character.code)) {
      Take(LexemeKind::kClose, character.bytes, true);
    } else if (character.code == U'|') {
      Take(LexemeKind::kOr, character.bytes, true);
    } else if (ScanPhrase(character) || ScanMinus(character)) {
      return true;
    } else if (character.kind == CharacterClass::kSeparator || character.kind == CharacterClass::kConnector ||
               character.kind == CharacterClass::kDecimalSign) {
      at_ += character.bytes;
    } else {
      return false;
    }
    return true;
  }

  /// Whether the character ends what is typed in one go.
  [[nodiscard]] bool EndsWord(std::size_t at, const Character &character) const {
    if (IsSpace(character) || IsOpen(character.code) || IsClose(character.code)) return true;
    if (character.code == U'|' || character.code == U';') return true;
    if (character.code == U',') return At(at + 1).kind != CharacterClass::kDigit;
    for (const QuoteSort &sort : kQuotes) {
      if (Has(sort.open, character.code) || Has(sort.close, character.code)) return true;
    }
    return character.code >= 0x80 && character.kind == CharacterClass::kSeparator;
  }

  void ScanWord() {
    std::size_t const begin = at_;
    std::size_t end = begin;
    while (end < query_.size()) {
      Character const character = At(end);
      if (EndsWord(end, character)) break;
      end += character.bytes;
      if (character.code == U':' && ScanField(begin, end)) return;
    }
    std::string_view const word = query_.substr(begin, end - begin);
    LexemeKind kind = LexemeKind::kWord;
    if (EqualsIgnoringCase(word, "or")) kind = LexemeKind::kOr;
    if (word == "AND") kind = LexemeKind::kAnd;
    if (word == "NOT") kind = LexemeKind::kNot;
    lexemes_.push_back({kind, begin, end});
    at_ = end;
    at_boundary_ = false;
  }

  /// A field's name with a colon and something behind it.
  bool ScanField(std::size_t begin, std::size_t end) {
    if (IsSpace(At(end))) return false;
    std::string_view const name = query_.substr(begin, end - 1 - begin);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (!EqualsIgnoringCase(name, fields_[i])) continue;
      lexemes_.push_back({LexemeKind::kField, begin, end, static_cast<int>(i)});
      at_ = end;
      at_boundary_ = false;
      return true;
    }
    return false;
  }

  std::string_view query_;
  const std::vector<std::string> &fields_;
  std::vector<QueryLexeme> lexemes_;
  std::size_t at_ = 0;
  bool at_boundary_ = true; ///< a minus here excludes
  bool has_no_end_[kQuoteSorts] = {};
};

class Parser {
public:
  explicit Parser(std::vector<QueryLexeme> lexemes)
      : lexemes_(std::move(lexemes)), begins_unit_(lexemes_.size() + 1, false) {
    for (std::size_t i = lexemes_.size(); i-- > 0;) {
      LexemeKind const kind = lexemes_[i].kind;
      bool const is_prefix = kind == LexemeKind::kNot || kind == LexemeKind::kField;
      begins_unit_[i] = is_prefix
                            ? begins_unit_[i + 1]
                            : kind == LexemeKind::kWord || kind == LexemeKind::kPhrase || kind == LexemeKind::kOpen;
    }
  }

  QuerySyntax Run() {
    std::vector<int> parts;
    while (next_ < lexemes_.size()) {
      int const part = ParseSequence(QueryNode::kAnyField, 0);
      if (part != QuerySyntax::kNothing) parts.push_back(part);
      if (next_ < lexemes_.size()) ++next_; // a parenthesis that nobody opened
    }
    syntax_.root = Combine(QueryNodeKind::kAll, std::move(parts));
    return std::move(syntax_);
  }

private:
  [[nodiscard]] bool IsAt(LexemeKind kind) const { return next_ < lexemes_.size() && lexemes_[next_].kind == kind; }

  int AddNode(QueryNodeKind kind, std::vector<int> children) {
    syntax_.nodes.push_back({kind, std::move(children)});
    return static_cast<int>(syntax_.nodes.size()) - 1;
  }

  int Combine(QueryNodeKind kind, std::vector<int> children) {
    if (children.empty()) return QuerySyntax::kNothing;
    if (children.size() == 1) return children.front();
    return AddNode(kind, std::move(children));
  }

  int AddWords(const QueryLexeme &lexeme, int field) {
    if (words_ == kMaxQueryWords) return QuerySyntax::kNothing;
    ++words_;
    int const node = AddNode(QueryNodeKind::kWords, {});
    QueryNode &words = syntax_.nodes.back();
    words.begin = lexeme.begin;
    words.end = lexeme.end;
    words.is_quoted = lexeme.kind == LexemeKind::kPhrase;
    words.field = field;
    return node;
  }

  /// Whether something that can be searched for begins at the lexeme.
  [[nodiscard]] bool BeginsUnit(std::size_t at) const { return begins_unit_[at]; }

  /// Units up to a closing parenthesis or the end; OR joins the two beside it.
  int ParseSequence(int field, int depth) {
    std::vector<int> units;
    while (next_ < lexemes_.size() && !IsAt(LexemeKind::kClose)) {
      int unit = ParseUnit(field, depth);
      std::vector<int> alternatives;
      if (unit != QuerySyntax::kNothing) alternatives.push_back(unit);
      while (IsAt(LexemeKind::kOr) && !alternatives.empty() && BeginsUnit(next_ + 1)) {
        ++next_;
        unit = ParseUnit(field, depth);
        if (unit != QuerySyntax::kNothing) alternatives.push_back(unit);
      }
      unit = Combine(QueryNodeKind::kAny, std::move(alternatives));
      if (unit != QuerySyntax::kNothing) units.push_back(unit);
    }
    return Combine(QueryNodeKind::kAll, std::move(units));
  }

  int ParseUnit(int field, int depth) {
    bool is_negated = false;
    while (IsAt(LexemeKind::kNot) || IsAt(LexemeKind::kField)) {
      const QueryLexeme &lexeme = lexemes_[next_++];
      if (lexeme.kind == LexemeKind::kField) {
        field = lexeme.field;
      } else if (BeginsUnit(next_)) {
        is_negated = !is_negated;
      } else if (lexeme.end - lexeme.begin > 1) {
        return AddWords(lexeme, field); // NOT with nothing to exclude
      }
    }
    if (next_ == lexemes_.size() || IsAt(LexemeKind::kClose)) return QuerySyntax::kNothing;
    const QueryLexeme &lexeme = lexemes_[next_++];
    int node = QuerySyntax::kNothing;
    if (lexeme.kind == LexemeKind::kOpen) {
      // Too deep, its content goes on as part of what is around it.
      if (depth == kMaxQueryDepth) return QuerySyntax::kNothing;
      node = ParseSequence(field, depth + 1);
      if (IsAt(LexemeKind::kClose)) ++next_;
    } else if (lexeme.kind == LexemeKind::kOr || lexeme.kind == LexemeKind::kAnd) {
      bool const joins = lexeme.kind == LexemeKind::kAnd && next_ > 1 && BeginsUnit(next_);
      if (!joins && lexeme.end - lexeme.begin > 1) node = AddWords(lexeme, field);
    } else {
      node = AddWords(lexeme, field);
    }
    if (node == QuerySyntax::kNothing || !is_negated) return node;
    return AddNode(QueryNodeKind::kNot, {node});
  }

  std::vector<QueryLexeme> lexemes_;
  std::vector<bool> begins_unit_;
  std::size_t next_ = 0;
  int words_ = 0;
  QuerySyntax syntax_;
};

} // namespace

QuerySyntax ParseQuery(std::string_view query, const std::vector<std::string> &fields) {
  return Parser(Lexer(query, fields).Run()).Run();
}

} // namespace itemize
