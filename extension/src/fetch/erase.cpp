// itemize.erase: deletes the rows of items by key, as the caller: privileges, row-level security, foreign keys and
// triggers hold as for any DELETE.
#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "fetch/item_lookup.hpp"
#include "itemize/erasure.hpp"
#include "publish/sealed_message.hpp"

#include "boundary/prelude.hpp"

namespace itemize {
namespace {

/// Tells whoever keeps the stream that what came before is to be forgotten. Sealed: nobody else can say so.
void TellErasure() {
  SealKey key;
  if (!ReadSealKey(key)) {
    ereport(WARNING,
            (errmsg("the earlier changes of the erased items stay in the streams until newer ones push them out"),
             errdetail("Table itemize.seal has lost its row."),
             errhint("Let a superuser insert one with 32 random bytes, and run itemize-sidecar erasure-check "
                     "--scrub.")));
    return;
  }
  StringInfoData content;
  initStringInfo(&content);
  AppendSealedMessage(&content, key, U64FromFullTransactionId(GetTopFullTransactionId()), kErasureTopic.data(),
                      kErasurePayload.data(), static_cast<int>(kErasurePayload.size()));
  compat::LogTransactionalMessage(kMessagePrefix, content.data, static_cast<Size>(content.len));
}

/// `DELETE FROM schema.table AS t WHERE t.k1 = $1 AND …`; equality as the key's unique index has it, the default one.
char *BuildDelete(const ItemDefinition &definition) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "DELETE FROM %s AS t WHERE ",
                   quote_qualified_identifier(get_namespace_name(get_rel_namespace(definition.source)),
                                              get_rel_name(definition.source)));
  for (int i = 0; i < definition.key_count; ++i) {
    appendStringInfo(&query, "%st.%s OPERATOR(pg_catalog.=) $%d", i > 0 ? " AND " : "",
                     quote_identifier(NameStr(definition.keys[i].name)), i + 1);
  }
  return query.data;
}

int64 Erase(const ItemDefinition &definition, Datum *keys, int key_count) {
  Oid key_types[kMaxKeyColumns];
  GetKeyTypes(definition, key_types);
  int64 erased = 0;
  bool told = false;
  PreventCommandIfReadOnly("itemize.erase()");
  SPI_connect();
  SPIPlanPtr const plan = SPI_prepare(BuildDelete(definition), definition.key_count, key_types);
  if (plan == nullptr) elog(ERROR, "could not prepare an erasure: %s", SPI_result_code_string(SPI_result));
  for (int i = 0; i < key_count; ++i) {
    Datum values[kMaxKeyColumns];
    if (!ParseKey(definition, key_types, DatumGetTextPP(keys[i]), values)) continue;
    // Before the changes that it is about, of which clusters then leave no trace; also for rows that were deleted
    // earlier. Who may not delete from the table ends here by an error, and nothing is told.
    if (!told) TellErasure();
    told = true;
    const int result = SPI_execute_plan(plan, values, nullptr, false, 0);
    if (result != SPI_OK_DELETE) elog(ERROR, "an erasure failed: %s", SPI_result_code_string(result));
    erased += static_cast<int64>(SPI_processed);
  }
  SPI_finish();
  return erased;
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_erase) {
  return itemize::Entry([&]() -> Datum {
    itemize::CheckLibraryVersion();
    const itemize::ItemDefinition *const definition =
        itemize::RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
    int count;
    Datum *const keys = itemize::DeconstructKeys(PG_GETARG_ARRAYTYPE_P(1), count);
    return Int64GetDatum(itemize::Erase(*definition, keys, count));
  });
}
