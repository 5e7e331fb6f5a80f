// How an erasure is told on the change stream: a message of a topic that nobody can define. Whoever keeps the stream
// forgets what came before it as soon as everybody has read it; deletions behind it in its piece leave no tombstone.
#pragma once

#include <string_view>

namespace itemize {

/// No topic's name (IsTopicName). Its payload says nothing: that there was an item is not told once more.
inline constexpr std::string_view kErasureTopic = "~erased";
inline constexpr std::string_view kErasurePayload = "1";

} // namespace itemize
