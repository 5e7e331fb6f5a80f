#include "search/run.hpp"

#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/owner_identity.hpp"
#include "search/request_claims.hpp"
#include "search/saved_plans.hpp"
#include "search/scope.hpp"
#include "serializer/output_settings.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/guc.h"
#include "utils/rls.h"
}

namespace itemize {

namespace {

Rows Execute(SPIPlanPtr plan, const StatementView &statement, bool has_values, bool read_only) {
  const int result = has_values
                         ? SPI_execute_plan(plan, nullptr, nullptr, read_only, 0)
                         : SPI_execute_plan(plan, const_cast<Datum *>(statement.values), statement.nulls, read_only, 0);
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

constexpr const char *kNobody = "nobody";

/// Empty outside of requests.
const char *RequestClaims() {
  const char *const claims = GetConfigOption("request.jwt.claims", true, false);
  return claims != nullptr ? claims : "";
}

[[noreturn]] void RefuseCaller(const std::string &message, const SearchDefinition &definition) {
  const std::string type = NameStr(definition.item.type);
  const std::string rule = NameStr(definition.item.read);
  throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, message)
      .Hint(rule == kNobody ? "Nobody may read item type \"" + type +
                                  "\" by its definition (read => 'nobody'), so only those can search it who may read "
                                  "its table."
                            : "The definition of item type \"" + type + "\" (read => '" + rule +
                                  "') is about requests, which have request.jwt.claims set; else only those can search "
                                  "it who may read its table.");
}

/// A privilege that the caller lacks is reported by the server with the inner statement, and without what to do.
[[noreturn]] void RefuseCaller(const PgError &error, const SearchDefinition &definition) {
  const char *const message = error.data()->message;
  RefuseCaller(std::string(message != nullptr ? message : "permission denied"), definition);
}

/// Anybody can set the claims of his own session. Only who may read every item by itemize.fetch is believed what he
/// says about whom he asks for: it gives him nothing that he has not.
bool MaySpeakForOthers() {
  Oid types[] = {TEXTOID, TEXTARRAYOID};
  Oid const fetch = LookupFuncName(list_make2(makeString(pstrdup("itemize")), makeString(pstrdup("fetch"))),
                                   static_cast<int>(lengthof(types)), types, true);
  return OidIsValid(fetch) && compat::MayExecute(fetch, GetSessionUserId());
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
    RunningStatement running;
    const Session session = CallPg([&] {
      Session begun = {};
      if (read_as == ReadAs::kOwner) begun.caller = BecomeOwner(definition.item.source);
      begun.settings = PinOutputSettings();
      TurnOffJit();
      SPI_connect();
      if (purpose == Purpose::kRows) {
        const PlannedStatement planned = PlanStatement(view);
        running.Begin(planned.saved);
        rows = Execute(planned.plan, view, planned.has_values, true);
      } else {
        // EXPLAIN is a command to SPI, which a read-only call must not give.
        rows = Execute(PrepareStatement(view, explained.c_str()), view, false, false);
      }
      MemoryContextSwitchTo(room);
      return begun;
    });
    visit(state, rows);
    CallPg([&] {
      SPI_finish();
      UnpinSettings(session.settings);
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
  const char *const rule = NameStr(definition.item.read);
  if (std::strcmp(rule, "everyone") == 0) return ReadAs::kOwner;
  const char *const claims = CallPg([] { return RequestClaims(); });
  if (*claims == '\0') return ReadAs::kCaller;
  const bool owned = IsForOwners(definition.item.read);
  const bool allowed = ClaimsMayRead(rule, claims) && (!owned || definition.item.owner != nullptr);
  const bool believed = allowed && CallPg([] { return MaySpeakForOthers(); });
  if (believed) return ReadAs::kOwner;
  throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
              "item type \"" + std::string(NameStr(definition.item.type)) + "\" may not be searched by requests")
      .Hint(std::strcmp(rule, kNobody) == 0
                ? std::string(
                      "Its definition lets nobody read it; itemize.define with read => 'everyone' lets everybody.")
            : allowed
                ? std::string("The claims would do, but are believed of those only who log in with the right to "
                              "execute itemize.fetch(text, text[]).")
                : std::string("Its definition has read => '") + rule + "', which request.jwt.claims does not meet.");
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

std::optional<std::string> FindOwnedBy(const SearchDefinition &definition) {
  if (!IsForOwners(definition.item.read) || DecideReadAs(definition) != ReadAs::kOwner) return std::nullopt;
  return ClaimedSubject(CallPg([] { return RequestClaims(); }));
}

bool SeesAllRows(const SearchDefinition &definition) {
  if (DecideReadAs(definition) == ReadAs::kOwner) return !IsForOwners(definition.item.read);
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
