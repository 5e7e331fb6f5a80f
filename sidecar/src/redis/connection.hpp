// One connection to Redis. It never reconnects by itself: who holds one may rely on having talked to
// the same server since it was made, which is what the publisher's checks at connect are worth.
#pragma once

#include "redis/endpoint.hpp"
#include "redis/reply.hpp"

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisContext;

namespace itemize::sidecar {

struct RedisTimeouts {
  std::chrono::milliseconds connect{2000};
  /// Longest wait for an answer. A blocking command's own bound must be shorter.
  std::chrono::milliseconds command{4000};
};

using RedisArguments = std::vector<std::string_view>;

/// For one thread at a time.
class RedisConnection {
public:
  /// Connects, authenticates and selects the database. Throws RedisError.
  explicit RedisConnection(const RedisEndpoint &endpoint, RedisTimeouts timeouts = {});

  /// Sends and waits. Throws RedisReplyError when Redis answers with an error, RedisConnectionError
  /// when it does not answer.
  Reply Command(const RedisArguments &arguments);
  Reply Command(std::initializer_list<std::string_view> arguments) { return Command(RedisArguments(arguments)); }

  [[nodiscard]] const RedisTimeouts &timeouts() const { return timeouts_; }

  /// Identity of the server process behind this connection; another one after every restart (INFO run_id).
  const std::string &RunId();

  /// Pipelining: queues a command; nothing needs to be sent yet.
  void Append(const RedisArguments &arguments);
  void Append(std::initializer_list<std::string_view> arguments) { Append(RedisArguments(arguments)); }
  /// Queues a part of a command as it goes over the wire, see CommandBytes.
  void AppendBytes(std::string_view bytes);
  /// Sends what is queued.
  void Flush();
  /// Whether some of the next answer has arrived, or does so within this time.
  [[nodiscard]] bool AnswerWaits(std::chrono::microseconds longest_wait = {}) const;
  /// Answer of the oldest queued command. An error reply is returned, not thrown.
  Reply NextReply();

  // For an event loop. From DoNotWait on, nothing of the above but Append and a RunId asked for before may be used.

  void DoNotWait();
  /// To be waited on; it belongs to the connection.
  [[nodiscard]] int descriptor() const;
  /// Sends what the socket takes; true when nothing is left. Throws RedisConnectionError.
  [[nodiscard]] bool SendSome();
  /// Takes in what has arrived: the answer of the oldest queued command, once it is whole. Throws RedisConnectionError.
  [[nodiscard]] std::optional<Reply> ReceiveSome();

private:
  struct Free {
    void operator()(redisContext *context) const;
  };
  [[noreturn]] void ThrowBroken();

  RedisTimeouts timeouts_;
  std::unique_ptr<redisContext, Free> context_;
  std::string run_id_;
};

} // namespace itemize::sidecar
