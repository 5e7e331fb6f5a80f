// The extension is not dropped while a slot still decodes through it: the slot would hold back WAL, and its next reader
// would find neither plugin objects nor definitions.
//
// No event trigger of ours can see every way in which an extension goes (DROP EXTENSION, also of one that it requires,
// DROP SCHEMA, DROP OWNED): at sql_drop ours is gone itself. An object access hook sees them all, in any session that
// has the library loaded; the event trigger on the start of such a command loads it, and does nothing else.
#include "leaving/drop_guard.hpp"

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "replication/slot.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
}

namespace itemize {

namespace {

object_access_hook_type previous_hook = nullptr;

/// Copies the name of a slot of this database that uses our plugin; false when there is none.
bool FindSlot(NameData &name) {
  bool found = false;
  LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
  for (int i = 0; i < max_replication_slots && !found; ++i) {
    ReplicationSlot *const slot = &ReplicationSlotCtl->replication_slots[i];
    if (!slot->in_use) continue;
    SpinLockAcquire(&slot->mutex);
    const ReplicationSlotPersistentData data = slot->data;
    SpinLockRelease(&slot->mutex);
    if (data.database != MyDatabaseId || namestrcmp(const_cast<NameData *>(&data.plugin), "itemize") != 0) continue;
    name = data.name;
    found = true;
  }
  LWLockRelease(ReplicationSlotControlLock);
  return found;
}

void RefuseDropWithSlot(ObjectAccessType access, Oid class_id, Oid object_id) {
  if (access != OAT_DROP || class_id != ExtensionRelationId) return;
  if (object_id != get_extension_oid("itemize", true)) return;
  NameData slot;
  if (!FindSlot(slot)) return;
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_IN_USE),
       errmsg("extension \"itemize\" is in use by replication slot \"%s\"", NameStr(slot)),
       errhint("Stop the sidecars and run: itemize-sidecar uninstall. It removes the slot and what is in Redis. A slot "
               "of your own is dropped with: SELECT pg_drop_replication_slot(%s);",
               quote_literal_cstr(NameStr(slot)))));
}

void OnObjectAccess(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument) {
  if (previous_hook != nullptr) previous_hook(access, class_id, object_id, sub_id, argument);
  Entry([&] { RefuseDropWithSlot(access, class_id, object_id); });
}

} // namespace

void InstallDropGuard() {
  previous_hook = object_access_hook;
  object_access_hook = OnObjectAccess;
}

} // namespace itemize

ITEMIZE_FUNCTION(itemize_guard_drops) {
  (void)fcinfo;
  return itemize::Entry([&]() -> Datum { PG_RETURN_NULL(); });
}
