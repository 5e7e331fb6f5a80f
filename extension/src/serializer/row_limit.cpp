#include "serializer/row_limit.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace itemize {

namespace {

constexpr int kDefaultRowBytes = 64 * 1024 * 1024;
constexpr int kLeastRowBytes = 1024;

int max_row_bytes = kDefaultRowBytes;

} // namespace

int MaxRowBytes() { return max_row_bytes; }

void DefineRowLimit() {
  DefineCustomIntVariable("itemize.max_row_bytes", "Longest item that is sent or fetched, in bytes of its JSON.",
                          "A longer one is set aside by the change stream, and refused by itemize.fetch.",
                          &max_row_bytes, kDefaultRowBytes, kLeastRowBytes, kMostRowBytes, PGC_SUSET, GUC_UNIT_BYTE,
                          nullptr, nullptr, nullptr);
}

} // namespace itemize
