// Writes, reads and follows, and records what happens: `fault_workload DATABASE FILE SEED CLUSTER=PORT ...`
//
// DATABASE has the tables and the function of the fault test. SIGUSR1 ends the writing, with one last transaction that
// changes every key (then it prints `finished`); SIGTERM ends everything. What is recorded is described in history.hpp.
#include "http_client.hpp"
#include "recorder.hpp"
#include "writer.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string_view>
#include <vector>

namespace itemize::faults {
namespace {

constexpr int kWriters = 4;
constexpr int kReadersPerCluster = 2;
constexpr int kFollowersPerCluster = 2;
constexpr int kLongestReadPause = 12; // milliseconds
/// How long a live client is given to see the last transaction of all: then its history tells what it misses.
constexpr std::int64_t kLastPatience = 60'000'000; // microseconds
constexpr std::int64_t kLoadInterval = 100'000;    // microseconds between two tries to load what is followed

/// `"NAME":number` from a place on; 0 when it is not there.
std::uint64_t Member(std::string_view text, std::string_view name) {
  const std::string wanted = '"' + std::string(name) + "\":";
  const std::size_t at = text.find(wanted);
  return at == std::string_view::npos ? 0 : std::strtoull(text.data() + at + wanted.size(), nullptr, 10);
}

/// What a row shows, as a history writes it. The large value says itself of which version it is.
std::string StateOf(std::string_view row) {
  const std::size_t large = row.find("\"big\":\"");
  if (large == std::string_view::npos) return "?";
  const std::uint64_t base = Member(row, "bv");
  const std::uint64_t told = std::strtoull(row.data() + large + 7, nullptr, 10);
  return std::to_string(Member(row, "v")) + '/' + std::to_string(base == told ? base : 0);
}

/// A type as it is asked for.
struct Type {
  std::string path;
  const char *prefix; ///< of its keys in the history
};
const Type kItem = {"/v1/items/item", ""};
const Type kBulk = {"/v1/items/bulk", kBulkPrefix};

/// The columns of an answer to key=in.(…).
std::string StatesOf(const std::string &body, const std::string &prefix) {
  std::string columns;
  const std::size_t missing = body.find("\"missing\":[");
  std::size_t at = body.find(":{\"id\":");
  while (at != std::string::npos && at < missing) {
    const std::size_t next = body.find(":{\"id\":", at + 1);
    const std::string_view row(body.data() + at, (next == std::string::npos ? missing : next) - at);
    columns += '\t' + prefix + std::to_string(Member(row, "id")) + '=' + StateOf(row);
    at = next;
  }
  for (at = missing == std::string::npos ? missing : body.find('"', missing + 11); at != std::string::npos;) {
    const std::size_t end = body.find('"', at + 1);
    if (end == std::string::npos) break;
    columns += '\t' + prefix + body.substr(at + 1, end - at - 1) + "=-";
    at = body.find('"', end + 1);
  }
  return columns;
}

std::string ListOf(const std::vector<int> &keys) {
  std::string list;
  for (const int key : keys)
    list += (list.empty() ? "" : ",") + std::to_string(key);
  return "?key=in.(" + list + ')';
}

struct Place {
  std::string cluster;
  int port = 0;
};

class Client {
public:
  Client(Workload &workload, Place place, std::string name)
      : workload_(workload), place_(std::move(place)), name_(std::move(name)), http_(place_.port) {}

  /// Reads and records; false when there was no answer to record.
  bool Read(const Type &type, const std::vector<int> &keys) {
    const std::int64_t begin = Now();
    const std::string asked = asks_ ? seen_ : "-";
    const std::string fields = asked == "-" ? "" : "Itemize-Min-Position: " + asked + "\r\nPrefer: wait=1\r\n";
    const bool one = keys.size() == 1;
    const std::string key = std::to_string(keys[0]);
    const HttpClient::Answer answer = http_.Get(type.path + (one ? '/' + key : ListOf(keys)), fields);
    if (answer.status != 200 && (answer.status != 404 || !one)) {
      // A position of another epoch is not to be asked with again.
      if (answer.status >= 400 && answer.status < 500) seen_ = "-";
      if (answer.status != 0) Pause(10);
      return false;
    }
    std::string line = "R\t" + std::to_string(begin) + '\t' + std::to_string(Now()) + '\t' + place_.cluster + '\t' +
                       name_ + '\t' + asked + '\t';
    const std::string position = answer.Field("itemize-position");
    line += position + '\t' + answer.Field("itemize-degraded");
    states_ = one ? '\t' + (type.prefix + key) + '=' + (answer.status == 404 ? "-" : StateOf(answer.body))
                  : StatesOf(answer.body, type.prefix);
    workload_.record.Write(line + states_);
    if (position != "-") seen_ = position;
    return true;
  }

