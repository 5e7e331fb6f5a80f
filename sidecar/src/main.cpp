// itemize-sidecar: builds the parts that the mode asks for, in order, and takes them down again.
#include "base/errors.hpp"
#include "base/scope_exit.hpp"
#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "coherence/schedule.hpp"
#include "coherence/verify.hpp"
#include "global/publisher.hpp"
#include "global/status.hpp"
#include "http/authentication.hpp"
#include "http/extended.hpp"
#include "http/health_server.hpp"
#include "local/applier.hpp"
#include "operate/erasure_check.hpp"
#include "operate/release.hpp"
#include "operate/uninstall.hpp"
#include "options.hpp"
#include "postgres/connection.hpp"
#include "redis/connection.hpp"
#include "tail/tail.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace itemize::sidecar {
namespace {

/// From the signal to the end of the process.
constexpr std::chrono::milliseconds kDrainLimit{4500};
/// How often main looks whether all parts are ready, until they are.
constexpr std::chrono::milliseconds kReadinessInterval{20};

/// Blocks the signals in this thread, and so in every thread that it starts, and gives a descriptor
/// that becomes readable with them.
int OpenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

/// One part of the process in its own thread. A part that ends by an error takes the others with it.
class Part {
public:
  Part(const char *name, std::function<void()> run, Logger &log, StopSource &stop)
      : thread_([this, name, run = std::move(run), &log, &stop, done = std::move(done_)]() mutable {
          try {
            run();
          } catch (const Stopped &) {
            // as asked
          } catch (const std::exception &error) {
            log.Error("fatal", {{"part", name}, {"error", error.what()}});
            exit_code_ = kExitFailure;
          }
          stop.RequestStop();
          done.set_value();
        }) {}

