// Keeping definitions true to their tables when DDL changes those.
#pragma once

#include "definition/definition_store.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// What the current command dropped, as far as definitions care. Asked for only when one of them is hurt.
class DroppedObjects {
public:
  /// Whether the command dropped this column of the table.
  bool HasColumn(Oid table, AttrNumber column);
  /// Whether the command dropped a unique index of the table (with or without a constraint).
  bool HasUniqueIndexOf(Oid table);

private:
  struct Object {
    Oid table;         ///< the table of a column or of a unique index
    AttrNumber column; ///< 0 for an index
  };

  void Read();

  bool read_ = false;
  int count_ = 0;
  Object *objects_ = nullptr;
};

/// Brings stored definitions up to date with the catalogs: renamed columns are followed, dropped fields leave the
/// definition, definitions of dropped tables go, attribute numbers that a restored dump left open are filled in.
/// With `dropped`, a key column that went, or a key that lost what it stands on, through this command is an error.
void FollowCatalogs(const DefinitionCatalog &catalog, DroppedObjects *dropped);

/// Refuses what this command must not do to a defined table, and renews definitions whose rows now read differently
/// though no row was written (a column's or a type's change).
void FollowCommand(const DefinitionCatalog &catalog, Node *command);

} // namespace itemize
