// Items by key, for every function that is asked for them: what the keys mean, and the rows in the bytes of the stream.
#pragma once

#include "boundary/owner_identity.hpp"
#include "fetch/item_query.hpp"
#include "serializer/output_settings.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

constexpr int kMaxKeysPerFetch = 10000;

struct EncodedItem {
  StringInfoData key;
  StringInfoData row;
  StringInfoData member_lengths;
};

/// Raises when there is none.
ItemDefinition *RequireDefinition(const char *type);

/// The elements of `keys`; raises for too many and for nulls.
Datum *DeconstructKeys(ArrayType *keys, int &count);

/// One Datum a key column; false when the text cannot be the key of any row.
bool ParseKey(const ItemDefinition &definition, const Oid *key_types, const text *key, Datum *values);

/// In the current memory context.
void EncodeTuple(const RowEncoder &encoder, HeapTuple tuple, TupleDesc description, EncodedItem &item);

/// Runs `body` as the table's owner, past row-level security, under pinned settings, with SPI connected: what an item
/// is does not depend on who asks. Who may ask is decided by EXECUTE on the functions, and where items leave the
/// system.
template <typename Body>
void WithItemQuery(const ItemDefinition &definition, Body body) {
  AwaitCatalogs(definition.source);
  const OwnerIdentity caller = BecomeOwner(definition.source);
  const int settings = PinOutputSettings();
  SPI_connect();
  body();
  SPI_finish();
  UnpinSettings(settings);
  BecomeCaller(caller);
}

void ExecuteItemQuery(SPIPlanPtr plan, Datum *values);

using VisitItem = void (*)(void *state, int index, const EncodedItem &item);

/// Calls `visit` for each of the keys that has an item, in any order, in the memory context `room`, which holds the
/// item and may be reset by `visit`. A key counts only in its canonical text: a copy kept under another text would not
/// be found by the changes of the row.
void LookUpItems(const ItemDefinition &definition, Datum *keys, int key_count, MemoryContext room, VisitItem visit,
                 void *state);

template <typename Visit>
void LookUpItems(const ItemDefinition &definition, Datum *keys, int key_count, MemoryContext room, Visit visit) {
  LookUpItems(
      definition, keys, key_count, room,
      [](void *state, int index, const EncodedItem &item) { (*static_cast<Visit *>(state))(index, item); }, &visit);
}

} // namespace itemize
