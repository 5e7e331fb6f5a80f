// GET /v1/items/…: one item, many by key, or a page.
#pragma once

#include "http/content.hpp"
#include "http/reply.hpp"
#include "http/request_framer.hpp"
#include "http/request_head.hpp"
#include "http/target.hpp"
#include "read/fill_queue.hpp"
#include "read/item_reader.hpp"
#include "read/position_watch.hpp"
#include "search/search_queue.hpp"
#include "write/write_queue.hpp"

#include <string>
#include <string_view>

namespace itemize::sidecar::http {

inline constexpr std::size_t kDefaultPageItems = 100;
inline constexpr std::size_t kMaxPageItems = 1000;

/// Where requests wait without a worker. Shared by all.
struct WaitingRooms {
  explicit WaitingRooms(read::ReadBackends &backends)
      : positions(backends), fills(backends), searches(backends), writes(backends) {}

  read::PositionWatch positions;
  read::FillQueue fills;
  search::SearchQueue searches;
  write::WriteQueue writes;
};

/// Until the copy has reached ReadDemand::at_least, or ReadDemand::wait later.
[[nodiscard]] Reply AwaitPosition(WaitingRooms &rooms, const read::ReadDemand &demand);

/// What is answered when the copy, at `position`, has not come to ReadDemand::at_least, and nobody can answer instead.
[[nodiscard]] std::optional<Reply> UnlessReached(WaitingRooms &rooms, const FramedRequest &request,
                                                 const read::ReadDemand &demand, const Position &position,
                                                 Lsn complete);

class Items {
public:
  Items(read::ItemReader &reader, WaitingRooms &rooms, read::MemoryCache &memory)
      : reader_(reader), rooms_(rooms), memory_(memory) {}

  /// `/v1/items/{type}/{key}`; both segments raw.
  Reply One(const FramedRequest &request, const authorization::Viewer &viewer, std::string_view type,
            std::string_view raw_key);
  /// `/v1/items/{type}?key=in.(…)` and `/v1/items/{type}?limit=&after=`.
  Reply Collection(const FramedRequest &request, const authorization::Viewer &viewer, std::string_view type,
                   const Parameters &parameters);

private:
  /// One item's answer, under the coding that the client would rather have.
  Reply ContentOf(const RequestHead &head, const std::string &type, const std::string &key, std::string row,
                  const Keeping &keeping);
  Reply Many(const RequestHead &head, const read::ReadDemand &demand, const std::string &type, const std::string &list);
  Reply Page(const RequestHead &head, const read::ReadDemand &demand, const std::string &type,
             const Parameters &parameters);
  /// Of a read that gave nothing: its problem, or a place to wait for the item `type`/`key`.
  Reply WithoutContent(read::ReadResult::Status status, const std::optional<Position> &position,
                       const read::ReadDemand &demand, const std::string &type = {}, const std::string &key = {});

  read::ItemReader &reader_;
  WaitingRooms &rooms_;
  read::MemoryCache &memory_;
};

/// The first name in `parameters` that is repeated or not among `known`, as a problem.
[[nodiscard]] std::optional<Problem> CheckParameters(const Parameters &parameters,
                                                     std::initializer_list<std::string_view> known);

[[nodiscard]] const std::string *FindParameter(const Parameters &parameters, std::string_view name);

} // namespace itemize::sidecar::http
