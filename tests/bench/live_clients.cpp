// Many live clients of one sidecar: `live_clients DATABASE PORT PID CLIENTS RATE SECONDS SLOW`
//
// CLIENTS event streams, each of the row with its own number and of the row behind these, which all of them follow.
// Prints lines `NAME VALUE`:
//   connected N, bytes N      memory of process PID (the sidecar) for each client, all of them idle
//   broadcast MS              a change of the row of all: from before it was sent to the last client's having read it
//   floor MS                  the same bytes to as many sockets by a bare loop of send() in another process
//   quiet MS                  RATE changes a second of rows 1 to CLIENTS, from before each was sent to its event read
//   slow MS                   the same while SLOW more clients follow all rows and read nothing
#include "clients.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using bench::Change;
using bench::Clock;

constexpr int kBroadcasts = 20;
constexpr std::chrono::seconds kPatience{60};
constexpr std::string_view kNumber = "\"reviews\":";
constexpr std::string_view kEvent = "event: item";

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

[[noreturn]] void Fail(const std::string &what) { throw std::runtime_error(what + ": " + strerror(errno)); }

/// Sockets to read from, all in one epoll set.
class Readers {
public:
  Readers() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  Readers(const Readers &) = delete;
  Readers &operator=(const Readers &) = delete;
  ~Readers() {
    Clear();
    close(epoll_);
  }

  void Add(int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = clients_.size();
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) Fail("epoll_ctl");
    clients_.push_back({socket, {}});
  }

  /// Reads whatever arrives within `milliseconds`; `take` gets each client's number and a complete event.
  void Read(int milliseconds, const std::function<void(std::size_t, std::string_view)> &take) {
    std::array<epoll_event, 512> events{};
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), milliseconds);
    for (int i = 0; i < count; ++i) {
      const std::size_t at = events.at(static_cast<std::size_t>(i)).data.u64;
      Client &client = clients_[at];
      const ssize_t size = recv(client.socket, buffer_.data(), buffer_.size(), 0);
      if (size <= 0) throw std::runtime_error("stream " + std::to_string(at) + " ended after: " + client.text);
      client.text.append(buffer_.data(), static_cast<std::size_t>(size));
      std::size_t done = 0;
      for (std::size_t end = client.text.find("\n\n"); end != std::string::npos; end = client.text.find("\n\n", done)) {
        take(at, std::string_view(client.text).substr(done, end - done));
        done = end + 2;
      }
      client.text.erase(0, done);
    }
  }

  [[nodiscard]] std::size_t size() const { return clients_.size(); }
  [[nodiscard]] int socket(std::size_t client) const { return clients_[client].socket; }

  void Clear() {
    for (const Client &client : clients_)
      close(client.socket);
    clients_.clear();
  }

private:
  struct Client {
    int socket;
    std::string text;
  };
  int epoll_;
  std::vector<Client> clients_;
  std::array<char, 65536> buffer_{};
};

int NewSocket() {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) Fail("a socket");
  return made;
}

/// Until `until` holds; throws after kPatience.
void ReadUntil(Readers &readers, const std::function<bool()> &until, const char *what,
               const std::function<void(std::size_t, std::string_view)> &take) {
  const auto deadline = Clock::now() + kPatience;
  while (!until()) {
    if (Clock::now() > deadline) throw std::runtime_error(std::string("not seen in time: ") + what);
    readers.Read(100, take);
  }
}

/// Opens event streams; each has said hello at the end.
void Subscribe(Readers &readers, int port, int clients, const std::function<std::string(int)> &items) {
  const std::size_t first = readers.size();
  std::size_t greeted = 0;
  const auto take = [&](std::size_t client, std::string_view event) {
    if (client >= first && event.find("event: hello") != std::string_view::npos) ++greeted;
  };
  for (int client = 0; client < clients; ++client) {
    const int made = NewSocket();
    readers.Add(made);
    bench::AskForEvents(made, port, "/v1/live?items=" + items(client));
    // No more at once than what a backlog of connections takes.
    if (client % 100 == 99) {
      ReadUntil(
          readers, [&] { return greeted > static_cast<std::size_t>(client); }, "hello", take);
    }
  }
  ReadUntil(
      readers, [&] { return greeted == static_cast<std::size_t>(clients); }, "hello", take);
}

long ResidentBytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  long pages = 0;
  file >> pages >> pages;
  if (!file) Fail("no such process");
  return pages * sysconf(_SC_PAGESIZE);
}

std::string Update(int row, int number) {
  return "UPDATE place SET reviews = " + std::to_string(number) + " WHERE id = " + std::to_string(row);
}

/// Size of the event of which the last client was the last to read, in bytes.
std::size_t Broadcast(Readers &readers, PGconn *writer, int row, int number) {
  const std::string expected = std::string(kNumber) + std::to_string(number) + "}";
  std::size_t seen = 0;
  std::size_t size = 0;
  const auto start = Clock::now();
  bench::Execute(writer, Update(row, number));
  ReadUntil(
      readers, [&] { return seen == readers.size(); }, "a broadcast",
      [&](std::size_t, std::string_view event) {
        if (event.find(expected) == std::string_view::npos) return;
        ++seen;
        size = event.size() + 2;
      });
  std::printf("broadcast %.3f\n", MillisecondsSince(start));
  return size;
}

