#include "definition/column_arguments.hpp"

#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

ColumnNames NamesOfArray(ArrayType *array, const char *argument_name) {
  Datum *elements = nullptr;
  bool *nulls = nullptr;
  ColumnNames result = {nullptr, 0};
  if (ARR_NDIM(array) > 1) {
    ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                    errmsg("argument \"%s\" must be a list of columns", argument_name)));
  }
  deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &result.count);
  result.names = static_cast<char **>(palloc(sizeof(char *) * static_cast<Size>(result.count + 1)));
  for (int i = 0; i < result.count; ++i) {
    if (nulls[i]) {
      ereport(ERROR,
              (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a column in argument \"%s\" is null", argument_name)));
    }
    result.names[i] = TextDatumGetCString(elements[i]);
  }
  return result;
}

DefinitionColumn *ResolveColumns(Relation table, const ColumnNames &names, const char *argument_name, int limit) {
  if (names.count == 0 || names.count > limit) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("argument \"%s\" names %d columns", argument_name, names.count),
                    errhint("Name 1 to %d columns.", limit)));
  }
  auto *const columns =
      static_cast<DefinitionColumn *>(palloc0(sizeof(DefinitionColumn) * static_cast<Size>(names.count)));
  for (int i = 0; i < names.count; ++i) {
    AttrNumber const attnum = get_attnum(RelationGetRelid(table), names.names[i]);
    if (attnum == InvalidAttrNumber) {
      ereport(ERROR,
              (errcode(ERRCODE_UNDEFINED_COLUMN),
               errmsg("column \"%s\" of table %s does not exist", names.names[i], TableLabel(table)),
               errhint("Argument \"%s\" takes the columns' exact names, in which capitals count.", argument_name)));
    }
    if (attnum < 0) {
      ereport(ERROR,
              (errcode(ERRCODE_INVALID_COLUMN_REFERENCE), errmsg("column \"%s\" is a system column", names.names[i]),
               errhint("Name columns of the table's own.")));
    }
    for (int j = 0; j < i; ++j) {
      if (columns[j].attnum != attnum) continue;
      ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
                      errmsg("column \"%s\" is named twice in argument \"%s\"", names.names[i], argument_name)));
    }
    namestrcpy(&columns[i].name, names.names[i]);
    columns[i].attnum = attnum;
  }
  return columns;
}

} // namespace itemize
