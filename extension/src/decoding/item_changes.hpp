// A changed row of a defined table as lines of the piece.
//
// Poison: one change whose encoding raises (an output function's error, a text beyond what the server can hold) must
// not stop the stream. Usually nothing is done about it, at no cost, and the error ends the session. The consumer then
// starts again with the option careful: for a while each change is encoded inside a subtransaction, so that an error
// can be survived; the change is set aside (an X line), and with it goes a change that makes readers drop their copy.
#pragma once

#include "decoding/session.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// So many transactions without an error, and the session goes on without care.
inline constexpr int kCarefulTransactions = 1000;

/// All rows of the plan's type are gone.
void WriteTruncate(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan);

void WriteItemChange(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, TupleDesc description,
                     ReorderBufferChange *change);

/// The same for a change of which an error may be expected.
void WriteItemChangeCarefully(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan,
                              TupleDesc description, ReorderBufferChange *change);

/// A defined table of which no plan can be made. Texts live in the current memory context.
struct UnplannedItems {
  const char *subject; ///< as in RelationPlan
  int subject_length;
  const char *reason;
};

/// GetRelationPlan for the same; null, and `unplanned`, when none can be made. `change`: for the log only.
const RelationPlan *GetRelationPlanCarefully(Session &session, Relation relation, const ReorderBufferChange *change,
                                             UnplannedItems &unplanned);

/// Sets a change of such a table aside.
void WriteUnplanned(Session &session, LogicalDecodingContext *ctx, const UnplannedItems &unplanned);

} // namespace itemize
