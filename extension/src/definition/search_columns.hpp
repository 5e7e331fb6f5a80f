// Which columns may be searched as what.
#pragma once

#include "definition/definition_store.hpp"
#include "definition/problem.hpp"

namespace itemize {

/// Limits of a definition, stated in docs/reference.
inline constexpr int kMaxTextColumns = 32;
inline constexpr int kMaxFacets = 64;

/// The argument of itemize.define that names columns of the purpose.
const char *ArgumentOf(ColumnPurpose purpose);

/// Why a column cannot serve a purpose of search. What search asks of it must be indexable (so its expression
/// immutable) and exact: prices are numbers without rounding, places are longitudes and latitudes.
Problem FindSearchColumnProblem(Relation table, AttrNumber column, ColumnPurpose purpose);

/// Whether the column's values are texts, or become texts by an immutable cast.
bool IsTextType(Oid type);

/// A well-formed language tag (BCP 47, RFC 5646 section 2.1) as far as its shape goes: a primary language of 2 or 3
/// letters, then subtags of 1 to 8 letters and digits.
bool IsLanguageTag(const char *tag);

/// Whether itemize.language has a configuration for the tag, or for one that it is a variety of (`pt` for `pt-BR`).
bool HasConfiguration(const char *tag);

/// Whether itemize.currency has it.
bool IsCurrency(const char *code);

} // namespace itemize
