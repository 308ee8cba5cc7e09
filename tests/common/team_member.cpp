/// @file
/// One process of a team, for team_processes_test.py: joins the others, and does what the words say.
///
/// usage: team_member [patience=SECONDS] [steps=N] [die=RANK] [at=STEP] [how=kill|exit|throw|sleep|stop|interrupt]
///        [only=RANK setting=VALUE] [numbers=N]

#include <fmt/format.h>
#include <torch/torch.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/program.h"
#include "common/team.h"

namespace verse {
namespace {

using Words = std::map<std::string, std::string>;

Words read_words(int argc, char** argv) {
  Words words{{"patience", "8"}, {"steps", "20"}, {"die", "-1"},      {"at", "10"},
              {"how", "kill"},   {"only", "-1"},  {"setting", "one"}, {"numbers", "1000"}};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.find('=');
    if (equals == std::string::npos || words.count(word.substr(0, equals)) == 0) {
      throw UsageError(fmt::format("\"{}\" is no word of this program", word));
    }
    words[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return words;
}

/// Ends, or falls silent, in one of the ways in which processes do.
void misbehave(const std::string& how) {
  std::fflush(stdout);
  if (how == "kill") ::kill(::getpid(), SIGKILL);
  if (how == "stop") ::kill(::getpid(), SIGSTOP);
  if (how == "interrupt") ::kill(::getpid(), SIGINT);
  if (how == "exit") std::_Exit(3);
  if (how == "throw") throw std::runtime_error("it was told to");
  if (how == "sleep") std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Every sum that a rank makes must be what arithmetic says. @return whether to go on, as all agree
bool take_step(Team& team, std::int64_t step, std::int64_t numbers) {
  const auto x = torch::full({numbers}, static_cast<double>(team.rank() + 1 + step), torch::kFloat64);
  team.sum(x);
  const double n = team.size(), expected = n * (n + 1) / 2 + n * static_cast<double>(step);
  if (!torch::equal(x, torch::full_like(x, expected))) throw std::runtime_error("a sum is wrong");
  return team.sum(interrupted() ? 1.0 : 0.0) == 0;
}

int run(int argc, char** argv) {
  const Words words = read_words(argc, argv);
  catch_interrupts();
  torch::set_num_threads(1);
  const Place place = place_from_environment();
  Team team(place, std::chrono::milliseconds(std::stoll(words.at("patience")) * 1000), torch::kCPU);
  std::int64_t step = 0;
  try {
    const bool differs = team.rank() == std::stoi(words.at("only"));
    team.agree_on({{"steps", words.at("steps")}, {"setting", differs ? words.at("setting") : "zero"}});
    const std::string greeting = team.broadcast(fmt::format("rank {} greets", team.rank()), team.size() - 1);
    for (bool goes_on = true; goes_on && step < std::stoll(words.at("steps")); ++step) {
      if (team.rank() == std::stoi(words.at("die")) && step == std::stoll(words.at("at"))) misbehave(words.at("how"));
      goes_on = take_step(team, step, std::stoll(words.at("numbers")));
    }
    team.part();
    fmt::print("rank {} of {} ({}), {} here: {} steps, {}\n", team.rank(), team.size(), place.launcher,
               place.local_rank, step, greeting);
  } catch (const std::exception& error) {
    team.give_up(error.what());
    throw;
  }
  if (interrupted()) throw Interrupted("interrupted");
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
