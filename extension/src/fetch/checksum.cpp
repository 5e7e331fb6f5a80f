// itemize.checksum: what a cluster's copy is compared with, without the rows leaving the server.
#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "fetch/item_lookup.hpp"
#include "itemize/item_checksum.hpp"

#include "boundary/prelude.hpp"

namespace itemize {
namespace {

/// As many as there can be keys: more would be empty.
constexpr int kMaxBuckets = kMaxKeysPerFetch;

struct Bucket {
  int32 keys;
  int32 items;
  uint64 checksum;
};

std::string_view View(const StringInfoData &text) { return {text.data, static_cast<Size>(text.len)}; }

std::string_view View(const text *value) { return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)}; }

void SumUp(const ItemDefinition &definition, Datum *keys, int key_count, Bucket *buckets, int bucket_count) {
  const auto bucket_of = [buckets, bucket_count](std::string_view key) -> Bucket & {
    return buckets[ItemBucket(key, static_cast<uint32>(bucket_count))];
  };
  for (int i = 0; i < key_count; ++i) {
    // Taken as missing until its row is met.
    const std::string_view key = View(DatumGetTextPP(keys[i]));
    Bucket &bucket = bucket_of(key);
    ++bucket.keys;
    bucket.checksum += MissingItemDigest(key);
  }
  MemoryContext const row_context =
      AllocSetContextCreate(CurrentMemoryContext, "itemize checksum row", ALLOCSET_DEFAULT_SIZES);
  LookUpItems(definition, keys, key_count, row_context, [row_context, bucket_of](int, const EncodedItem &item) {
    const std::string_view key = View(item.key);
    Bucket &bucket = bucket_of(key);
    ++bucket.items;
    bucket.checksum += ItemDigest(key, View(item.member_lengths), View(item.row)) - MissingItemDigest(key);
    MemoryContextReset(row_context);
  });
}

void Checksum(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  const ItemDefinition *const definition = RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
  int key_count;
  Datum *const keys = DeconstructKeys(PG_GETARG_ARRAYTYPE_P(1), key_count);
  const int32 bucket_count = PG_GETARG_INT32(2);
  if (bucket_count < 1 || bucket_count > kMaxBuckets) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("buckets must be from 1 to %d", kMaxBuckets),
                    errhint("One bucket gives one checksum of all the keys.")));
  }
  compat::InitMaterializedSrf(fcinfo);
  auto *const buckets = static_cast<Bucket *>(palloc0(static_cast<Size>(bucket_count) * sizeof(Bucket)));
  if (key_count > 0) SumUp(*definition, keys, key_count, buckets, bucket_count);
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  for (int32 i = 0; i < bucket_count; ++i) {
    if (buckets[i].keys == 0) continue;
    Datum values[5] = {Int32GetDatum(i), Int32GetDatum(buckets[i].keys), Int32GetDatum(buckets[i].items),
                       Int64GetDatum(static_cast<int64>(buckets[i].checksum)), Int64GetDatum(definition->generation)};
    bool nulls[5] = {false, false, false, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_checksum) {
  return itemize::Entry([&] {
    itemize::Checksum(fcinfo);
    return Datum{0};
  });
}
