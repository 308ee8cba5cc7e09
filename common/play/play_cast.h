#pragma once

#include <array>
#include <cstddef>

#include "common/play/play_lexicon.h"

namespace verse {

/// Nobles speak verse, common people prose, and the clerk reads bills.
enum class Manner { verse, prose, bill };

/// Who may speak. Those of one house share their scenes; house 0 belongs nowhere and walks into any scene.
struct Character {
  const char* name;
  Metre metre;
  bool woman;
  int house;
  Manner manner;
};

// How names sound.
inline constexpr Metre kStrong{1, Metre::Start::strong};     // Nan
inline constexpr Metre kTrochee{2, Metre::Start::strong};    // Aldric
inline constexpr Metre kIamb{2, Metre::Start::weak};         // Ysolde
inline constexpr Metre kCretic{3, Metre::Start::strong};     // Marisol
inline constexpr Metre kAmphibrach{3, Metre::Start::weak};   // Rowena
inline constexpr Metre kDitrochee{4, Metre::Start::strong};  // Second Carter

inline constexpr std::array<Character, 37> kCast = {{
    {"Messenger", kCretic, false, 0, Manner::verse},
    {"Kestrel", kTrochee, false, 0, Manner::prose},
    {"Clerk", kStrong, false, 0, Manner::bill},
    // The court
    {"Aldric", kTrochee, false, 1, Manner::verse},
    {"Ysolde", kIamb, true, 1, Manner::verse},
    {"Corvane", kIamb, false, 1, Manner::verse},
    {"Melisande", kCretic, true, 1, Manner::verse},
    {"Tormund", kTrochee, false, 1, Manner::verse},
    // The rebels of the north
    {"Hargren", kTrochee, false, 2, Manner::verse},
    {"Winifred", kCretic, true, 2, Manner::verse},
    {"Oswin", kTrochee, false, 2, Manner::verse},
    {"Brenna", kTrochee, true, 2, Manner::verse},
    {"Edric", kTrochee, false, 2, Manner::verse},
    // Traders by sea
    {"Xanthe", kTrochee, true, 3, Manner::verse},
    {"Dorian", kCretic, false, 3, Manner::verse},
    {"Vasco", kTrochee, false, 3, Manner::verse},
    {"Marisol", kCretic, true, 3, Manner::verse},
    {"Jacinth", kTrochee, true, 3, Manner::verse},
    // Scholars of the abbey
    {"Ambrose", kTrochee, false, 4, Manner::verse},
    {"Clement", kTrochee, false, 4, Manner::verse},
    {"Sabine", kIamb, true, 4, Manner::verse},
    {"Quentin", kTrochee, false, 4, Manner::verse},
    {"Urseline", kCretic, true, 4, Manner::verse},
    // Exiles in the forest
    {"Fenwick", kTrochee, false, 5, Manner::verse},
    {"Rowena", kAmphibrach, true, 5, Manner::verse},
    {"Gareth", kTrochee, false, 5, Manner::verse},
    {"Linnet", kTrochee, true, 5, Manner::verse},
    {"Zephane", kIamb, false, 5, Manner::verse},
    // The tavern
    {"First Carter", kAmphibrach, false, 6, Manner::prose},
    {"Second Carter", kDitrochee, false, 6, Manner::prose},
    {"Widow Plum", kCretic, true, 6, Manner::prose},
    {"Pipkin", kTrochee, false, 6, Manner::prose},
    {"Nan", kStrong, true, 6, Manner::prose},
    // The kitchen of the court
    {"Cook", kStrong, false, 7, Manner::prose},
    {"Butler", kTrochee, false, 7, Manner::prose},
    {"Dame Treacle", kAmphibrach, true, 7, Manner::prose},
    {"Barnaby", kCretic, false, 7, Manner::prose},
}};
inline constexpr int kPeople = static_cast<int>(kCast.size());
inline constexpr int kHouses = 7;

inline const Character& person(int number) {
  return kCast[static_cast<std::size_t>(number)];
}

inline bool lives_in(int number, int house) {
  return person(number).house == house;
}

}  // namespace verse
