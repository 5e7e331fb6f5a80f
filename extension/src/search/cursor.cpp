#include "search/cursor.hpp"

#include <cstring>
#include <utility>

#include "boundary/entry.hpp"
#include "itemize/base64url.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "common/hashfn.h"
#include "port/pg_bswap.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
}

namespace itemize {

namespace {

constexpr char kCursorKeyTable[] = "cursor_key";

/// Bytes that all values of a cursor may have together.
constexpr std::size_t kMaxValueBytes = 4096;

/// The row of that table.
struct StoredKey {
  static constexpr int kBytes = 32;
  uint8 bytes[kBytes];
};

bool FindStoredKey(StoredKey &key) {
  const Oid schema = get_namespace_oid("itemize", true);
  const Oid relation = OidIsValid(schema) ? get_relname_relid(kCursorKeyTable, schema) : InvalidOid;
  if (!OidIsValid(relation)) return false;
  Relation const table = table_open(relation, AccessShareLock);
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
  bool found = false;
  HeapTuple const tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    bool is_null = false;
    Datum const value = heap_getattr(tuple, 1, RelationGetDescr(table), &is_null);
    struct varlena *const packed = is_null ? nullptr : PG_DETOAST_DATUM_PACKED(value);
    found = packed != nullptr && VARSIZE_ANY_EXHDR(packed) == StoredKey::kBytes;
    if (found) std::memcpy(key.bytes, VARDATA_ANY(packed), StoredKey::kBytes);
  }
  systable_endscan(scan);
  table_close(table, AccessShareLock);
  return found;
}

/// The last key that this session derived: an HMAC costs as much as twenty seals.
struct DerivedKey {
  bool is_made;
  StoredKey from;
  CursorKey key;
};
DerivedKey derived = {};

CursorKey DeriveKey(const StoredKey &stored) {
  if (derived.is_made && std::memcmp(derived.from.bytes, stored.bytes, StoredKey::kBytes) == 0) return derived.key;
  // Not to be mistaken for anything else that is made with a key of this kind.
  constexpr char kWhat[] = "itemize cursor";
  uint8 digest[compat::kSha256Bytes];
  compat::HmacSha256(stored.bytes, StoredKey::kBytes, reinterpret_cast<const uint8 *>(kWhat), sizeof(kWhat), nullptr, 0,
                     digest);
  CursorKey key;
  std::memcpy(&key, digest, sizeof(key));
  derived = {true, stored, key};
  return key;
}

std::string Seal(const CursorKey &key, std::string_view bytes) {
  const SipHalves tag = SipHash(key, bytes);
  static_assert(sizeof(tag) == kCursorSealBytes);
  return {reinterpret_cast<const char *>(&tag), sizeof(tag)};
}

/// In a time that does not tell where they differ.
bool SealsAgree(std::string_view left, std::string_view right) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < kCursorSealBytes; ++i)
    difference |= static_cast<unsigned char>(left[i]) ^ static_cast<unsigned char>(right[i]);
  return difference == 0;
}

[[noreturn]] void RefuseCursor(const char *why) {
  throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"after\" is no cursor of this search")
      .Detail(why)
      .Hint("Pass the cursor of the last row of the page before, with all other arguments as they were; without "
            "\"after\" the search begins anew.");
}

/// Of a cursor that was made without values.
[[noreturn]] void RefuseTooLong() {
  throw Error(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
              "the values that the row of this cursor is ordered by are too long for one")
      .Detail("All values that a row is ordered by may have " + std::to_string(kMaxValueBytes) + " bytes.")
      .Hint("Order by another column.");
}

