#include "definition/read_access.hpp"

#include <cstring>
#include <string_view>

#include "itemize/read_rule.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

constexpr const char *kHint =
    "Use 'nobody' (the default), 'everyone', 'authenticated', or 'role:NAME' with one name or several, separated by "
    "commas; for items also 'owner'.";

/// What can stand in the change stream and in a claim without being written in two ways.
bool IsRoleName(std::string_view name) {
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && std::strchr("_.:/@-", c) == nullptr) return false;
  }
  return !name.empty();
}

void CheckRole(std::string_view name) {
  if (!IsRoleName(name)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" is no name for a role", pnstrdup(name.data(), name.size())),
                    errhint("Names consist of letters a-z and A-Z, digits and the characters _ . : / @ -, and are "
                            "separated by commas alone.")));
  }
  if (name == "anonymous") {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the role \"anonymous\" is nobody's"),
                    errhint("It stands for requests that come from nobody in particular. Use read => 'everyone'.")));
  }
}

} // namespace

void CheckRead(const char *read, ReadOf what) {
  std::string_view const rule = read;
  if (rule == "nobody" || rule == kReadEveryone || rule == kReadAuthenticated) return;
  if (rule == kReadOwner) {
    if (what == ReadOf::kItems) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a topic has no owner"), errhint("%s", kHint)));
  }
  if (!IsRuleOfRoles(rule)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("read => '%s' is not known", read),
                    errhint("%s", kHint)));
  }
  if (rule.size() >= NAMEDATALEN) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("read => '%s' is too long: %d bytes", read, static_cast<int>(rule.size())),
                    errhint("It has at most %d bytes: give those who may read one role of its own.", NAMEDATALEN - 1)));
  }
  (void)AnyRoleOf(rule, [](std::string_view name) {
    CheckRole(name);
    return false;
  });
}

} // namespace itemize
