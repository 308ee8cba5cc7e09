#include "12_full_gpt/given/commands/page.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "10_subwords/given/byte_pair.h"
#include "11_modern/given/modern_gpt.h"
#include "11_modern/parts.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "12_full_gpt/given/page/sources.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/metrics.h"
#include "common/base/text.h"
#include "common/program.h"
#include "common/safetensors.h"

namespace verse {

namespace {

static_assert(std::endian::native == std::endian::little, "weights are stored lowest byte first");

/// Modules one after another: each is written so that it still holds when all share one scope, as in the page they do.
std::string joined_modules() {
  std::string program;
  for (const auto& module : kPageModules) {
    for (std::string_view line : lines_of(module)) {
      if (line.starts_with("import ")) continue;
      if (line.starts_with("export ")) line.remove_prefix(std::string_view("export ").size());
      program.append(line).append("\n");
    }
  }
  return program;
}

/// JSON that may stand in a page's <script>: whatever its strings hold, no tag begins or ends in it.
std::string json_for_page(const Json& json) {
  std::string escaped;
  for (const char each : json_text(json)) {
    if (each == '<') {
      escaped += "\\u003c";
    } else {
      escaped += each;
    }
  }
  return escaped;
}

Json shape_of(LanguageModelImpl& model) {
  const ModelShape sizes = model.shape();
  Json shape = {{"layers", sizes.layers},
                {"heads", sizes.heads},
                {"width", sizes.width},
                {"context", sizes.context},
                {"vocabulary", model.vocabulary()}};
  if (const auto* gpt = dynamic_cast<GPTImpl*>(&model)) {
    shape["kind"] = "gpt2";
    shape["activation"] = gpt->options.exact_gelu ? "gelu" : "gelu-tanh";
  } else if (const auto* modern = dynamic_cast<ModernGPTImpl*>(&model)) {
    shape["kind"] = "modern";
    shape["activation"] = modern->has(Part::squared_relu) ? "squared-relu" : "gelu-tanh";
    shape["without"] = Json::array();
    for (const Part part : modern->without()) shape["without"].push_back(name_of(part));
  } else {
    throw UsageError("a page can be made of a GPT-2 or of chapter 11's ModernGPT; this is a model of another kind");
  }
  return shape;
}

/// The steps and losses of metrics.csv; none where a run has no record, as one that was imported.
Json losses_of(const std::filesystem::path& run) {
  Json losses = Json::array();
  const auto place = run / "metrics.csv";
  const auto text = read_file_if_there(place);
  if (!text) return losses;
  const auto or_null = [](const std::optional<double>& loss) { return loss ? Json(*loss) : Json(nullptr); };
  for (const Metrics& each : parse_metrics(*text, place.string())) {
    losses.push_back({each.step, or_null(each.train_loss), or_null(each.validation_loss)});
  }
  return losses;
}

/// What a run's state says of how it was trained, without the places of this machine's files; null where there is none.
Json training_of(const std::filesystem::path& run) {
  const auto place = run / "state.safetensors";
  if (!std::filesystem::exists(place)) return nullptr;
  const TensorFile file = load_tensors(place);
  const auto entry = file.metadata.find("run");
  if (entry == file.metadata.end()) throw UsageError(fmt::format("{} is not the state of a run", place.string()));
  const JsonEntry json = parse_json(entry->second, place.string());
  Json training = {{"text", {{"name", json.at("text").at("name").text()}}},
                   {"step", json.at("step").whole(0)},
                   {"seconds", json.at("seconds").number()},
                   {"best_loss", json.has("best_loss") ? Json(json.at("best_loss").number()) : Json(nullptr)},
                   {"best_step", json.at("best_step").whole(0)}};
  const JsonEntry recipe = json.at("recipe");
  training["recipe"] = {{"preset", recipe.at("preset").text()},
                        {"steps", recipe.at("steps").whole(0)},
                        {"batch-size", recipe.at("batch-size").whole(0)},
                        {"seed", recipe.at("seed").json().dump()}};  // JavaScript's numbers are too narrow for some
  return training;
}

/// A page knows the tokenizers that this course trains, and GPT-2's and GPT-4's. @throws UsageError for others
void refuse_tokenizer(const TextCodec& codec, const std::filesystem::path& place) {
  const auto* pairs = dynamic_cast<const BytePairCodec*>(&codec);
  if (pairs == nullptr) return;
  if (pairs->composes() || pairs->digits_apart() || pairs->cutting() == Cutting::qwen ||
      !pairs->before_text().empty()) {
    throw UsageError(fmt::format(
        "a page cannot cut text as {} asks for: composed, digits one by one, or with tokens before each text",
        place.string()));
  }
}

/// A weight's bytes in the page's precision: 2 a number, or 4, or 1 with a float32 for each row's scale, which come
/// first. What is no matrix is small: it keeps its 4 bytes beside rows of int8.
/// @throws UsageError for a number that becomes infinite in float16, or that is not finite where int8 is asked for
std::string stored(const std::string& name, const torch::Tensor& weight, const std::string& precision) {
  const auto bytes = [](const torch::Tensor& tensor) {
    const auto whole = tensor.contiguous();
    return std::string(static_cast<const char*>(whole.const_data_ptr()), whole.nbytes());
  };
  const auto wide = weight.detach().to(torch::kCPU, torch::kFloat32);
  const bool finite = torch::isfinite(wide).all().item<bool>();
  if (precision == "int8") {
    if (!finite) {
      throw UsageError(
          fmt::format("{} has numbers that are not finite, which int8 cannot hold; --precision fp32 keeps them", name));
    }
    if (wide.dim() < 2) return bytes(wide);
    const Int8Rows rows = quantise_rows(wide.reshape({-1, wide.size(-1)}));
    return bytes(rows.scales) + bytes(rows.values);
  }
  if (precision == "fp32") return bytes(wide);
  const auto half = wide.to(torch::kFloat16);
  if (finite && !torch::isfinite(half).all().item<bool>()) {
    throw UsageError(
        fmt::format("{} has numbers beyond 65504, the largest of float16; --precision fp32 keeps them", name));
  }
  return bytes(half);
}

/// Puts what belongs there in the place of a word that stands once in a text.
void put(std::string& text, std::string_view word, std::string_view content) {
  text.replace(text.find(word), word.size(), content);
}

}  // namespace

std::string bytes_as_text(const void* bytes, std::size_t count) {
  constexpr unsigned kBits = 13, kBase = 91;
  static const std::string digits = [] {
    std::string all;
    for (char each = '!'; each <= '~'; ++each) {
      if (each != '"' && each != '&' && each != '<') all += each;
    }
    return all;
  }();
  const auto* from = static_cast<const unsigned char*>(bytes);
  std::string text;
  text.reserve(count * 16 / kBits + 2);
  std::uint32_t waiting = 0;
  unsigned bits = 0;
  const auto write_pair = [&] {
    const std::uint32_t value = waiting & ((1U << kBits) - 1);
    text += digits[value % kBase];
    text += digits[value / kBase];
    waiting >>= kBits;
  };
  for (std::size_t i = 0; i < count; ++i) {
    waiting |= static_cast<std::uint32_t>(from[i]) << bits;
    bits += 8;
    if (bits < kBits) continue;
    write_pair();
    bits -= kBits;
  }
  if (bits > 0) write_pair();
  return text;
}

std::string page_of(const std::filesystem::path& run, const std::string& precision) {
  LoadedRun loaded = load_run(run);
  const auto tokenizer = run / "tokenizer.json";
  refuse_tokenizer(*loaded.codec, tokenizer);
  Json description = {{"shape", shape_of(*loaded.model)}, {"precision", precision},
                      {"tensors", Json::array()},         {"tokenizer", load_json(tokenizer).json()},
                      {"metrics", losses_of(run)},        {"run", training_of(run)}};
  std::string weights;
  for (const auto& parameter : loaded.model->named_parameters()) {
    const auto bytes = stored(parameter.key(), parameter.value(), precision);
    weights += fmt::format("<script type=\"text/plain\" id=\"weights-{}\">", description["tensors"].size());
    weights += bytes_as_text(bytes.data(), bytes.size());
    weights += "</script>\n";
    description["tensors"].push_back({{"name", parameter.key()}, {"sizes", parameter.value().sizes().vec()}});
  }

  std::string page = kPageFrame;
  // From the end to the beginning, so that no word is looked for in what came from the run.
  put(page, "@program", joined_modules());
  put(page, "@weights", weights);
  put(page, "@description",
      "<script type=\"application/json\" id=\"description\">" + json_for_page(description) + "</script>");
  put(page, "@style", kPageStyle);
  return page;
}

int page_command(int argc, char** argv) {
  std::optional<std::filesystem::path> run, out;
  std::string precision = "fp16";
  CommandLine line("Writes one file that a browser opens: the model, and what lets it write, in a page.", "page");
  line.group("Page");
  line.option("run", run, "the run's folder", "RUN");
  line.option("out", out, "the page; one that is there is replaced", "FILE.html");
  line.choice("precision", precision, {"fp16", "int8", "fp32"},
              "of the weights: fp16, int8 by rows for half its size, or fp32 for what `generate` computes with");
  line.parse(argc, argv);
  if (!run) throw UsageError("page needs --run, the folder of a run");
  if (!out) throw UsageError("page needs --out, the file to write: --out gpt.html");
  const auto folder = std::filesystem::absolute(*out).parent_path();
  if (std::filesystem::is_directory(*out))
    throw UsageError(fmt::format("--out {} is a folder, not a file", out->string()));
  if (!std::filesystem::is_directory(folder)) {
    throw UsageError(fmt::format("--out {}: there is no folder {}", out->string(), folder.string()));
  }
  const std::string page = page_of(*run, precision);
  write_file_atomically(*out, page);
  fmt::print("{}: {:.2f} MB; a browser opens it, without a network\n", out->string(),
             static_cast<double>(page.size()) / 1e6);
  return 0;
}

}  // namespace verse
