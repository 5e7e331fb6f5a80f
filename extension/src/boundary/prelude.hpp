// The one door to the server's headers. Include it last: after the own header, the standard library's
// and third parties' (postgres.h redefines names such as printf that those headers use).
#pragma once

extern "C" {
// clang-format off
#include "postgres.h"
// clang-format on

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include "boundary/compat.hpp"

// PGDLLEXPORT is empty before PostgreSQL 16, and the library is built with -fvisibility=hidden.
#define ITEMIZE_EXPORT __attribute__((visibility("default")))

/// Declares and registers a function that SQL calls; its body follows as one guarded call:
///   ITEMIZE_FUNCTION(itemize_version) { return itemize::Entry([&] { ... }); }
#define ITEMIZE_FUNCTION(name)                                                                                         \
  extern "C" ITEMIZE_EXPORT Datum name(PG_FUNCTION_ARGS);                                                              \
  extern "C" ITEMIZE_EXPORT const Pg_finfo_record *pg_finfo_##name(void);                                              \
  extern "C" {                                                                                                         \
  PG_FUNCTION_INFO_V1(name);                                                                                           \
  }                                                                                                                    \
  extern "C" Datum name(PG_FUNCTION_ARGS)
