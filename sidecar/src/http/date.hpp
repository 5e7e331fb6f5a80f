// The Date field of responses.
#pragma once

#include <string>

namespace itemize::sidecar::http {

/// IMF-fixdate of RFC 9110 section 5.6.7 for now, independent of the locale. Made once a second; valid until this
/// thread asks again.
[[nodiscard]] const std::string &DateOfNow();

} // namespace itemize::sidecar::http
