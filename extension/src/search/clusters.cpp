// itemize.map_clusters: the places that a question finds, gathered by the cells of a grid on the map that clients draw.
//
// The map is that of web tiles (spherical Mercator, EPSG:3857): at zoom z the world is 2^z tiles of 256 pixels wide. A
// cell is a quarter of a tile in each direction, so a client's marks are mostly some 64 pixels apart. No cell crosses
// the antimeridian.
#include <array>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "search/engine.hpp"
#include "search/place.hpp"
#include "search/postgis.hpp"
#include "search/row_count.hpp"
#include "search/run.hpp"
#include "serializer/row_encoder.hpp"

#include "boundary/prelude.hpp"

namespace itemize {
namespace {

constexpr int kMaxZoom = 22;
constexpr int kCellsPerTile = 4;
/// Those with the most rows are given out.
constexpr int kMaxClusters = 5000;

enum Argument : uint8 { kType, kZoom, kFirstOfQuestion };

/// Columns of the statement: those of the result but the key, then the key columns.
constexpr int kNumberColumns = 7;

struct ClusterCall {
  const SearchDefinition *definition = nullptr;
  Question question;
  int zoom = 0;
};

/// One value of a column of a group: where the group is one row, that row's. Most types have a least value; others are
/// read back from their texts.
std::string AnyOf(const std::string &name, Oid type) {
  switch (type) {
  case INT2OID:
  case INT4OID:
  case INT8OID:
  case NUMERICOID:
  case TEXTOID:
  case DATEOID:
  case TIMESTAMPOID:
  case TIMESTAMPTZOID: return "min(" + name + ")";
  default: return "min(" + name + "::text)::" + TypeText(type);
  }
}

/// The place of a row as a geometry: a point as it is, of anything else its centre.
std::string PointExpression(const SearchDefinition &definition, const PostGis &postgis) {
  return PostGisName(postgis, "st_centroid") + "(" + LocationAsGeometry(definition, postgis) + ")";
}

void WriteStatement(Statement &statement, const ClusterCall &call, Matching matching) {
  const SearchDefinition &definition = *call.definition;
  const ItemDefinition &item = definition.item;
  const PostGis postgis = PostGisOfLocation(definition);
  std::vector<std::string> columns = {PointExpression(definition, postgis) + " AS p"};
  std::string keys;
  for (int i = 0; i < item.key_count; ++i) {
    const DefinitionColumn &key = item.keys[i];
    const std::string name = "k" + std::to_string(i);
    const Oid type = CallPg([&] { return getBaseType(get_atttype(item.source, key.attnum)); });
    columns.push_back(ColumnText(NameStr(key.name)) + " AS " + name);
    keys += ", " + AnyOf(name, type) + " AS " + name;
  }
  const std::string cells = std::to_string(kCellsPerTile * (int64{1} << static_cast<unsigned>(call.zoom)));
  // 180 degrees east is 180 west. What is beyond the square of the map counts for its edge.
  statement << "SELECT count(*) AS n, avg(x), avg(y), min(x), min(y), max(x), max(y)" << keys << " FROM (SELECT *, "
            << "floor((x + 180) / 360 * " << cells << ") AS cell_x, "
            << "floor(greatest(0, least(" << cells
            << " - 1, (1 - ln(tan(pi() / 4 + radians(greatest(-85.06, least(85.06, y))) / 2)) / pi()) / 2 * " << cells
            << "))) AS cell_y FROM (SELECT s.*, CASE WHEN " << PostGisName(postgis, "st_x") << "(p) >= 180 THEN "
            << PostGisName(postgis, "st_x") << "(p) - 360 ELSE " << PostGisName(postgis, "st_x") << "(p) END AS x, "
            << PostGisName(postgis, "st_y") << "(p) AS y FROM (";
  EngineOf(definition).AppendColumns(statement, call.question, definition, matching, columns);
  statement << ") AS s) AS points WHERE x IS NOT NULL AND y IS NOT NULL) AS placed GROUP BY cell_x, cell_y "
            << "ORDER BY n DESC, cell_x, cell_y LIMIT " << std::to_string(kMaxClusters);
}

/// Columns of the result.
constexpr int kResultColumns = kNumberColumns + 1;

void PutClusters(ReturnSetInfo *result, const SearchDefinition &definition, const Rows &rows) {
  TupleDesc const description = rows.table->tupdesc;
  const auto columns = static_cast<Size>(description->natts);
  const RowValues row{static_cast<Datum *>(palloc(columns * sizeof(Datum))),
                      static_cast<bool *>(palloc(columns * sizeof(bool)))};
  auto *const key_only = static_cast<ItemDefinition *>(palloc(sizeof(ItemDefinition)));
  *key_only = definition.item;
  key_only->field_count = 0;
  const RowEncoder *const encoder = MakePackedRowEncoder(*key_only, description, kNumberColumns);
  for (uint64 i = 0; i < rows.count; ++i) {
    heap_deform_tuple(rows.table->vals[i], description, row.values, row.nulls);
    Datum values[kResultColumns] = {};
    bool nulls[kResultColumns] = {};
    for (int column = 0; column < kNumberColumns; ++column)
      values[column] = row.values[column];
    nulls[kNumberColumns] = DatumGetInt64(row.values[0]) != 1;
    if (!nulls[kNumberColumns]) {
      StringInfoData key;
      initStringInfo(&key);
      EncodeKey(*encoder, row, nullptr, &key);
      values[kNumberColumns] = PointerGetDatum(cstring_to_text_with_len(key.data, key.len));
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
}

ClusterCall ReadCall(FunctionCallInfo fcinfo) {
  ClusterCall call;
  call.definition = ReadSearchDefinition(fcinfo);
  if (call.definition->location == nullptr) {
    throw Error(ERRCODE_UNDEFINED_COLUMN,
                "item type \"" + std::string(NameStr(call.definition->item.type)) + "\" has no location for a map")
        .Hint("Define it with location => ....");
  }
  call.zoom = PG_ARGISNULL(kZoom) ? -1 : PG_GETARG_INT32(kZoom);
  if (call.zoom < 0 || call.zoom > kMaxZoom) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "zoom must be between 0 and " + std::to_string(kMaxZoom) + ", not " +
                                                     (PG_ARGISNULL(kZoom) ? "null" : std::to_string(call.zoom)))
        .Hint("It is that of web maps: 0 has the world in one tile, and each step more has it twice as wide.");
  }
  call.question = ReadQuestion(fcinfo, kFirstOfQuestion, *call.definition);
  return call;
}

void MapClusters(FunctionCallInfo fcinfo) {
  CallPg([&] {
    CheckLibraryVersion();
    compat::InitMaterializedSrf(fcinfo);
  });
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const ClusterCall call = ReadCall(fcinfo);
  NoticeMissingIndexes(*call.definition, call.question, nullptr);
  (void)AskStrictlyThenRelaxed(call.question, [&](Matching matching, bool last) {
    Statement statement;
    WriteStatement(statement, call, matching);
    bool found = false;
    RunQuestion(*call.definition, statement, [&](const Rows &rows) {
      found = rows.count > 0;
      CallPg([&] { PutClusters(result, *call.definition, rows); });
    });
    // What is found may have no place.
    return found || last || CountRows(*call.definition, call.question, matching, 1) > 0;
  });
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_map_clusters) {
  return itemize::Entry([&] {
    itemize::MapClusters(fcinfo);
    return Datum{0};
  });
}
