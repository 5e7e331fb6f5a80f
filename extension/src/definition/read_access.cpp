#include "definition/read_access.hpp"

#include <cstring>

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

constexpr const char *kReadBuilt[] = {"nobody", "everyone"};
constexpr const char *kReadUnbuilt[] = {"authenticated", "owner", "roles"};

} // namespace

void CheckRead(const char *read) {
  for (const char *const built : kReadBuilt) {
    if (std::strcmp(read, built) == 0) return;
  }
  for (const char *const unbuilt : kReadUnbuilt) {
    if (std::strcmp(read, unbuilt) != 0) continue;
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("read => '%s' comes with a later version of itemize", read),
             errhint("Use 'nobody' (the default) or 'everyone'.")));
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("read => '%s' is not known", read),
                  errhint("Use 'nobody' (the default) or 'everyone'.")));
}

} // namespace itemize
