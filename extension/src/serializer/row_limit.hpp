// The longest row that is sent or fetched: the setting itemize.max_row_bytes.
//
// A setting of the server's, and not an option of the plugin, because the stream and the fetches must agree: a row that
// the stream has set aside is fetched by every cluster. ALTER SYSTEM, ALTER DATABASE and ALTER ROLE reach walsenders.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// The most that can be set. With it a row, what stands around it, and the merge of two still fit the 512 MB that
/// Redis holds in one value.
inline constexpr int kMostRowBytes = 256 * 1024 * 1024;

/// Bytes of JSON.
int MaxRowBytes();

/// To be called once, as the library is loaded.
void DefineRowLimit();

} // namespace itemize
