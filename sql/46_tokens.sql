-- API tokens and blocked subjects. Their tables are item types that only the sidecars read: what is made, revoked or
-- blocked here is known in all clusters as soon as any change is.

-- What is granted on it is bounded by its policy: everybody sees, and takes back, what roles have made that he is a
-- member of, and makes tokens for such roles.
CREATE TABLE @extschema@.access_token (
  hash    text COLLATE "C" NOT NULL CHECK (hash OPERATOR(pg_catalog.~) '^[0-9a-f]{64}$'),
  name    text,
  subject text NOT NULL CHECK (subject OPERATOR(pg_catalog.<>) '' AND pg_catalog.octet_length(subject) OPERATOR(pg_catalog.<=) 1000),
  roles   text[] NOT NULL CHECK (pg_catalog.cardinality(roles) OPERATOR(pg_catalog.<=) 50),
  scopes  text[] NOT NULL CHECK (scopes OPERATOR(pg_catalog.<@) '{read,search,live,write}'::pg_catalog.text[]
                                 AND pg_catalog.cardinality(scopes) OPERATOR(pg_catalog.>) 0),
  expires bigint,
  rate    double precision CHECK (rate OPERATOR(pg_catalog.>) 0 AND rate OPERATOR(pg_catalog.<=) 1000000),
  burst   integer CHECK (burst OPERATOR(pg_catalog.>) 0 AND burst OPERATOR(pg_catalog.<=) 1000000),
  creator name NOT NULL DEFAULT current_user,
  created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  CONSTRAINT access_token_pkey PRIMARY KEY (hash)
);
COMMENT ON TABLE @extschema@.access_token IS 'API tokens, made by itemize.create_token';
COMMENT ON COLUMN @extschema@.access_token.hash IS 'SHA-256 of the token; the token itself is nowhere';
COMMENT ON COLUMN @extschema@.access_token.expires IS 'seconds since 1970; null: never';
COMMENT ON COLUMN @extschema@.access_token.rate IS 'requests a second of each sidecar; null: no limit';
COMMENT ON COLUMN @extschema@.access_token.burst IS 'requests at once; null: as many as in a second';
REVOKE ALL ON @extschema@.access_token FROM PUBLIC;
ALTER TABLE @extschema@.access_token ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_own_roles ON @extschema@.access_token
  USING (EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) creator
                 AND pg_catalog.pg_has_role(r.oid, 'MEMBER')))
  WITH CHECK (creator OPERATOR(pg_catalog.=) current_user AND NOT EXISTS (
    SELECT FROM pg_catalog.unnest(roles) AS wanted(role) WHERE NOT EXISTS (
      SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) wanted.role
      AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))));
COMMENT ON POLICY of_own_roles ON @extschema@.access_token IS 'nobody gives a token more roles than he has';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.access_token', '');

CREATE TABLE @extschema@.blocked_subject (
  hash    text COLLATE "C" NOT NULL CHECK (hash OPERATOR(pg_catalog.~) '^[0-9a-f]{64}$'),
  subject text NOT NULL,
  until   bigint,
  reason  text,
  by      name NOT NULL,
  since   timestamptz NOT NULL,
  CONSTRAINT blocked_subject_pkey PRIMARY KEY (hash)
);
COMMENT ON TABLE @extschema@.blocked_subject IS 'who is refused, whatever his token says; made by itemize.block';
COMMENT ON COLUMN @extschema@.blocked_subject.hash IS 'SHA-256 of the subject';
COMMENT ON COLUMN @extschema@.blocked_subject.until IS 'seconds since 1970; null: until itemize.unblock';
REVOKE ALL ON @extschema@.blocked_subject FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.blocked_subject', '');

-- Names, reasons and creators do not travel. The rows of definitions are not dumped: they come with the extension.
INSERT INTO @extschema@.item_column (item_type, purpose, ordinal, column_name, attnum) VALUES
  ('itemize_token', 'key', 1, 'hash', 0),
  ('itemize_token', 'field', 1, 'subject', 0),
  ('itemize_token', 'field', 2, 'roles', 0),
  ('itemize_token', 'field', 3, 'scopes', 0),
  ('itemize_token', 'field', 4, 'expires', 0),
  ('itemize_token', 'field', 5, 'rate', 0),
  ('itemize_token', 'field', 6, 'burst', 0),
  ('itemize_block', 'key', 1, 'hash', 0),
  ('itemize_block', 'field', 1, 'until', 0);
