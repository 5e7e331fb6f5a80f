// itemize.search and itemize.explain_search: the best rows of a question, a page at a time.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "search/cursor.hpp"
#include "search/engine.hpp"
#include "search/order.hpp"
#include "search/place.hpp"
#include "search/price.hpp"
#include "search/run.hpp"
#include "serializer/row_encoder.hpp"

#include "boundary/prelude.hpp"

namespace itemize {
namespace {

constexpr int kMaxRowsPerPage = 1000;
constexpr std::size_t kMaxOrderBytes = 1024;

/// Parameters of a score go into each cursor; of a query of more words than this all are equally rare.
constexpr Size kMaxScoreParameterBytes = 256;

/// Arguments, by their order in sql/83_search.sql: the type, the question, and these.
enum Argument : uint8 { kFirstOfQuestion = 1, kOrderBy = kFirstOfQuestion + kQuestionArguments, kMaxRows, kAfter };

/// Where things stand in the rows of the inner statement, besides its sort items; -1: not there.
struct Layout {
  int score = -1;
  int distance = -1;
  int price = -1;
  int first_wide = 0;
};

/// A search as it was asked, ready to be made into statements.
struct Search {
  const SearchDefinition *definition = nullptr;
  Question question;
  Order order;
  int64 max_rows = 0;
  CursorKey key = {};
  std::uint64_t hash = 0;
  std::optional<OpenedCursor> after;
  std::optional<RatesMark> rates; ///< where the order is by a converted price
  bytea *score_parameters = nullptr;
};

int64 ReadMaxRows(FunctionCallInfo fcinfo) {
  const int32 max_rows = PG_ARGISNULL(kMaxRows) ? 0 : PG_GETARG_INT32(kMaxRows);
  if (max_rows < 1 || max_rows > kMaxRowsPerPage) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "max_rows must be from 1 to " + std::to_string(kMaxRowsPerPage))
        .Hint("Page on by passing the last row's cursor as \"after\".");
  }
  return max_rows;
}

bytea *MakeScoreParameters(const Search &search) {
  const SearchDefinition &definition = *search.definition;
  bytea *const parameters =
      EngineOf(definition).ScoreParameters(definition, *search.question.compiled, SeesAllRows(definition));
  return parameters != nullptr && VARSIZE(parameters) - VARHDRSZ > kMaxScoreParameterBytes ? nullptr : parameters;
}

/// An order by a converted price is one by certain rates: those of its first page are the rates of all pages.
std::optional<RatesMark> ReadRates(Search &search) {
  const std::vector<SortItem> &items = search.order.items;
  const bool is_converted = std::any_of(items.begin(), items.end(), [](const SortItem &item) {
    return item.kind == SortItem::Kind::kPrice && item.column == InvalidAttrNumber;
  });
  if (!is_converted) return std::nullopt;
  const bool goes_on = search.after && search.after->rates;
  const RatesMark then = goes_on ? *search.after->rates : RatesMark{};
  if (goes_on) search.question.rates_at = then.at;
  const RatesMark mark = MarkRates(search.question, *search.definition);
  if (goes_on && then.hash != mark.hash) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "the rates by which this cursor's search is ordered are gone")
        .Detail("Rates that were current when its first page was made have been changed or deleted since.")
        .Hint("Without \"after\" the search begins anew, by the rates of now.");
  }
  return mark;
}

Search ReadSearch(FunctionCallInfo fcinfo) {
  Search search;
  search.definition = ReadSearchDefinition(fcinfo);
  search.question = ReadQuestion(fcinfo, kFirstOfQuestion, *search.definition);
  search.order =
      ReadOrder(TextArgument(fcinfo, kOrderBy, "order_by", kMaxOrderBytes), search.question, *search.definition);
  search.max_rows = ReadMaxRows(fcinfo);
  search.key = ReadCursorKey();
  search.hash = HashQuestion(*search.definition, search.question, search.order);
  const auto after = TextArgument(fcinfo, kAfter, "after", kMaxCursorBytes);
  if (after) search.after = OpenCursor(*search.definition, search.key, *after, search.hash, search.order);
  search.rates = ReadRates(search);
  const bool scored = search.question.compiled && !search.question.compiled->is_empty;
  if (scored) search.score_parameters = search.after ? search.after->score_parameters : MakeScoreParameters(search);
  return search;
}

/// What one statement of a search is about.
struct Errand {
  Part part;
  Order order;
  const std::vector<BoundValue> *after; ///< as in TopK
};

