#include "definition/cache_control.hpp"

#include <cstring>
#include <string_view>

#include "itemize/cache_control.hpp"
#include "itemize/read_rule.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/formatting.h"
}

namespace itemize {

namespace {

constexpr const char *kHint =
    "Directives are separated by commas: public, private, no-cache, no-store, no-transform, must-revalidate, "
    "proxy-revalidate, must-understand, immutable, and with seconds, as in max-age=60: max-age, s-maxage, "
    "stale-while-revalidate, stale-if-error.";

const char *Shown(std::string_view text) { return pnstrdup(text.data(), text.size()); }

[[noreturn]] void Refuse(const char *message, const char *hint) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

template <typename Names>
bool IsAmong(const Names &names, std::string_view name) {
  for (const std::string_view known : names) {
    if (known == name) return true;
  }
  return false;
}

/// Whether it is a number of seconds that caches must understand: RFC 9111 section 1.2.2.
bool IsSeconds(std::string_view value) {
  constexpr std::size_t kMostDigits = 10;
  constexpr int64 kMost = 2147483647;
  if (value.empty() || value.size() > kMostDigits) return false;
  int64 seconds = 0;
  for (const char digit : value) {
    if (digit < '0' || digit > '9') return false;
    seconds = seconds * 10 + (digit - '0');
  }
  return seconds <= kMost;
}

void CheckDirective(std::string_view directive) {
  std::string_view const name = NameOfDirective(directive);
  bool const has_value = name.size() < directive.size();
  if (IsAmong(kBareDirectives, name)) {
    if (has_value) Refuse(psprintf("the directive \"%s\" of cache_control takes no value", Shown(name)), kHint);
    return;
  }
  if (!IsAmong(kTimedDirectives, name)) {
    Refuse(psprintf("cache_control has \"%s\", which is no directive that itemize knows", Shown(directive)), kHint);
  }
  if (!has_value || !IsSeconds(directive.substr(name.size() + 1))) {
    Refuse(psprintf("the directive \"%s\" of cache_control needs a number of seconds", Shown(name)),
           psprintf("Write it as in %s=60, with at most 2147483647.", Shown(name)));
  }
}

void CheckAgainstRead(std::string_view list, const char *read) {
  for (const char *const shared : {"public", "s-maxage"}) {
    if (!HasDirective(list, shared)) continue;
    if (HasDirective(list, "private")) {
      Refuse(psprintf("the directives \"private\" and \"%s\" of cache_control contradict each other", shared),
             "Leave one of them out.");
    }
    if (kReadEveryone != read) {
      Refuse(psprintf("the directive \"%s\" of cache_control needs read => 'everyone'", shared),
             "It lets shared caches give one reader's items to others. Use private, or leave it out.");
    }
  }
}

} // namespace

const char *CanonicalCacheControl(const char *text, const char *read) {
  char *const small = asc_tolower(text, std::strlen(text));
  if (std::strlen(small) > kMaxCacheControlBytes) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("cache_control is too long: %d bytes", static_cast<int>(std::strlen(small))),
                    errhint("It has at most %d bytes.", static_cast<int>(kMaxCacheControlBytes))));
  }
  StringInfoData list;
  initStringInfo(&list);
  std::string_view rest = small;
  bool more = true;
  while (more) {
    more = rest.find(',') != std::string_view::npos;
    std::string_view const directive = TakeDirective(rest);
    if (directive.empty()) {
      Refuse(psprintf("cache_control => '%s' has an empty directive", text),
             psprintf("%s Leave the argument out for no-cache, the default.", kHint));
    }
    CheckDirective(directive);
    if (HasDirective(list.data, NameOfDirective(directive))) {
      Refuse(psprintf("cache_control has the directive \"%s\" twice", Shown(NameOfDirective(directive))),
             "Leave one of them out.");
    }
    appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", Shown(directive));
  }
  CheckAgainstRead(list.data, read);
  return list.data;
}

const char *StoredCacheControl(const StoredDefinition &definition) {
  for (int i = 0; i < definition.constant_count; ++i) {
    if (definition.constants[i].purpose == ColumnPurpose::kCacheControl) return definition.constants[i].detail;
  }
  return nullptr;
}

const char *CacheControlAmong(const SearchColumns &search) {
  for (int i = 0; i < search.count; ++i) {
    if (search.items[i].purpose == ColumnPurpose::kCacheControl) return search.items[i].detail;
  }
  return nullptr;
}

} // namespace itemize
