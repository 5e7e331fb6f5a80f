// The loop that one writes without itemize: `wal2json_loop DATABASE SLOT REDIS_SOCKET CHANGES`
//
// Reads the slot (plugin wal2json, format 2, one message a change) over the replication protocol, makes each row a JSON
// object and SETs it under its key, or DELs it, pipelined. It takes in all that has arrived before it waits for Redis'
// answers. No positions, no versions, no fills, no order across crashes. Ends after CHANGES changes and prints the
// seconds since it was started and those of processor time.
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMessageHeaderBytes = 25;
constexpr int kBatch = 500;

struct Close {
  void operator()(PGconn *connection) const { PQfinish(connection); }
  void operator()(redisContext *context) const { redisFree(context); }
  void operator()(char *buffer) const { PQfreemem(buffer); }
};

class Loop {
public:
  Loop(const char *database, const char *slot, const char *socket)
      : database_(PQconnectdb((std::string(database) + " replication=database").c_str())),
        redis_(redisConnectUnix(socket)) {
    if (PQstatus(database_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(database_.get()));
    if (!redis_ || redis_->err != 0) throw std::runtime_error("no Redis");
    const std::string start = std::string("START_REPLICATION SLOT \"") + slot +
                              "\" LOGICAL 0/0 (\"format-version\" '2', \"include-transaction\" 'false', "
                              "\"include-types\" 'false')";
    PGresult *const result = PQexec(database_.get(), start.c_str());
    const bool streams = PQresultStatus(result) == PGRES_COPY_BOTH;
    PQclear(result);
    if (!streams) throw std::runtime_error(PQerrorMessage(database_.get()));
  }

  void Run(long changes) {
    while (taken_ < changes) {
      char *raw = nullptr;
      const int length = PQgetCopyData(database_.get(), &raw, 1);
      const std::unique_ptr<char, Close> owned(raw);
      if (length < 0) throw std::runtime_error(PQerrorMessage(database_.get()));
      if (length == 0) {
        Flush();
        pollfd wait{PQsocket(database_.get()), POLLIN, 0};
        poll(&wait, 1, 1000);
        if (PQconsumeInput(database_.get()) == 0) throw std::runtime_error(PQerrorMessage(database_.get()));
        continue;
      }
      if (raw[0] != 'w') continue;
      Take(std::string_view(raw, static_cast<std::size_t>(length)).substr(kMessageHeaderBytes));
      if (pending_ == kBatch) Flush();
    }
    Flush();
  }

private:
  void Take(std::string_view message) {
    const Json change = Json::parse(message);
    const auto &action = change["action"].get_ref<const std::string &>();
    const bool gone = action == "D";
    std::string key = "item:" + change["table"].get<std::string>() + ":";
    for (const Json &column : change[gone ? "identity" : "columns"]) {
      if (column["name"] == "id") key += column["value"].dump();
    }
    if (gone) {
      redisAppendCommand(redis_.get(), "DEL %b", key.data(), key.size());
    } else {
      Json row = Json::object();
      for (const Json &column : change["columns"])
        row[column["name"].get_ref<const std::string &>()] = column["value"];
      const std::string text = row.dump();
      redisAppendCommand(redis_.get(), "SET %b %b", key.data(), key.size(), text.data(), text.size());
    }
    ++pending_;
    ++taken_;
  }

  void Flush() {
    for (; pending_ > 0; --pending_) {
      void *reply = nullptr;
      if (redisGetReply(redis_.get(), &reply) != REDIS_OK) throw std::runtime_error(redis_->errstr);
      freeReplyObject(reply);
    }
  }

  std::unique_ptr<PGconn, Close> database_;
  std::unique_ptr<redisContext, Close> redis_;
  int pending_ = 0;
  long taken_ = 0;
};

double Seconds(const timeval &time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: wal2json_loop DATABASE SLOT REDIS_SOCKET CHANGES\n");
    return 2;
  }
  try {
    const auto start = std::chrono::steady_clock::now();
    Loop(argv[1], argv[2], argv[3]).Run(std::atol(argv[4]));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%.3f %.3f\n", elapsed.count(), Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "wal2json_loop: %s\n", error.what());
    return 1;
  }
}
