// What items over HTTP are measured beside, on cpp-httplib as it is used by everybody, with a thread for each
// connection:
//   serve_reference hello BYTES         the same bytes for every request
//   serve_reference sql DATABASE        for each request the row of its key, as JSON, asked of the database
// Prints its port.
#include "clients.hpp"

#include <httplib.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr std::size_t kThreads = 64;
constexpr const char *kJson = "application/json";

void AnswerBySql(const std::string &database, const httplib::Request &request, httplib::Response &response) {
  thread_local bench::Connection connection;
  if (!connection) {
    connection = bench::Connect(database.c_str());
    PQclear(PQprepare(connection.get(), "item", "SELECT itemize.item_json('place', $1)", 1, nullptr));
  }
  const std::string key = request.path.substr(request.path.rfind('/') + 1);
  const char *const values[] = {key.c_str()};
  PGresult *const result = PQexecPrepared(connection.get(), "item", 1, values, nullptr, nullptr, 0);
  if (PQntuples(result) == 1)
    response.set_content(PQgetvalue(result, 0, 0), static_cast<std::size_t>(PQgetlength(result, 0, 0)), kJson);
  else
    response.status = 500;
  PQclear(result);
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const std::string kind = argv[1];
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_keep_alive_max_count(static_cast<std::size_t>(-1));
  server.set_tcp_nodelay(true);
  const std::string body(kind == "hello" ? static_cast<std::size_t>(std::atoi(argv[2])) : 0, 'x');
  const std::string database = argv[2];
  if (kind == "hello") {
    server.Get("/hello",
               [&](const httplib::Request &, httplib::Response &response) { response.set_content(body, kJson); });
  } else {
    // As there, without a regular expression for each request.
    server.set_pre_routing_handler([&](const httplib::Request &request, httplib::Response &response) {
      AnswerBySql(database, request, response);
      return httplib::Server::HandlerResponse::Handled;
    });
  }
  const int port = server.bind_to_any_port("127.0.0.1");
  std::printf("%d\n", port);
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
}
