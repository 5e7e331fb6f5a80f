#include "write/writer.hpp"

#include "itemize/read_rule.hpp"
#include "read/database_access.hpp"
#include "read/item_reader.hpp"
#include "write/kept_answer.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace itemize::sidecar::write {

namespace {

using Clock = std::chrono::steady_clock;

/// In the log.
constexpr std::string_view kPart = "write";
/// What two transactions that wait for each other, or one that lost a race, are given.
constexpr int kMostTries = 4;
constexpr std::chrono::milliseconds kRetryPause{10};
constexpr std::chrono::milliseconds kLongestLockWait{2000};
/// Between two statements of one transaction there is one answer's way.
constexpr std::chrono::milliseconds kLongestIdle{10000};
/// What the server gets above its statement timeout, to say that it has ended a statement.
constexpr std::chrono::milliseconds kTimeoutSlack{1000};
constexpr std::chrono::milliseconds kConnectTimeout{2000};
constexpr std::string_view kTransactionRollback = "40"; // deadlock_detected, serialization_failure
constexpr const char *kInvalidAuthorization = "28000";
constexpr std::string_view kReadOnly = "25006";          // read_only_sql_transaction
constexpr std::string_view kAmbiguousFunction = "42725"; // ambiguous_function
constexpr const char *kProgramLimitExceeded = "54000";

// As PostgREST does it. Of the roles the first that the login role was made a member of; never itself, nor one that
// row-level security does not hold.
constexpr const char *kBecomeCaller = R"(
WITH caller AS (
  SELECT r.rolname
  FROM pg_catalog.json_array_elements_text($2::pg_catalog.json) WITH ORDINALITY AS wanted(name, place)
  JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name
  WHERE NOT r.rolsuper AND NOT r.rolbypassrls AND r.rolname <> session_user
    AND pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
  ORDER BY wanted.place LIMIT 1)
SELECT pg_catalog.set_config('request.jwt.claims', $1, true), pg_catalog.set_config('role', rolname, true),
  (SELECT pg_catalog.json_agg(itemize.read_rule(wanted.type) ORDER BY wanted.place)
   FROM pg_catalog.json_array_elements_text($3::pg_catalog.json) WITH ORDINALITY AS wanted(type, place))
FROM caller)";

// What a trigger has set is not there for the next change.
constexpr const char *kRemainCaller = "SELECT pg_catalog.set_config('request.jwt.claims', $1, true), "
                                      "pg_catalog.set_config('role', $2, true), "
                                      "pg_catalog.set_config('statement_timeout', $3, true)";

// A row for a function that is exposed by this name, as itemize.call_exposed finds it: whether who asks may call it.
constexpr const char *kMayCall = R"(
SELECT pg_catalog.has_schema_privilege(p.pronamespace, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
FROM itemize.exposed_function e
JOIN pg_catalog.pg_proc p ON p.oid = itemize.function_named(e.function)
WHERE e.name = $1 AND pg_catalog.pg_get_userbyid(p.proowner) = e.owner)";

// Whether the transaction has written so far: the last column of what makes a change.
#define ITEMIZE_HAS_WRITTEN ", pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL"

// What a function or trigger may have left of itself on the connection. DISCARD ALL without its PLANS, which the next
// write needs as well, and in a form that goes along with ROLLBACK.
constexpr const char *kForget = "RESET ROLE; RESET ALL; CLOSE ALL; DEALLOCATE ALL; UNLISTEN *; "
                                "SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

std::string BeginStatement(std::chrono::milliseconds timeout) {
  const auto set = [](const char *name, std::chrono::milliseconds value) {
    return std::string("; SET LOCAL ") + name + " = " + std::to_string(value.count());
  };
  // No notices: libpq would write them among the lines of the log.
  return "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED" + set("statement_timeout", timeout) +
         set("lock_timeout", std::min(timeout, kLongestLockWait)) +
         set("idle_in_transaction_session_timeout", kLongestIdle) + "; SET LOCAL client_min_messages = error";
}

std::unique_ptr<PostgresConnection> Connect(const read::ReadBackends &backends) {
  PostgresSettings settings;
  settings.application_name = "itemize-sidecar write";
  settings.connect_timeout = kConnectTimeout;
  settings.query_timeout = backends.options.write_timeout + kTimeoutSlack;
  auto connection = std::make_unique<PostgresConnection>(backends.options.write_database, settings, backends.stop);
  if (!IsHeldByPolicies(*connection)) throw PostgresError(std::string(kPrivilegedRole), kInvalidAuthorization);
  return connection;
}

