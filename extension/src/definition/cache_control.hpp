// The argument cache_control of itemize.define.
#pragma once

#include "definition/definition_store.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// The directives as they are stored and answered: in small letters, `a, b`. Raises when there is one that is not
/// known, or that contradicts another, or `read`: what not everybody may read, no shared cache may keep.
const char *CanonicalCacheControl(const char *text, const char *read);

/// Those of a stored definition; null when it has none.
const char *StoredCacheControl(const StoredDefinition &definition);
const char *CacheControlAmong(const SearchColumns &search);

} // namespace itemize
