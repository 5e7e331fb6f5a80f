#include "tail/tail.hpp"

#include "base/errors.hpp"
#include "tail/group_session.hpp"
#include "tail/plain_session.hpp"
#include "tail/record.hpp"
#include "tail/resync.hpp"

#include <unistd.h>

namespace itemize::sidecar {

int RunTail(const Options &options, Services &services, const StopToken &stop) {
  try {
    if (options.tail.group.empty())
      PlainSession(options, services, stop).Run();
    else
      GroupSession(options, services, stop).Run();
    return 0;
  } catch (const ResyncNeeded &error) {
    services.log.Error("tail_resync", {{"reason", error.what()}, {"hint", "load anew: tail --from snapshot"}});
    try {
      LineWriter writer(STDOUT_FILENO, stop, [](auto) {});
      writer.Write(ResyncRecord(error.what()));
      writer.Flush();
    } catch (const Error &) { // NOLINT(bugprone-empty-catch): the status says it as well
    }
    return kExitResync;
  } catch (const Stopped &) {
    return 0;
  } catch (const OutputClosed &) {
    return 0;
  }
}

} // namespace itemize::sidecar
