// What the programs of the benchmarks share: a connection to the database, and a request to the sidecar.
#pragma once

#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>

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

} // namespace bench