/// A search's statements, in the order of their rows: one, or one for the rows that have a value of the first sort item
/// and one for those without.
std::vector<Errand> ListErrands(const Search &search) {
  const SortItem &first = search.order.items[0];
  const std::vector<BoundValue> *const after = search.after ? &search.after->values : nullptr;
  const bool may_lack = first.nullable && !search.order.Has(SortItem::Kind::kScore);
  const bool among_valueless = may_lack && after != nullptr && (*after)[0].is_null;
  std::vector<Errand> errands;
  const auto add_valueless = [&] { errands.push_back({Part::kValueless, search.order, after}); };
  if (among_valueless && !first.nulls_first) {
    add_valueless();
    return errands;
  }
  Order order = search.order;
  const bool first_page = after == nullptr;
  if (!may_lack ||
      !EngineOf(*search.definition).FindsValuedApart(search.question, *search.definition, first_page, order)) {
    errands.push_back({Part::kWhole, std::move(order), after});
    return errands;
  }
  // Within bounds of a price there is no row without one.
  const bool has_bounds = search.question.price_min || search.question.price_max;
  const bool are_all = has_bounds && first.kind == SortItem::Kind::kPrice;
  if (!are_all && first.nulls_first && (first_page || among_valueless)) add_valueless();
  errands.push_back({Part::kValued, std::move(order), among_valueless ? nullptr : after});
  if (!are_all && !first.nulls_first) add_valueless();
  return errands;
}

/// Whether items have the column's values: only such texts are quoted in headlines. Others are searched, not shown.
bool IsShown(const ItemDefinition &item, AttrNumber column) {
  const auto is_it = [column](const DefinitionColumn &other) { return other.attnum == column; };
  return std::any_of(item.keys, item.keys + item.key_count, is_it) ||
         std::any_of(item.fields, item.fields + item.field_count, is_it);
}

/// The inner statement, and where it has what.
Layout WriteStatement(Statement &statement, const Search &search, Matching matching, Errand &errand, int64 max_rows) {
  const SearchDefinition &definition = *search.definition;
  const Question &question = search.question;
  const Engine &engine = EngineOf(definition);
  Order &order = errand.order;
  TopK top = {matching, &order, errand.after, {}, {}, max_rows, errand.part};
  Layout layout;
  const auto output = [&](int &place, SortItem::Kind kind, bool wanted, const auto &expression) {
    for (std::size_t i = 0; i < order.items.size(); ++i) {
      if (order.items[i].kind != kind) continue;
      if (place == -1) order.items[i].expression = expression();
      if (place != -1) order.items[i].expression = order.items[static_cast<std::size_t>(place)].expression;
      if (place == -1) place = static_cast<int>(i);
    }
    if (place != -1 || !wanted) return;
    place = static_cast<int>(order.items.size() + top.extras.size());
    top.extras.push_back(expression());
  };
  const bool scored = question.compiled.has_value();
  output(layout.score, SortItem::Kind::kScore, scored, [&]() -> std::string {
    if (question.compiled->is_empty) return "0::pg_catalog.float4";
    return engine.ScoreExpression(statement, definition, *question.compiled, search.score_parameters);
  });
  output(layout.distance, SortItem::Kind::kDistance, question.near.has_value(),
         [&] { return DistanceExpression(statement, question, definition); });
  const bool priced = definition.price != nullptr;
  bool price_is_ordered = order.Has(SortItem::Kind::kPrice);
  output(layout.price, SortItem::Kind::kPrice, priced,
         [&] { return ConvertedPrice(statement, question, definition, !price_is_ordered); });
  layout.first_wide = static_cast<int>(order.items.size() + top.extras.size());
  if (scored) {
    // No character is less than a byte.
    const std::string cut = "::pg_catalog.text, 1, " + std::to_string(kMaxHeadlineBytes) + ")";
    for (int i = 0; i < definition.text_count; ++i) {
      const SearchText &text = definition.texts[i];
      top.wide.push_back(IsShown(definition.item, text.attnum)
                             ? "pg_catalog.substr(" + ColumnText(NameStr(text.name)) + cut
                             : "NULL::pg_catalog.text");
    }
    top.wide.emplace_back(CallPg([&] { return LanguageExpression(definition, kRowAlias); }));
  }
  engine.AppendTopK(statement, question, definition, top);
  return layout;
}

/// What all cursors of a page have.
CursorContent ContentOfCursors(const Search &search, Matching matching) {
  CursorContent content;
  content.relaxed = matching == Matching::kRelaxed;
  content.question = search.hash;
  content.rates = search.rates;
  if (search.score_parameters != nullptr) {
    content.score_parameters.assign(VARDATA_ANY(search.score_parameters), VARSIZE_ANY_EXHDR(search.score_parameters));
  }
  return content;
}

