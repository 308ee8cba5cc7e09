/// @file
/// The reference of chapter 9 against LibTorch and hand-worked numbers.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "02_embeddings/embeddings.h"
#include "04_blocks/blocks.h"
#include "05_training/given/checkpoint.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/tasks.h"
#include "09_multimodal/distillation.h"
#include "09_multimodal/frames.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/pictures.h"
#include "09_multimodal/given/reader.h"
#include "09_multimodal/images.h"
#include "09_multimodal/sound.h"
#include "common/base/error.h"
#include "common/corpus.h"
#include "tests/common/temporary_folder.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

/// How far apart two tensors are at most; NaN where either has one.
double largest_difference(const torch::Tensor& one, const torch::Tensor& other) {
  return (one - other).abs().max().item<double>();
}

TEST(Patches, AreLibTorchsUnfoldInAnotherOrder) {
  const auto pictures = normal_input({2, 3, 8, 12}, 1);
  // im2col: [batch, channels * size * size, patches], row by row
  const auto theirs = torch::im2col(pictures, {4, 4}, {1, 1}, {0, 0}, {4, 4}).transpose(1, 2);
  EXPECT_TRUE(cut_patches(pictures, 4).equal(theirs)) << "no number is computed, so all are equal to the last bit";
}

TEST(Patches, JoinToThePictureTheyWereCutFrom) {
  for (const std::int64_t size : {1, 2, 4}) {
    const auto pictures = normal_input({3, 3, 8, 4}, 2);
    EXPECT_TRUE(join_patches(cut_patches(pictures, size), size, 8, 4).equal(pictures)) << size;
  }
}

TEST(Patches, RefuseAPictureThatTheyDoNotTile) {
  const auto picture = torch::zeros({1, 3, 6, 8});
  for (const std::int64_t size : {0, 4, 5}) EXPECT_THROW(cut_patches(picture, size), UsageError) << size;
}

TEST(PlaceEmbeddings, TakesTheVectorsInTheirOrder) {
  const auto text = torch::zeros({1, 4, 2});
  const auto tokens = torch::tensor({{5, 9, 5, 9}});
  const auto vectors = torch::tensor({{{1.0F, 2.0F}, {3.0F, 4.0F}}});
  const auto expected = torch::tensor({{{0.0F, 0.0F}, {1.0F, 2.0F}, {0.0F, 0.0F}, {3.0F, 4.0F}}});
  EXPECT_TRUE(place_embeddings(text, tokens, 9, vectors).equal(expected));
  EXPECT_THROW(place_embeddings(text, tokens, 5 + 1, vectors), UsageError);
  EXPECT_THROW(place_embeddings(text, tokens, 9, vectors.slice(1, 0, 1)), UsageError);
}

TEST(TextLoss, IsLibTorchsWithTheRestIgnored) {
  const auto logits = normal_input({3, 6, 10}, 1, 2.0);
  const auto tokens = torch::tensor({{9, 9, 1, 2, 0, 8}, {9, 9, 3, 0, 8, 8}, {9, 9, 4, 5, 6, 0}});
  auto targets = tokens.slice(1, 1).clone();
  targets.masked_fill_(targets >= 8, -100);  // what LibTorch leaves out
  const auto theirs = torch::nn::functional::cross_entropy(logits.slice(1, 0, -1).flatten(0, 1), targets.flatten());
  // float32, means over ten terms
  EXPECT_NEAR(text_loss(logits, tokens, {9, 8}).item<double>(), theirs.item<double>(), 1e-5);
}

TEST(Spectrogram, IsLibTorchsShortTimeFourierTransform) {
  const MelOptions options;
  const auto samples = normal_input({2, 3000}, 1, 0.3).to(torch::kFloat64);
  const auto window = torch::hann_window(options.window, torch::kFloat64);
  const auto theirs = torch::stft(samples, options.window, options.hop, options.window, window, /*center=*/true,
                                  /*pad_mode=*/"constant", /*normalized=*/false, /*onesided=*/true,
                                  /*return_complex=*/true)
                          .abs()
                          .square()
                          .transpose(1, 2);
  const auto ours = power_spectrogram(samples, options);
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_LE(largest_difference(ours, theirs), 1e-9) << "float64, sums over 256 samples";
}

