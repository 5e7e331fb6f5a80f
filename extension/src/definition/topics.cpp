// itemize.define_topic and itemize.undefine_topic: as define and undefine, for what has a name and readers but no
// table.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "definition/definition_store.hpp"
#include "definition/read_access.hpp"
#include "itemize/key_text.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
}

namespace itemize {

namespace {

const char *RequiredText(FunctionCallInfo fcinfo, int argument, const char *argument_name) {
  if (PG_ARGISNULL(argument)) {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", argument_name)));
  }
  return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/// The table of topics, open, its topics ours to change until the end of the transaction; readers go on.
Relation OpenTopics(DefinitionCatalog &catalog) {
  if (!LookUpDefinitionCatalog(catalog) || !OidIsValid(catalog.topic) || !OidIsValid(catalog.topic_name_index)) {
    elog(ERROR, "the tables of the extension itemize are missing");
  }
  return table_open(catalog.topic, ShareRowExclusiveLock);
}

struct StoredTopic {
  bool found;
  ItemPointerData row;
  const char *read;
};

StoredTopic FindTopic(const DefinitionCatalog &catalog, Relation topics, const char *name) {
  StoredTopic topic{};
  ScanKeyData key;
  ScanKeyInit(&key, kTopicName, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
  key.sk_collation = C_COLLATION_OID;
  SysScanDesc scan = systable_beginscan(topics, catalog.topic_name_index, true, nullptr, 1, &key);
  HeapTuple const tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    bool is_null;
    topic.found = true;
    topic.row = tuple->t_self;
    topic.read = TextDatumGetCString(heap_getattr(tuple, kTopicRead, RelationGetDescr(topics), &is_null));
  }
  systable_endscan(scan);
  return topic;
}

HeapTuple FormTopic(const DefinitionCatalog &catalog, Relation topics, const char *name, const char *read) {
  Datum values[kTopicRead];
  bool nulls[kTopicRead] = {};
  values[kTopicName - 1] = CStringGetTextDatum(name);
  values[kTopicGeneration - 1] = Int64GetDatum(NextGeneration(catalog));
  values[kTopicRead - 1] = CStringGetTextDatum(read);
  return heap_form_tuple(RelationGetDescr(topics), values, nulls);
}

void DefineTopic(FunctionCallInfo fcinfo) {
  PreventCommandIfReadOnly("itemize.define_topic()");
  CheckLibraryVersion();
  const char *const name = RequiredText(fcinfo, 0, "topic");
  const char *const read = RequiredText(fcinfo, 1, "read");
  bool const replace = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
  if (!IsTopicName(name)) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is no name for a topic", name),
             errhint("Names are 1 to %d characters: small letters a-z, digits and the characters _ . -, beginning with "
                     "a letter or an underscore.",
                     static_cast<int>(kMaxTopicNameBytes))));
  }
  CheckRead(read, ReadOf::kTopic);
  if (GetDatabaseEncoding() != PG_UTF8) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("itemize needs a database with the encoding UTF8, this one has %s", GetDatabaseEncodingName()),
             errhint("Events are JSON, which is UTF-8. Create the database WITH ENCODING 'UTF8' TEMPLATE template0.")));
  }
  DefinitionCatalog catalog;
  Relation topics = OpenTopics(catalog);
  StoredTopic old = FindTopic(catalog, topics, name);
  if (!old.found) {
    CatalogTupleInsert(topics, FormTopic(catalog, topics, name, read));
  } else if (std::strcmp(old.read, read) != 0) { // the same once more lets migrations be run again
    if (!replace) {
      ereport(ERROR,
              (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("topic \"%s\" is defined already, and differently", name),
               errdetail("It has read %s, asked for %s.", old.read, read),
               errhint("Add replace => true to put this definition in its place.")));
    }
    CatalogTupleUpdate(topics, &old.row, FormTopic(catalog, topics, name, read));
  }
  table_close(topics, NoLock);
  CommandCounterIncrement();
}

bool UndefineTopic(FunctionCallInfo fcinfo) {
  PreventCommandIfReadOnly("itemize.undefine_topic()");
  CheckLibraryVersion();
  const char *const name = RequiredText(fcinfo, 0, "topic");
  bool const if_exists = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
  DefinitionCatalog catalog;
  Relation topics = OpenTopics(catalog);
  StoredTopic topic = FindTopic(catalog, topics, name);
  if (!topic.found && !if_exists) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("topic \"%s\" is not defined", name),
                    errhint("SELECT * FROM itemize.topics lists those that are; if_exists => true lets it pass.")));
  }
  if (topic.found) CatalogTupleDelete(topics, &topic.row);
  table_close(topics, NoLock);
  CommandCounterIncrement();
  return topic.found;
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_define_topic) {
  return itemize::Entry([&]() -> Datum {
    itemize::DefineTopic(fcinfo);
    PG_RETURN_VOID();
  });
}

ITEMIZE_FUNCTION(itemize_undefine_topic) {
  return itemize::Entry([&]() -> Datum { PG_RETURN_BOOL(itemize::UndefineTopic(fcinfo)); });
}
