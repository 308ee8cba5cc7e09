#pragma once

/// @file
/// Chapter 9: the program's parts, each an experiment that stands by itself.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common/base/terminal.h"
#include "common/program.h"

namespace verse {

/// How many characters students and their teacher see at once.
constexpr std::int64_t kLessonContext = 64;

/// What every part is told.
struct PartSetting {
  SharedOptions shared;
  bool quick = false;                            ///< a few steps, to see that everything runs; the figures mean nothing
  std::optional<std::filesystem::path> plots;    ///< a folder for pictures
  std::optional<std::filesystem::path> run;      ///< a teacher's run folder
  std::int64_t characters = 10'000;              ///< of text that students read; 0 for all of it
  std::optional<std::filesystem::path> sounds;   ///< a folder for WAV files to listen to
  std::optional<std::filesystem::path> message;  ///< a WAV file of the learner's own
  std::optional<std::filesystem::path> picture;  ///< a PNG file of the learner's own
};

void show_images(const PartSetting& setting);        ///< pictures to captions
void show_contrast(const PartSetting& setting);      ///< pictures and captions in one space
void show_clips(const PartSetting& setting);         ///< eight frames to the direction of motion
void show_sound(const PartSetting& setting);         ///< Morse code to letters
void show_frames(const PartSetting& setting);        ///< a tune's letters to mel frames
void show_bins(const PartSetting& setting);          ///< the same, a band drawn out of sixteen steps
void show_distillation(const PartSetting& setting);  ///< a student and its teacher

/// Looks at what show_distillation() needs: a teacher that reads the same text, and enough of it.
/// @throws UsageError where --run names another
void check_teacher(const PartSetting& setting);

/// A line with how many of some trials came out right, in per cent with the 95 % interval.
/// @param record the name that it is recorded under, with its interval's ends as `record`_low and `record`_high
void print_share(const std::string& what, std::int64_t hits, std::int64_t trials, const std::string& record);

}  // namespace verse
