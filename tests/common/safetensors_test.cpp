#include "common/safetensors.h"

#include <gtest/gtest.h>

#include <limits>

#include <cstdint>
#include <cstring>

#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// A file put together by hand: the length of the header, the header, the data.
std::string file_of(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

TEST(Safetensors, GivesBackWhatItTook) {
  const TemporaryFolder folder;
  torch::manual_seed(1);
  NamedTensors tensors;
  for (const auto type : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16}) {
    tensors.emplace_back(std::string("z.") + torch::toString(type), torch::randn({3, 5}).to(type));
  }
  for (const auto type : {torch::kInt64, torch::kInt32, torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool}) {
    tensors.emplace_back(std::string("a.") + torch::toString(type), torch::randint(0, 2, {7}).to(type));
  }
  tensors.emplace_back("scalar", torch::tensor(2.5));
  tensors.emplace_back("nothing", torch::empty({0, 4}));
  tensors.emplace_back("transposed", torch::arange(6).view({2, 3}).t());
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"name", "\"é\"\n"}};

  save_tensors(folder / "file", tensors, metadata);
  const TensorFile file = load_tensors(folder / "file");
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.tensors[i].first, tensors[i].first);
    EXPECT_EQ(file.tensors[i].second.dtype(), tensors[i].second.dtype());
    EXPECT_TRUE(torch::equal(file.tensors[i].second, tensors[i].second)) << tensors[i].first;
  }
}

TEST(Safetensors, MapsWhatItLoads) {
  const TemporaryFolder folder;
  torch::manual_seed(1);
  const NamedTensors tensors{{"odd", torch::randint(0, 2, {3}).to(torch::kInt8)},
                             {"unaligned", torch::randn({4, 3})},
                             {"nothing", torch::empty({0})},
                             {"half", torch::randn({5}).to(torch::kBFloat16)}};
  save_tensors(folder / "file", tensors, {{"name", "x"}});
  const std::string bytes = read_file(folder / "file");
  TensorFile file = map_tensors(folder / "file");
  EXPECT_EQ(file.metadata.at("name"), "x");
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.tensors[i].first, tensors[i].first);
    EXPECT_TRUE(torch::equal(file.tensors[i].second, tensors[i].second)) << tensors[i].first;
  }

  // A tensor outlives the file and what else was in it; writing into one changes no file.
  for (auto& [name, tensor] : file.tensors) {
    if (tensor.numel() > 0) tensor.zero_();
  }
  EXPECT_EQ(read_file(folder / "file"), bytes);
  auto kept = map_tensors(folder / "file").tensors[3].second;
  std::filesystem::remove(folder / "file");
  EXPECT_TRUE(torch::equal(kept, tensors[3].second));

  write_file_atomically(folder / "cut", bytes.substr(0, bytes.size() - 1));
  EXPECT_NE(message_of<UsageError>([&] { map_tensors(folder / "cut"); }).find("cut"), std::string::npos);
  write_file_atomically(folder / "empty", "");
  EXPECT_THROW(map_tensors(folder / "empty"), UsageError);
  EXPECT_THROW(map_tensors(folder / "missing"), UsageError);
  EXPECT_THROW(map_tensors(folder.path()), UsageError);
}

TEST(Safetensors, TurnsTensorsIntoATypeAsTheyAreWritten) {
  const TemporaryFolder folder;
  const auto numbers = torch::randn({4, 5});
  save_tensors_as(torch::kFloat32, folder / "file",
                  {{"a", numbers.to(torch::kFloat16).t()}, {"b", numbers.to(torch::kFloat64)}});
  const TensorFile file = load_tensors(folder / "file");
  EXPECT_EQ(file.tensors[0].second.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(file.tensors[0].second, numbers.to(torch::kFloat16).to(torch::kFloat32).t()));
  EXPECT_TRUE(torch::equal(file.tensors[1].second, numbers));
}

TEST(Safetensors, ReadsTheExampleOfTheFormat) {
  // By hand from the format's description: two float32 numbers, little-endian, and no metadata.
  const TemporaryFolder folder;
  const float numbers[] = {1.5F, -2.0F};
  const std::string data(reinterpret_cast<const char*>(numbers), sizeof numbers);
  write_file_atomically(folder / "file",
                        file_of(R"({"t":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}  )", data));
  const TensorFile file = load_tensors(folder / "file");
  ASSERT_EQ(file.tensors.size(), 1U);
  EXPECT_TRUE(torch::equal(file.tensors[0].second, torch::tensor({{1.5}, {-2.0}}, torch::kFloat32)));
}

