-- Currencies, their rates against one base, and conversion. The base is the euro, whose rate is 1 by definition.

CREATE TABLE @extschema@.currency (
  code        text COLLATE "C" NOT NULL CHECK (code OPERATOR(pg_catalog.~) '^[A-Z0-9]{3,12}$'),
  number      smallint CHECK (number OPERATOR(pg_catalog.>) 0 AND number OPERATOR(pg_catalog.<) 1000),
  minor_units smallint CHECK (minor_units OPERATOR(pg_catalog.>=) 0 AND minor_units OPERATOR(pg_catalog.<=) 18),
  name        text NOT NULL,
  symbol      text,
  standard    boolean NOT NULL DEFAULT false,
  CONSTRAINT currency_pkey PRIMARY KEY (code),
  CONSTRAINT currency_number_key UNIQUE (number)
);
COMMENT ON TABLE @extschema@.currency IS 'currencies: those of ISO 4217, and what is added to them';
COMMENT ON COLUMN @extschema@.currency.code IS 'ISO 4217 code';
COMMENT ON COLUMN @extschema@.currency.number IS 'ISO 4217 numeric code';
COMMENT ON COLUMN @extschema@.currency.minor_units IS 'decimals of an amount that can be paid; null where there is no such thing (gold)';
COMMENT ON COLUMN @extschema@.currency.symbol IS 'a sign that is commonly known; in databases of another encoding than UTF8 only where it is ASCII';
COMMENT ON COLUMN @extschema@.currency.standard IS 'came with the extension, and is not dumped';
-- What came with the extension comes with it again.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.currency', 'WHERE NOT standard');

-- This script is ASCII, as it is read in the encoding of any database: signs beyond it are written as JSON has them.
INSERT INTO @extschema@.currency (code, number, minor_units, name, symbol, standard)
SELECT c.code, c.number, c.minor_units, c.name,
       CASE WHEN c.symbol IS NULL OR pg_catalog.strpos(c.symbol, '\') OPERATOR(pg_catalog.=) 0 THEN c.symbol
            WHEN pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.=) 'UTF8'
            THEN pg_catalog.json_extract_path_text(pg_catalog.concat('{"it":"', c.symbol, '"}')::pg_catalog.json, 'it') END,
       true
