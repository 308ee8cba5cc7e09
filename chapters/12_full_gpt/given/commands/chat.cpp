#include "12_full_gpt/given/commands/chat.h"

#include <fmt/format.h>
#include <poll.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>

#include "12_full_gpt/given/sampling/generation.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "common/program.h"

namespace verse {

namespace {

/// A line that is longer than this is no question.
constexpr std::size_t kLongestQuestion = 1'000'000;

/// At least so much of the context is kept free for an answer, where it is not as long as that.
constexpr std::int64_t kRoomShare = 4;

/// Lines of standard input. Waiting for one ends with Ctrl-C.
class QuestionReader {
 public:
  /// The next line, without its end. None after the last. @throws Interrupted, UsageError for one that is too long
  std::optional<std::string> next() {
    for (;;) {
      const auto end = waiting_.find('\n');
      if (end != std::string::npos || (over_ && !waiting_.empty())) return take(std::min(end, waiting_.size()));
      if (over_) return std::nullopt;
      if (waiting_.size() > kLongestQuestion) {
        throw UsageError(fmt::format("standard input: line {} is longer than {} bytes", number_ + 1, kLongestQuestion));
      }
      read_more();
    }
  }

  std::int64_t number() const { return number_; }  ///< of the line that came last, counted from 1

 private:
  std::string take(std::size_t length) {
    std::string line = waiting_.substr(0, length);
    waiting_.erase(0, length + 1);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    ++number_;
    return line;
  }

  void read_more() {
    constexpr int kPatience = 200;  // milliseconds, then Ctrl-C is asked for even where it came between two calls
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = poll(&input, 1, kPatience);
    if (interrupted()) throw Interrupted("stopped");
    if (ready == 0 || (ready < 0 && errno == EINTR)) return;
    std::array<char, 4096> bytes{};
    const auto count = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count > 0) {
      waiting_.append(bytes.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno == EIO) {  // its end, or a terminal that is gone
      over_ = true;
    } else if (errno != EINTR && errno != EAGAIN) {
      throw UsageError(fmt::format("standard input cannot be read: {}", std::strerror(errno)));
    }
  }

  std::string waiting_;
  std::int64_t number_ = 0;
  bool over_ = false;
};

void answer_line(Conversation& conversation, const std::string& question) {
  bool line_open = false;
  const auto write = [&line_open](const std::string& piece) {
    fmt::print("{}", for_standard_output(piece));
    std::fflush(stdout);
    line_open = piece.back() != '\n';
    return !interrupted() && std::ferror(stdout) == 0;
  };
  const std::string answer = conversation.ask(question, write);
  if (line_open || answer.empty()) std::fputs("\n", stdout);
  std::fflush(stdout);
  if (interrupted()) throw Interrupted("stopped");
}

}  // namespace

Conversation::Conversation(LoadedRun& run, const std::optional<std::string>& system, std::int64_t most,
                           const SamplingOptions& options, std::uint64_t seed)
    : run_(run),
      form_(chat_form(*run.codec)),
      end_(end_token(form_, *run.codec)),
      most_(most),
      options_(options),
      random_{Random(seed)},
      told_(told_first(form_, system)) {}

std::string Conversation::ask(const std::string& question, const std::function<bool(const std::string&)>& listener) {
  for (const std::string_view mark : form_.marks) {
    if (!mark.empty() && question.find(mark) != std::string::npos) {
      throw UsageError(fmt::format("a question cannot have {} in it, which is a mark of the model's", mark));
    }
  }
  for (const char32_t character : decode_utf8(question)) {
    const std::string text = encode_utf8(character);
    if (run_.codec->encode(text).empty()) {
      throw UsageError(fmt::format("the model does not know the character \"{}\"", one_line(text, 1)));
    }
  }

  // As much of what was said before as leaves room for an answer.
  const std::int64_t context = run_.model->shape().context;
  const std::int64_t room = std::clamp<std::int64_t>(context / kRoomShare, 1, most_);
  const std::string asked = question_in_form(form_, question);
  std::size_t forgotten = form_.alone ? turns_.size() : 0;
  const auto tokens_without = [&](std::size_t turns) {
    std::string text = told_;
    for (std::size_t i = turns; i < turns_.size(); ++i) text += turns_[i];
    return run_.codec->encode_whole(text + asked);
  };
  auto tokens = tokens_without(forgotten);
  while (forgotten < turns_.size() && std::ssize(tokens) + room > context) tokens = tokens_without(++forgotten);
  if (std::ssize(tokens) >= context) {
    throw UsageError(fmt::format("the question has {} tokens with what belongs around it; the model sees {}",
                                 tokens.size(), context));
  }
  turns_.erase(turns_.begin(), turns_.begin() + static_cast<std::ptrdiff_t>(forgotten));

  TextStream stream;
  std::string answer;
  const auto hand_on = [&](const std::string& piece) {
    answer += piece;
    return piece.empty() || !listener || listener(piece);
  };
  const auto count = std::min(most_, context - std::ssize(tokens));
  generate_together(run_.model, {tokens}, count, options_, random_, [&](std::size_t, std::int64_t token) {
    if (token == end_ || run_.ends_at(token)) return false;
    return hand_on(stream.add(run_.codec->bytes_of(token)));
  });
  hand_on(stream.finish());
  turns_.push_back(asked + answer + form_.end + form_.answered);
  return answer;
}

int chat_command(int argc, char** argv) {
  std::optional<std::filesystem::path> folder;
  std::optional<std::string> system;
  std::int64_t most = 500;
  SamplingOptions options;
  CommandLine line(
      "Asks a model that was taught to answer, a line at a time, and keeps what was said. Questions come from the "
      "keyboard (Ctrl-D ends) or from a pipe.",
      "chat");
  line.group("Conversation");
  line.option("run", folder, "the run's folder: of an imported model, or what chapter 8 writes with --out", "RUN");
  line.option("system", system, "what the model is told before the first question", "TEXT");
  line.option("max-new-tokens", most, {1, std::numeric_limits<std::int32_t>::max()}, "tokens of an answer at most");
  line.option("temperature", options.temperature, {1e-6, 1e6}, "below 1 is safer, above 1 wilder");
  line.option("top-k", options.top_k, {1}, "only the K most probable");
  line.option("top-p", options.top_p, {1e-9, 1}, "only the most probable that reach P together");
  line.option("min-p", options.min_p, {1e-9, 1}, "only what has at least this share of the most probable one");
  line.flag("greedy", options.greedy, "always the most probable");
  const SharedOptions shared = line.parse(argc, argv);
  if (!folder) throw UsageError("chat needs --run, the folder of a run");

  LoadedRun run = load_run(*folder);
  Conversation conversation(run, system, most, options, shared.seed);
  run.model->to(shared.device.device);
  if (shared.threads == 0 && shared.device.device.is_cpu()) choose_threads(run.model, 1, torch::get_num_threads());
  catch_interrupts();

  const bool by_hand = isatty(STDIN_FILENO) == 1;
  const auto invite = [by_hand] {
    if (by_hand) fmt::print(stderr, "> ");
  };
  QuestionReader reader;
  for (invite(); const auto question = reader.next(); invite()) {
    if (question->find_first_not_of(" \t") == std::string::npos) continue;
    try {
      answer_line(conversation, *question);
    } catch (const UsageError& error) {
      if (!by_hand) throw UsageError(fmt::format("standard input:{}: {}", reader.number(), error.what()));
      fmt::print(stderr, "{}\n", error.what());
    }
    if (std::ferror(stdout) != 0) return 1;
  }
  if (by_hand) fmt::print(stderr, "\n");
  return 0;
}

}  // namespace verse
