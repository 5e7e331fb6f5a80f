#include "http/request_framer.hpp"

#include "itemize/lsn.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace itemize::sidecar::http {

namespace {

/// Longest line of a chunk's size with its extensions, which are ignored.
constexpr std::size_t kMaxChunkLineBytes = 256;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

} // namespace

RequestFramer::State RequestFramer::Feed(std::string_view bytes) {
  buffer_ += bytes;
  return state_ = Advance();
}

bool RequestFramer::TakeContinue() { return std::exchange(continue_wanted_, false) && state_ == State::kBody; }

FramedRequest RequestFramer::Take() {
  FramedRequest request = std::move(request_);
  request_ = {};
  buffer_.erase(0, scanned_);
  if (buffer_.empty()) buffer_.shrink_to_fit(); // a parked connection holds no buffer
  scanned_ = 0;
  chunk_part_ = ChunkPart::kSize;
  chunk_left_ = trailer_bytes_ = 0;
  continue_wanted_ = false;
  state_ = State::kIdle;
  state_ = Advance();
  return request;
}

RequestFramer::State RequestFramer::Advance() {
  switch (state_) {
  case State::kIdle:
  case State::kHead: return AdvanceHead();
  case State::kBody: return AdvanceBody();
  case State::kComplete:
  case State::kFailed: return state_;
  }
  return state_;
}

RequestFramer::State RequestFramer::AdvanceHead() {
  // Empty lines before the request line are forgiven (RFC 9112 section 2.2).
  std::size_t blank = 0;
  while (buffer_.compare(blank, 2, "\r\n") == 0)
    blank += 2;
  if (blank > 0) {
    buffer_.erase(0, blank);
    scanned_ = 0;
  }
  if (buffer_.empty()) return State::kIdle;
  // The end may lie across what was searched before.
  const std::size_t from = scanned_ < kHeadEnd.size() ? 0 : scanned_ - kHeadEnd.size() + 1;
  const std::size_t end = buffer_.find(kHeadEnd, from);
  const std::size_t head_bytes = end == std::string::npos ? buffer_.size() : end + kHeadEnd.size();
  if (head_bytes > limits_.head_bytes) {
    return Fail({ProblemKind::kHeadTooLarge,
                 "the head of the request is longer than " + std::to_string(limits_.head_bytes) + " bytes",
                 {}});
  }
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return State::kHead;
  }
  auto parsed = ParseRequestHead(std::string_view(buffer_).substr(0, head_bytes));
  if (auto *problem = std::get_if<Problem>(&parsed)) return Fail(std::move(*problem));
  request_.head = std::move(std::get<RequestHead>(parsed));
  scanned_ = head_bytes;
  if (!request_.head.chunked && request_.head.content_length > limits_.body_bytes) return FailTooLarge();
  continue_wanted_ = request_.head.expects_continue;
  state_ = State::kBody;
  return AdvanceBody();
}

RequestFramer::State RequestFramer::AdvanceBody() {
  if (request_.head.chunked) return AdvanceChunks();
  const auto length = static_cast<std::size_t>(request_.head.content_length);
  if (buffer_.size() - scanned_ < length) return State::kBody;
  request_.body.assign(buffer_, scanned_, length);
  scanned_ += length;
  return State::kComplete;
}

RequestFramer::State RequestFramer::AdvanceChunks() {
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(scanned_);
    if (chunk_part_ == ChunkPart::kData) {
      const std::size_t taken = std::min(chunk_left_, rest.size());
      request_.body += rest.substr(0, taken);
      chunk_left_ -= taken;
      scanned_ += taken;
      if (chunk_left_ > 0) break;
      chunk_part_ = ChunkPart::kDataEnd;
      continue;
    }
    const std::size_t newline = rest.find("\r\n");
    const std::size_t line_limit = chunk_part_ == ChunkPart::kTrailer ? limits_.head_bytes : kMaxChunkLineBytes;
    if (std::min(newline, rest.size()) > line_limit) return Fail({ProblemKind::kBadRequest, "malformed chunk", {}});
    if (newline == std::string_view::npos) break;
    const std::string_view line = rest.substr(0, newline);
    scanned_ += newline + 2;
    if (chunk_part_ == ChunkPart::kSize) {
      const std::string_view digits = TrimBlanks(line.substr(0, line.find(';')));
      const auto size = ::itemize::internal::ParseInteger<std::uint64_t>(digits, 16);
      if (!size) return Fail({ProblemKind::kBadRequest, "malformed chunk size", {}});
      if (*size > limits_.body_bytes - request_.body.size()) return FailTooLarge();
      chunk_left_ = static_cast<std::size_t>(*size);
      chunk_part_ = chunk_left_ > 0 ? ChunkPart::kData : ChunkPart::kTrailer;
    } else if (chunk_part_ == ChunkPart::kDataEnd) {
      if (!line.empty()) return Fail({ProblemKind::kBadRequest, "a chunk is longer than its size says", {}});
      chunk_part_ = ChunkPart::kSize;
    } else {
      if (line.empty()) return State::kComplete;
      trailer_bytes_ += line.size(); // trailer fields are read over: nothing here uses them
      if (trailer_bytes_ > limits_.head_bytes) return Fail({ProblemKind::kHeadTooLarge, "the trailer is too long", {}});
    }
  }
  // What has been consumed need not be kept: a body in tiny chunks must not hold their frames as well.
  buffer_.erase(0, scanned_);
  scanned_ = 0;
  return State::kBody;
}

RequestFramer::State RequestFramer::Fail(Problem problem) {
  problem_ = std::move(problem);
  return State::kFailed;
}

RequestFramer::State RequestFramer::FailTooLarge() {
  return Fail({ProblemKind::kContentTooLarge,
               "the body of the request is longer than " + std::to_string(limits_.body_bytes) + " bytes",
               {}});
}

} // namespace itemize::sidecar::http