/// Writes rows of the result.
class Page {
public:
  Page(FunctionCallInfo fcinfo, const Search &search, const Layout &layout, Matching matching)
      : result_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)), search_(search), layout_(layout),
        matching_(matching), sealer_(search.key, ContentOfCursors(search, matching), search.order),
        decimals_(ShownDecimals(search.question).value_or(-1)) {}

  void Put(const Rows &rows) {
    if (rows.count == 0) return;
    // What is made of a row goes before the next; after an error, with the call's own memory.
    MemoryContext const call = CurrentMemoryContext;
    MemoryContext const row = CallPg([&] { return Begin(rows.table->tupdesc); });
    if (search_.question.compiled) {
      for (uint64 i = 0; i < rows.count; ++i) {
        MemoryContextSwitchTo(row);
        CallPg([&] { TakeApart(rows.table->vals[i]); });
        const char *const headline = MakeHeadline();
        CallPg([&] {
          PutRow(headline);
          MemoryContextReset(row);
        });
      }
    } else {
      CallPg([&] {
        MemoryContextSwitchTo(row);
        for (uint64 i = 0; i < rows.count; ++i) {
          TakeApart(rows.table->vals[i]);
          PutRow(nullptr);
          MemoryContextReset(row);
        }
      });
    }
    MemoryContextSwitchTo(call);
    CallPg([&] { MemoryContextDelete(row); });
  }

private:
  enum Column : uint8 { kKey, kScore, kDistance, kPrice, kHeadline, kCursor, kRelaxed, kColumns };

  // Within CallPg, the first three.

  /// Makes what all rows need; returns the memory context of a row.
  MemoryContext Begin(TupleDesc description) {
    description_ = description;
    const auto columns = static_cast<Size>(description->natts);
    row_ = {static_cast<Datum *>(palloc(columns * sizeof(Datum))), static_cast<bool *>(palloc(columns * sizeof(bool)))};
    ItemDefinition key_only = search_.definition->item;
    key_only.field_count = 0;
    const int first_key = static_cast<int>(search_.order.items.size()) - key_only.key_count;
    encoder_ = MakePackedRowEncoder(key_only, description, first_key);
    initStringInfo(&key_);
    return AllocSetContextCreate(CurrentMemoryContext, "itemize search row", ALLOCSET_DEFAULT_SIZES);
  }

  void TakeApart(HeapTuple tuple) { heap_deform_tuple(tuple, description_, row_.values, row_.nulls); }

  void PutRow(const char *headline) {
    Datum values[kColumns] = {};
    bool nulls[kColumns] = {};
    resetStringInfo(&key_);
    EncodeKey(*encoder_, row_, nullptr, &key_);
    values[kKey] = PointerGetDatum(cstring_to_text_with_len(key_.data, key_.len));
    const int places[] = {layout_.score, layout_.distance, layout_.price};
    for (int i = 0; i < static_cast<int>(lengthof(places)); ++i) {
      nulls[kScore + i] = places[i] == -1 || row_.nulls[places[i]];
      if (!nulls[kScore + i]) values[kScore + i] = row_.values[places[i]];
    }
    // What is compared and goes into cursors stays exact.
    if (!nulls[kPrice] && decimals_ >= 0) {
      values[kPrice] = DirectFunctionCall2(numeric_round, values[kPrice], Int32GetDatum(decimals_));
    }
    nulls[kHeadline] = headline == nullptr;
    if (headline != nullptr) values[kHeadline] = CStringGetTextDatum(headline);
    // The sort items come first.
    values[kCursor] = PointerGetDatum(sealer_.Seal(row_.values, row_.nulls));
    values[kRelaxed] = BoolGetDatum(matching_ == Matching::kRelaxed);
    tuplestore_putvalues(result_->setResult, result_->setDesc, values, nulls);
  }

  char *MakeHeadline() const {
    const SearchDefinition &definition = *search_.definition;
    const char *const *const texts = CallPg([&] {
      auto **const copies =
          static_cast<const char **>(palloc0(static_cast<Size>(definition.text_count + 1) * sizeof(char *)));
      for (int i = 0; i <= definition.text_count; ++i) {
        const int column = layout_.first_wide + i;
        if (!row_.nulls[column]) copies[i] = TextDatumGetCString(row_.values[column]);
      }
      return copies;
    });
    return Headline(definition, *search_.question.compiled, texts, texts[definition.text_count]);
  }

  ReturnSetInfo *result_;
  const Search &search_;
  Layout layout_;
  Matching matching_;
  CursorSealer sealer_;
  TupleDesc description_ = nullptr; ///< of the inner statement's rows
  RowValues row_ = {};
  RowEncoder *encoder_ = nullptr;
  StringInfoData key_ = {};
  int decimals_; ///< to which prices are rounded; -1: not at all
};

/// Runs one statement; how many rows it found.
int64 Run(FunctionCallInfo fcinfo, const Search &search, Matching matching, Errand &errand, int64 max_rows) {
  Statement statement;
  const Layout layout = WriteStatement(statement, search, matching, errand, max_rows);
  int64 found = 0;
  RunQuestion(*search.definition, statement, [&](const Rows &rows) {
    found = static_cast<int64>(rows.count);
    Page(fcinfo, search, layout, matching).Put(rows);
  });
  return found;
}

