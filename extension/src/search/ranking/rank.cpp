// itemize.rank: a document's score for a query. It is called for every match of a search, so what depends on the
// question alone is made once, and a document costs a binary search for each word of the query.
#include "boundary/entry.hpp"
#include "search/ranking/bm25.hpp"
#include "search/ranking/query_terms.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "boundary/prelude.hpp"

extern "C" {
#include "tsearch/ts_type.h"
}

namespace itemize::ranking {
namespace {

/// The last position that a tsvector can tell: every word beyond has it.
constexpr WordEntryPos kLastPosition = MAXENTRYPOS - 1;

/// Words beyond so many are not looked at for being forms of one another.
constexpr int kMaxForms = 64;

struct Term {
  const char *lexeme;
  uint32 length;
  uint8 weights; ///< a bit for each of D, C, B, A that may be counted; 0: all
  bool is_prefix;
  double rarity;
};

/// What depends on the question alone; in fn_mcxt.
struct Scorer {
  Size query_bytes;
  Size parameter_bytes;
  const char *question; ///< a copy of the query and of the parameters, which the terms point into
  double base;
  double per_lexeme;
  double weights[4];
  double rarity_sum;
  int term_count;
  Term terms[FLEXIBLE_ARRAY_MEMBER]; ///< in the order of a tsvector
};

/// As tsvector_op.c's tsCompareString: bytes, then the shorter first.
int CompareLexemes(const char *left, uint32 left_length, const char *right, uint32 right_length) {
  const int order = memcmp(left, right, std::min(left_length, right_length));
  if (order != 0) return order;
  return left_length < right_length ? -1 : left_length > right_length ? 1 : 0;
}

Scorer *MakeScorer(const TSQueryData *query, std::string_view parameter_bytes, MemoryContext context) {
  const Size query_bytes = VARSIZE(query);
  const int item_count = query->size;
  auto *const scorer = static_cast<Scorer *>(MemoryContextAllocZero(
      context, offsetof(Scorer, terms) + sizeof(Term) * static_cast<Size>(std::max(item_count, 1))));
  auto *const question = static_cast<char *>(MemoryContextAlloc(context, query_bytes + parameter_bytes.size() + 1));
  memcpy(question, query, query_bytes);
  if (!parameter_bytes.empty()) memcpy(question + query_bytes, parameter_bytes.data(), parameter_bytes.size());
  scorer->question = question;
  scorer->query_bytes = query_bytes;
  scorer->parameter_bytes = parameter_bytes.size();

  const Parameters parameters = DecodeParameters({question + query_bytes, parameter_bytes.size()});
  const Bm25 formula(parameters.average_length);
  scorer->base = formula.Resistance(0);
  scorer->per_lexeme = formula.Resistance(1) - scorer->base;
  std::copy(std::begin(parameters.weights), std::end(parameters.weights), std::begin(scorer->weights));

  auto *const copy = reinterpret_cast<TSQuery>(question);
  const bool *const wanted = WantedItems(copy);
  const char *const texts = GETOPERAND(copy);
  const QueryItem *const items = GETQUERY(copy);
  Size operand = 0;
  for (int i = 0; i < item_count; ++i) {
    if (items[i].type != QI_VAL) continue;
    const QueryOperand &value = items[i].qoperand;
    const double rarity = parameters.Rarity(operand++);
    if (!wanted[i]) continue;
    scorer->terms[scorer->term_count++] = {texts + value.distance, value.length, value.weight, value.prefix, rarity};
    scorer->rarity_sum += rarity;
  }
  std::sort(scorer->terms, scorer->terms + scorer->term_count, [](const Term &left, const Term &right) {
    return CompareLexemes(left.lexeme, left.length, right.lexeme, right.length) < 0;
  });
  return scorer;
}

/// How often an entry occurs, each time counted by the weight of its column.
double Frequency(const Scorer &scorer, const TSVectorData *document, const WordEntry *entry, uint8 counted) {
  if (!entry->haspos) return 1;
  // ts_type.h's POSDATALEN and POSDATAPTR, which would cast the const away.
  const auto *const positions =
      reinterpret_cast<const WordEntryPosVector *>(STRPTR(document) + SHORTALIGN(entry->pos + entry->len));
  double frequency = 0;
  for (int i = 0; i < positions->npos; ++i) {
    const unsigned weight = WEP_GETWEIGHT(positions->pos[i]);
    if (counted == 0 || ((counted >> weight) & 1U) != 0) frequency += scorer.weights[weight];
  }
  return frequency;
}

/// 0 where a tsvector has been stripped of positions, or cannot tell the word's.
WordEntryPos FirstPosition(const TSVectorData *document, const WordEntry *entry) {
  if (!entry->haspos) return 0;
  const auto *const positions =
      reinterpret_cast<const WordEntryPosVector *>(STRPTR(document) + SHORTALIGN(entry->pos + entry->len));
  const auto position = static_cast<WordEntryPos>(WEP_GETPOS(positions->pos[0]));
  return position == kLastPosition ? WordEntryPos{0} : position;
}

/// The sum over the words that the document has. Words that begin at the same position are forms of one word (another
/// spelling, another language's stem): the best of them counts.
class Sum {
public:
  void Add(WordEntryPos position, double score) {
    if (position != 0) {
      for (int i = 0; i < form_count_; ++i) {
        if (forms_[i].position != position) continue;
        if (score > forms_[i].score) {
          value_ += score - forms_[i].score;
          forms_[i].score = score;
        }
        return;
      }
      if (form_count_ < kMaxForms) forms_[form_count_++] = {position, score};
    }
    value_ += score;
  }

