#include "definition/read_access.hpp"

#include <cstring>
#include <string_view>

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

constexpr const char *kHint =
    "Use 'nobody' (the default), 'everyone', 'authenticated', or 'role:NAME' with one name or several, separated by "
    "commas.";
constexpr std::string_view kRoles = "role:";

/// What can stand in the change stream and in a claim without being written in two ways.
bool IsRoleName(std::string_view name) {
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && std::strchr("_.:/@-", c) == nullptr) return false;
  }
  return !name.empty();
}

void CheckRoles(std::string_view names) {
  for (;;) {
    std::string_view const name = names.substr(0, names.find(','));
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
    if (name.size() == names.size()) return;
    names.remove_prefix(name.size() + 1);
  }
}

} // namespace

void CheckRead(const char *read) {
  std::string_view const rule = read;
  if (rule == "nobody" || rule == "everyone" || rule == "authenticated") return;
  if (rule == "owner") {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("read => '%s' comes with a later version of itemize", read), errhint("%s", kHint)));
  }
  if (rule.substr(0, kRoles.size()) != kRoles) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("read => '%s' is not known", read),
                    errhint("%s", kHint)));
  }
  if (rule.size() >= NAMEDATALEN) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("read => '%s' is too long: %d bytes", read, static_cast<int>(rule.size())),
                    errhint("It has at most %d bytes: give those who may read one role of its own.", NAMEDATALEN - 1)));
  }
  CheckRoles(rule.substr(kRoles.size()));
}

} // namespace itemize
