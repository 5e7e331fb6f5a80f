// Names: of item types, and of columns that look private. Plain C++, tested without a server.
#pragma once

#include <string_view>

namespace itemize {

/// The longest name of an item type in bytes, as the server's identifiers have it (NAMEDATALEN - 1).
inline constexpr std::size_t kMaxTypeNameBytes = 63;

/// True for `[a-z_][a-z0-9_]{0,62}`: a name that needs no quoting in SQL, URLs and Redis keys.
bool IsTypeName(std::string_view name);

/// Why a column looks as if its values were nobody else's business, in words that complete "left out: ...";
/// empty when it does not. Judges by the words of the column's name (`ownerEmail` and `owner_email` hold
/// the word `email`) and by `private` or `internal` in its comment. It errs on the side of leaving out.
std::string_view LooksPrivate(std::string_view column, std::string_view comment);

} // namespace itemize
