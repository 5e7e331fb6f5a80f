#include "search/saved_plans.hpp"

#include <algorithm>
#include <cstring>

#include "boundary/prelude.hpp"

extern "C" {
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "utils/datum.h"
#include "utils/timestamp.h"
}

namespace itemize {

namespace {

/// Values that stand in a plan as constants; see BindValues.
struct BoundParameters {
  const Oid *types;
  const Datum *values;
  const char *nulls; ///< as SPI has them
  int count;
};

/// As whom a statement was parsed: which policies are in it depends on both.
struct Identity {
  Oid user;
  int security_context;
};

} // namespace

/// Plain data in a memory context of its own below TopMemoryContext.
struct SavedStatement {
  uint64 hash; ///< of all by which it is known
  uint64 used;
  const char *text;
  BoundParameters parameters; ///< without values where the plan is not for certain ones
  Identity identity;
  TimestampTz made;
  SPIPlanPtr plan; ///< null: a free place
  MemoryContext context;
  int running;
};

namespace {

/// The one used longest ago makes room.
constexpr int kSavedStatements = 64;
SavedStatement saved_statements[kSavedStatements];

/// Those with a plan for certain values. Where questions rarely repeat, none is made; see IsWorthAPlan.
constexpr int kSavedPlans = 32;
SavedStatement saved_plans[kSavedPlans];

/// A plan for certain values may be as good as new for so long (microseconds): a table can grow unnoticed by ANALYZE.
constexpr int64 kPlanIsGood = int64{60} * 1000000;

/// Values of more bytes than this together do not repeat.
constexpr Size kMaxValueBytes = 256;

/// When statements were last asked with certain values, by their hash; what has the same place overwrites.
struct Sight {
  uint64 hash;
  uint64 used;
};
constexpr int kSights = 256;
Sight sights[kSights];

uint64 uses = 0;

Identity CurrentIdentity() {
  Identity identity = {};
  GetUserIdAndSecContext(&identity.user, &identity.security_context);
  return identity;
}

uint64 HashBytes(const void *bytes, Size count, uint64 seed) {
  return DatumGetUInt64(hash_any_extended(static_cast<const unsigned char *>(bytes), static_cast<int>(count), seed));
}

uint64 HashOf(const StatementView &statement, const Identity &identity) {
  const uint64 text = HashBytes(statement.text, statement.length, 0);
  const uint64 types = HashBytes(statement.types, sizeof(Oid) * static_cast<Size>(statement.count), text);
  return hash_combine64(types, hash_combine64(identity.user, static_cast<uint64>(identity.security_context)));
}

bool IsSame(const SavedStatement &saved, const StatementView &statement, const Identity &identity) {
  return saved.identity.user == identity.user && saved.identity.security_context == identity.security_context &&
         saved.parameters.count == statement.count &&
         std::equal(statement.types, statement.types + statement.count, saved.parameters.types) &&
         std::strcmp(saved.text, statement.text) == 0;
}

/// With the values, where these are few bytes; else false.
bool HashValues(const StatementView &statement, uint64 &hash) {
  Size total = 0;
  for (int i = 0; i < statement.count; ++i) {
    if (statement.nulls[i] == 'n') {
      hash = hash_combine64(hash, 1);
      continue;
    }
    int16 length = 0;
    bool by_value = false;
    get_typlenbyval(statement.types[i], &length, &by_value);
    Datum const value = statement.values[i];
    if (by_value) {
      hash = hash_combine64(hash, HashBytes(&value, sizeof(value), 0));
      continue;
    }
    if (length == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value))) return false;
    const Size size = datumGetSize(value, by_value, length);
    total += size;
    if (total > kMaxValueBytes) return false;
    hash = hash_combine64(hash, HashBytes(DatumGetPointer(value), size, 0));
  }
  return true;
}

bool HasValues(const BoundParameters &bound, const StatementView &statement) {
  for (int i = 0; i < statement.count; ++i) {
    if (bound.nulls[i] != statement.nulls[i]) return false;
    if (statement.nulls[i] == 'n') continue;
    int16 length = 0;
    bool by_value = false;
    get_typlenbyval(statement.types[i], &length, &by_value);
    if (!datumIsEqual(bound.values[i], statement.values[i], by_value, length)) return false;
  }
  return true;
}

extern "C" Node *ConstantOfParameter(ParseState *state, ParamRef *reference) {
  const auto *const bound = static_cast<const BoundParameters *>(state->p_ref_hook_state);
  const int i = reference->number - 1;
  if (i < 0 || i >= bound->count) elog(ERROR, "a search has no parameter %d", reference->number);
  Oid const type = bound->types[i];
  int16 length = 0;
  bool by_value = false;
  get_typlenbyval(type, &length, &by_value);
  const bool is_null = bound->nulls[i] == 'n';
  Datum const value = is_null ? Datum{0} : datumCopy(bound->values[i], by_value, length);
  return reinterpret_cast<Node *>(makeConst(type, -1, get_typcollation(type), length, value, is_null, by_value));
}

/// A ParserSetupHook: what a planner for each call makes of parameters (PARAM_FLAG_CONST) is made of them when the
/// statement is analysed, each time that this has to be done anew.
extern "C" void BindValues(ParseState *state, void *bound) {
  state->p_ref_hook_state = bound;
  state->p_paramref_hook = ConstantOfParameter;
}

SavedStatement *FindLeastUsed(SavedStatement *all, int count) {
  SavedStatement *oldest = nullptr;
  for (SavedStatement *saved = all; saved != all + count; ++saved) {
    if (saved->running == 0 && (oldest == nullptr || saved->used < oldest->used)) oldest = saved;
  }
  return oldest;
}

