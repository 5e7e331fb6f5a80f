#include "search/text/query_expression.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/pg_crc.h"
}

namespace itemize {

namespace {

bool IsSameLexeme(const Expression &left, const Expression &right) {
  return left.kind == ExpressionKind::kLexeme && right.kind == ExpressionKind::kLexeme && left.lexeme == right.lexeme &&
         left.is_prefix == right.is_prefix && left.weights == right.weights;
}

/// Writes the items in the order that ts_type.h describes: an operator, its right side, its left side.
class TsqueryWriter {
public:
  void Write(const Expression &expression) {
    switch (expression.kind) {
    case ExpressionKind::kNothing: break;
    case ExpressionKind::kLexeme: WriteLexeme(expression); break;
    case ExpressionKind::kNot:
      AddOperator(OP_NOT, 0);
      items_.back().qoperator.left = 1;
      Write(expression.children.front());
      break;
    case ExpressionKind::kAll: WriteSplit(expression, OP_AND, 0, expression.children.size()); break;
    case ExpressionKind::kAny: WriteSplit(expression, OP_OR, 0, expression.children.size()); break;
    case ExpressionKind::kPhrase: WritePhrase(expression, expression.children.size()); break;
    }
  }

  [[nodiscard]] TSQuery Finish() const {
    Size const size = COMPUTESIZE(items_.size(), operands_.size());
    auto *const query = CallPg([&] { return static_cast<TSQuery>(palloc0(size)); });
    SET_VARSIZE(query, size);
    query->size = static_cast<int32>(items_.size());
    if (!items_.empty()) std::memcpy(GETQUERY(query), items_.data(), items_.size() * sizeof(QueryItem));
    std::memcpy(GETOPERAND(query), operands_.data(), operands_.size());
    return query;
  }

private:
  std::size_t AddOperator(std::int8_t oper, int distance) {
    QueryItem item;
    std::memset(&item, 0, sizeof(item));
    item.qoperator.type = QI_OPR;
    item.qoperator.oper = oper;
    item.qoperator.distance = static_cast<int16>(distance);
    items_.push_back(item);
    return items_.size() - 1;
  }

  void WriteLexeme(const Expression &expression) {
    QueryItem item;
    std::memset(&item, 0, sizeof(item));
    item.qoperand.type = QI_VAL;
    item.qoperand.weight = expression.weights;
    item.qoperand.prefix = expression.is_prefix;
    pg_crc32 checksum;
    INIT_LEGACY_CRC32(checksum);
    COMP_LEGACY_CRC32(checksum, expression.lexeme.data(), static_cast<uint32>(expression.lexeme.size()));
    FIN_LEGACY_CRC32(checksum);
    item.qoperand.valcrc = static_cast<int32>(checksum);
    item.qoperand.length = static_cast<uint32>(expression.lexeme.size()) & 0xFFFU;
    item.qoperand.distance = static_cast<uint32>(operands_.size()) & 0xFFFFFU;
    items_.push_back(item);
    operands_.append(expression.lexeme);
    operands_.push_back('\0');
  }

  /// Halves, so that the tree is no deeper than it must be.
  void WriteSplit(const Expression &expression, std::int8_t oper, std::size_t first, std::size_t end) {
    if (end - first == 1) {
      Write(expression.children[first]);
      return;
    }
    std::size_t const middle = first + (end - first) / 2;
    std::size_t const at = AddOperator(oper, 0);
    WriteSplit(expression, oper, middle, end);
    items_[at].qoperator.left = static_cast<uint32>(items_.size() - at);
    WriteSplit(expression, oper, first, middle);
  }

  void WritePhrase(const Expression &expression, std::size_t end) {
    if (end == 1) {
      Write(expression.children.front());
      return;
    }
    std::size_t const at = AddOperator(OP_PHRASE, expression.places[end - 1] - expression.places[end - 2]);
    Write(expression.children[end - 1]);
    items_[at].qoperator.left = static_cast<uint32>(items_.size() - at);
    WritePhrase(expression, end - 1);
  }

  std::vector<QueryItem> items_;
  std::string operands_;
};

} // namespace

Expression MakeLexeme(std::string lexeme, bool is_prefix) {
  Expression expression;
  expression.kind = ExpressionKind::kLexeme;
  expression.lexeme = std::move(lexeme);
  expression.is_prefix = is_prefix;
  return expression;
}

Expression MakeNot(Expression child) {
  if (child.IsNothing()) return child;
  Expression expression;
  expression.kind = ExpressionKind::kNot;
  expression.children.push_back(std::move(child));
  return expression;
}

Expression Combine(ExpressionKind kind, std::vector<Expression> children) {
  Expression expression;
  expression.kind = kind;
  for (Expression &child : children) {
    auto const is_same = [&](const Expression &other) { return IsSameLexeme(child, other); };
    if (child.IsNothing() || std::any_of(expression.children.begin(), expression.children.end(), is_same)) continue;
    expression.children.push_back(std::move(child));
  }
  if (expression.children.empty()) return {};
  if (expression.children.size() == 1) {
    Expression only = std::move(expression.children.front());
    return only;
  }
  return expression;
}

Expression MakePhrase(std::vector<Expression> children, std::vector<int> places) {
  if (children.empty()) return {};
  if (children.size() == 1) return std::move(children.front());
  Expression expression;
  expression.kind = ExpressionKind::kPhrase;
  expression.children = std::move(children);
  expression.places = std::move(places);
  return expression;
}

std::size_t LexemeBytes(const Expression &expression) {
  std::size_t bytes = expression.kind == ExpressionKind::kLexeme ? expression.lexeme.size() + 1 : 0;
  for (const Expression &child : expression.children)
    bytes += LexemeBytes(child);
  return bytes;
}

TSQuery WriteTsquery(const Expression &expression) {
  TsqueryWriter writer;
  writer.Write(expression);
  return writer.Finish();
}

} // namespace itemize
