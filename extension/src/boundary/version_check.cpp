#include "boundary/version_check.hpp"

#include <cstdlib>
#include <cstring>

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/resowner.h"
}

#ifndef ITEMIZE_VERSION
#error "the build defines ITEMIZE_VERSION, the default_version of itemize.control"
#endif

namespace itemize {

namespace {

bool versions_agree = false;

/// The installed version of the extension in this database, null when it is not installed.
char *InstalledVersion() {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("itemize"));
  Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, ExtensionNameIndexId, true, nullptr, 1, &key);
  char *version = nullptr;
  HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    bool is_null = false;
    Datum const value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(catalog), &is_null);
    if (!is_null) version = TextDatumGetCString(value);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return version;
}

[[noreturn]] void RaiseVersionsDiffer(const char *installed) {
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("the loaded itemize library does not fit the SQL objects of this database"),
           errdetail("The library is version %s, the extension's SQL is version %s.", ITEMIZE_VERSION, installed),
           errhint("After an upgrade of the package, connect anew and run ALTER EXTENSION itemize UPDATE. "
                   "Restart the server when shared_preload_libraries names itemize.")));
  pg_unreachable();
}

/// The numbers of a version, compared one by one: 0.10.0 is newer than 0.9.1.
bool IsNewer(const char *version, const char *than) {
  while (*version != '\0' || *than != '\0') {
    char *version_end;
    char *than_end;
    const long left = std::strtol(version, &version_end, 10);
    const long right = std::strtol(than, &than_end, 10);
    if (left != right) return left > right;
    if (*version_end != '.' || *than_end != '.') return false;
    version = version_end + 1;
    than = than_end + 1;
  }
  return false;
}

} // namespace

void CheckLibraryVersionForDecoding() {
  const bool own_transaction = !IsTransactionState();
  MemoryContext const caller = CurrentMemoryContext;
  ResourceOwner const caller_owner = CurrentResourceOwner;
  if (own_transaction) StartTransactionCommand();
  const char *const installed = InstalledVersion();
  if (installed != nullptr && std::strcmp(installed, ITEMIZE_VERSION) != 0) RaiseVersionsDiffer(installed);
  if (own_transaction) {
    CommitTransactionCommand();
    MemoryContextSwitchTo(caller);
    CurrentResourceOwner = caller_owner;
  }
}

void CheckLibraryIsNotOlder() {
  const char *const installed = InstalledVersion();
  if (installed != nullptr && IsNewer(installed, ITEMIZE_VERSION)) RaiseVersionsDiffer(installed);
}

void CheckLibraryVersion() {
  if (versions_agree) return;
  const char *const installed = InstalledVersion();
  if (installed == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the extension itemize is not installed in this database"),
                    errhint("Run CREATE EXTENSION itemize CASCADE.")));
  }
  if (std::strcmp(installed, ITEMIZE_VERSION) != 0) RaiseVersionsDiffer(installed);
  versions_agree = true;
}

} // namespace itemize

ITEMIZE_FUNCTION(itemize_version) {
  (void)fcinfo;
  return itemize::Entry([&]() -> Datum { return CStringGetTextDatum(ITEMIZE_VERSION); });
}
