#include "judge_live.hpp"

#include <algorithm>
#include <set>
#include <variant>

namespace itemize::faults {
namespace {

using Indexes = std::set<std::size_t>;

/// One live client, from its first connection to the end: what it was told between two resyncs must be every change.
///
/// The event of a change that left the large value alone may carry a newer row (it is completed from the local copy),
/// so which change an event tells is not always known: for each key all that it can be are kept.
class Client {
public:
  Client(std::string name, const Timeline &timeline, Verdict &verdict)
      : name_(std::move(name)), timeline_(timeline), verdict_(verdict) {}

  void Take(const LiveEvent &event) {
    if (event.kind == "open") return Open(event);
    if (event.kind == "hello") return Hello(event);
    if (!event.id) return;
    if (event.kind == "resync") return Begin(*event.id, event.time);
    if (event.kind == "gone" || event.kind == "truncate") return Find("gap", event, "the type went away");
    if (untold_) Find("gap", event, "no resync came with the hello of another position");
    untold_ = false;
    if (!at_ || at_->epoch != event.id->epoch) {
      if (at_) Find("epoch", event, "before, it was " + FormatPosition(*at_));
      Begin(*event.id, event.time);
      if (event.kind != "item") return;
    } else if (event.kind == "item" && event.id->version <= at_->version) {
      Find("order", event, "after " + FormatPosition(*at_));
    }
    at_ = *event.id;
    if (event.kind == "item" && event.shown) Item(event);
  }

  /// A read of this client: it loads what it shows when it begins, and after a resync.
  void Take(const Read &read) {
    if (!at_ || read.begin < begun_) return;
    loaded_ = true;
    for (const Shown &shown : read.shown) {
      View &view = views_[shown.key];
      if (!view.told.empty() || view.loaded) continue;
      const Chain &chain = timeline_.Of(shown.key);
      view.loaded = shown.missing ? LastDeletion(chain, read.end) : IndexOf(chain, shown.version);
    }
  }

  void End() {
    if (!at_) return;
    if (!loaded_) return FindAtEnd("gap", "it could not load what it follows");
    if (timeline_.HistoryOf(at_->epoch) != timeline_.last_history()) {
      return FindAtEnd("epoch", "it was not told that the database went back");
    }
    for (const auto &[key, chain] : timeline_.chains()) {
      if (key.find('/') != std::string::npos) continue; // of a type that it does not follow
      const std::size_t last = Last(chain);
      const auto view = views_.find(key);
      if (view == views_.end()) {
        if (last != kNever) FindAtEnd("gap", "it knows nothing of key " + key);
      } else if (view->second.told.empty() ? view->second.loaded != last : view->second.told.count(last) == 0) {
        FindAtEnd("gap", "it has not got the last change of key " + key + ", version " +
                             (last == kNever ? std::string("none") : std::to_string(chain[last].version())));
      }
    }
  }

private:
  struct View {
    std::optional<std::size_t> loaded; ///< index of the change that was loaded, kNever: none had been
    Indexes told;                      ///< what the last event can have been
  };

  void Find(const char *rule, const LiveEvent &event, const std::string &text) {
    verdict_.findings.push_back({rule, name_ + " at " + std::to_string(event.time) + ", " + event.kind + ' ' +
                                           (event.id ? FormatPosition(*event.id) : "-") + ": " + text});
  }
  void FindAtEnd(const char *rule, const std::string &text) {
    verdict_.findings.push_back({rule, name_ + " in the end: " + text});
  }

  void Open(const LiveEvent &event) {
    asked_ = event.id;
    if (!asked_) at_.reset();
    if (at_ && *asked_ != *at_) Find("gap", event, "it comes back from where it was not led: " + FormatPosition(*at_));
  }

  void Hello(const LiveEvent &event) {
    if (asked_)
      untold_ = event.id != asked_;
    else if (event.id)
      Begin(*event.id, event.time);
  }

  void Begin(const Position &position, Time time) {
    at_ = position;
    begun_ = time;
    untold_ = false;
    loaded_ = false;
    views_.clear();
    ++verdict_.counts["live: loads"];
  }

