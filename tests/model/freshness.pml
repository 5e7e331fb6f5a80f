/*
 * How a cluster's copy of one item stays exact: commit, visibility, the stream, its application, and fills
 * from the primary and from a standby, with crashes. docs/explanations/freshness-model.md explains it.
 *
 * Every NO_… takes one remedy away; check.sh shows that each of them is needed. Bounds: TRANSACTIONS, ROLLBACKS,
 * CRASHES (of PostgreSQL), RESTARTS (of a sidecar), READS (by the second reader; the first reads once), OTHERS (records
 * of tables that are not defined). Features: STANDBY, REDEFINE, REDIS_RESTART, FORCED, SHARED, PASSED; SYNCHRONOUS leaves synchronous_commit on.
 *
 * One key; what is modelled of a row is only how new it is: its version, which counts the transactions that
 * changed it. The key's transactions follow each other, as the row's lock makes them.
 */
#ifndef TRANSACTIONS
#define TRANSACTIONS 2
#endif
#ifndef ROLLBACKS
#define ROLLBACKS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif
#ifndef READS
#define READS 2
#endif

#ifndef OTHERS
#define OTHERS 0
#endif

#define RECORDS (TRANSACTIONS + ROLLBACKS + OTHERS + 1) /* of WAL; record 0 is what the database began with */
#define ENTRIES (RECORDS + RECORDS)            /* of the stream, when doubles get in */
#define EVENTS 3                               /* that a marker can hold */
#define GHOST 99                               /* not a version: a state the row never had */

#define BIT(n) (1 << (n))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* --- PostgreSQL ------------------------------------------------------------------------------------------ */

mtype = { ROW, TRUNCATE, DEFINITION };

/* The write-ahead log. An LSN is an index; after a crash the lost ones are issued anew, and so are xids. */
byte wal_xid[RECORDS];
byte wal_version[RECORDS]; /* 0: nothing of ours, a rollback or a change of another table */
byte inserted, flushed;    /* LSN of the last record inserted, and of the last that a crash does not take */

byte newest_version;            /* ever given, also to what a crash took back */
mtype kind_of[TRANSACTIONS + 1]; /* what the transaction that made the version did */
byte definitions_of[TRANSACTIONS + 1]; /* generation that the version belongs to */

mtype = { IDLE, RUNNING, COMMITTING };
mtype writer = IDLE;
byte writer_xid, next_xid = 1;
bool asynchronous;         /* synchronous_commit = off: visible before it is flushed */
byte visible;              /* version that a snapshot of the primary shows now */
byte ended;                /* xids that are no longer in progress, as bits: what a snapshot contains */
byte transactions, rollbacks, others, crashes, lives;

byte replayed;             /* the standby's replay LSN */
byte standby_lsn;          /* of the record that it replays, or has: what its snapshots contain */
byte standby_version;

/* --- The stream ------------------------------------------------------------------------------------------- */

byte stream[ENTRIES];      /* LSNs */
byte stream_length;
byte sent;                 /* by the walsender in this connection */
byte restarts;

/* --- The cluster: its Redis, and what its clients have been shown ----------------------------------------- */

byte applied;              /* entries of the stream */
byte complete;             /* LSN up to which everything is applied that is of the stream, as far as it has been told */
byte cluster_generation;   /* which room of keys is within reach: definitions and truncations */
byte cluster_definition;

bool held;
byte held_version;
bool held_has_snapshot;
byte held_snapshot;

byte marker;               /* the number of the fill that set it, 0: none */
byte fills;                /* begun; a number is what a token is in the sidecar, none is used twice */
byte marker_position;      /* LSN of what was applied when it was set */
byte event_count;
byte event_lsn[EVENTS], event_xid[EVENTS], event_version[EVENTS];

byte ahead_lsn;            /* what fills from the primary have shown is not newer than this */
byte promised;             /* newest version that a client has got, or that has been applied */
byte replays;
byte served_from;          /* applied entries that the copy must have to be read */

