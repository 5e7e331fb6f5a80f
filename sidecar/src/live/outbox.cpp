#include "live/outbox.hpp"

#include <unordered_set>

namespace itemize::sidecar::live {

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
  std::unordered_set<std::string_view> seen;
  std::deque<SharedEvent> kept;
  bytes_ = 0;
  for (auto at = events_.rbegin(); at != events_.rend(); ++at) {
    if (!(*at)->subject.empty() && !seen.insert((*at)->subject).second) {
      ++conflated_;
      continue;
    }
    bytes_ += (*at)->text.size();
    kept.push_front(*at);
  }
  events_ = std::move(kept);
}

} // namespace itemize::sidecar::live
