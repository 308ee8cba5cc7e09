/// @file
/// How the processes of a team find each other.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <future>
#include <memory>
#include <thread>

#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/team_engine.h"

namespace verse {

namespace {

#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC 0  // macOS has no such sockets
#endif

using Clock = std::chrono::steady_clock;

/// A host's addresses, freed when done with.
class Addresses {
 public:
  Addresses(const std::string& host, int port, int kind) {
    addrinfo wanted{};
    wanted.ai_socktype = kind;
    const int problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &first_);
    if (problem != 0) throw UsageError("the address " + host + " of rank 0 is not known: " + ::gai_strerror(problem));
  }
  ~Addresses() { ::freeaddrinfo(first_); }
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;

  const addrinfo* first() const { return first_; }

 private:
  addrinfo* first_ = nullptr;
};

/// Whether somebody takes a connection there.
bool answers(const Addresses& addresses) {
  for (const addrinfo* each = addresses.first(); each != nullptr; each = each->ai_next) {
    const int socket = ::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, each->ai_protocol);
    if (socket < 0) continue;
    const timeval limit{1, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const bool connected = ::connect(socket, each->ai_addr, each->ai_addrlen) == 0;
    ::close(socket);
    if (connected) return true;
  }
  return false;
}

/// The address of ours from which rank 0's machine is reached: by it the others can reach us. A datagram's socket
/// settles it without a word to anybody.
std::string own_address(const Place& place) {
  const Addresses addresses(place.address, place.port, SOCK_DGRAM);
  std::string result;
  for (const addrinfo* each = addresses.first(); each != nullptr && result.empty(); each = each->ai_next) {
    const int socket = ::socket(each->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    sockaddr_storage own{};
    auto* const own_part = reinterpret_cast<sockaddr*>(&own);
    socklen_t length = sizeof own;
    char text[NI_MAXHOST];
    if (::connect(socket, each->ai_addr, each->ai_addrlen) == 0 && ::getsockname(socket, own_part, &length) == 0 &&
        ::getnameinfo(own_part, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      result = text;
    }
    ::close(socket);
  }
  if (result.empty()) throw UsageError("there is no way from this machine to " + place.address);
  return result;
}

/// A store's end, or null where the other end takes the connection and says nothing. c10d would wait for it for ever:
/// so somebody else waits, and ends with the process.
Store connect(const std::string& address, const c10d::TCPStoreOptions& options, Milliseconds patience) {
  auto answer = std::make_shared<std::promise<Store>>();
  auto store = answer->get_future();
  std::thread([answer, address, options] {
    try {
      answer->set_value(c10::make_intrusive<c10d::TCPStore>(address, options));
    } catch (const std::exception&) {
      answer->set_exception(std::current_exception());
    }
  }).detach();
  if (store.wait_for(patience) != std::future_status::ready) return {};
  return store.get();
}

std::string seconds(Milliseconds time) {
  return std::to_string(time.count() / 1000) +
         (time.count() % 1000 == 0 ? "" : "." + std::to_string(time.count() % 1000 / 100)) + " s";
}

}  // namespace

std::string engine_message(const std::exception& error) {
  std::string text = error.what();
  for (const char* end : {"\n", "Exception raised from"}) text = text.substr(0, text.find(end));
  // Gloo begins with the place in its own code: "[.../pair.cc:538] ".
  if (!text.empty() && text.front() == '[' && text.find("] ") != std::string::npos && text.find(".cc:") < 200) {
    text = text.substr(text.find("] ") + 2);
  }
  return text;
}

std::string name_ranks(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

Store open_store(const Place& place, Milliseconds patience) {
  // The store's engine writes to connections that may be gone; it reads what came of that, but the signal would end us.
  std::signal(SIGPIPE, SIG_IGN);
  const std::string where = place.address + ":" + std::to_string(place.port);
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  options.isServer = place.rank == 0 && !place.hosted;
  options.waitWorkers = false;  // the roll is called by ourselves, so that who is missing has a name
  options.timeout = patience;

  // c10d would try too, but with a page of complaints.
  const auto began = Clock::now();
  if (!options.isServer) {
    const Addresses addresses(place.address, place.port, SOCK_STREAM);
    while (!answers(addresses)) {
      if (Clock::now() - began > patience) {
        throw TeamError((place.hosted ? "the launcher" : "rank 0") + std::string(" did not answer at ") + where +
                        " within " + seconds(patience));
      }
      if (interrupted()) throw Interrupted("stopped while waiting for rank 0");
      std::this_thread::sleep_for(Milliseconds(50));
    }
  }
  try {
    const Store store = connect(place.address, options, patience);
    if (!store) throw TeamError("something answers at " + where + ", but not as rank 0 of a team does");
    return c10::make_intrusive<c10d::PrefixStore>("verse/" + place.job + "/" + std::to_string(place.size), store);
  } catch (const TeamError&) {
    throw;
  } catch (const std::exception& error) {
    const std::string text = error.what();
    if (text.find("EADDRINUSE") != std::string::npos) {
      throw UsageError("port " + std::to_string(place.port) +
                       " of this machine is taken; give all processes another one in the variable MASTER_PORT");
    }
    if (options.isServer) throw TeamError("rank 0 cannot hold the store at " + where + ": " + engine_message(error));
    throw TeamError("something answers at " + where + ", but not as rank 0 of a team does");
  }
}

std::optional<std::string> wait_for_key(c10d::Store& store, const std::string& key, Clock::time_point until,
                                        const Watch* watch, Waiting waiting) {
  constexpr Milliseconds kAskEvery{10};
  while (true) {
    try {
      if (store.check({key})) {
        const auto bytes = store.get(key);
        return std::string(bytes.begin(), bytes.end());
      }
    } catch (const std::exception&) {
      return std::nullopt;
    }
    if (watch != nullptr) {
      if (const auto verdict = watch->verdict()) throw TeamError(*verdict);
    }
    if (waiting == Waiting::until_interrupted && interrupted())
      throw Interrupted("stopped while waiting for the other processes");
    if (Clock::now() > until) return std::nullopt;
    std::this_thread::sleep_for(kAskEvery);
  }
}

Backend open_gloo(const Place& place, const Store& store, Milliseconds patience) {
  using Gloo = c10d::ProcessGroupGloo;
  auto options = Gloo::Options::create(patience);
  if (environment_variable("GLOO_SOCKET_IFNAME")) {
    options->devices = Gloo::Options::create_default(patience)->devices;
  } else {
    options->devices.push_back(Gloo::createDeviceForHostname(own_address(place)));
  }
  return c10::make_intrusive<Gloo>(store, place.rank, place.size, options);
}

Backend open_nccl(const Place& place, const Store& store, Milliseconds patience, torch::Device device) {
  // The function is the CUDA plugin's, which prepare_cuda() has opened.
  using Open = void* (*)(void*, int, int, int, long long, char*, int);
  const auto open = reinterpret_cast<Open>(::dlsym(RTLD_DEFAULT, "verse_cuda_team"));
  if (open == nullptr) throw std::runtime_error("this build has no NCCL, which sums tensors of several GPUs");
  char problem[256] = "";
  void* const backend = open(store.get(), place.rank, place.size, device.has_index() ? device.index() : 0,
                             patience.count(), problem, sizeof problem);
  if (backend == nullptr) throw std::runtime_error(problem);
  return Backend::reclaim(static_cast<c10d::Backend*>(backend));
}

}  // namespace verse
