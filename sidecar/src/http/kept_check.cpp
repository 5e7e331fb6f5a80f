#include "http/kept_check.hpp"

#include <boost/asio/post.hpp>

#include <unistd.h>

#include <exception>
#include <iterator>
#include <unordered_map>
#include <utility>

namespace itemize::sidecar::http {

namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

namespace {

/// How late a stop may be noticed while nobody wants a connection.
constexpr std::chrono::milliseconds kIdle{200};
/// Between attempts to connect.
constexpr std::chrono::milliseconds kRetryAfter{100};
/// Asked about at once: less than a millisecond of Redis.
constexpr std::size_t kMostAtOnce = 250;
/// As of a reader.
const RedisTimeouts kRedisTimeouts{std::chrono::milliseconds(1000), std::chrono::milliseconds(1500)};

} // namespace

KeptCheck::Link::Link(asio::io_context &loop, std::unique_ptr<RedisConnection> connection)
    : redis(std::move(connection)), descriptor(loop, dup(redis->descriptor())) {}

KeptCheck::KeptCheck(asio::io_context &loop, read::ReadBackends &backends)
    : loop_(loop), backends_(backends), deadline_(loop) {}

bool KeptCheck::Ask(read::KeptQuestion question, Said said) {
  if (!link_) {
    WantConnection();
    return false;
  }
  waiting_.push_back({std::move(question), std::move(said), std::nullopt});
  if (!asked_.empty() || scheduled_) return true;
  scheduled_ = true;
  // Requests that have arrived together are asked for together.
  asio::post(loop_, [this] {
    scheduled_ = false;
    AskForAll();
  });
  return true;
}

void KeptCheck::WantConnection() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(wanted_, true)) return;
  }
  wanted_changed_.notify_one();
}

bool KeptCheck::IsWanted() {
  std::unique_lock<std::mutex> lock(mutex_);
  return wanted_changed_.wait_for(lock, kIdle, [this] { return wanted_; });
}

void KeptCheck::Run(const StopToken &stop) {
  while (!stop.stopped()) {
    if (!IsWanted()) continue;
    try {
      auto redis = std::make_unique<RedisConnection>(backends_.redis_endpoint, kRedisTimeouts);
      read::LocalCopy::PrepareCheck(*redis);
      asio::post(loop_, [this, made = std::move(redis)]() mutable { Adopt(std::move(made)); });
    } catch (const RedisError &) {
      stop.WaitFor(kRetryAfter); // the workers find out what it is, and say so
    }
    // Whoever finds no connection wants one again.
    const std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = false;
  }
}

void KeptCheck::Adopt(std::unique_ptr<RedisConnection> connection) {
  if (link_) return; // wanted once more while it was being made
  connection->DoNotWait();
  link_ = std::make_shared<Link>(loop_, std::move(connection));
}

void KeptCheck::AskForAll() {
  if (!link_ || waiting_.empty() || !asked_.empty()) return;
  if (waiting_.size() <= kMostAtOnce) {
    asked_.swap(waiting_);
  } else {
    const auto end = waiting_.begin() + kMostAtOnce;
    asked_.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  const auto questions = Questions();
  if (questions.empty()) {
    Give({});
    return AskForAll();
  }
  questions_ = questions.size();
  floor_ = backends_.floor.Get();
  asked_at_ = Clock::now();
  if (!std::exchange(watched_, true)) Watch(asked_at_ + kRedisTimeouts.command);
  try {
    link_->redis->Append(backends_.local.CheckCommand(questions));
  } catch (const RedisError &) {
    return GiveUp();
  }
  SendRest();
}

std::vector<read::KeptQuestion> KeptCheck::Questions() {
  // Each item is asked about once, however many wait for it.
  std::vector<read::KeptQuestion> questions;
  questions.reserve(asked_.size());
  std::unordered_map<const read::KeptItem *, std::size_t> places;
  for (Asked &asked : asked_) {
    const read::KeptQuestion &question = asked.question;
    if (backends_.shown_uncached.DueOf(question.type, {question.key})) continue;
    const auto [place, is_new] = places.emplace(question.item.get(), questions.size());
    if (is_new) questions.push_back(question);
    asked.place = place->second;
  }
  return questions;
}

void KeptCheck::Wait(Descriptor::wait_type what, void (KeptCheck::*then)()) {
  link_->descriptor.async_wait(what, [this, link = link_, then](const error_code &error) {
    if (link != link_) return;
    if (error) return GiveUp();
    (this->*then)();
  });
}

void KeptCheck::Watch(Clock::time_point until) {
  // To move a timer with each question costs more than to look once whether the one of that moment is late.
  deadline_.expires_at(until);
  deadline_.async_wait([this](const error_code &error) {
    watched_ = false;
    if (error || asked_.empty()) return;
    const auto due = asked_at_ + kRedisTimeouts.command;
    if (due <= Clock::now()) return GiveUp();
    watched_ = true;
    Watch(due);
  });
}

void KeptCheck::SendRest() {
  try {
    if (!link_->redis->SendSome()) return Wait(Descriptor::wait_write, &KeptCheck::SendRest);
  } catch (const RedisError &) {
    return GiveUp();
  }
  AwaitAnswer();
}

void KeptCheck::AwaitAnswer() { Wait(Descriptor::wait_read, &KeptCheck::OnReadable); }

void KeptCheck::OnReadable() {
  read::Checked checked;
  try {
    const auto reply = link_->redis->ReceiveSome();
    if (!reply) return AwaitAnswer();
    reply->ThrowIfError();
    checked = read::LocalCopy::CheckedOf(*reply, questions_, link_->redis->RunId());
  } catch (const RedisError &) {
    return GiveUp(); // an unknown script among others: a new connection knows it
  }
  Give(checked);
  AskForAll();
}

template <typename Tell>
void KeptCheck::TellEach(const std::vector<Asked> &all, Tell tell) {
  // That one cannot be answered (out of memory, say) is no reason for the others not to be.
  std::exception_ptr failure;
  for (const Asked &asked : all) {
    try {
      tell(asked);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void KeptCheck::Give(const read::Checked &checked) {
  const bool usable = checked.position && !(floor_ && read::PositionFloor::IsBelow(*checked.position, *floor_));
  if (usable) backends_.floor.Raise(*checked.position);
  const auto answered = std::exchange(asked_, {});
  TellEach(answered, [&checked, usable](const Asked &asked) {
    const bool same = usable && asked.place && checked.same[*asked.place] == '1';
    asked.said(same ? checked.position : std::nullopt);
  });
}

void KeptCheck::GiveUp() {
  link_.reset();
  WantConnection();
  auto given_up = std::exchange(asked_, {});
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(given_up));
  waiting_.clear();
  TellEach(given_up, [](const Asked &asked) { asked.said(std::nullopt); });
}

void KeptCheck::Close() {
  link_.reset();
  deadline_.cancel();
  asked_.clear();
  waiting_.clear();
}

} // namespace itemize::sidecar::http
