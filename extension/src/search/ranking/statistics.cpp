#include "search/ranking/statistics.hpp"

#include "boundary/entry.hpp"
#include "search/ranking/bm25.hpp"
#include "search/ranking/query_terms.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_statistic.h"
}

namespace itemize::ranking {
namespace {

/// The most common lexemes of a column, as ts_typanalyze.c leaves them: sorted by length, then bytes; the least of all
/// frequencies and the greatest follow those of the lexemes.
struct CommonLexemes {
  const Datum *lexemes = nullptr;
  const float4 *fractions = nullptr;
  int count = 0;
  double least = 0;
};

std::string_view View(Datum lexeme) {
  const auto *const value = reinterpret_cast<const text *>(DatumGetPointer(lexeme));
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

bool IsBefore(std::string_view left, std::string_view right) {
  return left.size() != right.size() ? left.size() < right.size() : left < right;
}

/// Statistics that this session has taken out of their row, which takes longer than all that is looked up in them.
/// ANALYZE writes another row.
struct KnownStatistics {
  Oid relation;
  AttrNumber attribute;
  ItemPointerData row;
  TransactionId written_by;
  CommonLexemes common;
  MemoryContext context; ///< null: a free place
};
constexpr int kKnownStatistics = 4;
KnownStatistics known_statistics[kKnownStatistics];
int oldest_statistics = 0;

/// In a memory context of its own, which is the current one's until it is kept; none where there are no such
/// statistics.
KnownStatistics TakeOut(HeapTuple tuple) {
  KnownStatistics taken = {};
  MemoryContext const context =
      AllocSetContextCreate(CurrentMemoryContext, "itemize search statistics", ALLOCSET_DEFAULT_SIZES);
  MemoryContext const caller = MemoryContextSwitchTo(context);
  AttStatsSlot slot;
  if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_MCELEM, InvalidOid, ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS) &&
      slot.valuetype == TEXTOID && slot.nnumbers == slot.nvalues + 2) {
    // The slot is left to the memory context: it holds what the result points into.
    taken.common = {slot.values, slot.numbers, slot.nvalues, slot.numbers[slot.nvalues]};
    taken.context = context;
  }
  MemoryContextSwitchTo(caller);
  return taken;
}

CommonLexemes StatisticsIn(HeapTuple tuple, Oid relation, AttrNumber attribute) {
  const TransactionId written_by = HeapTupleHeaderGetRawXmin(tuple->t_data);
  KnownStatistics *place = nullptr;
  for (KnownStatistics &known : known_statistics) {
    if (known.context == nullptr || known.relation != relation || known.attribute != attribute) continue;
    place = &known;
    if (known.written_by == written_by && ItemPointerEquals(&known.row, &tuple->t_self)) return known.common;
    break;
  }
  KnownStatistics taken = TakeOut(tuple);
  if (taken.context == nullptr) return taken.common;
  taken.relation = relation;
  taken.attribute = attribute;
  taken.row = tuple->t_self;
  taken.written_by = written_by;
  if (place == nullptr) {
    place = &known_statistics[oldest_statistics];
    oldest_statistics = (oldest_statistics + 1) % kKnownStatistics;
  }
  MemoryContextSetParent(taken.context, TopMemoryContext);
  if (place->context != nullptr) MemoryContextDelete(place->context);
  *place = taken;
  return taken.common;
}

/// Good until the next call.
CommonLexemes ReadStatistics(Oid relation, AttrNumber attribute) {
  CommonLexemes common;
  // Of a partitioned table the statistics are those of all its partitions.
  for (const bool inherited : {false, true}) {
    HeapTuple const tuple =
        SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relation), Int16GetDatum(attribute), BoolGetDatum(inherited));
    if (!HeapTupleIsValid(tuple)) continue;
    common = StatisticsIn(tuple, relation, attribute);
    ReleaseSysCache(tuple);
    if (common.count > 0) break;
  }
  return common;
}

/// The part of all documents that have the lexeme, or one that begins with it.
double Fraction(const CommonLexemes &common, std::string_view lexeme, bool is_prefix) {
  // What is not among the most common is rarer than the least of them; half of that is the planner's guess as well.
  const double unknown = common.least / 2;
  if (is_prefix) {
    double sum = 0;
    for (int i = 0; i < common.count; ++i) {
      if (View(common.lexemes[i]).substr(0, lexeme.size()) == lexeme) sum += static_cast<double>(common.fractions[i]);
    }
    return std::max(sum, unknown);
  }
  const Datum *const end = common.lexemes + common.count;
  const Datum *const found = std::lower_bound(common.lexemes, end, lexeme, [](Datum element, std::string_view wanted) {
    return IsBefore(View(element), wanted);
  });
  if (found == end || View(*found) != lexeme) return unknown;
  return static_cast<double>(common.fractions[found - common.lexemes]);
}

/// A document's average number of lexemes is the sum of all their fractions; the common ones are most of it.
double SumOfFractions(const CommonLexemes &common) {
  double sum = 0;
  for (int i = 0; i < common.count; ++i)
    sum += static_cast<double>(common.fractions[i]);
  return sum;
}

} // namespace

bytea *RankingParameters(Oid relation, AttrNumber attribute, TSQuery query) {
  CommonLexemes common;
  if (OidIsValid(relation)) common = CallPg([&] { return ReadStatistics(relation, attribute); });

  const char *const texts = GETOPERAND(query);
  const QueryItem *const items = GETQUERY(query);
  std::string codes;
  for (int i = 0; common.count > 0 && i < query->size; ++i) {
    if (items[i].type != QI_VAL) continue;
    const QueryOperand &operand = items[i].qoperand;
    codes.push_back(
        static_cast<char>(RarityCode(Fraction(common, {texts + operand.distance, operand.length}, operand.prefix))));
  }
  Parameters parameters;
  if (common.count > 0) parameters.average_length = SumOfFractions(common);
  parameters.rarity_codes = codes;
  const std::string bytes = EncodeParameters(parameters);
  return CallPg([&] {
    const Size size = VARHDRSZ + bytes.size();
    auto *const result = static_cast<bytea *>(palloc(size));
    SET_VARSIZE(result, size);
    memcpy(VARDATA(result), bytes.data(), bytes.size());
    return result;
  });
}

} // namespace itemize::ranking
