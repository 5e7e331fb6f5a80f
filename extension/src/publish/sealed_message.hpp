// The logical message that itemize.publish writes and the output plugin reads.
//
// pg_logical_emit_message is open to everyone by default, with any prefix and any content. So that nobody can write in
// itemize's name, a message carries a seal: HMAC-SHA256 over the transaction's id, topic and payload, with a key that
// only the extension's owner can read. The id keeps a seal that somebody saw in the log from being used again.
//
// Content: `1 TAB seal TAB topic TAB payload`, all text; the seal in hexadecimal.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

inline constexpr char kMessagePrefix[] = "itemize";

/// Longest payload of an application event, in bytes of compact JSON.
inline constexpr int kMaxPayloadBytes = 262144;

struct SealKey {
  static constexpr int kBytes = 32;
  uint8 bytes[kBytes];
};

/// Views into the message.
struct OpenedMessage {
  const char *topic;
  int topic_length;
  const char *payload;
  int payload_length;
};

/// Reads the database's key under the current (catalog or historic) snapshot; false when there is none.
bool ReadSealKey(SealKey &key);

/// Appends the content of a message of transaction `xid` (64 bits, top level).
void AppendSealedMessage(StringInfo out, const SealKey &key, uint64 xid, const char *topic, const char *payload,
                         int payload_length);

/// False when the content is not of our form, or not sealed by us for this transaction.
bool OpenSealedMessage(const SealKey &key, uint64 xid, const char *content, Size size, OpenedMessage &message);

} // namespace itemize
