#include "live/outbox.hpp"

#include <unordered_map>
#include <unordered_set>

namespace itemize::sidecar::live {

namespace {

using matching::Outcome;

/// What of the outcomes of a filter is left to be told when only the newest of each item is.
class Outcomes {
public:
  explicit Outcomes(const std::deque<SharedEvent> &events) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i]->forgets) forgotten_up_to_ = i;
    }
    for (std::size_t i = forgotten_up_to_; i < events.size(); ++i) {
      if (events[i]->outcome != Outcome::kNone)
        had_.emplace(events[i]->subject, events[i]->outcome != Outcome::kEntered);
    }
  }

  /// Of the newest event of an item, the `nth` of all: as it is when those before it are not told, or null when it is
  /// nothing then.
  [[nodiscard]] SharedEvent Told(const SharedEvent &newest, std::size_t nth) const {
    if (newest->outcome == Outcome::kNone) return newest;
    // The client forgets all that it has.
    if (nth < forgotten_up_to_) return nullptr;
    const bool had = had_.at(newest->subject);
    if (newest->outcome == Outcome::kLeft) return had ? newest : nullptr;
    const Outcome outcome = had ? Outcome::kChanged : Outcome::kEntered;
    return outcome == newest->outcome ? newest : WithOutcome(*newest, outcome);
  }

private:
  std::size_t forgotten_up_to_ = 0;
  /// By item: whether the client has it before the first event.
  std::unordered_map<std::string_view, bool> had_;
};

} // namespace

bool Outbox::Push(SharedEvent event) {
  bytes_ += event->text.size();
  events_.push_back(std::move(event));
  if (bytes_ <= limit_ || events_.size() == 1) return true;
  Conflate();
  // Half of it must have become free, or the next events would each scan the whole for a few bytes.
  return bytes_ <= limit_ / 2 || events_.size() == 1;
}

void Outbox::ReplaceAll(SharedEvent event) {
  events_.clear();
  bytes_ = event->text.size();
  events_.push_back(std::move(event));
}

void Outbox::Drop(std::string_view type) {
  std::deque<SharedEvent> kept;
  bytes_ = 0;
  for (SharedEvent &event : events_) {
    if (event->type == type) continue;
    bytes_ += event->text.size();
    kept.push_back(std::move(event));
  }
  events_ = std::move(kept);
}

std::vector<SharedEvent> Outbox::Take(std::size_t bytes) {
  std::vector<SharedEvent> taken;
  std::size_t size = 0;
  while (!events_.empty() && (taken.empty() || size + events_.front()->text.size() <= bytes)) {
    size += events_.front()->text.size();
    taken.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  bytes_ -= size;
  return taken;
}

void Outbox::Conflate() {
  // From the newest on: what stays keeps its order, so positions still rise and a client that loses the
  // connection in between resumes without a gap.
  const Outcomes outcomes(events_);
  std::unordered_set<std::string_view> seen;
  std::deque<SharedEvent> kept;
  bytes_ = 0;
  for (std::size_t nth = events_.size(); nth-- > 0;) {
    const SharedEvent &event = events_[nth];
    const bool newest = event->subject.empty() || seen.insert(event->subject).second;
    SharedEvent told = newest ? outcomes.Told(event, nth) : nullptr;
    if (!told) {
      ++conflated_;
      continue;
    }
    bytes_ += told->text.size();
    kept.push_front(std::move(told));
  }
  events_ = std::move(kept);
}

} // namespace itemize::sidecar::live