/// What a bare loop of send() takes for the same: a process of its own accepts, and sends when it is told to.
void Floor(std::size_t clients, std::size_t bytes) {
  std::array<int, 2> told{};
  if (pipe2(told.data(), O_CLOEXEC) != 0) Fail("pipe");
  const int listener = NewSocket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(listener, 4096) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size) != 0)
    Fail("listen");
  const std::string event = std::string(kEvent) + std::string(bytes - kEvent.size() - 2, ' ') + "\n\n";
  const pid_t child = fork();
  if (child < 0) Fail("fork");
  if (child == 0) {
    close(told[1]);
    std::vector<int> sockets;
    while (sockets.size() < clients)
      sockets.push_back(accept(listener, nullptr, nullptr));
    char round = 0;
    while (read(told[0], &round, 1) == 1) {
      for (const int to : sockets)
        (void)!send(to, event.data(), event.size(), MSG_NOSIGNAL);
    }
    _exit(0);
  }
  close(told[0]);
  {
    Readers readers;
    for (std::size_t client = 0; client < clients; ++client) {
      const int made = NewSocket();
      if (connect(made, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0) Fail("connect");
      readers.Add(made);
    }
    for (int round = 0; round < kBroadcasts; ++round) {
      std::size_t seen = 0;
      const auto start = Clock::now();
      if (write(told[1], "x", 1) != 1) Fail("write");
      ReadUntil(
          readers, [&] { return seen == clients; }, "the floor's bytes",
          [&](std::size_t, std::string_view) { ++seen; });
      std::printf("floor %.3f\n", MillisecondsSince(start));
    }
  }
  close(told[1]);
  close(listener);
  waitpid(child, nullptr, 0);
}

/// Changes at a steady rate of rows that one client each follows.
void FanOut(Readers &readers, const char *name, const char *database, double rate, int seconds) {
  std::vector<Change> changes(static_cast<std::size_t>(rate * seconds));
  std::atomic<bool> failed{false};
  std::thread writer([&] {
    try {
      std::minstd_rand random(1);
      std::uniform_int_distribution<int> any(1, static_cast<int>(readers.size()));
      bench::CommitAtRate(database, rate, changes,
                          [&](std::size_t i) { return Update(any(random), static_cast<int>(i)); });
    } catch (const std::exception &error) {
      std::fprintf(stderr, "live_clients: %s\n", error.what());
      failed = true;
    }
  });
  std::size_t seen = 0;
  const auto deadline = Clock::now() + std::chrono::seconds(seconds) + kPatience;
  while (seen < changes.size() && !failed && Clock::now() < deadline) {
    readers.Read(100, [&](std::size_t, std::string_view event) {
      const std::size_t at = event.find(kNumber);
      if (at == std::string_view::npos || event.find(kEvent) == std::string_view::npos) return;
      changes.at(static_cast<std::size_t>(std::atoi(event.data() + at + kNumber.size()))).seen = Clock::now();
      ++seen;
    });
  }
  writer.join();
  if (failed || seen != changes.size()) {
    throw std::runtime_error("only " + std::to_string(seen) + " of " + std::to_string(changes.size()) +
                             " changes were seen");
  }
  for (const Change &change : changes)
    std::printf("%s %.4f\n", name, bench::MillisecondsOf(change));
}

void Measure(char **arguments) {
  const char *const database = arguments[1];
  const int port = std::atoi(arguments[2]);
  const int pid = std::atoi(arguments[3]);
  const int clients = std::atoi(arguments[4]);
  const double rate = std::atof(arguments[5]);
  const int seconds = std::atoi(arguments[6]);
  const int slow = std::atoi(arguments[7]);
  const bench::Connection writer = bench::Connect(database);

  std::size_t event_bytes = 0;
  {
    Readers readers;
    const auto items = [shared = std::to_string(clients + 1)](int client) {
      return "place/" + std::to_string(client + 1) + ",place/" + shared;
    };
    Subscribe(readers, port, 100, items); // whatever is made once
    readers.Clear();
    const long before = ResidentBytes(pid);
    const auto start = Clock::now();
    Subscribe(readers, port, clients, items);
    std::printf("connected %d\nconnecting_ms %.1f\nbytes %ld\n", clients, MillisecondsSince(start),
                (ResidentBytes(pid) - before) / clients);
    for (int round = 0; round < kBroadcasts; ++round)
      event_bytes = Broadcast(readers, writer.get(), clients + 1, 1000000 + round);
    std::printf("bytes_after_broadcasts %ld\n", (ResidentBytes(pid) - before) / clients);
    FanOut(readers, "quiet", database, rate, seconds);
    Readers asleep;
    Subscribe(asleep, port, slow, [](int) { return "place/*"; });
    FanOut(readers, "slow", database, rate, seconds);
  }
  Floor(static_cast<std::size_t>(clients), event_bytes);
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: live_clients DATABASE PORT PID CLIENTS RATE SECONDS SLOW\n");
    return 2;
  }
  try {
    Measure(argv);
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "live_clients: %s\n", error.what());
    return 1;
  }
}
