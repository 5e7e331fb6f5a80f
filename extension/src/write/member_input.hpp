// Members of a client's JSON object as values of columns: what the serializer makes of a value is taken back.
#pragma once

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace itemize {

/// A column that a client may name.
struct WriteColumn {
  const char *name;
  Oid type;
  int32 type_modifier;
  /// The server makes its values: GENERATED ALWAYS, stored or as identity.
  bool generated;
};

/// What stands in the errors of this value, besides the message: a line of CONTEXT, as `field "name" of item type
/// "owner"`, and the name in the error's field for columns.
struct MemberContext {
  const char *what;
  const char *name;
  const char *owner_kind;
  const char *owner;
};

/// While this lives on the stack between Begin and End, errors are about this value.
struct MemberErrors {
  ErrorContextCallback callback;
  MemberContext context;
};
void BeginMember(MemberErrors &errors, const MemberContext &context);
void EndMember(const MemberErrors &errors);

/// The value of a column, or null. To be called with SPI connected and the settings of output_settings.hpp pinned, as
/// the texts of some types depend on them. Raises 22xxx, or what a domain's constraint raises.
Datum ConvertMember(const WriteColumn &column, JsonbValue &value, bool &is_null);

} // namespace itemize
