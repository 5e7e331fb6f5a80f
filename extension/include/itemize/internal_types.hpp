// Item types of the extension's own, which travel on the stream and are for the sidecars alone (sql/46_tokens.sql).
#pragma once

#include <string_view>

namespace itemize {

/// API tokens, by the SHA-256 of the token in hexadecimal digits.
inline constexpr std::string_view kTokenType = "itemize_token";
/// Blocked subjects, by the SHA-256 of the subject.
inline constexpr std::string_view kBlockType = "itemize_block";
/// Their read access: none of a client's.
inline constexpr std::string_view kReadInternal = "internal";

/// How both names begin.
inline constexpr std::string_view kInternalPrefix = "itemize_";

inline bool IsInternalType(std::string_view type) { return type == kTokenType || type == kBlockType; }

} // namespace itemize