TEST(Spectrogram, PutsATonesEnergyAtItsFrequency) {
  // 500 hertz are 16 steps of 8000 / 256 = 31.25 hertz. Of a tone of amplitude 1 the window leaves a coefficient of
  // 256 / 4 = 64 there and half of that beside it; squares are 4,096 and 1,024.
  const MelOptions options;
  const auto time = torch::arange(4096, torch::kFloat64) / 8000.0;
  const auto middle = power_spectrogram(torch::sin(2 * std::numbers::pi * 500 * time), options)[16];
  EXPECT_NEAR(middle[16].item<double>(), 4096, 1e-6);
  EXPECT_NEAR(middle[15].item<double>(), 1024, 1e-6);
  EXPECT_NEAR(middle[17].item<double>(), 1024, 1e-6);
  EXPECT_NEAR(middle[40].item<double>(), 0, 1e-6);
}

TEST(Mel, HasItsLandmarks) {
  // The scale was made so that 1,000 hertz are 1,000 mel; ln(1 + 1000/700) * 1127.01 = 999.99.
  EXPECT_NEAR(hertz_to_mel(1000), 1000, 0.02);
  EXPECT_NEAR(hertz_to_mel(0), 0, 1e-12);
  for (const double hertz : {0.0, 123.0, 4000.0}) EXPECT_NEAR(mel_to_hertz(hertz_to_mel(hertz)), hertz, 1e-9);
}

TEST(Mel, BandsAreTrianglesThatAddUpToOne) {
  const MelOptions options;
  const auto bank = mel_filter_bank(options);
  ASSERT_EQ(bank.sizes(), torch::IntArrayRef({32, 129}));
  EXPECT_GE(bank.min().item<double>(), 0);
  EXPECT_LE(bank.max().item<double>(), 1);
  // One triangle falls as the next one rises: between the first peak and the last, each frequency's weights sum to 1.
  const double step = hertz_to_mel(4000) / 33;
  const auto hertz = torch::linspace(0, 4000, 129, torch::kFloat64);
  const auto inside = (hertz > mel_to_hertz(step)) & (hertz < mel_to_hertz(32 * step));
  EXPECT_LE(largest_difference(bank.sum(0).masked_select(inside),
                               torch::ones({inside.sum().item<std::int64_t>()}, torch::kFloat64)),
            1e-9)
      << "float64, a few quotients";
}

TEST(Mel, SilenceIsTheFloor) {
  const auto silence = log_mel(torch::zeros({1000}), {});
  EXPECT_TRUE(silence.eq(-10).all().item<bool>());
}

TEST(Frames, LossesAreLibTorchs) {
  const auto predicted = normal_input({2, 3, 4}, 1), truth = normal_input({2, 3, 4}, 2);
  const auto all = torch::tensor({3, 3});
  EXPECT_NEAR(frame_loss(predicted, truth, all, FrameDistance::squared).item<double>(),
              torch::mse_loss(predicted, truth).item<double>(), 1e-6);
  EXPECT_NEAR(frame_loss(predicted, truth, all, FrameDistance::absolute).item<double>(),
              torch::l1_loss(predicted, truth).item<double>(), 1e-6);
  // What lies behind a sound's length may be anything.
  auto spoiled = predicted.clone();
  spoiled[1].slice(0, 1).fill_(1e6);
  const auto lengths = torch::tensor({3, 1});
  EXPECT_TRUE(frame_loss(predicted, truth, lengths, FrameDistance::squared)
                  .equal(frame_loss(spoiled, truth, lengths, FrameDistance::squared)));
}

