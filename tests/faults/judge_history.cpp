// `judge_history FILE...`: judges the history that the files hold together. Status 0 when nothing is wrong, 1 when
// something is (one line for each finding), 2 when it cannot be judged.
#include "judge.hpp"

#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: judge_history FILE...\n");
    return 2;
  }
  try {
    itemize::faults::History history;
    for (int i = 1; i < argc; ++i) {
      std::ifstream in(argv[i], std::ios::binary);
      if (!in) throw std::runtime_error(std::string("cannot read ") + argv[i]);
      const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      itemize::faults::ParseHistory(text, history);
    }
    const itemize::faults::Verdict verdict = itemize::faults::Judge(history);
    for (const auto &[name, count] : verdict.counts)
      std::printf("%s: %zu\n", name.c_str(), count);
    for (const itemize::faults::Finding &finding : verdict.findings)
      std::printf("FOUND %s: %s\n", finding.rule.c_str(), finding.text.c_str());
    return verdict.findings.empty() ? 0 : 1;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "judge_history: %s\n", error.what());
    return 2;
  }
}
