// What is served where. Dispatch is by comparing path segments: no regular expressions on hot paths.
#pragma once

#include "http/authentication.hpp"
#include "http/descriptions.hpp"
#include "http/exchange.hpp"
#include "http/feedback.hpp"
#include "http/items.hpp"
#include "http/pages.hpp"
#include "http/searches.hpp"
#include "http/writes.hpp"
#include "live/facts_cache.hpp"
#include "live/resume.hpp"

namespace itemize::sidecar::http {

/// What all workers share.
struct RouteContext {
  read::ReadBackends &backends;
  live::Hub &hub;
  WaitingRooms &rooms;
  const Authentication &authentication;
  Descriptions &descriptions;
  live::FactsCache &facts;
  ClientLimits &limits;
};

/// One per worker, with that worker's connections.
class Routes {
public:
  explicit Routes(RouteContext &context);

  /// Nothing when the path is none of ours and may be a static file.
  std::optional<Reply> Answer(const FramedRequest &request);

private:
  std::optional<Reply> Dispatch(const FramedRequest &request);
  /// A POST, PATCH, PUT or DELETE of an item, or what else came for it.
  Reply Write(const FramedRequest &request, const Target &target, std::string_view type, std::string_view raw_key);
  /// `/v1/pages/{path}`.
  Reply Page(const FramedRequest &request, const Target &target);
  Reply LiveByFilter(const FramedRequest &request, const authorization::Viewer &viewer, std::string_view type,
                     const Parameters &parameters);
  /// Begins to follow.
  Reply Follow(const FramedRequest &request, const authorization::Viewer &viewer, const Parameters &parameters,
               std::vector<live::Interest> interests);
  Reply Live(const FramedRequest &request, const authorization::Viewer &viewer, const Parameters &parameters);
  /// What can be asked for here, as far as the caller may know.
  [[nodiscard]] Reply OpenApi(const RequestHead &head, const authorization::Viewer &viewer) const;
  [[nodiscard]] Reply Readiness() const;
  [[nodiscard]] Reply MetricsText() const;

  RouteContext &context_;
  read::ItemReader reader_;
  Items items_;
  Feedback feedback_;
  Pages pages_;
  Searches searches_;
  Writes writes_;
  live::Subscribe subscribe_;
};

} // namespace itemize::sidecar::http
