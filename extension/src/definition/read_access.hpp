// Who may read: one vocabulary for item types and topics.
#pragma once

namespace itemize {

/// Raises unless `read` is a read access that this version knows how to enforce.
void CheckRead(const char *read);

} // namespace itemize
