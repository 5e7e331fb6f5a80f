// What the output plugin knows of each table it meets: how to encode it, or that it is none of ours.
#pragma once

#include "serializer/row_encoder.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/hsearch.h"
}

namespace itemize {

enum class RelationKind : uint8 {
  kUnrelated,         ///< not defined: nothing of it leaves
  kItems,             ///< the source table of an item type, or a partition of it
  kDefinitionCatalog, ///< itemize.item_type: its changes are told as definition events
  kTopicCatalog,      ///< itemize.topic: the same
};

struct RelationPlan {
  Oid relation;     ///< hash key
  bool valid;       ///< made to its end, and nothing has changed since
  bool invalidated; ///< since its making began
  RelationKind kind;
  MemoryContext context; ///< of all below
  RowEncoder *encoder;
  bool depends_on_settings;  ///< see serializer/output_settings.hpp
  bool identity_tells_key;   ///< else an update without an old row may have changed the key
  bool identity_tells_owner; ///< else updates and deletes do not say whose the row was
  bool identity_is_full;     ///< updates and deletes say all that the row was
  const FieldEncoder *owner; ///< null: items are not for their owners alone
  int64 generation;          ///< of the definition; no two definitions share one
  const char *subject;       ///< `<type>TAB<generation>`, as it stands in every line; read by WriteBlocks
  int subject_length;        ///< bytes
  RowValues old_row;         ///< room for the change at hand
  RowValues new_row;
};

/// The plans of one decoding session.
struct RelationPlans {
  MemoryContext context;
  HTAB *table;
  RelationPlan *latest; ///< changes come in runs of one table
};

/// Makes the empty set in `context`, and keeps it true: a definition or a table that changes, as the
/// decoded transactions saw it, has its plan made anew. One set a backend at a time; it lives as long as
/// `context`.
void OpenRelationPlans(RelationPlans &plans, MemoryContext context);

/// The plan of a table as of the change that is being decoded.
RelationPlan &GetRelationPlan(RelationPlans &plans, Relation relation);

} // namespace itemize
