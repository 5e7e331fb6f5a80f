// Objects of C libraries, freed by the library's own function.
#pragma once

namespace itemize::sidecar {

/// For std::unique_ptr: std::unique_ptr<BIGNUM, Freed<&BN_free>>.
template <auto Free>
struct Freed {
  template <typename Object>
  void operator()(Object *object) const {
    Free(object);
  }
};

} // namespace itemize::sidecar
