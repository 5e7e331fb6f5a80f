// Queries compiled.
//
// Rows of several languages: a word is looked for as each language reads it, whichever the row's is. A stop word of one
// language is a word in others, though, and it must be in their rows. So for languages that leave a word out there is a
// branch of its own without that word, which asks for documents of these languages (markers.hpp).
#include "search/text/compile.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "boundary/entry.hpp"
#include "search/text/markers.hpp"
#include "search/text/query_expression.hpp"
#include "search/text/query_scope.hpp"
#include "search/text/query_synonyms.hpp"
#include "search/text/query_syntax.hpp"
#include "search/text/query_words.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace itemize {

namespace {

/// Of all lexemes of a query: a tsquery has room for 1 MB.
constexpr std::size_t kMaxLexemeBytes = 700000;

using Words = std::vector<QueryWord>;

class Compiler {
public:
  Compiler(const QuerySyntax &syntax, const std::vector<Words> &words,
           const std::vector<std::vector<Alternative>> &alternatives, const QueryScope &scope)
      : syntax_(syntax), words_(words), alternatives_(alternatives), scope_(scope), all_(scope.analyzers.size(), true) {
  }

  [[nodiscard]] Expression Strict() const {
    if (syntax_.root == QuerySyntax::kNothing) return {};
    std::vector<Expression> branches;
    branches.push_back(Build(syntax_.root, all_));
    std::size_t bytes = LexemeBytes(branches.front());
    for (const std::vector<bool> &languages : LanguagesThatLeaveOut()) {
      Expression branch = Build(syntax_.root, languages);
      bytes += LexemeBytes(branch);
      if (branch.IsNothing() || bytes > kMaxLexemeBytes) continue;
      branches.push_back(Combine(ExpressionKind::kAll, Pair(Marks(languages), std::move(branch))));
    }
    return Combine(ExpressionKind::kAny, std::move(branches));
  }

  /// Any word; what is excluded stays so. Of words that are only excluded the same as Strict.
  [[nodiscard]] Expression Relaxed() const {
    if (syntax_.root == QuerySyntax::kNothing) return {};
    std::vector<Expression> wanted;
    std::vector<Expression> parts;
    CollectWanted(syntax_.root, true, wanted);
    parts.push_back(Combine(ExpressionKind::kAny, std::move(wanted)));
    CollectExcluded(syntax_.root, parts);
    return Combine(ExpressionKind::kAll, std::move(parts));
  }

  [[nodiscard]] Expression Ranking() const {
    std::vector<Expression> wanted;
    if (syntax_.root != QuerySyntax::kNothing) CollectWanted(syntax_.root, false, wanted);
    return Combine(ExpressionKind::kAny, std::move(wanted));
  }

private:
  static std::vector<Expression> Pair(Expression first, Expression second) {
    std::vector<Expression> pair;
    pair.push_back(std::move(first));
    pair.push_back(std::move(second));
    return pair;
  }

  [[nodiscard]] const QueryNode &Node(int node) const { return syntax_.nodes[static_cast<std::size_t>(node)]; }

  // --- languages

  /// For each set of words that languages leave out and others do not: these languages.
  [[nodiscard]] std::vector<std::vector<bool>> LanguagesThatLeaveOut() const {
    std::vector<std::pair<std::vector<bool>, std::vector<bool>>> groups; // words left out; languages
    for (std::size_t i = 0; i < all_.size(); ++i) {
      std::vector<bool> dropped;
      for (const Words &words : words_) {
        for (const QueryWord &word : words)
          dropped.push_back(word.dropped_by[i] && !word.IsDroppedByAll(all_));
      }
      if (std::find(dropped.begin(), dropped.end(), true) == dropped.end()) continue;
      auto const is_same = [&](const auto &group) { return group.first == dropped; };
      auto group = std::find_if(groups.begin(), groups.end(), is_same);
      if (group == groups.end()) {
        groups.emplace_back(dropped, std::vector<bool>(all_.size()));
        group = groups.end() - 1;
      }
      group->second[i] = true;
    }
    std::vector<std::vector<bool>> languages;
    languages.reserve(groups.size());
    for (auto &group : groups)
      languages.push_back(std::move(group.second));
    return languages;
  }

  [[nodiscard]] Expression Marks(const std::vector<bool> &languages) const {
    std::vector<Expression> marks;
    for (std::size_t i = 0; i < languages.size(); ++i) {
      if (languages[i])
        marks.push_back(MakeLexeme(kLanguageMark + std::string(scope_.analyzers[i]->configuration), false));
    }
    return Combine(ExpressionKind::kAny, std::move(marks));
  }