FROM (VALUES
  ('AED', 784, 2, 'UAE Dirham', NULL),
  ('AFN', 971, 2, 'Afghani', '\u060b'),
  ('ALL', 8, 2, 'Lek', 'L'),
  ('AMD', 51, 2, 'Armenian Dram', '\u058f'),
  ('AOA', 973, 2, 'Kwanza', 'Kz'),
  ('ARS', 32, 2, 'Argentine Peso', 'AR$'),
  ('AUD', 36, 2, 'Australian Dollar', 'A$'),
  ('AWG', 533, 2, 'Aruban Florin', NULL),
  ('AZN', 944, 2, 'Azerbaijan Manat', '\u20bc'),
  ('BAM', 977, 2, 'Convertible Mark', 'KM'),
  ('BBD', 52, 2, 'Barbados Dollar', 'Bds$'),
  ('BDT', 50, 2, 'Taka', '\u09f3'),
  ('BHD', 48, 3, 'Bahraini Dinar', 'BD'),
  ('BIF', 108, 0, 'Burundi Franc', 'FBu'),
  ('BMD', 60, 2, 'Bermudian Dollar', 'BD$'),
  ('BND', 96, 2, 'Brunei Dollar', 'B$'),
  ('BOB', 68, 2, 'Boliviano', 'Bs'),
  ('BOV', 984, 2, 'Mvdol', NULL),
  ('BRL', 986, 2, 'Brazilian Real', 'R$'),
  ('BSD', 44, 2, 'Bahamian Dollar', NULL),
  ('BTN', 64, 2, 'Ngultrum', 'Nu.'),
  ('BWP', 72, 2, 'Pula', 'P'),
  ('BYN', 933, 2, 'Belarusian Ruble', 'Br'),
  ('BZD', 84, 2, 'Belize Dollar', 'BZ$'),
  ('CAD', 124, 2, 'Canadian Dollar', 'CA$'),
  ('CDF', 976, 2, 'Congolese Franc', 'FC'),
  ('CHE', 947, 2, 'WIR Euro', NULL),
  ('CHF', 756, 2, 'Swiss Franc', 'Fr.'),
  ('CHW', 948, 2, 'WIR Franc', NULL),
  ('CLF', 990, 4, 'Unidad de Fomento', 'UF'),
  ('CLP', 152, 0, 'Chilean Peso', 'CLP$'),
  ('CNY', 156, 2, 'Yuan Renminbi', 'CN\u00a5'),
  ('COP', 170, 2, 'Colombian Peso', 'COL$'),
  ('COU', 970, 2, 'Unidad de Valor Real', NULL),
  ('CRC', 188, 2, 'Costa Rican Colon', '\u20a1'),
  ('CUP', 192, 2, 'Cuban Peso', NULL),
  ('CVE', 132, 2, 'Cabo Verde Escudo', NULL),
  ('CZK', 203, 2, 'Czech Koruna', 'K\u010d'),
  ('DJF', 262, 0, 'Djibouti Franc', 'Fdj'),
  ('DKK', 208, 2, 'Danish Krone', 'kr'),
  ('DOP', 214, 2, 'Dominican Peso', 'RD$'),
  ('DZD', 12, 2, 'Algerian Dinar', 'DA'),
  ('EGP', 818, 2, 'Egyptian Pound', 'E\u00a3'),
  ('ERN', 232, 2, 'Nakfa', 'Nfk'),
  ('ETB', 230, 2, 'Ethiopian Birr', 'Br'),
  ('EUR', 978, 2, 'Euro', '\u20ac'),
  ('FJD', 242, 2, 'Fiji Dollar', 'FJ$'),
  ('FKP', 238, 2, 'Falkland Islands Pound', '\u00a3'),
  ('GBP', 826, 2, 'Pound Sterling', '\u00a3'),
  ('GEL', 981, 2, 'Lari', '\u20be'),
  ('GHS', 936, 2, 'Ghana Cedi', 'GH\u20b5'),
  ('GIP', 292, 2, 'Gibraltar Pound', '\u00a3'),
  ('GMD', 270, 2, 'Dalasi', 'D'),
  ('GNF', 324, 0, 'Guinean Franc', 'FG'),
  ('GTQ', 320, 2, 'Quetzal', 'Q'),
  ('GYD', 328, 2, 'Guyana Dollar', 'G$'),
  ('HKD', 344, 2, 'Hong Kong Dollar', 'HK$'),
  ('HNL', 340, 2, 'Lempira', 'L'),
  ('HTG', 332, 2, 'Gourde', 'G'),
  ('HUF', 348, 2, 'Forint', 'Ft'),
  ('IDR', 360, 2, 'Rupiah', 'Rp'),
  ('ILS', 376, 2, 'New Israeli Sheqel', '\u20aa'),
  ('INR', 356, 2, 'Indian Rupee', '\u20b9'),
  ('IQD', 368, 3, 'Iraqi Dinar', NULL),
  ('IRR', 364, 2, 'Iranian Rial', NULL),
  ('ISK', 352, 0, 'Iceland Krona', 'kr'),
  ('JMD', 388, 2, 'Jamaican Dollar', 'J$'),
  ('JOD', 400, 3, 'Jordanian Dinar', 'JD'),
  ('JPY', 392, 0, 'Yen', '\u00a5'),
  ('KES', 404, 2, 'Kenyan Shilling', 'KSh'),
  ('KGS', 417, 2, 'Som', NULL),
  ('KHR', 116, 2, 'Riel', '\u17db'),
  ('KMF', 174, 0, 'Comorian Franc', 'CF'),
  ('KPW', 408, 2, 'North Korean Won', NULL),
  ('KRW', 410, 0, 'Won', '\u20a9'),
  ('KWD', 414, 3, 'Kuwaiti Dinar', 'KD'),
  ('KYD', 136, 2, 'Cayman Islands Dollar', 'CI$'),
  ('KZT', 398, 2, 'Tenge', '\u20b8'),
  ('LAK', 418, 2, 'Lao Kip', '\u20ad'),
  ('LBP', 422, 2, 'Lebanese Pound', 'LL'),
  ('LKR', 144, 2, 'Sri Lanka Rupee', 'Rs'),
  ('LRD', 430, 2, 'Liberian Dollar', 'L$'),
  ('LSL', 426, 2, 'Loti', NULL),
  ('LYD', 434, 3, 'Libyan Dinar', 'LD'),
  ('MAD', 504, 2, 'Moroccan Dirham', 'DH'),
  ('MDL', 498, 2, 'Moldovan Leu', 'L'),
  ('MGA', 969, 2, 'Malagasy Ariary', 'Ar'),
  ('MKD', 807, 2, 'Denar', 'den'),
  ('MMK', 104, 2, 'Kyat', 'K'),
  ('MNT', 496, 2, 'Tugrik', '\u20ae'),
  ('MOP', 446, 2, 'Pataca', 'MOP$'),
  ('MRU', 929, 2, 'Ouguiya', 'UM'),
  ('MUR', 480, 2, 'Mauritius Rupee', 'Rs'),
  ('MVR', 462, 2, 'Rufiyaa', 'Rf'),
  ('MWK', 454, 2, 'Malawi Kwacha', 'MK'),
  ('MXN', 484, 2, 'Mexican Peso', 'MX$'),
  ('MXV', 979, 2, 'Mexican Unidad de Inversion (UDI)', NULL),
  ('MYR', 458, 2, 'Malaysian Ringgit', 'RM'),
  ('MZN', 943, 2, 'Mozambique Metical', 'MT'),
  ('NAD', 516, 2, 'Namibia Dollar', 'N$'),
  ('NGN', 566, 2, 'Naira', '\u20a6'),
  ('NIO', 558, 2, 'Cordoba Oro', 'C$'),
  ('NOK', 578, 2, 'Norwegian Krone', 'kr'),
  ('NPR', 524, 2, 'Nepalese Rupee', 'Rs'),
  ('NZD', 554, 2, 'New Zealand Dollar', 'NZ$'),
  ('OMR', 512, 3, 'Rial Omani', 'RO'),
  ('PAB', 590, 2, 'Balboa', 'B/.'),
  ('PEN', 604, 2, 'Sol', 'S/'),
  ('PGK', 598, 2, 'Kina', 'K'),
  ('PHP', 608, 2, 'Philippine Peso', '\u20b1'),
  ('PKR', 586, 2, 'Pakistan Rupee', 'Rs'),
  ('PLN', 985, 2, 'Zloty', 'z\u0142'),
  ('PYG', 600, 0, 'Guarani', '\u20b2'),
  ('QAR', 634, 2, 'Qatari Rial', 'QR'),
  ('RON', 946, 2, 'Romanian Leu', 'lei'),
  ('RSD', 941, 2, 'Serbian Dinar', 'din'),
  ('RUB', 643, 2, 'Russian Ruble', '\u20bd'),
  ('RWF', 646, 0, 'Rwanda Franc', 'RF'),
  ('SAR', 682, 2, 'Saudi Riyal', 'SR'),
  ('SBD', 90, 2, 'Solomon Islands Dollar', 'SI$'),
  ('SCR', 690, 2, 'Seychelles Rupee', 'SR'),
  ('SDG', 938, 2, 'Sudanese Pound', NULL),
  ('SEK', 752, 2, 'Swedish Krona', 'kr'),
  ('SGD', 702, 2, 'Singapore Dollar', 'S$'),
  ('SHP', 654, 2, 'Saint Helena Pound', '\u00a3'),
  ('SLE', 925, 2, 'Leone', 'Le'),
  ('SOS', 706, 2, 'Somali Shilling', 'Sh'),
  ('SRD', 968, 2, 'Surinam Dollar', 'Sr$'),
  ('SSP', 728, 2, 'South Sudanese Pound', NULL),
  ('STN', 930, 2, 'Dobra', 'Db'),
  ('SVC', 222, 2, 'El Salvador Colon', NULL),
  ('SYP', 760, 2, 'Syrian Pound', NULL),
  ('SZL', 748, 2, 'Lilangeni', NULL),
  ('THB', 764, 2, 'Baht', '\u0e3f'),
  ('TJS', 972, 2, 'Somoni', NULL),
  ('TMT', 934, 2, 'Turkmenistan New Manat', NULL),
  ('TND', 788, 3, 'Tunisian Dinar', 'DT'),
  ('TOP', 776, 2, 'Pa''anga', 'T$'),
  ('TRY', 949, 2, 'Turkish Lira', '\u20ba'),
  ('TTD', 780, 2, 'Trinidad and Tobago Dollar', 'TT$'),
  ('TWD', 901, 2, 'New Taiwan Dollar', 'NT$'),
  ('TZS', 834, 2, 'Tanzanian Shilling', 'TSh'),
  ('UAH', 980, 2, 'Hryvnia', '\u20b4'),
  ('UGX', 800, 0, 'Uganda Shilling', 'USh'),
  ('USD', 840, 2, 'US Dollar', '$'),
  ('USN', 997, 2, 'US Dollar (Next day)', NULL),
  ('UYI', 940, 0, 'Uruguay Peso en Unidades Indexadas (UI)', NULL),
  ('UYU', 858, 2, 'Peso Uruguayo', '$U'),
  ('UYW', 927, 4, 'Unidad Previsional', NULL),
  ('UZS', 860, 2, 'Uzbekistan Sum', NULL),
  ('VED', 926, 2, 'Bolivar Digital', NULL),
  ('VES', 928, 2, 'Bolivar Soberano', 'Bs.S'),
  ('VND', 704, 0, 'Dong', '\u20ab'),
  ('VUV', 548, 0, 'Vatu', 'VT'),
  ('WST', 882, 2, 'Tala', 'WS$'),
  ('XAD', 396, 2, 'Arab Accounting Dinar', NULL),
  ('XAF', 950, 0, 'CFA Franc BEAC', 'FCFA'),
  ('XAG', 961, NULL, 'Silver', NULL),
  ('XAU', 959, NULL, 'Gold', NULL),
  ('XCD', 951, 2, 'East Caribbean Dollar', 'EC$'),
  ('XCG', 532, 2, 'Caribbean Guilder', 'Cg'),
  ('XDR', 960, NULL, 'SDR (Special Drawing Right)', NULL),
  ('XOF', 952, 0, 'CFA Franc BCEAO', 'F CFA'),
  ('XPD', 964, NULL, 'Palladium', NULL),
  ('XPF', 953, 0, 'CFP Franc', NULL),
  ('XPT', 962, NULL, 'Platinum', NULL),
  ('XSU', 994, NULL, 'Sucre', NULL),
  ('XUA', 965, NULL, 'ADB Unit of Account', NULL),
  ('YER', 886, 2, 'Yemeni Rial', NULL),
  ('ZAR', 710, 2, 'Rand', 'R'),
  ('ZMW', 967, 2, 'Zambian Kwacha', 'ZK'),
  ('ZWG', 924, 2, 'Zimbabwe Gold', 'ZiG'),
  -- Out of use, and in prices and rates of former years. One that left its number to another has none here.
  ('ANG', NULL, 2, 'Netherlands Antillean Guilder', NULL),
  ('BGN', 975, 2, 'Bulgarian Lev', '\u043b\u0432'),
  ('CUC', 931, 2, 'Peso Convertible', NULL),
  ('CYP', 196, 2, 'Cyprus Pound', NULL),
  ('EEK', 233, 2, 'Kroon', NULL),
  ('HRK', 191, 2, 'Kuna', 'kn'),
  ('LTL', 440, 2, 'Lithuanian Litas', NULL),
  ('LVL', 428, 2, 'Latvian Lats', NULL),
  ('MTL', 470, 2, 'Maltese Lira', NULL),
  ('ROL', 642, 2, 'Old Leu', NULL),
  ('SIT', 705, 2, 'Tolar', NULL),
  ('SKK', 703, 2, 'Slovak Koruna', NULL),
  ('SLL', 694, 2, 'Leone (before 2022)', NULL),
  ('TRL', 792, 0, 'Old Turkish Lira', NULL),
  ('ZWL', 932, 2, 'Zimbabwe Dollar', NULL)
) AS c (code, number, minor_units, name, symbol);
GRANT SELECT ON @extschema@.currency TO PUBLIC;

