// POST /v1/items/{type}, and PATCH, PUT and DELETE of /v1/items/{type}/{key}.
#pragma once

#include "http/reply.hpp"
#include "http/request_framer.hpp"
#include "identity/identity.hpp"
#include "read/item_reader.hpp"
#include "write/write_queue.hpp"

#include <optional>
#include <string_view>
#include <variant>

namespace itemize::sidecar::http {

class Writes {
public:
  Writes(read::ItemReader &reader, write::WriteQueue &queue) : reader_(reader), queue_(queue) {}

  /// What a method does to one item, or to a collection; nothing when it is no write of that.
  [[nodiscard]] static std::optional<write::Operation> OperationOf(std::string_view method, bool one);

  /// Its refusal, or a place to wait; then FramedRequest::write is set and Finish has the answer. `raw_key` is not of
  /// kCreate.
  Reply Begin(const FramedRequest &request, write::Operation operation, const identity::Caller &caller,
              std::string_view type, std::string_view raw_key);
  /// The same of a batch.
  Reply BeginBatch(const FramedRequest &request, const identity::Caller &caller);
  /// The same of a call of an exposed function.
  Reply BeginCall(const FramedRequest &request, const identity::Caller &caller, std::string_view function);
  [[nodiscard]] Reply Finish(const FramedRequest &request);

private:
  /// A place to wait for what `caller` asks for.
  Reply Queue(const FramedRequest &request, write::Ask ask, const identity::Caller &caller);
  /// Whether nothing that the change that failed names is there for who asks: not the type, or not the item.
  bool IsHidden(const write::Job &job);
  Reply Refusal(const write::Job &job);
  /// What is told of a change that was made.
  struct Shown {
    int status = 204;
    /// Whether the caller may see the item; whether it is in the answer, and its tag.
    bool seen = false;
    bool item = false;
    bool tag = false;
  };
  static Shown ShownOf(const write::Job &job, std::size_t change, bool minimal);
  static void TellOne(const write::Job &job, bool minimal, Reply &reply);
  static void TellCall(const write::Job &job, Reply &reply);
  static void TellBatch(const write::Job &job, bool minimal, Reply &reply);

  read::ItemReader &reader_;
  write::WriteQueue &queue_;
};

/// The values of If-Match and If-None-Match, or what is wrong with them: a condition that is not looked at would be a
/// write that the client did not want.
[[nodiscard]] std::optional<Problem> TakeConditions(write::Change &change, const std::optional<std::string> &match,
                                                    const std::optional<std::string> &none_match);

/// What the fields and the body of a request ask for: its operation, conditions and body, or what is wrong with them.
[[nodiscard]] std::variant<write::Change, Problem> ParseWrite(const FramedRequest &request, write::Operation operation);

} // namespace itemize::sidecar::http
