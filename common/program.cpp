#include "common/program.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <string_view>

#include "common/base/error.h"
#include "common/results.h"

namespace verse {

namespace {

constexpr const char* kSharedGroup = "Shared";

/// cxxopts names the value that it could not read, but not the flag: the arguments say which one it belongs to.
std::string flag_of_value(const std::string& value, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    if (argument.substr(0, 2) == "--" && equals != std::string_view::npos && argument.substr(equals + 1) == value) {
      return std::string(argument.substr(0, equals));
    }
    if (i > 1 && argument == value && argv[i - 1][0] == '-') return argv[i - 1];
  }
  return "a flag";
}

/// What stands between the quotation marks of cxxopts' message.
std::string quoted_part(const std::string& message) {
  const std::string left = "‘", right = "’";
  const auto from = message.find(left), to = message.rfind(right);
  if (from == std::string::npos || to == std::string::npos) return message;
  return message.substr(from + left.size(), to - from - left.size());
}

/// A number for a message: whole ones without a point, infinities in words.
std::string show(double value) {
  return fmt::format("{:g}", value);
}

std::string one_line(std::string message) {
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
  for (char& character : message) {
    if (character == '\n' || character == '\r') character = ' ';
  }
  return message;
}

int report(const std::string& message, int status) {
  std::cout.flush();
  fmt::print(stderr, "{}: {}\n", program_invocation_short_name, one_line(message));
  return status;
}

}  // namespace

CommandLine::CommandLine(const std::string& program, const std::string& purpose)
    : program_(program), options_(program, purpose) {
  options_.set_width(100);
  options_.add_options(kSharedGroup)                                                                                 //
      ("data", "a UTF-8 text to learn from; without it, the generated play", cxxopts::value<std::string>(), "FILE")  //
      ("device", "auto, cpu or cuda", cxxopts::value<std::string>()->default_value("auto"), "NAME")                  //
      ("seed", "of everything random", cxxopts::value<std::string>()->default_value("1"), "N")                       //
      ("threads", "processor threads; 0 leaves the choice to LibTorch",
       cxxopts::value<std::string>()->default_value("0"), "N")                                               //
      ("record", "writes what the book quotes of this run, as JSON", cxxopts::value<std::string>(), "FILE")  //
      ("help", "this page");
}

cxxopts::OptionAdder CommandLine::add(const std::string& group) {
  return options_.add_options(group);
}

void CommandLine::positional(const std::string& flag) {
  options_.parse_positional({flag});
  options_.positional_help(fmt::format("[{}]", flag));
}

SharedOptions CommandLine::parse(int argc, char** argv) {
  try {
    result_ = options_.parse(argc, argv);
  } catch (const cxxopts::exceptions::no_such_option& error) {
    throw UsageError(fmt::format("there is no flag --{}; --help lists them", quoted_part(error.what())));
  } catch (const cxxopts::exceptions::missing_argument& error) {
    throw UsageError(fmt::format("--{} needs a value", quoted_part(error.what())));
  } catch (const cxxopts::exceptions::incorrect_argument_type& error) {
    const std::string value = quoted_part(error.what());
    throw UsageError(fmt::format("{} cannot be \"{}\"", flag_of_value(value, argc, argv), value));
  } catch (const cxxopts::exceptions::exception& error) {
    throw UsageError(fmt::format("{}; --help lists the flags", error.what()));
  }
  if (result_.count("help") > 0) {
    std::cout << options_.help();
    std::cout.flush();
    std::exit(0);
  }
  if (!result_.unmatched().empty()) {
    throw UsageError(fmt::format("\"{}\" is no flag; --help lists them", result_.unmatched().front()));
  }

  SharedOptions shared;
  if (given("data")) shared.data = text("data");
  shared.seed = static_cast<std::uint64_t>(integer("seed", 0));
  shared.threads = static_cast<int>(integer("threads", 0, 1024));
  shared.device = choose_device(text("device"));
  if (shared.threads > 0) torch::set_num_threads(shared.threads);
  torch::manual_seed(shared.seed);
  if (given("record")) {
    record_to(text("record"), {std::vector<std::string>(argv, argv + argc),
                               machine_in_words(shared.device.device.is_cuda()),
                               torch::get_num_threads(),
                               {shared.seed}});
  }
  return shared;
}

bool CommandLine::given(const std::string& flag) const {
  return result_.count(flag) > 0;
}

/// What stands on the command line, or the default, as it is written there. cxxopts' own conversions are looser than
/// this: they take "1.5x" for 1.5.
std::string CommandLine::text(const std::string& flag) const {
  std::string written;
  bool found = false;
  for (const auto& argument : result_.arguments()) {
    if (argument.key() == flag) {
      written = argument.value();
      found = true;
    }
  }
  if (found) return written;
  for (const auto& argument : result_.defaults()) {
    if (argument.key() == flag) return argument.value();
  }
  throw std::logic_error("the flag --" + flag + " has neither a value nor a default");
}

std::int64_t CommandLine::integer(const std::string& flag, std::int64_t least, std::int64_t most) const {
  const std::string written = text(flag);
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(written.c_str(), &end, 10);
  if (written.empty() || *end != '\0') {
    throw UsageError(fmt::format("--{} must be a whole number, not \"{}\"", flag, written));
  }
  if (errno == ERANGE || value < least || value > most) {
    if (most == INT64_MAX) throw UsageError(fmt::format("--{} must be at least {}, not {}", flag, least, written));
    throw UsageError(fmt::format("--{} must be between {} and {}, not {}", flag, least, most, written));
  }
  return value;
}

double CommandLine::number(const std::string& flag, double least, double most) const {
  const std::string written = text(flag);
  char* end = nullptr;
  const double value = std::strtod(written.c_str(), &end);
  if (written.empty() || *end != '\0' || std::isnan(value)) {
    throw UsageError(fmt::format("--{} must be a number, not \"{}\"", flag, written));
  }
  if (!(value >= least && value <= most)) {
    if (std::isinf(most)) throw UsageError(fmt::format("--{} must be at least {}, not {}", flag, show(least), written));
    throw UsageError(fmt::format("--{} must be between {} and {}, not {}", flag, show(least), show(most), written));
  }
  return value;
}

bool CommandLine::on(const std::string& flag) const {
  return result_.count(flag) > 0 && result_[flag].as<bool>();
}

std::filesystem::path CommandLine::folder(const std::string& flag) const {
  const std::filesystem::path path = text(flag);
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure) throw UsageError(fmt::format("--{} {}: {}", flag, path.string(), failure.message()));
  return path;
}

int run_program(const std::function<int()>& body) {
  int status = 1;
  try {
    status = body();
    if (status == 0) write_results();
  } catch (const NotImplemented& error) {
    return report(error.what(), 1);
  } catch (const UsageError& error) {
    return report(error.what(), 2);
  } catch (const Interrupted& error) {
    return report(error.what(), 130);
  } catch (const cxxopts::exceptions::exception& error) {
    return report(error.what(), 2);
  } catch (const c10::Error& error) {
    // LibTorch adds where in its own code it happened, over many lines.
    const std::string message = error.what_without_backtrace();
    return report(message.substr(0, message.find('\n')), 1);
  } catch (const std::bad_alloc&) {
    return report("out of memory", 1);
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  }

  // Results that did not reach their file are a failure too.
  std::cout.flush();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout)
    return report("cannot write the results to standard output", 1);
  return status;
}

}  // namespace verse