const char *NameOf(Operation operation) {
  switch (operation) {
  case Operation::kCreate: return "create";
  case Operation::kPatch: return "patch";
  case Operation::kReplace: return "replace";
  case Operation::kDelete: return "delete";
  case Operation::kCall: return "call";
  }
  return "create";
}

/// Runs what the login role itself must be allowed: without that right no write of anybody works.
template <typename Run>
PostgresResult AsLoginRole(Run run) {
  try {
    return run();
  } catch (const PostgresError &error) {
    if (OutcomeOf(error.sqlstate()) != Outcome::kForbidden) throw;
    throw PostgresError(
        std::string(error.message()), kInvalidAuthorization,
        "GRANT EXECUTE ON FUNCTION itemize.begin_once(text, text), itemize.keep_answer(text, text, text) "
        "TO the role of --write-database;");
  }
}

const char *NameOf(const Ask &ask) { return ask.batch.empty() ? NameOf(ask.changes.front().operation) : "batch"; }

/// The body of each change.
class Bodies {
public:
  Bodies(PostgresConnection &database, const Ask &ask) : ask_(ask) {
    if (ask.batch.empty()) return;
    in_batch_ = database.Query("SELECT element->'value' FROM pg_catalog.json_array_elements($1::pg_catalog.json)"
                               " WITH ORDINALITY AS one(element, place) ORDER BY place",
                               {ask.batch});
  }

  [[nodiscard]] std::string_view Of(std::size_t change) const {
    if (!in_batch_) return ask_.changes[change].body;
    return in_batch_->Text(static_cast<int>(change), 0);
  }

private:
  const Ask &ask_;
  std::optional<PostgresResult> in_batch_;
};

/// Of what an answer would show.
std::size_t BytesOf(const std::vector<Written> &written) {
  std::size_t bytes = 0;
  for (const Written &one : written)
    bytes += one.item.size();
  return bytes;
}

} // namespace

bool IsHeldByPolicies(PostgresConnection &database) {
  return database.Query("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = session_user AND (rolsuper OR rolbypassrls)")
             .rows() == 0;
}

WriteMetrics::WriteMetrics(Metrics &metrics)
    : refused(metrics.Counter("itemize_write_refused_total", "Writes refused because too many waited")),
      retries(metrics.Counter("itemize_write_retries_total", "Writes tried again after others had been in their way")),
      unknown(metrics.Counter("itemize_write_unknown_total",
                              "Writes whose connection was lost while they were being committed")),
      repeated(metrics.Counter("itemize_write_repeated_total",
                               "Writes made before, answered with what was kept under their Idempotency-Key")),
      waiting(metrics.Gauge("itemize_write_waiting", "Writes that wait for a connection")), metrics_(metrics) {}

void WriteMetrics::Observe(const char *operation, double seconds) {
  metrics_
      .Histogram("itemize_write_seconds", "Time that a write took in the database, its commit included",
                 {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0}, {{"operation", operation}})
      .Observe(seconds);
}

Writer::Writer(read::ReadBackends &backends, WriteMetrics &metrics)
    : backends_(backends), metrics_(metrics), begin_(BeginStatement(backends.options.write_timeout)),
      connection_([&backends] { return Connect(backends); }) {}

Done Writer::Run(const Ask &ask) {
  for (int tries = 1;; ++tries) {
    progress_ = {};
    ask_ = &ask;
    committing_ = false;
    calling_ = false;
    has_written_ = false;
    if (!metrics_.outage.MayTry()) return Without(Outcome::kUnavailable);
    try {
      return Try(ask);
    } catch (const PostgresError &error) {
      const bool answered = IsAnswer(error);
      RollBack(&error);
      // Not one that has waited for a lock already.
      const bool again =
          error.sqlstate().compare(0, kTransactionRollback.size(), kTransactionRollback) == 0 && tries < kMostTries;
      if (!again || backends_.stop.WaitFor(tries * kRetryPause)) return DoneFor(error, Judge(error, answered));
      metrics_.retries.Increment();
    } catch (...) {
      // Whatever it was: another client's write must not come into a transaction of this one.
      connection_.Drop();
      throw;
    }
  }
}

Done Writer::Try(const Ask &ask) {
  const auto start = Clock::now();
  read::UseDatabase(connection_, [&](PostgresConnection &database) { database.Execute(begin_); });
  NoteOutage(nullptr);
  const Outcome outcome = RunBegun(connection_.Get(), ask);
  if (outcome != Outcome::kOk) {
    RollBack(nullptr);
    return Without(outcome);
  }
  if (!Commit()) return Without(Outcome::kUnknown);
  if (progress_.repeated) {
    metrics_.repeated.Increment();
  } else {
    metrics_.Observe(NameOf(ask), std::chrono::duration<double>(Clock::now() - start).count());
  }
  metrics_.refusal.Works();
  Done done = Without(Outcome::kOk);
  // A commit without a transaction ID has no position of its own: the session's is that of another client's write.
  done.position = Position(done.repeated || !has_written_);
  return done;
}

