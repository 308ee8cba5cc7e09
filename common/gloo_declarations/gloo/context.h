#pragma once

/// @file
/// What LibTorch's header of its Gloo backend names of Gloo, whose own headers the wheel leaves out.
///
/// Nothing here is made or laid out by us: libtorch_cpu.so holds every such object behind a pointer, and has the
/// functions. A LibTorch that brings Gloo's headers works with these too.

#include <chrono>
#include <string>
#include <vector>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport

namespace rendezvous {

/// LibTorch derives from this one, so its virtual functions stand in Gloo's order.
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace rendezvous
}  // namespace gloo
