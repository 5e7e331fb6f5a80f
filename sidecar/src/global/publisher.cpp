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

/// How a stream ended: by what, and behind which entry.
struct StreamEnd {
  std::string sqlstate;
  Version published;
};

/// Whether the stream may have ended because one change could not be encoded, so that it would end there again. Else
/// the server is going (class 57), the connection broke (08), or the server is not set up (55); but when that comes
/// twice at one place, it may be an output function that raises such an error.
bool MayBeOneChange(const StreamEnd &end, const StreamEnd &before) {
  const std::string state_class = end.sqlstate.substr(0, 2);
  if (state_class.empty()) return false;
  if (state_class != "57" && state_class != "08" && state_class != "55") return true;
  return end.sqlstate == before.sqlstate && end.published == before.published;
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
  StreamEnd last_end;
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
      const StreamEnd end{error.sqlstate(), session.published()};
      careful = MayBeOneChange(end, last_end);
      last_end = end;
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
