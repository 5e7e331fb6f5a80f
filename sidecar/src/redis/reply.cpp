#include "redis/reply.hpp"

#include <hiredis/hiredis.h>

namespace itemize::sidecar {

bool RedisReplyError::Is(std::string_view code) const {
  const std::string_view text = what();
  return text.substr(0, text.find(' ')) == code;
}

bool ReplyView::IsNil() const { return reply_->type == REDIS_REPLY_NIL; }
bool ReplyView::IsError() const { return reply_->type == REDIS_REPLY_ERROR; }
bool ReplyView::IsArray() const { return reply_->type == REDIS_REPLY_ARRAY; }
bool ReplyView::IsText() const { return reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS; }

std::string_view ReplyView::Text() const {
  if (!IsText() && !IsError()) throw RedisError("unexpected reply of Redis: no string");
  return {reply_->str, reply_->len};
}

std::int64_t ReplyView::Integer() const {
  if (reply_->type != REDIS_REPLY_INTEGER) throw RedisError("unexpected reply of Redis: no integer");
  return reply_->integer;
}

std::size_t ReplyView::size() const {
  if (IsNil()) return 0;
  if (!IsArray()) throw RedisError("unexpected reply of Redis: no array");
  return reply_->elements;
}

ReplyView ReplyView::operator[](std::size_t index) const {
  if (index >= size()) throw RedisError("unexpected reply of Redis: array too short");
  return ReplyView(reply_->element[index]);
}

void ReplyView::ThrowIfError() const {
  if (IsError()) throw RedisReplyError(std::string(Text()));
}

void Reply::Free::operator()(redisReply *reply) const { freeReplyObject(reply); }

} // namespace itemize::sidecar