Done Writer::Without(Outcome outcome) {
  progress_.outcome = outcome;
  return std::move(progress_);
}

bool Writer::BecomeCaller(PostgresConnection &database, const Ask &ask) {
  nlohmann::json roles = ask.roles;
  std::string claims = ask.claims;
  const std::string &anonymous = backends_.options.write_anonymous_role;
  if (ask.roles.empty() && !anonymous.empty()) roles = {anonymous};
  if (claims.empty()) claims = nlohmann::json{{"role", anonymous}}.dump();
  claims_ = claims;
  nlohmann::json types = nlohmann::json::array();
  for (const Change &change : ask.changes)
    types.push_back(change.type);
  try {
    const PostgresResult become = database.Query(kBecomeCaller, {claims, roles.dump(), types.dump()});
    if (become.rows() == 0) return false;
    role_ = become.Text(0, 1);
    for (const nlohmann::json &rule : nlohmann::json::parse(become.Text(0, 2)))
      progress_.rules.push_back(rule.is_string() ? rule.get<std::string>() : std::string());
    return true;
  } catch (const PostgresError &error) {
    // A member without the right to become it (PostgreSQL 16: GRANT … WITH SET FALSE).
    if (OutcomeOf(error.sqlstate()) == Outcome::kForbidden) return false;
    throw;
  }
}

void Writer::RemainCaller(PostgresConnection &database, std::chrono::milliseconds timeout) {
  database.Query(kRemainCaller, {claims_, role_, std::to_string(std::max<std::int64_t>(timeout.count(), 1))});
}

bool Writer::Sees(std::string_view item) const {
  const std::string_view rule = progress_.RuleOf(progress_.failed);
  return !IsRuleOfOwners(rule) || ask_->viewer.MaySee(rule, item);
}

Outcome Writer::RunBegun(PostgresConnection &database, const Ask &ask) {
  if (ask.once) {
    const Outcome outcome = LookUp(database, *ask.once);
    if (outcome != Outcome::kOk) return outcome;
  }
  if (!BecomeCaller(database, ask)) return Outcome::kNoRole;
  if (progress_.repeated) return MayRepeat(database, ask.changes.front());
  const Bodies bodies(database, ask);
  const std::chrono::milliseconds timeout = backends_.options.write_timeout;
  const auto give_up = Clock::now() + timeout;
  for (const Change &change : ask.changes) {
    if (progress_.failed > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - Clock::now());
      if (left.count() <= 0) return Outcome::kTimeout;
      RemainCaller(database, left);
    }
    Outcome outcome = CheckCondition(database, change);
    if (outcome == Outcome::kOk) outcome = Make(database, change, bodies.Of(progress_.failed));
    if (outcome != Outcome::kOk) return outcome;
    ++progress_.failed;
  }
  if (ask.once) Keep(database, *ask.once);
  // Deferred triggers run at the commit, and as the caller. It has its own time: the wait for synchronous standbys must
  // not be cut short by what the changes took.
  if (ask.once || ask.changes.size() > 1) RemainCaller(database, timeout);
  return Outcome::kOk;
}

Outcome Writer::MayRepeat(PostgresConnection &database, const Change &change) {
  if (change.operation != Operation::kCall) return Outcome::kOk;
  const PostgresResult callable = database.Query(kMayCall, {change.type});
  if (callable.rows() == 0) return Outcome::kNotDefined;
  return callable.Text(0, 0) == "t" ? Outcome::kOk : Outcome::kForbidden;
}

Outcome Writer::LookUp(PostgresConnection &database, const Once &once) {
  const PostgresResult found = AsLoginRole([&] {
    return database.Query("SELECT state, answer FROM itemize.begin_once($1, $2)", {once.scope, once.request});
  });
  const std::string_view state = found.Text(0, 0);
  if (state == "in flight") return Outcome::kInFlight;
  if (state == "another") return Outcome::kKeyReused;
  if (state == "kept") {
    progress_.repeated = true;
    progress_.written = ParseKept(found.Text(0, 1));
  }
  return Outcome::kOk;
}

