#include "judge_reads.hpp"

#include <algorithm>
#include <queue>

namespace itemize::faults {
namespace {

/// The feed of live clients looks for another copy about twice a second.
constexpr Time kTellingTakes = 3'000'000;

/// One key as one read, or one live event, has shown it.
struct Sight {
  Time begin = 0;
  Time end = 0;
  const Shown *shown = nullptr;
  const Read *read = nullptr; ///< none for an event: what it shows may be older than what reads have shown
};

std::string Describe(const Shown &shown) {
  if (shown.missing) return "key " + shown.key + " missing";
  return "key " + shown.key + " at version " + std::to_string(shown.version);
}

std::string Describe(const Sight &sight) {
  std::string text = Describe(*sight.shown) + " at " + std::to_string(sight.begin) + ".." + std::to_string(sight.end);
  if (sight.read == nullptr) return text;
  text += " in " + sight.read->cluster + " by " + sight.read->client;
  if (sight.read->answered) text += " position " + FormatPosition(*sight.read->answered);
  if (sight.read->degraded != "-") text += " degraded " + sight.read->degraded;
  return text;
}

class ReadJudge {
public:
  ReadJudge(const History &history, const Timeline &timeline, Verdict &verdict)
      : history_(history), timeline_(timeline), verdict_(verdict) {}

  void Run() {
    std::map<std::pair<std::string, std::string>, std::vector<Sight>> sights;
    for (const Read &read : history_.reads) {
      for (const Shown &shown : read.shown)
        sights[{read.cluster, shown.key}].push_back({read.begin, read.end, &shown, &read});
    }
    for (const LiveEvent &event : history_.events) {
      if (!event.shown || event.shown->rowless || event.shown->missing) continue;
      sights[{event.cluster, event.shown->key}].push_back({event.time, event.time, &*event.shown, nullptr});
    }
    for (auto &[place, all] : sights)
      JudgeKey(timeline_.Of(place.second), all);
    JudgePositions();
    JudgeEnd();
  }

private:
  void Find(const char *rule, std::string text) { verdict_.findings.push_back({rule, std::move(text)}); }

  /// The oldest state that what is missing can be: a deletion not older than `least`; nothing when there is none.
  static std::optional<Number> MissingSince(const Chain &chain, Number least, const Sight &sight) {
    if (least == 0) return 0;
    for (std::size_t i = IndexOf(chain, least); i < chain.size(); ++i) {
      if (chain[i].deleted() && chain[i].write->begin <= sight.end) return chain[i].version();
    }
    return std::nullopt;
  }

  /// The newest version that everybody who stands at that position has to show.
  [[nodiscard]] Number Promised(const Chain &chain, const Position &position, const Sight &sight) const {
    const std::size_t told = timeline_.HistoryOf(position.epoch);
    const std::size_t now = std::max(told, timeline_.HistoryAt(sight.end));
    for (std::size_t i = chain.size(); i-- > 0;) {
      const ChainEntry &entry = chain[i];
      if (!entry.certain || entry.born > told || entry.lost <= now || entry.write->begin > sight.end) continue;
      const bool before = entry.born < told;
      if (before || entry.Reached(position.version)) return entry.version();
    }
    return 0;
  }

  void CheckPromise(const char *rule, const Chain &chain, const Position &position, const Sight &sight) {
    const Number promised = Promised(chain, position, sight);
    const bool kept =
        sight.shown->missing ? MissingSince(chain, promised, sight).has_value() : sight.shown->version >= promised;
    if (!kept) {
      Find(rule,
           Describe(sight) + ": " + std::to_string(promised) + " was promised by position " + FormatPosition(position));
    }
  }

  void CheckState(const Chain &chain, const Sight &sight) {
    const Shown &shown = *sight.shown;
    if (shown.missing) return;
    const std::size_t index = IndexOf(chain, shown.version);
    if (timeline_.FateOf(shown.version) != Timeline::Fate::kPossible || index == chain.size() ||
        chain[index].version() != shown.version || chain[index].deleted() || chain[index].write->begin > sight.end) {
      return Find("uncommitted", Describe(sight));
    }
    const ChainEntry &entry = chain[index];
    if (entry.change->base != shown.base) {
      Find("mixed", Describe(sight) + " with the large value of " + std::to_string(shown.base) + ", not of " +
                        std::to_string(entry.change->base));
    }
    if (entry.lost == kNever || sight.read == nullptr) return;
    const bool told = sight.read->answered ? timeline_.HistoryOf(sight.read->answered->epoch) >= entry.lost
                                           : history_.gone_back[entry.lost - 1].started <= sight.begin;
    if (told) Find("undone", Describe(sight));
  }