  [[nodiscard]] bool InHistory(const ChainEntry &entry) const {
    return entry.InHistory(timeline_.HistoryOf(at_->epoch));
  }

  [[nodiscard]] std::size_t LastDeletion(const Chain &chain, Time until) const {
    for (std::size_t i = chain.size(); i-- > 0;) {
      if (chain[i].deleted() && InHistory(chain[i]) && chain[i].write->begin <= until) return i;
    }
    return kNever;
  }

  [[nodiscard]] std::size_t Last(const Chain &chain) const {
    for (std::size_t i = chain.size(); i-- > 0;) {
      if (chain[i].certain && InHistory(chain[i])) return i;
    }
    return kNever;
  }

  static bool Fits(const ChainEntry &entry, const LiveEvent &event) {
    const Shown &shown = *event.shown;
    // The end of its commit record is where the event is, and not behind what was noted of the write.
    if (entry.write->lsn != 0 && entry.write->lsn < event.id->version.commit_lsn) return false;
    if (event.operation == "delete") return entry.deleted();
    if (event.operation != (entry.change->operation == 'i' ? "insert" : "update") || entry.deleted()) return false;
    const bool completed = entry.change->base != entry.version(); // a key that changes carries a large value as well
    if (shown.rowless) return completed;
    return shown.version == entry.version() || (completed && shown.version > entry.version());
  }

  /// The changes that can come next after the one at `index` (kNever: after none).
  void AddNext(const Chain &chain, std::size_t index, Indexes &next) const {
    for (std::size_t i = index == kNever ? 0 : index + 1; i < chain.size(); ++i) {
      if (!InHistory(chain[i])) continue;
      next.insert(i);
      if (chain[i].certain) return;
    }
  }

  void Item(const LiveEvent &event) {
    ++verdict_.counts["live: events"];
    const Chain &chain = timeline_.Of(event.shown->key);
    View &view = views_[event.shown->key];
    Indexes expected;
    const bool first = view.told.empty();
    if (!first) {
      for (const std::size_t index : view.told)
        AddNext(chain, index, expected);
    } else if (view.loaded) {
      // What was loaded can be ahead of the events, never behind what came before them.
      AddNext(chain, *view.loaded, expected);
      for (std::size_t i = 0; *view.loaded != kNever && i <= *view.loaded; ++i)
        expected.insert(i);
    } else {
      for (std::size_t i = 0; i < chain.size(); ++i)
        expected.insert(i);
    }
    Indexes told;
    for (const std::size_t index : expected) {
      if (InHistory(chain[index]) && Fits(chain[index], event)) told.insert(index);
    }
    if (told.empty()) {
      std::string text = event.operation + " of key " + event.shown->key + " version " +
                         std::to_string(event.shown->version) + "; expected";
      for (const std::size_t index : expected)
        if (!first) text += ' ' + std::to_string(chain[index].version());
      Find("gap", event, text);
      for (std::size_t i = 0; i < chain.size(); ++i) {
        if (Fits(chain[i], event)) told.insert(i);
      }
    }
    view.told = std::move(told);
  }

  std::string name_;
  const Timeline &timeline_;
  Verdict &verdict_;
  std::optional<Position> asked_;
  std::optional<Position> at_;
  Time begun_ = 0;
  bool untold_ = false;
  bool loaded_ = false;
  std::map<std::string, View> views_;
};

} // namespace

void JudgeLive(const History &history, const Timeline &timeline, Verdict &verdict) {
  using Step = std::variant<const LiveEvent *, const Read *>;
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<Time, Step>>> clients;
  for (const LiveEvent &event : history.events)
    clients[{event.cluster, event.client}].emplace_back(event.time, &event);
  for (const Read &read : history.reads) {
    const auto at = clients.find({read.cluster, read.client});
    if (at != clients.end()) at->second.emplace_back(read.end, &read);
  }
  for (auto &[who, steps] : clients) {
    std::stable_sort(steps.begin(), steps.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
    Client client(who.second + " in " + who.first, timeline, verdict);
    for (const auto &[time, step] : steps)
      std::visit([&client](const auto *taken) { client.Take(*taken); }, step);
    if (history.final_state) client.End();
  }
}

} // namespace itemize::faults
