#include "writer.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace itemize::faults {
namespace {

struct CloseConnection {
  void operator()(PGconn *connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult *result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

constexpr int kPauseAfterFailure = 30; // milliseconds
constexpr int kLongestPause = 25;      // milliseconds between two transactions of a writer
constexpr int kTransactionsPerBulk = 250;
constexpr int kBulkLock = 0; // stands for the keys of the other type, all of them

enum class Answer { kDone, kRefused, kBroken };

struct Row {
  std::uint64_t version = 0;
  std::uint64_t base = 0;
};

class Writer {
public:
  Writer(Workload &workload, int number)
      : workload_(workload), random_(workload.seed * 1000 + static_cast<unsigned>(number)) {}

  bool Connect() {
    if (connection_ && PQstatus(connection_.get()) == CONNECTION_OK) return true;
    connection_.reset(PQconnectdb(workload_.database.c_str()));
    if (PQstatus(connection_.get()) == CONNECTION_OK) return true;
    connection_.reset();
    Pause(kPauseAfterFailure);
    return false;
  }

  /// One transaction on these keys; whether it certainly was committed.
  bool Transact(std::vector<int> keys, int kind) {
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    const std::int64_t begin = Now();
    if (Begin(keys) != Answer::kDone) return Abandon();
    // Taken while all keys are locked: versions rise in the order of commits.
    version_ = workload_.version.fetch_add(1) + 1;
    statements_ = "INSERT INTO committed VALUES (" + std::to_string(version_) + ");";
    changes_.clear();
    Compose(keys, kind);
    const bool roll_back = kind == kRollBack;
    statements_ += roll_back ? "ROLLBACK" : "COMMIT";
    const Answer answer = Execute(statements_);
    const std::string lsn = answer == Answer::kDone && !roll_back ? LsnAfterCommit() : "0";
    const char *const outcome = answer == Answer::kBroken && !roll_back ? "unknown"
                                : answer == Answer::kDone && !roll_back ? "committed"
                                                                        : "rolled_back";
    workload_.record.Write("W\t" + std::to_string(begin) + '\t' + std::to_string(Now()) + '\t' + outcome + '\t' + lsn +
                           '\t' + std::to_string(version_) + changes_);
    if (answer != Answer::kDone) Abandon();
    return answer == Answer::kDone;
  }

  void RunOne() {
    std::vector<int> keys = {Key()};
    const int dice = Random(0, 99);
    if (Random(0, kTransactionsPerBulk - 1) == 0) {
      keys.push_back(kBulkLock);
      Transact(keys, kBulk);
    } else if (dice < 45) {
      Transact(keys, kUpdate);
    } else if (dice < 57) {
      Transact(keys, kUpdateLarge);
    } else if (dice < 69) {
      for (int more = Random(1, 4); more > 0; --more)
        keys.push_back(Key());
      Transact(keys, kUpdate);
    } else if (dice < 84) {
      Transact(keys, kToggle);
    } else if (dice < 90) {
      keys.push_back(Key());
      Transact(keys, kMove);
    } else if (dice < 95) {
      Transact(keys, kSavepoint);
    } else {
      Transact(keys, kRollBack);
    }
    Pause(Random(0, kLongestPause));
  }

  enum Kind { kUpdate, kUpdateLarge, kToggle, kMove, kSavepoint, kRollBack, kBulk };

  /// Of the last transaction, as the database told it.
  [[nodiscard]] const std::optional<Position> &position() const { return position_; }

private:
  int Random(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  int Key() { return Random(1, kKeys); }

  Answer Execute(const std::string &text) {
    last_.reset(PQexec(connection_.get(), text.c_str()));
    const ExecStatusType status = PQresultStatus(last_.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return Answer::kDone;
    if (PQstatus(connection_.get()) != CONNECTION_OK) return Answer::kBroken;
    // A server that is being shut down says so and then hangs up: whether it has committed is not known either.
    const char *const state = PQresultErrorField(last_.get(), PG_DIAG_SQLSTATE);
    return state != nullptr && std::string(state).compare(0, 3, "57P") != 0 ? Answer::kRefused : Answer::kBroken;
  }

  bool Abandon() {
    connection_.reset();
    return false;
  }

  Answer Begin(const std::vector<int> &keys) {
    std::string list;
    std::string text = "BEGIN;";
    for (const int key : keys) {
      text += "SELECT pg_catalog.pg_advisory_xact_lock(" + std::to_string(key) + ");";
      list += (list.empty() ? "" : ",") + std::to_string(key);
    }
    if (keys.front() == kBulkLock) {
      const Answer answer = Execute(text + "SELECT EXISTS (SELECT FROM bulk)");
      if (answer != Answer::kDone) return answer;
      has_bulk_ = *PQgetvalue(last_.get(), 0, 0) == 't';
      text.clear();
    }
    const Answer answer = Execute(text + "SELECT id, v, bv FROM item WHERE id IN (" + list + ")");
    rows_.clear();
    for (int row = 0; answer == Answer::kDone && row < PQntuples(last_.get()); ++row) {
      rows_[std::atoi(PQgetvalue(last_.get(), row, 0))] = {std::strtoull(PQgetvalue(last_.get(), row, 1), nullptr, 10),
                                                           std::strtoull(PQgetvalue(last_.get(), row, 2), nullptr, 10)};
    }
    return answer;
  }

  void Compose(const std::vector<int> &keys, int kind) {
    if (kind == kMove && keys.size() == 2 && rows_.count(keys[0]) != rows_.count(keys[1])) {
      const bool first = rows_.count(keys[0]) > 0;
      return Move(first ? keys[0] : keys[1], first ? keys[1] : keys[0]);
    }
    if (kind == kSavepoint) {
      statements_ +=
          "SAVEPOINT s;UPDATE item SET v = -1, bv = -1, big = 'never' WHERE id = " + std::to_string(keys[0]) +
          ";DELETE FROM item WHERE id = " + std::to_string(Key()) + ";ROLLBACK TO s;";
    }
    for (const int key : keys) {
      const auto row = rows_.find(key);
      if (key == kBulkLock)
        WriteBulk();
      else if (row == rows_.end())
        Insert(key);
      else if (kind == kToggle)
        Delete(key);
      else
        Update(key, kind == kUpdateLarge ? version_ : row->second.base);
    }
  }

  void Note(int key, char operation, std::uint64_t base) { Note(std::to_string(key), operation, base); }

  void Note(const std::string &key, char operation, std::uint64_t base) {
    changes_ += '\t' + key + ':' + operation;
    if (operation != 'd') changes_ += ':' + std::to_string(base);
  }

  [[nodiscard]] std::string Large() const { return "large(" + std::to_string(version_) + ')'; }

  void Insert(int key) {
    const std::string version = std::to_string(version_);
    statements_ +=
        "INSERT INTO item VALUES (" + std::to_string(key) + ',' + version + ',' + version + ',' + Large() + ");";
    Note(key, 'i', version_);
  }

  void Update(int key, std::uint64_t base) {
    const std::string version = std::to_string(version_);
    statements_ += "UPDATE item SET v = " + version;
    if (base == version_) statements_ += ", bv = " + version + ", big = " + Large();
    statements_ += " WHERE id = " + std::to_string(key) + ';';
    Note(key, 'u', base);
  }

  void Delete(int key) {
    statements_ += "DELETE FROM item WHERE id = " + std::to_string(key) + ';';
    Note(key, 'd', 0);
  }

  /// The key changes, the large value does not.
  void Move(int from, int to) {
    const std::uint64_t base = rows_[from].base;
    statements_ += "UPDATE item SET id = " + std::to_string(to) + ", v = " + std::to_string(version_) +
                   " WHERE id = " + std::to_string(from) + ';';
    Note(from, 'd', 0);
    Note(to, 'i', base);
  }

  /// All rows of the other type, or most of them: they are there, or they are not, together. In the order of their
  /// keys, since a copy may be anywhere between two of them.
  void WriteBulk() {
    const std::string version = std::to_string(version_);
    const std::string row = version + ',' + version + ",medium(" + version + ')';
    statements_ += "SET LOCAL enable_seqscan = off;SET LOCAL enable_bitmapscan = off;";
    int first = 1;
    char operation = 'u';
    if (!has_bulk_) {
      operation = 'i';
      statements_ +=
          "INSERT INTO bulk SELECT i," + row + " FROM generate_series(1," + std::to_string(kBulkKeys) + ") i;";
    } else if (Random(0, 5) == 0) {
      operation = 'd';
      statements_ += "DELETE FROM bulk WHERE id >= 1;";
    } else {
      first = Random(1, kBulkKeys - 505);
      statements_ += "UPDATE bulk SET (v, bv, big) = ROW(" + row + ") WHERE id >= " + std::to_string(first) + ';';
    }
    for (int key = first; key <= kBulkKeys; ++key)
      Note(kBulkPrefix + std::to_string(key), operation, version_);
  }

  /// At least the end of the commit record. Without a stream there are no tokens.
  std::string LsnAfterCommit() {
    position_.reset();
    if (Execute("SELECT itemize.token()") == Answer::kDone) position_ = ParsePosition(PQgetvalue(last_.get(), 0, 0));
    if (position_) return std::to_string(position_->version.commit_lsn);
    if (Execute("SELECT pg_catalog.pg_current_wal_insert_lsn() - '0/0'") != Answer::kDone) return "0";
    return PQgetvalue(last_.get(), 0, 0);
  }

  Workload &workload_;
  std::mt19937_64 random_;
  std::unique_ptr<PGconn, CloseConnection> connection_;
  Result last_;
  std::optional<Position> position_;
  std::map<int, Row> rows_;
  bool has_bulk_ = false;
  std::uint64_t version_ = 0;
  std::string statements_;
  std::string changes_;
};

} // namespace

Written WriteAll(Workload &workload) {
  Writer writer(workload, 0);
  std::vector<int> keys;
  for (int key = 1; key <= kKeys; ++key)
    keys.push_back(key);
  while (workload.running) {
    if (writer.Connect() && writer.Transact(keys, Writer::kUpdate) && writer.position()) {
      Position last = *writer.position();
      last.version.ordinal = keys.size();
      return {workload.version, last};
    }
    Pause(kPauseAfterFailure);
  }
  return {};
}

void RunWriter(Workload &workload, int number) {
  Writer writer(workload, number);
  while (workload.writing) {
    if (writer.Connect()) writer.RunOne();
  }
}

} // namespace itemize::faults
