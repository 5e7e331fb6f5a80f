#include "boundary/entry.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace itemize::internal {

namespace {

/// Cuts a text that is too long, but no character of it.
void CopyText(char (&target)[Raised::kTextBytes], const char *source) noexcept {
  const int length = static_cast<int>(std::min(std::strlen(source), std::size_t{1} << 20U));
  const int kept = pg_mbcliplen(source, length, Raised::kTextBytes - 1);
  std::memcpy(target, source, static_cast<std::size_t>(kept));
  target[kept] = '\0';
}

} // namespace

void DescribeException(Raised &raised) noexcept {
  raised.server_error = nullptr;
  raised.detail[0] = '\0';
  raised.hint[0] = '\0';
  try {
    throw;
  } catch (const PgError &error) {
    raised.server_error = error.data();
  } catch (const Error &error) {
    raised.sqlstate = error.sqlstate();
    CopyText(raised.message, error.what());
    CopyText(raised.detail, error.detail().c_str());
    CopyText(raised.hint, error.hint().c_str());
  } catch (const std::bad_alloc &) {
    raised.sqlstate = ERRCODE_OUT_OF_MEMORY;
    CopyText(raised.message, "out of memory");
    CopyText(raised.detail, "The C++ part of itemize could not allocate memory.");
  } catch (const std::exception &error) {
    raised.sqlstate = ERRCODE_INTERNAL_ERROR;
    CopyText(raised.message, error.what());
    CopyText(raised.hint, "This is a fault in itemize; please report it with the statement that caused it.");
  } catch (...) {
    raised.sqlstate = ERRCODE_INTERNAL_ERROR;
    CopyText(raised.message, "unknown C++ exception");
    CopyText(raised.hint, "This is a fault in itemize; please report it with the statement that caused it.");
  }
}

void Raise(const Raised &raised) {
  if (raised.server_error != nullptr) ReThrowError(raised.server_error);
  ereport(ERROR, (errcode(raised.sqlstate), errmsg("%s", raised.message),
                  raised.detail[0] != '\0' ? errdetail("%s", raised.detail) : 0,
                  raised.hint[0] != '\0' ? errhint("%s", raised.hint) : 0));
  pg_unreachable();
}

void CallGuarded(void (*call)(void *), void *argument) {
  MemoryContext const caller_context = CurrentMemoryContext;
  ErrorData *volatile server_error = nullptr;
  std::exception_ptr thrown;
  PG_TRY();
  {
    // An exception must not pass PG_END_TRY: it would leave PG_exception_stack pointing at a dead frame.
    try {
      call(argument);
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(caller_context);
    server_error = CopyErrorData();
    FlushErrorState();
  }
  PG_END_TRY();
  if (thrown) std::rethrow_exception(thrown);
  if (server_error != nullptr) throw PgError(server_error);
}

} // namespace itemize::internal
