#include "boundary/owner_identity.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

OwnerIdentity BecomeOwner(Oid table) {
  HeapTuple const tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", table);
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  OwnerIdentity caller;
  GetUserIdAndSecContext(&caller.user, &caller.security_context);
  SetUserIdAndSecContext(owner, caller.security_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
  return caller;
}

void BecomeCaller(const OwnerIdentity &caller) { SetUserIdAndSecContext(caller.user, caller.security_context); }

} // namespace itemize