void Writer::Keep(PostgresConnection &database, const Once &once) {
  database.Execute("SET LOCAL ROLE NONE");
  AsLoginRole([&] {
    return database.Query("SELECT itemize.keep_answer($1, $2, $3)",
                          {once.scope, once.request, FormatKept(progress_.written)});
  });
  has_written_ = true;
}

Outcome Writer::CheckCondition(PostgresConnection &database, const Change &change) {
  // What is deleted comes back: no need to look before.
  if (!change.is_meant || change.operation == Operation::kDelete) return Outcome::kOk;
  const PostgresResult locked = database.Query("SELECT itemize.lock_item($1, $2)", {change.type, change.key});
  if (locked.IsNull(0, 0) || !Sees(locked.Text(0, 0)))
    return change.operation == Operation::kReplace ? Outcome::kNotMeant : Outcome::kMissing;
  return change.is_meant(locked.Text(0, 0)) ? Outcome::kOk : Outcome::kNotMeant;
}

Outcome Writer::Make(PostgresConnection &database, const Change &change, std::string_view body) {
  Written written;
  written.key = change.key;
  switch (change.operation) {
  case Operation::kCreate: {
    const PostgresResult created =
        database.Query("SELECT key, item" ITEMIZE_HAS_WRITTEN " FROM itemize.create_item($1, $2::pg_catalog.jsonb)",
                       {change.type, body});
    NoteWritten(created);
    written.key = created.Text(0, 0);
    written.item = created.Text(0, 1);
    written.created = true;
    break;
  }
  case Operation::kReplace: {
    const PostgresResult replaced = database.Query("SELECT item, created" ITEMIZE_HAS_WRITTEN
                                                   " FROM itemize.replace_item($1, $2, $3::pg_catalog.jsonb)",
                                                   {change.type, change.key, body});
    NoteWritten(replaced);
    written.item = replaced.Text(0, 0);
    written.created = replaced.Text(0, 1) == "t";
    if (change.only_create && !written.created) return Outcome::kNotMeant;
    break;
  }
  case Operation::kCall: {
    calling_ = true;
    const PostgresResult called = database.Query(
        "SELECT itemize.call_exposed($1, $2::pg_catalog.jsonb)" ITEMIZE_HAS_WRITTEN, {change.type, body});
    calling_ = false;
    NoteWritten(called);
    written.item = called.Text(0, 0);
    break;
  }
  case Operation::kPatch:
  case Operation::kDelete: {
    const PostgresResult changed =
        change.operation == Operation::kPatch
            ? database.Query("SELECT itemize.update_item($1, $2, $3::pg_catalog.jsonb)" ITEMIZE_HAS_WRITTEN,
                             {change.type, change.key, body})
            : database.Query("SELECT itemize.delete_item($1, $2)" ITEMIZE_HAS_WRITTEN, {change.type, change.key});
    NoteWritten(changed);
    if (changed.IsNull(0, 0)) return Outcome::kMissing;
    written.item = changed.Text(0, 0);
    if (change.operation == Operation::kDelete && change.is_meant) {
      if (!Sees(written.item)) return Outcome::kMissing;
      if (!change.is_meant(written.item)) return Outcome::kNotMeant;
    }
    // What was deleted is not shown.
    if (change.operation == Operation::kDelete) written.item.clear();
    break;
  }
  }
  progress_.written.push_back(std::move(written));
  if (BytesOf(progress_.written) > read::kMaxAnswerBytes) {
    throw PostgresError("the items of one batch are more than " + std::to_string(read::kMaxAnswerMegabytes) +
                            " MB together, up to this one",
                        kProgramLimitExceeded, "Send them in several batches.");
  }
  return Outcome::kOk;
}

void Writer::NoteWritten(const PostgresResult &made) { has_written_ = made.Text(0, made.columns() - 1) == "t"; }

bool Writer::Commit() {
  const auto lost = [this](const char *error) {
    connection_.Drop();
    metrics_.unknown.Increment();
    backends_.services.log.Warning("write_outcome_unknown", {{"error", error}});
  };
  committing_ = true;
  try {
    connection_.Get().Execute("COMMIT");
  } catch (const PostgresError &error) {
    // The server's own refusals leave nothing open, its end does.
    if (IsAnswer(error)) throw;
    lost(error.what());
    return false;
  } catch (const Stopped &) {
    lost("this process is being stopped");
    return false;
  }
  Forget();
  return true;
}

void Writer::Forget() {
  try {
    connection_.Get().Execute(kForget);
  } catch (const PostgresError &) {
    // It is written all the same; what cannot be cleared away goes with the connection.
    connection_.Drop();
  } catch (const Stopped &) {
    connection_.Drop();
  }
}

