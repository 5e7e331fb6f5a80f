// Appending to a StringInfo without a call per append: the check for room is inline, growing is not.
#pragma once

#include <cstring>

#include "boundary/prelude.hpp"

namespace itemize {

/// Room for `size` more bytes and the NUL that ends a StringInfo; where to write them.
inline char *Reserve(StringInfo out, Size size) {
  if (unlikely(static_cast<Size>(out->maxlen - out->len) <= size)) {
    enlargeStringInfo(out, static_cast<int>(Min(size, static_cast<Size>(MaxAllocSize))));
  }
  return out->data + out->len;
}

/// Takes what was written up to `end`, which lies within what Reserve gave.
inline void Commit(StringInfo out, char *end) {
  out->len = static_cast<int>(end - out->data);
  *end = '\0';
}

/// Copies in blocks of kCopyBlock bytes: up to that much less one more is read, and written, than asked for.
constexpr Size kCopyBlock = 16;
inline char *WriteBlocks(char *at, const char *bytes, Size size) {
  for (Size done = 0; done < size; done += kCopyBlock)
    std::memcpy(at + done, bytes + done, kCopyBlock);
  return at + size;
}

inline void AppendByte(StringInfo out, char byte) {
  char *const at = Reserve(out, 1);
  *at = byte;
  Commit(out, at + 1);
}

inline void AppendBytes(StringInfo out, const char *bytes, int size) {
  char *const at = Reserve(out, static_cast<Size>(size));
  std::memcpy(at, bytes, static_cast<Size>(size));
  Commit(out, at + size);
}

} // namespace itemize
