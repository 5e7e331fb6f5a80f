// A library of its own that throws and raises across the boundary, for regress/sql/boundary.sql.
#include <stdexcept>
#include <string>

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
extern ITEMIZE_EXPORT const Pg_magic_struct *Pg_magic_func(void);
PG_MODULE_MAGIC;
}

namespace {

int live_objects = 0;

/// An object whose destructor must run on every way out of the function that holds it.
struct Witness {
  Witness() : text(1000, 'x') { ++live_objects; }
  ~Witness() { --live_objects; }
  Witness(const Witness &) = delete;
  Witness &operator=(const Witness &) = delete;
  std::string text;
};

void RaiseInServer() {
  ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), errmsg("raised by the server"), errdetail("server detail"),
                  errhint("server hint")));
}

void Act(const std::string &kind) {
  const Witness witness;
  if (kind == "error")
    throw itemize::Error(itemize::SqlState("22023"), "thrown by us").Detail("our detail").Hint("our hint");
  if (kind == "bad_alloc") throw std::bad_alloc();
  if (kind == "std_exception") throw std::runtime_error("thrown by a library");
  if (kind == "int") throw 42;
  if (kind == "server_error") itemize::CallPg([] { RaiseInServer(); });
  if (kind == "nested") {
    itemize::CallPg([] { itemize::CallPg([] { RaiseInServer(); }); });
  }
  if (kind == "through_call_pg") {
    itemize::CallPg(
        [] { throw itemize::Error(itemize::SqlState("22023"), "thrown by us").Detail("our detail").Hint("our hint"); });
  }
  if (kind == "lookup") {
    // A real failure deep inside the server.
    itemize::CallPg([] { return DirectFunctionCall1(int4in, CStringGetDatum("no number")); });
  }
  if (kind == "long") throw itemize::Error(itemize::SqlState("22023"), std::string(100000, 'm'));
}

} // namespace

ITEMIZE_FUNCTION(boundary_act) {
  return itemize::Entry([&] {
    char *const kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Act(kind);
    return CStringGetTextDatum("nothing happened");
  });
}

ITEMIZE_FUNCTION(boundary_act_without_objects) {
  (void)fcinfo;
  return itemize::Entry([&] {
    RaiseInServer(); // no object with a destructor is alive: the server may be called directly
    return Datum{0};
  });
}

ITEMIZE_FUNCTION(boundary_live_objects) {
  (void)fcinfo;
  return itemize::Entry([&] { return Int32GetDatum(live_objects); });
}
