// POST /v1/feedback: a client tells which items it has, by their entity tags, or up to where it knows a subscription's,
// and hears what has become of them.
#pragma once

#include "http/feedback_metrics.hpp"
#include "http/feedback_since.hpp"
#include "http/items.hpp"
#include "identity/strict_json.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {

/// Most items in one request.
inline constexpr std::size_t kMaxFeedbackItems = 10000;

/// What a client has of one type: canonical key, and the opaque part of the entity tag (empty: it has none).
using HeldByClient = std::vector<std::pair<std::string, std::string>>;

/// Of `{"items":{TYPE:{KEY:TAG,…},…}}` or `{"since":POSITION,"items":["TYPE/KEY","TYPE/*",…]}`. Keys that are the same
/// item are asked about once, by the first tag.
[[nodiscard]] std::variant<std::map<std::string, HeldByClient>, SinceQuestion, Problem>
ParseFeedback(std::string_view body);

/// Of `{TYPE:{KEY:TAG,…},…}`, as above.
[[nodiscard]] std::variant<std::map<std::string, HeldByClient>, Problem> ParseHeldItems(const nlohmann::json &items);

/// The tag of the item's own bytes, without quotes, whatever coding the client had them in.
[[nodiscard]] std::string OpaqueTag(std::string_view tag);

class Feedback {
public:
  Feedback(read::ReadBackends &backends, read::ItemReader &reader, WaitingRooms &rooms);

  Reply Answer(const FramedRequest &request, const authorization::Viewer &viewer);

private:
  struct Told;

  Reply AnswerHeld(const FramedRequest &request, const authorization::Viewer &viewer,
                   const std::map<std::string, HeldByClient> &asked);
  /// Adds what became of the items of one type; what else than kOk it says ends the answer.
  read::ReadResult::Status Tell(const std::string &type, const HeldByClient &held, const read::ReadDemand &demand,
                                Told &told);

  read::ItemReader &reader_;
  WaitingRooms &rooms_;
  FeedbackMetrics metrics_;
  FeedbackSince since_;
};

} // namespace itemize::sidecar::http
