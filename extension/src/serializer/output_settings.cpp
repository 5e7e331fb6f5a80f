#include "serializer/output_settings.hpp"

#include <cstring>

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "pgtime.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/pg_locale.h"
}

namespace itemize {

namespace {

/// Setting one costs more than looking at it, and most sessions have most of them right; looking at its variable costs
/// less than looking it up by its name.
struct Setting {
  const char *name;
  const char *value;
  bool (*is_set)(const char *value);
};

bool IsText(const char *current, const char *value) { return current != nullptr && std::strcmp(current, value) == 0; }

constexpr char kSearchPath[] = "search_path";

constexpr Setting kSettings[] = {
    {"TimeZone", "UTC",
     [](const char *value) {
       return session_timezone != nullptr && IsText(pg_get_timezone_name(session_timezone), value);
     }},
    {"DateStyle", "ISO, YMD",
     [](const char * /*value*/) { return DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_YMD; }},
    {"IntervalStyle", "postgres", [](const char * /*value*/) { return IntervalStyle == INTSTYLE_POSTGRES; }},
    {"extra_float_digits", "1", [](const char * /*value*/) { return extra_float_digits == 1; }},
    {"lc_monetary", "C", [](const char *value) { return IsText(locale_monetary, value); }},
    {kSearchPath, "pg_catalog, pg_temp", [](const char *value) { return IsText(namespace_search_path, value); }},
    {"quote_all_identifiers", "off", [](const char * /*value*/) { return !quote_all_identifiers; }},
};

void SetWhereDifferent(GucAction action, bool search_path) {
  for (const Setting &setting : kSettings) {
    if (setting.is_set(setting.value) || (!search_path && setting.name == kSearchPath)) continue;
    (void)set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
  }
}

} // namespace

int PinOutputSettings() {
  const int level = NewGUCNestLevel();
  SetWhereDifferent(GUC_ACTION_SAVE, true);
  return level;
}

int PinInputSettings() {
  const int level = NewGUCNestLevel();
  SetWhereDifferent(GUC_ACTION_SAVE, false);
  return level;
}

void PinOutputSettingsInTransaction() { SetWhereDifferent(GUC_ACTION_LOCAL, true); }

void UnpinSettings(int level) { AtEOXact_GUC(true, level); }

void SetOutputSettingsForSession() {
  for (const Setting &setting : kSettings)
    SetConfigOption(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION);
}

} // namespace itemize
