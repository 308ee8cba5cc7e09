#include "common/play/play.h"

#include <array>
#include <cctype>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/play/play_cast.h"
#include "common/play/play_grammar.h"
#include "common/play/play_lexicon.h"
#include "common/play/play_quill.h"

namespace verse {

namespace {

constexpr int kMoreSentences = 5;  // that a speech may have after its first

/// Everyone and everything on the stage: the words, the rules, and the play itself.
class Stage {
 public:
  Stage() : lexicon_(with_people()), grammar_(lexicon_, play_rules) {
    for (int i = 0; i < kPeople; ++i) {
      std::string heading = person(i).name;
      for (char& letter : heading) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
      headings_.push_back({{}, 0, {heading + ":\n"}, {0, 1}});
    }
  }

  /// Scene upon scene until the quill is done.
  void perform(Quill& quill) {
    int house = 0;
    while (!quill.done()) house = perform_scene(quill, house);
  }

 private:
  /// The lexicon, with names and titles for every slot that a scene may have to fill.
  static Lexicon with_people() {
    Lexicon lexicon;
    const auto add_name = [&lexicon](const std::string& category, int who) {
      lexicon.add(category, person(who).name, person(who).metre, 1);
    };
    for (int i = 0; i < kPeople; ++i) add_name(addressee(i), i);
    for (int speaker = 0; speaker < kPeople; ++speaker) {
      for (int house = 1; house <= kHouses; ++house) {
        if (!lives_in(speaker, house) && !lives_in(speaker, 0)) continue;
        for (int who = 0; who < kPeople; ++who) {
          if (who == speaker || !lives_in(who, house)) continue;
          add_name(present(speaker, house), who);
          for (int other = 0; other < kPeople; ++other) {
            if (other == who || other == speaker || !(lives_in(other, house) || lives_in(other, 0))) continue;
            add_name(third(person(who).woman ? "she" : "he", speaker, other, house), who);
          }
        }
      }
    }
    // Titles, the usual one first: "my lord", "good fellow".
    const auto add_titles = [&lexicon](const std::string& kind, const char* usual, const char* other,
                                       const char* rare) {
      const auto add = [&](const std::string& title, std::int64_t weight) {
        lexicon.add("title " + kind, title, title.size() < 6 && title != "lady" ? kStrong : kTrochee, weight);
      };
      add(usual, 4);
      add(other, 2);
      add(rare, 1);
    };
    add_titles("noble man", "lord", "sir", "liege");
    add_titles("noble woman", "lady", "queen", "dame");
    add_titles("common man", "friend", "fellow", "sir");
    add_titles("common woman", "dame", "friend", "neighbour");
    for (const WordList& list : lexicon.lists("matter.s")) {
      for (const std::string& word : list.words) lexicon.add("topic " + word, word, list.metre, 1);
    }
    return lexicon;
  }

  static std::string addressee(int who) { return "addressee " + std::to_string(who); }
  static std::string title(int who) {
    const bool noble = person(who).manner == Manner::verse;
    return std::string("title ") + (noble ? "noble " : "common ") + (person(who).woman ? "woman" : "man");
  }
  static std::string present(int speaker, int house) {
    return "present " + std::to_string(speaker) + " " + std::to_string(house);
  }
  static std::string third(const std::string& pronoun, int speaker, int addressee, int house) {
    return pronoun + " " + std::to_string(speaker) + " " + std::to_string(addressee) + " " + std::to_string(house);
  }

  /// One scene, from its opening to the speech that closes it. Returns the house that it is set in.
  int perform_scene(Quill& quill, int last_house) {
    // Who speaks first shows where the scene is: in another house than the last one.
    std::vector<std::int64_t> weights(kCast.size(), 0);
    for (int i = 0; i < kPeople; ++i) {
      const bool may_open = !lives_in(i, 0) && !lives_in(i, last_house);
      weights[static_cast<std::size_t>(i)] = may_open ? 1 : 0;
    }
    int speaker = next_speaker(quill, weights);
    if (quill.done()) return 0;
    const int house = person(speaker).house;

    int listener = -1;  // who spoke before, or was called by name in the opening
    std::string topic;
    bool asked = false;
    while (true) {
      const SpeechEnd end = perform_speech(quill, speaker, listener, house, topic, asked);
      if (quill.done() || end.closing) return house;
      if (!end.topic.empty()) topic = end.topic;
      if (end.called >= 0) listener = end.called;
      asked = end.asked;

      // The one spoken to is likely to answer; strangers walk in now and then.
      for (int i = 0; i < kPeople; ++i) {
        std::int64_t weight = lives_in(i, house) ? 4 : lives_in(i, 0) ? 1 : 0;
        if (i == listener) weight = 16;
        if (i == speaker) weight = 0;
        weights[static_cast<std::size_t>(i)] = weight;
      }
      listener = std::exchange(speaker, next_speaker(quill, weights));
      if (quill.done()) return house;
    }
  }

