// The state of one decoding session: plain data below ctx->context.
#pragma once

#include "decoding/piece_writer.hpp"
#include "decoding/relation_plans.hpp"
#include "decoding/visibility.hpp"
#include "publish/sealed_message.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

struct Session {
  MemoryContext change_context; ///< reset after each change
  RelationPlans plans;
  PieceWriter writer;
  VisibilityHorizon horizon;
  StringInfoData old_key;
  StringInfoData new_key;
  StringInfoData old_owner;
  StringInfoData new_owner;
  StringInfoData member_lengths;
  StringInfoData former;     ///< what the row of the change at hand was, as its line has it
  int64 forgotten;           ///< generation whose rows the last line told to forget, else 0
  bool begun;                ///< the transaction at hand has a change of ours
  bool settings_for_session; ///< set once, as in a walsender
  bool settings_pinned;      ///< for the transaction at hand
  int skipped_changes;       ///< since progress was reported last
  int careful_transactions;  ///< how many more are encoded with care, see item_changes.hpp; 0: none
  SealKey seal_key;          ///< of the transaction at hand
  bool seal_key_read;
  bool reported_unsealed; ///< that somebody writes messages in our name
};

inline Session &GetSession(LogicalDecodingContext *ctx) { return *static_cast<Session *>(ctx->output_plugin_private); }

} // namespace itemize
