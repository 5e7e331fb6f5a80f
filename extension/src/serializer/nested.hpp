// Values that hold values: arrays and composites.
#pragma once

#include "serializer/value_encoder.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// An array as nested JSON arrays, one level a dimension.
void EncodeArray(const ValueEncoder &element, Datum value, StringInfo out);

/// A composite value as a JSON object of its (not dropped) attributes.
void EncodeComposite(Datum value, StringInfo out);

} // namespace itemize
