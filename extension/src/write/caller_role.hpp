// The role that application code runs as within a write: the caller's, and no other.
//
// A sidecar logs in with a role that may become each of its clients'. A function or trigger that could SET ROLE would
// be whichever of them it likes, or that role itself.
#pragma once

#include "boundary/prelude.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace itemize {

/// Until AllowOtherRoles, or the end of the (sub)transaction, SET ROLE and SET SESSION AUTHORIZATION are refused, as
/// within functions that are SECURITY DEFINER. Returns what that takes.
inline int ForbidOtherRoles() {
  Oid user;
  int context;
  GetUserIdAndSecContext(&user, &context);
  SetUserIdAndSecContext(user, context | SECURITY_LOCAL_USERID_CHANGE);
  return context;
}

inline void AllowOtherRoles(int context) { SetUserIdAndSecContext(GetUserId(), context); }

} // namespace itemize
