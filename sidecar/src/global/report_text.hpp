// What the database is told of the stream and its clusters, for itemize.status.
#pragma once

#include "global/stream_picture.hpp"

#include <string>

namespace itemize::sidecar {

/// JSON: {"epoch", "slot", "published", "entries", "bytes", "oldest_seconds", "clusters": [{"name", "applied",
/// "complete", "lag_bytes", "silent_seconds", "live"}], "groups": [the same]}; positions in PostgreSQL's form.
std::string ReportJson(const StreamPicture &picture, const std::string &slot);

/// What makes a report news: changes when somebody comes, goes, falls behind or catches up, or while transactions are
/// published; not by heartbeats alone, or else an idle database would be written to because it was written to.
std::string ReportEssence(const StreamPicture &picture);

} // namespace itemize::sidecar
