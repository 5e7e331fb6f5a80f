#include "redis/connection.hpp"

#include <hiredis/hiredis.h>

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/time.h>

namespace itemize::sidecar {
namespace {

timeval ToTimeval(std::chrono::milliseconds duration) {
  timeval value{};
  value.tv_sec = static_cast<time_t>(duration.count() / 1000);
  value.tv_usec = static_cast<suseconds_t>(duration.count() % 1000 * 1000);
  return value;
}

} // namespace

RedisConnection::RedisConnection(const RedisEndpoint &endpoint, RedisTimeouts timeouts) : timeouts_(timeouts) {
  const timeval connect_timeout = ToTimeval(timeouts.connect);
  context_.reset(endpoint.socket_path.empty()
                     ? redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, connect_timeout)
                     : redisConnectUnixWithTimeout(endpoint.socket_path.c_str(), connect_timeout));
  if (!context_) throw RedisConnectionError("out of memory");
  if (context_->err != 0) ThrowBroken();
  if (redisSetTimeout(context_.get(), ToTimeval(timeouts.command)) != REDIS_OK) ThrowBroken();
  if (endpoint.socket_path.empty()) redisEnableKeepAlive(context_.get());
  if (!endpoint.password.empty()) {
    if (endpoint.user.empty())
      Command({"AUTH", endpoint.password});
    else
      Command({"AUTH", endpoint.user, endpoint.password});
  }
  if (endpoint.database != 0) Command({"SELECT", std::to_string(endpoint.database)});
}

Reply RedisConnection::Command(const RedisArguments &arguments) {
  Append(arguments);
  Reply reply = NextReply();
  reply.ThrowIfError();
  return reply;
}

const std::string &RedisConnection::RunId() {
  if (!run_id_.empty()) return run_id_;
  constexpr std::string_view kField = "run_id:";
  const Reply reply = Command({"INFO", "server"});
  const std::string_view text = reply.Text();
  const std::size_t at = text.find(kField);
  if (at == std::string_view::npos) throw RedisError("INFO of Redis names no run_id");
  const std::size_t begin = at + kField.size();
  run_id_ = text.substr(begin, text.find_first_of("\r\n", begin) - begin);
  return run_id_;
}

void RedisConnection::Append(const RedisArguments &arguments) {
  std::vector<const char *> texts;
  std::vector<std::size_t> lengths;
  texts.reserve(arguments.size());
  lengths.reserve(arguments.size());
  for (const std::string_view argument : arguments) {
    texts.push_back(argument.empty() ? "" : argument.data());
    lengths.push_back(argument.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), lengths.data()) !=
      REDIS_OK) {
    ThrowBroken();
  }
}

void RedisConnection::AppendBytes(std::string_view bytes) {
  if (redisAppendFormattedCommand(context_.get(), bytes.data(), bytes.size()) != REDIS_OK) ThrowBroken();
}

void RedisConnection::Flush() {
  int done = 0;
  while (done == 0) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) ThrowBroken();
  }
}

bool RedisConnection::AnswerWaits(std::chrono::microseconds longest_wait) const {
  if (context_->reader->pos < context_->reader->len) return true;
  pollfd wait{context_->fd, POLLIN, 0};
  constexpr int kMicrosecondsPerSecond = 1'000'000;
  const timespec longest{longest_wait.count() / kMicrosecondsPerSecond,
                         longest_wait.count() % kMicrosecondsPerSecond * 1000};
  return ppoll(&wait, 1, &longest, nullptr) > 0;
}

Reply RedisConnection::NextReply() {
  void *reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) ThrowBroken();
  return Reply(static_cast<redisReply *>(reply));
}

void RedisConnection::DoNotWait() {
  const int flags = fcntl(context_->fd, F_GETFL);
  if (flags < 0 || fcntl(context_->fd, F_SETFL, flags | O_NONBLOCK) < 0)
    throw RedisConnectionError("the connection to Redis cannot be made not to wait");
  context_->flags &= ~REDIS_BLOCK;
}

int RedisConnection::descriptor() const { return context_->fd; }

bool RedisConnection::SendSome() {
  int done = 0;
  if (redisBufferWrite(context_.get(), &done) != REDIS_OK) ThrowBroken();
  return done != 0;
}

std::optional<Reply> RedisConnection::ReceiveSome() {
  void *reply = nullptr;
  if (redisBufferRead(context_.get()) != REDIS_OK || redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK)
    ThrowBroken();
  if (reply == nullptr) return std::nullopt;
  return Reply(static_cast<redisReply *>(reply));
}

void RedisConnection::ThrowBroken() {
  const bool timed_out = context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
  throw RedisConnectionError(timed_out ? std::string("Redis did not answer in time")
                                       : "Redis connection: " + std::string(context_->errstr));
}

void RedisConnection::Free::operator()(redisContext *context) const { redisFree(context); }

} // namespace itemize::sidecar