/// In a memory context of its own, below the current one until it is kept.
SavedStatement Describe(const StatementView &statement, const Identity &identity, uint64 hash, bool with_values) {
  SavedStatement made = {};
  made.context = AllocSetContextCreate(CurrentMemoryContext, "itemize search statement", ALLOCSET_SMALL_SIZES);
  MemoryContext const caller = MemoryContextSwitchTo(made.context);
  const auto count = static_cast<Size>(statement.count);
  auto *const types = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
  std::copy(statement.types, statement.types + count, types);
  made.hash = hash;
  made.text = pstrdup(statement.text);
  made.identity = identity;
  made.made = GetCurrentTimestamp();
  made.parameters = {types, nullptr, nullptr, statement.count};
  if (with_values) {
    auto *const values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
    for (int i = 0; i < statement.count; ++i) {
      int16 length = 0;
      bool by_value = false;
      get_typlenbyval(statement.types[i], &length, &by_value);
      values[i] = statement.nulls[i] == 'n' ? Datum{0} : datumCopy(statement.values[i], by_value, length);
    }
    made.parameters.values = values;
    made.parameters.nulls = pstrdup(statement.nulls);
  }
  MemoryContextSwitchTo(caller);
  return made;
}

void Free(SavedStatement &saved) {
  const SavedStatement old = saved;
  saved = {};
  if (old.plan == nullptr) return;
  SPI_freeplan(old.plan);
  MemoryContextDelete(old.context);
}

/// Nothing of it raises once the old one has been freed.
void Keep(SavedStatement &place, const SavedStatement &made) {
  if (SPI_keepplan(made.plan) != 0) elog(ERROR, "could not keep the plan of a search");
  MemoryContextSetParent(made.context, TopMemoryContext);
  Free(place);
  place = made;
  place.used = ++uses;
}

/// What was asked more recently than the plan used longest ago takes its place: where questions repeat only after more
/// others than there are places, plans stay as they are, and none is made in vain.
SavedStatement *IsWorthAPlan(uint64 hash) {
  Sight &sight = sights[hash % kSights];
  const Sight before = sight;
  sight = {hash, ++uses};
  if (before.hash != hash) return nullptr;
  SavedStatement *const place = FindLeastUsed(saved_plans, kSavedPlans);
  return place != nullptr && place->used < before.used ? place : nullptr;
}

/// Null where there is none, and none is to be made.
SavedStatement *FindPlanForValues(const StatementView &statement, const Identity &identity, uint64 hash) {
  if (!HashValues(statement, hash)) return nullptr;
  SavedStatement *place = nullptr;
  for (SavedStatement &saved : saved_plans) {
    if (saved.plan == nullptr || saved.hash != hash || !IsSame(saved, statement, identity) ||
        !HasValues(saved.parameters, statement)) {
      continue;
    }
    const TimestampTz age = GetCurrentTimestamp() - saved.made;
    const bool good = age >= 0 && age < kPlanIsGood; // the clock may have been set back
    if (good || saved.running > 0) {
      saved.used = ++uses;
      return &saved;
    }
    place = &saved;
  }
  if (place == nullptr) place = IsWorthAPlan(hash);
  if (place == nullptr) return nullptr;
  SavedStatement made = Describe(statement, identity, hash, true);
  auto *const bound = static_cast<BoundParameters *>(MemoryContextAlloc(made.context, sizeof(BoundParameters)));
  *bound = made.parameters;
  made.plan = SPI_prepare_params(made.text, BindValues, bound, CURSOR_OPT_PARALLEL_OK);
  if (made.plan == nullptr) elog(ERROR, "could not prepare a search: %s", SPI_result_code_string(SPI_result));
  Keep(*place, made);
  return place;
}

} // namespace

StatementView ViewOf(const Statement &statement) {
  return {statement.text().c_str(),  statement.text().size(),
          statement.types().data(),  static_cast<int>(statement.types().size()),
          statement.values().data(), statement.nulls().c_str(),
          statement.planning()};
}

SPIPlanPtr PrepareStatement(const StatementView &statement, const char *text) {
  // The values of the parameters (how rare a word is, how narrow a range) decide the plan, where they are compared.
  const int kind = statement.planning == Statement::Planning::kOnce ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN;
  SPIPlanPtr const plan =
      SPI_prepare_cursor(text, statement.count, const_cast<Oid *>(statement.types), kind | CURSOR_OPT_PARALLEL_OK);
  if (plan == nullptr) elog(ERROR, "could not prepare a search: %s", SPI_result_code_string(SPI_result));
  return plan;
}

PlannedStatement PlanStatement(const StatementView &statement) {
  const Identity identity = CurrentIdentity();
  const uint64 hash = HashOf(statement, identity);
  if (statement.planning == Statement::Planning::kForValues) {
    SavedStatement *const known = FindPlanForValues(statement, identity, hash);
    if (known != nullptr) return {known->plan, known, true};
  }
  for (SavedStatement &saved : saved_statements) {
    if (saved.plan == nullptr || saved.hash != hash || !IsSame(saved, statement, identity)) continue;
    saved.used = ++uses;
    return {saved.plan, &saved, false};
  }
  SPIPlanPtr const plan = PrepareStatement(statement, statement.text);
  SavedStatement *const place = FindLeastUsed(saved_statements, kSavedStatements);
  if (place == nullptr) return {plan, nullptr, false};
  SavedStatement made = Describe(statement, identity, hash, false);
  made.plan = plan;
  Keep(*place, made);
  return {plan, place, false};
}

RunningStatement::~RunningStatement() {
  if (saved_ != nullptr) --saved_->running;
}

void RunningStatement::Begin(SavedStatement *saved) noexcept {
  saved_ = saved;
  if (saved_ != nullptr) ++saved_->running;
}

} // namespace itemize
