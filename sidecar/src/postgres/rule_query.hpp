// Who may read the items of which types, asked of the database in the words that the change stream has for it.
#pragma once

namespace itemize::sidecar {

/// type, generation, rule of each definition (change-event.md, column read).
inline constexpr char kRuleQuery[] =
    "SELECT type, generation, CASE WHEN read <> 'owner' THEN read"
    " WHEN owner ~ '^[A-Za-z0-9_]+$' AND owner = ANY (fields) THEN 'owner:' || owner ELSE 'owner:' END"
    " FROM itemize.definitions";

} // namespace itemize::sidecar
