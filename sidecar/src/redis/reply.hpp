// Typed access to what Redis answered. A wrong type is a RedisError, never undefined behaviour.
#pragma once

#include "base/errors.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct redisReply;

namespace itemize::sidecar {

class RedisError : public Error {
public:
  using Error::Error;
};

/// The connection is gone or timed out: drop it and make a new one.
class RedisConnectionError : public RedisError {
public:
  using RedisError::RedisError;
};

/// Redis answered with an error; the connection is still good.
class RedisReplyError : public RedisError {
public:
  using RedisError::RedisError;
  /// Whether the error's code (its first word) is `code`: "NOSCRIPT", "READONLY", …
  [[nodiscard]] bool Is(std::string_view code) const;
};

/// Looks into a reply that somebody else owns.
class ReplyView {
public:
  explicit ReplyView(const redisReply *reply) : reply_(reply) {}

  [[nodiscard]] bool IsNil() const;
  [[nodiscard]] bool IsError() const;
  [[nodiscard]] bool IsArray() const;
  [[nodiscard]] bool IsText() const;

  /// A bulk or status string (or the text of an error); valid as long as the reply.
  [[nodiscard]] std::string_view Text() const;
  [[nodiscard]] std::int64_t Integer() const;
  /// Number of elements of an array; 0 for nil.
  [[nodiscard]] std::size_t size() const;
  /// Element of an array.
  ReplyView operator[](std::size_t index) const;

  /// Throws RedisReplyError when this is an error.
  void ThrowIfError() const;

protected:
  const redisReply *reply_;
};

/// Owns a reply.
class Reply : public ReplyView {
public:
  explicit Reply(redisReply *reply) : ReplyView(reply), owned_(reply) {}

private:
  struct Free {
    void operator()(redisReply *reply) const;
  };
  std::unique_ptr<redisReply, Free> owned_;
};

} // namespace itemize::sidecar
