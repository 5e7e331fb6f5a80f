#include "http/date.hpp"

#include <cstdio>
#include <ctime>

namespace itemize::sidecar::http {

namespace {

std::string HttpDate(std::time_t now) {
  constexpr const char *kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char *kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday,
                kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text;
}

} // namespace

const std::string &DateOfNow() {
  thread_local std::time_t made_for = 0;
  thread_local std::string date;
  const std::time_t now = std::time(nullptr);
  if (now != made_for) {
    made_for = now;
    date = HttpDate(now);
  }
  return date;
}

} // namespace itemize::sidecar::http
