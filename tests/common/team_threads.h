#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/team.h"

namespace verse {

/// A port that nobody listens at.
inline int free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool found = ::bind(probe, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(probe);
  return found ? ntohs(address.sin_port) : 0;
}

/// c10d keeps a record of what it was asked, one for the whole process, and adds a group to it without a lock: ranks
/// that are threads would write to one map at a time. It is switched off before c10d first looks whether it is wanted.
inline void forget_flights() {
  for (const char* name : {"TORCH_FR_BUFFER_SIZE", "TORCH_NCCL_TRACE_BUFFER_SIZE"}) ::setenv(name, "0", 1);
}

/// Runs `work` on each rank of a team whose ranks are threads of this process. @return what each threw, as text
inline std::vector<std::string> run_team(int size, const std::function<void(Team&)>& work,
                                         std::chrono::milliseconds patience = std::chrono::seconds(60)) {
  forget_flights();
  const int port = free_port();
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      Place place;
      place.rank = place.local_rank = rank;
      place.size = size;
      place.port = port;
      try {
        Team team(place, patience, torch::kCPU);
        work(team);
        team.part();
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(rank)] = error.what();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return errors;
}

/// The same, where nothing may go wrong.
inline void run_good_team(int size, const std::function<void(Team&)>& work) {
  const auto errors = run_team(size, work);
  for (std::size_t rank = 0; rank < errors.size(); ++rank) EXPECT_EQ(errors[rank], "") << "rank " << rank;
}

}  // namespace verse
