// What the programs of the benchmarks share: a connection to the database, changes at a steady rate, and a request to
// the sidecar.
#pragma once

#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bench {

struct CloseConnection {
  void operator()(PGconn *connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, CloseConnection>;

inline Connection Connect(const char *database) {
  Connection connection(PQconnectdb(database));
  if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
  return connection;
}

inline void Execute(PGconn *connection, const std::string &statement) {
  PGresult *const result = PQexec(connection, statement.c_str());
  const ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(connection));
}

/// Connects `socket` to the sidecar on this machine, and asks for a stream of events.
inline void AskForEvents(int socket, int port, const std::string &path) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0) {
    throw std::runtime_error("the sidecar does not listen");
  }
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
  if (write(socket, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
    throw std::runtime_error("the sidecar does not read");
  }
}

using Clock = std::chrono::steady_clock;

/// When a change was sent and when it was seen.
struct Change {
  Clock::time_point sent;
  Clock::time_point seen;
};

inline double MillisecondsOf(const Change &change) {
  return std::chrono::duration<double, std::milli>(change.seen - change.sent).count();
}

/// Commits `statement(number)` for each change at a steady rate; one that is late is made at once.
template <typename Statement>
void CommitAtRate(const char *database, double rate, std::vector<Change> &changes, Statement statement) {
  const Connection writer = Connect(database);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(static_cast<double>(i) / rate)));
    const std::string text = statement(i);
    changes[i].sent = Clock::now();
    Execute(writer.get(), text);
  }
}

} // namespace bench
