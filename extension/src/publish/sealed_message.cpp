#include "publish/sealed_message.hpp"

#include <cstring>

#include "definition/model.hpp"
#include "itemize/key_text.hpp"
#include "serializer/buffer.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

constexpr char kForm[] = "1\t";
constexpr Size kFormBytes = sizeof(kForm) - 1;
constexpr Size kSealDigits = Size{2} * compat::kSha256Bytes;

/// What is sealed: the id, then `topic TAB payload` as it stands in the message. A topic holds no TAB.
void MakeSeal(const SealKey &key, uint64 xid, const char *body, Size body_length, char *digits) {
  uint8 id[sizeof(uint64)];
  for (unsigned i = 0; i < sizeof(id); ++i)
    id[i] = static_cast<uint8>(xid >> (8 * i));
  uint8 seal[compat::kSha256Bytes];
  compat::HmacSha256(key.bytes, SealKey::kBytes, id, sizeof(id), reinterpret_cast<const uint8 *>(body), body_length,
                     seal);
  constexpr char kHex[] = "0123456789abcdef";
  for (const uint8 byte : seal) {
    *digits++ = kHex[byte >> 4U];
    *digits++ = kHex[byte & 0xFU];
  }
}

/// In a time that does not tell where they differ.
bool SealsAgree(const char *left, const char *right) {
  unsigned difference = 0;
  for (Size i = 0; i < kSealDigits; ++i)
    difference |= static_cast<unsigned char>(left[i]) ^ static_cast<unsigned char>(right[i]);
  return difference == 0;
}

} // namespace

bool ReadSealKey(SealKey &key) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog) || !OidIsValid(catalog.seal)) return false;
  Relation const table = table_open(catalog.seal, AccessShareLock);
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
  bool found = false;
  HeapTuple const tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    bool is_null;
    Datum const value = heap_getattr(tuple, 1, RelationGetDescr(table), &is_null);
    struct varlena *const packed = is_null ? nullptr : PG_DETOAST_DATUM_PACKED(value);
    found = packed != nullptr && VARSIZE_ANY_EXHDR(packed) == SealKey::kBytes;
    if (found) std::memcpy(key.bytes, VARDATA_ANY(packed), SealKey::kBytes);
  }
  systable_endscan(scan);
  table_close(table, AccessShareLock);
  return found;
}

void AppendSealedMessage(StringInfo out, const SealKey &key, uint64 xid, const char *topic, const char *payload,
                         int payload_length) {
  AppendBytes(out, kForm, static_cast<int>(kFormBytes));
  const int seal_at = out->len;
  char *const room = Reserve(out, kSealDigits);
  Commit(out, room + kSealDigits);
  AppendByte(out, '\t');
  const int body_at = out->len;
  AppendBytes(out, topic, static_cast<int>(std::strlen(topic)));
  AppendByte(out, '\t');
  AppendBytes(out, payload, payload_length);
  MakeSeal(key, xid, out->data + body_at, static_cast<Size>(out->len - body_at), out->data + seal_at);
}

bool OpenSealedMessage(const SealKey &key, uint64 xid, const char *content, Size size, OpenedMessage &message) {
  constexpr Size kBodyAt = kFormBytes + kSealDigits + 1;
  constexpr Size kLongest = kBodyAt + kMaxTopicNameBytes + 1 + kMaxPayloadBytes;
  // Looked at before anything is computed: what others write must not cost more than a glance.
  if (size <= kBodyAt || size > kLongest || std::memcmp(content, kForm, kFormBytes) != 0) return false;
  const char *const body = content + kBodyAt;
  const Size body_length = size - kBodyAt;
  const auto *const tab = static_cast<const char *>(std::memchr(body, '\t', body_length));
  if (body[-1] != '\t' || tab == nullptr) return false;
  char seal[kSealDigits];
  MakeSeal(key, xid, body, body_length, seal);
  if (!SealsAgree(seal, content + kFormBytes)) return false;
  message.topic = body;
  message.topic_length = static_cast<int>(tab - body);
  message.payload = tab + 1;
  message.payload_length = static_cast<int>(body + body_length - message.payload);
  return true;
}

} // namespace itemize