std::string Writer::Position(bool of_all) {
  try {
    std::string position(
        connection_.Get().Query(of_all ? "SELECT itemize.position()" : "SELECT itemize.token()").Text(0, 0));
    metrics_.positions.Works();
    return position;
  } catch (const PostgresError &error) {
    // It is written all the same.
    if (metrics_.positions.Failed())
      backends_.services.log.Warning("write_without_position",
                                     {{"error", error.what()}, {"sqlstate", error.sqlstate()}});
    if (read::IsOutage(error)) connection_.Drop();
  } catch (const Stopped &) {
    connection_.Drop();
  }
  return {};
}

void Writer::RollBack(const PostgresError *error) {
  if (!connection_.connected()) return;
  try {
    PostgresConnection &database = connection_.Get();
    if ((error == nullptr || !error->sqlstate().empty()) && database.ok()) {
      // A COMMIT that failed has ended the transaction: there is nothing left to roll back, and the server would say
      // so.
      database.Execute(std::string(committing_ ? "" : "ROLLBACK; ") + kForget);
      return;
    }
  } catch (const PostgresError &) {
    // it goes as well
  }
  connection_.Drop();
}

bool Writer::IsAnswer(const PostgresError &error) {
  return !error.sqlstate().empty() && connection_.connected() && connection_.Get().ok();
}

Outcome Writer::Judge(const PostgresError &error, bool answered) {
  const Outcome outcome = OutcomeOf(error.sqlstate());
  if (!answered) return outcome;
  try {
    if (outcome == Outcome::kUnavailable) {
      // What a function or trigger says of another server, of a table elsewhere say, is no word of this one.
      const bool is_standby =
          error.sqlstate() == kReadOnly && connection_.Get().Query("SHOW transaction_read_only").Text(0, 0) == "on";
      return is_standby ? outcome : Outcome::kFailed;
    }
    const bool may_be_its_own = outcome == Outcome::kNotDefined || outcome == Outcome::kRefused;
    if (calling_ && may_be_its_own && error.sqlstate() != kAmbiguousFunction) {
      const std::string &function = ask_->changes.front().type;
      return connection_.Get().Query(kMayCall, {function}).rows() > 0 ? Outcome::kFailed : outcome;
    }
  } catch (const PostgresError &refusal) {
    // There is such a function, in a schema that is not for the login role.
    if (OutcomeOf(refusal.sqlstate()) == Outcome::kForbidden) return Outcome::kFailed;
    if (read::IsOutage(refusal)) connection_.Drop();
  } catch (const Stopped &) {
    connection_.Drop();
  }
  return outcome;
}

void Writer::NoteOutage(const char *error) {
  if (error == nullptr) {
    if (metrics_.outage.Works()) backends_.services.log.Info("database_back", {{"part", kPart}});
  } else if (metrics_.outage.Failed()) {
    backends_.services.log.Warning("database_gone", {{"part", kPart}, {"error", error}});
  }
}

Done Writer::DoneFor(const PostgresError &error, Outcome outcome) {
  Done done = Without(outcome);
  const std::string_view type = ask_->changes[std::min(done.failed, ask_->changes.size() - 1)].type;
  if (done.outcome != Outcome::kUnavailable) NoteOutage(nullptr);
  switch (done.outcome) {
  case Outcome::kInvalid:
  case Outcome::kConflict:
  case Outcome::kRaised:
    // The detail of these has values of rows; the application's own words have what it says.
    done.detail = error.message();
    if (!error.hint().empty()) done.detail += (done.detail.back() == '.' ? " " : ". ") + error.hint();
    done.sqlstate = error.sqlstate();
    done.field = error.column();
    done.constraint = error.constraint();
    done.status = RaisedStatus(error.sqlstate());
    break;
  case Outcome::kForbidden:
  case Outcome::kNotDefined:
    backends_.services.log.Debug("write_refused",
                                 {{"type", type}, {"sqlstate", error.sqlstate()}, {"error", error.message()}});
    break;
  case Outcome::kUnavailable: NoteOutage(error.what()); break;
  case Outcome::kRefused:
    if (metrics_.refusal.Failed())
      backends_.services.log.Error(
          "database_refuses",
          {{"part", kPart}, {"error", error.message()}, {"sqlstate", error.sqlstate()}, {"hint", error.hint()}});
    break;
  case Outcome::kFailed:
    backends_.services.log.Error(
        "write_failed",
        {{"type", type}, {"operation", NameOf(*ask_)}, {"sqlstate", error.sqlstate()}, {"error", error.message()}});
    break;
  default: break;
  }
  return done;
}

} // namespace itemize::sidecar::write