  /// From now on it asks with the last position that it has seen.
  void AskWithPosition() { asks_ = true; }

protected:
  Workload &workload_;
  Place place_;
  std::string name_;
  HttpClient http_;
  std::string states_; ///< of the last answer, as recorded
  bool asks_ = false;
  std::string seen_ = "-";
};

void RunReader(Workload &workload, const Place &place, int number) {
  Client client(workload, place, "reader" + std::to_string(number));
  if (number % 2 == 1) client.AskWithPosition();
  std::mt19937_64 random(workload.seed * 1000 + 100 + static_cast<unsigned>(number) +
                         static_cast<unsigned char>(place.cluster.front()));
  const auto pick = [&random](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  while (workload.running) {
    const bool bulk = pick(0, 4) == 0;
    const int all = bulk ? kBulkKeys : kKeys;
    std::vector<int> keys = {pick(1, all)};
    if (pick(0, 9) == 0) {
      for (int more = 0; more < 5; ++more)
        keys.push_back(keys.back() % all + 1);
    }
    client.Read(bulk ? kBulk : kItem, keys);
    Pause(pick(0, kLongestReadPause));
  }
}

/// A live client that behaves as a browser's EventSource with a page that loads what it shows.
class Follower : public Client {
public:
  Follower(Workload &workload, const Place &place, int number)
      : Client(workload, place, "follower" + std::to_string(number)), stream_(place.port),
        random_(workload.seed * 1000 + 200 + static_cast<unsigned>(number) +
                static_cast<unsigned char>(place.cluster.front())) {
    for (int key = 1; key <= kKeys; ++key)
      all_.push_back(key);
  }

  void Run() {
    std::int64_t give_up = 0;
    while (true) {
      if (!workload_.running) {
        if (give_up == 0) give_up = Now() + kLastPatience;
        if (HasAll() || Now() > give_up) return;
      }
      if (!stream_.connected()) Connect();
      if (!stream_.connected()) continue;
      const auto block = stream_.NextBlock(100);
      if (block) Take(*block);
      if (must_load_ && Now() >= load_again_) {
        must_load_ = !Read(kItem, all_);
        if (!must_load_) Note(states_);
        load_again_ = Now() + kLoadInterval;
      }
      // Some lose their connection now and then, and come back where they were.
      if (std::uniform_int_distribution<int>(0, 3000)(random_) == 0) stream_.Close();
    }
  }

private:
  /// Remembers the version of each key in the columns.
  void Note(const std::string &columns) {
    for (std::size_t at = columns.find('\t'); at != std::string::npos; at = columns.find('\t', at + 1)) {
      const std::size_t equals = columns.find('=', at);
      newest_[columns.substr(at + 1, equals - at - 1)] = std::strtoull(columns.c_str() + equals + 1, nullptr, 10);
    }
  }

  /// Whether it has seen the last transaction of all. The rows alone do not tell: an event that came without the large
  /// value is completed from the copy, whose row may be newer, and so the last rows are seen before the last events.
  [[nodiscard]] bool HasAll() const {
    if (must_load_ || newest_.size() < static_cast<std::size_t>(kKeys) || !HasCome()) return false;
    return std::all_of(newest_.begin(), newest_.end(),
                       [this](const auto &entry) { return entry.second >= workload_.final_version; });
  }

  /// Whether its last event is as late as the last change.
  [[nodiscard]] bool HasCome() const {
    const auto position = ParsePosition(last_id_);
    return workload_.last_position && position && position->version >= workload_.last_position->version &&
           position->epoch.slot_generation >= workload_.last_position->epoch.slot_generation;
  }

  void Connect() {
    Record("S", last_id_);
    const std::string fields = last_id_ == "-" ? "" : "Last-Event-ID: " + last_id_ + "\r\n";
    if (!stream_.Open("/v1/live?items=item/*", fields)) Pause(100);
  }

  void Record(const std::string &kind, const std::string &rest) {
    workload_.record.Write((kind == "S" ? "S\t" : "E\t") + std::to_string(Now()) + '\t' + place_.cluster + '\t' +
                           name_ + '\t' + (kind == "S" ? "" : kind + '\t') + rest);
  }

  void Take(const std::string &block) {
    std::string kind = "keepalive";
    std::string data;
    bool has_id = false;
    for (std::size_t at = 0; at < block.size();) {
      const std::size_t end = block.find('\n', at);
      const std::string line = block.substr(at, end - at);
      at = end + 1;
      if (line.compare(0, 4, "id: ") == 0) {
        last_id_ = line.substr(4);
        has_id = true;
      } else if (line.compare(0, 7, "event: ") == 0) {
        kind = line.substr(7);
      } else if (line.compare(0, 6, "data: ") == 0) {
        data = line.substr(6);
      }
    }
    if (!has_id && data.empty()) return;
    const std::string id = has_id ? last_id_ : "-";
    if (kind != "item" || data.find("\"key\":\"") == std::string::npos) {
      if (kind == "item") kind = "truncate";
      Record(kind, id);
      if (kind == "resync" || kind == "truncate" || (kind == "hello" && !loaded_once_)) must_load_ = true;
      if (kind == "hello") loaded_once_ = true;
      return;
    }
    const auto text_of = [&data](const std::string &name) {
      const std::size_t begin = data.find('"' + name + "\":\"") + name.size() + 4;
      return data.substr(begin, data.find('"', begin) - begin);
    };
    const std::string operation = text_of("op");
    const std::size_t row = data.find("\"item\":{");
    const std::string state = operation == "delete"      ? "-"
                              : row == std::string::npos ? "?"
                                                         : StateOf(std::string_view(data).substr(row));
    const std::string shown = text_of("key") + '=' + state;
    Record(kind, id + '\t' + operation + '\t' + shown);
    Note('\t' + shown);
  }

  HttpClient stream_;
  std::mt19937_64 random_;
  std::vector<int> all_;
  std::map<std::string, std::uint64_t> newest_;
  std::string last_id_ = "-";
  bool must_load_ = false;
  std::int64_t load_again_ = 0; ///< not before
  bool loaded_once_ = false;
};

int Run(int argc, char **argv) {
  // Threads inherit the mask, so the signals wait for the one that looks for them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Workload workload(argv[2], argv[1], std::strtoull(argv[3], nullptr, 10));
  if (!workload.record.ok()) {
    std::fprintf(stderr, "fault_workload: cannot write %s\n", argv[2]);
    return 1;
  }
  WriteAll(workload);
  std::vector<std::thread> writers;
  for (int number = 1; number <= kWriters; ++number)
    writers.emplace_back([&workload, number] { RunWriter(workload, number); });
  std::vector<std::thread> others;
  for (int i = 4; i < argc; ++i) {
    const std::string text = argv[i];
    const std::size_t equals = text.find('=');
    const Place place{text.substr(0, equals), std::atoi(text.c_str() + equals + 1)};
    for (int number = 0; number < kReadersPerCluster; ++number)
      others.emplace_back([&workload, place, number] { RunReader(workload, place, number); });
    for (int number = 0; number < kFollowersPerCluster; ++number)
      others.emplace_back([&workload, place, number] { Follower(workload, place, number).Run(); });
  }
  bool finished = false;
  while (workload.running) {
    const timespec second{1, 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    if (signal == SIGUSR1 || signal == SIGTERM) workload.writing = false;
    if (signal == SIGTERM) workload.running = false;
    if (signal == SIGUSR1 && !finished) {
      for (std::thread &thread : writers)
        thread.join();
      const Written last = WriteAll(workload);
      workload.final_version = last.version;
      workload.last_position = last.last_change;
      std::printf("finished\n");
      std::fflush(stdout);
      finished = true;
    }
    workload.record.Flush();
  }
  for (std::thread &thread : writers) {
    if (thread.joinable()) thread.join();
  }
  for (std::thread &thread : others)
    thread.join();
  return 0;
}

} // namespace
} // namespace itemize::faults

int main(int argc, char **argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: fault_workload DATABASE FILE SEED CLUSTER=PORT ...\n");
    return 2;
  }
  return itemize::faults::Run(argc, argv);
}
