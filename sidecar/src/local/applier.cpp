#include "local/applier.hpp"

#include "base/sessions.hpp"
#include "local/apply_session.hpp"

namespace itemize::sidecar {
namespace {

constexpr const char *kPart = "local";

} // namespace

Applier::Applier(const Options &options, Services &services) : options_(options), services_(services) {
  services_.readiness.Register(kPart);
}

void Applier::Run(const StopToken &stop) {
  ApplyMetrics metrics(services_.metrics);
  SessionLoop loop;
  loop.part = kPart;
  loop.session = [&](const std::function<void()> &working) {
    ApplySession session(options_, services_, metrics, stop);
    session.Run(working);
  };
  loop.interrupted = [&](const std::exception &error, bool) {
    services_.log.Warning("local_interrupted", {{"error", error.what()}});
  };
  RunSessions(loop, services_, stop);
}

} // namespace itemize::sidecar
