// What a visitor typed, as a tree of words and phrases. Plain C++.
//
// There is no wrong query: what makes no sense as an operator is a word, or nothing. docs/reference/query-language.md
// describes the language.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace itemize {

enum class QueryNodeKind {
  kAll,   ///< all children
  kAny,   ///< one of the children
  kNot,   ///< not the one child
  kWords, ///< a word, or several that follow each other
};

struct QueryNode {
  static constexpr int kAnyField = -1;

  QueryNodeKind kind;
  std::vector<int> children;
  // kWords only:
  std::size_t begin = 0, end = 0; ///< bytes of the query
  bool is_quoted = false;
  int field = kAnyField; ///< index in the fields that were given
};

struct QuerySyntax {
  static constexpr int kNothing = -1;

  std::vector<QueryNode> nodes;
  int root = kNothing;
};

/// Parentheses deeper than this count for nothing.
inline constexpr int kMaxQueryDepth = 32;
/// Words and phrases of a query; further ones count for nothing.
inline constexpr int kMaxQueryWords = 128;

/// `fields`: the names that may stand before a colon; compared without the case of ASCII letters.
QuerySyntax ParseQuery(std::string_view query, const std::vector<std::string> &fields);

} // namespace itemize