/// Lengths before contents, so that two lists of parts never give the same bytes.
class Parts {
public:
  Parts() { bytes_.reserve(kUsualBytes); }
  void Add(std::string_view part) {
    const std::uint64_t size = part.size();
    bytes_.append(reinterpret_cast<const char *>(&size), sizeof(size));
    bytes_ += part;
  }
  template <typename Value>
  void AddPlain(const Value &value) {
    Add({reinterpret_cast<const char *>(&value), sizeof(value)});
  }
  void AddText(const std::optional<std::string> &text) {
    AddPlain(text.has_value());
    Add(text ? std::string_view(*text) : std::string_view());
  }
  void AddVarlena(const std::optional<Datum> &value) {
    AddPlain(value.has_value());
    if (!value) return;
    const struct varlena *const whole = CallPg([&] { return PG_DETOAST_DATUM(*value); });
    Add({VARDATA(whole), VARSIZE(whole) - VARHDRSZ});
  }
  template <typename Value>
  void AddOptional(const std::optional<Value> &value) {
    AddPlain(value.has_value());
    if (value) AddPlain(*value);
  }

  [[nodiscard]] std::uint64_t Hash() const {
    return DatumGetUInt64(
        hash_any_extended(reinterpret_cast<const unsigned char *>(bytes_.data()), static_cast<int>(bytes_.size()), 0));
  }

private:
  static constexpr std::size_t kUsualBytes = 1024;
  std::string bytes_;
};

Datum ValueOfBytes(const SearchDefinition &definition, const SortItem &item, const std::string &bytes) {
  const ReadAs read_as = DecideReadAs(definition);
  return CallPg([&] {
    Oid function = InvalidOid;
    Oid parameter = InvalidOid;
    getTypeBinaryInputInfo(item.type, &function, &parameter);
    StringInfoData buffer;
    initStringInfo(&buffer);
    appendBinaryStringInfo(&buffer, bytes.data(), static_cast<int>(bytes.size()));
    return AsReader(read_as, definition, [&] { return OidReceiveFunctionCall(function, &buffer, parameter, -1); });
  });
}

} // namespace

CursorKey ReadCursorKey() {
  return CallPg([] {
    StoredKey key = {};
    if (!FindStoredKey(key)) {
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("table itemize.%s has lost its row", kCursorKeyTable),
                      errhint("Let a superuser insert one with %d random bytes.", StoredKey::kBytes)));
    }
    return DeriveKey(key);
  });
}

std::uint64_t HashQuestion(const SearchDefinition &definition, const Question &question, const Order &order) {
  Parts parts;
  parts.Add(NameStr(definition.item.type));
  parts.AddText(question.query);
  parts.AddText(question.lang);
  parts.AddVarlena(question.near);
  parts.AddOptional(question.within);
  parts.AddOptional(question.bbox);
  parts.AddVarlena(question.area);
  parts.AddVarlena(question.price_min);
  parts.AddVarlena(question.price_max);
  parts.AddText(question.currency);
  parts.AddVarlena(question.filters == nullptr ? std::nullopt
                                               : std::optional<Datum>(PointerGetDatum(question.filters)));
  parts.AddOptional(question.since);
  parts.AddOptional(question.until);
  parts.AddText(question.owner);
  parts.AddText(question.parent);
  for (const SortItem &item : order.items) {
    parts.Add(item.name);
    parts.AddPlain(item.kind);
    parts.AddPlain(item.type);
    parts.AddPlain(item.descending);
    parts.AddPlain(item.nulls_first);
  }
  return parts.Hash();
}

/// Binary output; what is a number of eight bytes is written to `number`, the first one first, as its function would
/// send it but without a buffer of its own.
std::string_view CursorSealer::Send(FmgrInfo &function, Datum value, char (&number)[sizeof(uint64)]) {
  const auto written = [&number](uint64 bits) -> std::string_view {
    const uint64 bytes = pg_hton64(bits);
    std::memcpy(number, &bytes, sizeof(bytes));
    return {number, sizeof(bytes)};
  };
  switch (function.fn_oid) {
  case F_INT8SEND:
  case F_TIMESTAMPTZ_SEND:
  case F_TIMESTAMP_SEND: return written(static_cast<uint64>(DatumGetInt64(value)));
  case F_FLOAT8SEND: {
    const float8 real = DatumGetFloat8(value);
    uint64 bits = 0;
    std::memcpy(&bits, &real, sizeof(bits));
    return written(bits);
  }
  default: {
    const bytea *const sent = SendFunctionCall(&function, value);
    return {VARDATA(sent), VARSIZE(sent) - VARHDRSZ};
  }
  }
}