  /// False when the part is still running at the deadline.
  bool WaitUntil(std::chrono::steady_clock::time_point deadline) {
    if (finished_.wait_until(deadline) != std::future_status::ready) return false;
    if (thread_.joinable()) thread_.join();
    return true;
  }
  [[nodiscard]] int exit_code() const { return exit_code_; }

private:
  std::promise<void> done_;
  std::future<void> finished_ = done_.get_future();
  int exit_code_ = 0;
  std::thread thread_;
};

/// Until a stop is requested; announces "ready" once.
void Supervise(int signals, StopSource &stop, Services &services) {
  bool announced = false;
  while (!stop.token().stopped()) {
    std::array<pollfd, 2> waits = {{{signals, POLLIN, 0}, {stop.token().fd(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), announced ? -1 : static_cast<int>(kReadinessInterval.count()));
    signalfd_siginfo received{};
    if (::read(signals, &received, sizeof(received)) == static_cast<ssize_t>(sizeof(received))) {
      services.log.Info("stopping", {{"signal", received.ssi_signo}});
      stop.RequestStop();
    }
    if (!announced && services.readiness.AllReady()) {
      services.log.Info("ready");
      announced = true;
    }
  }
}

/// What all parts, and every command, are given; made before the first thread.
struct Process {
  explicit Process(const Options &options) : log(ParseLogLevel(options.log_level)) {}

  int signals = OpenSignals();
  ScopeExit<std::function<void()>> close_signals{[this] { close(signals); }};
  Logger log;
  Metrics metrics;
  Readiness readiness;
  Services services{log, metrics, readiness};
  StopSource stop;
};

int Run(const Options &options) {
  Process process(options);
  Logger &log = process.log;
  Services &services = process.services;
  StopSource &stop = process.stop;
  log.Info("starting", {{"version", ITEMIZE_VERSION}, {"mode", ModeName(options.mode)}, {"pid", getpid()}});

  std::optional<Publisher> publisher;
  std::optional<Applier> applier;
  std::optional<Extended> extended;
  std::optional<HealthServer> health;
  std::optional<coherence::Schedule> comparisons;
  if (options.RunsExtended()) extended.emplace(options, services);
  if (!options.metrics_address.empty()) health.emplace(options, services);
  if (options.RunsExtended() && options.coherence_interval.count() > 0) comparisons.emplace(options, services);
  if (options.RunsGlobal()) publisher.emplace(options, services);
  if (options.RunsLocal()) applier.emplace(options, services);

  std::vector<std::unique_ptr<Part>> parts;
  const auto start = [&](const char *name, auto &part) {
    if (!part) return;
    parts.push_back(std::make_unique<Part>(
        name, [&part, token = stop.token()] { part->Run(token); }, log, stop));
  };
  start("global", publisher);
  start("local", applier);
  start("extended", extended);
  start("metrics", health);
  start("coherence", comparisons);

  Supervise(process.signals, stop, services);
  const auto deadline = std::chrono::steady_clock::now() + kDrainLimit;
  int exit_code = 0;
  for (const auto &part : parts) {
    if (!part->WaitUntil(deadline)) {
      log.Error("drain_timed_out");
      std::_Exit(kExitFailure); // a thread still runs: no destructor may pull anything from under it
    }
    exit_code = std::max(exit_code, part->exit_code());
  }
  log.Info("stopped");
  return exit_code;
}

/// A command that works until it is done, or told to stop.
template <typename Command>
int RunCommand(const Options &options, Command command) {
  Process process(options);
  std::thread watch([&process] {
    std::array<pollfd, 2> waits = {{{process.signals, POLLIN, 0}, {process.stop.token().fd(), POLLIN, 0}}};
    while (poll(waits.data(), waits.size(), -1) < 0) {
    }
    process.stop.RequestStop();
  });
  const ScopeExit end_watch([&] {
    process.stop.RequestStop();
    watch.join();
  });
  return command(options, process.services, process.stop.token());
}

int CheckConfig(const CommandLine &command) {
  const Options &options = command.options;
  const StopSource never;
  if (options.RunsExtended()) {
    for (const identity::KeySource &source : identity::KeySourcesOf(http::KeySourceOptionsOf(options))) {
      if (command.connect || !source.remote) (void)identity::ReadFirst(source, never.token());
    }
    (void)identity::Verifier(http::VerifierOptionsOf(options));
    (void)http::ClientLimitOptionsOf(options);
  }
  if (command.connect) {
    for (const std::string *url : {&options.global_redis, &options.local_redis}) {
      if (!url->empty()) RedisConnection(ParseRedisUrl(*url)).Command({"PING"});
    }
    std::vector<std::string> databases = {options.database, options.replication_database, options.write_database};
    databases.insert(databases.end(), options.replicas.begin(), options.replicas.end());
    for (const std::string &url : databases) {
      if (!url.empty()) PostgresConnection(url, {}, never.token()).Query("SELECT 1");
    }
  }
  std::cout << "configuration is valid for mode " << ModeName(options.mode) << '\n';
  return EXIT_SUCCESS;
}

int Release(const CommandLine &command) {
  const std::uint64_t released = ReleaseItems(command.options, command.options.erasure.type);
  std::cout << "released " << released << (released == 1 ? " item\n" : " items\n");
  return EXIT_SUCCESS;
}

int Main(int argc, const char *const *argv) {
  const CommandLine command = ParseCommandLine(argc, argv);
  switch (command.action) {
  case CommandLine::Action::kShow: std::cout << command.text; return EXIT_SUCCESS;
  case CommandLine::Action::kCheckConfig: return CheckConfig(command);
  case CommandLine::Action::kTail: return RunCommand(command.options, RunTail);
  case CommandLine::Action::kUninstall: return RunCommand(command.options, Uninstall);
  case CommandLine::Action::kErasureCheck: return RunCommand(command.options, CheckErasure);
  case CommandLine::Action::kRelease: return Release(command);
  case CommandLine::Action::kVerify: return RunCommand(command.options, coherence::Verify);
  case CommandLine::Action::kStatus: return PrintStatus(command.options, std::cout);
  case CommandLine::Action::kRun: return Run(command.options);
  }
  return kExitFailure;
}

} // namespace
} // namespace itemize::sidecar

int main(int argc, char **argv) {
  try {
    return itemize::sidecar::Main(argc, argv);
  } catch (const itemize::sidecar::ConfigError &error) {
    std::fprintf(stderr, "itemize-sidecar: %s\n", error.what());
    return itemize::sidecar::kExitConfiguration;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "itemize-sidecar: %s\n", error.what());
    return itemize::sidecar::kExitFailure;
  }
}