INSERT INTO @extschema@.item_type (name, source, generation, read) VALUES
  ('itemize_token', '@extschema@.access_token', 0, 'internal'),
  ('itemize_block', '@extschema@.blocked_subject', 0, 'internal');

CREATE FUNCTION @extschema@.internal_types(OUT type text, OUT generation bigint, OUT read text) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 2
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT d.name, d.generation, d.read FROM @extschema@.item_type d WHERE d.read = 'internal'
$$;
COMMENT ON FUNCTION @extschema@.internal_types() IS 'for the sidecars: the item types that only they read';

-- Runs as its caller: the privileges on the table and its policy decide.
CREATE FUNCTION @extschema@.create_token(
  subject   text,
  roles     text[]           DEFAULT NULL,
  scopes    text[]           DEFAULT NULL,
  valid_for interval         DEFAULT '90 days',
  name      text             DEFAULT NULL,
  rate      double precision DEFAULT NULL,
  burst     integer          DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- 244 random bits of the server's strong generator.
  token text := 'itz_' || replace(concat(gen_random_uuid(), gen_random_uuid()), '-', '');
  given text[] := coalesce($2, '{}');
  allowed text[] := coalesce($3, '{read,search,live}');
  wrong text;
BEGIN
  IF NOT has_table_privilege('@extschema@.access_token', 'INSERT') THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = format('role %I may not make API tokens', current_user),
      HINT = format('GRANT SELECT, INSERT, DELETE ON @extschema@.access_token TO %I; -- it can then speak for every subject', current_user);
  END IF;
  IF coalesce($1, '') = '' OR octet_length($1) > 1000 THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'a token needs a subject of at most 1000 bytes: who makes requests with it',
      HINT = 'Name a user or a program, as the claim sub of a JWT does: create_token(''importer'').';
  END IF;
  IF cardinality(given) > 50 OR array_position(given, NULL) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the roles of a token must be at most 50 names',
      HINT = 'Leave them out for a token without roles.';
  END IF;
  SELECT w.role INTO wrong FROM unnest(given) AS w(role) WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = w.role) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no role "%s"', wrong),
      HINT = 'The roles of a token are roles of the database: CREATE ROLE makes one.';
  END IF;
  SELECT w.role INTO wrong FROM unnest(given) AS w(role) JOIN pg_roles r ON r.rolname = w.role WHERE NOT pg_has_role(r.oid, 'MEMBER') LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = format('role %I is no member of the role "%s", and gives it to no token', current_user, wrong),
      HINT = format('Have the token made by a member of that role, or GRANT %I TO %I.', wrong, current_user);
  END IF;
  IF cardinality(allowed) = 0 OR NOT allowed <@ '{read,search,live,write}'::text[] THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'the scopes of a token must be some of read, search, live and write',
      HINT = 'For example scopes => ''{read,search}''.';
  END IF;
  IF $4 <= interval '0' OR $4 > interval '1000 years' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'a token is valid for more than no time, and for at most 1000 years',
      HINT = 'For example valid_for => ''30 days''; null is for ever.';
  END IF;
  IF $6 <= 0 OR $6 > 1000000 OR $6 = 'NaN' OR $7 <= 0 OR $7 > 1000000 OR ($7 IS NOT NULL AND $6 IS NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'rate and burst must be more than 0 and at most 1000000, and a burst needs a rate',
      HINT = 'For example rate => 10, burst => 50: 10 requests a second, 50 at once.';
  END IF;
  INSERT INTO @extschema@.access_token (hash, name, subject, roles, scopes, expires, rate, burst)
  VALUES (encode(sha256(convert_to(token, 'UTF8')), 'hex'), $5, $1, given, allowed, ceil(extract(epoch FROM clock_timestamp() + $4))::bigint, $6, $7);
  RETURN token;
END
$$;
COMMENT ON FUNCTION @extschema@.create_token(text, text[], text[], interval, text, double precision, integer)
  IS 'makes an API token, and says it this once; with no more roles than the caller is a member of';

CREATE FUNCTION @extschema@.revoke_token(token text) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT has_table_privilege('@extschema@.access_token', 'DELETE') OR NOT has_table_privilege('@extschema@.access_token', 'SELECT') THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = format('role %I may not revoke API tokens', current_user),
      HINT = format('GRANT SELECT, INSERT, DELETE ON @extschema@.access_token TO %I; -- it can then speak for every subject', current_user);
  END IF;
  IF $1 ~ '^[0-9a-f]{16}$' THEN
    DELETE FROM @extschema@.access_token t WHERE t.hash >= $1 AND t.hash < $1 || 'g';
  ELSIF $1 ~ '^itz_[0-9a-f]{64}$' THEN
    DELETE FROM @extschema@.access_token t WHERE t.hash = encode(sha256(convert_to($1, 'UTF8')), 'hex');
  ELSE
    -- Without the text: it may be most of a token.
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'this is neither a token nor the id of one',
      HINT = 'SELECT id, name, subject FROM @extschema@.tokens lists the ids.';
  END IF;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.revoke_token(text) IS 'ends an API token, by its id or itself; false when there is none that the caller may revoke';

CREATE VIEW @extschema@.tokens WITH (security_barrier) AS
SELECT pg_catalog.left(t.hash, 16) AS id, t.name, t.subject, t.roles, t.scopes, pg_catalog.to_timestamp(t.expires) AS expires,
       t.rate, t.burst, t.creator, t.created
FROM @extschema@.access_token t
WHERE EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) t.creator AND pg_catalog.pg_has_role(r.oid, 'MEMBER'));
COMMENT ON VIEW @extschema@.tokens IS 'API tokens that roles have made which one is a member of';
GRANT SELECT ON @extschema@.tokens TO PUBLIC;

