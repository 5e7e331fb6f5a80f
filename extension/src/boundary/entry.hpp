// The boundary between C++ exceptions and the server's longjmp, the only one.
//
// Entry is the body of every function that the server calls. CallPg is the way to call a server
// function that may raise while a C++ object with a destructor is alive. Where none is alive (hot
// paths on trivially destructible data) the server may be called directly: its longjmp skips nothing.
#pragma once

#include "boundary/error.hpp"

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace itemize {

namespace internal {

/// What a catch block leaves behind, without a destructor, to be raised once the block has been left.
struct Raised {
  static constexpr int kTextBytes = 2048;

  ErrorData *server_error; ///< rethrown whole when not null
  int sqlstate;
  char message[kTextBytes];
  char detail[kTextBytes];
  char hint[kTextBytes];
};

/// Describes the exception in flight. To be called inside a catch block only; raises nothing.
void DescribeException(Raised &raised) noexcept;

/// Raises it as an error of the server's. To be called outside of any catch block.
[[noreturn]] void Raise(const Raised &raised);

/// Calls `call(argument)` under PG_TRY; throws PgError for what the server raised, and passes on what
/// C++ threw.
void CallGuarded(void (*call)(void *), void *argument);

} // namespace internal

/// Runs the body of a function that the server calls; whatever it throws becomes an ereport.
template <typename Body>
auto Entry(Body &&body) -> decltype(body()) {
  internal::Raised raised;
  try {
    return body();
  } catch (...) {
    internal::DescribeException(raised);
  }
  internal::Raise(raised);
}

/// Calls the server from code that holds C++ objects. `body` and what it calls hold only trivially
/// destructible locals while the server may raise.
template <typename Body>
auto CallPg(Body &&body) -> decltype(body()) {
  using Result = decltype(body());
  static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>,
                "the server's longjmp would skip the result's destructor");
  if constexpr (std::is_void_v<Result>) {
    internal::CallGuarded([](void *argument) { (*static_cast<std::remove_reference_t<Body> *>(argument))(); },
                          std::addressof(body));
  } else {
    struct Call {
      std::remove_reference_t<Body> *body;
      Result result;
    } call{std::addressof(body), Result{}};
    internal::CallGuarded(
        [](void *argument) {
          auto *const self = static_cast<Call *>(argument);
          self->result = (*self->body)();
        },
        &call);
    return call.result;
  }
}

} // namespace itemize