  [[nodiscard]] double Value() const { return value_; }

private:
  struct Form {
    WordEntryPos position;
    double score;
  };

  double value_ = 0;
  int form_count_ = 0;
  Form forms_[kMaxForms]; // only the first form_count_ are set
};

double Score(const Scorer &scorer, const TSVectorData *document) {
  if (scorer.rarity_sum <= 0) return 0;
  const WordEntry *from = ARRPTR(document);
  const WordEntry *const end = from + document->size;
  const char *const texts = STRPTR(document);
  const double resistance = scorer.base + scorer.per_lexeme * document->size;
  Sum sum;
  for (int i = 0; i < scorer.term_count; ++i) {
    const Term &term = scorer.terms[i];
    // The terms are sorted as the entries are: what lies before one's place lies before the next one's.
    from = std::lower_bound(from, end, term, [texts](const WordEntry &entry, const Term &wanted) {
      return CompareLexemes(texts + entry.pos, entry.len, wanted.lexeme, wanted.length) < 0;
    });
    double frequency = 0;
    WordEntryPos position = 0;
    for (const WordEntry *entry = from; entry < end; ++entry) {
      const bool matches = entry->len >= term.length && (term.is_prefix || entry->len == term.length) &&
                           memcmp(texts + entry->pos, term.lexeme, term.length) == 0;
      if (!matches) break;
      if (frequency == 0) position = FirstPosition(document, entry);
      frequency += Frequency(scorer, document, entry, term.weights);
      if (!term.is_prefix) break;
    }
    if (frequency > 0) sum.Add(position, term.rarity * Bm25::Saturate(frequency, resistance));
  }
  return sum.Value() / scorer.rarity_sum;
}

Datum Rank(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_NULL();
  TSVector const document = PG_GETARG_TSVECTOR(0);
  TSQuery const query = PG_GETARG_TSQUERY(1);
  std::string_view parameters;
  if (!PG_ARGISNULL(2)) {
    const bytea *const value = PG_GETARG_BYTEA_PP(2);
    parameters = {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
  }
  auto *scorer = static_cast<Scorer *>(fcinfo->flinfo->fn_extra);
  const bool is_the_same = scorer != nullptr && scorer->query_bytes == VARSIZE(query) &&
                           scorer->parameter_bytes == parameters.size() &&
                           memcmp(scorer->question, query, scorer->query_bytes) == 0 &&
                           std::string_view(scorer->question + scorer->query_bytes, parameters.size()) == parameters;
  if (!is_the_same) {
    fcinfo->flinfo->fn_extra = nullptr;
    if (scorer != nullptr) {
      pfree(const_cast<char *>(scorer->question));
      pfree(scorer);
    }
    scorer = MakeScorer(query, parameters, fcinfo->flinfo->fn_mcxt);
    fcinfo->flinfo->fn_extra = scorer;
  }
  const auto score = static_cast<float4>(Score(*scorer, document));
  PG_FREE_IF_COPY(document, 0);
  PG_FREE_IF_COPY(query, 1);
  PG_RETURN_FLOAT4(score);
}

} // namespace
} // namespace itemize::ranking

ITEMIZE_FUNCTION(itemize_rank) {
  return itemize::Entry([&] { return itemize::ranking::Rank(fcinfo); });
}
