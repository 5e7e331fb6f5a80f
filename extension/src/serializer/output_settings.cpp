#include "serializer/output_settings.hpp"

#include <cstring>

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace itemize {

namespace {

struct Setting {
  const char *name;
  const char *value;
};

constexpr Setting kSettings[] = {
    {"TimeZone", "UTC"},
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"},
    {"lc_monetary", "C"},
    {"search_path", "pg_catalog, pg_temp"},
    {"quote_all_identifiers", "off"},
};

void SetWhereDifferent(GucAction action) {
  for (const Setting &setting : kSettings) {
    // Setting one costs more than reading it, and most sessions have most of them right.
    const char *const current = GetConfigOption(setting.name, false, false);
    if (current != nullptr && std::strcmp(current, setting.value) == 0) continue;
    (void)set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
  }
}

} // namespace

int PinOutputSettings() {
  const int level = NewGUCNestLevel();
  SetWhereDifferent(GUC_ACTION_SAVE);
  return level;
}

void PinOutputSettingsInTransaction() { SetWhereDifferent(GUC_ACTION_LOCAL); }

void UnpinOutputSettings(int level) { AtEOXact_GUC(true, level); }

void SetOutputSettingsForSession() {
  for (const Setting &setting : kSettings)
    SetConfigOption(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION);
}

} // namespace itemize