  // --- words

  [[nodiscard]] Expression Lexeme(const std::string &lexeme, bool is_prefix, int field) const {
    if (field == QueryNode::kAnyField) return MakeLexeme(lexeme, is_prefix);
    const QueryField &column = scope_.fields[static_cast<std::size_t>(field)];
    if (column.shares_its_weight) {
      return MakeLexeme(kFieldMark + std::to_string(column.ordinal) + kFieldMark + lexeme, is_prefix);
    }
    Expression expression = MakeLexeme(lexeme, is_prefix);
    expression.weights = static_cast<std::uint8_t>(1U << static_cast<unsigned>('D' - column.weight));
    return expression;
  }

  /// One word as the languages read it; nothing when they all leave it out.
  [[nodiscard]] Expression Word(const QueryWord &word, const std::vector<bool> &languages, int field) const {
    if (word.IsDroppedByAll(languages)) return {};
    std::vector<Expression> readings;
    for (const WordReading &reading : word.readings) {
      if (!reading.IsOf(languages)) continue;
      std::vector<Expression> together;
      for (const std::string &lexeme : reading.lexemes)
        together.push_back(Lexeme(lexeme, reading.is_prefix, field));
      readings.push_back(Combine(ExpressionKind::kAll, std::move(together)));
    }
    return Combine(ExpressionKind::kAny, std::move(readings));
  }

  /// Words that follow each other, with the gaps that words left out have in the document, too. Every second pair of a
  /// run of characters holds them all.
  [[nodiscard]] Expression Phrase(const std::vector<const QueryWord *> &words, const std::vector<bool> &languages,
                                  int field) const {
    std::vector<Expression> children;
    std::vector<int> places;
    for (std::size_t i = 0; i < words.size(); ++i) {
      bool const is_inside = i > 0 && i + 1 < words.size() && words[i]->kind == TokenKind::kGram &&
                             words[i - 1]->kind == TokenKind::kGram && words[i + 1]->kind == TokenKind::kGram &&
                             words[i + 1]->position == words[i]->position + 1 && !places.empty() &&
                             places.back() == words[i]->position - 1 && words[i - 1]->position == places.back();
      if (is_inside) continue;
      Expression word = Word(*words[i], languages, field);
      if (word.IsNothing()) continue;
      children.push_back(std::move(word));
      places.push_back(words[i]->position);
    }
    return MakePhrase(std::move(children), std::move(places));
  }

  /// A word, or words that belong together: "…", e-mail, a/b, 東京.
  [[nodiscard]] Expression Together(const Words &words, const std::vector<bool> &languages, int field) const {
    std::vector<const QueryWord *> parts;
    const QueryWord *joined = nullptr;
    int joins = 0;
    for (const QueryWord &word : words) {
      if (word.kind == TokenKind::kJoined) {
        joined = &word;
        ++joins;
        continue;
      }
      // A date stands for its parts, which come before it.
      while (word.kind == TokenKind::kNumber && !parts.empty() && parts.back()->position >= word.position)
        parts.pop_back();
      parts.push_back(&word);
    }
    Expression phrase = Phrase(parts, languages, field);
    bool const is_one_word = joins == 1 && words.front().position == joined->position && &words.back() == joined;
    if (!is_one_word) return phrase;
    return Combine(ExpressionKind::kAny, Pair(std::move(phrase), Word(*joined, languages, field)));
  }

  /// A node's words, or the synonyms of as many nodes from it on.
  [[nodiscard]] Expression WithSynonyms(Expression words, int node, std::size_t nodes,
                                        const std::vector<bool> &languages) const {
    std::vector<Expression> ways;
    ways.push_back(std::move(words));
    for (const Alternative &alternative : alternatives_[static_cast<std::size_t>(node)]) {
      if (alternative.nodes == nodes) ways.push_back(Together(alternative.words, languages, Node(node).field));
    }
    return Combine(ExpressionKind::kAny, std::move(ways));
  }

  [[nodiscard]] Expression Leaf(int node, const std::vector<bool> &languages) const {
    return WithSynonyms(Together(words_[static_cast<std::size_t>(node)], languages, Node(node).field), node, 1,
                        languages);
  }

  /// How many nodes the longest synonym from a node on stands for.
  [[nodiscard]] std::size_t LongestAlternative(int node) const {
    std::size_t longest = 1;
    for (const Alternative &alternative : alternatives_[static_cast<std::size_t>(node)])
      longest = std::max(longest, alternative.nodes);
    return longest;
  }