TEST(Frames, TheBestGuessIsBest) {
  // By search: no number on a fine grid has a smaller expected distance.
  const auto outcomes = torch::tensor({3.0, -1.0, 0.5, 2.0}, torch::kFloat64);
  const auto chances = torch::tensor({0.1, 0.3, 0.35, 0.25}, torch::kFloat64);
  const auto guess = best_guess(outcomes, chances);
  const auto cost = [&](double number, bool squared) {
    const auto off = outcomes - number;
    return ((squared ? off.square() : off.abs()) * chances).sum().item<double>();
  };
  for (double number = -2; number <= 4; number += 0.01) {
    EXPECT_LE(cost(guess.squared, true), cost(number, true) + 1e-12) << number;
    EXPECT_LE(cost(guess.absolute, false), cost(number, false) + 1e-12) << number;
  }
  EXPECT_NEAR(guess.squared, 0.3 - 0.3 + 0.175 + 0.5, 1e-12);
  EXPECT_NEAR(guess.absolute, 0.5, 1e-12);  // -1 has 0.3 of the chance, with 0.5 it is 0.65
}

TEST(Distillation, IsLibTorchsKL) {
  const auto student = normal_input({6, 9}, 1, 2.0), teacher = normal_input({6, 9}, 2, 2.0);
  for (const double temperature : {1.0, 2.0, 4.0}) {
    const auto theirs = torch::nn::functional::kl_div(
        torch::log_softmax(student / temperature, -1), torch::softmax(teacher / temperature, -1),
        torch::nn::functional::KLDivFuncOptions().reduction(torch::kBatchMean));
    // float32, sums over nine classes
    EXPECT_NEAR(distillation_loss(student, teacher, temperature).item<double>(),
                temperature * temperature * theirs.item<double>(), 1e-4);
  }
}

TEST(Distillation, HasAHandWorkedValue) {
  // 3 to 1 against 1 to 1: 0.75 ln 1.5 + 0.25 ln 0.5 = 0.130812.
  const auto teacher = torch::tensor({{std::log(3.0), 0.0}}, torch::kFloat64);
  const auto student = torch::zeros({1, 2}, torch::kFloat64);
  EXPECT_NEAR(distillation_loss(student, teacher, 1).item<double>(), 0.1308120359, 1e-9);
  EXPECT_NEAR(distillation_loss(teacher, teacher, 3).item<double>(), 0, 1e-12);
}

TEST(Distillation, TheSquareKeepsTheGradientsSize) {
  // At a high temperature the gradient is (student - teacher) / classes, logits centred, whatever the temperature
  // (Hinton, Vinyals and Dean 2015, equation 4).
  const auto teacher = torch::tensor({{1.0, 0.0, -1.0}}, torch::kFloat64);
  for (const double temperature : {50.0, 100.0}) {
    auto student = torch::zeros({1, 3}, torch::kFloat64).requires_grad_();
    distillation_loss(student, teacher, temperature).backward();
    EXPECT_LE(largest_difference(student.grad(), -teacher / 3), 0.01) << temperature;
  }
}

TEST(SenseReader, ReadsWhatAGPTWouldWhereTheVectorsAreTokens) {
  // An encoder that hands over the embeddings of some tokens: the answer is the GPT's own to those tokens.
  struct Lookup : Encoder {
    explicit Lookup(torch::Tensor given) : table(std::move(given)) {}
    torch::Tensor forward(const torch::Tensor& input) override { return embed_tokens(table, input); }
    torch::Tensor table;
  };
  torch::manual_seed(5);
  const Script script;
  GPTOptions options;
  options.vocabulary_size = script.tokenizer().size();
  options.context = 12;
  options.layers = 2;
  options.heads = 2;
  options.width = 16;
  auto lookup = std::make_shared<Lookup>(torch::Tensor());
  SenseReader reader(options, lookup, script.markers(), 3);
  lookup->table = reader->gpt->token_embedding;
  reader->eval();
  const torch::NoGradGuard no_gradients;
  const auto read = torch::tensor({{3, 4, 5}, {6, 7, 8}});
  const auto tokens = script.write({"no", "yes"}, 3);
  const auto plain = torch::cat({read, tokens.slice(1, 3)}, 1);
  EXPECT_LE(largest_difference(reader->forward(tokens, read), reader->gpt->forward(plain)), 1e-5)
      << "float32, the same products";
}