/* What a snapshot is remembered as, and whether it contains an event. */
#ifdef NO_CONTAINMENT /* an LSN horizon instead of xids */
#define SNAPSHOT inserted
#define CONTAINS(snapshot, xid, lsn) ((lsn) <= (snapshot))
#else
#define SNAPSHOT ended
#define CONTAINS(snapshot, xid, lsn) (((snapshot) >> (xid)) & 1)
#endif

#define APPLIED_LSN (applied == 0 -> 0 : stream[applied - 1])
#define COMPLETE_LSN MAX(complete, APPLIED_LSN)
#ifdef PASSED_AT_ONCE /* although entries from before it are still to be applied */
#define PASSED_LSN sent
#elif defined(PASSED_FLUSHED) /* what the database has flushed, not what the walsender has passed */
#define PASSED_LSN (applied == stream_length -> flushed : stream[applied] - 1)
#else
#define PASSED_LSN (applied == stream_length -> sent : stream[applied] - 1)
#endif
#define QUIET (writer == IDLE && inserted == flushed && sent == flushed && applied == stream_length)

/* A client gets a version: not older than what had been applied (I1) or shown (I2) here when it asked. */
inline answer(version) {
  assert(version != GHOST);
  assert(version >= promised_when_asked);
  promised = MAX(promised, version)
}

inline lose_marker() {
  d_step {
    marker = 0; marker_position = 0;
    for (i : 0 .. EVENTS - 1) { event_lsn[i] = 0; event_xid[i] = 0; event_version[i] = 0 }
    event_count = 0
  }
}

inline lose_held() {
  d_step { held = false; held_version = 0; held_has_snapshot = false; held_snapshot = 0 }
}

inline hold(version) {
  held = true; held_version = version; held_has_snapshot = false; held_snapshot = 0
}

/* --- PostgreSQL's behaviour ------------------------------------------------------------------------------- */

inline insert_record(version) {
  inserted++;
  wal_xid[inserted] = writer_xid;
  wal_version[inserted] = version
}

inline end_transaction() {
  ended = ended | BIT(writer_xid);
  writer = IDLE; writer_xid = 0; asynchronous = false
}

/* The slot's confirmed position is anywhere at or before what was sent, and there the walsender begins again. */
inline reconnect() {
  do
  :: sent > 0 -> sent--
  :: break
  od
}

/* Everything that was not flushed is gone, and whoever was connected. Recovery ends what was flushed. */
inline crash() {
  crashes++;
  lives++;
  i = flushed + 1;
  do
  :: i <= inserted ->
     /* What a client has seen must not be taken back. */
     assert(wal_version[i] == 0 || promised < wal_version[i]);
     wal_xid[i] = 0; wal_version[i] = 0; i++
  :: else -> break
  od;
  inserted = flushed;
  writer = IDLE; writer_xid = 0; asynchronous = false;
  visible = 0; ended = 0; next_xid = 1;
  for (i : 1 .. RECORDS - 1) {
    if
    :: i <= flushed ->
       ended = ended | BIT(wal_xid[i]);
       visible = MAX(visible, wal_version[i]);
       next_xid = MAX(next_xid, wal_xid[i] + 1)
    :: else
    fi
  };
  i = 0;
  reconnect()
}

proctype Database() {
  byte i;
end:
  do
  :: atomic { writer == IDLE && transactions < TRANSACTIONS ->
       transactions++; writer = RUNNING; writer_xid = next_xid; next_xid++ }
  :: atomic { writer == RUNNING ->
       newest_version++;
       if
       :: kind_of[newest_version] = ROW
#ifdef REDEFINE
       :: kind_of[newest_version] = TRUNCATE
       :: kind_of[newest_version] = DEFINITION
#endif
       fi;
       definitions_of[newest_version] = definitions_of[visible] + (kind_of[newest_version] == DEFINITION -> 1 : 0);
       if
#ifndef SYNCHRONOUS
       :: asynchronous = true
#endif
       :: asynchronous = false
       fi;
       insert_record(newest_version);
       writer = COMMITTING }
  :: atomic { writer == RUNNING && rollbacks < ROLLBACKS ->
       rollbacks++; transactions--;
       insert_record(0);
       end_transaction() }
  /* Visible after the flush, at once or when a synchronous standby has answered; or before it. */
  :: atomic { writer == COMMITTING && (asynchronous || flushed == inserted) ->
       visible = newest_version;
       end_transaction() }
#if OTHERS > 0
  :: atomic { others < OTHERS -> others++; inserted++ }
#endif
  :: atomic { flushed < inserted -> flushed++ }
  :: atomic { crashes < CRASHES -> crash() }
#ifdef STANDBY
  /* It gets what is flushed. A record becomes visible there, and then counts as replayed. */
  :: atomic { standby_lsn == replayed && replayed < flushed ->
       standby_lsn++;
       standby_version = MAX(standby_version, wal_version[standby_lsn]) }
  :: atomic { replayed < standby_lsn -> replayed++ }
#endif
  od
}