TEST(Safetensors, StartsItsDataAtAMultipleOfEight) {
  const TemporaryFolder folder;
  save_tensors(folder / "file", {{"a", torch::zeros({1})}});
  const std::string bytes = read_file(folder / "file");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0U);
  EXPECT_EQ(bytes.size(), 8 + length + 4);
}

TEST(Safetensors, RefusesEveryCut) {
  const TemporaryFolder folder;
  save_tensors(folder / "file", {{"a", torch::arange(4)}, {"b", torch::ones({2})}});
  const std::string bytes = read_file(folder / "file");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    write_file_atomically(folder / "cut", bytes.substr(0, length));
    EXPECT_THROW(load_tensors(folder / "cut"), UsageError) << length;
  }
  write_file_atomically(folder / "cut", bytes + "x");
  EXPECT_THROW(load_tensors(folder / "cut"), UsageError);
}

TEST(Safetensors, RefusesEveryChangedByte) {
  const TemporaryFolder folder;
  save_tensors(folder / "file", {{"a", torch::arange(4)}, {"b", torch::ones({2})}}, {{"format", "pt"}});
  const std::string bytes = read_file(folder / "file");
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    // Under another name the digest is a note like any other, which files of other programs may have.
    const auto name = bytes.find("verse.digest");
    if (place >= name && place < name + 12) continue;
    std::string changed = bytes;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    write_file_atomically(folder / "changed", changed);
    EXPECT_THROW(load_tensors(folder / "changed"), UsageError) << place << " " << bytes[place];
  }
}

TEST(Safetensors, RefusesImpossibleHeaders) {
  const TemporaryFolder folder;
  const std::string eight(8, '\0');
  const std::vector<std::string> bad = {
      file_of("[]", ""),
      file_of("{", ""),
      file_of(R"({"t":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", eight),
      file_of(R"({"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", eight),
      file_of(R"({"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", eight),
      file_of(R"({"t":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", ""),
      file_of(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", eight),
      file_of(R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight),
      file_of(R"({"t":{"dtype":"F32","shape":[2]}})", eight),
      file_of(R"({"t":3})", eight),
      std::string(8, '\xff'),
  };
  for (const auto& bytes : bad) {
    write_file_atomically(folder / "file", bytes);
    EXPECT_THROW(load_tensors(folder / "file"), UsageError) << bytes;
  }
  EXPECT_THROW(load_tensors(folder / "missing"), UsageError);
}

TEST(Safetensors, AnEmptyTensorIsSavedAsAnyOther) {
  const TemporaryFolder folder;
  save_tensors(folder / "file", {{"none", torch::empty({0, 3})}, {"one", torch::ones({1})}});
  const auto file = load_tensors(folder / "file");
  ASSERT_EQ(file.tensors.size(), 2U);
  EXPECT_EQ(file.tensors[0].second.sizes(), (torch::IntArrayRef{0, 3}));
  EXPECT_EQ(file.tensors[1].second.item<float>(), 1.0F);
}

TEST(Safetensors, TellsOtherKindsOfFilesApart) {
  const auto complaint = [](const std::string& bytes) { return message_of<UsageError>([&] { parse_tensors(bytes); }); };
  EXPECT_NE(complaint("version https://git-lfs.github.com/spec/v1\noid sha256:1\n").find("`git lfs pull`"),
            std::string::npos);
  EXPECT_NE(complaint("GGUF\x03").find("GGUF"), std::string::npos);
  EXPECT_NE(complaint("PK\x03\x04 and more").find("pickled"), std::string::npos);
  EXPECT_NE(complaint(std::string("\x80\x02") + "}").find("pickled"), std::string::npos);
  EXPECT_NE(complaint("short").find("shorter"), std::string::npos);
}

TEST(Safetensors, ValuesThatAreNoNumbersAreNamed) {
  auto values = torch::ones({2, 3});
  EXPECT_EQ(message_of<UsageError>([&] {
              refuse_non_numbers({{"w", values}, {"n", torch::ones({2}, torch::kInt64)}});
            }),
            "");
  values[0][1] = std::numeric_limits<float>::quiet_NaN();
  values[1][1] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(message_of<UsageError>([&] {
              refuse_non_numbers({{"fine", torch::ones({1})}, {"w", values}});
            }),
            "the tensor w has 2 of 6 values that are no finite numbers");
}

}  // namespace
}  // namespace verse