TEST(Script, WritesAndReads) {
  const Script script;
  const auto tokens = script.write({"red", "a b"}, 2);
  ASSERT_EQ(tokens.sizes(), torch::IntArrayRef({2, 6}));
  EXPECT_EQ(script.read(tokens[0].slice(0, 2)), "red");
  EXPECT_EQ(script.read(tokens[1].slice(0, 2)), "a b");
  EXPECT_EQ(script.write({"a", "bcd"}, 1)[0][4].item<std::int64_t>(), script.markers().padding);
}

TEST(Pictures, AreOfTheirWorld) {
  EXPECT_EQ(all_scenes().size(), 576U);
  EXPECT_EQ(all_motions().size(), 64U);
  Random random(3);
  const auto picture = draw_picture(all_scenes()[7], random);
  EXPECT_EQ(picture.sizes(), torch::IntArrayRef({3, 32, 32}));
  EXPECT_TRUE(((picture >= 0) & (picture <= 1)).all().item<bool>());
  Random again(3);
  EXPECT_TRUE(draw_picture(all_scenes()[7], again).equal(picture)) << "the seed decides";
  const auto split = split_by_chance(all_scenes(), 0.2, random);
  EXPECT_EQ(split.unseen.size(), 115U);
  EXPECT_EQ(split.seen.size(), 461U);
}

TEST(Shares, HaveIntervalsThatAreWilsons) {
  // 9 of 10: Wilson's 95 % interval is 0.5958 to 0.9821 (Newcombe 1998, method 3, recomputed).
  const auto share = share_of(9, 10);
  EXPECT_NEAR(share.value, 0.9, 1e-12);
  EXPECT_NEAR(share.low, 0.59585, 1e-4);
  EXPECT_NEAR(share.high, 0.98212, 1e-4);
  // 1, 2, 3: the deviation is 1, t with 2 degrees of freedom 4.303, over the root of 3.
  EXPECT_NEAR(mean_of({1, 2, 3}).half_width, 4.303 / std::sqrt(3.0), 1e-9);
}

TEST(Names, StandForOneThingInOneProgram) {
  // Chapters 8 and 9 are linked into one program: two types of one name would be undefined behaviour.
  const Accuracy accuracy{1, 2};
  const Share share = share_of(1, 2);
  EXPECT_EQ(accuracy.value(), share.value);
  const SeenAndUnseen<int> parts{{1}, {2}};
  EXPECT_EQ(parts.seen.size(), parts.unseen.size());
  EXPECT_NE(Split::train, Split::test);
}

TEST(CheckTeacher, RefusesOneThatReadsAnotherTextOrTooLittleOfIt) {
  const TemporaryFolder folder;
  const auto teacher = [&](const std::string& name, const std::string& text, std::int64_t context) {
    const auto tokenizer = Tokenizer::from_text(text);
    GPTOptions options;
    options.vocabulary_size = tokenizer.size();
    options.context = context;
    options.layers = options.heads = 1;
    options.width = 8;
    GPT model(options);
    save_model(folder / name, *model, tokenizer);
    PartSetting setting;
    setting.run = folder / name;
    return message_of<UsageError>([&] { check_teacher(setting); });
  };
  const std::string play = load_corpus({}).text;
  EXPECT_EQ(teacher("good", play, kLessonContext), "");
  EXPECT_NE(teacher("foreign", "абв", kLessonContext).find("knows other characters"), std::string::npos);
  EXPECT_NE(teacher("short", play, kLessonContext - 1).find("a teacher needs 64"), std::string::npos);
  EXPECT_EQ(message_of<UsageError>([] { check_teacher(PartSetting()); }), "");
}

}  // namespace
}  // namespace verse