/* --- The sidecars' behaviour ------------------------------------------------------------------------------ */

/* The plugin lets nothing out before it is visible. */
#ifdef NO_PLUGIN_WAIT
#define MAY_SHIP(lsn) true
#else
#define MAY_SHIP(lsn) (wal_version[lsn] == 0 || ((ended >> wal_xid[lsn]) & 1))
#endif

/* Walsender with the plugin, and the global sidecar. */
proctype Global() {
  byte lsn;
end:
  do
  :: atomic { sent < flushed && MAY_SHIP(sent + 1) ->
       sent++;
       if
#ifdef PASSED
       :: wal_version[sent] == 0 /* has no entry */
       :: wal_version[sent] != 0 && (stream_length == 0 || sent > stream[stream_length - 1]) ->
#elif defined(NO_STREAM_IDS)
       :: stream_length < ENTRIES ->
#else
       :: stream_length == 0 || sent > stream[stream_length - 1] -> /* else XADD refuses the id */
#endif
          stream[stream_length] = sent; stream_length++
       :: else
       fi }
  :: atomic { restarts < RESTARTS && sent > 0 -> restarts++; reconnect() }
  od
}

inline apply_row(lsn) {
  if
  :: held && !(held_has_snapshot && CONTAINS(held_snapshot, wal_xid[lsn], lsn)) -> hold(wal_version[lsn])
  :: else
  fi;
  if
  :: marker != 0 && event_count < EVENTS ->
     event_lsn[event_count] = lsn;
     event_xid[event_count] = wal_xid[lsn];
     event_version[event_count] = wal_version[lsn];
     event_count++
  :: marker != 0 && event_count == EVENTS -> lose_marker()
  :: marker == 0
  fi
}

inline apply(at) {
  if
#ifndef NO_APPLIED_GUARD
  :: at < applied
#endif
  :: else ->
     lsn = stream[at];
     if
     :: wal_version[lsn] == 0
     :: wal_version[lsn] != 0 && kind_of[wal_version[lsn]] == ROW -> apply_row(lsn)
     :: wal_version[lsn] != 0 && kind_of[wal_version[lsn]] != ROW ->
        cluster_generation++;
        if
        :: kind_of[wal_version[lsn]] == DEFINITION -> cluster_definition++
        :: else
        fi;
        lose_held();
#ifndef NO_GENERATION
        lose_marker() /* its key is out of reach; a fill that comes back finds another generation */
#endif
     fi;
     applied = MAX(applied, at + 1);
     promised = MAX(promised, wal_version[lsn]);
     lsn = 0
  fi
}

proctype Local() {
  byte lsn, entry, i;
end:
  do
  :: atomic { applied < stream_length -> apply(applied) }
#ifdef PASSED
  /* The global sidecar tells what the walsender has passed, and with which entry; the word is taken, however late it
     comes, once that entry is applied. So it can be of anything up to the next entry that is not. */
  :: atomic { complete < PASSED_LSN -> complete = PASSED_LSN }
#endif
  /* An applier that was believed dead: its last batch arrives after its successor's. */
  :: atomic { replays < RESTARTS && applied > 0 -> replays++; entry = applied - 1;
       do
       :: entry > 0 -> entry--
       :: break
       od;
       apply(entry);
       entry = 0 }
  od
}

#ifdef REDIS_RESTART
/* Redis restarts with an older copy: it holds less than has been shown, fills ahead of the stream included. So
   the copy is begun anew at the stream's tip. To wait for the tip does not do. */
