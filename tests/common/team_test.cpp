#include "common/team.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>

#include "common/base/error.h"
#include "tests/common/team_threads.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

using Variables = std::map<std::string, std::string>;

Place place_from(const Variables& variables) {
  return place_from_environment([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

std::string complaint(const Variables& variables) {
  return message_of<UsageError>([&] { place_from(variables); });
}

TEST(Place, IsAloneWithoutALauncher) {
  const Place place = place_from({{"RANK", "3"}, {"MASTER_PORT", "1"}});
  EXPECT_EQ(place.rank, 0);
  EXPECT_EQ(place.size, 1);
}

TEST(Place, IsReadFromEachLauncher) {
  const Place plain = place_from({{"WORLD_SIZE", "4"}, {"RANK", "3"}, {"MASTER_ADDR", "host7"}, {"MASTER_PORT", "77"}});
  EXPECT_EQ(plain.rank, 3);
  EXPECT_EQ(plain.size, 4);
  EXPECT_EQ(plain.local_rank, 3);
  EXPECT_EQ(plain.address, "host7");
  EXPECT_EQ(plain.port, 77);
  EXPECT_FALSE(plain.hosted);

  const Place torchrun = place_from({{"WORLD_SIZE", "4"},
                                     {"RANK", "3"},
                                     {"LOCAL_RANK", "1"},
                                     {"LOCAL_WORLD_SIZE", "2"},
                                     {"MASTER_ADDR", "host7"},
                                     {"MASTER_PORT", "77"},
                                     {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                     {"TORCHELASTIC_RUN_ID", "blue"},
                                     {"TORCHELASTIC_RESTART_COUNT", "2"},
                                     {"OMPI_COMM_WORLD_SIZE", "9"}});
  EXPECT_EQ(torchrun.size, 4) << "plain names count before others";
  EXPECT_EQ(torchrun.local_rank, 1);
  EXPECT_EQ(torchrun.local_size, 2);
  EXPECT_TRUE(torchrun.hosted);
  EXPECT_EQ(torchrun.job, "blue/2") << "a second attempt meets nothing that the first has left";

  const Place open_mpi = place_from({{"OMPI_COMM_WORLD_SIZE", "2"},
                                     {"OMPI_COMM_WORLD_RANK", "1"},
                                     {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                                     {"PMIX_NAMESPACE", "prterun-7"}});
  EXPECT_EQ(open_mpi.rank, 1);
  EXPECT_EQ(open_mpi.address, "127.0.0.1");
  EXPECT_EQ(open_mpi.job, "prterun-7");

  const Place hydra = place_from({{"PMI_SIZE", "3"}, {"PMI_RANK", "2"}, {"MPI_LOCALRANKID", "0"}});
  EXPECT_EQ(hydra.rank, 2);
  EXPECT_EQ(hydra.size, 3);
  EXPECT_EQ(hydra.local_rank, 0);

  const Place slurm = place_from({{"SLURM_STEP_NUM_TASKS", "8"},
                                  {"SLURM_PROCID", "5"},
                                  {"SLURM_LOCALID", "1"},
                                  {"SLURM_STEP_NODELIST", "node[03-07,9],other1"},
                                  {"SLURM_JOB_ID", "20007"}});
  EXPECT_EQ(slurm.rank, 5);
  EXPECT_EQ(slurm.local_rank, 1);
  EXPECT_EQ(slurm.address, "node03");
  EXPECT_EQ(slurm.port, 15007);
  EXPECT_EQ(slurm.job, "20007");
  const auto first_of = [](const std::string& list) {
    return place_from({{"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_PROCID", "0"}, {"SLURM_STEP_NODELIST", list}}).address;
  };
  EXPECT_EQ(first_of("alpha"), "alpha");
  EXPECT_EQ(first_of("alpha,beta[1-2]"), "alpha");
  EXPECT_EQ(first_of("n[5]"), "n5");
}

TEST(Place, RefusesWhatCannotBe) {
  EXPECT_NE(complaint({{"WORLD_SIZE", "two"}, {"RANK", "0"}}).find("WORLD_SIZE"), std::string::npos);
  EXPECT_NE(complaint({{"WORLD_SIZE", "0"}, {"RANK", "0"}}).find("WORLD_SIZE"), std::string::npos);
  EXPECT_NE(complaint({{"WORLD_SIZE", "2"}}).find("RANK"), std::string::npos);
  EXPECT_NE(complaint({{"WORLD_SIZE", "2"}, {"RANK", "2"}}).find("between 0 and 1"), std::string::npos);
  EXPECT_NE(complaint({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_PORT", "70000"}}).find("MASTER_PORT"),
            std::string::npos);
  EXPECT_NE(
      complaint({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}})
          .find("MASTER_ADDR"),
      std::string::npos)
      << "on several machines, somebody has to say where rank 0 is";
}

TEST(Team, OfOneDoesNothing) {
  Team team;
  const auto x = torch::full({3}, 2.0);
  team.sum(x);
  team.broadcast(x);
  team.barrier();
  team.agree_on({{"a", "b"}});
  EXPECT_TRUE(torch::equal(x, torch::full({3}, 2.0)));
  EXPECT_EQ(team.sum(2.5), 2.5);
  EXPECT_EQ(team.broadcast("text"), "text");
  EXPECT_TRUE(team.leads());
  team.part();
}

TEST(Team, SumsAndBroadcasts) {
  for (const int size : {2, 3, 4}) {
    run_good_team(size, [size](Team& team) {
      team.agree_on({{"--width", "8"}, {"text", ""}});
      const double n = size;
      for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kBFloat16, torch::kInt64}) {
        const auto x = torch::full({5, 7}, team.rank() + 1, type);
        team.sum(x);
        EXPECT_TRUE(torch::equal(x, torch::full({5, 7}, n * (n + 1) / 2, type))) << c10::toString(type);
        const auto y = torch::full({3}, 10 * team.rank(), type);
        team.broadcast(y, size - 1);
        EXPECT_TRUE(torch::equal(y, torch::full({3}, 10 * (size - 1), type)));
      }
      EXPECT_EQ(team.sum(0.5), 0.5 * n);
      EXPECT_EQ(team.broadcast(std::string(100'000, 'a' + team.rank()), 1), std::string(100'000, 'b'));
      EXPECT_EQ(team.broadcast(team.leads() ? "" : "x"), "");
      team.barrier();
    });
  }
}

TEST(Team, AveragesGradients) {
  run_good_team(3, [](Team& team) {
    std::vector<torch::Tensor> parameters;
    for (const std::int64_t length : {4, 0, 6}) {
      parameters.push_back(torch::zeros({length, 2}, torch::kFloat64).requires_grad_());
      parameters.back().mutable_grad() =
          torch::full({length, 2}, static_cast<double>(length * team.rank()), torch::kFloat64);
    }
    parameters.push_back(torch::zeros({2}).requires_grad_());  // has none
    team.average_gradients(parameters);
    EXPECT_TRUE(torch::allclose(parameters[0].grad(), torch::full({4, 2}, 4.0, torch::kFloat64), 1e-12));
    EXPECT_TRUE(torch::allclose(parameters[2].grad(), torch::full({6, 2}, 6.0, torch::kFloat64), 1e-12));
    EXPECT_FALSE(parameters[3].grad().defined());
    parameters[0].mutable_grad().fill_(1 + 1.0 / 512);
    team.average_gradients(parameters, SumPrecision::bfloat16);
    EXPECT_NEAR(parameters[0].grad()[0][0].item<double>(), 1, 0.02);
    EXPECT_NE(parameters[0].grad()[0][0].item<double>(), 1 + 1.0 / 512);
  });
}

TEST(Team, SendsFromOneToAnother) {
  run_good_team(2, [](Team& team) {
    for (int message = 0; message < 3; ++message) {
      const auto out = torch::full({1000}, 10.0 * team.rank() + message);
      auto in = torch::zeros({1000});
      auto sending = team.start_sending(out, 1 - team.rank());
      team.receive(in, 1 - team.rank());
      sending->wait();
      EXPECT_TRUE(torch::equal(in, torch::full({1000}, 10.0 * (1 - team.rank()) + message)));
    }
  });
}

TEST(Team, RefusesUnequalSettings) {
  const auto errors = run_team(3, [](Team& team) {
    team.agree_on({{"--width", "8"}});
    team.agree_on({{"--width", "8"}, {"--steps", team.rank() == 2 ? "7" : "9"}});
  });
  for (const std::string& error : errors) {
    EXPECT_EQ(error.find("rank 2 has --steps 7, and rank 0 has --steps 9"), 0U) << error;
  }
}

TEST(Team, NamesARankThatEnds) {
  const auto errors = run_team(3, [](Team& team) {
    const auto x = torch::ones({10});
    team.sum(x);
    if (team.rank() == 1) {
      team.give_up("its disk is full");
      throw std::runtime_error("its disk is full");
    }
    for (int step = 0; step < 1000; ++step) team.sum(x);
  });
  EXPECT_EQ(errors[0], "rank 1 ended: its disk is full");
  EXPECT_EQ(errors[1], "its disk is full");
  EXPECT_EQ(errors[2], "rank 1 ended: its disk is full");
}

}  // namespace
}  // namespace verse