  // --- the tree

  [[nodiscard]] Expression Build(int node, const std::vector<bool> &languages) const {
    const QueryNode &syntax = Node(node);
    if (syntax.kind == QueryNodeKind::kWords) return Leaf(node, languages);
    std::vector<Expression> children;
    children.reserve(syntax.children.size());
    for (std::size_t i = 0; i < syntax.children.size();) {
      int const child = syntax.children[i];
      std::size_t const nodes = syntax.kind == QueryNodeKind::kAll ? LongestAlternative(child) : 1;
      std::vector<Expression> row;
      for (std::size_t in_row = 0; in_row < nodes; ++in_row, ++i)
        row.push_back(Build(syntax.children[i], languages));
      Expression together = Combine(ExpressionKind::kAll, std::move(row));
      children.push_back(nodes == 1 ? std::move(together) : WithSynonyms(std::move(together), child, nodes, languages));
    }
    switch (syntax.kind) {
    case QueryNodeKind::kNot: return MakeNot(std::move(children.front()));
    case QueryNodeKind::kAny: return Combine(ExpressionKind::kAny, std::move(children));
    default: return Combine(ExpressionKind::kAll, std::move(children));
    }
  }

  /// Every word that is asked for, by itself.
  void CollectWanted(int node, bool in_fields, std::vector<Expression> &wanted) const {
    const QueryNode &syntax = Node(node);
    if (syntax.kind == QueryNodeKind::kNot) return;
    if (syntax.kind == QueryNodeKind::kWords) {
      int const field = in_fields ? syntax.field : QueryNode::kAnyField;
      for (const QueryWord &word : words_[static_cast<std::size_t>(node)])
        wanted.push_back(Word(word, all_, field));
      for (const Alternative &alternative : alternatives_[static_cast<std::size_t>(node)])
        wanted.push_back(Together(alternative.words, all_, field));
    }
    for (int const child : syntax.children)
      CollectWanted(child, in_fields, wanted);
  }

  void CollectExcluded(int node, std::vector<Expression> &excluded) const {
    const QueryNode &syntax = Node(node);
    if (syntax.kind == QueryNodeKind::kNot) {
      excluded.push_back(Build(node, all_));
      return;
    }
    for (int const child : syntax.children)
      CollectExcluded(child, excluded);
  }

  const QuerySyntax &syntax_;
  const std::vector<Words> &words_;
  const std::vector<std::vector<Alternative>> &alternatives_;
  const QueryScope &scope_;
  std::vector<bool> all_;
};

CompiledQuery Compile(const QueryScope &scope, std::string_view query) {
  if (query.size() > static_cast<std::size_t>(kMaxQueryTextBytes)) {
    throw Error(SqlState("54000"), "the query is longer than " + std::to_string(kMaxQueryTextBytes) + " bytes")
        .Detail("It has " + std::to_string(query.size()) + " bytes.")
        .Hint("Search for a few words of it.");
  }
  std::vector<std::string> names;
  names.reserve(scope.fields.size());
  for (const QueryField &field : scope.fields)
    names.push_back(field.name);
  QuerySyntax const syntax = ParseQuery(query, names);
  std::vector<Words> const words = ReadQueryWords(query, syntax, scope.analyzers);
  std::vector<std::vector<Alternative>> const alternatives = FindAlternatives(syntax, words, scope);
  Compiler const compiler(syntax, words, alternatives, scope);
  CompiledQuery compiled = {};
  compiled.strict = WriteTsquery(compiler.Strict());
  compiled.relaxed = WriteTsquery(compiler.Relaxed());
  compiled.ranking = WriteTsquery(compiler.Ranking());
  compiled.is_empty = compiled.strict->size == 0;
  return compiled;
}

} // namespace

CompiledQuery CompileQuery(const SearchDefinition &definition, const char *query, const char *lang) {
  return Compile(MakeQueryScope(definition, lang), query);
}

} // namespace itemize

/// Of no definition: words of all columns, in the language given or in all.
ITEMIZE_FUNCTION(itemize_query) {
  return itemize::Entry([&]() -> Datum {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    const char *const lang = PG_ARGISNULL(1) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(1));
    const text *const query = PG_GETARG_TEXT_PP(0);
    itemize::CompiledQuery const compiled =
        itemize::Compile(itemize::MakeQueryScope(lang), {VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query)});
    PG_RETURN_TSQUERY(compiled.strict);
  });
}
