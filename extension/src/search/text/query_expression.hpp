// A query as a tree of lexemes, and from there a tsquery.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boundary/prelude.hpp"

extern "C" {
#include "tsearch/ts_type.h"
}

namespace itemize {

enum class ExpressionKind : std::uint8_t {
  kNothing, ///< says nothing, and vanishes from what it is part of
  kLexeme,
  kAll,
  kAny,
  kNot,
  kPhrase, ///< children at distances from the first
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kNothing;
  std::vector<Expression> children;
  std::vector<int> places; ///< of a phrase's children, ascending
  std::string lexeme;
  std::uint8_t weights = 0; ///< bits of QueryOperand.weight; 0: any
  bool is_prefix = false;

  [[nodiscard]] bool IsNothing() const noexcept { return kind == ExpressionKind::kNothing; }
};

Expression MakeLexeme(std::string lexeme, bool is_prefix);
Expression MakeNot(Expression child);
/// kAll or kAny of what is not nothing; one child stands for itself, and equal lexemes once.
Expression Combine(ExpressionKind kind, std::vector<Expression> children);
Expression MakePhrase(std::vector<Expression> children, std::vector<int> places);

/// Bytes that the lexemes take; a tsquery has room for less than 1 MB.
std::size_t LexemeBytes(const Expression &expression);

/// palloc'd. Of nothing: the empty query, which matches nothing.
TSQuery WriteTsquery(const Expression &expression);

} // namespace itemize
