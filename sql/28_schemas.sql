-- What items look like, as JSON Schema (draft 2020-12): what /v1/openapi.json is made of.

CREATE FUNCTION @extschema@.nullable_schema(schema jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN NOT $1 ? 'type' THEN $1 -- it takes anything
              ELSE $1 || jsonb_build_object('type', ($1->'type') || '"null"'::jsonb)
                   || CASE WHEN $1 ? 'enum' THEN jsonb_build_object('enum', ($1->'enum') || 'null'::jsonb) ELSE '{}'::jsonb END END
$$;
COMMENT ON FUNCTION @extschema@.nullable_schema(jsonb) IS 'a JSON Schema that takes null besides';

CREATE FUNCTION @extschema@.json_schema(type oid, dimensions integer DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  t pg_type;
BEGIN
  SELECT * INTO STRICT t FROM pg_type p WHERE p.oid = $1;
  IF t.typtype = 'd' THEN
    RETURN @extschema@.json_schema(t.typbasetype, greatest($2, t.typndims));
  ELSIF t.typcategory = 'A' AND t.typlen = -1 AND t.typelem <> 0 THEN
    RETURN jsonb_build_object('type', 'array', 'items',
      CASE WHEN $2 > 1 THEN @extschema@.json_schema($1, $2 - 1) ELSE @extschema@.nullable_schema(@extschema@.json_schema(t.typelem)) END);
  ELSIF t.typtype = 'e' THEN
    RETURN jsonb_build_object('type', 'string', 'enum',
      (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid));
  ELSIF t.typtype = 'c' THEN
    RETURN jsonb_build_object('type', 'object', 'properties',
      (SELECT jsonb_object_agg(a.attname, @extschema@.nullable_schema(@extschema@.json_schema(a.atttypid, a.attndims)))
       FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped));
  ELSIF t.typname IN ('geometry', 'geography') THEN
    RETURN '{"type": ["object", "string"], "description": "GeoJSON (RFC 7946)"}';
  ELSIF t.typnamespace <> 'pg_catalog'::regnamespace THEN
    RETURN '{"type": "string"}';
  END IF;
  RETURN CASE t.typname
    WHEN 'bool' THEN '{"type": "boolean"}'
    WHEN 'int2' THEN '{"type": "integer", "format": "int32"}'
    WHEN 'int4' THEN '{"type": "integer", "format": "int32"}'
    WHEN 'int8' THEN '{"type": "integer", "format": "int64"}'
    WHEN 'float4' THEN '{"type": ["number", "string"], "format": "float"}' -- strings: NaN and the infinities
    WHEN 'float8' THEN '{"type": ["number", "string"], "format": "double"}'
    WHEN 'numeric' THEN '{"type": ["number", "string"]}'
    WHEN 'uuid' THEN '{"type": "string", "format": "uuid"}'
    WHEN 'date' THEN '{"type": "string", "format": "date"}'
    WHEN 'timestamptz' THEN '{"type": "string", "format": "date-time"}'
    WHEN 'bytea' THEN '{"type": "string", "contentEncoding": "base64"}'
    WHEN 'json' THEN '{}'
    WHEN 'jsonb' THEN '{}'
    ELSE '{"type": "string"}' END::jsonb;
END
$$;
COMMENT ON FUNCTION @extschema@.json_schema(oid, integer) IS
'JSON Schema of the values of a type as they stand in items; of an array of so many dimensions, where that is declared';

-- For whoever may see the definitions: the sidecar's role that reads.
CREATE FUNCTION @extschema@.item_schemas()
RETURNS TABLE (type text, rule text, searchable boolean, properties json, columns json)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
  WITH described AS (
    SELECT d.type, a.attname AS name, array_position(d.fields, a.attname::text) AS place,
           a.attgenerated = '' AND a.attidentity <> 'a' AS writable,
           CASE WHEN a.attnotnull THEN @extschema@.json_schema(a.atttypid, a.attndims)
                ELSE @extschema@.nullable_schema(@extschema@.json_schema(a.atttypid, a.attndims)) END AS schema
    FROM @extschema@.definitions d
    JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) ON format('%I.%I', n.nspname, c.relname) = d.source
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (d.fields || d.key))
  SELECT d.type, @extschema@.read_rule(d.type),
         num_nonnulls(d.text, d.location, d.price, d.owner, d.parent, d.changed) > 0 OR d.facets <> '{}',
         (SELECT json_object_agg(f.name, f.schema ORDER BY f.place) FROM described f WHERE f.type = d.type AND f.place IS NOT NULL),
         (SELECT json_object_agg(f.name, f.schema ORDER BY f.place NULLS FIRST, f.name) FROM described f WHERE f.type = d.type AND f.writable)
  FROM @extschema@.definitions d ORDER BY d.type COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@.item_schemas() IS
'of each item type who may read it, whether it can be searched, and JSON Schemas of its fields and of the columns that can be written';
