// From a commit to what an idle client sees of it: `latency DATABASE PORT TYPE ROUNDS`
//
// One process commits, reads the event stream of the sidecar at PORT and listens to a channel of LISTEN/NOTIFY, all on
// one monotonic clock that starts just before COMMIT is sent. Prints `item MILLISECONDS` and `notify MILLISECONDS`, a
// line a commit. The database has the tables `place` (an item type) and `notice` (none), with ids from 1 to 100.
#include "clients.hpp"

#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using bench::Clock;

constexpr std::chrono::seconds kPatience{10};
/// Between two commits lies a pause of random length, so that no timer of anybody's keeps step with them.
constexpr int kShortestPause = 10; // milliseconds
constexpr int kLongestPause = 30;  // milliseconds
constexpr int kRows = 100;
constexpr int kWarmUpRounds = 20;

using bench::Connect;
using bench::Connection;
using bench::Execute;

/// Waits for one of the descriptors to become readable; false after that many milliseconds.
bool Wait(std::initializer_list<int> descriptors, int milliseconds) {
  std::array<pollfd, 2> waits{};
  std::size_t count = 0;
  for (const int descriptor : descriptors)
    waits.at(count++) = {descriptor, POLLIN, 0};
  return poll(waits.data(), count, milliseconds) > 0;
}

/// The part of an HTTP client that a stream of events takes.
class EventStream {
public:
  EventStream(int port, const std::string &path) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    bench::AskForEvents(socket_, port, path);
  }
  EventStream(const EventStream &) = delete;
  EventStream &operator=(const EventStream &) = delete;
  ~EventStream() { close(socket_); }

  [[nodiscard]] int socket_descriptor() const { return socket_; }

  /// Reads what has arrived; whether `text` was in it, or in what is left of earlier reads. What came up to it is
  /// dropped.
  bool TakeUpTo(std::string_view text) {
    std::array<char, 65536> buffer;
    const ssize_t size = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size == 0) throw std::runtime_error("the event stream ended after: " + text_);
    if (size > 0) text_.append(buffer.data(), static_cast<std::size_t>(size));
    const std::size_t at = text_.find(text);
    if (at == std::string::npos) return false;
    text_.erase(0, at + text.size());
    return true;
  }

  void WaitFor(std::string_view text) {
    const auto deadline = Clock::now() + kPatience;
    while (!TakeUpTo(text)) {
      if (Clock::now() > deadline) throw std::runtime_error("no event; the stream said: " + text_);
      Wait({socket_}, 100);
    }
  }

private:
  int socket_;
  std::string text_;
};

/// Sends COMMIT; milliseconds until `seen` says so. Looks whenever `descriptor` has something to read.
template <typename Seen>
double Commit(PGconn *writer, int descriptor, Seen seen) {
  const auto start = Clock::now();
  if (PQsendQuery(writer, "COMMIT") != 1) throw std::runtime_error(PQerrorMessage(writer));
  Clock::time_point seen_at;
  bool has_seen = false;
  bool committed = false;
  while (!has_seen || !committed) {
    if (Clock::now() - start > kPatience) throw std::runtime_error("a commit was not seen");
    if (has_seen || committed) {
      Wait({has_seen ? PQsocket(writer) : descriptor}, 100);
    } else {
      Wait({descriptor, PQsocket(writer)}, 100);
    }
    if (!has_seen && seen()) {
      has_seen = true;
      seen_at = Clock::now();
    }
    if (committed || PQconsumeInput(writer) == 0 || PQisBusy(writer) != 0) continue;
    committed = true;
    while (PGresult *const result = PQgetResult(writer))
      PQclear(result);
  }
  return std::chrono::duration<double, std::milli>(seen_at - start).count();
}

bool TakeNotification(PGconn *listener) {
  if (PQconsumeInput(listener) == 0) throw std::runtime_error(PQerrorMessage(listener));
  PGnotify *const notification = PQnotifies(listener);
  PQfreemem(notification);
  return notification != nullptr;
}

void Measure(const char *database, int port, const std::string &type, int rounds) {
  const Connection writer = Connect(database);
  const Connection listener = Connect(database);
  Execute(listener.get(), "LISTEN bench");
  EventStream stream(port, "/v1/live?items=" + type + "/*");
  stream.WaitFor("event: hello");
  stream.WaitFor("\n\n");

  std::minstd_rand random(1);
  std::uniform_int_distribution<int> pause(kShortestPause, kLongestPause);
  std::uniform_int_distribution<int> row(1, kRows);
  const auto begin = [&](const std::string &table, const std::string &then) {
    // Only the pause: nothing is on its way here.
    if (Wait({stream.socket_descriptor(), PQsocket(listener.get())}, pause(random))) (void)stream.TakeUpTo("\n\n");
    Execute(writer.get(), "BEGIN; UPDATE " + table + " SET price = price + 1, updated_at = now() WHERE id = " +
                              std::to_string(row(random)) + then);
  };
  for (int round = -kWarmUpRounds; round < rounds; ++round) {
    begin("place", "");
    const double item =
        Commit(writer.get(), stream.socket_descriptor(), [&] { return stream.TakeUpTo("event: item\n"); });
    stream.WaitFor("\n\n");
    // The same change to a table that is no item type, with a notification in its transaction.
    begin("notice", "; NOTIFY bench, 'the name of a row, say'");
    const double notify =
        Commit(writer.get(), PQsocket(listener.get()), [&] { return TakeNotification(listener.get()); });
    if (round >= 0) std::printf("item %.4f\nnotify %.4f\n", item, notify);
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: latency DATABASE PORT TYPE ROUNDS\n");
    return 2;
  }
  try {
    Measure(argv[1], std::atoi(argv[2]), argv[3], std::atoi(argv[4]));
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "latency: %s\n", error.what());
    return 1;
  }
}
