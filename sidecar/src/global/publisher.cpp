#include "global/publisher.hpp"

#include "base/scope_exit.hpp"
#include "base/sessions.hpp"
#include "global/owned_stream.hpp"
#include "global/publish_session.hpp"
#include "global/stream_watch.hpp"

#include <thread>

namespace itemize::sidecar {
namespace {

constexpr const char *kPart = "global";

/// Whether the stream may have ended because one change could not be encoded, so that it would end there again. Else
/// the server is going (class 57), the connection broke (08), or the server is not set up (55).
bool MayBeOneChange(const PostgresError &error) {
  const std::string state_class = error.sqlstate().substr(0, 2);
  return !state_class.empty() && state_class != "57" && state_class != "08" && state_class != "55";
}

} // namespace

Publisher::Publisher(const Options &options, Services &services) : options_(options), services_(services) {
  services_.readiness.Register(kPart);
}

void Publisher::Run(const StopToken &stop) {
  PublishMetrics metrics(services_.metrics);
  OwnedStream owned;
  StopSource watch_stop;
  std::thread watch([&] { StreamWatch(options_, services_, owned, watch_stop.token()).Run(); });
  const ScopeExit end_watch([&] {
    watch_stop.RequestStop();
    watch.join();
  });
  SessionLoop loop;
  loop.part = kPart;
  bool careful = false;
  loop.session = [&](const std::function<void()> &working) {
    const ScopeExit leave([&] {
      owned.Clear();
      metrics.owner.Set(0);
      metrics.full.Set(0);
    });
    PublishSession session(options_, services_, metrics, owned, stop, careful);
    careful = false;
    working();
    metrics.owner.Set(1);
    try {
      session.Run();
    } catch (const PostgresError &error) {
      careful = MayBeOneChange(error);
      throw;
    }
  };
  loop.interrupted = [&](const std::exception &error, bool fatal) {
    if (fatal)
      services_.log.Error("global_failed", {{"error", error.what()}});
    else
      services_.log.Warning("global_interrupted", {{"error", error.what()}});
  };
  RunSessions(loop, services_, stop);
}

} // namespace itemize::sidecar
