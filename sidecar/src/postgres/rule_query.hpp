// Who may read the items of which types, asked of the database in the words that the change stream has for it.
#pragma once

namespace itemize::sidecar {

/// type, generation, rule of each definition (change-event.md, column read).
inline constexpr char kRuleQuery[] =
    "SELECT type, generation, rule FROM (SELECT type, generation, itemize.read_rule(type) AS rule"
    " FROM itemize.definitions UNION ALL SELECT type, generation, read FROM itemize.internal_types()) AS types";

} // namespace itemize::sidecar