proctype Redis() {
  byte i;
#ifdef TIP_IS_ENOUGH
  byte saved_version, saved_snapshot, saved_applied;
  bool saved_has_snapshot;
end_save:
  atomic { held -> saved_version = held_version; saved_snapshot = held_snapshot; saved_applied = applied;
           saved_has_snapshot = held_has_snapshot };
  atomic {
    lose_marker();
    held = true; held_version = saved_version; held_snapshot = saved_snapshot; applied = saved_applied;
    held_has_snapshot = saved_has_snapshot;
    served_from = stream_length
  }
#else
end_begin_anew:
  atomic {
    stream_length > 0 ->
    lose_held();
    lose_marker();
    cluster_generation++;
    applied = stream_length;
    for (i : 1 .. applied) { promised = MAX(promised, wal_version[stream[i - 1]]) };
    i = 0
  }
#endif
}
#endif

/* Redis evicts, and time runs out, whenever it is least convenient. */
proctype Expiry() {
  byte i;
end:
  do
  /* Wherever something is held there is this step, so it looks at every such state. */
  :: atomic { held ->
       assert(!QUIET || held_version == visible); /* I3 */
       lose_held() }
  :: atomic { marker != 0 -> lose_marker() }
  od
}

/* --- A read ----------------------------------------------------------------------------------------------- */

/* As the primary answers: the row, by the definition that the same snapshot shows; then a flush, so that no crash
   takes it back. A definition looked up later may name another table, whose rows the snapshot does not show yet. */
inline ask_primary() {
  atomic { from_standby = false; life = lives; row = visible; snapshot = SNAPSHOT;
           definition = definitions_of[row] };
  atomic {
#ifdef LATE_DEFINITION
    if
    :: definitions_of[row] != definitions_of[visible] -> definition = definitions_of[visible]; row = GHOST
    :: else
    fi;
#endif
    read_lsn = inserted;
    if
    :: life != lives -> answered = false
    :: else ->
       answered = true;
#ifndef NO_FLUSH
       flushed = inserted
#endif
    fi
  }
}

/* As a standby answers. Of use when it has replayed what the copy has applied and what has been shown, and when no
   record was being replayed: one in progress may be in the snapshot and is not in the replay LSN. */
inline ask_standby() {
  atomic { from_standby = true; read_lsn = replayed };
  atomic { row = standby_version; definition = definitions_of[row] };
  atomic {
    answered = true;
    if
#ifdef REPLAYED_ONLY /* the replay LSN once more, not the LSN of the record in progress */
    :: read_lsn != replayed -> answered = false
#elif !defined(NO_AGREEMENT)
    :: read_lsn != standby_lsn -> answered = false
#endif
#ifndef NO_REPLAY_CHECK
    :: read_lsn < marker_lsn -> answered = false
#endif
#ifndef NO_AHEAD_CHECK
    :: read_lsn < ahead_lsn -> answered = false
#endif
    :: else
    fi
  }
}

inline set_marker() {
  fills++;
  marker = fills; mine = fills;
  marker_position = APPLIED_LSN;
  marker_lsn = APPLIED_LSN;
  generation = cluster_generation
}

/* Its owner is late: another uses it as well, and whoever is first stores. It has collected since it was set. */
inline share_marker() {
  mine = marker;
  marker_lsn = marker_position;
  generation = cluster_generation
}

/* The rows' events that came while the database was asked, on top of what it answered. */
inline catch_up() {
  i = 0;
  advanced = false;
  do
  :: i < event_count ->
     if
     :: from_standby && event_lsn[i] <= read_lsn
     :: !from_standby && CONTAINS(snapshot, event_xid[i], event_lsn[i])
     :: else -> row = event_version[i]; advanced = true
     fi;
     i++
  :: else -> break
  od;
  i = 0
}

#ifdef NO_TOKEN /* any marker of the key will do */
#define IS_MINE (marker != 0)
#else
#define IS_MINE (marker != 0 && marker == mine)
#endif
#ifdef NO_GENERATION
#define IS_CURRENT true
#else
/* A row says which definition made it; a missing one has none. */
#define IS_CURRENT \
  (generation == cluster_generation && (definition == cluster_definition || kind_of[row] == TRUNCATE))
