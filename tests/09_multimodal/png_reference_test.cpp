/// @file
/// Chapter 9's PNG reader on files that another program wrote.

#include "09_multimodal/given/png.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

// Written by Python's zlib: with no filter, with filters 1 to 4, with another strategy, and without packing.
const char* const kPlain =
    "89504e470d0a1a0a0000000d49484452000000060000000408020000002266d914000000444944415478da05c1a101003108"
    "04c1d5af633068f4e9e8180ce5500ee550d6cf00045f711a1f6211d81776cabc2dc6b4764127e4a5686974570fd223a3529d"
    "77f26dd60f077010a5581a56600000000049454e44ae426082";
const char* const kFiltered =
    "89504e470d0a1a0a0000000d49484452000000060000000408020000002266d914000000244944415478da63646060d060e0"
    "42464c0c925c688899418d5f84970b19b18064185010008a7e03380bda61160000000049454e44ae426082";
const char* const kFixedCode =
    "89504e470d0a1a0a0000000d49484452000000060000000408020000002266d9140000005549444154780163606060d060e0"
    "0a6010a960905bc0a07182c1888141924b4352244052ae42526381a4d109491b060623110d23b900238d0a23a3054636278c"
    "dc1818bce534bc3502bc8d2abc6d1678bb9df00e0000077010a5c1d9c9600000000049454e44ae426082";
const char* const kStored =
    "89504e470d0a1a0a0000000d49484452000000060000000408020000002266d91400000057494441547801014c00b3ff0000"
    "000028000a50001478001ea00028c800320000190a28191450191e781928a01932c8193c0000321428321e503228783232a0"
    "323cc8324600004b1e284b28504b32784b3ca04b46c84b50077010a5f59134f80000000049454e44ae426082";
const char* const kGrey =
    "89504e470d0a1a0a0000000d4948445200000002000000010800000000d14920560000000b4944415478da63604801000067"
    "006519062f670000000049454e44ae426082";
const char* const kPalette =
    "89504e470d0a1a0a0000000d4948445200000002000000010803000000c3fc8fb800000006504c544500c800ff0000c29a2e"
    "380000000b4944415478da63606400000005000242c2449f0000000049454e44ae426082";
const char* const kCovered =
    "89504e470d0a1a0a0000000d4948445200000002000000010806000000f4227f8a0000000f4944415478da63f8cfc0f01f88"
    "190010f802fe1592fabf0000000049454e44ae426082";

torch::Tensor read(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "picture.png", bytes);
  return read_png(folder.path() / "picture.png");
}

std::string complaint(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing";
}

/// Red 40 x, green 25 y, blue 10 (x + y), of 6 by 4 pixels.
TEST(Png, EveryPixelIsThereWhateverTheFilter) {
  for (const char* hex : {kPlain, kFiltered, kFixedCode, kStored}) {
    const auto picture = read(bytes_of(hex));
    ASSERT_EQ(picture.sizes(), (std::vector<std::int64_t>{3, 4, 6}));
    for (std::int64_t y = 0; y < 4; ++y) {
      for (std::int64_t x = 0; x < 6; ++x) {
        EXPECT_NEAR(picture[0][y][x].item<double>(), static_cast<double>(40 * x) / 255, 1e-6);
        EXPECT_NEAR(picture[1][y][x].item<double>(), static_cast<double>(25 * y) / 255, 1e-6);
        EXPECT_NEAR(picture[2][y][x].item<double>(), static_cast<double>(10 * (x + y)) / 255, 1e-6);
      }
    }
  }
}

TEST(Png, GreyPaletteAndTransparency) {
  const auto grey = read(bytes_of(kGrey));
  EXPECT_NEAR(grey[0][0][1].item<double>(), 100.0 / 255, 1e-6);
  EXPECT_NEAR(grey[2][0][1].item<double>(), 100.0 / 255, 1e-6);
  const auto palette = read(bytes_of(kPalette));
  EXPECT_NEAR(palette[0][0][0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(palette[1][0][1].item<double>(), 200.0 / 255, 1e-6);
  const auto covered = read(bytes_of(kCovered));
  EXPECT_NEAR(covered[0][0][0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(covered[0][0][1].item<double>(), 0, 1e-6);
}

TEST(Png, WhatIsNoneIsRefusedInOneLine) {
  const std::string plain = bytes_of(kPlain);
  EXPECT_NE(complaint("GIF89a").find("picture.png: is no PNG file"), std::string::npos);
  for (std::size_t length = 0; length < plain.size() - 12; ++length) {
    EXPECT_NE(complaint(plain.substr(0, length)), "nothing") << length;
  }
  for (std::size_t place = 41; place < plain.size() - 20; ++place) {
    // A byte of the packed picture changed: another picture or a complaint, never a crash.
    auto broken = plain;
    broken[place] = static_cast<char>(~broken[place]);
    complaint(broken);
  }
  auto deep = plain;
  deep[24] = 16;
  EXPECT_NE(complaint(deep).find("has 16 bits a channel"), std::string::npos);
}

}  // namespace
}  // namespace verse