-- Rates are kept, not replaced: each is valid from its moment to that of the next. The bounds keep a slip of the pen out,
-- and NaN, which is above every number.
CREATE TABLE @extschema@.currency_rate (
  currency   text COLLATE "C" NOT NULL REFERENCES @extschema@.currency (code) CHECK (currency OPERATOR(pg_catalog.<>) 'EUR'),
  valid_from timestamptz NOT NULL,
  rate       numeric NOT NULL CHECK (rate OPERATOR(pg_catalog.>=) 1e-15 AND rate OPERATOR(pg_catalog.<=) 1e15),
  source     text,
  CONSTRAINT currency_rate_pkey PRIMARY KEY (currency, valid_from)
);
COMMENT ON TABLE @extschema@.currency_rate IS 'rates: units of a currency for one euro, from a moment on';
COMMENT ON COLUMN @extschema@.currency_rate.source IS 'where the rate is from';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.currency_rate', '');
GRANT SELECT ON @extschema@.currency_rate TO PUBLIC;

-- The currencies that have rates are found one after the other by the index: rates may have a long history. A plain
-- SELECT without settings of its own, so that the planner puts it in the place of a call.
CREATE FUNCTION @extschema@.rates_at(at timestamptz)
RETURNS TABLE (currency text, rate numeric, valid_from timestamptz, source text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
WITH RECURSIVE rated (code) AS (
  (SELECT f.currency FROM @extschema@.currency_rate f ORDER BY f.currency LIMIT 1)
  UNION ALL
  SELECT (SELECT n.currency FROM @extschema@.currency_rate n
          WHERE n.currency OPERATOR(pg_catalog.>) rated.code ORDER BY n.currency LIMIT 1)
  FROM rated WHERE rated.code IS NOT NULL
)
SELECT rated.code AS currency, r.rate, r.valid_from, r.source
FROM rated
CROSS JOIN LATERAL (SELECT n.rate, n.valid_from, n.source FROM @extschema@.currency_rate n
                    WHERE n.currency OPERATOR(pg_catalog.=) rated.code AND n.valid_from OPERATOR(pg_catalog.<=) rates_at.at
                    ORDER BY n.valid_from DESC LIMIT 1) r
UNION ALL
SELECT 'EUR', 1, '-infinity', 'base'
$$;
COMMENT ON FUNCTION @extschema@.rates_at(timestamptz) IS 'the rate of each currency that had one, as of a moment';

CREATE VIEW @extschema@.current_rates AS
SELECT r.currency, r.rate, r.valid_from, r.source FROM @extschema@.rates_at(pg_catalog.now()) r;
COMMENT ON VIEW @extschema@.current_rates IS 'the rate of each currency that has one, as of now; these count for search';
GRANT SELECT ON @extschema@.current_rates TO PUBLIC;

CREATE FUNCTION @extschema@.set_rates(rates jsonb, valid_from timestamptz DEFAULT now(), source text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  each record;
  units numeric;
  stored integer := 0;
  written integer;
BEGIN
  IF rates IS NULL OR jsonb_typeof(rates) <> 'object' OR valid_from IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'rates must be a JSON object, and valid_from not null',
      HINT = 'Give units of each currency for one euro: {"USD": 1.1684, "JPY": "186.75"}.';
  END IF;
  FOR each IN SELECT m.key, m.value FROM jsonb_each_text(rates) m ORDER BY m.key COLLATE "C" LOOP
    IF NOT EXISTS (SELECT FROM @extschema@.currency c WHERE c.code = each.key) THEN
      RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('"%s" is no currency', each.key),
        HINT = 'Currencies are rows of itemize.currency; one of your own can be added there.';
    END IF;
    -- By its look first: nothing that a cast takes, 1e999999 say, goes further than this.
    IF each.value IS NULL OR each.value !~ '^[0-9]{1,16}(\.[0-9]{1,40})?$'
      OR each.value::numeric NOT BETWEEN 1e-15 AND 1e15 THEN
      RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('%s is no rate of %s', coalesce('"' || left(each.value, 60) || '"', 'null'), each.key),
        HINT = 'A rate is a number above zero: units of the currency for one euro.';
    END IF;
    units := each.value::numeric;
    IF each.key = 'EUR' THEN
      IF units <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the rate of EUR is always 1',
          HINT = 'Rates are units of a currency for one euro; leave EUR out.';
      END IF;
      CONTINUE;
    END IF;
    INSERT INTO @extschema@.currency_rate AS r (currency, valid_from, rate, source)
    VALUES (each.key, set_rates.valid_from, units, set_rates.source)
    ON CONFLICT ON CONSTRAINT currency_rate_pkey DO UPDATE SET rate = EXCLUDED.rate, source = EXCLUDED.source
      WHERE (r.rate, r.source) IS DISTINCT FROM (EXCLUDED.rate, EXCLUDED.source);
    GET DIAGNOSTICS written = ROW_COUNT;
    stored := stored + written;
  END LOOP;
  RETURN stored;
END
$$;
COMMENT ON FUNCTION @extschema@.set_rates(jsonb, timestamptz, text)
  IS 'stores rates, units of each currency for one euro, valid from a moment on; how many of them were news';
REVOKE ALL ON FUNCTION @extschema@.set_rates(jsonb, timestamptz, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.convert(
  amount numeric, from_currency text, to_currency text, at timestamptz DEFAULT now(), rounded boolean DEFAULT false
) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  names text[] := ARRAY[upper(from_currency), upper(to_currency)];
  rates numeric[];
  units numeric;
  asked text;
  result numeric := amount;
  decimals smallint;
BEGIN
  FOREACH asked IN ARRAY names LOOP
    PERFORM FROM @extschema@.currency c WHERE c.code = asked;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('"%s" is no currency', left(asked, 60)),
        HINT = 'Currencies are rows of itemize.currency, by their ISO 4217 code.';
    END IF;
    -- Of a currency to itself no rate is asked for.
    IF names[1] = names[2] OR asked = 'EUR' THEN
      units := 1;
    ELSE
      SELECT r.rate INTO units FROM @extschema@.currency_rate r
      WHERE r.currency = asked AND r.valid_from <= convert.at ORDER BY r.valid_from DESC LIMIT 1;
      IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
          MESSAGE = format('%s has no rate at %s', asked, convert.at),
          HINT = 'Store rates with itemize.set_rates(), or by a job that calls it.';
      END IF;
    END IF;
    rates := rates || units;
  END LOOP;
  IF rates[1] <> rates[2] THEN
    -- One division, the last step, to thirty decimals; what it cannot end is rounded to twenty.
    result := trim_scale(round((amount * rates[2] + 0e-30) / rates[1], 20));
  END IF;
  IF rounded THEN
    SELECT c.minor_units INTO decimals FROM @extschema@.currency c WHERE c.code = names[2];
    IF decimals IS NOT NULL THEN result := round(result, decimals); END IF;
  END IF;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.convert(numeric, text, text, timestamptz, boolean)
  IS 'an amount in another currency, through the euro, by the rates of a moment; rounded to what can be paid when asked to';

-- What search writes into its statements: it reads the rates once, not for each row.
CREATE FUNCTION @extschema@.price_in(price numeric, currency text, currencies text[], rates numeric[], wanted text) RETURNS numeric
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'itemize_price_in';
COMMENT ON FUNCTION @extschema@.price_in(numeric, text, text[], numeric[], text)
  IS 'a price in another currency, by the rates given; null when one of the two has none';
