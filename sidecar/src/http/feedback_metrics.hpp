// What is counted of feedback.
#pragma once

#include "base/metrics.hpp"

#include <string>

namespace itemize::sidecar::http {

struct FeedbackMetrics {
  explicit FeedbackMetrics(Metrics &metrics)
      : changed(Result(metrics, "changed")), appeared(Result(metrics, "new")), gone(Result(metrics, "gone")),
        hidden(Result(metrics, "hidden")), same(Result(metrics, "unchanged")), all(metrics) {}

  /// Of one type; `reason` as the answer has it.
  void CountResync(const std::string &reason) {
    all.Counter("itemize_feedback_resyncs_total", "Times a client was told to load all of a type again",
                {{"reason", reason}})
        .Increment();
  }

  prometheus::Counter &changed;
  prometheus::Counter &appeared;
  prometheus::Counter &gone;
  prometheus::Counter &hidden;
  prometheus::Counter &same;
  Metrics &all;

private:
  static prometheus::Counter &Result(Metrics &metrics, const char *result) {
    return metrics.Counter("itemize_feedback_items_total", "Items that clients were told of by feedback",
                           {{"result", result}});
  }
};

} // namespace itemize::sidecar::http
