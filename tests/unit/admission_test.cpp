#include "admission/register.hpp"
#include "base/recent_map.hpp"
#include "base/sha256.hpp"
#include "http/client_address.hpp"
#include "http/client_limits.hpp"
#include "http/limiter.hpp"
#include "identity/api_token.hpp"
#include "itemize/internal_types.hpp"

#include <gtest/gtest.h>

#include <string>

namespace itemize::sidecar {
namespace {

using admission::Block;
using admission::Register;
using Trust = Register::Trust;

Position At(Lsn lsn) { return {Epoch{1, 1, 1}, {lsn, 1}}; }

const std::string kToken = "itz_" + std::string(64, 'a');

std::string Row(const std::string &rest = {}) {
  return R"({"subject":"ann","roles":["editor"],"scopes":["read","live"])" + rest + '}';
}

TEST(RecentMap, ForgetsWhatWasNotUsedLately) {
  RecentMap<int> map(2);
  map.Put("a", 1);
  map.Put("b", 2);
  map.Put("c", 3);
  ASSERT_TRUE(map.Find("a"));
  EXPECT_EQ(*map.Find("a"), 1);
  map.Put("d", 4);
  EXPECT_TRUE(map.Find("a"));
  EXPECT_FALSE(map.Find("b"));
  map.Put("a", 5);
  EXPECT_EQ(*map.Find("a"), 5);
  map.Erase("a");
  EXPECT_FALSE(map.Find("a"));
}

TEST(Limiter, GivesABurstAndThenARate) {
  http::Limiter limiter;
  const identity::Rate rate{2, 3};
  const http::Limiter::Clock::time_point start{};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(limiter.Take("a", rate, start), 0);
  EXPECT_EQ(limiter.Take("a", rate, start), 1);
  EXPECT_EQ(limiter.Take("b", rate, start), 0);
  EXPECT_EQ(limiter.Take("a", rate, start + std::chrono::milliseconds(500)), 0);
  EXPECT_EQ(limiter.Take("a", rate, start + std::chrono::milliseconds(501)), 1);
  // No more than the burst, however long nothing was asked.
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(limiter.Take("a", rate, start + std::chrono::hours(1)), 0);
  EXPECT_EQ(limiter.Take("a", rate, start + std::chrono::hours(1)), 1);
  EXPECT_EQ(limiter.Take("slow", {0.01, 1}, start), 0);
  EXPECT_EQ(limiter.Take("slow", {0.01, 1}, start), 100);
}

std::string ClientOf(const std::string &peer, const std::vector<std::string> &fields, const std::string &trusted) {
  http::RequestHead head;
  for (const std::string &value : fields)
    head.fields.push_back({"x-forwarded-for", value});
  const auto network = http::ParseNetwork(trusted);
  return http::ClientAddress(boost::asio::ip::make_address(peer), head, {network.value()}).to_string();
}

TEST(ClientAddress, IsTheLastThatNoTrustedProxyHas) {
  EXPECT_EQ(ClientOf("10.0.0.1", {"1.1.1.1"}, "10.0.0.0/8"), "1.1.1.1");
  EXPECT_EQ(ClientOf("11.0.0.1", {"1.1.1.1"}, "10.0.0.0/8"), "11.0.0.1");
  EXPECT_EQ(ClientOf("10.0.0.1", {"9.9.9.9, 1.1.1.1, 10.2.3.4"}, "10.0.0.0/8"), "1.1.1.1");
  EXPECT_EQ(ClientOf("10.0.0.1", {"9.9.9.9", "1.1.1.1", "10.2.3.4"}, "10.0.0.0/8"), "1.1.1.1");
  EXPECT_EQ(ClientOf("10.0.0.1", {}, "10.0.0.0/8"), "10.0.0.1");
  EXPECT_EQ(ClientOf("10.0.0.1", {"1.1.1.1, unknown"}, "10.0.0.0/8"), "10.0.0.1");
  EXPECT_EQ(ClientOf("10.0.0.1", {"1.1.1.1, "}, "10.0.0.0/8"), "10.0.0.1");
  EXPECT_EQ(ClientOf("::ffff:10.0.0.1", {"[2001:db8::1]:443"}, "10.0.0.0/8"), "2001:db8::1");
  EXPECT_EQ(ClientOf("10.0.0.1", {"1.1.1.1:8080"}, "10.0.0.0/8"), "1.1.1.1");
  EXPECT_EQ(ClientOf("10.0.0.1", {"10.0.0.2"}, "10.0.0.0/8"), "10.0.0.2");
}

TEST(ClientAddress, CountsNetworksOfIpv6) {
  const auto key = [](const char *text) { return http::AddressKey(boost::asio::ip::make_address(text)); };
  EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
  EXPECT_NE(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
  EXPECT_EQ(key("::ffff:1.2.3.4"), key("1.2.3.4"));
  EXPECT_NE(key("1.2.3.4"), key("1.2.3.5"));
}

TEST(ClientAddress, ReadsNetworks) {
  for (const char *text : {"", "x", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::1/129", "1.2.3.4/8/8"})
    EXPECT_FALSE(http::ParseNetwork(text)) << text;
  const auto contains = [](const char *network, const char *address) {
    return http::ParseNetwork(network).value().Contains(boost::asio::ip::make_address(address));
  };
  EXPECT_TRUE(contains("10.20.30.40/31", "10.20.30.41"));
  EXPECT_FALSE(contains("10.20.30.40/31", "10.20.30.42"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_TRUE(contains("::1", "::1"));
}

TEST(ClientLimits, CountLiveSubscriptionsAsLongAsTheyAreHeld) {
  Metrics metrics;
  http::ClientLimitOptions options;
  options.live_of_address = 2;
  options.live_of_client = 1;
  http::ClientLimits limits(options, metrics);
  auto first = limits.TakeLive("home", "ann");
  ASSERT_TRUE(first);
  EXPECT_FALSE(limits.TakeLive("elsewhere", "ann"));
  auto second = limits.TakeLive("home", "");
  ASSERT_TRUE(second);
  EXPECT_FALSE(limits.TakeLive("home", "bob"));
  EXPECT_TRUE(limits.TakeLive("elsewhere", "bob"));
  first.reset();
  EXPECT_TRUE(limits.TakeLive("home", "ann"));
  http::ClientLimits none({}, metrics);
  EXPECT_TRUE(none.TakeLive("home", "ann"));
}

TEST(ApiToken, HasOneForm) {
  EXPECT_EQ(identity::ApiTokenHash(kToken), Sha256Hex(kToken));
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  for (const std::string &other : {std::string(), std::string("itz_"), kToken + "a", kToken.substr(1),
                                   "itz_" + std::string(64, 'A'), "itz_" + std::string(63, 'a') + '\n'})
    EXPECT_FALSE(identity::ApiTokenHash(other)) << other;
}

TEST(ApiToken, StandsForWhatItsRowSays) {
  const auto caller =
      identity::ApiTokenIdentity("0123456789abcdefg", Row(R"(,"expires":2000000000,"rate":5,"burst":null)"));
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->subject, "ann");
  EXPECT_EQ(caller->subject_hash, Sha256Hex("ann"));
  EXPECT_TRUE(caller->HasRole("editor"));
  EXPECT_TRUE(caller->Has(identity::Scope::kRead));
  EXPECT_FALSE(caller->Has(identity::Scope::kWrite));
  EXPECT_EQ(caller->expires.time_since_epoch(), std::chrono::seconds(2000000000));
  EXPECT_EQ(caller->claims, R"({"role":"editor","scopes":["read","live"],"sub":"ann","token_id":"0123456789abcdef"})");
  ASSERT_TRUE(caller->rate);
  EXPECT_EQ(caller->rate->burst, 5);
  EXPECT_EQ(identity::ApiTokenIdentity("a", Row())->expires, std::chrono::system_clock::time_point::max());
  EXPECT_FALSE(identity::ApiTokenIdentity("a", Row())->rate);
}

TEST(ApiToken, IsNoneWhenItsRowIsNotUnderstood) {
  for (const char *row :
       {"", "null", "{}", R"({"subject":"","roles":[],"scopes":[]})", R"({"subject":"ann","roles":"x","scopes":[]})",
        R"({"subject":"ann","roles":[],"scopes":[1]})", R"({"subject":"ann","roles":[],"scopes":[],"expires":"soon"})"})
    EXPECT_FALSE(identity::ApiTokenIdentity("a", row)) << row;
}

/// A piece with one change; the key of all is "k".
std::string Piece(char kind, std::string_view type) {
  std::string piece = "B\t1\t0/C8\t7\t1\t\n";
  piece += kind;
  piece += "\t1\t" + std::string(type) + "\t0\tk";
  if (kind == 'I' || kind == 'U') piece += "\t{\"until\":null}\t12";
  return piece + "\nC\t0/C8\n";
}

class RegisterTest : public testing::Test {
protected:
  RegisterTest() { known_.Reset(At(100)); }

  identity::Caller Caller(const std::string &token = "k", const std::string &subject = "s") {
    auto caller = std::make_shared<identity::Identity>();
    caller->token_hash = token;
    caller->subject_hash = subject;
    return caller;
  }

  Register known_;
};

TEST_F(RegisterTest, KnowsWhatItWasTold) {
  EXPECT_FALSE(known_.FindToken("k", Trust::kCurrent));
  known_.KeepToken("k", Caller(), At(100));
  ASSERT_TRUE(known_.FindToken("k", Trust::kCurrent));
  EXPECT_TRUE(*known_.FindToken("k", Trust::kCurrent));
  known_.KeepToken("none", nullptr, At(100));
  ASSERT_TRUE(known_.FindToken("none", Trust::kCurrent));
  EXPECT_FALSE(*known_.FindToken("none", Trust::kCurrent));
}

TEST_F(RegisterTest, KeepsNothingFromBeforeAChange) {
  known_.Note(Piece('D', kTokenType), At(200));
  known_.KeepToken("k", Caller(), At(199));
  EXPECT_FALSE(known_.FindToken("k", Trust::kCurrent));
  known_.KeepToken("k", Caller(), std::nullopt);
  EXPECT_FALSE(known_.FindToken("k", Trust::kCurrent));
  known_.KeepToken("k", Caller(), At(200));
  EXPECT_TRUE(known_.FindToken("k", Trust::kCurrent));
  known_.KeepBlock("s", {}, Position{Epoch{1, 1, 2}, {300, 1}});
  EXPECT_FALSE(known_.FindBlock("s", Trust::kCurrent));
}

TEST_F(RegisterTest, ForgetsWhatChanges) {
  for (const char kind : {'I', 'U', 'D'}) {
    known_.KeepToken("k", Caller(), At(300));
    known_.KeepBlock("k", {}, At(300));
    known_.Note(Piece(kind, "item"), At(200));
    EXPECT_TRUE(known_.FindToken("k", Trust::kCurrent)) << kind;
    known_.Note(Piece(kind, kTokenType), At(200));
    EXPECT_FALSE(known_.FindToken("k", Trust::kCurrent)) << kind;
    EXPECT_TRUE(known_.FindBlock("k", Trust::kCurrent)) << kind;
    known_.Note(Piece(kind, kBlockType), At(200));
    EXPECT_FALSE(known_.FindBlock("k", Trust::kWhateverIsHeld)) << kind;
  }
  known_.KeepToken("k", Caller(), At(300));
  known_.NoteHealed(kTokenType, "k", At(300));
  EXPECT_FALSE(known_.FindToken("k", Trust::kCurrent));
  known_.KeepToken("k", Caller(), At(300));
  known_.Reset(At(400));
  EXPECT_FALSE(known_.FindToken("k", Trust::kWhateverIsHeld));
}

TEST_F(RegisterTest, IsTrustedWhileChangesComeIn) {
  known_.KeepToken("k", Caller(), At(100));
  known_.Suspend();
  EXPECT_FALSE(known_.FindToken("k", Trust::kCurrent));
  EXPECT_TRUE(known_.FindToken("k", Trust::kWhateverIsHeld));
  known_.KeepToken("other", Caller(), At(100));
  EXPECT_FALSE(known_.FindToken("other", Trust::kWhateverIsHeld));
  known_.Resume();
  EXPECT_TRUE(known_.FindToken("k", Trust::kCurrent));
}

TEST_F(RegisterTest, EndsStreamsOfWhoWasVerifiedBefore) {
  const auto before = Caller();
  const auto another = Caller("other", "t");
  EXPECT_FALSE(known_.Ends(*before));
  known_.Note(Piece('I', kTokenType), At(200)); // a token that is made has no streams yet
  EXPECT_FALSE(known_.Ends(*before));
  known_.Note(Piece('D', kTokenType), At(201));
  EXPECT_TRUE(known_.Ends(*before));
  EXPECT_FALSE(known_.Ends(*another));
  const auto since = Caller();
  EXPECT_FALSE(known_.Ends(*since));
  const auto by_subject = Caller("another", "k");
  known_.Note(Piece('I', kBlockType), At(202));
  EXPECT_TRUE(known_.Ends(*by_subject));
  EXPECT_FALSE(known_.Ends(*another));
  known_.Reset(At(300));
  EXPECT_TRUE(known_.Ends(*another));
}

TEST(Block, HoldsUntilItsEnd) {
  const std::chrono::system_clock::time_point now{std::chrono::seconds(1000)};
  EXPECT_FALSE(Block{}.HoldsAt(now));
  EXPECT_FALSE(Block{1000}.HoldsAt(now));
  EXPECT_TRUE(Block{1001}.HoldsAt(now));
  EXPECT_TRUE(Block{Block::kForEver}.HoldsAt(now));
}

} // namespace
} // namespace itemize::sidecar