CursorSealer::CursorSealer(const CursorKey &key, const CursorContent &content, const Order &order)
    : key_(key), count_(order.items.size()) {
  const std::vector<SortItem> &items = order.items;
  const std::string head = PackCursorHead(content);
  head_ = head.size();
  CallPg([&] {
    send_ = static_cast<FmgrInfo *>(palloc(sizeof(FmgrInfo) * items.size()));
    for (std::size_t i = 0; i < items.size(); ++i) {
      Oid function = InvalidOid;
      bool is_varlena = false;
      getTypeBinaryOutputInfo(items[i].type, &function, &is_varlena);
      fmgr_info(function, &send_[i]);
    }
    bytes_ = static_cast<char *>(palloc(head_ + kMaxValueBytes + kCursorValueHead * count_ + kCursorSealBytes));
    std::memcpy(bytes_, head.data(), head_);
  });
}

text *CursorSealer::Seal(const Datum *values, const bool *nulls) const {
  char *end = bytes_ + head_;
  std::size_t total = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (nulls[i]) {
      end = WriteCursorValue(end, std::nullopt);
      continue;
    }
    char number[sizeof(uint64)];
    const std::string_view value = Send(send_[i], values[i], number);
    total += value.size();
    if (total > kMaxValueBytes) {
      // Its row is found like any other; only that nothing goes on behind it.
      end = bytes_ + head_;
      break;
    }
    end = WriteCursorValue(end, value);
  }
  const SipHalves tag = SipHash(key_, {bytes_, static_cast<std::size_t>(end - bytes_)});
  std::memcpy(end, &tag, sizeof(tag));
  const std::string_view sealed(bytes_, static_cast<std::size_t>(end - bytes_) + sizeof(tag));
  const std::size_t length = LengthAsBase64Url(sealed.size());
  auto *const cursor = static_cast<text *>(palloc(VARHDRSZ + length));
  SET_VARSIZE(cursor, VARHDRSZ + length);
  WriteBase64Url(sealed, VARDATA(cursor));
  return cursor;
}

OpenedCursor OpenCursor(const SearchDefinition &definition, const CursorKey &key, std::string_view text,
                        std::uint64_t question, const Order &order) {
  if (text.size() > kMaxCursorBytes) RefuseCursor("It is too long for one.");
  const auto bytes = DecodeBase64Url(text);
  if (!bytes || bytes->size() <= kCursorSealBytes) RefuseCursor("It is not written as one.");
  const std::string_view sealed = std::string_view(*bytes).substr(0, bytes->size() - kCursorSealBytes);
  if (!SealsAgree(Seal(key, sealed), std::string_view(*bytes).substr(sealed.size()))) {
    RefuseCursor("It was not made by this database, or was changed since.");
  }
  const auto content = UnpackCursor(sealed);
  if (content && content->question == question && content->values.empty()) RefuseTooLong();
  if (!content || content->question != question || content->values.size() != order.items.size()) {
    RefuseCursor("It belongs to another question, or to another order.");
  }
  OpenedCursor opened;
  opened.relaxed = content->relaxed;
  opened.rates = content->rates;
  if (!content->score_parameters.empty()) {
    opened.score_parameters = CallPg([&] {
      const std::string &parameters = content->score_parameters;
      auto *const value = static_cast<bytea *>(palloc(VARHDRSZ + parameters.size()));
      SET_VARSIZE(value, VARHDRSZ + parameters.size());
      std::memcpy(VARDATA(value), parameters.data(), parameters.size());
      return value;
    });
  }
  for (std::size_t i = 0; i < order.items.size(); ++i) {
    const auto &value = content->values[i];
    opened.values.push_back(value ? BoundValue{ValueOfBytes(definition, order.items[i], *value), false}
                                  : BoundValue{0, true});
  }
  return opened;
}

} // namespace itemize
