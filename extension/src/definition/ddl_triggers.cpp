// The triggers that keep definitions true: event triggers on the DDL of the database, and row triggers on the
// definitions' tables, which fire when a dump is restored.
//
// The event triggers run in every such command of the database, whoever gave it, during CREATE and DROP EXTENSION
// (also of itemize) and while a dump is restored: without definitions they do nothing, and they use no right of the
// user's. Errors they raise are about definitions that this very command would break, never about others.
#include "boundary/entry.hpp"
#include "definition/definition_store.hpp"
#include "definition/follow_ddl.hpp"
#include "definition/partitions.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "commands/event_trigger.h"
#include "commands/trigger.h"
}

namespace itemize {

namespace {

EventTriggerData *EventOf(FunctionCallInfo fcinfo) {
  if (!CALLED_AS_EVENT_TRIGGER(fcinfo)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("this function of itemize is called by its event trigger only")));
  }
  return reinterpret_cast<EventTriggerData *>(fcinfo->context);
}

TriggerData *RowInsertOf(FunctionCallInfo fcinfo) {
  auto *const trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
  if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
      !TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("this function of itemize is called by its row trigger only")));
  }
  return trigger;
}

/// A new table that is no partition: some applications make many.
bool MakesBystander(Node *command) {
  if (command == nullptr || (!IsA(command, CreateStmt) && !IsA(command, CreateForeignTableStmt))) return false;
  return reinterpret_cast<CreateStmt *>(command)->partbound == nullptr;
}

/// A dump's attribute numbers are those of another database. The number is left open (0) until the item_type row is
/// there, or, when the two tables are restored side by side, until the next DDL.
HeapTuple WithResolvedNumber(TriggerData *trigger) {
  TupleDesc description = RelationGetDescr(trigger->tg_relation);
  bool type_is_null = false;
  bool name_is_null = false;
  Datum const type = heap_getattr(trigger->tg_trigtuple, kItemColumnItemType, description, &type_is_null);
  Datum const name = heap_getattr(trigger->tg_trigtuple, kItemColumnName, description, &name_is_null);
  AttrNumber attnum = InvalidAttrNumber;
  if (!type_is_null && !name_is_null) {
    const ItemDefinition *const definition = FindDefinitionByType(TextDatumGetCString(type), nullptr);
    if (definition != nullptr) attnum = get_attnum(definition->source, TextDatumGetCString(name));
  }
  int column = kItemColumnAttnum;
  Datum value = Int16GetDatum(attnum);
  bool is_null = false;
  return heap_modify_tuple_by_cols(trigger->tg_trigtuple, description, 1, &column, &value, &is_null);
}

void ResolveNumbers(TriggerData *trigger) {
  // An AFTER trigger runs within its command, whose rows a catalog snapshot sees only after this.
  CommandCounterIncrement();
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return;
  bool is_null = false;
  Datum const name =
      heap_getattr(trigger->tg_trigtuple, kItemTypeName, RelationGetDescr(trigger->tg_relation), &is_null);
  if (is_null) return;
  const StoredDefinition *const definition = FindStored(ReadStoredDefinitions(catalog), TextDatumGetCString(name));
  if (definition == nullptr) return;
  for (int i = 0; i < definition->column_count; ++i) {
    StoredColumn column = definition->columns[i];
    AttrNumber const attnum = get_attnum(definition->source, NameStr(column.name));
    if (attnum == column.attnum) continue;
    column.attnum = attnum;
    UpdateColumn(catalog, *definition, column);
  }
  InvalidateTableTree(definition->source);
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_follow_ddl) {
  return itemize::Entry([&]() -> Datum {
    EventTriggerData *const event = itemize::EventOf(fcinfo);
    itemize::DefinitionCatalog catalog;
    if (!itemize::MakesBystander(event->parsetree) && itemize::LookUpDefinitionCatalog(catalog)) {
      itemize::FollowCatalogs(catalog, nullptr);
      itemize::FollowCommand(catalog, event->parsetree);
    }
    PG_RETURN_NULL();
  });
}

ITEMIZE_FUNCTION(itemize_prepare_ddl) {
  return itemize::Entry([&]() -> Datum {
    EventTriggerData *const event = itemize::EventOf(fcinfo);
    itemize::DefinitionCatalog catalog;
    if (itemize::LookUpDefinitionCatalog(catalog)) itemize::PrepareForCommand(catalog, event->parsetree);
    PG_RETURN_NULL();
  });
}

ITEMIZE_FUNCTION(itemize_follow_drops) {
  return itemize::Entry([&]() -> Datum {
    itemize::EventOf(fcinfo);
    itemize::DefinitionCatalog catalog;
    if (itemize::LookUpDefinitionCatalog(catalog)) {
      itemize::DroppedObjects dropped;
      itemize::FollowCatalogs(catalog, &dropped);
    }
    PG_RETURN_NULL();
  });
}

ITEMIZE_FUNCTION(itemize_item_column_inserted) {
  return itemize::Entry(
      [&]() -> Datum { return PointerGetDatum(itemize::WithResolvedNumber(itemize::RowInsertOf(fcinfo))); });
}

ITEMIZE_FUNCTION(itemize_item_type_inserted) {
  return itemize::Entry([&]() -> Datum {
    itemize::ResolveNumbers(itemize::RowInsertOf(fcinfo));
    return PointerGetDatum(nullptr);
  });
}