  void JudgeKey(const Chain &chain, std::vector<Sight> &sights) {
    std::stable_sort(sights.begin(), sights.end(), [](const Sight &a, const Sight &b) { return a.begin < b.begin; });
    using Ended = std::pair<Time, Number>;
    std::priority_queue<Ended, std::vector<Ended>, std::greater<>> under_way;
    // Versions that the cluster had shown to the end by now, rising; those that the database lost meanwhile go.
    std::vector<Number> floor = {0};
    for (const Sight &sight : sights) {
      for (; !under_way.empty() && under_way.top().first < sight.begin; under_way.pop()) {
        if (under_way.top().second > floor.back()) floor.push_back(under_way.top().second);
      }
      const std::size_t now = timeline_.HistoryAt(sight.end);
      while (floor.back() != 0 && timeline_.LostIn(floor.back()) <= now)
        floor.pop_back();
      CheckState(chain, sight);
      Number least = sight.shown->version;
      if (sight.read != nullptr) {
        if (sight.read->answered) CheckPromise("I1", chain, *sight.read->answered, sight);
        if (sight.read->asked) CheckAsked(chain, sight);
        if (sight.shown->missing) {
          const auto since = MissingSince(chain, floor.back(), sight);
          if (!since) Find("I2", Describe(sight) + ": " + std::to_string(floor.back()) + " had been shown");
          least = since.value_or(0);
        } else if (least < floor.back()) {
          Find("I2", Describe(sight) + ": " + std::to_string(floor.back()) + " had been shown");
        }
      }
      under_way.emplace(sight.end, least);
    }
  }

  void CheckAsked(const Chain &chain, const Sight &sight) {
    const Position &asked = *sight.read->asked;
    // A position of another epoch is not compared: who asks with it is told to load again.
    if (sight.read->answered && sight.read->answered->epoch != asked.epoch) return;
    CheckPromise("I4", chain, asked, sight);
  }

  void JudgePositions() {
    std::map<std::string, std::vector<const Read *>> by_cluster;
    for (const Read &read : history_.reads) {
      if (read.answered && read.asked && read.answered->epoch == read.asked->epoch &&
          read.answered->version < read.asked->version) {
        Find("I4", "position " + FormatPosition(*read.answered) + " answered to " + FormatPosition(*read.asked));
      }
      // From the database itself, only the position that was asked for is promised.
      if (read.answered && read.degraded != "redis") by_cluster[read.cluster].push_back(&read);
    }
    for (auto &[cluster, reads] : by_cluster) {
      std::stable_sort(reads.begin(), reads.end(), [](const Read *a, const Read *b) { return a->begin < b->begin; });
      const auto later = [](const Read *a, const Read *b) { return a->end > b->end; };
      std::priority_queue<const Read *, std::vector<const Read *>, decltype(later)> under_way(later);
      const Read *floor = nullptr;
      for (const Read *read : reads) {
        for (; !under_way.empty() && under_way.top()->end < read->begin; under_way.pop()) {
          if (floor == nullptr || IsBefore(*floor->answered, *under_way.top()->answered)) floor = under_way.top();
        }
        if (floor != nullptr && IsBefore(*read->answered, *floor->answered) &&
            !WasTold(cluster, floor->begin, read->end)) {
          Find("position", cluster + " at " + std::to_string(read->begin) + ": " + FormatPosition(*read->answered) +
                               " after " + FormatPosition(*floor->answered));
        }
        under_way.push(read);
      }
    }
  }

  /// Whether live clients of the cluster were told to resync, about then: its copy was begun anew.
  bool WasTold(const std::string &cluster, Time from, Time until) const {
    return std::any_of(history_.events.begin(), history_.events.end(), [&](const LiveEvent &event) {
      return event.kind == "resync" && event.cluster == cluster && event.time >= from &&
             event.time <= until + kTellingTakes;
    });
  }

  static bool IsBefore(const Position &a, const Position &b) {
    if (a.epoch == b.epoch) return a.version < b.version;
    return a.epoch.slot_generation < b.epoch.slot_generation;
  }

  /// Reads by the client "final" were made when nothing was written any more and every fault was over.
  void JudgeEnd() {
    if (!history_.final_state) return;
    std::map<std::string, const Shown *> truth;
    for (const Shown &shown : *history_.final_state)
      truth[shown.key] = &shown;
    for (const Read &read : history_.reads) {
      if (read.client != "final") continue;
      for (const Shown &shown : read.shown) {
        const auto at = truth.find(shown.key);
        const bool missing = at == truth.end() || at->second->missing;
        const bool same =
            missing ? shown.missing
                    : !shown.missing && shown.version == at->second->version && shown.base == at->second->base;
        if (!same) {
          Find("I3", read.cluster + " shows " + Describe(shown) + ", the database has " +
                         (missing ? "nothing" : std::to_string(at->second->version)));
        }
      }
    }
  }

  const History &history_;
  const Timeline &timeline_;
  Verdict &verdict_;
};

} // namespace

void JudgeReads(const History &history, const Timeline &timeline, Verdict &verdict) {
  ReadJudge(history, timeline, verdict).Run();
}

} // namespace itemize::faults