#endif
inline give_up() {
  if
  :: IS_MINE -> lose_marker()
  :: else
  fi
}

inline note_ahead() {
#if defined(STANDBY) && !defined(NO_AHEAD_CHECK)
  if
  :: !from_standby -> ahead_lsn = MAX(ahead_lsn, read_lsn)
  :: else
  fi
#else
  skip
#endif
}

proctype Reader(byte me, reads) {
  byte i, promised_when_asked;
  byte row, snapshot, definition, read_lsn, life;
  byte marker_lsn, generation, mine;
  bool answered, from_standby, advanced, forced;

look:
  atomic {
    row = 0; snapshot = 0; definition = 0; read_lsn = 0; life = 0; marker_lsn = 0; generation = 0; mine = 0;
    answered = false; from_standby = false; advanced = false; forced = false;
    if
    :: reads == 0 -> goto end
    :: else -> reads--; promised_when_asked = promised
    fi;
    if
    :: applied < served_from -> goto unstored
    :: else
    fi;
#ifdef FORCED
    /* The client has a token: whatever is committed, as far as a token has it flushed, it may have seen (I4). */
    if
    :: flushed == inserted -> forced = true; promised_when_asked = MAX(promised, visible)
    :: true
    fi;
#endif
    if
    :: held && !forced -> answer(held_version); goto done
#if defined(NO_MARKER) || defined(MARKER_LATE)
    :: !held || forced -> generation = cluster_generation
#else
    :: (!held || forced) && marker == 0 -> set_marker()
    :: !held && !forced && marker != 0 -> goto wait
#ifdef SHARED
    :: (!held || forced) && marker != 0 -> share_marker()
#else
    :: forced && marker != 0 -> goto unstored
#endif
#endif
    fi
  };
#ifdef STANDBY
  if
#ifdef FORCED_STANDBY /* what a token asks of a standby */
  :: goto standby
#else
  :: !forced -> goto standby
#endif
  :: goto primary
  fi;
standby:
  ask_standby();
  if
  :: answered -> goto store
  :: else
  fi;
primary:
#endif
  ask_primary();
store:
  atomic {
    if
    :: !answered -> give_up(); goto unstored
#ifdef STANDBY
#ifndef NO_STANDBY_WAIT
    /* A standby may show what the primary does not show yet. Once the stream has brought it, it is visible. */
    :: answered && from_standby && COMPLETE_LSN < read_lsn ->
       if
       :: goto store
       :: give_up(); goto unstored /* enough waited */
       fi
#endif
#endif
    :: else
    fi;
#ifdef MARKER_LATE
    if
    :: marker == 0 -> set_marker()
    :: else
    fi
  };
  atomic {
#endif
#ifndef NO_MARKER
    if
    :: !IS_MINE || !IS_CURRENT -> give_up(); goto unstored
    :: else
    fi;
    catch_up();
    lose_marker();
#endif
    hold(row);
#ifndef NO_SNAPSHOT_KEPT
    if
    :: !from_standby && !advanced -> held_has_snapshot = true; held_snapshot = snapshot
    :: else
    fi;
#endif
    note_ahead();
    answer(row);
    goto done
  };

wait: /* for whoever fills the key; not for ever */
  if
  :: atomic { held && applied >= served_from -> answer(held_version); goto done }
  :: goto unstored
  fi;

unstored:
  ask_primary();
  atomic {
    if
    :: !answered -> goto unstored
    :: else
    fi;
#ifndef NO_FORGET
    /* This may be newer than what is held or being filled here, which must not be shown after it. */
    lose_held();
    lose_marker();
    note_ahead();
#endif
    answer(row);
    goto done
  };
done:
  atomic { promised_when_asked = 0; goto look };
end:
  skip
}

init {
  byte i;
  atomic {
    kind_of[0] = ROW;
    for (i : 1 .. TRANSACTIONS) { kind_of[i] = ROW };
#ifdef REDIS_RESTART
    run Redis();
#endif
    run Database(); run Global(); run Local(); run Expiry(); run Reader(1, 1); run Reader(2, READS)
  }
}
