// JSON Merge Patch (RFC 7396).
#pragma once

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace itemize {

/// `patch`, an object, applied to `target`, which may be null and is then as if it were empty. In the current memory
/// context.
JsonbValue *MergePatch(JsonbContainer *target, JsonbContainer *patch);

/// The container of a value that is a JSON object, else null.
JsonbContainer *ObjectOf(const JsonbValue &value);

} // namespace itemize
