// itemize.publish: an application event in the caller's transaction.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "definition/model.hpp"
#include "itemize/key_text.hpp"
#include "publish/sealed_message.hpp"
#include "serializer/json_text.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace itemize {
namespace {

/// What was looked up last, for a transaction that publishes much. Plain data; no constructor runs in the postmaster.
struct LastTopic {
  LocalTransactionId transaction;
  SubTransactionId subtransaction; ///< a topic that was defined in it goes when it is rolled back
  CommandId command;               ///< moves on when the transaction removes a topic
  char topic[kMaxTopicNameBytes + 1];
  SealKey key;
};
LastTopic last_topic = {};

[[noreturn]] void RefusePayload(Size bytes) {
  ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                  errmsg("a payload of %zu bytes is too large for an application event", bytes),
                  errdetail("The limit is %d bytes of JSON without white space.", kMaxPayloadBytes),
                  errhint("Store the data in a table, and publish its key.")));
  pg_unreachable();
}

/// The payload as compact JSON.
StringInfoData PayloadText(Jsonb *payload) {
  // The text of a value is at least an eighth of its binary form: what is far too large is not even written out.
  const Size least = static_cast<Size>(VARSIZE(payload)) / 16;
  if (least > static_cast<Size>(kMaxPayloadBytes)) RefusePayload(least);
  StringInfoData text;
  initStringInfo(&text);
  (void)JsonbToCString(&text, &payload->root, static_cast<int>(VARSIZE(payload)));
  // In place: it only becomes shorter.
  const char *const end = json::WriteWithoutWhitespace(text.data, {text.data, static_cast<Size>(text.len)});
  text.len = static_cast<int>(end - text.data);
  if (text.len > kMaxPayloadBytes) RefusePayload(static_cast<Size>(text.len));
  return text;
}

/// The key to seal an event of this topic with.
const SealKey &LookUpTopic(const char *topic) {
  const LocalTransactionId transaction = compat::LocalTransaction();
  const SubTransactionId subtransaction = GetCurrentSubTransactionId();
  const CommandId command = GetCurrentCommandId(false);
  if (last_topic.transaction == transaction && last_topic.subtransaction == subtransaction &&
      last_topic.command == command && std::strcmp(last_topic.topic, topic) == 0) {
    return last_topic.key;
  }
  last_topic.transaction = InvalidLocalTransactionId;
  if (!IsTopicDefined(topic)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("topic \"%s\" is not defined", topic),
                    errhint("SELECT topic FROM itemize.topics lists the topics; itemize.define_topic makes one.")));
  }
  if (!ReadSealKey(last_topic.key)) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("table itemize.seal has lost its row"),
                    errhint("Let a superuser insert one with 32 random bytes.")));
  }
  strlcpy(last_topic.topic, topic, sizeof(last_topic.topic));
  last_topic.subtransaction = subtransaction;
  last_topic.command = command;
  last_topic.transaction = transaction;
  return last_topic.key;
}

void Publish(FunctionCallInfo fcinfo) {
  PreventCommandIfReadOnly("itemize.publish()");
  CheckLibraryVersion();
  for (int i = 0; i < 2; ++i) {
    if (!PG_ARGISNULL(i)) continue;
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument \"%s\" must not be null", i == 0 ? "topic" : "payload"),
                    i == 0 ? 0 : errhint("JSON's null is 'null'::jsonb.")));
  }
  const char *const topic = text_to_cstring(PG_GETARG_TEXT_PP(0));
  const SealKey &key = LookUpTopic(topic);
  const StringInfoData payload = PayloadText(PG_GETARG_JSONB_P(1));
  StringInfoData content;
  initStringInfo(&content);
  AppendSealedMessage(&content, key, U64FromFullTransactionId(GetTopFullTransactionId()), topic, payload.data,
                      payload.len);
  compat::LogTransactionalMessage(kMessagePrefix, content.data, static_cast<Size>(content.len));
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_publish) {
  return itemize::Entry([&]() -> Datum {
    itemize::Publish(fcinfo);
    PG_RETURN_VOID();
  });
}
