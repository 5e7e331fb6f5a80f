// Cuts the bytes of one connection into whole requests, without a thread and without reading further
// than it must. Bytes of a pipelined request stay for the next.
#pragma once

#include "http/problem.hpp"
#include "http/request_head.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace itemize::sidecar::admission {
struct Inquiry;
}

namespace itemize::sidecar::search {
struct Job;
}

namespace itemize::sidecar::write {
struct Job;
}

namespace itemize::sidecar::http {

struct FramingLimits {
  /// Bytes from the first of the request line to the empty line.
  std::size_t head_bytes = std::size_t{16} * 1024;
  /// Bytes of the body after chunks are joined.
  std::size_t body_bytes = std::size_t{1024} * 1024;
};

struct FramedRequest {
  RequestHead head;
  std::string body;
  /// Whom it is counted for, see ClientLimits::KeyOf; empty where addresses do not matter.
  std::string address;
  /// It has been parked for rows, and is now to be answered without.
  bool parked = false;
  /// It has been parked for the keys of tokens, and is now to be judged by those that are there.
  bool awaited_keys = false;
  /// It has been parked for what is not known of its caller: what could be learned is here.
  std::shared_ptr<admission::Inquiry> inquiry;
  /// Against the limit of its token: once, however often it is looked at.
  mutable bool counted = false;
  /// It has been parked for a search, which is here, done.
  std::shared_ptr<search::Job> search;
  /// The same of a write: it must not be begun again.
  std::shared_ptr<write::Job> write;
};

class RequestFramer {
public:
  enum class State {
    kIdle,     ///< not one byte of a request is here
    kHead,     ///< part of a head
    kBody,     ///< the head, and not yet all of the body
    kComplete, ///< Take() gives the request
    kFailed,   ///< problem() says why; the connection can only be closed
  };

  explicit RequestFramer(const FramingLimits &limits = {}) : limits_(limits) {}

  /// Adds bytes received and says how far the request is.
  State Feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Problem &problem() const { return problem_; }

  /// True once for a request whose client waits for `100 Continue` before it sends the body.
  bool TakeContinue();

  /// The request, in state kComplete; afterwards the state is that of the bytes that follow it.
  FramedRequest Take();

private:
  State Advance();
  State AdvanceHead();
  State AdvanceBody();
  State AdvanceChunks();
  State Fail(Problem problem);
  State FailTooLarge();

  FramingLimits limits_;
  std::string buffer_;
  /// How much of buffer_ has been looked at: head end search, then consumed body bytes.
  std::size_t scanned_ = 0;
  FramedRequest request_;
  Problem problem_;
  State state_ = State::kIdle;
  enum class ChunkPart { kSize, kData, kDataEnd, kTrailer };
  ChunkPart chunk_part_ = ChunkPart::kSize;
  std::size_t chunk_left_ = 0;
  std::size_t trailer_bytes_ = 0;
  bool continue_wanted_ = false;
};

} // namespace itemize::sidecar::http
