#include <cstring>
#include <string>

#include "common/cuda_driver.h"
#include "common/device.h"

namespace verse {

namespace {

/// Whether a word, or words, stand in a text with nothing but a space, a hyphen or the text's end around them.
bool stands_in(const std::string& text, const char* words) {
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    const char after = text.c_str()[at + std::strlen(words)];
    if ((at == 0 || text[at - 1] == ' ') && (after == '\0' || after == ' ' || after == '-')) return true;
  }
  return false;
}

}  // namespace

DevicePeak card_peak(const std::string& name, bool bfloat16) {
  // Dense products, in units of 10^12 operations a second, by the makers' data sheets. The first name that occurs
  // counts, so the longer ones come first; 0 stands for a card without such units.
  struct Card {
    const char* name;
    double bfloat16, float32;
  };
  static constexpr Card cards[] = {
      {"GB200", 2500, 1250},
      {"B200", 2250, 1125},
      {"GH200", 989, 494.5},
      {"H200 NVL", 835.5, 417.5},
      {"H200", 989, 494.5},
      {"H100 PCIe", 756, 378},
      {"H100 NVL", 835.5, 417.5},
      {"H100", 989, 494.5},
      {"A100", 312, 156},
      {"L40S", 362, 183},
      {"L4", 121, 60},
      {"A40", 149.7, 74.8},
      {"A10G", 70, 35},
      {"A10", 125, 62.5},
      {"RTX 4090", 165.2, 82.6},
      {"RTX 3090 Ti", 80, 40},
      {"RTX 3090", 71, 35.6},
      {"V100", 0, 15.7},
      {"T4", 0, 8.1},
      {"P100", 0, 9.3},
  };
  // With one of these words behind it, a name is that of another card, or of a part of one.
  static constexpr const char* others[] = {"Ti", "SUPER", "Laptop", "Max-Q", "D", "MIG"};
  for (const Card& card : cards) {
    if (!stands_in(name, card.name)) continue;
    const std::string known = card.name;
    for (const char* word : others) {
      if (stands_in(name, word) && !stands_in(known, word)) return {name, std::nullopt};
    }
    const double peak = bfloat16 ? card.bfloat16 : card.float32;
    return {name, peak > 0 ? std::optional(1e12 * peak) : std::nullopt};
  }
  return {name, std::nullopt};
}

DevicePeak device_peak(torch::Device device, bool bfloat16) {
  if (!device.is_cuda()) return {"this CPU", std::nullopt};
  const auto facts = gpu_facts(device.index() < 0 ? 0 : device.index());
  return facts ? card_peak(facts->name, bfloat16) : DevicePeak{"this GPU", std::nullopt};
}

}  // namespace verse
