// Arguments of itemize.define that name columns.
#pragma once

#include "definition/definition_store.hpp"
#include "definition/model.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Arguments of itemize.define in the order sql/10_definitions.sql declares them.
enum DefineArgument : int {
  kDefineName,
  kDefineSource,
  kDefineKey,
  kDefineFields,
  kDefineRead,
  kDefineReplace,
  kDefineText,
  kDefineLanguage,
  kDefineLocation,
  kDefinePrice,
  kDefineCurrency,
  kDefineFacets,
  kDefineOwner,
  kDefineParent,
  kDefineUrl,
  kDefineChanged,
  kDefineBuild,
  kDefineCacheControl
};

struct ColumnNames {
  char **names;
  int count;
};

/// The elements of a text[] argument; raises when one is null.
ColumnNames NamesOfArray(ArrayType *array, const char *argument_name);

/// The columns of the names; raises when there are none or more than `limit`, or one is not there or named twice.
DefinitionColumn *ResolveColumns(Relation table, const ColumnNames &names, const char *argument_name, int limit);

/// What the arguments say of search, checked against the table.
SearchColumns ResolveSearch(FunctionCallInfo fcinfo, Relation table);

} // namespace itemize
