#include "search/run.hpp"

#include <algorithm>
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/owner_identity.hpp"
#include "search/scope.hpp"
#include "serializer/output_settings.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "common/hashfn.h"
#include "utils/guc.h"
#include "utils/rls.h"
}

namespace itemize {

namespace {

/// Parsed statements of a session; each call is planned for its own values, unless these make no difference. Plain data
/// in TopMemoryContext; the one used longest ago makes room.
struct SavedStatement {
  uint64 hash; ///< of all by which it is known: text, types and the user it was parsed for
  uint64 used;
  char *text;
  Oid *types;
  int count;
  Oid user;
  SPIPlanPtr plan;
  int running; ///< the executor reads the plan and its text: not to be freed while a policy's function searches, too
};
constexpr int kSavedStatements = 64;
SavedStatement saved_statements[kSavedStatements];
uint64 uses = 0;

struct StatementView {
  const char *text;
  Size length;
  const Oid *types;
  int count;
  const Datum *values;
  const char *nulls;
  bool planned_once;
};

StatementView ViewOf(const Statement &statement) {
  return {statement.text().c_str(),  statement.text().size(),
          statement.types().data(),  static_cast<int>(statement.types().size()),
          statement.values().data(), statement.nulls().c_str(),
          statement.planned_once()};
}

uint64 HashOf(const StatementView &statement) {
  const uint64 text = DatumGetUInt64(hash_any_extended(reinterpret_cast<const unsigned char *>(statement.text),
                                                       static_cast<int>(statement.length), 0));
  const uint64 types = DatumGetUInt64(hash_any_extended(reinterpret_cast<const unsigned char *>(statement.types),
                                                        statement.count * static_cast<int>(sizeof(Oid)), text));
  return hash_combine64(types, GetUserId());
}

SPIPlanPtr Prepare(const StatementView &statement, const char *text) {
  // The values of the parameters (how rare a word is, how narrow a range) decide the plan, where they are compared.
  const int kind = statement.planned_once ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN;
  SPIPlanPtr const plan =
      SPI_prepare_cursor(text, statement.count, const_cast<Oid *>(statement.types), kind | CURSOR_OPT_PARALLEL_OK);
  if (plan == nullptr) elog(ERROR, "could not prepare a search: %s", SPI_result_code_string(SPI_result));
  return plan;
}

bool IsSame(const SavedStatement &saved, const StatementView &statement) {
  return saved.user == GetUserId() && saved.count == statement.count &&
         std::equal(statement.types, statement.types + statement.count, saved.types) &&
         std::strcmp(saved.text, statement.text) == 0;
}

SavedStatement *FindSaved(const StatementView &statement, uint64 hash) {
  for (SavedStatement &saved : saved_statements) {
    if (saved.plan != nullptr && saved.hash == hash && IsSame(saved, statement)) return &saved;
  }
  return nullptr;
}

/// The place of the statement used longest ago; null when all are running.
SavedStatement *FindPlace() {
  SavedStatement *oldest = nullptr;
  for (SavedStatement &saved : saved_statements) {
    if (saved.running == 0 && (oldest == nullptr || saved.used < oldest->used)) oldest = &saved;
  }
  return oldest;
}

/// A plan, and the saved statement that has it; null where it is the SPI connection's alone.
struct Planned {
  SPIPlanPtr plan;
  SavedStatement *saved;
};

Planned GetPlan(const StatementView &statement) {
  const uint64 hash = HashOf(statement);
  SavedStatement *const known = FindSaved(statement, hash);
  if (known != nullptr) {
    known->used = ++uses;
    return {known->plan, known};
  }
  SPIPlanPtr const plan = Prepare(statement, statement.text);
  SavedStatement *const place = FindPlace();
  if (place == nullptr) return {plan, nullptr};
  char *const text = MemoryContextStrdup(TopMemoryContext, statement.text);
  auto *const types =
      static_cast<Oid *>(MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * static_cast<Size>(statement.count + 1)));
  std::copy(statement.types, statement.types + statement.count, types);
  if (SPI_keepplan(plan) != 0) elog(ERROR, "could not keep the plan of a search");
  const SavedStatement old = *place;
  *place = {hash, ++uses, text, types, statement.count, GetUserId(), plan, 0};
  if (old.plan != nullptr) {
    pfree(old.text);
    pfree(old.types);
    SPI_freeplan(old.plan);
  }
  return {plan, place};
}

/// A saved statement runs as long as this lives, or until an exception ends it.
class Running {
public:
  Running() = default;
  Running(const Running &) = delete;
  Running &operator=(const Running &) = delete;
  ~Running() {
    if (saved_ != nullptr) --saved_->running;
  }
  /// Once.
  void Begin(SavedStatement *saved) noexcept {
    saved_ = saved;
    if (saved_ != nullptr) ++saved_->running;
  }

private:
  SavedStatement *saved_ = nullptr;
};

Rows Execute(SPIPlanPtr plan, const StatementView &statement, bool read_only) {
  const int result = SPI_execute_plan(plan, const_cast<Datum *>(statement.values), statement.nulls, read_only, 0);
  if (result != SPI_OK_SELECT && result != SPI_OK_UTILITY) {
    elog(ERROR, "a search failed: %s", SPI_result_code_string(result));
  }
  return {SPI_processed, SPI_tuptable};
}

/// Within the settings of a question: what the planner takes for costly (many rows, each ranked) is mostly done sooner
/// than its expressions are compiled.
void TurnOffJit() {
  const char *const current = GetConfigOption("jit", true, false);
  if (current == nullptr || std::strcmp(current, "off") == 0) return;
  (void)set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

bool HasClaims() {
  const char *const claims = GetConfigOption("request.jwt.claims", true, false);
  return claims != nullptr && *claims != '\0';
}

[[noreturn]] void RefuseCaller(const std::string &message, const SearchDefinition &definition) {
  throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, message)
      .Hint("Nobody may read item type \"" + std::string(NameStr(definition.item.type)) +
            "\" by its definition (read => 'nobody'), so only those can search it who may read its table.");
}

/// A privilege that the caller lacks is reported by the server with the inner statement, and without what to do.
[[noreturn]] void RefuseCaller(const PgError &error, const SearchDefinition &definition) {
  const char *const message = error.data()->message;
  RefuseCaller(std::string(message != nullptr ? message : "permission denied"), definition);
}

enum class Purpose : uint8 { kRows, kPlan };

void Run(const SearchDefinition &definition, const Statement &statement, Purpose purpose, MemoryContext room,
         VisitRows visit, void *state) {
  struct Session {
    OwnerIdentity caller;
    int settings;
  };
  const ReadAs read_as = DecideReadAs(definition);
  const StatementView view = ViewOf(statement);
  const std::string explained = purpose == Purpose::kPlan ? "EXPLAIN " + statement.text() : std::string();
  try {
    Rows rows = {};
    Running running;
    const Session session = CallPg([&] {
      Session begun = {};
      if (read_as == ReadAs::kOwner) begun.caller = BecomeOwner(definition.item.source);
      begun.settings = PinOutputSettings();
      TurnOffJit();
      SPI_connect();
      if (purpose == Purpose::kRows) {
        const Planned planned = GetPlan(view);
        running.Begin(planned.saved);
        rows = Execute(planned.plan, view, true);
      } else {
        // EXPLAIN is a command to SPI, which a read-only call must not give.
        rows = Execute(Prepare(view, explained.c_str()), view, false);
      }
      MemoryContextSwitchTo(room);
      return begun;
    });
    visit(state, rows);
    CallPg([&] {
      SPI_finish();
      UnpinOutputSettings(session.settings);
      if (read_as == ReadAs::kOwner) BecomeCaller(session.caller);
      MemoryContextSwitchTo(room);
    });
  } catch (const PgError &error) {
    if (read_as == ReadAs::kCaller && error.data()->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE) {
      RefuseCaller(error, definition);
    }
    throw;
  }
}

} // namespace

