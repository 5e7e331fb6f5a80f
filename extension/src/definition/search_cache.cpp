// The definitions that this session searches by, kept until something changes them: reading one, and looking whether
// its indexes are there, costs about as much as a small search.
#include "definition/search_model.hpp"

#include <cstring>

#include "definition/search_index.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/inval.h"
}

namespace itemize {

namespace {

struct Entry {
  Entry *next;
  NameData type;
  bool valid;
  MemoryContext context; ///< of all below
  const SearchDefinition *definition;
  int relation_count;
  Oid *relations; ///< which, when they change, make it invalid: the table, its indexes and our catalog
};

Entry *entries = nullptr;
uint64 invalidations = 0;
bool callback_registered = false;

// Calls nothing that raises.
extern "C" void ForgetDefinitions(Datum /*argument*/, Oid relation) noexcept {
  ++invalidations;
  for (Entry *entry = entries; entry != nullptr; entry = entry->next) {
    bool concerned = !OidIsValid(relation);
    for (int i = 0; i < entry->relation_count && !concerned; ++i)
      concerned = entry->relations[i] == relation;
    if (concerned) entry->valid = false;
  }
}

Entry *FindEntry(const char *type) {
  for (Entry *entry = entries; entry != nullptr; entry = entry->next) {
    if (std::strcmp(NameStr(entry->type), type) == 0) return entry;
  }
  return nullptr;
}

Entry *MakeEntry(const char *type) {
  auto *const entry = static_cast<Entry *>(MemoryContextAllocZero(TopMemoryContext, sizeof(Entry)));
  namestrcpy(&entry->type, type);
  entry->next = entries;
  entries = entry;
  return entry;
}

/// The relations that the definition was read from, in the current memory context.
void ListRelations(Entry &read, const SearchDefinition &definition) {
  DefinitionCatalog catalog;
  (void)LookUpDefinitionCatalog(catalog);
  Relation const table = relation_open(definition.item.source, AccessShareLock);
  List *const indexes = RelationGetIndexList(table);
  relation_close(table, AccessShareLock);
  constexpr Size kOthers = 3;
  read.relations = static_cast<Oid *>(palloc(sizeof(Oid) * (static_cast<Size>(list_length(indexes)) + kOthers)));
  read.relations[read.relation_count++] = definition.item.source;
  read.relations[read.relation_count++] = catalog.item_type;
  read.relations[read.relation_count++] = catalog.item_column;
  ListCell *cell = nullptr;
  foreach (cell, indexes)
    read.relations[read.relation_count++] = lfirst_oid(cell);
}

/// In a memory context of its own, which goes with the caller's until it is kept.
Entry Read(const char *type) {
  Entry read = {};
  uint64 const before = invalidations;
  read.context = AllocSetContextCreate(CurrentMemoryContext, "itemize search definition", ALLOCSET_SMALL_SIZES);
  MemoryContext const caller = MemoryContextSwitchTo(read.context);
  read.definition = ReadSearchDefinition(type);
  ListRelations(read, *read.definition);
  MemoryContextSwitchTo(caller);
  // What changed meanwhile may have been read before its change: good for now, as if it had been read then.
  read.valid = invalidations == before;
  return read;
}

} // namespace

const SearchDefinition *RequireSearchDefinition(const char *type) {
  AcceptInvalidationMessages();
  Entry *const known = FindEntry(type);
  if (known != nullptr && known->valid) return known->definition;
  if (!callback_registered) {
    CacheRegisterRelcacheCallback(ForgetDefinitions, Datum{0});
    callback_registered = true;
  }
  Entry const read = Read(type);
  Entry &kept = known != nullptr ? *known : *MakeEntry(type);
  MemoryContextSetParent(read.context, TopMemoryContext);
  // Whoever searches by the old one still has it to the end of the transaction.
  if (kept.context != nullptr) MemoryContextSetParent(kept.context, TopTransactionContext);
  kept.valid = read.valid;
  kept.context = read.context;
  kept.definition = read.definition;
  kept.relations = read.relations;
  kept.relation_count = read.relation_count;
  return kept.definition;
}

bool HasIndexFor(const SearchDefinition &definition, SearchPurpose purpose) {
  return (definition.unindexed & (1U << static_cast<unsigned>(purpose))) == 0;
}

} // namespace itemize
