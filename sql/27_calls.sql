-- Functions that clients may call over HTTP, each by a name of its own. What a caller may do is decided by EXECUTE, and by
-- what the function does as him.

-- As texts: a name outlives pg_upgrade, and a function that is made anew by its owner is the same to clients.
CREATE TABLE @extschema@.exposed_function (
  name     text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z_][a-z0-9_]{0,62}$'),
  function text COLLATE "C" NOT NULL,
  owner    name NOT NULL,
  CONSTRAINT exposed_function_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE @extschema@.exposed_function IS 'functions exposed by itemize.expose: the name for clients, the function, and who owned it then';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.exposed_function', '');

-- to_regprocedure raises an error where a type of the signature is gone, or its schema: then the function is gone as well.
CREATE FUNCTION @extschema@.function_named(function text) RETURNS oid
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN to_regprocedure($1)::oid;
EXCEPTION WHEN undefined_object OR invalid_schema_name OR undefined_function OR syntax_error OR invalid_text_representation THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.function_named(text) IS 'the function with this name and types, each with its schema; null when there is none';

CREATE FUNCTION @extschema@.may_expose(function text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce((SELECT pg_has_role(p.proowner, 'USAGE') OR has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')
                   FROM pg_proc p WHERE p.oid = @extschema@.function_named($1)), false)
$$;
COMMENT ON FUNCTION @extschema@.may_expose(text) IS 'whether the caller owns a function, or may grant EXECUTE on it';

-- Whoever may grant a function may expose it and take that back; where it is gone, who was its owner then. Clients of all
-- roles run what is exposed, so that it takes a right as well: INSERT and DELETE here, which nobody has but to whom it is granted.
ALTER TABLE @extschema@.exposed_function ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody_sees ON @extschema@.exposed_function FOR SELECT USING (true);
CREATE POLICY granters_write ON @extschema@.exposed_function
  USING (@extschema@.may_expose(function)
         OR CASE WHEN @extschema@.function_named(function) IS NULL AND pg_catalog.to_regrole(pg_catalog.quote_ident(owner)) IS NOT NULL
                 THEN pg_catalog.pg_has_role(owner, 'USAGE') ELSE false END)
  WITH CHECK (@extschema@.may_expose(function)
              AND owner OPERATOR(pg_catalog.=) (SELECT pg_catalog.pg_get_userbyid(p.proowner) FROM pg_catalog.pg_proc p
                                                WHERE p.oid OPERATOR(pg_catalog.=) @extschema@.function_named(function)));
GRANT SELECT ON @extschema@.exposed_function TO PUBLIC;

CREATE FUNCTION @extschema@.expose(function regprocedure, name text DEFAULT NULL, replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  called pg_proc;
  exposed text;
  old @extschema@.exposed_function;
BEGIN
  SELECT * INTO called FROM pg_proc p WHERE p.oid = $1::oid;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'argument "function" must be a function',
      HINT = 'Name it with its types, as in itemize.expose(''public.buy(integer, text)'').';
  END IF;
  exposed := coalesce($2, called.proname::text);
  IF exposed !~ '^[a-z_][a-z0-9_]{0,62}$' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_name', MESSAGE = format('"%s" is no name for a function that clients call', exposed),
      HINT = 'Names are 1 to 63 characters: small letters a-z, digits and underscores, not beginning with a digit. Give one with name => ….';
  END IF;
  IF called.prokind <> 'f' THEN
    RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is no plain function', $1),
      HINT = 'Procedures, aggregates and window functions cannot be called by clients: write a function that does.';
  END IF;
  IF called.pronargs > 0 AND (called.proargnames IS NULL OR EXISTS (SELECT FROM generate_series(1, called.pronargs) n
      WHERE called.proargnames[(SELECT array_agg(m.place ORDER BY m.place) FROM unnest(coalesce(called.proargmodes, array_fill('i'::"char", ARRAY[called.pronargs::integer])))
            WITH ORDINALITY AS m(mode, place) WHERE m.mode IN ('i', 'b', 'v'))[n]] = '')) THEN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = format('%s has parameters without a name', $1),
      HINT = 'Clients give arguments by name: give each parameter one.';
  END IF;
  IF called.provariadic <> 0 OR called.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
     OR (called.prorettype = 'record'::regtype AND called.proallargtypes IS NULL)
     OR EXISTS (SELECT FROM pg_type t WHERE t.typtype = 'p' AND t.oid = ANY (called.proargtypes::oid[] || called.prorettype)
                AND t.oid NOT IN ('void'::regtype, 'record'::regtype)) THEN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = format('%s cannot be called with JSON, or its result not told', $1),
      HINT = 'Parameters and the result must have types of their own: none that is variadic, polymorphic or internal, and no record without its columns.';
  END IF;
  IF NOT has_table_privilege('@extschema@.exposed_function', 'INSERT') THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'permission denied to expose functions to clients',
      HINT = format('Clients of all roles run what is exposed. GRANT INSERT, DELETE ON itemize.exposed_function TO %I lets this role do it.', current_user);
  END IF;
  IF NOT @extschema@.may_expose($1::text) THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('only who owns %s, or may grant it, can expose it', $1);
  END IF;
  SELECT * INTO old FROM @extschema@.exposed_function e WHERE e.name = exposed;
  IF FOUND AND old.function = $1::text AND old.owner = pg_get_userbyid(called.proowner) THEN
    RETURN; -- the same once more lets migrations be run again
  END IF;
  IF FOUND AND NOT coalesce($3, false) THEN
    RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('"%s" is the name of %s already', exposed, old.function),
      HINT = 'Give another name, or add replace => true to put this function in its place.';
  END IF;
  IF FOUND THEN
    PERFORM @extschema@.unexpose(exposed);
  END IF;
  INSERT INTO @extschema@.exposed_function VALUES (exposed, $1::text, pg_get_userbyid(called.proowner));
END
$$;
COMMENT ON FUNCTION @extschema@.expose(regprocedure, text, boolean) IS 'lets clients call a function of the caller''s by a name, over HTTP';

CREATE FUNCTION @extschema@.unexpose(name text, if_exists boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  old @extschema@.exposed_function;
BEGIN
  SELECT * INTO old FROM @extschema@.exposed_function e WHERE e.name = $1;
  IF NOT FOUND THEN
    IF coalesce($2, false) THEN
      RETURN false;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('no function is exposed as "%s"', $1),
      HINT = 'SELECT * FROM itemize.exposed_function lists those that are; if_exists => true lets it pass.';
  END IF;
  IF has_table_privilege('@extschema@.exposed_function', 'DELETE') THEN
    DELETE FROM @extschema@.exposed_function e WHERE e.name = $1;
    IF FOUND THEN
      RETURN true;
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
    MESSAGE = format('only who owns %s, or may grant it, and has DELETE on itemize.exposed_function, can take "%s" back', old.function, $1);
END
$$;
COMMENT ON FUNCTION @extschema@.unexpose(text, boolean) IS 'takes a function back from clients; the function stays as it is';

-- It runs as its caller, who needs EXECUTE on what he calls: so anybody may call it.
CREATE FUNCTION @extschema@.call_exposed(name text, arguments jsonb) RETURNS json
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'itemize_call_exposed';
COMMENT ON FUNCTION @extschema@.call_exposed(text, jsonb) IS
'calls an exposed function with the members of a JSON object as arguments: its result as JSON; null of one that returns void';
