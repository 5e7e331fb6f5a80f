// Feedback for a whole subscription: what has become of its items since a position.
#pragma once

#include "http/feedback_metrics.hpp"
#include "http/items.hpp"
#include "live/changes_since.hpp"

#include <map>
#include <string>
#include <vector>

namespace itemize::sidecar::http {

struct SinceQuestion {
  Position since;
  std::vector<live::Interest> interests;
};

/// Used by one worker, with its connections. Blocks while it reads what the stream has had.
class FeedbackSince {
public:
  FeedbackSince(read::ReadBackends &backends, read::ItemReader &reader, WaitingRooms &rooms);

  Reply Answer(const FramedRequest &request, const authorization::Viewer &viewer, const SinceQuestion &question);

private:
  struct Window;
  struct Told;

  /// What the copy says at the moment; false when there is none that may be read.
  [[nodiscard]] bool Look(Window &window);
  /// Adds what the stream has had since, and what was healed; false when the copy is not there any more.
  [[nodiscard]] bool Collect(const Position &since, Window &window, live::ChangesSince &changes);
  void Tell(const std::string &type, live::ChangesSince::Items &items, const authorization::Viewer &viewer, Told &told);
  /// Rows that the stream does not have, as a read of now gives them.
  void ReadRows(const std::string &type, live::ChangesSince::Items &items, const authorization::Viewer &viewer,
                Told &told);
  [[nodiscard]] Reply BodyOf(const Window &window, const live::ChangesSince &changes, Told &told);

  read::ReadBackends &backends_;
  read::ItemReader &reader_;
  WaitingRooms &rooms_;
  FeedbackMetrics metrics_;
  live::LocalStream stream_;
};

} // namespace itemize::sidecar::http
