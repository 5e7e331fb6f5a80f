// Who may read: one vocabulary for item types and topics.
#pragma once

namespace itemize {

/// Raises unless `read` is a read access that this version knows how to enforce. Topics have no owner.
enum class ReadOf : unsigned char { kItems, kTopic };
void CheckRead(const char *read, ReadOf what);

} // namespace itemize