  /// The name and the colon that a speech begins with.
  int next_speaker(Quill& quill, const std::vector<std::int64_t>& weights) {
    Grammar::Choice choice;
    for (int i = 0; i < kPeople; ++i) {
      const std::int64_t weight = weights[static_cast<std::size_t>(i)];
      if (weight == 0) continue;
      choice.arms.push_back({Grammar::Kind::heading, i, -1, 0, weight, {&headings_[static_cast<std::size_t>(i)]}, 1});
      choice.mass += weight;
    }
    const Quill::Chosen chosen = quill.write(choice);
    return chosen.arm == nullptr ? 0 : chosen.arm->category;
  }

  struct SpeechEnd {
    bool closing = false;  // the scene is over
    bool asked = false;    // it ended with a question
    int called = -1;       // who was called by name
    std::string topic;     // what the scene is about, where this speech says so
  };

  SpeechEnd perform_speech(Quill& quill, int speaker, int listener, int house, const std::string& topic, bool asked) {
    const Manner manner = person(speaker).manner;
    const char* occasion = listener < 0 ? "OPENING" : asked ? "ANSWER" : "REPLY";
    const char* form = manner == Manner::verse ? ".VERSE" : manner == Manner::prose ? ".PROSE" : ".BILL";
    Grammar::Scene scene{};
    scene[Grammar::kPresent] = grammar_.category(present(speaker, house));
    if (listener >= 0) {
      scene[Grammar::kAddressee] = grammar_.category(addressee(listener));
      scene[Grammar::kTitle] = grammar_.category(title(listener));
      scene[Grammar::kHe] = grammar_.category(third("he", speaker, listener, house));
      scene[Grammar::kShe] = grammar_.category(third("she", speaker, listener, house));
    }
    if (!topic.empty()) scene[Grammar::kTopic] = grammar_.category("topic " + topic);

    // Sentence by sentence, each a rule of its own.
    SpeechEnd end;
    quill.set_verse(manner == Manner::verse);
    bool over = false;
    Grammar::State state =
        grammar_.start(std::string(occasion) + form, manner == Manner::verse ? 0 : Grammar::kProse, scene);
    for (int more = kMoreSentences; !over; --more) {
      while (true) {
        const Grammar::Choice& choice = grammar_.choice(state);
        if (choice.arms.empty()) break;
        const Quill::Chosen chosen = quill.write(choice);
        if (quill.done()) return end;
        const std::string& word = chosen.list->words[chosen.word];
        if (chosen.arm->category == scene[Grammar::kPresent]) end.called = who_is(word);
        if (listener < 0 && grammar_.category_name(chosen.arm->category) == "matter.s") end.topic = word;
        if (chosen.arm->kind == Grammar::Kind::punctuation) end.asked = word == "?";
        over = chosen.arm->kind == Grammar::Kind::speech_end;
        state = grammar_.after(state, *chosen.arm, *chosen.list);
      }
      end.closing = end.closing || state.closing;
      if (!over) state = grammar_.start(std::string("MORE") + form + "." + std::to_string(more), state.beat, scene);
    }
    return end;
  }

  static int who_is(const std::string& name) {
    int who = 0;
    while (person(who).name != name) ++who;
    return who;
  }

  Lexicon lexicon_;
  Grammar grammar_;
  std::vector<WordList> headings_;
};

/// One stage a thread: the tables that the grammar fills as it goes serve every play after the first.
Stage& stage() {
  thread_local Stage the_stage;
  return the_stage;
}

}  // namespace

Play generate_play(std::uint64_t seed, std::size_t characters) {
  Author author(seed, characters);
  stage().perform(author);
  return {author.take_text(), author.take_costs()};
}

double play_log_probability(std::string_view text) {
  Reader reader(text);
  stage().perform(reader);
  const std::vector<double> costs = reader.take_costs();
  return -std::accumulate(costs.begin(), costs.end(), 0.0);
}

double play_floor(const Play& play, std::size_t begin, std::size_t end) {
  if (begin >= end || end > play.costs.size()) throw std::out_of_range("no stretch of the play");
  const auto first = play.costs.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto last = play.costs.begin() + static_cast<std::ptrdiff_t>(end);
  return std::accumulate(first, last, 0.0) / static_cast<double>(end - begin);
}

}  // namespace verse
