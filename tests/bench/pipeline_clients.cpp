// From changes at a steady rate to many clients: `pipeline_clients items|notify DATABASE PORT RATE SECONDS`
//
// 100 clients follow 10 rows each; one writer commits a change of a random one of the 1,000 rows, RATE times a second.
// `items`: the clients are event streams of the sidecar at PORT, the rows those of `place`. `notify`: they are
// connections that LISTEN to a channel of their own, and the writer changes `notice`, no item type, with a NOTIFY in
// the transaction. Prints the milliseconds from before a change was sent to its event read, a line a change.
#include "clients.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using bench::Change;
using bench::Clock;

constexpr int kClients = 100;
constexpr int kRowsOfClient = 10;
constexpr std::chrono::seconds kPatience{10};

using bench::Connect;
using bench::Connection;
using bench::Execute;

class Client {
public:
  virtual ~Client() = default;
  [[nodiscard]] virtual int descriptor() const = 0;
  /// Numbers of the changes that have arrived.
  virtual void Take(std::vector<int> &numbers) = 0;
};

class EventClient : public Client {
public:
  EventClient(int port, int first_row) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::string path = "/v1/live?items=";
    for (int row = first_row; row < first_row + kRowsOfClient; ++row)
      path += (row == first_row ? "place/" : ",place/") + std::to_string(row);
    bench::AskForEvents(socket_, port, path);
    while (text_.find("event: hello") == std::string::npos)
      Read();
  }
  ~EventClient() override { close(socket_); }

  [[nodiscard]] int descriptor() const override { return socket_; }
  void Take(std::vector<int> &numbers) override {
    constexpr std::string_view kNumber = "\"reviews\":";
    Read();
    std::size_t done = 0;
    for (std::size_t end = text_.find("\n\n"); end != std::string::npos; end = text_.find("\n\n", done)) {
      const std::size_t at = text_.find(kNumber, done);
      if (at < end) numbers.push_back(std::atoi(text_.c_str() + at + kNumber.size()));
      done = end + 2;
    }
    text_.erase(0, done);
  }

private:
  void Read() {
    std::array<char, 65536> buffer;
    const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
    if (size <= 0) throw std::runtime_error("an event stream ended after: " + text_);
    text_.append(buffer.data(), static_cast<std::size_t>(size));
  }

  int socket_;
  std::string text_;
};

class Listener : public Client {
public:
  Listener(const char *database, int client) : connection_(Connect(database)) {
    Execute(connection_.get(), "LISTEN c" + std::to_string(client));
  }
  [[nodiscard]] int descriptor() const override { return PQsocket(connection_.get()); }
  void Take(std::vector<int> &numbers) override {
    if (PQconsumeInput(connection_.get()) == 0) throw std::runtime_error(PQerrorMessage(connection_.get()));
    while (PGnotify *const notification = PQnotifies(connection_.get())) {
      numbers.push_back(std::atoi(notification->extra));
      PQfreemem(notification);
    }
  }

private:
  Connection connection_;
};

/// Changes of random rows, each with its number in it.
void Write(const char *database, bool notify, double rate, std::vector<Change> &changes) {
  std::minstd_rand random(1);
  std::uniform_int_distribution<int> any(1, kClients * kRowsOfClient);
  bench::CommitAtRate(database, rate, changes, [&](std::size_t i) {
    const int row = any(random);
    const std::string number = std::to_string(i);
    std::string statement = "UPDATE " + std::string(notify ? "notice" : "place") + " SET reviews = " + number +
                            " WHERE id = " + std::to_string(row);
    if (notify) statement += "; NOTIFY c" + std::to_string((row - 1) / kRowsOfClient) + ", '" + number + "'";
    return statement;
  });
}

void Measure(bool notify, const char *database, int port, double rate, int seconds) {
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<pollfd> waits;
  for (int client = 0; client < kClients; ++client) {
    if (notify)
      clients.push_back(std::make_unique<Listener>(database, client));
    else
      clients.push_back(std::make_unique<EventClient>(port, client * kRowsOfClient + 1));
    waits.push_back({clients.back()->descriptor(), POLLIN, 0});
  }
  std::vector<Change> changes(static_cast<std::size_t>(rate * seconds));
  std::atomic<bool> failed{false};
  std::thread writer([&] {
    try {
      Write(database, notify, rate, changes);
    } catch (const std::exception &error) {
      std::fprintf(stderr, "pipeline_clients: %s\n", error.what());
      failed = true;
    }
  });
  std::size_t seen = 0;
  const auto deadline = Clock::now() + std::chrono::seconds(seconds) + kPatience;
  std::vector<int> numbers;
  while (seen < changes.size() && !failed && Clock::now() < deadline) {
    if (poll(waits.data(), waits.size(), 100) <= 0) continue;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      clients[i]->Take(numbers);
    }
    const auto now = Clock::now();
    for (const int number : numbers)
      changes.at(static_cast<std::size_t>(number)).seen = now;
    seen += numbers.size();
    numbers.clear();
  }
  writer.join();
  if (failed || seen != changes.size()) {
    const std::string share =
        "only " + std::to_string(seen) + " of " + std::to_string(changes.size()) + " changes were seen";
    if (failed || !notify) throw std::runtime_error(share);
    // A peer that does not keep up is a result: what it still owes counts as seen now, which flatters it.
    std::fprintf(stderr, "pipeline_clients: LISTEN/NOTIFY does not keep up: %s\n", share.c_str());
    const auto now = Clock::now();
    for (Change &change : changes)
      if (change.seen == Clock::time_point{}) change.seen = now;
  }
  for (const Change &change : changes)
    std::printf("%.4f\n", bench::MillisecondsOf(change));
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: pipeline_clients items|notify DATABASE PORT RATE SECONDS\n");
    return 2;
  }
  try {
    Measure(std::string_view(argv[1]) == "notify", argv[2], std::atoi(argv[3]), std::atof(argv[4]), std::atoi(argv[5]));
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "pipeline_clients: %s\n", error.what());
    return 1;
  }
}
