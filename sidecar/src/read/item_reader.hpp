// Read-through: from the local copy when it is held, else from the database and into the copy, exactly
// (design, decision 6), and from whichever of the two is left when one is gone (decision 11).
#pragma once

#include "read/backends.hpp"
#include "read/database_access.hpp"
#include "read/item_source.hpp"
#include "read/min_position.hpp"
#include "read/type_facts_source.hpp"
#include "read/unknown_keys.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::read {

/// Rows in one answer; but one is always in it.
inline constexpr std::size_t kMaxAnswerMegabytes = 16;
inline constexpr std::size_t kMaxAnswerBytes = kMaxAnswerMegabytes << 20U;

struct ReadResult {
  enum class Status {
    kOk,
    kUnreadable,
    kNotReady,
    kUnavailable,
    kContended,     ///< the item could not be taken into the copy in time, see ReadDemand::may_leave_out
    kRefused,       ///< the database does not let this process's role have items
    kUnencodable,   ///< a page: the database has an item and cannot give it, see ReadResult::unencodable
    kMalformed,     ///< the question cannot have an answer
    kNotListed,     ///< a page: each sees some items of the type only
    kAwaitPosition, ///< to be asked again when the copy has reached ReadDemand::at_least, or ReadDemand::wait later
    kAwaitFill,     ///< to be asked again when the item has been filled
    kOtherEpoch,    ///< ReadDemand::at_least is of an epoch that is over
    kNotReached,    ///< the copy has not reached ReadDemand::at_least, and the primary cannot answer instead
  };
  Status status = Status::kOk;
  /// For each key its row, or nothing when there is none. With kOk.
  std::vector<std::optional<std::string>> rows;
  /// Places of keys whose item the database has and cannot give: too large, or a value without a text form.
  std::vector<std::size_t> unencodable;
  /// Places of keys that were left out, see ReadDemand::may_leave_out.
  std::vector<std::size_t> contended;
  /// What the rows are at least as new as; nothing when no local copy could tell. With kOtherEpoch: the running one.
  std::optional<Position> position;
  /// Who may read the type, in the words of its definition.
  std::string rule;
  /// Redis is gone: this comes from the database.
  bool without_redis = false;
  /// The database is gone: this may have stopped being kept current.
  bool stale = false;
  /// How many of the keys asked for the copy could answer before anybody was asked.
  std::size_t held = 0;
  std::size_t asked = 0;
  /// The others are from the primary because of ReadDemand::at_least.
  bool ahead_of_copy = false;
  /// What the copy could not answer is in it now.
  bool stored = true;
};

struct PageResult {
  ReadResult::Status status = ReadResult::Status::kOk;
  std::vector<PageItem> items;
  /// Key to ask `after` for what follows; nothing on the last page.
  std::optional<std::string> next;
  std::optional<Position> position;
  std::string rule;
  bool without_redis = false;
};

/// For one thread at a time: each has its own connections.
class ItemReader {
public:
  explicit ItemReader(ReadBackends &backends);

  /// Keys are canonical and distinct.
  ReadResult Read(const std::string &type, const std::vector<std::string> &keys, const ReadDemand &demand = {});
  /// As Read, of the first of the keys: as many as there is room for, which ReadResult::rows tells.
  ReadResult ReadSome(const std::string &type, const std::vector<std::string> &keys, const ReadDemand &demand = {});
  PageResult Page(const std::string &type, std::size_t limit, const std::optional<std::string> &after,
                  const ReadDemand &demand = {});

  /// What filters have to know of a type, as the database has it; nothing when it is not defined there. kOk,
  /// kUnavailable or kRefused.
  ReadResult::Status ReadFacts(const std::string &type, std::optional<matching::TypeFacts> &facts);

  /// Asks both servers something small, and notes whether they answer; catches up on what the copy is to forget.
  void Probe();

  /// Runs `use(RedisConnection &)`, which may be called twice; false when Redis is gone. Throws no RedisError but that
  /// Redis has no memory left, which only what stores can meet.
  template <typename Use>
  bool WithRedis(Use use) {
    if (!backends_.redis_outage.MayTry()) return false;
    while (true) {
      const SecondChance chance(redis_.connected());
      try {
        use(redis_.Get());
        NoteRedis(nullptr);
        return true;
      } catch (const RedisReplyError &error) {
        if (error.Is("OOM")) throw; // what is held can be read
        // LOADING, READONLY, OOM, NOAUTH and a script that failed have this in common: the copy cannot
        // be used now, and the database can.
        NoteRedis(error.what());
        return false;
      } catch (const RedisError &error) {
        redis_.Drop();
        if (chance.given()) continue;
        NoteRedis(error.what());
        return false;
      }
    }
  }

private:
  using Status = ReadResult::Status;

  /// In the log.
  static constexpr std::string_view kPart = "extended";

  /// An item that the database refuses to give, though it has it. Without the server's words, which may show the row.
  void LogUnencodable(const std::string &type, const std::string &key, const PostgresError &error);

  /// Somebody has to act before the database answers such questions.
  class DatabaseRefused : public Error {
  public:
    using Error::Error;
  };

