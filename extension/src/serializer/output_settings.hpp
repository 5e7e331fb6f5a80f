// Settings on which the text forms of some types depend, held at fixed values while rows are encoded.
#pragma once

namespace itemize {

/// Pins them until UnpinSettings or the end of the transaction. Returns what that takes.
int PinOutputSettings();
/// The same for reading values from their text, all but search_path: the CHECK of a domain finds what it names where a
/// statement of the caller does.
int PinInputSettings();
void UnpinSettings(int level);

/// Pins them until the (sub)transaction at hand ends. Costs the end of each transaction a walk through all
/// settings of the server: only for rows that depend on them (DependsOnSettings).
void PinOutputSettingsInTransaction();

/// Sets them for the rest of the session: a walsender streams outside of any transaction.
void SetOutputSettingsForSession();

} // namespace itemize