CREATE FUNCTION @extschema@.block(subject text, reason text DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF coalesce($1, '') = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a subject to block must not be empty',
      HINT = 'It is the claim sub of his JWT, or the subject of an API token.';
  END IF;
  IF $3 <= clock_timestamp() THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('a block until %s is over already', $3),
      HINT = 'Leave until out for a block that lasts until itemize.unblock.';
  END IF;
  INSERT INTO @extschema@.blocked_subject AS b (hash, subject, until, reason, by, since)
    VALUES (encode(sha256(convert_to($1, 'UTF8')), 'hex'), $1,
            CASE WHEN isfinite($3) THEN ceil(extract(epoch FROM $3))::bigint END, $2, session_user, clock_timestamp())
    ON CONFLICT ON CONSTRAINT blocked_subject_pkey
    DO UPDATE SET until = EXCLUDED.until, reason = EXCLUDED.reason, by = EXCLUDED.by, since = EXCLUDED.since;
END
$$;
COMMENT ON FUNCTION @extschema@.block(text, text, timestamptz) IS 'refuses a subject in all clusters, whatever tokens it has, and ends its live streams';

CREATE FUNCTION @extschema@.unblock(subject text) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM @extschema@.blocked_subject b WHERE b.hash = encode(sha256(convert_to($1, 'UTF8')), 'hex');
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.unblock(text) IS 'ends what itemize.block began; false when the subject was not blocked';
REVOKE ALL ON FUNCTION @extschema@.block(text, text, timestamptz), @extschema@.unblock(text) FROM PUBLIC;

CREATE VIEW @extschema@.blocked AS
SELECT b.subject, b.reason, pg_catalog.to_timestamp(b.until) AS until, b.by, b.since
FROM @extschema@.blocked_subject b
WHERE b.until IS NULL OR b.until OPERATOR(pg_catalog.>) pg_catalog.date_part('epoch', pg_catalog.clock_timestamp());
COMMENT ON VIEW @extschema@.blocked IS 'who is blocked now, and why';
REVOKE ALL ON @extschema@.blocked FROM PUBLIC;