/// Runs the search once; how many rows it found. All of its statements have the snapshot of the call.
int64 RunOnce(FunctionCallInfo fcinfo, const Search &search, Matching matching) {
  int64 found = 0;
  for (Errand &errand : ListErrands(search)) {
    if (found < search.max_rows) found += Run(fcinfo, search, matching, errand, search.max_rows - found);
  }
  return found;
}

/// What the rows are declared as is a type, which the extension's owner can alter. Within CallPg.
void RequireRowType(TupleDesc declared) {
  static constexpr Oid kTypes[] = {TEXTOID, FLOAT4OID, FLOAT8OID, NUMERICOID, TEXTOID, TEXTOID, BOOLOID};
  constexpr int kCount = static_cast<int>(lengthof(kTypes));
  bool is_ours = declared->natts == kCount;
  for (int i = 0; is_ours && i < kCount; ++i) {
    const FormData_pg_attribute *const column = TupleDescAttr(declared, i);
    is_ours = !column->attisdropped && column->atttypid == kTypes[i];
  }
  if (is_ours) return;
  ereport(ERROR,
          (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("type itemize.search_row is not the one that itemize made"),
           errdetail("Its attributes are key text, score real, distance double precision, price numeric, "
                     "headline text, cursor text and relaxed boolean, in this order."),
           errhint("Undo what ALTER TYPE changed, or create the extension anew.")));
}

void RunSearch(FunctionCallInfo fcinfo) {
  CallPg([&] {
    CheckLibraryVersion();
    compat::InitMaterializedSrf(fcinfo);
    RequireRowType(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)->setDesc);
  });
  const Search search = ReadSearch(fcinfo);
  NoticeMissingIndexes(*search.definition, search.question, &search.order);
  if (search.after) {
    (void)RunOnce(fcinfo, search, search.after->relaxed ? Matching::kRelaxed : Matching::kStrict);
    return;
  }
  (void)AskStrictlyThenRelaxed(search.question,
                               [&](Matching matching, bool /*last*/) { return RunOnce(fcinfo, search, matching) > 0; });
}

/// As compat::InitMaterializedSrf, for a set of plain values.
void InitMaterializedLines(FunctionCallInfo fcinfo) {
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  if (result == nullptr || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("set-valued function called in context that cannot accept a set")));
  }
  MemoryContext const caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
  result->returnMode = SFRM_Materialize;
  result->setDesc = CreateTemplateTupleDesc(1);
  TupleDescInitEntry(result->setDesc, 1, "explain_search", TEXTOID, -1, 0);
  result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
  MemoryContextSwitchTo(caller);
}

void PutLine(ReturnSetInfo *result, Datum line) {
  bool is_null = false;
  tuplestore_putvalues(result->setResult, result->setDesc, &line, &is_null);
}

/// What a part of a search is, as a comment of SQL; nullptr of the whole.
const char *TitleOf(Part part) {
  switch (part) {
  case Part::kValued: return "-- the rows with a value of what comes first in the order";
  case Part::kValueless: return "-- the rows without a value of what comes first in the order";
  case Part::kWhole: break;
  }
  return nullptr;
}

void ExplainErrand(ReturnSetInfo *result, const Search &search, Errand &errand) {
  Statement statement;
  const bool relaxed = search.after && search.after->relaxed;
  (void)WriteStatement(statement, search, relaxed ? Matching::kRelaxed : Matching::kStrict, errand, search.max_rows);
  const char *const title = TitleOf(errand.part);
  ExplainQuestion(*search.definition, statement, [&](const Rows &rows) {
    CallPg([&] {
      if (title != nullptr) PutLine(result, CStringGetTextDatum(title));
      PutLine(result, CStringGetTextDatum(statement.text().c_str()));
      for (uint64 i = 0; i < rows.count; ++i) {
        bool is_null = false;
        PutLine(result, SPI_getbinval(rows.table->vals[i], rows.table->tupdesc, 1, &is_null));
      }
    });
  });
}

void ExplainSearch(FunctionCallInfo fcinfo) {
  CallPg([&] {
    CheckLibraryVersion();
    InitMaterializedLines(fcinfo);
  });
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Search search = ReadSearch(fcinfo);
  NoticeMissingIndexes(*search.definition, search.question, &search.order);
  for (Errand &errand : ListErrands(search))
    ExplainErrand(result, search, errand);
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_search) {
  return itemize::Entry([&] {
    itemize::RunSearch(fcinfo);
    return Datum{0};
  });
}

ITEMIZE_FUNCTION(itemize_explain_search) {
  return itemize::Entry([&] {
    itemize::ExplainSearch(fcinfo);
    return Datum{0};
  });
}