ReadAs DecideReadAs(const SearchDefinition &definition) {
  if (std::strcmp(NameStr(definition.item.read), "everyone") == 0) return ReadAs::kOwner;
  if (!CallPg([] { return HasClaims(); })) return ReadAs::kCaller;
  throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
              "item type \"" + std::string(NameStr(definition.item.type)) + "\" may not be searched by requests")
      .Hint("Its definition lets nobody read it; itemize.define with read => 'everyone' lets everybody.");
}

void RequireAccess(const SearchDefinition &definition) {
  if (DecideReadAs(definition) == ReadAs::kOwner) return;
  const Oid table = definition.item.source;
  const char *const refused = CallPg([&]() -> const char * {
    const Oid caller = GetUserId();
    const bool allowed = pg_class_aclcheck(table, caller, ACL_SELECT) == ACLCHECK_OK ||
                         pg_attribute_aclcheck_all(table, caller, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
    return allowed ? nullptr : get_rel_name(table);
  });
  if (refused != nullptr) RefuseCaller("permission denied for table " + std::string(refused), definition);
}

void RunQuestion(const SearchDefinition &definition, const Statement &statement, MemoryContext room, VisitRows visit,
                 void *state) {
  Run(definition, statement, Purpose::kRows, room, visit, state);
}

void ExplainQuestion(const SearchDefinition &definition, const Statement &statement, MemoryContext room,
                     VisitRows visit, void *state) {
  Run(definition, statement, Purpose::kPlan, room, visit, state);
}

bool SeesAllRows(const SearchDefinition &definition) {
  if (DecideReadAs(definition) == ReadAs::kOwner) return true;
  const Oid table = definition.item.source;
  return CallPg([&] {
    return pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
           check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;
  });
}

void NoticeMissingIndexes(const SearchDefinition &definition, const Question &question, const Order *order) {
  const auto notice = [&](bool asked, SearchPurpose purpose, const char *what) {
    if (!asked) return;
    CallPg([&] {
      if (HasIndexFor(definition, purpose)) return;
      ereport(NOTICE, (errmsg("item type \"%s\" has no index for %s: the whole table is read",
                              NameStr(definition.item.type), what),
                       errhint("SELECT statement FROM itemize.search_indexes('%s') has the statements that make it.",
                               NameStr(definition.item.type))));
    });
  };
  // What leaves few rows is found by an index of its own, and then sorted.
  const SortItem *const first = order == nullptr || !FindsAllRows(question) ? nullptr : &order->items[0];
  const auto begins_with = [&](const DefinitionColumn *column) {
    return first != nullptr && column != nullptr && first->column == column->attnum;
  };
  const bool by_price = first != nullptr && first->kind == SortItem::Kind::kPrice;
  notice(question.compiled.has_value(), SearchPurpose::kText, "words");
  notice(question.near || question.bbox || question.area, SearchPurpose::kLocation, "places");
  notice(question.price_min || question.price_max || by_price, SearchPurpose::kPrice, "prices");
  notice(question.since || question.until || begins_with(definition.changed), SearchPurpose::kChanged,
         "times of change");
  notice(question.owner.has_value() || begins_with(definition.owner), SearchPurpose::kOwner, "owners");
  notice(question.parent.has_value() || begins_with(definition.parent), SearchPurpose::kParent, "parents");
}

} // namespace itemize
