// How rare the words of a query are, from the statistics that ANALYZE keeps of the searched column.
#pragma once

#include "boundary/prelude.hpp"

extern "C" {
#include "tsearch/ts_type.h"
}

namespace itemize::ranking {

/// Parameters of itemize.rank for a query over `attribute` (a tsvector) of `relation`: a table, or an index on an
/// expression. Where ANALYZE has left nothing, or `relation` is InvalidOid, all words count alike. Who may not see all
/// rows of the table must get no score made of its statistics: pass InvalidOid.
bytea *RankingParameters(Oid relation, AttrNumber attribute, TSQuery query);

} // namespace itemize::ranking
