#include "boundary/version_check.hpp"

#include <cstring>

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
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

} // namespace

void CheckLibraryVersion() {
  if (versions_agree) return;
  const char *const installed = InstalledVersion();
  if (installed == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the extension itemize is not installed in this database"),
                    errhint("Run CREATE EXTENSION itemize CASCADE.")));
  }
  if (std::strcmp(installed, ITEMIZE_VERSION) != 0) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("the loaded itemize library does not fit the SQL objects of this database"),
             errdetail("The library is version %s, the extension's SQL is version %s.", ITEMIZE_VERSION, installed),
             errhint("After an upgrade of the package, connect anew and run ALTER EXTENSION itemize UPDATE. "
                     "Restart the server when shared_preload_libraries names itemize.")));
  }
  versions_agree = true;
}

} // namespace itemize

ITEMIZE_FUNCTION(itemize_version) {
  (void)fcinfo;
  return itemize::Entry([&]() -> Datum { return CStringGetTextDatum(ITEMIZE_VERSION); });
}