  /// As WithRedis, for the database. An error that is no outage is thrown, and DatabaseRefused.
  template <typename Use>
  bool WithDatabase(Use use) {
    if (!backends_.database_outage.MayTry()) return false;
    try {
      UseDatabase(database_, use);
    } catch (const PostgresError &error) {
      if (IsAboutTheQuestion(error)) throw;
      if (!database_.connected()) {
        backends_.NoteDatabase(kPart, error.what());
        return false;
      }
      if (!IsRefusal(error)) throw; // this question's misfortune, not everybody's
      NoteRefusal(error);
      throw DatabaseRefused(error.what());
    } catch (const Stopped &) {
      return false;
    }
    backends_.NoteDatabase(kPart, nullptr);
    return true;
  }
  void NoteRefusal(const PostgresError &error);
  void NoteRedis(const char *error);
  void NoteRedisFull(const char *error);

  /// After this the copy shows nothing older of `due`.
  void Forget(RedisConnection &redis, const ShownUncached::Due &due);
  /// False when Redis is gone, or behind what this process has shown.
  bool ReadLocal(const std::string &type, const std::vector<std::string> &keys, const authorization::Viewer &viewer,
                 LocalRead &local);
  ReadResult ReadThrough(const std::string &type, const std::vector<std::string> &keys, const ReadDemand &demand);
  /// What the database says of the type, nothing when it has none; false when the database is gone.
  bool AskRule(const std::string &type, std::optional<DefinedRule> &rule);
  ReadResult ReadWithoutCopy(const std::string &type, const std::vector<std::string> &keys, const ReadDemand &demand);
  /// Whether the copy is as far as `demand` wants it; else what to do about it.
  Status CheckDemand(const ReadDemand &demand, const LocalRead &local);
  /// Whether the primary is of the epoch wanted and as far: kOk, kOtherEpoch, kNotReached.
  Status CheckPrimary(const Position &wanted);

  /// One read's way to the items that the copy does not hold.
  struct Question {
    const std::string &type;
    const authorization::Viewer &viewer;
    /// Set: what is held does not count before the copy has reached this; the primary is asked.
    std::optional<Position> ahead_of_copy;
    /// As ReadDemand has it.
    bool may_leave_out = false;
  };
  enum class FillOutcome { kTried, kRedisGone, kRedisFull, kDatabaseGone };

  /// Brings what is kUnknown in `items`; says in `result` when that is not possible.
  void CompleteFromDatabase(const Question &question, const std::vector<std::string> &keys,
                            std::vector<HeldItem> &items, ReadResult &result);
  /// With `forget`: the copy can be talked to, and must not show anything older after this.
  void CompleteWithoutStoring(const Question &question, const std::vector<std::string> &keys,
                              std::vector<HeldItem> &items, ReadResult &result, bool forget);
  /// Fills those of the kUnknown in `items` that nobody else fills.
  FillOutcome FillUnknown(const Question &question, const std::vector<std::string> &keys, std::vector<HeldItem> &items);
  /// As FillUnknown for keys of which the database has refused at least one, which is found by halving.
  FillOutcome FillHalves(const Question &question, const std::vector<std::string> &keys,
                         const std::vector<std::size_t> &places, std::vector<HeldItem> &items);
  /// What of a lease is ours: keys, the markers to use, and where they stand in the list of items.
  struct Granted {
    std::vector<std::string> keys;
    std::vector<std::string> markers;
    std::vector<std::size_t> places;
  };
  /// Asks the standbys; true when one's answer has been stored in `stored`.
  bool FillFromReplicas(const std::string &type, const FillLease &lease, const Granted &granted,
                        std::vector<HeldItem> &stored);
  std::optional<Fetched> FetchFromReplica(std::size_t index, const std::string &type, const FillLease &lease,
                                          const std::vector<std::string> &keys);
  /// False when the database is gone. Throws PostgresError when the columns' types refuse the text of a key.
  bool FetchRows(const std::string &type, const std::vector<std::string> &keys, Fetched &fetched);
  /// The page's keys, and without Redis its rows, no more than a few beyond what an answer may have. False when the
  /// database is gone.
  bool List(const std::string &type, std::size_t limit, const std::optional<std::string> &after, PageResult &page);
  /// A page's keys come from the database, its rows as every item does: the database may be ahead of the copy, and
  /// who then asks for one of them would see it go back (invariant I2). A row that is gone by then is left out.
  void TakeRowsFromCopy(const std::string &type, PageResult &page, const ReadDemand &demand);
  /// For when no copy can take an item back: its row may be ahead of the stream, and of the rule that the copy knows.
  /// kOk: what was kUnknown is of the definition with the rule in `result`, which lets the viewer read; when the copy
  /// has another, all of `items` is asked for anew.
  Status FetchUncached(const Question &question, const std::vector<std::string> &keys, std::vector<HeldItem> &items,
                       ReadResult &result);
  /// Puts what the database gives of the unknown into `fetched`, and what it cannot give into `items` as kUnencodable.
  /// False when the database is gone.
  bool FetchEach(const std::string &type, const UnknownKeys &unknown, std::vector<FetchedItem> &fetched,
                 std::vector<HeldItem> &items);

  ReadBackends &backends_;
  LazyConnection<RedisConnection> redis_;
  LazyConnection<PostgresConnection> database_;
  /// One for each of ReadBackends::replicas.
  std::vector<LazyConnection<PostgresConnection>> replicas_;
};

} // namespace itemize::sidecar::read
